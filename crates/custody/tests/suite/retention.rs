//! It forgets: what a destroyed key leaves behind, in memory, on disk and in a backup.

use super::kit::*;
use base::{HitId, Kind};
use ledger::Leaf;
use std::fs;

#[test]
fn a_destroyed_epoch_is_gone() {
    let city = City::new();
    let old =
        city.seal(&[sighting("7ABC123", camera("one"), now().plus_millis(-2 * HOUR))]).unwrap();
    let new = city.seal(&[sighting("7ABC123", camera("one"), now())]).unwrap();
    // The permit is from before: it still names the old time.
    let before = city.permit("7ABC123", |_| ()).unwrap();
    let dead = city.custody.destroy_before(now()).unwrap();
    assert_eq!(dead, [old.segments[0].epoch]);
    let refused = city.custody.keys(&before, &all(&old)).err().unwrap();
    assert_eq!(refused.kind(), Kind::Gone);
    assert!(city.custody.keys(&before, &all(&new)).is_ok());
    // A new permit does not reach back, and nothing more is taken for that time.
    let after = city.permit("7ABC123", |_| ()).unwrap();
    assert_eq!(after.from(), now().floor_to(HOUR));
    let late = sighting("7ABC123", camera("one"), now().plus_millis(-2 * HOUR));
    assert_eq!(city.custody.takes(late.captured).err().unwrap().kind(), Kind::Gone);
    assert_eq!(city.seal(&[late]).err().unwrap().kind(), Kind::Gone);
    let asked = city.permit("7ABC123", |i| i.until = now().plus_millis(-HOUR)).err().unwrap();
    assert_eq!(asked.kind(), Kind::Gone);
    // It stays so, and doing it again is nothing.
    // Until it is on the log it is told again, after a crash too.
    let city = city.restart();
    assert_eq!(city.custody.destroy_before(now()).unwrap(), dead);
    city.custody.destruction_logged(custody::Sort::Hits, &dead).unwrap();
    assert_eq!(city.custody.destroy_before(now()).unwrap(), dead);
    city.custody.destruction_logged(custody::Sort::Reads, &dead).unwrap();
    assert_eq!(city.custody.destroy_before(now()).unwrap(), []);
    let city = city.restart();
    assert_eq!(city.custody.destroy_before(now()).unwrap(), []);
    assert!(city.custody.keys(&before, &all(&old)).is_err());
    assert!(city.custody.keys(&before, &all(&new)).is_ok());
}

#[test]
fn the_index_key_of_a_day_goes_with_its_last_epoch() {
    let city = City::new();
    let yesterday = now().plus_millis(-24 * HOUR);
    city.seal(&[sighting("7ABC123", camera("one"), yesterday)]).unwrap();
    city.seal(&[sighting("7ABC123", camera("one"), now())]).unwrap();
    assert_eq!(city.permit("7ABC123", |_| ()).unwrap().days().len(), 2);
    city.custody.destroy_before(now().day().start()).unwrap();
    assert_eq!(city.permit("7ABC123", |_| ()).unwrap().days(), [now().day()]);
}

#[test]
fn the_future_is_not_destroyed() {
    let city = City::new();
    let e = city.custody.destroy_before(now().plus_millis(2 * HOUR)).unwrap_err();
    assert_eq!(e.kind(), Kind::Invalid);
}

#[test]
fn old_files_are_overwritten_and_a_backup_of_the_key_file_opens_nothing() {
    let city = City::new();
    let old =
        city.seal(&[sighting("7ABC123", camera("one"), now().plus_millis(-2 * HOUR))]).unwrap();
    let permit = city.permit("7ABC123", |_| ()).unwrap();
    let dir = city.dir.path().join("custody");
    let backup = fs::read(dir.join("custody.keys")).unwrap();
    // Second names of the files: they show what is done to the old bytes themselves.
    let (keys, kek) = (dir.join("keys.watched"), dir.join("kek.watched"));
    fs::hard_link(dir.join("custody.keys"), &keys).unwrap();
    fs::hard_link(dir.join("kek"), &kek).unwrap();
    city.custody.destroy_before(now()).unwrap();
    for watched in [keys, kek] {
        let bytes = fs::read(&watched).unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|b| *b == 0), "{watched:?}");
        fs::remove_file(watched).unwrap();
    }
    let mut left: Vec<_> = fs::read_dir(&dir).unwrap().map(|f| f.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["custody.keys", "custody.lock", "kek"]);
    // Somebody puts the old key file back: without the old kek it is noise.
    let city = city.restart();
    fs::write(dir.join("custody.keys"), backup).unwrap();
    assert!(city.custody.keys(&permit, &all(&old)).is_err());
    let options = custody::Options {
        dir,
        epoch_s: 3600,
        log_vkey: city.log.vkey().to_owned(),
        witnesses: None,
        kek: custody::Kek::File,
    };
    drop(city.custody);
    let e = custody::Custody::open(&options, rules()).unwrap_err();
    assert!(e.to_string().contains("not written under the key in kek"), "{e}");
}

/// An hour ahead at the month's end, and set right: everybody keeps the name of that month, and of the next.
#[test]
fn a_clock_that_leaps_into_another_month_takes_no_name() {
    let city = City::new();
    let ana: base::PersonId = "per_ana".parse().unwrap();
    let name = |city: &City| city.custody.pseudonym(&ana).unwrap();
    let set = |city: &City, to: &str| {
        let to: base::Time = to.parse().unwrap();
        city.clock.advance(to.since(city.at()));
    };
    set(&city, "2026-11-30T23:30:00Z");
    let november = name(&city);
    set(&city, "2026-12-01T00:30:00Z");
    let december = name(&city);
    assert_ne!(november, december);
    city.custody.destroy_before(city.at()).unwrap();
    set(&city, "2026-11-30T23:35:00Z");
    let city = city.restart();
    assert_eq!(name(&city), november);
    // When the month is over for good its key goes: nobody finds out any more who was who in it.
    set(&city, "2026-12-03T01:00:00Z");
    city.custody.destroy_before(city.at()).unwrap();
    assert_eq!(name(&city), december);
    set(&city, "2026-11-30T23:35:00Z");
    assert_ne!(name(&city), november);
}

#[test]
fn hits_have_a_retention_of_their_own() {
    let city = City::new();
    let captured = now().plus_millis(-48 * HOUR);
    let read = sighting("7ABC123", camera("one"), captured);
    let hit = HitId::new(captured, [1; 10]);
    let sealed = city.custody.seal_hit(hit, &read, None).unwrap();
    let entry = city.log.append(&Leaf::new("hit.opened", now()).id(hit.to_string())).unwrap();
    city.custody.destroy_before(now()).unwrap();
    assert!(city.custody.open_hit(&sealed, &entry).is_ok());
    assert_eq!(city.custody.destroy_hits_before(now()).unwrap(), [sealed.epoch]);
    assert_eq!(city.custody.open_hit(&sealed, &entry).err().unwrap().kind(), Kind::Gone);
}

#[test]
fn two_processes_do_not_share_keys() {
    let city = City::new();
    let options = custody::Options {
        dir: city.dir.path().join("custody"),
        epoch_s: 3600,
        log_vkey: city.log.vkey().to_owned(),
        witnesses: None,
        kek: custody::Kek::File,
    };
    assert!(custody::Custody::exists(&options));
    for e in [
        custody::Custody::open(&options, rules()).unwrap_err(),
        custody::Custody::create(&options, rules(), auditors()).unwrap_err(),
    ] {
        assert_eq!(e.kind(), Kind::Conflict);
        assert!(e.to_string().contains("another homeplate process"), "{e}");
    }
}
