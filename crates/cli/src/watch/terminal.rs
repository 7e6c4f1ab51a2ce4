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

/// Whether the terminal is in raw mode on its alternate screen.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whether a frame is being written.
static WRITING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread writes frames.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// The time limit for a frame that is being written when the terminal is restored.
const PATIENCE: Duration = Duration::from_secs(2);

/// The backend of the drawing.
pub(crate) type Screen = CrosstermBackend<BufWriter<Stdout>>;

/// Keeps the terminal in raw mode on its alternate screen. Dropping it restores the terminal.
#[derive(Debug)]
pub struct TerminalGuard(());

impl TerminalGuard {
    /// Enters raw mode and the alternate screen, and hides the cursor. From now on a panic restores the terminal before
    /// its message is printed.
    ///
    /// # Errors
    /// There is no terminal, or writing to it fails. The terminal is restored.
    pub fn enter() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let guard = Self(());
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(guard)
    }

    /// The backend, which buffers a whole frame.
    pub(crate) fn screen(&self) -> Screen {
        CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Calls `write` to write a frame, unless the terminal has been restored; then returns none.
///
/// A thread that restores the terminal waits until the frame is written. Both sides store their own flag before they
/// load the other one, with sequentially consistent ordering, so at least one side sees the other's store.
pub fn while_taken<T>(write: impl FnOnce() -> T) -> Option<T> {
    WRITES.set(true);
    WRITING.store(true, Ordering::SeqCst);
    let written = TAKEN.load(Ordering::SeqCst).then(write);
    WRITING.store(false, Ordering::SeqCst);
    written
}

/// Restores the terminal, once, after the frame that is being written. Errors are ignored, because they cannot be
/// reported without the terminal.
fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        wait_for_frame();
        let _ = disable_raw_mode();
        let mut out = io::stdout();
        let _ = execute!(out, ResetColor, LeaveAlternateScreen, Show);
        let _ = out.flush();
    }
}

/// Restores a terminal that blocks writes, as far as possible without writing to it.
pub(crate) fn abandon() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
    }
}

/// Installs a panic hook that restores the terminal before the message is printed.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            restore();
            before(info);
        }));
    });
}

/// Waits for a frame that another thread is writing, up to [`PATIENCE`], because the terminal may block writes.
fn wait_for_frame() {
    const STEP: Duration = Duration::from_millis(1);
    let mut waited = Duration::ZERO;
    while !WRITES.get() && WRITING.load(Ordering::SeqCst) && waited < PATIENCE {
        thread::sleep(STEP);
        waited += STEP;
    }
}
