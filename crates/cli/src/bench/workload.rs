//! The workloads: distinct frames in memory, generated or read from a log.

use std::ops::ControlFlow;

use ticklot::capture::Record;
use ticklot::observe::RecordKind;
use ticklot::{Books, Event, Scale, bayse, jayx};
use ticklot_frame::jayx::Envelope;
use ticklot_sim::pool::{BAYSE_SCALE, FrameFormat, POOL_BYTES, Pool, SEED, Shape};

use crate::book_args::{BookArgs, EnvelopeArg, check_effects};
use crate::decode_paths::DecodePaths;
use crate::failure::{Failure, usage, work};
use crate::log_source::{self, LogArgs, LogErrors, LogReplay};
use crate::venues::{VenueArg, VenueHandler};

/// The maximum number of bytes of a log's frames that are held in memory. Later frames are not measured.
const MAX_HELD: usize = 64 << 20;

/// Frames of one venue.
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) venue: VenueArg,
    pub(super) scale: Scale,
    pub(super) frames: Vec<BenchFrame>,
    /// Whether the log has more frames than [`MAX_HELD`] bytes.
    pub(super) is_truncated: bool,
    /// Lines that could not be decoded.
    pub(super) bad_lines: u64,
    /// How many of its order books each decode path takes.
    pub(super) paths: DecodePaths,
    book: BookArgs,
}

/// A frame, and the number of its messages.
pub(super) struct BenchFrame {
    pub(super) record: Record,
    pub(super) messages: u64,
}

impl BenchFrame {
    /// A frame whose messages are not counted yet.
    fn new(record: Record) -> Self {
        let messages = 0;
        Self { record, messages }
    }
}

/// The error for a venue without a generator and stages.
pub(super) fn unsupported() -> Failure {
    usage!("there is no benchmark of Kraken: use --venue jayx or bayse")
}

/// Generated frames of the venues.
pub(super) fn generated(
    venue: Option<VenueArg>,
    book: &BookArgs,
) -> Result<Vec<Workload>, Failure> {
    check_effects(&[(
        *book != BookArgs::default(),
        false,
        "--envelope, --symbol, --currency and the decimals apply only to a log",
    )])?;
    if venue == Some(VenueArg::Kraken) {
        return Err(unsupported());
    }
    let [socket_io, bare] = [FrameFormat::JayxSocketIo, FrameFormat::JayxBare];
    let all = [
        ("JayX, Socket.IO, 20 levels", Shape::single(socket_io, 20)),
        ("JayX, bare, 20 levels", Shape::single(bare, 20)),
        ("JayX, bare, 100 levels", Shape::single(bare, 100)),
        ("Bayse, 20 levels", Shape::single(FrameFormat::Bayse, 20)),
        ("Bayse, 8 books a frame, 20 levels", Shape::batch(8, 20)),
    ];
    let all = all.into_iter().map(|(name, shape)| match shape.wire {
        FrameFormat::Bayse => (name, VenueArg::Bayse, shape),
        FrameFormat::JayxBare | FrameFormat::JayxSocketIo => (name, VenueArg::Jayx, shape),
    });
    all.filter(|(_, of, _)| venue.is_none_or(|it| it == *of))
        .map(|(name, of, shape)| Workload::generate(name, of, shape))
        .collect()
}

/// The frames of a log, as a workload for each of its venues.
///
/// Unreadable lines are skipped and reported, as in a replay.
pub(super) fn read(args: &LogArgs) -> Result<(Vec<Workload>, LogErrors), Failure> {
    let path = args.log.display();
    let (mut loads, errors) = hold(args)?;
    for load in &mut loads {
        load.count()?;
    }
    loads.retain(|load| load.messages() > 0);
    match loads.as_mut_slice() {
        [] => Err(work!(
            "{path}: the log has no messages: are --venue, --connection, --envelope and the decimals correct?"
        )),
        [_] => Ok((loads, errors)),
        several => {
            for load in several {
                load.name = format!("{path}, {}", load.venue.title());
            }
            Ok((loads, errors))
        }
    }
}

