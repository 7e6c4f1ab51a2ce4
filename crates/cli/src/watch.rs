//! `ticklot watch`: live books, on a terminal, in lines or in JSON.

mod draw;
#[cfg(test)]
mod fixture;
mod gather;
pub mod headless;
mod json;
mod keys;
mod latency;
mod lines;
mod log;
mod marks;
mod model;
mod pen;
mod recent;
mod screen;
mod shot;
mod show;
pub mod terminal;

use ticklot::bayse;
use ticklot::capture::Incidents;
use ticklot::jayx;
use ticklot::{Disconnect, Ended, Feed, Options, Venue, VenueName};
use ticklot_sim::Simulator;

use self::json::Json;
use self::lines::Lines;
use self::screen::Screen;
use self::show::{Begin, Show, Watcher};
use crate::args::{ChannelArg, EventArg, FollowArgs, VenueArg, WatchArgs, check_effects};
use crate::config::TransportTable;
use crate::drive::Driver;
use crate::follow::VenueHandler;
use crate::replay::built;
use crate::{Failure, Output, connect, follow, kraken, record, tell};

pub(crate) fn run(args: &WatchArgs, output: &mut Output) -> Result<(), Failure> {
    let mut incidents = None;
    let watched = if args.json {
        let scale = args.follow.book.scale(jayx::BTCUSDT)?;
        let json = Json::new(&mut output.out, scale, args.depth);
        watch(json, args, &mut incidents)
    } else if output.terminal {
        let screen = Screen::new(&mut output.out, args.depth);
        watch(screen, args, &mut incidents)
    } else {
        watch(Lines::new(output), args, &mut incidents)
    };
    record::tell_incidents(incidents.as_ref(), output);
    watched
}

/// Follows what was asked for until its end, and shows it.
fn watch<S: Show>(
    show: S,
    args: &WatchArgs,
    incidents: &mut Option<Incidents>,
) -> Result<(), Failure> {
    let driver = Driver::new(&args.follow)?;
    let simulator = embedded(&args.follow)?;
    let mut feed = Feed::new(Watcher::new(show)?);
    feed.tick_every(S::TICK);
    let venues = add_venues(&mut feed, &args.follow, simulator.as_ref())?;
    if args.latency {
        feed.measure();
    }
    let (clock, stopper) = (feed.clock(), feed.stopper());
    *incidents = record::incidents(&mut feed, &args.follow)?;
    let watcher = feed.handler_mut();
    watcher.begin(Begin {
        clock,
        stopper,
        venues,
    })?;
    if let Some(path) = &args.follow.books {
        // Last of all that can go wrong before the work: it empties the file.
        watcher.write_rows(crate::replay::create_rows(path, &[])?);
    }
    let driven = driver.drive(&mut feed, args.follow.duration, S::HANGS_UP);
    let (books, mut watcher) = feed.into_parts();
    watcher.count_paths(driven.as_deref().unwrap_or_default());
    watcher.end(&books)?;
    driven?
        .iter()
        .try_for_each(|end| verdict(end, args.follow.once))
}

/// The embedded servers, where no URL names another.
pub(crate) fn embedded(args: &FollowArgs) -> Result<Option<Simulator>, Failure> {
    if !needs_simulator(args) {
        return Ok(None);
    }
    let (jayx, bayse) = (
        ticklot_sim::jayx::Config::default(),
        ticklot_sim::bayse::Config::default(),
    );
    let cannot = |error| Failure::work(format_args!("cannot start the embedded venues: {error}"));
    Simulator::spawn(jayx, bayse).map(Some).map_err(cannot)
}

/// Whether a connection's end is what was wanted.
pub(crate) fn verdict(end: &Ended, once: bool) -> Result<(), Failure> {
    match end.reason {
        Disconnect::Stopped => Ok(()),
        // A server that closes with no code, or because it goes away, closes normally too.
        Disconnect::Closed {
            code: 1000 | 1001 | 1005,
            ..
        } if once => Ok(()),
        Disconnect::Impossible(_) => Err(Failure::Usage(end.reason.to_string())),
        _ => {
            let advice = tell::advice(&end.reason);
            Err(Failure::work(format_args!("{}{advice}", end.reason)))
        }
    }
}

/// Whether an embedded server is followed.
fn needs_simulator(args: &FollowArgs) -> bool {
    match &args.setup {
        Some(setup) => setup.needs_simulator(args),
        None => args.url.is_none() && args.venue != Some(VenueArg::Kraken),
    }
}

