//! A log of the latest fills, for connections that must not miss any of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::fill_message::FillMessage;

/// The events of one step, in the order in which they are sent.
pub(super) struct StepEvents {
    pub(super) step: u64,
    pub(super) messages: Vec<FillMessage>,
}

/// The last steps with events: the queue of every connection, with each
/// connection keeping its own position in it.
pub(super) struct EventLog {
    steps: Mutex<LogState>,
    most: usize,
}

#[derive(Default)]
struct LogState {
    kept: VecDeque<Arc<StepEvents>>,
    /// The newest step that had to go.
    gone: u64,
}

impl EventLog {
    pub(super) fn new(most: usize) -> Self {
        Self {
            steps: Mutex::default(),
            most: most.max(1),
        }
    }

    /// Adds the events of a step. The oldest step makes room.
    pub(super) fn push(&self, events: StepEvents) {
        if events.messages.is_empty() {
            return;
        }
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps.kept.push_back(Arc::new(events));
        if steps.kept.len() > self.most {
            steps.gone = steps.kept.pop_front().map_or(0, |oldest| oldest.step);
        }
    }

    /// The events after step `after`, up to step `to`; none if a part of them is gone.
    pub(super) fn between(&self, after: u64, to: u64) -> Option<Vec<Arc<StepEvents>>> {
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

    fn events(step: u64) -> StepEvents {
        let message = FillMessage {
            is_public: true,
            event: 0,
            market: 0,
            user: 0,
            text: String::new(),
        };
        StepEvents {
            step,
            messages: vec![message],
        }
    }

    #[test]
    fn returns_new_or_reports_loss() {
        let event_log = EventLog::new(3);
        for step in [2, 3, 5, 8] {
            event_log.push(events(step));
        }
        event_log.push(StepEvents {
            step: 9,
            messages: Vec::new(),
        });
        let between = |after, to| {
            let steps = event_log.between(after, to)?;
            Some(steps.iter().map(|it| it.step).collect::<Vec<_>>())
        };
        assert_eq!(between(1, 9), None);
        assert_eq!(between(2, 9), Some(vec![3, 5, 8]));
        assert_eq!(between(3, 7), Some(vec![5]));
        assert_eq!(between(9, 9), Some(vec![]));
    }
}
