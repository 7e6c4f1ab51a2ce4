//! What a message says, fact by fact: read from JSON by a table, and written as JSON again.

use ticklot_frame::TradeSide;

use crate::json::{Json, Refused, need};

/// Where something stands, and what it says.
pub(crate) type Fact = (&'static str, Option<String>);

/// How a field is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Text,
    Number,
    Integer,
    /// A whole number that is not below zero.
    Steps,
    Side,
}

/// Where a field stands, how it is to be read, and whether it must be there.
pub(crate) type Field = (&'static str, Rule, bool);

pub(crate) fn some(name: &'static str, text: &str) -> Fact {
    (name, Some(text.to_owned()))
}

pub(crate) fn read_facts(json: &Json, fields: &[Field]) -> Result<Vec<Fact>, Refused> {
    let fact = |&(place, rule, required): &Field| {
        let (object, name) = match place.split_once('/') {
            Some((object, name)) => (need(json.fields([object])?[0])?, name),
            None => (json, place),
        };
        object.object()?;
        let read = |value: &Json| match rule {
            Rule::Text => value.text(),
            Rule::Number => value.number(),
            Rule::Integer => value.integer().map(|number| number.to_string()),
            Rule::Steps => value.steps(0).map(|number| number.to_string()),
            Rule::Side => trade_side(value).map(|side| side.as_str().to_owned()),
        };
        let text = if required {
            Some(read(need(object.fields([name])?[0])?)?)
        } else {
            object.extra(name, read)
        };
        Ok((place, text))
    };
    fields.iter().map(fact).collect()
}

/// The facts of a table as the fields of an object, those of objects inside it last; what there is none
/// of is left out.
pub(crate) fn write_facts(facts: &[Fact], fields: &[Field]) -> String {
    let mut objects: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    for (place, rule, _) in fields {
        let (_, fact) = facts
            .iter()
            .find(|(it, _)| it == place)
            .expect("it is read");
        let (object, name) = place.split_once('/').unwrap_or(("", place));
        if !objects.iter().any(|(known, _)| *known == object) {
            objects.push((object, Vec::new()));
        }
        if let Some(fact) = fact {
            let value = match rule {
                Rule::Text | Rule::Side => string(fact),
                Rule::Number | Rule::Integer | Rule::Steps => number(fact),
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
