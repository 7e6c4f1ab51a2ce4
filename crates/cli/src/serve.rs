//! `ticklot serve`: runs a venue's simulated server, or plays a recorded log to its clients.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use ticklot::observe::RecordKind;
use ticklot_sim::{FaultConfig, RecordedFrame, Recording, Server, Speed, Venue, bayse, jayx};

use crate::driver;
use crate::failure::{Failure, usage, work};
use crate::log_source::{LogErrors, LogWarnings, is_of, open_log, venue_of};
use crate::output::Output;
use crate::speed::SpeedArg;
use crate::venues::VenueArg;

const EXAMPLES: &str = "\
Examples:
  ticklot serve --venue jayx --listen 127.0.0.1:9001
  ticklot serve --venue bayse --faults drop=200,garbage=0.05,seed=7
  ticklot serve --venue jayx --log btc.jsonl.zst --speed 10x
  ticklot serve --log kraken.jsonl.zst

Exit status: 0 after Ctrl-C; 1 when it cannot listen or read the log; 2 when the arguments are invalid.";

/// The options of `serve`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// The venue; optional if the log names it
    #[arg(long, value_enum, required_unless_present = "log")]
    venue: Option<VenueArg>,
    /// The address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Play this frame log (.jsonl, .gz, .zst) to each connection
    #[arg(long, alias = "from", value_name = "LOG")]
    log: Option<PathBuf>,
    /// Play this connection of the log, if it has several
    #[arg(long, alias = "conn", value_name = "N", requires = "log")]
    connection: Option<u32>,
    /// The speed: 1x, 10x, ..., or max
    #[arg(long, value_name = "SPEED", default_value = "1x", requires = "log")]
    speed: SpeedArg,
    /// The seed of the simulated market
    #[arg(long, default_value_t = 1, conflicts_with = "log")]
    seed: u64,
    /// Faults to inject, such as `drop=200,freeze=5s,cut=0.01,garbage=0.05,slow=20ms,refuse=0.2,seed=7`
    ///
    /// drop=N drops each connection after N messages, without a close. With probability P, cut=P ends a connection in
    /// the middle of a frame, and garbage=P sends an invalid line before a message. With probability P per connection,
    /// refuse=P or refuse=P:STATUS refuses its upgrades with status 503 or STATUS. freeze=D or freeze=D:P pauses for
    /// the time D before a message, with probability P or 0.005, and replies only to pings meanwhile; hang=D or
    /// hang=D:P also stops reading. slow=D splits each write into two halves, the time D apart (at most 5s). seed=N
    /// seeds the fault generator.
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "seed=0",
        hide_default_value = true,
        conflicts_with = "log"
    )]
    faults: FaultConfig,
}

pub(crate) fn run(args: &ServeArgs, output: &mut Output) -> Result<(), Failure> {
    if args.log.is_none() && args.venue == Some(VenueArg::Kraken) {
        return Err(usage!(
            "there is no simulated server of Kraken: --log LOG plays a recorded one"
        ));
    }
    let recorded = args.log.as_deref().map(|path| load(path, args, output));
    let recorded = recorded.transpose()?;
    let runtime = driver::runtime()?;
    runtime.block_on(async {
        let started = start(args, recorded).await;
        let (server, served) =
            started.map_err(|error| work!("cannot serve on {}: {error}", args.listen))?;
        // The first poll installs the signal handler, because an interrupt may follow the first line immediately.
        let mut interrupted = std::pin::pin!(crate::signals::interrupted(false));
        tokio::select! {
            biased;
            () = &mut interrupted => return Ok(()),
            () = std::future::ready(()) => {}
        }
        // One write, because a reader may exit after the line of the URL.
        let text = format!("{}\n{served}", server.url());
        output.out.write_all(text.as_bytes())?;
        output.out.flush()?;
        interrupted.await;
        server.shutdown().await;
        Ok(())
    })
}

/// A recording and its venue.
type Recorded = (VenueArg, Arc<Recording>);

/// Starts the server, and lists its instruments and accounts, one a line.
async fn start(args: &ServeArgs, recorded: Option<Recorded>) -> std::io::Result<(Server, String)> {
    if let Some((venue, recording)) = recorded {
        let speed = match args.speed {
            SpeedArg::Times(times) => Speed::Times(times),
            SpeedArg::Max => Speed::Max,
        };
        let listen = args.listen;
        let server = match venue {
            VenueArg::Jayx => Server::playback(Venue::Jayx, recording, speed, listen).await,
            VenueArg::Bayse => Server::playback(Venue::Bayse, recording, speed, listen).await,
            VenueArg::Kraken => Server::playback_plain(recording, speed, listen).await,
        };
        return Ok((server?, String::new()));
    }
    let (listen, seed, faults) = (args.listen, args.seed, args.faults);
    match args.venue {
        None | Some(VenueArg::Kraken) => Err(std::io::ErrorKind::Unsupported.into()),
        Some(VenueArg::Jayx) => {
            let config = jayx::Config {
                listen,
                seed,
                faults,
                ..Default::default()
            };
            let served = jayx_lines(&config);
            Ok((Server::jayx(config).await?, served))
        }
        Some(VenueArg::Bayse) => {
            let config = bayse::Config {
                listen,
                seed,
                faults,
                ..Default::default()
            };
            let served = bayse_lines(&config);
            Ok((Server::bayse(config).await?, served))
        }
    }
}

