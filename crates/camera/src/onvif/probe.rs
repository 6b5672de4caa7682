//! Who is there: WS-Discovery as ONVIF's core specification uses it (2005/04), a question to everybody on the
//! local network, or to one host, and answers from strangers.

use super::address::{Address, near};
use super::xml::{BYTES_MAX, Element, plain};
use base::{Error, Result, hex, random};
use serde::Serialize;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// The port of WS-Discovery.
pub const PORT: u16 = 3702;
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 255, 250), PORT);
/// The question is repeated, since datagrams get lost.
const AGAIN: Duration = Duration::from_millis(700);
/// More devices than one network of cameras has.
const DEVICES_MAX: usize = 256;
const SCOPES_MAX: usize = 64;
const ADDRESSES_MAX: usize = 8;
const INTERFACES_MAX: usize = 32;

/// A device that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// What it calls itself, the same on every network.
    pub endpoint: String,
    /// Its name, as its scopes say.
    pub name: String,
    /// Its maker, where its scopes say.
    pub maker: String,
    /// Its model.
    pub model: String,
    /// Where it says that it stands.
    pub place: String,
    /// From where it answered.
    pub from: IpAddr,
    /// Its device service, at the host that answered.
    pub services: Vec<Address>,
    /// Addresses of other hosts or of other kinds that it named, which are not asked.
    pub refused: usize,
}

/// The question, with an id that its answers repeat.
#[derive(Debug)]
pub struct Probe {
    id: String,
}

impl Probe {
    /// A new question.
    pub fn new() -> Self {
        let h = hex(&random::<16>());
        let part = |from: usize, to: usize| h.get(from..to).unwrap_or_default();
        // A random UUID's shape (RFC 9562, version 4).
        let id = format!(
            "{}-{}-4{}-8{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        );
        Self { id: format!("uuid:{id}") }
    }

    /// What is sent.
    pub fn text(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\" \
             xmlns:w=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" \
             xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
             xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">\
             <e:Header><w:MessageID>{}</w:MessageID>\
             <w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>\
             <w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>\
             <e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>",
            self.id
        )
    }

    /// The devices of one answer. Empty where it answers another question.
    pub fn read(&self, bytes: &[u8], from: IpAddr) -> Result<Vec<Device>> {
        let all = Element::read(bytes)?;
        let relates = all.find("RelatesTo").map_or("", |e| &e.text);
        let bare = |id: &str| id.trim_start_matches("urn:").to_ascii_lowercase();
        if bare(relates) != self.id || !near(from) {
            return Ok(Vec::new());
        }
        Ok(all.all("ProbeMatch").into_iter().take(8).filter_map(|m| device(m, from)).collect())
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

fn device(answer: &Element, from: IpAddr) -> Option<Device> {
    let types = answer.text_at(&["Types"]);
    if !types.split_whitespace().any(|t| t.rsplit(':').next() == Some("NetworkVideoTransmitter")) {
        return None;
    }
    let named: Vec<&str> = answer.text_at(&["XAddrs"]).split_whitespace().collect();
    let services: Vec<Address> = named
        .iter()
        .take(ADDRESSES_MAX)
        .filter_map(|text| Address::read(text).ok())
        .filter(|a| !a.is_rtsp() && a.host().ip() == from)
        .collect();
    let refused = named.len() - services.len();
    let scopes = answer.text_at(&["Scopes"]);
    let scope = |names: &[&str]| {
        let mut all = scopes.split_whitespace().take(SCOPES_MAX);
        let found = all.find_map(|scope| {
            let (kind, value) = scope.strip_prefix("onvif://www.onvif.org/")?.split_once('/')?;
            names.iter().any(|n| kind.eq_ignore_ascii_case(n)).then_some(value)
        });
        found.map(|value| plain(&unescaped(value))).unwrap_or_default()
    };
    let endpoint = plain(answer.text_at(&["EndpointReference", "Address"]));
    Some(Device {
        endpoint: if endpoint.is_empty() { format!("at {from}") } else { endpoint },
        name: scope(&["name"]),
        maker: scope(&["mfr", "manufacturer"]),
        model: scope(&["hardware"]),
        place: scope(&["location"]),
        from,
        services,
        refused,
    })
}

/// `%20` and the like undone.
fn unescaped(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|p| std::str::from_utf8(p).ok());
        match pair.filter(|_| b == b'%').and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(b);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Asks everybody on each local network of this machine and waits so long for answers.
pub fn everybody(wait: Duration) -> Result<Vec<Device>> {
    let routes = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut own = local_addresses(&routes);
    if own.is_empty() {
        own.push(Ipv4Addr::UNSPECIFIED);
    }
    ask(&own, GROUP.into(), wait)
}

/// Asks one host.
pub fn one(host: SocketAddr, wait: Duration) -> Result<Vec<Device>> {
    if host.is_ipv6() {
        return Err(Error::invalid("Name the device by its IPv4 address."));
    }
    ask(&[Ipv4Addr::UNSPECIFIED], host, wait)
}

/// The addresses of this machine's own interfaces, from the kernel's routes.
fn local_addresses(fib_trie: &str) -> Vec<Ipv4Addr> {
    let mut out: Vec<Ipv4Addr> = Vec::new();
    let mut last = None;
    for line in fib_trie.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(ip) = last.filter(|ip| !out.contains(ip) && out.len() < INTERFACES_MAX)
        {
            out.push(ip);
        }
    }
    out
}

fn ask(own: &[Ipv4Addr], to: SocketAddr, wait: Duration) -> Result<Vec<Device>> {
    let probe = Probe::new();
    let end = Instant::now() + wait;
    let heard: Vec<Result<Vec<Device>>> = std::thread::scope(|scope| {
        let probe = &probe;
        let asked: Vec<_> =
            own.iter().map(|ip| scope.spawn(move || listen(probe, *ip, to, end))).collect();
        let gone = |_| Err(Error::internal("Asking the network has failed."));
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(gone)).collect()
    });
    if let [Err(_), ..] = &heard[..]
        && heard.iter().all(Result::is_err)
    {
        return heard.into_iter().next().unwrap_or_else(|| Ok(Vec::new()));
    }
    let mut out: Vec<Device> = Vec::new();
    for device in heard.into_iter().flatten().flatten() {
        let known = out.iter().any(|d| d.endpoint == device.endpoint && d.from == device.from);
        if !known && out.len() < DEVICES_MAX {
            out.push(device);
        }
    }
    out.sort_by(|a, b| (a.from, &a.endpoint).cmp(&(b.from, &b.endpoint)));
    Ok(out)
}

