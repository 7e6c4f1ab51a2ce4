//! `ticklot watch`: live books, on a terminal, in lines or in JSON.

mod change_highlights;
mod draw;
#[cfg(test)]
mod fixture;
pub mod headless;
mod json;
mod keys;
mod latency;
mod latest_value;
mod lines;
mod log;
mod model;
mod output_mode;
mod recent_items;
mod renderer;
mod screen;
pub mod terminal;
mod ui_publisher;
mod ui_snapshot;

use std::num::NonZeroUsize;

use clap::Args;
use ticklot::Feed;
use ticklot::capture::Incidents;

use self::json::Json;
use self::lines::Lines;
use self::output_mode::{OutputMode, StartInfo, Watcher};
use self::screen::Screen;
use crate::config::{File, MergedConfig, Source};
use crate::csv_rows::create_rows;
use crate::driver::{Driver, check_end};
use crate::failure::Failure;
use crate::feed_args::FeedArgs;
use crate::incidents;
use crate::output::Output;
use crate::parse::levels;

/// The examples of its help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ticklot watch
  ticklot watch --venue jayx --url wss://stream.jayxstaging.com:8443 --symbol BTCUSDT
  ticklot watch --venue bayse --channel prices --duration 10s
  ticklot watch --venue jayx --jayx-stream orderbook,kline --duration 1m
  ticklot watch --venue bayse --json --duration 10s
  ticklot watch --venue kraken --symbol BTC/USD,ETH/USD --book-depth 100
  ticklot watch --venue jayx --spin --cpu 1 --keep-warm 100us --latency --duration 10s

Exit status: 0, also after Ctrl-C; 1 when a connection cannot be made or kept; 2 when the arguments are wrong.";

/// The options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    feed: FeedArgs,
    /// End with a table of how long each stage took
    #[arg(long, conflicts_with = "json")]
    latency: bool,
    /// Print everything that happens, one JSON object a line: see docs/json.md
    #[arg(long)]
    json: bool,
    /// Show this many levels a side at most, on a terminal and in JSON; as many as there are room
    /// for, and all, when left out
    #[arg(long, value_name = "N", value_parser = levels)]
    depth: Option<NonZeroUsize>,
}

pub(crate) fn run(
    args: &WatchArgs,
    config: Option<(Source, File)>,
    output: &mut Output,
) -> Result<(), Failure> {
    let config = MergedConfig::new(config, &args.feed, Some(1))?;
    let mut incidents = None;
    let watched = if args.json {
        let json = Json::new(&mut output.out, args.depth);
        watch(json, args, &config, &mut incidents)
    } else if output.terminal {
        let screen = Screen::new(&mut output.out, args.depth);
        watch(screen, args, &config, &mut incidents)
    } else {
        watch(Lines::new(output), args, &config, &mut incidents)
    };
    incidents::report(incidents.as_ref(), output);
    watched
}

/// Runs the feed until its end, and shows it.
fn watch<S: OutputMode>(
    show: S,
    args: &WatchArgs,
    config: &MergedConfig,
    incidents: &mut Option<Incidents>,
) -> Result<(), Failure> {
    let driver = Driver::new(&args.feed.spin)?;
    let simulator = config.start_simulator()?;
    let mut feed = Feed::new(Watcher::new(show)?);
    feed.tick_every(S::TICK);
    let venues = config.add_to(&mut feed, simulator.as_ref())?;
    if args.latency {
        feed.measure();
    }
    let (clock, stopper) = (feed.clock(), feed.shutdown_handle());
    *incidents = incidents::record(&mut feed, args.feed.incidents.as_deref())?;
    let watcher = feed.handler_mut();
    watcher.begin(StartInfo {
        clock,
        stopper,
        venues,
    })?;
    if let Some(path) = &args.feed.books {
        // Last of all that can go wrong before the work: it empties the file.
        watcher.write_rows(create_rows(path, &[])?);
    }
    let driven = driver.drive(&mut feed, args.feed.duration, S::HANGS_UP);
    let (books, mut watcher) = feed.into_parts();
    watcher.count_paths(driven.as_deref().unwrap_or_default());
    watcher.end(&books)?;
    driven?
        .iter()
        .try_for_each(|end| check_end(end, args.feed.no_reconnect))
}
