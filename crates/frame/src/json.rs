//! JSON with exact numbers, for the decoders of this crate and of venues outside it.
//!
//! The [`Parser`] accepts any JSON text, with any key order. It reuses its buffers, so it does not allocate once it has
//! seen its longest text. A [`Value`] borrows from the text. Numbers are parsed from their digits, without floats, and
//! every error ([`DecodeFailure`]) contains its byte offset. [`read_fields!`](crate::read_fields) assigns the fields of
//! an object to variables.
//!
//! ```
//! use ticklot_book::{Scale, Ticks};
//! use ticklot_frame::json::{DecodeFailure, Parser, Value};
//! use ticklot_frame::{DecodeError, VenueName, read_fields};
//!
//! fn price(root: Value<'_, '_>) -> Result<Ticks, DecodeFailure> {
//!     read_fields!(root, "message", { "price" => price });
//!     Ok(Ticks(price.require(&root)?.steps("price", 2)?))
//! }
//!
//! let mut parser = Parser::new();
//! assert_eq!(parser.parse(br#"{"x":[1],"price":0.65}"#, price)?, Ticks(65));
//!
//! let failure = parser.parse(br#"{"price":0.655}"#, price).unwrap_err();
//! let error = DecodeError::new(VenueName("mine"), failure);
//! assert_eq!(error.to_string(), "mine: line 0, byte 9: price: more than 2 decimal places");
//! # Ok::<(), DecodeFailure>(())
//! ```
//!
//! # How a number keeps its digits
//! simd-json converts numbers to 64-bit floats and integers, and its tape has no positions. But its first stage lists
//! the byte offset of every structural character and of the first byte of every atom, in order. Its second stage writes
//! one tape node for each of them except `:`, `,`, `}` and `]`, in the same order. The offsets without those four are
//! therefore the nodes' positions, one to one. At its position, a number is parsed again from the text, exactly.
//!
//! simd-json unescapes strings in place, so it works on a copy of the text, which stays unchanged. Without the copy,
//! simd-json would make one itself for padding.
//!
//! simd-json rejects a text with a number outside the range of a 64-bit float, such as `1e400`, although JSON allows it
//! (RFC 8259, section 6). Such a text is parsed a second time, with each number replaced by `0`. A number that is not
//! read is then ignored, and one that is read is exact or an error of its field.
//!
//! # Quoted numbers
//! Every method that reads a number also accepts a string that contains one, such as `"0.65"`, because venues differ in
//! this, and may change it.

use std::fmt;

use simd_json::tape::{Node, Tape};
use simd_json::{Buffers, ErrorType, INPUT_PADDING, StaticNode};
use ticklot_book::{DecimalError, parse_decimal};

pub use crate::error::DecodeFailure;
use crate::error::ErrorKind;
use crate::json_number::{is_decimal, is_json_number, is_number_byte, leading_number};
use crate::pull::PullParser;
use crate::thread_local::ThreadLocal;
use crate::units::{Decimal, TradeSide};

/// The maximum nesting depth. The venues' messages have a depth of four.
pub const MAX_DEPTH: usize = 64;

/// The maximum length of a line in bytes.
pub const MAX_LINE: usize = 4 << 20;

/// The maximum size of the tape, in nodes, that a thread keeps when a parser is dropped.
const MAX_NODES: usize = 1 << 13;

/// A JSON parser that reuses its buffers. All parsers of a thread share the buffers that no result borrows. After a
/// long text, dropping one of these parsers frees the shared buffers.
#[derive(Default)]
pub struct Parser {
    work: Vec<u8>,
    /// The copy for the second pass, with `0` in place of each number.
    zeroed: Vec<u8>,
}

/// The working memory for one text.
struct Scratch {
    buffers: Buffers,
    tape: Tape<'static>,
    offsets: Vec<u32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            buffers: Buffers::with_max_depth(0, MAX_DEPTH),
            tape: Tape(Vec::new()),
            offsets: Vec::new(),
        }
    }
}

thread_local! {
    static SCRATCH: ThreadLocal<Scratch> = const { ThreadLocal::new() };
}

