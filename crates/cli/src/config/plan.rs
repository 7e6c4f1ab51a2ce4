//! The connections of the merged config.

use std::fmt;
use std::time::Duration;

use ticklot::bayse::{self, Bayse, Currency, Endpoint, Symbol};
use ticklot::book::ScaleError;
use ticklot::jayx::{self, JayX};
use ticklot::kraken::{Depth, Kraken};
use ticklot::venue::{Venue as _, VenueName};
use ticklot::{Feed, Options, Scale};
use ticklot_sim::Simulator;
use ticklot_transport::{Config, Error, Proxy, Roots};

use super::file::{
    BayseTable, Header, Headers, Instrument, JayxTable, KrakenTable, Limit, Market, Time,
    TransportTable,
};
use super::merge::MergedConfig;
use crate::book_args::{EnvelopeArg, scale};
use crate::credentials::{self, bayse_auth, bayse_variables, jayx_key};
use crate::failure::{Failure, usage, work};
use crate::parse::kraken_depth;
use crate::venues::{VenueArg, VenueHandler};

/// A connection to open.
#[derive(Debug)]
pub(super) struct PlannedConnection {
    venue: PlannedVenue,
    options: Options,
    transport: Config,
}

#[derive(Debug)]
enum PlannedVenue {
    Jayx(Box<JayX>),
    Bayse(Box<Bayse>),
    Kraken(Box<Kraken>),
}

/// The embedded servers and environment variables that a plan uses.
pub(super) struct Environment<'a> {
    /// The base URL of the embedded server of a venue.
    pub(super) embedded: &'a dyn Fn(VenueArg) -> String,
    /// The value of an environment variable; none when it is unset or empty.
    pub(super) variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    /// The URL of a table, or else of the embedded server.
    fn url(&self, url: Option<&String>, venue: VenueArg) -> String {
        url.cloned().unwrap_or_else(|| (self.embedded)(venue))
    }
}

/// The transport's configuration for each kind of server.
struct Transports {
    /// The position of the table in the file.
    at: usize,
    /// For servers on the network.
    network: Config,
    embedded: Config,
}

/// The inputs of a table's connections in addition to the table.
struct Inputs<'a> {
    environment: &'a Environment<'a>,
    transports: Transports,
}

impl MergedConfig {
    /// Starts the embedded servers if a table uses one.
    pub(crate) fn start_simulator(&self) -> Result<Option<Simulator>, Failure> {
        let jayx = self.file.jayx.iter().map(|it| &it.as_ref().url);
        let bayse = self.file.bayse.iter().map(|it| &it.as_ref().url);
        if jayx.chain(bayse).all(Option::is_some) {
            return Ok(None);
        }
        let simulator = Simulator::spawn(Default::default(), Default::default());
        simulator
            .map(Some)
            .map_err(|error| work!("cannot start the embedded venues: {error}"))
    }

    /// Adds all connections to a feed, and returns their venues.
    pub(crate) fn add_to<H: VenueHandler>(
        &self,
        feed: &mut Feed<H>,
        simulator: Option<&Simulator>,
    ) -> Result<Vec<VenueName>, Failure> {
        let venue = |venue| match venue {
            VenueArg::Jayx => Some(ticklot_sim::Venue::Jayx),
            VenueArg::Bayse => Some(ticklot_sim::Venue::Bayse),
            VenueArg::Kraken => None,
        };
        let embedded = |of| simulator.and_then(|it| it.url(venue(of)?));
        let planned = self.plan(&Environment {
            embedded: &|of| embedded(of).unwrap_or_default(),
            variable: &credentials::variable,
        })?;
        let mut venues = Vec::with_capacity(planned.len());
        for it in planned {
            let (options, transport) = (it.options, it.transport);
            venues.push(match it.venue {
                PlannedVenue::Jayx(venue) => {
                    feed.add_with(*venue, options, transport);
                    VenueName::JAYX
                }
                PlannedVenue::Bayse(venue) => {
                    feed.add_with(*venue, options, transport);
                    VenueName::BAYSE
                }
                PlannedVenue::Kraken(venue) => {
                    feed.add_with(*venue, options, transport);
                    VenueName::KRAKEN
                }
            });
        }
        Ok(venues)
    }

