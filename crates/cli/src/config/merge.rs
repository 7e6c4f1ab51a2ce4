//! Merges the options of the command line into the config file: they replace its values, or create the tables when
//! there is no file.

use std::ops::Range;

use ticklot::bayse::Symbol;
use ticklot_sim::bayse::{Event as DemoEvent, Listing, User};
use toml::Spanned;

use super::file::{
    self, BayseTable, Event, File, Instrument, JayxTable, KrakenTable, Market, Source,
};
use crate::failure::{Failure, usage};
use crate::feed_args::{BayseChannel, FeedArgs, JayxStream};
use crate::venues::VenueArg;

/// Kraken's default symbol.
const KRAKEN_SYMBOL: &str = "BTC/USD";
/// The position of a table that is not in a file.
const NOWHERE: Range<usize> = 0..0;

/// The tables of a config file, with the options of the command line merged into them.
#[derive(Debug)]
pub(crate) struct MergedConfig {
    pub(super) source: Source,
    pub(super) file: File,
}

impl MergedConfig {
    /// Merges the options into the tables of the file, or into those that they imply. `attempts` is the default number
    /// of first attempts to connect that may fail: any number when none.
    ///
    /// # Errors
    /// An option has no effect, or a value is missing.
    pub(crate) fn new(
        config: Option<(Source, File)>,
        args: &FeedArgs,
        attempts: Option<u32>,
    ) -> Result<Self, Failure> {
        let mut args = args.clone();
        args.replace_any();
        args.check(config.is_some())?;
        let is_new = config.is_none();
        let (source, mut file) =
            config.unwrap_or_else(|| (Source::CommandLine, implied(args.venue)));
        file.keep_venue(args.venue);
        let reconnect = &mut file.reconnect;
        reconnect.is_off = args.no_reconnect;
        let attempts = args.no_reconnect.then_some(1).or(attempts);
        reconnect.first_attempts = reconnect.first_attempts.or(attempts);
        if args.ca.is_some() || args.proxy.is_some() {
            let transport = file.transport.get_or_insert_with(spanned_default);
            replace(&mut transport.as_mut().ca, &args.ca);
            replace(&mut transport.as_mut().proxy, &args.proxy);
        }
        for table in &mut file.jayx {
            table.as_mut().merge(&args, is_new)?;
        }
        for table in &mut file.bayse {
            table.as_mut().merge(&args, is_new)?;
        }
        for table in &mut file.kraken {
            table.as_mut().merge(&args);
        }
        Ok(Self { source, file })
    }
}

/// The tables of the venues that the command line names: JayX and Bayse Markets by default.
fn implied(venue: Option<VenueArg>) -> File {
    let mut file = File::default();
    match venue {
        Some(VenueArg::Kraken) => file.kraken.push(spanned_default()),
        _ => {
            file.jayx.push(spanned_default());
            file.bayse.push(spanned_default());
        }
    }
    file
}

fn spanned_default<T: Default>() -> Spanned<T> {
    Spanned::new(NOWHERE, T::default())
}

/// Replaces a value with that of an option, if it is given.
fn replace<T: Clone>(value: &mut Option<T>, option: &Option<T>) {
    if option.is_some() {
        value.clone_from(option);
    }
}

impl File {
    /// Drops the tables of the other venues if `--venue` names one.
    fn keep_venue(&mut self, venue: Option<VenueArg>) {
        let is_kept = |it| venue.is_none_or(|only| only == it);
        self.jayx.retain(|_| is_kept(VenueArg::Jayx));
        self.bayse.retain(|_| is_kept(VenueArg::Bayse));
        self.kraken.retain(|_| is_kept(VenueArg::Kraken));
    }
}

impl JayxTable {
    fn merge(&mut self, args: &FeedArgs, is_new: bool) -> Result<(), Failure> {
        let book = &args.book;
        replace(&mut self.url, &args.url);
        self.envelope = book.envelope.unwrap_or(self.envelope);
        let names_streams =
            !book.symbol.is_empty() || !args.jayx_stream.is_empty() || args.interval.is_some();
        if is_new || names_streams {
            let has = |stream| args.jayx_streams().contains(&stream);
            let (orderbook, orders) = (has(JayxStream::Orderbook), has(JayxStream::Openorders));
            let interval = || args.interval.clone().unwrap_or_else(|| "1".to_owned());
            let instrument = Instrument {
                symbol: book.jayx_symbol()?.to_owned(),
                price_decimals: None,
                quantity_decimals: None,
                orderbook,
                precise: None,
                candles: has(JayxStream::Kline).then(interval).into_iter().collect(),
                orders,
            };
            let is_used = orderbook || orders || !instrument.candles.is_empty();
            self.instrument = is_used.then_some(instrument).into_iter().collect();
            self.balances = has(JayxStream::Positions);
        }
        for it in &mut self.instrument {
            replace(&mut it.price_decimals, &book.price_decimals);
            replace(&mut it.quantity_decimals, &book.quantity_decimals);
        }
        Ok(())
    }
}

