//! Messages of the venue, and its received requests.

use std::fmt;

use serde_json::Value;

pub(crate) const BTC: &str = "BTC/USD";
pub(crate) const ETH: &str = "ETH/USD";
pub(crate) const HEARTBEAT: &str = r#"{"channel":"heartbeat"}"#;
pub(crate) const PONG: &str = r#"{"method":"pong","time_in":"a","time_out":"b"}"#;

pub(crate) fn status(system: &str) -> String {
    format!(
        r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{system}","api_version":"v2","connection_id":7}}]}}"#
    )
}

/// A list of these instruments, with the same price precision.
pub(crate) fn instruments(kind: &str, symbols: &[&str], precision: u8, status: &str) -> String {
    let pair = |symbol: &&str| {
        format!(
            r#"{{"symbol":"{symbol}","status":"{status}","qty_precision":2,"qty_increment":0.01,"price_precision":{precision},"price_increment":0.1}}"#
        )
    };
    let pairs: Vec<String> = symbols.iter().map(pair).collect();
    let pairs = pairs.join(",");
    format!(
        r#"{{"channel":"instrument","type":"{kind}","data":{{"assets":[],"pairs":[{pairs}]}}}}"#
    )
}

pub(crate) fn instrument_subscribed() -> String {
    r#"{"method":"subscribe","result":{"channel":"instrument","snapshot":true},"success":true}"#
        .to_owned()
}

fn acknowledgement(method: &str, channel: &str, symbol: &str) -> String {
    format!(
        r#"{{"method":"{method}","result":{{"channel":"{channel}","symbol":"{symbol}"}},"success":true,"time_in":"a","time_out":"b"}}"#
    )
}

pub(crate) fn subscribed(channel: &str, symbol: &str) -> String {
    acknowledgement("subscribe", channel, symbol)
}

pub(crate) fn unsubscribed(channel: &str, symbol: &str) -> String {
    acknowledgement("unsubscribe", channel, symbol)
}

pub(crate) fn refused(method: &str, symbol: &str, error: &str) -> String {
    format!(r#"{{"error":"{error}","method":"{method}","success":false,"symbol":"{symbol}"}}"#)
}

fn book(symbol: &str, kind: &str, sides: &str, checksum: Option<u32>) -> String {
    let checksum = checksum.map_or_else(String::new, |sum| format!(r#","checksum":{sum}"#));
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}",{sides}{checksum}}}]}}"#
    )
}

/// Bid 10.1 and ask 10.3. The checksum is that of "1033001012000".
pub(crate) fn snapshot(symbol: &str) -> String {
    let sides = r#""bids":[{"price":10.1,"qty":20.00}],"asks":[{"price":10.3,"qty":3.00}]"#;
    book(symbol, "snapshot", sides, Some(crc("1033001012000")))
}

/// Changes the bid at 10.1 to 21. The checksum is correct for an otherwise unchanged book.
pub(crate) fn update(symbol: &str) -> String {
    let sides = r#""bids":[{"price":10.1,"qty":21.00}],"asks":[]"#;
    book(symbol, "update", sides, Some(crc("1033001012100")))
}

/// As [`update`], with a wrong checksum.
pub(crate) fn wrong_update(symbol: &str) -> String {
    let sides = r#""bids":[{"price":10.1,"qty":21.00}],"asks":[]"#;
    book(symbol, "update", sides, Some(1))
}

/// A snapshot with a repeated price: it can be decoded, but not applied.
pub(crate) fn impossible_snapshot(symbol: &str) -> String {
    let sides = r#""bids":[{"price":10.1,"qty":1.00},{"price":10.1,"qty":2.00}],"asks":[]"#;
    book(symbol, "snapshot", sides, None)
}

/// CRC-32 (IEEE), bit by bit.
pub(crate) fn crc(text: &str) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
    let byte = |crc: u32, byte: u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc));
    !text.bytes().fold(!0, byte)
}

/// A request.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) channel: String,
    pub(crate) symbols: Vec<String>,
    pub(crate) depth: Option<u64>,
}

impl Sent {
    pub(crate) fn read(message: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(message).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let params = &value["params"];
        let symbols = params["symbol"].as_array().into_iter().flatten();
        Self {
            method: text(&value["method"]),
            channel: text(&params["channel"]),
            symbols: symbols.map(text).collect(),
            depth: params["depth"].as_u64(),
        }
    }
}

/// `subscribe book BTC/USD,ETH/USD`
impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [&self.method, &self.channel, &self.symbols.join(",")];
        let words: Vec<&str> = words.map(String::as_str).into_iter().collect();
        f.write_str(words.join(" ").trim_end())
    }
}
