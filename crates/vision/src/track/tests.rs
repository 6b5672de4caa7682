//! The tracker over frames that are written as text.

use super::*;
use ::plate::Reason;

/// Frames as lines of `text@x,y`; 100 ms apart; `-` is a frame without a plate, `?` behind a text
/// makes it hopeless, `~` unsure, `=` half sure.
/// Gives the passes as `text frames`.
fn check(frames: &[&str], want: &[&str]) {
    check_with(TrackOptions::default(), frames, want);
}

/// The tracks of such frames, as they ended.
fn followed(options: TrackOptions, frames: &[&str]) -> Vec<Track> {
    let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
    let mut tracker = Tracker::new(options);
    let mut ended = Vec::new();
    for (i, line) in frames.iter().enumerate() {
        let plates = line.split_whitespace().filter(|w| *w != "-").map(plate).collect();
        ended.extend(tracker.push(Time::from_millis(1000 + 100 * i as i64), &picture, plates));
    }
    ended.extend(tracker.finish());
    ended
}

fn check_with(options: TrackOptions, frames: &[&str], want: &[&str]) {
    let ended = followed(options, frames);
    let mut got: Vec<String> = ended.iter().map(|t| format!("{} {}", text(t), t.frames)).collect();
    got.sort();
    assert_eq!(got, want);
    assert!(ended.iter().all(|t| t.first <= t.best && t.best <= t.last));
}

fn text(track: &Track) -> String {
    let read = track.read.as_ref();
    read.map_or("?".to_owned(), |r| r.odds.text().reveal(Reason::Matching).to_owned())
}

fn plate(word: &str) -> Plate {
    let (text, place) = word.split_once('@').unwrap();
    let (x, y) = place.split_once(',').unwrap();
    let (x, y): (f32, f32) = (x.parse().unwrap(), y.parse().unwrap());
    let sure = [('~', 0.2), ('=', 0.7), ('?', 0.02)];
    let marked = sure.iter().find_map(|(mark, sure)| Some((text.strip_suffix(*mark)?, *sure)));
    let (text, confidence) = marked.unwrap_or((text, 0.8));
    Plate {
        odds: Odds::new(text.chars().map(|c| vec![(c, 0.9)]).collect()).unwrap(),
        confidence,
        corners: [[x, y], [x + 60.0, y], [x + 60.0, y + 20.0], [x, y + 20.0]],
        region: None,
        lines: 1,
        sharpness: 0.25,
    }
}

#[test]
fn one_vehicle_one_pass() {
    check(&["7ABC128@10,10", "7ABC128@40,14", "7ABC12B@75,20", "7ABC128@110,26"], &["7ABC128 4"]);
}

#[test]
fn hidden_for_a_moment_is_still_one() {
    check(&["AB123@10,10", "AB123@40,10", "-", "-", "AB123@130,10", "AB123@160,10"], &["AB123 4"]);
}

#[test]
fn two_side_by_side_stay_two() {
    check(
        &["AB123@10,10 XY987@200,10", "AB123@40,10 XY987@230,12", "XY987@260,14 AB123@70,10"],
        &["AB123 3", "XY987 3"],
    );
}

#[test]
fn a_misread_look_does_not_make_another_vehicle() {
    check(&["AB123@10,10", "AB123@40,10", "QI?@72,11", "AB123@100,10", "ZZ?@131,10"], &["AB123 5"]);
}

/// The edge of a plate that comes into the picture, and a car that turns up again for a moment far on.
#[test]
fn a_weak_piece_of_a_pass_is_no_second_one() {
    check(
        &["R2038~@2,10", "R2038~@4,10", "R2038~@6,10", "-", "-", "-", "-", "-", "-", "-", "-", "-"]
            .iter()
            .chain(&["-", "-", "ACR2038@300,200", "ACR2038@330,204", "ACR2038@360,208"])
            .copied()
            .collect::<Vec<_>>(),
        &["ACR2038 3"],
    );
    check(
        &["QR55@2,10", "QR55~@10,10", "-", "AB123@400,200", "AB123@430,204"],
        &["AB123 2", "QR55 2"],
    );
}

