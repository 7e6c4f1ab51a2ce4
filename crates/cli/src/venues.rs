//! The venues that the program supports.

use clap::ValueEnum;
use ticklot::OnMessage;
use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::kraken::Kraken;
use ticklot::venue::VenueName;

/// A venue, as `--venue` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VenueArg {
    /// JayX, a spot exchange.
    Jayx,
    /// Bayse Markets, prediction markets.
    Bayse,
    /// Kraken, a spot exchange.
    Kraken,
}

impl VenueArg {
    /// The venue's name in errors and in logs.
    pub(crate) const fn name(self) -> VenueName {
        match self {
            Self::Jayx => VenueName::JAYX,
            Self::Bayse => VenueName::BAYSE,
            Self::Kraken => VenueName::KRAKEN,
        }
    }

    /// The venue of this name in a log.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut all = Self::value_variants().iter();
        all.find(|venue| venue.name().0 == name).copied()
    }

    /// The venue's name for users.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Jayx => "JayX",
            Self::Bayse => "Bayse Markets",
            Self::Kraken => "Kraken",
        }
    }
}

/// A handler of the feeds of every venue.
pub(crate) trait VenueHandler:
    OnMessage<JayX> + OnMessage<Bayse> + OnMessage<Kraken>
{
}

impl<H: OnMessage<JayX> + OnMessage<Bayse> + OnMessage<Kraken>> VenueHandler for H {}