    /// All connections to open.
    pub(super) fn plan(
        &self,
        environment: &Environment<'_>,
    ) -> Result<Vec<PlannedConnection>, Failure> {
        let inputs = &Inputs {
            environment,
            transports: self.transports()?,
        };
        let mut all = Vec::new();
        for table in &self.file.jayx {
            all.extend(self.jayx(table.as_ref(), table.span().start, inputs)?);
        }
        for table in &self.file.bayse {
            all.extend(self.bayse(table.as_ref(), table.span().start, inputs)?);
        }
        for table in &self.file.kraken {
            all.push(self.kraken(table.as_ref(), table.span().start, inputs)?);
        }
        if all.is_empty() {
            let name = self.source.name().unwrap_or("the command line");
            return Err(usage!(
                "{name}: nothing to follow: add a [[jayx]], [[bayse]] or [[kraken]] table with a subscription"
            ));
        }
        Ok(all)
    }

    /// The transport's configuration for servers on the network and for embedded ones.
    fn transports(&self) -> Result<Transports, Failure> {
        let (none, spanned) = (TransportTable::default(), self.file.transport.as_ref());
        let (table, at) = spanned.map_or((&none, 0), |it| (it.as_ref(), it.span().start));
        let embedded = table.limits();
        let network = match self.uses_network() {
            true => table.network().map_err(|error| match error {
                // The message without the error's prefix, which is about the argument of a function.
                Error::Argument(what) => self.source.wrong(at, what),
                error => self.source.wrong(at, error),
            })?,
            false => embedded.clone(),
        };
        Ok(Transports {
            at,
            network,
            embedded,
        })
    }

    /// Whether a table uses a server that is not embedded.
    fn uses_network(&self) -> bool {
        let file = &self.file;
        let jayx = file.jayx.iter().any(|it| it.as_ref().url.is_some());
        let bayse = file.bayse.iter().any(|it| it.as_ref().url.is_some());
        jayx || bayse || !file.kraken.is_empty()
    }

    /// The configuration of a table's connections, with the headers of the file and of the table.
    fn transport(
        &self,
        headers: &Headers,
        at: usize,
        is_embedded: bool,
        inputs: &Inputs<'_>,
    ) -> Result<Config, Failure> {
        let transports = &inputs.transports;
        if is_embedded {
            return Ok(transports.embedded.clone());
        }
        let none = Headers::new();
        let table = self.file.transport.as_ref();
        let common = table.map_or(&none, |it| &it.as_ref().headers);
        // A header of the table replaces a common one of the same name.
        let is_replaced = |name: &String| headers.keys().any(|own| own.eq_ignore_ascii_case(name));
        let common = common.iter().filter(|(name, _)| !is_replaced(name));
        let common = common.map(|header| (transports.at, header));
        let mut config = transports.network.clone();
        for (at, (name, value)) in common.chain(headers.iter().map(|header| (at, header))) {
            let wrong = |what: &dyn fmt::Display| {
                let what = format_args!("the header {name}: {what}");
                self.source.wrong(at, what)
            };
            let value = match value {
                Header::Value(value) => value.clone(),
                Header::Variable(it) => {
                    (inputs.environment.variable)(&it.env).ok_or_else(|| {
                        wrong(&format_args!("{} is not set in the environment", it.env))
                    })?
                }
            };
            config = config
                .with_header(name, &value)
                .map_err(|error| wrong(&error))?;
        }
        Ok(config)
    }