/// A car that was hidden for longer than its track waits, and was read poorly for a second when it was far away.
#[test]
fn the_far_end_of_a_pass_that_is_read_again_is_no_second_one() {
    let mut frames = vec!["ABC1234@10,10", "ABC1234@30,10", "ABC1234@50,10"];
    frames.extend(["-"; 22]);
    let far: Vec<String> = (0..14).map(|i| format!("ABC1734~@{},10", 400 + 4 * i)).collect();
    frames.extend(far.iter().map(String::as_str));
    check(&frames, &["ABC1234 3"]);
}

#[test]
fn a_sign_that_looks_like_a_plate_is_nothing() {
    check(&["II1?@10,10", "II1?@10,10", "I1?@10,10", "II1?@10,10", "II1?@11,10"], &[]);
}

#[test]
fn a_vehicle_whose_plate_nobody_can_read_is_a_pass() {
    check(&["II1?@10,10", "I1?@60,12", "IL1?@110,14", "I11?@160,16", "II1?@210,18"], &["? 5"]);
}

#[test]
fn the_far_end_of_a_pass_is_no_second_one() {
    let mut frames = vec!["I1?@10,10", "1I?@40,12", "II?@70,14", "LI?@100,16"];
    frames.extend(["-"; 12]); // lost for longer than a gap
    frames.extend(["AB123@490,40", "AB123@520,42", "AB123@550,44"]);
    check(&frames, &["AB123 3"]);
}

#[test]
fn a_car_that_stands_is_one_pass_whoever_walks_by() {
    let mut frames = vec!["AB123@300,100"; 60];
    frames.extend(["-"; 80]);
    frames.extend(["AB123@301,100"; 60]);
    check(&frames, &["AB123 120"]);
}

#[test]
fn the_next_car_in_the_same_place_is_another() {
    let mut frames = vec!["AB123@300,100"; 60];
    frames.extend(["-"; 30]);
    frames.extend(["XY987@301,100"; 60]);
    check(&frames, &["AB123 60", "XY987 60"]);
}

#[test]
fn a_pole_in_between_makes_no_second_car() {
    let mut frames = vec!["AB123@10,10", "AB123@30,10", "AB123@50,10"];
    frames.extend(["-"; 15]);
    frames.extend(["AB123@370,10", "AB123@390,10"]);
    check(&frames, &["AB123 5"]);
}

/// Behind a bus for longer than a track waits; and followed as two at a time, far from each other.
#[test]
fn the_same_plate_soon_after_is_the_same_pass() {
    let pass = |hidden: usize| {
        let mut frames: Vec<String> = (0..8).map(|i| format!("AB123@{},10", 10 + 20 * i)).collect();
        frames.extend(vec!["-".to_owned(); hidden]);
        frames.extend((0..8).map(|i| format!("AB123@{},40", 400 + 20 * i)));
        frames
    };
    let seen = |frames: &[String], want: &[&str]| {
        check(&frames.iter().map(String::as_str).collect::<Vec<_>>(), want);
    };
    seen(&pass(28), &["AB123 8"]);
    seen(&pass(120), &["AB123 8", "AB123 8"]);
    let mut other = pass(28);
    other.iter_mut().skip(30).for_each(|frame| *frame = frame.replace("AB123", "XY987"));
    seen(&other, &["AB123 8", "XY987 8"]);
}

#[test]
fn look_alikes_are_the_same_car() {
    let mut frames = vec!["F25SGG@10,10", "F25SGG@40,10", "F25SGG@70,10"];
    frames.extend(["-"; 4]);
    frames.extend(["F25S66@330,10", "F25S66@360,10"]);
    check(&frames, &["F25SGG 5"]);
}

#[test]
fn standing_makes_nothing_surer() {
    let sure = |steps: f32| {
        let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
        let mut tracker = Tracker::new(TrackOptions::default());
        for i in 0..20 {
            let mut seen = plate(&format!("AB123@{},100", 10.0 + steps * i as f32));
            seen.odds = Odds::new("AB123".chars().map(|c| vec![(c, 0.7)]).collect()).unwrap();
            tracker.push(Time::from_millis(1000 + 100 * i), &picture, vec![seen]);
        }
        tracker.finish()[0].read.as_ref().unwrap().confidence
    };
    assert!(sure(20.0) > sure(0.0) + 0.1, "{} {}", sure(20.0), sure(0.0));
}

