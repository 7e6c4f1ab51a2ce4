//! The tests of the custom venue, because cargo does not run the tests in examples.

#[path = "../own_venue/frame.rs"]
mod frame;
#[path = "../own_venue/venue.rs"]
mod venue;
