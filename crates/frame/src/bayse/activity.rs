//! Fills: `buy_order` and `sell_order`.

use crate::iso_time::IsoTime;
use crate::record::record;
use crate::units::{Decimal, TradeSide, UnixMillis};

/// A fill (`buy_order`, `sell_order`): somebody's order was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Market<'a> {
    /// The market's id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its picture, if any.
    pub image_url: Option<&'a str>,
}

record! { Activity<'a> as "data" {
    "user" => user,
    "order" => order,
    "event" => event,
    "market" => market,
} given {
    side: TradeSide::Buy,
    sent: None,
} }

record! { User<'a> as "user" { "id" => id, extra "tag" => tag, extra "imageUrl" => image_url } }

record! { FilledOrder<'a> as "order" {
    "id" => id,
    "amount" => amount,
    "quantity" => quantity,
    "price" => price,
    "status" => status,
    "type" => kind,
    "outcome" => outcome,
    "outcomeLabel" => outcome_label,
    "currency" => currency,
    extra "engine" => engine,
    extra "orderType" => order_type,
    "createdAt" => created_at,
    "updatedAt" => updated_at,
} }

record! { Event<'a> as "event" {
    "id" => id,
    "slug" => slug,
    "title" => title,
    "type" => kind,
    "createdAt" => created_at,
    extra "imageUrl" => image_url,
} }

record! { Market<'a> as "market" { "id" => id, "title" => title, extra "imageUrl" => image_url } }
