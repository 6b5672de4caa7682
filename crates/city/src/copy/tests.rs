//! A city, its second place, and what is put together from that.

use super::*;
use crate::City;
use crate::kit::{Town, person};
use base::{Clock, ManualClock};
use read::OpenKey;
use std::fs;
use std::sync::Arc;

mod bucket;
mod damaged;
mod many;

struct Second {
    town: Town,
    place: tempfile::TempDir,
    key: OpenKey,
}

const START: &str = "2026-11-01T12:00:00Z";

impl Second {
    fn new(more: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let text = format!("[copy]\nto=\"file:{}\"\n{more}", place.path().display());
        let town = Town::new(START, &text);
        let sheets = crate::make_sheets(town.dir(), 2, 3).unwrap();
        let key = custody::join(&sheets[1..]).unwrap();
        Self { town, place, key }
    }

    fn depot(&self) -> Depot {
        Depot::open(&Pictures::Folder(self.place.path().to_owned())).unwrap()
    }

    fn copier(&self) -> Copier {
        self.town.city.copier().unwrap().unwrap()
    }

    fn restored(&self) -> Result<(tempfile::TempDir, Restored)> {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("new");
        let done = restore(&self.depot(), self.opening(), &new, self.town.clock.as_ref())?;
        Ok((dir, done))
    }

    fn opening(&self) -> Opening<'_> {
        let by = Some(ledger::key_in(&self.town.city.vkey()).unwrap());
        Opening { key: &self.key, by, in_file: false }
    }

    fn open(&self, dir: &tempfile::TempDir) -> Result<Arc<City>> {
        let clock = Arc::new(ManualClock::new(self.town.clock.now()));
        City::open(&dir.path().join("new"), clock)
    }
}

fn now(second: &Second) -> Time {
    second.town.clock.now()
}

#[test]
fn the_city_is_what_it_was_at_the_last_step() {
    let second = Second::new("");
    let city = &second.town.city;
    second.town.pass("7ABC123");
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let mut reads = city.reads_copier().unwrap().unwrap();
    reads.copy(now(&second)).unwrap();
    for n in 0..30 {
        city.announce().unwrap();
        city.store.set_meta(&format!("n/{n}"), &"x".repeat(3000)).unwrap();
        fs::write(second.town.dir().join("witnesses.policy"), format!("# {n}\n")).unwrap();
        if n % 3 == 0 {
            copier.step(now(&second), false).unwrap();
        }
    }
    copier.step(now(&second), false).unwrap();
    assert_eq!(copier_files(&second, "g"), 1 + 1 + 11, "a base, what it names, and records");
    let (dir, done) = second.restored().unwrap();
    assert_eq!((done.records, done.closed), (11, false));
    assert_eq!(done.reads_at, Some(now(&second)));
    let new = second.open(&dir).unwrap();
    assert_eq!(new.store.meta("n/29").unwrap().unwrap().len(), 3000);
    assert_eq!(fs::read_to_string(dir.path().join("new/witnesses.policy")).unwrap(), "# 29\n");
    // All entries of the old log, and then one that says what was done.
    let had = city.log.size();
    let next = new.log.leaves(had, had + 1).unwrap().pop().unwrap();
    assert_eq!(
        (next.kind.as_str(), next.text("copy")),
        ("log.restored", Some("2026-11-01T12:00:00.000Z"))
    );
    assert_eq!(new.ask(&person(), second.town.question("7ABC123")).unwrap().opened, 1);
    assert_eq!(new.store.check().unwrap(), Vec::<String>::new());
    drop(new);
    let new = second.open(&dir).unwrap();
    assert_eq!(
        new.log
            .leaves(0, new.log.size())
            .unwrap()
            .iter()
            .filter(|l| l.kind == "log.restored")
            .count(),
        1
    );
    assert!(new.word(&"cam_one".parse().unwrap()).unwrap().resend.is_some());
    assert!(city.word(&"cam_one".parse().unwrap()).unwrap().resend.is_none());
}

