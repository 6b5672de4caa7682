//! The gateway against the pretended city: documents in, sealed reads out, and what it refuses.

use crate::city::City;
use base::{Shutdown, SystemClock, b64};
use edge::{GatewayConfig, run_gateway};
use plate::Reason;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const NORTH: &str = "north-0123456789abcdef";
const SOUTH: &str = "south-0123456789abcdef";
const PLATE: &str = "7ABC128";

/// A running gateway.
struct Gate {
    said: Arc<Mutex<Vec<String>>>,
    stop: Shutdown,
    thread: Option<std::thread::JoinHandle<base::Result<()>>>,
    dir: tempfile::TempDir,
}

impl Gate {
    /// Two devices, north an Axis and south an OpenALPR; `more` goes below the second.
    fn start(city: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "server = \"{city}\"\ndata = \"data\"\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [[device]]\ncamera = \"cam_north\"\nadapter = \"axis\"\nsecret = {{ env = \"NORTH\" }}\n\
             code = \"right\"\nper_minute = 60\n\
             [[device]]\ncamera = \"cam_south\"\nadapter = \"openalpr\"\nsecret = {{ env = \"SOUTH\" }}\n\
             code = \"right\"\n{more}"
        );
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        let environment = |name: &str| match name {
            "NORTH" => Some(NORTH.to_owned()),
            "SOUTH" => Some(SOUTH.to_owned()),
            _ => None,
        };
        let config = GatewayConfig::load(&file, &environment).unwrap();
        let (said, stop) = (Arc::<Mutex<Vec<String>>>::default(), Shutdown::new());
        let thread = std::thread::spawn({
            let (said, stop) = (said.clone(), stop.clone());
            move || {
                let say = move |line: &str| said.lock().unwrap().push(line.to_owned());
                run_gateway(config, Arc::new(SystemClock), &stop, Arc::new(say))
            }
        });
        Self { said, stop, thread: Some(thread), dir }
    }

    fn said(&self, part: &str) -> String {
        let mut found = String::new();
        until(part, || {
            let said = self.said.lock().unwrap();
            found = said.iter().find(|l| l.contains(part)).cloned().unwrap_or_default();
            !found.is_empty()
        });
        found
    }

    fn url(&self, door: &str) -> String {
        let line = self.said(door);
        line[line.find("http://").unwrap()..].to_owned()
    }

    fn leased(&self) {
        self.said("camera cam_north: lease until");
        self.said("camera cam_south: lease until");
    }

    fn post(&self, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let url = format!("{}{path}", self.url("devices post to"));
        let request = agent().post(&url).header("content-type", kind);
        let mut answer = request.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn json(&self, path: &str, body: &str) -> (u16, String) {
        self.post(path, "application/json", body.as_bytes())
    }

    fn page(&self, path: &str) -> String {
        let url = format!("{}{path}", self.url("look at"));
        agent().get(&url).call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn end(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }

    /// No file of the gateway spells the plate.
    fn no_plate_on_disk(&self) {
        fn walk(folder: &Path, files: &mut usize) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, files);
                } else {
                    *files += 1;
                    let bytes = std::fs::read(&path).unwrap();
                    assert!(!bytes.windows(7).any(|w| w == PLATE.as_bytes()), "{}", path.display());
                }
            }
        }
        let mut files = 0;
        walk(self.dir.path(), &mut files);
        assert!(files > 3, "only {files} files were searched");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)));
    config.build().into()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn now() -> i64 {
    base::Clock::now(&SystemClock).millis()
}

fn axis(state: &str, car: u32, plate: &str, ago_ms: i64) -> String {
    axis_at(state, car, plate, now() - ago_ms)
}

fn axis_at(state: &str, car: u32, plate: &str, at: i64) -> String {
    format!(
        r#"{{"plateUTF8": "{plate}", "plateCountry": "USA", "plateConfidence": "0.9", "carState": "{state}",
        "carID": "{car}", "capture_timestamp": "{at}", "carMoveDirection": "in", "plateCoordinates": [10, 20, 100, 30]}}"#
    )
}

fn openalpr(plate: &str, picture: &[u8]) -> String {
    let (at, picture) = (now() - 1500, b64(picture));
    format!(
        r#"{{"data_type": "alpr_group", "epoch_start": {at}, "best_plate_number": "{plate}", "best_confidence": 92.5,
        "best_region": "us-ca", "best_region_confidence": 80, "best_uuid": "u", "camera_id": 12,
        "best_plate": {{"plate_crop_jpeg": "{picture}"}}, "vehicle_crop_jpeg": "{picture}"}}"#
    )
}

