//! Addresses of the camera network. What a device says of where it or its streams are is a claim of a
//! stranger: only an address of the very host that answered is followed, and only near ones at all.

use base::{Error, Result};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

const LENGTH_MAX: usize = 1000;

/// Where something answers: `http` or `rtsp` at an IP address of the camera network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Address {
    scheme: String,
    host: SocketAddr,
    path: String,
}

impl Address {
    /// Reads an address whose host is written as an IP address; a name and password in it are left out.
    /// Fails where the host is no near one ([`near`]).
    pub fn read(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("An address is written as http://10.0.0.7/PATH.");
        let text = text.trim();
        if text.len() > LENGTH_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let scheme = scheme.to_ascii_lowercase();
        let usual = match scheme.as_str() {
            "http" => 80,
            "rtsp" => 554,
            _ => return Err(Error::invalid("Only http and rtsp addresses are asked.")),
        };
        let (host, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = host.rsplit('@').next().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let host = match (host.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
            (Ok(host), _) => host,
            (_, Ok(ip)) => SocketAddr::new(ip, usual),
            _ => return Err(wrong()),
        };
        if !near(host.ip()) {
            return Err(far(host.ip()));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { scheme, host, path })
    }

    /// The device service of a host, where ONVIF puts it.
    pub fn device_service(host: SocketAddr) -> Self {
        Self { scheme: "http".into(), host, path: "/onvif/device_service".into() }
    }

    /// Its IP address and port.
    pub fn host(&self) -> SocketAddr {
        self.host
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether RTSP is spoken there.
    pub fn is_rtsp(&self) -> bool {
        self.scheme == "rtsp"
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let usual = if self.is_rtsp() { 554 } else { 80 };
        let Self { scheme, host, path } = self;
        match host {
            SocketAddr::V4(v4) if v4.port() == usual => write!(f, "{scheme}://{}{path}", v4.ip()),
            _ => write!(f, "{scheme}://{host}{path}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// Whether an IP address is one of this machine or of a network that nobody reaches from outside: loopback,
/// private (RFC 1918, RFC 4193) or link-local (RFC 3927, RFC 4291).
pub fn near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => near4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => near4(v4),
            None => near6(v6),
        },
    }
}

fn near4(ip: Ipv4Addr) -> bool {
    ip.is_private() || ip.is_loopback() || ip.is_link_local()
}

fn near6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
}

/// The near address that a person means with `HOST` or `HOST:PORT`.
pub fn resolve(host: &str, usual_port: u16) -> Result<SocketAddr> {
    let wrong = || Error::invalid(format!("No host is found as {}.", super::plain(host)));
    let with_port = match host.rsplit_once(':') {
        _ if host.parse::<IpAddr>().is_ok() => None,
        Some((_, port)) => port.parse::<u16>().ok(),
        None => None,
    };
    let found = match (with_port, host.parse::<IpAddr>()) {
        (Some(_), _) => host.to_socket_addrs(),
        (None, Ok(ip)) => return checked(SocketAddr::new(ip, usual_port)),
        (None, Err(_)) => (host, usual_port).to_socket_addrs(),
    };
    let found = found.map_err(|e| wrong().because(e))?.next().ok_or_else(wrong)?;
    checked(found)
}

fn checked(host: SocketAddr) -> Result<SocketAddr> {
    if near(host.ip()) { Ok(host) } else { Err(far(host.ip())) }
}

fn far(ip: IpAddr) -> Error {
    Error::invalid(format!("{ip} is no address of a local network; cameras are asked there only."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_hosts_by_number() {
        let check = |text: &str, want: Option<&str>| {
            let got = Address::read(text).ok().map(|a| a.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        };
        check(
            "http://192.168.1.7/onvif/device_service",
            Some("http://192.168.1.7/onvif/device_service"),
        );
        check(" HTTP://10.0.0.7:8000 ", Some("http://10.0.0.7:8000/"));
        check("rtsp://admin:s3cret@10.0.0.7:554/s?a=b@c", Some("rtsp://10.0.0.7/s?a=b@c"));
        check("http://[fe80::1]:80/x", Some("http://[fe80::1]:80/x"));
        check("http://[fd00::1]/x", Some("http://[fd00::1]:80/x"));
        for refused in [
            "http://8.8.8.8/x",
            "http://[::ffff:8.8.8.8]/x",
            "http://[2001:db8::1]/x",
            "http://cam.example/x",
            "http://10.0.0.7@8.8.8.8/x",
            "https://10.0.0.7/x",
            "file:///etc/passwd",
            "http://0.0.0.0/x",
            "http://10.0.0.7/a b",
            "http://10.0.0.7/a\r\nx",
            "10.0.0.7",
            "",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn a_person_names_a_host() {
        let check = |text: &str, want: Option<&str>| {
            let got = resolve(text, 80).ok().map(|a| a.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        };
        check("10.0.0.7", Some("10.0.0.7:80"));
        check("10.0.0.7:8000", Some("10.0.0.7:8000"));
        check("fd00::7", Some("[fd00::7]:80"));
        check("8.8.8.8", None);
        check("8.8.8.8:80", None);
    }
}
