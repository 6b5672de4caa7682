//! An authority of the city's own, for a city that no public one can reach: a root that people and cameras are handed
//! once, and a certificate for the server's name that is made anew by itself.
//!
//! The root may sign for the city's one name and for no other (RFC 5280, 4.2.1.10): whoever steals its key cannot
//! stand in for a bank before those who believe it.

use crate::pem::{Seen, fingerprint, load_pair, look, read_chain, signs_for};
use base::{Error, Result, Time};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// The root is handed out by hand: as long as a city keeps machines.
const ROOT_DAYS: i64 = 15 * 365;
/// Browsers take nothing that is good for longer than 825 days from an authority of one's own; ours is renewed by
/// itself, and whoever stole one has it for a season.
const LEAF_DAYS: i64 = 90;
/// Clocks at the roadside may be behind.
const BACKDATED_MS: i64 = DAY_MS;

/// The authority in a folder.
pub struct OwnAuthority {
    dir: PathBuf,
}

impl OwnAuthority {
    /// The authority in `dir`, made where there is none: `ca.pem`, `ca.key`. It can sign for `host` alone.
    pub fn make(dir: &Path, city: &str, host: &str, now: Time) -> Result<Self> {
        let own = Self { dir: dir.to_owned() };
        if own.root_file().exists() {
            return Ok(own);
        }
        let key = KeyPair::generate().map_err(broken)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, format!("{city} Homeplate authority"));
        params.distinguished_name.push(DnType::OrganizationName, city);
        (params.not_before, params.not_after) = between(now, ROOT_DAYS);
        params.serial_number = Some(serial());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(host.to_owned())],
            excluded_subtrees: vec![
                GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
                GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
            ],
        });
        let root = params.self_signed(&key).map_err(broken)?;
        // The key first: a root without one would never be replaced.
        base::write_secret(&own.key_file(), key.serialize_pem().as_bytes())?;
        base::write_atomic(&own.root_file(), root.pem().as_bytes())?;
        Ok(own)
    }

    /// Where the root lies, which everybody may have.
    pub fn root_file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    fn key_file(&self) -> PathBuf {
        self.dir.join("ca.key")
    }

    /// The server's certificate, chain and key in one file.
    pub fn served_file(&self) -> PathBuf {
        self.dir.join("served.pem")
    }

    /// What people compare who are handed the root.
    pub fn fingerprint(&self) -> Result<String> {
        Ok(fingerprint(&self.root()?))
    }

    /// What to do where the root cannot sign for this host: it was made when the city had another.
    ///
    /// # Errors
    /// The root cannot be read.
    pub fn misfit(&self, host: &str) -> Result<Option<String>> {
        let fits = signs_for(&self.root()?, host)?;
        Ok((!fits).then(|| {
            format!(
                "The city's own authority was made for another name and cannot sign for {host}, so nobody believes the \
                 certificate; stop the server, move {} and {} away, start it and hand the new root out.",
                self.root_file().display(),
                self.key_file().display()
            )
        }))
    }

    /// What the root says.
    pub fn seen(&self) -> Result<Seen> {
        look(&self.root()?)
    }

    fn root(&self) -> Result<rustls::pki_types::CertificateDer<'static>> {
        let file = self.root_file();
        let first = read_chain(&file)?.into_iter().next();
        first.ok_or_else(|| Error::invalid(format!("{} holds no certificate.", file.display())))
    }

    /// Makes the server's certificate where there is none, where it is for another name, does not fit its key, or a third of its life
    /// is left. Gives whether it made one.
    pub fn renew(&self, host: &str, now: Time) -> Result<bool> {
        let served = self.served_file();
        let root = self.root()?;
        let fits = load_pair(&served, &served).is_ok_and(|pair| {
            let from_root = pair.cert.last().is_some_and(|last| *last == root);
            let leaf = pair.cert.first().and_then(|leaf| look(leaf).ok());
            from_root && leaf.is_some_and(|leaf| leaf.is_for(host) && !crate::is_due(&leaf, now))
        });
        if fits {
            return Ok(false);
        }
        let text = base::read_secret(&self.key_file())?;
        let text = std::str::from_utf8(text.expose())
            .map_err(|e| Error::invalid("The authority's key is damaged.").because(e))?;
        let signer = KeyPair::from_pem(text).map_err(broken)?;
        let issuer = Issuer::from_ca_cert_der(&root, &signer).map_err(broken)?;
        let key = KeyPair::generate().map_err(broken)?;
        let name = Ia5String::try_from(host).map_err(broken)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = Default::default();
        params.distinguished_name.push(DnType::CommonName, host);
        params.subject_alt_names = vec![SanType::DnsName(name)];
        (params.not_before, params.not_after) = between(now, LEAF_DAYS);
        params.serial_number = Some(serial());
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &issuer).map_err(broken)?;
        let root = std::fs::read_to_string(self.root_file())
            .map_err(|e| Error::unavailable("The authority's root cannot be read.").because(e))?;
        // One file, replaced at once: there is no moment at which key and certificate differ. The root goes along, so
        // that a camera that knows its fingerprint alone finds it.
        let all = format!("{}{root}{}", leaf.pem(), key.serialize_pem());
        base::write_secret(&served, all.as_bytes())?;
        Ok(true)
    }
}

