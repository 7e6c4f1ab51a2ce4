//! The configuration of injected faults.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use ticklot_book::{Scale, Ticks};

/// The faults that a server injects on its sockets, for tests of clients. The default injects none.
///
/// A message is a text frame. Faults are drawn from a generator that the seed and the number of the connection
/// determine, so that equal messages receive equal faults. A message receives at most one of `cut`, `hang`, `freeze`
/// and `garbage`.
///
/// The text form is a list such as `drop=200,freeze=5s,cut=0.01,garbage=0.05,slow=20ms,refuse=0.2,seed=7`:
///
/// | fault | effect |
/// |---|---|
/// | `drop=N` | drops each connection without a close after N messages |
/// | `cut=P` | with probability P per message, sends a part of the frame and ends the connection |
/// | `freeze=D` or `D:P` | with probability P per message, pauses for D before it: only pings get a reply |
/// | `hang=D` or `D:P` | with probability P per message, pauses for D before it: nothing is read or written |
/// | `garbage=P` | with probability P per message, sends a meaningless message before it |
/// | `slow=D` | sends each write in two halves with the delay D between them, at most 5 s |
/// | `refuse=P` or `P:STATUS` | with probability P per connection, rejects its upgrades with 503 or STATUS |
/// | `seed=N` | seeds the fault generator |
///
/// A probability is a decimal from 0 to 1 with at most six decimal places. A duration is a text such as `20ms`, `5s`
/// or `1m`, at most an hour. The probability of `freeze` and `hang` is 0.005 by default.
///
/// ```
/// use ticklot_sim::FaultConfig;
///
/// let faults: FaultConfig = "drop=200,refuse=0.2:429".parse()?;
/// assert_eq!(faults.drop.map(|n| n.get()), Some(200));
/// assert!("drop=often".parse::<FaultConfig>().is_err());
/// # Ok::<(), ticklot_sim::FaultConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultConfig {
    /// Seeds the fault generator. Default 0.
    pub seed: u64,
    /// Drops each connection without a close after this number of messages. Default: never.
    pub drop: Option<NonZeroU64>,
    /// The probability that only a part of a message's frame is sent.
    pub cut: Chance,
    /// Pauses in which only pings get a reply.
    pub freeze: TimedFault,
    /// Pauses in which nothing is read or written.
    pub hang: TimedFault,
    /// The probability of a meaningless message before a message.
    pub garbage: Chance,
    /// The delay between the two halves of each write. Default: none, and writes are not split.
    pub slow: Duration,
    /// Rejected upgrades.
    pub refuse: RefuseFault,
}

/// A probability in millionths. Values above 1,000,000 are certain too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(pub u32);

/// A pause that may begin before a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedFault {
    /// The probability that it begins before a message.
    pub chance: Chance,
    /// Its duration.
    pub duration: Duration,
}

/// Rejected upgrades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefuseFault {
    /// The probability that a connection is rejected.
    pub chance: Chance,
    /// The HTTP status of the rejection, 400 to 599. Default 503.
    pub status: u16,
}

impl Default for RefuseFault {
    fn default() -> Self {
        Self {
            chance: Chance(0),
            status: 503,
        }
    }
}

/// An invalid list of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultConfigError {
    /// The list contains an unknown fault.
    #[error("unknown fault {0:?}; use drop, cut, freeze, hang, garbage, slow, refuse or seed")]
    Unknown(String),
    /// The list contains a fault more than once.
    #[error("duplicate fault {0}")]
    Duplicate(String),
    /// The value of a fault is invalid.
    #[error("{fault} must be {expected}, not {value:?}")]
    Value {
        /// The name of the fault.
        fault: String,
        /// The invalid value.
        value: String,
        /// A description of valid values.
        expected: &'static str,
    },
}

const COUNT: &str = "a whole number above zero";
const WHOLE: &str = "a whole number";
const CHANCE: &str = "a probability from 0 to 1, such as 0.05";
const PAUSE: &str = "a duration up to 1h, such as 5s, or with a probability, such as 5s:0.01";
const SLOW: &str = "a duration up to 5s, such as 20ms";
const REFUSE: &str = "a probability such as 0.2, or with a status from 400 to 599, such as 0.2:429";

/// The probability of a pause by default.
const DEFAULT_CHANCE: Chance = Chance(5_000);
const PAUSE_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Less than the time limit of a write ([`Limits`](crate::Limits)).
const SLOW_LIMIT: Duration = Duration::from_secs(5);

impl FromStr for FaultConfig {
    type Err = FaultConfigError;

