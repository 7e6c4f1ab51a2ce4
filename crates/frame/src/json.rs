//! The general path: any JSON, through simd-json's tape, with reused buffers.
//!
//! simd-json gives numbers as 64-bit floats and integers, and a tape without positions. Both are
//! mended here by one observation. Its first stage lists the byte offset of every structural
//! character and of the first byte of every atom, in order; its second stage writes one tape node
//! for each of them that is not `:`, `,`, `}` or `]`, in the same order. So the offsets left
//! after those four are taken out are the nodes' positions, one to one. From its position a number is
//! read again from the text, exactly, and every error knows its byte.
//!
//! simd-json unescapes strings in place, so it works on a copy of the line (the copy that it would
//! otherwise make itself, for padding); the line stays as it came.

use simd_json::tape::{Node, Tape};
use simd_json::{Buffers, ErrorType, INPUT_PADDING, StaticNode};
use ticklot_book::{DecimalError, parse_decimal};

use crate::error::{ErrorKind, Fault};
use crate::units::{Decimal, TradeSide};

/// The deepest nesting accepted. The venues' own messages nest four deep.
pub(crate) const MAX_DEPTH: usize = 64;

/// The longest line accepted, in bytes.
pub(crate) const MAX_LINE: usize = 4 << 20;

/// simd-json with buffers that live on.
pub(crate) struct Parser {
    work: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    offsets: Vec<u32>,
}

impl Parser {
    pub(crate) fn new() -> Self {
        Self {
            work: Vec::new(),
            buffers: Buffers::with_max_depth(0, MAX_DEPTH),
            tape: Tape(Vec::new()),
            offsets: Vec::new(),
        }
    }

    /// Parses `text` and gives its root to `read`. Strings of the result may outlive the call: they
    /// borrow the parser's copy. Allocates only to grow.
    pub(crate) fn parse<'a, R>(
        &'a mut self,
        text: &'a [u8],
        read: impl for<'d> FnOnce(Value<'d, 'a>) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        if text.len() > MAX_LINE {
            return Err(Fault::at(MAX_LINE, ErrorKind::TooLong { limit: MAX_LINE }));
        }
        self.work.clear();
        self.work.extend_from_slice(text);
        self.work.resize(text.len() + INPUT_PADDING, b' ');

        // The tape's lifetime is that of its input, so it is lent out empty and taken back empty.
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed =
            simd_json::fill_tape_padded(&mut self.work, text.len(), &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => {
                node_offsets(text, self.buffers.structural_indexes(), &mut self.offsets);
                read(Value {
                    nodes: &tape.0,
                    offsets: &self.offsets,
                    text,
                })
            }
            Err(error) => Err(locate(text, &error)),
        };
        self.tape = tape.reset();
        result
    }
}

/// The positions of the tape's nodes: see the module's text.
fn node_offsets(text: &[u8], structurals: &[u32], offsets: &mut Vec<u32>) {
    offsets.clear();
    let starts_a_node =
        |&&at: &&u32| !matches!(text.get(at as usize), Some(b':' | b',' | b'}' | b']'));
    offsets.extend(structurals.iter().filter(starts_a_node));
}

/// Turns simd-json's error into ours, with the byte where it is known.
#[cold]
fn locate(text: &[u8], error: &simd_json::Error) -> Fault {
    match error.error() {
        ErrorType::InvalidUtf8 => {
            let valid = std::str::from_utf8(text).map_or_else(|e| e.valid_up_to(), str::len);
            Fault::at(valid, ErrorKind::Utf8)
        }
        ErrorType::DepthLimitExceeded => {
            Fault::at(error.index(), ErrorKind::TooDeep { limit: MAX_DEPTH })
        }
        ErrorType::InvalidNumber => {
            Fault::at(number_start(text, error.index()), ErrorKind::NumberRange)
        }
        ErrorType::Eof => Fault::at(text.len(), ErrorKind::Json),
        // Raised by the first stage, which does not say where, or at the end of the input.
        ErrorType::Syntax => Fault::at(first_stage_fault(text), ErrorKind::Json),
        _ => Fault::at(error.index().min(text.len()), ErrorKind::Json),
    }
}

/// Back to the first byte of the number that `at` lies in.
fn number_start(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    let run = text[..at]
        .iter()
        .rev()
        .take_while(|b| is_number_byte(**b))
        .count();
    at - run
}

/// A control character inside a string, or the end when a string or a scope is left open.
fn first_stage_fault(text: &[u8]) -> usize {
    let mut in_string = false;
    let mut escaped = false;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            0..=0x1f if in_string => return at,
            _ => {}
        }
    }
    text.len()
}

