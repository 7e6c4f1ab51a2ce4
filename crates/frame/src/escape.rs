//! Encoding of JSON strings.

/// Appends `text` as a JSON string with quotes (RFC 8259, section 7). Escapes only the characters that need it.
/// Allocates only to grow `out`.
pub fn json_string(out: &mut Vec<u8>, text: &str) {
    json_string_of(out, &[text]);
}

/// Appends the concatenation of `pieces` as one JSON string.
pub(crate) fn json_string_of(out: &mut Vec<u8>, pieces: &[&str]) {
    out.push(b'"');
    for piece in pieces {
        escaped(out, piece);
    }
    out.push(b'"');
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

    #[test]
    fn escapes_by_table() {
        let mut out = Vec::new();
        json_string(&mut out, "a\"b\\c\n\u{1}é\u{2028}");
        assert_eq!(out, "\"a\\\"b\\\\c\\u000a\\u0001é\u{2028}\"".as_bytes());
    }
}
