//! The command line.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ticklot::bayse::Currency;
use ticklot::{Scale, SpinOptions};
use ticklot_frame::{VenueName, jayx};
use ticklot_sim::Faults;

use crate::Failure;
use crate::bench::BenchArgs;
use crate::config::{ConfigArgs, Setup};
use crate::examples;
use crate::generate::{CompletionsArgs, ManArgs};
use crate::kraken;
use crate::moment::Place;
use crate::plot::PlotArgs;

/// Live, exact order books of JayX, Bayse Markets and Kraken.
///
/// Without a command: `watch` on the embedded servers of JayX and Bayse Markets.
#[derive(Debug, Parser)]
#[command(name = "ticklot", version, after_help = examples::TICKLOT)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// A config file, for `watch` and `record`: see `ticklot config example`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show live books; of embedded servers, unless --url names others.
    ///
    /// There is no embedded server of Kraken: --venue kraken connects to the venue itself.
    ///
    /// On a terminal it is a full-screen view, in which ? shows the keys; into a pipe it is a line a
    /// second for each book, or with --json everything that happens.
    #[command(after_help = examples::WATCH)]
    Watch(WatchArgs),
    /// Run a venue's simulated server, or play a recorded log to whoever connects.
    #[command(after_help = examples::SERVE)]
    Serve(ServeArgs),
    /// Decode and apply a recorded log as fast as it goes, or as fast as it was, without a socket.
    Replay(ReplayArgs),
    /// Record every frame, in both directions, for `replay` and `serve`.
    Record(RecordArgs),
    /// Draw a recorded log: a heatmap of its depth over time, or its depth at a moment.
    #[command(after_help = examples::PLOT)]
    Plot(PlotArgs),
    /// Measure how fast this machine decodes and applies.
    Bench(BenchArgs),
    /// Check a config file, or print one with everything in it.
    Config(ConfigArgs),
    /// Print completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual.
    Man(ManArgs),
}

/// What is followed, and for how long.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FollowArgs {
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
    #[arg(long, value_name = "N", value_parser = kraken::depth)]
    pub(crate) book_depth: Option<kraken::Depth>,
    /// Bayse markets, by id, or `any` to subscribe to nothing and keep what comes. With `--channel activity`,
    /// the markets of the event whose fills are followed; all of them when left out
    #[arg(long, value_name = "ID,ID...|any", value_delimiter = ',')]
    pub(crate) market: Vec<String>,
    /// What to follow at JayX
    #[arg(long, value_enum, value_name = "EVENT,...", value_delimiter = ',')]
    pub(crate) event: Vec<EventArg>,
    /// The length of JayX's candles; 1 when left out
    #[arg(long, value_name = "INTERVAL")]
    pub(crate) interval: Option<String>,
    /// What to follow at Bayse
    #[arg(long, value_enum, value_name = "CHANNEL,...", value_delimiter = ',')]
    pub(crate) channel: Vec<ChannelArg>,
    /// The Bayse event that prices and activity are of
    #[arg(long, value_name = "ID")]
    pub(crate) event_id: Option<String>,
    /// The Bayse user whose trades are followed
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// The assets whose prices are followed; all of them when left out
    #[arg(long, value_name = "SYMBOL,...", value_delimiter = ',')]
    pub(crate) asset: Vec<String>,
    /// Write one row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) books: Option<PathBuf>,
    /// End after this time, such as 5s or 2m, with a summary
    #[arg(long = "for", value_name = "D", value_parser = time)]
    pub(crate) duration: Option<Duration>,
    /// End when the server closes, instead of connecting again
    #[arg(long)]
    pub(crate) once: bool,
    /// When a book loses its trust, write what came before to a file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) incidents: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) spin: SpinArgs,
    /// What `--config` says.
    #[arg(skip)]
    pub(crate) setup: Option<Rc<Setup>>,
    /// Whether the first attempt to connect is repeated when it fails, too.
    #[arg(skip)]
    pub(crate) persists: bool,
}

