//! TLS: the trusted certificate authorities, and the handshake.

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

/// The certificate authorities that TLS connections trust.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Mozilla's authorities, from `webpki-roots`.
    #[default]
    WebPki,
    /// These authorities, and no other.
    Certificates(Vec<CertificateDer<'static>>),
    /// A custom configuration. Its ALPN list should be empty or contain only `http/1.1`, because the WebSocket upgrade is an
    /// HTTP/1.1 request.
    Custom(Arc<ClientConfig>),
}

impl Roots {
    /// The authorities of the file in the environment variable `SSL_CERT_FILE`, as in OpenSSL; none if it is unset. See
    /// [`Roots::from_pem_file`].
    ///
    /// # Errors
    ///
    /// As [`Roots::from_pem_file`].
    pub fn from_env() -> Result<Option<Self>, Error> {
        let path = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
        path.map(Self::from_pem_file).transpose()
    }

    /// Only the authorities of a PEM file. Certificates that are not valid authorities are ignored, because a system's list
    /// may contain some. Blocks while it reads the file. The result is [`Roots::Custom`]: its clones share the list and the
    /// TLS sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Certificates`] for a file that cannot be read, is not PEM, or contains no authority.
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
            return Err(failed(&"it contains no CA certificate"));
        }
        let config = config_with_roots(store).map_err(|error| failed(&error))?;
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
     (rustls::crypto::CryptoProvider), or enable the feature `tls` or `tls-aws-lc`";

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
    // Shared by all connections, so that TLS sessions can be resumed.
    static WEB_PKI: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    match roots {
        Roots::Custom(config) => Ok(Arc::clone(config)),
        Roots::Certificates(list) => config_with_roots(own_roots(list)?).map(Arc::new),
        Roots::WebPki => match WEB_PKI.get() {
            Some(config) => Ok(Arc::clone(config)),
            None => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
                let config = Arc::new(config_with_roots(roots)?);
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

fn config_with_roots(roots: RootCertStore) -> io::Result<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The cryptography provider: aws-lc-rs, then ring, by the enabled features and independent of the installed provider.
/// Without either feature, the provider that the program has installed.
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

    /// Identifies the provider by the name of its source of randomness.
    #[test]
    fn features_decide_the_cryptography() {
        let selected = provider().map(|it| format!("{:?}", it.secure_random));
        let selected = selected.as_deref().map_err(ToString::to_string);
        let expected = match (cfg!(feature = "tls-aws-lc"), cfg!(feature = "tls")) {
            (true, _) => Ok("AwsLcRs"),
            (false, true) => Ok("Ring"),
            // No provider is installed in this process.
            (false, false) => Err(NO_PROVIDER.to_owned()),
        };
        assert_eq!(selected, expected);
    }
}