    fn jayx(
        &self,
        table: &JayxTable,
        at: usize,
        inputs: &Inputs<'_>,
    ) -> Result<Vec<PlannedConnection>, Failure> {
        let wrong = |what: &dyn fmt::Display| self.source.wrong(at, what);
        let (is_embedded, environment) = (table.url.is_none(), inputs.environment);
        let transport = self.transport(&table.headers, at, is_embedded, inputs)?;
        let url = environment.url(table.url.as_ref(), VenueArg::Jayx);
        let mut plan = jayx::Plan::new().envelope(table.envelope.into()).url(&url);
        if table.needs_key() {
            let name = table.key_variable();
            let key = jayx_key((environment.variable)(name), is_embedded);
            plan = plan.key(key.ok_or_else(|| {
                wrong(&format_args!(
                    "balances and orders need {name} to be set in the environment"
                ))
            })?);
        }
        for (topic, scale) in table.topics().map_err(|error| wrong(&error))? {
            plan = plan.follow_with(topic, scale);
        }
        let venues = plan.connections().map_err(|error| wrong(&error))?;
        let planned = |venue| {
            let venue = PlannedVenue::Jayx(Box::new(venue));
            self.planned(venue, table.stale_after, transport.clone())
        };
        Ok(venues.into_iter().map(planned).collect())
    }

    fn bayse(
        &self,
        table: &BayseTable,
        at: usize,
        inputs: &Inputs<'_>,
    ) -> Result<Vec<PlannedConnection>, Failure> {
        let wrong = |what: &dyn fmt::Display| self.source.wrong(at, what);
        let (is_embedded, environment) = (table.url.is_none(), inputs.environment);
        let transport = self.transport(&table.headers, at, is_embedded, inputs)?;
        let url = environment.url(table.url.as_ref(), VenueArg::Bayse);
        let planned = |venue| {
            let venue = PlannedVenue::Bayse(Box::new(venue));
            self.planned(venue, table.stale_after, transport.clone())
        };
        let scale = table.scale().map_err(|error| wrong(&error))?;
        if let Some(currency) = table.accept_any {
            let venue = currency.map_or_else(Bayse::any, |it| Bayse::any().currency(it.into()));
            let venue = venue.url(&url).scale(scale).build();
            return Ok(vec![planned(venue.map_err(|error| wrong(&error))?)]);
        }
        let mut plan = bayse::Plan::new().url(&url).scale(scale);
        if let Some(Time(every)) = table.ping_every {
            plan = plan.ping_every(every);
        }
        if table.needs_credentials() {
            let (api_key, token) = table.credential_variables();
            let value = |name: Option<&str>| (environment.variable)(name?);
            let auth = bayse_auth(value(api_key), value(token), is_embedded);
            plan = plan.auth(auth.ok_or_else(|| {
                let names: Vec<&str> = [api_key, token].into_iter().flatten().collect();
                wrong(&format_args!(
                    "orders need {} to be set in the environment",
                    names.join(" or ")
                ))
            })?);
        }
        for (currency, topic) in table.topics().map_err(|error| wrong(&error))? {
            plan = plan.follow_in(currency, topic);
        }
        let venues = plan.connections().map_err(|error| wrong(&error))?;
        // A connection without subscriptions would wait for commands, which the program never sends.
        let used = venues
            .into_iter()
            .filter(|(_, venue)| venue.wants_connection());
        used.map(|(place, venue)| {
            let venue = table.adjust(place.endpoint, venue);
            let venue = venue.map_err(|error| wrong(&error))?.build();
            Ok(planned(venue.map_err(|error| wrong(&error))?))
        })
        .collect()
    }

