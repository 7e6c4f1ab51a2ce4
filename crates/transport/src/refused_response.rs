//! [`RefusedResponse`]: the response in [`Error::Refused`](crate::Error::Refused).

use std::fmt;

use hyper::StatusCode;

/// A response that refused a request.
///
/// Its texts are from the server. Control characters and characters that change the text direction are replaced by spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedResponse {
    /// The requested URL, or `CONNECT host:port`. The values of its query are hidden, because they may be credentials.
    pub url: Box<str>,
    /// The HTTP status.
    pub status: u16,
    /// The target of a redirect, with hidden query values. Redirects are not followed.
    pub location: Option<Box<str>>,
    /// The start of the body: at most 256 bytes that arrive within 250 ms after the head. Often empty. Invalid UTF-8 is
    /// replaced by U+FFFD.
    pub body: Box<str>,
}

impl RefusedResponse {
    /// A response without redirect and body, for a custom HTTP client.
    #[must_use]
    pub fn new(url: &str, status: u16) -> Self {
        Self {
            url: url.into(),
            status,
            location: None,
            body: Box::default(),
        }
    }
}

impl fmt::Display for RefusedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = StatusCode::from_u16(self.status).ok();
        let name = status.and_then(|status| status.canonical_reason());
        write!(f, "{} was refused with status {}", self.url, self.status)?;
        if let Some(name) = name {
            write!(f, " {name}")?;
        }
        if let Some(location) = &self.location {
            write!(f, ", a redirect to {location}")?;
        }
        if !self.body.is_empty() {
            write!(f, ": {}", self.body)?;
        }
        Ok(())
    }
}
