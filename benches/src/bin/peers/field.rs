//! What contenders make of a frame, in words that all of them share: so that they can be compared before they are timed.

#[cfg(feature = "peers")]
use ticklot_book::{Change, Level};
#[cfg(feature = "peers")]
use ticklot_frame::{Trade, TradeSide};

/// One value of a message.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(feature = "peers"), allow(dead_code))] // books say less than messages
pub(crate) enum Field {
    Text(String),
    Int(i64),
    Float(f64),
    /// Null, or not there.
    Nothing,
    /// The contender's message has no place for it.
    NotCarried,
}

/// The values of a frame, in an order of their own for each kind of message.
pub(crate) type Fields = Vec<Field>;

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Field {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

#[cfg(feature = "peers")]
impl From<TradeSide> for Field {
    fn from(side: TradeSide) -> Self {
        side.as_str().into()
    }
}

impl<T: Into<Self>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// Where two results differ, if they do.
pub(crate) fn difference(truth: &[Field], result: &[Field]) -> Option<String> {
    if truth.len() != result.len() {
        return Some(format!("{} values, not {}", result.len(), truth.len()));
    }
    let mut pairs = truth.iter().zip(result).enumerate();
    let differs = |&(_, (truth, result)): &(usize, (&Field, &Field))| {
        truth != result && *result != Field::NotCarried
    };
    let (place, (truth, result)) = pairs.find(differs)?;
    Some(format!("value {place} is {result:?}, not {truth:?}"))
}

/// Adds a side of a book.
#[cfg(feature = "peers")]
pub(crate) fn add_levels(fields: &mut Fields, levels: &[Level]) {
    fields.push(Field::from("side"));
    for level in levels {
        fields.extend([
            level.ticks.0.into(),
            level.lots.0.into(),
            Field::Int(level.count.into()),
        ]);
    }
}

/// Adds a list of trades.
#[cfg(feature = "peers")]
pub(crate) fn add_trades(fields: &mut Fields, trades: &[Trade]) {
    fields.push(Field::from("trades"));
    for trade in trades {
        fields.extend([
            trade.ticks.0.into(),
            trade.lots.0.into(),
            trade.side.into(),
            trade.created.0.into(),
        ]);
    }
}

/// Adds the levels that changed.
#[cfg(feature = "peers")]
pub(crate) fn add_changes(fields: &mut Fields, changes: &[Change]) {
    for change in changes {
        fields.extend([
            Field::Text(change.side.to_string()),
            change.ticks.0.into(),
            change.old_lots.0.into(),
            change.new_lots.0.into(),
            Field::Int(change.count.into()),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_message_has_no_place_for_may_be_missing() {
        let truth = [Field::Int(1), Field::from("a")];
        assert_eq!(difference(&truth, &truth), None);
        assert_eq!(
            difference(&truth, &[Field::Int(1), Field::NotCarried]),
            None
        );
        assert!(difference(&truth, &[Field::Int(1), Field::Nothing]).is_some());
        assert!(difference(&truth, &[Field::Int(2), Field::from("a")]).is_some());
        assert!(difference(&truth, &truth[..1]).is_some());
    }
}
