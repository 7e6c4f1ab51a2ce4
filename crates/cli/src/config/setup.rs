//! What a file and the command line together follow.

use std::collections::HashSet;
use std::time::Duration;

use ticklot::bayse::{self, Auth, Bayse, Currency, Symbol};
use ticklot::jayx::{self, ApiKey, Envelope, JayX};
use ticklot::{Feed, Options, Scale, VenueName};
use ticklot_sim::Simulator;
use ticklot_transport::Config;

use super::file::{
    BayseTable, CurrencyWord, EnvelopeWord, Header, Headers, Instrument, JayxTable, KrakenTable,
    Limit, Market, Source, Time, TransportTable,
};
use crate::args::{FollowArgs, VenueArg};
use crate::follow::VenueHandler;
use crate::kraken::{self, Depth, Kraken};
use crate::{Failure, connect, follow};

/// A file, and which options the command line has beside it.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) source: Source,
    given: HashSet<String>,
}

/// What to follow at JayX instead of what the file says.
const JAYX_TOPICS: [&str; 3] = ["symbol", "event", "interval"];
/// As above, at Bayse Markets.
const BAYSE_TOPICS: [&str; 6] = [
    "market", "channel", "event_id", "user_id", "asset", "currency",
];

/// A connection that is to be made.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) venue: PlannedVenue,
    pub(crate) options: Options,
    pub(crate) transport: Config,
}

#[derive(Debug)]
pub(crate) enum PlannedVenue {
    Jayx(Box<JayX>),
    Bayse(Box<Bayse>),
    Kraken(Box<Kraken>),
}

/// Where what a file does not have comes from.
pub(crate) struct Surroundings<'a> {
    /// The base URL of the embedded server of a venue.
    pub(crate) embedded: &'a dyn Fn(VenueArg) -> String,
    /// An environment variable that is set and not empty.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
}

/// How to connect.
struct Transports {
    /// Where the table of the file is.
    at: usize,
    remote: Config,
    embedded: Config,
}

/// What a table's connections are made of besides the table.
struct Around<'a> {
    surroundings: &'a Surroundings<'a>,
    transports: &'a Transports,
}

impl Setup {
    /// A file, and the names of the options that the command line has.
    pub(crate) fn new(source: Source, given: HashSet<String>) -> Self {
        Self { source, given }
    }

    /// Whether something is followed at an embedded server.
    pub(crate) fn needs_simulator(&self, args: &FollowArgs) -> bool {
        let file = &self.source.file;
        let jayx = file.jayx.iter().any(|it| it.as_ref().url.is_none());
        let bayse = file.bayse.iter().any(|it| it.as_ref().url.is_none());
        args.url.is_none()
            && (jayx && is_wanted(args, VenueArg::Jayx)
                || bayse && is_wanted(args, VenueArg::Bayse))
    }

    /// Adds every connection to a feed.
    pub(crate) fn add<H: VenueHandler>(
        &self,
        feed: &mut Feed<H>,
        args: &FollowArgs,
        simulator: Option<&Simulator>,
    ) -> Result<Vec<VenueName>, Failure> {
        let venue = |venue| match venue {
            VenueArg::Jayx => Some(ticklot_sim::Venue::Jayx),
            VenueArg::Bayse => Some(ticklot_sim::Venue::Bayse),
            VenueArg::Kraken => None,
        };
        let embedded = |of| {
            simulator
                .and_then(|it| it.url(venue(of)?))
                .unwrap_or_default()
        };
        let around = Surroundings {
            embedded: &embedded,
            variable: &follow::variable,
        };
        let planned = self.plan(args, &around)?;
        let mut venues = Vec::with_capacity(planned.len());
        for Planned {
            venue,
            options,
            transport,
        } in planned
        {
            match venue {
                PlannedVenue::Jayx(venue) => {
                    feed.add_with(*venue, options, transport);
                    venues.push(VenueName::JAYX);
                }
                PlannedVenue::Bayse(venue) => {
                    feed.add_with(*venue, options, transport);
                    venues.push(VenueName::BAYSE);
                }
                PlannedVenue::Kraken(venue) => {
                    feed.add_with(*venue, options, transport);
                    venues.push(VenueName::KRAKEN);
                }
            }
        }
        Ok(venues)
    }