fn picture() -> Vec<u8> {
    vision::jpeg(&image::RgbImage::from_pixel(320, 180, image::Rgb([90; 3]))).unwrap()
}

/// What the city holds: camera, plate, region and whether there is a picture.
fn reads(city: &City) -> Vec<(String, String, Option<String>, bool)> {
    city.seen(|s| {
        let one = |signed: &read::SignedRead| {
            let read = signed.unverified();
            let plate = read.odds.text().reveal(Reason::Reader).to_owned();
            (read.camera.to_string(), plate, read.region.clone(), read.picture.is_some())
        };
        let mut all: Vec<_> = s.reads.iter().map(one).collect();
        all.sort();
        all
    })
}

fn in_north() -> String {
    format!("/in/{NORTH}/axis")
}

#[test]
fn documents_become_sealed_reads_one_a_pass() {
    let city = City::start();
    let mut gate = Gate::start(&city.address, "only = \"12\"\n");
    gate.leased();
    let at = now() - 1000;
    for (state, plate, at, sure) in [
        ("new", "7A8C128", at, "0.5"),
        ("update", PLATE, at + 300, "0.95"),
        ("lost", PLATE, at + 600, "0.95"),
    ] {
        let plate = axis_at(state, 7, plate, at).replace("0.9", sure);
        assert_eq!(gate.json(&in_north(), &plate), (200, "{\"taken\":1,\"left_out\":0}\n".into()));
    }
    let south = format!("/in/{SOUTH}/openalpr");
    assert_eq!(gate.json(&south, &openalpr(PLATE, &picture())).0, 200);
    // Another camera of the same agent is not this one.
    let other = openalpr("4XYZ99", &[]).replace("\"camera_id\": 12", "\"camera_id\": 13");
    assert_eq!(gate.json(&south, &other).1, "{\"taken\":0,\"left_out\":1}\n");
    let want = [
        ("cam_north".into(), PLATE.into(), Some("us".into()), false),
        ("cam_south".into(), PLATE.into(), Some("us-ca".into()), true),
    ];
    until("both reads arrive", || reads(&city).len() == 2);
    assert_eq!(reads(&city), want);
    city.seen(|s| {
        let north =
            s.reads.iter().map(|r| r.unverified()).find(|r| r.camera.as_str() == "cam_north");
        let north = north.unwrap();
        assert_eq!((north.frames, north.counter), (3, 1));
        assert_eq!(north.last.since(north.first), 600);
        assert!(north.confidence < 0.72, "their 0.95 is not ours: {}", north.confidence);
        assert_eq!(north.corners[2], [110, 50]);
    });
    gate.no_plate_on_disk();
    // A pass that is open when the gateway is told to end is sealed and goes up with the last word.
    assert_eq!(gate.json(&in_north(), &axis("new", 8, "4XYZ99", 100)).0, 200);
    gate.end();
    assert_eq!(reads(&city).len(), 3);
    let stops = city.seen(|s| s.stops.iter().map(|s| s.unverified().counter).collect::<Vec<_>>());
    assert_eq!(stops.iter().sum::<u64>(), 3, "both cameras said their last word: {stops:?}");
}

/// A recorder has one address to send to.
#[test]
fn cameras_of_one_recorder_share_a_secret() {
    let city = City::start();
    let east = "only = \"12\"\n[[device]]\ncamera = \"cam_east\"\nadapter = \"openalpr\"\n\
                secret = { env = \"SOUTH\" }\ncode = \"right\"\nonly = \"13\"\n";
    let mut gate = Gate::start(&city.address, east);
    gate.leased();
    gate.said("camera cam_east: lease until");
    let check = |camera: u32, plate: &str, want: &str| {
        let number = format!("\"camera_id\": {camera}");
        let document = openalpr(plate, &[]).replace("\"camera_id\": 12", &number);
        let answer = gate.json(&format!("/in/{SOUTH}/openalpr"), &document);
        assert_eq!((answer.0, answer.1.trim()), (200, want), "{camera}");
    };
    check(12, PLATE, "{\"taken\":1,\"left_out\":0}");
    check(13, "4XYZ99", "{\"taken\":1,\"left_out\":0}");
    check(14, "5QRS77", "{\"taken\":0,\"left_out\":1}");
    until("both reads arrive", || reads(&city).len() == 2);
    let at = |camera: &str, plate: &str| {
        (camera.to_owned(), plate.to_owned(), Some("us-ca".to_owned()), false)
    };
    assert_eq!(reads(&city), [at("cam_east", "4XYZ99"), at("cam_south", PLATE)]);
    gate.end();
}

