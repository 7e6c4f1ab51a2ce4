//! The options of order books, shared by the commands for live feeds and for logs.

use clap::{Args, ValueEnum};
use serde::Deserialize;
use ticklot::bayse::Currency;
use ticklot::book::ScaleError;
use ticklot::{Scale, jayx};

use crate::failure::{Failure, usage};
use crate::parse::decimals;

/// The error of `--price-decimals` and `--quantity-decimals` for Kraken.
pub(crate) const KRAKEN_DECIMALS: &str = "Kraken sends the decimals of its instruments: omit --price-decimals and \
     --quantity-decimals";

/// Options of order books: symbol, envelope, decimals and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct BookArgs {
    /// JayX's envelope [default: auto]
    #[arg(long, value_enum)]
    pub(crate) envelope: Option<EnvelopeArg>,
    /// JayX's symbol (BTCUSDT by default), or Kraken's symbols, separated by commas (BTC/USD by default)
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub(crate) symbol: Vec<String>,
    /// Decimals of a price for JayX and Bayse (2 by default). Kraken sends them
    #[arg(long, value_name = "N", value_parser = decimals)]
    pub(crate) price_decimals: Option<u8>,
    /// Decimals of a quantity for JayX and Bayse (6 by default). Kraken sends them
    #[arg(long, value_name = "N", value_parser = decimals)]
    pub(crate) quantity_decimals: Option<u8>,
    /// The currency of Bayse order books (USD by default). For a log it defaults to the currency in its
    /// acknowledgements, if it has any
    #[arg(long, value_enum)]
    pub(crate) currency: Option<CurrencyArg>,
}

impl BookArgs {
    /// Whether one of the decimals options is given.
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
            _ => Err(usage!("--symbol must be a single symbol of JayX")),
        }
    }

    /// The scale with the decimals of the options, or else those of `default`.
    pub(crate) fn scale(&self, default: Scale) -> Result<Scale, Failure> {
        scale(self.price_decimals, self.quantity_decimals, default).map_err(Failure::usage)
    }
}

/// The scale with these decimals, or those of `default` where there is none.
pub(crate) fn scale(
    price: Option<u8>,
    quantity: Option<u8>,
    default: Scale,
) -> Result<Scale, ScaleError> {
    Scale::new(
        price.unwrap_or(default.price_decimals()),
        quantity.unwrap_or(default.quantity_decimals()),
    )
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
    /// Plain JSON.
    Plain,
    /// Detected: Socket.IO is tried first, then plain JSON. In a log, each frame is checked.
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

/// Rejects options without an effect. Each entry states whether the option is given, whether it has an effect, and the
/// error message.
pub(crate) fn check_effects(options: &[(bool, bool, &str)]) -> Result<(), Failure> {
    let mut options = options.iter();
    let ineffective = options.find(|(given, effect, _)| *given && !effect);
    ineffective.map_or(Ok(()), |(.., error)| Err(Failure::usage(error)))
}
