//! The terminal in raw mode on its alternate screen, which is restored on every exit path.

use std::cell::Cell;
use std::io::{self, BufWriter, Stdout, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// Whether the terminal is taken over and has not been given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether a picture is being written at this moment.
static WRITING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether it is this thread that writes pictures.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// How long who gives the terminal back waits for a picture that is being written.
const PATIENCE: Duration = Duration::from_secs(2);

/// The backend of the drawing.
pub(crate) type Screen = CrosstermBackend<BufWriter<Stdout>>;

/// The terminal while it is taken over. Dropping it gives it back.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Takes the terminal over: its other screen, without echo, without a cursor. From now on a panic
    /// gives it back before it is printed.
    ///
    /// # Errors
    /// There is no terminal, or it cannot be written to; it is as it was then.
    pub fn enter() -> io::Result<Self> {
        give_back_on_panic();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = Self(());
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(taken)
    }

    /// What pictures are written to, each in one piece.
    pub(crate) fn screen(&self) -> Screen {
        CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

/// Writes a picture, unless the terminal has been given back meanwhile; none then.
///
/// Who gives it back waits until the picture is written: either sees what the other one has stored before
/// it looks.
pub fn while_taken<T>(write: impl FnOnce() -> T) -> Option<T> {
    WRITES.set(true);
    WRITING.store(true, Ordering::SeqCst);
    let written = TAKEN.load(Ordering::SeqCst).then(write);
    WRITING.store(false, Ordering::SeqCst);
    written
}

/// Gives the terminal back, once, after the picture that is being written. When it is gone there is nobody
/// to tell.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        wait_for_picture();
        let _ = disable_raw_mode();
        let mut out = io::stdout();
        let _ = execute!(out, ResetColor, LeaveAlternateScreen, Show);
        let _ = out.flush();
    }
}

/// Gives a terminal back that takes nothing: as far as that goes without writing to it.
pub(crate) fn abandon() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}

/// Before a panic is printed, so that it is readable.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            give_back();
            before(info);
        }));
    });
}

/// The thread that writes it cannot wait for itself, and a terminal that takes nothing is not waited for
/// for ever.
fn wait_for_picture() {
    const STEP: Duration = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while !WRITES.get() && WRITING.load(Ordering::SeqCst) && waited < PATIENCE {
        thread::sleep(STEP);
        waited += STEP;
    }
}
