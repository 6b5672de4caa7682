//! The options that people use: drawn pictures, crops, regions, engines, corrections, scores.

use super::{homeplate, read, stderr, street};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use testkit::street::Light;

fn stdout(out: &Output) -> String {
    String::from_utf8(out.stdout.clone()).unwrap()
}

/// Two pictures in a folder, `7ABC128` and `4XYZ935`.
fn pictures() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    for (name, plate) in [("a.jpg", "7ABC128"), ("b.jpg", "4XYZ935")] {
        std::fs::write(dir.path().join("in").join(name), street(plate, Light::Day)).unwrap();
    }
    dir
}

/// The program in a folder of its own, with nothing beside it. A link and no copy: a file that was just
/// written may still be open in another test's child, and then it does not start.
fn alone() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let alone = folder.path().join("homeplate");
    std::fs::hard_link(env!("CARGO_BIN_EXE_homeplate"), &alone).unwrap();
    (folder, alone)
}

fn names(folder: &Path) -> Vec<String> {
    let list = std::fs::read_dir(folder).unwrap();
    let mut out: Vec<String> =
        list.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    out.sort();
    out
}

#[test]
fn drawn_and_cut_out() {
    let dir = pictures();
    let [input, drawn, crops] = ["in", "drawn", "crops"].map(|n| dir.path().join(n));
    let out = homeplate()
        .args(["read", "--annotate"])
        .arg(&drawn)
        .arg("--crops")
        .arg(&crops)
        .arg(&input)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    assert_eq!(names(&drawn).len(), 2);
    let before = image::open(input.join("a.jpg")).unwrap().into_rgb8();
    let name = names(&drawn)[0].clone();
    let after = image::open(drawn.join(name)).unwrap().into_rgb8();
    assert_eq!(before.dimensions(), after.dimensions());
    let yellow = |p: &&image::Rgb<u8>| p[0] > 220 && (150..230).contains(&p[1]) && p[2] < 90;
    let marks = |i: &image::RgbImage| i.pixels().filter(yellow).count();
    assert!(marks(&after) > marks(&before) + 200, "an outline in yellow");
    let crops_named = names(&crops);
    assert!(crops_named.iter().any(|n| n.ends_with("7ABC128.png")), "{crops_named:?}");
    let crop = image::open(crops.join(&crops_named[0])).unwrap();
    assert_eq!(crop.width(), 288);
}

#[test]
fn regions_and_engines_by_name() {
    let dir = pictures();
    let input = dir.path().join("in").display().to_string();
    let check = |args: &[&str], code: i32, want: &str| {
        let out = read(&[args, &[&input]].concat());
        let said = stderr(&out);
        assert_eq!(out.status.code(), Some(code), "{said}");
        assert!(said.contains(want), "{said}");
    };
    check(&["--regions", "us,de", "--engine", "rten", "--threads", "1"], 0, "");
    check(&["--regions", "mars"], 3, "is no region; name the groups us, eu and br");
    check(&["--engine", "warp"], 2, "choose auto, ort or rten");
    check(&["--threads", "0"], 3, "from 1 to 64");
    check(&["--fps", "0"], 3, "from 0.1 to 120");
    check(&["--min-confidence", "7"], 3, "a share from 0 to 1");
}

/// Without the library the program says so if the fast engine was asked for, and reads if not.
#[test]
fn the_fast_engine_may_be_absent() {
    let dir = pictures();
    let (_folder, alone) = alone();
    let run = |engine: &str| {
        let input = dir.path().join("in");
        Command::new(&alone).args(["read", "--engine", engine]).arg(input).output().unwrap()
    };
    let out = run("ort");
    assert_eq!(out.status.code(), Some(12), "{}", stderr(&out));
    assert!(stderr(&out).contains("libonnxruntime.so, is not beside this program"));
    let out = run("auto");
    assert!(out.status.success() && stdout(&out).contains("7ABC128"), "{}", stderr(&out));
    // Something that is no library.
    std::fs::write(alone.with_file_name("libonnxruntime.so"), "not a library").unwrap();
    let out = run("ort");
    assert_eq!(out.status.code(), Some(12), "{}", stderr(&out));
    assert!(stderr(&out).contains("cannot be loaded"), "{}", stderr(&out));
    assert!(run("auto").status.success());
}

