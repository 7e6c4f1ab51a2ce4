//! In-line timestamps at the end of each stage of a message. Without the feature `latency` all calls are empty.

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

    /// The clock of a session that measures latencies; none for a session that does not.
    #[derive(Default)]
    pub(crate) struct StageClock(Option<Box<Clock>>);

    impl StageClock {
        pub(crate) fn new(clock: impl Fn() -> Nanos + Send + Sync + 'static) -> Self {
            Self(Some(Box::new(clock)))
        }

        /// Starts the timer of a frame that was received at `received` and is processed now.
        #[inline]
        pub(crate) fn start(&self, received: Nanos, now: Nanos) -> StageTimer<'_> {
            StageTimer {
                clock: self.0.as_deref(),
                received,
                started: now,
                decoded: now,
                applied: now,
            }
        }
    }

    /// The end of each stage of a line.
    #[derive(Clone, Copy)]
    pub(crate) struct StageTimer<'a> {
        clock: Option<&'a Clock>,
        received: Nanos,
        started: Nanos,
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

        /// Records the end of a handler's call, which is the start of the next line. For a book update, `book_of` is
        /// the book's connection, and the stages are added to its histograms.
        #[inline]
        pub(crate) fn handled(&mut self, book_of: Option<ConnectionId>, books: &mut Books) {
            let Some(clock) = self.clock else { return };
            let started = std::mem::replace(&mut self.started, clock());
            let Some(measured) = book_of.and_then(|of| books.measured(of)) else {
                return;
            };
            for (stage, from, to) in [
                (Stage::Wait, self.received, started),
                (Stage::Decode, started, self.decoded),
                (Stage::Apply, self.decoded, self.applied),
                (Stage::Handle, self.applied, self.started),
                (Stage::Total, self.received, self.started),
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

    // The feature `latency` replaces it by a type with fields; both have the same `Default`.
    #[derive(Debug, Default)]
    pub(crate) struct StageClock {}

    impl StageClock {
        #[inline]
        pub(crate) fn start(&self, _received: Nanos, _now: Nanos) -> StageTimer<'_> {
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
