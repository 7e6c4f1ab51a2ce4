//! Contenders, and how they are timed side by side.
//!
//! A case is one input and several contenders, which are timed in many short rounds. In each round every contender processes
//! one slice of the input. The first contender of a round is the last one of the next, so a temporary slowdown of the
//! machine affects all of them. In a round each contender has another slice, so none finds its text in a cache that another
//! one has just filled. Over the rounds each processes all slices equally often.
//!
//! Before the clock starts, a contender processes the preceding slice. This measures steady operation rather than a start
//! after other contenders have used the caches and the branch predictor. [`Rounds`] can select the latter.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::time::{ClockId, clock_gettime};
use ticklot_tests::alloc::allocations;

/// An implementation of the work of a case.
pub(crate) trait Contender {
    /// Does the untimed work before [`Contender::run`] of the same frames.
    fn prepare(&mut self, _frames: Range<usize>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Does the work of these frames.
    fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()>;

    /// Does the work of one frame, and returns the result as text in a format that all contenders share.
    fn result(&mut self, frame: usize) -> anyhow::Result<String>;

    /// The name of our decoder's backend; empty for peers.
    fn backend(&self) -> &'static str {
        ""
    }
}

/// A clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Clock {
    /// The wall clock: for work that includes waiting.
    Wall,
    /// The processor time of this thread, including the kernel's part. Other processes do not affect it. On the wall clock,
    /// slower contenders would be interrupted more often.
    Thread,
}

impl Clock {
    pub(crate) fn now(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Wall => ClockId::Monotonic,
            Self::Thread => ClockId::ThreadCPUTime,
        });
        Duration::try_from(time).unwrap_or_default()
    }
}

/// A contender and its name. Names of ours begin with `ticklot`.
pub(crate) type Named<'p> = (&'static str, Box<dyn Contender + 'p>);

/// How often to measure, and in which state of the caches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    /// Whether each turn starts with the timed slice, directly after another contender's turn.
    pub(crate) cold: bool,
}

/// One input and its contenders. The first contender is ours; its results are the reference.
pub(crate) struct Case<'p> {
    pub(crate) table: &'static str,
    pub(crate) name: String,
    pub(crate) frames: usize,
    /// The messages of a frame. Figures are per message.
    pub(crate) messages_per_frame: usize,
    /// The mean size of a message.
    pub(crate) bytes: u64,
    /// The number of slices.
    pub(crate) slices: usize,
    pub(crate) clock: Clock,
    pub(crate) contenders: Vec<Named<'p>>,
}

/// The figures of one contender in one case.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct Row {
    pub(crate) table: &'static str,
    pub(crate) case: String,
    pub(crate) contender: &'static str,
    pub(crate) backend: &'static str,
    pub(crate) ns_median: f64,
    pub(crate) ns_min: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ns_p90: Option<f64>,
    pub(crate) bytes: u64,
    pub(crate) allocs: f64,
    #[serde(flatten)]
    pub(crate) memory: Option<Memory>,
    #[serde(flatten)]
    pub(crate) tail: Option<Tail>,
}

/// The high percentiles of a latency.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Tail {
    pub(crate) ns_p99: f64,
    pub(crate) ns_p999: f64,
    /// The number of timed messages. With fewer than 1,000 the 99.9th percentile is the maximum.
    pub(crate) messages: u64,
    /// The number of times that the server or the client lost its core. More than a few make the figures unreliable.
    pub(crate) preempted: u64,
}

/// The growth of memory, in bytes for each connection or book.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Memory {
    /// The resident memory of the process.
    pub(crate) resident: f64,
    /// The bytes that the contender's thread has allocated and not freed.
    pub(crate) allocated: f64,
}

