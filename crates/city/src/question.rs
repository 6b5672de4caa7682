//! From what a person wrote to an [`Intent`]: plates, cameras, times and the case, checked.

use crate::config::case_fits;
use crate::{Area, Ask, City};
use base::{CameraId, Error, Result, Time};
use identity::Person;
use plate::{Pattern, Text, is_plate};
use policy::{AGENCIES, Facts, Intent, Scope, Vouch};
use read::Read;
use std::collections::BTreeSet;

/// The most plates in one question.
const PLATES: usize = 20;
/// By no more than this the log's times are cut down, in milliseconds.
const LOG_GRAIN_MS: i64 = 3_600_000;
/// Before the characters are compared, one found read in two is taken to be the plate.
const PRIOR: f64 = 0.5;

impl City {
    pub(crate) fn intent(&self, person: &Person, ask: Ask) -> Result<Intent> {
        let (plates, patterns) = plates(&ask.plates)?;
        if ask.from >= ask.until {
            return Err(Error::invalid("The question ends before it begins; give from and until."));
        }
        let cameras = self.cameras_of(&ask.cameras, ask.area.as_ref(), (ask.from, ask.until))?;
        if ask.emergency && ask.reveal_after.is_some() {
            return Err(Error::invalid(
                "A question for a life in danger is public at once; leave reveal_after out.",
            ));
        }
        let long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.chars().count() > 300);
        if long(&ask.reason) || long(&ask.on_behalf_of) || long(&ask.case) || long(&ask.paper) {
            return Err(Error::too_large(
                "Case, paper, reason and on_behalf_of have at most 300 characters.",
            ));
        }
        let id: [u8; 16] = base::random();
        Ok(Intent {
            id: format!("q_{}", base::hex(&id)),
            person: person.id.clone(),
            roles: person.roles.clone(),
            purpose: ask.purpose,
            case: ask.case.filter(|c| !c.trim().is_empty()),
            authority: ask.authority.unwrap_or_else(|| "none".into()),
            paper: ask.paper.map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()),
            emergency: ask.emergency,
            on_behalf_of: on_behalf_of(ask.on_behalf_of)?,
            // Where a life is in danger no word holds anybody up.
            reason: ask
                .reason
                .filter(|reason| ask.emergency || !self.config.reasons.is_vague(reason)),
            plates,
            patterns,
            look_alikes: ask.look_alikes,
            cameras,
            from: ask.from,
            until: ask.until,
            at: self.now(),
            reveal_after: self.reveal_after(ask.reveal_after)?,
            confirmed: None,
        })
    }

    /// The cameras that are named, each once and in that order, and stood in the area within some time. Where none is
    /// named, all that had not left the fleet before it: what a rule allows is not to be spent on those.
    pub(crate) fn cameras_of(
        &self,
        asked: &[CameraId],
        area: Option<&Area>,
        (from, until): (Time, Time),
    ) -> Result<Vec<CameraId>> {
        let all = self.store.cameras()?;
        if let Some(unknown) = asked.iter().find(|c| !all.iter().any(|row| row.id == **c)) {
            return Err(Error::not_found(format!("There is no camera {unknown} in this city.")));
        }
        if let Some(area) = area {
            area.check()?;
        }
        let mut cameras: Vec<CameraId> = if asked.is_empty() {
            let switches = self.switches();
            let there = |camera: &CameraId| {
                let left = switches.retired(camera);
                left.is_none_or(|left| left.plus_millis(LOG_GRAIN_MS) > from)
            };
            all.into_iter().map(|row| row.id).filter(there).collect()
        } else {
            let mut seen = BTreeSet::new();
            asked.iter().filter(|camera| seen.insert(*camera)).cloned().collect()
        };
        if let Some(area) = area {
            let places = self.camera_names()?;
            cameras.retain(|camera| places.was_in(area, camera, from, until));
            if cameras.is_empty() {
                return Err(Error::not_found(
                    "No such camera stands in this area; widen the radius.",
                ));
            }
        }
        Ok(cameras)
    }

    /// A case number of another form than this city's.
    pub(crate) fn case_form(&self) -> Error {
        Error::invalid(format!(
            "The case number does not have this city's form {} (# is a digit).",
            self.config.cases.format
        ))
    }

    pub(crate) fn facts(&self, intent: &Intent) -> Result<Facts> {
        let case = match &intent.case {
            None => Vouch::None,
            Some(case) if case_fits(&self.config.cases.format, case) => {
                let attested = self.case_is_open(case) == Some(true)
                    || self.second_person(case, &intent.person)?;
                if attested { Vouch::Attested } else { Vouch::Stated }
            }
            Some(_) => {
                return Err(self.case_form());
            }
        };
        let now = self.now();
        Ok(Facts {
            case,
            paper: self.vouch_paper(intent)?,
            asking_off: self.asking_off(),
            review_overdue: self.emergencies().overdue(now),
            now,
        })
    }
}

