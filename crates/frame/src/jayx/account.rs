//! The account: balances, and one's own orders.

use std::fmt;

use ticklot_book::{Lots, Ticks};

use crate::error::{ErrorKind, Fault, Skipped, SkippedItems, VenueName};
use crate::json::{Extra, Value, read_fields};
use crate::units::{Decimal, TradeSide, UnixMillis};
use crate::words::{WordSpace, Words};

/// The most balances, and the most orders of each kind, in one message.
pub const MAX_ITEMS: usize = 65_536;

/// Space for the lists of one message.
#[derive(Debug, Default)]
pub(super) struct AccountSpace {
    pub(super) words: WordSpace,
    pub(super) cancelled: Vec<Row>,
    pub(super) modified: Vec<Row>,
    skipped: Option<Skipped>,
}

impl AccountSpace {
    /// The balances that were read last.
    pub(super) fn positions(&self) -> Positions<'_> {
        Positions(self.words.view())
    }

    /// The orders that were read last.
    pub(super) fn open_orders(&self) -> OpenOrders<'_> {
        let words = self.words.view();
        let orders = |rows| Orders { words, rows };
        OpenOrders {
            cancel: orders(&self.cancelled),
            modify: orders(&self.modified),
            skipped: self.skipped.as_ref(),
        }
    }

    /// Forgets the orders that were read last.
    pub(super) fn begin_orders(&mut self) {
        self.words.clear();
        self.cancelled.clear();
        self.modified.clear();
        self.skipped = None;
    }
}

/// The numbers of an order, and where its words begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) side: TradeSide,
    pub(super) reserved: Option<i64>,
    pub(super) executed: Option<Lots>,
    pub(super) cost: Option<i64>,
    pub(super) last_lots: Option<Lots>,
    pub(super) last_ticks: Option<Ticks>,
    pub(super) created: Option<UnixMillis>,
    pub(super) modified: Option<UnixMillis>,
    pub(super) has_kind: bool,
    pub(super) has_price: bool,
    /// The first of its words: kind, state, symbol, price, quantity.
    pub(super) words: u32,
}

/// The balances of the account (`positions`): all of them, each time.
#[derive(Clone, Copy)]
pub struct Positions<'a>(Words<'a>);

/// A balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance<'a> {
    /// The asset, such as `BTC`.
    pub asset: &'a str,
    /// All of it.
    pub balance: Decimal<'a>,
    /// What is not reserved by orders.
    pub available: Decimal<'a>,
}

impl<'a> Positions<'a> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 3
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The balances, in the order of the message.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Balance<'a>> + use<'a> {
        self.0.triples().map(|[asset, balance, available]| Balance {
            asset,
            balance: Decimal(balance),
            available: Decimal(available),
        })
    }
}

impl fmt::Debug for Positions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What became of one's own orders (`openorders`).
#[derive(Clone, Copy, Debug)]
pub struct OpenOrders<'a> {
    /// Orders that are open no more.
    pub cancel: Orders<'a>,
    /// Orders that are new, or have changed.
    pub modify: Orders<'a>,
    /// The orders of both lists that were left out: their number, state, side, symbol or quantity could not be read.
    pub skipped: Option<&'a Skipped>,
}

/// A list of orders, in the order of the message.
#[derive(Clone, Copy)]
pub struct Orders<'a> {
    words: Words<'a>,
    rows: &'a [Row],
}

/// One's own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// The venue's number of it.
    pub id: i64,
    /// `LIMIT`, `MARKET` and others.
    pub kind: Option<&'a str>,
    /// `NEW`, `CANCELED` and others.
    pub state: &'a str,
    /// Which way.
    pub side: TradeSide,
    /// The reserved amount (`resd`), as the venue's whole number. Its unit is not documented: in the venue's example it
    /// is price times quantity, so it is no number of lots.
    pub reserved: Option<i64>,
    /// The executed size (`exec`).
    pub executed: Option<Lots>,
    /// The cost of its fills, as the venue's whole number. Its unit is not documented.
    pub cost: Option<i64>,
    /// The size of its last fill.
    pub last_lots: Option<Lots>,
    /// The price of its last fill.
    pub last_ticks: Option<Ticks>,
    /// When it was placed.
    pub created: Option<UnixMillis>,
    /// When it was last modified.
    pub modified: Option<UnixMillis>,
    /// The symbol.
    pub symbol: &'a str,
    /// The limit price. A market order has none.
    pub price: Option<Decimal<'a>>,
    /// The ordered quantity.
    pub quantity: Decimal<'a>,
}