    fn kraken(
        &self,
        table: &KrakenTable,
        at: usize,
        inputs: &Inputs<'_>,
    ) -> Result<PlannedConnection, Failure> {
        let wrong = |what: &dyn fmt::Display| self.source.wrong(at, what);
        let transport = self.transport(&table.headers, at, false, inputs)?;
        if table.symbols.is_empty() {
            return Err(wrong(&"a [[kraken]] table needs symbols"));
        }
        let depth = table.depth().map_err(|error| wrong(&error))?;
        let mut venue = match table.accept_any {
            true => Kraken::any(),
            false => Kraken::new(table.symbols.iter().map(String::as_str)).trades(table.trades),
        };
        if let Some(url) = &table.url {
            venue = venue.url(url);
        }
        let venue = venue.depth(depth).build().map_err(|error| wrong(&error))?;
        let venue = PlannedVenue::Kraken(Box::new(venue));
        Ok(self.planned(venue, table.stale_after, transport))
    }

    fn planned(
        &self,
        venue: PlannedVenue,
        stale_after: Option<Limit>,
        transport: Config,
    ) -> PlannedConnection {
        let mut options = self.options();
        if let Some(Limit(limit)) = stale_after {
            options.stale_after = limit;
        }
        PlannedConnection {
            venue,
            options,
            transport,
        }
    }

    /// The options of all connections.
    pub(super) fn options(&self) -> Options {
        let (limits, table) = (&self.file.limits, &self.file.reconnect);
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
        rules.first_attempts = table.first_attempts;
        rules.after_close = !table.is_off;
        options
    }
}

fn put<T: Copy>(to: &mut T, value: Option<T>) {
    *to = value.unwrap_or(*to);
}

fn put_time(to: &mut Duration, value: Option<Time>) {
    put(to, value.map(|Time(time)| time));
}

impl TransportTable {
    /// The limits, without certificates and proxy.
    fn limits(&self) -> Config {
        let mut config = Config::default();
        put_time(&mut config.connect_timeout, self.connect_timeout);
        put_time(&mut config.tls_timeout, self.tls_timeout);
        put_time(&mut config.upgrade_timeout, self.upgrade_timeout);
        put_time(&mut config.write_timeout, self.write_timeout);
        put_time(&mut config.close_timeout, self.close_timeout);
        put(&mut config.max_message_size, self.max_message_size);
        config
    }

    /// The limits, the certificates and the proxy. The latter two default to those of the environment.
    fn network(&self) -> Result<Config, Error> {
        let mut config = self.limits();
        let roots = match &self.ca {
            Some(path) => Some(Roots::from_pem_file(path)?),
            None => Roots::from_env()?,
        };
        let proxy = match &self.proxy {
            Some(url) => Some(Proxy::with_no_proxy_from_env(url)?),
            None => Proxy::from_env()?,
        };
        if let Some(roots) = roots {
            config = config.with_roots(roots);
        }
        if let Some(proxy) = proxy {
            config = config.with_proxy(proxy);
        }
        Ok(config)
    }
}

impl JayxTable {
    /// The subscriptions with their scales.
    pub(super) fn topics(&self) -> Result<Vec<(jayx::Topic, Scale)>, ScaleError> {
        let mut topics = Vec::new();
        for it in &self.instrument {
            let scale = scale(it.price_decimals, it.quantity_decimals, jayx::BTCUSDT)?;
            topics.extend(it.topics().into_iter().map(|topic| (topic, scale)));
        }
        if self.balances {
            topics.push((jayx::Topic::Positions, jayx::BTCUSDT));
        }
        Ok(topics)
    }

    /// Whether a subscription needs the account's key.
    pub(super) fn needs_key(&self) -> bool {
        self.balances || self.instrument.iter().any(|it| it.orders)
    }

    /// The environment variable of the account's key.
    pub(super) fn key_variable(&self) -> &str {
        self.api_key_env.as_deref().unwrap_or(credentials::API_KEY)
    }

    /// The envelope as users read it.
    pub(super) fn envelope_title(&self) -> &'static str {
        match self.envelope {
            EnvelopeArg::Auto => "Socket.IO or plain JSON",
            EnvelopeArg::Socketio => "Socket.IO",
            EnvelopeArg::Plain => "plain JSON",
        }
    }
}

