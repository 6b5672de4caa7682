//! What befalls a reader at the roadside: a city that is away for an hour, a full disk, a clock that jumps. And
//! what its city is told of it, and what a camera keeps that keeps hits alone.

use crate::callers::{Caller, Device};
use crate::crash::plate;
use crate::faults::{Clockwork, Disk};
use crate::street::{Cameras, Reader, city, film, fleet, reader, reader_with, traffic};
use crate::world::{CAMERA, WANTED, World};
use base::{Clock, SystemClock};
use city::CameraHealth;
use edge::{Full, Spool};
use serde_json::Value;
use std::io::{Read, Write};
use testkit::free_port;
use testkit::street::{Body, Car, Light, Scenario};

/// Reads that wait: an hour of a street on which a car passes every second.
const HOUR: usize = 3600;

fn health(world: &World) -> CameraHealth {
    let all: Vec<CameraHealth> =
        serde_json::from_value(world.by("admin", &["cameras", "--json"]).json()).expect("cameras");
    all.into_iter().find(|c| c.camera.as_str() == CAMERA).expect("the camera")
}

/// Waits until the city's word on its camera is so.
#[track_caller]
fn until_health(world: &World, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    let ask = || serde_json::to_string(&health(world)).expect("spelled");
    let text = world.until(what, ask, |text| so(&serde_json::from_str(text).expect("JSON")));
    serde_json::from_str(&text).expect("JSON")
}

/// Every camera's film twice a minute.
fn playing(world: &World) -> Cameras {
    let file = film(world, "main", &traffic(20.0, 11));
    Cameras::start(&[("main", &file)], None, free_port().unwrap())
}

fn delivered(r: &Reader) -> bool {
    let counts = &r.json("live.json")["counts"];
    counts["waiting"] == 0 && counts["sealed"].as_u64() > Some(0)
}

/// The city is away while an hour of traffic passes, and dies once more while it drains: everything arrives, and
/// nothing twice. The order and that live reads do not wait are held by `edge`'s own test of its uplink.
#[test]
#[ignore = "deep: an hour of reads, minutes"]
fn a_city_that_was_away_for_an_hour_misses_nothing() {
    let (mut world, code) = city();
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    world.clip();
    let first = world.edge(Some(&code)).json();
    assert!(first["sealed"].as_u64() > Some(0), "{first}");
    let otto = Caller::person(&world, "otto");
    let mut device = Device::of_reader(&world, "edge", CAMERA);
    device.renew(SystemClock.now()).expect("a lease");
    world.kill();
    // The hour, in the three minutes that a lease covers before now: nobody waits for an hour here.
    let plates: Vec<String> = (0..HOUR).map(plate).collect();
    let (spool, _) =
        Spool::open(&world.path("edge/spool"), 1 << 30, Full::DropNew).expect("a spool");
    let began = std::time::Instant::now();
    for (n, some) in plates.chunks(100).enumerate() {
        let at = SystemClock.now().plus_millis(-180_000 + 4_000 * n as i64);
        for item in device.batch(some, at).items {
            spool.push(&item.0).expect("spooled");
        }
    }
    println!("{HOUR} reads spooled in {} ms", began.elapsed().as_millis());
    drop(spool);
    let cameras = playing(&world);
    let reader = reader(&world, &cameras.url("main"), None, &[]);
    reader.until("the reader at work without a city", 60, |r| {
        r.json("live.json")["counts"]["waiting"] == HOUR
    });
    let drains = std::time::Instant::now();
    world.serve();
    reader.until("some of it delivered", 60, |r| r.count("delivered") > 200);
    world.crash();
    reader.until("all of it delivered", 300, delivered);
    println!("drained in {} ms, with a crash between", drains.elapsed().as_millis());
    reader.until("live reads", 60, |r| r.count("sealed") > 0 && delivered(r));
    let (sealed, lost) = (reader.count("sealed"), reader.count("lost"));
    assert_eq!((lost, reader.count("refused")), (0, 0), "{}", reader.process.output());
    assert_eq!(reader.count("delivered"), HOUR as u64 + sealed);
    for some in plates.chunks(20) {
        let answer = otto.ask(some).expect("an answer");
        assert_eq!(answer.opened, some.len() as u64, "lost, or there twice: {some:?}");
    }
    world.plain(&["verify", "city/log"]).good();
}