fn is_number_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// A JSON value on the tape.
#[derive(Clone, Copy)]
pub(crate) struct Value<'d, 'a> {
    /// The value's own node first, then those inside it, then whatever follows.
    nodes: &'d [Node<'a>],
    /// The positions of `nodes`.
    offsets: &'d [u32],
    text: &'a [u8],
}

impl<'d, 'a> Value<'d, 'a> {
    /// Where the value starts in the line.
    pub(crate) fn offset(&self) -> usize {
        self.offsets
            .first()
            .map_or(self.text.len(), |&at| at as usize)
    }

    pub(crate) fn fault(&self, kind: ErrorKind) -> Fault {
        Fault::at(self.offset(), kind)
    }

    fn wrong_type(&self, field: &'static str, expected: &'static str) -> Fault {
        self.fault(ErrorKind::Type { field, expected })
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Static(StaticNode::Null)))
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Object { .. }))
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Array { .. }))
    }

    /// The value that starts `skip` nodes further on.
    fn further(&self, skip: usize) -> Self {
        Self {
            nodes: self.nodes.get(skip..).unwrap_or_default(),
            offsets: self.offsets.get(skip..).unwrap_or_default(),
            text: self.text,
        }
    }

    /// How many nodes the value takes.
    fn width(&self) -> usize {
        match self.nodes.first() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => 1 + count,
            _ => 1,
        }
    }

    pub(crate) fn str(&self, field: &'static str) -> Result<&'a str, Fault> {
        match self.nodes.first() {
            Some(Node::String(text)) => Ok(text),
            _ => Err(self.wrong_type(field, "a string")),
        }
    }

    /// The text of a number, as it stands in the line.
    fn number(&self, field: &'static str) -> Result<&'a [u8], Fault> {
        use StaticNode::{F64, I64, U64};
        let Some(Node::Static(I64(_) | U64(_) | F64(_))) = self.nodes.first() else {
            return Err(self.wrong_type(field, "a number"));
        };
        let rest = self.text.get(self.offset()..).unwrap_or_default();
        let end = rest
            .iter()
            .position(|b| !is_number_byte(*b))
            .unwrap_or(rest.len());
        Ok(&rest[..end])
    }

    /// A number as a whole number of steps of 10^-`decimals`, not below zero.
    pub(crate) fn steps(&self, field: &'static str, decimals: u8) -> Result<i64, Fault> {
        let steps = self.signed_steps(field, decimals)?;
        if steps < 0 {
            return Err(self.fault(ErrorKind::Negative { field }));
        }
        Ok(steps)
    }

    fn signed_steps(&self, field: &'static str, decimals: u8) -> Result<i64, Fault> {
        parse_decimal(self.number(field)?, decimals)
            .map_err(|error| self.fault(ErrorKind::Number { field, error }))
    }

    /// A whole number, of either sign.
    pub(crate) fn integer(&self, field: &'static str) -> Result<i64, Fault> {
        self.signed_steps(field, 0)
    }

    /// A whole number from 0 to 2^32 - 1.
    pub(crate) fn count(&self, field: &'static str) -> Result<u32, Fault> {
        let error = DecimalError::Overflow;
        u32::try_from(self.steps(field, 0)?)
            .map_err(|_| self.fault(ErrorKind::Number { field, error }))
    }

    /// A number that is only carried.
    pub(crate) fn decimal(&self, field: &'static str) -> Result<Decimal<'a>, Fault> {
        let text = self.number(field)?;
        // Digits, signs, points and exponents only: always ASCII.
        let text = std::str::from_utf8(text).map_err(|_| self.fault(ErrorKind::Utf8))?;
        Ok(Decimal(text))
    }

    /// `BUY` or `SELL`.
    pub(crate) fn trade_side(&self, field: &'static str) -> Result<TradeSide, Fault> {
        match self.str(field)? {
            "BUY" => Ok(TradeSide::Buy),
            "SELL" => Ok(TradeSide::Sell),
            _ => Err(self.fault(ErrorKind::Value { field })),
        }
    }

    /// The fields of an object, in the order of the text.
    pub(crate) fn fields(
        &self,
        field: &'static str,
    ) -> Result<impl Iterator<Item = (&'a str, Value<'d, 'a>)> + use<'d, 'a>, Fault> {
        let Some(&Node::Object { len, .. }) = self.nodes.first() else {
            return Err(self.wrong_type(field, "an object"));
        };
        let mut at = self.further(1);
        Ok((0..len).map_while(move |_| {
            let Some(Node::String(key)) = at.nodes.first() else {
                return None;
            };
            let value = at.further(1);
            at = value.further(value.width());
            Some((*key, value))
        }))
    }

    /// The items of an array, in order.
    pub(crate) fn items(
        &self,
        field: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = Value<'d, 'a>> + use<'d, 'a>, Fault> {
        let Some(&Node::Array { len, .. }) = self.nodes.first() else {
            return Err(self.wrong_type(field, "an array"));
        };
        let mut at = self.further(1);
        Ok((0..len).map(move |_| {
            let value = at;
            at = value.further(value.width());
            value
        }))
    }
}

/// A field that may be there once. `null` is as good as absent.
pub(crate) struct Slot<'d, 'a> {
    name: &'static str,
    value: Option<Value<'d, 'a>>,
}

impl<'d, 'a> Slot<'d, 'a> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    pub(crate) fn put(&mut self, value: Value<'d, 'a>) -> Result<(), Fault> {
        if self.value.is_some() {
            return Err(value.fault(ErrorKind::Twice { field: self.name }));
        }
        self.value = Some(value);
        Ok(())
    }

    /// Whether the field is there at all, null or not.
    pub(crate) fn is_present(&self) -> bool {
        self.value.is_some()
    }

    /// The value, unless absent or null.
    pub(crate) fn get(&self) -> Option<Value<'d, 'a>> {
        self.value.filter(|value| !value.is_null())
    }

    /// The value, or an error at the object that lacks it.
    pub(crate) fn require(&self, of: &Value<'d, 'a>) -> Result<Value<'d, 'a>, Fault> {
        self.value
            .ok_or_else(|| of.fault(ErrorKind::Missing { field: self.name }))
    }

    /// The value, neither absent nor null.
    pub(crate) fn value(&self, of: &Value<'d, 'a>) -> Result<Value<'d, 'a>, Fault> {
        self.get()
            .ok_or_else(|| of.fault(ErrorKind::Missing { field: self.name }))
    }

    /// A required string.
    pub(crate) fn str(&self, of: &Value<'d, 'a>) -> Result<&'a str, Fault> {
        self.require(of)?.str(self.name)
    }

    /// An optional string.
    pub(crate) fn opt_str(&self) -> Result<Option<&'a str>, Fault> {
        self.optional(Value::str)
    }

    /// A required number that is only carried.
    pub(crate) fn decimal(&self, of: &Value<'d, 'a>) -> Result<Decimal<'a>, Fault> {
        self.require(of)?.decimal(self.name)
    }

    /// An optional number that is only carried.
    pub(crate) fn opt_decimal(&self) -> Result<Option<Decimal<'a>>, Fault> {
        self.optional(Value::decimal)
    }

    /// An optional whole number.
    pub(crate) fn opt_integer(&self) -> Result<Option<i64>, Fault> {
        self.optional(Value::integer)
    }

    /// An optional value, read by `read`.
    pub(crate) fn optional<T>(
        &self,
        read: impl FnOnce(&Value<'d, 'a>, &'static str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.get().map(|value| read(&value, self.name)).transpose()
    }
}

