//! Structs of a message's fields, with one declaration for the tape parser and the pull parser.
//!
//! [`record!`] declares the JSON key of each field of a struct, and the field's type determines how the value is
//! parsed. The macro generates both readers. One reads the tape of [`json`](crate::json) and reports errors. The other
//! uses the [`PullParser`], which is fastest if the fields are in the order of the declaration, and accepts any order.

use ticklot_book::{Lots, Ticks};

use crate::error::DecodeFailure;
use crate::iso_time::IsoTime;
use crate::json::Value;
use crate::pull::PullParser;
use crate::units::{Decimal, TradeSide, UnixMillis, UnixSeconds};

/// A value that both parsers can read.
pub(crate) trait Field<'a>: Sized {
    /// Reads the value from a tape. `name` is the field's name for errors.
    fn parse(value: &Value<'_, 'a>, name: &'static str) -> Result<Self, DecodeFailure>;

    /// Reads the value with the pull parser. `None` if it must be read from a tape: see [`pull`](crate::pull).
    fn pull(json: &mut PullParser<'a>) -> Option<Self>;
}

/// An object. [`record!`] implements it.
pub(crate) trait Record<'a>: Field<'a> {
    /// Reads the object like [`Field::pull`]. `other` reads or skips the fields that are not part of the record.
    fn pull_with(
        json: &mut PullParser<'a>,
        other: impl FnMut(&mut PullParser<'a>) -> Option<()>,
    ) -> Option<Self>;
}

macro_rules! fields {
    ($($field:ty: $parse:expr, $pull:expr;)*) => {$(
        impl<'a> Field<'a> for $field {
            fn parse(value: &Value<'_, 'a>, name: &'static str) -> Result<Self, DecodeFailure> {
                $parse(value, name)
            }

            #[inline(always)]
            fn pull(json: &mut PullParser<'a>) -> Option<Self> {
                $pull(json)
            }
        }
    )*};
}

fields! {
    &'a str: Value::str, PullParser::str;
    Decimal<'a>: Value::decimal, PullParser::decimal;
    TradeSide: Value::trade_side, PullParser::trade_side;
    i64: Value::integer, PullParser::whole;
    IsoTime<'a>: |value, name| Field::parse(value, name).map(IsoTime), |json| Field::pull(json).map(IsoTime);
    UnixMillis: |value, name| Field::parse(value, name).map(UnixMillis), |json| Field::pull(json).map(UnixMillis);
    UnixSeconds: |value, name| Field::parse(value, name).map(UnixSeconds), |json| Field::pull(json).map(UnixSeconds);
    Ticks: |value: &Value<'_, '_>, name| value.steps(name, 0).map(Ticks), |json| Field::pull(json).map(Ticks);
    Lots: |value: &Value<'_, '_>, name| value.steps(name, 0).map(Lots), |json| Field::pull(json).map(Lots);
}

/// Implements [`Record`] for a struct, whose name in errors is `what`. An `extra` field is an
/// [`Extra`](crate::json::Extra): `None` if it is absent, null or invalid. A field with `as` is parsed as that type,
/// and unwrapped. Fields after `given` have constant values.
macro_rules! record {
    (
        $record:ty as $what:literal {
            $($($extra:ident)? $key:literal => $field:ident $(as $via:ident)?),* $(,)?
        }
        $(given { $($given:ident: $value:expr),* $(,)? })?
    ) => {
        impl<'a> $crate::record::Field<'a> for $record {
            fn parse(
                object: &$crate::json::Value<'_, 'a>,
                _: &'static str,
            ) -> Result<Self, $crate::error::DecodeFailure> {
                $(let mut $field = record!(@slot $key $($extra)?);)*
                for (key, value) in object.fields($what)? {
                    match key {
                        $($key => record!(@put $field value $($extra)?),)*
                        _ => {}
                    }
                }
                Ok(Self {
                    $($field: record!(@parse $field object $key $($extra)? $(as $via)?),)*
                    $($($given: $value,)*)?
                })
            }

            fn pull(json: &mut $crate::pull::PullParser<'a>) -> Option<Self> {
                $crate::record::Record::pull_with(json, $crate::pull::PullParser::skip_field)
            }
        }

        impl<'a> $crate::record::Record<'a> for $record {
            fn pull_with(
                parser: &mut $crate::pull::PullParser<'a>,
                mut other: impl FnMut(&mut $crate::pull::PullParser<'a>) -> Option<()>,
            ) -> Option<Self> {
                let mut json = *parser;
                $(let mut $field = None;)*
                let mut has_next = json.open(*b"{}")?;
                while has_next {
                    let start = json.at();
                    // In this order, each field takes one comparison.
                    $(if has_next && json.key(concat!("\"", $key, "\":")) {
                        $crate::pull::put(&mut $field, record!(@pull json $($extra)?))?;
                        has_next = json.has_next(b'}')?;
                    })*
                    if json.at() == start {
                        json.with(&mut other)?;
                        has_next = json.has_next(b'}')?;
                    }
                }
                *parser = json;
                Some(Self {
                    $($field: record!(@found $field $($extra)?),)*
                    $($($given: $value,)*)?
                })
            }
        }
    };
    (@slot $key:literal extra) => { $crate::json::Extra::new($key) };
    (@slot $key:literal) => { $crate::json::FieldSlot::new($key) };
    (@put $slot:ident $value:ident extra) => { $slot.put($value) };
    (@put $slot:ident $value:ident) => { $slot.put($value)? };
    (@parse $slot:ident $object:ident $key:literal extra) => { $slot.read($crate::record::Field::parse) };
    (@parse $slot:ident $object:ident $key:literal) => {
        $crate::record::Field::parse(&$slot.require($object)?, $key)?
    };
    (@parse $slot:ident $object:ident $key:literal as $via:ident) => {
        <$via as $crate::record::Field>::parse(&$slot.require($object)?, $key)?.0
    };
    (@pull $json:ident extra) => { $json.with(|json| json.nullable($crate::record::Field::pull))? };
    (@pull $json:ident) => { $json.with($crate::record::Field::pull)? };
    (@found $slot:ident extra) => { $slot.flatten() };
    (@found $slot:ident) => { $slot? };
}
pub(crate) use record;
