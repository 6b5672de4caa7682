//! Folders of many packs, which are in a copy by lists; and what is not looked at anew.

use super::*;
use std::process::Command;

const FOLDER: &str = "pictures/2026-11-01";

fn begun(second: &Second) -> ReadsCopier {
    second.copier().step(now(second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap()
}

fn copied(second: &Second, reads: &mut ReadsCopier) {
    second.town.clock.advance(60_000);
    reads.copy(now(second)).unwrap();
}

fn packs(second: &Second, numbers: std::ops::Range<u8>) {
    numbers.for_each(|n| picture(second, &format!("2026-11-01/{n}.pack"), n));
}

/// The lists of the newest copy.
fn lists(second: &Second) -> Vec<String> {
    let names = second.depot().list("r").unwrap();
    let name = names.iter().rfind(|name| name.ends_with("/base")).unwrap();
    let path = format!("r/{name}");
    let sealed = second.depot().get(&path).unwrap().unwrap();
    let opener = record::Opener { key: &second.key, by: None };
    let files = record::open::<record::Base>(opener, &path, sealed).unwrap().files;
    let folder = files.iter().find(|file| file.name == FOLDER).unwrap();
    folder.lists.iter().map(|id| record::piece_name("rb", id)).collect()
}

/// Which packs a restoration brings back whole, and what it says is missing.
fn brought(second: &Second) -> (Vec<u8>, Vec<String>) {
    let (dir, done) = second.restored().unwrap();
    let file = |n: u8| fs::read(dir.path().join(format!("new/{FOLDER}/{n}.pack")));
    let there = (0..12).filter(|n| file(*n).is_ok_and(|bytes| bytes == pack(*n))).collect();
    (there, done.missing)
}

#[test]
fn a_folder_of_many_packs_is_there_by_its_lists() {
    let second = Second::new("");
    packs(&second, 0..10);
    let mut reads = begun(&second);
    copied(&second, &mut reads);
    let before = lists(&second);
    assert_eq!(before.len(), 3);
    assert_eq!(brought(&second), (Vec::from_iter(0..10), Vec::new()));
    packs(&second, 10..11);
    fs::remove_file(second.town.dir().join(FOLDER).join("3.pack")).unwrap();
    copied(&second, &mut reads);
    assert_eq!(brought(&second), (vec![0, 1, 2, 4, 5, 6, 7, 8, 9, 10], Vec::new()));
    // A start that knows nothing names the same.
    let new = lists(&second);
    copied(&second, &mut second.town.city.reads_copier().unwrap().unwrap());
    assert_eq!(lists(&second), new);
    // What a list names that is lost nobody knows; the older copy has what it had.
    let lost = new.iter().find(|name| !before.contains(*name)).unwrap();
    second.depot().remove(lost).unwrap();
    let (there, missing) = brought(&second);
    assert!((0..10).all(|n| there.contains(&n)), "{there:?}");
    assert_eq!(missing, [FOLDER]);
    // With few packs they are named by themselves again.
    (5..11).for_each(|n| {
        fs::remove_file(second.town.dir().join(FOLDER).join(format!("{n}.pack"))).unwrap();
    });
    copied(&second, &mut reads);
    assert_eq!(brought(&second), (vec![0, 1, 2, 4], Vec::new()));
}

/// A folder's lists are lost, and an older copy names what it had then pack by pack.
#[test]
fn a_folder_that_has_grown_is_taken_from_when_it_was_small() {
    let second = Second::new("");
    packs(&second, 0..3);
    let mut reads = begun(&second);
    copied(&second, &mut reads);
    packs(&second, 3..7);
    copied(&second, &mut reads);
    lists(&second).iter().for_each(|list| second.depot().remove(list).unwrap());
    assert_eq!(brought(&second), (vec![0, 1, 2], vec![FOLDER.to_owned()]));
}

/// The file system says that nothing has changed: that is believed for a day.
#[test]
fn what_has_not_changed_is_looked_at_once_a_day() {
    let check = |what: &str, change: &str| {
        let second = Second::new("");
        second.town.pass("7ABC123");
        packs(&second, 0..6);
        let mut reads = begun(&second);
        let path = second.town.dir().join(what);
        // Another process: to close a database file here ends the locks on it.
        let quietly = |change: &str| {
            let script = format!("{change} && touch -d 2020-01-01 \"$0\"");
            let done = Command::new("sh").arg("-c").arg(script).arg(&path).status();
            assert!(done.unwrap().success());
        };
        let pieces = || second.depot().list("rb").unwrap();
        copied(&second, &mut reads);
        quietly("true");
        copied(&second, &mut reads);
        let before = pieces();
        quietly(change);
        copied(&second, &mut reads);
        assert_eq!(pieces(), before, "{what}");
        second.town.clock.advance(86_400_000);
        copied(&second, &mut reads);
        assert!(pieces().iter().any(|name| !before.contains(name)), "{what}");
    };
    // Of these bytes of its head SQLite makes no use.
    check("store/reads/2026-11-01.db", "printf x | dd of=\"$0\" bs=1 seek=72 conv=notrunc");
    check(FOLDER, "rm \"$0\"/0.pack");
}
