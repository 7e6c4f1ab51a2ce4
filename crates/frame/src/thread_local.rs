//! Values that all decoders of a thread share.

use std::cell::Cell;
use std::thread::LocalKey;

/// A value that is created on first use.
pub(crate) struct ThreadLocal<T>(Cell<Option<Box<T>>>);

impl<T: Default> ThreadLocal<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Calls `work` with the value. A nested call gets a different value.
    pub(crate) fn lend<R>(key: &'static LocalKey<Self>, work: impl FnOnce(&mut T) -> R) -> R {
        // Thread-local values are destroyed when the thread ends.
        let lent = key.try_with(|local| local.0.take());
        let mut value = lent.ok().flatten().unwrap_or_default();
        let result = work(&mut value);
        let _ = key.try_with(|local| local.0.set(Some(value)));
        result
    }

    /// Drops the value unless `is_kept` returns true.
    pub(crate) fn keep_if(key: &'static LocalKey<Self>, is_kept: impl FnOnce(&T) -> bool) {
        let _ = key.try_with(|local| local.0.set(local.0.take().filter(|value| is_kept(value))));
    }

    /// Swaps the value with another one.
    #[cfg(test)]
    pub(crate) fn exchange(key: &'static LocalKey<Self>, other: &mut Option<Box<T>>) {
        key.with(|local| *other = local.0.replace(other.take()));
    }
}
