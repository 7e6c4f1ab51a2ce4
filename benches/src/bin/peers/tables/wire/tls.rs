//! rustls over blocking and spinning sockets.

use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use ticklot_transport::rustls::crypto::ring::default_provider;
use ticklot_transport::rustls::pki_types::{PrivateKeyDer, ServerName};
use ticklot_transport::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};

/// A self-signed certificate for the loopback address: the server's side, and a client that trusts it.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Identity {
    pub(super) fn new() -> anyhow::Result<Self> {
        let name = Ipv4Addr::LOCALHOST.to_string();
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name])?;
        let key =
            PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }
}

/// A client's side, driven by hand.
pub(super) struct TlsSocket {
    tls: ClientConnection,
    tcp: TcpStream,
}

impl TlsSocket {
    /// Does the handshake.
    pub(super) fn connect(config: &Arc<ClientConfig>, mut tcp: TcpStream) -> anyhow::Result<Self> {
        let name = ServerName::from(tcp.peer_addr()?.ip());
        let mut tls = ClientConnection::new(Arc::clone(config), name)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self { tls, tcp })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl Read for TlsSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.tls.read_tls(&mut self.tcp)? == 0 {
                return Ok(0);
            }
            self.tls.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl io::Write for TlsSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tls.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }
}
