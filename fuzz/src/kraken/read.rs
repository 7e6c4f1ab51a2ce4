//! A naive reader of the venue's messages.

use ticklot_book::{Level, MAX_LEVELS, Scale};
use ticklot_frame::IsoTime;
use ticklot_frame::kraken::{
    Ack, MAX_BOOKS, MAX_PAIRS, MAX_TRADES, Message, Method, Refusal, Status, System,
};

use super::scale_of;
use crate::fields::trade_side;
use crate::json::{Json, Refused, non_null, required};
use crate::oracle;

/// Reads a message by the contract, and formats it like [`shown`](super::shown).
pub(super) fn read(json: &Json) -> Result<Vec<String>, Refused> {
    let [channel, kind, data, method] = json.fields(["channel", "type", "data", "method"])?;
    let Some(channel) = optional(channel, Json::text)? else {
        return reply(json, optional(method, Json::text)?).map(|line| vec![line]);
    };
    let data = || required(non_null(data));
    let is_snapshot = || match required(kind)?.text()?.as_str() {
        "snapshot" => Ok(true),
        "update" => Ok(false),
        _ => Err(Refused),
    };
    match channel.as_str() {
        "book" => {
            let is_snapshot = is_snapshot()?;
            let books = data()?.list(MAX_BOOKS)?.iter();
            let head = format!("books {is_snapshot}");
            lines(head, books.map(|it| read_book(it, is_snapshot)))
        }
        "trade" => {
            let all = data()?.list(MAX_TRADES)?;
            let good: Vec<_> = all.iter().flat_map(read_trade).collect();
            let skipped = all.len() - good.len();
            let head = format!("trades {} {skipped}", is_snapshot()?);
            lines(head, good.into_iter().map(Ok))
        }
        "instrument" => {
            let [pairs] = data()?.fields(["pairs"])?;
            let pairs = non_null(pairs).map_or(Ok(&[][..]), |it| it.list(MAX_PAIRS))?;
            let good: Vec<_> = pairs.iter().flat_map(read_pair).collect();
            let skipped = pairs.len() - good.len();
            let head = format!("pairs {} {skipped}", is_snapshot()?);
            lines(head, good.into_iter().map(Ok))
        }
        "heartbeat" => Ok(vec!["Heartbeat".to_owned()]),
        "status" => read_status(required(data()?.items()?.first())?).map(|line| vec![line]),
        kind => Ok(vec![format!("{:?}", Message::Unknown { kind })]),
    }
}

fn lines(
    head: String,
    items: impl Iterator<Item = Result<String, Refused>>,
) -> Result<Vec<String>, Refused> {
    std::iter::once(Ok(head)).chain(items).collect()
}

fn optional<T>(
    field: Option<&Json>,
    read: impl FnOnce(&Json) -> Result<T, Refused>,
) -> Result<Option<T>, Refused> {
    non_null(field).map(read).transpose()
}

fn read_book(book: &Json, is_snapshot: bool) -> Result<String, Refused> {
    let [symbol, bids, asks, sum] = book.fields(["symbol", "bids", "asks", "checksum"])?;
    if is_snapshot {
        required(bids).and(required(asks))?;
    }
    let symbol = required(symbol)?.text()?;
    let scale = scale_of(&symbol);
    let side = |side: &Json| {
        let levels = side.list(MAX_LEVELS)?.iter();
        levels
            .map(|it| read_level(it, scale))
            .collect::<Result<Vec<_>, _>>()
    };
    let bids = optional(bids, side)?.unwrap_or_default();
    let asks = optional(asks, side)?.unwrap_or_default();
    let sum = optional(sum, Json::count)?;
    let sent = book.extra("timestamp", Json::text);
    let sent = sent.and_then(|text| IsoTime(&text).unix_millis().ok());
    Ok(format!("{:?}", (symbol, bids, asks, sum, sent)))
}

pub(super) fn read_level(level: &Json, scale: Scale) -> Result<Level, Refused> {
    oracle::read_level(level, scale, "qty")
}

fn unsigned(json: &Json) -> Result<u64, Refused> {
    let whole = json.number()?.parse();
    whole.or_else(|_| json.steps(0).map(i64::unsigned_abs))
}

