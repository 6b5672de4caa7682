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

/// What is said of every picture: texts, and how sure they are.
fn texts(engine: &str, folder: &Path) -> Vec<Vec<(String, f64)>> {
    let out = homeplate()
        .args(["read", "--json", "--min-confidence", "0.05", "--engine", engine])
        .arg(folder)
        .output()
        .unwrap();
    assert!(out.status.success(), "{engine}: {}", stderr(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    let plates = |line: &str| -> Vec<(String, f64)> {
        let line: Value = serde_json::from_str(line).unwrap();
        let plates = line["plates"].as_array().unwrap();
        let plate =
            |p: &Value| (p["text"].as_str().unwrap().to_owned(), p["confidence"].as_f64().unwrap());
        plates.iter().map(plate).collect()
    };
    text.lines().map(plates).collect()
}

/// What one says with a confidence of .2 and more, and the other not at all. Where two texts of a plate are as probable, a
/// rounding decides which is told: the other may say one instead that is as sure and that the first does not say.
fn missed(said: &[(String, f64)], other: &[(String, f64)]) -> Vec<String> {
    let unsaid = |text: &str, by: &[(String, f64)]| by.iter().all(|(known, _)| known != text);
    let tie = |sure: f64| {
        sure < 0.5 && other.iter().any(|(t, s)| unsaid(t, said) && (s - sure).abs() < 0.05)
    };
    let sure = said.iter().filter(|(_, confidence)| *confidence >= 0.2);
    let missed = sure.filter(|(text, sure)| unsaid(text, other) && !tie(*sure));
    missed.map(|(text, confidence)| format!("{text} {confidence}")).collect()
}

/// The same texts for all pictures but one in two hundred. At a threshold a rounding decides, so that the other may say
/// it with less; nor does the order of plates that are as sure count.
fn check(pictures: usize) {
    let dir = tempfile::tempdir().unwrap();
    scenes(dir.path(), pictures);
    let (fast, slow) = (texts("ort", dir.path()), texts("rten", dir.path()));
    assert_eq!((fast.len(), slow.len()), (pictures, pictures));
    let sure = |said: &Vec<(String, f64)>| missed(said, &[]).len();
    let plates: usize = fast.iter().map(sure).sum();
    assert!(plates > pictures / 2, "{plates} plates in {pictures} pictures: too few to compare");
    let each = fast.iter().zip(&slow).map(|(a, b)| [missed(a, b), missed(b, a)].concat());
    let differ: Vec<_> = each.filter(|texts| !texts.is_empty()).collect();
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