#[test]
fn an_unsure_glimpse_is_no_read() {
    check(&["R2038~@10,10", "R2038~@12,10"], &[]);
    check(&["R2038~@10,10", "R2038~@30,10", "R2038~@50,10"], &["R2038 3"]);
}

/// A car stands in view while a lease is renewed that does not reach back to its best look.
#[test]
fn what_was_seen_best_before_a_moment_is_told_then() {
    let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
    let at = |i: i64| Time::from_millis(1000 + 100 * i);
    let standing = |word: &str| {
        let mut tracker = Tracker::new(TrackOptions::default());
        for i in 0..20 {
            assert!(tracker.push(at(i), &picture, vec![plate(word)]).is_empty());
        }
        tracker
    };
    let mut tracker = standing("AB123@10,10");
    assert!(tracker.tell_before(at(0)).is_empty(), "its best look is not before that");
    let told = tracker.tell_before(at(20));
    assert_eq!(told.iter().map(text).collect::<Vec<_>>(), ["AB123"]);
    assert!(told[0].best < at(20) && tracker.follows());
    assert!(tracker.tell_before(at(20)).is_empty(), "once");
    tracker.push(at(20), &picture, vec![plate("AB123@10,10")]);
    assert!(tracker.finish().is_empty(), "it is the same pass");
    // Not agreed on yet: it is told at its end, with a look of after that moment.
    let mut tracker = standing("AB123~@10,10");
    assert!(tracker.tell_before(at(20)).is_empty());
    tracker.push(at(20), &picture, vec![plate("AB123~@10,10")]);
    let ended = tracker.finish();
    assert_eq!(
        ended.iter().map(|t| (text(t), t.best)).collect::<Vec<_>>(),
        [("AB123".to_owned(), at(20))]
    );
}

/// Buses, taxis, police cars: consecutive plates, one behind the other, at a barrier or as they drive by.
#[test]
fn the_next_car_of_a_fleet_is_another() {
    let seen = |frames: &[String], want: &[&str]| {
        check(&frames.iter().map(String::as_str).collect::<Vec<_>>(), want);
    };
    let by = |word: &str| -> Vec<String> {
        (0..8).map(|i| format!("{word}@{},{}", 10 + 20 * i, 10 + 10 * i)).collect()
    };
    let stands = |word: &str| vec![format!("{word}@300,100"); 40];
    let empty = |frames: usize| vec!["-".to_owned(); frames];
    // The first one's track is open for two seconds more, and for twenty where it stood.
    seen(&[by("7ABC123"), empty(15), by("7ABC124")].concat(), &["7ABC123 8", "7ABC124 8"]);
    seen(
        &[stands("7ABC123"), empty(30), stands("7ABC124"), empty(30), stands("7ABC125")].concat(),
        &["7ABC123 40", "7ABC124 40", "7ABC125 40"],
    );
    // Far away the second is read poorly.
    let far = vec!["7ABC12~@10,10".to_owned(), "7ABC129~@14,10".to_owned()];
    seen(&[by("7ABC123"), empty(15), far, by("7ABC124")].concat(), &["7ABC123 8", "7ABC124 10"]);
    // And never surely.
    let half = by("7ABC124=");
    let first = ["7ABC124~@10,10".to_owned()];
    for next in [half.clone(), [&first[..], &half[1..]].concat()] {
        seen(&[by("7ABC123"), empty(15), next].concat(), &["7ABC123 8", "7ABC124 8"]);
    }
    // Where nothing but being alike speaks for the first one, three looks are enough.
    let few = [&first[..], &half[1..4]].concat();
    seen(&[by("7ABC123"), empty(15), few].concat(), &["7ABC123 8", "7ABC124 4"]);
}

/// A person stands before its plate for longer than a track waits; also where it rolled on meanwhile.
#[test]
fn a_car_that_stands_half_hidden_is_one_pass() {
    let stands = |then: &'static str| {
        let mut frames = vec!["7ABC123@300,100"; 40];
        frames.extend(["-"; 15]);
        frames.extend(vec![then; 250]);
        frames
    };
    // The looks of which it has the most.
    check(&stands("ABC123@300,100"), &["ABC123 290"]);
    check(&stands("ABC123@400,100"), &["7ABC123 40"]);
}

