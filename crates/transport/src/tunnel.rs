//! Opens a tunnel through a proxy (`CONNECT`).

use hyper::Request;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::Method;

use crate::config::Config;
use crate::error::{Error, Phase, after};
use crate::http_exchange::{Exchange, add_headers};
use crate::proxy::ProxyRoute;
use crate::stream::Stream;
use crate::url::Target;

impl ProxyRoute {
    /// Requests a tunnel to `target` from the proxy that `stream` is connected to.
    pub(crate) async fn tunnel(
        &self,
        stream: Stream,
        target: &Target,
        config: &Config,
    ) -> Result<Stream, Error> {
        let peer = target.peer();
        let exchange = Exchange {
            request: self.request(&peer, config.headers())?,
            is_switch: |status| status.is_success(),
            url: format!("CONNECT {peer}"),
            step: Phase::Proxy,
        };
        let deadline = after(config.upgrade_timeout);
        let (_, stream, leftover) = exchange.run(stream, deadline).await?;
        Ok(stream.with_leftover(leftover))
    }

    /// Builds the request. Of the configured headers, it contains only `User-Agent`: others may be credentials for the host.
    fn request(&self, peer: &str, extra: &HeaderMap) -> Result<Request<String>, Error> {
        let reason = "a host that a CONNECT request cannot contain";
        let mut request = Request::new(String::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = peer.parse().map_err(|_| Error::Argument(reason))?;
        let host = HeaderValue::from_str(peer).map_err(|_| Error::Argument(reason))?;
        let mut own = HeaderMap::new();
        for agent in extra.get_all(header::USER_AGENT) {
            own.append(header::USER_AGENT, agent.clone());
        }
        let headers = request.headers_mut();
        headers.insert(header::HOST, host);
        add_headers(headers, &own);
        if let Some(credentials) = &self.credentials {
            headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
        }
        Ok(request)
    }
}
