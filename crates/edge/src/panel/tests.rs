//! The page over loopback, with a station that was told what to show.

use super::*;
use crate::preview::Shot;
use base::{SystemClock, Time};
use plate::Odds;
use vision::{LiveTrack, Picture};

fn station(dir: &tempfile::TempDir, id: &str) -> Arc<Station> {
    let clock = Arc::new(SystemClock);
    let place = "rtsp://10.0.0.7/s".into();
    Arc::new(Station::open(id.parse().unwrap(), place, dir.path(), clock).unwrap())
}

fn shot() -> Shot {
    let odds = Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap();
    let corners = [[100.0, 90.0], [160.0, 92.0], [160.0, 120.0], [100.0, 118.0]];
    let tracks = vec![LiveTrack { number: 3, corners, odds, confidence: 0.5 }];
    let picture = Picture::from_grey(320, 180, vec![90; 320 * 180]).unwrap();
    Shot { number: 12, at: Time::from_millis(1_795_420_800_000), picture, tracks }
}

fn ask(stations: &[Arc<Station>], request: &str, bytes: usize) -> Vec<u8> {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let done = Shutdown::new();
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, stations, &done));
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut out = Vec::new();
        let _ = stream.take(bytes as u64).read_to_end(&mut out);
        done.stop();
        out
    })
}

fn get(stations: &[Arc<Station>], path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
    String::from_utf8_lossy(&ask(stations, &request, 99_999)).into_owned()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn json_tells_numbers_and_no_plate() {
    let dir = tempfile::tempdir().unwrap();
    let stations = [station(&dir, "cam_a")];
    stations[0].preview.show(shot());
    let text = get(&stations, "/live.json?x=1");
    let json = json_of(&text);
    assert_eq!((&json["frame"], &json["tracks"][0]["number"]), (&12.into(), &3.into()));
    for path in ["/live.json", "/doctor.json", "/health.json", "/cameras.json", "/metrics"] {
        let text = get(&stations, path);
        assert!(text.starts_with("HTTP/1.1 200") && !text.contains("7ABC128"), "{path}: {text}");
    }
}

#[test]
fn each_camera_has_its_place() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stations = [station(&one, "cam_a"), station(&two, "cam_b")];
    stations[1].preview.show(shot());
    assert_eq!(json_of(&get(&stations, "/cameras/cam_b/live.json"))["frame"], 12);
    assert_eq!(json_of(&get(&stations, "/cameras/cam_a/live.json"))["frame"], Value::Null);
    assert!(get(&stations, "/live.json").starts_with("HTTP/1.1 404"), "which one?");
    assert!(get(&stations, "/cameras/cam_c/live.json").starts_with("HTTP/1.1 404"));
    assert!(get(&stations, "/").contains("<!doctype html>"));
}

#[test]
fn the_film_runs_and_goes_dark_without_a_lease() {
    let dir = tempfile::tempdir().unwrap();
    let stations = [station(&dir, "cam_a")];
    stations[0].preview.show(shot());
    let out = ask(&stations, "GET /live.mjpg HTTP/1.1\r\nHost: localhost:1\r\n\r\n", 2000);
    assert!(out.windows(3).any(|w| w == [0xff, 0xd8, 0xff]));
    let size = |shot: Option<&Shot>| image::load_from_memory(&drawn(shot)).unwrap().width();
    assert_eq!(size(Some(&shot())), 320);
    stations[0].preview.clear();
    assert_eq!(size(stations[0].preview.now().as_deref()), 640);
}

