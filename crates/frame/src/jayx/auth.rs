//! The credential of an account.

use std::fmt;

use crate::redact::hide_member;

/// The key of an account. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The secret, for the request that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(hidden)")
    }
}

/// Replaces the account's key in a message of [`Request::write`](super::Request::write) by `hidden`, so that the
/// message can be shown. Any other message stays as it is.
pub fn redact(message: &mut Vec<u8>) {
    hide_member(message, "apiKey");
}
