//! What to follow at Kraken, from the command line, a config file or a log.

use crate::Failure;
use crate::args::{FollowArgs, check_effects};
use crate::replay::built;

pub(crate) use ticklot::kraken::{Depth, Kraken};

/// The symbol that is followed when none is named.
const SYMBOL: &str = "BTC/USD";

/// The books and the trades of `--symbol`.
pub(crate) fn follow(args: &FollowArgs) -> Result<Kraken, Failure> {
    check_effects(&[(args.book.has_decimals(), false, NO_DECIMALS)])?;
    let url = args.url.as_deref();
    let symbols = match args.book.symbols() {
        [any] if any == "any" => return any_from(url, args.book_depth.unwrap_or_default()),
        [] => vec![SYMBOL],
        symbols => symbols.iter().map(String::as_str).collect(),
    };
    connection(&symbols, args.book_depth.unwrap_or_default(), true, url)
}

/// One connection with these books, and with their trades where that is wanted.
pub(crate) fn connection(
    symbols: &[&str],
    depth: Depth,
    trades: bool,
    url: Option<&str>,
) -> Result<Kraken, Failure> {
    let venue = Kraken::new(symbols.iter().copied());
    built(at(venue.depth(depth).trades(trades), url).build())
}

/// A server that sends without a subscription, such as one that plays a recording.
fn any_from(url: Option<&str>, depth: Depth) -> Result<Kraken, Failure> {
    if url.is_none() {
        return Err(Failure::Usage(
            "--symbol any subscribes to nothing: it is for a server that plays a log (--url)"
                .to_owned(),
        ));
    }
    built(at(Kraken::any().depth(depth), url).build())
}

/// The venue of a log, whatever books it has.
pub(crate) fn of_log() -> Result<Kraken, Failure> {
    built(Kraken::any().build())
}

fn at(venue: Kraken, url: Option<&str>) -> Kraken {
    match url {
        Some(url) => venue.url(url),
        None => venue,
    }
}

/// The venue sends the decimals itself.
pub(crate) const NO_DECIMALS: &str = "Kraken sends the decimals of its instruments: leave --price-decimals and \
     --quantity-decimals out";

/// The number of levels a side.
pub(crate) fn depth(text: &str) -> Result<Depth, String> {
    let depth = text.parse().ok().and_then(Depth::from_levels);
    depth.ok_or_else(|| {
        let all = Depth::ALL.map(|depth| depth.levels().to_string());
        format!("the depth of a book is one of {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(change: impl FnOnce(&mut FollowArgs)) -> FollowArgs {
        let mut args = FollowArgs::default();
        change(&mut args);
        args
    }

    fn refused(change: impl FnOnce(&mut FollowArgs)) -> String {
        follow(&args(change)).unwrap_err().to_string()
    }

    #[test]
    fn depths_are_those_of_the_venue() {
        assert_eq!(depth("100").map(Depth::levels), Ok(100));
        for wrong in ["", "0", "11", "-10", "deep"] {
            let error = depth(wrong).unwrap_err();
            assert!(error.contains("10, 25, 100, 500, 1000"), "{error}");
        }
    }

    #[test]
    fn options_that_mean_nothing_are_refused() {
        assert!(refused(|it| it.book.price_decimals = Some(2)).contains("leave"));
        assert!(refused(|it| it.book.quantity_decimals = Some(2)).contains("leave"));
        assert!(refused(|it| it.book.symbol = vec!["any".to_owned()]).contains("--url"));
        assert!(follow(&args(|it| it.book_depth = Depth::from_levels(25))).is_ok());
    }
}
