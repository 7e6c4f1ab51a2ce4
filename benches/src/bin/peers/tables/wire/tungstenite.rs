//! A user's alternative: tokio-tungstenite with its defaults, a parser, and a book.

use tokio::runtime::Runtime;

use super::measurement::Target;
use super::record::Record;
use crate::book::{Best, Flat, Maps};
use crate::parse::serde::{Books, SerdeJson, Sonic};
use crate::process::Process;
use crate::runtime;
use crate::tungstenite::each_jayx;

pub(super) fn maps(target: &Target, record: Record) -> anyhow::Result<Record> {
    run_maps(&runtime::sleeping()?, target, record)
}

pub(super) fn maps_awake(target: &Target, record: Record) -> anyhow::Result<Record> {
    run_maps(&runtime::awake()?, target, record)
}

pub(super) fn sonic(target: &Target, record: Record) -> anyhow::Result<Record> {
    run_sonic(&runtime::sleeping()?, target, record)
}

pub(super) fn sonic_awake(target: &Target, record: Record) -> anyhow::Result<Record> {
    run_sonic(&runtime::awake()?, target, record)
}

fn run_maps(runtime: &Runtime, target: &Target, record: Record) -> anyhow::Result<Record> {
    let mut book = Maps::new(Books::<SerdeJson>::new(None), 1);
    run(runtime, target, record, |json| {
        Ok(book.message(0, json.into())?.best())
    })
}

fn run_sonic(runtime: &Runtime, target: &Target, record: Record) -> anyhow::Result<Record> {
    let mut book = Flat::new(Books::<Sonic>::new(None), 1);
    run(runtime, target, record, |json| {
        Ok(book.message(0, json.into())?.best())
    })
}

fn run(
    runtime: &Runtime,
    target: &Target,
    mut record: Record,
    mut apply: impl FnMut(&str) -> anyhow::Result<Best>,
) -> anyhow::Result<Record> {
    let url = target.url(0);
    runtime.block_on(each_jayx(&url, |json| {
        let best = apply(json)?;
        Ok(record.end(0, best))
    }))?;
    Ok(record)
}
