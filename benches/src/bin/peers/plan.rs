//! The parameters of a run.

use ticklot_frame::DecodeBackend;

use crate::measure::{Rounds, Row};

/// The slices that an input is divided into.
pub(crate) const SLICES: usize = 8;

/// The parameters of a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only the case of this name.
    pub(crate) case: Option<String>,
    pub(crate) rounds: Rounds,
    /// The bytes of a pool.
    pub(crate) pool_bytes: usize,
    /// The backend of our decoders.
    pub(crate) backend: DecodeBackend,
}

impl Plan {
    pub(crate) fn includes(&self, case: &str) -> bool {
        self.case.as_deref().is_none_or(|wanted| wanted == case)
    }
}

/// Receives the rows of each case as soon as it is measured.
pub(crate) type OnRows<'a> = dyn FnMut(Vec<Row>) -> anyhow::Result<()> + 'a;