impl BayseTable {
    fn merge(&mut self, args: &FeedArgs, is_new: bool) -> Result<(), Failure> {
        let book = &args.book;
        replace(&mut self.url, &args.url);
        let names_topics = !args.market.is_empty()
            || !args.channel.is_empty()
            || args.bayse_event.is_some()
            || args.user_id.is_some()
            || !args.asset.is_empty()
            || book.currency.is_some();
        if args.accept_any {
            self.accept_any = Some(book.currency);
        } else if is_new || names_topics {
            self.follow(args)?;
        }
        replace(&mut self.price_decimals, &book.price_decimals);
        replace(&mut self.quantity_decimals, &book.quantity_decimals);
        for it in &mut self.market {
            replace(&mut it.price_decimals, &book.price_decimals);
            replace(&mut it.quantity_decimals, &book.quantity_decimals);
        }
        Ok(())
    }

    /// Replaces the subscriptions with those of the options. For an embedded server, missing ids default to those of
    /// its demo market.
    fn follow(&mut self, args: &FeedArgs) -> Result<(), Failure> {
        let is_embedded = self.url.is_none();
        let has = |channel| args.bayse_channels().contains(&channel);
        let id = |given: &Option<String>, demo: String, option: &str| match given {
            Some(id) => Ok(id.clone()),
            None if is_embedded => Ok(demo),
            None => Err(usage!("--url needs {option} for this channel")),
        };
        let (orderbook, orders) = (has(BayseChannel::Orderbook), has(BayseChannel::Orders));
        self.market.clear();
        if orderbook || orders {
            let market = |id| Market {
                id,
                orderbook,
                currencies: args.book.currency.into_iter().collect(),
                orders,
                price_decimals: None,
                quantity_decimals: None,
            };
            let ids = market_ids(&args.market, is_embedded)?;
            self.market.extend(ids.into_iter().map(market));
        }
        let (prices, activity) = (has(BayseChannel::Prices), has(BayseChannel::Activity));
        self.event.clear();
        if prices || activity {
            let demo = DemoEvent::rate_cut().id;
            self.event.push(Event {
                id: id(&args.bayse_event, demo, "--bayse-event")?,
                prices,
                activity,
                activity_markets: args.market.clone(),
            });
        }
        self.users.clear();
        if has(BayseChannel::UserTrades) {
            self.users
                .push(id(&args.user_id, User::demo().id, "--user-id")?);
        }
        self.assets.clear();
        if has(BayseChannel::AssetPrices) {
            let assets = match args.asset.as_slice() {
                [] => Symbol::ALL.as_slice(),
                named => named,
            };
            self.assets.extend(assets.iter().map(ToString::to_string));
        }
        Ok(())
    }
}

fn market_ids(given: &[String], is_embedded: bool) -> Result<Vec<String>, Failure> {
    match given {
        [] if is_embedded => Ok(vec![Listing::rate_cut().market_id]),
        [] => Err(usage!(
            "--url needs --market with ids, or else --accept-any"
        )),
        ids if ids.iter().any(|id| id.is_empty() || id == "any") => Err(usage!(
            "--market must be a list of ids; to keep every book, use --accept-any"
        )),
        ids => Ok(ids.to_vec()),
    }
}

impl Default for KrakenTable {
    fn default() -> Self {
        Self {
            url: None,
            headers: file::Headers::new(),
            symbols: vec![KRAKEN_SYMBOL.to_owned()],
            depth: None,
            trades: true,
            stale_after: None,
            accept_any: false,
        }
    }
}

impl KrakenTable {
    fn merge(&mut self, args: &FeedArgs) {
        replace(&mut self.url, &args.url);
        if !args.book.symbol.is_empty() {
            self.symbols.clone_from(&args.book.symbol);
        }
        let depth = args.book_depth.map(ticklot::kraken::Depth::levels);
        replace(&mut self.depth, &depth);
        self.accept_any = args.accept_any;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticklot::bayse::Topic;

    #[test]
    fn markets_filter_event_fills() {
        let mut args = FeedArgs {
            venue: Some(VenueArg::Bayse),
            channel: vec![BayseChannel::Activity],
            bayse_event: Some("e".to_owned()),
            ..FeedArgs::default()
        };
        let followed = |args: &FeedArgs| -> Vec<Topic> {
            let merged = MergedConfig::new(None, args, None).unwrap();
            let topics = merged.file.bayse[0].as_ref().topics().unwrap();
            topics.into_iter().map(|(_, topic)| topic).collect()
        };
        assert_eq!(followed(&args), [Topic::activity("e")]);
        args.market = vec!["m1".to_owned(), "m2".to_owned()];
        let two = [Topic::activity_of("e", "m1"), Topic::activity_of("e", "m2")];
        assert_eq!(followed(&args), two);
    }
}
