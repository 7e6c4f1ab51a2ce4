//! The tables. Each has a module, which builds the cases.

mod apply;
mod books;
mod cold;
mod decode;
mod depth;
mod incremental;
pub(crate) mod scale;
mod snapshot;
mod transport;
mod wire;

use crate::plan::{OnRows, Plan};

/// Measures the cases of a table.
pub(crate) type Table = fn(&Plan, &mut OnRows<'_>) -> anyhow::Result<()>;

/// All tables, in the order in which they run.
pub(crate) const TABLES: &[(&str, Table)] = &[
    ("decode", decode::run),
    ("apply", apply::run),
    ("cold", cold::run),
    ("snapshot", snapshot::run),
    ("transport", transport::run),
    ("scale", scale::run),
    ("wire", wire::run),
    ("incremental", incremental::run),
    ("depth", depth::run),
];
