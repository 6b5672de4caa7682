//! Whom this program believes at an `https` address: the machine's authorities, or one root that a person gave.
//!
//! A city with an authority of its own puts its root's fingerprint into each camera's code. The camera fetches the
//! root once from whoever answers, believes it only if it is that one, and keeps it in its folder.

use base::{Error, Result, sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// The root in a camera's folder.
const FILE: &str = "ca.pem";
const ROOT_MAX: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(15);
/// Hex digits of a fingerprint in a code.
const PRINT: usize = 32;

/// How `https` addresses are believed: by the certificates that this machine believes (the operating system's,
/// or those of the file that `SSL_CERT_FILE` names), or, with a file, by the roots in it and by no others.
/// The process must have installed a provider of `rustls` before.
pub fn tls(root: Option<&Path>) -> Result<TlsConfig> {
    let Some(file) = root else {
        return Ok(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
    };
    let text = std::fs::read(file).map_err(|e| {
        let say = format!("The root certificate {} cannot be read; is it there?", file.display());
        Error::not_found(say).because(e)
    })?;
    let roots = roots(&text).map_err(|e| {
        Error::invalid(format!("{} holds no root certificate in PEM.", file.display()))
            .because(e.inside())
    })?;
    Ok(TlsConfig::builder().root_certs(RootCerts::from(roots)).build())
}

fn roots(pem: &[u8]) -> Result<Vec<Certificate<'static>>> {
    let found: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
            _ => None,
        })
        .collect();
    if found.is_empty() { Err(Error::invalid("This is no certificate in PEM.")) } else { Ok(found) }
}

/// Splits a camera's code: what the city wants to hear, and the fingerprint of its root.
pub(crate) fn parts_of(code: &str) -> (&str, Option<&str>) {
    code.split_once('@').map_or((code, None), |(code, print)| (code, Some(print)))
}

/// The root that a camera goes by: the one that was given; or the one that its code names, fetched once; or the
/// machine's own.
pub(crate) fn settle(
    data: &Path,
    server: &str,
    given: Option<&Path>,
    code: Option<&str>,
) -> Result<Option<PathBuf>> {
    if let Some(given) = given {
        return Ok(Some(given.to_owned()));
    }
    let file = data.join(FILE);
    let there = std::fs::read(&file).ok();
    if let Some(print) = code.and_then(|code| parts_of(code).1)
        && !there.as_deref().is_some_and(|pem| is_named(pem, print))
    {
        let root = fetch(server)?;
        if print.len() != PRINT || !is_named(&root, print) {
            return Err(Error::unauthenticated(format!(
                "What answers at {server} has another root than the camera's code says: ask for a new code, and \
                 if it happens again, somebody is between you and the city."
            )));
        }
        base::write_atomic(&file, &root)?;
        return Ok(Some(file));
    }
    Ok(there.map(|_| file))
}

/// Whether a root's fingerprint begins so.
fn is_named(pem: &[u8], print: &str) -> bool {
    let first = roots(pem).ok().and_then(|roots| roots.into_iter().next());
    first.is_some_and(|root| {
        base::hex(&sha256(root.der())).starts_with(print) && print.len() == PRINT
    })
}

/// The root, from whoever answers: nothing is told to them, and nothing of theirs is believed yet.
fn fetch(server: &str) -> Result<Vec<u8>> {
    let blind = TlsConfig::builder().disable_verification(true).build();
    let config =
        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).tls_config(blind).build();
    let url = format!("{}/ca.pem", server.trim_end_matches('/'));
    let mut answer = ureq::Agent::new_with_config(config).get(&url).call().map_err(|e| {
        Error::unavailable(format!("The city at {server} does not give its root certificate."))
            .because(e)
    })?;
    answer
        .body_mut()
        .with_config()
        .limit(ROOT_MAX)
        .read_to_vec()
        .map_err(|e| Error::unavailable("The city's root certificate was cut off.").because(e))
}

/// What is to be said when a city does not answer: where its certificate is at fault, what is wrong with it.
pub fn silent(server: &str, e: ureq::Error) -> Error {
    let why = match &e {
        ureq::Error::Rustls(found) => at_fault(found),
        ureq::Error::Io(found) => within(found).and_then(at_fault),
        _ => None,
    };
    let say = match why {
        Some(why) => format!("The certificate of {server} is not believed: {why}"),
        None => {
            format!("The city at {server} does not answer; is `homeplate serve` running there?")
        }
    };
    Error::unavailable(say).because(e)
}

fn within(e: &io::Error) -> Option<&rustls::Error> {
    let inner = e.get_ref()?;
    match inner.downcast_ref::<rustls::Error>() {
        Some(found) => Some(found),
        None => within(inner.downcast_ref::<io::Error>()?),
    }
}

fn at_fault(e: &rustls::Error) -> Option<&'static str> {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = e else { return None };
    Some(match bad {
        Bad::Expired | Bad::ExpiredContext { .. } => {
            "it has expired. Renew it at the server, or set this machine's clock."
        }
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "it is not good yet. Set this machine's clock."
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "it is for another name. Use the name that the city's people use."
        }
        Bad::UnknownIssuer | Bad::BadSignature => {
            "its authority is none that is believed here. If the city has its own, give its root with --ca FILE \
             (in a file: ca = \"FILE\") and compare the fingerprint first."
        }
        _ => "it is damaged, or none for this purpose.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        assert_eq!(parts_of("AB-CD"), ("AB-CD", None));
        assert_eq!(parts_of("AB-CD@00ff"), ("AB-CD", Some("00ff")));
    }

    #[test]
    fn what_is_at_fault() {
        use rustls::CertificateError as Bad;
        let check = |bad: Bad, want: &str| {
            let inner = io::Error::other(rustls::Error::InvalidCertificate(bad));
            let e = silent("https://c.example", ureq::Error::Io(io::Error::other(inner)));
            assert!(e.message().contains(want), "{e}");
        };
        check(Bad::Expired, "has expired");
        check(Bad::UnknownIssuer, "--ca FILE");
        check(Bad::NotValidForName, "another name");
        let e = silent("https://c.example", ureq::Error::Io(io::Error::other("reset")));
        assert!(e.message().contains("does not answer"), "{e}");
    }

    #[test]
    fn a_root_that_is_none_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        assert!(tls(Some(&file)).unwrap_err().message().contains("cannot be read"));
        std::fs::write(&file, "hello").unwrap();
        assert!(tls(Some(&file)).unwrap_err().message().contains("no root certificate"));
    }
}
