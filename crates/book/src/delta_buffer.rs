//! The buffer of deltas for a future snapshot.

use alloc::vec::Vec;

use crate::sequence::Ids;
use crate::units::Level;
use crate::update::Delta;

/// The maximum number of deltas that are buffered for a snapshot: several seconds of the busiest markets.
pub const MAX_BUFFERED_DELTAS: usize = 16_384;

/// The maximum number of levels in all buffered deltas: 3 MiB.
pub const MAX_BUFFERED_LEVELS: usize = 131_072;

/// Deltas in the order of arrival, with their levels in one array.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeltaBuffer {
    deltas: Vec<BufferedDelta>,
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Debug)]
struct BufferedDelta {
    /// The index of its first level: bids, then asks.
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

    /// Appends a delta.
    ///
    /// # Errors
    /// The buffer is full. It is then cleared, and holds only this delta, if it fits at all. The error is the
    /// maximum number of levels.
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

    /// The delta at an index; 0 is the oldest.
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

    /// Drops the oldest `deltas` deltas.
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
