//! How one camera is aimed: what it must not see, what it shall read, its lanes and its heading.
//!
//! The settings lie in the camera's data folder as `aim.json`, written by the page on which a camera is
//! aimed; they hold no plate and no secret.

use base::{Error, Result};
use read::Direction;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vision::{Blob, Polygon, Quad, centre, width};

const FILE: &str = "aim.json";
/// More polygons of a kind are no sketch any more.
const MOST: usize = 16;
/// A plate that grew by so much came nearer; one that shrank so went away.
const GREW: f32 = 1.12;

/// One camera's settings. Points and polygons are fractions of the picture, from its top left corner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Parts that are black before anything looks at them: windows, gardens, pavements.
    pub masks: Vec<Polygon>,
    /// Parts in which plates are read; everywhere where there is none.
    pub regions: Vec<Polygon>,
    /// Lanes, the first one number 1.
    pub lanes: Vec<Polygon>,
    /// A line drawn along the way on which vehicles count as approaching; where absent, a plate that grows
    /// approaches.
    pub way: Option<[[f32; 2]; 2]>,
    /// Where the camera looks, in degrees from true north, clockwise.
    pub heading: Option<u16>,
    /// Where it hangs, as who aimed it found it: latitude and longitude in degrees (WGS 84). The city's
    /// register is what holds; it is told when the two are apart.
    pub place: Option<[f64; 2]>,
}

