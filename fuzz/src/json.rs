//! JSON as `serde_json` reads it, with what its own `Value` loses: fields that stand twice, and the
//! order of fields. Numbers keep their text.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use ticklot_book::DecimalError;
use ticklot_frame::ErrorKind;

use crate::decimal::exact;

/// The decoders' limit of nesting. That of `serde_json` is 128.
const MAX_DEPTH: usize = 64;

/// How `serde_json` hands over the text of a number: as an object with this field.
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

/// A message that a decoder must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Whether the text could make `serde_json` take an object for a number.
pub(crate) fn is_ambiguous(text: &[u8]) -> bool {
    text.windows(7).any(|window| window == b"private")
}

/// Holds a decoder's verdict on whether a text is JSON to that of `serde_json`, and returns the
/// value if the decoder had one to read.
pub(crate) fn judge(text: &[u8], refused: Option<ErrorKind>) -> Option<Json> {
    let json = serde_json::from_slice::<Json>(text);
    match (refused, &json) {
        (Some(ErrorKind::Json), Ok(_)) => panic!("refused, though JSON"),
        (Some(ErrorKind::Json), Err(_)) => None,
        (Some(ErrorKind::Utf8), _) => {
            assert!(std::str::from_utf8(text).is_err(), "refused, though UTF-8");
            None
        }
        (Some(ErrorKind::TooDeep { .. }), json) => {
            assert!(
                json.as_ref().map_or(true, |json| json.depth() > MAX_DEPTH),
                "{json:?}"
            );
            None
        }
        (_, Err(error)) => panic!("not refused as no JSON: {error}"),
        (refused, Ok(json)) => {
            if let Some(ErrorKind::Twice { field }) = refused {
                assert!(json.has_twice(field), "{field}: {json:?}");
            }
            assert!(json.depth() <= MAX_DEPTH, "accepted: {json:?}");
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

    /// Whether a field of this name stands twice in an object of it, or holds an object in which any
    /// does.
    fn has_twice(&self, name: &str) -> bool {
        match self {
            Self::Array(items) => items.iter().any(|item| item.has_twice(name)),
            Self::Object(fields) => {
                fields.iter().filter(|(key, _)| key == name).count() > 1
                    || fields.iter().any(|(key, value)| {
                        (key == name && value.has_twins()) || value.has_twice(name)
                    })
            }
            _ => false,
        }
    }

    /// Whether two fields of the object have one name.
    pub(crate) fn has_twins(&self) -> bool {
        let Self::Object(fields) = self else {
            return false;
        };
        let mut keys: Vec<&String> = fields.iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The fields of these names; each may stand once.
    pub(crate) fn fields<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<&Self>; N], Refused> {
        let Self::Object(fields) = self else {
            return Err(Refused);
        };
        let mut found = [None; N];
        for (key, value) in fields {
            if let Some(place) = names.iter().position(|name| name == key)
                && found[place].replace(value).is_some()
            {
                return Err(Refused);
            }
        }
        Ok(found)
    }

    /// A field that costs nothing: none unless it stands once and can be read.
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

    /// The items of an array, of which there may be so many.
    pub(crate) fn list(&self, limit: usize) -> Result<&[Self], Refused> {
        self.items()
            .and_then(|items| items.get(..=limit).map_or(Ok(items), |_| Err(Refused)))
    }

    /// The same of a field; none when it is absent or null.
    pub(crate) fn list_or_none(field: Option<&Self>, limit: usize) -> Result<&[Self], Refused> {
        non_null(field).map_or(Ok(&[]), |field| field.list(limit))
    }

    /// A number, or a string that holds one, as it is [`normalized`].
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

    /// A whole number.
    pub(crate) fn integer(&self) -> Result<i64, Refused> {
        exact(self.number()?.as_bytes(), 0).map_err(|_: DecimalError| Refused)
    }

    /// A whole number of steps, not below zero.
    pub(crate) fn steps(&self, decimals: u8) -> Result<i64, Refused> {
        let steps = exact(self.number()?.as_bytes(), decimals).map_err(|_| Refused)?;
        if steps < 0 { Err(Refused) } else { Ok(steps) }
    }

    /// A whole number of 32 bits.
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

/// The text of a number as `serde_json` keeps it: its exponent, if any, after `e` and a sign.
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

/// A number, as a string if JSON has no such number: it was in quotes then.
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

/// Whether it is an empty string, an empty array, or an array with an empty string in it.
pub(crate) fn is_empty(value: &Json) -> bool {
    match value {
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty() || items.iter().any(is_empty),
        _ => false,
    }
}

/// A field that must be there.
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

            // Integers of up to 64 bits come as such: their text is what they print.
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
