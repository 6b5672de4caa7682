//! The whole chain over a rendered street: one vehicle, one track, the right plate.

use base::Time;
use plate::Reason;
use std::collections::BTreeMap;
use testkit::street::{Light, PassTruth, Scenario, Street};
use vision::{Picture, Reader, ReaderOptions, Track, TrackOptions, Tracker};

/// Plates that never get wider than this may stay unread: a person would guess too.
const READABLE: f32 = 70.0;

/// A clip and its clock.
struct Clip {
    street: Street,
    start: Time,
    fps: f32,
}

impl Clip {
    fn new(scenario: Scenario) -> Self {
        Self { start: scenario.start, fps: scenario.fps, street: Street::new(scenario) }
    }

    /// Every track, in the order in which they ended.
    fn tracks(&self) -> Vec<Track> {
        let mut reader = Reader::new(ReaderOptions::default()).unwrap();
        let mut tracker = Tracker::new(TrackOptions::default());
        let mut out = Vec::new();
        for frame in 0..self.street.frames() {
            let picture = Picture::decode(self.street.jpeg(frame)).unwrap();
            let plates = reader.read(&picture).unwrap();
            let at = self.start.plus_millis((frame as f32 * 1000.0 / self.fps) as i64);
            out.extend(tracker.push(at, &picture, plates));
        }
        out.extend(tracker.finish());
        out
    }

    /// Which car a track is about: the one whose plate stands where the best look was. The truth
    /// leaves out plates that a nearer car's *box* covers, of which a part may be seen: then the text
    /// tells.
    fn car_of(&self, track: &Track) -> Option<usize> {
        let frame = (track.best.since(self.start) as f32 * self.fps / 1000.0).round() as usize;
        let middle = |c: &[[f32; 2]; 4]| [0, 1].map(|k| c.iter().map(|p| p[k]).sum::<f32>() / 4.0);
        let at = middle(&track.corners);
        let near = |c: &[[f32; 2]; 4], width: f32| {
            let m = middle(c);
            (m[0] - at[0]).hypot(m[1] - at[1]) < width / 2.0
        };
        let text = text(track);
        let here = self.street.plates(frame).into_iter().find(|p| near(&p.corners, p.width));
        here.map(|p| p.car).or_else(|| {
            let passes = self.street.truth().passes;
            passes.iter().find(|p| p.text == text).map(|p| p.car)
        })
    }
}

/// What was read; `?` where nothing was.
fn text(track: &Track) -> String {
    let read = track.read.as_ref();
    read.map_or("?".to_owned(), |r| r.odds.text().reveal(Reason::Matching).to_owned())
}

fn check(name: &str, scenario: Scenario) {
    let clip = Clip::new(scenario);
    let (mut by_car, mut strays): (BTreeMap<usize, Vec<String>>, Vec<String>) = Default::default();
    for track in clip.tracks() {
        let text = text(&track);
        let [first, last] = [track.first, track.last].map(|t| t.since(clip.start));
        let told = format!("{text} {} looks, {first}-{last} ms", track.frames);
        match clip.car_of(&track) {
            Some(car) => by_car.entry(car).or_default().push(told),
            None => strays.push(told),
        }
        assert!(track.first <= track.best && track.best <= track.last && track.jpeg.is_some());
    }
    let truth = clip.street.truth();
    let line = |p: &PassTruth| {
        let seen = by_car.get(&p.car);
        format!("{} {} {:.0} px: {:?}", p.car, p.text, p.widest, seen.unwrap_or(&Vec::new()))
    };
    let said: Vec<String> = truth.passes.iter().map(line).collect();
    println!("{name}: {said:#?} {strays:?}");
    for texts in by_car.values() {
        assert_eq!(texts.len(), 1, "{name}: two reads for one vehicle");
    }
    assert_eq!(strays.len(), 0, "{name}: reads where no plate is");
    let readable: Vec<_> = truth.passes.iter().filter(|p| p.widest >= READABLE).collect();
    let right = |p: &PassTruth| {
        by_car.get(&p.car).is_some_and(|t| t[0].starts_with(&format!("{} ", p.text)))
    };
    let n = readable.iter().filter(|p| right(p)).count();
    assert!(n * 10 >= readable.len() * 8, "{name}: {n} of {} read right", readable.len());
}

#[test]
fn the_demo_street() {
    check("demo", Scenario::named("demo", 8.0, 1).unwrap());
}

#[test]
fn dusk() {
    check("dusk", Scenario::traffic(6.0, Light::Dusk, 3));
}
