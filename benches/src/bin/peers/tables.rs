//! The tables. One module each: it gives its cases, and the rest is the same for all.

#[cfg(feature = "peers")]
pub(crate) mod apply;
#[cfg(feature = "book-peers")]
mod books;
#[cfg(feature = "peers")]
mod cold;
#[cfg(feature = "peers")]
mod decode;
#[cfg(feature = "book-peers")]
mod depth;
#[cfg(feature = "book-peers")]
mod incremental;
#[cfg(feature = "peers")]
mod latency;
#[cfg(feature = "peers")]
mod pools;
#[cfg(feature = "peers")]
pub(crate) mod scale;
#[cfg(feature = "peers")]
mod snapshot;
#[cfg(feature = "peers")]
mod transport;

use ticklot_frame::Scan;

#[cfg(feature = "peers")]
use self::pools::{recorded, shapes};
use crate::measure::{Rounds, Row};

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only the case of this name.
    pub(crate) case: Option<String>,
    pub(crate) rounds: Rounds,
    /// How much text a pool has.
    pub(crate) pool_bytes: usize,
    /// Which way our decoders read messages in the venue's own shape.
    pub(crate) scan: Scan,
}

impl Plan {
    pub(crate) fn wants(&self, case: &str) -> bool {
        self.case.as_deref().is_none_or(|wanted| wanted == case)
    }
}

/// A table: gives each row group to `show` as soon as it is measured.
pub(crate) type Table = fn(&Plan, &mut Show<'_>) -> anyhow::Result<()>;

/// Called with all rows of a case.
pub(crate) type Show<'a> = dyn FnMut(Vec<Row>) -> anyhow::Result<()> + 'a;

/// All tables that were built, in the order in which they run.
pub(crate) const TABLES: &[(&str, Table)] = &[
    #[cfg(feature = "peers")]
    ("decode", decode::run),
    #[cfg(feature = "peers")]
    ("apply", apply::run),
    #[cfg(feature = "peers")]
    ("cold", cold::run),
    #[cfg(feature = "peers")]
    ("snapshot", snapshot::run),
    #[cfg(feature = "peers")]
    ("transport", transport::run),
    #[cfg(feature = "peers")]
    ("latency", latency::run),
    #[cfg(feature = "peers")]
    ("scale", scale::run),
    #[cfg(feature = "peers")]
    ("wire", crate::wire::run),
    #[cfg(feature = "book-peers")]
    ("incremental", incremental::run),
    #[cfg(feature = "book-peers")]
    ("depth", depth::run),
];

/// The slices that an input is cut into.
const SLICES: usize = 8;
