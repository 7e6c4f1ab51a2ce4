//! The output mode for terminals: a full-screen view, which a separate thread draws.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event as Input};
use ticklot::control::{Clock, ShutdownHandle};
use ticklot::{Books, Event, Nanos};

use super::draw::theme::Theme;
use super::keys::View;
use super::latest_value::Reader;
use super::lines;
use super::output_mode::{Context, OutputMode, RunStats, StartInfo};
use super::renderer::Renderer;
use super::terminal::{self, TerminalGuard};
use super::ui_publisher::UiPublisher;
use super::ui_snapshot::UiSnapshot;
use crate::failure::{Failure, work};

/// The time limit for the last drawing on a terminal that blocks writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// The feed's side of the view, and the handle of the drawing thread.
pub(crate) struct Screen<'a> {
    out: &'a mut Box<dyn Write>,
    depth: Option<NonZeroUsize>,
    ui_publisher: UiPublisher,
    reader: Option<Reader<UiSnapshot>>,
    running: Option<Running>,
}

/// The drawing thread and its terminal.
struct Running {
    clock: Clock,
    is_over: Arc<AtomicBool>,
    drawing: JoinHandle<io::Result<()>>,
    /// Restores the terminal after the thread has ended.
    _guard: TerminalGuard,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(out: &'a mut Box<dyn Write>, depth: Option<NonZeroUsize>) -> Self {
        let (ui_publisher, reader) = UiPublisher::new();
        Self {
            out,
            depth,
            ui_publisher,
            reader: Some(reader),
            running: None,
        }
    }

    /// Publishes a last snapshot and stops the drawing thread.
    fn finish(&mut self, books: &Books, stats: &RunStats) -> Result<(), Failure> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let deadline = Instant::now() + PATIENCE;
        let is_late = || Instant::now() > deadline;
        while !self.ui_publisher.publish(books, stats, running.clock.now()) && !is_late() {
            thread::yield_now();
        }
        running.is_over.store(true, Ordering::SeqCst);
        while !running.drawing.is_finished() && !is_late() {
            thread::sleep(Duration::from_millis(1));
        }
        if !running.drawing.is_finished() {
            terminal::abandon();
            // An error message would block as well; a broken pipe is reported without one.
            return Err(Failure::Output(io::ErrorKind::BrokenPipe.into()));
        }
        match running.drawing.join() {
            Ok(drawn) => drawn.map_err(|error| cannot_draw(&error)),
            // The panic was printed when it happened.
            Err(_) => Err(Failure::work("the drawing thread panicked")),
        }
    }
}

/// The error of the terminal, with the alternatives to it.
fn cannot_draw(error: &io::Error) -> Failure {
    work!("cannot use the terminal: {error} (--json, or a pipe, needs none)")
}

impl OutputMode for Screen<'_> {
    const TICK: Duration = UiPublisher::TICK;
    const HANGS_UP: bool = true;
    const HISTOGRAMS: usize = UiPublisher::HISTOGRAMS;

    fn begin(&mut self, begin: StartInfo) -> Result<(), Failure> {
        let Some(reader) = self.reader.take() else {
            return Ok(());
        };
        let clock = begin.clock;
        let guard = TerminalGuard::enter().map_err(|error| cannot_draw(&error))?;
        let view = View::new(self.depth.map(NonZeroUsize::get));
        let (screen, theme) = (guard.screen(), Theme::from_env());
        let renderer = Renderer::new(screen, reader, view, theme, clock.now());
        let renderer = renderer.map_err(|error| cannot_draw(&error))?;
        let is_over = Arc::new(AtomicBool::new(false));
        let drawing = Drawing {
            renderer,
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
            _guard: guard,
        });
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>, context: Context<'_>) -> Result<(), Failure> {
        self.ui_publisher.event(event, context)
    }

    fn end(&mut self, books: &Books, stats: &RunStats, _: Nanos) -> Result<(), Failure> {
        self.finish(books, stats)?;
        Ok(lines::summary(self.out, books, stats)?)
    }
}

/// The state of the drawing thread.
struct Drawing {
    renderer: Renderer<terminal::Screen>,
    clock: Clock,
    is_over: Arc<AtomicBool>,
    /// Stops the feed when the drawing ends, also after a panic.
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
            let wait = self.renderer.wait(self.clock.now());
            if event::poll(wait)? && !self.input(&event::read()?) {
                return Ok(());
            }
            let now = self.clock.now();
            terminal::while_taken(|| self.renderer.draw_if_due(now)).transpose()?;
        }
        let now = self.clock.now();
        terminal::while_taken(|| self.renderer.draw(now)).transpose()?;
        Ok(())
    }

    /// Handles an input event; false for a key that quits.
    fn input(&mut self, input: &Input) -> bool {
        match input {
            Input::Key(key) => self.renderer.key(*key, self.clock.now()),
            // A resize needs no action, because each drawing reads the terminal's size.
            _ => true,
        }
    }
}
