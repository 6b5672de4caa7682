//! A pretended city: one thread, HTTP just well enough, real keys. Answers are scripted.

use base::{Clock, LeaseId, Secret, Signed, SigningKey, SystemClock, Time};
use read::{
    Gate, Heartbeat, HitsOnly, Lease, LeaseRequest, OpenKey, Sealed, SignedRead, Stop, WatchAsk,
    WatchHead, WatchSet, Without, watch_hash, watch_tokens,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the pretended city knows and has seen.
pub struct City {
    pub address: String,
    pub state: Arc<Mutex<Seen>>,
}

/// What arrived, and answers to give instead of the usual one.
pub struct Seen {
    pub lease_key: SigningKey,
    pub open_key: OpenKey,
    /// Status and problem to answer to the next requests for reads.
    pub scripted: VecDeque<(u16, Value)>,
    /// Bytes of reads that a proxy before the city lets through at once.
    pub most: usize,
    /// Every request is answered with 410.
    pub off: bool,
    pub lease_s: i64,
    pub lease: Option<Lease>,
    pub leases: usize,
    pub reads: Vec<SignedRead>,
    pub batches: usize,
    /// A city of before there were batches in parts.
    pub old: bool,
    /// How many batches came in parts, and how many packed.
    pub forms: (usize, usize),
    pub stops: Vec<Signed<Stop>>,
    pub paths: Vec<String>,
    /// What the camera said of its health.
    pub beats: Vec<Heartbeat>,
    /// The listed plates, where the camera keeps hits alone, and what it keeps without them.
    pub hits_only: Option<(Option<Vec<&'static str>>, Without)>,
    /// Where its reads may leave to.
    pub gates: Vec<String>,
}

impl City {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Seen {
            lease_key: SigningKey::generate(),
            open_key: OpenKey::generate(),
            scripted: VecDeque::new(),
            most: usize::MAX,
            off: false,
            lease_s: 3600,
            lease: None,
            leases: 0,
            reads: Vec::new(),
            batches: 0,
            old: false,
            forms: (0, 0),
            stops: Vec::new(),
            paths: Vec::new(),
            beats: Vec::new(),
            hits_only: None,
            gates: Vec::new(),
        }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || while serve_one(&stream, &shared).is_some() {});
            }
        });
        Self { address, state }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.state.lock().unwrap())
    }
}

pub fn problem(kind: &str, message: &str) -> Value {
    json!({ "kind": kind, "message": message })
}

