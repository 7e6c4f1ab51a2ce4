//! A strict URL parser.

use hyper::Uri;
use hyper::header::HeaderValue;

#[cfg(feature = "tls-no-provider")]
use tokio_rustls::rustls::pki_types::ServerName;

use crate::Error;

/// The error for TLS in a build without it.
#[cfg(not(feature = "tls-no-provider"))]
pub(crate) const NO_TLS: Error =
    Error::Url("the scheme needs TLS, which this build does not include");

/// Checks a URL as [`connect`](crate::connect) does, without connecting. It must have the scheme `ws` or `wss`, a host and a
/// valid port, and neither a fragment nor a user name.
///
/// # Errors
///
/// [`Error::Url`].
pub fn check_url(url: &str) -> Result<(), Error> {
    Target::parse(url)?.check()
}

/// Checks a URL as [`HttpClient::get`](crate::HttpClient::get) does, without connecting. As [`check_url`], for `http` and
/// `https`.
///
/// # Errors
///
/// [`Error::Url`].
pub fn check_http_url(url: &str) -> Result<(), Error> {
    Target::parse_http(url)?.check()
}

/// The parts of a URL that a connection needs.
#[derive(Clone)]
pub(crate) struct Target {
    /// In lower case.
    pub(crate) scheme: &'static str,
    pub(crate) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    /// `host` or `host:port`, for the `Host` header.
    pub(crate) authority: HeaderValue,
    /// Path and query, for the request line.
    pub(crate) resource: Uri,
}

impl Target {
    /// Parses a `ws://` or `wss://` URL.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        Self::of_scheme(url, ["ws", "wss"], "the scheme is neither ws nor wss")
    }

    /// Parses an `http://` or `https://` URL.
    pub(crate) fn parse_http(url: &str) -> Result<Self, Error> {
        Self::of_scheme(
            url,
            ["http", "https"],
            "the scheme is neither http nor https",
        )
    }

    fn of_scheme(
        url: &str,
        schemes: [&'static str; 2],
        else_wrong: &'static str,
    ) -> Result<Self, Error> {
        // hyper's parser silently drops a fragment, which RFC 6455 forbids.
        if url.contains('#') {
            return Err(Error::Url("a fragment is not allowed"));
        }
        let uri: Uri = url.parse().map_err(|_| Error::Url("syntax error"))?;
        let scheme = scheme_of(&uri, schemes).ok_or(Error::Url(else_wrong))?;
        let tls = scheme == schemes[1];
        let default = if tls { 443 } else { 80 };
        let (name, port) = authority(&uri, default)?;
        let shown = if port == default {
            name.to_owned()
        } else {
            format!("{name}:{port}")
        };
        let host = name.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            scheme,
            tls,
            host: host.into(),
            port,
            authority: shown
                .try_into()
                .map_err(|_| Error::Url("the host is not text"))?,
            resource: resource(&uri)?,
        })
    }

    /// The name that the certificate must be valid for.
    #[cfg(feature = "tls-no-provider")]
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, Error> {
        ServerName::try_from(String::from(&*self.host))
            .map_err(|_| Error::Url("the host is not a valid name for a certificate"))
    }

    /// Checks the parts that do not require a connection.
    fn check(&self) -> Result<(), Error> {
        #[cfg(feature = "tls-no-provider")]
        if self.tls {
            self.server_name()?;
        }
        #[cfg(not(feature = "tls-no-provider"))]
        if self.tls {
            return Err(NO_TLS);
        }
        Ok(())
    }

    /// Whether scheme, host and port are equal.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        (self.tls, self.port) == (other.tls, other.port)
            && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// The URL for errors: see [`without_values`].
    pub(crate) fn shown(&self) -> String {
        let resource = self.resource.to_string();
        let authority = self.authority.to_str().unwrap_or_default();
        format!("{}://{authority}{}", self.scheme, without_values(&resource))
    }

    /// `host:port`, for errors and logs.
    pub(crate) fn peer(&self) -> Box<str> {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port).into()
        } else {
            format!("{}:{}", self.host, self.port).into()
        }
    }
}

