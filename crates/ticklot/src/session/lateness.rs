//! How late the messages of a server are, by the server's clock.
//!
//! The local clock and the server's have different origins and only approximately the same rate. Each message is
//! therefore compared with the fastest message of its connection: `offset = received - sent` is smallest for that
//! message, and the excess of another message is its delay. A delay makes a book older, never younger.
//!
//! A server's clock may be set. A step forward reduces the offset, which becomes the new minimum. A step backward makes
//! later messages seem late. But the messages of a connection arrive in the order in which they were sent, so a send
//! time before its predecessor's proves the step, and the comparison starts again. The minimum also grows slowly with
//! time, since no two clocks have exactly the same rate.

use std::time::Duration;

use ticklot_book::Nanos;
use ticklot_frame::UnixMillis;

/// How far a send time may be before the newest one without proving a step of the clock, in nanoseconds: the clocks of
/// a venue's engines differ.
const TOLERANCE: i64 = 1_000_000_000;

/// The rates of the clocks differ by less than one part in this many.
const DRIFT: i64 = 1024;

/// For how long a message without a send time counts as late as the last one with a send time.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The send times of one connection, compared with the times at which its messages were received.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// When the connection opened. No message was sent on it before.
    opened: Nanos,
    fastest: Option<Fastest>,
    /// The delay of the last message with a send time, relative to the fastest message.
    lag: Duration,
    /// When that message was received.
    received: Nanos,
}

/// The message with the smallest offset, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Fastest {
    /// Received minus sent, as of `at`.
    offset: i64,
    at: i64,
    /// The newest send time.
    newest: i64,
}

impl Lateness {
    /// The state for a new connection, whose server's clock is unknown.
    pub(crate) fn opened(now: Nanos) -> Self {
        Self {
            opened: now,
            ..Self::default()
        }
    }

    /// The time of the data in a message without a send time, which arrived at `at` or later.
    pub(crate) fn as_of(&self, at: Nanos) -> Nanos {
        if self.lag.is_zero() || at.since(self.received) > REMEMBERED {
            return at;
        }
        at.before(self.lag)
    }

    /// The time of the data in a message: `arrived`, or earlier if its send time shows a delay.
    #[inline]
    pub(crate) fn of(
        &mut self,
        sent: Option<UnixMillis>,
        received: Nanos,
        arrived: Nanos,
    ) -> Nanos {
        let Some(sent) = sent else {
            return self.as_of(arrived);
        };
        self.lag = self
            .compare(sent, received)
            .min(received.since(self.opened));
        self.received = received;
        arrived.min(received.before(self.lag))
    }

    /// The delay of a message relative to the fastest one.
    fn compare(&mut self, sent: UnixMillis, received: Nanos) -> Duration {
        let at = i64::try_from(received.0).unwrap_or(i64::MAX);
        let sent = sent.0.saturating_mul(1_000_000);
        let offset = at.saturating_sub(sent);
        let known = self
            .fastest
            .filter(|known| sent >= known.newest.saturating_sub(TOLERANCE));
        let (smallest, newest) = known.map_or((offset, sent), |known| {
            let drifted = known
                .offset
                .saturating_add(at.saturating_sub(known.at) / DRIFT);
            (drifted.min(offset), known.newest.max(sent))
        });
        self.fastest = Some(Fastest {
            offset: smallest,
            at,
            newest,
        });
        Duration::from_nanos(u64::try_from(offset.saturating_sub(smallest)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// The server's clock is an hour and a half ahead, in milliseconds.
    const SKEW: i64 = 5_400_000;

    /// The age in seconds of a message that was received at `received` seconds and sent at `sent` by the server's
    /// clock.
    fn age(lateness: &mut Lateness, received: u64, sent: u64) -> u64 {
        let sent = i64::try_from(sent * 1000).unwrap() + SKEW;
        let received = Nanos(received * SECOND);
        let as_of = lateness.of(Some(UnixMillis(sent)), received, received);
        received.since(as_of).as_secs()
    }

    #[test]
    fn lateness_counts_from_fastest() {
        let mut lateness = Lateness::opened(Nanos(0));
        assert_eq!(age(&mut lateness, 10, 10), 0, "nothing to compare with");
        assert_eq!(age(&mut lateness, 11, 11), 0);
        assert_eq!(age(&mut lateness, 72, 12), 59, "60 s less the drift");
        assert_eq!(age(&mut lateness, 72, 72), 0, "the backlog is read");
    }

    #[test]
    fn fast_message_corrects_lateness() {
        let mut lateness = Lateness::opened(Nanos(0));
        assert_eq!(age(&mut lateness, 40, 20), 0);
        assert_eq!(age(&mut lateness, 41, 41), 0);
        assert_eq!(age(&mut lateness, 62, 42), 19);
    }

    #[test]
    fn age_is_bounded_by_connection() {
        let mut lateness = Lateness::opened(Nanos(100 * SECOND));
        assert_eq!(age(&mut lateness, 101, 101), 0);
        assert_eq!(age(&mut lateness, 190, 101), 88);
        let mut lateness = Lateness::opened(Nanos(185 * SECOND));
        assert_eq!(age(&mut lateness, 186, 186), 0);
        assert_eq!(age(&mut lateness, 190, 185), 4, "not five");
        let opened = Nanos(100 * SECOND);
        let mut lateness = Lateness::opened(opened);
        let later = Nanos(opened.0 + SECOND / 10);
        lateness.of(Some(UnixMillis(100_000)), opened, opened);
        let as_of = lateness.of(Some(UnixMillis(99_500)), later, later);
        assert_eq!(as_of, opened, "though it is 0.6 s later than the first");
    }

    #[test]
    fn clock_step_causes_no_lateness() {
        let mut lateness = Lateness::opened(Nanos(0));
        for (received, sent) in [
            (10, 10),
            (11, 4_011),
            (12, 4_012),
            (13, 13),
            (14, 14),
            (15, 15),
        ] {
            assert_eq!(age(&mut lateness, received, sent), 0, "{received}");
        }
    }

    #[test]
    fn clock_drift_causes_no_lateness() {
        // 50 s a week, which is 83 ppm.
        let mut lateness = Lateness::opened(Nanos(0));
        for minute in 0..4 * 7 * 24 * 60 {
            let received = 60 * minute;
            let sent = received - received * 83 / 1_000_000;
            assert!(age(&mut lateness, received, sent) <= 1, "{minute}");
        }
    }

    #[test]
    fn timeless_message_inherits_lateness() {
        let mut lateness = Lateness::opened(Nanos(0));
        age(&mut lateness, 10, 10);
        age(&mut lateness, 41, 11);
        let at = Nanos(41 * SECOND + SECOND / 2);
        assert_eq!(at.since(lateness.as_of(at)).as_secs(), 29);
        let at = Nanos(42 * SECOND);
        assert_eq!(at.since(lateness.as_of(at)).as_secs(), 29, "a second later");
        let at = Nanos(43 * SECOND);
        assert_eq!(lateness.as_of(at), at);
    }

    #[test]
    fn extreme_times_never_reduce_age() {
        for sent in [i64::MIN, -1, 0, i64::MAX] {
            for received in [0, 1, u64::MAX / 2, u64::MAX] {
                let mut lateness = Lateness::opened(Nanos(0));
                for sent in [0, sent, i64::MAX, sent] {
                    let received = Nanos(received);
                    let as_of = lateness.of(Some(UnixMillis(sent)), received, received);
                    assert!(as_of <= received);
                }
            }
        }
    }
}