/// What was seen while the line was broken opens no gate for whoever stands there by now.
#[test]
fn a_gate_is_told_of_who_is_there_now() {
    let city = City::start();
    let barrier = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/gate", barrier.local_addr().unwrap());
    city.seen(|s| s.gates = vec![url]);
    let told = Arc::<Mutex<String>>::default();
    std::thread::spawn({
        let told = told.clone();
        move || {
            for mut stream in barrier.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let mut text = Vec::new();
                let _ = stream.read_to_end(&mut text);
                told.lock().unwrap().push_str(&String::from_utf8_lossy(&text));
                let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n");
            }
        }
    });
    let mut gate = Gate::start(&city.address, "");
    gate.leased();
    // Of a while ago; nobody knows when; by a clock that is ahead, perhaps of a while ago too.
    assert_eq!(gate.json(&in_north(), &axis("lost", 7, PLATE, 60_000)).0, 200);
    assert!(!gate.page("/").contains("No gate is told"));
    let untimed = axis("lost", 9, "5QRS77", 500).replace("capture_timestamp", "no_timestamp");
    assert_eq!(gate.json(&in_north(), &untimed).0, 200);
    assert!(gate.page("/").contains("No gate is told"));
    assert_eq!(gate.json(&in_north(), &axis("lost", 10, "6TUV88", -30_000)).0, 200);
    assert_eq!(gate.json(&in_north(), &axis("lost", 8, "4XYZ99", 500)).0, 200);
    // Seen best as it came, it has waited since: the maker tells of it once.
    let (best, end) = (now() - 40_000, now() - 1000);
    let stated = format!("\"best_uuid_epoch_ms\": {best}, \"epoch_end\": {end}, \"epoch_start\"");
    let waits = openalpr("8WXY11", &[]).replace("\"epoch_start\"", &stated);
    assert_eq!(gate.json(&format!("/in/{SOUTH}/openalpr"), &waits).0, 200);
    for plate in ["4xyz99", "8wxy11"] {
        until("the gate is told", || told.lock().unwrap().contains(plate));
    }
    until("all reads arrive", || reads(&city).len() == 5);
    for plate in ["7abc128", "5qrs77", "6tuv88"] {
        assert!(!told.lock().unwrap().contains(plate), "{plate}");
    }
    gate.end();
}

#[test]
fn without_a_lease_nothing_is_taken() {
    let city = City::start();
    let mut gate = Gate::start(&city.address, "");
    gate.leased();
    assert_eq!(gate.json(&in_north(), &axis("new", 7, PLATE, 100)).0, 200);
    city.seen(|s| s.off = true);
    gate.said("camera cam_north: no lease (off)");
    let (status, words) = gate.json(&in_north(), &axis("lost", 7, PLATE, 100));
    assert_eq!(
        (status, words.as_str()),
        (410, "The city has switched this camera off; nothing is kept.\n")
    );
    // What is no document is not looked at either, and a large one is heard out.
    let large = vec![b'x'; 4 << 20];
    assert_eq!(gate.post(&in_north(), "application/json", &large).0, 410);
    // The pass that was open under the lease is sealed, and waits: the city takes nothing now.
    until("both say their last word", || city.seen(|s| s.stops.len()) >= 2);
    let status: serde_json::Value = serde_json::from_str(&gate.page("/status.json")).unwrap();
    let north = &status["devices"][0];
    assert_eq!(
        (&north["lease"], &north["reads"]["sealed"]),
        (&"off".into(), &1.into()),
        "{status}"
    );
    assert_eq!(north["came"]["refused_without_a_lease"], 2, "{status}");
    assert!(gate.page("/").contains("switched this camera off"));
    gate.no_plate_on_disk();
    gate.end();
}

#[test]
fn a_city_that_does_not_answer_means_no_reads() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut gate = Gate::start(&format!("http://{nobody}"), "");
    let (status, words) = gate.json(&in_north(), &axis("new", 7, PLATE, 100));
    assert_eq!(
        (status, words.as_str()),
        (503, "This device is not enrolled with the city; nothing is kept.\n")
    );
    until("the page says why", || gate.page("/").contains("does not answer"));
    gate.end();
}

