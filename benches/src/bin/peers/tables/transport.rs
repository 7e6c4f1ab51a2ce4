//! Messages of about 700 bytes over loopback TCP, to a reader and through the whole feed.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, bail};
use ticklot_benches::{FrameFormat, Shape};
use ticklot_book::{Book, Nanos, Scale};
use ticklot_frame::bayse;

use crate::input::Input;
use crate::measure::{Case, Clock, Contender, Named, Rounds};
use crate::plan::{OnRows, Plan};
use crate::runtime;
use crate::socket::readers::{Content, FastWebSockets, FeedReader, Reader, Transport};
use crate::socket::server::{Server, Stream};

/// The name, the start and the number of slices. The slices of the second case fit into the socket's buffers.
const CASES: [(&str, Start, usize); 2] = [
    ("700-bytes", Start::Together, 4),
    ("700-bytes-waiting", Start::Later, 64),
];

/// The factor of the number of rounds. A slice takes less than a millisecond, and its time depends on the interleaving with
/// the server's thread, so a comparison needs many slices.
const MORE_ROUNDS: usize = 8;

/// The start of the reading.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// When the server starts to write.
    Together,
    /// When it has written all.
    Later,
}

pub(crate) fn run(plan: &Plan, on_rows: &mut OnRows<'_>) -> anyhow::Result<()> {
    for (name, start, slices) in CASES {
        if !plan.includes(name) {
            continue;
        }
        let input = messages(plan)?;
        let stream = Arc::new(Stream::new(&input)?);
        let server = Server::start(stream)?;
        let runtime = Rc::new(runtime::sleeping()?);
        let reading = |reader| {
            Box::new(Reading {
                reader,
                server: &server,
                input: &input,
                start,
                contents: Vec::new(),
            })
        };
        let transport: Box<dyn Reader> = Box::new(Transport::connect(&runtime, &server)?);
        let peer: Box<dyn Reader> = Box::new(FastWebSockets::connect(&runtime, &server)?);
        let feed: Box<dyn Reader> = Box::new(FeedReader::connect(&runtime, &server, &input)?);
        let contenders: Vec<Named<'_>> = vec![
            ("ticklot", reading(transport)),
            ("fastwebsockets", reading(peer)),
            ("ticklot-feed", reading(feed)),
        ];
        let case = Case {
            name: name.to_owned(),
            slices,
            clock: Clock::Wall,
            ..input.case("transport", contenders)
        };
        let rounds = Rounds {
            count: plan.rounds.count * MORE_ROUNDS,
            ..plan.rounds
        };
        on_rows(case.measure(rounds)?)?;
    }
    Ok(())
}

/// Order books of Bayse Markets that are about 700 bytes long.
fn messages(plan: &Plan) -> anyhow::Result<Input> {
    Input::pool("700-bytes", Shape::single(FrameFormat::Bayse, 5), plan)
}

struct Reading<'p> {
    reader: Box<dyn Reader>,
    server: &'p Server,
    input: &'p Input,
    start: Start,
    /// The content of all messages, once read.
    contents: Vec<Content>,
}

impl Contender for Reading<'_> {
    fn prepare(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        // The last reader may finish before the server. Waiting for the server is not part of the work.
        self.server.wait()?;
        // All frames at once would not fit into the socket's buffers.
        if self.start == Start::Later && frames.len() < self.input.frames.len() {
            self.server.write(self.reader.number(), frames)?;
            self.server.wait()?;
        }
        Ok(())
    }

    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
        let count = frames.len();
        if self.start == Start::Later && count < self.input.frames.len() {
            return self.reader.read(count);
        }
        self.server.write(self.reader.number(), frames)?;
        self.reader.read(count)
    }

    fn result(&mut self, frame: usize) -> anyhow::Result<String> {
        // All at once, since each command to the server takes two context switches.
        if self.contents.is_empty() {
            let count = self.input.frames.len();
            self.server.write(self.reader.number(), 0..count)?;
            self.contents = self.reader.read_contents(count)?;
            self.server.wait()?;
        }
        Ok(match self.contents.get(frame).context("too few")? {
            Content::Checksum(checksum) => checksum.to_string(),
            Content::Text(text) if *text == *self.input.frames[frame] => {
                checksum(text, self.input.scale)?.to_string()
            }
            Content::Text(text) => text.clone(),
        })
    }
}

/// The checksum of the book in a message.
fn checksum(text: &str, scale: Scale) -> anyhow::Result<u32> {
    let mut decoder = bayse::Decoder::new();
    let bayse::Message::OrderBook(update) = decoder.decode(text.as_bytes(), &scale)? else {
        bail!("no order book");
    };
    let mut book = Book::new(scale);
    book.apply_snapshot(update.bids, update.asks, Nanos(0))?;
    Ok(book.crc32())
}