impl Case<'_> {
    /// Checks every contender against the first one, then times all of them.
    pub(crate) fn measure(mut self, rounds: Rounds) -> anyhow::Result<Vec<Row>> {
        ensure!(self.frames >= self.slices, "{}: too few frames", self.name);
        self.check()?;
        let all = 0..self.frames;
        let mut allocs = Vec::new();
        for (_, contender) in &mut self.contenders {
            // Once to warm up, and once to count.
            contender.prepare(all.clone())?;
            contender.run(all.clone())?;
            contender.prepare(all.clone())?;
            let before = allocations();
            contender.run(all.clone())?;
            allocs.push(allocations() - before);
        }
        let mut times = vec![Vec::with_capacity(rounds.count); self.contenders.len()];
        for round in 0..rounds.count {
            self.round(round, rounds.cold, &mut times)?;
        }
        Ok(self.rows(&allocs, times))
    }

    /// Checks that all contenders have the same result for every frame. Prints and removes contenders that cannot read the
    /// input at all.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let mut contenders = std::mem::take(&mut self.contenders).into_iter();
        let (name, mut ours) = contenders.next().context("a case without contenders")?;
        let reference = (0..self.frames)
            .map(|frame| ours.result(frame))
            .collect::<anyhow::Result<Vec<_>>>()
            .with_context(|| format!("{}: {name}", self.name))?;
        self.contenders.push((name, ours));
        for (name, mut contender) in contenders {
            match agrees(contender.as_mut(), &reference) {
                Ok(()) => self.contenders.push((name, contender)),
                Err(Disagreement::Refused(error)) => {
                    println!("{name} omitted from {}: {error:#}", self.name);
                }
                Err(Disagreement::Other { frame, difference }) => {
                    bail!("{}: {name} at frame {frame}: {difference}", self.name);
                }
            }
        }
        Ok(())
    }

    fn round(&mut self, round: usize, cold: bool, times: &mut [Vec<f64>]) -> anyhow::Result<()> {
        let count = self.contenders.len();
        for turn in 0..count {
            let index = (round + turn) % count;
            // The slices of a round are far apart, even with more slices than contenders.
            let slice = (round + index * self.slices.div_ceil(count)) % self.slices;
            let frames = cut(self.frames, self.slices, slice);
            let messages = frames.len() * self.messages_per_frame;
            let (_, contender) = &mut self.contenders[index];
            if !cold {
                let before = (slice + self.slices - 1) % self.slices;
                let before = cut(self.frames, self.slices, before);
                contender.prepare(before.clone())?;
                contender.run(before)?;
            }
            contender.prepare(frames.clone())?;
            let start = self.clock.now();
            contender.run(frames)?;
            let elapsed = self.clock.now().saturating_sub(start);
            times[index].push(per(elapsed.as_secs_f64() * 1e9, messages));
        }
        Ok(())
    }

    fn rows(&self, allocs: &[u64], times: Vec<Vec<f64>>) -> Vec<Row> {
        let messages = self.frames * self.messages_per_frame;
        let figures = allocs.iter().zip(times);
        let contenders = self.contenders.iter().zip(figures);
        contenders
            .map(|((name, contender), (allocs, mut times))| Row {
                table: self.table,
                case: self.name.clone(),
                contender: name,
                backend: contender.backend(),
                ns_median: median(&mut times),
                ns_min: times.first().copied().unwrap_or_default(),
                bytes: self.bytes,
                allocs: thousandths(*allocs, messages),
                ..Row::default()
            })
            .collect()
    }
}

enum Disagreement {
    /// It cannot read a frame.
    Refused(anyhow::Error),
    Other {
        frame: usize,
        difference: String,
    },
}

fn agrees(contender: &mut dyn Contender, reference: &[String]) -> Result<(), Disagreement> {
    for (frame, reference) in reference.iter().enumerate() {
        let result = contender.result(frame).map_err(Disagreement::Refused)?;
        if result != *reference {
            let difference = difference(reference, &result);
            return Err(Disagreement::Other { frame, difference });
        }
    }
    Ok(())
}

/// Both texts, from shortly before their first difference.
fn difference(reference: &str, result: &str) -> String {
    let pairs = reference.chars().zip(result.chars());
    let start = pairs.take_while(|(a, b)| a == b).count().saturating_sub(40);
    let part = |text: &str| text.chars().skip(start).take(80).collect::<String>();
    format!("{:?}, not {:?}", part(result), part(reference))
}

