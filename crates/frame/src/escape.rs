//! JSON strings, written.

/// Appends `text` as a JSON string, quotes included (RFC 8259, section 7). What needs no escape is
/// copied as it is. Allocates only to grow `out`.
pub fn json_string(out: &mut Vec<u8>, text: &str) {
    json_string_of(out, &[text]);
}

/// Appends the text that `pieces` make together as one JSON string.
pub(crate) fn json_string_of(out: &mut Vec<u8>, pieces: &[&str]) {
    out.push(b'"');
    for piece in pieces {
        escaped(out, piece);
    }
    out.push(b'"');
}

/// Replaces the text of each member `name` of a message of this crate's own by `hidden`. In a text that
/// holds the same characters the quotes are escaped, so it is left alone.
pub(crate) fn hide_member(message: &mut Vec<u8>, name: &str) {
    let mut from = 0;
    let begins = format!("\"{name}\":\"");
    while let Some(at) = memchr::memmem::find(&message[from..], begins.as_bytes()) {
        let start = from + at + begins.len();
        let end = start + string_end(&message[start..]);
        message.splice(start..end, HIDDEN.iter().copied());
        from = start + HIDDEN.len();
    }
}

const HIDDEN: &[u8] = b"hidden";

/// How far it is to the quote that ends a string.
fn string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn serde_json_reads_escaped_text(text: String) {
            let mut out = Vec::new();
            json_string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

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

    #[test]
    fn escapes_by_table() {
        let mut out = Vec::new();
        json_string(&mut out, "a\"b\\c\n\u{1}é\u{2028}");
        assert_eq!(out, "\"a\\\"b\\\\c\\u000a\\u0001é\u{2028}\"".as_bytes());
    }
}
