//! Where reading stops, and what to do about it: a camera's health as sentences, in the order in which a
//! frame becomes a read. Pure: numbers in, findings out.

use crate::health::{Hour, Report, Spread};
use read::{Held, Without};
use serde::Serialize;

/// Plates need so many pixels across for most to be read; far fewer are lost.
const WIDTH_GOOD: f32 = 80.0;
const WIDTH_LEAST: f32 = 55.0;
/// Below this a plate is smeared or out of focus.
const SHARP_LEAST: f32 = 0.14;
/// Seen from further aside than this, in degrees, characters run together: 30 to the side and 30 from above.
const ANGLE_MOST: f32 = 45.0;
/// Reads of which so few are sure have another fault: angle, dirt, a font it does not know.
const SURE_LEAST: f32 = 0.5;
/// A lease is refused at five minutes; what is off by more than this spoils times.
const CLOCK_MS: i64 = 2000;

/// A step on the way from a frame to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The city lets it capture.
    Lease,
    /// Frames come.
    Frames,
    /// The picture shows something.
    Picture,
    /// Vehicles pass.
    Vehicles,
    /// Plates are found.
    Plates,
    /// They are large enough.
    Size,
    /// They are sharp enough.
    Sharpness,
    /// They are seen from the front.
    Angle,
    /// They are read surely.
    Odds,
    /// A camera that keeps hits alone has the lists of today.
    Lists,
    /// Reads reach the city.
    Delivery,
    /// The clock is right.
    Clock,
}

/// What was found at a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The step.
    pub stage: Stage,
    /// Whether it is all right.
    pub good: bool,
    /// What is so, and what to do about it.
    pub say: String,
}

/// What the doctor is told besides a camera's health.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The state of its lease: `leased`, `off`, `expired`, `no-lease`.
    pub lease: String,
    /// What the city or the line said last, where that was bad.
    pub trouble: Option<String>,
    /// Sealed reads that wait.
    pub waiting: u64,
    /// Reads that were lost because none could be kept.
    pub lost: u64,
    /// Reads that the city refused for good.
    pub refused: u64,
    /// What a camera that keeps hits alone compares with.
    pub watch: Option<Held>,
}

/// Every step with what was found there; the first bad one is where reading stops.
pub fn examine(report: &Report, line: &Line) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut find = |stage, good: bool, say: String| out.push(Finding { stage, good, say });
    let leased = line.lease == "leased";
    find(Stage::Lease, leased, lease(line));
    let frames = report.source.live && report.fps > 0.5;
    find(Stage::Frames, frames, source(report, leased));
    if frames {
        let (good, say) = picture(report);
        find(Stage::Picture, good, say);
        find(Stage::Vehicles, report.last_motion.is_some(), vehicles(report));
        if report.last_motion.is_some() {
            plates(report, &mut find);
        }
    }
    if let Some(held) = &line.watch {
        find(Stage::Lists, held.made.is_some(), lists(held));
    }
    let delivered = line.trouble.is_none() && line.lost == 0 && line.refused == 0;
    find(Stage::Delivery, delivered, delivery(line));
    if report.clock_kept == Some(false) {
        let say =
            "Nothing keeps this machine's clock right; switch NTP on (timedatectl set-ntp true).";
        find(Stage::Clock, false, say.into());
    } else if let Some(ms) = report.clock_offset_ms {
        let say = match ms.abs() <= CLOCK_MS {
            true => format!("The clock is within {} ms of the city's.", ms.abs()),
            false => format!("The clock is {ms} ms off the city's; set it by NTP."),
        };
        find(Stage::Clock, ms.abs() <= CLOCK_MS, say);
    }
    out
}

fn lease(line: &Line) -> String {
    match line.lease.as_str() {
        "leased" => "The city lets this camera capture.".into(),
        "off" => "The city has switched this camera off; nothing is captured.".into(),
        _ => match &line.trouble {
            Some(trouble) => format!("There is no lease, so nothing is captured: {trouble}"),
            None => "There is no lease yet, so nothing is captured.".into(),
        },
    }
}

fn source(report: &Report, leased: bool) -> String {
    match (&report.source.fault, leased) {
        (_, false) => "No frame is taken without a lease.".into(),
        (Some(fault), true) => fault.clone(),
        (None, true) if report.fps > 0.5 => format!(
            "{:.1} frames a second come; {} were dropped because this machine was busy.",
            report.fps, report.source.dropped
        ),
        (None, true) => {
            "No frames come; look at the camera's address, its power and the network.".into()
        }
    }
}

