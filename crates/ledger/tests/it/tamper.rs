//! Somebody changes the folder: both verifiers notice, whatever it is.

use crate::support::{build, copy, files, leaf, reopen};
use base::Kind;
use ledger::verify;
use proptest::prelude::*;
use proptest::sample::Index;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// 270 entries: a full tile, a partial one with its earlier states, a level above.
static BASE: LazyLock<(tempfile::TempDir, String)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path(), 270);
    let vkey = log.vkey().to_owned();
    (dir, vkey)
});

fn base() -> (tempfile::TempDir, &'static str) {
    let dir = tempfile::tempdir().unwrap();
    copy(BASE.0.path(), dir.path());
    (dir, &BASE.1)
}

/// Changes one bit of a file while `look` looks.
fn flipped<T>(path: &Path, at: usize, bit: u8, look: impl FnOnce() -> T) -> T {
    let good = std::fs::read(path).unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1 << bit;
    std::fs::write(path, bad).unwrap();
    let seen = look();
    std::fs::write(path, good).unwrap();
    seen
}

#[test]
fn one_bit_in_each_file() {
    let (dir, vkey) = base();
    let names = files(dir.path());
    assert!(names.len() > 30, "{names:?}");
    for (n, name) in names.iter().enumerate() {
        let path = dir.path().join(name);
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        for at in [0, n * 7919 % length, length - 1] {
            let seen = flipped(&path, at, (n % 8) as u8, || verify(dir.path(), vkey));
            assert!(seen.is_err(), "{name} byte {at}");
        }
    }
    verify(dir.path(), vkey).unwrap();
}

/// A log that is signed and whole may still be another one than before.
#[test]
fn a_history_that_was_rewritten_or_taken_back() {
    let key = || base::SigningKey::from_seed([9; 32]);
    let made = |of: std::ops::Range<u64>| {
        let dir = tempfile::tempdir().unwrap();
        let folder = Box::new(ledger::Folder::new(dir.path()));
        let log = ledger::Log::create(folder, "homeplate/test", key()).unwrap();
        of.for_each(|n| drop(log.append(&leaf(n)).unwrap()));
        (log.vkey().to_owned(), dir)
    };
    let (vkey, short) = made(0..7);
    let seen = verify(short.path(), &vkey).unwrap().seen();
    let (_, longer) = made(0..9);
    let (_, other) = made(1..9);
    let (_, shorter) = made(0..5);
    for (log, why) in [(&longer, ""), (&other, "rewritten"), (&shorter, "taken back")] {
        let get = |path: &str| Ok(std::fs::read(log.path().join(path)).ok());
        let folder = ledger::verify_since(log.path(), &vkey, std::slice::from_ref(&seen));
        let remote = ledger::verify_from(&get, &vkey, std::slice::from_ref(&seen));
        let said =
            |r: base::Result<ledger::Report>| r.map_or_else(|e| e.to_string(), |_| "".into());
        let (folder, remote) = (said(folder), said(remote));
        assert_eq!(folder, remote);
        assert!(folder.contains(why) && why.is_empty() == folder.is_empty(), "{folder}");
    }
}

/// Whoever reads a log at its address has a checkpoint of before: partial files became full meanwhile, and went.
#[test]
fn a_log_that_goes_on_while_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = build(dir.path(), 270);
    let old = log.checkpoint().into_bytes();
    let more: Vec<ledger::Leaf> = (270..600).map(leaf).collect();
    log.append_all(&more).unwrap();
    assert_eq!(log.file("tile/entries/001.p/14").unwrap(), None);
    let get = |path: &str| match path {
        "checkpoint" => Ok(Some(old.clone())),
        path => log.file(path),
    };
    let report = ledger::verify_from(&get, log.vkey(), &[]).unwrap();
    assert_eq!((report.size, report.figures.hits), (270, 270));
}