/// The reader's disk fills up: it says so, keeps what it has, and goes on by itself when there is room.
#[test]
#[ignore = "deep: mounts a disk, which needs root"]
fn a_full_disk_at_the_roadside_costs_nothing_that_was_kept() {
    let (mut world, code) = city();
    let Some(_disk) = Disk::try_mount(world.path("edge"), 8) else {
        println!("SKIPPED: this user may not mount a disk");
        return;
    };
    let cameras = playing(&world);
    let reader = reader(&world, &cameras.url("main"), Some(&code), &[]);
    reader.until("reads", 60, delivered);
    world.kill();
    reader.until("reads that wait", 60, |r| {
        r.json("live.json")["counts"]["waiting"].as_u64() > Some(1)
    });
    let ballast = world.path("edge/ballast");
    std::fs::write(&ballast, vec![1; 16 << 20]).unwrap_err();
    reader.until("a lost read", 90, |r| r.count("lost") > 0);
    let doctor = world.plain(&["edge", "doctor", "--at", reader.page()]);
    assert!(doctor.code == 1 && doctor.out.contains("lost"), "{} {}", doctor.out, doctor.err);
    let waiting = reader.json("live.json")["counts"]["waiting"].as_u64().expect("a count");
    // Nothing is there by halves, and nothing that was delivered took the room of what was lost.
    world.until(
        "whole reads alone",
        || format!("{:?}", world.files("edge/spool")),
        |_| {
            let files = world.files("edge/spool");
            files.iter().all(|f| f.extension() == Some("sealed".as_ref()))
        },
    );
    // Room again, and the city: all that was kept arrives, and reading has never stopped.
    std::fs::remove_file(&ballast).unwrap();
    let (sealed, lost) = (reader.count("sealed"), reader.count("lost"));
    world.serve();
    reader.until("more reads", 90, |r| r.count("sealed") > sealed && delivered(r));
    println!(
        "{waiting} waited on the full disk, {lost} lost, {} delivered",
        reader.count("delivered")
    );
    let counts = reader.json("live.json")["counts"].clone();
    assert_eq!(counts["delivered"], counts["sealed"], "{counts}");
    until_health(&world, "the city knows of the lost ones", |h| {
        h["troubles"].as_array().is_some_and(|t| t.contains(&"lost-reads".into()))
    });
    let verified = world.plain(&["verify", "city/log"]).good();
    assert!(!verified.contains("CAMERA "), "{verified}");
}

/// The reader's clock goes back a day and ahead an hour. Nothing is captured by a wrong clock, nothing that was
/// kept is lost, and right again it needs nobody.
#[test]
#[ignore = "deep: needs faketime"]
fn a_clock_at_the_roadside_that_jumps() {
    if !Clockwork::there() {
        println!("SKIPPED: faketime is not installed");
        return;
    }
    let (world, code) = city();
    let cameras = playing(&world);
    std::fs::write(world.path("offset"), "+0h\n").unwrap();
    let environment = Clockwork::environment(&world);
    let reader = reader_with(&world, &cameras.url("main"), Some(&code), &[], &environment);
    let clock = Clockwork { world: &world };
    reader.until("reads", 90, delivered);
    for hours in [-24, 1, 24 * 40] {
        clock.set(hours);
        // Each camera that pulls frames by such a clock would have them refused later.
        reader.until("no frames by a wrong clock", 60, |r| {
            let frames = r.count("frames");
            std::thread::sleep(std::time::Duration::from_millis(1500));
            r.count("frames") == frames
        });
        let frames = reader.count("frames");
        clock.set(0);
        reader.until("frames again", 90, |r| r.count("frames") > frames + 20);
        let sealed = reader.count("sealed");
        reader.until("reads again", 90, |r| r.count("sealed") > sealed && delivered(r));
        let counts = reader.json("live.json")["counts"].clone();
        println!("at {hours:+} h: {counts}");
        assert_eq!(
            (&counts["delivered"], &counts["refused"]),
            (&counts["sealed"], &0.into()),
            "{counts} {}",
            reader.process.output()
        );
    }
    let verified = world.plain(&["verify", "city/log"]).good();
    assert!(!verified.contains("CAMERA "), "{verified}");
}

