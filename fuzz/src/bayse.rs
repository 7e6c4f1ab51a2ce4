//! The decoder of Bayse Markets against a naive reader.

use std::ops::ControlFlow;

use ticklot_book::{Fixed, Level, MAX_LEVELS, Scale};
use ticklot_frame::bayse::{
    Activity, AssetPrice, Decoder, MAX_EVENT_MARKETS, MAX_OUTCOMES, Message, OrderBook,
    OrderUpdated, PriceUpdate, PricedMarket, Room, ServerErrorKind, UndecodedMessage,
};
use ticklot_frame::{Decimal, Lines, TradeSide};

use crate::fields::{fields, read_fields, trade_side};
use crate::json::{
    Json, Refused, array, check_syntax, is_ambiguous, non_null, normalized, number, object,
    required, string,
};
use crate::oracle::{
    self, BACKENDS, Decoded, LevelOffset, check_backends, check_offsets, compare, level_offsets,
    refused,
};

/// `data` is a frame. Each line and the whole frame are checked, also as REST bodies.
pub fn bayse(data: &[u8]) {
    if is_ambiguous(data) {
        return;
    }
    let lines = Lines::new(data).map(|line| line.bytes);
    let decoders = || BACKENDS.map(Decoder::with_backend).into();
    let (mut used, all) = check_backends(lines, decoders, decode, check);
    // A REST body between lines must not affect a decoder.
    check_body(&mut used[0], data);
    for (line, expected) in &all {
        assert_eq!(&decode(&mut used[0], line), expected);
    }
}

fn decode(decoder: &mut Decoder, line: &[u8]) -> Decoded<Json> {
    let message = decoder.decode(line, &scale_of)?;
    let levels = match &message {
        Message::OrderBook(book) => levels(book),
        _ => Vec::new(),
    };
    Ok((owned(&message), levels))
}

fn levels(book: &OrderBook<'_>) -> Vec<LevelOffset> {
    let scale = scale_of(book.market_id);
    level_offsets([book.bids, book.asks], scale, |error| book.refusal(error))
}

/// Compares a message with the naive reading of its line. `decoder` takes the general path.
fn check(decoder: &mut Decoder, line: &[u8], decoded: &Decoded<Json>) {
    let json = check_syntax(line, refused(line, decoded));
    compare(decoded, json.as_ref().map(read));
    if let Ok((message, levels)) = decoded {
        check_offsets(line, levels, read_level);
        check_round_trip(message);
    }
    if let Ok(message) = decoder.decode(line, &scale_of) {
        check_views(&message);
    }
    let identity = json.as_ref().map_or(Some([None, None]), read_identity);
    let expected = match &identity {
        None => UndecodedMessage::Other,
        Some([market_id, outcome_id]) => UndecodedMessage::Book {
            market_id: market_id.as_deref(),
            outcome_id: outcome_id.as_deref(),
        },
    };
    assert_eq!(decoder.identify(line), expected);
    check_body(decoder, line);
}

/// The scale of a market, by the length of its id.
fn scale_of(market: &str) -> Scale {
    let (price, quantity) = [(2, 4), (0, 0), (18, 18), (6, 6), (3, 2)][market.len() % 5];
    Scale::new(price, quantity).expect("at most 18 decimals")
}

/// Checks the accessors of a message.
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

/// Checks the lengths of lists, and the lookup of prices by label.
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

/// Checks that the echoed parts of an error are at the documented positions of its text.
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