/// The scheme of the URL, if it is one of the two. The second has TLS.
fn scheme_of(uri: &Uri, schemes: [&'static str; 2]) -> Option<&'static str> {
    let scheme = uri.scheme_str()?;
    let mut known = schemes.into_iter();
    known.find(|known| scheme.eq_ignore_ascii_case(known))
}

/// Parameters whose values are not secret: Engine.IO's protocol version and transport.
const PUBLIC: [&str; 2] = ["EIO", "transport"];

/// A URL whose query values are replaced by `...`, because they may be credentials.
pub(crate) fn without_values(url: &str) -> String {
    let Some((rest, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let shown = |part| match str::split_once(part, '=') {
        Some((name, value)) if !PUBLIC.contains(&name) && !value.is_empty() => {
            format!("{name}=...")
        }
        Some(_) => part.to_owned(),
        // Possibly a value without a name.
        None => "...".to_owned(),
    };
    let parts: Vec<String> = query.split('&').map(shown).collect();
    format!("{rest}?{}", parts.join("&"))
}

/// The host as written, and the port.
fn authority(uri: &Uri, default: u16) -> Result<(&str, u16), Error> {
    let authority = uri.authority().ok_or(Error::Url("the host is missing"))?;
    if authority.as_str().contains('@') {
        return Err(Error::Url("a user name is not allowed"));
    }
    let host = authority.host();
    if host.is_empty() || host == "[]" {
        return Err(Error::Url("the host is missing"));
    }
    let rest = &authority.as_str()[host.len()..];
    let port = match rest.strip_prefix(':') {
        None => default,
        // Digits only: `parse` would accept a sign.
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().unwrap_or(0),
        Some(_) => 0,
    };
    if port == 0 {
        return Err(Error::Url("the port is invalid"));
    }
    Ok((host, port))
}

fn resource(uri: &Uri) -> Result<Uri, Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let rooted = if path.starts_with('/') {
        path.parse()
    } else {
        format!("/{path}").parse()
    };
    rooted.map_err(|_| Error::Url("the path is invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (bool, String, u16, String, String) {
        let t = Target::parse(url).unwrap();
        let authority = t.authority.to_str().unwrap().to_owned();
        (
            t.tls,
            t.host.into(),
            t.port,
            authority,
            t.resource.to_string(),
        )
    }

    fn expect(url: &str, tls: bool, host: &str, port: u16, authority: &str, resource: &str) {
        let want = (tls, host.into(), port, authority.into(), resource.into());
        assert_eq!(parts(url), want, "{url}");
    }

    #[test]
    fn valid_urls_are_parsed() {
        expect("ws://a.example", false, "a.example", 80, "a.example", "/");
        expect("wss://a.example/", true, "a.example", 443, "a.example", "/");
        expect(
            "WSS://a.example:443/x",
            true,
            "a.example",
            443,
            "a.example",
            "/x",
        );
        expect(
            "ws://a:8080/x/y?k=v&l",
            false,
            "a",
            8080,
            "a:8080",
            "/x/y?k=v&l",
        );
        expect("ws://a?k=v", false, "a", 80, "a", "/?k=v");
        expect("ws://[::1]:9/x", false, "::1", 9, "[::1]:9", "/x");
        expect("wss://[::1]", true, "::1", 443, "[::1]", "/");
    }

    #[test]
    fn invalid_urls_are_refused() {
        for url in [
            "",
            "a.example",
            "/x",
            "http://a",
            "https://a",
            "ws:",
            "ws://",
            "ws:///x",
            "ws://:80/",
            "ws://u@a",
            "ws://u:p@a/",
            "ws://a:0/",
            "ws://a:99999/",
            "ws://a:/",
            "ws://a:+1/",
            "ws://a/#f",
            "ws://a b/",
            "ws://[::1",
            "ws://[]/",
            "ws://a:8x/",
        ] {
            assert!(matches!(Target::parse(url), Err(Error::Url(_))), "{url}");
        }
    }

    #[test]
    fn query_values_are_hidden() {
        for (url, shown) in [
            ("wss://a:1/x/y", "wss://a:1/x/y"),
            (
                "ws://a/?EIO=4&transport=websocket",
                "ws://a/?EIO=4&transport=websocket",
            ),
            ("ws://a/x?token=hush&b=&hush", "ws://a/x?token=...&b=&..."),
        ] {
            assert_eq!(Target::parse(url).unwrap().shown(), shown);
        }
    }

    #[test]
    fn peer_shows_its_port() {
        assert_eq!(
            &*Target::parse("ws://[::1]:9/x?k=v").unwrap().peer(),
            "[::1]:9"
        );
        assert_eq!(&*Target::parse("wss://a/x?k=v").unwrap().peer(), "a:443");
    }
}
