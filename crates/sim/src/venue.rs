//! The simulated venues.

/// A venue whose server is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Venue {
    /// JayX, the spot exchange.
    Jayx,
    /// Bayse Markets, the prediction markets.
    Bayse,
}
