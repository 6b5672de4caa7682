//! The reader's own page: live pictures, health, aiming, the doctor and the survey, and metrics.
//!
//! It shows plates, so it is served on loopback alone and only if asked for on the command line. A page
//! elsewhere gets nothing: the host must be this machine, a change must come from this page. What is not
//! the live picture holds numbers and no plate.

use crate::doctor::{examine, survey};
use crate::metrics;
use crate::preview::{Preview, drawn, tracks};
use crate::settings::Settings;
use crate::station::Station;
use base::{Error, Kind, Result, Shutdown};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Most people who look at once.
const VIEWERS: usize = 16;
const HEAD_MAX: usize = 8192;
const BODY_MAX: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(5);
const PAGE: &[u8] = include_bytes!("../assets/panel.html");
const SCRIPT: &[u8] = include_bytes!("../assets/panel.js");
const STYLE: &[u8] = include_bytes!("../assets/panel.css");
/// Nothing on the page comes from elsewhere, and nothing frames it.
const POLICY: &str = "content-security-policy: default-src 'self'; frame-ancestors 'none'\r\nx-content-type-options: nosniff\r\n";

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
pub fn serve(listener: &TcpListener, stations: &[Arc<Station>], done: &Shutdown) {
    stations.iter().for_each(|station| station.preview.serve());
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
                    let _ = answer(stream, stations, done);
                    viewers.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    });
}

/// A request as far as it matters here.
#[derive(Debug, PartialEq)]
struct Request {
    put: bool,
    path: String,
    body: Vec<u8>,
}

/// What is sent back.
struct Reply {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl Reply {
    fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: "200 OK", kind, body: body.into() }
    }

    fn json(value: &Value) -> Self {
        Self::ok("application/json", value.to_string())
    }

    fn missing() -> Self {
        let body = b"There is no such page.\n".to_vec();
        Self { status: "404 Not Found", kind: "text/plain", body }
    }

    fn refused(e: &Error) -> Self {
        let status = match e.kind() {
            Kind::Invalid | Kind::TooLarge => "400 Bad Request",
            _ => "503 Service Unavailable",
        };
        Self { status, kind: "text/plain", body: e.message().as_bytes().to_vec() }
    }
}

fn answer(mut to: TcpStream, stations: &[Arc<Station>], done: &Shutdown) -> std::io::Result<()> {
    to.set_nonblocking(false)?;
    to.set_read_timeout(Some(PATIENCE))?;
    to.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = request(&mut to)? else {
        let body = b"This page answers this machine only.\n".to_vec();
        return send(&mut to, &Reply { status: "400 Bad Request", kind: "text/plain", body });
    };
    let (station, rest) = of(stations, &request.path);
    if rest == "live.mjpg"
        && let Some(station) = station
    {
        return film(&mut to, &station.preview, done);
    }
    let reply = match (request.put, rest) {
        (false, "") => Reply::ok("text/html; charset=utf-8", PAGE),
        (false, "panel.js") => Reply::ok("text/javascript", SCRIPT),
        (false, "panel.css") => Reply::ok("text/css", STYLE),
        (false, "metrics") => {
            Reply::ok("application/openmetrics-text; version=1.0.0", metrics::of(stations))
        }
        (false, "cameras.json") => Reply::json(&list(stations)),
        (put, rest) => station.map_or_else(Reply::missing, |s| of_one(s, put, rest, &request.body)),
    };
    send(&mut to, &reply)
}

/// The camera that a path is about, and the rest of it: `/cameras/ID/rest`, or the only one with `/rest`.
fn of<'a>(stations: &'a [Arc<Station>], path: &'a str) -> (Option<&'a Arc<Station>>, &'a str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    if let Some((id, rest)) = path.strip_prefix("cameras/").and_then(|p| p.split_once('/')) {
        return (stations.iter().find(|s| s.camera.as_str() == id), rest);
    }
    (stations.first().filter(|_| stations.len() == 1), path)
}

