//! Lists of levels, and of whatever else is three numbers with texts between.

use ticklot_book::MAX_LEVELS;

use super::cursor::{Cursor, is_at};
use super::isa::Isa;
#[cfg(target_arch = "x86_64")]
use super::raw::{Bits, avx512::Avx512};
use super::raw::{Edges, Fill, Three};
use super::recipe::{LANES, Recipe, Recipes};
use super::{Job, TABLES, Way};

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
    fn item<I: Isa>(self, isa: I, numbers: Three<'_>) -> Option<Self::Item>;
}

/// How a venue writes a level, for [recipes](super::recipe).
pub(crate) trait Known: Shape {
    /// Which of a venue's tables its recipes are in.
    const TABLE: usize;

    /// The recipe for a pattern. None when it is none of the venue's.
    fn recipe(key: u64) -> Option<Recipe>;

    /// What the numbers come to. None when they are not for the scanner to read.
    fn known(self, recipe: &Recipe, numbers: [u64; LANES]) -> Option<Self::Item>;
}

/// A text whose numbers are found, and the way to read them.
pub(crate) enum Scanned<'t> {
    /// By their edges.
    Edges {
        way: Way,
        text: &'t [u8],
        edges: Edges<'t>,
    },
    /// By recipes.
    #[cfg(target_arch = "x86_64")]
    Recipes {
        isa: Avx512,
        text: &'t [u8],
        ends: Bits<'t>,
        tables: &'t mut [Recipes; TABLES],
    },
}

impl Scanned<'_> {
    /// Reads the items of a list whose bracket `cursor` has stepped over, to where its closing one
    /// should be. None when something is not as expected.
    #[inline]
    pub(crate) fn items<K: Known>(
        &mut self,
        shape: K,
        cursor: &mut Cursor<'_>,
        items: &mut Vec<K::Item>,
    ) -> Option<()> {
        items.clear();
        if !cursor.is_at(K::HEAD) {
            return Some(());
        }
        let first = cursor.at() + K::HEAD.len();
        let end = match self {
            Self::Edges { way, text, edges } => way.run(Items {
                text,
                edges: *edges,
                shape,
                first,
                items,
            })??,
            #[cfg(target_arch = "x86_64")]
            Self::Recipes {
                isa,
                text,
                ends,
                tables,
            } => {
                let mut fill = Fill::new(items, room::<K>(text, first));
                let table = tables.get_mut(K::TABLE)?;
                let end = isa.items(shape, text, *ends, first, table, &mut fill)?;
                (fill.finish() <= MAX_LEVELS).then_some(end + 1)?
            }
        };
        cursor.seek(end);
        Some(())
    }
}

/// How many items there can be from `first` on: each takes more bytes than its head. No more than the
/// general path would take, so that the list stays within the decoder's bounds.
fn room<S: Shape>(text: &[u8], first: usize) -> usize {
    let room = text.len().saturating_sub(first) / S::STEP + 1;
    room.min(MAX_LEVELS)
}

struct Items<'s, 't, S: Shape> {
    text: &'t [u8],
    edges: Edges<'t>,
    shape: S,
    /// Where the first number of the first item begins.
    first: usize,
    items: &'s mut Vec<S::Item>,
}

impl<S: Shape> Job for Items<'_, '_, S> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) -> Option<usize> {
        let Self {
            text,
            edges,
            shape,
            first,
            items,
        } = self;
        let mut fill = Fill::new(items, room::<S>(text, first));
        let mut at = first;
        loop {
            let numbers = if S::WIDE {
                edges.three::<true>(at)?
            } else {
                edges.three::<false>(at)?
            };
            fill.push(shape.item(isa, numbers)?)?;
            let end = numbers.end(2);
            if !S::goes_on(text, end) {
                // A longer list is the general path's to refuse.
                let is_end = is_at(text, end, b"}") && fill.finish() <= MAX_LEVELS;
                return is_end.then_some(end + 1);
            }
            at = end + S::STEP;
        }
    }
}
