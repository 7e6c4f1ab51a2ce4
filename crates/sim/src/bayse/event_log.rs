//! A log of the latest fills, for connections that must receive all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::fill_message::FillMessage;

/// The fill messages of one step, in send order.
pub(super) struct StepEvents {
    pub(super) step: u64,
    pub(super) messages: Vec<FillMessage>,
}

/// The last steps with events. All connections share it, and each stores its own position.
pub(super) struct EventLog {
    state: Mutex<LogState>,
    capacity: usize,
}

#[derive(Default)]
struct LogState {
    steps: VecDeque<Arc<StepEvents>>,
    /// The newest evicted step.
    evicted: u64,
}

impl EventLog {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::default(),
            capacity: capacity.max(1),
        }
    }

    /// Adds the events of a step. Evicts the oldest step if the log is full.
    pub(super) fn push(&self, events: StepEvents) {
        if events.messages.is_empty() {
            return;
        }
        let mut log = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        log.steps.push_back(Arc::new(events));
        if log.steps.len() > self.capacity {
            log.evicted = log.steps.pop_front().map_or(0, |oldest| oldest.step);
        }
    }

    /// The events after step `after`, up to step `to`. `None` if some of them were evicted.
    pub(super) fn between(&self, after: u64, to: u64) -> Option<Vec<Arc<StepEvents>>> {
        let log = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if log.evicted > after {
            return None;
        }
        let from = log.steps.partition_point(|it| it.step <= after);
        let range = log.steps.range(from..).take_while(|it| it.step <= to);
        Some(range.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(step: u64) -> StepEvents {
        let message = || FillMessage {
            is_public: true,
            event: 0,
            market: 0,
            user: 0,
            text: String::new(),
        };
        let messages = (step != 9).then(message).into_iter().collect();
        StepEvents { step, messages }
    }

    #[test]
    fn returns_range_or_reports_loss() {
        let event_log = EventLog::new(3);
        // Step 9 has no events and evicts nothing.
        for step in [2, 3, 5, 8, 9] {
            event_log.push(events(step));
        }
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
