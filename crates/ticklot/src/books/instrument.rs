//! The identity of an instrument.

use std::fmt;

use ticklot_frame::VenueName;

/// Identifies an instrument. Two instruments of a feed are never equal, and never have the same `Display` text.
///
/// `Display` writes `venue:scope:market:name`, or `venue:scope:name` if the market and the instrument have the same
/// name. An unknown scope is written as `?`.
///
/// ```
/// use ticklot::Instrument;
/// use ticklot::venue::VenueName;
///
/// let yes = Instrument { venue: VenueName("bets"), scope: Some("USD"), market: "rain", name: "yes" };
/// assert_eq!(yes.to_string(), "bets:USD:rain:yes");
/// assert_eq!(Instrument::of_symbol(VenueName("spot"), "BTC/USD").to_string(), "spot::BTC/USD");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Instrument<'a> {
    /// The venue.
    pub venue: VenueName,
    /// The namespace of the names within the venue, such as a currency (`USD`) or a market segment (`spot`); empty if
    /// the venue has only one. `None` if it is unknown, as in a log that does not record it.
    pub scope: Option<&'a str>,
    /// The market: a symbol, or the market of an outcome.
    pub market: &'a str,
    /// The instrument within its market: a symbol, or the id of an outcome.
    pub name: &'a str,
}

impl<'a> Instrument<'a> {
    /// An instrument whose market and name are its symbol, of a venue without scopes.
    #[must_use]
    pub const fn of_symbol(venue: VenueName, symbol: &'a str) -> Self {
        Self {
            venue,
            scope: Some(""),
            market: symbol,
            name: symbol,
        }
    }
}

impl fmt::Display for Instrument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.venue, self.scope.unwrap_or("?"))?;
        if self.market != self.name {
            write!(f, "{}:", self.market)?;
        }
        f.write_str(self.name)
    }
}

/// An instrument that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedInstrument {
    venue: VenueName,
    scope: Option<Box<str>>,
    market: Box<str>,
    name: Box<str>,
}

impl OwnedInstrument {
    #[inline]
    pub(crate) fn market(&self) -> &str {
        &self.market
    }

    #[inline]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(crate) fn get(&self) -> Instrument<'_> {
        Instrument {
            venue: self.venue,
            scope: self.scope.as_deref(),
            market: &self.market,
            name: &self.name,
        }
    }
}

impl From<Instrument<'_>> for OwnedInstrument {
    fn from(instrument: Instrument<'_>) -> Self {
        Self {
            venue: instrument.venue,
            scope: instrument.scope.map(Into::into),
            market: instrument.market.into(),
            name: instrument.name.into(),
        }
    }
}
