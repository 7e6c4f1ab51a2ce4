//! A response that refused a request.

use std::fmt;

use hyper::StatusCode;

/// A response that refused a request.
///
/// Its texts are the server's: characters that would control a terminal, or change the direction of the
/// text around them, are replaced by spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedResponse {
    /// The URL that was requested, or `CONNECT host:port`, without the values of its query, which can be
    /// credentials.
    pub url: Box<str>,
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads, again without the values of a query. Redirects are not followed.
    pub location: Option<Box<str>>,
    /// The start of the body, up to 256 bytes of it that arrive within 250 ms of the head. Bytes that are
    /// no UTF-8 are U+FFFD; often empty.
    pub body: Box<str>,
}

impl RefusedResponse {
    /// A response without a redirect and a body, for a client of the caller's own.
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
