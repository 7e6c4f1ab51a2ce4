//! The symbols of a connection, with the book, the scale and the status of each.

use std::collections::HashMap;

use ticklot_book::Scale;
use ticklot_frame::Scales;
use ticklot_frame::kraken::PairStatus;

use crate::books::BookId;

/// The state of a symbol.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SymbolState {
    pub(super) book: Option<BookId>,
    /// Whether the user follows the book.
    pub(super) is_followed: bool,
    /// Whether the user follows the trades.
    pub(super) has_trades: bool,
    /// From the list of instruments.
    pub(super) scale: Option<Scale>,
    pub(super) status: Option<PairStatus>,
    /// The levels per side from the acknowledgement of its book.
    pub(super) depth: Option<u32>,
}

/// All symbols, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    by_name: HashMap<Box<str>, usize>,
    all: Vec<(Box<str>, SymbolState)>,
    /// The scale of symbols whose precision is unknown.
    pub(super) scale: Option<Scale>,
    /// The index of the symbol by book.
    books: HashMap<BookId, usize>,
    /// The approximate memory of all symbols.
    bytes: usize,
}

/// The approximate memory of a symbol with this name, in bytes.
fn symbol_bytes(name: &str) -> usize {
    256 + 2 * name.len()
}

impl Symbols {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| &**name)
    }

    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<&SymbolState> {
        let at = *self.by_name.get(name)?;
        self.all.get(at).map(|(_, symbol)| symbol)
    }

    /// The approximate memory of all symbols in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }

    /// The bytes that [`Symbols::add`] would add to [`Symbols::memory`].
    pub(super) fn growth(&self, name: &str) -> usize {
        match self.by_name.contains_key(name) {
            true => 0,
            false => symbol_bytes(name),
        }
    }

    /// The symbol, added if it is new. Adding allocates.
    pub(super) fn add(&mut self, name: &str) -> &mut SymbolState {
        let next = self.all.len();
        let at = self.by_name.get(name).copied().unwrap_or(next);
        if at == next {
            self.bytes += symbol_bytes(name);
            self.by_name.insert(name.into(), next);
            self.all.push((name.into(), SymbolState::default()));
        }
        &mut self.all[at].1
    }

    /// A copy of the symbols with books, with their scales only.
    pub(super) fn scratch(&self) -> Self {
        let mut scratch = Self {
            scale: self.scale,
            ..Self::default()
        };
        let followed = self.all.iter().filter(|(_, symbol)| symbol.book.is_some());
        for (name, symbol) in followed {
            scratch.add(name).scale = symbol.scale;
        }
        scratch
    }

    /// Sets the book of a symbol.
    pub(super) fn set_book(&mut self, name: &str, book: BookId) {
        let Some(&at) = self.by_name.get(name) else {
            return;
        };
        let old = self.all[at].1.book.replace(book);
        if let Some(old) = old {
            self.books.remove(&old);
        }
        self.books.insert(book, at);
    }

    /// The name of a book's symbol.
    pub(super) fn name_of(&self, book: BookId) -> Option<&str> {
        let at = *self.books.get(&book)?;
        self.all.get(at).map(|(name, _)| &**name)
    }
}

/// A symbol without a known scale has whole units: numbers with decimals are errors.
impl Scales for Symbols {
    fn scale(&self, name: &str) -> Scale {
        let own = self.get(name).and_then(|symbol| symbol.scale);
        own.or(self.scale).unwrap_or(Scale::UNIT)
    }
}
