//! The plain mode: JSON envelopes from the client, payloads to it.

use serde_json::Value;

use super::Jayx;
use super::desk::{Desk, TOO_SLOW, Told, Trouble};
use crate::net::{Close, End, Ended, Event, Input, Peer};
use crate::wire;

pub(super) async fn session(venue: &Jayx, peer: &mut Peer) -> Ended {
    let mut desk = Desk::new(&venue.world);
    let mut out = String::new();
    loop {
        tokio::select! {
            event = peer.event() => on_event(venue, peer, &mut desk, &mut out, event).await?,
            news = desk.news() => match news {
                Some(news) => send(venue, peer, &mut out, &news).await?,
                None => return Err(peer.close(TOO_SLOW).await),
            },
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
    match subscribe(desk, &text) {
        Ok(told) => send(venue, peer, out, &told).await,
        Err(Trouble::Lost) => Err(peer.close(TOO_SLOW).await),
        Err(Trouble::Refused(why)) => {
            out.clear();
            wire::jayx::error(out, &why);
            peer.text(out).await
        }
    }
}

fn subscribe(desk: &mut Desk, text: &str) -> Result<Vec<Told>, Trouble> {
    let refused = |why: &str| Trouble::Refused(why.to_owned());
    let envelope: Value =
        serde_json::from_str(text).map_err(|_| refused("the message is not valid JSON"))?;
    let event = envelope.get("event").and_then(Value::as_str);
    let event = event.ok_or_else(|| refused("event is required"))?;
    desk.ask(event, &envelope["message"])
}

async fn send(venue: &Jayx, peer: &mut Peer, out: &mut String, all: &[Told]) -> Result<(), End> {
    for told in all {
        out.clear();
        wire::jayx::plain(out, venue.config.plain, told.event, &told.payload);
        peer.queue(out.as_bytes()).await?;
    }
    peer.flush().await
}
