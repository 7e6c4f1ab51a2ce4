//! Credentials of `/ws/v1/user`.

use std::fmt;

use super::channel::RequestError;
use crate::escape::json_string;

/// Credentials. They are sent in every message on [`Endpoint::User`](super::Endpoint::User), and on no other endpoint.
///
/// The secret is never exposed: `Debug` prints only its kind, there is no `Display` and no accessor, and no error of
/// this crate contains it.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth {
    credential: Credential,
}

#[derive(Clone, PartialEq, Eq)]
enum Credential {
    ApiKey(String),
    AccessToken {
        token: String,
        device_id: Option<String>,
    },
}

impl Auth {
    /// A public API key (`pk_live_...`).
    #[must_use]
    pub fn api_key(key: impl Into<String>) -> Self {
        let credential = Credential::ApiKey(key.into());
        Self { credential }
    }

    /// An access token (a JWT), optionally of a device.
    #[must_use]
    pub fn access_token(token: impl Into<String>, device_id: Option<String>) -> Self {
        let token = token.into();
        let credential = Credential::AccessToken { token, device_id };
        Self { credential }
    }

    /// Creates credentials from optional parts, such as environment variables. The token takes precedence over the key,
    /// as at the server, and the key is then not sent. A device without a token is ignored.
    #[must_use]
    pub fn from_parts(
        api_key: Option<String>,
        access_token: Option<String>,
        device_id: Option<String>,
    ) -> Option<Self> {
        match access_token {
            Some(token) => Some(Self::access_token(token, device_id)),
            None => api_key.map(Self::api_key),
        }
    }

    /// Checks that the credentials can be sent. Every request with credentials checks this, too.
    ///
    /// # Errors
    /// The key, the token or the device id is empty.
    pub fn check(&self) -> Result<(), RequestError> {
        let missing = |field| Err(RequestError::Missing { field });
        match &self.credential {
            Credential::ApiKey(key) if key.is_empty() => missing("apiKey"),
            Credential::AccessToken { token, .. } if token.is_empty() => missing("accessToken"),
            Credential::AccessToken { device_id, .. }
                if device_id.as_deref().is_some_and(str::is_empty) =>
            {
                missing("deviceId")
            }
            _ => Ok(()),
        }
    }

    /// Appends the value of the field `auth`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.credential {
            Credential::ApiKey(key) => {
                out.extend_from_slice(br#"{"apiKey":"#);
                json_string(out, key);
            }
            Credential::AccessToken { token, device_id } => {
                out.extend_from_slice(br#"{"accessToken":"#);
                json_string(out, token);
                if let Some(device) = device_id {
                    out.extend_from_slice(br#","deviceId":"#);
                    json_string(out, device);
                }
            }
        }
        out.push(b'}');
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.credential {
            Credential::ApiKey(_) => "ApiKey",
            Credential::AccessToken { .. } => "AccessToken",
        };
        write!(f, "Auth({kind}: hidden)")
    }
}
