//! Converts the venue's messages to events.

use std::ops::ControlFlow;

use ticklot_book::{DecimalError, Fixed, Scale};
use ticklot_frame::bayse::{
    Activity, AssetPrice, Currency, Message, OrderUpdated, PriceUpdate, Prices,
};
use ticklot_frame::{
    Decimal, DecodeError, ErrorKind, Line, Scales, Trade, UnixMillis, UnixSeconds, VenueName,
};

use crate::books::Instrument;
use crate::event::{Event, Handler, OrderRef, OrderUpdate, ReferencePrice};
use crate::venue::{Context, ErrorScope};

/// Emits the events of a message. `scope` is the currency of the connection, and `line` the line of the message.
pub(super) fn emit<H: Handler + ?Sized>(
    message: &Message<'_>,
    line: Line<'_>,
    scope: Option<Currency>,
    scales: &impl Scales,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    match message {
        Message::Activity(fill) => trade(fill, line, scales.scale(fill.market.id), context),
        Message::PriceUpdate(update) => prices(update, context),
        Message::AssetPrice(price) => asset(price, context),
        Message::OrderUpdated(update) => order(update, scope, context),
        _ => ControlFlow::Continue(()),
    }
}

/// Emits a fill. If its price is finer than the market's grid, it has a finer scale.
fn trade<H: Handler + ?Sized>(
    fill: &Activity<'_>,
    line: Line<'_>,
    scale: Scale,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let order = &fill.order;
    let read = scale_of(scale, order.price, order.quantity).and_then(|scale| {
        let ticks = order.price.ticks(scale)?;
        let lots = order.quantity.lots(scale)?;
        Ok((scale, ticks, lots))
    });
    let (scale, ticks, lots) = match read {
        Ok(read) => read,
        Err(error) => {
            let error = number_error(error).on_line(line.number);
            return context.unreadable(ErrorScope::None, error, line.bytes);
        }
    };
    let created = order.updated_at.unix_millis().ok().or(fill.sent);
    let trade = Trade {
        ticks,
        lots,
        side: fill.side,
        created: created.unwrap_or_default(),
    };
    let instrument = Instrument {
        venue: VenueName::BAYSE,
        scope: Some(order.currency),
        market: fill.market.id,
        name: order.outcome,
    };
    context.trades_of(&instrument, scale, &[trade], fill.sent)
}

/// The coarsest scale that represents both numbers exactly and is at least as fine as `scale`.
fn scale_of(
    scale: Scale,
    price: Decimal<'_>,
    quantity: Decimal<'_>,
) -> Result<Scale, DecimalError> {
    let price_decimals = match price.ticks(scale) {
        Ok(_) => scale.price_decimals(),
        Err(_) => Fixed::parse(price.0.as_bytes())?.decimals(),
    };
    let quantity_decimals = match quantity.lots(scale) {
        Ok(_) => scale.quantity_decimals(),
        Err(_) => Fixed::parse(quantity.0.as_bytes())?.decimals(),
    };
    Ok(Scale::new(price_decimals, quantity_decimals).unwrap_or(scale))
}

/// The error for a fill with a number that no scale represents exactly.
fn number_error(error: DecimalError) -> DecodeError {
    DecodeError {
        venue: VenueName::BAYSE,
        line: 0,
        offset: 0,
        kind: ErrorKind::Number {
            field: "order",
            error,
        },
    }
}

fn prices<H: Handler + ?Sized>(
    update: &PriceUpdate<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    for market in update.markets.iter() {
        for (label, price) in market.prices.iter().flat_map(Prices::iter) {
            let instrument = Instrument {
                venue: VenueName::BAYSE,
                scope: Some(""),
                market: market.id,
                name: label,
            };
            context.emit(Event::ReferencePrice(ReferencePrice {
                connection: context.connection(),
                instrument,
                price,
                sent: update.sent,
                received: context.received(),
            }))?;
        }
    }
    ControlFlow::Continue(())
}

fn asset<H: Handler + ?Sized>(
    price: &AssetPrice<'_>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    context.emit(Event::ReferencePrice(ReferencePrice {
        connection: context.connection(),
        instrument: Instrument::of_symbol(VenueName::BAYSE, price.symbol),
        price: price.price,
        sent: price.sent,
        received: context.received(),
    }))
}

/// Parts of the status of an order that is not open.
const CLOSED: [&str; 4] = ["CANCEL", "EXPIRE", "REJECT", "FAIL"];

fn order<H: Handler + ?Sized>(
    update: &OrderUpdated<'_>,
    scope: Option<Currency>,
    context: &mut Context<'_, H>,
) -> ControlFlow<()> {
    let order = &update.order;
    let is_nonzero = |text: &str| text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    let is_closed = CLOSED.iter().any(|word| order.status.contains(word));
    let updated = OrderUpdate {
        connection: context.connection(),
        instrument: Instrument {
            venue: VenueName::BAYSE,
            scope: scope.map(Currency::as_str),
            market: update.market_id,
            name: order.outcome_id.or(order.outcome_label).unwrap_or_default(),
        },
        id: OrderRef::Text(update.order_id),
        is_open: is_nonzero(order.remaining_quantity.0) && !is_closed,
        kind: None,
        status: order.status,
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        filled: Fixed::parse(order.filled_quantity.0.as_bytes()).ok(),
        reserved: None,
        cost: None,
        created: order.created_at.map(millis),
        modified: order.updated_at.or(update.updated).map(millis),
        sent: update.sent,
        received: context.received(),
    };
    context.orders(|| std::iter::once(updated))
}

fn millis(seconds: UnixSeconds) -> UnixMillis {
    UnixMillis(seconds.0.saturating_mul(1_000))
}
