//! Connection ids, which the seed and the number of the connection determine.

use std::fmt::Write;

/// Separates the random numbers of ids from the market's.
const SALT: u64 = 0x1d5e_ed00_1d5e_ed00;

fn rng(seed: u64, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ SALT ^ number.rotate_left(32))
}

/// An id in the format of a UUID.
pub(crate) fn uuid(seed: u64, number: u64) -> String {
    let mut rng = rng(seed, number);
    let mut out = String::with_capacity(36);
    for (index, digits) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            out.push('-');
        }
        for _ in 0..digits {
            let _ = write!(out, "{:x}", rng.u8(0..16));
        }
    }
    out
}

/// An id of twenty letters and digits, as those of Engine.IO sessions.
pub(crate) fn sid(seed: u64, number: u64) -> String {
    let mut rng = rng(seed, number);
    (0..20).map(|_| rng.alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_seed() {
        assert_eq!(uuid(1, 1), uuid(1, 1));
        assert_eq!(uuid(1, 1).len(), 36);
        assert_ne!(uuid(1, 1), uuid(1, 2));
        assert_ne!(sid(1, 1), sid(2, 1));
        assert_eq!(sid(9, 9).len(), 20);
    }
}
