//! `ticklot serve`: a venue's simulated server, or a recorded log.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ticklot::ConnectionId;
use ticklot::capture::FrameLog;
use ticklot::tap::Kind;
use ticklot_sim::{RecordedFrame, Recording, Server, Speed, Venue, bayse, jayx};

use crate::args::{ServeArgs, SpeedArg, VenueArg};
use crate::offline::{Doubts, Faults, is_of, venue_of};
use crate::{Failure, Output};

pub(crate) fn run(args: &ServeArgs, output: &mut Output) -> Result<(), Failure> {
    if args.from.is_none() && args.venue == Some(VenueArg::Kraken) {
        return Err(Failure::Usage(
            "there is no simulated server of Kraken: --from LOG plays a recorded one".to_owned(),
        ));
    }
    let recorded = args.from.as_deref().map(|path| load(path, args, output));
    let recorded = recorded.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::work)?;
    runtime.block_on(async {
        let (server, served) = start(args, recorded).await.map_err(|error| {
            Failure::work(format_args!("cannot serve on {}: {error}", args.listen))
        })?;
        // The first poll installs the handler: an interrupt may follow the first line at once.
        let mut interrupted = std::pin::pin!(crate::signals::interrupted(false));
        tokio::select! {
            biased;
            () = &mut interrupted => return Ok(()),
            () = std::future::ready(()) => {}
        }
        // One write: a reader that takes the URL alone may leave.
        let text = format!("{}\n{served}", server.url());
        output.out.write_all(text.as_bytes())?;
        output.out.flush()?;
        interrupted.await;
        server.shutdown().await;
        Ok(())
    })
}

/// A recording, and the venue that it is of.
type Recorded = (VenueArg, Arc<Recording>);

/// The server, and a line for each thing that its market serves.
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

/// Reads the frames of one connection. A log that is broken anywhere is not served: what was recorded is
/// not what would be sent. One that is cut off is served up to its cut.
fn load(path: &Path, args: &ServeArgs, output: &mut Output) -> Result<Recorded, Failure> {
    let cannot =
        |what: &dyn std::fmt::Display| Failure::work(format_args!("{}: {what}", path.display()));
    let log = FrameLog::open(path).map_err(|error| cannot(&error))?;
    let log = log.everything();
    let mut log = match args.conn {
        Some(connection) => log.of(ConnectionId(connection)),
        None => log,
    };
    let (mut frames, mut faults) = (Vec::<RecordedFrame>::new(), Faults::default());
    let (mut first, mut venue) = (None, args.venue);
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_cut() => {
                let path = path.display();
                writeln!(output.err, "ticklot: {path}: {error}: the rest is served")?;
                continue;
            }
            Err(error) => return Err(cannot(&error)),
        };
        faults.count_dropped(record);
        if record.kind != Kind::Received {
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
            return Err(Failure::Usage(format!(
                "{} holds several connections, such as {first} and {connection}: choose one with --conn",
                path.display()
            )));
        }
        // As in a replay, a frame without a time, or with an earlier one, has that of the frame before.
        let before = frames.last().map_or(0, |frame| frame.recv_ns);
        frames.push(RecordedFrame {
            recv_ns: record.recv_ns.max(before),
            frame: record.frame.clone(),
        });
    }
    // Frames before the first known time are due with it.
    let begin = frames.iter().map(|frame| frame.recv_ns).find(|at| *at > 0);
    for frame in frames.iter_mut().take_while(|frame| frame.recv_ns == 0) {
        frame.recv_ns = begin.unwrap_or(0);
    }
    faults.doubts = Doubts::of(&log);
    faults.tell(path, output);
    match venue {
        Some(venue) if !frames.is_empty() => Ok((venue, Arc::new(Recording { frames }))),
        _ => Err(cannot(&format_args!(
            "no frames{} in it to be played: are --venue and --conn right?",
            args.venue
                .map_or(String::new(), |venue| format!(" of {}", venue.name()))
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser;

    /// The times of the served frames of a log with these times.
    fn served(times: &[u64]) -> Vec<u64> {
        let name = format!("ticklot-serve-{}.jsonl", std::process::id());
        let log = std::env::temp_dir().join(name);
        let line = |at: &u64| format!("{{\"recv_ns\":{at},\"frame\":\"\"}}\n");
        std::fs::write(&log, times.iter().map(line).collect::<String>()).unwrap();
        let args = ["ticklot", "serve", "--venue=jayx", "--from"];
        let args = args.map(str::to_owned).into_iter();
        let cli = Cli::try_parse_from(args.chain([log.to_str().unwrap().to_owned()])).unwrap();
        let Some(Command::Serve(args)) = cli.command else {
            panic!("another command")
        };
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
    fn a_frame_without_a_time_is_not_waited_for() {
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
