use ticklot_book::{BookError, BookErrorKind, Level, Lots, Scale, Side, Ticks};
use ticklot_frame::bayse::{Decoder, Message};
use ticklot_frame::{DecodeError, Lines, TradeSide};

use crate::json::{Json, Refused, is_ambiguous, judge, need, unless_null};

/// `data` is a frame: each line is decoded, by one decoder for all and by one for itself.
pub fn bayse(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    let mut used = Decoder::new();
    for line in Lines::new(data) {
        let mut fresh = Decoder::new();
        let message = fresh.decode(line.bytes, &scale_of);
        check(line.bytes, &message);
        let again = used.decode(line.bytes, &scale_of);
        assert_eq!(again.as_ref().map(owned), message.as_ref().map(owned));
        if let Ok(again) = &again {
            check_places(line.bytes, again);
        }
    }
}

/// The scale of a market: another for each length of its id.
fn scale_of(market: &str) -> Scale {
    let (price, quantity) = [(2, 4), (0, 0), (18, 18), (6, 6), (3, 2)][market.len() % 5];
    Scale::new(price, quantity).expect("at most 18 decimals")
}

fn check(line: &[u8], message: &Result<Message<'_>, DecodeError>) {
    if let Err(error) = message {
        assert!(error.offset as usize <= line.len(), "{error}");
    }
    let refused = message.as_ref().err().map(|error| error.kind);
    let Some(json) = judge(line, refused) else {
        return;
    };
    match (message.as_ref().map(owned), read(&json)) {
        (_, Ok(Owned::Unread(_))) => {}
        (Ok(message), expected) => assert_eq!(Ok(message), expected),
        (Err(error), expected) => assert_eq!(Err(Refused), expected, "{error}"),
    }
}

/// A refusal by the book names the byte where the level begins.
fn check_places(line: &[u8], message: &Message<'_>) {
    let Message::OrderBook(book) = message else {
        return;
    };
    for (side, levels) in [(Side::Bid, book.bids), (Side::Ask, book.asks)] {
        for (index, level) in levels.iter().enumerate() {
            let kind = BookErrorKind::DuplicatePrice;
            let ticks = level.ticks;
            let error = book.refusal(BookError {
                kind,
                side,
                index,
                ticks,
            });
            let rest = &line[error.offset as usize..];
            let there = serde_json::Deserializer::from_slice(rest)
                .into_iter::<Json>()
                .next();
            let there = there.expect("a value").expect("JSON");
            assert_eq!(read_level(&there, scale_of(book.market_id)), Ok(*level));
        }
    }
}

/// Documented types that this oracle does not read: whether they are JSON is all it knows of them.
const UNREAD: [&str; 5] = [
    "price_update",
    "buy_order",
    "sell_order",
    "asset_price",
    "order_updated",
];

/// A message, its strings its own.
#[derive(Debug, PartialEq)]
enum Owned {
    Connected(Option<String>, Option<i64>),
    OrderBook(Box<OwnedBook>),
    Subscribed(String),
    Unsubscribed(String),
    Pong(Option<i64>),
    Error(String),
    Unknown(String),
    /// As it prints itself.
    Unread(String),
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

fn owned(message: &Message<'_>) -> Owned {
    match *message {
        Message::Connected { client_id, sent } => {
            Owned::Connected(client_id.map(str::to_owned), sent.map(|sent| sent.0))
        }
        Message::OrderBook(book) => Owned::OrderBook(Box::new(OwnedBook {
            market_id: book.market_id.to_owned(),
            outcome_id: book.outcome_id.to_owned(),
            bids: book.bids.to_vec(),
            asks: book.asks.to_vec(),
            timestamp: book.timestamp.map(str::to_owned),
            last_price: book.last_price.map(|price| price.0.to_owned()),
            last_side: book.last_side,
            sent: book.sent.map(|sent| sent.0),
        })),
        Message::Subscribed { room } => Owned::Subscribed(room.to_owned()),
        Message::Unsubscribed { room } => Owned::Unsubscribed(room.to_owned()),
        Message::Pong { sent } => Owned::Pong(sent.map(|sent| sent.0)),
        Message::Error { message } => Owned::Error(message.to_owned()),
        Message::Unknown { kind } => Owned::Unknown(kind.to_owned()),
        ref other => Owned::Unread(format!("{other:?}")),
    }
}

/// What a message says, by the contract.
fn read(json: &Json) -> Result<Owned, Refused> {
    let [kind, timestamp, data, room, client_id] =
        json.fields(["type", "timestamp", "data", "room", "clientId"])?;
    let sent = unless_null(timestamp).map(Json::integer).transpose()?;
    Ok(match need(kind)?.text()?.as_str() {
        "connected" => Owned::Connected(text(client_id)?, sent),
        "orderbook_update" => Owned::OrderBook(Box::new(read_book(need(data)?, sent)?)),
        "subscribed" => Owned::Subscribed(need(room)?.text()?),
        "unsubscribed" => Owned::Unsubscribed(need(room)?.text()?),
        "pong" => Owned::Pong(sent),
        "error" => {
            let [message] = need(data)?.fields(["message"])?;
            Owned::Error(need(message)?.text()?)
        }
        kind if UNREAD.contains(&kind) => Owned::Unread(String::new()),
        kind => Owned::Unknown(kind.to_owned()),
    })
}

fn read_book(data: &Json, sent: Option<i64>) -> Result<OwnedBook, Refused> {
    let [nested] = data.fields(["orderbook"])?;
    let book = unless_null(nested).unwrap_or(data);
    let [market, outcome, bids, asks] = book.fields(["marketId", "outcomeId", "bids", "asks"])?;
    let [timestamp, price, side] =
        book.fields(["timestamp", "lastTradedPrice", "lastTradedSide"])?;
    let market_id = need(market)?.text()?;
    let scale = scale_of(&market_id);
    Ok(OwnedBook {
        outcome_id: need(outcome)?.text()?,
        bids: read_side(need(bids)?, scale)?,
        asks: read_side(need(asks)?, scale)?,
        timestamp: text(timestamp)?,
        last_price: unless_null(price)
            .map(Json::number)
            .transpose()?
            .map(str::to_owned),
        last_side: unless_null(side).map(trade_side).transpose()?,
        sent,
        market_id,
    })
}

fn read_side(side: &Json, scale: Scale) -> Result<Vec<Level>, Refused> {
    if *side == Json::Null {
        return Ok(Vec::new());
    }
    side.items()?
        .iter()
        .map(|level| read_level(level, scale))
        .collect()
}

fn read_level(level: &Json, scale: Scale) -> Result<Level, Refused> {
    let [price, quantity] = level.fields(["price", "quantity"])?;
    Ok(Level::new(
        Ticks(need(price)?.steps(scale.price_decimals())?),
        Lots(need(quantity)?.steps(scale.quantity_decimals())?),
    ))
}

fn text(field: Option<&Json>) -> Result<Option<String>, Refused> {
    unless_null(field).map(Json::text).transpose()
}

pub(crate) fn trade_side(side: &Json) -> Result<TradeSide, Refused> {
    match side.text()?.as_str() {
        "BUY" => Ok(TradeSide::Buy),
        "SELL" => Ok(TradeSide::Sell),
        _ => Err(Refused),
    }
}