fn picture(report: &Report) -> (bool, String) {
    let s = &report.scene;
    let wrong = [
        (
            s.blocked,
            "Something covers the lens, or it is pitch dark; clean it and look at the cable of its lamp.",
        ),
        (s.moved, "The camera looks elsewhere than it did; aim it again."),
        (
            s.dark,
            "The picture is too dark for plates; switch the infrared lamp on or open the shutter longer.",
        ),
        (s.glaring, "A low sun or a lamp blinds the camera; shade it or turn it a little."),
        (s.blurred, "The picture is blurred; focus the camera and clean its window."),
    ];
    match wrong.iter().find(|(so, _)| *so) {
        Some((_, say)) => (false, (*say).into()),
        None => {
            (true, format!("The picture is clear, its mean brightness {:.0} of 255.", s.brightness))
        }
    }
}

fn vehicles(report: &Report) -> String {
    match report.last_motion {
        Some(at) => format!("Something last moved at {at}."),
        None => {
            "Nothing has moved before this camera since it was started; does it look at the road?"
                .into()
        }
    }
}

fn plates(report: &Report, find: &mut impl FnMut(Stage, bool, String)) {
    let [read, unread] = report.passes;
    let Some(width) = report.width else {
        let say = match unread {
            0 => "No plate has been found yet; wait for a car, or aim lower and zoom in.",
            _ => {
                "Vehicles pass and no plate is found: aim at where plates are, zoom in until one is 80 pixels wide, and look from less than 30 degrees to the side."
            }
        };
        return find(Stage::Plates, unread == 0, say.into());
    };
    find(Stage::Plates, true, format!("{read} passes were read, {unread} were not, in two hours."));
    // Looks from far away are among them: what is read in the end is read.
    if width.p50 < WIDTH_LEAST && read >= 10 && read >= 9 * unread {
        let say = format!(
            "Plates are {:.0} px wide at most looks, and are read all the same.",
            width.p50
        );
        find(Stage::Size, true, say);
    } else {
        find(Stage::Size, width.p50 >= WIDTH_LEAST, size(width.p50));
    }
    if let Some(sharp) = report.sharpness {
        let good = sharp.p50 >= SHARP_LEAST;
        let say = match good {
            true => "Plates are sharp.",
            false => {
                "Plates are smeared or out of focus: a shutter of 1/1000 s by day and 1/500 s at night, and focus on the plates' distance."
            }
        };
        find(Stage::Sharpness, good, say.into());
    }
    if let Some(angle) = report.angle {
        find(Stage::Angle, angle.p50 <= ANGLE_MOST, aside(angle.p50));
    }
    if let Some(sure) = report.confidence {
        let good = sure.p50 >= SURE_LEAST;
        let say = match good {
            true => format!("Half of the looks are surer than {:.0} %.", sure.p50 * 100.0),
            false => format!(
                "Half of the looks are less sure than {:.0} %: look less from the side, or clean the window.",
                sure.p50 * 100.0
            ),
        };
        find(Stage::Odds, good, say);
    }
}

fn aside(p50: f32) -> String {
    match p50 <= ANGLE_MOST {
        true => {
            format!("Plates are seen {p50:.0}° from the front; up to {ANGLE_MOST:.0}° is good.")
        }
        false => format!(
            "Plates are seen {p50:.0}° from the front; hang the camera lower or nearer to the lane, or zoom in further away: {ANGLE_MOST:.0}° or less."
        ),
    }
}

fn size(p50: f32) -> String {
    match p50 {
        w if w >= WIDTH_GOOD => format!("Plates are {w:.0} px wide; that is enough."),
        w if w >= WIDTH_LEAST => {
            format!("Plates are {w:.0} px wide; many are read. Zoom in a little: 80 px or more.")
        }
        w => format!("Plates are {w:.0} px wide; move closer or zoom: 80 px or more."),
    }
}

fn lists(held: &Held) -> String {
    match (held.made, held.without) {
        (Some(made), _) => format!(
            "Only what is on a list is kept: {} tokens of {made}, asked for every minute.",
            held.tokens
        ),
        (None, Without::Nothing) => {
            "Only what is on a list is kept, and the list of today is not here: no read is kept until the city gives it."
                .into()
        }
        (None, Without::All) => {
            "Only what is on a list should be kept, and the list of today is not here: every read is kept until the city gives it."
                .into()
        }
    }
}

