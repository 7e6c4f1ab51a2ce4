//! The keys and the view that they select, as a state machine without a screen.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ticklot::Ticks;

/// The number of price steps. The largest step is 5 * 10^9 ticks.
const STEPS: usize = 30;

/// The layout of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As many ladders as fit.
    All,
    /// One book, with a side column of all books and its trades.
    One,
    /// The two outcomes of a market.
    Pair,
}

/// The user's selection.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) layout: Layout,
    /// The index of the selected book.
    pub(crate) selected: usize,
    /// The maximum number of levels per side; as many as fit, when none.
    pub(crate) depth: Option<usize>,
    pub(crate) help: bool,
    pub(crate) frozen: bool,
    /// The index of each book's price step; 0 is a tick.
    steps: Vec<usize>,
}

/// The state of the screen that the keys depend on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScreenState {
    /// The number of books.
    pub(crate) books: usize,
    /// The selected book and the other outcome of its market.
    pub(crate) pair: (usize, Option<usize>),
    /// The number of levels per side that fit into the selected book's ladder.
    pub(crate) room: usize,
}

/// The action for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Draw the changes.
    Draw,
    /// Draw the whole screen, because other output may have overwritten it.
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
        let index = self.step_index(book);
        let digit = [1, 2, 5][index % 3];
        Ticks((0..index / 3).fold(digit, |step, _| step * 10))
    }

    fn step_index(&self, book: usize) -> usize {
        self.steps.get(book).copied().unwrap_or(0)
    }

    /// Handles a key.
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

    /// Closes the help, or else returns to the layout of all books.
    fn back(&mut self) {
        if !std::mem::take(&mut self.help) {
            self.layout = Layout::All;
        }
    }

    fn toggle(&mut self, layout: Layout) {
        self.layout = match self.layout == layout {
            true => Layout::All,
            false => layout,
        };
    }

    /// Changes the price step of the selected book; in the layout of two outcomes, of both.
    fn regroup(&mut self, screen: ScreenState, coarser: bool) {
        let index = self.step_index(self.selected);
        let index = match coarser {
            true => (index + 1).min(STEPS - 1),
            false => index.saturating_sub(1),
        };
        let pair = [Some(screen.pair.0), screen.pair.1];
        let other = pair.into_iter().flatten();
        let other = other.filter(|_| self.layout == Layout::Pair);
        for book in other.chain([self.selected]) {
            if self.steps.len() <= book {
                self.steps.resize(book + 1, 0);
            }
            self.steps[book] = index;
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
    fn key_releases_are_ignored() {
        let mut release = key(KeyCode::Char('q'));
        release.kind = KeyEventKind::Release;
        assert_eq!(View::new(None).key(release, SEEN), Action::Draw);
    }

    #[test]
    fn keys_select_books() {
        use KeyCode::{BackTab, Char, Down, End, Home, Left, Right, Tab, Up};
        let mut view = View::new(None);
        for (code, selected) in [
            (Tab, 1),
            (Right, 2),
            (Down, 0),
            (BackTab, 2),
            (Left, 1),
            (Char('3'), 2),
            (Char('9'), 2),
            (Home, 0),
            (End, 2),
        ] {
            let _ = view.key(key(code), SEEN);
            assert_eq!(view.selected, selected, "{code:?}");
        }
        // There may be no book.
        let mut view = View::new(None);
        for code in [Tab, Up, Char('1'), Char('g')] {
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
        assert_eq!(deep.depth, Some(7), "hidden levels are not counted down");
    }
}