    /// Every connection that is to be made.
    pub(crate) fn plan(
        &self,
        args: &FollowArgs,
        around: &Surroundings<'_>,
    ) -> Result<Vec<Planned>, Failure> {
        let file = &self.source.file;
        let transports = self.transports(args)?;
        let around = &Around {
            surroundings: around,
            transports: &transports,
        };
        let mut all = Vec::new();
        if is_wanted(args, VenueArg::Jayx) {
            for table in &file.jayx {
                let at = table.span().start;
                all.extend(self.jayx(table.as_ref(), at, args, around)?);
            }
        }
        if is_wanted(args, VenueArg::Bayse) {
            for table in &file.bayse {
                let at = table.span().start;
                all.extend(self.bayse(table.as_ref(), at, args, around)?);
            }
        }
        if is_wanted(args, VenueArg::Kraken) {
            for table in &file.kraken {
                let at = table.span().start;
                all.push(self.kraken(table.as_ref(), at, args, around)?);
            }
        }
        if all.is_empty() {
            let name = self.source.name();
            return Err(Failure::Usage(format!(
                "{name}: nothing to follow: it takes a [[jayx]], [[bayse]] or [[kraken]] table with something in it"
            )));
        }
        Ok(all)
    }

    /// How to connect, for the venues' servers and for embedded ones.
    fn transports(&self, args: &FollowArgs) -> Result<Transports, Failure> {
        let (none, spanned) = (
            TransportTable::default(),
            self.source.file.transport.as_ref(),
        );
        let (table, at) = spanned.map_or((&none, 0), |it| (it.as_ref(), it.span().start));
        let remote = if self.needs_a_server(args) {
            connect::transport(args, table).map_err(|error| self.source.wrong(at, error))?
        } else {
            table.limits()
        };
        Ok(Transports {
            at,
            remote,
            embedded: table.limits(),
        })
    }

    /// Whether something is followed at a server that is not embedded.
    fn needs_a_server(&self, args: &FollowArgs) -> bool {
        let file = &self.source.file;
        let has_url = |url: &Option<String>| url.is_some() || args.url.is_some();
        let jayx = file.jayx.iter().any(|it| has_url(&it.as_ref().url));
        let bayse = file.bayse.iter().any(|it| has_url(&it.as_ref().url));
        jayx && is_wanted(args, VenueArg::Jayx)
            || bayse && is_wanted(args, VenueArg::Bayse)
            || !file.kraken.is_empty() && is_wanted(args, VenueArg::Kraken)
    }

    /// The configuration of the connections of a table, with the headers of the file.
    fn transport(
        &self,
        headers: &Headers,
        at: usize,
        is_embedded: bool,
        around: &Around<'_>,
    ) -> Result<Config, Failure> {
        let transports = around.transports;
        if is_embedded {
            return Ok(transports.embedded.clone());
        }
        let none = Headers::new();
        let table = self.source.file.transport.as_ref();
        let common = table.map_or(&none, |it| &it.as_ref().headers);
        // A venue's own header replaces one of the same name.
        let is_replaced = |name: &String| headers.keys().any(|own| own.eq_ignore_ascii_case(name));
        let common = common.iter().filter(|(name, _)| !is_replaced(name));
        let common = common.map(|header| (transports.at, header));
        let own = headers.iter().map(|header| (at, header));
        common
            .chain(own)
            .try_fold(transports.remote.clone(), |config, (at, (name, value))| {
                let wrong = |what: &dyn std::fmt::Display| {
                    self.source
                        .wrong(at, format_args!("the header {name}: {what}"))
                };
                let value = match value {
                    Header::Value(value) => value.clone(),
                    Header::Variable(it) => {
                        (around.surroundings.variable)(&it.env).ok_or_else(|| {
                            wrong(&format_args!("{} is not set in the environment", it.env))
                        })?
                    }
                };
                config
                    .with_header(name, &value)
                    .map_err(|error| wrong(&error))
            })
    }

    fn has(&self, options: &[&str]) -> bool {
        options.iter().any(|option| self.given.contains(*option))
    }

