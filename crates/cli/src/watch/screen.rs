//! The full-screen view: the feed on its own thread, the drawing on another.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event as Input};
use ticklot::feed::Clock;
use ticklot::{Books, Event, Nanos, ShutdownHandle};

use super::draw::style::Look;
use super::gather::Gather;
use super::keys::View;
use super::latest_value::Reader;
use super::lines;
use super::pen::Pen;
use super::shot::Shot;
use super::show::{Begin, Show, Tally};
use super::terminal::{self, Taken};
use crate::failure::Failure;

/// How long the end waits for a terminal that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// The feed's side of it, and what becomes of the other one.
pub(crate) struct Screen<'a> {
    out: &'a mut Box<dyn Write>,
    depth: Option<NonZeroUsize>,
    gather: Gather,
    reader: Option<Reader<Shot>>,
    running: Option<Running>,
}

/// The drawing thread, and the terminal that it draws on.
struct Running {
    clock: Clock,
    is_over: Arc<AtomicBool>,
    drawing: JoinHandle<io::Result<()>>,
    /// Given back after the thread has ended.
    _taken: Taken,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(out: &'a mut Box<dyn Write>, depth: Option<NonZeroUsize>) -> Self {
        let (gather, reader) = Gather::new();
        Self {
            out,
            depth,
            gather,
            reader: Some(reader),
            running: None,
        }
    }

    /// Ends the drawing with what was given last.
    fn finish(&mut self, books: &Books, tally: &Tally) -> Result<(), Failure> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let deadline = Instant::now() + PATIENCE;
        let is_late = || Instant::now() > deadline;
        while !self.gather.give(books, tally, running.clock.now()) && !is_late() {
            thread::yield_now();
        }
        running.is_over.store(true, Ordering::SeqCst);
        while !running.drawing.is_finished() && !is_late() {
            thread::sleep(Duration::from_millis(1));
        }
        if !running.drawing.is_finished() {
            terminal::abandon();
            // An error would be written to where nothing is taken.
            return Err(Failure::Output(io::ErrorKind::BrokenPipe.into()));
        }
        match running.drawing.join() {
            Ok(drawn) => drawn.map_err(|error| cannot_draw(&error)),
            // The panic was told when it happened.
            Err(_) => Err(Failure::work("the drawing broke off")),
        }
    }
}

/// What went wrong with the terminal; what needs none of it.
fn cannot_draw(error: &io::Error) -> Failure {
    Failure::work(format_args!(
        "cannot use the terminal: {error} (--json, or a pipe, needs none)"
    ))
}

impl Show for Screen<'_> {
    const TICK: Duration = Gather::TICK;
    const HANGS_UP: bool = true;
    const HISTOGRAMS: usize = Gather::HISTOGRAMS;

    fn begin(&mut self, begin: Begin) -> Result<(), Failure> {
        let Some(reader) = self.reader.take() else {
            return Ok(());
        };
        let clock = begin.clock;
        let taken = Taken::take().map_err(|error| cannot_draw(&error))?;
        let view = View::new(self.depth.map(NonZeroUsize::get));
        let (screen, look) = (taken.screen(), Look::from_env());
        let pen = Pen::new(screen, reader, view, look, clock.now());
        let pen = pen.map_err(|error| cannot_draw(&error))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let drawing = Drawing {
            pen,
            clock,
            is_over: Arc::clone(&is_over),
            _stop: StopOnDrop(begin.stopper),
        };
        let drawing = thread::Builder::new()
            .name("drawing".to_owned())
            .spawn(move || drawing.run())
            .map_err(Failure::work)?;
        self.running = Some(Running {
            clock,
            is_over,
            drawing,
            _taken: taken,
        });
        Ok(())
    }

    fn event(
        &mut self,
        event: &Event<'_>,
        books: &Books,
        tally: &mut Tally,
        now: Nanos,
    ) -> Result<(), Failure> {
        self.gather.event(event, books, tally, now)
    }

    fn end(&mut self, books: &Books, tally: &Tally, _: Nanos) -> Result<(), Failure> {
        self.finish(books, tally)?;
        Ok(lines::summary(self.out, books, tally)?)
    }
}

/// What the drawing thread has.
struct Drawing {
    pen: Pen<terminal::Screen>,
    clock: Clock,
    is_over: Arc<AtomicBool>,
    /// The feed is ended with the drawing, however that ends.
    _stop: StopOnDrop,
}

struct StopOnDrop(ShutdownHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Drawing {
    fn run(mut self) -> io::Result<()> {
        while !self.is_over.load(Ordering::SeqCst) {
            let wait = self.pen.wait(self.clock.now());
            if event::poll(wait)? && !self.input(&event::read()?) {
                return Ok(());
            }
            let now = self.clock.now();
            let drawn = terminal::while_taken(|| self.pen.draw_if_due(now));
            drawn.transpose()?;
        }
        let now = self.clock.now();
        terminal::while_taken(|| self.pen.draw(now)).transpose()?;
        Ok(())
    }

    /// False when the user has had enough.
    fn input(&mut self, input: &Input) -> bool {
        match input {
            Input::Key(key) => self.pen.key(*key, self.clock.now()),
            // The size is asked for at each drawing.
            _ => true,
        }
    }
}
