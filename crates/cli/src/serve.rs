//! `ticklot serve`: a venue's simulated server, or a recorded log.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ticklot::ConnectionId;
use ticklot::capture::FrameLog;
use ticklot_sim::{RecordedFrame, Recording, Server, Speed, Venue};

use crate::args::{ServeArgs, SpeedArg, VenueArg};
use crate::{Failure, Output};

pub(crate) fn run(args: &ServeArgs, output: &mut Output) -> Result<(), Failure> {
    let recording = args.from.as_deref().map(|path| load(path, args, output));
    let recording = recording.transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::work)?;
    runtime.block_on(async {
        let server = start(args, recording).await.map_err(|error| {
            Failure::work(format_args!("cannot serve on {}: {error}", args.listen))
        })?;
        writeln!(output.out, "{}", server.url())?;
        output.out.flush()?;
        tokio::signal::ctrl_c().await.map_err(Failure::work)?;
        server.shutdown().await;
        Ok(())
    })
}

async fn start(args: &ServeArgs, recording: Option<Arc<Recording>>) -> std::io::Result<Server> {
    if let Some(recording) = recording {
        let venue = match args.venue {
            VenueArg::Jayx => Venue::Jayx,
            VenueArg::Bayse => Venue::Bayse,
        };
        let speed = match args.speed {
            SpeedArg::Times(times) => Speed::Times(times),
            SpeedArg::Max => Speed::Max,
        };
        return Server::playback(venue, recording, speed, args.listen).await;
    }
    let (listen, seed, faults) = (args.listen, args.seed, args.faults);
    match args.venue {
        VenueArg::Jayx => {
            Server::jayx(ticklot_sim::jayx::Config {
                listen,
                seed,
                faults,
                ..Default::default()
            })
            .await
        }
        VenueArg::Bayse => {
            Server::bayse(ticklot_sim::bayse::Config {
                listen,
                seed,
                faults,
                ..Default::default()
            })
            .await
        }
    }
}

/// Reads the frames of one connection. A log that is broken anywhere is not served: what was recorded is
/// not what would be sent. One that is cut off is served up to its cut.
fn load(path: &Path, args: &ServeArgs, output: &mut Output) -> Result<Arc<Recording>, Failure> {
    let cannot =
        |what: &dyn std::fmt::Display| Failure::work(format_args!("{}: {what}", path.display()));
    let log = FrameLog::open(path).map_err(|error| cannot(&error))?;
    let mut log = match args.conn {
        Some(connection) => log.of(ConnectionId(connection)),
        None => log,
    };
    let mut frames = Vec::new();
    let mut first = None;
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) if error.is_cut() => {
                let path = path.display();
                writeln!(
                    output.err,
                    "ticklot: {path}: {error}: what is before is served"
                )?;
                break;
            }
            Err(error) => return Err(cannot(&error)),
        };
        if !record.venue.is_empty() && record.venue != args.venue.name().0 {
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
        frames.push(RecordedFrame {
            recv_ns: record.recv_ns,
            frame: record.frame.clone(),
        });
    }
    if frames.is_empty() {
        return Err(cannot(&format_args!(
            "no frames of {} in it to be played: are --venue and --conn right?",
            args.venue.name()
        )));
    }
    Ok(Arc::new(Recording { frames }))
}
