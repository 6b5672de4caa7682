//! The second place in a bucket, beside the pictures in another part of it.

use super::*;
use testkit::bucket::{Bucket, Mood};

/// A city whose copy and pictures are in a bucket.
struct Beside {
    town: Town,
    key: OpenKey,
    _credentials: tempfile::TempDir,
}

fn beside(bucket: &Bucket) -> Beside {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("bucket.toml");
    base::write_secret(&file, Bucket::credentials().as_bytes()).unwrap();
    let of = format!("endpoint=\"{}\"\ncredentials=\"{}\"\n", bucket.url(), file.display());
    let name = Bucket::NAME;
    let town = Town::new(
        START,
        &format!(
            "[pictures]\nplace=\"s3\"\nbucket=\"{name}\"\nprefix=\"s/pictures\"\n{of}\
             [copy]\nto=\"s3:{name}/s/copy\"\n{of}"
        ),
    );
    let sheets = crate::make_sheets(town.dir(), 2, 3).unwrap();
    let key = custody::join(&sheets[1..]).unwrap();
    Beside { town, key, _credentials: outside }
}

fn health(town: &Town, part: &str) -> Option<String> {
    town.city.health().into_iter().find(|one| one.part == part).unwrap().message
}

/// What `succeed` does on a new machine.
fn restored(town: &Town, key: &OpenKey) -> (tempfile::TempDir, Restored) {
    let dir = tempfile::tempdir().unwrap();
    let depot = town.city.config.copy.open(town.dir()).unwrap().unwrap();
    let by = Some(ledger::key_in(&town.city.vkey()).unwrap());
    let with = Opening { key, by, in_file: false };
    let done = restore(&depot, with, &dir.path().join("new"), town.clock.as_ref()).unwrap();
    (dir, done)
}

#[test]
fn a_city_lives_again_from_a_bucket() {
    let bucket = Bucket::new().unwrap();
    let Beside { town, key, .. } = &beside(&bucket);
    let now = town.clock.now();
    town.pass("7ABC123");
    let mut copier = town.city.copier().unwrap().unwrap();
    copier.step(now, false).unwrap();
    town.city.reads_copier().unwrap().unwrap().copy(now).unwrap();
    town.city.store.set_meta("n", "1").unwrap();
    copier.step(now, false).unwrap();
    assert_eq!((health(town, "copy"), health(town, "pictures")), (None, None));

    let (dir, done) = restored(town, key);
    assert_eq!((done.reads_at, done.missing), (Some(now), Vec::new()));
    let clock = Arc::new(ManualClock::new(now));
    let new = City::open(&dir.path().join("new"), clock).unwrap();
    assert_eq!(new.store.meta("n").unwrap().as_deref(), Some("1"));
    assert_eq!(new.ask(&person(), town.question("7ABC123")).unwrap().opened, 1);
    assert_eq!(new.store.check_pictures().unwrap().wrong, [""; 0]);
}

/// The service fails, or is away: the city goes on, health says what it is, and what waited is there afterwards.
#[test]
fn a_bucket_that_is_away_gets_what_it_missed() {
    let mut bucket = Bucket::new().unwrap();
    let Beside { town, key, .. } = &beside(&bucket);
    let mut copier = town.city.copier().unwrap().unwrap();
    let stop = base::Shutdown::new();
    stop.stop();
    copier.step(town.clock.now(), false).unwrap();
    let change = |n: u32| town.city.store.set_meta("n", &n.to_string()).unwrap();
    for n in [1, 2] {
        match n {
            1 => bucket.mood(Mood::Failing),
            _ => bucket.stop(),
        }
        change(n);
        let e = copier.step(town.clock.now(), false).unwrap_err();
        assert_eq!(e.kind(), base::Kind::Unavailable, "{e}");
        assert!(e.message().contains("[copy]"), "{e}");
        assert!(health(town, "pictures").unwrap().contains("[pictures]"));
        match n {
            1 => bucket.mood(Mood::Fine),
            _ => bucket.start().unwrap(),
        }
        copier.step(town.clock.now(), false).unwrap();
        assert_eq!(health(town, "pictures"), None);
        let (dir, _) = restored(town, key);
        let clock = Arc::new(ManualClock::new(town.clock.now()));
        let new = City::open(&dir.path().join("new"), clock).unwrap();
        assert_eq!(new.store.meta("n").unwrap(), Some(n.to_string()));
    }
    // Late, and why; then back.
    bucket.mood(Mood::Failing);
    change(3);
    town.clock.advance(80_000);
    copier.run(&stop);
    let late = health(town, "copy").unwrap();
    assert!(late.contains("Nothing has reached") && late.contains("does not answer"), "{late}");
    let (fine, message) = found(town.dir(), &town.city.config.copy, town.clock.now()).unwrap();
    assert!(!fine && message.contains("does not answer"), "{message}");
    bucket.mood(Mood::Fine);
    town.city.copier().unwrap().unwrap().run(&stop);
    assert_eq!(health(town, "copy"), None);
}
