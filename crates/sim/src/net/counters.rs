//! Counters of a running server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The connections and messages of a server so far.
///
/// Each counter is exact, but a snapshot of all counters is not atomic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Connections that were upgraded to WebSocket.
    pub accepted: u64,
    /// Upgraded connections that are open now.
    pub open: u64,
    /// Text frames that were written to all connections.
    pub frames: u64,
}

/// The faults that a server has injected so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultCounts {
    /// Connections that were dropped after a number of messages.
    pub drops: u64,
    /// Connections that ended with a part of a frame.
    pub cuts: u64,
    /// Pauses in which only pings got a reply.
    pub freezes: u64,
    /// Pauses in which nothing was read or written.
    pub hangs: u64,
    /// Injected meaningless messages.
    pub garbage: u64,
    /// Rejected upgrades and polling requests.
    pub rejections: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    frames: AtomicU64,
    faults: Mutex<FaultCounts>,
}

impl Counters {
    /// Counts an upgraded connection, and returns its number, from 1.
    pub(super) fn accept(&self) -> u64 {
        self.open.fetch_add(1, Relaxed);
        self.accepted.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn close(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn count_frame(&self) {
        self.frames.fetch_add(1, Relaxed);
    }

    pub(super) fn count_fault(&self, fault: fn(&mut FaultCounts) -> &mut u64) {
        *fault(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner)) += 1;
    }

    pub(crate) fn faults(&self) -> FaultCounts {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connections(&self) -> ConnectionCounts {
        ConnectionCounts {
            accepted: self.accepted.load(Relaxed),
            open: self.open.load(Relaxed),
            frames: self.frames.load(Relaxed),
        }
    }
}
