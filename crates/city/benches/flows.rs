//! What the city promises of its flows, measured on a real city in a temporary folder: ingest from 200
//! cameras, exact questions over a month, a scan, appends to the log, verifying a long log.
//!
//! Prints one JSON object a promise for `./run bench`. `FLOWS_SECONDS` (default 10) is how long ingest
//! runs, `FLOWS_READS` (default 60,000) how many reads a day of the month holds, `FLOWS_DAYS` (30)
//! how many days there are, `FLOWS_COPIES` (0) how many reads that nobody asks for stand beside each of them
//! (sealed bytes under other ids and tokens: a million a day takes minutes; the scan is left out then), `FLOWS_LOG` (200,000) how many entries the verified log has, and one that is opened beside a hot list of `FLOWS_LIST` (100,000).
//! `FLOWS_KEEP` names a folder in which the city stays: a run that finds one there asks it again and fills nothing.
//! `FLOWS_ENGINE=postgres` takes the second engine, `FLOWS_CUSTODY=own` puts custody behind its socket; zero days or entries leave their part out.
//! HTTP is not in these figures: batches come as the bytes of their JSON.

use base::{
    CameraId, Clock, LeaseId, ListId, ManualClock, PersonId, ReadId, Signed, SigningKey, Time,
};
use city::{
    Ask, Batch, City, Config, ConfirmImport, Custodian, Engine, Enrol, InitOptions, ListSettings,
    NewPerson, Stored, Url,
};
use ledger::{Folder, Leaf, Log};
use plate::Odds;
use read::{Lease, LeaseRequest, Read, SealKey, SignedRead};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use testkit::postgres::Database;

const CAMERAS: usize = 200;
const BATCH: usize = 100;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn told(promise: &str, promised: f64, more: bool, unit: &str, samples: &[f64]) {
    let line = json!({
        "promise": promise, "promised": promised, "more": more, "unit": unit, "samples": samples,
    });
    println!("{line}");
}

/// A small generator of plates; the same every time.
struct Plates(u64);

impl Plates {
    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea and Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Odds as a reader gives them: two uncertain places, so that a read has four readings.
    fn odds(&mut self) -> Odds {
        let mut n = self.next();
        let mut pick = |from: &str| {
            let at = n as usize % from.len();
            n /= from.len() as u64;
            from.as_bytes()[at] as char
        };
        let (letters, digits) = ("ACEFGHJKLMNPRSTUVWXYZ", "1234567");
        let shape = [digits, letters, letters, letters, digits, digits];
        let mut places: Vec<_> = shape.iter().map(|s| vec![(pick(s), 0.99)]).collect();
        places.insert(3, vec![('B', 0.8), ('8', 0.19)]);
        places[5].push(('9', 0.005));
        Odds::new(places).unwrap()
    }
}

struct Camera {
    id: CameraId,
    capture: SigningKey,
    lease: Lease,
    seal: SealKey,
}

/// Ends custody with the city.
struct Stop(base::Shutdown);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

struct World {
    _stop: Stop,
    _dir: tempfile::TempDir,
    _database: Option<Database>,
    city: Arc<City>,
    clock: Arc<ManualClock>,
    officer: PersonId,
    cameras: Vec<Camera>,
}

