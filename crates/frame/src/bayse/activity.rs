//! Fills: `buy_order` and `sell_order`.

use crate::iso_time::IsoTime;
use crate::record::record;
use crate::units::{Decimal, TradeSide, UnixMillis};

/// The fill of a user's order (`buy_order`, `sell_order`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Activity<'a> {
    /// The type of the message: `buy_order` or `sell_order`.
    pub side: TradeSide,
    /// The owner of the order.
    pub user: User<'a>,
    /// The order.
    pub order: FilledOrder<'a>,
    /// The event that the market belongs to.
    pub event: Event<'a>,
    /// The market.
    pub market: Market<'a>,
    /// The time when the message was sent.
    pub sent: Option<UnixMillis>,
}

/// The public profile of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct User<'a> {
    /// The user's id.
    pub id: &'a str,
    /// The user's display name, if any.
    pub tag: Option<&'a str>,
    /// The user's picture, if any.
    pub image_url: Option<&'a str>,
}

/// A filled order. Words such as the status are text, because the venue may add new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct FilledOrder<'a> {
    /// The order's id.
    pub id: &'a str,
    /// The total amount in `currency`.
    pub amount: Decimal<'a>,
    /// The number of shares.
    pub quantity: Decimal<'a>,
    /// The price of a share. It may have more decimal places than the book's scale when an AMM filled the order.
    pub price: Decimal<'a>,
    /// The status, such as `FILLED`.
    pub status: &'a str,
    /// The field `type`: `BUY` or `SELL`, like [`Activity::side`].
    pub kind: &'a str,
    /// The outcome in general terms: `YES` or `NO`.
    pub outcome: &'a str,
    /// The outcome in the market's own words, such as `Up`.
    pub outcome_label: &'a str,
    /// The currency, such as `USD`. [`Currency`](super::Currency) parses it.
    pub currency: &'a str,
    /// `CLOB` or `AMM`. Sent since 2026-05-09.
    pub engine: Option<&'a str>,
    /// `MARKET` or `LIMIT`. Sent since 2026-05-09.
    pub order_type: Option<&'a str>,
    /// The time when the order was created.
    pub created_at: IsoTime<'a>,
    /// The time of the last change.
    pub updated_at: IsoTime<'a>,
}

/// An event with one or more markets.
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
    /// The time when it was created.
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
