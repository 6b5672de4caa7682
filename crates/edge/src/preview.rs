//! The live picture: the newest frame with its tracks drawn in, for the person who aims the camera.
//!
//! It shows plates, so it is served on loopback alone, only while a lease is in force, from memory,
//! and only if asked for on the command line. `live.json` holds numbers and no plate.

use crate::pipeline::SURE;
use base::{Error, Result, Shutdown, Time};
use image::{Rgb, RgbImage};
use plate::Reason;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vision::{LiveTrack, draw};

/// Most people who look at once.
const VIEWERS: usize = 8;
const REQUEST_MAX: usize = 8192;
const PATIENCE: Duration = Duration::from_secs(5);
const DARK: Rgb<u8> = Rgb([24, 24, 28]);

/// One frame and what was seen in it.
pub struct Shot {
    /// The frame's number.
    pub number: u64,
    /// When it was taken.
    pub at: Time,
    /// The coded picture.
    pub coded: Vec<u8>,
    /// Tracks that go on.
    pub tracks: Vec<LiveTrack>,
}

/// What `live.json` says besides the tracks.
pub trait Facts: Sync {
    /// A JSON object without a plate.
    fn facts(&self) -> serde_json::Value;
}

/// The newest shot. Nothing older is kept.
#[derive(Default)]
pub struct Preview {
    shot: Mutex<(u64, Option<Arc<Shot>>)>,
    changed: Condvar,
}

impl Preview {
    /// Shows a frame.
    pub fn show(&self, shot: Shot) {
        self.set(Some(Arc::new(shot)));
    }

    /// Shows that nothing is captured.
    pub fn clear(&self) {
        self.set(None);
    }

    fn set(&self, shot: Option<Arc<Shot>>) {
        let mut held = self.lock();
        *held = (held.0 + 1, shot);
        drop(held);
        self.changed.notify_all();
    }

    /// The newest shot after version `seen`, or what there is when a second has passed.
    fn next(&self, seen: u64) -> (u64, Option<Arc<Shot>>) {
        let held = self.lock();
        let wait = Duration::from_secs(1);
        let held =
            match self.changed.wait_timeout_while(held, wait, |(version, _)| *version <= seen) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        (held.0, held.1.clone())
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Option<Arc<Shot>>)> {
        self.shot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens on loopback; any other address is refused, because the picture shows plates.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(Error::invalid(
            "The live picture shows plates: give --preview a loopback address.",
        ));
    }
    let cannot = |e| Error::unavailable(format!("{address} cannot be listened on.")).because(e);
    let listener = TcpListener::bind(address).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    Ok(listener)
}

