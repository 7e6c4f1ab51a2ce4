//! The plain mode: JSON envelopes from the client, payloads to it.

use serde_json::Value;

use super::book::Desk;
use super::{Jayx, request};
use crate::net::{Close, End, Ended, Event, Input, Peer};
use crate::wire;

pub(super) async fn session(venue: &Jayx, peer: &mut Peer) -> Ended {
    let mut desk = Desk::new(venue.payloads.clone());
    let mut out = String::new();
    loop {
        tokio::select! {
            event = peer.event() => on_event(venue, peer, &mut desk, &mut out, event).await?,
            latest = desk.update() => send(venue, peer, &mut out, latest.payload()).await?,
        }
    }
}

async fn on_event(
    venue: &Jayx,
    peer: &mut Peer,
    desk: &mut Desk,
    out: &mut String,
    event: Event,
) -> Result<(), End> {
    let text = match peer.settle(event).await? {
        Some(Input::Text(text)) => text,
        Some(Input::Binary) => return Err(peer.close(Close::BINARY).await),
        Some(Input::Pong) | None => return Ok(()),
    };
    match subscription(venue, &text, desk.symbol) {
        Ok(symbol) => {
            desk.symbol = Some(symbol);
            send(venue, peer, out, desk.latest().payload()).await
        }
        Err(why) => {
            out.clear();
            wire::jayx::error(out, &why);
            peer.text(out).await
        }
    }
}

fn subscription(venue: &Jayx, text: &str, subscribed: Option<usize>) -> Result<usize, String> {
    let envelope: Value =
        serde_json::from_str(text).map_err(|_| "the message is not valid JSON")?;
    let event = envelope.get("event").and_then(Value::as_str);
    let event = event.ok_or("event is required")?;
    request::check(
        event,
        &envelope["message"],
        &venue.config.symbols,
        subscribed,
    )
}

async fn send(venue: &Jayx, peer: &mut Peer, out: &mut String, payload: &str) -> Result<(), End> {
    out.clear();
    wire::jayx::plain(out, venue.config.plain, "orderbook", payload);
    peer.text(out).await
}
