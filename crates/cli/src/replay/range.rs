//! Which part of a log is played.

use ticklot::capture::Record;
use ticklot::observe::RecordKind;

use crate::log_position::LogPosition;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RangePosition {
    /// Before the part: it is applied, since the books need it, and not shown.
    Before,
    Within,
    After,
}

/// The part of a log from one place to another, both with it.
#[derive(Debug)]
pub(super) struct ReplayRange {
    from: Option<LogPosition>,
    until: Option<LogPosition>,
    /// The first time that is known, and the last.
    first: Option<u64>,
    now: u64,
    /// Frames that came so far.
    frames: u64,
    inside: bool,
    is_over: bool,
}

impl ReplayRange {
    pub(super) fn new(from: Option<LogPosition>, until: Option<LogPosition>) -> Self {
        Self {
            from,
            until,
            first: None,
            now: 0,
            frames: 0,
            inside: from.is_none(),
            is_over: false,
        }
    }

    /// The time of the last record that is not after the part, or of one before where that has none.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// How many frames came that are not after the part.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Where the next record lies. To be asked once for each, in order.
    pub(super) fn position(&mut self, record: &Record) -> RangePosition {
        let now = match record.recv_ns {
            0 => self.now,
            known => known,
        };
        if now > 0 {
            self.first.get_or_insert(now);
        }
        if self
            .until
            .is_some_and(|until| self.passes(until, now, record.kind))
        {
            self.is_over = true;
            return RangePosition::After;
        }
        self.now = now;
        // Once inside, a clock that goes back does not lead out again.
        self.inside |= self.from.is_some_and(|from| self.reaches(from, now));
        self.frames += u64::from(record.kind == RecordKind::Received);
        match self.inside {
            true => RangePosition::Within,
            false => RangePosition::Before,
        }
    }

    /// Whether the part ends before it begins. Of a place by time and one by frame this is known only where the part
    /// ends.
    pub(super) fn is_backward(&self) -> bool {
        match (self.from, self.until) {
            (Some(LogPosition::Frame(from)), Some(LogPosition::Frame(until))) => from > until,
            (Some(LogPosition::At(from)), Some(LogPosition::At(until))) => {
                from.is_after(until, self.first)
            }
            (Some(_), Some(_)) => self.is_over && !self.inside,
            _ => false,
        }
    }

    fn reaches(&self, place: LogPosition, now: u64) -> bool {
        match (place, self.first) {
            (LogPosition::Frame(frame), _) => self.frames >= frame,
            (LogPosition::At(moment), Some(first)) => now >= moment.of(first),
            (LogPosition::At(_), None) => false,
        }
    }

    fn passes(&self, place: LogPosition, now: u64, kind: RecordKind) -> bool {
        match (place, self.first) {
            // A note about a frame belongs to it.
            (LogPosition::Frame(frame), _) => {
                self.frames > frame && kind != RecordKind::Invalidated
            }
            (LogPosition::At(moment), Some(first)) => now > moment.of(first),
            (LogPosition::At(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(recv_ns: u64, kind: RecordKind) -> Record {
        let mut record = Record::default();
        (record.recv_ns, record.kind) = (recv_ns, kind);
        record
    }

    /// A letter for each of ten frames, a second apart, of which the first has no time.
    fn sides(from: &str, until: &str) -> String {
        let place = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let mut range = ReplayRange::new(place(from), place(until));
        let frames = (0..10).map(|n| match n {
            0 => 0,
            n => 1_000_000_000_000 + n * 1_000_000_000,
        });
        let letters =
            frames.map(
                |recv_ns| match range.position(&record(recv_ns, RecordKind::Received)) {
                    RangePosition::Before => 'b',
                    RangePosition::Within => 'w',
                    RangePosition::After => 'a',
                },
            );
        letters.collect()
    }

    #[test]
    fn range_includes_both_ends() {
        for (from, until, sides_are) in [
            ("", "", "wwwwwwwwww"),
            ("frame:0", "frame:9", "wwwwwwwwww"),
            ("frame:2", "frame:3", "bbwwaaaaaa"),
            ("frame:20", "", "bbbbbbbbbb"),
            ("", "frame:0", "waaaaaaaaa"),
            ("+2s", "+4s", "bbbwwwaaaa"),
            ("1003000000000", "1970-01-01T00:16:45Z", "bbbwwwaaaa"),
            ("+0s", "+0s", "bwaaaaaaaa"),
            ("", "+100h", "wwwwwwwwww"),
            ("+4s", "+2s", "bbbbaaaaaa"),
        ] {
            assert_eq!(sides(from, until), sides_are, "{from} {until}");
        }
    }

    #[test]
    fn detects_backward_ranges() {
        let at_once = |from: &str, until: &str| {
            let place = |text: &str| Some(text.parse().unwrap());
            ReplayRange::new(place(from), place(until)).is_backward()
        };
        for (from, until, backward) in [
            ("+2s", "+1s", true),
            ("+1s", "+1s", false),
            ("frame:2", "frame:1", true),
            ("1003000000000", "1970-01-01T00:16:42Z", true),
            ("1002000000000", "1970-01-01T00:16:42Z", false),
            // Not known before the log's own times are.
            ("+5s", "1970-01-01T00:16:42Z", false),
            ("frame:5", "+2s", false),
        ] {
            assert_eq!(at_once(from, until), backward, "{from} {until}");
        }
        for (from, until, backward) in [
            ("+5s", "1970-01-01T00:16:42Z", true),
            ("+1s", "1970-01-01T00:16:43Z", false),
            ("frame:5", "+2s", true),
            ("frame:1", "+2s", false),
            ("+5s", "frame:2", true),
        ] {
            let place = |text: &str| Some(text.parse().unwrap());
            let mut range = ReplayRange::new(place(from), place(until));
            for n in 1..10 {
                let at = 1_000_000_000_000 + n * 1_000_000_000;
                if range.position(&record(at, RecordKind::Received)) == RangePosition::After {
                    break;
                }
            }
            assert_eq!(range.is_backward(), backward, "{from} {until}");
        }
    }

    #[test]
    fn counts_received_frames_only() {
        let mut range = ReplayRange::new(Some(LogPosition::Frame(1)), Some(LogPosition::Frame(1)));
        let kinds = [
            RecordKind::Opened,
            RecordKind::Received,
            RecordKind::Sent,
            RecordKind::Received,
            RecordKind::Invalidated,
            RecordKind::Sent,
            RecordKind::Received,
        ];
        let sides = kinds.map(|kind| range.position(&record(1, kind)));
        use RangePosition::{After, Before, Within};
        assert_eq!(
            sides,
            [Before, Before, Within, Within, Within, After, After]
        );
        assert_eq!(range.frames(), 2, "the one behind it is not counted");
    }
}
