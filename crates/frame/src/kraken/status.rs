//! The state of the trading engine: channel `status`.

use crate::error::{DecodeFailure, ErrorKind};
use crate::json::{Value, read_fields};

/// The state of the trading engine and the identity of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// The state of the trading engine.
    pub system: System,
    /// The state as text.
    pub system_text: &'a str,
    /// The version of the service, such as `2.0.10`.
    pub version: Option<&'a str>,
    /// The version of the protocol: `v2`.
    pub api_version: Option<&'a str>,
    /// The venue's number of the connection, for support requests.
    pub connection_id: Option<u64>,
}

/// The state of the trading engine. Only [`System::Online`] matches orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum System {
    /// `online`: normal operation.
    Online,
    /// `maintenance`: accepts neither orders nor cancellations.
    Maintenance,
    /// `cancel_only`: accepts cancellations, but no orders.
    CancelOnly,
    /// `post_only`: accepts limit orders that only add liquidity, and cancellations.
    PostOnly,
    /// Another text.
    Other,
}

impl System {
    fn from_text(text: &str) -> Self {
        match text {
            "online" => Self::Online,
            "maintenance" => Self::Maintenance,
            "cancel_only" => Self::CancelOnly,
            "post_only" => Self::PostOnly,
            _ => Self::Other,
        }
    }
}

/// Reads `data`, an array of one item.
pub(super) fn read<'a>(data: Value<'_, 'a>) -> Result<Status<'a>, DecodeFailure> {
    let item = data.items("data")?.next();
    let item = item.ok_or_else(|| data.error(ErrorKind::Missing { field: "system" }))?;
    read_fields!(item, "status", { "system" => system }, extra {
        "version" => version,
        "api_version" => api_version,
        "connection_id" => connection_id,
    });
    let system = system.str(&item)?;
    Ok(Status {
        system: System::from_text(system),
        system_text: system,
        version: version.read(Value::str),
        api_version: api_version.read(Value::str),
        connection_id: connection_id.read(Value::unsigned),
    })
}