/// Processor time in seconds, and resident memory in MiB, of a process and of those that it has started.
fn cost(pid: u32) -> Vec<(u32, f64, u64)> {
    let text = |pid: u32, what: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default()
    };
    let one = |pid: u32| {
        let stat = text(pid, "stat");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split(' ').collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let status = text(pid, "status");
        let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
        let rss = rss.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        (pid, (number(12) + number(13)) / 100.0, rss / 1024)
    };
    let children = std::fs::read_dir("/proc").expect("processes").flatten().filter_map(|entry| {
        let child: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = text(child, "stat");
        let parent: u32 = stat.rsplit(')').next()?.split(' ').nth(2)?.parse().ok()?;
        (parent == pid).then_some(child)
    });
    std::iter::once(pid).chain(children).map(one).collect()
}

/// Eight cameras of 1280x720 and ten frames a second before one reader, a vehicle on about a tenth of the frames.
/// Prints what they cost; how long that takes on a machine that others use too, it does not judge.
#[test]
#[ignore = "deep: a measurement of a minute"]
fn eight_cameras_before_one_reader() {
    const SECONDS: f64 = 60.0;
    let mut world = World::new();
    world.init();
    world.serve();
    let car = Car {
        plate: WANTED.into(),
        state: "us-ca".into(),
        lane: 0,
        // The street is empty when they begin: a car that is there then leaves a ghost for a minute.
        start_s: 40.0,
        speed: 6.0,
        toward: true,
        body: Body::Sedan,
    };
    let scenario = Scenario { fps: 10.0, ..Scenario::empty(60.0, Light::Day, 41) }.with(car);
    let file = film(&world, "eight", &scenario);
    let names: Vec<String> = (1..=8).map(|n| format!("eight{n}")).collect();
    let streams: Vec<(&str, &std::path::Path)> =
        names.iter().map(|n| (n.as_str(), file.as_path())).collect();
    let cameras = Cameras::start(&streams, None, free_port().unwrap());
    let page = free_port().unwrap();
    let mut config =
        format!("server = \"{}\"\ndata = \"edges\"\npanel = \"127.0.0.1:{page}\"\n", world.url());
    for name in &names {
        let id = format!("cam_{name}");
        let code = world.by("admin", &["camera", &id, "--name", name]).good();
        std::fs::write(world.path(&format!("{name}.code")), code.trim()).unwrap();
        config += &format!(
            "[[camera]]\nid = \"{id}\"\ncode_file = \"{name}.code\"\nsource = {{ kind = \"rtsp\", url = \"{}\" }}\n",
            cameras.url(name)
        );
    }
    let reader = fleet(&world, &config, page);
    let of = |name: &str, file: &str| reader.json(&format!("cameras/cam_{name}/{file}"));
    reader.until("frames of all eight", 90, |_| {
        names.iter().all(|n| of(n, "live.json")["counts"]["frames"].as_u64() > Some(20))
    });
    let (before, began) = (cost(reader.process.id()), std::time::Instant::now());
    let frames = || -> u64 {
        names.iter().filter_map(|n| of(n, "live.json")["counts"]["frames"].as_u64()).sum()
    };
    let first = frames();
    std::thread::sleep(std::time::Duration::from_secs_f64(SECONDS));
    let (after, took) = (cost(reader.process.id()), began.elapsed().as_secs_f64());
    let looked = frames() - first;
    let spent = |pid: u32| {
        let at = |all: &[(u32, f64, u64)]| all.iter().find(|c| c.0 == pid).map_or(0.0, |c| c.1);
        at(&after) - at(&before)
    };
    let own = spent(reader.process.id());
    let decoding: f64 = after.iter().skip(1).map(|c| spent(c.0)).sum();
    println!(
        "{looked} frames of 8 cameras in {took:.0} s: reading {own:.1} s and decoding {decoding:.1} s of one core, \
         {:.2} cores; a camera {:.3} cores",
        (own + decoding) / took,
        (own + decoding) / took / 8.0
    );
    println!(
        "memory: {} MiB the reader, {:?} MiB each child",
        after[0].2,
        after.iter().skip(1).map(|c| c.2).collect::<Vec<_>>()
    );
    for name in &names {
        let (live, health) = (of(name, "live.json"), of(name, "health.json"));
        println!(
            "{name}: {} of {} frames read, {} dropped, {} sealed, begun again {}",
            live["counts"]["frames_read"],
            live["counts"]["frames"],
            health["source"]["dropped"],
            live["counts"]["sealed"],
            health["source"]["restarts"]
        );
    }
    assert!(looked > 0 && after.len() >= 9, "a child a camera: {after:?}");
}

