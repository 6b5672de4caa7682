//! Drives `homeplate read`: good pictures among a hundred hostile ones.
//!
//! All pictures are made here: streets rendered by the testkit, and files broken in every way that
//! came to mind. The promise: one clear line each, no crash, the good ones read.

#[path = "read/film.rs"]
mod film;
#[path = "read/hostile.rs"]
mod hostile;
#[path = "read/options.rs"]
mod options;
#[path = "read/parity.rs"]
mod parity;
#[path = "read/passes.rs"]
mod passes;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use testkit::street::{Body, Car, Light, Scenario, Street};

fn homeplate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_homeplate"))
}

fn read(args: &[&str]) -> Output {
    homeplate().arg("read").args(args).output().unwrap()
}

fn stderr(out: &Output) -> String {
    String::from_utf8(out.stderr.clone()).unwrap()
}

/// One car on an empty street; the frame in which its plate is widest.
fn street(plate: &str, light: Light) -> Vec<u8> {
    let car = Car {
        plate: plate.to_owned(),
        state: "us-ca".to_owned(),
        lane: 0,
        start_s: 0.0,
        speed: 7.0,
        toward: true,
        body: Body::Sedan,
    };
    let street = Street::new(Scenario::empty(4.0, light, 5).with(car));
    let widest = |f: &usize| street.plates(*f).first().map_or(0, |p| p.width as u32);
    street.jpeg((0..street.frames()).max_by_key(widest).unwrap())
}

#[test]
fn good_pictures_among_hostile_ones() {
    let dir = tempfile::tempdir().unwrap();
    let good = [("day.jpg", "7ABC128", Light::Day), ("dusk.jpg", "4XYZ935", Light::Dusk)];
    for (name, plate, light) in good {
        std::fs::write(dir.path().join(name), street(plate, light)).unwrap();
    }
    let hostile = [hostile::files(), hostile::many()].concat();
    assert!(hostile.len() >= 1000, "{}", hostile.len());
    for (name, bytes) in &hostile {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let out = read(&["--json", &dir.path().display().to_string()]);
    let said = stderr(&out);
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert!(!said.contains("panicked"), "{said}");

    let lines: BTreeMap<String, Value> = std::str::from_utf8(&out.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let image = Path::new(line["image"].as_str().unwrap());
            (image.file_name().unwrap().to_str().unwrap().to_owned(), line)
        })
        .collect();
    assert_eq!(lines.len(), hostile.len() + good.len(), "one line a file");
    for (name, _) in &hostile {
        one_clear_line(name, &lines[*name], &said);
    }
    for (name, plate, _) in good {
        let texts: Vec<&str> = lines[name]["plates"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|p| p["text"].as_str())
            .collect();
        assert_eq!(texts, [plate], "{name}");
    }
}

/// A file that must fail has one sentence in both places; one that only may fail (flipped bits) has
/// that or a result.
fn one_clear_line(name: &str, line: &Value, said: &str) {
    let spoken: Vec<&str> = said.lines().filter(|l| l.contains(&format!("{name}:"))).collect();
    match line["error"].as_str() {
        Some(error) => {
            assert_eq!(spoken.len(), 1, "{name}: {spoken:?}");
            assert!(spoken[0].ends_with(error) && error.ends_with('.'), "{name}: {error}");
            assert!((10..160).contains(&error.len()), "{name}: {error}");
        }
        None => {
            assert!(name.starts_with("flipped") || name.starts_with("odd"), "{name}: {line}");
            assert!(line["plates"].is_array() && spoken.is_empty(), "{name}: {line}");
        }
    }
}

#[test]
fn a_table_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.png"); // the content counts, not the name
    std::fs::write(&path, street("7ABC128", Light::Day)).unwrap();
    let out = read(&[&path.display().to_string()]);
    assert!(out.status.success(), "{}", stderr(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].starts_with("PLATE") && rows[0].ends_with("FILE"), "{text}");
    assert!(rows[1].starts_with("7ABC128") && rows[1].contains('%'), "{text}");
    assert!(rows[1].ends_with("one.png"), "{text}");
}

#[test]
fn what_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let check = |path: &Path, code: i32, want: &str| {
        let out = read(&[&path.display().to_string()]);
        assert_eq!(out.status.code(), Some(code), "{}", stderr(&out));
        assert!(stderr(&out).contains(want) && stderr(&out).lines().count() == 1);
    };
    check(&dir.path().join("missing.jpg"), 7, "There is no such file");
    check(dir.path(), 3, "holds no picture and no video");
    std::fs::write(dir.path().join("notes.txt"), "not a picture").unwrap();
    check(dir.path(), 3, "holds no picture and no video");
    check(&dir.path().join("notes.txt"), 3, "This is no JPEG, PNG or WebP picture.");
}

/// `homeplate read … | head -1` ends without a word.
#[test]
fn nobody_listens_any_more() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..8 {
        std::fs::write(dir.path().join(format!("{i}.png")), hostile::small_png(96, 64)).unwrap();
    }
    let mut child = homeplate()
        .args(["read", "--json"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", stderr(&out));
}
