//! Lists of strings in a message, kept in buffers that live on.
//!
//! A message borrows its strings from the decoder, and a list of them would need a slice of
//! borrowed strings that lives as long. The decoder cannot keep such a slice beside the buffer that
//! it points into: it would borrow from itself. So the strings of a list are copied, one behind the
//! other, into one text, and the list keeps where each begins and ends; a string comes into being
//! when it is asked for. Lists are short and of messages that are not the hot path, and both
//! buffers are reused, so that is a copy of a few dozen bytes and no allocation.

/// Space for the lists of one message.
#[derive(Debug, Default)]
pub(crate) struct StringArena {
    text: String,
    spans: Vec<Span>,
}

/// Where a string lies in the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

/// A run of strings, by their indices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    start: u32,
    end: u32,
}

impl StringArena {
    /// Forgets the last message.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// Keeps a string and returns its index.
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

    /// All strings from the one at `start`.
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

/// What a line of at most [`MAX_LINE`](crate::json::MAX_LINE) bytes holds has fewer than 2^32
/// bytes, and fewer strings.
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
    /// None at all.
    pub(crate) const NONE: Self = Self {
        text: "",
        spans: &[],
    };

    pub(crate) const fn len(&self) -> usize {
        self.spans.len()
    }

    fn text(&self, span: Span) -> &'a str {
        // Both ends are where a string ended, so they lie between characters of the text.
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

    /// A run of them.
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

    /// Three at a time.
    pub(crate) fn triples(&self) -> impl ExactSizeIterator<Item = [&'a str; 3]> + use<'a> {
        let strings = *self;
        let (triples, _) = self.spans.as_chunks::<3>();
        triples
            .iter()
            .map(move |triple| triple.map(|span| strings.text(span)))
    }

    /// Two at a time.
    pub(crate) fn pairs(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + use<'a> {
        let strings = *self;
        let (pairs, _) = self.spans.as_chunks();
        pairs
            .iter()
            .map(move |&[first, second]| (strings.text(first), strings.text(second)))
    }
}
