//! Twenty vehicles on film, by day and at dusk, at a camera's usual frame rates.

use super::film::{Film, film};
use super::{homeplate, stderr};
use serde_json::Value;
use testkit::street::{Light, PassTruth, Scenario};

/// Everything that `homeplate read --json` says of a video.
fn lines(film: &Film, more: &[&str]) -> Vec<Value> {
    let out = homeplate().args(["read", "--json"]).args(more).arg(&film.path).output().unwrap();
    assert!(out.status.success(), "{}", stderr(&out));
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Which pass a line tells of: the one with its text, or the one in whose time it lies and whose text is
/// nearest.
fn told(line: &Value, passes: &[PassTruth]) -> Option<usize> {
    let text = line["text"].as_str().unwrap_or_default();
    if let Some(same) = passes.iter().find(|p| p.text == text) {
        return Some(same.car);
    }
    let at = line["best_s"].as_f64().unwrap() as f32;
    let same = |p: &PassTruth| p.text.bytes().zip(text.bytes()).filter(|(a, b)| a == b).count();
    let there = |p: &&PassTruth| p.seen_s.is_some_and(|(a, b)| (a - 0.5..=b + 0.5).contains(&at));
    passes.iter().filter(there).max_by_key(|p| same(p)).map(|p| p.car)
}

/// Twenty passes are twenty lines, none twice, and at least eighteen texts are exact.
fn check(light: Light, fps: f32) {
    let dir = tempfile::tempdir().unwrap();
    let film = film(dir.path(), "film", Scenario::passes(20, light, fps, 11));
    let lines = lines(&film, &["--fps", &fps.to_string()]);
    let told: Vec<Option<usize>> = lines.iter().map(|l| told(l, &film.passes)).collect();
    let exact = film.passes.iter().filter(|p| lines.iter().any(|l| l["text"] == *p.text)).count();
    let said: Vec<String> = lines
        .iter()
        .zip(&told)
        .map(|(l, t)| {
            let truth = t.map(|t| film.passes[t].text.as_str());
            format!("{} {}-{} {} {truth:?}", l["text"], l["first_s"], l["last_s"], l["confidence"])
        })
        .collect();
    println!("{light:?} at {fps}: {} passes, {exact} exact {said:#?}", lines.len());
    let mut cars: Vec<usize> = told.into_iter().flatten().collect();
    cars.sort_unstable();
    assert_eq!(cars, (0..20).collect::<Vec<_>>(), "one line a vehicle");
    assert!(exact >= 18, "{exact} of 20 exact");
}

#[test]
fn by_day_at_5() {
    check(Light::Day, 5.0);
}

#[test]
#[ignore = "minutes of film: ./run test --deep"]
fn by_day_at_10_and_25() {
    check(Light::Day, 10.0);
    check(Light::Day, 25.0);
}

#[test]
#[ignore = "minutes of film: ./run test --deep"]
fn at_dusk_at_5_and_10() {
    check(Light::Dusk, 5.0);
    check(Light::Dusk, 10.0);
}

#[test]
#[ignore = "minutes of film: ./run test --deep"]
fn at_dusk_at_25() {
    check(Light::Dusk, 25.0);
}

/// `--frames` tells of every frame, `--crops` and `--annotate` leave a picture a pass.
#[test]
fn frames_and_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let film = film(dir.path(), "film", Scenario::passes(1, Light::Day, 5.0, 3));
    let [crops, drawn] = ["crops", "drawn"].map(|n| dir.path().join(n));
    let [c, d] = [&crops, &drawn].map(|p| p.display().to_string());
    let all = lines(&film, &["--frames", "--fps", "5", "--crops", &c, "--annotate", &d]);
    let frames = all.iter().filter(|l| l["frame"].is_u64()).count();
    let passes: Vec<&Value> = all.iter().filter(|l| l["track"].is_u64()).collect();
    assert!(frames >= 20 && passes.len() == 1, "{frames} {passes:?}");
    for folder in [&crops, &drawn] {
        let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap()).collect();
        assert_eq!(names.len(), 1, "{folder:?}");
        image::open(names[0].path()).unwrap();
    }
}
