//! Many clients at once: every answer is a good one or an honest "later", and memory stays flat.

use crate::callers::{Caller, Device, No};
use crate::crash::plate;
use crate::world::World;
use base::{Clock, SystemClock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BATCH: usize = 10;
/// Each camera and each officer is so many clients at once, as behind a gateway or a console.
const SHARED: usize = 10;

/// What came back, and how long the good answers took.
#[derive(Default)]
struct Came {
    stored: AtomicUsize,
    answered: AtomicUsize,
    later: AtomicUsize,
    slowest: Mutex<Duration>,
}

impl Came {
    fn note<T>(&self, got: Result<T, No>, begun: Instant, good: &AtomicUsize) {
        match got {
            Ok(_) => {
                good.fetch_add(1, Ordering::Relaxed);
                let mut slowest = self.slowest.lock().unwrap();
                *slowest = begun.elapsed().max(*slowest);
            }
            Err(No(429 | 503, _)) => {
                self.later.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_secs(1));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn camera(device: &Mutex<Device>, made: &AtomicUsize, came: &Came, end: Instant) {
    // Held only to make a batch, not while the city answers: so one camera is many clients.
    let caller = device.lock().unwrap().caller.again();
    while Instant::now() < end {
        let first = made.fetch_add(BATCH, Ordering::Relaxed);
        let plates: Vec<String> = (first..first + BATCH).map(plate).collect();
        let batch = device.lock().unwrap().batch(&plates, SystemClock.now());
        let begun = Instant::now();
        came.note(caller.post::<city::Ingested>("/v1/reads", &batch), begun, &came.stored);
    }
}

fn officer(caller: &Caller, made: &AtomicUsize, came: &Came, end: Instant) {
    while Instant::now() < end {
        let some = u32::from_be_bytes(base::random()) as usize;
        let plates = [plate(some % made.load(Ordering::Relaxed).max(1))];
        let begun = Instant::now();
        came.note(caller.ask(&plates), begun, &came.answered);
    }
}

/// Half of the clients are cameras, half are officers.
fn load(clients: usize, seconds: u64) {
    let mut world = World::new();
    world.init();
    world.serve_with(&[("HOMEPLATE_LOG", "warn")]);
    let each = clients / 2 / SHARED;
    let devices: Vec<Mutex<Device>> = (0..each)
        .map(|n| {
            let mut device = Device::enrol(&world, &n.to_string());
            device.renew(SystemClock.now()).expect("a lease");
            Mutex::new(device)
        })
        .collect();
    let officers: Vec<Caller> = (0..each)
        .map(|n| {
            world.person(&format!("o{n}"), "officer");
            Caller::person(&world, &format!("o{n}"))
        })
        .collect();
    let (came, made) = (Came::default(), AtomicUsize::new(0));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut memory = Vec::new();
    std::thread::scope(|scope| {
        for n in 0..clients / 2 {
            let (came, made) = (&came, &made);
            let device = &devices[n % each];
            scope.spawn(move || camera(device, made, came, end));
            let caller = officers[n % each].again();
            scope.spawn(move || officer(&caller, made, came, end));
        }
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(500));
            memory.push(world.memory_kb());
        }
    });
    let first = memory[memory.len() / 4];
    let last = memory[memory.len() - 1];
    println!(
        "{clients} clients, {seconds} s: {} batches stored, {} questions answered, {} asked to wait, \
         slowest {:?}; memory {first} KiB after a quarter, {last} KiB at the end",
        came.stored.load(Ordering::Relaxed),
        came.answered.load(Ordering::Relaxed),
        came.later.load(Ordering::Relaxed),
        came.slowest.lock().unwrap(),
    );
    assert!(came.stored.load(Ordering::Relaxed) > 0 && came.answered.load(Ordering::Relaxed) > 0);
    assert!(last < first * 3 / 2 + 64 * 1024, "memory grew from {first} to {last} KiB");
    world.plain(&["verify", "city/log"]).good();
    world.plain(&["check", "--data", "city"]).good();
}

#[test]
fn fifty_clients() {
    load(60, 4);
}

#[test]
#[ignore = "five minutes"]
fn five_hundred_clients_for_five_minutes() {
    load(500, 300);
}

/// A listener of events: its line, and whether the city let it in.
fn listener(world: &World) -> (std::net::TcpStream, bool) {
    use std::io::{Read, Write};
    let address = world.url().replace("http://", "");
    let mut line = std::net::TcpStream::connect(&address).expect("connected");
    line.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    write!(line, "GET /v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("asked");
    let mut head = [0; 12];
    line.read_exact(&mut head).expect("answered");
    (line, head.ends_with(b"200"))
}

/// Five hundred listeners at once hear the same event, others are still answered, and what is beyond the
/// city's bound is told to come again.
#[test]
fn five_hundred_listeners() {
    use std::io::Read;
    let mut world = World::new();
    world.init();
    world.configure("address_per_minute = 600", "address_per_minute = 5000");
    world.serve();
    let mut lines: Vec<_> = (0..500).map(|_| listener(&world)).collect();
    assert!(lines.iter().all(|(_, let_in)| *let_in));
    let before = world.memory_kb();
    let set = ["list", "set", "lst_state", "--name", "State"];
    world.by("admin", &set).good();
    for (line, _) in &mut lines {
        let mut heard = String::new();
        while !heard.contains("hotlist.settings") {
            let mut part = [0; 1024];
            let read = line.read(&mut part).expect("it hears");
            assert!(read > 0, "the line was closed: {heard}");
            heard.push_str(&String::from_utf8_lossy(&part[..read]));
        }
    }
    assert!(!world.get("/healthz").is_empty());
    assert!(world.memory_kb() < before + 200_000, "{before} to {}", world.memory_kb());
    let beyond: Vec<_> = (0..150).map(|_| listener(&world)).collect();
    assert!(beyond.iter().any(|(_, let_in)| !let_in), "there is a bound");
    drop(lines);
    drop(beyond);
    world.until("a place", || listener(&world).1.to_string(), |let_in| let_in == "true");
}