fn hold(args: &LogArgs) -> Result<(Vec<Workload>, LogErrors), Failure> {
    let mut log = log_source::open(args)?;
    let (mut loads, mut held) = (Vec::<Workload>::new(), 0);
    let mut errors = LogErrors::default();
    while let Some(record) = log.next_record() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                errors.count(&error);
                continue;
            }
        };
        if record.kind != RecordKind::Received || !log_source::is_of(record, args.venue) {
            continue;
        }
        let venue = log_source::venue_of(record, args.venue)?;
        held += size_of::<BenchFrame>() + record.venue.len() + record.frame.len();
        if held > MAX_HELD {
            loads.iter_mut().for_each(|load| load.is_truncated = true);
            break;
        }
        let known = loads.iter().position(|load| load.venue == venue);
        let index = match known {
            Some(index) => index,
            None => {
                loads.push(Workload::of_log(args, venue)?);
                loads.len() - 1
            }
        };
        loads[index].frames.push(BenchFrame::new(record.clone()));
    }
    Ok((loads, errors))
}

impl Workload {
    fn generate(name: &str, venue: VenueArg, shape: Shape) -> Result<Self, Failure> {
        let pool = Pool::build(shape, SEED, POOL_BYTES);
        let scale = match venue {
            VenueArg::Jayx => jayx::BTCUSDT,
            VenueArg::Bayse => BAYSE_SCALE,
            VenueArg::Kraken => return Err(unsupported()),
        };
        let frame = |text: &Vec<u8>| {
            let mut record = Record::default();
            record.frame.clone_from(text);
            BenchFrame::new(record)
        };
        let book = BookArgs {
            envelope: Some(match shape.wire {
                FrameFormat::JayxSocketIo => EnvelopeArg::Socketio,
                FrameFormat::JayxBare | FrameFormat::Bayse => EnvelopeArg::Plain,
            }),
            price_decimals: Some(scale.price_decimals()),
            quantity_decimals: Some(scale.quantity_decimals()),
            ..BookArgs::default()
        };
        let mut load = Self::new(name.to_owned(), venue, scale, book);
        load.frames = pool.frames().iter().map(frame).collect();
        load.count()?;
        Ok(load)
    }

    /// An empty workload for the frames of this venue in a log.
    fn of_log(args: &LogArgs, venue: VenueArg) -> Result<Self, Failure> {
        let default = match venue {
            VenueArg::Jayx => jayx::BTCUSDT,
            VenueArg::Bayse => bayse::CENTS,
            VenueArg::Kraken => return Err(unsupported()),
        };
        let (name, book) = (args.log.display().to_string(), args.book.clone());
        let scale = book.scale(default)?;
        Ok(Self::new(name, venue, scale, book))
    }

    /// An empty workload.
    fn new(name: String, venue: VenueArg, scale: Scale, book: BookArgs) -> Self {
        Self {
            name,
            venue,
            scale,
            frames: Vec::new(),
            is_truncated: false,
            bad_lines: 0,
            paths: DecodePaths::default(),
            book,
        }
    }

    /// Counts the messages of each frame, and drops the frames without any: protocol frames and invalid ones.
    fn count(&mut self) -> Result<(), Failure> {
        let mut source = LogReplay::new(Some(self.venue), &self.book)?;
        let mut ignore = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
        for BenchFrame { record, messages } in &mut self.frames {
            source.admit(record)?;
            *messages = source.replay.apply(record, &mut ignore).messages;
        }
        self.bad_lines = source.bad_lines();
        self.paths = source.paths();
        self.frames.retain(|frame| frame.messages > 0);
        Ok(())
    }

    /// A replay with a session for each connection of the frames.
    pub(super) fn log_replay<H: VenueHandler>(&self) -> Result<LogReplay<'_, H>, Failure> {
        let mut source = LogReplay::new(Some(self.venue), &self.book)?;
        for frame in &self.frames {
            source.admit(&frame.record)?;
        }
        Ok(source)
    }

    pub(super) fn messages(&self) -> u64 {
        self.frames.iter().map(|frame| frame.messages).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        let lengths = self.frames.iter().map(|frame| frame.record.frame.len());
        lengths.map(|bytes| bytes as u64).sum()
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.book.envelope()
    }
}