/// A video that cannot be decoded, for want of the program or of a picture track, stops nothing.
#[test]
fn videos_that_cannot_be_read() {
    let dir = pictures();
    let input = dir.path().join("in");
    std::fs::write(input.join("c.mp4"), b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom").unwrap();
    let out = read(&[&input.display().to_string()]);
    assert_eq!(out.status.code(), Some(3), "{}", stderr(&out));
    assert!(stdout(&out).contains("7ABC128") && stdout(&out).contains("4XYZ935"));
    assert_eq!(stderr(&out).lines().count(), 1, "{}", stderr(&out));
    assert!(stderr(&out).contains("c.mp4: "), "{}", stderr(&out));
    let (_folder, alone) = alone();
    let out = Command::new(&alone).arg("read").arg(input.join("c.mp4")).output().unwrap();
    assert_eq!(out.status.code(), Some(12), "{}", stderr(&out));
    assert!(stderr(&out).contains("homeplate-frames, is not beside"), "{}", stderr(&out));
}

/// What a person corrects can be scored, and trained on.
#[test]
fn corrected_then_scored() {
    let dir = pictures();
    let [input, book] = ["in", "book"].map(|n| dir.path().join(n));
    let correct = |answers: &str| {
        let mut child = homeplate()
            .args(["read", "--below", "1", "--min-confidence", "0.2", "--correct"])
            .arg(&book)
            .arg(&input)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", stderr(&out));
        stdout(&out)
    };
    // The first as read, the second is another plate after a typing slip.
    let said = correct("\nwhat?\n4xyz 936\n");
    assert!(said.contains("read as 7ABC128") && said.contains("That is no answer"));
    assert!(said.contains("2 answers are in"));
    let table = std::fs::read_to_string(book.join("labels.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[1].starts_with("a.jpg,") && rows[1].contains(",7ABC128,"), "{table}");
    assert!(rows[2].contains(",4XYZ936,") && rows[2].contains(",person,crops/"), "{table}");
    assert_eq!(names(&book.join("crops")).len(), 2);
    let crop = image::open(book.join("crops").join(&names(&book.join("crops"))[0])).unwrap();
    let (dark, light) = crop
        .to_luma8()
        .pixels()
        .fold((0, 0), |(d, l), p| (d + usize::from(p[0] < 100), l + usize::from(p[0] > 150)));
    assert!(dark > 1000 && light > 5000, "dark letters on a light plate: {dark} {light}");

    let score = |more: &[&str]| {
        homeplate()
            .args(["read", "--score"])
            .arg(book.join("labels.csv"))
            .args(more)
            .arg(&input)
            .output()
            .unwrap()
    };
    let out = score(&["--json"]);
    assert!(out.status.success(), "{}", stderr(&out));
    let report: Value = serde_json::from_str(&stdout(&out)).unwrap();
    assert_eq!(report["rows"][0]["labels"], 2);
    assert_eq!(report["rows"][0]["exact"], 0.5, "the second was said to be another plate");
    assert_eq!(report["rows"][0]["found"], 1.0);
    assert_eq!(
        (&report["unchecked"], &report["reads_alone"]),
        (&Value::from(0), &Value::from(true))
    );
    let said = stdout(&score(&[]));
    assert!(said.contains("false reads a picture: 0.000"), "{said}");
    assert!(said.contains("what was not found is not in it"), "{said}");

    // What was answered is not asked again.
    let said = correct("\n\n");
    assert!(said.contains("0 answers") && !said.contains("read as"));
    assert_eq!(std::fs::read_to_string(book.join("labels.csv")).unwrap(), table);
}

#[test]
fn tables_that_do_not_fit() {
    let dir = pictures();
    let (input, table) = (dir.path().join("in"), dir.path().join("t.csv"));
    let check = |text: Option<&str>, code: i32, want: &str| {
        if let Some(t) = text {
            std::fs::write(&table, t).unwrap();
        }
        let name = if text.is_some() { "t.csv" } else { "none.csv" };
        let out =
            homeplate().args(["read", "--score"]).arg(dir.path().join(name)).arg(&input).output();
        let out = out.unwrap();
        assert_eq!(out.status.code(), Some(code), "{}", stderr(&out));
        assert!(stderr(&out).contains(want), "{}", stderr(&out));
    };
    check(None, 7, "cannot be opened");
    check(Some("image,x,y,w,h,text\nz.jpg,1,2,3,4,AB1\n"), 7, "None of these pictures");
    check(Some("image,x,y,w,h,text\na.jpg,1,2\n"), 3, "Line 2");
}
