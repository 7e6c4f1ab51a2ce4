//! TLS: whom to trust, and the handshake.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use std::path::Path;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::Error;
use crate::stream::Stream;
use crate::url::Target;

/// Whom a `wss://` connection trusts.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's authorities, from `webpki-roots`.
    #[default]
    WebPki,
    /// These authorities, and no other.
    Certificates(Vec<CertificateDer<'static>>),
    /// A whole configuration of one's own. Its ALPN list should be empty or
    /// `http/1.1`: a WebSocket starts as an HTTP/1.1 request here.
    Custom(Arc<ClientConfig>),
}

impl Roots {
    /// The authorities of the file that `SSL_CERT_FILE` names, if it names one, as OpenSSL has it. See
    /// [`Roots::from_pem_file`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn from_env() -> Result<Option<Self>, Error> {
        let path = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
        path.map(Self::from_pem_file).transpose()
    }

    /// The authorities of a PEM file, and no other. Certificates that cannot be an authority are
    /// passed over, as a system's list may have some. Reads the file, and blocks meanwhile. The result is
    /// [`Roots::Custom`]: its clones share the list and the TLS sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Certificates`] for a file that cannot be read, that is no PEM, or in which there is no
    /// authority.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |what: &dyn fmt::Display| Error::Certificates {
            path: path.into(),
            what: what.to_string().into(),
        };
        let all: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| failed(&error))?;
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(all);
        if usable == 0 {
            return Err(failed(&"it has no certificate of an authority"));
        }
        let config = trusting(store).map_err(|error| failed(&error))?;
        Ok(Self::Custom(Arc::new(config)))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPki => f.write_str("WebPki"),
            Self::Certificates(list) => write!(f, "Certificates({})", list.len()),
            Self::Custom(_) => f.write_str("Custom"),
        }
    }
}

const NO_PROVIDER: &str = "no cryptography for TLS: install one \
     (rustls::crypto::CryptoProvider), or turn on the feature `tls` or `tls-aws-lc`";

pub(crate) async fn handshake(
    target: &Target,
    stream: Stream,
    roots: &Roots,
) -> Result<Stream, Error> {
    let name = target.server_name()?;
    let failed = |source| Error::Tls {
        peer: target.peer(),
        source,
    };
    let config = client_config(roots).map_err(failed)?;
    let connector = TlsConnector::from(config);
    match stream.into_tcp() {
        Ok(tcp) => connector.connect(name, tcp).await.map(Stream::from),
        Err(other) => connector.connect(name, other).await.map(Stream::new),
    }
    .map_err(failed)
}

fn client_config(roots: &Roots) -> io::Result<Arc<ClientConfig>> {
    // One for all connections: a session can then be resumed.
    static WEB_PKI: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    match roots {
        Roots::Custom(config) => Ok(Arc::clone(config)),
        Roots::Certificates(list) => trusting(own_roots(list)?).map(Arc::new),
        Roots::WebPki => match WEB_PKI.get() {
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
                let config = Arc::new(trusting(roots)?);
                Ok(Arc::clone(WEB_PKI.get_or_init(|| config)))
            }
        },
    }
}

fn own_roots(list: &[CertificateDer<'static>]) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in list {
        store.add(certificate.clone()).map_err(io::Error::other)?;
    }
    Ok(store)
}

fn trusting(roots: RootCertStore) -> io::Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The cryptography: aws-lc-rs before ring, whichever the program has installed, so that features
/// decide; without either, what the program has installed.
fn provider() -> io::Result<Arc<CryptoProvider>> {
    #[cfg(feature = "tls-aws-lc")]
    let provider = Some(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "tls", not(feature = "tls-aws-lc")))]
    let provider = Some(tokio_rustls::rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "tls", feature = "tls-aws-lc")))]
    let provider = None;
    match provider {
        Some(provider) => Ok(Arc::new(provider)),
        None => CryptoProvider::get_default()
            .cloned()
            .ok_or_else(|| io::Error::other(NO_PROVIDER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which cryptography a connection takes: what the provider's own source of randomness is called.
    #[test]
    fn features_decide_the_cryptography() {
        let taken = provider().map(|it| format!("{:?}", it.secure_random));
        let taken = taken.as_deref().map_err(ToString::to_string);
        let expected = match (cfg!(feature = "tls-aws-lc"), cfg!(feature = "tls")) {
            (true, _) => Ok("AwsLcRs"),
            (false, true) => Ok("Ring"),
            // This process has installed none.
            (false, false) => Err(NO_PROVIDER.to_owned()),
        };
        assert_eq!(taken, expected);
    }
}
