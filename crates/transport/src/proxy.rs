//! HTTP proxies, and the hosts that are reached without one.

use std::fmt;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;

use crate::error::Error;
use crate::url::Target;

/// An HTTP proxy, and the hosts that are reached without it.
///
/// The connection is a tunnel (`CONNECT`, RFC 9110, section 9.3.6), for `ws://` and `http://` too. The
/// proxy resolves the host's name. `Debug` does not show the credentials.
///
/// ```
/// use ticklot_transport::{Config, Proxy};
///
/// let proxy = Proxy::new("http://user:secret@proxy.example:3128", "localhost, 10.0.0.0/8")?;
/// let config = Config::default().with_proxy(proxy);
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), ticklot_transport::Error>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    rules: Arc<Matcher>,
    /// The exceptions with a port.
    port_rules: Arc<[(u16, Matcher)]>,
}

impl Proxy {
    /// The proxy at `url`. With `https://`, the connection to the proxy itself uses TLS. The default scheme is `http`, and the
    /// default port 80 or 443. A user name and a password, percent-encoded, are sent as `Proxy-Authorization: Basic`.
    ///
    /// `no_proxy` lists the hosts to connect to directly, in the format of curl's `NO_PROXY`: names (including their
    /// subdomains), IP addresses and networks such as `10.0.0.0/8`, separated by commas, or `*` for all hosts. An entry with
    /// a port, such as `host:8443` or `[::1]:8443`, matches only this port.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for an invalid URL, or one of a SOCKS proxy: for that, use
    /// [`Config::with_dial`](crate::Config::with_dial).
    pub fn new(url: &str, no_proxy: &str) -> Result<Self, Error> {
        let rules = |no_proxy: &str| Matcher::builder().all(url).no(no_proxy).build();
        // Checks the URL: without exceptions, every host uses the proxy.
        hop(&rules(""), "any.invalid")?.ok_or(Error::Argument(NOT_A_PROXY))?;
        let with_port = |entry: &str| {
            let (host, port) = split_port(entry)?;
            Some((port, rules(host)))
        };
        let (of_ports, others): (Vec<&str>, Vec<&str>) = no_proxy
            .split(',')
            .map(str::trim)
            .partition(|entry| split_port(entry).is_some());
        Ok(Self {
            rules: Arc::new(rules(&others.join(","))),
            port_rules: of_ports.into_iter().filter_map(with_port).collect(),
        })
    }

    /// The proxy of the environment, if any: `HTTPS_PROXY` or else `ALL_PROXY`, and `NO_PROXY`. `HTTPS_PROXY` also applies to
    /// `ws://` and `http://`, as RFC 6455 (section 4.1) advises. Variables in lower case apply if those in upper case are
    /// unset or empty.
    ///
    /// # Errors
    ///
    /// As [`Proxy::new`].
    pub fn from_env() -> Result<Option<Self>, Error> {
        let url = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        match first_variable(&url) {
            None => Ok(None),
            Some(url) => match Self::new(&url, &no_proxy()) {
                Ok(proxy) => Ok(Some(proxy)),
                Err(_) => Err(Error::Argument(NOT_A_PROXY_IN_ENV)),
            },
        }
    }

    /// The proxy at `url`, with the exceptions of `NO_PROXY` in the environment.
    ///
    /// # Errors
    ///
    /// As [`Proxy::new`].
    pub fn with_no_proxy_from_env(url: &str) -> Result<Self, Error> {
        Self::new(url, &no_proxy())
    }

