//! Parses and validates the requests of a client.

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

/// Parses a request.
///
/// # Errors
/// Returns the error text for the client.
pub(super) fn read(event: &str, message: &Value, config: &Config) -> Result<Request, String> {
    let request = RequestReader { message, config };
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

struct RequestReader<'a> {
    message: &'a Value,
    config: &'a Config,
}

impl<'a> RequestReader<'a> {
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
        let index = symbols.position(|known| known.name == symbol);
        index.ok_or_else(|| format!("unknown symbol: {symbol}"))
    }

    fn book(&self) -> Result<Request, String> {
        // A missing symbol takes precedence over a missing `precise`, which takes precedence over an unknown symbol.
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

    /// The error does not repeat the key, which may be valid elsewhere.
    fn account(&self) -> Result<usize, String> {
        self.category()?;
        let key = self.text("apiKey").ok_or("apiKey is required")?;
        let mut accounts = self.config.accounts.iter();
        let index = accounts.position(|account| account.api_key == key);
        index.ok_or_else(|| "unknown apiKey".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accepts_complete_requests() {
        let (symbol, interval, account) = (0, 5, 0);
        let message = json!({
            "category": "spot",
            "symbol": "BTCUSDT",
            "precise": "1",
            "interval": "60",
            "apiKey": "ak_demo_ticklot",
        });
        let table: [(&str, &[&str], _); 4] = [
            (
                "orderbook",
                &["category", "symbol", "precise"],
                Request::Book { symbol },
            ),
            (
                "kline",
                &["category", "symbol", "interval"],
                Request::Candles { symbol, interval },
            ),
            (
                "positions",
                &["category", "apiKey"],
                Request::Balances { account },
            ),
            (
                "openorders",
                &["category", "symbol", "apiKey"],
                Request::Orders { account, symbol },
            ),
        ];
        for (event, fields, request) in table {
            let message: Value = fields
                .iter()
                .map(|it| (*it, message[*it].clone()))
                .collect();
            assert_eq!(
                read(event, &message, &Config::default()),
                Ok(request),
                "{event}"
            );
        }
    }
}
