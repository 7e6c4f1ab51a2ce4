//! Creates a template from a message that the general path has parsed.

use ticklot_book::Side;

use super::levels::{LevelFormat, MAX_MEMBERS};
use super::literal::Literal;
use super::window::PaddedInput;
use super::{MEMBERS, Role, Schema, Segment, SegmentKind, Template, scalar};
use crate::json::Value;
use crate::pull::PullParser;

/// The maximum length of a template's text, in bytes.
const MAX_TEXT: usize = 1 << 10;

/// The maximum number of segments of a template.
const MAX_SEGMENTS: usize = 32;

/// The maximum number of keys on the path to a value.
const MAX_KEYS: usize = 8;

impl Template {
    /// Learns the message `root` with this text as the template. Returns false, and leaves the template unusable, if no
    /// other message could match it. Allocates only to grow.
    pub(super) fn learn<S: Schema>(&mut self, root: &Value<'_, '_>, text: &[u8]) -> bool {
        self.segments.clear();
        self.text.clear();
        self.levels = None;
        let mut learner = Learner {
            text,
            from: 0,
            template: self,
        };
        let is_learnt = learner
            .value::<S>(root, [""; MAX_KEYS], 0)
            .and_then(|()| learner.push_segment(text.len(), SegmentKind::End));
        is_learnt.is_some() && self.is_unambiguous()
    }

    /// Whether the template has each kind of segment at most once. If a venue may put a field in two positions, the
    /// general path decides.
    fn is_unambiguous(&self) -> bool {
        let count = |kind| self.segments.iter().filter(|it| it.kind == kind).count();
        let sides = [Side::Bid, Side::Ask].map(|side| count(SegmentKind::Levels(side)));
        let members = (0..MEMBERS).all(|member| count(SegmentKind::Value(Some(member))) <= 1);
        let trades = count(SegmentKind::Trades) <= 1;
        self.levels.is_some() && sides == [1, 1] && members && trades
    }
}

struct Learner<'t> {
    text: &'t [u8],
    /// The offset up to which the text is in the template.
    from: usize,
    template: &'t mut Template,
}

impl Learner<'_> {
    /// Learns a value. The first `depth` keys of `path` lead to it.
    fn value<'a, S: Schema>(
        &mut self,
        value: &Value<'_, 'a>,
        path: [&'a str; MAX_KEYS],
        depth: usize,
    ) -> Option<()> {
        let role = S::role(path.get(..depth)?);
        let inner = |key| {
            let mut path = path;
            *path.get_mut(depth)? = key;
            Some(path)
        };
        match role {
            Role::Constant if !value.is_object() && !value.is_array() => {}
            Role::Levels(side) => self.levels(value, side, S::LEVEL_KEYS)?,
            Role::Trades if value.is_array() => {
                self.push_segment(value.offset(), SegmentKind::Trades)?;
                let mut json = PullParser::new(self.text.get(self.from..)?);
                json.skip_value()?;
                self.from += json.at();
            }
            _ if value.is_object() => {
                for (key, value) in value.fields("").ok()? {
                    self.value::<S>(&value, inner(key)?, depth + 1)?;
                }
            }
            _ if value.is_array() => {
                for item in value.items("").ok()? {
                    self.value::<S>(&item, inner("")?, depth + 1)?;
                }
            }
            _ if value.boolean("").is_ok() => {}
            role => {
                let member = match role {
                    Role::Member(member) => Some(member),
                    _ => None,
                };
                self.push_segment(value.offset(), SegmentKind::Value(member))?;
                self.from = end_of_scalar(self.text, self.from)?;
            }
        }
        Some(())
    }

    /// Adds the text up to `to`, and a segment that starts there.
    fn push_segment(&mut self, to: usize, kind: SegmentKind) -> Option<()> {
        let text = self.text.get(self.from..to)?;
        self.from = to;
        self.template.text.extend_from_slice(text);
        let text = text.len();
        self.template.segments.push(Segment { text, kind });
        let fits =
            self.template.segments.len() <= MAX_SEGMENTS && self.template.text.len() <= MAX_TEXT;
        fits.then_some(())
    }

    /// Learns the levels of a side. `keys` are those of price, quantity and count.
    fn levels(&mut self, value: &Value<'_, '_>, side: Side, keys: [&str; 3]) -> Option<()> {
        let start = value.offset() + 1;
        self.push_segment(start, SegmentKind::Levels(side))?;
        let items = || value.items("").ok();
        self.from = match items()?.last() {
            Some(last) => end_of_object(self.text, &last)?,
            None => start,
        };
        let mut items = items()?;
        let Some(first) = items.next() else {
            return Some(());
        };
        if let (None, Some(second)) = (&self.template.levels, items.next()) {
            self.template.levels = Some(format(self.text, start, first, second, keys)?);
        }
        Some(())
    }
}

/// The format of a list of levels, from its first two levels.
fn format(
    text: &[u8],
    start: usize,
    first: Value<'_, '_>,
    second: Value<'_, '_>,
    keys: [&str; 3],
) -> Option<LevelFormat> {
    let mut format = LevelFormat::default();
    let mut slots = [None; 3];
    let mut from = start;
    for (key, value) in first.fields("").ok()? {
        let member = format.members;
        let at = value.offset();
        *format.before.get_mut(member)? = Literal::new(text.get(from..at)?)?;
        format.members += 1;
        if let Some(slot) = keys.iter().position(|it| *it == key && !key.is_empty()) {
            slots[slot].replace(member).is_none().then_some(())?;
        }
        from = end_of_scalar(text, at)?;
        text.get(at)?.is_ascii_digit().then_some(())?;
    }
    let end = end_of_object(text, &first)?;
    let (_, value) = second.fields("").ok()?.next()?;
    format.end = Literal::new(text.get(from..end)?)?;
    format.next = Literal::new(text.get(from..value.offset())?)?;
    let [price, quantity, count] = slots;
    let (price, quantity) = (price?, quantity?);
    let other = || (0..format.members).find(|it| ![price, quantity].contains(it));
    let other = count.or_else(other).unwrap_or(MAX_MEMBERS);
    format.slots = [price, quantity, other];
    format.has_count = count.is_some();
    let next = format.next.text();
    // Apart from leading spaces, the next object must start like the first one.
    let from_brace = |text: &'_ [u8]| text.iter().position(|byte| *byte == b'{');
    let before = format.before[0].text();
    let begins_alike = next.get(from_brace(next)?..)? == before.get(from_brace(before)?..)?;
    begins_alike.then_some(())?;
    format.from_brace = next.len() - memchr::memchr(b'}', next)?;
    // Errors of the book are located by counting braces.
    let is_one = |text: &[u8], byte| memchr::memchr_iter(byte, text).count() == 1;
    let text = text.get(first.offset()..end)?;
    let fits = is_one(text, b'{') && is_one(text, b'}') && is_one(next, b'{') && is_one(next, b'}');
    fits.then_some(format)
}

/// The end of an object without nested objects.
fn end_of_object(text: &[u8], object: &Value<'_, '_>) -> Option<usize> {
    let (_, last) = object.fields("").ok()?.last()?;
    let from = end_of_scalar(text, last.offset())?;
    Some(from + memchr::memchr(b'}', text.get(from..)?)? + 1)
}

/// The end of the value at `at`. `None` for a number with an exponent, which would become part of the text.
fn end_of_scalar(text: &[u8], at: usize) -> Option<usize> {
    let end = scalar(&PaddedInput::new(text), at, &mut None)?;
    let is_behind = |byte: &u8| b",]} \t\r\n".contains(byte);
    text.get(end).is_none_or(is_behind).then_some(end)
}
