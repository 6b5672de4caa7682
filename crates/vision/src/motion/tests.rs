//! Motion on pictures drawn here: a street of stripes and boxes that move over it.

use super::*;
use base::Time;

const T0: i64 = 1_795_420_800_000;

/// A street with things on it: boxes in pixels and their grey value.
fn street(light: f32, boxes: &[([i32; 4], u8)]) -> Picture {
    let (w, h) = (640i32, 360i32);
    let value = |x: i32, y: i32| {
        let on = boxes
            .iter()
            .rev()
            .find(|([x0, y0, x1, y1], _)| (*x0..*x1).contains(&x) && (*y0..*y1).contains(&y));
        let ground = if (x / 40 + y / 30) % 2 == 0 { 90.0 } else { 120.0 };
        on.map_or((ground * light).min(255.0) as u8, |(_, v)| *v)
    };
    let grey = (0..h).flat_map(|y| (0..w).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect();
    Picture::from_grey(w as usize, h as usize, grey).unwrap()
}

fn at(frame: i64) -> Time {
    Time::from_millis(T0 + frame * 100)
}

/// Twenty frames of nothing, then what `boxes` says; the count of passes without a plate.
fn passes(frames: i64, boxes: impl Fn(i64) -> Vec<([i32; 4], u8)>, plates: bool) -> usize {
    let (mut motion, mut vehicles) = (Motion::new(), Vehicles::new());
    let mut count = 0;
    for frame in 0..20 + frames + 20 {
        let here = if (20..20 + frames).contains(&frame) { boxes(frame - 20) } else { vec![] };
        let moving = motion.push(at(frame), &street(1.0, &here));
        let seen: Vec<[f32; 2]> = match plates {
            true => here
                .iter()
                .map(|(b, _)| [(b[0] + b[2]) as f32 / 1280.0, (b[1] + b[3]) as f32 / 720.0])
                .collect(),
            false => Vec::new(),
        };
        count += vehicles.push(at(frame), &moving.blobs, &seen);
    }
    count + vehicles.finish()
}

#[test]
fn what_passes_is_counted_once() {
    let car = |f: i64| vec![([f as i32 * 20 - 100, 150, f as i32 * 20, 230], 30)];
    assert_eq!(passes(40, car, false), 1);
    assert_eq!(passes(40, car, true), 0, "its plate was seen");
    let two = |f: i64| {
        let x = f as i32 * 20;
        vec![([x - 100, 60, x, 130], 30), ([600 - x, 220, 700 - x, 300], 220)]
    };
    assert_eq!(passes(40, two, false), 2);
    // Grows before the camera, as a car that comes.
    let comes = |f: i64| {
        let s = 12 + f as i32 * 3;
        vec![([320 - s, 120 - s / 2 + f as i32 * 3, 320 + s, 120 + s / 2 + f as i32 * 3], 20)]
    };
    assert_eq!(passes(40, comes, false), 1);
}

#[test]
fn what_is_no_vehicle_is_not_counted() {
    let bird = |f: i64| vec![([f as i32 * 20, 40, f as i32 * 20 + 12, 48], 10)];
    assert_eq!(passes(30, bird, false), 0);
    let flag = |f: i64| vec![([300 + (f % 2) as i32 * 4, 100, 400, 180], 10)];
    assert_eq!(passes(60, flag, false), 0);
}

#[test]
fn light_that_changes_everywhere_moves_nothing() {
    let mut motion = Motion::new();
    for frame in 0..60 {
        let light = if frame < 30 { 1.0 } else { 1.0 + 0.02 * (frame - 30) as f32 };
        let moving = motion.push(at(frame), &street(light, &[]));
        assert!(moving.blobs.is_empty(), "{frame}: {:?}", moving.blobs);
    }
}

#[test]
fn a_still_street_is_still_and_a_car_is_where_it_is() {
    let mut motion = Motion::new();
    for frame in 0..20 {
        assert!(motion.push(at(frame), &street(1.0, &[])).blobs.is_empty());
    }
    let moving = motion.push(at(20), &street(1.0, &[([320, 180, 448, 270], 10)]));
    assert_eq!(moving.blobs.len(), 1);
    let [x0, y0, x1, y1] = moving.blobs[0].at;
    for (got, want) in [(x0, 0.5), (y0, 0.5), (x1, 0.7), (y1, 0.75)] {
        assert!((got - want).abs() < 0.02, "{:?}", moving.blobs[0]);
    }
}

#[test]
fn what_is_wrong_with_a_camera_is_told_after_a_while_and_not_before() {
    let check = |name: &str, picture: &dyn Fn() -> Picture, wrong: &dyn Fn(&Scene) -> bool| {
        let mut motion = Motion::new();
        let mut last = Scene::default();
        let at = |half_seconds: i64| Time::from_millis(T0 + half_seconds * 500);
        for frame in 0..120 {
            last = motion.push(at(frame), &street(1.0, &[])).scene;
        }
        let any = last.blocked || last.blurred || last.dark || last.glaring || last.moved;
        assert!(!any, "{name}: well before, {last:?}");
        for frame in 120..150 {
            assert!(!wrong(&motion.push(at(frame), &picture()).scene), "{name}: too soon");
        }
        for frame in 150..390 {
            last = motion.push(at(frame), &picture()).scene;
        }
        assert!(wrong(&last), "{name}: {last:?}");
    };
    let grey = |v: u8| Picture::from_grey(640, 360, vec![v; 640 * 360]).unwrap();
    check("a bag over it", &|| grey(70), &|s| s.blocked);
    check("night without a lamp", &|| street(0.1, &[]), &|s| s.dark);
    check("the sun", &|| street(1.0, &[([0, 0, 640, 200], 255)]), &|s| s.glaring);
    let soft = || {
        let value = |x: i32, y: i32| {
            let wave = ((x as f32 / 40.0).sin() * (y as f32 / 30.0).sin() + 1.0) / 2.0;
            (100.0 + 10.0 * wave + x as f32 / 20.0) as u8
        };
        let pixels = (0..360).flat_map(|y| (0..640).map(move |x| (x, y)));
        Picture::from_grey(640, 360, pixels.map(|(x, y)| value(x, y)).collect()).unwrap()
    };
    check("out of focus", &soft, &|s| s.blurred);
    check("turned away", &|| street(1.0, &garden()), &|s| s.moved);
}

/// What stands where the camera should not look.
fn garden() -> Vec<([i32; 4], u8)> {
    let house = |i: i32| {
        let (x, y) = (i % 11 * 61 - 13, i / 11 * 53 - 9);
        ([x, y, x + 61, y + 53], 40 + (i * 37 % 150) as u8)
    };
    (0..88).map(house).collect()
}

/// Unplugged, hung anew, and it looks into a garden: that it was dark in between makes the garden no usual sight.
#[test]
fn a_camera_turned_while_nobody_looked_is_told_too() {
    let at = |half_seconds: i64| Time::from_millis(T0 + half_seconds * 500);
    let garden = garden();
    let moved = |motion: &mut Motion, boxes: &[([i32; 4], u8)], from: i64| {
        (from..from + 120).fold(false, |_, i| motion.push(at(i), &street(1.0, boxes)).scene.moved)
    };
    let mut motion = Motion::new();
    assert!(!moved(&mut motion, &[], 0));
    motion.begin_anew();
    assert!(!moved(&mut motion, &[], 1000), "it looks where it did");
    motion.begin_anew();
    assert!(moved(&mut motion, &garden, 2000));
    assert!(!moved(&mut Motion::new(), &garden, 3000), "aimed there");
}