/// The symbols and the accounts.
fn jayx_lines(config: &jayx::Config) -> String {
    let mut lines = String::new();
    for symbol in &config.symbols {
        let _ = writeln!(lines, "symbol {}", symbol.name);
    }
    for account in &config.accounts {
        let _ = writeln!(lines, "account, API key {}", account.api_key);
    }
    lines
}

/// The events, the markets with their outcomes, the assets, and the users with their credentials.
fn bayse_lines(config: &bayse::Config) -> String {
    let mut lines = String::new();
    for event in &config.events {
        let _ = writeln!(lines, "event {}: {}", event.id, event.title);
    }
    for market in &config.markets {
        let (yes, no) = (&market.yes_id, &market.no_id);
        let _ = writeln!(lines, "market {}: outcomes {yes} {no}", market.market_id);
    }
    for asset in &config.assets {
        let _ = writeln!(lines, "asset {}", asset.symbol);
    }
    for user in &config.users {
        let key = user.api_key.iter().map(|key| format!(", API key {key}"));
        let token = user.access_token.iter();
        let token = token.map(|token| format!(", access token {token}"));
        let credentials: String = key.chain(token).collect();
        let _ = writeln!(lines, "user {}{credentials}", user.id);
    }
    lines
}

/// Reads the frames of one connection. A log with an unreadable line is an error, because the server would not send the
/// frames that were recorded. A truncated log is served up to the truncation.
fn load(path: &Path, args: &ServeArgs, output: &mut Output) -> Result<Recorded, Failure> {
    let name = path.display();
    let mut log = open_log(path, args.connection)?;
    let (mut frames, mut errors) = (Vec::<RecordedFrame>::new(), LogErrors::default());
    let (mut first, mut venue) = (None, args.venue);
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_truncated() => {
                writeln!(output.err, "ticklot: {name}: {error}: the rest is served")?;
                continue;
            }
            Err(error) => return Err(work!("{name}: {error}")),
        };
        errors.count_dropped(record);
        if record.kind != RecordKind::Received {
            continue;
        }
        let of = match venue {
            Some(venue) => venue,
            None => *venue.insert(venue_of(record, None)?),
        };
        if !is_of(record, Some(of)) {
            continue;
        }
        let connection = record.connection.unwrap_or_default();
        let first = *first.get_or_insert(connection);
        if first != connection {
            return Err(usage!(
                "{name} contains several connections, such as {first} and {connection}: choose one with --connection"
            ));
        }
        // As in a replay, a frame without a time or with an earlier one has the time of the previous frame.
        let before = frames.last().map_or(0, |frame| frame.recv_ns);
        frames.push(RecordedFrame {
            recv_ns: record.recv_ns.max(before),
            frame: record.frame.clone(),
        });
    }
    // Frames before the first known time are sent with that frame.
    let begin = frames.iter().map(|frame| frame.recv_ns).find(|at| *at > 0);
    for frame in frames.iter_mut().take_while(|frame| frame.recv_ns == 0) {
        frame.recv_ns = begin.unwrap_or(0);
    }
    errors.warnings = LogWarnings::of(&log);
    errors.report(path, output);
    match venue {
        Some(venue) if !frames.is_empty() => Ok((venue, Arc::new(Recording { frames }))),
        _ => {
            let of = args.venue.map(|venue| format!(" of {}", venue.name()));
            Err(work!(
                "{name}: it contains no frames{}: are --venue and --connection correct?",
                of.unwrap_or_default()
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    /// The times of the served frames of a log whose records have `times`.
    fn served(times: &[u64]) -> Vec<u64> {
        let name = format!("ticklot-serve-{}.jsonl", std::process::id());
        let log = std::env::temp_dir().join(name);
        let line = |at: &u64| format!("{{\"recv_ns\":{at},\"frame\":\"\"}}\n");
        std::fs::write(&log, times.iter().map(line).collect::<String>()).unwrap();
        let args = ["serve", "--venue=jayx", "--log", log.to_str().unwrap()];
        let command = ServeArgs::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(args).unwrap();
        let args = ServeArgs::from_arg_matches(&matches).unwrap();
        let mut output = Output {
            out: Box::new(std::io::sink()),
            err: Box::new(std::io::sink()),
            terminal: false,
        };
        let (_, recording) = load(&log, &args, &mut output).unwrap();
        std::fs::remove_file(&log).unwrap();
        recording.frames.iter().map(|frame| frame.recv_ns).collect()
    }

    #[test]
    fn frames_without_time_follow_immediately() {
        const ZERO: u64 = 1_700_000_000_000_000_000;
        assert_eq!(
            served(&[0, 0, ZERO, 0, ZERO + 5]),
            [ZERO, ZERO, ZERO, ZERO, ZERO + 5]
        );
        assert_eq!(
            served(&[ZERO + 5, ZERO, ZERO + 7]),
            [ZERO + 5, ZERO + 5, ZERO + 7]
        );
        assert_eq!(served(&[1 << 63, ZERO, ZERO + 7]), [ZERO, ZERO, ZERO + 7]);
        assert_eq!(served(&[0, 0]), [0, 0]);
    }
}
