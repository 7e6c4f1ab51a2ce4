//! Deltas that wait for a snapshot.

use alloc::vec::Vec;

use crate::sequence::Ids;
use crate::units::Level;
use crate::update::Delta;

/// The most deltas that are kept for a snapshot: several seconds of the busiest markets.
pub const MAX_BUFFERED_DELTAS: usize = 16_384;

/// The most levels that they may have together: 3 MiB.
pub const MAX_BUFFERED_LEVELS: usize = 131_072;

/// Deltas in the order in which they came; their levels lie one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeltaBuffer {
    deltas: Vec<BufferedDelta>,
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
struct BufferedDelta {
    /// Where its levels begin: bids, then asks.
    start: usize,
    bids: usize,
    asks: usize,
    ids: Option<Ids>,
    checksum: Option<u32>,
}

impl DeltaBuffer {
    pub(crate) fn len(&self) -> usize {
        self.deltas.len()
    }

    /// Keeps a delta.
    ///
    /// # Errors
    /// There is no room: all are dropped, and this one is the first of a new beginning, if it
    /// fits at all. Says how many levels may be kept.
    pub(crate) fn push(&mut self, delta: &Delta<'_>) -> Result<(), usize> {
        let levels = delta.bids.len().saturating_add(delta.asks.len());
        let fits = self.deltas.len() < MAX_BUFFERED_DELTAS
            && levels <= MAX_BUFFERED_LEVELS.saturating_sub(self.levels.len());
        if !fits {
            self.clear();
        }
        if levels <= MAX_BUFFERED_LEVELS {
            self.deltas.push(BufferedDelta {
                start: self.levels.len(),
                bids: delta.bids.len(),
                asks: delta.asks.len(),
                ids: delta.ids,
                checksum: delta.checksum,
            });
            self.levels.extend_from_slice(delta.bids);
            self.levels.extend_from_slice(delta.asks);
        }
        if fits {
            Ok(())
        } else {
            Err(MAX_BUFFERED_LEVELS)
        }
    }

    /// The delta at an index, from 0 for the oldest.
    pub(crate) fn get(&self, index: usize) -> Option<Delta<'_>> {
        let kept = self.deltas.get(index)?;
        let levels = self
            .levels
            .get(kept.start..kept.start + kept.bids + kept.asks)?;
        let (bids, asks) = levels.split_at_checked(kept.bids)?;
        Some(Delta {
            bids,
            asks,
            ids: kept.ids,
            checksum: kept.checksum,
        })
    }

    /// Drops the oldest `deltas`.
    pub(crate) fn drop_first(&mut self, deltas: usize) {
        let Some(start) = self.deltas.get(deltas).map(|kept| kept.start) else {
            return self.clear();
        };
        self.deltas.drain(..deltas);
        self.levels.drain(..start);
        for kept in &mut self.deltas {
            kept.start -= start;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.deltas.clear();
        self.levels.clear();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.deltas.capacity() * size_of::<BufferedDelta>()
            + self.levels.capacity() * size_of::<Level>()
    }
}
