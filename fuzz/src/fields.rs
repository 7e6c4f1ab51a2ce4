//! The fields of messages: one table for each, which gives the values of a decoded message, reads them from JSON, and writes
//! them as JSON again.

use ticklot_book::{Lots, Ticks};
use ticklot_frame::{Decimal, IsoTime, TradeSide, UnixMillis, UnixSeconds};

use crate::json::{Json, Refused, normalized, required};

/// The path of a field, and its value.
pub(crate) type Field = (&'static str, Option<String>);

/// How a field is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Text,
    Number,
    Integer,
    /// A whole number that is not below zero.
    Steps,
    Side,
}

/// The path of a field, how it is read, and whether it is required.
pub(crate) type Spec = (&'static str, Rule, bool);

/// Defines a table of fields, and the function that gives the fields of a message: `"name": Rule = value;`, and
/// `Rule?` for an optional field.
macro_rules! fields {
    ($table:ident, $fields:ident($it:ident: $message:ty), {
        $($name:literal: $rule:ident $(? $($optional:literal)?)? = $value:expr;)*
    }) => {
        const $table: &[$crate::fields::Spec] = &[
            $(($name, $crate::fields::Rule::$rule, true $(& false $($optional)?)?)),*
        ];

        fn $fields($it: &$message) -> Vec<$crate::fields::Field> {
            vec![$(($name, $crate::fields::Value::text($value))),*]
        }
    };
}

pub(crate) use fields;

/// The value of a field of a decoded message.
pub(crate) trait Value {
    /// As text; none if it is absent.
    fn text(self) -> Option<String>;
}

macro_rules! values {
    ($($type:ty: $it:ident => $text:expr;)*) => {
        $(impl Value for $type {
            fn text(self) -> Option<String> {
                let $it = self;
                Some($text)
            }
        })*
    };
}

values! {
    &str: it => it.to_owned();
    i64: it => it.to_string();
    TradeSide: it => it.as_str().to_owned();
    Decimal<'_>: it => normalized(it.0);
    IsoTime<'_>: it => it.0.to_owned();
    UnixMillis: it => it.0.to_string();
    UnixSeconds: it => it.0.to_string();
    Ticks: it => it.0.to_string();
    Lots: it => it.0.to_string();
}

impl<T: Value> Value for Option<T> {
    fn text(self) -> Option<String> {
        self.and_then(Value::text)
    }
}

/// The fields of an object, or of objects in it.
pub(crate) fn read_fields(json: &Json, table: &[Spec]) -> Result<Vec<Field>, Refused> {
    let field = |&(path, rule, is_required): &Spec| {
        let (object, name) = match path.split_once('/') {
            Some((object, name)) => (required(json.fields([object])?[0])?, name),
            None => (json, path),
        };
        object.object()?;
        let read = |value: &Json| match rule {
            Rule::Text => value.text(),
            Rule::Number => value.number(),
            Rule::Integer => value.integer().map(|number| number.to_string()),
            Rule::Steps => value.steps(0).map(|number| number.to_string()),
            Rule::Side => trade_side(value).map(|side| side.as_str().to_owned()),
        };
        let text = if is_required {
            Some(read(required(object.fields([name])?[0])?)?)
        } else {
            object.extra(name, read)
        };
        Ok((path, text))
    };
    table.iter().map(field).collect()
}

/// The present fields of a table as an object, those of objects inside it last.
pub(crate) fn write_fields(fields: &[Field], table: &[Spec]) -> String {
    let mut objects: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    for (path, rule, _) in table {
        let value = find(fields, path);
        let (object, name) = path.split_once('/').unwrap_or(("", path));
        if !objects.iter().any(|(known, _)| *known == object) {
            objects.push((object, Vec::new()));
        }
        if let Some(value) = value {
            let value = match rule {
                Rule::Text | Rule::Side => string(value),
                Rule::Number | Rule::Integer | Rule::Steps => number(value),
            };
            let (_, inside) = objects
                .iter_mut()
                .find(|(known, _)| *known == object)
                .expect("added");
            inside.push(format!("{}:{value}", string(name)));
        }
    }
    let mut all = objects.remove(0).1;
    for (name, inside) in objects {
        all.push(format!("{}:{{{}}}", string(name), inside.join(",")));
    }
    format!("{{{}}}", all.join(","))
}

/// The value of a field.
pub(crate) fn find<'a>(fields: &'a [Field], path: &str) -> Option<&'a str> {
    let field = fields.iter().find(|(known, _)| *known == path);
    field.and_then(|(_, value)| value.as_deref())
}

/// A number, in quotes if JSON has no such number: it was in quotes then.
pub(crate) fn number(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(Json::Number(_)) => text.to_owned(),
        _ => string(text),
    }
}

pub(crate) fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written")
}

/// Items with commas between them, in brackets.
pub(crate) fn array<T>(items: impl IntoIterator<Item = T>, write: impl Fn(T) -> String) -> String {
    let items: Vec<String> = items.into_iter().map(write).collect();
    format!("[{}]", items.join(","))
}

pub(crate) fn trade_side(side: &Json) -> Result<TradeSide, Refused> {
    match side.text()?.to_ascii_uppercase().as_str() {
        "BUY" => Ok(TradeSide::Buy),
        "SELL" => Ok(TradeSide::Sell),
        _ => Err(Refused),
    }
}
