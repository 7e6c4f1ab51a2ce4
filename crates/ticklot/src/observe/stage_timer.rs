//! Where a message's time goes: marks that a session sets on its way. Without the feature `latency` there are
//! none, and to set one does nothing.

#[cfg(not(feature = "latency"))]
pub(crate) use self::off::{StageClock, StageTimer};
#[cfg(feature = "latency")]
pub(crate) use self::on::{StageClock, StageTimer};

#[cfg(feature = "latency")]
mod on {
    use std::fmt;

    use ticklot_book::Nanos;

    use crate::books::{Books, ConnectionId};
    use crate::observe::stage::Stage;

    type Clock = dyn Fn() -> Nanos + Send + Sync;

    /// The clock that a session measures by, if it does.
    #[derive(Default)]
    pub(crate) struct StageClock(Option<Box<Clock>>);

    impl StageClock {
        pub(crate) fn new(clock: impl Fn() -> Nanos + Send + Sync + 'static) -> Self {
            Self(Some(Box::new(clock)))
        }

        /// The marks of a frame that was received, and is taken up now.
        #[inline]
        pub(crate) fn marks(&self, received: Nanos, now: Nanos) -> StageTimer<'_> {
            StageTimer {
                clock: self.0.as_deref(),
                received,
                taken_up: now,
                decoded: now,
                applied: now,
            }
        }
    }

    /// When each stage of a line ended.
    #[derive(Clone, Copy)]
    pub(crate) struct StageTimer<'a> {
        clock: Option<&'a Clock>,
        received: Nanos,
        taken_up: Nanos,
        decoded: Nanos,
        applied: Nanos,
    }

    impl StageTimer<'_> {
        #[inline]
        pub(crate) fn decoded(&mut self) {
            if let Some(clock) = self.clock {
                self.decoded = clock();
            }
        }

        #[inline]
        pub(crate) fn applied(&mut self) {
            if let Some(clock) = self.clock {
                self.applied = clock();
            }
        }

        /// The handler has returned: the next line is taken up. If what it was told of is a book of
        /// this connection, its stages are recorded.
        #[inline]
        pub(crate) fn handled(&mut self, book_of: Option<ConnectionId>, books: &mut Books) {
            let Some(clock) = self.clock else { return };
            let taken_up = std::mem::replace(&mut self.taken_up, clock());
            let Some(measured) = book_of.and_then(|of| books.measured(of)) else {
                return;
            };
            for (stage, from, to) in [
                (Stage::Wait, self.received, taken_up),
                (Stage::Decode, taken_up, self.decoded),
                (Stage::Apply, self.decoded, self.applied),
                (Stage::Handle, self.applied, self.taken_up),
                (Stage::Total, self.received, self.taken_up),
            ] {
                measured.record(stage, to.since(from));
            }
        }
    }

    impl fmt::Debug for StageClock {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("StageClock")
                .field(&self.0.is_some())
                .finish()
        }
    }

    impl fmt::Debug for StageTimer<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("StageTimer")
                .field(&self.clock.is_some())
                .finish()
        }
    }
}

#[cfg(not(feature = "latency"))]
mod off {
    use std::marker::PhantomData;

    use ticklot_book::Nanos;

    use crate::books::{Books, ConnectionId};

    // In braces, since a session makes either one by its default.
    #[derive(Debug, Default)]
    pub(crate) struct StageClock {}

    impl StageClock {
        #[inline]
        pub(crate) fn marks(&self, _received: Nanos, _now: Nanos) -> StageTimer<'_> {
            StageTimer(PhantomData)
        }
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct StageTimer<'a>(PhantomData<&'a StageClock>);

    impl StageTimer<'_> {
        #[inline]
        pub(crate) fn decoded(&mut self) {}

        #[inline]
        pub(crate) fn applied(&mut self) {}

        #[inline]
        pub(crate) fn handled(&mut self, _book_of: Option<ConnectionId>, _books: &mut Books) {}
    }
}
