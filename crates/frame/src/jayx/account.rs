//! The account: balances, and the user's own orders.

use ticklot_book::{Lots, Ticks};

use crate::error::{DecodeFailure, ErrorKind, Skipped, SkippedItems, VenueName};
use crate::json::{Value, read_fields};
use crate::record::{Field, record};
use crate::string_arena::{StringArena, StringList};
use crate::units::{Decimal, TradeSide, UnixMillis};

/// The maximum number of balances, and of orders of each kind, in one message.
pub const MAX_ITEMS: usize = 65_536;

/// The buffers for the lists of one message.
#[derive(Debug, Default)]
pub(super) struct AccountBuffer {
    pub(super) strings: StringArena,
    pub(super) cancelled: Vec<Row>,
    pub(super) modified: Vec<Row>,
    skipped: Option<Skipped>,
}

impl AccountBuffer {
    /// The balances of the last message.
    pub(super) fn positions(&self) -> Positions<'_> {
        Positions(self.strings.view())
    }

    /// Adds a balance.
    pub(super) fn push(&mut self, balance: &Balance<'_>) {
        self.strings.push(balance.asset);
        self.strings.push(balance.balance.0);
        self.strings.push(balance.available.0);
    }

    /// The orders of the last message.
    pub(super) fn open_orders(&self) -> OpenOrders<'_> {
        let strings = self.strings.view();
        let orders = |rows| Orders { strings, rows };
        OpenOrders {
            cancel: orders(&self.cancelled),
            modify: orders(&self.modified),
            skipped: self.skipped.as_ref(),
        }
    }

    /// Clears the lists of the last message.
    pub(super) fn clear(&mut self) {
        self.strings.clear();
        self.cancelled.clear();
        self.modified.clear();
        self.skipped = None;
    }
}

/// An order without its texts, and the index of the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    order: Order<'static>,
    /// The index of its first text: kind, state, symbol, price, quantity.
    strings: u32,
}

impl Row {
    pub(super) fn new(order: &Order<'_>, strings: &mut StringArena) -> Self {
        let row = Self {
            order: Order {
                kind: order.kind.map(|_| ""),
                state: "",
                symbol: "",
                price: order.price.map(|_| Decimal("")),
                quantity: Decimal(""),
                id: order.id,
                side: order.side,
                reserved: order.reserved,
                executed: order.executed,
                cost: order.cost,
                last_lots: order.last_lots,
                last_ticks: order.last_ticks,
                created: order.created,
                modified: order.modified,
            },
            strings: strings.end(),
        };
        strings.push(order.kind.unwrap_or_default());
        strings.push(order.state);
        strings.push(order.symbol);
        strings.push(order.price.map_or("", |price| price.0));
        strings.push(order.quantity.0);
        row
    }

    fn order<'a>(&self, strings: &StringList<'a>) -> Order<'a> {
        let word = |index| strings.get(self.strings + index);
        let order = self.order;
        Order {
            kind: order.kind.map(|_| word(0)),
            state: word(1),
            symbol: word(2),
            price: order.price.map(|_| Decimal(word(3))),
            quantity: Decimal(word(4)),
            ..order
        }
    }
}

/// All balances of the account (`positions`).
#[derive(Clone, Copy)]
pub struct Positions<'a>(StringList<'a>);

/// A balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Balance<'a> {
    /// The asset, such as `BTC`.
    pub asset: &'a str,
    /// The total balance.
    pub balance: Decimal<'a>,
    /// The balance that is not reserved by orders.
    pub available: Decimal<'a>,
}

impl<'a> Positions<'a> {
    /// The number of balances.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len() / 3
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

/// Changes of the user's own orders (`openorders`).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OpenOrders<'a> {
    /// Orders that are no longer open.
    pub cancel: Orders<'a>,
    /// New and changed orders.
    pub modify: Orders<'a>,
    /// The skipped orders of both lists, whose number, state, side, symbol or quantity is invalid.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub skipped: Option<&'a Skipped>,
}

/// A list of orders, in the order of the message.
#[derive(Clone, Copy)]
pub struct Orders<'a> {
    strings: StringList<'a>,
    rows: &'a [Row],
}

