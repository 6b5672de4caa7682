//! Drawings beside an answer: a map to scale and a timeline, as shapes that a template writes down.
//!
//! There is no base map: nothing is loaded from elsewhere. What a drawing shows stands in a list
//! beside it too.

/// Width of every drawing, in its own units; a phone shows them at nearly that size.
const WIDTH: f64 = 420.0;
const MARGIN: f64 = 34.0;
/// Metres in a degree of latitude.
const DEGREE: f64 = 111_320.0;
/// How many milliseconds an hour and a day have.
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A camera on the map.
#[derive(Clone, Debug)]
pub struct MapPlace {
    /// The camera's name.
    pub name: String,
    /// Degrees.
    pub lat: f64,
    /// Degrees.
    pub lon: f64,
}

/// One read, for both drawings.
pub(crate) struct Moment<'a> {
    pub(crate) camera: &'a str,
    pub(crate) at_ms: i64,
}

/// A circle of the map.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) name: String,
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) label_y: i64,
    /// How many reads; 0 is a camera that was asked and saw nothing.
    pub(crate) reads: usize,
}

impl Spot {
    /// Where its name begins: names near an edge are written towards the middle.
    pub(crate) fn anchor(&self) -> &'static str {
        match self.x {
            ..=70 => "start",
            350.. => "end",
            _ => "middle",
        }
    }
}

/// The map, ready to be written.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) height: i64,
    pub(crate) spots: Vec<Spot>,
    /// The way from read to read, in the order of time, as points of a line.
    pub(crate) way: String,
    pub(crate) bar: i64,
    pub(crate) bar_text: String,
}

/// A round length of about a quarter of the drawing.
fn round_length(metres: f64) -> f64 {
    let ten = 10_f64.powf(metres.max(1.0).log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|m| m * ten).find(|m| *m <= metres).unwrap_or(ten)
}

fn length_text(metres: f64) -> String {
    if metres >= 1000.0 { format!("{:.0} km", metres / 1000.0) } else { format!("{metres:.0} m") }
}

/// Draws the cameras to scale; `None` where no place is known.
pub(crate) fn map(places: &[MapPlace], reads: &[Moment<'_>]) -> Option<Map> {
    let known: Vec<&MapPlace> =
        places.iter().filter(|p| p.lat.abs() <= 90.0 && p.lon.abs() <= 180.0).collect();
    let first = known.first()?;
    let shrink = first.lat.to_radians().cos().max(0.01);
    // A city is small: one scale for the whole drawing.
    let metres =
        |p: &MapPlace| ((p.lon - first.lon) * DEGREE * shrink, (first.lat - p.lat) * DEGREE);
    let at: Vec<(f64, f64)> = known.iter().map(|p| metres(p)).collect();
    let least = |pick: fn(&(f64, f64)) -> f64| at.iter().map(pick).fold(f64::INFINITY, f64::min);
    let most = |pick: fn(&(f64, f64)) -> f64| at.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
    let (left, right, top, bottom) = (least(|p| p.0), most(|p| p.0), least(|p| p.1), most(|p| p.1));
    let room = WIDTH - 2.0 * MARGIN;
    let (wide, high) = ((right - left).max(1.0), (bottom - top).max(1.0));
    // Neither a line of cameras nor a single one may fill the sky.
    let scale = (room / wide).min(320.0 / high).min(1.0);
    let indent = MARGIN + (room - wide * scale) / 2.0;
    let height = (high * scale).max(60.0) + 2.0 * MARGIN + 46.0;
    let place =
        |(x, y): (f64, f64)| (indent + (x - left) * scale, MARGIN + 14.0 + (y - top) * scale);
    let seen = |name: &str| reads.iter().filter(|r| r.camera == name).count();
    let spots = known.iter().zip(&at).map(|(p, at)| {
        let (x, y) = place(*at);
        (p.name.clone(), x.round() as i64, y.round() as i64, seen(&p.name))
    });
    let mut spots: Vec<Spot> =
        spots.map(|(name, x, y, reads)| Spot { name, x, y, label_y: y - 17, reads }).collect();
    untangle(&mut spots);
    let mut ordered: Vec<&Moment<'_>> = reads.iter().collect();
    ordered.sort_by_key(|r| r.at_ms);
    let mut points: Vec<String> = ordered
        .iter()
        .filter_map(|r| spots.iter().find(|s| s.name == r.camera))
        .map(|s| format!("{},{}", s.x, s.y))
        .collect();
    points.dedup();
    let bar = round_length(room / 3.0 / scale);
    Some(Map {
        height: height.round() as i64,
        spots,
        way: points.join(" "),
        bar: (bar * scale).round() as i64,
        bar_text: length_text(bar),
    })
}

/// Moves names below their circle where they would lie over another name.
fn untangle(spots: &mut [Spot]) {
    for i in 0..spots.len() {
        let (before, rest) = spots.split_at_mut(i);
        let Some(spot) = rest.first_mut() else { continue };
        let near = |a: &Spot, y: i64| (a.x - spot.x).abs() < 90 && (a.label_y - y).abs() < 14;
        if before.iter().any(|a| near(a, spot.label_y)) {
            spot.label_y = spot.y + 26;
        }
    }
}

/// A line of the timeline: one camera.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    pub(crate) y: i64,
    pub(crate) marks: Vec<i64>,
}