impl Parser {
    /// A parser with empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses `text` and passes its root to `read`. Strings of the result may outlive the call, because they borrow
    /// from the parser's copy. Allocates only to grow.
    ///
    /// # Errors
    /// The text is longer than [`MAX_LINE`], is not JSON, or `read` fails.
    pub fn parse<'a, R>(
        &'a mut self,
        text: &'a [u8],
        read: impl for<'d> FnOnce(Value<'d, 'a>) -> Result<R, DecodeFailure>,
    ) -> Result<R, DecodeFailure> {
        if text.len() > MAX_LINE {
            return Err(DecodeFailure::at(
                MAX_LINE,
                ErrorKind::TooLong { limit: MAX_LINE },
            ));
        }
        let Self { work, zeroed } = self;
        ThreadLocal::lend(&SCRATCH, |scratch| {
            scratch.parse([work, zeroed], text, read)
        })
    }
}

impl Scratch {
    fn parse<'a, R>(
        &mut self,
        [work, zeroed]: [&'a mut Vec<u8>; 2],
        text: &'a [u8],
        read: impl for<'d> FnOnce(Value<'d, 'a>) -> Result<R, DecodeFailure>,
    ) -> Result<R, DecodeFailure> {
        // The lifetime of a tape is that of its input, so it is empty before and after each text.
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let buffers = &mut self.buffers;
        copy_padded(work, text);
        let mut parsed = simd_json::fill_tape_padded(work, text.len(), buffers, &mut tape);
        if is_bad_number(&parsed) {
            copy_padded(zeroed, text);
            zero_numbers(zeroed, text, buffers.structural_indexes());
            tape = tape.reset();
            parsed = simd_json::fill_tape_padded(zeroed, text.len(), buffers, &mut tape);
        }
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

impl Drop for Parser {
    fn drop(&mut self) {
        ThreadLocal::keep_if(&SCRATCH, |scratch| scratch.tape.0.capacity() <= MAX_NODES);
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parser").finish_non_exhaustive()
    }
}

fn copy_padded(copy: &mut Vec<u8>, text: &[u8]) {
    copy.clear();
    copy.extend_from_slice(text);
    copy.resize(text.len() + INPUT_PADDING, b' ');
}

fn is_bad_number(parsed: &Result<(), simd_json::Error>) -> bool {
    matches!(parsed, Err(error) if *error.error() == ErrorType::InvalidNumber)
}

/// Overwrites each JSON number of `copy`, which is a copy of `text`, with `0` and spaces. Structural characters and
/// text that is not JSON stay unchanged.
#[cold]
fn zero_numbers(copy: &mut [u8], text: &[u8], structurals: &[u32]) {
    for &at in structurals {
        let at = at as usize;
        let rest = text.get(at..).unwrap_or_default();
        let number = leading_number(rest);
        let next = rest.get(number.len());
        let is_delimited = next.is_none_or(|byte| b" \t\n\r,]}".contains(byte));
        if is_delimited
            && is_json_number(number)
            && let Some([first, rest @ ..]) = copy.get_mut(at..at + number.len())
        {
            *first = b'0';
            rest.fill(b' ');
        }
    }
}

/// The positions of the tape's nodes: see the module documentation.
fn node_offsets(text: &[u8], structurals: &[u32], offsets: &mut Vec<u32>) {
    offsets.clear();
    let starts_a_node =
        |&&at: &&u32| !matches!(text.get(at as usize), Some(b':' | b',' | b'}' | b']'));
    offsets.extend(structurals.iter().filter(starts_a_node));
}

/// Converts simd-json's error, and locates it if possible.
#[cold]
fn locate(text: &[u8], error: &simd_json::Error) -> DecodeFailure {
    match error.error() {
        ErrorType::InvalidUtf8 => {
            let valid = std::str::from_utf8(text).map_or_else(|e| e.valid_up_to(), str::len);
            DecodeFailure::at(valid, ErrorKind::Utf8)
        }
        ErrorType::DepthLimitExceeded => {
            DecodeFailure::at(error.index(), ErrorKind::TooDeep { limit: MAX_DEPTH })
        }
        ErrorType::InvalidNumber => {
            DecodeFailure::at(number_start(text, error.index()), ErrorKind::Json)
        }
        ErrorType::Eof => DecodeFailure::at(text.len(), ErrorKind::Json),
        // Raised by the first stage, without a position, or at the end of the input.
        ErrorType::Syntax => DecodeFailure::at(first_stage_fault(text), ErrorKind::Json),
        _ => DecodeFailure::at(error.index().min(text.len()), ErrorKind::Json),
    }
}

/// The first byte of the number that contains `at`.
fn number_start(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    let run = text[..at]
        .iter()
        .rev()
        .take_while(|b| is_number_byte(**b))
        .count();
    at - run
}

/// The offset of a control character inside a string, or of the end if a string or a scope is open.
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

/// A JSON value, borrowed from the parser. The argument `field` of its methods is the field's name for errors.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d, 'a> {
    /// The node of the value, followed by its children and by the rest of the tape.
    nodes: &'d [Node<'a>],
    /// The positions of `nodes`.
    offsets: &'d [u32],
    text: &'a [u8],
}

