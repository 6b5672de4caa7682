//! Both engines read the same.

use super::{homeplate, stderr};
use serde_json::Value;
use std::path::Path;
use testkit::street::{Light, Scenario, Street};

/// `pictures` street scenes, many cars and plates, by day and at dusk.
fn scenes(folder: &Path, pictures: usize) {
    let mut done = 0;
    for seed in 0.. {
        let light = if seed % 2 == 0 { Light::Day } else { Light::Dusk };
        let scenario = Scenario { fps: 2.0, ..Scenario::traffic(12.0, light, 100 + seed) };
        let street = Street::new(scenario);
        for frame in 0..street.frames() {
            if done == pictures {
                return;
            }
            std::fs::write(folder.join(format!("{done:04}.jpg")), street.jpeg(frame)).unwrap();
            done += 1;
        }
    }
}

/// The texts of every picture, surest first.
fn texts(engine: &str, folder: &Path) -> Vec<Vec<String>> {
    let out = homeplate()
        .args(["read", "--json", "--min-confidence", "0.2", "--engine", engine])
        .arg(folder)
        .output()
        .unwrap();
    assert!(out.status.success(), "{engine}: {}", stderr(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    let plates = |line: &str| -> Vec<String> {
        let line: Value = serde_json::from_str(line).unwrap();
        let plates = line["plates"].as_array().unwrap();
        plates.iter().map(|p| p["text"].as_str().unwrap().to_owned()).collect()
    };
    text.lines().map(plates).collect()
}

/// The same texts for all pictures but one in two hundred.
fn check(pictures: usize) {
    let dir = tempfile::tempdir().unwrap();
    scenes(dir.path(), pictures);
    let (fast, slow) = (texts("ort", dir.path()), texts("rten", dir.path()));
    assert_eq!((fast.len(), slow.len()), (pictures, pictures));
    let plates: usize = fast.iter().map(Vec::len).sum();
    assert!(plates > pictures / 2, "{plates} plates in {pictures} pictures: too few to compare");
    let differ: Vec<_> = fast.iter().zip(&slow).filter(|(a, b)| a != b).collect();
    assert!(differ.len() * 200 <= pictures, "{} of {pictures}: {differ:?}", differ.len());
}

#[test]
fn both_engines_read_the_same() {
    check(40);
}

#[test]
#[ignore = "five hundred pictures: ./run test --deep"]
fn both_engines_read_the_same_500() {
    check(500);
}
