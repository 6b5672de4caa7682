//! Counted passes against true ones, of a rendered street: what a camera says of how many vehicles went by.

use crate::Spool;
use crate::soak::{Line, one_car, session_of};
use crate::spool::Full;
use base::{Clock, ManualClock, Time};
use camera::{Frame, Image};
use plate::Odds;
use read::{OpenKey, Sighting};
use std::sync::Arc;
use std::time::Duration;
use testkit::street::{Light, Scenario, Street};
use vision::{Track, Voted};

const START: i64 = 1_795_420_800_000;

/// Prints what was read, what passed without a readable plate, and what is true.
fn check(light: Light, seed: u64) {
    let street = Street::new(Scenario::passes(50, light, 10.0, seed));
    let truth = street.truth();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::from_millis(START)));
    let mut line = Line::new(dir.path(), clock.clone());
    let city = OpenKey::generate();
    line.pipeline.lease(Some(session_of(&city, clock.now())), clock.now());
    for n in 0..street.frames() {
        clock.advance(100);
        let image = Image::Coded(street.jpeg(n));
        let number = n as u64 + 1;
        line.pipeline.frame(Frame { number, at: clock.now(), gap: false, image }, number);
    }
    line.pipeline.end(clock.now()).unwrap();
    let s = line.counts.summary(line.spool.len());
    let counted = s.sealed + s.unread + s.unsure + s.bare;
    let (wide, seen) = truth.passes.iter().fold((0, 0), |(wide, seen), pass| {
        (wide + usize::from(pass.widest >= 55.0), seen + usize::from(pass.seen_s.is_some()))
    });
    println!(
        "{light:?}: {} true passes ({seen} with a plate in view, {wide} of 55 px and more), counted {counted}: \
         {} read, {} with a plate that was not, {} unsure, {} without a plate",
        truth.passes.len(),
        s.sealed,
        s.unread,
        s.unsure,
        s.bare
    );
    let passes = truth.passes.len() as u64;
    assert!(counted.abs_diff(passes) * 10 <= passes, "{counted} of {passes}");
}

/// The frame of a car that comes in which its plate is widest.
fn nearest() -> Vec<u8> {
    let street =
        Street::new(Scenario { fps: 8.0, ..Scenario::empty(1.5, Light::Day, 3) }.with(one_car()));
    let width = |n: usize| street.plates(n).first().map_or(0.0, |plate| plate.width);
    let nearest = (0..street.frames()).max_by(|a, b| width(*a).total_cmp(&width(*b)));
    street.jpeg(nearest.unwrap())
}

/// A car stands in view while the lease is renewed, and the new one does not reach back to its best look.
#[test]
fn a_car_that_stands_through_a_renewal_is_read() {
    let jpeg = nearest();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::from_millis(START)));
    let (mut line, city) = (Line::new(dir.path(), clock.clone()), OpenKey::generate());
    // Every lease begins with this moment; a city's begins five minutes before.
    for lease in 0..3 {
        line.pipeline.lease(Some(session_of(&city, clock.now())), clock.now());
        for look in 1..=4 {
            clock.advance(600);
            let (image, number) = (Image::Coded(jpeg.clone()), lease * 4 + look);
            line.pipeline.frame(Frame { number, at: clock.now(), gap: false, image }, number);
        }
    }
    line.pipeline.end(clock.now()).unwrap();
    let s = line.counts.summary(line.spool.len());
    assert_eq!((s.sealed, s.lost), (1, 0), "{s:?}");
}

/// The stream dies while a car is in view.
#[test]
fn the_last_car_before_a_camera_goes_dark_is_told_meanwhile() {
    let jpeg = nearest();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::from_millis(START)));
    let (mut line, city) = (Line::new(dir.path(), clock.clone()), OpenKey::generate());
    line.pipeline.lease(Some(session_of(&city, clock.now())), clock.now());
    for number in 1..=4 {
        clock.advance(600);
        let image = Image::Coded(jpeg.clone());
        line.pipeline.frame(Frame { number, at: clock.now(), gap: false, image }, number);
    }
    let mut after = |ms: u64| {
        line.pipeline.idle(Duration::from_millis(ms));
        line.counts.summary(line.spool.len()).sealed
    };
    assert_eq!([after(50), after(900), after(6000), after(90_000)], [0, 0, 1, 1]);
    line.pipeline.end(clock.now()).unwrap();
    let s = line.counts.summary(line.spool.len());
    assert_eq!((s.sealed, s.lost), (1, 0), "{s:?}");
}

/// The disk takes nothing for a moment while a pass of another maker's reader goes on.
#[test]
fn a_draft_that_could_not_be_written_anew_becomes_no_second_read() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Time::from_millis(START)));
    let (line, city) = (Line::new(dir.path(), clock.clone()), OpenKey::generate());
    let session = session_of(&city, clock.now());
    let look = |ms: i64| {
        let best = Time::from_millis(START + ms);
        let track = Track {
            number: 0,
            first: Time::from_millis(START),
            last: best,
            best,
            corners: [[0.0; 2]; 4],
            frame_size: [640, 360],
            jpeg: None,
            jpeg_corners: [[0.0; 2]; 4],
            flat: None,
            read: None,
            frames: 1,
            path: [[[0.0; 2]; 4]; 2],
        };
        let odds = Odds::new("7ABC128".chars().map(|c| vec![(c, 0.9)]).collect()).unwrap();
        (track, Voted { odds, confidence: 0.7, region: None }, Sighting::default())
    };
    let mut draft = None;
    line.outlet.draft(&mut draft, &session, look(100)).unwrap();
    let [spool, away] = ["spool", "away"].map(|name| dir.path().join(name));
    std::fs::rename(&spool, &away).unwrap();
    // A file in its place: a folder that is missing would be made.
    std::fs::write(&spool, "").unwrap();
    assert!(line.outlet.draft(&mut draft, &session, look(200)).is_err());
    std::fs::remove_file(&spool).unwrap();
    std::fs::rename(&away, &spool).unwrap();
    line.outlet.finish(draft, Some(&session), look(300), Duration::ZERO, true).unwrap();
    let again = Spool::open(&spool, 1 << 30, Full::DropNew).unwrap().0;
    assert_eq!(again.len(), 1, "one pass is one read after a start too");
}

#[test]
#[ignore = "deep: renders two minutes of traffic"]
fn passes_are_counted_as_they_are_by_day() {
    check(Light::Day, 21);
}

#[test]
#[ignore = "deep: renders two minutes of traffic"]
fn passes_are_counted_as_they_are_at_dusk() {
    check(Light::Dusk, 24);
}
