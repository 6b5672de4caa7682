//! Counted passes against true ones, of a rendered street: what a camera says of how many vehicles went by.

use crate::soak::{Line, one_car, session_of};
use base::{Clock, ManualClock, Time};
use camera::{Frame, Image};
use read::OpenKey;
use std::sync::Arc;
use testkit::street::{Light, Scenario, Street};

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

/// A car stands in view while the lease is renewed, and the new one does not reach back to its best look.
#[test]
fn a_car_that_stands_through_a_renewal_is_read() {
    let street =
        Street::new(Scenario { fps: 8.0, ..Scenario::empty(1.5, Light::Day, 3) }.with(one_car()));
    let width = |n: usize| street.plates(n).first().map_or(0.0, |plate| plate.width);
    let nearest = (0..street.frames()).max_by(|a, b| width(*a).total_cmp(&width(*b)));
    let jpeg = street.jpeg(nearest.unwrap());
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