    fn jayx(
        &self,
        table: &JayxTable,
        at: usize,
        args: &FollowArgs,
        around: &Around<'_>,
    ) -> Result<Vec<Planned>, Failure> {
        let wrong = |what: &dyn std::fmt::Display| self.source.wrong(at, what);
        let url = args.url.as_ref().or(table.url.as_ref());
        let transport = self.transport(&table.headers, at, url.is_none(), around)?;
        let around = around.surroundings;
        let topics = if self.has(&JAYX_TOPICS) {
            let scale = args.book.scale(jayx::BTCUSDT)?;
            follow::jayx_topics(args)?
                .into_iter()
                .map(|topic| (topic, scale))
                .collect()
        } else {
            jayx_topics(table, args).map_err(|error| wrong(&error))?
        };
        let envelope = match args.book.envelope {
            Some(envelope) => envelope.into(),
            None => match table.envelope {
                EnvelopeWord::Auto => Envelope::Auto,
                EnvelopeWord::Socketio => Envelope::SocketIo,
                EnvelopeWord::Plain => Envelope::Plain,
            },
        };
        let mut plan = jayx::Plan::new().envelope(envelope);
        plan = match url {
            Some(url) => plan.url(url),
            None => plan.url(&(around.embedded)(VenueArg::Jayx)),
        };
        if topics.iter().any(|(topic, _)| needs_key(topic)) {
            let name = table.api_key_env.as_deref().unwrap_or("TICKLOT_API_KEY");
            let demo = || {
                url.is_none()
                    .then(|| ticklot_sim::jayx::Account::demo().api_key)
            };
            let key = (around.variable)(name).or_else(demo);
            plan = plan.key(ApiKey::new(key.ok_or_else(|| {
                wrong(&format_args!(
                    "balances and orders need {name} to be set in the environment"
                ))
            })?));
        }
        for (topic, scale) in topics {
            plan = plan.follow_with(topic, scale);
        }
        let venues = plan.connections().map_err(|error| wrong(&error))?;
        let planned = |venue| {
            let venue = PlannedVenue::Jayx(Box::new(venue));
            self.planned(venue, table.stale_after, transport.clone(), args)
        };
        Ok(venues.into_iter().map(planned).collect())
    }

    fn bayse(
        &self,
        table: &BayseTable,
        at: usize,
        args: &FollowArgs,
        around: &Around<'_>,
    ) -> Result<Vec<Planned>, Failure> {
        let wrong = |what: &dyn std::fmt::Display| self.source.wrong(at, what);
        let url = args.url.as_ref().or(table.url.as_ref());
        let transport = self.transport(&table.headers, at, url.is_none(), around)?;
        let around = around.surroundings;
        let embedded = || (around.embedded)(VenueArg::Bayse);
        let base = url.cloned().unwrap_or_else(embedded);
        let scale = scale(
            args,
            table.price_decimals,
            table.quantity_decimals,
            bayse::CENTS,
        )
        .map_err(|error| wrong(&error))?;
        if let Some(any) = follow::any(args)? {
            let venue = any
                .url(&base)
                .scale(scale)
                .build()
                .map_err(|error| wrong(&error))?;
            let venue = PlannedVenue::Bayse(Box::new(venue));
            return Ok(vec![self.planned(
                venue,
                table.stale_after,
                transport,
                args,
            )]);
        }
        let topics = if self.has(&BAYSE_TOPICS) {
            follow::bayse_topics(args, url.is_none())?
        } else {
            bayse_topics(table).map_err(|error| wrong(&error))?
        };
        let mut plan = bayse::Plan::new().url(&base).scale(scale);
        if let Some(Time(every)) = table.ping_every {
            plan = plan.ping_every(every);
        }
        if topics
            .iter()
            .any(|(_, topic)| matches!(topic, bayse::Topic::Orders(_)))
        {
            let auth = self.auth(table, url.is_none(), around);
            plan = plan.auth(auth.ok_or_else(|| {
                wrong(&"orders need the variable of api_key_env or access_token_env to be set in the environment")
            })?);
        }
        for (currency, topic) in topics {
            plan = plan.follow_in(currency, topic);
        }
        let venues = plan.connections().map_err(|error| wrong(&error))?;
        // One with nothing to follow would wait for commands, and none will come.
        let wanted = venues
            .into_iter()
            .filter(|(_, venue)| ticklot::Venue::is_wanted(venue));
        wanted
            .map(|(place, venue)| {
                let venue = adjusted((place, venue), table, args).map_err(|error| wrong(&error))?;
                let venue = venue.build().map_err(|error| wrong(&error))?;
                let venue = PlannedVenue::Bayse(Box::new(venue));
                Ok(self.planned(venue, table.stale_after, transport.clone(), args))
            })
            .collect()
    }