fn copier_files(second: &Second, below: &str) -> usize {
    second.depot().list(below).unwrap().len()
}

#[test]
fn nothing_at_the_place_can_be_read_without_the_sheets() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    second.town.city.store.set_meta("note", "a very secret note").unwrap();
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
    let depot = second.depot();
    let names = ["b", "g", "r", "rb"]
        .map(|kind| depot.list(kind).unwrap().into_iter().map(move |n| format!("{kind}/{n}")));
    let names: Vec<String> =
        names.into_iter().flatten().chain(["keys", "city", "writer"].map(String::from)).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let bytes = depot.get(&name).unwrap().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for word in ["secret note", "SQLite format", "homeplate/s\n", "7ABC", "custody/v1"] {
            assert!(!text.contains(word), "{name} holds {word}");
        }
    }
    let other = OpenKey::generate();
    let with = Opening { key: &other, ..second.opening() };
    let wrong = restore(&depot, with, &second.place.path().join("x"), second.town.clock.as_ref());
    assert!(wrong.unwrap_err().message().contains("sheets do not open"));
    assert!(!second.place.path().join("x").exists());
}

/// What cannot be read is no end of the stream; whoever moves it away hears of what lies behind it.
#[test]
fn a_record_that_cannot_be_read_makes_no_older_city_without_a_word() {
    use std::os::unix::fs::PermissionsExt;
    let second = Second::new("");
    let mut copier = second.copier();
    for n in 0..4 {
        second.town.city.store.set_meta("n", &n.to_string()).unwrap();
        copier.step(now(&second), false).unwrap();
    }
    let names = second.depot().list("g").unwrap();
    let name = names.iter().find(|name| name.ends_with("/0000000002")).unwrap();
    let file = second.place.path().join("g").join(name);
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o000);
    // Root reads it all the same.
    if fs::read(&file).is_err() {
        let e = second.restored().unwrap_err();
        assert_eq!(e.kind(), base::Kind::Unavailable);
        assert!(e.message().contains(name.as_str()), "{e}");
    }
    mode(0o600);
    let done = second.restored().unwrap().1;
    assert_eq!((done.records, done.left), (3, 0));
    fs::remove_file(&file).unwrap();
    let done = second.restored().unwrap().1;
    assert_eq!((done.records, done.left), (1, 1));
}

/// Cut off anywhere, the place holds a state that the city was in.
#[test]
fn a_half_written_copy_is_an_older_one() {
    let second = Second::new("");
    let city = &second.town.city;
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    for n in 1..=4 {
        city.store.set_meta("n", &n.to_string()).unwrap();
        copier.step(now(&second), false).unwrap();
    }
    let depot = second.depot();
    let names = depot.list("g").unwrap();
    let generation = names[0].split_once('/').unwrap().0.to_owned();
    let name = |seq: u64| record::record_name(&generation, seq);
    let at = |want: Option<&str>| {
        let (dir, _) = second.restored().unwrap();
        let new = second.open(&dir).unwrap();
        assert_eq!(new.store.meta("n").unwrap().as_deref(), want);
    };
    at(Some("4"));
    let third = depot.get(&name(3)).unwrap().unwrap();
    depot.put(&name(4), third.clone()).unwrap();
    at(Some("3"));
    depot.put(&name(3), third[..third.len() - 1].to_vec()).unwrap();
    at(Some("2"));
    depot.remove(&name(2)).unwrap();
    at(Some("1"));
    // A newer generation that was never finished counts for nothing.
    depot.put("g/99999999999999-00000000/refs", Vec::new()).unwrap();
    at(Some("1"));
    depot.put(&name(0), third).unwrap();
    let e = second.restored().map(|_| ()).unwrap_err();
    assert!(e.message().contains("does not open"), "{e}");
}

