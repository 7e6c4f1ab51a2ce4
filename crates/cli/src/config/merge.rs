//! The config file and the command line as one value: options replace what the file has, and without a file they are
//! the tables.

use std::ops::Range;

use ticklot::bayse::Symbol;
use ticklot_sim::bayse::{Event as DemoEvent, Listing, User};
use toml::Spanned;

use super::file::{
    self, BayseTable, Event, File, Instrument, JayxTable, KrakenTable, Market, Source,
};
use crate::failure::Failure;
use crate::feed_args::{BayseChannel, FeedArgs, JayxStream};
use crate::venues::VenueArg;

/// Kraken's symbol when none is named.
const KRAKEN_SYMBOL: &str = "BTC/USD";
/// Where a table that is in no file begins.
const NOWHERE: Range<usize> = 0..0;

/// The tables of a config file with the options of the command line in them.
#[derive(Debug)]
pub(crate) struct MergedConfig {
    pub(super) source: Source,
    pub(super) file: File,
}

impl MergedConfig {
    /// Merges the options into the tables of the file, or into those that they imply. `attempts` says how many first
    /// attempts to connect may fail when the file does not: any number when none.
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
        let (source, mut file) = config.unwrap_or_else(|| (Source::Options, implied(args.venue)));
        file.keep_venue(args.venue);
        let reconnect = &mut file.reconnect;
        reconnect.is_off = args.no_reconnect;
        let attempts = args.no_reconnect.then_some(1).or(attempts);
        reconnect.first_attempts = reconnect.first_attempts.or(attempts);
        if args.ca.is_some() || args.proxy.is_some() {
            let transport = file
                .transport
                .get_or_insert_with(|| spanned_default(NOWHERE));
            let transport = transport.as_mut();
            replace(&mut transport.ca, &args.ca);
            replace(&mut transport.proxy, &args.proxy);
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
        Some(VenueArg::Kraken) => file
            .kraken
            .push(Spanned::new(NOWHERE, KrakenTable::default())),
        _ => {
            file.jayx.push(spanned_default(NOWHERE));
            file.bayse.push(spanned_default(NOWHERE));
        }
    }
    file
}

fn spanned_default<T: Default>(span: Range<usize>) -> Spanned<T> {
    Spanned::new(span, T::default())
}

/// Puts in what an option says, if it is given.
fn replace<T: Clone>(value: &mut Option<T>, option: &Option<T>) {
    if option.is_some() {
        value.clone_from(option);
    }
}

impl File {
    /// Drops the tables of all venues but this one, if one is named.
    fn keep_venue(&mut self, venue: Option<VenueArg>) {
        let is_dropped = |it| venue.is_some_and(|only| only != it);
        if is_dropped(VenueArg::Jayx) {
            self.jayx.clear();
        }
        if is_dropped(VenueArg::Bayse) {
            self.bayse.clear();
        }
        if is_dropped(VenueArg::Kraken) {
            self.kraken.clear();
        }
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

    /// Follows what the options name and nothing else; the embedded server has ids for what they do not name.
    fn follow(&mut self, args: &FeedArgs) -> Result<(), Failure> {
        let is_embedded = self.url.is_none();
        let has = |channel| args.bayse_channels().contains(&channel);
        let id = |given: &Option<String>, own: fn() -> String, option: &str| match given {
            Some(id) => Ok(id.clone()),
            None if is_embedded => Ok(own()),
            None => Err(Failure::Usage(format!(
                "{option} is needed with --url for this channel"
            ))),
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
            self.event.push(Event {
                id: id(
                    &args.bayse_event,
                    || DemoEvent::rate_cut().id,
                    "--bayse-event",
                )?,
                prices,
                activity,
                activity_markets: args.market.clone(),
            });
        }
        self.users.clear();
        if has(BayseChannel::UserTrades) {
            self.users
                .push(id(&args.user_id, || User::demo().id, "--user-id")?);
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
        [] => Err(Failure::Usage(
            "--market is needed with --url: ids, or else --accept-any".to_owned(),
        )),
        ids if ids.iter().any(|id| id.is_empty() || id == "any") => Err(Failure::Usage(
            "--market takes ids: --accept-any keeps every book".to_owned(),
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
        replace(
            &mut self.depth,
            &args.book_depth.map(ticklot::kraken::Depth::levels),
        );
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
