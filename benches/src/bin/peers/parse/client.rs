//! `rs_bayse`, the only other client of Bayse Markets in Rust: its own message type, from text.

use anyhow::Context;
use bayse::{OrderbookLevel, WsEvent};

use super::wire::add_prices;
use crate::field::{Field, Fields, add_levels, add_trades};
use crate::parse::Factors;

/// Reads a line into the client's own type.
pub(crate) fn read(text: &str) -> anyhow::Result<WsEvent> {
    WsEvent::from_json(text).map_err(|error| anyhow::anyhow!("{error}"))
}

/// What the message says.
pub(crate) fn fields(event: &WsEvent, factors: Factors) -> anyhow::Result<Fields> {
    match event {
        WsEvent::OrderbookUpdate(update) => Ok(book(update, factors)),
        WsEvent::PriceUpdate(update) => Ok(prices(update)),
        WsEvent::TradeOrder(fill) => Ok(fill_fields(fill)),
        WsEvent::OrderUpdated(update) => order_updated(update),
        WsEvent::AssetPrice(price) => Ok(vec![
            price._type.as_str().into(),
            price.data.symbol.as_str().into(),
            price.data.price.into(),
            time(price.data.timestamp)?,
            time(price.timestamp)?,
        ]),
        WsEvent::Pong(pong) => Ok(vec![pong._type.as_str().into(), time(pong.timestamp)?]),
        _ => anyhow::bail!("another message"),
    }
}

fn time(time: u64) -> anyhow::Result<Field> {
    Ok(Field::Int(i64::try_from(time).context("a late time")?))
}

fn book(update: &bayse::OrderbookUpdateEvent, factors: Factors) -> Fields {
    let book = &update.data.orderbook;
    let level = |level: &OrderbookLevel| factors.level(level.price, level.quantity);
    let side = |levels: &[OrderbookLevel]| levels.iter().map(level).collect::<Vec<_>>();
    let mut fields = vec![
        book.market_id.as_str().into(),
        book.outcome_id.as_deref().into(),
        book.timestamp.as_str().into(),
        book.last_traded_price.into(),
        book.last_traded_side.as_deref().into(),
        time(update.timestamp).unwrap_or(Field::Nothing),
    ];
    add_levels(&mut fields, &side(&book.bids));
    add_levels(&mut fields, &side(&book.asks));
    add_trades(&mut fields, &[]);
    fields
}

fn prices(update: &bayse::PriceUpdateEvent) -> Fields {
    let data = &update.data;
    let words = [
        &update._type,
        &data.id,
        &data.slug,
        &data.title,
        &data.status,
        &data.event_type,
    ];
    let mut fields: Fields = words.map(|word| Field::from(word.as_str())).into();
    for market in &data.markets {
        let words = [&market.id, &market.question, &market.engine];
        fields.extend(words.map(|word| Field::from(word.as_str())));
        fields.extend(
            market
                .outcomes
                .iter()
                .map(|word| Field::from(word.as_str())),
        );
        let prices = market.prices.iter();
        add_prices(
            &mut fields,
            prices.map(|(label, price)| (label.as_str(), *price)),
        );
    }
    fields.push(time(update.timestamp).unwrap_or(Field::Nothing));
    fields
}

fn fill_fields(fill: &bayse::TradeOrderEvent) -> Fields {
    let bayse::TradeOrderData {
        user,
        order,
        event,
        market,
    } = &fill.data;
    let mut fields = vec![Field::from(fill._type.as_str()), user.id.as_str().into()];
    fields.extend([user.tag.as_deref(), user.image_url.as_deref()].map(Field::from));
    fields.extend([order.amount, order.quantity, order.price].map(Field::from));
    fields.extend([&order.id, &order.status, &order.side].map(|word| Field::from(word.as_str())));
    fields.extend([order.outcome.as_deref(), order.outcome_label.as_deref()].map(Field::from));
    let words = [&order.currency, &order.created_at, &order.updated_at];
    fields.extend(words.map(|word| Field::from(word.as_str())));
    // It drops the engine and the type of the order.
    fields.extend([Field::NotCarried, Field::NotCarried]);
    let words = [
        &event.id,
        &event.slug,
        &event.title,
        &event.event_type,
        &event.created_at,
    ];
    fields.extend(words.map(|word| Field::from(word.as_str())));
    fields.extend([&market.id, &market.title].map(|word| Field::from(word.as_str())));
    let images = [event.image_url.as_deref(), market.image_url.as_deref()];
    fields.extend(images.map(Field::from));
    fields.push(time(fill.timestamp).unwrap_or(Field::Nothing));
    fields
}

fn order_updated(update: &bayse::OrderUpdatedEvent) -> anyhow::Result<Fields> {
    let data = &update.data;
    let order = &data.order;
    let words = [
        &update._type,
        &data.order_id,
        &data.event_id,
        &data.market_id,
        &order.id,
        &order.user_id,
        &order.market_id,
    ];
    let mut fields: Fields = words.map(|word| Field::from(word.as_str())).into();
    let words = [
        &order.outcome_id,
        &order.outcome_label,
        &order.time_in_force,
    ];
    fields.extend(words.map(|word| Field::from(word.as_deref())));
    fields.extend([&order.side, &order.status].map(|word| Field::from(word.as_str())));
    let quantities = [
        order.quantity,
        order.filled_quantity,
        order.remaining_quantity,
    ];
    fields.extend(quantities.map(Field::from));
    fields.extend([order.price.into(), order.avg_fill_price.into()]);
    let times = [
        order.created_at,
        order.updated_at,
        data.timestamp,
        update.timestamp,
    ];
    for number in times {
        fields.push(time(number)?);
    }
    Ok(fields)
}