    /// The proxy for a host; none if it is reached directly.
    pub(crate) fn of(&self, target: &Target) -> Option<ProxyRoute> {
        let peer = target.peer();
        // Cannot fail: `new` has checked the proxy.
        let hop = |rules| hop(rules, &peer).ok().flatten();
        let of_port = |(port, _): &&(u16, Matcher)| *port == target.port;
        let mut exceptions = self.port_rules.iter().filter(of_port);
        match exceptions.any(|(_, rules)| hop(rules).is_none()) {
            true => None,
            false => hop(&self.rules),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.fmt(f)
    }
}

const NOT_A_PROXY: &str = "the proxy is not an http or https URL";
const NOT_A_PROXY_IN_ENV: &str = "HTTPS_PROXY or ALL_PROXY is not the URL of an HTTP proxy";

fn no_proxy() -> String {
    first_variable(&["NO_PROXY", "no_proxy"]).unwrap_or_default()
}

/// The host and the port of an entry of `NO_PROXY`; none without a port. A colon in a bare IPv6 address does not start
/// a port.
fn split_port(entry: &str) -> Option<(&str, u16)> {
    let (host, port) = entry.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = bracketed.or_else(|| (!host.contains(':')).then_some(host))?;
    Some((host, port.parse().ok()?))
}

/// The first of these environment variables that is not empty.
fn first_variable(names: &[&str]) -> Option<String> {
    let mut set = names.iter().filter_map(|name| std::env::var(name).ok());
    set.find(|value| !value.is_empty())
}

/// The proxy for `host` by these rules.
fn hop(rules: &Matcher, host: &str) -> Result<Option<ProxyRoute>, Error> {
    let wrong = |_| Error::Argument(NOT_A_PROXY);
    let uri: Uri = format!("https://{host}/")
        .parse()
        .map_err(|_| Error::Argument(NOT_A_PROXY))?;
    let Some(proxy) = rules.intercept(&uri) else {
        return Ok(None);
    };
    let target = Target::parse_http(&proxy.uri().to_string()).map_err(wrong)?;
    Ok(Some(ProxyRoute {
        target,
        credentials: proxy.basic_auth().cloned(),
    }))
}

/// The proxy of a connection.
pub(crate) struct ProxyRoute {
    pub(crate) target: Target,
    pub(crate) credentials: Option<HeaderValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `host:port` of the proxy for a URL.
    fn of(proxy: &str, no_proxy: &str, url: &str) -> Option<String> {
        let hop = Proxy::new(proxy, no_proxy)
            .unwrap()
            .of(&Target::parse(url).unwrap());
        hop.map(|hop| hop.target.peer().into())
    }

    #[test]
    fn exceptions_are_those_of_curl() {
        let list = "localhost, venue.example,10.0.0.0/8,::1";
        for direct in [
            "ws://localhost:9",
            "wss://venue.example",
            "wss://stream.VENUE.example:8443/x",
            "ws://10.1.2.3",
            "ws://[::1]:9",
        ] {
            assert_eq!(of("http://p:1", list, direct), None, "{direct}");
        }
        for proxied in ["ws://127.0.0.1", "wss://notvenue.example", "ws://[::2]"] {
            assert_eq!(of("http://p:1", list, proxied).as_deref(), Some("p:1"));
        }
        assert_eq!(of("http://p:1", "*", "ws://a"), None);
        assert_eq!(of("p:3128", "", "ws://a").as_deref(), Some("p:3128"));
        assert_eq!(of("https://p", "", "ws://a").as_deref(), Some("p:443"));
    }

    #[test]
    fn exceptions_can_name_ports() {
        let list = "venue.example:8443, [::1]:9 ,10.0.0.0/8:443,*:7,::2";
        for (url, is_direct) in [
            ("wss://venue.example:8443", true),
            ("wss://stream.venue.example:8443", true),
            ("wss://venue.example", false),
            ("wss://venue.example:84", false),
            ("wss://notvenue.example:8443", false),
            ("ws://[::1]:9", true),
            ("ws://[::1]:90", false),
            ("wss://10.1.2.3", true),
            ("ws://10.1.2.3", false),
            ("ws://any.example:7", true),
            ("ws://any.example:8", false),
            ("ws://[::2]:8443", true),
        ] {
            assert_eq!(of("http://p:1", list, url).is_none(), is_direct, "{url}");
        }
    }

    #[test]
    fn unusable_proxies_are_refused() {
        for wrong in [
            "",
            "http://",
            "socks5://p:1080",
            "ftp://p",
            "http://p:0",
            "a b",
        ] {
            let result = Proxy::new(wrong, "*");
            assert!(
                matches!(result, Err(Error::Argument(_))),
                "{wrong}: {result:?}"
            );
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let proxy = Proxy::new("http://me:hush@p:1", "").unwrap();
        assert!(!format!("{proxy:?}").contains("hush"), "{proxy:?}");
    }
}
