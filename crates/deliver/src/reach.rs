//! Which addresses the city calls, whoever named them.
//!
//! A webhook's address is written by the city, a push service's by a browser: either may name, or come to
//! name, a machine behind the city's firewall or the metadata service of its cloud. So a name is resolved
//! here, every address is judged, and only those that pass are handed to the connection: a name that
//! resolves otherwise a moment later moves nothing (DNS rebinding).
//!
//! Ranges after the IANA registries of special-purpose addresses (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Where a call may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Without TLS too: where whoever wrote the address wrote `http://`.
    pub plain: bool,
    /// This machine and the city's own networks too, because the configuration says so for this host.
    /// Never link-local addresses, where clouds keep their metadata.
    pub local: bool,
}

impl Reach {
    /// Public addresses by TLS alone.
    pub const PUBLIC: Reach = Reach { plain: false, local: false };
    /// A host that the configuration names as one of the city's own.
    pub const LOCAL: Reach = Reach { plain: true, local: true };

    /// Whether this address may be connected to.
    pub fn takes(self, ip: IpAddr) -> bool {
        is_public(ip) || (self.local && is_own(ip))
    }

    /// Whether an address of this form may be called: its scheme, no user in it, and a host.
    pub fn takes_url(self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let scheme = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => self.plain,
            _ => false,
        };
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        scheme && host && !user
    }
}

/// An IPv4 address inside an IPv6 one that is only another spelling of it, or a way to it.
fn inner(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let last = |a: u16, b: u16| Ipv4Addr::from((u32::from(a) << 16) | u32::from(b));
    match s {
        // Mapped (RFC 4291), translated (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(last(a, b)),
        // 6to4 (RFC 3056).
        [0x2002, a, b, ..] => Some(last(a, b)),
        _ => None,
    }
}

/// Whether an address is one of the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_4(ip),
        IpAddr::V6(ip) => match inner(ip) {
            Some(ip) => is_public_4(ip),
            None => {
                let s = ip.segments();
                let reserved = match s[0] {
                    0x2001 => s[1] < 0x0200 || s[1] == 0x0db8,
                    0x3fff => s[1] < 0x1000,
                    _ => false,
                };
                // Global unicast is 2000::/3; what lies outside of it is for something else.
                s[0] & 0xe000 == 0x2000 && !reserved
            }
        },
    }
}

fn is_public_4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || protocols
        || benchmarks)
}

/// This machine, or a network that a city has for itself.
fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => match inner(ip) {
            Some(ip) => ip.is_loopback() || ip.is_private(),
            // fc00::/7, but for the one address where a cloud keeps its metadata.
            None => {
                ip.is_loopback()
                    || (ip.segments()[0] & 0xfe00 == 0xfc00
                        && ip.segments() != [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254])
            }
        },
    }
}

/// Says nothing but that it was here: the address is not for a log.
#[derive(Debug)]
pub(crate) struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name leads to this machine, to a local network or to no public address")
    }
}

impl std::error::Error for Refused {}

/// Resolves names, and gives the addresses that may be called.
#[derive(Debug)]
pub(crate) struct Guarded<R = DefaultResolver> {
    pub reach: Reach,
    pub by: R,
}

