//! `ticklot serve`: a venue's simulated server, or a recorded log.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ticklot::capture::FrameLog;
use ticklot_sim::{RecordedFrame, Recording, Server, Speed, Venue};

use crate::args::{ServeArgs, SpeedArg, VenueArg};
use crate::{Failure, Output};

pub(crate) fn run(args: &ServeArgs, output: &mut Output) -> Result<(), Failure> {
    let recording = args.from.as_deref().map(load).transpose()?;
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

/// Reads a whole log. A log that is broken anywhere is not served: what was recorded is not what
/// would be sent.
fn load(path: &Path) -> Result<Arc<Recording>, Failure> {
    let cannot = |error| Failure::work(format_args!("{}: {error}", path.display()));
    let frames = FrameLog::open(path)
        .map_err(cannot)?
        .map(|record| {
            record.map(|r| RecordedFrame {
                recv_ns: r.recv_ns,
                frame: r.frame,
            })
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(cannot)?;
    Ok(Arc::new(Recording { frames }))
}