#[test]
fn strangers_and_wrong_documents() {
    let city = City::start();
    let mut gate = Gate::start(&city.address, "");
    gate.leased();
    // Whoever has no secret learns nothing, wherever they knock.
    let nothing = (404, "There is no such page.\n".to_owned());
    for path in [
        "/in/nobody-0123456789abcdef/axis".into(),
        format!("/in/{NORTH}/openalpr"),
        format!("/in/{NORTH}/acme"),
        format!("/in/{NORTH}"),
        "/adapters/axis".into(),
        "/api/plate-reads".into(),
        "/".into(),
        "/status.json".into(),
    ] {
        assert_eq!(gate.json(&path, "{}"), nothing, "{path}");
    }
    // With the secret in a header instead of the address.
    let url = format!("{}/adapters/axis", gate.url("devices post to"));
    let keyed = |key: &str| {
        let request = agent().post(&url).header("x-api-key", key);
        request.send(axis("new", 1, PLATE, 100)).unwrap().status().as_u16()
    };
    assert_eq!((keyed(NORTH), keyed(SOUTH)), (200, 404));
    // What is wrong is said, on the page too, and never a plate.
    let (status, words) = gate.json(&in_north(), "{\"plateUTF8\":\n \"7ABC128\" x}");
    assert_eq!((status, words.as_str()), (400, "The document is no JSON at line 2 column 12.\n"));
    assert_eq!(
        gate.json(&in_north(), "{\"carState\": \"7ABC128\"}").1,
        "{\"taken\":0,\"left_out\":1}\n"
    );
    assert_eq!(gate.post(&in_north(), "", &vec![b' '; (8 << 20) + 1]).0, 413);
    // Hours off in either direction: a zone that is not set.
    for (ago, want) in [(28_800_000, "8 hours ago"), (-28_860_000, "8 hours ahead")] {
        assert_eq!(
            gate.json(&in_north(), &axis("new", 3, "4XYZ99", ago)).1,
            "{\"taken\":0,\"left_out\":1}\n"
        );
        assert!(gate.page("/").contains(want), "{want}");
    }
    let page = gate.page("/");
    for part in
        ["no JSON at line 2", "carState is neither", "of the wrong time</dt><dd>2<", "9 requests"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(PLATE) && !page.contains("0123456789abcdef"));
    // Too much at once; and no page for a name that is not this machine.
    until("the minute is used up", || gate.json(&in_north(), "{}").0 == 429);
    assert_eq!(gate.json(&format!("/in/{SOUTH}/openalpr"), "{\"data_type\":\"heartbeat\"}").0, 200);
    let url = gate.url("look at");
    let elsewhere = agent().get(&url).header("host", "evil.example").call().unwrap();
    assert_eq!(elsewhere.status().as_u16(), 404);
    gate.end();
    assert!(!gate.said.lock().unwrap().join("\n").contains(PLATE));
}

/// What a raw connection is answered, up to the end or a second of silence.
fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = stream.write_all(bytes);
    let mut out = Vec::new();
    let _ = stream.read_to_end(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn rude_connections_stop_nobody() {
    let city = City::start();
    let mut gate = Gate::start(&city.address, "");
    gate.leased();
    let url = gate.url("devices post to");
    let address = url.strip_prefix("http://").unwrap();
    // In pieces, as small devices send it.
    let document = axis("new", 7, PLATE, 100);
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", in_north());
    let (a, b) = document.split_at(40);
    let chunked = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n",
        a.len(),
        b.len()
    );
    let answer = raw(address, chunked.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"taken\":1"), "{answer}");
    // Rubbish, heads without end, lengths that lie, and two lengths at once.
    let long = format!("{head}x: {}\r\n\r\n", "y".repeat(70_000));
    let two = format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}");
    let more = format!("{head}content-length: 99999999\r\n\r\n{document}");
    for rude in
        ["\0\u{1}\u{2}\r\n\r\n", "GET", &long, &two, &more, "POST /in/%00/axis HTTP/1.1\r\n\r\n"]
    {
        let answer = raw(address, rude.as_bytes());
        assert!(!answer.starts_with("HTTP/1.1 2"), "{rude:.80}: {answer}");
    }
    // One address takes no more than its share of connections, and gives it back.
    let idle: Vec<TcpStream> = (0..64).filter_map(|_| TcpStream::connect(address).ok()).collect();
    until("the share is used up", || raw(address, chunked.as_bytes()).is_empty());
    drop(idle);
    until("it is given back", || raw(address, chunked.as_bytes()).starts_with("HTTP/1.1 200"));
    gate.end();
}

