//! The tests of the venue of one's own, which stand in its two files.

#[path = "../own_venue/frame.rs"]
mod frame;
#[path = "../own_venue/venue.rs"]
mod venue;