impl<'d, 'a> Value<'d, 'a> {
    /// The byte offset of the value in the text.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offsets
            .first()
            .map_or(self.text.len(), |&at| at as usize)
    }

    /// An error at this value.
    #[must_use]
    pub fn error(&self, kind: ErrorKind) -> DecodeFailure {
        DecodeFailure::at(self.offset(), kind)
    }

    fn wrong_type(&self, field: &'static str, expected: &'static str) -> DecodeFailure {
        self.error(ErrorKind::Type { field, expected })
    }

    /// Returns an error if the value is an item of a list that already has `limit` items.
    pub(crate) fn check_count(
        &self,
        count: usize,
        limit: usize,
        field: &'static str,
    ) -> Result<(), DecodeFailure> {
        if count == limit {
            return Err(self.error(ErrorKind::TooManyItems { field, limit }));
        }
        Ok(())
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Static(StaticNode::Null)))
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Object { .. }))
    }

    /// Whether it is an array.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.nodes.first(), Some(Node::Array { .. }))
    }

    /// The value that starts `skip` nodes later.
    fn further(&self, skip: usize) -> Self {
        Self {
            nodes: self.nodes.get(skip..).unwrap_or_default(),
            offsets: self.offsets.get(skip..).unwrap_or_default(),
            text: self.text,
        }
    }

    /// The number of nodes of the value.
    fn width(&self) -> usize {
        match self.nodes.first() {
            Some(Node::Object { count, .. } | Node::Array { count, .. }) => 1 + count,
            _ => 1,
        }
    }

    /// The unescaped string.
    ///
    /// # Errors
    /// The value is not a string.
    pub fn str(&self, field: &'static str) -> Result<&'a str, DecodeFailure> {
        match self.nodes.first() {
            Some(Node::String(text)) => Ok(text),
            _ => Err(self.wrong_type(field, "a string")),
        }
    }

    /// The text of a number, or of a string that contains one.
    fn number(&self, field: &'static str) -> Result<&'a [u8], DecodeFailure> {
        use StaticNode::{F64, I64, U64};
        match self.nodes.first() {
            Some(Node::Static(I64(_) | U64(_) | F64(_))) => {
                let rest = self.text.get(self.offset()..).unwrap_or_default();
                Ok(leading_number(rest))
            }
            Some(Node::String(text)) if is_decimal(text.as_bytes()) => Ok(text.as_bytes()),
            Some(Node::String(_)) => {
                let error = DecimalError::Syntax;
                Err(self.error(ErrorKind::Number { field, error }))
            }
            _ => Err(self.wrong_type(field, "a number")),
        }
    }

    /// A nonnegative number, as a multiple of 10^-`decimals`.
    ///
    /// # Errors
    /// The value is not a number, has too many decimal places, is out of range or negative.
    pub fn steps(&self, field: &'static str, decimals: u8) -> Result<i64, DecodeFailure> {
        let steps = self.signed_steps(field, decimals)?;
        if steps < 0 {
            return Err(self.error(ErrorKind::Negative { field }));
        }
        Ok(steps)
    }

    /// The number, if it has no sign and no exponent, like most numbers.
    fn plain_steps(&self, decimals: u8) -> Option<i64> {
        let Some(Node::Static(_)) = self.nodes.first() else {
            return None;
        };
        let mut json = PullParser::new(self.text.get(self.offset()..)?);
        json.steps(decimals).filter(|_| !json.is_at_exponent())
    }

    fn signed_steps(&self, field: &'static str, decimals: u8) -> Result<i64, DecodeFailure> {
        if let Some(steps) = self.plain_steps(decimals) {
            return Ok(steps);
        }
        parse_decimal(self.number(field)?, decimals)
            .map_err(|error| self.error(ErrorKind::Number { field, error }))
    }

    /// An integer of either sign.
    ///
    /// # Errors
    /// The value is not an integer, or out of range.
    pub fn integer(&self, field: &'static str) -> Result<i64, DecodeFailure> {
        self.signed_steps(field, 0)
    }

    /// An integer from 0 to 2^32 - 1.
    ///
    /// # Errors
    /// The value is not an integer, or out of range.
    pub fn count(&self, field: &'static str) -> Result<u32, DecodeFailure> {
        let error = DecimalError::Overflow;
        u32::try_from(self.steps(field, 0)?)
            .map_err(|_| self.error(ErrorKind::Number { field, error }))
    }

    /// An integer from 0 to 2^64 - 1.
    ///
    /// # Errors
    /// The value is not an integer, or out of range.
    pub fn unsigned(&self, field: &'static str) -> Result<u64, DecodeFailure> {
        let digits = self.decimal(field)?.0;
        // Other notations of an integer, such as `1e3`, are accepted up to 2^63 - 1.
        digits
            .parse()
            .or_else(|_| Ok(self.steps(field, 0)?.unsigned_abs()))
    }

    /// A boolean.
    ///
    /// # Errors
    /// The value is not a boolean.
    pub fn boolean(&self, field: &'static str) -> Result<bool, DecodeFailure> {
        match self.nodes.first() {
            Some(Node::Static(StaticNode::Bool(value))) => Ok(*value),
            _ => Err(self.wrong_type(field, "a boolean")),
        }
    }

    /// A number as its text.
    ///
    /// # Errors
    /// The value is not a number.
    pub fn decimal(&self, field: &'static str) -> Result<Decimal<'a>, DecodeFailure> {
        let text = self.number(field)?;
        // Digits, signs, points and exponents are ASCII.
        let text = std::str::from_utf8(text).map_err(|_| self.error(ErrorKind::Utf8))?;
        Ok(Decimal(text))
    }

    /// `BUY` or `SELL`, in upper or lower case.
    ///
    /// # Errors
    /// The value is another text, or not a string.
    pub fn trade_side(&self, field: &'static str) -> Result<TradeSide, DecodeFailure> {
        let text = self.str(field)?;
        [TradeSide::Buy, TradeSide::Sell]
            .into_iter()
            .find(|side| side.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| self.error(ErrorKind::Value { field }))
    }

    /// The fields of an object, in the order of the text.
    ///
    /// # Errors
    /// The value is not an object.
    pub fn fields(
        &self,
        field: &'static str,
    ) -> Result<impl Iterator<Item = (&'a str, Value<'d, 'a>)> + use<'d, 'a>, DecodeFailure> {
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
    ///
    /// # Errors
    /// The value is not an array.
    pub fn items(
        &self,
        field: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = Value<'d, 'a>> + use<'d, 'a>, DecodeFailure> {
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

/// A field that may occur once. `null` is the same as absent, except for [`FieldSlot::require`].
#[derive(Clone, Copy, Debug)]
pub struct FieldSlot<'d, 'a> {
    name: &'static str,
    value: Option<Value<'d, 'a>>,
}

impl<'d, 'a> FieldSlot<'d, 'a> {
    /// A field of this name, absent so far.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    /// Stores the field's value.
    ///
    /// # Errors
    /// The field occurred before.
    pub fn put(&mut self, value: Value<'d, 'a>) -> Result<(), DecodeFailure> {
        if self.value.is_some() {
            return Err(value.error(ErrorKind::Duplicate { field: self.name }));
        }
        self.value = Some(value);
        Ok(())
    }

    /// Whether the field occurs, null or not.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.value.is_some()
    }

    /// The value; `None` if it is absent or null.
    #[must_use]
    pub fn get(&self) -> Option<Value<'d, 'a>> {
        self.value.filter(|value| !value.is_null())
    }

    /// The value, which may be null. An error has the offset of the object.
    ///
    /// # Errors
    /// The field is absent.
    pub fn require(&self, of: &Value<'d, 'a>) -> Result<Value<'d, 'a>, DecodeFailure> {
        self.value
            .ok_or_else(|| of.error(ErrorKind::Missing { field: self.name }))
    }

    /// The value, which must not be null. An error has the offset of the object.
    ///
    /// # Errors
    /// The field is absent or null.
    pub fn value(&self, of: &Value<'d, 'a>) -> Result<Value<'d, 'a>, DecodeFailure> {
        self.get()
            .ok_or_else(|| of.error(ErrorKind::Missing { field: self.name }))
    }

    /// A required string.
    ///
    /// # Errors
    /// The field is absent or not a string.
    pub fn str(&self, of: &Value<'d, 'a>) -> Result<&'a str, DecodeFailure> {
        self.require(of)?.str(self.name)
    }

    /// An optional string.
    ///
    /// # Errors
    /// The field is present and not a string.
    pub fn opt_str(&self) -> Result<Option<&'a str>, DecodeFailure> {
        self.optional(Value::str)
    }

    /// A required number as its text.
    ///
    /// # Errors
    /// The field is absent or not a number.
    pub fn decimal(&self, of: &Value<'d, 'a>) -> Result<Decimal<'a>, DecodeFailure> {
        self.require(of)?.decimal(self.name)
    }

    /// An optional number as its text.
    ///
    /// # Errors
    /// The field is present and not a number.
    pub fn opt_decimal(&self) -> Result<Option<Decimal<'a>>, DecodeFailure> {
        self.optional(Value::decimal)
    }

    /// An optional integer.
    ///
    /// # Errors
    /// The field is present and not an integer, or out of range.
    pub fn opt_integer(&self) -> Result<Option<i64>, DecodeFailure> {
        self.optional(Value::integer)
    }

    /// An optional value, parsed by `read`.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<T>(
        &self,
        read: impl FnOnce(&Value<'d, 'a>, &'static str) -> Result<T, DecodeFailure>,
    ) -> Result<Option<T>, DecodeFailure> {
        self.get().map(|value| read(&value, self.name)).transpose()
    }
}

/// A field that must not invalidate the message: it is `None` if it is invalid or occurs twice.
#[derive(Clone, Copy, Debug)]
pub struct Extra<'d, 'a> {
    name: &'static str,
    value: Option<Value<'d, 'a>>,
    twice: bool,
}

impl<'d, 'a> Extra<'d, 'a> {
    /// A field of this name, absent so far.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            value: None,
            twice: false,
        }
    }

    /// Stores the field's value.
    pub fn put(&mut self, value: Value<'d, 'a>) {
        self.twice |= self.value.replace(value).is_some();
    }

    /// The value, if `read` can parse it.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Value<'d, 'a>, &'static str) -> Result<T, DecodeFailure>,
    ) -> Option<T> {
        let value = self.value.filter(|_| !self.twice)?;
        read(&value, self.name).ok()
    }
}

/// Assigns the fields of an object to variables: each to a [`FieldSlot`](crate::json::FieldSlot), and those after
/// `extra` to an [`Extra`](crate::json::Extra). Skips other fields. See [`json`](crate::json).
///
/// Returns from the calling function with a [`DecodeFailure`](crate::json::DecodeFailure) if the value is not an
/// object, or if the field of a slot occurs twice.
#[macro_export]
macro_rules! read_fields {
    (
        $object:expr, $what:literal,
        { $($name:literal => $slot:ident),* $(,)? }
        $(, extra { $($extra_name:literal => $extra:ident),* $(,)? })?
    ) => {
        $(let mut $slot = $crate::json::FieldSlot::new($name);)*
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
