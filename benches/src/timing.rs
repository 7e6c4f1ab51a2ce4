//! The settings of criterion.

use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::pool::{Pool, mean_bytes};
use crate::recorded::Log;

/// Criterion with short times: the whole run takes about a minute.
#[must_use]
pub fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .nresamples(10_000)
}

/// The mean bytes of a pool's frame, and its levels.
#[must_use]
pub fn pool_throughput(pool: &Pool) -> Throughput {
    let shape = pool.shape();
    Throughput::ElementsAndBytes {
        elements: (shape.levels * 2 * shape.lines) as u64,
        bytes: mean_bytes(pool.frames()),
    }
}

/// A frame of a log, and its mean bytes.
#[must_use]
pub fn log_throughput(log: &Log) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: 1,
        bytes: mean_bytes(&log.frames),
    }
}