impl FollowArgs {
    /// How many attempts may fail before there ever was a connection; none for any number.
    pub(crate) fn first_attempts(&self) -> Option<u32> {
        (!self.persists || self.once).then_some(1)
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

/// What is followed, and how it is shown.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) follow: FollowArgs,
    /// End with a table of how long each stage took
    #[arg(long, conflicts_with = "json")]
    pub(crate) latency: bool,
    /// Print everything that happens, one JSON object a line: see docs/json.md
    #[arg(long)]
    pub(crate) json: bool,
    /// Show this many levels a side at most, on a terminal and in JSON; as many as there are room
    /// for, and all, when left out
    #[arg(long, value_name = "N", value_parser = levels)]
    pub(crate) depth: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The venue; of a log that names it, it may be left out
    #[arg(long, value_enum, required_unless_present = "from")]
    pub(crate) venue: Option<VenueArg>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Play this frame log (.jsonl, .gz, .zst) to each connection
    #[arg(long, value_name = "LOG")]
    pub(crate) from: Option<PathBuf>,
    /// Play this connection of the log, where it has several
    #[arg(long, value_name = "N", requires = "from")]
    pub(crate) conn: Option<u32>,
    /// How fast to play it: 1x, 10x, ..., or max
    #[arg(long, value_name = "SPEED", default_value = "1x", requires = "from")]
    pub(crate) speed: SpeedArg,
    /// The seed of the simulated market
    #[arg(long, default_value_t = 1, conflicts_with = "from")]
    pub(crate) seed: u64,
    /// What the server does wrong on purpose, such as
    /// `drop=200,freeze=5s,cut=0.01,garbage=0.05,slow=20ms,refuse=0.2,seed=7`
    ///
    /// drop=N drops each connection after N messages, without a close. With chance P: cut=P ends a
    /// connection in the middle of a frame; garbage=P sends a line that means nothing before a
    /// message; refuse=P or refuse=P:STATUS refuses the upgrades of a connection, with 503 or this
    /// status. freeze=D or freeze=D:P falls silent for so long before a message, with chance P or
    /// 0.005, and answers pings alone; hang=D or hang=D:P answers nothing and reads nothing. slow=D
    /// sends each write in two halves, so long apart, at most 5s. seed=N decides what befalls which
    /// message.
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "seed=0",
        hide_default_value = true,
        conflicts_with = "from"
    )]
    pub(crate) faults: Faults,
}

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLE)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) source: LogArgs,
    /// Show what is from here on: UTC such as 2024-08-08T23:54:30Z, nanoseconds since 1970, a way into
    /// the log such as +5m, or frame:N. What is before is applied, and not shown
    #[arg(long, value_name = "TIME|frame:N")]
    pub(crate) from: Option<Place>,
    /// End here, this place included
    #[arg(long, value_name = "TIME|frame:N")]
    pub(crate) until: Option<Place>,
    /// How fast to play it: 1x, 10x, ..., or max
    #[arg(long, value_name = "SPEED", default_value = "max")]
    pub(crate) speed: SpeedArg,
    /// After how long without a message a book is stale, where the log does not note it
    #[arg(long, value_name = "D", default_value = "30s", value_parser = time)]
    pub(crate) stale_after: Duration,
    /// Write one row for each order-book message to this file
    #[arg(long, value_name = "OUT.csv")]
    pub(crate) books: Option<PathBuf>,
}

const REPLAY_EXAMPLE: &str = "\
Example:
  ticklot replay btc.jsonl.zst --from +5m --until +6m --speed 10x --books books.csv

Exit status: 0; 1 when a line cannot be read, the log is cut off (all before its cut is played) or empty, or \
nothing of the venue or connection that is asked for is there; 2 when the arguments are wrong, such as a --from that \
is after --until.";

