//! With a real custody and a real log: a permit finds its reads, and the folder holds no plate.

use super::*;
use ::custody::{Custody, Options};
use base::{LeaseId, ManualClock, ReadId, SigningKey, Time};
use ledger::{Folder, Leaf, Log, commitment};
use plate::{Odds, Pattern, Text};
use policy::{Decision, Facts, Intent, Rules, Vouch};
use read::{Pass, Read};
use std::collections::BTreeSet;
use std::sync::Arc;

on_both!(a_permit_finds_its_reads_and_no_file_holds_a_plate, unknown_characters_are_scanned_for);

struct City {
    dir: TempDir,
    home: Home,
    log: Log,
    custody: Custody,
    store: Store,
    now: Time,
}

fn city(engine: Engine) -> City {
    let dir = tempfile::tempdir().unwrap();
    let now: Time = "2026-11-23T12:00:00Z".parse().unwrap();
    let folder = Box::new(Folder::new(dir.path().join("log")));
    let log = Log::create(folder, "homeplate/test", SigningKey::generate()).unwrap();
    let rules = Arc::new(Rules::parse(Rules::standard()).unwrap());
    let options = Options {
        dir: dir.path().join("custody"),
        epoch_s: 3600,
        log_vkey: log.vkey().to_owned(),
        witnesses: None,
        kek: ::custody::Kek::File,
    };
    let custody = Custody::create(&options, rules, read::OpenKey::generate().public().unwrap())
        .unwrap()
        .with_clock(Arc::new(ManualClock::new(now)));
    let (home, store) = engine.new_store();
    City { dir, home, log, custody, store, now }
}

fn pass(name: &str, captured: Time, plate: &str) -> Pass {
    Arc::new(Read {
        id: ReadId::new(captured, random()),
        camera: camera(name),
        lease: LeaseId::new(captured, random()),
        counter: 1,
        captured,
        first: captured,
        last: captured,
        frames: 3,
        odds: Odds::new(plate.chars().map(|c| vec![(c, 0.99)]).collect()).unwrap(),
        confidence: 0.95,
        region: None,
        corners: [[0; 2]; 4],
        frame_size: [640, 360],
        picture: None,
        sighting: Default::default(),
    })
}

impl City {
    fn ingest(&self, reads: &[Pass]) {
        let days: BTreeSet<Day> = reads.iter().map(|read| read.id.day()).collect();
        for day in days {
            let of_day = reads.iter().filter(|read| read.id.day() == day);
            let of_day: Vec<_> = of_day.map(|read| (read.clone(), None)).collect();
            self.store.put_batch(self.custody.seal(day, &of_day).unwrap(), vec![]).unwrap();
        }
    }

    /// No file of the city's and none of SQLite's holds a text; PostgreSQL's are not ours to read.
    fn holds_nowhere(&self, text: &str) {
        for dir in [Some(self.dir.path()), self.home.folder()].into_iter().flatten() {
            assert_eq!(files_with(dir, text.as_bytes()), [""; 0]);
        }
    }

    /// Puts a question on the log as the city does.
    fn logged(
        &self,
        plate: &str,
        cameras: &[&str],
        from: Time,
        until: Time,
    ) -> (Intent, Facts, [u8; 32], ledger::Entry) {
        let (plates, patterns) = match Pattern::parse(plate).unwrap() {
            pattern if pattern.exact().is_none() => (vec![], vec![pattern]),
            _ => (vec![Text::parse(plate).unwrap()], vec![]),
        };
        let intent = Intent {
            id: format!("q_{:032x}", u128::from_be_bytes(random())),
            person: "per_ann".parse().unwrap(),
            roles: vec!["officer".into()],
            purpose: "stolen-vehicle".into(),
            case: Some("26-000123".into()),
            authority: "none".into(),
            paper: None,
            emergency: false,
            on_behalf_of: None,
            reason: None,
            plates,
            patterns,
            look_alikes: cameras.contains(&"alike"),
            cameras: cameras.iter().map(|c| camera(c)).collect(),
            from,
            until,
            at: self.now,
            reveal_after: None,
            confirmed: None,
        };
        let facts = Facts {
            case: Vouch::Stated,
            paper: Vouch::None,
            asking_off: false,
            review_overdue: false,
            now: self.now,
        };
        let salt = random();
        let rules = self.custody.rules();
        let Decision::Allow { rule } = rules.decide(&intent, &facts) else {
            panic!("it is asked for more than is allowed");
        };
        let hour = |t: Time| t.floor_to(3_600_000).to_string();
        let leaf = Leaf::new("search.intent", self.now)
            .id(&intent.id)
            .fact("policy", rules.hash())
            .fact("rule", rule)
            .fact("decision", "allowed")
            .fact("roles", "officer")
            .fact("plates", 1)
            .fact("cameras", intent.cameras.len() as u64)
            .fact("from", hour(from))
            .fact("until", hour(until))
            .fact("purpose", intent.purpose.as_str())
            .fact("authority", "none")
            .fact("case", "stated")
            .fact("manner", intent.manner())
            .body(commitment(&salt, intent.canonical().expose()));
        let entry = self.log.append(&leaf).unwrap();
        (intent, facts, salt, entry)
    }

