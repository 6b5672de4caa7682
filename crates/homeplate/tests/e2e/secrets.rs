//! A plate is nowhere in the clear: after reads and questions every byte of the city's folder, of what its
//! server printed and of what it answers to strangers is searched.

use crate::callers::{Caller, Device, No, question};
use crate::crash::plate;
use crate::world::World;
use base::{Clock, SystemClock, b64};
use std::collections::{HashMap, HashSet};

/// Every spelling of the plates that is looked for, by length.
struct Needles(HashMap<usize, HashSet<Vec<u8>>>);

impl Needles {
    fn of(plates: &[String]) -> Self {
        let mut by_length: HashMap<usize, HashSet<Vec<u8>>> = HashMap::new();
        let mut add = |bytes: Vec<u8>| by_length.entry(bytes.len()).or_default().insert(bytes);
        for plate in plates {
            let bytes = plate.as_bytes();
            add(bytes.to_vec());
            add(plate.to_lowercase().into_bytes());
            add(bytes.iter().rev().copied().collect());
            add(bytes.iter().flat_map(|b| [*b, 0]).collect());
            add(base::hex(bytes).into_bytes());
            // Base64 at each of the three ways a plate can lie in it, without the characters that
            // its neighbours have a share in.
            for before in 0..3 {
                let text = b64(&[&vec![0; before][..], bytes].concat());
                let first = (before * 8usize).div_ceil(6);
                let last = (before + bytes.len()) * 8 / 6;
                add(text.as_bytes()[first..last].to_vec());
            }
        }
        Self(by_length)
    }

    fn found(&self, bytes: &[u8]) -> Option<String> {
        self.0.iter().find_map(|(length, set)| {
            let hit = bytes.windows(*length).find(|window| set.contains(*window))?;
            Some(String::from_utf8_lossy(hit).into_owned())
        })
    }
}

/// Many reads, many questions and some that go wrong.
fn searched(reads: usize, questions: usize) {
    let mut world = World::new();
    world.init();
    world.configure("person_per_minute = 300", "person_per_minute = 0");
    world.serve_with(&[("HOMEPLATE_LOG", "trace"), ("HOMEPLATE_LOG_FORMAT", "json")]);
    world.person("otto", "officer");
    world.person("dora", "dispatcher");
    let plates: Vec<String> = (0..reads).map(plate).collect();
    let mut device = Device::enrol(&world, "main-st");
    device.renew(SystemClock.now()).expect("a lease");
    for some in plates.chunks(100) {
        let batch = device.batch(some, SystemClock.now());
        assert_eq!(device.send(&batch).expect("stored").new, some.len());
    }
    let otto = Caller::person(&world, "otto");
    for n in 0..questions {
        let some = &plates[n * reads / questions..][..1];
        assert_eq!(otto.ask(some).expect("an answer").opened, 1);
    }
    let needles = Needles::of(&plates);
    for text in troubles(&world, &device, &plates[0]) {
        assert_eq!(needles.found(text.as_bytes()), None, "{text}");
    }
    for path in ["/", "/metrics", "/healthz", "/v1/public", "/v1/log?limit=500", "/v1/openapi.json"]
    {
        assert_eq!(needles.found(world.get(path).as_bytes()), None, "{path}");
    }
    assert_eq!(needles.found(world.server_output().as_bytes()), None, "what the server prints");
    assert!(world.limits().contains("Max core file size        0                    0"));
    world.kill();
    // What a crash leaves is searched too, and the searching is tried on a file that has one.
    std::fs::write(world.path("city/planted"), b64(format!("x{}", plates[7]).as_bytes())).unwrap();
    let mut with = Vec::new();
    for file in world.files("city") {
        if needles.found(&std::fs::read(&file).unwrap()).is_some() {
            with.push(file);
        }
    }
    assert_eq!(with, [world.path("city/planted")]);
}

/// What the city answers where something is wrong with a request that names a plate.
fn troubles(world: &World, device: &Device, plate: &str) -> Vec<String> {
    let now = SystemClock.now();
    let ask = question(&[plate.to_owned()], now.plus_millis(-1000), now);
    let wrong = [
        city::Ask { purpose: plate.into(), ..ask.clone() },
        city::Ask { authority: Some(plate.into()), ..ask.clone() },
        city::Ask { on_behalf_of: Some(plate.into()), ..ask.clone() },
        city::Ask { case: Some(plate.into()), ..ask.clone() },
        city::Ask { plates: vec![format!("{plate}#{plate}")], ..ask.clone() },
        city::Ask { until: ask.from, ..ask.clone() },
    ];
    let otto = Caller::person(world, "otto");
    let dora = Caller::person(world, "dora");
    let mut said: Vec<String> = Vec::new();
    let mut no = |who: &Caller, ask: &city::Ask| match who.post::<city::Answer>("/v1/ask", ask) {
        Err(No(status, text)) if (400..500).contains(&status) => said.push(text),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("answered"),
    };
    wrong.iter().for_each(|ask| no(&otto, ask));
    no(&dora, &ask);
    no(&device.caller, &ask);
    said
}

#[test]
fn no_plate_in_the_clear() {
    searched(400, 10);
}

#[test]
#[ignore = "a minute"]
fn no_plate_in_the_clear_after_ten_thousand_reads() {
    searched(10_000, 100);
}
