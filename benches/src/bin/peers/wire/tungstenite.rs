//! What one writes without this crate: tokio-tungstenite with its defaults, a parser, and a book.

use tokio::runtime::Runtime;

use super::lane::Target;
use super::record::{Best, Record};
use super::runtime;
use crate::parse::serde::{Jayx, SerdeJson, Sonic};
use crate::parse::{ReadBook, Sink};
use crate::tables::apply::MapBook;
use crate::tungstenite::each_jayx;

pub(super) fn maps(target: &Target, record: Record) -> anyhow::Result<Record> {
    run(&runtime::sleeping()?, target, record, Maps::default())
}

pub(super) fn maps_awake(target: &Target, record: Record) -> anyhow::Result<Record> {
    run(&runtime::awake()?, target, record, Maps::default())
}

pub(super) fn sonic(target: &Target, record: Record) -> anyhow::Result<Record> {
    run(&runtime::sleeping()?, target, record, Vecs::default())
}

pub(super) fn sonic_awake(target: &Target, record: Record) -> anyhow::Result<Record> {
    run(&runtime::awake()?, target, record, Vecs::default())
}

/// A book that reads JSON.
pub(super) trait PeerBook {
    fn message(&mut self, json: &str) -> anyhow::Result<Best>;
}

/// `serde_json` and two maps.
#[derive(Default)]
pub(super) struct Maps {
    reader: Jayx<SerdeJson>,
    sink: Sink,
    book: MapBook,
}

impl PeerBook for Maps {
    fn message(&mut self, json: &str) -> anyhow::Result<Best> {
        let Self { reader, sink, book } = self;
        reader.read(json.into(), sink)?;
        book.replace(sink.bids.iter().copied(), sink.asks.iter().copied());
        Ok(book.best())
    }
}

/// sonic-rs, which fills two vectors: they are the book.
#[derive(Default)]
struct Vecs {
    reader: Jayx<Sonic>,
    book: Sink,
}

impl PeerBook for Vecs {
    fn message(&mut self, json: &str) -> anyhow::Result<Best> {
        let Self { reader, book } = self;
        reader.read(json.into(), book)?;
        book.put_in_order();
        Ok([&book.bids, &book.asks].map(|side| side.first().map(|level| level.ticks.0)))
    }
}

fn run(
    runtime: &Runtime,
    target: &Target,
    mut record: Record,
    mut book: impl PeerBook,
) -> anyhow::Result<Record> {
    let url = target.url(0);
    let client = each_jayx(&url, |json| {
        let best = book.message(json)?;
        Ok(record.end(0, best))
    });
    runtime.block_on(client)?;
    Ok(record)
}