/// A moment on the timeline's axis.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) x: i64,
    pub(crate) text: String,
}

/// The timeline, ready to be written.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub(crate) height: i64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) ticks: Vec<Tick>,
}

/// Month and day of a day since 1970, in the proleptic Gregorian calendar.
fn month_day(days: i64) -> (i64, i64) {
    // Days since 1 March of the year 0: leap days then end their years and come out by themselves.
    let z = days + 719_468;
    let of_era = z.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day)
}

fn tick_text(ms: i64, step: i64) -> String {
    let (month, day) = month_day(ms.div_euclid(DAY));
    let minute = ms.rem_euclid(DAY) / 60_000;
    if step >= DAY || minute == 0 {
        format!("{month:02}-{day:02}")
    } else {
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }
}

/// Milliseconds that the clocks are ahead of UTC at a moment; `ahead` has since when, the oldest first.
fn ahead_at(ahead: &[(i64, i64)], ms: i64) -> i64 {
    let now = ahead.iter().rev().find(|(since, _)| *since <= ms);
    now.or(ahead.first()).map_or(0, |(_, by)| *by)
}

/// Round moments in a time, each with its text, by clocks that are `ahead` of UTC.
fn ticks((from_ms, until_ms): (i64, i64), ahead: &[(i64, i64)]) -> Vec<(i64, String)> {
    const STEPS: [i64; 10] =
        [HOUR / 12, HOUR / 4, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
    let span = until_ms - from_ms;
    let step = STEPS.into_iter().find(|s| span / s <= 5).unwrap_or(span / 4 / DAY * DAY + DAY);
    let shown = |ms: i64| ms + ahead_at(ahead, ms);
    let start = shown(from_ms).div_euclid(step) * step;
    (1..=12)
        .map(|i| start + i * step)
        .map(|local| (local - ahead_at(ahead, local - ahead_at(ahead, from_ms)), local))
        // An hour that the clocks leave out has no tick.
        .filter(|(ms, local)| *ms > from_ms && *ms <= until_ms && shown(*ms) == *local)
        .map(|(ms, local)| (ms, tick_text(local, step)))
        .collect()
}

/// Draws when which camera saw something, by clocks that are `ahead` of UTC; `None` where nothing was seen or the time
/// is empty.
pub(crate) fn timeline(
    (from_ms, until_ms): (i64, i64),
    ahead: &[(i64, i64)],
    reads: &[Moment<'_>],
) -> Option<Timeline> {
    let span = until_ms.checked_sub(from_ms).filter(|s| *s > 0)?;
    let mut names: Vec<&str> = Vec::new();
    for read in reads {
        if !names.contains(&read.camera) {
            names.push(read.camera);
        }
    }
    (!names.is_empty()).then_some(())?;
    let room = WIDTH - 2.0 * MARGIN;
    let x = |ms: i64| {
        let share = (ms - from_ms).clamp(0, span) as f64 / span as f64;
        (MARGIN + share * room).round() as i64
    };
    let lanes: Vec<Lane> = names
        .iter()
        .zip(0_i64..)
        .map(|(name, i)| Lane {
            name: (*name).to_owned(),
            y: 30 + i * 44,
            marks: reads.iter().filter(|r| r.camera == *name).map(|r| x(r.at_ms)).collect(),
        })
        .collect();
    let ticks = ticks((from_ms, until_ms), ahead)
        .into_iter()
        .map(|(ms, text)| Tick { x: x(ms), text })
        .collect();
    Some(Timeline { height: 30 + 44 * lanes.len() as i64 + 26, lanes, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, lat: f64, lon: f64) -> MapPlace {
        MapPlace { name: name.into(), lat, lon }
    }

    #[test]
    fn a_map_is_to_scale() {
        let places =
            [place("a", 37.0, -122.0), place("b", 37.0, -122.01), place("c", 37.01, -122.0)];
        let map = map(&places, &[]).expect("places are known");
        let spot = |name: &str| map.spots.iter().find(|s| s.name == name).expect("drawn");
        let (wide, high) = (spot("a").x - spot("b").x, spot("a").y - spot("c").y);
        // A degree of longitude is cos 37° of a degree of latitude.
        assert!((wide as f64 / high as f64 - 0.7986).abs() < 0.01, "{wide} by {high}");
        assert_eq!(map.bar_text, "200 m");
        let metres = map.bar as f64 / wide as f64 * 0.01 * DEGREE * 0.7986;
        assert!((metres - 200.0).abs() < 5.0, "{metres}");
    }

    #[test]
    fn maps_of_little() {
        assert!(map(&[], &[]).is_none());
        assert!(map(&[place("x", f64::NAN, 0.0)], &[]).is_none());
        let one = map(&[place("one", 40.0, 8.0)], &[Moment { camera: "one", at_ms: 1 }]);
        assert_eq!(one.expect("drawn").spots[0].reads, 1);
    }

    #[test]
    fn ticks_are_round() {
        let check = |ahead: &[(i64, i64)], from: i64, until: i64, want: &str| {
            let reads = [Moment { camera: "a", at_ms: from }];
            let drawn = timeline((from, until), ahead, &reads).expect("drawn");
            let texts: Vec<_> = drawn.ticks.iter().map(|t| t.text.as_str()).collect();
            assert_eq!(texts.join(" "), want);
        };
        // 2026-11-23 08:20 UTC, which is 00:20 in Los Angeles.
        let start = 1_795_422_000_000;
        check(&[], start, start + HOUR, "08:30 08:45 09:00 09:15");
        check(&[], start, start + DAY, "12:00 18:00 11-24 06:00");
        check(&[], start, start + 30 * DAY, "11-26 12-03 12-10 12-17");
        let pacific = [(start, -8 * HOUR)];
        check(&pacific, start, start + HOUR, "00:30 00:45 01:00 01:15");
        check(&pacific, start, start + DAY, "06:00 12:00 18:00 11-24");
        // 2026-11-01 09:00 UTC: 02:00 is 01:00 once more there.
        let back = 1_793_523_600_000;
        let autumn = [(back - 3 * HOUR, -7 * HOUR), (back, -8 * HOUR)];
        check(&autumn, back - 3 * HOUR, back + 3 * HOUR, "11-01 03:00");
        // 2026-03-08 10:00 UTC: 02:00 is 03:00 at once.
        let on = 1_772_964_000_000;
        let spring = [(on - HOUR, -8 * HOUR), (on, -7 * HOUR)];
        check(&spring, on - HOUR / 2, on + HOUR / 2, "01:45 03:00 03:15 03:30");
        assert!(timeline((5, 5), &[], &[Moment { camera: "a", at_ms: 5 }]).is_none());
        assert_eq!(month_day(0), (1, 1));
        assert_eq!(month_day(19_782), (2, 29));
    }
}
