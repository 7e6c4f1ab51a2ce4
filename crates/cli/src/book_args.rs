//! The options of order books, which live commands and those of logs share.

use clap::{Args, ValueEnum};
use serde::Deserialize;
use ticklot::bayse::Currency;
use ticklot::{Scale, jayx};

use crate::failure::Failure;
use crate::parse::decimals;

/// The error of `--price-decimals` and `--quantity-decimals` for Kraken.
pub(crate) const KRAKEN_DECIMALS: &str = "Kraken sends the decimals of its instruments: leave --price-decimals and \
     --quantity-decimals out";

/// Options of order books: symbol, envelope, decimals and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct BookArgs {
    /// JayX's envelope; `auto` when left out
    #[arg(long, value_enum)]
    pub(crate) envelope: Option<EnvelopeArg>,
    /// JayX's symbol, BTCUSDT when left out; or Kraken's, several separated by commas, BTC/USD when left out
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub(crate) symbol: Vec<String>,
    /// Decimals of a price; 2 when left out, for JayX and Bayse. Kraken sends them
    #[arg(long, value_name = "N", value_parser = decimals)]
    pub(crate) price_decimals: Option<u8>,
    /// Decimals of a quantity; 6 when left out, for JayX and Bayse. Kraken sends them
    #[arg(long, value_name = "N", value_parser = decimals)]
    pub(crate) quantity_decimals: Option<u8>,
    /// The currency of Bayse order books: USD when left out; of a log, the one that its acknowledgements
    /// name, or else unknown
    #[arg(long, value_enum)]
    pub(crate) currency: Option<CurrencyArg>,
}

impl BookArgs {
    /// Whether a number of decimals is given.
    pub(crate) const fn has_decimals(&self) -> bool {
        self.price_decimals.is_some() || self.quantity_decimals.is_some()
    }

    /// JayX's envelope.
    pub(crate) fn envelope(&self) -> jayx::Envelope {
        self.envelope
            .map_or(jayx::Envelope::Auto, jayx::Envelope::from)
    }

    /// The one symbol of JayX.
    pub(crate) fn jayx_symbol(&self) -> Result<&str, Failure> {
        match self.symbol.as_slice() {
            [] => Ok("BTCUSDT"),
            [symbol] => Ok(symbol),
            _ => Err(Failure::Usage(
                "--symbol takes one symbol of JayX".to_owned(),
            )),
        }
    }

    /// `default`, with the decimals of the options instead of its own.
    pub(crate) fn scale(&self, default: Scale) -> Result<Scale, Failure> {
        let price = self.price_decimals.unwrap_or(default.price_decimals());
        let quantity = self
            .quantity_decimals
            .unwrap_or(default.quantity_decimals());
        Scale::new(price, quantity).map_err(Failure::usage)
    }
}

/// A currency of Bayse order books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[value(rename_all = "UPPER")]
pub(crate) enum CurrencyArg {
    /// US dollars.
    Usd,
    /// Nigerian naira.
    Ngn,
}

impl From<CurrencyArg> for Currency {
    fn from(currency: CurrencyArg) -> Self {
        match currency {
            CurrencyArg::Usd => Self::Usd,
            CurrencyArg::Ngn => Self::Ngn,
        }
    }
}

/// An envelope of JayX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvelopeArg {
    /// Socket.IO 4 over Engine.IO 4.
    Socketio,
    /// Plain JSON, in any of its forms.
    Plain,
    /// The one that the server speaks: Socket.IO first, then plain JSON; of a log, found in each frame.
    #[default]
    Auto,
}

impl From<EnvelopeArg> for jayx::Envelope {
    fn from(arg: EnvelopeArg) -> Self {
        match arg {
            EnvelopeArg::Socketio => Self::SocketIo,
            EnvelopeArg::Plain => Self::Plain,
            EnvelopeArg::Auto => Self::Auto,
        }
    }
}

/// Refuses an option that has no effect: for each, whether it is given, whether it has an effect, and the error.
pub(crate) fn check_effects(options: &[(bool, bool, &str)]) -> Result<(), Failure> {
    let mut options = options.iter();
    match options.find(|(given, effect, _)| *given && !effect) {
        Some((.., wrong)) => Err(Failure::Usage((*wrong).to_owned())),
        None => Ok(()),
    }
}