    /// Asks, and gives what was opened and how many reads were considered.
    fn ask(&self, plate: &str, cameras: &[&str], from: Time, until: Time) -> (Vec<Read>, u64) {
        let (intent, facts, salt, entry) = self.logged(plate, cameras, from, until);
        let mut permit = self.custody.permit(&intent, &facts, &salt, &entry, None).unwrap();
        for day in permit.days() {
            let mut after = None;
            while let page = self.store.segments(&permit, day, after).unwrap()
                && let Some(last) = page.last()
            {
                after = Some(last.id);
                self.custody.scan(&mut permit, &page).unwrap();
            }
        }
        let search = self.store.search(&permit).unwrap();
        let keys = self.custody.keys(&permit, &search.found).unwrap();
        let opened = keys.into_iter().zip(&search.found).map(|(k, f)| k.open(f).unwrap().0);
        (opened.collect(), search.considered)
    }
}

fn a_permit_finds_its_reads_and_no_file_holds_a_plate(engine: Engine) {
    let city = city(engine);
    let ago = |minutes: i64| city.now.plus_millis(-minutes * 60_000);
    let reads = [
        pass("one", ago(90), "7ABC128"),
        pass("one", ago(30), "8XYZ999"),
        pass("two", ago(20), "7ABC128"),
        pass("six", ago(10), "7ABC128"),
        pass("one", ago(14 * 60), "7ABC128"),
    ];
    city.ingest(&reads);
    assert_eq!(city.store.days().unwrap().len(), 2);

    let (opened, considered) = city.ask("7ABC128", &["one", "two"], ago(24 * 60), ago(0));
    let want = [&reads[4], &reads[0], &reads[2]].map(|r| (**r).clone());
    assert_eq!(opened, want);
    assert_eq!(considered, 4);
    let (opened, considered) = city.ask("7ABC128", &["one"], ago(60), ago(0));
    assert_eq!((opened.len(), considered), (0, 1));
    let (opened, _) = city.ask("9NOT000", &["one", "two", "six"], ago(60), ago(0));
    assert!(opened.is_empty());

    for plate in ["7ABC128", "8XYZ999", "9NOT000"] {
        city.holds_nowhere(plate);
    }
}

fn unknown_characters_are_scanned_for(engine: Engine) {
    let city = city(engine);
    let ago = |minutes: i64| city.now.plus_millis(-minutes * 60_000);
    let reads = [
        pass("one", ago(90), "7ABC128"),
        pass("one", ago(30), "7ABD129"),
        pass("two", ago(20), "7ABC12"),
        pass("six", ago(10), "7ABC128"),
        pass("one", ago(14 * 60), "8XYZ120"),
        pass("one", ago(5), "7A8C128"),
    ];
    city.ingest(&reads);
    let check = |plate: &str, cameras: &[&str], minutes: i64, want: &[usize]| {
        let (opened, considered) = city.ask(plate, cameras, ago(minutes), ago(0));
        let want: Vec<Read> = want.iter().map(|i| (*reads[*i]).clone()).collect();
        assert_eq!(opened, want, "{plate}");
        considered
    };
    assert_eq!(check("7AB?12*", &["one", "two"], 24 * 60, &[0, 1, 2]), 5);
    check("7AB?12?", &["one", "two"], 24 * 60, &[0, 1]);
    check("7*12?", &["one"], 24 * 60, &[0, 1, 5]);
    check("*xyz*", &["one"], 24 * 60, &[4]);
    check("7*12?", &["one"], 60, &[1, 5]);
    check("9NO?", &["one", "two", "six"], 24 * 60, &[]);
    check("7ABC128", &["one", "alike"], 24 * 60, &[0, 5]);
    for plate in ["7ABC128", "8XYZ120", "7AB"] {
        city.holds_nowhere(plate);
    }
}

/// A store that changes a block, or gives one for another's, is found out.
#[test]
fn a_changed_block_opens_nothing() {
    let city = city(Engine::Sqlite);
    let ago = |minutes: i64| city.now.plus_millis(-minutes * 60_000);
    let day = city.now.day();
    let reads = [pass("one", ago(30), "7ABC128"), pass("two", ago(20), "7ABD129")];
    let batch = |reads: &[Pass]| {
        let arrived: Vec<_> = reads.iter().map(|r| (r.clone(), None)).collect();
        city.custody.seal(day, &arrived).unwrap()
    };
    let good = batch(&reads);
    let (intent, facts, salt, entry) = city.logged("7AB*", &["one", "two"], ago(60), ago(0));
    let scan = |segments: &[SealedSegment]| {
        let mut permit = city.custody.permit(&intent, &facts, &salt, &entry, None).unwrap();
        city.custody.scan(&mut permit, segments).map(|s| s.matched)
    };
    assert_eq!(scan(&good.segments).unwrap(), 2);
    let mut flipped = good.segments.clone();
    flipped[0].scan.as_mut().unwrap()[40] ^= 1;
    let mut swapped = good.segments.clone();
    swapped[0].scan = good.segments[1].scan.clone();
    let mut short = good.segments.clone();
    short[1].scan = Some(vec![1; 5]);
    for bad in [flipped, swapped, short] {
        assert_eq!(scan(&bad).unwrap_err().kind(), base::Kind::Invalid);
    }
    let mut old = good.segments.clone();
    old[0].scan = None;
    assert_eq!(scan(&old).unwrap(), 1);
}
