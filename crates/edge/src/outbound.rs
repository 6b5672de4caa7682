//! Our reads to gates and tools beside the camera, as Plate Recognizer's webhook.
//!
//! It gives plates out, so it sends nothing unless its caller says, for every single read, that the
//! city's rule allows it. Only addresses of the camera's own network are posted to, written as numbers:
//! a name could be made to point elsewhere.

use base::{Error, Result};
use exchange::outbound::plate_recognizer::{Hook, webhook};
use read::Read;
use std::net::IpAddr;
use std::time::Duration;

/// A gate waits no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the city allows that this read is given out here. There is no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A rule that is in force says so.
    ByRule,
    /// Nothing says so.
    No,
}

/// One address that reads are told to.
pub struct LocalWebhook {
    url: String,
    agent: ureq::Agent,
}

impl LocalWebhook {
    /// Takes an address such as `http://192.168.1.9:8000/gate`. Fails for any that is not of this
    /// machine or a private network.
    pub fn new(url: &str) -> Result<Self> {
        local(url)?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // Whoever answers does not send plates on to somebody else.
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self { url: url.to_owned(), agent: config.into() })
    }

    /// Tells one read, if that is allowed. The error says nothing of the read.
    pub fn tell(&self, read: &Read, allowed: Allowed) -> Result<()> {
        if allowed != Allowed::ByRule {
            return Err(Error::refused("No rule of the city allows reads to be given out here."));
        }
        let hook = Hook { target: self.url.clone(), filename: String::new() };
        let document = webhook(read, &hook)?;
        let answer = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .send(document.expose().as_slice())
            .map_err(|e| Error::unavailable("The gate does not answer.").because(e))?;
        match answer.status().as_u16() {
            200..=299 => Ok(()),
            status => Err(Error::unavailable(format!("The gate answers with {status}."))),
        }
    }
}

fn local(url: &str) -> Result<()> {
    let wrong = || {
        Error::invalid(
            "Give an address of the local network in numbers: http://192.168.1.9:8000/gate.",
        )
    };
    let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, _)| host).ok_or_else(wrong)?,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let ip: IpAddr = host.parse().map_err(|_| wrong())?;
    let near = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    if near { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Kind, LeaseId, ReadId, Time};
    use plate::Odds;
    use std::io::{BufRead, BufReader, Read as _, Write};
    use std::net::TcpListener;

    fn read() -> Read {
        let captured = Time::from_millis(1_795_421_700_250);
        Read {
            id: ReadId::new(captured, [7; 10]),
            camera: "cam_main".parse().unwrap(),
            lease: LeaseId::new(captured, [9; 10]),
            counter: 1,
            captured,
            first: captured,
            last: captured,
            frames: 1,
            odds: Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
            confidence: 0.5,
            region: None,
            corners: [[0; 2]; 4],
            frame_size: [0; 2],
            picture: None,
            sighting: Default::default(),
        }
    }

    /// Answers one request with these words; returns the body that came.
    fn gate(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/gate", listener.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(&stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                from.read_line(&mut line).unwrap();
                if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body).unwrap();
            write!(&stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            String::from_utf8(body).unwrap()
        });
        (url, heard)
    }

    #[test]
    fn only_the_local_network_and_only_in_numbers() {
        for good in [
            "http://127.0.0.1:1/x",
            "http://10.1.2.3",
            "http://[fd00::1]:80/",
            "http://169.254.1.1/",
        ] {
            assert!(LocalWebhook::new(good).is_ok(), "{good}");
        }
        for bad in [
            "https://10.1.2.3",
            "http://8.8.8.8/",
            "http://gate.local/",
            "http://localhost/",
            "http://10.1.2.3@8.8.8.8/",
            "http://[2001:db8::1]/",
            "http://172.32.0.1/",
            "",
        ] {
            assert!(LocalWebhook::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_goes_out_unless_a_rule_allows_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let hook =
            LocalWebhook::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        assert_eq!(hook.tell(&read(), Allowed::No).unwrap_err().kind(), Kind::Refused);
        assert!(listener.accept().is_err(), "nobody has even connected");
    }

    #[test]
    fn an_allowed_read_arrives_and_a_redirect_leads_nowhere() {
        let (url, heard) = gate("204 No Content");
        LocalWebhook::new(&url).unwrap().tell(&read(), Allowed::ByRule).unwrap();
        let body: serde_json::Value = serde_json::from_str(&heard.join().unwrap()).unwrap();
        assert_eq!(body["data"]["results"][0]["plate"], "7abc128");
        assert_eq!(body["data"]["camera_id"], "cam_main");
        let (url, heard) = gate("302 Found\r\nlocation: http://127.0.0.1:1/");
        let e = LocalWebhook::new(&url).unwrap().tell(&read(), Allowed::ByRule).unwrap_err();
        assert!(!e.inside().to_ascii_lowercase().contains("7abc"), "{}", e.inside());
        heard.join().unwrap();
    }
}
