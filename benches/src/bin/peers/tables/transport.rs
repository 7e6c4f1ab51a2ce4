//! Messages of about 700 bytes over loopback TCP to the reader, and through the whole feed.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, bail};
use ticklot_benches::{Shape, Wire};
use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::bayse;

use super::{Plan, Show};
use crate::field::{Field, Fields};
use crate::input::Input;
use crate::measure::{Case, Clock, Contender, Rounds};
use crate::socket::{self, Bare, Client, Ours, Read, Server, Stream, Whole};

/// While the server writes, and when everything is there already. The slices of the second are small
/// enough for the socket's buffers.
const CASES: [(&str, Start, usize); 2] = [
    ("700-bytes", Start::Together, 4),
    ("700-bytes-waiting", Start::Later, 64),
];

/// How many times as many rounds there are as elsewhere. A slice is less than a millisecond, in which the reader may or
/// may not be in step with the server's thread: it takes many of them to see how two readers stand.
const MORE_ROUNDS: usize = 8;

/// When the reading begins.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// When the server begins to write.
    Together,
    /// When it has written all.
    Later,
}

pub(crate) fn run(plan: &Plan, show: &mut Show<'_>) -> anyhow::Result<()> {
    for (name, start, slices) in CASES {
        if !plan.wants(name) {
            continue;
        }
        let input = messages(plan)?;
        let stream = Arc::new(Stream::new(&input)?);
        let server = Server::start(stream)?;
        let runtime = socket::runtime()?;
        let reading = |client| {
            Box::new(Reading {
                client,
                server: &server,
                input: &input,
                start,
                checked: Vec::new(),
            })
        };
        let ours: Box<dyn Client> = Box::new(Ours::connect(&runtime, &server)?);
        let bare: Box<dyn Client> = Box::new(Bare::connect(&runtime, &server)?);
        let whole: Box<dyn Client> =
            Box::new(Whole::connect(&Rc::clone(&runtime), &server, &input)?);
        let case = Case {
            table: "transport",
            name: name.to_owned(),
            frames: input.frames.len(),
            messages_per_frame: 1,
            bytes: input.message_bytes(),
            slices,
            clock: Clock::Wall,
            contenders: vec![
                ("ticklot", reading(ours)),
                ("fastwebsockets", reading(bare)),
                ("ticklot-feed", reading(whole)),
            ],
        };
        let rounds = Rounds {
            count: plan.rounds.count * MORE_ROUNDS,
            ..plan.rounds
        };
        show(case.measure(rounds)?)?;
    }
    Ok(())
}

/// Order books of Bayse Markets that are about 700 bytes long.
pub(super) fn messages(plan: &Plan) -> anyhow::Result<Input> {
    Input::pool("700-bytes", Shape::single(Wire::Bayse, 5), plan)
}

struct Reading<'p> {
    client: Box<dyn Client>,
    server: &'p Server,
    input: &'p Input,
    start: Start,
    /// What it made of each message.
    checked: Vec<Read>,
}

impl Contender for Reading<'_> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        // Of the last turn, whoever's it was: the reader is done a little before the server, and to wait for
        // that is no part of its work.
        self.server.done()?;
        // All of them at once would not fit into the socket's buffers.
        if self.start == Start::Later && frames.len() < self.input.frames.len() {
            self.server.write(self.client.number(), frames)?;
            self.server.done()?;
        }
        Ok(())
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        let count = frames.len();
        if self.start == Start::Later && count < self.input.frames.len() {
            return self.client.read(count);
        }
        self.server.write(self.client.number(), frames)?;
        self.client.read(count)
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<Fields> {
        // All at once, since each order to the server takes two changes of thread.
        if self.checked.is_empty() {
            let count = self.input.frames.len();
            self.server.write(self.client.number(), 0..count)?;
            self.checked = self.client.read_whole(count)?;
            self.server.done()?;
        }
        let Read { text, digest } = self.checked.get(frame).context("too few")?;
        let digest = match (text, digest) {
            (Some(text), None) => Some(digest_of(text, self.input.scale)?),
            (_, digest) => *digest,
        };
        let text = text.as_deref().map_or(Field::NotCarried, Field::from);
        let digest = digest.map_or(Field::NotCarried, |digest| Field::Int(digest.into()));
        Ok(vec![text, digest])
    }
}

/// The digest of the book in a message.
fn digest_of(text: &str, scale: Scale) -> anyhow::Result<u32> {
    let mut decoder = bayse::Decoder::new();
    let bayse::Message::OrderBook(update) = decoder.decode(text.as_bytes(), &scale)? else {
        bail!("no order book");
    };
    let mut book = Book::new(scale);
    book.replace(update.bids, update.asks, Nanos(0))?;
    Ok(book.crc32())
}