/// The end of its plate is an end of the one before as well, and it is hidden before more is seen.
#[test]
fn the_next_car_of_a_fleet_is_told_when_more_of_it_was_seen() {
    let by = |word: &str, from: usize, step: usize, y: usize, frames: usize| -> Vec<String> {
        (0..frames).map(|i| format!("{word}@{},{y}", from + step * i)).collect()
    };
    let empty = |frames: usize| vec!["-".to_owned(); frames];
    let frames = [
        by("7ABC123", 10, 20, 10, 8),
        empty(15),
        by("ABC123", 10, 20, 200, 6),
        empty(5),
        by("5ABC123", 230, 10, 200, 20),
    ];
    let options = TrackOptions { early_ms: Some(400), ..TrackOptions::default() };
    let frames = frames.concat();
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    check_with(options, &frames, &["5ABC123 26", "7ABC123 8"]);
}

/// The same, where it is one vehicle whose plate is misread when it turns up again.
#[test]
fn a_misread_look_after_a_gap_makes_no_other_vehicle() {
    let before = || vec!["7ABC123@10,10", "7ABC123@30,10", "7ABC123@50,10"];
    let hidden = vec!["-"; 15];
    for again in [
        ["7ABC124@370,10", "7ABC123@390,10", "7ABC123@410,10"],
        ["ABC123@370,10", "7ABC123@390,10", "7ABC123@410,10"],
        ["7ABC124~@370,10", "7ABC129~@390,10", "7ABC123@410,10"],
    ] {
        let frames = [before(), hidden.clone(), again.to_vec()].concat();
        let ended = followed(TrackOptions::default(), &frames);
        assert_eq!(ended.iter().map(text).collect::<Vec<_>>(), ["7ABC123"], "{again:?}");
    }
}

/// A car that stops before a barrier: the barrier waits for its read.
#[test]
fn a_car_that_waits_in_view_is_told_once_while_it_waits() {
    let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
    let told = |place: fn(i64) -> f32| {
        let early_ms = Some(400);
        let mut tracker = Tracker::new(TrackOptions { early_ms, ..TrackOptions::default() });
        let at = |i: i64| Time::from_millis(1000 + 100 * i);
        let mut told = Vec::new();
        for i in 0..60 {
            let seen = plate(&format!("AB123@{},100", place(i)));
            let tracks = tracker.push(at(i), &picture, vec![seen]);
            told.extend(tracks.iter().map(|track| (text(track), i)));
        }
        assert!(tracker.follows());
        told.extend(tracker.finish().iter().map(|track| (text(track), 60)));
        told
    };
    let waits = told(|i| 10.0 + 20.0 * i.min(10) as f32);
    assert!(matches!(&waits[..], [(said, 20..=40)] if said == "AB123"), "{waits:?}");
    // What stands there as long as anybody looks is told when it ends.
    assert_eq!(told(|_| 10.0), [("AB123".to_owned(), 60)]);
}

/// The camera's cable is cut while a car is in view.
#[test]
fn without_frames_a_track_ends_by_the_clock() {
    let picture = Picture::from_grey(640, 360, vec![90; 640 * 360]).unwrap();
    let mut tracker = Tracker::new(TrackOptions::default());
    let at = |ms: i64| Time::from_millis(1000 + ms);
    for i in 0..5 {
        let seen = plate(&format!("AB123@{},100", 10 + 20 * i));
        assert!(tracker.push(at(100 * i), &picture, vec![seen]).is_empty());
    }
    assert!(tracker.wait(at(1400)).is_empty());
    assert_eq!(tracker.wait(at(2500)).iter().map(text).collect::<Vec<_>>(), ["AB123"]);
    assert!(!tracker.follows() && tracker.finish().is_empty());
}

#[test]
fn one_glimpse_is_no_vehicle() {
    check(&["-", "AB123@10,10", "-"], &[]);
}

#[test]
fn the_next_car_is_another() {
    let mut frames = vec!["AB123@10,10", "AB123@20,10"];
    frames.extend(["-"; 12]);
    frames.extend(["XY987@10,10", "XY987@20,10"]);
    check(&frames, &["AB123 2", "XY987 2"]);
}