/// Which log is read, and what of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// The frame log (.jsonl, .gz, .zst)
    pub(crate) log: PathBuf,
    /// The venue, where the log does not say it; where it does, only what is of this venue is read
    #[arg(long, value_enum)]
    pub(crate) venue: Option<VenueArg>,
    /// Read this connection of the log alone
    #[arg(long, value_name = "N")]
    pub(crate) conn: Option<u32>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
}

/// What to record, and where.
#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLE)]
pub(crate) struct RecordArgs {
    /// The file, packed as its name ends (.jsonl, .jsonl.gz, .jsonl.zst), created at the first message. Where it is
    /// there already, the recording goes into the next numbered one
    #[arg(long, value_name = "FILE.jsonl.zst")]
    pub(crate) out: PathBuf,
    /// Go on in another file when one has this size, such as 100MB; files are numbered then
    #[arg(long, value_name = "SIZE")]
    pub(crate) rotate_size: Option<SizeArg>,
    /// Go on in another file after this time, such as 1h; files are numbered then
    #[arg(long, value_name = "D", value_parser = time)]
    pub(crate) rotate_every: Option<Duration>,
    #[command(flatten)]
    pub(crate) follow: FollowArgs,
}

const RECORD_EXAMPLE: &str = "\
Examples:
  ticklot record --venue jayx --out btc.jsonl.zst --rotate-every 1h --for 8h
  ticklot --config ticklot.toml record --out all.jsonl.zst

A venue that is down is tried again until it is there; with --once it ends the recording. When the disk is full, \
the file ends, and the recording continues in the next numbered one when there is room.

Exit status: 0, also after Ctrl-C; 1 when a file could not be written, no message came or a connection cannot be kept; \
2 when the arguments are wrong. A recording that is killed can be read up to its last second.";

/// What a book is and how its numbers are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct BookArgs {
    /// JayX's envelope; `auto` when left out
    #[arg(long, value_enum)]
    pub(crate) envelope: Option<EnvelopeArg>,
    /// JayX's symbol, BTCUSDT when left out; or Kraken's, several separated by commas, BTC/USD when left
    /// out, or `any` to subscribe to nothing and keep whatever books arrive
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

impl From<CurrencyArg> for Currency {
    fn from(currency: CurrencyArg) -> Self {
        match currency {
            CurrencyArg::Usd => Self::Usd,
            CurrencyArg::Ngn => Self::Ngn,
        }
    }
}

impl BookArgs {
    /// What `--symbol` names.
    pub(crate) fn symbols(&self) -> &[String] {
        &self.symbol
    }

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
        match self.symbols() {
            [] => Ok("BTCUSDT"),
            [symbol] => Ok(symbol),
            _ => Err(Failure::Usage(
                "--symbol takes one symbol of JayX".to_owned(),
            )),
        }
    }

    /// `default`, with what was asked for instead.
    pub(crate) fn scale(&self, default: Scale) -> Result<Scale, Failure> {
        let price = self.price_decimals.unwrap_or(default.price_decimals());
        let quantity = self
            .quantity_decimals
            .unwrap_or(default.quantity_decimals());
        Scale::new(price, quantity).map_err(|error| Failure::Usage(error.to_string()))
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
    const ALL: [Self; 3] = [Self::Jayx, Self::Bayse, Self::Kraken];

    /// Its name in errors and in logs.
    pub(crate) const fn name(self) -> VenueName {
        match self {
            Self::Jayx => VenueName::JAYX,
            Self::Bayse => VenueName::BAYSE,
            Self::Kraken => VenueName::KRAKEN,
        }
    }

    /// The venue of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|venue| venue.name().0 == name)
    }

    /// The venue's name, as people write it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Jayx => "JayX",
            Self::Bayse => "Bayse Markets",
            Self::Kraken => "Kraken",
        }
    }
}

