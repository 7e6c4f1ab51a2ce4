//! Styles and signs, with replacements for terminals without colours or Unicode.

use std::env;

use ratatui::style::{Color, Modifier, Style};
use ticklot::{BookState, Side};

use crate::watch::change_highlights::Highlight;

/// The styles and signs for the capabilities of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Whether to use colours. Without them, words, signs and weight carry all information.
    pub(crate) colour: bool,
    /// Whether to use characters beyond ASCII.
    pub(crate) unicode: bool,
}

/// The status of a book on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BookStatus {
    /// The book's own state.
    Is(BookState),
    /// The screen is frozen: nothing on it is live.
    Frozen,
    /// The feed's thread is silent: the book's last state is not current.
    NoFeed,
}

impl BookStatus {
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Is(state) if state.is_live())
    }

    /// The status in capitals.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Is(BookState::Empty) => "EMPTY",
            Self::Is(BookState::Live) => "LIVE",
            Self::Is(BookState::Stale) => "STALE",
            Self::Is(BookState::Gap(_)) => "GAP",
            Self::Is(BookState::Crossed) => "CROSSED",
            Self::Is(BookState::Disconnected) => "DISCONNECTED",
            // A future state that this program does not know.
            Self::Is(_) => "NOT LIVE",
            Self::Frozen => "FROZEN",
            Self::NoFeed => "NO FEED",
        }
    }
}

impl Theme {
    pub(crate) const fn new(colour: bool, unicode: bool) -> Self {
        Self { colour, unicode }
    }

    /// The theme that the environment selects, by `NO_COLOR` (<https://no-color.org>) and the POSIX locale.
    pub(crate) fn from_env() -> Self {
        Self::read(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(&variable);
        let utf8 = |name: String| {
            let name = name.to_ascii_lowercase();
            name.contains("utf-8") || name.contains("utf8")
        };
        Self {
            colour: variable("NO_COLOR").is_none(),
            // Windows consoles support Unicode without a locale.
            unicode: cfg!(windows) || locale.is_some_and(utf8),
        }
    }

    fn coloured(self, colour: Color) -> Style {
        match self.colour {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }

    /// A prominent label: with a coloured background, or reversed without colours.
    fn label(self, colour: Color) -> Style {
        match self.colour {
            true => self.strong().fg(Color::Black).bg(colour),
            false => self.strong().add_modifier(Modifier::REVERSED),
        }
    }

    /// The label of a book's status. Without colours, only the label of a live book is not reversed.
    pub(crate) fn status(self, status: BookStatus) -> Style {
        match status {
            BookStatus::Is(BookState::Live) if !self.colour => self.strong(),
            BookStatus::Is(BookState::Live) => self.label(Color::Green),
            BookStatus::Is(BookState::Empty) => self.label(Color::Gray),
            BookStatus::Is(BookState::Stale) => self.label(Color::Yellow),
            BookStatus::Is(_) => self.label(Color::Red),
            BookStatus::Frozen => self.label(Color::Cyan),
            BookStatus::NoFeed => self.label(Color::Magenta),
        }
    }

    /// A side of a book; muted if the book is not live.
    pub(crate) fn side(self, side: Side, live: bool) -> Style {
        match (live, side) {
            (false, _) => self.quiet(),
            (true, Side::Bid) => self.coloured(Color::Green),
            (true, Side::Ask) => self.coloured(Color::Red),
        }
    }

    /// The quantity of a highlighted level.
    pub(crate) fn lit(self, side: Side) -> Style {
        if !self.colour {
            return self.strong().add_modifier(Modifier::UNDERLINED);
        }
        // Dark green and dark red of the 256 colours, on which text is readable.
        self.strong().fg(Color::White).bg(match side {
            Side::Bid => Color::Indexed(22),
            Side::Ask => Color::Indexed(52),
        })
    }

    /// Explanatory text.
    pub(crate) fn quiet(self) -> Style {
        match self.colour {
            true => Style::new().fg(Color::DarkGray),
            false => Style::new().add_modifier(Modifier::DIM),
        }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The title of a book, strong if it is selected.
    pub(crate) fn selected(self, is_selected: bool) -> Style {
        match is_selected {
            true => self.strong(),
            false => Style::new(),
        }
    }

    /// Errors and warnings.
    pub(crate) fn warning(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// The age of a book.
    pub(crate) fn age(self, seconds: u64) -> Style {
        match seconds {
            0..2 => self.coloured(Color::Green),
            2..10 => self.coloured(Color::Yellow),
            _ => self.coloured(Color::Red),
        }
    }

    /// The line between two columns.
    pub(crate) fn vertical(self) -> &'static str {
        if self.unicode { "│" } else { "|" }
    }

    pub(crate) fn horizontal(self) -> &'static str {
        if self.unicode { "─" } else { "-" }
    }

    /// The mark of omitted text.
    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { ".." }
    }

    /// The sign before a highlighted quantity. It cannot be mistaken for the sign of a number.
    pub(crate) fn highlight(self, highlight: Highlight) -> &'static str {
        match (highlight, self.unicode) {
            (Highlight::Grew, true) => "▲",
            (Highlight::Shrank, true) => "▼",
            (Highlight::Grew, false) => "^",
            (Highlight::Shrank, false) => "v",
        }
    }

