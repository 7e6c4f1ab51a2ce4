//! The queue of outgoing messages.

use std::collections::VecDeque;

/// A FIFO queue of outgoing messages in one reused buffer. Allocates only to grow.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// The end of each queued message in `bytes`.
    ends: VecDeque<usize>,
    /// The start of the first queued message.
    start: usize,
}

impl Outbox {
    /// Queues the bytes that `write` appends as one message, unless it appends none.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > before {
            self.ends.push_back(self.bytes.len());
        }
    }

    /// Moves the oldest message to the end of `out`; false when there is none.
    pub fn pop(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(end) = self.ends.pop_front() else {
            return false;
        };
        let start = std::mem::replace(&mut self.start, end);
        out.extend_from_slice(self.bytes.get(start..end).unwrap_or_default());
        if self.ends.is_empty() {
            self.clear();
        }
        true
    }

    /// The number of queued messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no message is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Drops all messages.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop(outbox: &mut Outbox) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        outbox.pop(&mut out).then_some(out)
    }

    #[test]
    fn outbox_is_fifo() {
        let mut outbox = Outbox::default();
        outbox.push(|b| b.extend_from_slice(b"one"));
        outbox.push(|_| {});
        outbox.push(|b| b.extend_from_slice(b"two"));
        assert_eq!(pop(&mut outbox).unwrap(), b"one");
        outbox.push(|b| b.extend_from_slice(b"three"));
        assert_eq!(pop(&mut outbox).unwrap(), b"two");
        assert_eq!(pop(&mut outbox).unwrap(), b"three");
        assert!(pop(&mut outbox).is_none() && outbox.is_empty());
        assert!(outbox.bytes.is_empty());
        outbox.push(|b| b.extend_from_slice(b"lost"));
        outbox.clear();
        assert!(pop(&mut outbox).is_none());
    }
}
