//! The books of a feed.

use std::fmt;

use ticklot_book::{Book, Scale, State};

/// Which book of a [`Books`]. Ids are given in order from 0 and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct BookId(pub u32);

/// Which connection of a feed, in the order in which they were added, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct ConnectionId(pub u32);

/// A scale that is known to be right when the crate is built.
#[allow(clippy::panic)] // in a constant it fails the build, never the program
pub(crate) const fn const_scale(price_decimals: u8, quantity_decimals: u8) -> Scale {
    match Scale::new(price_decimals, quantity_decimals) {
        Ok(scale) => scale,
        Err(_) => panic!("too many decimals"),
    }
}

/// All books of a feed, by id.
///
/// [`Books::live`] is the easy call, and gives a book only while it can be traded on.
/// [`Books::untrusted`] gives it in any state.
#[derive(Debug, Default)]
pub struct Books {
    entries: Vec<Entry>,
}

/// A book and what it is the book of.
#[derive(Debug)]
struct Entry {
    connection: ConnectionId,
    market: Box<str>,
    name: Box<str>,
    book: Book,
}

impl Books {
    /// No books.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book, if it can be traded on: it had a snapshot in this epoch, recently, and it is not
    /// crossed. The easy call.
    #[inline]
    #[must_use]
    pub fn live(&self, id: BookId) -> Option<&Book> {
        self.untrusted(id).and_then(Book::live)
    }

    /// The book in whatever state it is. Look at [`Book::state`] before you believe it.
    #[inline]
    #[must_use]
    pub fn untrusted(&self, id: BookId) -> Option<&Book> {
        self.entry(id).map(|entry| &entry.book)
    }

    /// What a book says of itself; [`State::Empty`] for an id that is none.
    #[must_use]
    pub fn state(&self, id: BookId) -> State {
        self.untrusted(id).map_or(State::Empty, Book::state)
    }

    /// The book's own name: JayX's symbol, a Bayse outcome's id. Empty for an id that is none.
    #[must_use]
    pub fn name(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| &entry.name)
    }

    /// The market that the book belongs to: JayX's symbol, a Bayse market's id.
    #[must_use]
    pub fn market(&self, id: BookId) -> &str {
        self.entry(id).map_or("", |entry| &entry.market)
    }

    /// The connection that feeds the book.
    #[must_use]
    pub fn connection(&self, id: BookId) -> Option<ConnectionId> {
        self.entry(id).map(|entry| entry.connection)
    }

    /// The first book of this name. A walk over all books: keep the id.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<BookId> {
        self.ids().find(|&id| self.name(id) == name)
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = BookId> + use<> {
        // There are never more books than ids: `add` stops before.
        (0..u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).map(BookId)
    }

    /// How many books there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an empty book. For venues; allocates.
    pub fn add(
        &mut self,
        connection: ConnectionId,
        market: &str,
        name: &str,
        scale: Scale,
    ) -> BookId {
        let id = BookId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(Entry {
            connection,
            market: market.into(),
            name: name.into(),
            book: Book::new(scale),
        });
        id
    }

    /// The book, to be changed. For venues.
    #[must_use]
    pub fn book_mut(&mut self, id: BookId) -> Option<&mut Book> {
        self.entries
            .get_mut(id.0 as usize)
            .map(|entry| &mut entry.book)
    }

    /// The books of one connection, to be changed.
    pub(crate) fn of_connection(
        &mut self,
        connection: ConnectionId,
    ) -> impl Iterator<Item = (BookId, &mut Book)> {
        let all = (0..).map(BookId).zip(&mut self.entries);
        all.filter(move |(_, entry)| entry.connection == connection)
            .map(|(id, entry)| (id, &mut entry.book))
    }

    fn entry(&self, id: BookId) -> Option<&Entry> {
        self.entries.get(id.0 as usize)
    }
}

impl fmt::Display for BookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
