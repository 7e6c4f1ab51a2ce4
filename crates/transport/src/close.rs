//! Close codes (RFC 6455, section 7.4.1).

/// Normal closure.
pub const NORMAL: u16 = 1000;
/// The peer is going away, such as a server that restarts.
pub const GOING_AWAY: u16 = 1001;
/// A protocol violation.
pub const PROTOCOL: u16 = 1002;
/// A message type that the receiver does not accept.
pub const UNSUPPORTED: u16 = 1003;
/// Never on the wire: the close frame carried no code.
pub const NO_STATUS: u16 = 1005;
/// Never on the wire: the connection ended without a close frame.
pub const ABNORMAL: u16 = 1006;
/// A text that is not UTF-8.
pub const INVALID_PAYLOAD: u16 = 1007;
/// A message longer than the limit.
pub const TOO_LARGE: u16 = 1009;

/// Whether a close frame may contain `code`: the codes that RFC 6455 and the IANA registry define for it, and the ranges for
/// libraries and applications.
#[must_use]
pub const fn is_allowed(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
