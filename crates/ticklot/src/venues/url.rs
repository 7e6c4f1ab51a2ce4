//! Splits a URL, for venues that complete a base URL with their own path.

/// The parts of a URL that a venue completes, unchanged. The transport validates the others, such as the port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// Scheme, host and port.
    pub(crate) origin: &'a str,
    /// Without trailing slashes; empty for the root.
    pub(crate) path: &'a str,
    /// Without the question mark.
    pub(crate) query: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(url: &'a str) -> Self {
        let host = url.find("://").map_or(0, |at| at + 3);
        let end = url[host..].find(['/', '?', '#']);
        let (origin, rest) = url.split_at(end.map_or(url.len(), |at| host + at));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Self {
            origin,
            path: path.trim_end_matches('/'),
            query,
        }
    }

    /// The parameters of the query.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.query.split('&').filter(|it| !it.is_empty())
    }

    /// The value of a parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        let value = |it: &'a str| it.split_once('=').filter(|(key, _)| *key == name);
        self.parameters().find_map(value).map(|(_, value)| value)
    }

    /// Whether the URL is of Socket.IO: it has the usual path, or Engine.IO's protocol version.
    pub(crate) fn is_socket_io(&self) -> bool {
        self.path.ends_with("/socket.io") || self.parameter("EIO").is_some()
    }
}

/// Joins the parts of a URL.
pub(crate) fn join(origin: &str, path: &str, query: &str) -> String {
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{origin}{path}{mark}{query}")
}

/// Checks a complete WebSocket URL, as a feed does when it connects. Without the feature `feed`, there is no check.
pub(crate) fn check(url: &str) -> Result<(), &'static str> {
    #[cfg(feature = "feed")]
    reason(&ticklot_transport::check_url(url))?;
    let _ = url;
    Ok(())
}

/// As [`check`], for the base URL of HTTP requests.
pub(crate) fn check_http(url: &str) -> Result<(), &'static str> {
    #[cfg(feature = "feed")]
    reason(&ticklot_transport::check_http_url(url))?;
    let _ = url;
    Ok(())
}

#[cfg(feature = "feed")]
fn reason(checked: &Result<(), ticklot_transport::Error>) -> Result<(), &'static str> {
    match checked {
        Err(ticklot_transport::Error::Url(reason)) => Err(reason),
        _ => Ok(()),
    }
}

/// The error of a venue without Socket.IO for a URL of Socket.IO.
pub(crate) const SOCKET_IO: &str = "a Socket.IO URL, but the venue does not support Socket.IO";

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (&str, &str, &str) {
        let Parts {
            origin,
            path,
            query,
        } = Parts::of(url);
        (origin, path, query)
    }

    #[test]
    fn parts_of_urls() {
        assert_eq!(parts("wss://a:1"), ("wss://a:1", "", ""));
        assert_eq!(parts("wss://a:1//"), ("wss://a:1", "", ""));
        assert_eq!(parts("ws://a/x/y/?k=/v?w"), ("ws://a", "/x/y", "k=/v?w"));
        assert_eq!(parts("ws://a?k"), ("ws://a", "", "k"));
        assert_eq!(parts("a/x"), ("a", "/x", ""));
        assert_eq!(parts(""), ("", "", ""));
        let url = Parts::of("ws://a/?b&EIO=4&&c=");
        assert_eq!(url.parameter("EIO"), Some("4"));
        assert_eq!((url.parameter("b"), url.parameter("c")), (None, Some("")));
        assert_eq!(url.parameters().count(), 3);
    }
}