fn delivery(line: &Line) -> String {
    match (&line.trouble, line.waiting, line.lost) {
        (_, _, 1..) => format!(
            "{} reads were lost because the spool was full, the disk changed them or no lease covered them.",
            line.lost
        ),
        (Some(trouble), n, _) => format!("{n} reads wait, sealed: {trouble}"),
        _ if line.refused > 0 => format!(
            "{} reads were refused by the city and are lost; its journal says why.",
            line.refused
        ),
        (None, 0, _) => "Every read has reached the city.".into(),
        (None, n, _) => format!("{n} reads are on their way."),
    }
}

/// What a camera is good enough for in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Finding stolen cars: nearly every plate read, and surely.
    Theft,
    /// Parking: most plates read; a second look is possible.
    Parking,
    /// Counting vehicles.
    Counts,
    /// Nothing: too few frames, too dark, or nothing passed.
    Nothing,
}

/// An hour of a survey.
#[derive(Clone, Debug, Serialize)]
pub struct Surveyed {
    /// When it began, milliseconds since 1970.
    pub from: i64,
    /// What it is good for.
    pub fit: Fit,
    /// Passes.
    pub passes: u64,
    /// Share of them that was read.
    pub share: Option<f32>,
    /// Widths of plates.
    pub width: Option<Spread>,
    /// Sharpness.
    pub sharpness: Option<Spread>,
    /// How far from the front plates are seen, in degrees.
    pub angle: Option<Spread>,
    /// Mean grey value.
    pub light: f32,
    /// What would make it better.
    pub advice: Option<String>,
}

/// What an hour was good for, and what would make it better.
pub fn survey(hour: &Hour) -> Surveyed {
    let (share, width, sharp) = (hour.share(), hour.width(), hour.sharp());
    let passes = hour.read + hour.unread;
    let wide = width.map_or(0.0, |w| w.p50);
    let fit = match share {
        _ if passes == 0 || hour.frames < 360 => Fit::Nothing,
        Some(s) if s >= 0.9 && wide >= WIDTH_LEAST => Fit::Theft,
        Some(s) if s >= 0.75 => Fit::Parking,
        _ => Fit::Counts,
    };
    Surveyed {
        from: hour.from,
        fit,
        passes,
        share,
        width,
        sharpness: sharp,
        angle: hour.aside(),
        light: hour.light(),
        advice: (fit != Fit::Theft).then(|| advice(hour, wide, sharp)).flatten(),
    }
}