/// The frames of a slice.
pub(crate) fn cut(frames: usize, slices: usize, slice: usize) -> Range<usize> {
    frames * slice / slices..frames * (slice + 1) / slices
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
pub(crate) fn per(whole: f64, count: usize) -> f64 {
    whole / count.max(1) as f64
}

/// Allocations per message, rounded to a thousandth. tokio allocates a list when a task yields, so with any reader a socket
/// has one allocation for thousands of messages.
#[allow(clippy::cast_precision_loss)] // far below 2^53
pub(crate) fn thousandths(allocations: u64, messages: usize) -> f64 {
    (per(allocations as f64, messages) * 1_000.0).round() / 1_000.0
}

/// The median of the times. Sorts them.
pub(crate) fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let middle = times.len() / 2;
    match (times.len() % 2, times.get(middle)) {
        (_, None) => 0.0,
        (0, Some(upper)) => f64::midpoint(times[middle - 1], *upper),
        (_, Some(time)) => *time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one number for every frame.
    struct Constant(i64);

    impl Contender for Constant {
        fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
            std::hint::black_box(vec![0_u8; frames.len()]);
            Ok(())
        }

        fn result(&mut self, _frame: usize) -> anyhow::Result<String> {
            ensure!(self.0 >= 0, "refused");
            Ok(self.0.to_string())
        }
    }

    fn case(results: &[(&'static str, i64)]) -> Case<'static> {
        Case {
            table: "decode",
            name: "case".to_owned(),
            frames: 10,
            messages_per_frame: 2,
            bytes: 7,
            slices: 3,
            clock: Clock::Thread,
            contenders: results
                .iter()
                .map(|&(name, result)| (name, Box::new(Constant(result)) as Box<dyn Contender>))
                .collect(),
        }
    }

    #[test]
    fn computes_the_median() {
        assert_eq!(median(&mut []), 0.0);
        assert_eq!(median(&mut [3.0]), 3.0);
        assert_eq!(median(&mut [9.0, 1.0]), 5.0);
        assert_eq!(median(&mut [9.0, 1.0, 2.0]), 2.0);
    }

    #[test]
    fn rounds_rare_allocations_down() {
        assert_eq!(thousandths(1, 8_000), 0.0);
        assert_eq!(thousandths(8, 8_000), 0.001);
        assert_eq!(thousandths(24_000, 8_000), 3.0);
    }

    #[test]
    fn slices_cover_all_frames() {
        for (frames, slices) in [(10, 3), (8, 8), (1000, 7)] {
            let all: Vec<usize> = (0..slices)
                .flat_map(|slice| cut(frames, slices, slice))
                .collect();
            assert_eq!(all, (0..frames).collect::<Vec<_>>());
        }
    }

    const fn rounds(count: usize) -> Rounds {
        Rounds { count, cold: false }
    }

    /// Records the frames of each call.
    struct Recorder(std::rc::Rc<std::cell::RefCell<Vec<Range<usize>>>>);

    impl Contender for Recorder {
        fn run(&mut self, frames: Range<usize>) -> anyhow::Result<()> {
            self.0.borrow_mut().push(frames);
            Ok(())
        }

        fn result(&mut self, _frame: usize) -> anyhow::Result<String> {
            Ok(String::new())
        }
    }

    #[test]
    fn warms_up_unless_cold() {
        for (cold, expected) in [
            (true, vec![0..10, 0..10, 0..3, 3..6]),
            (false, vec![0..10, 0..10, 6..10, 0..3, 0..3, 3..6]),
        ] {
            let notes = std::rc::Rc::default();
            let mut case = case(&[]);
            let contender = Recorder(std::rc::Rc::clone(&notes));
            case.contenders = vec![("ticklot", Box::new(contender))];
            case.measure(Rounds { count: 2, cold }).unwrap();
            assert_eq!(*notes.borrow(), expected);
        }
    }

    #[test]
    fn rejects_other_results_only() {
        assert!(
            case(&[("ticklot", 1), ("peer", 2)])
                .measure(rounds(3))
                .is_err()
        );
        let rows = case(&[("ticklot", 1), ("peer", -1)])
            .measure(rounds(3))
            .unwrap();
        assert_eq!(rows.len(), 1);
        assert!(case(&[("ticklot", -1)]).measure(rounds(3)).is_err());
    }

    #[test]
    fn reports_figures_per_message() {
        let rows = case(&[("ticklot", 1), ("peer", 1)])
            .measure(rounds(4))
            .unwrap();
        for (row, contender) in rows.iter().zip(["ticklot", "peer"]) {
            assert_eq!((row.contender, row.bytes), (contender, 7));
            assert!(row.ns_min <= row.ns_median);
        }
        assert_eq!(rows.len(), 2);
    }
}
