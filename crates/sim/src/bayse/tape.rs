//! What happened lately, for connections that must not miss any of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::notice::Notice;

/// What happened in one step, in the order that it is told.
pub(super) struct Happened {
    pub(super) step: u64,
    pub(super) notices: Vec<Notice>,
}

/// The last steps in which anything happened: the queue of every connection, with each
/// connection's place in it kept by itself.
pub(super) struct Tape {
    steps: Mutex<Steps>,
    most: usize,
}

#[derive(Default)]
struct Steps {
    kept: VecDeque<Arc<Happened>>,
    /// The newest step that had to go.
    gone: u64,
}

impl Tape {
    pub(super) fn new(most: usize) -> Self {
        Self {
            steps: Mutex::default(),
            most: most.max(1),
        }
    }

    /// Adds what happened; the oldest step makes room.
    pub(super) fn push(&self, happened: Happened) {
        if happened.notices.is_empty() {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.kept.push_back(Arc::new(happened));
        if steps.kept.len() > self.most {
            steps.gone = steps.kept.pop_front().map_or(0, |oldest| oldest.step);
        }
    }

    /// What happened after step `after`, up to step `to`; none when a part of it is gone.
    pub(super) fn between(&self, after: u64, to: u64) -> Option<Vec<Arc<Happened>>> {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.gone > after {
            return None;
        }
        let from = steps.kept.partition_point(|it| it.step <= after);
        let wanted = steps.kept.range(from..);
        Some(wanted.take_while(|it| it.step <= to).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened(step: u64) -> Happened {
        let notice = Notice {
            is_public: true,
            event: 0,
            market: 0,
            user: 0,
            text: String::new(),
        };
        Happened {
            step,
            notices: vec![notice],
        }
    }

    #[test]
    fn gives_what_is_new_or_says_that_some_is_gone() {
        let tape = Tape::new(3);
        for step in [2, 3, 5, 8] {
            tape.push(happened(step));
        }
        tape.push(Happened {
            step: 9,
            notices: Vec::new(),
        });
        let between = |after, to| {
            let steps = tape.between(after, to)?;
            Some(steps.iter().map(|it| it.step).collect::<Vec<_>>())
        };
        assert_eq!(between(1, 9), None);
        assert_eq!(between(2, 9), Some(vec![3, 5, 8]));
        assert_eq!(between(3, 7), Some(vec![5]));
        assert_eq!(between(9, 9), Some(vec![]));
    }
}
