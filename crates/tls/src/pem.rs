//! Certificates and keys as files, and what stands in a certificate.

use base::{Error, Result, Time, sha256};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// More certificates are no chain.
const MOST: usize = 10;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Host names and addresses that it is for.
    pub names: Vec<String>,
    /// Its first moment.
    pub from: Time,
    /// Its last moment.
    pub until: Time,
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
}

impl Seen {
    /// Whether it is for this host: the name itself, or one star in place of its first label (RFC 6125).
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let rest = host.split_once('.').map(|(_, rest)| rest);
        self.names.iter().map(|name| name.to_ascii_lowercase()).any(|name| {
            name == host || name.strip_prefix("*.").is_some_and(|below| rest == Some(below))
        })
    }

    /// Whole days until it ends; negative once it has.
    pub fn days_left(&self, now: Time) -> i64 {
        self.until.since(now).div_euclid(86_400_000)
    }
}

/// The certificates of a PEM file, the server's own first.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).map_err(|e| unreadable(path).because(e))?;
    chain_of(&text)
        .map_err(|e| Error::new(e.kind(), format!("{}: {}", path.display(), e.message())))
}

pub(crate) fn unreadable(path: &Path) -> Error {
    Error::unavailable(format!(
        "The certificate {} cannot be read; is it there, and may the server's user read it?",
        path.display()
    ))
}

/// The certificates of a PEM text; what else is in it is passed over.
pub fn chain_of(text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let bad = "This is no PEM file with certificates (-----BEGIN CERTIFICATE-----).";
    let chain: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if (1..=MOST).contains(&chain.len()) => Ok(chain),
        Ok(_) => Err(Error::invalid(bad)),
        Err(e) => Err(Error::invalid(bad).because(e)),
    }
}

/// What a certificate says.
pub fn look(certificate: &CertificateDer<'_>) -> Result<Seen> {
    let bad = || Error::invalid("This is no certificate that can be read (X.509).");
    let (_, found) = X509Certificate::from_der(certificate).map_err(|e| bad().because(e))?;
    let names = found.subject_alternative_name().map_err(|e| bad().because(e))?;
    let names = names.map_or(&[][..], |names| &names.value.general_names);
    let at = |time: x509_parser::time::ASN1Time| Time::from_millis(time.timestamp() * 1000);
    Ok(Seen {
        names: names.iter().filter_map(name_of).collect(),
        from: at(found.validity().not_before),
        until: at(found.validity().not_after),
        subject: found.subject().to_string(),
        issuer: found.issuer().to_string(),
    })
}

/// Whether an authority's certificate lets it sign for this host (RFC 5280, 4.2.1.10).
pub(crate) fn signs_for(authority: &CertificateDer<'_>, host: &str) -> Result<bool> {
    let bad = || Error::invalid("This is no certificate that can be read (X.509).");
    let (_, found) = X509Certificate::from_der(authority).map_err(|e| bad().because(e))?;
    let limits = found.name_constraints().map_err(|e| bad().because(e))?;
    let Some(permitted) = limits.and_then(|limits| limits.value.permitted_subtrees.as_ref()) else {
        return Ok(true);
    };
    let host = host.to_ascii_lowercase();
    Ok(permitted.iter().any(|subtree| match &subtree.base {
        GeneralName::DNSName(name) => {
            let name = name.to_ascii_lowercase();
            host == name || host.ends_with(&format!(".{name}"))
        }
        _ => false,
    }))
}

fn name_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => {
                <[u8; 4]>::try_from(*bytes).ok().map(|ip| std::net::Ipv4Addr::from(ip).to_string())
            }
            16 => {
                <[u8; 16]>::try_from(*bytes).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string())
            }
            _ => None,
        },
        _ => None,
    }
}

/// What people compare to know a certificate again: SHA-256 of its bytes, in hex.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    base::hex(&sha256(certificate))
}

/// Chain and key as a server needs them. An error names what does not fit: the key, or the order of the chain.
pub fn load_pair(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>> {
    let chain = read_chain(certificate)?;
    let bytes = base::read_secret(key)?;
    let key_der = PrivateKeyDer::from_pem_slice(bytes.expose()).map_err(|e| {
        Error::invalid(format!(
            "{} is no private key in PEM (-----BEGIN PRIVATE KEY-----).",
            key.display()
        ))
        .because(e)
    })?;
    in_order(&chain, certificate)?;
    let provider = CryptoProvider::get_default()
        .ok_or_else(|| Error::internal("No provider of TLS is installed."))?;
    let pair = CertifiedKey::from_der(chain, key_der, provider).map_err(|e| {
        Error::invalid(format!(
            "The key {} does not belong to the certificate {}; put the two that were made together there.",
            key.display(),
            certificate.display()
        ))
        .because(e)
    })?;
    Ok(Arc::new(pair))
}

/// Each certificate is signed by the one behind it.
fn in_order(chain: &[CertificateDer<'_>], file: &Path) -> Result<()> {
    let seen = chain.iter().map(look).collect::<Result<Vec<_>>>()?;
    match seen.windows(2).find(|two| two[0].issuer != two[1].subject) {
        None => Ok(()),
        Some(two) => Err(Error::invalid(format!(
            "{}: behind the certificate of {} must come that of {}; put the chain in order, the server's own first.",
            file.display(),
            two[0].subject,
            two[0].issuer
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let seen = Seen {
            names: vec!["plates.city.example".into(), "*.desk.example".into()],
            from: Time::from_millis(0),
            until: Time::from_millis(0),
            subject: String::new(),
            issuer: String::new(),
        };
        for (host, fits) in [
            ("plates.city.example", true),
            ("PLATES.city.example", true),
            ("city.example", false),
            ("a.desk.example", true),
            ("desk.example", false),
            ("a.b.desk.example", false),
        ] {
            assert_eq!(seen.is_for(host), fits, "{host}");
        }
    }

    #[test]
    fn what_is_no_certificate_says_so() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
            let e = chain_of(text.as_bytes()).unwrap_err();
            assert!(e.message().contains("no PEM file"), "{e}");
        }
    }
}
