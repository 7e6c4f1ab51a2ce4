//! Order books by the path on which they were decoded.

use std::fmt;

use ticklot::venue::Stats;

/// A connection with fewer order books on the general path may have read only the first book of each shape on it.
const FEW: u64 = 20;

/// How many order books were decoded on each path. Displayed as the lines of a summary, without the last line's end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecodePaths {
    pub(crate) fast: u64,
    pub(crate) general: u64,
    /// Connections of which most took the general path.
    slow: usize,
}

impl DecodePaths {
    /// Those of some connections.
    pub(crate) fn of(connections: impl IntoIterator<Item = Stats>) -> Self {
        let mut paths = Self::default();
        for stats in connections {
            let (fast, general) = (stats.fast_path, stats.general_path);
            paths.fast += fast;
            paths.general += general;
            paths.slow += usize::from(general >= FEW && general > fast);
        }
        paths
    }

    /// Whether no order book was counted: Kraken's decoder has one path.
    pub(crate) fn is_empty(self) -> bool {
        self.fast + self.general == 0
    }
}

impl fmt::Display for DecodePaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fast, general, slow) = (self.fast, self.general, self.slow);
        write!(
            f,
            "{fast} order books decoded on the fast path, {general} on the general path"
        )?;
        if slow > 0 {
            write!(
                f,
                "\nhint: {slow} connections took mostly the general path, which is slower: the shape of their order books \
                 (order of keys, spacing) changes from message to message, or cannot be learnt"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats([fast_path, general_path]: [u64; 2]) -> Stats {
        let mut stats = Stats::default();
        (stats.fast_path, stats.general_path) = (fast_path, general_path);
        stats
    }

    #[test]
    fn a_hint_counts_slow_connections() {
        for (connections, hint) in [
            (&[[0, 19]][..], None),
            (&[[20, 20], [1_000, 999]], None),
            (&[[0, 20]], Some("hint: 1 connections took mostly")),
            (
                &[[20, 21], [1_000, 1], [1_000, 2_000]],
                Some("hint: 2 connections took mostly"),
            ),
        ] {
            let text = DecodePaths::of(connections.iter().copied().map(stats)).to_string();
            let found = text.lines().nth(1);
            assert_eq!(found.is_some(), hint.is_some(), "{text}");
            assert!(text.contains(hint.unwrap_or_default()), "{text}");
        }
        assert!(DecodePaths::of([stats([0, 0])]).is_empty());
    }
}