/// Serves until `done`: a thread a viewer.
pub fn serve(listener: &TcpListener, preview: &Preview, facts: &dyn Facts, done: &Shutdown) {
    let viewers = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while !done.sleep(Duration::from_millis(20)) {
            while let Ok((stream, _)) = listener.accept() {
                if viewers.fetch_add(1, Ordering::SeqCst) >= VIEWERS {
                    viewers.fetch_sub(1, Ordering::SeqCst);
                    continue;
                }
                let viewers = &viewers;
                scope.spawn(move || {
                    // A viewer who goes away is no event.
                    let _ = answer(stream, preview, facts, done);
                    viewers.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
}

fn answer(
    mut to: TcpStream,
    preview: &Preview,
    facts: &dyn Facts,
    done: &Shutdown,
) -> std::io::Result<()> {
    to.set_nonblocking(false)?;
    to.set_read_timeout(Some(PATIENCE))?;
    to.set_write_timeout(Some(PATIENCE))?;
    let request = head(&mut to)?;
    match route(&request) {
        Some("/live.mjpg") => film(&mut to, preview, done),
        Some("/live.json") => {
            let body = state(preview, facts).to_string();
            // Numbers only, so the demo's page on another port may read it.
            reply(
                &mut to,
                "200 OK",
                "application/json",
                "access-control-allow-origin: *\r\n",
                body.as_bytes(),
            )
        }
        Some(_) => reply(&mut to, "404 Not Found", "text/plain", "", b"live.mjpg and live.json\n"),
        None => {
            reply(&mut to, "400 Bad Request", "text/plain", "", b"GET from this machine only\n")
        }
    }
}

/// The request's head, bounded.
fn head(from: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    while bytes.len() < REQUEST_MAX && !bytes.windows(4).any(|w| w == b"\r\n\r\n") {
        match from.read(&mut part)? {
            0 => break,
            n => bytes.extend_from_slice(&part[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The path of a GET that names this machine as its host: a page elsewhere that has its own name
/// point here gets nothing.
fn route(request: &str) -> Option<&str> {
    let mut lines = request.split("\r\n");
    let path = lines.next()?.strip_prefix("GET ")?.split([' ', '?']).next()?;
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost", "[::1]"].contains(&name).then_some(path)
}

fn reply(
    to: &mut TcpStream,
    status: &str,
    kind: &str,
    more: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let length = body.len();
    write!(
        to,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\ncache-control: no-store\r\n{more}connection: close\r\n\r\n"
    )?;
    to.write_all(body)
}

fn film(to: &mut TcpStream, preview: &Preview, done: &Shutdown) -> std::io::Result<()> {
    to.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: multipart/x-mixed-replace; boundary=frame\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
    )?;
    let mut seen = 0;
    while !done.stopped() {
        let (version, shot) = preview.next(seen);
        seen = version;
        let jpeg = drawn(shot.as_deref());
        write!(
            to,
            "--frame\r\ncontent-type: image/jpeg\r\ncontent-length: {}\r\n\r\n",
            jpeg.len()
        )?;
        to.write_all(&jpeg)?;
        to.write_all(b"\r\n")?;
        to.flush()?;
    }
    Ok(())
}

fn state(preview: &Preview, facts: &dyn Facts) -> serde_json::Value {
    let shot = preview.lock().1.clone();
    let mut out = facts.facts();
    let tracks: Vec<serde_json::Value> = shot
        .iter()
        .flat_map(|s| &s.tracks)
        .map(|t| serde_json::json!({ "number": t.number, "corners": t.corners, "confidence": t.confidence }))
        .collect();
    out["frame"] = serde_json::json!(shot.as_ref().map(|s| s.number));
    out["at"] = serde_json::json!(shot.as_ref().map(|s| s.at));
    out["tracks"] = tracks.into();
    out
}

/// The frame with its tracks as a JPEG; a dark one that says so where nothing is captured.
fn drawn(shot: Option<&Shot>) -> Vec<u8> {
    let decoded = shot.and_then(|s| Some((s, image::load_from_memory(&s.coded).ok()?.to_rgb8())));
    let image = match decoded {
        Some((shot, mut image)) => {
            for track in shot.tracks.iter().filter(|t| t.confidence >= SURE) {
                mark(&mut image, track);
            }
            image
        }
        None => {
            let mut image = RgbImage::from_pixel(640, 360, DARK);
            draw::write(&mut image, "NOTHING IS CAPTURED", [92, 165], 4, Rgb([150; 3]));
            image
        }
    };
    let mut out = Vec::new();
    let coder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 80);
    match image.write_with_encoder(coder) {
        Ok(()) => out,
        Err(_) => Vec::new(),
    }
}

/// The plate's outline, the track's number, the text that is being voted and how sure the vote is.
fn mark(image: &mut RgbImage, track: &LiveTrack) {
    let text = track.odds.text();
    let sure = (track.confidence.clamp(0.0, 1.0) * 100.0).round();
    let label = format!("#{} {} {sure}%", track.number, text.reveal(Reason::Reader));
    draw::plate(image, &track.corners, &label);
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Odds;

    struct Fixed;
    impl Facts for Fixed {
        fn facts(&self) -> serde_json::Value {
            serde_json::json!({ "camera": "cam_a" })
        }
    }

    fn shot() -> Shot {
        let mut coded = Vec::new();
        let picture = RgbImage::from_pixel(320, 180, Rgb([90; 3]));
        picture.write_with_encoder(image::codecs::jpeg::JpegEncoder::new(&mut coded)).unwrap();
        let odds = Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap();
        let corners = [[100.0, 90.0], [160.0, 92.0], [160.0, 120.0], [100.0, 118.0]];
        let tracks = vec![LiveTrack { number: 3, corners, odds, confidence: 0.5 }];
        Shot { number: 12, at: Time::from_millis(1_795_420_800_000), coded, tracks }
    }

    fn get(preview: &Preview, request: &str, bytes: usize) -> Vec<u8> {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let done = Shutdown::new();
        std::thread::scope(|scope| {
            scope.spawn(|| serve(&listener, preview, &Fixed, &done));
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            let mut out = Vec::new();
            stream.take(bytes as u64).read_to_end(&mut out).unwrap();
            done.stop();
            out
        })
    }

    #[test]
    fn json_tells_numbers_and_no_plate() {
        let preview = Preview::default();
        preview.show(shot());
        let out = get(&preview, "GET /live.json HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", 9999);
        let text = String::from_utf8(out).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!((&json["frame"], &json["tracks"][0]["number"]), (&12.into(), &3.into()));
        assert!(!text.contains("7ABC128"));
    }

    #[test]
    fn the_film_runs_and_goes_dark_without_a_lease() {
        let preview = Preview::default();
        preview.show(shot());
        let out = get(&preview, "GET /live.mjpg HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 2000);
        assert!(out.windows(3).any(|w| w == [0xff, 0xd8, 0xff]));
        let lit = image::load_from_memory(&drawn(Some(&shot()))).unwrap();
        assert_eq!(lit.width(), 320);
        preview.clear();
        assert_eq!(image::load_from_memory(&drawn(None)).unwrap().width(), 640);
    }

    #[test]
    fn only_this_machine_is_answered() {
        assert!(listen("0.0.0.0:0".parse().unwrap()).is_err());
        let ask = |host: &str| format!("GET /live.json?x=1 HTTP/1.1\r\nHOST: {host}\r\n\r\n");
        assert_eq!(route(&ask("127.0.0.1:8081")), Some("/live.json"));
        assert_eq!(route(&ask("[::1]:8081")), Some("/live.json"));
        assert_eq!(route(&ask("evil.example:8081")), None);
        assert_eq!(route("POST / HTTP/1.1\r\nhost: localhost\r\n\r\n"), None);
        assert_eq!(route("GET /"), None);
    }
}
