//! What a stranger sees who comes to the city's address: does the name resolve, does somebody answer, is the
//! certificate one that they would believe?

use crate::pem::{Seen, look};
use base::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Clone, Debug)]
pub struct Probed {
    /// Where the name leads.
    pub addresses: Vec<SocketAddr>,
    /// The server's certificate.
    pub seen: Seen,
    /// Why somebody who believes the given roots would not believe it; `None` where they would.
    pub distrust: Option<String>,
}

/// Goes to `host` at `port` as a browser does, and looks at the certificate: whatever it is, the handshake goes on, and
/// nothing is sent after it. `roots` are whom the visitor believes.
pub fn probe(host: &str, port: u16, roots: RootCertStore) -> Result<Probed> {
    let unknown = || {
        Error::unavailable(format!(
            "The name {host} leads nowhere; have whoever keeps the city's names (DNS) enter it, with this \
             machine's address."
        ))
    };
    let addresses: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|e| unknown().because(e))?.collect();
    let silent = |e: std::io::Error| {
        Error::unavailable(format!(
            "Nobody answers at {host}:{port}; is the server running, and does the firewall let port {port} through?"
        ))
        .because(e)
    };
    let mut stream = connect(&addresses).ok_or_else(unknown)?.map_err(silent)?;
    for set in [stream.set_read_timeout(Some(PATIENCE)), stream.set_write_timeout(Some(PATIENCE))] {
        set.map_err(silent)?;
    }
    let provider = CryptoProvider::get_default()
        .ok_or_else(|| Error::internal("No provider of TLS is installed."))?;
    let judge = Arc::new(Onlooker {
        provider: provider.clone(),
        inner: WebPkiServerVerifier::builder(Arc::new(roots)).build().ok(),
        found: Mutex::default(),
    });
    let config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(judge.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|e| Error::invalid(format!("{host} is no host name.")).because(e))?;
    let none = |e: String| {
        Error::unavailable(format!("What answers at {host}:{port} does not speak TLS.")).because(e)
    };
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|e| none(e.to_string()))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|e| none(e.to_string()))?;
    }
    let found = judge.found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (seen, distrust) = found.ok_or_else(|| none("no certificate came".into()))?;
    Ok(Probed { addresses, seen: seen?, distrust })
}

/// The first address that answers.
fn connect(addresses: &[SocketAddr]) -> Option<std::io::Result<TcpStream>> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(stream) => return Some(Ok(stream)),
            Err(e) => last = Some(Err(e)),
        }
    }
    last
}

type Found = (Result<Seen>, Option<String>);

/// Looks at a certificate, asks the ordinary judge, remembers, and goes on.
#[derive(Debug)]
struct Onlooker {
    provider: Arc<CryptoProvider>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    found: Mutex<Option<Found>>,
}

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let judged = self.inner.as_ref().map(|judge| {
            judge.verify_server_cert(end_entity, intermediates, server_name, ocsp, now)
        });
        let distrust = match judged {
            Some(Ok(_)) => None,
            Some(Err(e)) => Some(e.to_string()),
            None => Some("no authority is believed here".into()),
        };
        let found = (look(end_entity), distrust);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
