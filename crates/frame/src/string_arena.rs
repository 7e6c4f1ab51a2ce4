//! Lists of the strings of a message, in reused buffers.
//!
//! A message borrows its strings from the decoder. A list of strings would need a slice of borrowed strings, which the
//! decoder cannot store, because it would borrow from itself. The strings of a list are therefore copied into one text,
//! and the list stores the start and the end of each. The iterators create the `&str`s.
//!
//! Lists are short and are not on the hot path, and both buffers are reused. The cost is a copy of a few dozen bytes,
//! without an allocation.

/// The buffers for the lists of one message.
#[derive(Debug, Default)]
pub(crate) struct StringArena {
    text: String,
    spans: Vec<Span>,
}

/// The position of a string in the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

/// A range of strings, by their indices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    start: u32,
    end: u32,
}

impl StringArena {
    /// Removes the strings of the last message.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Appends a string and returns its index.
    pub(crate) fn push(&mut self, word: &str) -> u32 {
        let index = self.end();
        let start = to_u32(self.text.len());
        self.text.push_str(word);
        let end = to_u32(self.text.len());
        self.spans.push(Span { start, end });
        index
    }

    /// The index of the next string.
    pub(crate) fn end(&self) -> u32 {
        to_u32(self.spans.len())
    }

    /// The strings from the one at `start` on.
    pub(crate) fn since(&self, start: u32) -> Range {
        Range {
            start,
            end: self.end(),
        }
    }

    pub(crate) fn view(&self) -> StringList<'_> {
        StringList {
            text: &self.text,
            spans: &self.spans,
        }
    }
}

/// A line of at most [`MAX_LINE`](crate::json::MAX_LINE) bytes has fewer than 2^32 bytes and strings.
fn to_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Strings of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StringList<'a> {
    text: &'a str,
    spans: &'a [Span],
}

impl<'a> StringList<'a> {
    /// No strings.
    pub(crate) const NONE: Self = Self {
        text: "",
        spans: &[],
    };

    pub(crate) const fn len(&self) -> usize {
        self.spans.len()
    }

    fn text(&self, span: Span) -> &'a str {
        // Both offsets are ends of strings, so they are character boundaries.
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// The string at an index.
    pub(crate) fn get(&self, index: u32) -> &'a str {
        self.spans
            .get(index as usize)
            .map_or("", |&span| self.text(span))
    }

    /// A range of the strings.
    pub(crate) fn slice(&self, range: Range) -> Self {
        Self {
            text: self.text,
            spans: self
                .spans
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default(),
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let strings = *self;
        self.spans.iter().map(move |&span| strings.text(span))
    }

    /// The strings in groups of three.
    pub(crate) fn triples(&self) -> impl ExactSizeIterator<Item = [&'a str; 3]> + use<'a> {
        let strings = *self;
        let (triples, _) = self.spans.as_chunks::<3>();
        triples
            .iter()
            .map(move |triple| triple.map(|span| strings.text(span)))
    }

    /// The strings in pairs.
    pub(crate) fn pairs(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let strings = *self;
        let (pairs, _) = self.spans.as_chunks();
        pairs
            .iter()
            .map(move |&[first, second]| (strings.text(first), strings.text(second)))
    }
}
