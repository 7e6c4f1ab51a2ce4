//! Reads and checks the requests of a client.

use serde_json::Value;

use super::{Config, candle_store};

/// A subscription, by indexes of symbols, intervals and accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Book { symbol: usize },
    Candles { symbol: usize, interval: usize },
    Balances { account: usize },
    Orders { account: usize, symbol: usize },
}

/// Reads a request.
///
/// # Errors
/// The text of the refusal, worded by the simulator.
pub(super) fn read(event: &str, message: &Value, config: &Config) -> Result<Request, String> {
    let request = Reader { message, config };
    match event {
        "orderbook" => {
            request.category()?;
            request.book()
        }
        "kline" => {
            request.category()?;
            request.candles()
        }
        "positions" => {
            let account = request.account()?;
            Ok(Request::Balances { account })
        }
        "openorders" => {
            let (account, symbol) = (request.account()?, request.symbol()?);
            Ok(Request::Orders { account, symbol })
        }
        _ => Err(format!("unknown event: {event}")),
    }
}

struct Reader<'a> {
    message: &'a Value,
    config: &'a Config,
}

impl<'a> Reader<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.message.get(name).and_then(Value::as_str)
    }

    fn category(&self) -> Result<(), String> {
        if self.text("category") == Some("spot") {
            return Ok(());
        }
        Err("category must be spot".to_owned())
    }

    fn symbol(&self) -> Result<usize, String> {
        let symbol = self.text("symbol").ok_or("symbol is required")?;
        let mut symbols = self.config.symbols.iter();
        let place = symbols.position(|known| known.name == symbol);
        place.ok_or_else(|| format!("unknown symbol: {symbol}"))
    }

    fn book(&self) -> Result<Request, String> {
        // A missing symbol is reported before a missing precise, an unknown one after it.
        self.text("symbol").ok_or("symbol is required")?;
        if self.message.get("precise").is_none_or(Value::is_null) {
            return Err("precise is required".to_owned());
        }
        let symbol = self.symbol()?;
        Ok(Request::Book { symbol })
    }

    fn candles(&self) -> Result<Request, String> {
        let symbol = self.symbol()?;
        let text = self.text("interval").ok_or("interval is required")?;
        let interval = candle_store::interval(text);
        let interval = interval.ok_or_else(|| format!("unknown interval: {text}"))?;
        Ok(Request::Candles { symbol, interval })
    }

    /// The key of a refused request is not repeated: it may be the right one of somewhere else.
    fn account(&self) -> Result<usize, String> {
        self.category()?;
        let key = self.text("apiKey").ok_or("apiKey is required")?;
        let mut accounts = self.config.accounts.iter();
        let place = accounts.position(|account| account.api_key == key);
        place.ok_or_else(|| "unknown apiKey".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(event: &str, message: &Value) -> Result<Request, String> {
        read(event, message, &Config::default())
    }

    #[test]
    fn accepts_complete_requests() {
        let table = [
            (
                "orderbook",
                json!({"category": "spot", "symbol": "BTCUSDT", "precise": "1"}),
                Request::Book { symbol: 0 },
            ),
            (
                "kline",
                json!({"category": "spot", "symbol": "BTCUSDT", "interval": "60"}),
                Request::Candles {
                    symbol: 0,
                    interval: 5,
                },
            ),
            (
                "positions",
                json!({"apiKey": "ak_demo_ticklot", "category": "spot"}),
                Request::Balances { account: 0 },
            ),
            (
                "openorders",
                json!({"apiKey": "ak_demo_ticklot", "category": "spot", "symbol": "BTCUSDT"}),
                Request::Orders {
                    account: 0,
                    symbol: 0,
                },
            ),
        ];
        for (event, message, request) in table {
            assert_eq!(asked(event, &message), Ok(request), "{event}");
        }
    }
}
