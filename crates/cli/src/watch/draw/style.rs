//! Colours and signs, and what stands for them where there are none.

use std::env;

use ratatui::style::{Color, Modifier, Style};
use ticklot::{BookState, Side};

use crate::watch::marks::Mark;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Colours; without them everything is said by words, signs and weight.
    pub(crate) colour: bool,
    /// Characters beyond ASCII.
    pub(crate) unicode: bool,
}

/// How a book stands, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// What the book says of itself.
    Is(BookState),
    /// The picture stands still: nothing in it is live.
    Frozen,
    /// The feed's thread tells nothing: what the book last said of itself is worth nothing.
    Unheard,
}

impl Standing {
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
            Self::Unheard => "NO FEED",
        }
    }
}

impl Look {
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
    pub(crate) fn standing(self, standing: Standing) -> Style {
        match standing {
            Standing::Is(BookState::Live) if !self.colour => {
                Style::new().add_modifier(Modifier::BOLD)
            }
            Standing::Is(BookState::Live) => self.label(Color::Green),
            Standing::Is(BookState::Empty) => self.label(Color::Gray),
            Standing::Is(BookState::Stale) => self.label(Color::Yellow),
            Standing::Is(_) => self.label(Color::Red),
            Standing::Frozen => self.label(Color::Cyan),
            Standing::Unheard => self.label(Color::Magenta),
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

    /// What is there to explain the rest.
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

    /// What went wrong, in words.
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

    /// What stands for what is left out of a text.
    pub(crate) fn ellipsis(self) -> &'static str {
        if self.unicode { "…" } else { ".." }
    }

    /// In front of a quantity that is more, or less, than a moment ago. Neither is taken for its sign.
    pub(crate) fn mark(self, mark: Mark) -> &'static str {
        match (mark, self.unicode) {
            (Mark::Grew, true) => "▲",
            (Mark::Shrank, true) => "▼",
            (Mark::Grew, false) => "^",
            (Mark::Shrank, false) => "v",
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
        let look = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect();
            Look::read(move |name| set.iter().find(|it| it.0 == name).map(|it| it.1.clone()))
        };
        assert!(look(&[]).colour && !look(&[("NO_COLOR", "1")]).colour);
        if cfg!(windows) {
            return;
        }
        assert!(!look(&[]).unicode && look(&[("LANG", "en_US.UTF-8")]).unicode);
        assert!(look(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]).unicode);
        assert!(!look(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).unicode);
    }

    #[test]
    fn invalid_states_differ_in_style() {
        let others = [
            Standing::Is(BookState::Empty),
            Standing::Is(BookState::Stale),
            Standing::Is(BookState::Gap(Gap::NoSnapshot)),
            Standing::Is(BookState::Crossed),
            Standing::Is(BookState::Disconnected),
            Standing::Frozen,
            Standing::Unheard,
        ];
        let live = Standing::Is(BookState::Live);
        assert_eq!((live.word(), live.is_live()), ("LIVE", true));
        for colour in [true, false] {
            let look = Look {
                colour,
                unicode: true,
            };
            for other in others {
                assert!(!other.is_live());
                assert!(!other.word().contains("LIVE"), "{other:?}");
                assert_ne!(look.standing(other), look.standing(live), "{other:?}");
            }
        }
    }

    #[test]
    fn without_colours_there_is_none() {
        let look = Look {
            colour: false,
            unicode: true,
        };
        for style in [
            look.standing(Standing::Is(BookState::Live)),
            look.standing(Standing::Is(BookState::Stale)),
            look.side(Side::Bid),
            look.lit(Side::Ask),
            look.quiet(),
            look.warning(),
            look.age(99),
        ] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn bars_fill_their_share() {
        let unicode = Look {
            colour: true,
            unicode: true,
        };
        let ascii = Look {
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
