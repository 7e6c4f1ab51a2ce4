//! Keys, and the view that they select: a state machine without a screen.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ticklot::Ticks;

/// The largest price step is 5 * 10^9 ticks.
const STEPS: usize = 30;

/// How books are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As many ladders as fit.
    All,
    /// One book, with the list of books and its trades beside it.
    One,
    /// The two outcomes of a market.
    Pair,
}

/// What the user has chosen to see.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) layout: Layout,
    /// The book that keys are about.
    pub(crate) selected: usize,
    /// The most levels a side; as many as fit, when none.
    pub(crate) depth: Option<usize>,
    pub(crate) help: bool,
    pub(crate) frozen: bool,
    /// The number of each book's price step, from 0 for a tick.
    steps: Vec<usize>,
}

/// The state of the screen that the keys depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScreenState {
    /// How many books there are.
    pub(crate) books: usize,
    /// The selected book and the other outcome of its market.
    pub(crate) pair: (usize, Option<usize>),
    /// How many levels a side the selected book's ladder has room for.
    pub(crate) room: usize,
}

/// The action after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing but drawing what is new.
    Draw,
    /// Everything is to be drawn, since the screen may have been written over.
    Redraw,
    Quit,
}

impl View {
    pub(crate) fn new(depth: Option<usize>) -> Self {
        Self {
            layout: Layout::All,
            selected: 0,
            depth,
            help: false,
            frozen: false,
            steps: Vec::new(),
        }
    }

    /// The price step of a book's ladder, in ticks.
    pub(crate) fn step(&self, book: usize) -> Ticks {
        let number = self.steps.get(book).copied().unwrap_or(0);
        let digit = [1, 2, 5][number % 3];
        Ticks((0..number / 3).fold(digit, |step, _| step * 10))
    }