#[test]
fn a_new_base_leaves_nothing_old_for_longer_than_it_may() {
    let second = Second::new("keep_hours=2\n");
    let city = &second.town.city;
    city.store.set_meta("big", &"a".repeat(700_000)).unwrap();
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let before: Vec<String> = second.depot().list("b").unwrap();
    city.store.set_meta("big", &"b".repeat(700_000)).unwrap();
    drop(copier);
    // The next start makes a base; the old one is kept for a while.
    second.town.clock.advance(3_600_000);
    second.copier().step(now(&second), false).unwrap();
    let there = second.depot().list("b").unwrap();
    assert!(before.iter().all(|name| there.contains(name)), "kept");
    assert!(there.len() < 2 * before.len(), "what is the same is there once");
    second.town.clock.advance(3 * 3_600_000);
    second.copier().step(now(&second), false).unwrap();
    second.town.clock.advance(60_000);
    second.copier().step(now(&second), false).unwrap();
    let there = second.depot().list("b").unwrap();
    assert!(!before.iter().all(|name| there.contains(name)), "gone");
    let (dir, _) = second.restored().unwrap();
    let new = second.open(&dir).unwrap();
    assert!(new.store.meta("big").unwrap().unwrap().starts_with('b'));
}

/// A server that is thought dead must not write into its successor's copy.
#[test]
fn one_server_writes_to_a_place() {
    let second = Second::new("");
    let mut old = second.copier();
    old.step(now(&second), false).unwrap();
    let mut new = second.copier();
    new.step(now(&second), false).unwrap();
    second.town.city.announce().unwrap();
    new.step(now(&second), false).unwrap();
    let files = copier_files(&second, "g");
    // It looks every few seconds; before a base it looks in any case.
    let e = old.refuse_for_test().unwrap_err();
    assert!(e.message().contains("Another server"), "{e}");
    assert_eq!(copier_files(&second, "g"), files);
    fs::write(
        second.place.path().join("city"),
        r#"{"v":1,"city":"other","recovery":"","needed":1,"of":1,"mark":""}"#,
    )
    .unwrap();
    let e = second.copier().step(now(&second), false).unwrap_err();
    assert!(e.message().contains("Another city"), "{e}");
    // Unmounted: the folder is empty.
    second.town.city.note_copy(|copy| copy.mark = "x".into());
    second.town.city.copy_health().unwrap().save(second.town.dir()).unwrap();
    for entry in fs::read_dir(second.place.path()).unwrap() {
        let path = entry.unwrap().path();
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
    let e = second.copier().step(now(&second), false).unwrap_err();
    assert!(e.message().contains("mounted"), "{e}");
}

/// What a city that was put together from its copy does first: it copies to the same place.
fn succeeded(second: &Second) -> (tempfile::TempDir, Arc<City>) {
    let (dir, _) = second.restored().unwrap();
    let new = second.open(&dir).unwrap();
    new.copier().unwrap().unwrap().step(now(second), false).unwrap();
    (dir, new)
}

/// The server that was thought dead boots again: it leaves the place to its successor, until a person says that it is
/// to have it.
#[test]
fn a_server_that_comes_back_leaves_the_place_to_its_successor() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    second.copier().step(now(&second), false).unwrap();
    // Its own next start.
    let mut old = second.copier();
    old.step(now(&second), false).unwrap();
    let mut reads = second.town.city.reads_copier().unwrap().unwrap();
    reads.copy(now(&second)).unwrap();
    let (_dir, _new) = succeeded(&second);
    let all = |second: &Second| {
        ["city", "writer", "keys"].map(|name| second.depot().get(name).unwrap().unwrap())
    };
    let (before, copies) = (all(&second), copier_files(&second, "r"));
    second.town.clock.advance(3_600_000);
    // Neither what still runs nor the next start touches it.
    let e = reads.copy(now(&second)).unwrap_err();
    assert!(e.message().contains("Another server"), "{e}");
    assert_eq!(copier_files(&second, "r"), copies);
    let e = second.copier().step(now(&second), false).unwrap_err();
    assert!(e.message().contains("successor") && e.message().contains("copy.state"), "{e}");
    let e = second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap_err();
    assert!(e.message().contains("not this server's yet"), "{e}");
    assert!(all(&second) == before);
    fs::remove_file(second.town.dir().join(STATE)).unwrap();
    second.copier().step(now(&second), false).unwrap();
    assert!(all(&second) != before);
}

