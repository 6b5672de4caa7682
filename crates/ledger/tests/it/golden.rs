//! The frozen bytes: a leaf, a bundle, a checkpoint and its verifier key.

use crate::support::{ORIGIN, Quick, at, key};
use expect_test::expect_file;
use ledger::{Leaf, Log, commitment};
use std::fmt::Write;

/// A leaf that has every field.
fn full() -> Leaf {
    Leaf::new("search.intent", at(15).plus_millis(42_500))
        .id("q_0123456789abcdef0123456789abcdef")
        .job("hotlist")
        .by("investigations")
        .actor("a_00112233aabbccdd")
        .on_behalf_of("county-sheriff")
        .fact("authority", "case")
        .fact("cameras", 3)
        .fact("case", "stated")
        .fact("from", "2026-11-23T06:00:00.000Z")
        .fact("purpose", "stolen-vehicle")
        .fact("until", "2026-11-23T08:00:00.000Z")
        .body(commitment(&[9; 32], b"{\"a private\":\"body\"}"))
}

#[test]
fn a_leaf() {
    let text = String::from_utf8(full().bytes().unwrap()).unwrap();
    expect_file!["../../../../ref/golden/leaf-v1.json"].assert_eq(&text);
    assert_eq!(Leaf::parse(text.as_bytes()).unwrap(), full());
}

#[test]
fn a_log_of_three_entries() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(Quick::boxed(dir.path()), ORIGIN, key()).unwrap();
    log.append(&Leaf::new("camera.enrolled", at(0)).id("cam_main-st").fact("name", "Main Street"))
        .unwrap();
    log.append(&full()).unwrap();
    log.append(&Leaf::new("search.outcome", at(16)).id("q_0123456789abcdef0123456789abcdef"))
        .unwrap();
    expect_file!["../../../../ref/golden/checkpoint-v1.txt"].assert_eq(&log.checkpoint());
    expect_file!["../../../../ref/golden/checkpoint-v1.vkey"]
        .assert_eq(&format!("{}\n", log.vkey()));
    let bundle = std::fs::read(dir.path().join("tile/entries/000.p/3")).unwrap();
    let mut hex = String::new();
    for line in bundle.chunks(32) {
        line.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
        hex.push('\n');
    }
    expect_file!["../../../../ref/golden/entries-v1.hex"].assert_eq(&hex);
}