    /// A key was pressed.
    pub(crate) fn key(&mut self, key: KeyEvent, screen: ScreenState) -> Action {
        if key.kind == KeyEventKind::Release {
            return Action::Draw;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => Action::Quit,
                KeyCode::Char('l') => Action::Redraw,
                _ => Action::Draw,
            };
        }
        match key.code {
            KeyCode::Char('q') => return Action::Quit,
            KeyCode::Esc => self.back(),
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = !self.help,
            KeyCode::Char('f' | ' ') => self.frozen = !self.frozen,
            KeyCode::Char('s') => self.toggle(Layout::Pair),
            KeyCode::Enter | KeyCode::Char('o') => self.toggle(Layout::One),
            KeyCode::Char('a') => self.layout = Layout::All,
            KeyCode::Char('g') => self.regroup(screen, true),
            KeyCode::Char('G') => self.regroup(screen, false),
            KeyCode::Char('+' | '=') => self.deepen(screen.room),
            KeyCode::Char('-') => self.flatten(screen.room),
            code => self.choose(code, screen.books),
        }
        Action::Draw
    }

    /// Closes the help, or else leaves the layout.
    fn back(&mut self) {
        if self.help {
            self.help = false;
        } else {
            self.layout = Layout::All;
        }
    }

    fn toggle(&mut self, layout: Layout) {
        self.layout = if self.layout == layout {
            Layout::All
        } else {
            layout
        };
    }

    /// Of two outcomes side by side both are grouped alike.
    fn regroup(&mut self, screen: ScreenState, coarser: bool) {
        let number = self.steps.get(self.selected).copied().unwrap_or(0);
        let number = if coarser {
            (number + 1).min(STEPS - 1)
        } else {
            number.saturating_sub(1)
        };
        let pair = [Some(screen.pair.0), screen.pair.1];
        let other = pair.into_iter().flatten();
        let other = other.filter(|_| self.layout == Layout::Pair);
        for book in other.chain([self.selected]) {
            if self.steps.len() <= book {
                self.steps.resize(book + 1, 0);
            }
            self.steps[book] = number;
        }
    }

    fn deepen(&mut self, room: usize) {
        self.depth = self.depth.map(|depth| depth + 1).filter(|it| *it < room);
    }

    fn flatten(&mut self, room: usize) {
        let depth = self.depth.map_or(room, |depth| depth.min(room));
        self.depth = Some(depth.saturating_sub(1).max(1));
    }

    fn choose(&mut self, code: KeyCode, books: usize) {
        let Some(last) = books.checked_sub(1) else {
            return;
        };
        let here = self.selected.min(last);
        self.selected =
            match code {
                KeyCode::Tab | KeyCode::Right | KeyCode::Down | KeyCode::Char('n') => {
                    if here == last { 0 } else { here + 1 }
                }
                KeyCode::BackTab | KeyCode::Left | KeyCode::Up | KeyCode::Char('p') => {
                    here.checked_sub(1).unwrap_or(last)
                }
                KeyCode::Home => 0,
                KeyCode::End => last,
                KeyCode::Char(digit @ '1'..='9') => {
                    let number = digit as usize - '1' as usize;
                    if number <= last { number } else { here }
                }
                _ => here,
            };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: ScreenState = ScreenState {
        books: 3,
        pair: (1, Some(2)),
        room: 8,
    };

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    /// Presses the keys of a text, one after the other.
    fn press(view: &mut View, keys: &str) {
        for c in keys.chars() {
            assert_eq!(view.key(key(KeyCode::Char(c)), SEEN), Action::Draw, "{c}");
        }
    }

    fn pressed(keys: &str) -> View {
        let mut view = View::new(None);
        press(&mut view, keys);
        view
    }

    #[test]
    fn quit_keys_quit() {
        let mut view = View::new(None);
        assert_eq!(view.key(key(KeyCode::Char('q')), SEEN), Action::Quit);
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        assert_eq!(view.key(control('c'), SEEN), Action::Quit);
        assert_eq!(view.key(control('l'), SEEN), Action::Redraw);
        assert_eq!(view.key(control('q'), SEEN), Action::Draw);
        view.help = true;
        assert_eq!(view.key(key(KeyCode::Char('q')), SEEN), Action::Quit);
    }

    #[test]
    fn a_release_is_no_key() {
        let mut release = key(KeyCode::Char('q'));
        release.kind = KeyEventKind::Release;
        assert_eq!(View::new(None).key(release, SEEN), Action::Draw);
    }

    #[test]
    fn keys_select_books() {
        let mut view = View::new(None);
        let mut at = |code| {
            let _ = view.key(key(code), SEEN);
            view.selected
        };
        assert_eq!(
            [at(KeyCode::Tab), at(KeyCode::Right), at(KeyCode::Down)],
            [1, 2, 0]
        );
        assert_eq!([at(KeyCode::BackTab), at(KeyCode::Left)], [2, 1]);
        assert_eq!([at(KeyCode::Char('3')), at(KeyCode::Char('9'))], [2, 2]);
        assert_eq!([at(KeyCode::Home), at(KeyCode::End)], [0, 2]);
    }

    #[test]
    fn there_may_be_no_book() {
        let mut view = View::new(None);
        for code in [
            KeyCode::Tab,
            KeyCode::Up,
            KeyCode::Char('1'),
            KeyCode::Char('g'),
        ] {
            assert_eq!(view.key(key(code), ScreenState::default()), Action::Draw);
        }
        assert_eq!(view.selected, 0);
    }

    #[test]
    fn keys_toggle_layouts() {
        for (keys, layout) in [
            ("", Layout::All),
            ("s", Layout::Pair),
            ("ss", Layout::All),
            ("o", Layout::One),
            ("os", Layout::Pair),
            ("soa", Layout::All),
        ] {
            assert_eq!(pressed(keys).layout, layout, "{keys}");
        }
        let mut view = pressed("o?");
        let _ = view.key(key(KeyCode::Esc), SEEN);
        assert_eq!((view.help, view.layout), (false, Layout::One));
        let _ = view.key(key(KeyCode::Esc), SEEN);
        assert_eq!(view.layout, Layout::All);
    }

    #[test]
    fn help_and_freeze_are_switches() {
        assert!(pressed("?").help && !pressed("?h").help);
        assert!(pressed("f").frozen && !pressed("f ").frozen);
    }

    #[test]
    fn price_steps_grow_by_decades() {
        let mut view = View::new(None);
        let mut steps = vec![view.step(0).0];
        for _ in 0..6 {
            press(&mut view, "g");
            steps.push(view.step(0).0);
        }
        assert_eq!(steps, [1, 2, 5, 10, 20, 50, 100]);
        press(&mut view, "GG");
        assert_eq!(view.step(0), Ticks(20));
        assert_eq!(view.step(1), Ticks(1), "each book has its own");
        press(&mut view, &"G".repeat(9));
        assert_eq!(view.step(0), Ticks(1));
        press(&mut view, &"g".repeat(99));
        assert_eq!(view.step(0), Ticks(5_000_000_000));
    }

    #[test]
    fn paired_outcomes_share_price_steps() {
        let view = pressed("3sg");
        assert_eq!([0, 1, 2].map(|at| view.step(at).0), [1, 2, 2]);
        let view = pressed("3g");
        assert_eq!([0, 1, 2].map(|at| view.step(at).0), [1, 1, 2]);
    }

    #[test]
    fn depth_keys_stay_within_room() {
        for (keys, depth) in [
            ("", None),
            ("+", None),
            ("-", Some(7)),
            ("---", Some(5)),
            ("--+", Some(7)),
            ("--++", None),
            ("--==", None),
            ("------------", Some(1)),
        ] {
            assert_eq!(pressed(keys).depth, depth, "{keys}");
        }
        let mut deep = View::new(Some(100));
        press(&mut deep, "-");
        assert_eq!(
            deep.depth,
            Some(7),
            "what cannot be seen is not counted down"
        );
    }
}