/// An event of JayX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EventArg {
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
pub(crate) enum ChannelArg {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum CurrencyArg {
    /// US dollars.
    Usd,
    /// Nigerian naira.
    Ngn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvelopeArg {
    /// Socket.IO 4 over Engine.IO 4.
    Socketio,
    /// Plain JSON, in any of its forms.
    Plain,
    /// The one that the server speaks: Socket.IO first, then plain JSON; of a log, told from each frame.
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

/// How fast a log is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SpeedArg {
    Times(f64),
    Max,
}

impl FromStr for SpeedArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text
            .strip_suffix('x')
            .and_then(|number| number.parse::<f64>().ok());
        times
            .filter(|times| times.is_finite() && *times > 0.0)
            .map(Self::Times)
            .ok_or("a speed is a number above zero with an x, such as 1x or 0.5x, or max")
    }
}

/// A length of time.
pub(crate) fn time(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text);
    time.map_err(|_| "a length of time is such as 500ms, 5s or 1m 30s")
}

/// The time between two of many.
fn interval(text: &str) -> Result<Duration, &'static str> {
    let time = humantime::parse_duration(text).ok();
    time.filter(|time| !time.is_zero())
        .ok_or("an interval is a length of time above zero, such as 50us, 100us or 1ms")
}

/// The number of a processor.
fn processor(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .map_err(|_| "a processor is a number from 0 on")
}

/// How many decimals a price or a quantity has.
fn decimals(text: &str) -> Result<u8, &'static str> {
    let number = text
        .parse()
        .ok()
        .filter(|number| Scale::new(*number, 0).is_ok());
    number.ok_or("decimals are a number from 0 to 18")
}

/// How many levels a side are shown.
pub(crate) fn levels(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "levels are a number from 1 on")
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeArg(pub(crate) u64);

impl FromStr for SizeArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNITS: [(&str, u64); 8] = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("KB", 1_000),
            ("kB", 1_000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
            ("B", 1),
        ];
        let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
        let (unit, bytes) = unit.copied().unwrap_or(("", 1));
        let number = text.strip_suffix(unit).map(str::trim_end);
        number
            .and_then(|number| number.parse::<u64>().ok()?.checked_mul(bytes))
            .filter(|bytes| *bytes > 0)
            .map(Self)
            .ok_or("a size is a whole number of bytes above zero, such as 100MB, 64MiB or 1000000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn numbers_say_what_they_are() {
        assert_eq!(time("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!((decimals("0"), decimals("18")), (Ok(0), Ok(18)));
        assert_eq!(levels("1").map(NonZeroUsize::get), Ok(1));
        for wrong in ["", "-1", "soon", "19", "1.5"] {
            assert!(decimals(wrong).is_err_and(|it| it.contains("from 0 to 18")));
            assert!(time(wrong).is_err_and(|it| it.contains("such as 500ms")));
        }
        for wrong in ["", "0", "-1", "all"] {
            assert!(levels(wrong).is_err_and(|it| it.contains("from 1 on")));
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("100MB", 100_000_000),
            ("64MiB", 64 << 20),
            ("2 KiB", 2048),
            ("7", 7),
            ("1B", 1),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(SizeArg(bytes)), "{text}");
        }
        for wrong in [
            "",
            "MB",
            "0",
            "0MB",
            "-1",
            "1.5MB",
            "1TB",
            "1e3",
            "99999999999GB",
        ] {
            assert!(wrong.parse::<SizeArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn speeds() {
        assert_eq!("1x".parse(), Ok(SpeedArg::Times(1.0)));
        assert_eq!("0.5x".parse(), Ok(SpeedArg::Times(0.5)));
        assert_eq!("max".parse(), Ok(SpeedArg::Max));
        for wrong in ["", "x", "1", "0x", "-1x", "infx", "NaNx", "fast"] {
            assert!(wrong.parse::<SpeedArg>().is_err(), "{wrong}");
        }
    }
}