/// Asks from one of this machine's addresses. The kernel sends a group's datagram out by the interface that
/// has the address it comes from.
fn listen(probe: &Probe, own: Ipv4Addr, to: SocketAddr, end: Instant) -> Result<Vec<Device>> {
    let cannot = |e| Error::unavailable("This machine's network cannot be asked.").because(e);
    let socket = UdpSocket::bind((own, 0)).map_err(cannot)?;
    socket.set_multicast_ttl_v4(1).map_err(cannot)?;
    let question = probe.text();
    socket.send_to(question.as_bytes(), to).map_err(cannot)?;
    let mut again = Some(Instant::now() + AGAIN);
    let (mut out, mut buffer): (Vec<Device>, _) = (Vec::new(), vec![0; BYTES_MAX.min(65_536)]);
    loop {
        let now = Instant::now();
        if now >= end || out.len() >= DEVICES_MAX {
            return Ok(out);
        }
        if again.is_some_and(|at| now >= at) {
            let _ = socket.send_to(question.as_bytes(), to);
            again = None;
        }
        let until = again.map_or(end, |at| at.min(end)) - now;
        let until = until.max(Duration::from_millis(1));
        socket.set_read_timeout(Some(until)).map_err(cannot)?;
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                // Rubbish is no answer; another may follow.
                let said = probe.read(&buffer[..length], from.ip()).unwrap_or_default();
                // Who was asked alone answers alone.
                let asked = to.ip() == IpAddr::V4(*GROUP.ip()) || to.ip() == from.ip();
                for device in said.into_iter().filter(|_| asked) {
                    if !out.contains(&device) {
                        out.push(device);
                    }
                }
            }
            // Nobody listens at a host's port: that comes back as an error of the socket.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: &str, matches: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='s' xmlns:d='d' xmlns:a='a'><s:Header><a:RelatesTo>{id}</a:RelatesTo></s:Header>\
             <s:Body><d:ProbeMatches>{matches}</d:ProbeMatches></s:Body></s:Envelope>"
        )
    }

    fn matching(types: &str, addresses: &str, scopes: &str) -> String {
        format!(
            "<d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:7</a:Address></a:EndpointReference>\
             <d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs></d:ProbeMatch>"
        )
    }

    const NVT: &str = "dn:NetworkVideoTransmitter tds:Device";

    #[test]
    fn an_answer_says_who_is_there() {
        let probe = Probe::new();
        let from: IpAddr = "192.168.1.9".parse().unwrap();
        let scopes = "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/North%20Gate \
                      onvif://www.onvif.org/hardware/X-1 http:://other onvif://www.onvif.org/location/city/a";
        let one =
            matching(NVT, "http://192.168.1.9/onvif/device_service http://10.9.9.9/x", scopes);
        let found = probe.read(answer(&probe.id, &one).as_bytes(), from).unwrap();
        let [device] = &found[..] else { panic!("{found:?}") };
        assert_eq!((device.name.as_str(), device.model.as_str()), ("North Gate", "X-1"));
        assert_eq!((device.place.as_str(), device.maker.as_str()), ("city/a", ""));
        assert_eq!((device.services.len(), device.refused), (1, 1), "another host's is not taken");
        assert_eq!(device.endpoint, "urn:uuid:7");
        Element::read(probe.text().as_bytes()).unwrap();
    }

    #[test]
    fn what_is_no_answer_to_us() {
        let probe = Probe::new();
        let check = |text: String, from: &str| {
            assert_eq!(probe.read(text.as_bytes(), from.parse().unwrap()).unwrap(), vec![]);
        };
        let good = matching(NVT, "http://10.0.0.7/x", "");
        check(answer("uuid:another", &good), "10.0.0.7");
        check(answer(&probe.id, &good), "8.8.8.8");
        check(answer(&probe.id, &matching("dn:Printer", "http://10.0.0.7/x", "")), "10.0.0.7");
        check(answer(&probe.id, ""), "10.0.0.7");
    }

    #[test]
    fn the_machines_own_addresses() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                    |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.5\n        /32 host LOCAL\n     \
                    |-- 127.0.0.1\n        /32 host LOCAL\nLocal:\n     |-- 10.0.0.5\n        /32 host LOCAL\n     \
                    |-- 10.0.0.255\n        /32 link BROADCAST\n";
        assert_eq!(local_addresses(text), [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::LOCALHOST]);
        assert_eq!(unescaped("a%20b%zz%C3%A9%"), "a b%zzé%");
    }
}
