//! The simulated venues.

/// A venue whose server is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Venue {
    /// JayX, a spot exchange.
    Jayx,
    /// Bayse Markets, an exchange of prediction markets.
    Bayse,
}