    /// The sign before a quantity that may be larger.
    pub(crate) fn at_least(self) -> &'static str {
        if self.unicode { "≥" } else { ">" }
    }

    /// A bar with the length of `eighths` eighths of a cell. Without Unicode, and for a book that is not live, the length
    /// is rounded up to whole cells, so that a small quantity is visible.
    pub(crate) fn bar(self, eighths: usize, live: bool) -> String {
        let (full, rest) = (eighths / 8, eighths % 8);
        let up = full + usize::from(rest > 0);
        match (live, self.unicode) {
            (true, true) => {
                let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][rest];
                "█".repeat(full) + part
            }
            (true, false) => "=".repeat(up),
            (false, true) => "░".repeat(up),
            (false, false) => ".".repeat(up),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticklot::Gap;

    #[test]
    fn the_environment_decides() {
        let theme = |set: &[(&str, &str)]| {
            Theme::read(|name| Some(set.iter().find(|it| it.0 == name)?.1.to_owned()))
        };
        assert!(theme(&[]).colour && !theme(&[("NO_COLOR", "1")]).colour);
        if cfg!(windows) {
            return;
        }
        assert!(!theme(&[]).unicode && theme(&[("LANG", "en_US.UTF-8")]).unicode);
        assert!(theme(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]).unicode);
        assert!(!theme(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).unicode);
    }

    #[test]
    fn invalid_states_differ_in_style() {
        let others = [
            BookStatus::Is(BookState::Empty),
            BookStatus::Is(BookState::Stale),
            BookStatus::Is(BookState::Gap(Gap::NoSnapshot)),
            BookStatus::Is(BookState::Crossed),
            BookStatus::Is(BookState::Disconnected),
            BookStatus::Frozen,
            BookStatus::NoFeed,
        ];
        let live = BookStatus::Is(BookState::Live);
        assert_eq!((live.word(), live.is_live()), ("LIVE", true));
        for colour in [true, false] {
            let theme = Theme::new(colour, true);
            for other in others {
                assert!(!other.is_live());
                assert!(!other.word().contains("LIVE"), "{other:?}");
                assert_ne!(theme.status(other), theme.status(live), "{other:?}");
            }
        }
    }

    #[test]
    fn without_colours_there_is_none() {
        let theme = Theme::new(false, true);
        for style in [
            theme.status(BookStatus::Is(BookState::Live)),
            theme.status(BookStatus::Is(BookState::Stale)),
            theme.side(Side::Bid, true),
            theme.lit(Side::Ask),
            theme.quiet(),
            theme.warning(),
            theme.age(99),
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn bars_fill_their_share() {
        let (unicode, ascii) = (Theme::new(true, true), Theme::new(true, false));
        assert_eq!(unicode.bar(19, true), "██▍");
        assert_eq!(unicode.bar(16, true), "██");
        assert_eq!(unicode.bar(19, false), "░░░");
        assert_eq!(ascii.bar(19, true), "===");
        assert_eq!(ascii.bar(1, false), ".");
        assert_eq!(ascii.bar(0, true), "");
    }
}
