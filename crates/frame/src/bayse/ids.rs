//! Borrowed lists of ids.

/// A borrowed list of ids, from a slice of `&str`, `String` or `Box<str>`, so that a request can use an existing list
/// without a copy.
#[derive(Clone, Copy)]
pub struct Ids<'a>(Slice<'a>);

#[derive(Clone, Copy)]
enum Slice<'a> {
    Strs(&'a [&'a str]),
    Strings(&'a [String]),
    Boxes(&'a [Box<str>]),
}

impl<'a> Ids<'a> {
    /// The number of ids.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.0 {
            Slice::Strs(ids) => ids.len(),
            Slice::Strings(ids) => ids.len(),
            Slice::Boxes(ids) => ids.len(),
        }
    }

    /// The id at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a str> {
        match self.0 {
            Slice::Strs(ids) => ids.get(index).copied(),
            Slice::Strings(ids) => ids.get(index).map(String::as_str),
            Slice::Boxes(ids) => ids.get(index).map(|id| &**id),
        }
    }

    /// The ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let ids = *self;
        (0..self.len()).map_while(move |index| ids.get(index))
    }

    /// The ids after the first `taken`; `None` if there are no more.
    pub(super) fn after(&self, taken: usize) -> Option<Self> {
        let rest = match self.0 {
            Slice::Strs(ids) => Self(Slice::Strs(ids.get(taken..)?)),
            Slice::Strings(ids) => Self(Slice::Strings(ids.get(taken..)?)),
            Slice::Boxes(ids) => Self(Slice::Boxes(ids.get(taken..)?)),
        };
        Some(rest).filter(|rest| !rest.is_empty())
    }
}

impl<'a> From<&'a [&'a str]> for Ids<'a> {
    fn from(ids: &'a [&'a str]) -> Self {
        Self(Slice::Strs(ids))
    }
}

impl<'a> From<&'a [String]> for Ids<'a> {
    fn from(ids: &'a [String]) -> Self {
        Self(Slice::Strings(ids))
    }
}

impl<'a> From<&'a [Box<str>]> for Ids<'a> {
    fn from(ids: &'a [Box<str>]) -> Self {
        Self(Slice::Boxes(ids))
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Ids<'a>
where
    Self: From<&'a [T]>,
{
    fn from(ids: &'a [T; N]) -> Self {
        Self::from(ids.as_slice())
    }
}

impl<'a, T> From<&'a Vec<T>> for Ids<'a>
where
    Self: From<&'a [T]>,
{
    fn from(ids: &'a Vec<T>) -> Self {
        Self::from(ids.as_slice())
    }
}

impl PartialEq for Ids<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ids<'_> {}