#[test]
fn settings_are_changed_from_this_page_alone() {
    let dir = tempfile::tempdir().unwrap();
    let stations = [station(&dir, "cam_a")];
    let put = |origin: &str, kind: &str, body: &str| {
        let request = format!(
            "PUT /aim.json HTTP/1.1\r\nHost: 127.0.0.1:1\r\n{origin}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        String::from_utf8_lossy(&ask(&stations, &request, 9999)).into_owned()
    };
    let (own, json) = ("Origin: http://127.0.0.1:1\r\n", "application/json");
    let mask = r#"{"masks": [[[0, 0], [1, 0], [1, 0.5]]], "heading": 90}"#;
    for (origin, kind, body) in [
        ("", json, mask),
        ("Origin: http://evil.example\r\n", json, mask),
        (own, "text/plain", mask),
        (own, json, r#"{"masks": [[[0, 0], [2, 0], [1, 0.5]]]}"#),
        (own, json, r#"{"mask": []}"#),
    ] {
        assert!(put(origin, kind, body).starts_with("HTTP/1.1 400"), "{origin} {kind} {body}");
        assert!(stations[0].settings().masks.is_empty());
    }
    assert!(put(own, json, mask).starts_with("HTTP/1.1 200"));
    assert_eq!(stations[0].settings().heading, Some(90));
    assert_eq!(Settings::load(dir.path()).unwrap().masks.len(), 1, "kept");
}

#[test]
fn only_this_machine_is_answered() {
    assert!(listen("0.0.0.0:0".parse().unwrap()).is_err());
    let get = |host: &str| format!("GET /live.json?x=1 HTTP/1.1\r\nHOST: {host}\r\n\r\n");
    assert_eq!(head_of(&get("127.0.0.1:8081")), Some((false, "/live.json".into(), 0)));
    assert_eq!(head_of(&get("[::1]:8081")), Some((false, "/live.json".into(), 0)));
    assert_eq!(head_of(&get("evil.example:8081")), None);
    assert_eq!(head_of("POST / HTTP/1.1\r\nhost: localhost\r\n\r\n"), None);
    assert_eq!(head_of("GET /"), None);
}

/// What Prometheus is told of a camera, line by line.
#[test]
fn metrics_are_what_the_camera_has_seen() {
    let dir = tempfile::tempdir().unwrap();
    let stations = [station(&dir, "cam_a")];
    let at = base::Clock::now(&SystemClock);
    let plate = vision::Plate {
        odds: Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
        confidence: 0.9,
        corners: [[0.0, 0.0], [64.0, 0.0], [64.0, 32.0], [0.0, 32.0]],
        region: Some(vision::Region { code: "us-ca".into(), confidence: 0.9 }),
        lines: 1,
        sharpness: 0.25,
    };
    let scene = vision::Scene { brightness: 110.0, ..vision::Scene::default() };
    let moving = vision::Moving { blobs: Vec::new(), scene, unsettled: false };
    let health = &stations[0].health;
    (0..5).for_each(|_| health.frame(at, &moving, std::slice::from_ref(&plate)));
    health.passes(at, 3, 1);
    health.clock_offset(Some(-1500));
    let source = camera::SourceState {
        live: true,
        frames: 900,
        dropped: 7,
        restarts: 2,
        ..Default::default()
    };
    health.source(source);
    let text = get(&stations, "/metrics");
    for (name, want) in [
        ("leased", "0"),
        ("live", "1"),
        ("frames_per_second", "0.5"),
        ("frames_total", "900"),
        ("frames_dropped_total", "7"),
        ("source_restarts_total", "2"),
        ("passes_read", "3"),
        ("passes_unread", "1"),
        ("plate_width_pixels", "64"),
        ("plate_angle_degrees", "0"),
        ("plate_sharpness", "0.25"),
        ("brightness", "110"),
        ("picture_bad", "0"),
        ("spool_items", "0"),
        ("clock_offset_seconds", "-1.5"),
    ] {
        let line = format!("\nhomeplate_edge_{name}{{camera=\"cam_a\"}} {want}\n");
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(text.contains("openmetrics-text") && text.ends_with("# EOF\n"), "{text}");
    let families = text.lines().filter(|l| l.starts_with("# TYPE ")).count();
    assert_eq!(families, text.lines().filter(|l| l.starts_with("# HELP ")).count());
}