/// For whom is asked: a kind, and behind a colon the name.
fn on_behalf_of(asked: Option<String>) -> Result<Option<String>> {
    let asked = asked.map(|o| o.trim().to_owned()).filter(|o| !o.is_empty());
    if let Some(kind) = asked.as_deref().and_then(|o| o.split(':').next())
        && !AGENCIES.contains(&kind.trim())
    {
        return Err(Error::invalid(format!(
            "Say for whom you ask by kind, then by name: one of {}, as in \"county: Sheriff\".",
            AGENCIES.join(", ")
        )));
    }
    Ok(asked)
}

/// Plates of which every character is known, and those with unknown ones.
fn plates(written: &[String]) -> Result<(Vec<Text>, Vec<Pattern>)> {
    if written.is_empty() || written.len() > PLATES {
        return Err(Error::invalid(format!("Ask for 1 to {PLATES} plates at a time.")));
    }
    let (mut plates, mut patterns) = (Vec::new(), Vec::new());
    for one in written {
        let pattern = Pattern::parse(one).map_err(|e| {
            Error::invalid(
                "Write each plate with 1 to 12 letters and digits; ? is an unknown character, * any \
                 number of them.",
            )
            .because(e)
        })?;
        match pattern.exact() {
            Some(plate) => plates.push(plate),
            None => patterns.push(pattern),
        }
    }
    Ok((plates, patterns))
}

impl Area {
    fn check(&self) -> Result<()> {
        let inside = self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0;
        if inside && self.radius_m > 0.0 && self.radius_m <= 100_000.0 {
            return Ok(());
        }
        Err(Error::invalid(
            "An area is a latitude, a longitude and a radius of at most 100,000 metres.",
        ))
    }

    /// Whether a place in degrees lies in it.
    pub(crate) fn holds(&self, place: (f64, f64)) -> bool {
        metres((self.lat, self.lon), place) <= self.radius_m
    }
}

/// Metres between two places in degrees (haversine on a sphere of 6,371 km; right to half a per cent).
pub(crate) fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dlat, dlon) = ((b.0 - a.0).to_radians(), (b.1 - a.1).to_radians());
    let h = (dlat / 2.0).sin().powi(2)
        + a.0.to_radians().cos() * b.0.to_radians().cos() * (dlon / 2.0).sin().powi(2);
    2.0 * 6_371_000.0 * h.sqrt().min(1.0).asin()
}

/// P(this read is one of the plates that were asked for), 0 to 1.
pub(crate) fn likeness(intent: &Intent, read: &Read) -> f64 {
    let exact = intent.plates.iter().map(|plate| is_plate(&read.odds, plate, PRIOR));
    let pattern = intent.patterns.iter().map(|pattern| pattern.probability(&read.odds));
    exact.chain(pattern).fold(0.0, f64::max)
}

