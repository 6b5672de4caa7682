//! What an aimed camera says of a pass, and what it must not see: whole runs whose folder holds `aim.json`.

use crate::city::City;
use crate::run::{Edge, scenario};
use read::{Direction, Read};
use std::path::Path;
use testkit::street::{Street, Truth};

fn truth() -> (Truth, [f32; 2]) {
    let scenario = scenario();
    let size = [scenario.width as f32, scenario.height as f32];
    (Street::new(scenario).truth(), size)
}

/// The reads of a run under these settings, with their pictures.
fn reads_with(aim: &str) -> Vec<(Read, image::GrayImage)> {
    let (city, data) = (City::start(), tempfile::tempdir().unwrap());
    let folder: &Path = data.path();
    std::fs::write(folder.join("aim.json"), aim).unwrap();
    let ended = Edge::new(&city, folder).run().unwrap();
    assert_eq!((ended.summary.lost, ended.summary.frames), (0, 12));
    city.seen(|seen| {
        let key = seen.lease.clone().unwrap().capture_key;
        let open = |signed: &read::SignedRead| {
            let (read, picture) = signed.verify(&key).unwrap();
            let picture = image::load_from_memory(picture.unwrap()).unwrap().to_luma8();
            (read.clone(), picture)
        };
        seen.reads.iter().map(open).collect()
    })
}

#[test]
fn a_pass_says_where_it_went_and_when() {
    let whole = "[[0,0],[1,0],[1,1],[0,1]]";
    let reads = reads_with(&format!(
        r#"{{"lanes": [[[0,0],[0.01,0],[0.01,0.01]], {whole}], "heading": 90, "place": [38.5, -121.7]}}"#
    ));
    assert!(!reads.is_empty());
    for (read, picture) in &reads {
        let seen = read.sighting.clone();
        assert_eq!((seen.direction, seen.lane), (Some(Direction::Approaching), Some(2)));
        // It comes towards a camera that looks east.
        assert_eq!(seen.heading, Some(270));
        assert!(seen.frame.is_some_and(|n| (1..=12).contains(&n)), "{:?}", seen.frame);
        assert!(seen.clock_offset_ms.is_some_and(|ms| ms.abs() < 5000), "the same machine");
        assert!(read.frames > 1 && read.last > read.first, "{read:?}");
        let corners = seen.picture_corners.unwrap();
        let inside = |[x, y]: [i32; 2]| {
            (0..picture.width() as i32).contains(&x) && (0..picture.height() as i32).contains(&y)
        };
        assert!(corners.iter().all(|c| inside(*c)), "{corners:?}");
    }
}

/// A mask beside the plate's way is black in what leaves the camera; the same pixels are not without it.
#[test]
fn what_is_masked_is_black_in_every_picture() {
    let (truth, [wide, _]) = truth();
    let plates = || truth.frames.iter().flat_map(|f| &f.plates).flat_map(|p| p.corners);
    let left = plates().map(|c| c[0]).fold(f32::INFINITY, f32::min) - 24.0;
    let share = left / wide;
    assert!(share > 0.05, "there is something beside the plate: {share}");
    let mask = format!(r#"{{"masks": [[[0,0],[{share},0],[{share},1],[0,1]]]}}"#);
    let mut masked = 0;
    for (aim, black) in [(mask.as_str(), true), ("{}", false)] {
        let reads = reads_with(aim);
        assert!(!reads.is_empty());
        for (read, picture) in &reads {
            // The picture lies in the frame as its plate does.
            let seen = read.sighting.clone();
            let corners = seen.picture_corners.unwrap();
            let frame = usize::try_from(seen.frame.unwrap()).unwrap();
            let plate = &truth.frames[frame - 1].plates[0];
            let scale = (corners[1][0] - corners[0][0]) as f32
                / (plate.corners[1][0] - plate.corners[0][0]);
            let edge = corners[0][0] as f32 + (left - plate.corners[0][0]) * scale;
            // The coding and the finding of corners are right to some pixels.
            let columns = (edge - 12.0).max(0.0) as u32;
            masked += columns;
            let columns = (0..columns.min(picture.width()))
                .flat_map(|x| (0..picture.height()).map(move |y| (x, y)));
            let light = columns.map(|(x, y)| picture.get_pixel(x, y).0[0]).max();
            if let Some(light) = light {
                assert_eq!(light < 40, black, "{light} at the left of {edge}");
            }
        }
    }
    assert!(masked > 0, "the mask reaches into a picture");
}

#[test]
fn outside_the_regions_nothing_is_read() {
    let (truth, [_, high]) = truth();
    let plates = || truth.frames.iter().flat_map(|f| &f.plates).flat_map(|p| p.corners);
    let above = (plates().map(|c| c[1]).fold(f32::INFINITY, f32::min) - 20.0) / high;
    let here = |low: f32, high: f32| {
        format!(r#"{{"regions": [[[0,{low}],[1,{low}],[1,{high}],[0,{high}]]]}}"#)
    };
    assert!(reads_with(&here(0.0, above)).is_empty(), "plates pass below {above}");
    assert!(!reads_with(&here(above, 1.0)).is_empty());
}
