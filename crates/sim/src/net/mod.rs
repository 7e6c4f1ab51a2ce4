//! The part that both venues share: accepting, upgrading, reading and writing.

mod accept;
mod drive;
mod fault;
mod limits;
mod peer;
mod read;
mod stats;
mod upgrade;
mod window;

pub(crate) use self::accept::{Protocol, serve};
pub(crate) use self::drive::{News, drive, until};
pub use self::fault::Injected;
pub use self::limits::Limits;
pub(crate) use self::peer::{End, Ended, Input, Peer};
pub use self::stats::Connections;
pub(crate) use self::stats::Counters;
pub(crate) use self::upgrade::{Page, Poll, Refusal, Target};
pub use self::window::Rate;
pub(crate) use self::window::{Doors, Window};