fn read_trade(trade: &Json) -> Result<String, Refused> {
    let [symbol, side, price, qty] = trade.fields(["symbol", "side", "price", "qty"])?;
    let symbol = required(symbol)?.text()?;
    let side = trade_side(required(side)?)?;
    let scale = scale_of(&symbol);
    let price = required(price)?.steps(scale.price_decimals())?;
    let qty = required(qty)?.steps(scale.quantity_decimals())?;
    let time = trade.extra("timestamp", Json::text);
    let created = time
        .as_ref()
        .and_then(|text| IsoTime(text).unix_millis().ok());
    let (kind, id) = (
        trade.extra("ord_type", Json::text),
        trade.extra("trade_id", unsigned),
    );
    Ok(format!(
        "{:?}",
        (symbol, side, price, qty, (kind, id, time, created))
    ))
}

fn read_pair(pair: &Json) -> Result<String, Refused> {
    let [symbol, price, qty] = pair.fields(["symbol", "price_precision", "qty_precision"])?;
    let precision = |json| u8::try_from(required(json)?.count()?).map_err(|_| Refused);
    let precision = (precision(price)?, precision(qty)?);
    let texts = ["base", "quote", "status"].map(|name| pair.extra(name, Json::text));
    let number = |name| pair.extra(name, Json::number);
    let increments = ["price_increment", "qty_increment"].map(number);
    Ok(format!(
        "{:?}",
        (required(symbol)?.text()?, precision, texts, increments)
    ))
}

fn read_status(status: &Json) -> Result<String, Refused> {
    let [system] = status.fields(["system"])?;
    let system_text = &required(system)?.text()?;
    let system = match system_text.as_str() {
        "online" => System::Online,
        "maintenance" => System::Maintenance,
        "cancel_only" => System::CancelOnly,
        "post_only" => System::PostOnly,
        _ => System::Other,
    };
    let text = |name| status.extra(name, Json::text);
    let (version, api_version) = (text("version"), text("api_version"));
    let (version, api_version) = (version.as_deref(), api_version.as_deref());
    let connection_id = status.extra("connection_id", unsigned);
    let status = Status {
        system,
        system_text,
        version,
        api_version,
        connection_id,
    };
    Ok(format!("{:?}", Message::Status(status)))
}

fn reply(json: &Json, method: Option<String>) -> Result<String, Refused> {
    let [success, result] = json.fields(["success", "result"])?;
    let (req_id, error) = (
        json.extra("req_id", unsigned),
        json.extra("error", Json::text),
    );
    let success = optional(success, Json::boolean)?.unwrap_or(error.is_none());
    let symbol = json.extra("symbol", Json::text);
    let (method, error, symbol) = (method.as_deref(), error.as_deref(), symbol.as_deref());
    let ack = |method| read_ack(required(non_null(result))?, method, req_id);
    match method {
        _ if !success => {
            let refusal = Refusal {
                method,
                req_id,
                symbol,
                error,
            };
            Ok(format!("{:?}", Message::Refused(refusal)))
        }
        Some("subscribe") => ack(Method::Subscribe),
        Some("unsubscribe") => ack(Method::Unsubscribe),
        Some("pong") => Ok(format!("{:?}", Message::Pong { req_id })),
        Some(kind) => Ok(format!("{:?}", Message::Unknown { kind })),
        None => Err(Refused),
    }
}

fn read_ack(result: &Json, method: Method, req_id: Option<u64>) -> Result<String, Refused> {
    let [channel, symbol] = result.fields(["channel", "symbol"])?;
    let (channel, symbol) = (&required(channel)?.text()?, optional(symbol, Json::text)?);
    let symbol = symbol.as_deref();
    let depth = result.extra("depth", Json::count);
    let snapshot = result.extra("snapshot", Json::boolean);
    let ack = Ack {
        method,
        req_id,
        channel,
        symbol,
        depth,
        snapshot,
    };
    Ok(format!("{:?}", Message::Ack(ack)))
}

/// The channel and the symbol of any JSON.
pub(super) fn identity(json: &Json) -> (Option<String>, Option<String>) {
    let text = |json: &Json, name| json.extra(name, Json::text);
    let result = json
        .extra("result", |it| Ok(it.clone()))
        .unwrap_or(Json::Null);
    let items = json
        .extra("data", |it| it.items().map(<[Json]>::to_vec))
        .unwrap_or_default();
    let symbols: Vec<_> = items.iter().map(|it| text(it, "symbol")).collect();
    let same = symbols.windows(2).all(|pair| pair[0] == pair[1]);
    let symbol = symbols.first().filter(|_| same).cloned().flatten();
    let symbol = symbol.or_else(|| text(&result, "symbol"));
    (
        text(json, "channel").or_else(|| text(&result, "channel")),
        symbol.or_else(|| text(json, "symbol")),
    )
}
