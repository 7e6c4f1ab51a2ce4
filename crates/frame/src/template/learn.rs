//! Makes a template of a message that the general path has read.

use ticklot_book::Side;

use super::literal::Literal;
use super::rows::{MAX_MEMBERS, Row, TradeRow};
use super::{Layout, MEMBERS, Role, Step, Template, scalar};
use crate::json::Value;

/// The longest text of a template, in bytes.
const MAX_TEXT: usize = 1 << 10;

/// The most parts of a template.
const MAX_STEPS: usize = 64;

impl Template {
    /// The template of a message, whose text is `text`; none if it would fit no other one.
    pub(super) fn learn<L: Layout>(root: &Value<'_, '_>, text: &[u8]) -> Option<Self> {
        let mut learner = Learner {
            text,
            from: 0,
            template: Self::default(),
            levels: None,
        };
        learner.value::<L>(root, &mut Vec::new())?;
        learner.text_to(text.len())?;
        let mut template = learner.template;
        template.levels = learner.levels?;
        let count = |step| template.steps.iter().filter(|it| **it == step).count();
        let sides = [Side::Bid, Side::Ask].map(|side| count(Step::Levels(side)));
        let members = (0..MEMBERS).all(|member| count(Step::Value(Some(member))) <= 1);
        // Where a venue may put something in two places, the general path decides which of them counts.
        (sides == [1, 1] && members && count(Step::Trades) <= 1).then_some(template)
    }
}

struct Learner<'t> {
    text: &'t [u8],
    /// The text up to here is in the template.
    from: usize,
    template: Template,
    levels: Option<Row>,
}

impl Learner<'_> {
    fn value<'a, L: Layout>(
        &mut self,
        value: &Value<'_, 'a>,
        path: &mut Vec<&'a str>,
    ) -> Option<()> {
        match L::role(path) {
            Role::Constant if !value.is_object() && !value.is_array() => return Some(()),
            Role::Levels(side) if value.is_array() => {
                let row = |text: &[u8], start, items: &[Value<'_, '_>]| {
                    let (row, [price, quantity, count, _]) = row(
                        text,
                        start,
                        items,
                        [L::LEVEL[0], L::LEVEL[1], L::LEVEL[2], ""],
                    )?;
                    let slots = [price?, quantity?, count.unwrap_or(MAX_MEMBERS)];
                    Some(Row {
                        slots,
                        has_count: count.is_some(),
                        ..row
                    })
                };
                let found = self.list(value, Step::Levels(side), row)?;
                self.levels = self.levels.or(found);
                return Some(());
            }
            Role::Trades if value.is_array() => {
                let row = |text: &[u8], start, items: &[Value<'_, '_>]| {
                    let (row, [price, quantity, time, side]) = row(text, start, items, L::TRADE)?;
                    let row = Row {
                        slots: [price?, quantity?, time?],
                        ..row
                    };
                    Some(TradeRow { row, side: side? })
                };
                self.template.trades = self.list(value, Step::Trades, row)?;
                return Some(());
            }
            _ => {}
        }
        if value.is_object() {
            for (key, value) in value.fields("").ok()? {
                path.push(key);
                self.value::<L>(&value, path)?;
                path.pop();
            }
        } else if value.is_array() {
            for item in value.items("").ok()? {
                path.push("");
                self.value::<L>(&item, path)?;
                path.pop();
            }
        } else if value.boolean("").is_err() {
            let member = match L::role(path) {
                Role::Member(member) => Some(member),
                _ => None,
            };
            self.text_to(value.offset())?;
            self.step(Step::Value(member))?;
            self.from += len_of_scalar(self.text, self.from)?;
        }
        Some(())
    }

    /// Adds the text up to `to`.
    fn text_to(&mut self, to: usize) -> Option<()> {
        let text = self.text.get(self.from..to)?;
        self.from = to;
        if text.is_empty() {
            return Some(());
        }
        self.template.text.extend_from_slice(text);
        self.step(Step::Text(text.len()))
    }

    fn step(&mut self, step: Step) -> Option<()> {
        self.template.steps.push(step);
        let fits = self.template.steps.len() <= MAX_STEPS && self.template.text.len() <= MAX_TEXT;
        fits.then_some(())
    }

    /// A list, whose objects look as `row` finds, if it has two of them; none inside if it has fewer.
    fn list<R>(
        &mut self,
        value: &Value<'_, '_>,
        step: Step,
        row: impl FnOnce(&[u8], usize, &[Value<'_, '_>]) -> Option<R>,
    ) -> Option<Option<R>> {
        let items: Vec<Value<'_, '_>> = value.items("").ok()?.collect();
        let start = value.offset() + 1;
        self.text_to(start)?;
        self.step(step)?;
        self.from = match items.last() {
            Some(last) => end_of_object(self.text, last.offset())?,
            None => start,
        };
        if items.len() < 2 {
            return Some(None);
        }
        row(self.text, start, &items).map(Some)
    }
}

/// How the objects of a list look, and which members have these keys.
fn row(
    text: &[u8],
    start: usize,
    items: &[Value<'_, '_>],
    keys: [&str; 4],
) -> Option<(Row, [Option<usize>; 4])> {
    let (first, second) = (items.first()?, items.get(1)?);
    let mut row = Row::default();
    let mut slots = [None; 4];
    let mut from = start;
    for (key, value) in first.fields("").ok()? {
        let member = row.members;
        // The quotes of a string are text.
        let is_string = value.str("").is_ok();
        let at = value.offset() + usize::from(is_string);
        *row.before.get_mut(member)? = Literal::new(text.get(from..at)?)?;
        row.members += 1;
        if let Some(slot) = keys.iter().position(|it| *it == key && !key.is_empty()) {
            if slots[slot].replace(member).is_some() {
                return None;
            }
        } else if is_string {
            return None;
        }
        let len = len_of_scalar(text, value.offset())?;
        from = value.offset() + len - usize::from(is_string);
    }
    let end = end_of_object(text, first.offset())?;
    row.end = Literal::new(text.get(from..end)?)?;
    let (_, value) = second.fields("").ok()?.next()?;
    let at = value.offset() + usize::from(value.str("").is_ok());
    row.next = Literal::new(text.get(from..at)?)?;
    // The braces are counted to find a level of which the book refuses something.
    let braces = memchr::memchr_iter(b'{', text.get(first.offset()..at)?);
    (braces.count() == 2).then_some((row, slots))
}

/// Behind the object without objects inside that begins at `at`.
fn end_of_object(text: &[u8], at: usize) -> Option<usize> {
    let mut in_string = false;
    let mut escaped = false;
    for (place, byte) in text.iter().enumerate().skip(at) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string && place > at => return None,
            b'}' if !in_string => return Some(place + 1),
            _ => {}
        }
    }
    None
}

/// The length of a value that stands at `at`. None of a number with an exponent, which would become a part of the text.
fn len_of_scalar(text: &[u8], at: usize) -> Option<usize> {
    let (_, len) = scalar(text.get(at..)?)?;
    let is_end = |byte: &u8| b",]} \t\r\n".contains(byte);
    text.get(at + len).is_none_or(is_end).then_some(len)
}
