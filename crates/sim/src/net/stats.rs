//! Live numbers of a server.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::fault::{Injected, Tally};

/// What a server has done so far. The three numbers are read one after the other: they are exact
/// each, and may be of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// How many connections were upgraded to WebSocket.
    pub accepted: u64,
    /// How many of them are open.
    pub open: u64,
    /// How many text frames were written, over all of them.
    pub frames: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    open: AtomicU64,
    frames: AtomicU64,
    tally: Tally,
}

impl Counters {
    /// Counts a connection in, and returns its number, from 1.
    pub(crate) fn accept(&self) -> u64 {
        self.open.fetch_add(1, Relaxed);
        self.accepted.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn close(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(crate) fn frame(&self) {
        self.frames.fetch_add(1, Relaxed);
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(crate) fn injected(&self) -> Injected {
        self.tally.read()
    }

    pub(crate) fn read(&self) -> Connections {
        Connections {
            accepted: self.accepted.load(Relaxed),
            open: self.open.load(Relaxed),
            frames: self.frames.load(Relaxed),
        }
    }
}
