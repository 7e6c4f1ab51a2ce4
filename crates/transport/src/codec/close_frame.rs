//! The payload of a close frame.

use crate::Error;
use crate::close::{NO_STATUS, is_allowed};

/// The longest payload of a control frame.
pub(crate) const MAX_CONTROL: usize = 125;

/// Parses the payload of a close frame and returns its code; [`NO_STATUS`] if it is empty.
pub(crate) fn parse(payload: &[u8]) -> Result<u16, Error> {
    let (code, reason) = match payload {
        [] => return Ok(NO_STATUS),
        [_] => return Err(Error::protocol("a close frame with one byte")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !is_allowed(code) {
        return Err(Error::protocol("a close code that must not be sent"));
    }
    match simdutf8::basic::from_utf8(reason) {
        Ok(_) => Ok(code),
        Err(_) => Err(Error::InvalidUtf8),
    }
}

/// The reason in a payload that [`parse`] has accepted.
pub(crate) fn reason(payload: &[u8]) -> &str {
    let bytes = payload.get(2..).unwrap_or_default();
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Writes the payload of a close frame into `out` and returns it. A long reason is truncated at a character boundary.
/// [`NO_STATUS`] has no payload.
pub(crate) fn write<'a>(
    code: u16,
    reason: &str,
    out: &'a mut [u8; MAX_CONTROL],
) -> Result<&'a [u8], Error> {
    if code == NO_STATUS {
        return Ok(&[]);
    }
    if !is_allowed(code) {
        return Err(Error::Argument("a close code that must not be sent"));
    }
    let mut len = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(len) {
        len -= 1;
    }
    let (reason, end) = (&reason[..len], 2 + len);
    out[..2].copy_from_slice(&code.to_be_bytes());
    out[2..end].copy_from_slice(reason.as_bytes());
    Ok(&out[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::close::{ABNORMAL, NORMAL};

    #[test]
    fn only_sendable_codes_are_allowed() {
        for code in [1000, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert!(is_allowed(code), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert!(!is_allowed(code), "{code}");
        }
    }

    #[test]
    fn long_reason_keeps_whole_characters() {
        let mut out = [0; MAX_CONTROL];
        let payload = write(NORMAL, &"é".repeat(100), &mut out).unwrap();
        assert_eq!(payload.len(), 2 + 122);
        assert_eq!(reason(payload), "é".repeat(61));
    }

    #[test]
    fn no_status_is_empty_payload() {
        let mut out = [0; MAX_CONTROL];
        assert_eq!(write(NO_STATUS, "lost", &mut out).unwrap(), b"");
        assert_eq!(parse(b"").unwrap(), NO_STATUS);
        assert!(matches!(
            write(ABNORMAL, "", &mut out),
            Err(Error::Argument(_))
        ));
    }
}