/// The city hears how its camera is doing, shows it to those who look after cameras, and knows when it is silent.
#[test]
fn the_city_knows_how_its_camera_is() {
    let (world, code) = city();
    let cameras = playing(&world);
    assert_eq!(health(&world).last.map(|b| b.frames), None);
    let mut reader = reader(&world, &cameras.url("main"), Some(&code), &[]);
    // The stream is joined between two whole pictures; what comes before the next one is grey, and is not shown.
    reader.until("a picture", 60, |r| r.count("frames") > 0);
    // A scene that nobody has measured yet is black; the first that was measured is no grey one.
    let scene = || reader.json("health.json")["scene"].to_string();
    let scene = world.until("a scene", scene, |text| !text.contains("\"brightness\":0.0,"));
    let scene: Value = serde_json::from_str(&scene).expect("JSON");
    assert!(scene["contrast"].as_f64() > Some(10.0), "{scene}");
    let told = until_health(&world, "a camera that is fine", |h| {
        h["last"]["live"] == true && h["last"]["fps"].as_f64() > Some(0.0)
    });
    assert!(["fine", "troubled"].contains(&told["state"].as_str().unwrap()), "{told}");
    assert!(!told.to_string().contains(WANTED));
    let lines = world.by("admin", &["cameras"]).good();
    assert!(lines.contains(CAMERA) && lines.contains("frames/s"), "{lines}");
    assert_ne!(world.by("otto", &["cameras"]).code, 0, "an officer looks after no cameras");
    world.by("admin", &["off", CAMERA, "--reason", "A vote."]).good();
    let told = until_health(&world, "off", |h| h["state"] == "off" && h["last"]["lease"] == "off");
    assert!(told["last"]["off_since"].is_string() && told["since"].is_string(), "{told}");
    reader.process.kill().unwrap();
}