/// A field that must not cost the message anything: one that cannot be read is none, and so is one
/// that stands twice.
pub(crate) struct Extra<'d, 'a> {
    name: &'static str,
    value: Option<Value<'d, 'a>>,
    twice: bool,
}

impl<'d, 'a> Extra<'d, 'a> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            value: None,
            twice: false,
        }
    }

    pub(crate) fn put(&mut self, value: Value<'d, 'a>) {
        self.twice |= self.value.replace(value).is_some();
    }

    /// The value, if `read` can read it.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Value<'d, 'a>, &'static str) -> Result<T, Fault>,
    ) -> Option<T> {
        let value = self.value.filter(|_| !self.twice)?;
        read(&value, self.name).ok()
    }
}

/// Sorts the fields of an object into slots, those after `extra` into [`Extra`]s; what has neither
/// is passed over.
macro_rules! read_fields {
    (
        $object:expr, $what:literal,
        { $($name:literal => $slot:ident),* $(,)? }
        $(, extra { $($extra_name:literal => $extra:ident),* $(,)? })?
    ) => {
        $(let mut $slot = $crate::json::Slot::new($name);)*
        $($(let mut $extra = $crate::json::Extra::new($extra_name);)*)?
        for (key, value) in $object.fields($what)? {
            match key {
                $($name => $slot.put(value)?,)*
                $($($extra_name => $extra.put(value),)*)?
                _ => {}
            }
        }
    };
}
pub(crate) use read_fields;
