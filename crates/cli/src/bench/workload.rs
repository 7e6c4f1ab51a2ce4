//! The workloads: frames in memory that do not repeat.

use std::ops::ControlFlow;

use ticklot::capture::Record;
use ticklot::observe::RecordKind;
use ticklot::{Books, Event, Scale, bayse, jayx};
use ticklot_frame::jayx::Envelope;
use ticklot_sim::pool::{BAYSE_SCALE, FrameFormat, POOL_BYTES, Pool, SEED, Shape};

use crate::book_args::{BookArgs, EnvelopeArg, check_effects};
use crate::decode_paths::DecodePaths;
use crate::failure::Failure;
use crate::log_source::{self, LogArgs, LogErrors, LogReplay};
use crate::venues::VenueArg;
use crate::venues::VenueHandler;

/// The most bytes of a log's frames that are kept: later frames are not measured.
const MAX_HELD: usize = 64 << 20;

/// Frames of one venue.
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) venue: VenueArg,
    pub(super) scale: Scale,
    pub(super) frames: Vec<BenchFrame>,
    /// Whether the log has more.
    pub(super) is_cut: bool,
    /// Lines that are no messages.
    pub(super) bad_lines: u64,
    /// The paths that its order books take.
    pub(super) paths: DecodePaths,
    book: BookArgs,
}

/// A frame, and how many messages it has.
pub(super) struct BenchFrame {
    pub(super) record: Record,
    pub(super) messages: u64,
}

impl BenchFrame {
    fn new(record: Record) -> Self {
        Self {
            record,
            messages: 0,
        }
    }
}

/// What this command has no generator and no stages for.
pub(super) fn unsupported() -> Failure {
    Failure::Usage("there is no benchmark of Kraken: --venue takes jayx or bayse".to_owned())
}

/// What venues send, made up.
pub(super) fn generated(
    venue: Option<VenueArg>,
    book: &BookArgs,
) -> Result<Vec<Workload>, Failure> {
    check_effects(&[(
        *book != BookArgs::default(),
        false,
        "--envelope, --symbol, --currency and the decimals are for a log",
    )])?;
    if venue == Some(VenueArg::Kraken) {
        return Err(unsupported());
    }
    let all = [
        (
            "JayX, Socket.IO, 20 levels",
            Shape::single(FrameFormat::JayxSocketIo, 20),
        ),
        (
            "JayX, bare, 20 levels",
            Shape::single(FrameFormat::JayxBare, 20),
        ),
        (
            "JayX, bare, 100 levels",
            Shape::single(FrameFormat::JayxBare, 100),
        ),
        ("Bayse, 20 levels", Shape::single(FrameFormat::Bayse, 20)),
        ("Bayse, 8 books a frame, 20 levels", Shape::batch(8, 20)),
    ];
    let of = |wire| match wire {
        FrameFormat::Bayse => VenueArg::Bayse,
        FrameFormat::JayxBare | FrameFormat::JayxSocketIo => VenueArg::Jayx,
    };
    let wanted = all
        .into_iter()
        .filter(|(_, shape)| venue.is_none_or(|it| it == of(shape.wire)));
    wanted
        .map(|(name, shape)| Workload::generate(name, of(shape.wire), shape))
        .collect()
}

/// The frames of a log, a load for each of its venues.
///
/// Unreadable lines are skipped, as by a replay, and reported.
pub(super) fn read(args: &LogArgs) -> Result<(Vec<Workload>, LogErrors), Failure> {
    let path = args.log.display();
    let (mut loads, errors) = hold(args)?;
    for load in &mut loads {
        load.count()?;
    }
    loads.retain(|load| load.messages() > 0);
    match loads.as_mut_slice() {
        [] => Err(Failure::work(format_args!(
            "{path}: no messages in it: are --venue, --connection, --envelope and the decimals right?"
        ))),
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
            loads.iter_mut().for_each(|load| load.is_cut = true);
            break;
        }
        let place = loads.iter().position(|load| load.venue == venue);
        let place = match place {
            Some(place) => place,
            None => {
                loads.push(Workload::of_log(args, venue)?);
                loads.len() - 1
            }
        };
        loads[place].frames.push(BenchFrame::new(record.clone()));
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
        let mut load = Self {
            name: name.to_owned(),
            venue,
            scale,
            frames: pool.frames().iter().map(frame).collect(),
            is_cut: false,
            bad_lines: 0,
            paths: DecodePaths::default(),
            book: BookArgs {
                envelope: Some(match shape.wire {
                    FrameFormat::JayxSocketIo => EnvelopeArg::Socketio,
                    FrameFormat::JayxBare | FrameFormat::Bayse => EnvelopeArg::Plain,
                }),
                symbol: Vec::new(),
                price_decimals: Some(scale.price_decimals()),
                quantity_decimals: Some(scale.quantity_decimals()),
                currency: None,
            },
        };
        load.count()?;
        Ok(load)
    }

    /// Nothing yet, of a log of this venue.
    fn of_log(args: &LogArgs, venue: VenueArg) -> Result<Self, Failure> {
        let default = match venue {
            VenueArg::Jayx => jayx::BTCUSDT,
            VenueArg::Bayse => bayse::CENTS,
            VenueArg::Kraken => return Err(unsupported()),
        };
        Ok(Self {
            name: args.log.display().to_string(),
            venue,
            scale: args.book.scale(default)?,
            frames: Vec::new(),
            is_cut: false,
            bad_lines: 0,
            paths: DecodePaths::default(),
            book: args.book.clone(),
        })
    }

    /// Finds how many messages each frame has.
    fn count(&mut self) -> Result<(), Failure> {
        let mut source = LogReplay::new(Some(self.venue), &self.book)?;
        let mut nobody = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
        for BenchFrame { record, messages } in &mut self.frames {
            source.admit(record)?;
            *messages = source.replay.apply(record, &mut nobody).messages;
        }
        self.bad_lines = source.bad_lines();
        self.paths = source.paths();
        // Those without a message are of the protocol, or wrong.
        self.frames.retain(|frame| frame.messages > 0);
        Ok(())
    }

    /// What the frames are played through, with a session for each of their connections.
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