    fn kraken(
        &self,
        table: &KrakenTable,
        at: usize,
        args: &FollowArgs,
        around: &Around<'_>,
    ) -> Result<Planned, Failure> {
        let transport = self.transport(&table.headers, at, false, around)?;
        let url = args.url.as_deref().or(table.url.as_deref());
        let given = self.has(&["symbol"]).then(|| args.book.symbols());
        let symbols = given.unwrap_or(&table.symbols);
        let depth = self.kraken_depth(table, at, args)?;
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        if symbols.is_empty() {
            return Err(self.source.wrong(at, "a [[kraken]] table takes symbols"));
        }
        let venue = kraken::connection(&symbols, depth, table.trades, url)
            .map_err(|error| self.source.wrong(at, error))?;
        let venue = PlannedVenue::Kraken(Box::new(venue));
        Ok(self.planned(venue, table.stale_after, transport, args))
    }

    fn kraken_depth(
        &self,
        table: &KrakenTable,
        at: usize,
        args: &FollowArgs,
    ) -> Result<Depth, Failure> {
        match (args.book_depth, table.depth) {
            (Some(depth), _) => Ok(depth),
            (None, Some(depth)) => {
                let depth = kraken::depth(&depth.to_string());
                depth.map_err(|error| self.source.wrong(at, error))
            }
            (None, None) => Ok(Depth::default()),
        }
    }

    /// The credentials for one's own orders; the embedded server has some of its own.
    fn auth(&self, table: &BayseTable, embedded: bool, around: &Surroundings<'_>) -> Option<Auth> {
        let of = |name: &Option<String>, usual: &str| match (
            name,
            &table.api_key_env,
            &table.access_token_env,
        ) {
            (Some(name), ..) => (around.variable)(name),
            // What is not named is the usual one, when nothing is named at all.
            (None, None, None) => (around.variable)(usual),
            _ => None,
        };
        let key = of(&table.api_key_env, "TICKLOT_API_KEY");
        let token = of(&table.access_token_env, "TICKLOT_ACCESS_TOKEN");
        let demo = || Auth::from_parts(ticklot_sim::bayse::User::demo().api_key, None, None);
        Auth::from_parts(key, token, None).or_else(|| demo().filter(|_| embedded))
    }

    fn planned(
        &self,
        venue: PlannedVenue,
        stale_after: Option<Limit>,
        transport: Config,
        args: &FollowArgs,
    ) -> Planned {
        let mut options = self.options();
        options.reconnect.after_close = !args.once;
        let first = self.source.file.reconnect.first_attempts;
        options.reconnect.first_attempts = first.or(args.first_attempts());
        if let Some(Limit(limit)) = stale_after {
            options.stale_after = limit;
        }
        Planned {
            venue,
            options,
            transport,
        }
    }

    /// The options of all connections.
    pub(super) fn options(&self) -> Options {
        let (limits, table) = (&self.source.file.limits, &self.source.file.reconnect);
        let mut options = Options::default();
        if let Some(Limit(limit)) = limits.stale_after {
            options.stale_after = limit;
        }
        put(&mut options.max_frame, limits.max_frame);
        put(&mut options.max_memory, limits.max_memory);
        let rules = &mut options.reconnect;
        put_time(&mut rules.base, table.base);
        put_time(&mut rules.cap, table.cap);
        put_time(&mut rules.max_retry_after, table.max_retry_after);
        put_time(&mut rules.good_after, table.good_after);
        put_time(&mut rules.proven_after, table.proven_after);
        put(&mut rules.jitter, table.jitter);
        rules.attempts = table.attempts;
        // A wrong address is better told than tried for ever.
        rules.first_attempts = table.first_attempts.or(Some(1));
        options
    }
}

impl TransportTable {
    /// The limits alone.
    pub(crate) fn limits(&self) -> Config {
        let mut config = Config::default();
        put_time(&mut config.connect_timeout, self.connect_timeout);
        put_time(&mut config.tls_timeout, self.tls_timeout);
        put_time(&mut config.upgrade_timeout, self.upgrade_timeout);
        put_time(&mut config.write_timeout, self.write_timeout);
        put_time(&mut config.close_timeout, self.close_timeout);
        put(&mut config.max_message_size, self.max_message_size);
        config
    }
}

/// Whether the command line leaves a venue in.
fn is_wanted(args: &FollowArgs, venue: VenueArg) -> bool {
    args.venue.is_none_or(|only| only == venue)
}

fn put<T: Copy>(to: &mut T, value: Option<T>) {
    *to = value.unwrap_or(*to);
}

fn put_time(to: &mut Duration, value: Option<Time>) {
    put(to, value.map(|Time(time)| time));
}

fn needs_key(topic: &jayx::Topic) -> bool {
    matches!(
        topic,
        jayx::Topic::Positions | jayx::Topic::OpenOrders { .. }
    )
}

