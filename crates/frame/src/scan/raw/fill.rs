//! A list that is filled in a loop.

/// Pushes to a list without ever growing it, and with what is left in registers. (A push to a vector
/// writes the length back each time, and brings the code to grow it into the loop.)
///
/// Invariant: from `next` on the list's space has room for `room` items, and all before it is written.
pub(crate) struct Fill<'v, T> {
    items: &'v mut Vec<T>,
    next: *mut T,
    room: usize,
}

impl<'v, T: Copy> Fill<'v, T> {
    /// Empties the list and makes room for `room` items. Allocates only to grow.
    pub(crate) fn new(items: &'v mut Vec<T>, room: usize) -> Self {
        items.clear();
        items.reserve(room);
        let space = items.spare_capacity_mut();
        Self {
            room: space.len(),
            next: space.as_mut_ptr().cast(),
            items,
        }
    }

    /// Whether there was room.
    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) -> bool {
        let Some(room) = self.room.checked_sub(1) else {
            return false;
        };
        self.room = room;
        // SAFETY: there was room for one, which is one less now.
        unsafe {
            self.next.write(item);
            self.next = self.next.add(1);
        }
        true
    }

    /// How many more there is room for.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Where the next one goes.
    pub(super) fn next(&self) -> *mut T {
        self.next
    }

    /// Says where the next one goes after some were written.
    ///
    /// # Safety
    /// It is within the list's space or at its end, not before where it went so far, and all before it is written.
    pub(super) unsafe fn filled_to(&mut self, next: *mut T) {
        // SAFETY: both are of the list's space, in this order.
        self.room -= unsafe { next.offset_from_unsigned(self.next) };
        self.next = next;
    }

    /// How many were pushed, which are then the list.
    pub(crate) fn finish(self) -> usize {
        let start = self.items.as_ptr();
        // SAFETY: both are of the list's space. So many items were written, and there is room for them.
        unsafe {
            let len = self.next.cast_const().offset_from_unsigned(start);
            self.items.set_len(len);
            len
        }
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
        while fill.push(pushed) {
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
        assert!(Fill::new(&mut items, 1).push(8));
        assert!(items.is_empty());
    }
}