fn broken(e: rcgen::Error) -> Error {
    Error::internal("A certificate cannot be made; see the log.").because(e)
}

fn serial() -> SerialNumber {
    let mut bytes = base::random::<16>();
    // Positive (RFC 5280, 4.1.2.2), and never without its first byte.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// From a day ago for so many days.
fn between<T: From<std::time::SystemTime>>(now: Time, days: i64) -> (T, T) {
    let at = |ms: i64| {
        let since = Duration::from_secs(u64::try_from(ms / 1000).unwrap_or_default());
        T::from(std::time::UNIX_EPOCH + since)
    };
    (at(now.millis() - BACKDATED_MS), at(now.millis() + days * DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};
    use std::sync::Arc;

    const HOST: &str = "plates.city.example";

    fn at(day: i64) -> Time {
        "2026-11-26T12:00:00Z".parse::<Time>().unwrap().plus_millis(day * DAY_MS)
    }

    /// Whether who believes `root` believes what is served, under a name and at a moment.
    fn believed(own: &OwnAuthority, served: &Path, host: &str, now: Time) -> bool {
        let chain = read_chain(served).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(own.root().unwrap()).unwrap();
        let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
        let when = UnixTime::since_unix_epoch(Duration::from_millis(now.millis().unsigned_abs()));
        let name = ServerName::try_from(host.to_owned()).unwrap();
        verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], when).is_ok()
    }

    #[test]
    fn a_leaf_is_renewed_by_itself_and_good_for_its_name_alone() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let own = OwnAuthority::make(dir.path(), "Springfield", HOST, at(0)).unwrap();
        let served = own.served_file();
        assert!(own.renew(HOST, at(0)).unwrap());
        for (host, day, good) in [
            (HOST, 0, true),
            (HOST, 89, true),
            (HOST, 91, false),
            (HOST, -3, false),
            ("bank.example", 0, false),
        ] {
            assert_eq!(believed(&own, &served, host, at(day)), good, "{host} {day}");
        }
        assert!(!own.renew(HOST, at(30)).unwrap(), "nothing is due");
        let print = own.fingerprint().unwrap();
        assert!(own.renew(HOST, at(61)).unwrap());
        assert!(believed(&own, &served, HOST, at(120)));
        let again = OwnAuthority::make(dir.path(), "Springfield", HOST, at(62)).unwrap();
        assert_eq!(again.fingerprint().unwrap(), print, "the root stays");
        // A damaged file is made anew.
        std::fs::write(&served, "x").unwrap();
        assert!(own.renew(HOST, at(62)).unwrap() && believed(&own, &served, HOST, at(62)));
        // Its root signs for no other name: such a certificate is believed by nobody.
        assert_eq!(again.misfit(HOST).unwrap(), None);
        assert!(again.misfit("bank.example").unwrap().unwrap().contains("ca.key"));
        assert!(own.renew("bank.example", at(62)).unwrap());
        assert!(!believed(&own, &served, "bank.example", at(62)));
    }

    #[test]
    fn a_key_that_does_not_belong_is_named() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&one, &two] {
            OwnAuthority::make(dir.path(), "S", HOST, at(0)).unwrap().renew(HOST, at(0)).unwrap();
        }
        let file = |dir: &tempfile::TempDir, name: &str| dir.path().join(name);
        let (served, other) = (file(&one, "served.pem"), file(&two, "served.pem"));
        load_pair(&served, &served).unwrap();
        let e = load_pair(&served, &other).unwrap_err();
        assert!(e.message().contains("does not belong"), "{e}");
        let certificates = |file: &Path| {
            let all = std::fs::read_to_string(file).unwrap();
            all.split("-----BEGIN PRIVATE").next().unwrap().to_owned()
        };
        let mixed = file(&one, "mixed.pem");
        std::fs::write(&mixed, certificates(&served) + &certificates(&other)).unwrap();
        let e = load_pair(&mixed, &served).unwrap_err();
        assert!(e.message().contains("in order"), "{e}");
    }
}