/// A broker just well enough: takes one subscriber at a time, publishes one message to each, and hangs
/// up on all but the last.
fn broker(messages: Vec<(&'static str, String)>, go: Arc<AtomicBool>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (count, all) = (came.clone(), messages.len());
    std::thread::spawn(move || {
        for (stream, (topic, message)) in listener.incoming().flatten().zip(messages) {
            let last = count.fetch_add(1, Ordering::SeqCst) + 1 == all;
            let _ = session(stream, topic, &message, !last, &go);
        }
    });
    (port, came)
}

fn session(
    mut stream: TcpStream,
    topic: &str,
    message: &str,
    hang_up: bool,
    go: &AtomicBool,
) -> std::io::Result<()> {
    let mut subscribed = 0;
    loop {
        let (kind, body) = packet(&mut stream)?;
        match kind >> 4 {
            1 => stream.write_all(&[0x20, 2, 0, 0])?,
            8 => {
                stream.write_all(&[0x90, 3, body[0], body[1], 0])?;
                subscribed += 1;
                if subscribed == 2 {
                    while !go.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    let mut out = (topic.len() as u16).to_be_bytes().to_vec();
                    out.extend_from_slice(topic.as_bytes());
                    out.extend_from_slice(message.as_bytes());
                    let mut head = vec![0x30];
                    let mut left = out.len();
                    while left >= 128 {
                        head.push((left % 128) as u8 | 0x80);
                        left /= 128;
                    }
                    head.push(left as u8);
                    stream.write_all(&[head, out].concat())?;
                    if hang_up {
                        std::thread::sleep(Duration::from_millis(200));
                        return Ok(());
                    }
                }
            }
            12 => stream.write_all(&[0xd0, 0])?,
            _ => {}
        }
    }
}

fn packet(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let (kind, mut length, mut shift) = (byte[0], 0usize, 0);
    loop {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

#[test]
fn frigate_is_heard_by_mqtt_and_again_after_the_broker_was_away() {
    let city = City::start();
    let at = (now() - 500) as f64 / 1000.0;
    // The topic is all cameras' together.
    let sent = [("garden", "5QRS77"), ("drive", "7ABC128"), ("drive", "4XYZ99")];
    let messages = sent.map(|(camera, plate)| {
        let message = format!(
            r#"{{"type": "end", "before": {{}}, "after": {{"id": "{plate}-1", "camera": "{camera}", "frame_time": {at},
            "recognized_license_plate": "{plate}", "recognized_license_plate_score": 0.9}}}}"#
        );
        ("frigate/events", message)
    });
    let go = Arc::new(AtomicBool::new(false));
    let (port, came) = broker(messages.to_vec(), go.clone());
    let more = format!(
        "[[device]]\ncamera = \"cam_drive\"\nadapter = \"frigate\"\ncode = \"right\"\nonly = \"drive\"\n\
         mqtt = {{ broker = \"127.0.0.1:{port}\" }}\n"
    );
    let mut gate = Gate::start(&city.address, &more);
    gate.said("camera cam_drive: lease until");
    go.store(true, Ordering::SeqCst);
    until("both plates arrive", || reads(&city).len() == 2);
    assert_eq!(came.load(Ordering::SeqCst), 3);
    let page = gate.page("/");
    assert!(page.contains("The broker does not answer; again in 1 s."));
    assert!(page.contains("<dt>of other cameras</dt><dd>1</dd>"), "{page}");
    gate.end();
}

/// A broker that answers a connection and each subscription with these codes.
fn refusing(connected: u8, subscribed: u8) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let session = move |mut stream: TcpStream| -> std::io::Result<()> {
        loop {
            let (kind, body) = packet(&mut stream)?;
            match kind >> 4 {
                1 => stream.write_all(&[0x20, 2, 0, connected])?,
                8 => stream.write_all(&[0x90, 3, body[0], body[1], subscribed])?,
                _ => {}
            }
        }
    };
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| drop(session(stream)))
    });
    port
}

#[test]
fn what_a_broker_refuses_is_said() {
    let city = City::start();
    let device = |camera: &str, port: u16| {
        format!(
            "[[device]]\ncamera = \"{camera}\"\nadapter = \"frigate\"\ncode = \"right\"\n\
             mqtt = {{ broker = \"127.0.0.1:{port}\" }}\n"
        )
    };
    let more = device("cam_drive", refusing(5, 0)) + &device("cam_yard", refusing(0, 0x80));
    let mut gate = Gate::start(&city.address, &more);
    gate.said("camera cam_drive: The broker refuses the user or the password; correct them.");
    for topic in ["frigate/events", "frigate/tracked_object_update"] {
        gate.said(&format!("camera cam_yard: The broker does not let the gateway read {topic};"));
    }
    gate.end();
}
