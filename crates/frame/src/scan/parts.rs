//! What an item is made of, and where that is in one with a given pattern of digits.
//!
//! Items of a list differ in the lengths of their numbers, and in little else: a book of twenty
//! levels has perhaps ten different patterns of digits in it, and the next message has the same ones.
//! A pattern is a bit for each byte of an item, from its first number to its closing brace: is it a digit? With
//! what all items of a venue are made of, it says of each byte what it must be, and what it is for.

/// How many numbers an item has at most.
pub(crate) const NUMBERS: usize = 3;

/// How many bytes of an item are looked at.
pub(crate) const WINDOW: usize = 64;

/// What an item is made of. The numbers that are not read come last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'t> {
    /// Text, byte for byte.
    Text(&'t [u8]),
    /// A whole number.
    Whole,
    /// A whole number of at most so many digits.
    Short(usize),
    /// A number with or without decimals: as steps of 10 to the power of minus this.
    Steps(u8),
    /// A number with or without decimals that is not read, of at most so many bytes.
    Passed(usize),
}

/// What takes note of an item's bytes. Each method gives none when it cannot.
pub(super) trait Layout {
    /// `words` stand from byte `at` on.
    fn text(&mut self, at: usize, words: &[u8]) -> Option<()>;

    /// The point of a number is at byte `at`.
    fn point(&mut self, number: usize, at: usize) -> Option<()>;

    /// The `count` digits of a number that stand before its point, or all, are from byte `at` on. The first
    /// of several must not be a zero.
    fn whole(&mut self, number: usize, at: usize, count: usize) -> Option<()>;

    /// There are `count` digits from byte `at` on.
    fn fraction(&mut self, at: usize, count: usize) -> Option<()>;

    /// The `count` digits from byte `at` on are what a number is made of, with `behind` digits behind them. What
    /// stands before a point comes first.
    fn digits(&mut self, number: usize, at: usize, count: usize, behind: usize) -> Option<()>;

    /// The `count` digits from byte `at` on must be zeros.
    fn zeros(&mut self, at: usize, count: usize) -> Option<()>;
}

/// Tells `layout` of all bytes of an item of these parts with this pattern. None when the pattern is of no such
/// item, or the layout cannot take it.
pub(super) fn lay_out(key: u64, parts: &[Part<'_>], layout: &mut impl Layout) -> Option<()> {
    let mut walk = Walk { key, at: 0, layout };
    let mut number = 0;
    for part in parts {
        let from = walk.at;
        let most = match *part {
            Part::Text(words) => {
                walk.text(words)?;
                continue;
            }
            Part::Whole => {
                walk.steps(number, 0, false)?;
                WINDOW
            }
            Part::Short(most) => {
                walk.steps(number, 0, false)?;
                most
            }
            Part::Steps(decimals) => {
                walk.steps(number, usize::from(decimals), true)?;
                WINDOW
            }
            Part::Passed(most) => {
                walk.whole(number)?;
                walk.fraction(number)?;
                most
            }
        };
        if walk.at - from > most {
            return None;
        }
        number += 1;
    }
    Some(())
}

/// Digits: where they begin, and how many there are.
type Digits = (usize, usize);

struct Walk<'l, L> {
    key: u64,
    at: usize,
    layout: &'l mut L,
}

impl<L: Layout> Walk<'_, L> {
    fn text(&mut self, words: &[u8]) -> Option<()> {
        self.layout.text(self.at, words)?;
        self.at += words.len();
        Some(())
    }

    /// The digits that the pattern has here; none when it has none.
    fn digits(&mut self) -> Option<Digits> {
        let (at, count) = (self.at, run_len(self.key, self.at));
        self.at += count;
        (count > 0).then_some((at, count))
    }

    /// Those before a point, or where there is none.
    fn whole(&mut self, number: usize) -> Option<Digits> {
        let (at, count) = self.digits()?;
        self.layout.whole(number, at, count)?;
        Some((at, count))
    }

    /// A point and the digits behind it, if the gap that the pattern has here can be a point: if it is one
    /// byte wide. Without a point there are no digits.
    fn fraction(&mut self, number: usize) -> Option<Digits> {
        if run_len(self.key, self.at + 1) == 0 {
            return Some((self.at, 0));
        }
        self.layout.point(number, self.at)?;
        self.at += 1;
        let (at, count) = self.digits()?;
        self.layout.fraction(at, count)?;
        Some((at, count))
    }

    /// A number that becomes steps of 10 to the power of minus `decimals`.
    fn steps(&mut self, number: usize, decimals: usize, may_have_point: bool) -> Option<()> {
        let (at, whole) = self.whole(number)?;
        self.layout.digits(number, at, whole, decimals)?;
        if !may_have_point {
            return Some(());
        }
        let (at, fraction) = self.fraction(number)?;
        let steps = fraction.min(decimals);
        self.layout.digits(number, at, steps, decimals - steps)?;
        // Finer than a step: only if it is nothing.
        self.layout.zeros(at + steps, fraction - steps)
    }
}

/// How many bits are set from bit `from` on, in a row.
pub(super) fn run_len(key: u64, from: usize) -> usize {
    let shifted = u32::try_from(from)
        .ok()
        .and_then(|from| key.checked_shr(from));
    (!shifted.unwrap_or(0)).trailing_zeros() as usize
}

/// Bits `from` to before `to`.
pub(super) fn bits(from: usize, to: usize) -> u64 {
    let below = |bit: usize| 1_u64.checked_shl(u32::try_from(bit).unwrap_or(u32::MAX));
    let below = |bit: usize| below(bit).unwrap_or(0).wrapping_sub(1);
    below(to) & !below(from)
}