/// One camera keeps hits alone: the wanted car is found, and of the others there is not one byte, at the
/// roadside or in the city.
#[test]
fn hits_alone_are_kept_where_the_city_says_so() {
    let mut world = World::new();
    world.init();
    let file = world.path("city/homeplate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("hits_only = []", &format!("hits_only = [\"{CAMERA}\"]"));
    std::fs::write(&file, text).unwrap();
    world.serve();
    world.person("otto", "officer");
    let tomorrow = SystemClock.now().plus_millis(86_400_000).to_string();
    let listed = ["hotlist", WANTED, "--state", "us-ca", "--reason", "stolen vehicle"];
    let more = ["--case", "26-0417", "--expires", &tomorrow];
    world.by("admin", &[&listed[..], &more].concat()).good();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let cameras = playing(&world);
    let reader = reader(&world, &cameras.url("main"), Some(code.trim()), &[]);
    reader.until("one kept and others not", 90, |r| {
        r.count("delivered") > 0 && r.count("not_kept") > 1
    });
    world.until("a hit", || world.by("otto", &["hits", "--json"]).good(), |t| t.contains("hit_"));
    let told = until_health(&world, "counts at the city", |h| {
        h["last"]["not_kept"].as_u64() > Some(0) && h["last"]["watch"]["made"].is_string()
    });
    assert_eq!((&told["hits_only"], &told["last"]["watch"]["tokens"]), (&true.into(), &1.into()));
    let watched = world.get("/v1/log?limit=500");
    assert!(watched.contains("hotlist.watched") && !watched.contains(WANTED), "{watched}");
    // The list and the plates are in no file of the reader.
    for file in world.files("edge") {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(WANTED.len()).any(|w| w.eq_ignore_ascii_case(WANTED.as_bytes()));
        assert!(!found, "{}", file.display());
    }
}

/// A gate beside a camera hears of cars while the city says so, and of none from the moment that sharing is off.
#[test]
fn a_gate_hears_what_the_city_lets_out() {
    let gate = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/gate", gate.local_addr().unwrap());
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let tell = heard.clone();
    std::thread::spawn(move || {
        for mut stream in gate.incoming().flatten() {
            let mut text = Vec::new();
            let mut part = [0; 4096];
            // The body is one JSON object of Plate Recognizer's form, and nothing behind it.
            while let Ok(n @ 1..) = stream.read(&mut part) {
                text.extend_from_slice(&part[..n]);
                let so_far = String::from_utf8_lossy(&text);
                if so_far
                    .split_once("\r\n\r\n")
                    .is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok())
                {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&text).into_owned();
            tell.lock().unwrap().push(text.split_once("\r\n\r\n").map_or("", |p| p.1).to_owned());
            let _ = stream.write_all(b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n");
        }
    });
    let mut world = World::new();
    world.init();
    let file = world.path("city/homeplate.toml");
    let until = SystemClock.now().plus_millis(86_400_000);
    let rule = format!(
        "\n[[cameras.gate]]\ncamera = \"{CAMERA}\"\nto = \"{to}\"\nreason = \"Depot gate\"\nuntil = \"{until}\"\n"
    );
    let text = std::fs::read_to_string(&file).unwrap() + &rule;
    std::fs::write(&file, text).unwrap();
    world.serve();
    world.person("clara", "clerk");
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let cameras = playing(&world);
    let reader = reader(&world, &cameras.url("main"), Some(code.trim()), &[]);
    reader.until("cars at the gate", 90, |r| r.count("gates_told") >= 2);
    let log = world.get("/v1/log?limit=500");
    assert!(
        log.contains("share.gate") && log.contains("Depot gate") && !log.contains(&to),
        "{log}"
    );
    {
        let heard = heard.lock().unwrap();
        let document: Value = serde_json::from_str(&heard[0]).expect("JSON");
        assert_eq!(document["data"]["camera_id"], CAMERA, "{document}");
        assert!(document["data"]["results"][0]["plate"].is_string(), "{document}");
    }
    world.by("clara", &["off", "--level", "sharing", "--reason", "A vote."]).good();
    let missed = reader.count("gates_missed");
    reader.until("a car that the gate is not told of", 90, |r| r.count("gates_missed") > missed);
    let told = heard.lock().unwrap().len();
    let sealed = reader.count("sealed");
    reader.until("more cars", 90, |r| r.count("sealed") > sealed + 1 && delivered(r));
    assert_eq!(heard.lock().unwrap().len(), told, "sharing is off");
}