impl Instrument {
    fn topics(&self) -> Vec<jayx::Topic> {
        let symbol = &self.symbol;
        let mut topics = Vec::new();
        if self.orderbook {
            topics.push(match &self.precise {
                Some(precise) => jayx::Topic::OrderBook {
                    symbol: symbol.clone(),
                    precise: precise.clone(),
                },
                None => jayx::Topic::order_book(symbol),
            });
        }
        let candles = self.candles.iter();
        topics.extend(candles.map(|length| jayx::Topic::kline(symbol, length)));
        if self.orders {
            topics.push(jayx::Topic::open_orders(symbol));
        }
        topics
    }
}

impl BayseTable {
    /// The subscriptions with their currencies.
    pub(super) fn topics(&self) -> Result<Vec<(Currency, bayse::Topic)>, String> {
        let mut topics = Vec::new();
        for market in &self.market {
            if market.orderbook {
                let book = |currency| (currency, bayse::Topic::order_book(&market.id));
                topics.extend(market.currencies().into_iter().map(book));
            }
            if market.orders {
                topics.push((Currency::Usd, bayse::Topic::orders(&market.id)));
            }
        }
        let mut other = Vec::new();
        for event in &self.event {
            if event.prices {
                other.push(bayse::Topic::prices(&event.id));
            }
            let markets = event.activity_markets.iter();
            match event.activity {
                true if event.activity_markets.is_empty() => {
                    other.push(bayse::Topic::activity(&event.id));
                }
                true => other.extend(markets.map(|it| bayse::Topic::activity_of(&event.id, it))),
                false => {}
            }
        }
        other.extend(self.users.iter().map(bayse::Topic::user_trades));
        for name in &self.assets {
            let asset: Symbol = name
                .parse()
                .map_err(|error| format!("assets: {name}: {error}"))?;
            other.push(bayse::Topic::asset_price(asset));
        }
        topics.extend(other.into_iter().map(|topic| (Currency::Usd, topic)));
        Ok(topics)
    }

    /// Whether a subscription needs credentials.
    pub(super) fn needs_credentials(&self) -> bool {
        self.market.iter().any(|market| market.orders)
    }

    /// The environment variables of the API key and the access token.
    pub(super) fn credential_variables(&self) -> (Option<&str>, Option<&str>) {
        bayse_variables(
            self.api_key_env.as_deref(),
            self.access_token_env.as_deref(),
        )
    }

    fn scale(&self) -> Result<Scale, ScaleError> {
        scale(self.price_decimals, self.quantity_decimals, bayse::CENTS)
    }

    /// The scale of a market, or else of the table.
    pub(super) fn market_scale(&self, id: &str) -> Result<Scale, ScaleError> {
        let default = self.scale()?;
        match self.market.iter().find(|market| market.id == id) {
            Some(market) => scale(market.price_decimals, market.quantity_decimals, default),
            None => Ok(default),
        }
    }

    /// Applies the settings to a connection for which the plan has no option.
    fn adjust(&self, endpoint: Endpoint, mut venue: Bayse) -> Result<Bayse, ScaleError> {
        for Market { id, .. } in &self.market {
            venue = venue.market_scale(id, self.market_scale(id)?);
        }
        if let Some(Time(timeout)) = self.ack_timeout {
            venue = venue.ack_timeout(timeout);
        }
        if let Some(first) = &self.first_books
            && endpoint == Endpoint::Markets
        {
            venue = venue.first_books(&first.url, first.outcomes.iter().cloned(), first.depth);
        }
        Ok(venue)
    }
}

impl Market {
    fn currencies(&self) -> Vec<Currency> {
        match self.currencies.as_slice() {
            [] => vec![Currency::Usd],
            currencies => currencies.iter().copied().map(Currency::from).collect(),
        }
    }
}

impl KrakenTable {
    /// The number of levels per side.
    pub(super) fn depth(&self) -> Result<Depth, String> {
        match self.depth {
            Some(depth) => kraken_depth(&depth.to_string()),
            None => Ok(Depth::default()),
        }
    }
}
