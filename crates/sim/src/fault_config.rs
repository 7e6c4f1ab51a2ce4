//! The configuration of injected faults.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use ticklot_book::{Scale, Ticks};

/// The faults that a server injects on its sockets, for tests of clients. The default is none.
///
/// A message is a text frame here. Its faults are drawn from the seed and the number of the
/// connection, one after the other, so that the same seed makes the same mess of the same messages;
/// at most one of `cut`, `hang`, `freeze` and `garbage` befalls a message.
///
/// As a text it is a list such as `drop=200,freeze=5s,cut=0.01,garbage=0.05,slow=20ms,refuse=0.2,seed=7`:
///
/// | fault | meaning |
/// |---|---|
/// | `drop=N` | each connection is dropped after N messages, without a close |
/// | `cut=P` | with this chance, a message is cut in the middle of its frame, and the connection ends |
/// | `freeze=D` or `D:P` | with this chance before a message, a pause for so long: pings are answered, nothing else is read or sent |
/// | `hang=D` or `D:P` | the same, but pings are not answered either |
/// | `garbage=P` | with this chance, a line that means nothing comes first |
/// | `slow=D` | each write goes out in two halves, so long apart; at most 5 s |
/// | `refuse=P` or `P:STATUS` | with this chance a connection's upgrades are refused, with 503 or this status |
/// | `seed=N` | decides what befalls which message |
///
/// A chance is a decimal from 0 to 1 with at most six decimals, a length of time is such as `20ms`,
/// `5s` or `1m`, at most an hour. The chance of `freeze` and `hang` is 0.005 when left out.
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
    /// Decides what befalls which message. Default 0.
    pub seed: u64,
    /// After how many messages each connection is dropped without a close. Default: never.
    pub drop: Option<NonZeroU64>,
    /// How likely a message is cut in the middle of its frame.
    pub cut: Chance,
    /// Silence, save for answers to pings.
    pub freeze: TimedFault,
    /// Silence, and nothing is read.
    pub hang: TimedFault,
    /// How likely a line that means nothing comes before a message.
    pub garbage: Chance,
    /// How long the second half of a write comes after the first. Default: at once.
    pub slow: Duration,
    /// Rejection upgrades.
    pub refuse: RefuseFault,
}

/// How likely something is, in millionths: 1,000,000 is certain, and so is more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(pub u32);

/// Something that begins with some chance before a message, and duration for some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimedFault {
    /// How likely it begins.
    pub chance: Chance,
    /// How long it duration.
    pub duration: Duration,
}

/// Upgrades that are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefuseFault {
    /// How likely a connection is refused.
    pub chance: Chance,
    /// The HTTP status of the refusal, 400 to 599. Default 503.
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

/// A list of faults that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultConfigError {
    /// There is no such fault.
    #[error(
        "there is no fault {0:?}: drop, cut, freeze, hang, garbage, slow, refuse and seed are there"
    )]
    Unknown(String),
    /// It stands twice.
    #[error("the fault {0} stands twice")]
    Twice(String),
    /// What stands behind the `=` cannot be.
    #[error("{fault} is {expected}, not {value:?}")]
    Value {
        /// Of which fault.
        fault: String,
        /// What stands there.
        value: String,
        /// What should.
        expected: &'static str,
    },
}

const COUNT: &str = "a whole number above zero";
const WHOLE: &str = "a whole number";
const CHANCE: &str = "a chance from 0 to 1, such as 0.05";
const SPELL: &str = "a time up to 1h, such as 5s, or with a chance, such as 5s:0.01";
const SLOW: &str = "a time up to 5s, such as 20ms";
const REFUSE: &str = "a chance such as 0.2, or with a status from 400 to 599, such as 0.2:429";

/// How likely a spell begins before a message, when nothing is said.
const OFTEN: Chance = Chance(5_000);
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// Well within the time that one write may take ([`Limits`](crate::Limits)).
const SLOWEST: Duration = Duration::from_secs(5);

impl FromStr for FaultConfig {
    type Err = FaultConfigError;

