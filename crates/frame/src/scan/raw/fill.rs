//! A list that is filled in a loop.

/// Pushes to a list without ever growing it, and with its length in a register. (A push to a vector
/// writes the length back each time, and brings the code to grow it into the loop.)
pub(crate) struct Fill<'v, T> {
    items: &'v mut Vec<T>,
    len: usize,
}

impl<'v, T: Copy> Fill<'v, T> {
    /// Empties the list and makes room for `room` items. Allocates only to grow.
    pub(crate) fn new(items: &'v mut Vec<T>, room: usize) -> Self {
        items.clear();
        items.reserve(room);
        Self { items, len: 0 }
    }

    /// None when there is no room.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) -> Option<()> {
        if self.len == self.items.capacity() {
            return None;
        }
        // SAFETY: the place is within the list's capacity.
        unsafe { self.items.as_mut_ptr().add(self.len).write(item) };
        self.len += 1;
        Some(())
    }

    /// How many were pushed, which are then the list.
    pub(crate) fn finish(self) -> usize {
        // SAFETY: so many items were written, and there is room for them.
        unsafe { self.items.set_len(self.len) };
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_to_its_capacity_and_no_further() {
        let mut items = vec![7_u32; 3];
        let mut fill = Fill::new(&mut items, 5);
        let mut pushed = 0;
        while fill.push(pushed).is_some() {
            pushed += 1;
        }
        assert!(pushed >= 5);
        assert_eq!(fill.finish(), pushed as usize);
        assert_eq!(items, (0..pushed).collect::<Vec<_>>());
        assert_eq!(items.capacity(), items.len());
    }

    #[test]
    fn what_is_not_finished_is_empty() {
        let mut items = vec![7_u32; 3];
        assert_eq!(Fill::new(&mut items, 1).push(8), Some(()));
        assert!(items.is_empty());
    }
}