    fn from_str(text: &str) -> Result<Self, FaultConfigError> {
        let mut faults = Self::default();
        let mut names = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (fault, value) = part.split_once('=').unwrap_or((part, ""));
            if names.contains(&fault) {
                return Err(FaultConfigError::Duplicate(fault.to_owned()));
            }
            names.push(fault);
            faults.set(fault, value)?;
        }
        Ok(faults)
    }
}

impl FaultConfig {
    fn set(&mut self, fault: &str, value: &str) -> Result<(), FaultConfigError> {
        let done = match fault {
            "drop" => set(&mut self.drop, value.parse().ok().map(Some), COUNT),
            "cut" => set(&mut self.cut, chance(value), CHANCE),
            "freeze" => set(&mut self.freeze, pause(value), PAUSE),
            "hang" => set(&mut self.hang, pause(value), PAUSE),
            "garbage" => set(&mut self.garbage, chance(value), CHANCE),
            "slow" => set(&mut self.slow, duration(value, SLOW_LIMIT), SLOW),
            "refuse" => set(&mut self.refuse, refuse(value), REFUSE),
            "seed" => set(&mut self.seed, value.parse().ok(), WHOLE),
            _ => return Err(FaultConfigError::Unknown(fault.to_owned())),
        };
        done.map_err(|expected| FaultConfigError::Value {
            fault: fault.to_owned(),
            value: value.to_owned(),
            expected,
        })
    }

    /// Whether no fault is configured. The seed is ignored.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let seed = self.seed;
        *self
            == Self {
                seed,
                ..Self::default()
            }
    }
}

/// Sets a field, or returns the description of its valid values.
fn set<T>(field: &mut T, value: Option<T>, expected: &'static str) -> Result<(), &'static str> {
    *field = value.ok_or(expected)?;
    Ok(())
}

/// Parses a probability exactly.
fn chance(text: &str) -> Option<Chance> {
    let Ticks(millionths) = Scale::new(6, 0).ok()?.ticks(text.as_bytes()).ok()?;
    let millionths = u32::try_from(millionths).ok()?;
    (millionths <= 1_000_000).then_some(Chance(millionths))
}

fn duration(text: &str, limit: Duration) -> Option<Duration> {
    let duration = humantime::parse_duration(text).ok()?;
    (duration <= limit).then_some(duration)
}

fn pause(text: &str) -> Option<TimedFault> {
    let (length, chance) = match text.split_once(':') {
        Some((length, text)) => (length, chance(text)?),
        None => (text, DEFAULT_CHANCE),
    };
    let duration = duration(length, PAUSE_LIMIT)?;
    Some(TimedFault { chance, duration })
}

fn refuse(text: &str) -> Option<RefuseFault> {
    let (text, status) = match text.split_once(':') {
        Some((text, status)) => (text, status.parse().ok()?),
        None => (text, RefuseFault::default().status),
    };
    let chance = chance(text)?;
    (400..600)
        .contains(&status)
        .then_some(RefuseFault { chance, status })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_fault() {
        let text =
            "drop=200,freeze=5s,hang=1m:0.5,cut=0.01,garbage=0.05, slow=20ms,refuse=0.2:429,seed=7";
        let pause = |chance, duration| TimedFault {
            chance: Chance(chance),
            duration: Duration::from_secs(duration),
        };
        let expected = FaultConfig {
            seed: 7,
            drop: NonZeroU64::new(200),
            cut: Chance(10_000),
            freeze: pause(5_000, 5),
            hang: pause(500_000, 60),
            garbage: Chance(50_000),
            slow: Duration::from_millis(20),
            refuse: RefuseFault {
                chance: Chance(200_000),
                status: 429,
            },
        };
        assert_eq!(text.parse(), Ok(expected));
        assert!(!expected.is_none() && FaultConfig::default().is_none());
        assert!("seed=3".parse::<FaultConfig>().unwrap().is_none());
    }

    #[test]
    fn rejects_invalid_fault_text() {
        for (text, part) in [
            ("", "unknown fault \"\""),
            ("explode=1", "unknown fault \"explode\""),
            ("cut=0.1,cut=0.1", "duplicate fault cut"),
            ("cut", "cut must be a probability"),
            ("cut=1.1", "cut must be a probability"),
            ("cut=-0.1", "cut must be a probability"),
            ("cut=0.0000001", "cut must be a probability"),
            ("drop=0", "drop must be a whole number above zero"),
            ("slow=6s", "slow must be a duration up to 5s"),
            ("freeze=2h", "freeze must be a duration up to 1h"),
            ("hang=5s:2", "hang must be a duration up to 1h"),
            ("refuse=0.2:200", "refuse must be a probability such as 0.2"),
            ("seed=-1", "seed must be a whole number"),
        ] {
            let error = text.parse::<FaultConfig>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