fn serve_one(stream: &TcpStream, state: &Mutex<Seen>) -> Option<()> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut signed) = (0, false);
    let mut form = Form::default();
    loop {
        let mut header = String::new();
        from.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "signature" => signed = true,
            "content-type" => form.kind = value.trim().to_owned(),
            "content-encoding" => form.packed = value.trim() == "gzip",
            _ => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    assert!(signed, "every request is signed");
    let mut seen = state.lock().ok()?;
    if path == "/v1/watch" {
        let list = watch(&body, &seen);
        drop(seen);
        let mut to = stream;
        let head = match list {
            Some(_) => "200 X",
            None => "404 X",
        };
        let bytes = list.unwrap_or_else(|| problem("not-found", "No.").to_string().into_bytes());
        write!(to, "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", bytes.len()).ok()?;
        return to.write_all(&bytes).ok();
    }
    let (status, answer) = answer(&path, &form, &body, &mut seen);
    drop(seen);
    let text = if answer.is_string() { answer.as_str()?.to_owned() } else { answer.to_string() };
    let mut to = stream;
    write!(to, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{text}", text.len()).ok()
}

/// What the headers say of a body.
#[derive(Default)]
struct Form {
    kind: String,
    packed: bool,
}

fn answer(path: &str, form: &Form, body: &[u8], seen: &mut Seen) -> (u16, Value) {
    if path == "/v1/heartbeats" {
        seen.beats.push(serde_json::from_slice(body).unwrap());
        return (200, Value::Null);
    }
    seen.paths.push(path.to_owned());
    if seen.off && path != "/v1/stops" {
        return (410, problem("gone", "This camera has been switched off by order of the city."));
    }
    match path {
        "/v1/enrol" => {
            let asked: Value = serde_json::from_slice(body).unwrap();
            if asked["code"] != "right" {
                return (401, problem("unauthenticated", "The code is wrong, used or old."));
            }
            (
                200,
                json!({ "camera": asked["camera"], "city": "Testville", "lease_key": seen.lease_key.public() }),
            )
        }
        "/v1/leases" => (200, serde_json::to_value(grant(body, seen)).unwrap()),
        "/v1/reads" => reads(form, body, seen),
        "/v1/stops" => {
            seen.stops.push(serde_json::from_slice(body).unwrap());
            (200, Value::Null)
        }
        _ => (404, problem("not-found", "There is no such page.")),
    }
}

fn grant(body: &[u8], seen: &mut Seen) -> Signed<Lease> {
    let request: Signed<LeaseRequest> = serde_json::from_slice(body).unwrap();
    let asked = request.unverified();
    let now: Time = SystemClock.now();
    let lease = Lease {
        id: LeaseId::new(now, base::random()),
        camera: asked.camera.clone(),
        capture_key: asked.capture_key,
        from: now.plus_millis(-300_000),
        until: now.plus_millis(seen.lease_s * 1000),
        seal_key: seen.open_key.public().unwrap().to_string(),
        authority: None,
        hits_only: seen.hits_only.as_ref().map(|(_, without)| HitsOnly { without: *without }),
        clear_pictures: false,
        gates: gates(seen, now.plus_millis(600_000)),
    };
    seen.lease = Some(lease.clone());
    seen.leases += 1;
    Signed::sign(lease, &seen.lease_key).unwrap()
}

fn gates(seen: &Seen, until: Time) -> Vec<Gate> {
    seen.gates.iter().map(|to| Gate { to: to.clone(), until }).collect()
}

/// The listed plates as the camera's tokens of the day.
fn watch(body: &[u8], seen: &Seen) -> Option<Vec<u8>> {
    let ask: WatchAsk = serde_json::from_slice(body).unwrap();
    let (Some(plates), _) = seen.hits_only.as_ref()? else { return None };
    let key = Secret::new([7; 32]);
    let tokens = watch_tokens(&key, plates.iter().map(|p| plate::Text::parse(p).unwrap()));
    let head = WatchHead {
        camera: seen.lease.as_ref()?.camera.clone(),
        day: ask.day,
        made: SystemClock.now(),
        version: "1".into(),
        tokens: tokens.len() as u64,
        left_out: 0,
        hash: watch_hash(&key, &tokens),
    };
    let head = Signed::sign(head, &seen.lease_key).unwrap();
    Some(WatchSet::seal(&ask.key.parse().unwrap(), &head, &key, &tokens).unwrap().0)
}

fn reads(form: &Form, body: &[u8], seen: &mut Seen) -> (u16, Value) {
    seen.batches += 1;
    if body.len() > seen.most {
        return (413, json!("<html>413 Request Entity Too Large</html>"));
    }
    if let Some(scripted) = seen.scripted.pop_front() {
        return scripted;
    }
    let (camera, items) = match form.kind.strip_prefix("multipart/form-data; boundary=") {
        Some(_) if seen.old => return (400, problem("invalid", "The body is not the JSON.")),
        Some(boundary) => {
            seen.forms.0 += 1;
            in_parts(boundary, body)
        }
        None => in_json(form, body, seen),
    };
    let (mut new, mut known, mut refused) = (0, 0, Vec::new());
    for (index, sealed) in items.into_iter().map(Sealed).enumerate() {
        let aad = camera.as_bytes();
        match seen.open_key.open(b"homeplate/ingest/v1", aad, &sealed) {
            Ok(plain) => {
                let signed = SignedRead::decode(plain.expose()).unwrap();
                if seen.reads.iter().any(|r| r.unverified().id == signed.unverified().id) {
                    known += 1;
                } else {
                    new += 1;
                    seen.reads.push(signed);
                }
            }
            Err(e) => {
                refused.push(json!({ "index": index, "kind": "invalid", "message": e.to_string() }))
            }
        }
    }
    (200, json!({ "new": new, "known": known, "refused": refused }))
}

/// Camera and items of a batch in parts.
fn in_parts(boundary: &str, body: &[u8]) -> (String, Vec<Vec<u8>>) {
    let between = format!("\r\n--{boundary}").into_bytes();
    let body = [b"\r\n", body].concat();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(n) = body[at..].windows(between.len()).position(|w| w == between) {
        parts.push(&body[at..at + n]);
        at += n + between.len();
    }
    assert_eq!(&body[at..], b"--\r\n", "nothing behind the last part");
    assert_eq!(parts.remove(0), b"", "nothing before the first");
    let content = |part: &[u8]| {
        let head = part.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        part[head + 4..].to_vec()
    };
    let mut contents = parts.into_iter().map(content);
    let head: Value = serde_json::from_slice(&contents.next().unwrap()).unwrap();
    (head["camera"].as_str().unwrap().to_owned(), contents.collect())
}

/// The same of one in JSON.
fn in_json(form: &Form, body: &[u8], seen: &mut Seen) -> (String, Vec<Vec<u8>>) {
    let mut plain = body.to_vec();
    if form.packed {
        seen.forms.1 += 1;
        plain.clear();
        flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    }
    let batch: edge::Batch = serde_json::from_slice(&plain).unwrap();
    let items = batch.items.iter().map(|item| base::unb64(item).unwrap()).collect();
    (batch.camera.to_string(), items)
}