fn advice(hour: &Hour, wide: f32, sharp: Option<Spread>) -> Option<String> {
    let frames = hour.frames.max(1);
    let say = if hour.frames < 360 {
        "too few frames came; look at the camera and the network"
    } else if hour.dark * 2 > frames {
        "too dark: infrared lamp and night profile, gain up to 24 dB, shutter 1/500 s"
    } else if hour.glaring * 4 > frames {
        "blinded: shade the camera, turn it from the sun, close the iris by a step"
    } else if hour.read + hour.unread == 0 {
        "nothing passed"
    } else if sharp.is_some_and(|s| s.p50 < SHARP_LEAST) {
        "smeared: shutter 1/1000 s by day, 1/500 s at night"
    } else if hour.aside().is_some_and(|a| a.p50 > ANGLE_MOST) {
        "seen too far from aside: hang the camera nearer to the way that cars go"
    } else if wide > 0.0 && wide < WIDTH_GOOD {
        "plates are small: zoom until they are 80 px wide"
    } else if wide == 0.0 {
        "no plate was found: aim at the plates"
    } else {
        return None;
    };
    Some(say.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use camera::SourceState;
    use vision::Scene;

    fn spread(p50: f32) -> Option<Spread> {
        Some(Spread { p10: p50 * 0.8, p50, p90: p50 * 1.2 })
    }

    fn well() -> (Report, Line) {
        let at = Some(Time::from_millis(1_795_420_800_000));
        let report = Report {
            source: SourceState { live: true, frames: 900, ..SourceState::default() },
            fps: 9.8,
            scene: Scene { brightness: 110.0, contrast: 40.0, ..Scene::default() },
            moving: true,
            last_motion: at,
            last_plate: at,
            last_read: at,
            passes: [95, 5],
            width: spread(96.0),
            sharpness: spread(0.3),
            confidence: spread(0.97),
            angle: spread(24.0),
            clock_offset_ms: Some(40),
            clock_kept: Some(true),
        };
        (report, Line { lease: "leased".into(), ..Line::default() })
    }

    /// The first thing that is wrong, and words of its sentence.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Report, &mut Line), want: Option<(Stage, &str)>) {
        let (mut report, mut line) = well();
        change(&mut report, &mut line);
        let findings = examine(&report, &line);
        let bad = findings.iter().find(|f| !f.good);
        assert_eq!(bad.map(|f| f.stage), want.map(|w| w.0), "{findings:?}");
        if let (Some(bad), Some((_, words))) = (bad, want) {
            assert!(bad.say.contains(words), "{}", bad.say);
        }
        assert!(findings.iter().all(|f| f.say.ends_with(['.', '?'])), "{findings:?}");
    }

    #[test]
    fn the_first_step_that_stops_is_named() {
        check(|_, _| {}, None);
        check(|_, l| l.lease = "off".into(), Some((Stage::Lease, "switched this camera off")));
        check(
            |r, _| {
                r.source.live = false;
                r.source.fault = Some("The camera does not answer.".into());
            },
            Some((Stage::Frames, "does not answer")),
        );
        check(|r, _| r.scene.blocked = true, Some((Stage::Picture, "covers the lens")));
        check(|r, _| r.scene.moved = true, Some((Stage::Picture, "aim it again")));
        check(|r, _| r.last_motion = None, Some((Stage::Vehicles, "look at the road")));
        check(
            |r, _| {
                r.width = None;
                r.passes = [0, 30];
            },
            Some((Stage::Plates, "no plate is found")),
        );
        check(
            |r, _| (r.width, r.passes) = (spread(48.0), [60, 40]),
            Some((Stage::Size, "48 px wide; move closer or zoom: 80 px")),
        );
        check(|r, _| r.sharpness = spread(0.1), Some((Stage::Sharpness, "1/1000")));
        check(|r, _| r.angle = spread(58.0), Some((Stage::Angle, "58° from the front; hang")));
        check(|r, _| r.confidence = spread(0.2), Some((Stage::Odds, "20 %")));
        check(
            |_, l| l.trouble = Some("No answer.".into()),
            Some((Stage::Delivery, "wait, sealed")),
        );
        let held = |made| Some(Held { made, tokens: 7, without: Without::Nothing });
        check(|_, l| l.watch = held(Some(base::Time::from_millis(1))), None);
        check(|_, l| l.watch = held(None), Some((Stage::Lists, "no read is kept")));
        check(|_, l| l.lost = 3, Some((Stage::Delivery, "3 reads were lost")));
        check(|_, l| l.refused = 2, Some((Stage::Delivery, "2 reads were refused")));
        check(|r, _| r.clock_kept = Some(false), Some((Stage::Clock, "timedatectl")));
        check(|r, _| r.clock_kept = None, None);
        check(|r, _| r.clock_offset_ms = Some(-9000), Some((Stage::Clock, "NTP")));
    }

    fn hour(read: u64, unread: u64, wide: u16, sharp: u16, dark: u64) -> Hour {
        Hour {
            frames: 36_000,
            read,
            unread,
            widths: vec![wide; 20],
            sharpness: vec![sharp; 20],
            dark,
            ..Hour::default()
        }
    }

    #[test]
    fn an_hour_is_fit_for_something() {
        let check = |read, unread, wide: u16, sharp: u16, dark, want: Fit, words: &str| {
            let got = survey(&hour(read, unread, wide, sharp, dark));
            assert_eq!(got.fit, want, "{got:?}");
            assert!(got.advice.unwrap_or_default().contains(words));
        };
        check(95, 5, 90, 300, 0, Fit::Theft, "");
        check(80, 20, 60, 300, 0, Fit::Parking, "zoom");
        check(30, 70, 90, 100, 0, Fit::Counts, "smeared");
        check(0, 60, 90, 300, 30_000, Fit::Counts, "infrared");
        check(0, 0, 90, 300, 0, Fit::Nothing, "nothing passed");
        let aside = Hour { angle: vec![61; 20], ..hour(70, 30, 90, 300, 0) };
        assert!(survey(&aside).advice.unwrap().contains("from aside"));
    }
}
