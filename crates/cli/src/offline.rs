//! Sessions without a connection.

use ticklot::{Books, ConnectionId, Options, Session, Venue};

/// A session that reads a log: its frames are lines of it, and what was recorded long ago is not stale.
pub(crate) fn session<V: Venue>(venue: V, books: &mut Books) -> Session<V> {
    let mut options = Options::default();
    options.count_control = true;
    options.stale_after = None;
    Session::new(venue, ConnectionId(0), options, books)
}
