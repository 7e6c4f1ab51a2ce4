//! Credentials of `/ws/v1/user`.

use std::fmt;

use super::channel::RequestError;
use crate::escape::json_string;
use crate::redact::hide_member;

/// Credentials, sent in every message on [`Endpoint::User`](super::Endpoint::User) and on no other
/// endpoint.
///
/// They are shown to nobody: `Debug` says which kind they are and no more, there is no `Display`,
/// no accessor, and no error of this crate carries them.
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
    /// An API key: the public one (`pk_live_...`).
    #[must_use]
    pub fn api_key(key: impl Into<String>) -> Self {
        let credential = Credential::ApiKey(key.into());
        Self { credential }
    }

    /// An access token (a JWT), of a device or of none.
    #[must_use]
    pub fn access_token(token: impl Into<String>, device_id: Option<String>) -> Self {
        let token = token.into();
        let credential = Credential::AccessToken { token, device_id };
        Self { credential }
    }

    /// From whichever there is, such as what the environment holds. With both, the token wins, as
    /// it does at the server; the key is then not sent. A device without a token says nothing.
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

    /// Whether it can be sent. Every request that carries it checks this too.
    ///
    /// # Errors
    /// The key, the token or the device id is there and empty.
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

    /// Appends the object that goes under `auth`.
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

/// Replaces the credentials in a message of [`Request::write`](super::Request::write) by `hidden`, for one
/// who looks on. Any other message stays as it is.
pub fn redact(message: &mut Vec<u8>) {
    for name in ["apiKey", "accessToken", "deviceId"] {
        hide_member(message, name);
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
