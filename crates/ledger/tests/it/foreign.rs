//! A verifier that is not ours (Go's `golang.org/x/mod/sumdb`) accepts the log and refuses twenty kinds of
//! tampering, each by its name; ours refuses the same.

use crate::support::{build, copy, leaf};
use base::{SigningKey, b64};
use ledger::{Folder, Log, verify_since};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Go's verifier, built once; Debian's packages lie where its own compiler looks for them.
fn built(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/verify.go");
    let exe = folder.join("verify");
    let out = Command::new("go")
        .args(["build", "-o"])
        .arg(&exe)
        .arg(source)
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", folder.join("cache"))
        .output()
        .expect("golang-go and golang-golang-x-mod-dev are installed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    exe
}

fn change(file: &Path, how: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    how(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn text(file: &Path, how: impl FnOnce(Vec<String>) -> Vec<String>) {
    let lines = std::fs::read_to_string(file).unwrap();
    let lines = how(lines.lines().map(String::from).collect());
    std::fs::write(file, lines.join("\n") + "\n").unwrap();
}

/// The entries of a bundle, rearranged.
fn entries(file: &Path, how: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut all) = (bytes.as_slice(), Vec::new());
    while let [a, b, tail @ ..] = rest {
        let (entry, more) = tail.split_at(usize::from(u16::from_be_bytes([*a, *b])));
        all.push(entry.to_vec());
        rest = more;
    }
    how(&mut all);
    let spelled = |e: &Vec<u8>| [&(e.len() as u16).to_be_bytes()[..], e].concat();
    std::fs::write(file, all.iter().flat_map(spelled).collect::<Vec<u8>>()).unwrap();
}

/// Another log under the same name: of these entries, by this key.
fn replaced(root: &Path, seed: u8, from: u64, to: u64) {
    let other = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed([seed; 32]);
    let origin = crate::support::ORIGIN;
    let log = Log::create(Box::new(Folder::new(other.path())), origin, key).unwrap();
    log.append_all(&(from..to).map(leaf).collect::<Vec<_>>()).unwrap();
    std::fs::remove_dir_all(root.join("tile")).unwrap();
    copy(other.path(), root);
}

type Spoil = fn(&Path);

const FIRST: &str = "tile/entries/000";
const LAST: &str = "tile/entries/001.p/14";

const KINDS: &[(&str, Spoil)] = &[
    ("a bit of an entry", |r| change(&r.join(FIRST), |b| b[40] ^= 1)),
    ("a bit of one of the newest entries", |r| change(&r.join(LAST), |b| b[9] ^= 4)),
    ("the length of an entry", |r| change(&r.join(FIRST), |b| b[1] ^= 1)),
    ("two entries exchanged", |r| entries(&r.join(FIRST), |e| e.swap(3, 4))),
    ("an entry removed, the rest moved up", |r| entries(&r.join(FIRST), |e| drop(e.remove(7)))),
    ("an entry doubled", |r| entries(&r.join(FIRST), |e| e[8] = e[9].clone())),
    ("an entry emptied", |r| entries(&r.join(LAST), |e| e[2].clear())),
    ("an entry added", |r| entries(&r.join(LAST), |e| e.push(b"{}".to_vec()))),
    ("the newest entry removed", |r| entries(&r.join(LAST), |e| drop(e.pop()))),
    ("a smaller size", |r| {
        text(&r.join("checkpoint"), |mut l| {
            l[1] = "269".into();
            l
        })
    }),
    ("a larger size", |r| {
        text(&r.join("checkpoint"), |mut l| {
            l[1] = "271".into();
            l
        })
    }),
    ("another root", |r| {
        text(&r.join("checkpoint"), |mut l| {
            l[2] = b64(&[7; 32]);
            l
        })
    }),
    ("another origin", |r| {
        text(&r.join("checkpoint"), |mut l| {
            l[0] += "x";
            l
        })
    }),
    ("a bit of the signature", |r| {
        change(&r.join("checkpoint"), |b| {
            let at = b.len() - 20;
            b[at] = if b[at] == b'A' { b'B' } else { b'A' };
        })
    }),
    ("no signature", |r| text(&r.join("checkpoint"), |l| l[..4].to_vec())),
    ("a stranger's signature beside it", |r| {
        text(&r.join("checkpoint"), |mut l| {
            l.push(format!("\u{2014} example.org/witness {}", b64(&[9; 68])));
            l
        })
    }),
    ("signed by another key", |r| replaced(r, 1, 0, 270)),
    ("another history by the same key", |r| replaced(r, 7, 1, 271)),
    ("an older state by the same key", |r| replaced(r, 7, 0, 100)),
    ("a bit of a full tile", |r| change(&r.join("tile/0/000"), |b| b[77] ^= 8)),
    ("a bit of the newest tile", |r| change(&r.join("tile/0/001.p/14"), |b| b[0] ^= 1)),
    ("a bit of an upper tile", |r| change(&r.join("tile/1/000.p/1"), |b| b[31] ^= 128)),
    ("a tile cut off", |r| change(&r.join("tile/0/000"), |b| b.truncate(32))),
    ("a tile lost", |r| std::fs::remove_file(r.join("tile/1/000.p/1")).unwrap()),
    ("a bundle lost", |r| std::fs::remove_file(r.join(FIRST)).unwrap()),
    ("no checkpoint", |r| std::fs::remove_file(r.join("checkpoint")).unwrap()),
];

#[test]
#[ignore = "needs a Go compiler"]
fn a_foreign_verifier_refuses_every_kind_of_tampering() {
    let (tools, good) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let verifier = built(tools.path());
    let log = build(good.path(), 270);
    let vkey = log.vkey().to_owned();
    let seen = ledger::verify(good.path(), &vkey).unwrap().seen();
    drop(log);
    let foreign = |folder: &Path| {
        let size = seen.size.to_string();
        let arguments = [vkey.as_str(), &size, &seen.root];
        let out = Command::new(&verifier).arg(folder).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    };
    assert_eq!(foreign(good.path()), Ok(format!("270 {}", seen.root)));
    // A log that has gone on is accepted too.
    let longer = tempfile::tempdir().unwrap();
    build(longer.path(), 600);
    assert!(foreign(longer.path()).unwrap().starts_with("600 "));
    assert!(KINDS.len() >= 20);
    for (kind, spoil) in KINDS {
        let bad = tempfile::tempdir().unwrap();
        copy(good.path(), bad.path());
        spoil(bad.path());
        let theirs = foreign(bad.path()).expect_err(kind);
        let ours = verify_since(bad.path(), &vkey, std::slice::from_ref(&seen)).err();
        let ours = ours.unwrap_or_else(|| panic!("{kind}: ours accepts it"));
        println!("{kind}: theirs: {theirs}; ours: {ours}");
    }
}