/// Adds what is to be followed, and returns the venue of each connection.
pub(crate) fn add_venues<H: VenueHandler>(
    feed: &mut Feed<H>,
    args: &FollowArgs,
    simulator: Option<&Simulator>,
) -> Result<Vec<VenueName>, Failure> {
    check_options(args)?;
    if let Some(setup) = &args.setup {
        return setup.add(feed, args, simulator);
    }
    let mut options = Options::default();
    options.reconnect.after_close = !args.once;
    options.reconnect.first_attempts = args.first_attempts();
    let transport = match args.url.is_some() || args.venue == Some(VenueArg::Kraken) {
        true => connect::transport(args, &TransportTable::default())?,
        // An embedded server is on this machine.
        false => ticklot_transport::Config::default(),
    };
    if args.venue == Some(VenueArg::Kraken) {
        feed.add_with(kraken::follow(args)?, options, transport);
        return Ok(vec![VenueName::KRAKEN]);
    }
    let url = |venue| {
        let embedded = || simulator.and_then(|simulator| simulator.url(venue));
        args.url.clone().or_else(embedded).unwrap_or_default()
    };
    let mut venues = Vec::new();
    if args.venue != Some(VenueArg::Bayse) {
        let plan = follow::jayx(args, args.book.scale(jayx::BTCUSDT)?)?;
        for venue in built(plan.url(&url(ticklot_sim::Venue::Jayx)).connections())? {
            feed.add_with(venue, options.clone(), transport.clone());
            venues.push(VenueName::JAYX);
        }
    }
    if args.venue != Some(VenueArg::Jayx) {
        let (url, scale) = (
            url(ticklot_sim::Venue::Bayse),
            args.book.scale(bayse::CENTS)?,
        );
        match follow::any(args)? {
            Some(venue) => {
                feed.add_with(
                    built(venue.url(&url).scale(scale).build())?,
                    options,
                    transport,
                );
                venues.push(VenueName::BAYSE);
            }
            None => {
                let plan = follow::bayse(args)?.url(&url).scale(scale);
                for (_, venue) in built(plan.connections())? {
                    // One with nothing to follow would wait for commands, and none will come.
                    if venue.is_wanted() {
                        feed.add_with(venue, options.clone(), transport.clone());
                        venues.push(VenueName::BAYSE);
                    }
                }
            }
        }
    }
    Ok(venues)
}

/// Options without an effect on what is followed are mistakes.
fn check_options(args: &FollowArgs) -> Result<(), Failure> {
    let of = |venue: VenueArg| match (args.venue, venue) {
        // Without a config file there is no connection to Kraken.
        (None, VenueArg::Kraken) => args.setup.is_some(),
        (only, venue) => only.is_none_or(|only| only == venue),
    };
    let (jayx, bayse, kraken) = (
        of(VenueArg::Jayx),
        of(VenueArg::Bayse),
        of(VenueArg::Kraken),
    );
    let is_any = |names: &[String]| matches!(names, [any] if any == "any");
    let any = bayse && is_any(&args.market);
    let channels = follow::channels(args);
    let carries = |of: &[ChannelArg]| bayse && of.iter().any(|it| channels.contains(it));
    let (orderbook, activity, prices) = (
        ChannelArg::Orderbook,
        ChannelArg::Activity,
        ChannelArg::Prices,
    );
    let has_symbol =
        args.event.is_empty() || args.event.iter().any(|it| *it != EventArg::Positions);
    let has_kline = args.event.contains(&EventArg::Kline);
    let book = &args.book;
    let options = [
        (book.envelope.is_some(), jayx, "--envelope is for JayX"),
        (!args.event.is_empty(), jayx, "--event is for JayX"),
        (
            args.interval.is_some(),
            jayx && has_kline,
            "--interval is for JayX's --event kline",
        ),
        (
            !book.symbol.is_empty(),
            jayx && has_symbol || kraken,
            "--symbol is for JayX, but for --event positions, and for Kraken",
        ),
        (
            args.book_depth.is_some(),
            kraken,
            "--book-depth is for Kraken",
        ),
        (
            !args.market.is_empty(),
            carries(&[orderbook, activity, ChannelArg::Orders]),
            "--market is for Bayse's --channel orderbook, activity and orders",
        ),
        (!args.channel.is_empty(), bayse, "--channel is for Bayse"),
        (
            args.event_id.is_some(),
            carries(&[prices, activity]),
            "--event-id is for Bayse's --channel prices and activity",
        ),
        (
            args.user_id.is_some(),
            carries(&[ChannelArg::UserTrades]),
            "--user-id is for Bayse's --channel user_trades",
        ),
        (
            !args.asset.is_empty(),
            carries(&[ChannelArg::AssetPrices]),
            "--asset is for Bayse's --channel asset_prices",
        ),
        (
            book.currency.is_some(),
            carries(&[orderbook]),
            "--currency is for Bayse's --channel orderbook",
        ),
        (
            any && !args.channel.is_empty(),
            false,
            "--channel has no effect with --market any, which subscribes to nothing",
        ),
    ];
    check_effects(&options)
}
