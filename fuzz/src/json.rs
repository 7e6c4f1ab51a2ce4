//! A JSON tree that `serde_json` builds. Unlike its `Value`, the tree keeps duplicate fields, the order of fields,
//! and the text of numbers.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use ticklot_book::DecimalError;
use ticklot_frame::ErrorKind;

use crate::decimal::exact;

/// The maximum nesting depth of the decoders. That of `serde_json` is 128.
const MAX_DEPTH: usize = 64;

/// The field of the object in which `serde_json` passes the text of a number.
const NUMBER: &str = "$serde_json::private::Number";

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The error for a message that a decoder must reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Whether `serde_json` could mistake an object of the text for a number.
pub(crate) fn is_ambiguous(text: &[u8]) -> bool {
    text.windows(7).any(|window| window == b"private")
}

/// Checks that a decoder and `serde_json` agree on whether a text is JSON. Returns the value, unless the decoder
/// reported a syntax error.
pub(crate) fn check_syntax(text: &[u8], refused: Option<ErrorKind>) -> Option<Json> {
    let json = serde_json::from_slice::<Json>(text);
    match (refused, &json) {
        (Some(ErrorKind::Json), Ok(_)) => panic!("rejected valid JSON"),
        (Some(ErrorKind::Json), Err(_)) => None,
        (Some(ErrorKind::Utf8), _) => {
            assert!(std::str::from_utf8(text).is_err(), "rejected valid UTF-8");
            None
        }
        (Some(ErrorKind::TooDeep { .. }), json) => {
            assert!(
                json.as_ref().map_or(true, |json| json.depth() > MAX_DEPTH),
                "{json:?}"
            );
            None
        }
        (_, Err(error)) => panic!("accepted invalid JSON: {error}"),
        (refused, Ok(json)) => {
            if let Some(ErrorKind::Duplicate { field }) = refused {
                assert!(json.has_duplicate(field), "{field}: {json:?}");
            }
            assert!(json.depth() <= MAX_DEPTH, "too deep: {json:?}");
            Some(json.clone())
        }
    }
}

impl Json {
    fn depth(&self) -> usize {
        let inside = match self {
            Self::Array(items) => items.iter().map(Self::depth).max(),
            Self::Object(fields) => fields.iter().map(|(_, value)| value.depth()).max(),
            _ => return 0,
        };
        1 + inside.unwrap_or(0)
    }

    /// Whether an object in the tree has this field twice, or has a field of this name whose object has any duplicate.
    fn has_duplicate(&self, name: &str) -> bool {
        match self {
            Self::Array(items) => items.iter().any(|item| item.has_duplicate(name)),
            Self::Object(fields) => {
                fields.iter().filter(|(key, _)| key == name).count() > 1
                    || fields.iter().any(|(key, value)| {
                        (key == name && value.has_duplicates()) || value.has_duplicate(name)
                    })
            }
            _ => false,
        }
    }

    /// Whether two fields of the object have the same name.
    pub(crate) fn has_duplicates(&self) -> bool {
        let Self::Object(fields) = self else {
            return false;
        };
        let mut keys: Vec<&String> = fields.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The fields with these names. A duplicate is an error.
    pub(crate) fn fields<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<&Self>; N], Refused> {
        let Self::Object(fields) = self else {
            return Err(Refused);
        };
        let mut found = [None; N];
        for (key, value) in fields {
            if let Some(index) = names.iter().position(|name| name == key)
                && found[index].replace(value).is_some()
            {
                return Err(Refused);
            }
        }
        Ok(found)
    }