/// The scale of the command line, or of a table, or the usual one.
fn scale(
    args: &FollowArgs,
    price: Option<u8>,
    quantity: Option<u8>,
    usual: Scale,
) -> Result<Scale, ticklot::ScaleError> {
    let or = |given: Option<u8>, table: Option<u8>, usual| given.or(table).unwrap_or(usual);
    Scale::new(
        or(args.book.price_decimals, price, usual.price_decimals()),
        or(
            args.book.quantity_decimals,
            quantity,
            usual.quantity_decimals(),
        ),
    )
}

/// The scale of a market of a table: its own, or the table's.
pub(super) fn market_scale(
    table: &BayseTable,
    id: &str,
    args: &FollowArgs,
) -> Result<Scale, ticklot::ScaleError> {
    let usual = scale(
        args,
        table.price_decimals,
        table.quantity_decimals,
        bayse::CENTS,
    )?;
    match table.market.iter().find(|market| market.id == id) {
        Some(market) => scale(args, market.price_decimals, market.quantity_decimals, usual),
        None => Ok(usual),
    }
}

/// What a table follows at JayX.
pub(super) fn jayx_topics(
    table: &JayxTable,
    args: &FollowArgs,
) -> Result<Vec<(jayx::Topic, Scale)>, ticklot::ScaleError> {
    let mut topics = Vec::new();
    for it in &table.instrument {
        let scale = scale(args, it.price_decimals, it.quantity_decimals, jayx::BTCUSDT)?;
        topics.extend(instrument(it).into_iter().map(|topic| (topic, scale)));
    }
    if table.balances {
        topics.push((jayx::Topic::Positions, jayx::BTCUSDT));
    }
    Ok(topics)
}

fn instrument(it: &Instrument) -> Vec<jayx::Topic> {
    let symbol = &it.symbol;
    let mut topics = Vec::new();
    if it.orderbook {
        topics.push(match &it.precise {
            Some(precise) => jayx::Topic::OrderBook {
                symbol: symbol.clone(),
                precise: precise.clone(),
            },
            None => jayx::Topic::order_book(symbol),
        });
    }
    topics.extend(
        it.candles
            .iter()
            .map(|length| jayx::Topic::kline(symbol, length)),
    );
    if it.orders {
        topics.push(jayx::Topic::open_orders(symbol));
    }
    topics
}

/// What a table follows at Bayse Markets.
pub(super) fn bayse_topics(table: &BayseTable) -> Result<Vec<(Currency, bayse::Topic)>, String> {
    let mut topics = Vec::new();
    for market in &table.market {
        if market.orderbook {
            let book = |currency| (currency, bayse::Topic::order_book(&market.id));
            topics.extend(currencies(market).into_iter().map(book));
        }
        if market.orders {
            topics.push((Currency::Usd, bayse::Topic::orders(&market.id)));
        }
    }
    for event in &table.event {
        if event.prices {
            topics.push((Currency::Usd, bayse::Topic::prices(&event.id)));
        }
        if event.activity {
            topics.push((Currency::Usd, bayse::Topic::activity(&event.id)));
        }
    }
    let users = table.users.iter().map(bayse::Topic::user_trades);
    topics.extend(users.map(|topic| (Currency::Usd, topic)));
    for name in &table.assets {
        let asset: Symbol = name
            .parse()
            .map_err(|error| format!("assets: {name}: {error}"))?;
        topics.push((Currency::Usd, bayse::Topic::asset_price(asset)));
    }
    Ok(topics)
}

fn currencies(market: &Market) -> Vec<Currency> {
    let currency = |word: &CurrencyWord| match word {
        CurrencyWord::Usd => Currency::Usd,
        CurrencyWord::Ngn => Currency::Ngn,
    };
    match market.currencies.as_slice() {
        [] => vec![Currency::Usd],
        words => words.iter().map(currency).collect(),
    }
}

/// What a plan has no word for, put into each of its connections.
fn adjusted(
    (place, mut venue): (bayse::Place, Bayse),
    table: &BayseTable,
    args: &FollowArgs,
) -> Result<Bayse, ticklot::ScaleError> {
    for Market { id, .. } in &table.market {
        venue = venue.market_scale(id, market_scale(table, id, args)?);
    }
    if let Some(Time(patience)) = table.patience {
        venue = venue.patience(patience);
    }
    if let Some(first) = &table.first_books
        && place.endpoint == bayse::Endpoint::Markets
    {
        venue = venue.first_books(&first.url, first.outcomes.iter().cloned(), first.depth);
    }
    Ok(venue)
}
