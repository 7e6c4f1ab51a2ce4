//! The range of a log that a replay shows.

use ticklot::capture::Record;
use ticklot::observe::RecordKind;

use crate::log_position::LogPosition;

/// The position of a record relative to the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RangePosition {
    /// Before the range: the record is applied, because the books need it, but not shown.
    Before,
    Within,
    After,
}

/// The range of a log between two positions, both included.
#[derive(Debug, Default)]
pub(super) struct ReplayRange {
    from: Option<LogPosition>,
    until: Option<LogPosition>,
    /// The first known time of the log.
    first: Option<u64>,
    /// The last known time that is not after the range.
    now: u64,
    /// The received frames so far that are not after the range.
    frames: u64,
    inside: bool,
    is_over: bool,
}

impl ReplayRange {
    pub(super) fn new(from: Option<LogPosition>, until: Option<LogPosition>) -> Self {
        Self {
            from,
            until,
            inside: from.is_none(),
            ..Self::default()
        }
    }

    /// The last known time that is not after the range, in nanoseconds since 1970; 0 if there is none.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// The number of frames so far that are not after the range.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// The position of the next record. Call once per record, in order.
    pub(super) fn position(&mut self, record: &Record) -> RangePosition {
        let now = match record.recv_ns {
            0 => self.now,
            known => known,
        };
        if now > 0 {
            self.first.get_or_insert(now);
        }
        let is_after = |until| self.is_after(until, now, record.kind);
        if self.until.is_some_and(is_after) {
            self.is_over = true;
            return RangePosition::After;
        }
        self.now = now;
        // Once inside, a step back of the clock does not leave the range again.
        self.inside |= self.from.is_some_and(|from| self.reaches(from, now));
        self.frames += u64::from(record.kind == RecordKind::Received);
        match self.inside {
            true => RangePosition::Within,
            false => RangePosition::Before,
        }
    }

    /// Whether the range ends before it begins. For a time and a frame number this is known only at the range's end.
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

    fn reaches(&self, position: LogPosition, now: u64) -> bool {
        match position {
            LogPosition::Frame(frame) => self.frames >= frame,
            LogPosition::At(time) => self.first.is_some_and(|first| now >= time.of(first)),
        }
    }

    fn is_after(&self, position: LogPosition, now: u64, kind: RecordKind) -> bool {
        match position {
            // An invalidation record belongs to the frame before it.
            LogPosition::Frame(frame) => self.frames > frame && kind != RecordKind::Invalidated,
            LogPosition::At(time) => self.first.is_some_and(|first| now > time.of(first)),
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

    /// A range between two positions, either of which may be absent.
    fn range(from: &str, until: &str) -> ReplayRange {
        let position = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        ReplayRange::new(position(from), position(until))
    }

    /// A received frame at this second; the frame of second 0 has no time.
    fn frame(second: u64) -> Record {
        let at = 1_000_000_000_000 + second * 1_000_000_000;
        record(if second == 0 { 0 } else { at }, RecordKind::Received)
    }

    /// The position of each of ten frames, a second apart: before, within or after.
    fn positions(from: &str, until: &str) -> String {
        let mut range = range(from, until);
        let letters = (0..10).map(|second| match range.position(&frame(second)) {
            RangePosition::Before => 'b',
            RangePosition::Within => 'w',
            RangePosition::After => 'a',
        });
        letters.collect()
    }

    #[test]
    fn range_includes_both_ends() {
        for (from, until, expected) in [
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
            assert_eq!(positions(from, until), expected, "{from} {until}");
        }
    }

    #[test]
    fn detects_backward_ranges() {
        for (from, until, backward) in [
            ("+2s", "+1s", true),
            ("+1s", "+1s", false),
            ("frame:2", "frame:1", true),
            ("1003000000000", "1970-01-01T00:16:42Z", true),
            ("1002000000000", "1970-01-01T00:16:42Z", false),
            // Unknown before the log's first time.
            ("+5s", "1970-01-01T00:16:42Z", false),
            ("frame:5", "+2s", false),
        ] {
            assert_eq!(range(from, until).is_backward(), backward, "{from} {until}");
        }
        for (from, until, backward) in [
            ("+5s", "1970-01-01T00:16:42Z", true),
            ("+1s", "1970-01-01T00:16:43Z", false),
            ("frame:5", "+2s", true),
            ("frame:1", "+2s", false),
            ("+5s", "frame:2", true),
        ] {
            let mut range = range(from, until);
            let frames = (1..10).map(frame);
            let _ = frames
                .map(|it| range.position(&it))
                .find(|it| *it == RangePosition::After);
            assert_eq!(range.is_backward(), backward, "{from} {until}");
        }
    }

    #[test]
    fn counts_received_frames_only() {
        use RangePosition::{After, Before, Within};
        use RecordKind::{Invalidated, Opened, Received, Sent};
        let mut range = range("frame:1", "frame:1");
        for (kind, expected) in [
            (Opened, Before),
            (Received, Before),
            (Sent, Within),
            (Received, Within),
            (Invalidated, Within),
            (Sent, After),
            (Received, After),
        ] {
            assert_eq!(range.position(&record(1, kind)), expected);
        }
        assert_eq!(range.frames(), 2, "the last frame is after the range");
    }
}
