//! What to follow, from the command line.

use ticklot::bayse::{Auth, Bayse, Currency, Plan, RequestError, Symbol, Topic};
use ticklot::jayx::{self, ApiKey, JayX};
use ticklot::{OnMessage, Scale};
use ticklot_sim::bayse::{Event, Listing, User};

use crate::Failure;
use crate::args::{BookArgs, ChannelArg, EventArg, FollowArgs};
use crate::kraken::Kraken;

/// A handler of the feeds of every venue.
pub(crate) trait VenueHandler:
    OnMessage<JayX> + OnMessage<Bayse> + OnMessage<Kraken>
{
}

impl<H: OnMessage<JayX> + OnMessage<Bayse> + OnMessage<Kraken>> VenueHandler for H {}

/// What `--channel` and the options beside it ask for: of the embedded server where no `--url` names
/// another, and then with its own ids.
pub(crate) fn bayse(args: &FollowArgs) -> Result<Plan, Failure> {
    let embedded = args.url.is_none();
    let mut plan = Plan::new();
    if channels(args).contains(&ChannelArg::Orders) {
        plan = plan.auth(credentials(embedded)?);
    }
    for (currency, topic) in bayse_topics(args, embedded)? {
        plan = plan.follow_in(currency, topic);
    }
    Ok(plan)
}

/// The topics alone; with the ids of the embedded server, if it is that.
pub(crate) fn bayse_topics(
    args: &FollowArgs,
    embedded: bool,
) -> Result<Vec<(Currency, Topic)>, Failure> {
    let mut all = Vec::new();
    for channel in channels(args) {
        let topics = topics(channel, args, embedded)?.into_iter();
        all.extend(topics.map(|topic| (currency(args), topic)));
    }
    Ok(all)
}

/// What `--event` and the options beside it ask for, of JayX.
pub(crate) fn jayx(args: &FollowArgs, scale: Scale) -> Result<jayx::Plan, Failure> {
    let mut plan = jayx::Plan::new().envelope(args.book.envelope());
    if [EventArg::Positions, EventArg::Openorders]
        .iter()
        .any(|event| args.event.contains(event))
    {
        plan = plan.key(account_key(args.url.is_none())?);
    }
    for topic in jayx_topics(args)? {
        plan = plan.follow_with(topic, scale);
    }
    Ok(plan)
}

/// The topics alone.
pub(crate) fn jayx_topics(args: &FollowArgs) -> Result<Vec<jayx::Topic>, Failure> {
    let symbol = args.book.jayx_symbol()?;
    let events = match args.event.as_slice() {
        [] => &[EventArg::Orderbook],
        events => events,
    };
    let topic = |event: &EventArg| match event {
        EventArg::Orderbook => jayx::Topic::order_book(symbol),
        EventArg::Kline => jayx::Topic::kline(symbol, args.interval.as_deref().unwrap_or("1")),
        EventArg::Positions => jayx::Topic::Positions,
        EventArg::Openorders => jayx::Topic::open_orders(symbol),
    };
    Ok(events.iter().map(topic).collect())
}

/// The key is read from the environment, where other users of the machine do not see it; the embedded
/// server has one of its own.
fn account_key(embedded: bool) -> Result<ApiKey, Failure> {
    let demo = || Some(ticklot_sim::jayx::Account::demo().api_key).filter(|_| embedded);
    variable("TICKLOT_API_KEY")
        .or_else(demo)
        .map(ApiKey::new)
        .ok_or_else(|| {
            Failure::Usage("balances and orders need TICKLOT_API_KEY to be set".to_owned())
        })
}

/// A variable of the environment that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The channels that are asked for; order books when none is.
pub(crate) fn channels(args: &FollowArgs) -> Vec<ChannelArg> {
    match args.channel.as_slice() {
        [] => vec![ChannelArg::Orderbook],
        channels => channels.to_vec(),
    }
}

/// A server that sends by itself, such as one that plays a recording.
pub(crate) fn any(args: &FollowArgs) -> Result<Option<Bayse>, Failure> {
    match args.market.as_slice() {
        [any] if any == "any" && args.url.is_none() => Err(Failure::Usage(
            "--market any subscribes to nothing: it is for a server that sends by itself (--url)"
                .to_owned(),
        )),
        [any] if any == "any" => Ok(Some(any_of(&args.book))),
        _ => Ok(None),
    }
}