/// What was left of a question, in a sentence.
pub(crate) fn sentence(rule: &str, asked: &Intent, got: &Scope) -> String {
    let mut parts = Vec::new();
    if got.cameras.len() < asked.cameras.len() {
        parts.push(format!("{} of {} cameras", got.cameras.len(), asked.cameras.len()));
    }
    if got.from > asked.from || got.until < asked.until {
        parts.push(format!("the time from {} until {}", got.from, got.until));
    }
    format!("Rule {rule} narrowed the question to {}.", parts.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, person};
    use store::CameraRow;

    /// Cameras that had left the fleet use up nothing of what a rule allows, the asker's order decides what is left, and
    /// the answer says which cameras were asked where others were not.
    #[test]
    fn the_fleet_of_the_time_is_asked() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        let camera = |n: usize| -> CameraId { format!("cam_a{n:02}").parse().unwrap() };
        for n in 0..25 {
            let row = CameraRow {
                id: camera(n),
                name: "A".into(),
                lat: None,
                lon: None,
                device_key: None,
                off_since: None,
            };
            town.city.store.put_camera(&row).unwrap();
        }
        (0..10).for_each(|n| drop(town.city.retire_camera(&person(), &camera(n)).unwrap()));
        town.clock.advance(5 * 3_600_000);
        let ask = |cameras: Vec<CameraId>, hours_ago: i64| {
            let back = -hours_ago * 3_600_000;
            let ask = town.question("7ABC128");
            let (from, until) = (ask.from.plus_millis(back), ask.until.plus_millis(back));
            let answer = town.city.ask(&person(), Ask { cameras, from, until, ..ask }).unwrap();
            (answer.cameras, answer.narrowed)
        };
        // Fifteen of them and the town's own: the twenty that a rule allows are enough.
        assert_eq!(ask(Vec::new(), 0), (Vec::new(), None));
        // Before that, there were more than twenty.
        let (asked, narrowed) = ask(Vec::new(), 6);
        assert_eq!((asked.len(), &asked[0]), (20, &camera(0)));
        assert!(narrowed.unwrap().contains("20 of 26 cameras"));
        let named = vec![camera(24), camera(3), camera(24), camera(12)];
        assert_eq!(ask(named, 0).0, [camera(24), camera(3), camera(12)]);
        let (asked, narrowed) = ask((0..25).rev().map(camera).collect(), 0);
        assert_eq!((&asked[0], &asked[19]), (&camera(24), &camera(5)));
        assert!(narrowed.unwrap().contains("20 of 25 cameras"));
    }

    #[test]
    fn places_are_apart() {
        let springfield = (39.7817, -89.6501);
        assert_eq!(metres(springfield, springfield), 0.0);
        // A degree of latitude is 111.2 km; at 60° north a degree of longitude is half of that.
        assert!((metres((0.0, 0.0), (1.0, 0.0)) - 111_195.0).abs() < 10.0);
        assert!((metres((60.0, 179.5), (60.0, -179.5)) - 55_597.0).abs() < 60.0);
    }

    #[test]
    fn areas_are_checked() {
        let area = |lat, lon, radius_m| Area { lat, lon, radius_m };
        assert!(area(10.0, 20.0, 500.0).check().is_ok());
        for bad in [
            area(91.0, 0.0, 1.0),
            area(0.0, -181.0, 1.0),
            area(0.0, 0.0, 0.0),
            area(0.0, 0.0, f64::NAN),
            area(f64::NAN, 0.0, 1.0),
            area(0.0, 0.0, 1e6),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn agencies_have_a_kind() {
        let of = |text: &str| on_behalf_of(Some(text.into()));
        assert_eq!(of("county: Sheriff").unwrap().as_deref(), Some("county: Sheriff"));
        assert_eq!(of(" state ").unwrap().as_deref(), Some("state"));
        assert_eq!((of("  ").unwrap(), on_behalf_of(None).unwrap()), (None, None));
        assert!(of("Sheriff of the county").is_err() && of("7ABC128").is_err());
    }

    #[test]
    fn plates_and_patterns_are_told_apart() {
        let of = |w: &[&str]| plates(&w.iter().map(|s| (*s).into()).collect::<Vec<_>>());
        let (exact, open) = of(&["7abc 128", "7AB?12*"]).unwrap();
        assert_eq!((exact.len(), open.len()), (1, 1));
        assert!(of(&[]).is_err() && of(&["#"]).is_err() && of(&["A"; 21]).is_err());
    }
}
