mod again;

use std::ops::ControlFlow;

use ticklot_book::{Level, MAX_LEVELS, Scale};
use ticklot_frame::bayse::{
    Activity, AssetPrice, Decoder, Event, FilledOrder, MAX_EVENT_MARKETS, MAX_OUTCOMES, Market,
    Message, Order, OrderBook, OrderUpdated, PriceUpdate, PricedMarket, Room, ServerErrorKind,
    Subject, User,
};
use ticklot_frame::{Lines, TradeSide};

use crate::facts::{Fact, Field, Rule, read_facts, some, trade_side};
use crate::json::{Json, Refused, is_ambiguous, judge, kept, need, unless_null};
use crate::oracle::{self, Decoded, Placed, check_places, compare, hold, places, refused};
use crate::scans::SCANS;

/// `data` is a frame: each line is held to what it says, and read as a REST body too; and so is the frame
/// as a whole.
pub fn bayse(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    let lines = Lines::new(data).map(|line| line.bytes);
    let decoders = || SCANS.map(Decoder::with_backend).into();
    let (mut used, all) = hold(lines, decoders, decode, check);
    // A body between lines must not matter to a decoder either.
    check_body(&mut used[0], data);
    for (line, expected) in &all {
        assert_eq!(&decode(&mut used[0], line), expected);
    }
}

fn decode(decoder: &mut Decoder, line: &[u8]) -> Decoded<Owned> {
    let message = decoder.decode(line, &scale_of)?;
    let levels = match &message {
        Message::OrderBook(book) => levels(book),
        _ => Vec::new(),
    };
    Ok((owned(&message), levels))
}

fn levels(book: &OrderBook<'_>) -> Vec<Placed> {
    let scale = scale_of(book.market_id);
    places([book.bids, book.asks], scale, |error| book.refusal(error))
}

/// Holds a message to what the line says, by the general decoder.
fn check(decoder: &mut Decoder, line: &[u8], decoded: &Decoded<Owned>) {
    let json = judge(line, refused(line, decoded));
    compare(decoded, json.as_ref().map(read));
    if let Ok((message, levels)) = decoded {
        check_places(line, levels, read_level);
        again::check(message);
    }
    if let Ok(message) = decoder.decode(line, &scale_of) {
        check_views(&message);
    }
    let about = json.as_ref().map_or(About::Book(None, None), read_subject);
    assert_eq!(decoder.subject(line), about.subject());
    check_body(decoder, line);
}

/// The scale of a market: another for each length of its id.
fn scale_of(market: &str) -> Scale {
    let (price, quantity) = [(2, 4), (0, 0), (18, 18), (6, 6), (3, 2)][market.len() % 5];
    Scale::new(price, quantity).expect("at most 18 decimals")
}

/// What a message says in more than one way.
fn check_views(message: &Message<'_>) {
    assert_eq!(
        message.server_error().is_some(),
        matches!(message, Message::Error { .. })
    );
    match message {
        Message::PriceUpdate(update) => check_lists(update),
        Message::Subscribed { room } | Message::Unsubscribed { room } => {
            let parsed = Room::parse(room);
            assert!(parsed.is_named(room), "{parsed:?}");
            assert_eq!(parsed.to_string(), *room);
        }
        Message::Error { message: text } => {
            let error = message.server_error().expect("it is an error");
            assert_eq!(error.text(), *text);
            check_kind(text, error.kind());
        }
        _ => {}
    }
}

/// The lists know their lengths, and prices are found by their labels.
fn check_lists(update: &PriceUpdate<'_>) {
    let markets = update.markets;
    assert_eq!(markets.len(), markets.iter().count());
    assert_eq!(markets.is_empty(), markets.iter().next().is_none());
    for market in markets.iter() {
        assert_eq!(market.outcomes.len(), market.outcomes.iter().count());
        assert_eq!(
            market.outcomes.is_empty(),
            market.outcomes.iter().next().is_none()
        );
        let Some(prices) = market.prices else {
            continue;
        };
        assert_eq!(prices.len(), prices.iter().count());
        assert_eq!(prices.is_empty(), prices.iter().next().is_none());
        for (label, price) in prices.iter() {
            assert_eq!(prices.get(label), Some(price));
        }
    }
}

