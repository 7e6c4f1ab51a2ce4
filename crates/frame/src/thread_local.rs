//! What a thread has once, for all its decoders to use while they decode.

use std::cell::Cell;
use std::thread::LocalKey;

/// A value that is made when it is first lent.
pub(crate) struct ThreadLocal<T>(Cell<Option<Box<T>>>);

impl<T: Default> ThreadLocal<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Lends it to `work`, which does not ask for it again: it would get another one.
    pub(crate) fn lend<R>(key: &'static LocalKey<Self>, work: impl FnOnce(&mut T) -> R) -> R {
        // While the thread ends there is none any more.
        let lent = key.try_with(|local| local.0.take());
        let mut value = lent.ok().flatten().unwrap_or_default();
        let result = work(&mut value);
        let _ = key.try_with(|local| local.0.set(Some(value)));
        result
    }

    /// Drops it, unless it is to be kept.
    pub(crate) fn keep_if(key: &'static LocalKey<Self>, is_kept: impl FnOnce(&T) -> bool) {
        let _ = key.try_with(|local| local.0.set(local.0.take().filter(|value| is_kept(value))));
    }

    /// Puts another one in its place.
    #[cfg(test)]
    pub(crate) fn exchange(key: &'static LocalKey<Self>, other: &mut Option<Box<T>>) {
        key.with(|local| *other = local.0.replace(other.take()));
    }
}
