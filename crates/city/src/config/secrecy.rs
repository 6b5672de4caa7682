//! `[tls]`: how the city's address is kept secret and whose word on callers is believed.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Let's Encrypt.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// `[tls]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSection {
    /// Where the certificate comes from.
    pub mode: TlsMode,
    /// The certificate with its chain, for `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Its key, for `file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The authority's directory, for `acme`.
    pub acme_directory: String,
    /// Whom the authority writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme_contact: Option<String>,
    /// The root of the authority's own address, where the system does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acme_ca: Option<String>,
    /// Where plain HTTP is answered: with the way to the secret address, and nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_listen: Option<String>,
    /// Proxies whose word on callers is believed: addresses and networks.
    pub proxies: Vec<Network>,
}

impl Default for TlsSection {
    fn default() -> Self {
        Self {
            mode: TlsMode::None,
            certificate: None,
            key: None,
            acme_directory: DIRECTORY.into(),
            acme_contact: None,
            acme_ca: None,
            redirect_listen: None,
            proxies: Vec::new(),
        }
    }
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// Plain HTTP: for this machine, or a proxy on it.
    #[default]
    None,
    /// A proxy speaks TLS.
    Proxy,
    /// A file that somebody else renews.
    File,
    /// An authority of the city's own.
    OwnCa,
    /// A public one, asked by itself.
    Acme,
}

impl FromStr for TlsMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "proxy" => Ok(Self::Proxy),
            "file" => Ok(Self::File),
            "own-ca" => Ok(Self::OwnCa),
            "acme" => Ok(Self::Acme),
            _ => Err("acme, file, own-ca or proxy"),
        }
    }
}

/// An address, or a network as `10.1.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpAddr, u8);

impl Network {
    /// Whether an address lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.1);
        match (self.0, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - bits;
                net.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - bits;
                net.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "an address, or a network as 10.1.0.0/16";
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: IpAddr = address.parse().map_err(|_| bad)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| bad)?;
        if bits <= most { Ok(Self(address, bits)) } else { Err(bad) }
    }
}

impl TryFrom<String> for Network {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(Network(address, bits): Network) -> Self {
        let whole = bits == if address.is_ipv4() { 32 } else { 128 };
        if whole { address.to_string() } else { format!("{address}/{bits}") }
    }
}

impl TlsSection {
    /// Whether the server itself speaks TLS.
    pub fn secures(&self) -> bool {
        matches!(self.mode, TlsMode::File | TlsMode::OwnCa | TlsMode::Acme)
    }

    /// Whether what `peer` says of callers is believed: of a named proxy; where none is foreseen, of one on this machine.
    pub fn believes(&self, peer: IpAddr) -> bool {
        match self.mode {
            TlsMode::Proxy => self.proxies.iter().any(|network| network.holds(peer)),
            TlsMode::None => peer.to_canonical().is_loopback(),
            _ => false,
        }
    }

    /// The folder of what the city makes for it.
    pub fn folder(dir: &Path) -> PathBuf {
        dir.join("tls")
    }

    /// The certificate of a city in `dir`, where the server has one; nothing is read yet.
    pub fn live(&self, dir: &Path) -> Option<Arc<tls::Live>> {
        let served = Self::folder(dir).join("served.pem");
        match self.mode {
            TlsMode::None | TlsMode::Proxy => None,
            TlsMode::OwnCa | TlsMode::Acme => Some(tls::Live::new(&served, &served)),
            TlsMode::File => {
                let of = |name: &Option<String>| dir.join(name.as_deref().unwrap_or_default());
                Some(tls::Live::new(&of(&self.certificate), &of(&self.key)))
            }
        }
    }

    /// The root that the city's own authority hands out, where there is one.
    pub fn root_file(&self, dir: &Path) -> Option<PathBuf> {
        (self.mode == TlsMode::OwnCa).then(|| Self::folder(dir).join("ca.pem"))
    }