/// New sheets while the server runs: the next copy of reads opens with them as a whole, pictures that do not change
/// included.
#[test]
fn reads_are_sealed_to_the_sheets_of_today() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    picture(&second, "2026-11-01/one.pack", 7);
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let mut reads = second.town.city.reads_copier().unwrap().unwrap();
    reads.copy(now(&second)).unwrap();
    let sheets = crate::make_sheets(second.town.dir(), 1, 1).unwrap();
    second.town.clock.advance(60_000);
    copier.step(now(&second), false).unwrap();
    reads.copy(now(&second)).unwrap();
    let second = Second { key: custody::join(&sheets).unwrap(), ..second };
    let (dir, done) = second.restored().unwrap();
    assert_eq!((done.reads_at, done.missing), (Some(now(&second)), Vec::new()));
    let there = fs::read(dir.path().join("new/pictures/2026-11-01/one.pack")).unwrap();
    assert!(there == pack(7));
}

fn pack(seed: u8) -> Vec<u8> {
    (0..600_000u32).map(|n| (n >> 8) as u8 ^ seed).collect()
}

fn picture(second: &Second, name: &str, seed: u8) {
    let path = second.town.dir().join("pictures").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, pack(seed)).unwrap();
}

/// A piece of a picture is damaged, one of a day is missing: the log and the control data are restored all the same,
/// the day is taken from the older copy, and it is said what is missing.
#[test]
fn damaged_reads_do_not_hold_up_the_rest() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    picture(&second, "2026-11-01/one.pack", 1);
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let mut reads = second.town.city.reads_copier().unwrap().unwrap();
    reads.copy(now(&second)).unwrap();
    let depot = second.depot();
    let older: Vec<String> = depot.list("rb").unwrap();
    let first = (now(&second), second.town.question("7ABC123"));
    second.town.clock.advance(60_000);
    second.town.pass("7XYZ789");
    let later = second.town.question("7XYZ789");
    picture(&second, "2026-11-01/two.pack", 2);
    second.town.city.store.set_meta("note", "here").unwrap();
    copier.step(now(&second), false).unwrap();
    reads.copy(now(&second)).unwrap();
    // Everything that only the newest copy has.
    let mut fresh: Vec<String> = depot.list("rb").unwrap();
    fresh.retain(|name| !older.contains(name));
    assert!(fresh.len() > 1, "{fresh:?}");
    for (at, name) in fresh.iter().enumerate() {
        let name = format!("rb/{name}");
        match at % 2 {
            0 => depot.remove(&name).unwrap(),
            _ => depot.put(&name, b"damaged".to_vec()).unwrap(),
        }
    }
    let (dir, done) = second.restored().unwrap();
    assert_eq!(done.missing, ["pictures/2026-11-01/two.pack"]);
    assert_eq!(done.reads_at, Some(now(&second)));
    let new = dir.path().join("new");
    assert!(!new.join("pictures/2026-11-01/two.pack").exists());
    assert!(fs::read(new.join("pictures/2026-11-01/one.pack")).unwrap() == pack(1));
    let city = second.open(&dir).unwrap();
    assert_eq!(city.store.meta("note").unwrap().as_deref(), Some("here"));
    assert_eq!(city.ask(&person(), first.1.clone()).unwrap().opened, 1);
    assert_eq!(city.ask(&person(), later.clone()).unwrap().opened, 0);
    drop(city);
    // And where no copy is whole, none is there.
    for name in depot.list("rb").unwrap() {
        depot.put(&format!("rb/{name}"), b"damaged".to_vec()).unwrap();
    }
    let (dir, done) = second.restored().unwrap();
    // The mark of the pictures' folder among them, which is made again.
    assert_eq!(done.missing.len(), 4, "{:?}", done.missing);
    let city = second.open(&dir).unwrap();
    assert_eq!(city.store.meta("note").unwrap().as_deref(), Some("here"));
    assert_eq!(city.store.check().unwrap(), Vec::<String>::new());
}

