//! The options of live feeds, which `watch` and `record` share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ticklot::SpinOptions;
use ticklot::bayse::Symbol;
use ticklot::kraken::Depth;

use crate::book_args::{BookArgs, KRAKEN_DECIMALS, check_effects};
use crate::failure::Failure;
use crate::parse::{duration, interval, kraken_depth, processor};
use crate::venues::VenueArg;

/// Options of the live feeds: the server, the subscriptions, the duration of the run.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FeedArgs {
    /// The venue; JayX and Bayse when left out
    #[arg(long, value_enum)]
    pub(crate) venue: Option<VenueArg>,
    /// The server's URL, ws:// or wss://, with or without the venue's own path; when left out, an embedded
    /// server, or for Kraken the venue's own, `wss://ws.kraken.com/v2`
    #[arg(long, requires = "venue")]
    pub(crate) url: Option<String>,
    /// Trust the authorities of this PEM file and no others; those of `SSL_CERT_FILE`, or else
    /// Mozilla's, when left out
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Connect through this HTTP proxy, such as `http://user:password@host:3128`; `HTTPS_PROXY` or `ALL_PROXY`
    /// when left out. Never to an embedded server, nor to the hosts of `NO_PROXY`
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
    /// How many levels a side Kraken's books have: 10, 25, 100, 500 or 1000; 10 when left out
    #[arg(long, value_name = "N", value_parser = kraken_depth)]
    pub(crate) book_depth: Option<Depth>,
    /// Bayse markets, by id. With `--channel activity`, the markets of the event whose fills are followed; all of
    /// them when left out
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(crate) market: Vec<String>,
    /// Subscribe to nothing, and keep every book that a server of Bayse or Kraken sends by itself, as one that plays a
    /// log does
    #[arg(long)]
    pub(crate) accept_any: bool,
    /// The streams of JayX
    #[arg(
        long,
        alias = "event",
        value_enum,
        value_name = "STREAM,...",
        value_delimiter = ','
    )]
    pub(crate) jayx_stream: Vec<JayxStream>,
    /// The length of JayX's candles; 1 when left out
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) interval: Option<String>,
    /// The channels of Bayse
    #[arg(long, value_enum, value_name = "CHANNEL,...", value_delimiter = ',')]
    pub(crate) channel: Vec<BayseChannel>,
    /// The Bayse event that prices and activity are of
    #[arg(long, alias = "event-id", value_name = "ID")]
    pub(crate) bayse_event: Option<String>,
    /// The Bayse user whose trades are followed
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// The assets whose prices are followed; all of them when left out
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub(crate) asset: Vec<Symbol>,
    /// Write one row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) books: Option<PathBuf>,
    /// End after this time, such as 5s or 2m, with a summary
    #[arg(long, alias = "for", value_name = "D", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// End when the server closes, instead of connecting again
    #[arg(long, alias = "once")]
    pub(crate) no_reconnect: bool,
    /// When a book loses its trust, write what came before to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) incidents: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) spin: SpinArgs,
}

impl FeedArgs {
    /// The streams of JayX that are followed: order books by default.
    pub(crate) fn jayx_streams(&self) -> &[JayxStream] {
        match self.jayx_stream.as_slice() {
            [] => &[JayxStream::Orderbook],
            streams => streams,
        }
    }

    /// The channels of Bayse that are followed: order books by default.
    pub(crate) fn bayse_channels(&self) -> &[BayseChannel] {
        match self.channel.as_slice() {
            [] => &[BayseChannel::Orderbook],
            channels => channels,
        }
    }

    /// Replaces `--market any`, and Kraken's `--symbol any`, by what they are spelled now: `--accept-any`.
    pub(crate) fn replace_any(&mut self) {
        for (names, is_alias) in [
            (&mut self.market, true),
            (&mut self.book.symbol, self.venue == Some(VenueArg::Kraken)),
        ] {
            if is_alias && matches!(names.as_slice(), [name] if name == "any") {
                names.clear();
                self.accept_any = true;
            }
        }
    }

