//! Redaction of secrets in requests.

/// The text that replaces a secret.
const HIDDEN: &[u8] = b"hidden";

/// Replaces the account's key in a message of [`Request::write`](crate::jayx::Request::write) with `hidden`, so that it can
/// be logged or displayed. Any other message stays unchanged.
pub fn jayx(message: &mut Vec<u8>) {
    hide_member(message, "apiKey");
}

/// Replaces the credentials in a message of [`Request::write`](crate::bayse::Request::write) with `hidden`, so that it can be
/// logged or displayed. Any other message stays unchanged.
pub fn bayse(message: &mut Vec<u8>) {
    for name in ["apiKey", "accessToken", "deviceId"] {
        hide_member(message, name);
    }
}

/// Replaces the value of each member `name` of a message with [`HIDDEN`]. A string that contains the same characters
/// has escaped quotes, so it does not match.
fn hide_member(message: &mut Vec<u8>, name: &str) {
    let mut from = 0;
    let begins = format!("\"{name}\":\"");
    while let Some(at) = memchr::memmem::find(&message[from..], begins.as_bytes()) {
        let start = from + at + begins.len();
        let end = start + string_end(&message[start..]);
        message.splice(start..end, HIDDEN.iter().copied());
        from = start + HIDDEN.len();
    }
}

/// The offset of the quote that ends a string.
fn string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::escape::json_string;

    proptest! {
        #[test]
        fn redaction_removes_only_secrets(secret: String, other: String) {
            let mut out = br#"{"name":"#.to_vec();
            json_string(&mut out, &other);
            out.extend_from_slice(br#","key":"#);
            json_string(&mut out, &secret);
            out.push(b'}');
            hide_member(&mut out, "key");
            let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read["key"].as_str(), Some("hidden"));
            prop_assert_eq!(read["name"].as_str(), Some(other.as_str()));
        }
    }

    #[test]
    fn similar_keys_are_not_redacted() {
        let mut out = Vec::new();
        json_string(&mut out, r#"{"key":"x"}"#);
        let before = out.clone();
        hide_member(&mut out, "key");
        assert_eq!(out, before);
        let mut cut = br#"{"key":"never ends\"#.to_vec();
        hide_member(&mut cut, "key");
        assert_eq!(cut, br#"{"key":"hidden"#);
    }
}
