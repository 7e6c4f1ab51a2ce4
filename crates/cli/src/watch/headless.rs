//! The full-screen view with an in-memory screen and a given clock, for tests.

use std::fmt;

use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ticklot::bayse::Bayse;
use ticklot::jayx::JayX;
use ticklot::{BookId, Nanos, OnMessage};

use super::draw::theme::Theme;
use super::keys::View;
use super::output_mode::Watcher;
use super::renderer::Renderer;
use super::ui_publisher::UiPublisher;

/// The drawing side of the view, with an in-memory screen.
pub struct Headless {
    renderer: Renderer<TestBackend>,
}

/// Both sides of a view with a screen of this size: the handler for a feed, which reads `clock`, and the drawing side,
/// which may be on another thread. None if the in-memory screen fails, which would be a bug.
#[must_use]
pub fn headless(
    (columns, rows): (u16, u16),
    clock: impl Fn() -> Nanos + 'static,
) -> Option<(impl OnMessage<JayX> + OnMessage<Bayse>, Headless)> {
    let (ui_publisher, reader) = UiPublisher::new();
    let (backend, theme) = (TestBackend::new(columns, rows), Theme::new(true, true));
    let renderer = Renderer::new(backend, reader, View::new(None), theme, clock()).ok()?;
    let watcher = Watcher::with_clock(ui_publisher, Box::new(clock));
    Some((watcher, Headless { renderer }))
}

impl Headless {
    /// Reads the latest snapshot and draws it if a drawing is due; returns whether it drew.
    pub fn draw_if_due(&mut self, now: Nanos) -> bool {
        // Drawing to memory does not fail.
        self.renderer.draw_if_due(now).unwrap_or(false)
    }

    /// Presses the key of a character; false if it quits.
    pub fn press(&mut self, key: char, now: Nanos) -> bool {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        self.renderer.key(key, now)
    }

    /// The number of order-book messages up to the last drawing.
    #[must_use]
    pub fn messages(&self) -> u64 {
        let books = self.renderer.model().books.iter();
        books.map(|book| book.messages).sum()
    }

    /// The checksum of a book in its last drawing; none if it was not drawn.
    #[must_use]
    pub fn crc32(&self, book: BookId) -> Option<u32> {
        let mut books = self.renderer.model().books.iter();
        Some(books.find(|it| it.id == book)?.crc32())
    }

    /// The text on the screen.
    #[must_use]
    pub fn text(&self) -> String {
        self.renderer.terminal().backend().to_string()
    }
}

impl fmt::Debug for Headless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headless").finish_non_exhaustive()
    }
}
