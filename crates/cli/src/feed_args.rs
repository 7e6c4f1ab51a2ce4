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
    /// The venue (JayX and Bayse by default)
    #[arg(long, value_enum)]
    pub(crate) venue: Option<VenueArg>,
    /// The server's URL, ws:// or wss://, with or without the venue's path. By default an embedded server, or for
    /// Kraken `wss://ws.kraken.com/v2`
    #[arg(long, requires = "venue")]
    pub(crate) url: Option<String>,
    /// Trust only the certificate authorities of this PEM file. By default those of `SSL_CERT_FILE`, or else Mozilla's
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Connect through this HTTP proxy, such as `http://user:password@host:3128`. By default the one of `HTTPS_PROXY`
    /// or `ALL_PROXY`. Not used for embedded servers and the hosts of `NO_PROXY`
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
    /// Levels per side of Kraken's books: 10, 25, 100, 500 or 1000 (10 by default)
    #[arg(long, value_name = "N", value_parser = kraken_depth)]
    pub(crate) book_depth: Option<Depth>,
    /// Bayse markets, by id. For `--channel activity`, the markets of the event whose fills to follow (all by default)
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(crate) market: Vec<String>,
    /// Subscribe to nothing, and keep every book that a server of Bayse or Kraken sends unrequested, such as `serve
    /// --log`
    #[arg(long)]
    pub(crate) accept_any: bool,
    /// The streams of JayX (order books by default)
    #[arg(
        long,
        alias = "event",
        value_enum,
        value_name = "STREAM,...",
        value_delimiter = ','
    )]
    pub(crate) jayx_stream: Vec<JayxStream>,
    /// The interval of JayX's candles (1 by default)
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) interval: Option<String>,
    /// The channels of Bayse (order books by default)
    #[arg(long, value_enum, value_name = "CHANNEL,...", value_delimiter = ',')]
    pub(crate) channel: Vec<BayseChannel>,
    /// The Bayse event whose prices and activity to follow
    #[arg(long, alias = "event-id", value_name = "ID")]
    pub(crate) bayse_event: Option<String>,
    /// The Bayse user whose trades to follow
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// The assets whose prices to follow (all by default)
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub(crate) asset: Vec<Symbol>,
    /// Write a row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) books: Option<PathBuf>,
    /// Stop after this time, such as 5s or 2m, and print a summary
    #[arg(long, alias = "for", value_name = "D", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop when the server closes the connection, instead of reconnecting
    #[arg(long, alias = "once")]
    pub(crate) no_reconnect: bool,
    /// When a book becomes invalid, write the messages before it to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) incidents: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) spin: SpinArgs,
}

impl FeedArgs {
    /// The streams of JayX to follow: order books by default.
    pub(crate) fn jayx_streams(&self) -> &[JayxStream] {
        match self.jayx_stream.as_slice() {
            [] => &[JayxStream::Orderbook],
            streams => streams,
        }
    }

    /// The channels of Bayse to follow: order books by default.
    pub(crate) fn bayse_channels(&self) -> &[BayseChannel] {
        match self.channel.as_slice() {
            [] => &[BayseChannel::Orderbook],
            channels => channels,
        }
    }

    /// Replaces the old spellings `--market any` and, for Kraken, `--symbol any` with `--accept-any`.
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

    /// Rejects options without an effect. Without a config file, Kraken is followed only if `--venue` names it.
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
        let candles = jayx && streams.contains(&JayxStream::Kline);
        let (book, any) = (&self.book, self.accept_any);
        let (has_market, has_asset) = (!self.market.is_empty(), !self.asset.is_empty());
        let (has_channel, has_stream) = (!self.channel.is_empty(), !self.jayx_stream.is_empty());
        let not_for = |venue| self.venue != Some(venue);
        const INTERVAL: &str = "--interval applies only to JayX's --jayx-stream kline";
        const SYMBOL: &str =
            "--symbol applies only to Kraken, and to JayX without --jayx-stream positions";
        const MARKET: &str =
            "--market applies only to Bayse's --channel orderbook, activity and orders";
        const EVENT: &str = "--bayse-event applies only to Bayse's --channel prices and activity";
        const USER: &str = "--user-id applies only to Bayse's --channel user_trades";
        const ASSET: &str = "--asset applies only to Bayse's --channel asset_prices";
        const CURRENCY: &str = "--currency applies only to Bayse's --channel orderbook";
        const ANY: &str = "--accept-any applies only to Bayse and Kraken";
        const URL: &str = "--accept-any subscribes to nothing: it needs a server that sends messages unrequested (--url)";
        const NAMES: &str = "--channel, --market and --symbol have no effect with --accept-any, which subscribes to \
             nothing";
        let [markets, symbols] = [has_market || has_channel, !book.symbol.is_empty()];
        check_effects(&[
            (
                book.envelope.is_some(),
                jayx,
                "--envelope applies only to JayX",
            ),
            (has_stream, jayx, "--jayx-stream applies only to JayX"),
            (self.interval.is_some(), candles, INTERVAL),
            (symbols, jayx && has_symbol || kraken, SYMBOL),
            (
                book.has_decimals(),
                not_for(VenueArg::Kraken),
                KRAKEN_DECIMALS,
            ),
            (
                self.book_depth.is_some(),
                kraken,
                "--book-depth applies only to Kraken",
            ),
            (has_market, carries(&[Orderbook, Activity, Orders]), MARKET),
            (has_channel, bayse, "--channel applies only to Bayse"),
            (
                self.bayse_event.is_some(),
                carries(&[Prices, Activity]),
                EVENT,
            ),
            (self.user_id.is_some(), carries(&[UserTrades]), USER),
            (has_asset, carries(&[AssetPrices]), ASSET),
            (book.currency.is_some(), carries(&[Orderbook]), CURRENCY),
            (any, not_for(VenueArg::Jayx), ANY),
            (any, self.url.is_some(), URL),
            (any && (markets || symbols), false, NAMES),
        ])
    }
}

/// Options of a spinning feed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SpinArgs {
    /// Read the sockets in a busy loop: messages arrive some microseconds earlier, and the thread occupies its
    /// processor (see docs/watch.md)
    #[arg(long)]
    pub(crate) spin: bool,
    /// Bind the spinning thread to the processor with this number (Linux only)
    #[arg(long, value_name = "N", requires = "spin", value_parser = processor)]
    pub(crate) cpu: Option<usize>,
    /// While the spinning thread is idle, decode the last order-book message of each connection at this interval, such
    /// as 100us, to keep code and data in the caches
    #[arg(long, value_name = "INTERVAL", requires = "spin", value_parser = interval)]
    pub(crate) keep_warm: Option<Duration>,
}

impl SpinArgs {
    /// The options of the spinning feed; none without `--spin`.
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
    /// Balances, with the key from `TICKLOT_API_KEY`.
    Positions,
    /// The account's orders, with the key from `TICKLOT_API_KEY`.
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
    /// The user's orders, with credentials from `TICKLOT_API_KEY` or `TICKLOT_ACCESS_TOKEN`.
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
        assert!(error(|it| it.book.price_decimals = Some(2)).contains("omit"));
        assert!(error(|it| it.book.quantity_decimals = Some(2)).contains("omit"));
        assert!(error(|it| it.book.symbol = vec!["any".to_owned()]).contains("--url"));
    }
}