/// A base that was made by a clock that was ahead is followed by those that come after it, and is gone in time.
#[test]
fn a_clock_that_was_ahead_is_not_the_newest_for_ever() {
    let second = Second::new("");
    let city = &second.town.city;
    let today = now(&second);
    second.town.pass("7ABC123");
    second.town.clock.advance(400 * 86_400_000);
    city.store.set_meta("n", "ahead").unwrap();
    second.copier().step(now(&second), false).unwrap();
    city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
    second.town.clock.advance(-400 * 86_400_000);
    // What was last known is of a moment to come: nobody can say that it is well.
    let health = city.copy_health().unwrap();
    assert_eq!(health.reads_at.map(|at| at > today), Some(true));
    let ahead = CopyHealth { last_good: health.reads_at, ..health };
    city.note_copy(|copy| copy.last_good = ahead.last_good);
    assert!(city.copy_health().unwrap().late().is_some());
    assert!(reads::due(&CopyHealth { claimed: Some("x".into()), ..ahead.clone() }, today, 3600));
    let fresh = CopyHealth { reads_at: Some(today), claimed: Some("x".into()), ..ahead };
    assert!(!reads::due(&fresh, today.plus_millis(1000), 3600));
    assert!(reads::due(&fresh, today.plus_millis(3_600_000), 3600));

    for n in 0..4 {
        second.town.clock.advance(60_000);
        city.store.set_meta("n", &n.to_string()).unwrap();
        second.town.pass(&format!("7NEW00{n}"));
        second.copier().step(now(&second), false).unwrap();
        city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
        let (dir, done) = second.restored().unwrap();
        assert_eq!((done.at, done.reads_at), (now(&second), Some(now(&second))));
        let new = second.open(&dir).unwrap();
        assert_eq!(new.store.meta("n").unwrap(), Some(n.to_string()));
    }
    let states = |kind| {
        let names = second.depot().list(kind).unwrap();
        names.iter().filter(|name| name.ends_with("refs")).count()
    };
    assert_eq!(
        (states("g"), states("r")),
        (2, 2),
        "what the clock says nothing of does not pile up"
    );
}

/// The copy ends with a server's end, and then a newer state was begun: the end was not the end.
#[test]
fn an_end_that_something_followed_is_none() {
    let second = Second::new("reads=\"never\"\n");
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    copier.step(now(&second), true).unwrap();
    assert!(second.restored().unwrap().1.closed);
    second.town.clock.advance(60_000);
    second
        .depot()
        .put(&format!("g/{:014}-00000000/refs", now(&second).millis()), Vec::new())
        .unwrap();
    assert!(!second.restored().unwrap().1.closed);
}

/// Plates that lie in the city's folder in the clear do not go to the place beside the lists.
#[test]
fn dropped_lists_are_not_copied() {
    let more = "lists=false\nreads=\"never\"\n[[hotlist_drop]]\nlist=\"lst_state\"\nfolder=\"./lists/../drop\"\n";
    let second = Second::new(more);
    let dir = second.town.dir();
    let plates =
        ["drop/list.csv", "drop/taken/old.csv", "drop/waiting/odd.csv", ".tmpAb12/hotlist.db"];
    for name in plates.iter().chain(&["lists.md"]) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "7ABC123\n").unwrap();
    }
    second.copier().step(now(&second), false).unwrap();
    let (new, _) = second.restored().unwrap();
    let there = plates.map(|name| new.path().join("new").join(name).exists());
    assert_eq!(there, [false; 4]);
    assert!(new.path().join("new/lists.md").exists(), "what is not one of them is copied");
}

