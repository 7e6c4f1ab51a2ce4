//! `ticklot watch`: shows live books on a terminal, as lines or as JSON.

mod change_highlights;
mod draw;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden_tests;
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
use crate::csv_rows::CsvRows;
use crate::driver::{Driver, check_end};
use crate::failure::Failure;
use crate::feed_args::FeedArgs;
use crate::incidents;
use crate::output::Output;
use crate::parse::levels;

/// The end of the help text.
pub(crate) const EXAMPLES: &str = "\
Examples:
  ticklot watch
  ticklot watch --venue jayx --url wss://stream.jayxstaging.com:8443 --symbol BTCUSDT
  ticklot watch --venue bayse --channel prices --duration 10s
  ticklot watch --venue jayx --jayx-stream orderbook,kline --duration 1m
  ticklot watch --venue bayse --json --duration 10s
  ticklot watch --venue kraken --symbol BTC/USD,ETH/USD --book-depth 100
  ticklot watch --venue jayx --spin --cpu 1 --keep-warm 100us --latency --duration 10s

Exit status: 0, also after Ctrl-C; 1 when a connection cannot be made or kept; 2 when the arguments are invalid.";

/// The options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    feed: FeedArgs,
    /// Print a table of the latency of each stage at the end
    #[arg(long, conflicts_with = "json")]
    latency: bool,
    /// Print every event as a JSON object, one a line (see docs/json.md)
    #[arg(long)]
    json: bool,
    /// The most levels per side to show (by default, as many as fit on a terminal, and all in JSON)
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

/// Runs the feed until its end, and shows it in an output mode.
fn watch<S: OutputMode>(
    mode: S,
    args: &WatchArgs,
    config: &MergedConfig,
    incidents: &mut Option<Incidents>,
) -> Result<(), Failure> {
    let driver = Driver::new(&args.feed.spin)?;
    let simulator = config.start_simulator()?;
    let mut feed = Feed::new(Watcher::new(mode));
    feed.timer_interval(S::TICK);
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
    // After all other checks, because it truncates the file.
    watcher.rows = CsvRows::create(args.feed.books.as_deref(), &[])?;
    let driven = driver.drive(&mut feed, args.feed.duration, S::HANGS_UP);
    let (books, mut watcher) = feed.into_parts();
    watcher.count_paths(driven.as_deref().unwrap_or_default());
    watcher.end(&books)?;
    driven?
        .iter()
        .try_for_each(|end| check_end(end, args.feed.no_reconnect))
}
