//! What is measured with: frames in memory that do not repeat.

use std::ops::ControlFlow;
use std::path::Path;

use ticklot::bayse::Bayse;
use ticklot::capture::FrameLog;
use ticklot::jayx::JayX;
use ticklot::{Books, Event, Nanos, Scale, Venue, bayse, jayx};
use ticklot_frame::jayx::Envelope;
use ticklot_sim::pool::{BAYSE_SCALE, POOL_BYTES, Pool, SEED, Shape, Wire};

use crate::Failure;
use crate::args::{BookArgs, VenueArg};
use crate::offline;
use crate::replay::built;

/// The most bytes of a log's frames that are kept: what is behind them is not measured.
const MAX_HELD: usize = 64 << 20;

/// Frames of one venue.
pub(super) struct Load {
    pub(super) name: String,
    pub(super) venue: VenueArg,
    envelope: Envelope,
    pub(super) scale: Scale,
    pub(super) frames: Vec<Frame>,
    /// Whether the log has more.
    pub(super) is_cut: bool,
    /// Lines that are no messages.
    pub(super) bad_lines: u64,
}

/// A frame, and how many messages it has.
pub(super) struct Frame {
    pub(super) text: Vec<u8>,
    pub(super) messages: u64,
}

/// What venues send, made up.
pub(super) fn generated(venue: Option<VenueArg>) -> Vec<Load> {
    let all = [
        (
            "JayX, Socket.IO, 20 levels",
            Shape::single(Wire::JayxSocketIo, 20),
        ),
        ("JayX, bare, 20 levels", Shape::single(Wire::JayxBare, 20)),
        ("JayX, bare, 100 levels", Shape::single(Wire::JayxBare, 100)),
        ("Bayse, 20 levels", Shape::single(Wire::Bayse, 20)),
        ("Bayse, 8 books a frame, 20 levels", Shape::batch(8, 20)),
    ];
    let of = |wire| match wire {
        Wire::Bayse => VenueArg::Bayse,
        Wire::JayxBare | Wire::JayxSocketIo => VenueArg::Jayx,
    };
    let wanted = all
        .into_iter()
        .filter(|(_, shape)| venue.is_none_or(|it| it == of(shape.wire)));
    wanted
        .map(|(name, shape)| Load::generate(name, of(shape.wire), shape))
        .collect()
}

impl Load {
    fn generate(name: &str, venue: VenueArg, shape: Shape) -> Self {
        let pool = Pool::build(shape, SEED, POOL_BYTES);
        let frame = |text: &Vec<u8>| Frame {
            text: text.clone(),
            messages: shape.lines as u64,
        };
        Self {
            name: name.to_owned(),
            venue,
            envelope: match shape.wire {
                Wire::JayxSocketIo => Envelope::SocketIo,
                Wire::JayxBare | Wire::Bayse => Envelope::Plain,
            },
            scale: match venue {
                VenueArg::Jayx => jayx::BTCUSDT,
                VenueArg::Bayse => BAYSE_SCALE,
            },
            frames: pool.frames().iter().map(frame).collect(),
            is_cut: false,
            bad_lines: 0,
        }
    }

    /// The frames of a log, and of each how many messages a session finds in it.
    pub(super) fn read(path: &Path, venue: VenueArg, args: &BookArgs) -> Result<Self, Failure> {
        let default = match venue {
            VenueArg::Jayx => jayx::BTCUSDT,
            VenueArg::Bayse => bayse::CENTS,
        };
        let mut load = Self {
            name: path.display().to_string(),
            venue,
            envelope: args.envelope.map_or(Envelope::Auto, Envelope::from),
            scale: args.scale(default)?,
            frames: Vec::new(),
            is_cut: false,
            bad_lines: 0,
        };
        load.hold(path)?;
        match venue {
            VenueArg::Jayx => load.count(load.jayx()?),
            VenueArg::Bayse => load.count(load.bayse()?),
        }
        if load.messages() == 0 {
            return Err(Failure::work(format_args!(
                "{}: no messages in it: are --venue, --envelope and the decimals right?",
                path.display()
            )));
        }
        Ok(load)
    }

    fn hold(&mut self, path: &Path) -> Result<(), Failure> {
        let cannot = |error| Failure::work(format_args!("{}: {error}", path.display()));
        let mut log = FrameLog::open(path).map_err(cannot)?;
        let mut held = 0;
        while let Some(record) = log.next_record() {
            let record = record.map_err(cannot)?;
            held += record.frame.len();
            if held > MAX_HELD {
                self.is_cut = true;
                break;
            }
            self.frames.push(Frame {
                text: record.frame.clone(),
                messages: 0,
            });
        }
        Ok(())
    }

    fn count<V: Venue>(&mut self, venue: V) {
        let mut books = Books::new();
        let mut session = offline::session(venue, &mut books);
        let mut nobody = |_: Event<'_>, _: &Books| ControlFlow::Continue(());
        let _ = session.opened(Nanos(0), &mut books, &mut nobody);
        for frame in &mut self.frames {
            let before = session.stats().messages;
            let _ = session.frame(&frame.text, Nanos(0), &mut books, &mut nobody);
            while session.outgoing(Nanos(0)).is_some() {}
            frame.messages = session.stats().messages - before;
        }
        self.bad_lines = session.stats().bad_lines;
        // Those without a message are of the protocol, or wrong.
        self.frames.retain(|frame| frame.messages > 0);
    }

    pub(super) fn messages(&self) -> u64 {
        self.frames.iter().map(|frame| frame.messages).sum()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.frames
            .iter()
            .map(|frame| frame.text.len() as u64)
            .sum()
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.envelope
    }

    pub(super) fn jayx(&self) -> Result<JayX, Failure> {
        built(
            JayX::new("BTCUSDT")
                .envelope(self.envelope)
                .scale(self.scale)
                .build(),
        )
    }

    pub(super) fn bayse(&self) -> Result<Bayse, Failure> {
        built(Bayse::any().scale(self.scale).build())
    }
}