/// One of the user's own orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Order<'a> {
    /// The venue's number of the order.
    pub id: i64,
    /// The type: `LIMIT`, `MARKET` and others.
    pub kind: Option<&'a str>,
    /// The state: `NEW`, `CANCELED` and others.
    pub state: &'a str,
    /// The side of the order.
    pub side: TradeSide,
    /// The reserved amount (`resd`), as the venue's integer. Its unit is not documented. In the venue's example it is
    /// price times quantity, so it is not a number of lots.
    pub reserved: Option<i64>,
    /// The executed size (`exec`).
    pub executed: Option<Lots>,
    /// The cost of its fills, as the venue's integer. Its unit is not documented.
    pub cost: Option<i64>,
    /// The size of its last fill.
    pub last_lots: Option<Lots>,
    /// The price of its last fill.
    pub last_ticks: Option<Ticks>,
    /// The time when it was placed.
    pub created: Option<UnixMillis>,
    /// The time of the last modification.
    pub modified: Option<UnixMillis>,
    /// The symbol.
    pub symbol: &'a str,
    /// The limit price. A market order has none.
    pub price: Option<Decimal<'a>>,
    /// The ordered quantity.
    pub quantity: Decimal<'a>,
}

impl<'a> Orders<'a> {
    /// The number of orders.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// The orders.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Order<'a>> + use<'a> {
        let Self { strings, rows } = *self;
        rows.iter().map(move |row| row.order(&strings))
    }
}

pub(super) fn positions<'a>(
    payload: Value<'_, 'a>,
    buffers: &'a mut AccountBuffer,
) -> Result<Positions<'a>, DecodeFailure> {
    read_fields!(payload, "positions", { "spot" => spot });
    buffers.clear();
    let list = spot.require(&payload)?;
    if !list.is_null() {
        for item in bounded(list, "spot")? {
            buffers.push(&Balance::parse(&item, "balance")?);
        }
    }
    Ok(buffers.positions())
}

pub(super) fn open_orders<'a>(
    payload: Value<'_, 'a>,
    buffers: &'a mut AccountBuffer,
    base: usize,
) -> Result<OpenOrders<'a>, DecodeFailure> {
    read_fields!(payload, "openorders", { "cancel" => cancel, "modify" => modify });
    buffers.clear();
    let AccountBuffer {
        strings,
        cancelled,
        modified,
        ..
    } = buffers;
    let mut skipped = SkippedItems::default();
    // Either list may be absent, which means the same as an empty one.
    for (field, list, rows) in [
        ("cancel", &cancel, cancelled),
        ("modify", &modify, modified),
    ] {
        let Some(list) = list.get() else { continue };
        for item in bounded(list, field)? {
            let order = skipped.keep(Order::parse(&item, "order"));
            rows.extend(order.map(|order| Row::new(&order, strings)));
        }
    }
    buffers.skipped = skipped.report(VenueName::JAYX, base);
    Ok(buffers.open_orders())
}

record! { Balance<'a> as "balance" {
    "asset" => asset,
    "balance" => balance,
    "available" => available,
} }

record! { Order<'a> as "order" {
    "id" => id as Lots,
    extra "type" => kind,
    "state" => state,
    "side" => side,
    extra "resd" => reserved,
    extra "exec" => executed,
    extra "cost" => cost,
    extra "lastLots" => last_lots,
    extra "lastTicks" => last_ticks,
    extra "created" => created,
    extra "modified" => modified,
    "symbol" => symbol,
    extra "price" => price,
    "quantity" => quantity,
} }

/// The items of an array, whose length is checked.
fn bounded<'d, 'a>(
    list: Value<'d, 'a>,
    field: &'static str,
) -> Result<impl Iterator<Item = Value<'d, 'a>> + use<'d, 'a>, DecodeFailure> {
    let items = list.items(field)?;
    if items.len() > MAX_ITEMS {
        let limit = MAX_ITEMS;
        return Err(list.error(ErrorKind::TooManyItems { field, limit }));
    }
    Ok(items)
}
