//! Messages to be sent, in order.

use std::collections::VecDeque;

/// Messages waiting to be sent, in one buffer that is kept. Allocates only to grow.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Where each waiting message ends in `bytes`.
    ends: VecDeque<usize>,
    /// Where the first waiting message starts.
    start: usize,
}

impl Outbox {
    /// Queues what `write` appends, as one message; nothing when it appends nothing.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > before {
            self.ends.push_back(self.bytes.len());
        }
    }

    /// Takes the oldest message. It may be changed in place, as masking does.
    pub fn pop(&mut self) -> Option<&mut [u8]> {
        let Some(end) = self.ends.pop_front() else {
            self.clear();
            return None;
        };
        let start = std::mem::replace(&mut self.start, end);
        self.bytes.get_mut(start..end)
    }

    /// Forgets all messages: they were for a connection that is gone.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out_and_nothing_kept() {
        let mut outbox = Outbox::default();
        outbox.push(|b| b.extend_from_slice(b"one"));
        outbox.push(|_| {});
        outbox.push(|b| b.extend_from_slice(b"two"));
        assert_eq!(outbox.pop().unwrap(), b"one");
        outbox.push(|b| b.extend_from_slice(b"three"));
        assert_eq!(outbox.pop().unwrap(), b"two");
        assert_eq!(outbox.pop().unwrap(), b"three");
        assert!(outbox.pop().is_none());
        assert!(outbox.bytes.is_empty());
        outbox.push(|b| b.extend_from_slice(b"lost"));
        outbox.clear();
        assert!(outbox.pop().is_none());
    }
}
