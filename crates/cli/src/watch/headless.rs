//! The full-screen view without a terminal and without a clock: for tests.

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

/// The drawing side, with a screen in memory.
pub struct Headless {
    renderer: Renderer<TestBackend>,
}

/// Both sides of a view of so many columns and rows: the handler for a feed, whose time is what `clock`
/// says, and the drawing side, which may be on another thread. None when they cannot be made, which
/// would be a bug.
#[must_use]
pub fn headless(
    (columns, rows): (u16, u16),
    clock: impl Fn() -> Nanos + 'static,
) -> Option<(impl OnMessage<JayX> + OnMessage<Bayse>, Headless)> {
    let (ui_publisher, taker) = UiPublisher::new();
    let theme = Theme {
        colour: true,
        unicode: true,
    };
    let backend = TestBackend::new(columns, rows);
    let renderer = Renderer::new(backend, taker, View::new(None), theme, clock()).ok()?;
    let watcher = Watcher::with_clock(ui_publisher, Box::new(clock)).ok()?;
    Some((watcher, Headless { renderer }))
}

impl Headless {
    /// Takes what the feed has left and draws it, if a drawing is due; says whether it did.
    pub fn draw_if_due(&mut self, now: Nanos) -> bool {
        // Drawing on memory does not fail.
        self.renderer.draw_if_due(now).unwrap_or(false)
    }

    /// Presses the key of a character; false when it was to quit.
    pub fn press(&mut self, key: char, now: Nanos) -> bool {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        self.renderer.key(key, now)
    }

    /// The order-book messages that the last drawing knew of.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.renderer
            .model()
            .books
            .iter()
            .map(|book| book.messages)
            .sum()
    }

    /// The digest of a book, as it was last drawn; none of one that was not drawn.
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