/// What the server echoes stands in its text where the documentation says.
fn check_kind(text: &str, kind: ServerErrorKind<'_>) {
    let written = match kind {
        ServerErrorKind::UnknownType(kind) => format!("unknown message type: {kind}"),
        ServerErrorKind::UnsupportedSymbol(symbol) => format!(
            "Unsupported symbol: {symbol}. Supported symbols are BTCUSDT, ETHUSDT, SOLUSDT, XAUUSD, EURUSD, GBPUSD, USDNGN"
        ),
        ServerErrorKind::WrongEndpoint {
            channel,
            path,
            instead,
        } => format!("channel \"{channel}\" is not available on {path}; use {instead} instead"),
        _ => return,
    };
    assert_eq!(written, text);
}

/// `Decoder::books`, element by element.
fn check_body(decoder: &mut Decoder, body: &[u8]) {
    let mut seen = Vec::new();
    let result = decoder.books(body, &scale_of, |book| {
        if let Ok(book) = &book {
            check_places(body, &levels(book), read_level);
            assert_eq!(book.sent, None);
        }
        seen.push(book.map(|book| owned_book(&book)));
        ControlFlow::Continue(())
    });
    for book in &seen {
        refused(body, book);
    }
    let expected: Option<Vec<_>> = judge(body, refused(body, &result))
        .and_then(|json| json.items().ok().map(<[Json]>::to_vec))
        .map(|items| items.iter().map(|item| read_book(item, None)).collect());
    assert_eq!(result.is_ok(), expected.is_some(), "{result:?}");
    let expected = expected.unwrap_or_default();
    assert_eq!(seen.len(), expected.len());
    for (seen, expected) in seen.iter().zip(&expected) {
        match seen {
            Ok(book) => assert_eq!(Ok(book), expected.as_ref()),
            Err(error) => assert_eq!(&Err(Refused), expected, "{error}"),
        }
    }
    // Broken off after each number of elements, it gives as many.
    for stop in 1..=expected.len().min(3) {
        let mut given = 0;
        let again = decoder.books(body, &scale_of, |book| {
            assert_eq!(book.map(|book| owned_book(&book)), seen[given]);
            given += 1;
            if given == stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        assert_eq!((again, given), (Ok(()), stop));
    }
}

/// A message, its strings its own.
#[derive(Debug, PartialEq)]
enum Owned {
    OrderBook(Box<OwnedBook>),
    PriceUpdate(Vec<Fact>, Vec<OwnedMarket>),
    /// Any other of a known type, by that type.
    Facts(String, Vec<Fact>),
    Unknown(String),
}

#[derive(Debug, PartialEq)]
struct OwnedBook {
    market_id: String,
    outcome_id: String,
    bids: Vec<Level>,
    asks: Vec<Level>,
    timestamp: Option<String>,
    last_price: Option<String>,
    last_side: Option<TradeSide>,
    sent: Option<i64>,
}

#[derive(Debug, PartialEq)]
struct OwnedMarket {
    id: String,
    question: Option<String>,
    engine: Option<String>,
    outcomes: Vec<String>,
    prices: Option<Vec<(String, String)>>,
}

fn owned(message: &Message<'_>) -> Owned {
    let facts = |kind: &str, facts| Owned::Facts(kind.to_owned(), facts);
    match message {
        Message::OrderBook(book) => Owned::OrderBook(Box::new(owned_book(book))),
        Message::PriceUpdate(update) => owned_prices(update),
        Message::Activity(activity) => {
            let kind = match activity.side {
                TradeSide::Buy => "buy_order",
                TradeSide::Sell => "sell_order",
            };
            facts(kind, facts_of_fill(activity))
        }
        Message::AssetPrice(price) => facts("asset_price", facts_of_asset(price)),
        Message::OrderUpdated(update) => facts("order_updated", facts_of_order(update)),
        Message::Connected {
            client_id,
            status,
            message,
            sent,
        } => facts(
            "connected",
            vec![
                ("clientId", client_id.map(str::to_owned)),
                ("status", status.map(str::to_owned)),
                ("message", message.map(str::to_owned)),
                ("sent", sent.map(|sent| sent.0.to_string())),
            ],
        ),
        Message::Subscribed { room } => facts("subscribed", vec![some("room", room)]),
        Message::Unsubscribed { room } => facts("unsubscribed", vec![some("room", room)]),
        Message::Pong { sent } => {
            facts("pong", vec![("sent", sent.map(|sent| sent.0.to_string()))])
        }
        Message::Error { message } => facts("error", vec![some("message", message)]),
        Message::Unknown { kind } => Owned::Unknown((*kind).to_owned()),
        other => panic!("not known here: {other:?}"),
    }
}

fn owned_book(book: &OrderBook<'_>) -> OwnedBook {
    OwnedBook {
        market_id: book.market_id.to_owned(),
        outcome_id: book.outcome_id.to_owned(),
        bids: book.bids.to_vec(),
        asks: book.asks.to_vec(),
        timestamp: book.timestamp.map(|time| time.0.to_owned()),
        last_price: book.last_price.map(|price| kept(price.0)),
        last_side: book.last_side,
        sent: book.sent.map(|sent| sent.0),
    }
}

fn owned_prices(update: &PriceUpdate<'_>) -> Owned {
    let PriceUpdate {
        event_id,
        slug,
        title,
        status,
        kind,
        markets,
        sent,
    } = *update;
    let facts = vec![
        some("id", event_id),
        ("slug", slug.map(str::to_owned)),
        ("title", title.map(str::to_owned)),
        ("status", status.map(str::to_owned)),
        ("type", kind.map(str::to_owned)),
        ("sent", sent.map(|sent| sent.0.to_string())),
    ];
    let markets = markets.iter().map(|market| {
        let PricedMarket {
            id,
            question,
            engine,
            outcomes,
            prices,
        } = market;
        OwnedMarket {
            id: id.to_owned(),
            question: question.map(str::to_owned),
            engine: engine.map(str::to_owned),
            outcomes: outcomes.iter().map(str::to_owned).collect(),
            prices: prices.map(|prices| {
                let prices = prices.iter();
                prices
                    .map(|(label, price)| (label.to_owned(), kept(price.0)))
                    .collect()
            }),
        }
    });
    Owned::PriceUpdate(facts, markets.collect())
}

fn facts_of_fill(activity: &Activity<'_>) -> Vec<Fact> {
    let Activity {
        side: _,
        user: User { id, tag, image_url },
        order,
        event,
        market,
        sent,
    } = *activity;
    let mut facts = vec![
        some("user/id", id),
        ("user/tag", tag.map(str::to_owned)),
        ("user/imageUrl", image_url.map(str::to_owned)),
    ];
    let FilledOrder {
        id,
        amount,
        quantity,
        price,
        status,
        kind,
        outcome,
        outcome_label,
        currency,
        engine,
        order_type,
        created_at,
        updated_at,
    } = order;
    facts.extend([
        some("order/id", id),
        ("order/amount", Some(kept(amount.0))),
        ("order/quantity", Some(kept(quantity.0))),
        ("order/price", Some(kept(price.0))),
        some("order/status", status),
        some("order/type", kind),
        some("order/outcome", outcome),
        some("order/outcomeLabel", outcome_label),
        some("order/currency", currency),
        ("order/engine", engine.map(str::to_owned)),
        ("order/orderType", order_type.map(str::to_owned)),
        some("order/createdAt", created_at.0),
        some("order/updatedAt", updated_at.0),
    ]);
    let Event {
        id,
        slug,
        title,
        kind,
        created_at,
        image_url,
    } = event;
    facts.extend([
        some("event/id", id),
        some("event/slug", slug),
        some("event/title", title),
        some("event/type", kind),
        some("event/createdAt", created_at.0),
        ("event/imageUrl", image_url.map(str::to_owned)),
    ]);
    let Market {
        id,
        title,
        image_url,
    } = market;
    facts.extend([
        some("market/id", id),
        some("market/title", title),
        ("market/imageUrl", image_url.map(str::to_owned)),
        ("sent", sent.map(|sent| sent.0.to_string())),
    ]);
    facts
}

fn facts_of_asset(asset: &AssetPrice<'_>) -> Vec<Fact> {
    let AssetPrice {
        symbol,
        price,
        source_time,
        sent,
    } = *asset;
    if let Some(known) = asset.known_symbol() {
        assert_eq!(known.as_str(), symbol);
    }
    vec![
        some("symbol", symbol),
        ("price", Some(kept(price.0))),
        ("timestamp", Some(source_time.0.to_string())),
        ("sent", sent.map(|sent| sent.0.to_string())),
    ]
}

fn facts_of_order(update: &OrderUpdated<'_>) -> Vec<Fact> {
    let OrderUpdated {
        order_id,
        event_id,
        market_id,
        order,
        updated,
        sent,
    } = *update;
    let mut facts = vec![
        some("orderId", order_id),
        ("eventId", event_id.map(str::to_owned)),
        some("marketId", market_id),
        ("timestamp", updated.map(|time| time.0.to_string())),
    ];
    let Order {
        id,
        user_id,
        market_id,
        outcome_id,
        outcome_label,
        side,
        price,
        quantity,
        filled_quantity,
        remaining_quantity,
        avg_fill_price,
        status,
        time_in_force,
        created_at,
        updated_at,
    } = order;
    facts.extend([
        ("order/id", id.map(str::to_owned)),
        ("order/userId", user_id.map(str::to_owned)),
        ("order/marketId", market_id.map(str::to_owned)),
        ("order/outcomeId", outcome_id.map(str::to_owned)),
        ("order/outcomeLabel", outcome_label.map(str::to_owned)),
        some("order/side", side.as_str()),
        ("order/price", price.map(|price| kept(price.0))),
        ("order/quantity", Some(kept(quantity.0))),
        ("order/filledQuantity", Some(kept(filled_quantity.0))),
        ("order/remainingQuantity", Some(kept(remaining_quantity.0))),
        (
            "order/avgFillPrice",
            avg_fill_price.map(|price| kept(price.0)),
        ),
        some("order/status", status),
        ("order/timeInForce", time_in_force.map(str::to_owned)),
        ("order/createdAt", created_at.map(|time| time.0.to_string())),
        ("order/updatedAt", updated_at.map(|time| time.0.to_string())),
        ("sent", sent.map(|sent| sent.0.to_string())),
    ]);
    facts
}

const PRICES: [Field; 5] = [
    ("id", Rule::Text, true),
    ("slug", Rule::Text, false),
    ("title", Rule::Text, false),
    ("status", Rule::Text, false),
    ("type", Rule::Text, false),
];

const FILL: [Field; 25] = [
    ("user/id", Rule::Text, true),
    ("user/tag", Rule::Text, false),
    ("user/imageUrl", Rule::Text, false),
    ("order/id", Rule::Text, true),
    ("order/amount", Rule::Number, true),
    ("order/quantity", Rule::Number, true),
    ("order/price", Rule::Number, true),
    ("order/status", Rule::Text, true),
    ("order/type", Rule::Text, true),
    ("order/outcome", Rule::Text, true),
    ("order/outcomeLabel", Rule::Text, true),
    ("order/currency", Rule::Text, true),
    ("order/engine", Rule::Text, false),
    ("order/orderType", Rule::Text, false),
    ("order/createdAt", Rule::Text, true),
    ("order/updatedAt", Rule::Text, true),
    ("event/id", Rule::Text, true),
    ("event/slug", Rule::Text, true),
    ("event/title", Rule::Text, true),
    ("event/type", Rule::Text, true),
    ("event/createdAt", Rule::Text, true),
    ("event/imageUrl", Rule::Text, false),
    ("market/id", Rule::Text, true),
    ("market/title", Rule::Text, true),
    ("market/imageUrl", Rule::Text, false),
];

const ASSET: [Field; 3] = [
    ("symbol", Rule::Text, true),
    ("price", Rule::Number, true),
    ("timestamp", Rule::Integer, true),
];

const ORDER: [Field; 19] = [
    ("orderId", Rule::Text, true),
    ("eventId", Rule::Text, false),
    ("marketId", Rule::Text, true),
    ("timestamp", Rule::Integer, false),
    ("order/id", Rule::Text, false),
    ("order/userId", Rule::Text, false),
    ("order/marketId", Rule::Text, false),
    ("order/outcomeId", Rule::Text, false),
    ("order/outcomeLabel", Rule::Text, false),
    ("order/side", Rule::Side, true),
    ("order/price", Rule::Number, false),
    ("order/quantity", Rule::Number, true),
    ("order/filledQuantity", Rule::Number, true),
    ("order/remainingQuantity", Rule::Number, true),
    ("order/avgFillPrice", Rule::Number, false),
    ("order/status", Rule::Text, true),
    ("order/timeInForce", Rule::Text, false),
    ("order/createdAt", Rule::Integer, false),
    ("order/updatedAt", Rule::Integer, false),
];

/// What a message says, by the contract.
fn read(json: &Json) -> Result<Owned, Refused> {
    let [kind, data] = json.fields(["type", "data"])?;
    let kind = need(kind)?.text()?;
    let sent = json.extra("timestamp", Json::integer);
    let sent_fact = ("sent", sent.map(|sent| sent.to_string()));
    let in_data = |fields: &[Field]| -> Result<Owned, Refused> {
        let mut facts = read_facts(need(data)?, fields)?;
        facts.push(sent_fact.clone());
        Ok(Owned::Facts(kind.clone(), facts))
    };
    let facts = |facts| Ok(Owned::Facts(kind.clone(), facts));
    match kind.as_str() {
        "orderbook_update" => {
            let data = need(data)?;
            let [nested] = data.fields(["orderbook"])?;
            let book = read_book(unless_null(nested).unwrap_or(data), sent)?;
            Ok(Owned::OrderBook(Box::new(book)))
        }
        "price_update" => {
            let data = need(data)?;
            let mut facts = read_facts(data, &PRICES)?;
            facts.push(sent_fact);
            Ok(Owned::PriceUpdate(facts, read_markets(data)?))
        }
        "buy_order" | "sell_order" => in_data(&FILL),
        "asset_price" => in_data(&ASSET),
        "order_updated" => in_data(&ORDER),
        "connected" => {
            let text = |name| (name, json.extra(name, Json::text));
            facts(vec![
                text("clientId"),
                text("status"),
                text("message"),
                sent_fact,
            ])
        }
        "subscribed" | "unsubscribed" => {
            let [room] = json.fields(["room"])?;
            facts(vec![("room", Some(need(room)?.text()?))])
        }
        "pong" => facts(vec![sent_fact]),
        "error" => {
            let nested = data.and_then(|data| data.extra("message", Json::text));
            let text = nested.or_else(|| json.extra("message", Json::text));
            facts(vec![("message", Some(text.ok_or(Refused)?))])
        }
        _ => Ok(Owned::Unknown(kind)),
    }
}

fn read_markets(data: &Json) -> Result<Vec<OwnedMarket>, Refused> {
    let [markets] = data.fields(["markets"])?;
    list(markets, MAX_EVENT_MARKETS)?
        .iter()
        .map(|market| {
            let [id, outcomes, prices] = market.fields(["id", "outcomes", "prices"])?;
            Ok(OwnedMarket {
                id: need(id)?.text()?,
                question: market.extra("question", Json::text),
                engine: market.extra("engine", Json::text),
                outcomes: list(outcomes, MAX_OUTCOMES)?
                    .iter()
                    .map(Json::text)
                    .collect::<Result<_, _>>()?,
                prices: unless_null(prices).map(read_prices).transpose()?,
            })
        })
        .collect()
}

/// The items of an array, of which there may be so many; none when it is absent or null.
fn list(field: Option<&Json>, limit: usize) -> Result<&[Json], Refused> {
    unless_null(field).map_or(Ok(&[]), |field| field.list(limit))
}

/// Labels and prices; one that is null or cannot be read is none, but counts.
fn read_prices(prices: &Json) -> Result<Vec<(String, String)>, Refused> {
    let fields = prices.object()?;
    if fields.len() > MAX_OUTCOMES || prices.has_twins() {
        return Err(Refused);
    }
    fields
        .iter()
        .filter_map(|(label, price)| Some((label.clone(), price.number().ok()?)))
        .map(Ok)
        .collect()
}

fn read_book(book: &Json, sent: Option<i64>) -> Result<OwnedBook, Refused> {
    let [market, outcome, bids, asks] = book.fields(["marketId", "outcomeId", "bids", "asks"])?;
    let market_id = need(market)?.text()?;
    let scale = scale_of(&market_id);
    Ok(OwnedBook {
        outcome_id: need(outcome)?.text()?,
        bids: read_side(need(bids)?, scale)?,
        asks: read_side(need(asks)?, scale)?,
        timestamp: book.extra("timestamp", Json::text),
        last_price: book.extra("lastTradedPrice", Json::number),
        last_side: book.extra("lastTradedSide", trade_side),
        sent,
        market_id,
    })
}

/// What a line is about: another type, or a book of this market and outcome.
enum About {
    Other,
    Book(Option<String>, Option<String>),
}

impl About {
    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Other => Subject::Other,
            Self::Book(market, outcome) => Subject::Book {
                market_id: market.as_deref(),
                outcome_id: outcome.as_deref(),
            },
        }
    }
}

/// What a line is about, even one that cannot be read: only a type that it readably has, and that is
/// another, excludes a book.
fn read_subject(json: &Json) -> About {
    if json
        .extra("type", Json::text)
        .is_some_and(|kind| kind != "orderbook_update")
    {
        return About::Other;
    }
    let object = |value: &Json| value.object().map(|_| value.clone());
    let data = json.extra("data", object).unwrap_or(Json::Null);
    let book = data.extra("orderbook", object).unwrap_or(data);
    let id = |name| book.extra(name, Json::text);
    About::Book(id("marketId"), id("outcomeId"))
}

fn read_side(side: &Json, scale: Scale) -> Result<Vec<Level>, Refused> {
    let levels = list(Some(side), MAX_LEVELS)?.iter();
    levels.map(|level| read_level(level, scale)).collect()
}

fn read_level(level: &Json, scale: Scale) -> Result<Level, Refused> {
    oracle::read_level(level, scale, "quantity")
}