#[test]
fn every_byte_of_the_checkpoint() {
    let (dir, vkey) = base();
    let path = dir.path().join("checkpoint");
    for at in 0..std::fs::read(&path).unwrap().len() {
        // Bit 5 turns a letter into the other case.
        for bit in [5, (at % 5) as u8] {
            let seen = flipped(&path, at, bit, || verify(dir.path(), vkey));
            assert!(seen.is_err(), "byte {at} bit {bit}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 8, ..Default::default() })]
    #[test]
    fn one_bit_anywhere(file: Index, place: Index, bit in 0u8..8) {
        let (dir, vkey) = base();
        let names = files(dir.path());
        let path = dir.path().join(file.get(&names));
        let at = place.index(std::fs::metadata(&path).unwrap().len() as usize);
        let seen = flipped(&path, at, bit, || verify(dir.path(), vkey));
        prop_assert!(seen.is_err(), "{} byte {at} bit {bit}", path.display());
    }
}

/// What the verifier that shares nothing with ours says: its line, if it accepts.
fn node(folder: &Path, vkey: &str) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../homeplate/tests/e2e/verify.mjs");
    let out = Command::new("node").arg(script).arg(folder).arg(vkey).output().unwrap();
    let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if out.status.success() { Ok(line(&out.stdout)) } else { Err(line(&out.stderr)) }
}

fn no_node() -> bool {
    let missing = Command::new("node").arg("--version").output().is_err();
    if missing {
        eprintln!("SKIPPED: node is not installed, so the independent verifier was not run.");
    }
    missing
}

#[test]
fn the_independent_verifier_agrees() {
    if no_node() {
        return;
    }
    let (dir, vkey) = base();
    let ours = verify(dir.path(), vkey).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&node(dir.path(), vkey).unwrap()).unwrap();
    assert_eq!(theirs["root"], ours.root);
    assert_eq!((&theirs["size"], &theirs["figures"]["hits"]), (&270.into(), &270.into()));
    let names = files(dir.path());
    let few = names.iter().filter(|n| !n.contains(".p/") || n.ends_with('3') || n.ends_with("14"));
    for (n, name) in few.enumerate() {
        let path = dir.path().join(name);
        let length = std::fs::metadata(&path).unwrap().len() as usize;
        for at in [n * 7919 % length, length - 1] {
            let seen = flipped(&path, at, (n % 8) as u8, || node(dir.path(), vkey));
            let why = seen.expect_err(name);
            assert!(!why.is_empty() && why.lines().count() == 1, "{name}: {why}");
        }
    }
    let empty = tempfile::tempdir().unwrap();
    build(empty.path(), 0);
    assert!(node(empty.path(), vkey).unwrap().contains("\"size\":0"));
}

/// Does something to the folder and says what our verifier says; the other must refuse as well.
fn check(what: &str, spoil: impl Fn(&Path)) -> base::Error {
    let (dir, vkey) = base();
    spoil(dir.path());
    let error = verify(dir.path(), vkey).expect_err(what);
    if !no_node() {
        node(dir.path(), vkey).expect_err(what);
    }
    error
}

#[test]
fn files_that_come_and_go() {
    let put = |name: &'static str, bytes: &'static [u8]| {
        move |root: &Path| {
            let path: PathBuf = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    };
    for name in ["notes.txt", "tile/0/002.txt", "tile/00/000", "tile/entries/000.p/256", ".hidden"]
    {
        let error = check(name, put(name, b"x"));
        assert_eq!(error.kind(), Kind::Invalid, "{name}");
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in [
        "tile/0/001.p/15",
        "tile/0/002",
        "tile/2/000.p/1",
        "tile/entries/001.p/15",
        "checkpoint.new",
    ] {
        assert_eq!(check(name, put(name, b"x")).kind(), Kind::Conflict, "{name}");
    }
    for name in
        ["tile/0/000", "tile/1/000.p/1", "tile/entries/001.p/14", "tile/entries/000", "checkpoint"]
    {
        check(name, |root| std::fs::remove_file(root.join(name)).unwrap());
    }
    check("an earlier partial tile of another length", put("tile/0/001.p/3", &[0; 64]));
}

#[test]
fn lost_entries_are_named_when_the_log_is_opened_too() {
    let (dir, vkey) = base();
    // The newest file is lost; then all that an older copy of the folder would not have.
    for name in ["tile/entries/001.p/14", "tile/0/001.p/14"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
        for error in [verify(dir.path(), vkey).unwrap_err(), reopen(dir.path()).err().unwrap()] {
            let said = error.to_string();
            assert!(said.contains("has lost entries") && said.contains("promises 270"), "{said}");
        }
    }
    std::fs::remove_dir_all(dir.path().join("tile")).unwrap();
    let said = reopen(dir.path()).err().unwrap().to_string();
    assert!(said.contains("from entry 0 on"), "{said}");
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    assert!(reopen(dir.path()).is_err());
}

#[test]
fn entries_of_another_log_do_not_fit_its_checkpoint() {
    check("an exchanged log", |root| {
        let other = tempfile::tempdir().unwrap();
        let log = build(other.path(), 0);
        for n in 0..270 {
            log.append(&leaf(n + u64::from(n == 5))).unwrap();
        }
        std::fs::remove_dir_all(root.join("tile")).unwrap();
        std::fs::remove_file(other.path().join("checkpoint")).unwrap();
        copy(other.path(), root);
    });
}
