//! Mutations of a venue's lines.

use fastrand::Rng;

/// A line that is split at its lists of objects, so that shorter lines can be built from it.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The texts around the lists: one more than there are lists.
    texts: Vec<Vec<u8>>,
    lists: Vec<Vec<Vec<u8>>>,
}

impl Parts {
    /// Splits a line. The objects of its lists must not contain lists or objects, as is the case for levels and trades. Other
    /// lines lead to more unusual mutations.
    #[must_use]
    pub fn new(line: &[u8]) -> Self {
        let (mut texts, mut lists) = (Vec::new(), Vec::new());
        let mut rest = line;
        while let Some(start) = rest.windows(2).position(|pair| pair == b"[{") {
            let (text, list) = rest.split_at(start + 1);
            let len = list.iter().position(|byte| *byte == b']');
            let (list, after) = list.split_at(len.unwrap_or(list.len()));
            texts.push(text.to_vec());
            lists.push(objects(list));
            rest = after;
        }
        texts.push(rest.to_vec());
        Self { texts, lists }
    }

    /// A line that is not split.
    #[must_use]
    pub fn whole(line: &[u8]) -> Self {
        Self {
            texts: vec![line.to_vec()],
            lists: Vec::new(),
        }
    }

    /// Appends the line to `line`, with at most `keep` consecutive objects of each list.
    pub fn write(&self, keep: usize, random: &mut Rng, line: &mut Vec<u8>) {
        for (index, text) in self.texts.iter().enumerate() {
            line.extend_from_slice(text);
            let Some(list) = self.lists.get(index) else {
                continue;
            };
            let kept = random.usize(..=keep.min(list.len()));
            let start = random.usize(..=list.len() - kept);
            for (index, object) in list[start..start + kept].iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                line.extend_from_slice(object);
            }
        }
    }
}

fn objects(list: &[u8]) -> Vec<Vec<u8>> {
    let objects = list.split_inclusive(|byte| *byte == b'}');
    objects
        .map(|object| object.strip_prefix(b",").unwrap_or(object).to_vec())
        .collect()
}

/// Bytes with a meaning in these lines.
const SIGNS: &[u8] = b"0123456789.-+eE\"\\{}[],: \n\x1f\x80\xff/tn";

/// Applies one random mutation to a line.
pub fn mutate(line: &mut Vec<u8>, random: &mut Rng) {
    if line.is_empty() {
        return;
    }
    let at = random.usize(..line.len());
    let end = (at + random.usize(1..12)).min(line.len());
    match random.u8(..11) {
        0 => line[at] ^= 1 << random.u8(..8),
        1 => line[at] = SIGNS[random.usize(..SIGNS.len())],
        2 => line.insert(at, SIGNS[random.usize(..SIGNS.len())]),
        3 => drop(line.drain(at..end)),
        4 => line.truncate(at),
        5 => line.extend_from_within(at..end),
        6 => {
            let again: Vec<u8> = line[at..end].to_vec();
            drop(line.splice(at..at, again));
        }
        7 => change_digit(line, at, random),
        8 => overwrite_digits(line, at, random),
        9 => overwrite_object(line, at, random),
        _ => lengthen_number(line, at, random),
    }
}

/// The position of the first digit from byte `at` on.
fn digit_after(line: &[u8], at: usize) -> Option<usize> {
    let found = line[at..].iter().position(u8::is_ascii_digit);
    found.map(|further| at + further)
}

fn change_digit(line: &mut [u8], at: usize, random: &mut Rng) {
    if let Some(at) = digit_after(line, at) {
        line[at] = b'0' + random.u8(..10);
    }
}

/// A byte other than a digit, a brace or a quote.
fn filler(random: &mut Rng) -> u8 {
    b"xe. -,:"[random.usize(..7)]
}

/// Replaces a number by other text of the same length.
fn overwrite_digits(line: &mut [u8], at: usize, random: &mut Rng) {
    if let Some(at) = digit_after(line, at) {
        let digits = line[at..]
            .iter_mut()
            .take_while(|byte| byte.is_ascii_digit());
        digits.for_each(|digit| *digit = filler(random));
    }
}

/// Replaces all digits of an object, or everything after its first key. Keeps its length and its braces.
fn overwrite_object(line: &mut [u8], at: usize, random: &mut Rng) {
    let find = |from: usize, byte: u8| {
        let found = line[from..].iter().position(|found| *found == byte);
        found.map(|further| from + further)
    };
    let Some(start) = find(at, b'{') else { return };
    let (Some(colon), Some(end)) = (find(start, b':'), find(start, b'}')) else {
        return;
    };
    let all = random.bool();
    let filler = filler(random);
    for byte in line.get_mut(colon + 1..end).unwrap_or_default() {
        if all || byte.is_ascii_digit() {
            *byte = filler;
        }
    }
}

fn lengthen_number(line: &mut Vec<u8>, at: usize, random: &mut Rng) {
    if let Some(at) = digit_after(line, at) {
        let digits: Vec<u8> = (0..random.usize(1..20))
            .map(|_| b'0' + random.u8(..10))
            .collect();
        drop(line.splice(at..at, digits));
    }
}
