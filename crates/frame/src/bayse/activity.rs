//! Fills: `buy_order` and `sell_order`.

use crate::error::Fault;
use crate::iso_time::IsoTime;
use crate::json::{Value, read_fields};
use crate::units::{Decimal, TradeSide, UnixMillis};

/// A fill (`buy_order`, `sell_order`): somebody's order was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity<'a> {
    /// Which of the two messages it is.
    pub side: TradeSide,
    /// Whose order.
    pub user: User<'a>,
    /// The order.
    pub order: FilledOrder<'a>,
    /// The event that the market belongs to.
    pub event: Event<'a>,
    /// The market.
    pub market: Market<'a>,
    /// When the message was sent.
    pub sent: Option<UnixMillis>,
}

/// A user, as shown to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User<'a> {
    /// The user's id.
    pub id: &'a str,
    /// The name that the user chose, if any.
    pub tag: Option<&'a str>,
    /// The user's picture, if any.
    pub image_url: Option<&'a str>,
}

/// An order that was filled. Words are the venue's, as text: new ones may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilledOrder<'a> {
    /// The order's id.
    pub id: &'a str,
    /// What it came to, in `currency`.
    pub amount: Decimal<'a>,
    /// How many shares.
    pub quantity: Decimal<'a>,
    /// The price of a share. Finer than a book's grid when an AMM filled it.
    pub price: Decimal<'a>,
    /// Such as `FILLED`.
    pub status: &'a str,
    /// The field `type`: `BUY` or `SELL`, as [`Activity::side`] says too.
    pub kind: &'a str,
    /// The outcome in general terms: `YES` or `NO`.
    pub outcome: &'a str,
    /// The outcome in the market's own words, such as `Up`.
    pub outcome_label: &'a str,
    /// Such as `USD`. [`Currency`](super::Currency) reads it.
    pub currency: &'a str,
    /// `CLOB` or `AMM`. Sent since 2026-05-09.
    pub engine: Option<&'a str>,
    /// `MARKET` or `LIMIT`. Sent since 2026-05-09.
    pub order_type: Option<&'a str>,
    /// When the order was made.
    pub created_at: IsoTime<'a>,
    /// When it last changed.
    pub updated_at: IsoTime<'a>,
}

/// An event: what is bet on, in one market or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event's id.
    pub id: &'a str,
    /// Its name in web addresses.
    pub slug: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The field `type`, such as `SINGLE_MARKET`.
    pub kind: &'a str,
    /// When it was made.
    pub created_at: IsoTime<'a>,
    /// Its picture, if any.
    pub image_url: Option<&'a str>,
}

/// A market of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market<'a> {
    /// The market's id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its picture, if any.
    pub image_url: Option<&'a str>,
}

pub(super) fn fill<'a>(
    data: Value<'_, 'a>,
    side: TradeSide,
    sent: Option<UnixMillis>,
) -> Result<Activity<'a>, Fault> {
    read_fields!(data, "data", {
        "user" => user,
        "order" => order,
        "event" => event,
        "market" => market,
    });
    Ok(Activity {
        side,
        user: read_user(user.require(&data)?)?,
        order: read_order(order.require(&data)?)?,
        event: read_event(event.require(&data)?)?,
        market: read_market(market.require(&data)?)?,
        sent,
    })
}

fn read_user<'a>(user: Value<'_, 'a>) -> Result<User<'a>, Fault> {
    read_fields!(user, "user", { "id" => id }, extra { "tag" => tag, "imageUrl" => image_url });
    Ok(User {
        id: id.str(&user)?,
        tag: tag.read(Value::str),
        image_url: image_url.read(Value::str),
    })
}

fn read_order<'a>(order: Value<'_, 'a>) -> Result<FilledOrder<'a>, Fault> {
    read_fields!(order, "order", {
        "id" => id,
        "amount" => amount,
        "quantity" => quantity,
        "price" => price,
        "status" => status,
        "type" => kind,
        "outcome" => outcome,
        "outcomeLabel" => outcome_label,
        "currency" => currency,
        "createdAt" => created_at,
        "updatedAt" => updated_at,
    }, extra {
        "engine" => engine,
        "orderType" => order_type,
    });
    Ok(FilledOrder {
        id: id.str(&order)?,
        amount: amount.decimal(&order)?,
        quantity: quantity.decimal(&order)?,
        price: price.decimal(&order)?,
        status: status.str(&order)?,
        kind: kind.str(&order)?,
        outcome: outcome.str(&order)?,
        outcome_label: outcome_label.str(&order)?,
        currency: currency.str(&order)?,
        engine: engine.read(Value::str),
        order_type: order_type.read(Value::str),
        created_at: IsoTime(created_at.str(&order)?),
        updated_at: IsoTime(updated_at.str(&order)?),
    })
}

fn read_event<'a>(event: Value<'_, 'a>) -> Result<Event<'a>, Fault> {
    read_fields!(event, "event", {
        "id" => id,
        "slug" => slug,
        "title" => title,
        "type" => kind,
        "createdAt" => created_at,
    }, extra { "imageUrl" => image_url });
    Ok(Event {
        id: id.str(&event)?,
        slug: slug.str(&event)?,
        title: title.str(&event)?,
        kind: kind.str(&event)?,
        created_at: IsoTime(created_at.str(&event)?),
        image_url: image_url.read(Value::str),
    })
}

fn read_market<'a>(market: Value<'_, 'a>) -> Result<Market<'a>, Fault> {
    read_fields!(market, "market", { "id" => id, "title" => title }, extra { "imageUrl" => image_url });
    Ok(Market {
        id: id.str(&market)?,
        title: title.str(&market)?,
        image_url: image_url.read(Value::str),
    })
}