/// On PostgreSQL the configuration may hold the database's password: it is its owner's alone from the first moment,
/// and not there at all where the database is not.
#[test]
fn a_password_in_the_configuration_is_never_open() {
    let second = Second::new("");
    second.copier().step(now(&second), false).unwrap();
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let path = second.town.dir().join("homeplate.toml");
    let text = fs::read_to_string(&path).unwrap();
    let url = "engine = \"postgres\"\nurl = \"postgresql://s:hush@127.0.0.1:1/s\"";
    assert!(text.contains("engine = \"sqlite\""), "{text}");
    let text = text.replace("engine = \"sqlite\"", url);
    base::write_secret(&path, text.as_bytes()).unwrap();
    copier.step(now(&second), false).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("new");
    let done = restore(&second.depot(), second.opening(), &new, second.town.clock.as_ref());
    let e = done.unwrap_err();
    assert_eq!(e.kind(), base::Kind::Unavailable, "{}", e.inside());
    assert!(!new.join("homeplate.toml").exists());
}

/// Everybody can seal to the recovery key, whose public half lies at the place. Who can write there and has not the
/// log's key changes nothing unnoticed: no record, no base, no piece, no keys.
#[test]
fn what_the_city_did_not_sign_is_not_taken() {
    let second = Second::new("");
    let city = &second.town.city;
    city.store.set_meta("n", "own").unwrap();
    fs::write(second.town.dir().join("note"), b"own").unwrap();
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let depot = second.depot();
    let (public, forger) = (second.key.public().unwrap(), base::SigningKey::generate());
    let maker = record::Maker { key: &public, by: &forger };
    let with_by = |by| {
        let dir = tempfile::tempdir().unwrap();
        let with = Opening { by, ..second.opening() };
        let new = dir.path().join("new");
        restore(&second.depot(), with, &new, second.town.clock.as_ref()).map(|done| (dir, done))
    };
    let names = depot.list("g").unwrap();
    let generation = names[0].split_once('/').unwrap().0.to_owned();
    let base_name = record::record_name(&generation, record::BASE);
    let base = depot.get(&base_name).unwrap().unwrap();

    // A record that follows, with the right hash.
    let name = record::record_name(&generation, 1);
    let forged = record::Record {
        v: record::VERSION,
        seq: 1,
        before: serde_bytes::ByteBuf::from(base::sha256(&base).to_vec()),
        at: now(&second),
        closed: true,
        changes: vec![record::Change::whole("note".into(), 0o644, b"forged".to_vec())],
    };
    depot.put(&name, record::seal(maker, &name, &forged).unwrap()).unwrap();
    let note = |dir: &tempfile::TempDir| fs::read_to_string(dir.path().join("new/note")).unwrap();
    let (dir, done) = second.restored().unwrap();
    assert_eq!((note(&dir).as_str(), done.closed), ("own", false));
    let (dir, done) = with_by(None).unwrap();
    assert_eq!(
        (note(&dir).as_str(), done.closed),
        ("forged", true),
        "who names no key takes anybody's"
    );
    depot.remove(&name).unwrap();

    // Another piece under the name of one.
    let opener = record::Opener { key: &second.key, by: None };
    let files = record::open::<record::Base>(opener, &base_name, base.clone()).unwrap().files;
    let file = files.iter().find(|file| file.name == "note").unwrap();
    let piece = record::piece_name("b", &file.pieces[0]);
    let own = depot.get(&piece).unwrap().unwrap();
    depot.put(&piece, record::seal_bytes(&public, &piece, b"forged").unwrap()).unwrap();
    assert!(second.restored().err().unwrap().message().contains("another's"));
    depot.put(&piece, own).unwrap();

    // A newer base.
    let newer = record::record_name("90000000000000-00000000", record::BASE);
    let mut forged: record::Base = record::open(opener, &base_name, base).unwrap();
    forged.files.retain(|file| file.name != "note");
    depot.put(&newer, record::seal(maker, &newer, &forged).unwrap()).unwrap();
    assert_eq!(note(&second.restored().unwrap().0), "own");

    // The keys of another.
    let keys = city.custody.rescue().unwrap().unwrap();
    depot.put("keys", record::seal(maker, "keys", &keys).unwrap()).unwrap();
    let e = second.restored().err().unwrap();
    assert!(e.message().contains("not signed by the log key"), "{e}");
}