    /// What is wrong, if something is; `https` is whether the city has a public address with a name.
    pub(crate) fn wrong(&self, https: bool) -> Option<&'static str> {
        let files = [&self.certificate, &self.key];
        if self.mode == TlsMode::File && files.iter().any(|file| file.is_none()) {
            return Some("tls.certificate and tls.key are missing; name both files");
        }
        if self.mode != TlsMode::File && files.iter().any(|file| file.is_some()) {
            return Some("tls.certificate and tls.key are for tls.mode = \"file\"");
        }
        if self.mode != TlsMode::None && !https {
            return Some("tls.mode needs server.public_url, https:// and the city's name");
        }
        if (self.mode == TlsMode::Proxy) == self.proxies.is_empty() {
            return Some("tls.proxies names the proxies of tls.mode = \"proxy\", and of no other");
        }
        let port = self.redirect_listen.as_deref().map(str::parse::<SocketAddr>);
        if port.as_ref().is_some_and(Result::is_err) {
            return Some("tls.redirect_listen is address:port");
        }
        if port.is_some() && !self.secures() {
            return Some("tls.redirect_listen is for a server that speaks TLS itself");
        }
        if self.mode != TlsMode::Acme {
            return None;
        }
        if port.is_none() {
            return Some(
                "tls.redirect_listen is missing: the authority of tls.mode = \"acme\" looks there",
            );
        }
        if !self.acme_directory.starts_with("https://") {
            return Some("tls.acme_directory is an https address");
        }
        let contact = self.acme_contact.as_deref();
        let fits = |contact: &str| contact.strip_prefix("mailto:").is_some_and(deliver::is_address);
        (!contact.is_none_or(fits)).then_some("tls.acme_contact is mailto: and an address")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn networks() {
        let check = |net: &str, ip: &str, inside: bool| {
            let net: Network = net.parse().unwrap();
            assert_eq!(net.holds(ip.parse().unwrap()), inside, "{net:?} {ip}");
        };
        check("10.1.0.0/16", "10.1.2.3", true);
        check("10.1.0.0/16", "10.2.2.3", false);
        check("10.1.0.9", "10.1.0.9", true);
        check("10.1.0.9", "10.1.0.8", false);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("10.1.0.9", "::ffff:10.1.0.9", true);
        check("2001:db8::/32", "2001:db8:1::2", true);
        check("2001:db8::/32", "2001:db9::", false);
        for bad in ["10.1.0.0/33", "ten", "::1/129", ""] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_file_may_say() {
        let city =
            "[city]\nname=\"S\"\nslug=\"s\"\n[server]\npublic_url=\"https://p.c.example\"\n[tls]\n";
        let good = |text: &str| Config::parse(&format!("{city}{text}\n")).unwrap();
        good("mode=\"own-ca\"");
        good("mode=\"acme\"\nredirect_listen=\"0.0.0.0:80\"\nacme_contact=\"mailto:it@c.example\"");
        let proxy = good("mode=\"proxy\"\nproxies=[\"10.0.0.5\"]").tls;
        let none = good("");
        for (tls, peer, believed) in [
            (&proxy, "10.0.0.5", true),
            (&proxy, "127.0.0.1", false),
            (&none.tls, "127.0.0.1", true),
            (&none.tls, "10.0.0.5", false),
            (&good("mode=\"own-ca\"").tls, "127.0.0.1", false),
        ] {
            assert_eq!(tls.believes(peer.parse().unwrap()), believed, "{peer} {:?}", tls.mode);
        }
        for (text, want) in [
            ("mode=\"file\"\nkey=\"k\"", "tls.certificate and tls.key are missing"),
            ("mode=\"own-ca\"\nkey=\"k\"", "are for tls.mode"),
            ("mode=\"proxy\"", "tls.proxies"),
            ("proxies=[\"::1\"]", "tls.proxies"),
            ("mode=\"proxy\"\nproxies=[\"all\"]", "10.1.0.0/16"),
            ("mode=\"acme\"", "tls.redirect_listen is missing"),
            ("mode=\"own-ca\"\nredirect_listen=\"80\"", "address:port"),
            ("redirect_listen=\"0.0.0.0:80\"", "speaks TLS itself"),
            ("mode=\"acme\"\nredirect_listen=\"0.0.0.0:80\"\nacme_contact=\"it\"", "acme_contact"),
            (
                "mode=\"acme\"\nredirect_listen=\"0.0.0.0:80\"\nacme_directory=\"http://x\"",
                "acme_directory",
            ),
        ] {
            let e = Config::parse(&format!("{city}{text}\n")).unwrap_err();
            assert!(e.to_string().contains(want), "{text}: {e}");
        }
        let bare = Config::parse("[city]\nname=\"S\"\nslug=\"s\"\n[tls]\nmode=\"own-ca\"\n");
        assert!(bare.unwrap_err().to_string().contains("server.public_url"));
    }
}
