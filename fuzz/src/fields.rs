//! Tables of the fields of messages. A table converts a decoded message to an object, and reads the same object
//! from JSON that may have other fields.

use ticklot_book::{Lots, Ticks};
use ticklot_frame::{Decimal, IsoTime, TradeSide, UnixMillis, UnixSeconds};

use crate::json::{Json, Refused, normalized, number, required, string};

/// The type of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Text,
    Number,
    Integer,
    /// A nonnegative integer.
    Steps,
    Side,
}

/// The path of a field, its type, and whether it is required.
pub(crate) type Spec = (&'static str, Rule, bool);

/// Defines a table of fields, and the function that converts a message to an object. A field is `"name": Rule = value;`,
/// with `Rule?` for an optional one.
macro_rules! fields {
    ($table:ident, $fields:ident($it:ident: $message:ty), {
        $($name:literal: $rule:ident $(? $($optional:literal)?)? = $value:expr;)*
    }) => {
        const $table: &[$crate::fields::Spec] = &[
            $(($name, $crate::fields::Rule::$rule, true $(& false $($optional)?)?)),*
        ];

        fn $fields($it: &$message) -> Json {
            $crate::fields::object_of($table, [$($crate::fields::Value::text($value)),*])
        }
    };
}

pub(crate) use fields;

/// The value of a field of a decoded message.
pub(crate) trait Value {
    /// The value as text; `None` if it is absent.
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

/// Reads the fields of an object and of objects in it.
pub(crate) fn read_fields(json: &Json, table: &[Spec]) -> Result<Json, Refused> {
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
        Ok(if is_required {
            Some(read(required(object.fields([name])?[0])?)?)
        } else {
            object.extra(name, read)
        })
    };
    let values: Vec<Option<String>> = table.iter().map(field).collect::<Result<_, _>>()?;
    Ok(object_of(table, values))
}

/// The present values of a table as an object, with nested objects last.
pub(crate) fn object_of(table: &[Spec], values: impl IntoIterator<Item = Option<String>>) -> Json {
    let mut objects: Vec<(&str, Vec<(String, Json)>)> = vec![("", Vec::new())];
    for (&(path, rule, _), value) in table.iter().zip(values) {
        let (object, name) = path.split_once('/').unwrap_or(("", path));
        if !objects.iter().any(|(known, _)| *known == object) {
            objects.push((object, Vec::new()));
        }
        let inside = objects.iter_mut().find(|(known, _)| *known == object);
        let (_, inside) = inside.expect("added");
        let value = value.map(|text| match rule {
            Rule::Text | Rule::Side => string(&text),
            Rule::Number | Rule::Integer | Rule::Steps => number(&text),
        });
        inside.extend(value.map(|value| (name.to_owned(), value)));
    }
    let mut all = objects.remove(0).1;
    let objects = objects.into_iter();
    all.extend(objects.map(|(name, inside)| (name.to_owned(), Json::Object(inside))));
    Json::Object(all)
}

pub(crate) fn trade_side(side: &Json) -> Result<TradeSide, Refused> {
    match side.text()?.to_ascii_uppercase().as_str() {
        "BUY" => Ok(TradeSide::Buy),
        "SELL" => Ok(TradeSide::Sell),
        _ => Err(Refused),
    }
}