    /// An optional field: `None` unless it occurs once and is valid.
    pub(crate) fn extra<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Self) -> Result<T, Refused>,
    ) -> Option<T> {
        let [field] = self.fields([name]).ok()?;
        read(field?).ok()
    }

    /// The fields of an object, in order.
    pub(crate) fn object(&self) -> Result<&[(String, Self)], Refused> {
        match self {
            Self::Object(fields) => Ok(fields),
            _ => Err(Refused),
        }
    }

    pub(crate) fn text(&self) -> Result<String, Refused> {
        match self {
            Self::String(text) => Ok(text.clone()),
            _ => Err(Refused),
        }
    }

    pub(crate) fn items(&self) -> Result<&[Self], Refused> {
        match self {
            Self::Array(items) => Ok(items),
            _ => Err(Refused),
        }
    }

    /// The items of an array with at most `limit` items.
    pub(crate) fn list(&self, limit: usize) -> Result<&[Self], Refused> {
        self.items()
            .and_then(|items| items.get(..=limit).map_or(Ok(items), |_| Err(Refused)))
    }

    /// The same for a field, which may be absent or null.
    pub(crate) fn list_or_none(field: Option<&Self>, limit: usize) -> Result<&[Self], Refused> {
        non_null(field).map_or(Ok(&[]), |field| field.list(limit))
    }

    /// The [`normalized`] text of a number, or of a string that contains one.
    pub(crate) fn number(&self) -> Result<String, Refused> {
        match self {
            Self::Number(text) => Ok(text.clone()),
            Self::String(text) if exact(text.as_bytes(), 0) != Err(DecimalError::Syntax) => {
                Ok(normalized(text))
            }
            _ => Err(Refused),
        }
    }

    pub(crate) fn boolean(&self) -> Result<bool, Refused> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err(Refused),
        }
    }

    /// An integer.
    pub(crate) fn integer(&self) -> Result<i64, Refused> {
        exact(self.number()?.as_bytes(), 0).map_err(|_: DecimalError| Refused)
    }

    /// A nonnegative number of steps.
    pub(crate) fn steps(&self, decimals: u8) -> Result<i64, Refused> {
        let steps = exact(self.number()?.as_bytes(), decimals).map_err(|_| Refused)?;
        if steps < 0 { Err(Refused) } else { Ok(steps) }
    }

    /// An unsigned integer of 32 bits.
    pub(crate) fn count(&self) -> Result<u32, Refused> {
        u32::try_from(self.integer()?).map_err(|_| Refused)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &String| serde_json::to_string(text).map_err(|_| fmt::Error);
        let join = |items: Vec<String>| items.join(",");
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::String(text) => f.write_str(&quoted(text)?),
            Self::Array(items) => {
                write!(f, "[{}]", join(items.iter().map(Self::to_string).collect()))
            }
            Self::Object(fields) => {
                let field =
                    |(name, value): &(String, Self)| Ok(format!("{}:{value}", quoted(name)?));
                let fields: Vec<String> = fields.iter().map(field).collect::<Result<_, _>>()?;
                write!(f, "{{{}}}", join(fields))
            }
        }
    }
}

/// The text of a number as `serde_json` keeps it, with an exponent after `e` and a sign.
pub(crate) fn normalized(number: &str) -> String {
    match number.split_once(['e', 'E']) {
        None => number.to_owned(),
        Some((digits, exponent)) if exponent.starts_with(['+', '-']) => {
            format!("{digits}e{exponent}")
        }
        Some((digits, exponent)) => format!("{digits}e+{exponent}"),
    }
}

/// A field, unless it is absent or null.
pub(crate) fn non_null(field: Option<&Json>) -> Option<&Json> {
    field.filter(|value| **value != Json::Null)
}

pub(crate) fn string(text: &str) -> Json {
    Json::String(text.to_owned())
}

pub(crate) fn strings(texts: &[&str]) -> Json {
    array(texts, |text| string(text))
}

/// A number, or a string if it is not a JSON number and must have been in quotes.
pub(crate) fn number(text: &str) -> Json {
    match serde_json::from_str(text) {
        Ok(Json::Number(_)) => Json::Number(text.to_owned()),
        _ => string(text),
    }
}

pub(crate) fn array<T>(items: impl IntoIterator<Item = T>, item: impl FnMut(T) -> Json) -> Json {
    Json::Array(items.into_iter().map(item).collect())
}

pub(crate) fn object(fields: Vec<(&str, Json)>) -> Json {
    let fields = fields.into_iter();
    Json::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// Whether a value is an empty string, an empty array, or an array with an empty string.
pub(crate) fn is_empty(value: &Json) -> bool {
    match value {
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty() || items.iter().any(is_empty),
        _ => false,
    }
}

/// A required field.
pub(crate) fn required(field: Option<&Json>) -> Result<&Json, Refused> {
    field.ok_or(Refused)
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E: Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            // Integers of up to 64 bits are passed as numbers.
            fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number.to_string()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
                Ok(Json::String(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Json::Array(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == NUMBER {
                        return Ok(Json::Number(map.next_value()?));
                    }
                    fields.push((key, map.next_value()?));
                }
                Ok(Json::Object(fields))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
