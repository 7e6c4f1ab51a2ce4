//! How many order books the decoder's fast path and general path decoded.

use std::fmt;

use ticklot::venue::Stats;

/// With fewer order books on the general path, a connection may have used it only to learn each message format.
const FEW: u64 = 20;

/// Order books per decode path. Displayed as lines of a summary, without the final line break.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecodePaths {
    pub(crate) fast: u64,
    pub(crate) general: u64,
    /// Connections that used mostly the general path.
    slow: usize,
}

impl DecodePaths {
    /// The counts of some connections together.
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

    /// Whether no order book was counted. Kraken's decoder has one path and counts none.
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
                "\nhint: {slow} connections mostly used the general path, which is slower: the format of their order books \
                 (order of keys, spacing) changes between messages, or the fast path cannot handle it"
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
        for (connections, slow) in [
            (&[[0, 19]][..], 0),
            (&[[20, 20], [1_000, 999]], 0),
            (&[[0, 20]], 1),
            (&[[20, 21], [1_000, 1], [1_000, 2_000]], 2),
        ] {
            let text = DecodePaths::of(connections.iter().copied().map(stats)).to_string();
            assert_eq!(text.contains("\nhint: "), slow > 0, "{text}");
            let hint = format!("hint: {slow} connections mostly used");
            assert_eq!(text.contains(&hint), slow > 0, "{text}");
        }
        assert!(DecodePaths::of([stats([0, 0])]).is_empty());
    }
}