fn of_one(station: &Station, put: bool, rest: &str, body: &[u8]) -> Reply {
    match (put, rest) {
        (false, "live.json") => Reply::json(&state(station)),
        (false, "frame.jpg") => Reply::ok("image/jpeg", drawn(station.preview.now().as_deref())),
        (false, "health.json") => Reply::json(&json!(station.health.report())),
        (false, "doctor.json") => {
            Reply::json(&json!(examine(&station.health.report(), &station.line())))
        }
        (false, "survey.json") => {
            let hours = station.health.hours();
            Reply::json(&json!(hours.iter().map(survey).collect::<Vec<_>>()))
        }
        (false, "aim.json") => Reply::json(&json!(&*station.settings())),
        // It is asked when somebody wants to know: each question goes to the camera.
        (put, "exposure.json") => match station.exposure(put.then_some(body)) {
            Ok(found) => Reply::json(&found),
            Err(e) => Reply::refused(&e),
        },
        (true, "aim.json") => match aim(station, body) {
            Ok(()) => Reply::json(&json!(&*station.settings())),
            Err(e) => Reply::refused(&e),
        },
        _ => Reply::missing(),
    }
}

fn aim(station: &Station, body: &[u8]) -> Result<()> {
    let settings: Settings = serde_json::from_slice(body)
        .map_err(|e| Error::invalid("These are no settings of a camera.").because(e))?;
    station.set(settings)
}

fn list(stations: &[Arc<Station>]) -> Value {
    let one = |s: &Arc<Station>| {
        let findings = examine(&s.health.report(), &s.line());
        let bad = findings.into_iter().find(|f| !f.good);
        json!({ "camera": s.camera, "place": s.place, "trouble": bad.map(|f| f.say) })
    };
    stations.iter().map(one).collect::<Vec<_>>().into()
}

fn state(station: &Station) -> Value {
    let shot = station.preview.now();
    let mut out = match station.facts() {
        Some(facts) => facts.facts(),
        None => json!({ "camera": station.camera, "lease": { "state": "no-lease" } }),
    };
    out["frame"] = json!(shot.as_ref().map(|s| s.number));
    out["at"] = json!(shot.as_ref().map(|s| s.at));
    out["tracks"] = tracks(shot.as_deref());
    out
}

/// The request, bounded; `None` where it is not from this machine or not from this page.
fn request(from: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut part = [0; 1024];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        match from.read(&mut part)? {
            n @ 1.. if bytes.len() < HEAD_MAX => bytes.extend_from_slice(&part[..n]),
            _ => return Ok(None),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let Some((put, path, length)) = head_of(&head) else { return Ok(None) };
    let mut body = bytes.split_off(end);
    while body.len() < length {
        match from.read(&mut part)? {
            0 => return Ok(None),
            n => body.extend_from_slice(&part[..n]),
        }
    }
    body.truncate(length);
    Ok(Some(Request { put, path, body }))
}

/// Whether it changes something, its path, and its body's length. A page elsewhere that has its own name
/// point here names another host; one that sends a form here names another origin.
fn head_of(head: &str) -> Option<(bool, String, usize)> {
    let mut lines = head.split("\r\n");
    let (method, rest) = lines.next()?.split_once(' ')?;
    let path = rest.split([' ', '?']).next()?.to_owned();
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
    let host = field("host")?;
    if !is_here(host) {
        return None;
    }
    match method {
        "GET" => Some((false, path, 0)),
        "PUT" => {
            let length: usize = field("content-length")?.parse().ok()?;
            let own = field("origin").is_some_and(|o| o == format!("http://{host}"));
            let json = field("content-type").is_some_and(|t| t.starts_with("application/json"));
            (own && json && length <= BODY_MAX).then_some((true, path, length))
        }
        _ => None,
    }
}

/// Whether a request names this machine as its host.
pub(crate) fn is_here(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

fn send(to: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let Reply { status, kind, body } = reply;
    write!(
        to,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-store\r\n{POLICY}connection: close\r\n\r\n",
        body.len()
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

#[cfg(test)]
mod tests;
