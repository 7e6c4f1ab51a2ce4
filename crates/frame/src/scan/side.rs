//! Lists of levels, and of whatever else is three numbers with texts between.

use ticklot_book::{Level, MAX_LEVELS};

use super::cursor::{Cursor, is_at};
use super::form::Form;
use super::isa::Isa;
use super::parts::Part;
#[cfg(target_arch = "x86_64")]
use super::raw::patterns::{Ends, Patterns};
use super::raw::{Edges, Fill, Three};
use super::recipe::Recipe;
use super::repeat::{Join, Repeats};
use super::table::Tables;
use super::{Job, Way};

/// How a venue writes a level: three numbers and the texts around them.
pub(crate) trait Shape: Copy {
    /// What it is read to.
    type Item: Copy;

    /// What an item begins with, up to its first number.
    const HEAD: &'static [u8];

    /// From the brace at the end of an item to the first number of the next one.
    const STEP: usize = b"},".len() + Self::HEAD.len();

    /// Whether items are so long that their numbers often reach further than 57 bytes.
    const WIDE: bool;

    /// Whether, behind a last number that ended at `end`, the item ends and another one begins:
    /// `},` and [`Shape::HEAD`].
    fn goes_on(text: &[u8], end: usize) -> bool;

    /// What the numbers come to. None when the texts between them are not the venue's, or the
    /// numbers are not for the scanner to read. Must be `#[inline(always)]`.
    fn measured<I: Isa>(self, isa: I, numbers: Three<'_>) -> Option<Self::Item>;
}

/// The numbers of an item that was read by a recipe: of a good text each is below 10^16.
pub(crate) trait Lanes: Copy {
    /// The first number.
    fn first(self) -> u64;

    /// The second number.
    fn second(self) -> u64;

    /// The third number.
    fn third(self) -> u64;

    /// The third number, if it is a [`Part::Short`](super::Part) of eight digits.
    fn short_third(self) -> u32;
}

/// How a venue writes an item, for [recipes](super::recipe).
pub(crate) trait Known: Shape {
    /// Which of a venue's tables its recipes are in.
    const TABLE: usize;

    /// The fewest bytes from the first number of an item to its closing brace, or fewer.
    const SHORTEST: usize;

    /// What a recipe depends on besides the pattern; the same for all where there is nothing.
    fn tag(self) -> u16;

    /// The recipe for a pattern. None when it is none of the venue's.
    fn recipe(self, key: u64) -> Option<Recipe>;

    /// The item of these numbers, and of the text that its recipe has chosen. Must be `#[inline(always)]`.
    fn item(choice: u8, numbers: impl Lanes) -> Self::Item;
}

/// How a venue writes a level, to be read in one [form](super::form).
pub(crate) trait Formed: Known<Item = Level> {
    /// What is found in each place of it.
    const FORM: &'static Form;

    /// From which bit on a CRC tells its patterns apart best.
    const HASHED_FROM: u32;

    /// What it is made of, from its first number to that of the next one.
    fn parts(self) -> [Part<'static>; 7];
}

/// A text whose numbers are found, and the way to read them.
pub(crate) enum Scanned<'t> {
    /// By their edges.
    Edges { way: Way, edges: Edges<'t> },
    /// By their patterns.
    #[cfg(target_arch = "x86_64")]
    Patterns {
        isa: Patterns,
        ends: Ends<'t>,
        tables: &'t mut Tables,
    },
}

/// How far a list was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// Where the last item's closing brace is; or where the first number of an item begins that was not read.
    at: usize,
    /// Whether there is such an item: it begins as was looked for.
    is_head: bool,
}

impl Read {
    /// Of a list that was filled, which is then the list. None when it is longer than the general path takes: that
    /// refuses it.
    #[inline]
    pub(crate) fn of<T: Copy>(fill: Fill<'_, T>, at: usize, is_head: bool) -> Option<Self> {
        (fill.finish() <= MAX_LEVELS).then_some(Self { at, is_head })
    }
}

impl Scanned<'_> {
    /// Reads the levels of a list whose bracket `cursor` has stepped over, to where its closing one
    /// should be. None when something is not as expected.
    #[inline]
    pub(crate) fn levels<F: Formed>(
        &mut self,
        shape: F,
        cursor: &mut Cursor<'_>,
        levels: &mut Vec<Level>,
    ) -> Option<()> {
        levels.clear();
        if !cursor.is_at(F::HEAD) {
            return Some(());
        }
        let first = cursor.at() + F::HEAD.len();
        let read = match self {
            Self::Edges { way, edges } => {
                way.run(Items::new(*edges, shape, first, &[], levels))??
            }
            #[cfg(target_arch = "x86_64")]
            Self::Patterns { isa, ends, tables } => {
                // One is put down as 32 bytes, which is longer.
                let fill = Fill::new(levels, room::<F>(ends.text(), first) + 1);
                isa.levels(shape, *ends, first, tables, fill)?
            }
        };
        cursor.seek(read.at + 1);
        Some(())
    }