impl<R: Resolver> Resolver for Guarded<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.by.resolve(uri, config, timeout)?;
        let mut fit = self.empty();
        for address in found.iter().filter(|address| self.reach.takes(address.ip())) {
            fit.push(*address);
        }
        if fit.is_empty() { Err(ureq::Error::Other(Box::new(Refused))) } else { Ok(fit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses() {
        // Address, whether the public reach takes it, whether the local one does.
        for (ip, public, local) in [
            ("8.8.8.8", true, true),
            ("127.0.0.1", false, true),
            ("127.8.8.8", false, true),
            ("10.0.0.1", false, true),
            ("172.16.0.1", false, true),
            ("172.32.0.1", true, true),
            ("192.168.1.1", false, true),
            ("169.254.169.254", false, false),
            ("100.64.0.1", false, false),
            ("100.100.100.200", false, false),
            ("0.0.0.0", false, false),
            ("192.0.0.192", false, false),
            ("192.0.2.1", false, false),
            ("198.18.0.1", false, false),
            ("224.0.0.1", false, false),
            ("255.255.255.255", false, false),
            ("2606:4700::1111", true, true),
            ("::1", false, true),
            ("::", false, false),
            ("::127.0.0.1", false, false),
            ("::ffff:127.0.0.1", false, true),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("64:ff9b::808:808", true, true),
            ("2002:7f00:1::", false, true),
            ("2002:a9fe:a9fe::", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
            ("fd12:3456::1", false, true),
            ("2001:db8::1", false, false),
            ("2001::1", false, false),
            ("ff02::1", false, false),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(Reach::PUBLIC.takes(ip), public, "{ip} public");
            assert_eq!(Reach::LOCAL.takes(ip), local, "{ip} local");
        }
    }

    /// Names that lead where somebody wants; another place each time they are asked for.
    #[derive(Debug)]
    struct Names(std::sync::Mutex<Vec<Vec<&'static str>>>);

    impl Resolver for Names {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut out = self.empty();
            self.0.lock().unwrap().remove(0).iter().for_each(|a| out.push(a.parse().unwrap()));
            Ok(out)
        }
    }

    /// What is given to the connection is what was judged, and a name is asked for once a message.
    #[test]
    fn a_name_that_leads_into_the_house() {
        let resolve = |reach: Reach, found: &[&'static str]| {
            // The second answer, which must not be asked for, would be this machine.
            let names = Names(vec![found.to_vec(), vec!["127.0.0.1:80"]].into());
            let guarded = Guarded { reach, by: names };
            let timeout = NextTimeout {
                after: ureq::unversioned::transport::time::Duration::NotHappening,
                reason: ureq::Timeout::Global,
            };
            let uri = Uri::from_static("https://rebind.example/");
            let got = guarded.resolve(&uri, &Config::default(), timeout);
            assert_eq!(guarded.by.0.lock().unwrap().len(), 1);
            got.map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        let mixed = ["127.0.0.1:80", "8.8.8.8:443", "169.254.169.254:80", "[fe80::1]:80"];
        assert_eq!(resolve(Reach::PUBLIC, &mixed).unwrap(), "8.8.8.8:443");
        assert_eq!(resolve(Reach::LOCAL, &mixed).unwrap(), "127.0.0.1:80 8.8.8.8:443");
        for inside in [&["10.0.0.1:443"][..], &["[::1]:443", "[::ffff:10.0.0.1]:443"], &[]] {
            assert!(resolve(Reach::PUBLIC, inside).is_err(), "{inside:?}");
        }
        assert!(resolve(Reach::LOCAL, &["169.254.169.254:80"]).is_err());
    }

    #[test]
    fn forms_of_addresses() {
        for (url, public, local) in [
            ("https://push.example/x", true, true),
            ("http://push.example/x", false, true),
            ("https://", false, false),
            ("/x", false, false),
            ("file:///etc/passwd", false, false),
            ("https://user@push.example/x", false, false),
            ("gopher://push.example", false, false),
        ] {
            assert_eq!(Reach::PUBLIC.takes_url(url), public, "{url}");
            assert_eq!(Reach::LOCAL.takes_url(url), local, "{url}");
        }
    }

    proptest! {
        /// An IPv4 address in any IPv6 coat is never taken where the plain one is not.
        #[test]
        fn a_coat_changes_nothing(octets: [u8; 4]) {
            let ip = Ipv4Addr::from(octets);
            let [a, b] = [0, 2].map(|i| u16::from_be_bytes([octets[i], octets[i + 1]]));
            for coat in [
                ip.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
                Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
            ] {
                for reach in [Reach::PUBLIC, Reach::LOCAL] {
                    prop_assert_eq!(reach.takes(coat.into()), reach.takes(ip.into()));
                }
            }
        }
    }
}