impl<'a> Orders<'a> {
    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The orders.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Order<'a>> + use<'a> {
        let Self { words, rows } = *self;
        rows.iter().map(move |row| {
            let word = |place| words.get(row.words + place);
            Order {
                id: row.id,
                kind: row.has_kind.then(|| word(0)),
                state: word(1),
                side: row.side,
                reserved: row.reserved,
                executed: row.executed,
                cost: row.cost,
                last_lots: row.last_lots,
                last_ticks: row.last_ticks,
                created: row.created,
                modified: row.modified,
                symbol: word(2),
                price: row.has_price.then(|| Decimal(word(3))),
                quantity: Decimal(word(4)),
            }
        })
    }
}

impl fmt::Debug for Orders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

pub(super) fn positions<'a>(
    payload: Value<'_, 'a>,
    space: &'a mut AccountSpace,
) -> Result<Positions<'a>, Fault> {
    read_fields!(payload, "positions", { "spot" => spot });
    let AccountSpace { words, .. } = space;
    words.clear();
    let list = spot.require(&payload)?;
    if !list.is_null() {
        for item in bounded(list, "spot")? {
            read_fields!(item, "balance", {
                "asset" => asset,
                "balance" => balance,
                "available" => available,
            });
            words.push(asset.str(&item)?);
            words.push(balance.decimal(&item)?.0);
            words.push(available.decimal(&item)?.0);
        }
    }
    Ok(space.positions())
}

pub(super) fn open_orders<'a>(
    payload: Value<'_, 'a>,
    space: &'a mut AccountSpace,
    base: usize,
) -> Result<OpenOrders<'a>, Fault> {
    read_fields!(payload, "openorders", { "cancel" => cancel, "modify" => modify });
    space.begin_orders();
    let AccountSpace {
        words,
        cancelled,
        modified,
        ..
    } = space;
    let mut skipped = SkippedItems::default();
    // Either list may be absent: an empty one says nothing too.
    for (field, list, rows) in [
        ("cancel", &cancel, cancelled),
        ("modify", &modify, modified),
    ] {
        let Some(list) = list.get() else { continue };
        let orders = bounded(list, field)?.filter_map(|item| skipped.keep(order(item, words)));
        rows.extend(orders);
    }
    space.skipped = skipped.report(VenueName::JAYX, base);
    Ok(space.open_orders())
}

fn order(item: Value<'_, '_>, words: &mut WordSpace) -> Result<Row, Fault> {
    read_fields!(item, "order", {
        "id" => id,
        "state" => state,
        "side" => side,
        "symbol" => symbol,
        "quantity" => quantity,
    }, extra {
        "type" => kind,
        "resd" => reserved,
        "exec" => executed,
        "cost" => cost,
        "lastLots" => last_lots,
        "lastTicks" => last_ticks,
        "created" => created,
        "modified" => modified,
        "price" => price,
    });
    let steps = |extra: &Extra<'_, '_>| extra.read(|value, name| value.steps(name, 0));
    let millis = |extra: &Extra<'_, '_>| extra.read(Value::integer).map(UnixMillis);
    let (kind, price) = (kind.read(Value::str), price.read(Value::decimal));
    let row = Row {
        id: id.require(&item)?.steps("id", 0)?,
        side: side.require(&item)?.trade_side("side")?,
        reserved: reserved.read(Value::integer),
        executed: steps(&executed).map(Lots),
        cost: cost.read(Value::integer),
        last_lots: steps(&last_lots).map(Lots),
        last_ticks: steps(&last_ticks).map(Ticks),
        created: millis(&created),
        modified: millis(&modified),
        has_kind: kind.is_some(),
        has_price: price.is_some(),
        words: words.end(),
    };
    let texts = [
        kind.unwrap_or_default(),
        state.str(&item)?,
        symbol.str(&item)?,
        price.map_or("", |price| price.0),
        quantity.decimal(&item)?.0,
    ];
    for text in texts {
        words.push(text);
    }
    Ok(row)
}

/// The items of an array that is not too long.
fn bounded<'d, 'a>(
    list: Value<'d, 'a>,
    field: &'static str,
) -> Result<impl Iterator<Item = Value<'d, 'a>> + use<'d, 'a>, Fault> {
    let items = list.items(field)?;
    if items.len() > MAX_ITEMS {
        let limit = MAX_ITEMS;
        return Err(list.fault(ErrorKind::TooManyItems { field, limit }));
    }
    Ok(items)
}