    /// Reads a list that mostly repeats the one before; `end` is where its closing bracket should be.
    pub(crate) fn repeats<K: Known>(
        &mut self,
        shape: K,
        cursor: &mut Cursor<'_>,
        end: usize,
        repeats: &mut Repeats<K::Item>,
    ) -> Option<()> {
        if !cursor.is_at(K::HEAD) {
            repeats.otherwise();
            return Some(());
        }
        let first = cursor.at() + K::HEAD.len();
        let (head, fresh) = repeats.parts();
        let mut read = self.read(shape, first, head, fresh)?;
        if read.is_head {
            if self.join(first, read, end, repeats).is_some() {
                cursor.seek(end);
                return Some(());
            }
            read = self.read(shape, first, &[], repeats.parts().1)?;
        }
        repeats.keep(self.text().get(first..=read.at)?);
        cursor.seek(read.at + 1);
        Some(())
    }

    /// Puts the kept list behind what was read, if what follows up to `end` is its beginning.
    fn join<T: Copy>(
        &self,
        first: usize,
        read: Read,
        end: usize,
        repeats: &mut Repeats<T>,
    ) -> Option<()> {
        let text = self.text();
        let join = Join {
            repeats,
            new: text.get(first..read.at)?,
            rest: text.get(read.at..end)?,
        };
        match self {
            Self::Edges { way, .. } => way.run(join)?,
            #[cfg(target_arch = "x86_64")]
            Self::Patterns { isa, .. } => isa.run(join),
        }
    }

    fn text(&self) -> &[u8] {
        match self {
            Self::Edges { edges, .. } => edges.text(),
            #[cfg(target_arch = "x86_64")]
            Self::Patterns { ends, .. } => ends.text(),
        }
    }

    fn read<K: Known>(
        &mut self,
        shape: K,
        first: usize,
        head: &[u8],
        items: &mut Vec<K::Item>,
    ) -> Option<Read> {
        match self {
            Self::Edges { way, edges } => {
                let items = Items::new(*edges, shape, first, head, items);
                // Lists in which nothing is looked for are not to pay for the look.
                if head.is_empty() {
                    way.run(items)?
                } else {
                    way.run(UpTo(items))?
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Patterns { isa, ends, tables } => {
                let fill = Fill::new(items, room::<K>(ends.text(), first));
                isa.items(shape, *ends, first, head, tables, fill)
            }
        }
    }
}

/// How many items there can be from `first` on: each takes more bytes than its head. No more than the
/// general path would take, so that the list stays within the decoder's bounds.
fn room<S: Shape>(text: &[u8], first: usize) -> usize {
    let room = text.len().saturating_sub(first) / S::STEP + 1;
    room.min(MAX_LEVELS)
}

struct Items<'s, 't, S: Shape> {
    edges: Edges<'t>,
    shape: S,
    /// Where the first number of the first item begins.
    first: usize,
    /// What not to read, if it is not empty.
    head: &'s [u8],
    items: &'s mut Vec<S::Item>,
}

impl<S: Shape> Job for Items<'_, '_, S> {
    type Output = Option<Read>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Option<Read> {
        self.read::<I, false>(isa)
    }
}

/// The items before the one that begins with the head.
struct UpTo<'s, 't, S: Shape>(Items<'s, 't, S>);

impl<S: Shape> Job for UpTo<'_, '_, S> {
    type Output = Option<Read>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Option<Read> {
        self.0.read::<I, true>(isa)
    }
}

impl<'s, 't, S: Shape> Items<'s, 't, S> {
    fn new(
        edges: Edges<'t>,
        shape: S,
        first: usize,
        head: &'s [u8],
        items: &'s mut Vec<S::Item>,
    ) -> Self {
        Self {
            edges,
            shape,
            first,
            head,
            items,
        }
    }

    #[inline(always)]
    fn read<I: Isa, const HAS_HEAD: bool>(self, isa: I) -> Option<Read> {
        let Self {
            edges,
            shape,
            first,
            head,
            items,
        } = self;
        let text = edges.text();
        let mut fill = Fill::new(items, room::<S>(text, first));
        let mut at = first;
        let is_head = loop {
            if HAS_HEAD && text.get(at..).is_some_and(|rest| rest.starts_with(head)) {
                break true;
            }
            let numbers = if S::WIDE {
                edges.three::<true>(at)?
            } else {
                edges.three::<false>(at)?
            };
            if !fill.push(shape.measured(isa, numbers)?) {
                return None;
            }
            at = numbers.end(2);
            if !S::goes_on(text, at) {
                if !is_at(text, at, b"}") {
                    return None;
                }
                break false;
            }
            at += S::STEP;
        };
        Read::of(fill, at, is_head)
    }
}