#[test]
fn without_sheets_nothing_is_copied_and_health_says_so() {
    let second = Second::new("");
    fs::remove_file(second.town.dir().join("custody/recovery.pub")).unwrap();
    let stop = base::Shutdown::new();
    let mut copier = second.copier();
    let e = copier.step(now(&second), false).unwrap_err();
    assert!(e.message().contains("custody shares"), "{e}");
    assert_eq!(copier_files(&second, "b"), 0);
    stop.stop();
    copier.run(&stop);
    let copy = || second.town.city.health().into_iter().find(|part| part.part == "copy").unwrap();
    assert!(copy().fine, "not yet late");
    second.town.clock.advance(80_000);
    assert!(copy().message.unwrap().contains("custody shares"));
    let (fine, message) =
        found(second.town.dir(), &second.town.city.config.copy, now(&second)).unwrap();
    assert!(!fine && message.contains("custody shares"), "{message}");
}

/// A week later the copy of then is put together: what is too old by now is gone before anything is answered,
/// although its keys are in the copy.
#[test]
fn last_weeks_copy_brings_nothing_back() {
    let second = Second::new("");
    let day = 86_400_000;
    second.town.pass("7OLD123");
    let then = second.town.question("7OLD123");
    second.town.clock.advance(15 * day);
    second.town.pass("7NEW123");
    let later = second.town.question("7NEW123");
    second.copier().step(now(&second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
    assert_eq!(second.town.city.ask(&person(), then.clone()).unwrap().opened, 1);
    // A tape of the place, and a week.
    let tape = tempfile::tempdir().unwrap();
    crate::kit::copy(second.place.path(), &tape.path().join("place"));
    second.town.clock.advance(7 * day);
    let depot = Depot::open(&Pictures::Folder(tape.path().join("place"))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("new");
    let done = restore(&depot, second.opening(), &new, second.town.clock.as_ref()).unwrap();
    assert_eq!(done.at, second.town.clock.now().plus_millis(-7 * day));
    crate::succeed(
        &dir.path().join("new"),
        &crate::Lost::Restored(done.at),
        second.town.clock.as_ref(),
    )
    .unwrap();
    let new = second.open(&dir).unwrap();
    let first = new.log.leaves(0, 1).unwrap().pop().unwrap();
    assert_eq!((first.kind.as_str(), first.text("why")), ("log.successor", Some("restored")));
    let destroyed = new.log.leaves(0, new.log.size()).unwrap();
    assert!(destroyed.iter().any(|leaf| leaf.kind == "key.destroyed"));
    // Nothing goes on by itself.
    let e = new.ask(&person(), later.clone()).err().unwrap();
    assert!(e.message().contains("off"), "{e}");
    assert!(new.capture_allowed(&"cam_one".parse().unwrap()).is_err() && new.jobs_off());
    for level in ["asking", "capture", "job", "sharing"] {
        let leaf = ledger::Leaf::new("order.on", new.now()).fact("level", level);
        new.log.append(&leaf).unwrap();
        new.switches().add(new.log.size() - 1, &leaf);
    }
    assert_eq!(new.ask(&person(), later).unwrap().opened, 1);
    let e = new.ask(&person(), then).err().unwrap();
    assert_eq!(e.kind(), base::Kind::Gone, "{e}");
    drop(new);
    // Nor does the copy's own key file, put back beside today's.
    let custody = dir.path().join("new/custody");
    assert!(custody.join("recovery.pub").exists(), "the next copy is sealed to the same sheets");
}

#[test]
fn an_ended_server_says_that_nothing_came_after() {
    let second = Second::new("lists=false\nreads=\"never\"\n");
    let stop = base::Shutdown::new();
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    stop.stop();
    copier.run(&stop);
    assert!(second.town.city.reads_copier().unwrap().is_none());
    let (dir, done) = second.restored().unwrap();
    assert!(done.closed, "{done:?}");
    assert_eq!(done.reads_at, None);
    // The hot list is empty, and there.
    let new = second.open(&dir).unwrap();
    assert_eq!(new.store.check().unwrap(), Vec::<String>::new());
}

/// The place is away for a while: the city goes on, health says so, and what waited is there afterwards.
#[test]
fn a_place_that_is_away_gets_what_it_missed() {
    let second = Second::new("");
    let city = &second.town.city;
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let (there, away) =
        (second.place.path().to_owned(), second.place.path().with_extension("away"));
    fs::rename(&there, &away).unwrap();
    for n in 0..20 {
        city.store.set_meta("n", &n.to_string()).unwrap();
        city.announce().unwrap();
        let e = copier.step(now(&second), false).unwrap_err();
        assert_eq!(e.kind(), base::Kind::Unavailable, "{e}");
    }
    fs::rename(&away, &there).unwrap();
    copier.step(now(&second), false).unwrap();
    let (dir, done) = second.restored().unwrap();
    assert_eq!(done.records, 1, "in one record");
    let new = second.open(&dir).unwrap();
    assert_eq!(new.store.meta("n").unwrap().as_deref(), Some("19"));
    assert_eq!(new.log.size(), city.log.size() + 1);
}

/// With a destroyed key goes its copy; and new sheets end what old ones open.
#[test]
fn the_place_has_the_newest_keys_alone() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    let mut copier = second.copier();
    copier.step(now(&second), false).unwrap();
    let keys = |second: &Second| second.depot().get("keys").unwrap().unwrap();
    let before = keys(&second);
    copier.step(now(&second), false).unwrap();
    assert_eq!(keys(&second), before, "nothing new");
    second.town.clock.advance(20 * 86_400_000);
    second.town.city.retain().unwrap();
    second.town.clock.advance(2 * 86_400_000);
    second.town.city.retain().unwrap();
    assert!(!second.town.logged("key.destroyed").is_empty());
    copier.step(now(&second), false).unwrap();
    assert_ne!(keys(&second), before);
    let sheets = crate::make_sheets(second.town.dir(), 1, 1).unwrap();
    copier.step(now(&second), false).unwrap();
    let e = second.restored().map(|_| ()).unwrap_err();
    assert!(e.message().contains("another key"), "{e}");
    let second = Second { key: custody::join(&sheets).unwrap(), ..second };
    let (dir, _) = second.restored().unwrap();
    second.open(&dir).unwrap();
}

/// A passphrase is asked for on the new machine; who has lost it keeps the keys in a file there.
#[test]
fn what_protects_the_keys_is_the_new_machines_own() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("passphrase");
    base::write_secret(&secret, b"seven brown horses\n").unwrap();
    let more = format!("[custody]\nkek=\"passphrase\"\nsecret=\"{}\"\n", secret.display());
    let second = Second::new(&more);
    second.copier().step(now(&second), false).unwrap();
    let (dir, _) = second.restored().unwrap();
    second.open(&dir).unwrap();
    let kek =
        |dir: &tempfile::TempDir| fs::read_to_string(dir.path().join("new/custody/kek")).unwrap();
    assert!(kek(&dir).starts_with("passphrase-v1"));
    fs::remove_file(&secret).unwrap();
    assert!(second.restored().is_err(), "nobody has the passphrase");
    let dir = tempfile::tempdir().unwrap();
    let new = dir.path().join("new");
    let with = Opening { in_file: true, ..second.opening() };
    restore(&second.depot(), with, &new, second.town.clock.as_ref()).unwrap();
    second.open(&dir).unwrap();
    assert!(!kek(&dir).starts_with("passphrase-v1"));
}
