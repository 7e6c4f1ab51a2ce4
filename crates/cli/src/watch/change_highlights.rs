//! Highlights of recently changed levels.

use std::collections::BTreeMap;
use std::time::Duration;

use ticklot::book::Change;
use ticklot::{Lots, Nanos, Side, Ticks};

/// The duration of a highlight.
const LIT: Duration = Duration::from_millis(400);

/// How a level changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Highlight {
    /// The quantity increased.
    Grew,
    /// The quantity decreased.
    Shrank,
}

/// The recently changed levels of a book.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeHighlights(BTreeMap<(Side, Ticks), (Highlight, Nanos)>);

impl ChangeHighlights {
    /// Adds changes. A removed level loses its highlight.
    pub(crate) fn take(&mut self, changes: impl IntoIterator<Item = Change>, now: Nanos) {
        self.expire(now);
        for change in changes {
            let key = (change.side, change.ticks);
            if change.new_lots == Lots(0) {
                self.0.remove(&key);
                continue;
            }
            let highlight = match change.new_lots > change.old_lots {
                true => Highlight::Grew,
                false => Highlight::Shrank,
            };
            self.0.insert(key, (highlight, now));
        }
    }

    /// Drops expired highlights.
    pub(crate) fn expire(&mut self, now: Nanos) {
        self.0.retain(|_, (_, at)| now.since(*at) < LIT);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The latest highlight of the prices from `low` to `high`, both included.
    pub(crate) fn latest(&self, side: Side, low: Ticks, high: Ticks) -> Option<Highlight> {
        let levels = self.0.range((side, low)..=(side, high.max(low)));
        levels
            .max_by_key(|(_, (_, at))| *at)
            .map(|(_, (highlight, _))| *highlight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(side: Side, ticks: i64, old: i64, new: i64) -> Change {
        Change {
            side,
            ticks: Ticks(ticks),
            old_lots: Lots(old),
            new_lots: Lots(new),
            count: 0,
        }
    }

    fn at(highlights: &ChangeHighlights, side: Side, ticks: i64) -> Option<Highlight> {
        highlights.latest(side, Ticks(ticks), Ticks(ticks))
    }

    #[test]
    fn changes_are_highlighted_briefly() {
        let mut highlights = ChangeHighlights::default();
        let changes = [
            change(Side::Bid, 10, 0, 5),
            change(Side::Bid, 9, 5, 4),
            change(Side::Ask, 11, 5, 0),
        ];
        highlights.take(changes, Nanos(0));
        assert_eq!(at(&highlights, Side::Bid, 10), Some(Highlight::Grew));
        assert_eq!(at(&highlights, Side::Bid, 9), Some(Highlight::Shrank));
        assert_eq!(at(&highlights, Side::Ask, 11), None, "a removed level");
        assert_eq!(at(&highlights, Side::Ask, 10), None, "the other side");
        highlights.take([change(Side::Bid, 9, 4, 0)], Nanos(1));
        assert_eq!(at(&highlights, Side::Bid, 9), None, "removed later");
        highlights.expire(Nanos(0).after(LIT - Duration::from_nanos(1)));
        assert_eq!(at(&highlights, Side::Bid, 10), Some(Highlight::Grew));
        highlights.expire(Nanos(0).after(LIT));
        assert_eq!(at(&highlights, Side::Bid, 10), None);
    }

    #[test]
    fn groups_show_the_latest_highlight() {
        let mut highlights = ChangeHighlights::default();
        highlights.take([change(Side::Ask, 12, 0, 5)], Nanos(0));
        highlights.take([change(Side::Ask, 14, 5, 4)], Nanos(1));
        let group = |low, high| highlights.latest(Side::Ask, Ticks(low), Ticks(high));
        assert_eq!(group(11, 15), Some(Highlight::Shrank));
        assert_eq!(group(11, 13), Some(Highlight::Grew));
        assert_eq!(group(15, 20), None);
        assert_eq!(group(20, 10), None, "an empty range does not panic");
    }
}