    fn from_str(text: &str) -> Result<Self, FaultConfigError> {
        let mut faults = Self::default();
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (fault, value) = part.split_once('=').unwrap_or((part, ""));
            if seen.contains(&fault) {
                return Err(FaultConfigError::Twice(fault.to_owned()));
            }
            seen.push(fault);
            faults.set(fault, value)?;
        }
        Ok(faults)
    }
}

impl FaultConfig {
    fn set(&mut self, fault: &str, value: &str) -> Result<(), FaultConfigError> {
        let set = match fault {
            "drop" => value
                .parse()
                .map(|n| self.drop = Some(n))
                .map_err(|_| COUNT),
            "cut" => chance(value).map(|it| self.cut = it).ok_or(CHANCE),
            "freeze" => spell(value).map(|it| self.freeze = it).ok_or(SPELL),
            "hang" => spell(value).map(|it| self.hang = it).ok_or(SPELL),
            "garbage" => chance(value).map(|it| self.garbage = it).ok_or(CHANCE),
            "slow" => time(value, SLOWEST).map(|it| self.slow = it).ok_or(SLOW),
            "refuse" => refuse(value).map(|it| self.refuse = it).ok_or(REFUSE),
            "seed" => value.parse().map(|n| self.seed = n).map_err(|_| WHOLE),
            _ => return Err(FaultConfigError::Unknown(fault.to_owned())),
        };
        set.map_err(|expected| FaultConfigError::Value {
            fault: fault.to_owned(),
            value: value.to_owned(),
            expected,
        })
    }

    /// Whether there is any fault at all.
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

/// Millionths, read exactly.
fn chance(text: &str) -> Option<Chance> {
    let Ticks(millionths) = Scale::new(6, 0).ok()?.ticks(text.as_bytes()).ok()?;
    let millionths = u32::try_from(millionths).ok()?;
    (millionths <= 1_000_000).then_some(Chance(millionths))
}

fn time(text: &str, longest: Duration) -> Option<Duration> {
    let time = humantime::parse_duration(text).ok()?;
    (time <= longest).then_some(time)
}

fn spell(text: &str) -> Option<TimedFault> {
    let (duration, often) = match text.split_once(':') {
        Some((duration, often)) => (duration, chance(often)?),
        None => (text, OFTEN),
    };
    Some(TimedFault {
        chance: often,
        duration: time(duration, LONGEST)?,
    })
}

fn refuse(text: &str) -> Option<RefuseFault> {
    let (often, status) = match text.split_once(':') {
        Some((often, status)) => (often, status.parse().ok()?),
        None => (text, RefuseFault::default().status),
    };
    (400..600).contains(&status).then_some(RefuseFault {
        chance: chance(often)?,
        status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_fault() {
        let text =
            "drop=200,freeze=5s,hang=1m:0.5,cut=0.01,garbage=0.05, slow=20ms,refuse=0.2:429,seed=7";
        let spell = |chance, duration| TimedFault {
            chance: Chance(chance),
            duration: Duration::from_secs(duration),
        };
        let expected = FaultConfig {
            seed: 7,
            drop: NonZeroU64::new(200),
            cut: Chance(10_000),
            freeze: spell(5_000, 5),
            hang: spell(500_000, 60),
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
            ("", "no fault \"\""),
            ("explode=1", "no fault \"explode\""),
            ("cut=0.1,cut=0.1", "cut stands twice"),
            ("cut", "cut is a chance"),
            ("cut=1.1", "cut is a chance"),
            ("cut=-0.1", "cut is a chance"),
            ("cut=0.0000001", "cut is a chance"),
            ("drop=0", "drop is a whole number above zero"),
            ("slow=6s", "slow is a time up to 5s"),
            ("freeze=2h", "freeze is a time up to 1h"),
            ("hang=5s:2", "hang is a time up to 1h"),
            ("refuse=0.2:200", "refuse is a chance such as 0.2"),
            ("seed=-1", "seed is a whole number"),
        ] {
            let error = text.parse::<FaultConfig>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
