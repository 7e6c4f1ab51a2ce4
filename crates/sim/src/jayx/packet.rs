//! Engine.IO and Socket.IO packets of a client.

use serde_json::Value;

/// A packet, with the parts that affect the simulator.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet<'a> {
    /// `1`: closes the connection.
    Close,
    /// `3`: the reply to a ping.
    Pong,
    /// `40`: joins a namespace.
    Join {
        /// Its name with the slash; empty for the default one.
        namespace: &'a str,
    },
    /// `41`: leaves the namespace.
    Leave,
    /// `42`: an event of the default namespace.
    Event(Event<'a>),
    /// Any other valid packet. It has no effect.
    Other,
    /// An invalid packet.
    Broken,
}

/// An event: `42<id>["name",message]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event<'a> {
    /// The digits of the acknowledgement id. Empty if the client requests none.
    pub(crate) id: &'a str,
    pub(crate) name: String,
    /// Null if the event has no message.
    pub(crate) message: Value,
}

impl<'a> Packet<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let Some(kind) = text.as_bytes().first() else {
            return Self::Broken;
        };
        match kind {
            b'1' => Self::Close,
            b'3' => Self::Pong,
            b'4' => Self::socket_io(&text[1..]),
            // A noop, or a packet type that only servers send.
            b'0' | b'2' | b'5' | b'6' => Self::Other,
            _ => Self::Broken,
        }
    }

    fn socket_io(text: &'a str) -> Self {
        let Some(kind) = text.as_bytes().first() else {
            return Self::Broken;
        };
        if !kind.is_ascii_digit() {
            return Self::Broken;
        }
        let (namespace, rest) = split_namespace(&text[1..]);
        match kind {
            b'0' => Self::Join { namespace },
            _ if !namespace.is_empty() => Self::Other,
            b'1' => Self::Leave,
            b'2' => Event::read(rest).map_or(Self::Broken, Self::Event),
            _ => Self::Other,
        }
    }
}

impl<'a> Event<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (id, body) = text.split_at(digits);
        let mut parts: Vec<Value> = serde_json::from_str(body).ok()?;
        if !parts.first()?.is_string() {
            return None;
        }
        let message = parts.get_mut(1).map(Value::take).unwrap_or_default();
        let name = parts.first()?.as_str()?.to_owned();
        Some(Self { id, name, message })
    }
}

/// Splits `/name,rest`. The namespace is empty for the default one, which is optional and spelled `/`.
fn split_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("", text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    // A query may follow the name.
    let name = namespace.split('?').next().unwrap_or(namespace);
    (if name == "/" { "" } else { name }, rest)
}

/// Whether the packet closes the connection or leaves the namespace.
pub(crate) fn is_leave(text: &str) -> bool {
    matches!(Packet::read(text), Packet::Close | Packet::Leave)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_packets_by_table() {
        let join = |namespace| Packet::Join { namespace };
        let table = [
            ("1", Packet::Close),
            ("3", Packet::Pong),
            ("40", join("")),
            ("40{\"token\":\"x\"}", join("")),
            ("40/,", join("")),
            ("40/admin,{}", join("/admin")),
            ("40/admin", join("/admin")),
            ("40/admin?a=1,", join("/admin")),
            ("41", Packet::Leave),
            ("41/admin,", Packet::Other),
            ("6", Packet::Other),
            ("45-[]", Packet::Other),
            ("42", Packet::Broken),
            ("42[]", Packet::Broken),
            ("42[1]", Packet::Broken),
            ("42{\"a\":1}", Packet::Broken),
            ("4", Packet::Broken),
            ("4é", Packet::Broken),
            ("é", Packet::Broken),
            ("", Packet::Broken),
            ("hello", Packet::Broken),
        ];
        for (text, packet) in table {
            assert_eq!(Packet::read(text), packet, "{text}");
        }
    }

    #[test]
    fn reads_event_parts() {
        let event = |id, message| {
            let name = "orderbook".to_owned();
            Packet::Event(Event { id, name, message })
        };
        assert_eq!(Packet::read("42[\"orderbook\"]"), event("", Value::Null));
        assert_eq!(
            Packet::read("421234567890123[\"orderbook\",{\"a\":1}]"),
            event("1234567890123", json!({"a": 1}))
        );
    }
}
