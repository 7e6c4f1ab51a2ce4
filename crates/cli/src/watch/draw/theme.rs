//! Colours and signs, and their replacements without colours or Unicode.

use std::env;

use ratatui::style::{Color, Modifier, Style};
use ticklot::{BookState, Side};

use crate::watch::change_highlights::Highlight;

/// The colours and characters that the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Theme {
    /// Colours; without them everything is said by words, signs and weight.
    pub(crate) colour: bool,
    /// Characters beyond ASCII.
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

    /// One word or two, in capitals.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Is(BookState::Empty) => "EMPTY",
            Self::Is(BookState::Live) => "LIVE",
            Self::Is(BookState::Stale) => "STALE",
            Self::Is(BookState::Gap(_)) => "GAP",
            Self::Is(BookState::Crossed) => "CROSSED",
            Self::Is(BookState::Disconnected) => "DISCONNECTED",
            // A state that is not known here is not live.
            Self::Is(_) => "NOT LIVE",
            Self::Frozen => "FROZEN",
            Self::NoFeed => "NO FEED",
        }
    }
}

impl Theme {
    /// What the environment says: `NO_COLOR` (<https://no-color.org>), and the locale of POSIX.
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
            // Consoles of Windows need no locale for it.
            unicode: cfg!(windows) || locale.is_some_and(utf8),
        }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    /// A label that is to be seen: its colour behind it, or turned over where there is none.
    fn label(self, colour: Color) -> Style {
        if self.colour {
            Style::new()
                .fg(Color::Black)
                .bg(colour)
                .add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::REVERSED.union(Modifier::BOLD))
        }
    }

    /// The label of how a book stands. Without colours a live book's is the one that is not turned over.
    pub(crate) fn status(self, status: BookStatus) -> Style {
        match status {
            BookStatus::Is(BookState::Live) if !self.colour => {
                Style::new().add_modifier(Modifier::BOLD)
            }
            BookStatus::Is(BookState::Live) => self.label(Color::Green),
            BookStatus::Is(BookState::Empty) => self.label(Color::Gray),
            BookStatus::Is(BookState::Stale) => self.label(Color::Yellow),
            BookStatus::Is(_) => self.label(Color::Red),
            BookStatus::Frozen => self.label(Color::Cyan),
            BookStatus::NoFeed => self.label(Color::Magenta),
        }
    }

    pub(crate) fn side(self, side: Side) -> Style {
        self.coloured(match side {
            Side::Bid => Color::Green,
            Side::Ask => Color::Red,
        })
    }

    /// A level that has just changed, behind its quantity.
    pub(crate) fn lit(self, side: Side) -> Style {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        if !self.colour {
            return bold.add_modifier(Modifier::UNDERLINED);
        }
        // Dark green and dark red of the 256 colours: the text above stays readable.
        bold.fg(Color::White).bg(match side {
            Side::Bid => Color::Indexed(22),
            Side::Ask => Color::Indexed(52),
        })
    }

    /// Explanatory text.
    pub(crate) fn quiet(self) -> Style {
        if self.colour {
            Style::new().fg(Color::DarkGray)
        } else {
            Style::new().add_modifier(Modifier::DIM)
        }
    }

    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Errors and warnings.
    pub(crate) fn warning(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// How old a book is.
    pub(crate) fn age(self, seconds: u64) -> Style {
        match seconds {
            0..2 => self.coloured(Color::Green),
            2..10 => self.coloured(Color::Yellow),
            _ => self.coloured(Color::Red),
        }
    }

    /// The line between two parts.
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

    /// In front of a quantity that is more, or less, than a moment ago. Neither is taken for its sign.
    pub(crate) fn highlight(self, highlight: Highlight) -> &'static str {
        match (highlight, self.unicode) {
            (Highlight::Grew, true) => "▲",
            (Highlight::Shrank, true) => "▼",
            (Highlight::Grew, false) => "^",
            (Highlight::Shrank, false) => "v",
        }
    }

    /// In front of a quantity that may be more.
    pub(crate) fn at_least(self) -> &'static str {
        if self.unicode { "≥" } else { ">" }
    }

    /// A bar of `eighths` eighths of a cell. Without the eighths of Unicode it is rounded up, so that
    /// what is there shows.
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
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect();
            Theme::read(move |name| set.iter().find(|it| it.0 == name).map(|it| it.1.clone()))
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
            let theme = Theme {
                colour,
                unicode: true,
            };
            for other in others {
                assert!(!other.is_live());
                assert!(!other.word().contains("LIVE"), "{other:?}");
                assert_ne!(theme.status(other), theme.status(live), "{other:?}");
            }
        }
    }

    #[test]
    fn without_colours_there_is_none() {
        let theme = Theme {
            colour: false,
            unicode: true,
        };
        for style in [
            theme.status(BookStatus::Is(BookState::Live)),
            theme.status(BookStatus::Is(BookState::Stale)),
            theme.side(Side::Bid),
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
        let unicode = Theme {
            colour: true,
            unicode: true,
        };
        let ascii = Theme {
            colour: true,
            unicode: false,
        };
        assert_eq!(unicode.bar(19, true), "██▍");
        assert_eq!(unicode.bar(16, true), "██");
        assert_eq!(unicode.bar(19, false), "░░░");
        assert_eq!(ascii.bar(19, true), "===");
        assert_eq!(ascii.bar(1, false), ".");
        assert_eq!(ascii.bar(0, true), "");
    }
}
