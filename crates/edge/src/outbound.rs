//! Our reads to gates and tools beside the camera, as Plate Recognizer's webhook.
//!
//! It gives plates out, so it sends nothing unless the lease in force, which the city signed, names the very
//! address. Only addresses of the camera's own network are posted to, written as numbers: a name could be made
//! to point elsewhere.

use base::{Error, Result, Time};
use exchange::outbound::plate_recognizer::{Hook, webhook};
use read::{Gate, Lease, Read};
use std::time::Duration;

/// A gate waits no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One address that reads are told to.
pub struct LocalWebhook {
    url: String,
    agent: ureq::Agent,
}

impl LocalWebhook {
    /// Takes an address such as `http://192.168.1.9:8000/gate`. Fails for any that is not of this
    /// machine or a private network.
    pub fn new(url: &str) -> Result<Self> {
        Gate::check(url)?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // Whoever answers does not send plates on to somebody else.
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self { url: url.to_owned(), agent: config.into() })
    }

    /// Tells one read, if the lease that it was made under lets it out here and now. The error says nothing of
    /// the read.
    pub fn tell(&self, read: &Read, lease: &Lease, now: Time) -> Result<()> {
        if read.lease != lease.id || !lease.lets_out(&self.url, read.captured, now) {
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

    /// The read's lease, with these gates.
    fn lease(gates: &[&str]) -> Lease {
        let captured = read().captured;
        let until = captured.plus_millis(60_000);
        Lease {
            id: LeaseId::new(captured, [9; 10]),
            camera: "cam_main".parse().unwrap(),
            capture_key: base::SigningKey::generate().public(),
            from: captured.plus_millis(-1000),
            until,
            seal_key: String::new(),
            authority: None,
            hits_only: None,
            clear_pictures: false,
            gates: gates.iter().map(|to| Gate { to: (*to).to_owned(), until }).collect(),
        }
    }

    #[test]
    fn nothing_goes_out_unless_the_lease_allows_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hook = LocalWebhook::new(&url).unwrap();
        let now = read().captured.plus_millis(500);
        let other = Lease { id: LeaseId::new(now, [8; 10]), ..lease(&[&url]) };
        for (lease, now) in [
            (lease(&[]), now),
            (lease(&["http://127.0.0.1:1/"]), now),
            (lease(&[&url]), now.plus_millis(60_000)),
            (other, now),
        ] {
            assert_eq!(hook.tell(&read(), &lease, now).unwrap_err().kind(), Kind::Refused);
        }
        assert!(listener.accept().is_err(), "nobody has even connected");
        assert!(LocalWebhook::new("http://8.8.8.8/").is_err());
    }

    #[test]
    fn an_allowed_read_arrives_and_a_redirect_leads_nowhere() {
        let now = read().captured.plus_millis(500);
        let (url, heard) = gate("204 No Content");
        LocalWebhook::new(&url).unwrap().tell(&read(), &lease(&[&url]), now).unwrap();
        let body: serde_json::Value = serde_json::from_str(&heard.join().unwrap()).unwrap();
        assert_eq!(body["data"]["results"][0]["plate"], "7abc128");
        assert_eq!(body["data"]["camera_id"], "cam_main");
        let (url, heard) = gate("302 Found\r\nlocation: http://127.0.0.1:1/");
        let e = LocalWebhook::new(&url).unwrap().tell(&read(), &lease(&[&url]), now).unwrap_err();
        assert!(!e.inside().to_ascii_lowercase().contains("7abc"), "{}", e.inside());
        heard.join().unwrap();
    }
}
