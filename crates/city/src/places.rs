//! Where a camera stood at a moment, and what its place was called then.

use crate::{Area, City, PublicCamera};
use base::{CameraId, Result, Time};
use std::collections::BTreeMap;
use store::{CameraRow, PlaceRow};

/// A place of a camera, from a moment on.
#[derive(Clone, Debug)]
struct Place {
    since: Time,
    name: String,
    at: Option<(f64, f64)>,
}

/// Every camera's places, the oldest first; each has one at least.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<CameraId, Vec<Place>>);

impl City {
    /// Where each of these cameras stands now: latitude and longitude in degrees, where that was told.
    pub fn places_of(&self, cameras: &[PublicCamera]) -> Result<Vec<Option<(f64, f64)>>> {
        let (places, now) = (self.camera_names()?, self.now());
        Ok(cameras.iter().map(|camera| places.at(&camera.id, now)).collect())
    }

    /// Where cameras stand and stood.
    pub(crate) fn camera_names(&self) -> Result<Places> {
        Ok(Places::new(self.store.cameras()?, self.store.places()?))
    }
}

impl Places {
    fn new(cameras: Vec<CameraRow>, moves: Vec<PlaceRow>) -> Self {
        let mut places: BTreeMap<CameraId, Vec<Place>> = BTreeMap::new();
        for row in moves {
            let place = Place { since: row.since, name: row.name, at: row.lat.zip(row.lon) };
            places.entry(row.camera).or_default().push(place);
        }
        for row in cameras {
            let of_camera = places.entry(row.id).or_default();
            let at = row.lat.zip(row.lon);
            match of_camera.last_mut() {
                // A camera may have been renamed since it was moved.
                Some(last) => last.name = row.name,
                None => of_camera.push(Place { since: Time::from_millis(0), name: row.name, at }),
            }
        }
        Self(places)
    }

    fn place(&self, camera: &CameraId, at: Time) -> Option<&Place> {
        let places = self.0.get(camera)?;
        places.iter().rev().find(|place| place.since <= at).or(places.first())
    }

    /// What the camera's place was called at a moment; empty for a camera that is not known.
    pub fn name(&self, camera: &CameraId, at: Time) -> String {
        self.place(camera, at).map(|place| place.name.clone()).unwrap_or_default()
    }

    /// Latitude and longitude of the camera at a moment, where told.
    pub fn at(&self, camera: &CameraId, at: Time) -> Option<(f64, f64)> {
        self.place(camera, at)?.at
    }

    /// Whether a camera stood in an area at a moment.
    pub fn stood_in(&self, area: &Area, camera: &CameraId, at: Time) -> bool {
        self.at(camera, at).is_some_and(|place| area.holds(place))
    }

    /// Whether a camera stood in an area at any moment from one until before another.
    pub fn was_in(&self, area: &Area, camera: &CameraId, from: Time, until: Time) -> bool {
        let Some(places) = self.0.get(camera) else { return false };
        let ends = places.iter().skip(1).map(|next| Some(next.since)).chain([None]);
        places.iter().zip(ends).any(|(place, end)| {
            let meets = place.since < until && end.is_none_or(|end| from < end);
            meets && place.at.is_some_and(|place| area.holds(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_lasts_until_the_next() {
        let camera: CameraId = "cam_a".parse().unwrap();
        let at = |s: i64| Time::from_millis(s * 1000);
        let line = |since: i64, name: &str, lat: f64| PlaceRow {
            camera: camera.clone(),
            since: at(since),
            name: name.into(),
            lat: Some(lat),
            lon: Some(0.0),
        };
        let row = CameraRow {
            id: camera.clone(),
            name: "Oak renamed".into(),
            lat: Some(20.0),
            lon: Some(0.0),
            device_key: None,
            off_since: None,
        };
        let moves = vec![line(0, "Main", 10.0), line(100, "Oak", 20.0)];
        let moved = Places::new(vec![row.clone()], moves);
        let never = Places::new(vec![row], vec![]);
        let names = |places: &Places| [0, 99, 100, 500].map(|s| places.name(&camera, at(s)));
        assert_eq!(names(&moved), ["Main", "Main", "Oak renamed", "Oak renamed"]);
        assert_eq!(names(&never), ["Oak renamed"; 4]);
        let main = Area { lat: 10.0, lon: 0.0, radius_m: 500.0 };
        let was = |from: i64, until: i64| moved.was_in(&main, &camera, at(from), at(until));
        assert_eq!([was(0, 50), was(50, 200), was(99, 100)], [true; 3]);
        assert_eq!([was(100, 200), was(300, 400)], [false; 2]);
        assert!(moved.stood_in(&main, &camera, at(99)) && !moved.stood_in(&main, &camera, at(100)));
        assert_eq!(moved.name(&"cam_b".parse().unwrap(), at(0)), "");
    }
}