    /// Refuses options without an effect on what is followed. Without a config file Kraken is followed by its name
    /// alone.
    pub(crate) fn check(&self, has_config: bool) -> Result<(), Failure> {
        use BayseChannel::{Activity, AssetPrices, Orderbook, Orders, Prices, UserTrades};
        let is_followed = |venue| self.venue.is_none_or(|only| only == venue);
        let (jayx, bayse) = (is_followed(VenueArg::Jayx), is_followed(VenueArg::Bayse));
        let kraken = is_followed(VenueArg::Kraken) && (self.venue.is_some() || has_config);
        let carries = |channels: &[BayseChannel]| {
            let followed = self.bayse_channels();
            bayse && followed.iter().any(|it| channels.contains(it))
        };
        let streams = self.jayx_streams();
        let has_symbol = streams.iter().any(|it| *it != JayxStream::Positions);
        let has_kline = streams.contains(&JayxStream::Kline);
        let book = &self.book;
        let names_books =
            !self.channel.is_empty() || !self.market.is_empty() || !book.symbol.is_empty();
        check_effects(&[
            (book.envelope.is_some(), jayx, "--envelope is for JayX"),
            (
                !self.jayx_stream.is_empty(),
                jayx,
                "--jayx-stream is for JayX",
            ),
            (
                self.interval.is_some(),
                jayx && has_kline,
                "--interval is for JayX's --jayx-stream kline",
            ),
            (
                !book.symbol.is_empty(),
                jayx && has_symbol || kraken,
                "--symbol is for JayX, but for --jayx-stream positions, and for Kraken",
            ),
            (
                book.has_decimals(),
                self.venue != Some(VenueArg::Kraken),
                KRAKEN_DECIMALS,
            ),
            (
                self.book_depth.is_some(),
                kraken,
                "--book-depth is for Kraken",
            ),
            (
                !self.market.is_empty(),
                carries(&[Orderbook, Activity, Orders]),
                "--market is for Bayse's --channel orderbook, activity and orders",
            ),
            (!self.channel.is_empty(), bayse, "--channel is for Bayse"),
            (
                self.bayse_event.is_some(),
                carries(&[Prices, Activity]),
                "--bayse-event is for Bayse's --channel prices and activity",
            ),
            (
                self.user_id.is_some(),
                carries(&[UserTrades]),
                "--user-id is for Bayse's --channel user_trades",
            ),
            (
                !self.asset.is_empty(),
                carries(&[AssetPrices]),
                "--asset is for Bayse's --channel asset_prices",
            ),
            (
                book.currency.is_some(),
                carries(&[Orderbook]),
                "--currency is for Bayse's --channel orderbook",
            ),
            (
                self.accept_any,
                self.venue != Some(VenueArg::Jayx),
                "--accept-any is for Bayse and Kraken",
            ),
            (
                self.accept_any,
                self.url.is_some(),
                "--accept-any subscribes to nothing: it is for a server that sends by itself (--url)",
            ),
            (
                self.accept_any && names_books,
                false,
                "--channel, --market and --symbol have no effect with --accept-any, which subscribes to nothing",
            ),
        ])
    }
}

/// Whether the feed's thread sleeps between messages, or spins.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SpinArgs {
    /// Read the sockets in a loop that never sleeps: a message arrives some microseconds earlier, and the thread takes
    /// all of its processor: see docs/watch.md
    #[arg(long)]
    pub(crate) spin: bool,
    /// Bind the thread that spins to this processor, by its number; it runs anywhere when left out. Linux alone
    #[arg(long, value_name = "N", requires = "spin", value_parser = processor)]
    pub(crate) cpu: Option<usize>,
    /// While the thread that spins has nothing to read, decode the last order-book message of each connection again this
    /// often, such as 100us, which keeps code and data in the caches; never when left out
    #[arg(long, value_name = "INTERVAL", requires = "spin", value_parser = interval)]
    pub(crate) keep_warm: Option<Duration>,
}

impl SpinArgs {
    /// How the feed spins, if it does.
    pub(crate) fn options(&self) -> Option<SpinOptions> {
        let mut options = SpinOptions::default();
        options.cpu = self.cpu;
        options.keep_warm = self.keep_warm;
        self.spin.then_some(options)
    }
}

/// A stream of JayX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JayxStream {
    /// The order book, as a ladder.
    Orderbook,
    /// Candles.
    Kline,
    /// Balances; the key from `TICKLOT_API_KEY`.
    Positions,
    /// One's own orders; the key from `TICKLOT_API_KEY`.
    Openorders,
}

/// A channel of Bayse Markets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BayseChannel {
    /// Order books, as ladders.
    Orderbook,
    /// Prices of an event's markets.
    Prices,
    /// Fills of an event.
    Activity,
    /// Prices of assets outside the venue.
    #[value(name = "asset_prices")]
    AssetPrices,
    /// Fills of a user.
    #[value(name = "user_trades")]
    UserTrades,
    /// One's own orders; credentials from `TICKLOT_API_KEY` or `TICKLOT_ACCESS_TOKEN`.
    Orders,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: impl FnOnce(&mut FeedArgs)) -> String {
        let mut args = FeedArgs {
            venue: Some(VenueArg::Kraken),
            ..FeedArgs::default()
        };
        change(&mut args);
        args.replace_any();
        args.check(false).unwrap_err().to_string()
    }

    #[test]
    fn refuses_ineffective_kraken_options() {
        assert!(error(|it| it.book.price_decimals = Some(2)).contains("leave"));
        assert!(error(|it| it.book.quantity_decimals = Some(2)).contains("leave"));
        assert!(error(|it| it.book.symbol = vec!["any".to_owned()]).contains("--url"));
    }
}