/// Checks [`Decoder::books`], element by element.
fn check_body(decoder: &mut Decoder, body: &[u8]) {
    let mut seen = Vec::new();
    let result = decoder.books(body, &scale_of, |book| {
        if let Ok(book) = &book {
            check_offsets(body, &levels(book), read_level);
            assert_eq!(book.sent, None);
        }
        seen.push(book.map(|book| book_json(&book)));
        ControlFlow::Continue(())
    });
    for book in &seen {
        refused(body, book);
    }
    let expected: Option<Vec<_>> = check_syntax(body, refused(body, &result))
        .and_then(|json| json.items().ok().map(<[Json]>::to_vec))
        .map(|items| items.iter().map(read_book).collect());
    assert_eq!(result.is_ok(), expected.is_some(), "{result:?}");
    let expected = expected.unwrap_or_default();
    assert_eq!(seen.len(), expected.len());
    for (seen, expected) in seen.iter().zip(&expected) {
        match seen {
            Ok(book) => assert_eq!(Ok(book), expected.as_ref()),
            Err(error) => assert_eq!(&Err(Refused), expected, "{error}"),
        }
    }
    // The callback may break after any number of elements.
    for stop in 1..=expected.len().min(3) {
        let mut given = 0;
        let again = decoder.books(body, &scale_of, |book| {
            assert_eq!(book.map(|book| book_json(&book)), seen[given]);
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

/// Checks that a message in the venue's format decodes to the same message.
fn check_round_trip(message: &Json) {
    let line = message.to_string();
    let mut decoder = Decoder::new();
    let again = decoder.decode(line.as_bytes(), &scale_of);
    let again = again.unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(owned(&again), *message, "{line}");
}

type Fields<'a> = Vec<(&'a str, Json)>;

/// A message with these fields between its type and its time.
fn enclose(kind: &str, fields: Fields<'_>, sent: Option<i64>) -> Json {
    let mut all = vec![("type", string(kind))];
    all.extend(fields);
    all.extend(sent.map(|sent| ("timestamp", Json::Number(sent.to_string()))));
    object(all)
}

fn data(value: Json) -> Fields<'static> {
    vec![("data", value)]
}

/// The present texts.
fn texts<'a>(texts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Fields<'a> {
    let texts = texts.into_iter();
    texts
        .filter_map(|(name, text)| Some((name, string(&text?))))
        .collect()
}

/// A decoded message in the venue's format.
fn owned(message: &Message<'_>) -> Json {
    let room = |room: &str| vec![("room", string(room))];
    let (kind, fields, sent) = match message {
        Message::OrderBook(book) => {
            let book_data = object(vec![("orderbook", book_json(book))]);
            ("orderbook_update", data(book_data), book.sent)
        }
        Message::PriceUpdate(it) => {
            let markets = array(it.markets.iter(), market_json);
            (
                "price_update",
                data(with_markets(price_fields(it), markets)),
                it.sent,
            )
        }
        Message::Activity(it) => {
            let kind = match it.side {
                TradeSide::Buy => "buy_order",
                TradeSide::Sell => "sell_order",
            };
            (kind, data(fill_fields(it)), it.sent)
        }
        Message::AssetPrice(it) => {
            if let Some(known) = it.known_symbol() {
                assert_eq!(known.as_str(), it.symbol);
            }
            ("asset_price", data(asset_fields(it)), it.sent)
        }
        Message::OrderUpdated(it) => ("order_updated", data(order_fields(it)), it.sent),
        Message::Connected {
            client_id,
            status,
            message,
            sent,
        } => {
            let all = [
                ("clientId", client_id),
                ("status", status),
                ("message", message),
            ];
            let all = all.map(|(name, text)| (name, text.map(str::to_owned)));
            ("connected", texts(all), *sent)
        }
        Message::Subscribed { room: name } => ("subscribed", room(name), None),
        Message::Unsubscribed { room: name } => ("unsubscribed", room(name), None),
        Message::Pong { sent } => ("pong", Vec::new(), *sent),
        Message::Error { message } => {
            let message = object(vec![("message", string(message))]);
            ("error", data(message), None)
        }
        Message::Unknown { kind } => (*kind, Vec::new(), None),
        other => panic!("unknown message: {other:?}"),
    };
    enclose(kind, fields, sent.map(|sent| sent.0))
}

fn book_json(book: &OrderBook<'_>) -> Json {
    order_book(
        [book.market_id, book.outcome_id],
        [book.bids, book.asks],
        book.timestamp.map(|time| time.0.to_owned()),
        book.last_price.map(|price| normalized(price.0)),
        book.last_side,
    )
}

fn order_book(
    [market, outcome]: [&str; 2],
    sides: [&[Level]; 2],
    timestamp: Option<String>,
    last_price: Option<String>,
    last_side: Option<TradeSide>,
) -> Json {
    let scale = scale_of(market);
    let level = |it: &Level| {
        let price = Fixed::new(it.ticks.0, scale.price_decimals());
        let quantity = Fixed::new(it.lots.0, scale.quantity_decimals());
        let total = Json::Number("0.5".to_owned()); // not decoded
        let [price, quantity] = [price, quantity].map(|it| Json::Number(it.to_string()));
        object(vec![
            ("price", price),
            ("quantity", quantity),
            ("total", total),
        ])
    };
    let [bids, asks] = sides.map(|side| array(side, level));
    let mut fields = vec![("marketId", string(market)), ("outcomeId", string(outcome))];
    fields.extend([("bids", bids), ("asks", asks)]);
    fields.extend(timestamp.map(|time| ("timestamp", string(&time))));
    fields.extend(last_price.map(|price| ("lastTradedPrice", number(&price))));
    fields.extend(last_side.map(|side| ("lastTradedSide", string(side.as_str()))));
    object(fields)
}

fn with_markets(event: Json, markets: Json) -> Json {
    let Json::Object(mut fields) = event else {
        panic!("no object: {event:?}");
    };
    fields.push(("markets".to_owned(), markets));
    Json::Object(fields)
}

fn market_json(market: PricedMarket<'_>) -> Json {
    let pair =
        |(label, price): (&str, Decimal<'_>)| (label.to_owned(), number(&normalized(price.0)));
    priced_market(
        market.id,
        texts([
            ("question", market.question.map(str::to_owned)),
            ("engine", market.engine.map(str::to_owned)),
        ]),
        array(market.outcomes.iter(), string),
        market
            .prices
            .map(|prices| prices.iter().map(pair).collect()),
    )
}

fn priced_market(
    id: &str,
    texts: Fields<'_>,
    outcomes: Json,
    prices: Option<Vec<(String, Json)>>,
) -> Json {
    let mut fields = vec![("id", string(id))];
    fields.extend(texts);
    fields.push(("outcomes", outcomes));
    fields.extend(prices.map(|prices| ("prices", Json::Object(prices))));
    object(fields)
}

fields!(PRICES, price_fields(it: PriceUpdate<'_>), {
    "id": Text = it.event_id;
    "slug": Text? = it.slug;
    "title": Text? = it.title;
    "status": Text? = it.status;
    "type": Text? = it.kind;
});

fields!(FILL, fill_fields(it: Activity<'_>), {
    "user/id": Text = it.user.id;
    "user/tag": Text? = it.user.tag;
    "user/imageUrl": Text? = it.user.image_url;
    "order/id": Text = it.order.id;
    "order/amount": Number = it.order.amount;
    "order/quantity": Number = it.order.quantity;
    "order/price": Number = it.order.price;
    "order/status": Text = it.order.status;
    "order/type": Text = it.order.kind;
    "order/outcome": Text = it.order.outcome;
    "order/outcomeLabel": Text = it.order.outcome_label;
    "order/currency": Text = it.order.currency;
    "order/engine": Text? = it.order.engine;
    "order/orderType": Text? = it.order.order_type;
    "order/createdAt": Text = it.order.created_at;
    "order/updatedAt": Text = it.order.updated_at;
    "event/id": Text = it.event.id;
    "event/slug": Text = it.event.slug;
    "event/title": Text = it.event.title;
    "event/type": Text = it.event.kind;
    "event/createdAt": Text = it.event.created_at;
    "event/imageUrl": Text? = it.event.image_url;
    "market/id": Text = it.market.id;
    "market/title": Text = it.market.title;
    "market/imageUrl": Text? = it.market.image_url;
});

fields!(ASSET, asset_fields(it: AssetPrice<'_>), {
    "symbol": Text = it.symbol;
    "price": Number = it.price;
    "timestamp": Integer = it.source_time;
});

fields!(ORDER, order_fields(it: OrderUpdated<'_>), {
    "orderId": Text = it.order_id;
    "eventId": Text? = it.event_id;
    "marketId": Text = it.market_id;
    "timestamp": Integer? = it.updated;
    "order/id": Text? = it.order.id;
    "order/userId": Text? = it.order.user_id;
    "order/marketId": Text? = it.order.market_id;
    "order/outcomeId": Text? = it.order.outcome_id;
    "order/outcomeLabel": Text? = it.order.outcome_label;
    "order/side": Side = it.order.side;
    "order/price": Number? = it.order.price;
    "order/quantity": Number = it.order.quantity;
    "order/filledQuantity": Number = it.order.filled_quantity;
    "order/remainingQuantity": Number = it.order.remaining_quantity;
    "order/avgFillPrice": Number? = it.order.avg_fill_price;
    "order/status": Text = it.order.status;
    "order/timeInForce": Text? = it.order.time_in_force;
    "order/createdAt": Integer? = it.order.created_at;
    "order/updatedAt": Integer? = it.order.updated_at;
});

/// Reads a message by the contract.
fn read(json: &Json) -> Result<Json, Refused> {
    let [kind, inside] = json.fields(["type", "data"])?;
    let kind = required(kind)?.text()?;
    let mut sent = json.extra("timestamp", Json::integer);
    let in_data = |table| Ok(data(read_fields(required(inside)?, table)?));
    let fields = match kind.as_str() {
        "orderbook_update" => {
            let inside = required(inside)?;
            let [nested] = inside.fields(["orderbook"])?;
            let book = read_book(non_null(nested).unwrap_or(inside))?;
            data(object(vec![("orderbook", book)]))
        }
        "price_update" => {
            let inside = required(inside)?;
            let event = read_fields(inside, PRICES)?;
            data(with_markets(event, read_markets(inside)?))
        }
        "buy_order" | "sell_order" => in_data(FILL)?,
        "asset_price" => in_data(ASSET)?,
        "order_updated" => in_data(ORDER)?,
        "connected" => {
            let text = |name| (name, json.extra(name, Json::text));
            texts(["clientId", "status", "message"].map(text))
        }
        "pong" => Vec::new(),
        _ => {
            sent = None;
            match kind.as_str() {
                "subscribed" | "unsubscribed" => {
                    let [room] = json.fields(["room"])?;
                    vec![("room", string(&required(room)?.text()?))]
                }
                "error" => {
                    let nested = inside.and_then(|data| data.extra("message", Json::text));
                    let text = nested.or_else(|| json.extra("message", Json::text));
                    data(object(vec![("message", string(&text.ok_or(Refused)?))]))
                }
                _ => Vec::new(),
            }
        }
    };
    Ok(enclose(&kind, fields, sent))
}

fn read_markets(data: &Json) -> Result<Json, Refused> {
    let [markets] = data.fields(["markets"])?;
    let markets = Json::list_or_none(markets, MAX_EVENT_MARKETS)?.iter();
    let markets = markets.map(|market| {
        let [id, outcomes, prices] = market.fields(["id", "outcomes", "prices"])?;
        let text = |name| (name, market.extra(name, Json::text));
        let outcomes = Json::list_or_none(outcomes, MAX_OUTCOMES)?.iter();
        let outcomes = outcomes.map(|it| it.text().map(Json::String));
        Ok(priced_market(
            &required(id)?.text()?,
            texts(["question", "engine"].map(text)),
            Json::Array(outcomes.collect::<Result<_, _>>()?),
            non_null(prices).map(read_prices).transpose()?,
        ))
    });
    Ok(Json::Array(markets.collect::<Result<_, _>>()?))
}

/// Reads labels and prices. An invalid price is skipped, but counts towards the limit.
fn read_prices(prices: &Json) -> Result<Vec<(String, Json)>, Refused> {
    let fields = prices.object()?;
    if fields.len() > MAX_OUTCOMES || prices.has_duplicates() {
        return Err(Refused);
    }
    let price = |(label, price): &(String, Json)| {
        let price = price.number().ok()?;
        Some((label.clone(), number(&price)))
    };
    Ok(fields.iter().filter_map(price).collect())
}

fn read_book(book: &Json) -> Result<Json, Refused> {
    let [market, outcome, bids, asks] = book.fields(["marketId", "outcomeId", "bids", "asks"])?;
    let market = required(market)?.text()?;
    let scale = scale_of(&market);
    let outcome = required(outcome)?.text()?;
    let bids = read_side(required(bids)?, scale)?;
    let asks = read_side(required(asks)?, scale)?;
    Ok(order_book(
        [&market, &outcome],
        [&bids, &asks],
        book.extra("timestamp", Json::text),
        book.extra("lastTradedPrice", Json::number),
        book.extra("lastTradedSide", trade_side),
    ))
}

/// The identity of a line, which may be invalid: `None` if it has another type, otherwise the market and the
/// outcome.
fn read_identity(json: &Json) -> Option<[Option<String>; 2]> {
    let kind = json.extra("type", Json::text);
    if kind.is_some_and(|kind| kind != "orderbook_update") {
        return None;
    }
    let object = |value: &Json| value.object().map(|_| value.clone());
    let data = json.extra("data", object).unwrap_or(Json::Null);
    let book = data.extra("orderbook", object).unwrap_or(data);
    Some(["marketId", "outcomeId"].map(|name| book.extra(name, Json::text)))
}

fn read_side(side: &Json, scale: Scale) -> Result<Vec<Level>, Refused> {
    let levels = Json::list_or_none(Some(side), MAX_LEVELS)?.iter();
    levels.map(|level| read_level(level, scale)).collect()
}

fn read_level(level: &Json, scale: Scale) -> Result<Level, Refused> {
    oracle::read_level(level, scale, "quantity")
}