fn world() -> World {
    let kept = std::env::var_os("FLOWS_KEEP").map(PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let dir = kept.as_deref().unwrap_or(temporary.path());
    let there = dir.join("homeplate.toml").exists();
    let start: Time = "2026-11-23T12:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let text = "[city]\nname = \"Bench\"\nslug = \"bench\"\n[retention]\nreads_days = 60\n\
                [keys]\nlease_s = 86400\n";
    let admin = admin();
    let (mut config, database) = stored(Config::parse(text).unwrap());
    if own() {
        config.custody.process = city::CustodyProcess::Own;
    }
    let options = options(config);
    if !there {
        city::init(dir, &options, clock.as_ref()).unwrap();
    }
    let stop = base::Shutdown::new();
    if own() {
        let custodian = Custodian::open(dir, clock.clone(), true, Duration::ZERO).unwrap();
        let (socket, told) = (custodian.socket.clone(), stop.clone());
        std::thread::spawn(move || custodian.serve(&told, || ()).unwrap());
        while !socket.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    let city = City::open(dir, clock.clone()).unwrap();
    let officer: PersonId = "per_otto".parse().unwrap();
    if there {
        let cameras = Vec::new();
        let _dir = temporary;
        return World {
            _stop: Stop(stop),
            _dir,
            _database: database,
            city,
            clock,
            officer,
            cameras,
        };
    }
    let new = NewPerson {
        id: officer.clone(),
        name: "Otto".into(),
        office: "police".into(),
        roles: vec!["officer".into()],
        key: SigningKey::generate().public(),
    };
    city.add_person(&admin, new).unwrap();
    let cameras = (0..CAMERAS).map(|n| camera(&city, &admin, n)).collect();
    World { _stop: Stop(stop), _dir: temporary, _database: database, city, clock, officer, cameras }
}

fn admin() -> PersonId {
    "per_admin".parse().unwrap()
}

fn options(config: Config) -> InitOptions {
    InitOptions {
        config,
        admin: admin(),
        admin_name: "Administrator".into(),
        roles: vec!["administrator".into()],
        key: Some(SigningKey::generate().public()),
        charter_key: None,
        provers: Vec::new(),
        auditors: read::OpenKey::generate().public().unwrap(),
    }
}

/// The engine that `FLOWS_ENGINE` names: `sqlite`, or `postgres` on a cluster of this run.
fn stored(mut config: Config) -> (Config, Option<Database>) {
    if engine() == "sqlite" {
        return (config, None);
    }
    let database = Database::lasting().unwrap();
    config.store = Stored {
        engine: Engine::Postgres,
        url: Some(Url(database.url().to_owned())),
        schema: "bench".into(),
    };
    (config, Some(database))
}

/// Whether custody is behind its socket, in a thread of its own, as it is behind one in a process of its own.
fn own() -> bool {
    std::env::var("FLOWS_CUSTODY").is_ok_and(|v| v == "own")
}

fn engine() -> String {
    std::env::var("FLOWS_ENGINE").unwrap_or_else(|_| "sqlite".into())
}

fn camera(city: &City, admin: &PersonId, n: usize) -> Camera {
    let id: CameraId = format!("cam_{n:03}").parse().unwrap();
    let code = city.enrolment_code(admin, &id, &format!("Camera {n}"), None).unwrap();
    let device = SigningKey::generate();
    city.enrol(Enrol { code, camera: id.clone(), device_key: device.public() }).unwrap();
    let capture = SigningKey::generate();
    let asked = LeaseRequest {
        camera: id.clone(),
        capture_key: capture.public(),
        at: city.now(),
        frames: None,
        jumps: 0,
        foreign: false,
        knows: Vec::new(),
    };
    let lease = city.lease(&Signed::sign(asked, &device).unwrap()).unwrap();
    let lease = lease.unverified().clone();
    let seal = lease.seal_key.parse().unwrap();
    Camera { id, capture, lease, seal }
}

fn read(camera: &Camera, lease: LeaseId, captured: Time, counter: u64, odds: Odds) -> Read {
    Read {
        id: ReadId::new(captured, base::random()),
        camera: camera.id.clone(),
        lease,
        counter,
        captured,
        first: captured,
        last: captured,
        frames: 5,
        odds,
        confidence: 0.9,
        region: Some("us-ca".into()),
        corners: [[10, 10], [90, 10], [90, 40], [10, 40]],
        frame_size: [1280, 720],
        picture: None,
        sighting: Default::default(),
    }
}

/// A batch as its camera sends it.
fn batch(camera: &Camera, now: Time, plates: &mut Plates) -> Vec<u8> {
    let items = (0..BATCH).map(|n| {
        let captured = now.plus_millis(-(n as i64) * 400);
        let read = read(camera, camera.lease.id, captured, n as u64 + 1, plates.odds());
        let plain = SignedRead::sign(read, None, &camera.capture).encode();
        let aad = camera.id.as_str().as_bytes();
        camera.seal.seal(b"homeplate/ingest/v1", aad, plain.expose()).unwrap()
    });
    let batch = Batch { v: 1, camera: camera.id.clone(), items: items.collect() };
    serde_json::to_vec(&batch).unwrap()
}

/// Two threads of clients send prepared batches as fast as the city takes them.
fn ingest(world: &World) {
    let seconds = setting("FLOWS_SECONDS", 10);
    let now = world.clock.now();
    let mut plates = Plates(1);
    let wanted = seconds * 7000 / BATCH;
    let batches: Vec<(usize, Vec<u8>)> = (0..wanted)
        .map(|n| (n % CAMERAS, batch(&world.cameras[n % CAMERAS], now, &mut plates)))
        .collect();
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let took: Vec<f64> = std::thread::scope(|scope| {
        let client = || {
            let mut took = Vec::new();
            while begun.elapsed() < Duration::from_secs(seconds as u64)
                && let Some((camera, bytes)) = batches.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let from = Instant::now();
                let batch: Batch = serde_json::from_slice(bytes).unwrap();
                let done = world.city.ingest(&world.cameras[*camera].id, batch).unwrap();
                assert_eq!(done.new, BATCH, "{:?}", done.refused);
                took.push(from.elapsed().as_secs_f64() * 1000.0);
            }
            took
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|c| c.join().unwrap()).collect()
    });
    let rate = (took.len() * BATCH) as f64 / begun.elapsed().as_secs_f64();
    let engine = format!("{}{}", engine(), if own() { ", custody behind its socket" } else { "" });
    let what =
        format!("ingest over {seconds} s, {engine}: reads a second, batches of 100, 200 cameras");
    told(&what, 5000.0, true, "/s", &[rate]);
    let mut sorted = took.clone();
    sorted.sort_by(f64::total_cmp);
    let p99 = sorted[(sorted.len() - 1) * 99 / 100];
    told(
        &format!("ingest over {seconds} s, {engine}: a batch of 100, 99th percentile"),
        200.0,
        false,
        "ms",
        &[p99],
    );
}

/// How many days there are, and reads in each.
fn sizes() -> (usize, usize) {
    let reads = setting("FLOWS_READS", 60_000) * (setting("FLOWS_COPIES", 0) + 1);
    (setting("FLOWS_DAYS", 30), reads)
}

/// Fills the days before today, past the edge: sealed and indexed as ingest does it.
fn month(world: &World) -> (usize, usize) {
    let (days, reads) = (setting("FLOWS_DAYS", 30), setting("FLOWS_READS", 60_000));
    let copies = setting("FLOWS_COPIES", 0);
    let mut plates = Plates(2);
    let today = world.clock.now().day();
    for back in 1..=days {
        let day = base::Day::from_number(today.number() - back as i32);
        let mut of_day = Vec::with_capacity(reads);
        for n in 0..reads {
            let at = day.start().plus_millis((n as i64 * 86_400_000) / reads as i64);
            // A day of a million: a camera sees a few cars a minute, and they share a segment.
            let together = if copies > 0 { 3 } else { 1 };
            let camera = &world.cameras[n / together % CAMERAS];
            of_day.push(Arc::new(read(camera, camera.lease.id, at, n as u64 + 1, plates.odds())));
            if of_day.len() == 2000 {
                load(&world.city, std::mem::take(&mut of_day), copies);
            }
        }
        load(&world.city, of_day, copies);
    }
    sizes()
}

fn load(city: &City, reads: Vec<read::Pass>, copies: usize) {
    city.fill_for_bench(&reads, copies).unwrap();
    if !reads.is_empty() {
        city.load_for_bench(reads).unwrap();
    }
}

fn question(world: &World, plate: &str, days: i64) -> Ask {
    let now = world.clock.now();
    Ask {
        purpose: "felony-investigation".into(),
        case: Some("26-0417".into()),
        authority: Some("judicial-warrant".into()),
        paper: None,
        emergency: false,
        on_behalf_of: None,
        reason: Some("bench".into()),
        plates: vec![plate.into()],
        look_alikes: false,
        cameras: Vec::new(),
        area: None,
        from: now.plus_millis(-days * 86_400_000),
        until: now,
        reveal_after: None,
    }
}

fn questions(world: &World, (days, reads): (usize, usize)) {
    let mut samples = Vec::new();
    let mut plates = Plates(2);
    for n in 0..60 {
        (0..n * 17).for_each(|_| drop(plates.odds()));
        let plate: String = plates.odds().places().iter().map(|p| p[0].0).collect();
        let from = Instant::now();
        let answer = world.city.ask(&world.officer, question(world, &plate, 30)).unwrap();
        samples.push(from.elapsed().as_secs_f64() * 1000.0);
        assert!(answer.narrowed.is_none());
    }
    let what =
        format!("exact question over {days} days of {reads} reads, log included, no witness");
    told(&what, 50.0, false, "ms", &samples);
    if setting("FLOWS_COPIES", 0) > 0 {
        return;
    }
    let from = Instant::now();
    let answer = world.city.ask(&world.officer, question(world, "7QX?9*", 30)).unwrap();
    let rate = answer.scanned as f64 / from.elapsed().as_secs_f64();
    told("scan: sealed reads compared a second, one thread", 1e6, true, "/s", &[rate]);
}

fn question_leaf(n: usize, now: Time) -> Leaf {
    Leaf::new("search.intent", now)
        .id(format!("q_{n:032x}"))
        .fact("purpose", "stolen-vehicle")
        .fact("authority", "none")
        .fact("case", "stated")
}

fn log() {
    let dir = tempfile::tempdir().unwrap();
    let folder = || Box::new(Folder::new(dir.path().join("log")));
    let log = Log::create(folder(), "homeplate/bench", SigningKey::generate()).unwrap();
    let vkey = log.vkey().to_owned();
    let now: Time = "2026-11-23T12:00:00Z".parse().unwrap();
    let leaf = |n: usize| question_leaf(n, now);
    let (next, begun) = (AtomicUsize::new(0), Instant::now());
    let entries = 20_000;
    std::thread::scope(|scope| {
        for _ in 0..256 {
            scope.spawn(|| {
                while let n @ 0..20_000 = next.fetch_add(1, Ordering::Relaxed) {
                    log.append(&leaf(n)).unwrap();
                }
            });
        }
    });
    let rate = entries as f64 / begun.elapsed().as_secs_f64();
    told("log: entries a second, 256 callers, each on disk", 2000.0, true, "/s", &[rate]);
    let more = setting("FLOWS_LOG", 200_000);
    log.append_all(&(entries..more).map(leaf).collect::<Vec<_>>()).unwrap();
    let size = log.size();
    drop(log);
    let from = Instant::now();
    let report = ledger::verify(&dir.path().join("log"), &vkey).unwrap();
    assert_eq!(report.size, size);
    let per_million = from.elapsed().as_secs_f64() * 1e6 / size as f64;
    told("verify: seconds for a million entries", 10.0, false, "s", &[per_million]);
}

/// What a start waits for, and whoever waits for a hand-over: the log is read whole and compared, hot lists come into the
/// matcher.
fn opening() {
    let (entries, rows) = (setting("FLOWS_LOG", 200_000), setting("FLOWS_LIST", 100_000));
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap()));
    let text = "[city]\nname = \"Bench\"\nslug = \"bench\"\nstate = \"us-ca\"\n";
    city::init(dir.path(), &options(Config::parse(text).unwrap()), clock.as_ref()).unwrap();
    let city = City::open(dir.path(), clock.clone()).unwrap();
    let list: ListId = "lst_stolen".parse().unwrap();
    let settings = ListSettings {
        name: "Stolen".into(),
        adopted: Some(["stolen".to_owned()].into()),
        ..ListSettings::default()
    };
    city.set_list(&admin(), &list, &settings).unwrap();
    let mut file = String::from("plate,state,case,reason,expires,category\n");
    for n in 0..rows {
        file += &format!("{n:07X},CA,26-{n},stolen vehicle,2026-12-20T00:00:00Z,stolen\n");
    }
    let seen = city.import(&admin(), &list, &mut file.as_bytes(), None).unwrap();
    let sure = ConfirmImport { sure: true };
    city.confirm_import(&admin(), &list, seen.number.unwrap(), sure).unwrap();
    drop(city);
    let key = SigningKey::load(&dir.path().join("keys/log.key")).unwrap();
    let origin = city::log_origin(dir.path()).unwrap();
    let log = Log::open(Box::new(Folder::new(dir.path().join("log"))), &origin, key).unwrap();
    let more = (0..entries).map(|n| question_leaf(n, clock.now())).collect::<Vec<_>>();
    log.append_all(&more).unwrap();
    drop(log);
    let samples: Vec<f64> = (0..5)
        .map(|_| {
            let from = Instant::now();
            let city = City::open(dir.path(), clock.clone()).unwrap();
            let took = from.elapsed().as_secs_f64();
            assert!(city.log_page(1, None).is_ok());
            took
        })
        .collect();
    let what = format!("start: a log of {entries} entries, a hot list of {rows}");
    told(&what, 5.0, false, "s", &samples);
}

fn main() {
    // `cargo test --benches` only wants to know whether it starts.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let world = world();
    let there = world.cameras.is_empty();
    if !there {
        ingest(&world);
    }
    if setting("FLOWS_DAYS", 30) > 0 {
        let filled = if there { sizes() } else { month(&world) };
        questions(&world, filled);
    }
    if setting("FLOWS_LOG", 200_000) > 0 {
        log();
        opening();
    }
}