impl Settings {
    /// What the folder says; nothing where it says nothing.
    pub fn load(data: &Path) -> Result<Self> {
        let path = file(data);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => {
                let say = format!("{} cannot be read.", path.display());
                return Err(Error::unavailable(say).because(e));
            }
        };
        // Going on without its masks would show what must not be seen.
        let settings: Self = serde_json::from_slice(&bytes).map_err(|e| {
            Error::invalid(format!("{} is damaged; aim the camera anew.", path.display()))
                .because(e)
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// Keeps them.
    pub fn save(&self, data: &Path) -> Result<()> {
        self.check()?;
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("The settings cannot be written.").because(e))?;
        base::write_atomic(&file(data), &bytes)
    }

    /// Whether they make sense.
    pub fn check(&self) -> Result<()> {
        for polygons in [&self.masks, &self.regions, &self.lanes] {
            if polygons.len() > MOST {
                return Err(Error::invalid("At most 16 masks, regions and lanes each."));
            }
            polygons.iter().try_for_each(Polygon::check)?;
        }
        let inside = |v: &f32| (0.0..=1.0).contains(v);
        if self.way.as_ref().is_some_and(|w| !w.iter().flatten().all(inside) || w[0] == w[1]) {
            return Err(Error::invalid("The way is a line between two points of the picture."));
        }
        if self.place.is_some_and(|[lat, lon]| !(lat.abs() <= 90.0 && lon.abs() <= 180.0)) {
            return Err(Error::invalid(
                "A place is a latitude of -90 to 90 and a longitude of -180 to 180 degrees.",
            ));
        }
        if self.heading.is_some_and(|h| h > 359) {
            return Err(Error::invalid("The heading is 0 to 359 degrees from true north."));
        }
        Ok(())
    }

    /// Whether a plate here is read.
    pub(crate) fn wants(&self, at: [f32; 2]) -> bool {
        self.regions.is_empty() || self.regions.iter().any(|r| r.holds(at))
    }

    /// Whether a vehicle that moves here may bear a plate that is read: one on a lane outside the regions is nobody's
    /// miss. A plate is in the lower half of its vehicle, near the middle.
    pub(crate) fn wants_vehicle(&self, blob: &Blob) -> bool {
        let [left, top, right, bottom] = blob.at;
        let along = |down: f32| [(left + right) / 2.0, top + down * (bottom - top)];
        [0.5, 0.75, 1.0].into_iter().any(|down| self.wants(along(down)))
    }

    /// The lane that a point lies in.
    pub(crate) fn lane(&self, at: [f32; 2]) -> Option<u8> {
        let lane = self.lanes.iter().position(|lane| lane.holds(at))?;
        u8::try_from(lane + 1).ok()
    }

    /// Which way a plate went that was first and last seen so, in a picture so large.
    pub(crate) fn direction(&self, path: &[Quad; 2], size: [u32; 2]) -> Option<Direction> {
        let [from, to] = path.map(|q| fraction(centre(&q), size));
        let gone = [to[0] - from[0], to[1] - from[1]];
        if let Some([a, b]) = self.way {
            let along = gone[0] * (b[0] - a[0]) + gone[1] * (b[1] - a[1]);
            return match along {
                _ if gone[0].hypot(gone[1]) < 0.02 => None,
                along if along > 0.0 => Some(Direction::Approaching),
                _ => Some(Direction::Leaving),
            };
        }
        let grown = width(&path[1]) / width(&path[0]).max(1.0);
        if grown >= GREW {
            return Some(Direction::Approaching);
        }
        if grown <= 1.0 / GREW {
            return Some(Direction::Leaving);
        }
        match gone[0] {
            x if x > 0.1 => Some(Direction::Right),
            x if x < -0.1 => Some(Direction::Left),
            _ => None,
        }
    }

    /// Where a vehicle was heading that went so.
    pub(crate) fn heading_of(&self, direction: Option<Direction>) -> Option<u16> {
        let turn = match direction? {
            Direction::Leaving => 0,
            Direction::Right => 90,
            Direction::Approaching => 180,
            Direction::Left => 270,
        };
        Some((self.heading? + turn) % 360)
    }
}

/// A point of a picture so large, as fractions of it.
pub(crate) fn fraction(at: [f32; 2], size: [u32; 2]) -> [f32; 2] {
    [0, 1].map(|k| at[k] / size[k].max(1) as f32)
}

fn file(data: &Path) -> PathBuf {
    data.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(x: f32, y: f32, w: f32) -> Quad {
        [[x, y], [x + w, y], [x + w, y + w / 4.0], [x, y + w / 4.0]]
    }

    #[test]
    fn which_way_it_went() {
        use Direction::{Approaching, Leaving, Left, Right};
        let check =
            |settings: &Settings, from: Quad, to: Quad, want: Option<Direction>, heading| {
                let got = settings.direction(&[from, to], [1280, 720]);
                assert_eq!((got, settings.heading_of(got)), (want, heading));
            };
        let plain = Settings { heading: Some(300), ..Settings::default() };
        check(
            &plain,
            plate(600.0, 200.0, 50.0),
            plate(500.0, 500.0, 120.0),
            Some(Approaching),
            Some(120),
        );
        check(
            &plain,
            plate(500.0, 500.0, 120.0),
            plate(600.0, 200.0, 50.0),
            Some(Leaving),
            Some(300),
        );
        check(&plain, plate(100.0, 400.0, 90.0), plate(900.0, 400.0, 92.0), Some(Right), Some(30));
        check(&plain, plate(900.0, 400.0, 90.0), plate(100.0, 400.0, 92.0), Some(Left), Some(210));
        check(&plain, plate(600.0, 400.0, 90.0), plate(605.0, 400.0, 91.0), None, None);
        let drawn = Settings { way: Some([[0.9, 0.5], [0.1, 0.5]]), ..Settings::default() };
        check(
            &drawn,
            plate(900.0, 400.0, 90.0),
            plate(100.0, 400.0, 40.0),
            Some(Approaching),
            None,
        );
        check(&drawn, plate(100.0, 400.0, 40.0), plate(900.0, 400.0, 90.0), Some(Leaving), None);
    }

    #[test]
    fn a_vehicle_outside_the_regions_is_nobodys_miss() {
        let near = vec![[0.5, 0.4], [1.0, 0.4], [1.0, 1.0], [0.5, 1.0]];
        let lane = Settings { regions: vec![Polygon::new(near).unwrap()], ..Settings::default() };
        let check = |settings: &Settings, at: [f32; 4], want: bool| {
            assert_eq!(settings.wants_vehicle(&Blob { at, area: 0.05 }), want, "{at:?}");
        };
        check(&lane, [0.55, 0.3, 0.85, 0.8], true);
        // A lorry whose lower edge alone is within, and one on the lane beyond.
        check(&lane, [0.55, 0.0, 0.95, 0.45], true);
        check(&lane, [0.1, 0.3, 0.4, 0.8], false);
        check(&lane, [0.6, 0.1, 0.8, 0.3], false);
        check(&Settings::default(), [0.1, 0.3, 0.4, 0.8], true);
    }

    #[test]
    fn settings_are_kept_and_nonsense_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), Settings::default());
        let half = Polygon::new(vec![[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]).unwrap();
        let settings = Settings {
            masks: vec![half.clone()],
            lanes: vec![half.clone()],
            heading: Some(90),
            place: Some([38.5449, -121.7405]),
            ..Settings::default()
        };
        settings.save(dir.path()).unwrap();
        assert_eq!(Settings::load(dir.path()).unwrap(), settings);
        assert_eq!((settings.lane([0.2, 0.5]), settings.lane([0.7, 0.5])), (Some(1), None));
        for bad in [
            Settings { heading: Some(360), ..settings.clone() },
            Settings { place: Some([91.0, 0.0]), ..settings.clone() },
            Settings { place: Some([f64::NAN, 0.0]), ..settings.clone() },
            Settings { masks: vec![half; 17], ..settings.clone() },
            Settings { way: Some([[0.1, 0.1], [0.1, 0.1]]), ..settings },
        ] {
            assert!(bad.save(dir.path()).is_err());
        }
        std::fs::write(dir.path().join("aim.json"), r#"{"masks": [[[0, 0], [2, 0], [0, 1]]]}"#)
            .unwrap();
        assert!(Settings::load(dir.path()).is_err(), "a mask that is none");
    }
}
