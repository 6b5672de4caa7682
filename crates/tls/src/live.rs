//! The certificate that is served now. When its file has changed it is read again; if what is there then is damaged,
//! or half written, the old one goes on and somebody is told.

use crate::pem::{Seen, load_pair, look, unreadable};
use base::{Result, sha256};
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What `http/1.1` is called in a handshake (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";

/// The certificate of a server.
#[derive(Debug)]
pub struct Live {
    files: (PathBuf, PathBuf),
    pair: RwLock<Option<Arc<CertifiedKey>>>,
    /// Of what was read last, good or not: the same damage is told once.
    read: Mutex<[u8; 32]>,
}

impl Live {
    /// One whose certificate and key lie in these files, which may be one and the same. Nothing is served until
    /// [`Live::refresh`] has found something.
    pub fn new(certificate: &Path, key: &Path) -> Arc<Self> {
        let files = (certificate.to_owned(), key.to_owned());
        Arc::new(Self { files, pair: RwLock::default(), read: Mutex::default() })
    }

    /// Reads the files if they have changed. Gives whether something new is served.
    pub fn refresh(&self) -> Result<bool> {
        let (certificate, key) = &self.files;
        let of = |path: &Path| base::read_secret(path).map(|bytes| sha256(bytes.expose()));
        let chain = of(certificate).map_err(|e| unreadable(certificate).because(e))?;
        let now = sha256(&[chain, of(key)?].concat());
        {
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if *read == now {
                return Ok(false);
            }
            *read = now;
        }
        let pair = load_pair(certificate, key)?;
        *self.pair.write().unwrap_or_else(PoisonError::into_inner) = Some(pair);
        Ok(true)
    }

    fn pair(&self) -> Option<Arc<CertifiedKey>> {
        self.pair.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the certificate says that is served; `None` while there is none.
    pub fn seen(&self) -> Option<Seen> {
        self.pair().and_then(|pair| look(pair.cert.first()?).ok())
    }

    /// How a server speaks with it: TLS 1.2 or 1.3, HTTP/1.1 within.
    pub fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder().with_no_client_auth();
        let mut config = builder.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Arc::new(config)
    }
}

impl ResolvesServerCert for Live {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_is_not_there_is_not_called_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let live = Live::new(&dir.path().join("city.pem"), &dir.path().join("city.key"));
        let e = live.refresh().unwrap_err();
        assert!(
            e.message().starts_with("The certificate ") && e.message().contains("city.pem"),
            "{e}"
        );
    }
}