fn currency(args: &FollowArgs) -> Currency {
    args.book.currency.map_or(Currency::Usd, Currency::from)
}

/// Keeps whatever books arrive, of the currency that is named, if one is.
pub(crate) fn any_of(args: &BookArgs) -> Bayse {
    match args.currency {
        Some(currency) => Bayse::any().currency(currency.into()),
        None => Bayse::any(),
    }
}

fn topics(channel: ChannelArg, args: &FollowArgs, embedded: bool) -> Result<Vec<Topic>, Failure> {
    let id = |given: &Option<String>, default: String, option: &str| match given {
        Some(id) => Ok(id.clone()),
        None if embedded => Ok(default),
        None => Err(Failure::Usage(format!(
            "{option} is needed with --url for this channel"
        ))),
    };
    let event = || id(&args.event_id, Event::rate_cut().id, "--event-id");
    Ok(match channel {
        ChannelArg::Orderbook => markets(args, embedded)?.map(Topic::order_book).collect(),
        ChannelArg::Orders => markets(args, embedded)?.map(Topic::orders).collect(),
        ChannelArg::Prices => vec![Topic::prices(event()?)],
        ChannelArg::Activity => activity(&event()?, &args.market),
        ChannelArg::UserTrades => vec![Topic::user_trades(id(
            &args.user_id,
            User::demo().id,
            "--user-id",
        )?)],
        ChannelArg::AssetPrices => assets(args)?.into_iter().map(Topic::asset_price).collect(),
    })
}

/// The fills of an event: of all of its markets, or of those that are named.
fn activity(event: &str, markets: &[String]) -> Vec<Topic> {
    match markets {
        [] => vec![Topic::activity(event)],
        markets => markets
            .iter()
            .map(|market| Topic::activity_of(event, market))
            .collect(),
    }
}

fn markets(args: &FollowArgs, embedded: bool) -> Result<impl Iterator<Item = String>, Failure> {
    let markets = match args.market.as_slice() {
        [] if embedded => vec![Listing::rate_cut().market_id],
        [] => {
            return Err(Failure::Usage(
                "--market is needed with --url: ids, or `any`".to_owned(),
            ));
        }
        markets if markets.iter().any(|id| id.is_empty() || id == "any") => {
            return Err(Failure::Usage(
                "--market takes ids, or `any` alone".to_owned(),
            ));
        }
        markets => markets.to_vec(),
    };
    Ok(markets.into_iter())
}

fn assets(args: &FollowArgs) -> Result<Vec<Symbol>, Failure> {
    if args.asset.is_empty() {
        return Ok(Symbol::ALL.to_vec());
    }
    let known = |name: &String| {
        name.parse()
            .map_err(|error: RequestError| Failure::Usage(format!("--asset {name}: {error}")))
    };
    args.asset.iter().map(known).collect()
}

/// Credentials are read from the environment, where other users of the machine do not see them; the
/// embedded server has some of its own.
fn credentials(embedded: bool) -> Result<Auth, Failure> {
    let demo = User::demo();
    Auth::from_parts(
        variable("TICKLOT_API_KEY"),
        variable("TICKLOT_ACCESS_TOKEN"),
        None,
    )
    .or_else(|| Auth::from_parts(demo.api_key, None, None).filter(|_| embedded))
    .ok_or_else(|| {
        Failure::Usage("orders need TICKLOT_API_KEY or TICKLOT_ACCESS_TOKEN to be set".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_filter_the_fills_of_an_event() {
        let mut args = FollowArgs {
            channel: vec![ChannelArg::Activity],
            event_id: Some("e".to_owned()),
            ..FollowArgs::default()
        };
        let followed = |args: &FollowArgs| -> Vec<Topic> {
            let all = bayse_topics(args, false).unwrap();
            all.into_iter().map(|(_, topic)| topic).collect()
        };
        assert_eq!(followed(&args), [Topic::activity("e")]);
        args.market = vec!["m1".to_owned(), "m2".to_owned()];
        let two = [Topic::activity_of("e", "m1"), Topic::activity_of("e", "m2")];
        assert_eq!(followed(&args), two);
    }
}
