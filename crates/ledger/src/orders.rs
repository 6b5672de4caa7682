//! What is off, by the orders on the log: now, and what is scheduled.
//!
//! An order may begin later and end by itself. Nothing is put on the log when it does: whoever reads the log
//! goes by the order's own times, so that it takes effect exactly, whether anybody runs at that moment or not.
//! The server decides by this, and the figures count by it.

use crate::leaf::Leaf;
use base::Time;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that can be off: a level, for one camera or (`None`) for all.
type Target = (String, Option<String>);

/// A leaf's time is coarse; an order's own may be so much later at the most.
const COARSE_MS: i64 = 3_600_000;

/// The exact moment of an order, as it says itself where that fits the entry's time.
pub fn moment(leaf: &Leaf) -> Time {
    let said = leaf.text("at").and_then(|t| t.parse::<Time>().ok());
    said.filter(|at| (0..COARSE_MS).contains(&at.since(leaf.time))).unwrap_or(leaf.time)
}

/// Something that is off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Off {
    /// Since when.
    pub since: Time,
    /// The orders that keep it so.
    pub orders: BTreeSet<String>,
    /// Whether what was not delivered is to be erased.
    pub erase: bool,
}

/// An order that begins later, or ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The order.
    pub id: String,
    /// What is switched.
    pub level: String,
    /// Which cameras; all where it is `None`.
    pub cameras: Option<BTreeSet<String>>,
    /// The group that was named, if one was.
    pub group: Option<String>,
    /// From when.
    pub from: Time,
    /// Until before when; `None` where it lasts until it is ordered on.
    pub until: Option<Time>,
    /// Whether what was not delivered is to be erased.
    pub erase: bool,
    /// Why.
    pub reason: String,
}

impl Planned {
    fn concerns(&self, level: &str, camera: Option<&str>) -> bool {
        self.level == level
            && match (&self.cameras, camera) {
                (None, _) => true,
                (Some(some), Some(camera)) => some.contains(camera),
                (Some(_), None) => false,
            }
    }

    /// Whether it is off by this order at a moment.
    pub fn in_force(&self, now: Time) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// The orders of a log, taken in one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    off: BTreeMap<Target, Off>,
    /// Orders that begin later than they were given, and all that end by themselves; begun or not, over or not. Their
    /// times alone say when they hold: an order that was given while the clock was ahead changes none of them.
    planned: Vec<Planned>,
    /// When something was last ordered on.
    on: BTreeMap<Target, Time>,
}

impl Orders {
    /// Takes one more leaf into account, if it is an order.
    pub fn add(&mut self, leaf: &Leaf) {
        let off = match leaf.kind.as_str() {
            "order.off" => true,
            "order.on" => false,
            _ => return,
        };
        let Some(level) = leaf.text("level") else { return };
        let at = moment(leaf);
        let cameras = cameras_of(leaf);
        if off {
            self.ordered_off(leaf, level, cameras, at);
        } else {
            self.ordered_on(level, cameras, at);
        }
    }

    fn ordered_off(
        &mut self,
        leaf: &Leaf,
        level: &str,
        cameras: Option<BTreeSet<String>>,
        at: Time,
    ) {
        let time = |key: &str| leaf.text(key).and_then(|t| t.parse::<Time>().ok());
        let (from, until) = (time("from"), time("until"));
        let planned = Planned {
            id: leaf.id.clone().unwrap_or_default(),
            level: level.to_owned(),
            cameras,
            group: leaf.text("group").map(str::to_owned),
            from: from.unwrap_or(at).max(at),
            until,
            erase: leaf.text("spool") == Some("erase"),
            reason: leaf.text("reason").unwrap_or_default().to_owned(),
        };
        if planned.from > at || until.is_some() {
            self.planned.push(planned);
        } else {
            self.begin(&planned);
        }
    }

    /// An order without an end begins as it is given.
    fn begin(&mut self, order: &Planned) {
        for target in targets(&order.level, order.cameras.as_ref()) {
            let off = self
                .off
                .entry(target)
                .or_insert_with(|| Off { since: order.from, ..Off::default() });
            off.erase |= order.erase;
            off.orders.insert(order.id.clone());
        }
    }

    fn ordered_on(&mut self, level: &str, cameras: Option<BTreeSet<String>>, at: Time) {
        for target in targets(level, cameras.as_ref()) {
            self.off.remove(&target);
            self.on.insert(target, at);
        }
        for order in self.planned.iter_mut().filter(|order| order.level == level) {
            match (&mut order.cameras, &cameras) {
                (Some(some), Some(these)) => some.retain(|camera| !these.contains(camera)),
                // Taken back: nothing is left of it.
                (all @ None, None) => *all = Some(BTreeSet::new()),
                _ => {}
            }
        }
        self.planned.retain(|order| order.cameras.as_ref().is_none_or(|some| !some.is_empty()));
    }

    /// Why something is off at a moment, if it is. A camera is off by an order of its own or by one for all.
    pub fn off(&self, level: &str, camera: Option<&str>, now: Time) -> Option<Off> {
        let mut found: Option<Off> = None;
        let mut take = |since: Time, orders: &BTreeSet<String>, erase: bool| {
            let off = found.get_or_insert_with(|| Off { since, ..Off::default() });
            off.since = off.since.min(since);
            off.orders.extend(orders.iter().cloned());
            off.erase |= erase;
        };
        for camera in [None, camera].into_iter().take(1 + usize::from(camera.is_some())) {
            if let Some(off) = self.off.get(&(level.to_owned(), camera.map(str::to_owned))) {
                take(off.since, &off.orders, off.erase);
            }
        }
        for order in self.planned.iter().filter(|o| o.concerns(level, camera) && o.in_force(now)) {
            take(order.from, &BTreeSet::from([order.id.clone()]), order.erase);
        }
        found
    }

    /// Whether an order names this one camera and keeps it off, at a moment and for as long as nobody orders it on.
    pub fn one_off(&self, camera: &str, now: Time) -> bool {
        let begun = |order: &Planned| {
            let lasts = order.until.is_none() && order.in_force(now);
            lasts && order.cameras.is_some() && order.concerns("capture", Some(camera))
        };
        self.off.contains_key(&("capture".into(), Some(camera.to_owned())))
            || self.planned.iter().any(begun)
    }

    /// When a camera was last ordered on, or a scheduled order for it ended.
    pub fn on_since(&self, camera: &str, now: Time) -> Option<Time> {
        let one = self.on.get(&("capture".into(), Some(camera.to_owned())));
        let all = self.on.get(&("capture".into(), None));
        let ended = self.planned.iter().filter(|o| o.concerns("capture", Some(camera)));
        let ended = ended.filter_map(|o| o.until.filter(|until| *until <= now));
        one.into_iter().chain(all).copied().chain(ended).max()
    }

    /// When a scheduled order next begins or ends, of this camera or of any.
    pub fn next(&self, camera: Option<&str>, after: Time) -> Option<Time> {
        let of = |o: &&Planned| camera.is_none() || o.concerns("capture", camera);
        let times = self.planned.iter().filter(of).flat_map(|o| [Some(o.from), o.until]);
        times.flatten().filter(|time| *time > after).min()
    }

    /// When capture of this camera next ends by a scheduled order.
    pub fn next_off(&self, camera: &str, after: Time) -> Option<Time> {
        let of = self.planned.iter().filter(|o| o.concerns("capture", Some(camera)));
        of.map(|o| o.from).filter(|from| *from > after).min()
    }

    /// Scheduled orders that are not over, the next first.
    pub fn planned(&self, now: Time) -> Vec<&Planned> {
        let left = |o: &&Planned| match o.until {
            Some(until) => until > now,
            None => o.from > now,
        };
        let mut out: Vec<&Planned> = self.planned.iter().filter(left).collect();
        out.sort_by_key(|o| o.from);
        out
    }

    /// Levels that are off for the whole city, and since when.
    pub fn everywhere(&self, now: Time) -> BTreeMap<String, Time> {
        let lasting = self.off.iter().filter(|((_, camera), _)| camera.is_none());
        let mut out: BTreeMap<String, Time> =
            lasting.map(|((level, _), off)| (level.clone(), off.since)).collect();
        for order in self.planned.iter().filter(|o| o.cameras.is_none() && o.in_force(now)) {
            let since = out.entry(order.level.clone()).or_insert(order.from);
            *since = (*since).min(order.from);
        }
        out
    }
}

fn targets(level: &str, cameras: Option<&BTreeSet<String>>) -> Vec<Target> {
    match cameras {
        None => vec![(level.to_owned(), None)],
        Some(some) => some.iter().map(|c| (level.to_owned(), Some(c.clone()))).collect(),
    }
}

/// The cameras that an order's entry names; `None` is all of them. A group stands there camera by camera:
/// what is off never changes with a city's configuration.
pub fn cameras_of(leaf: &Leaf) -> Option<BTreeSet<String>> {
    if let Some(some) = leaf.text("cameras") {
        return Some(some.split_whitespace().map(str::to_owned).collect());
    }
    leaf.text("camera").map(|one| BTreeSet::from([one.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn hm(text: &str) -> Time {
        format!("2026-11-23T{text}:00Z").parse().unwrap()
    }

    /// Orders, one a line (`HH:MM off|on SCOPE [from=HH:MM] [until=HH:MM] [erase]`), and what is off at which
    /// moments; `SCOPE` is `all`, a camera, or cameras with `+` between them.
    fn check(log: &str, asked: &str, expected: Expect) {
        let mut orders = Orders::default();
        let mut lines = log.lines().map(str::trim).filter(|l| !l.is_empty()).peekable();
        let mut out = String::new();
        let mut number = 0;
        for time in asked.split_whitespace().map(hm) {
            while let Some(line) = lines.next_if(|line| hm(&line[..5]) <= time) {
                number += 1;
                orders.add(&leaf(line, number));
            }
            let told = |camera: &str| match orders.off("capture", Some(camera), time) {
                None => "on".to_owned(),
                Some(off) => format!(
                    "off since {}{}",
                    &off.since.to_string()[11..16],
                    if off.erase { " erase" } else { "" }
                ),
            };
            let next = orders.next_off("a", time).map_or("-".into(), |t| t.to_string());
            out += &format!(
                "{} a {}, b {}; next of a {}\n",
                &time.to_string()[11..16],
                told("a"),
                told("b"),
                next.get(11..16).unwrap_or("-")
            );
        }
        expected.assert_eq(&out);
    }

    fn leaf(line: &str, number: u32) -> Leaf {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut leaf = Leaf::new(format!("order.{}", words[1]), hm(words[0]))
            .id(format!("ord_{number}"))
            .fact("level", "capture");
        leaf = match words[2] {
            "all" => leaf,
            some if some.contains('+') => leaf.fact("cameras", some.replace('+', " ")),
            one => leaf.fact("camera", one),
        };
        for word in &words[3..] {
            leaf = match word.split_once('=') {
                Some((key, time)) => leaf.fact(key, hm(time).to_string()),
                None => leaf.fact("spool", "erase"),
            };
        }
        leaf
    }

    #[test]
    fn orders_in_force() {
        check(
            "09:00 off a
             10:00 off all
             11:00 on a
             12:00 on all
             13:00 off a+b erase
             14:00 on b",
            "08:59 09:00 10:30 11:30 12:30 13:30 14:30",
            expect![[r#"
                08:59 a on, b on; next of a -
                09:00 a off since 09:00, b on; next of a -
                10:30 a off since 09:00, b off since 10:00; next of a -
                11:30 a off since 10:00, b off since 10:00; next of a -
                12:30 a on, b on; next of a -
                13:30 a off since 13:00 erase, b off since 13:00 erase; next of a -
                14:30 a off since 13:00 erase, b on; next of a -
            "#]],
        );
    }

    #[test]
    fn a_scheduled_order_begins_and_ends_by_itself() {
        check(
            "08:00 off all from=18:00 until=22:00
             08:01 off a from=20:00
             08:02 off b until=09:00",
            "08:30 09:00 17:59 18:00 21:00 22:00 23:00",
            expect![[r#"
                08:30 a on, b off since 08:02; next of a 18:00
                09:00 a on, b on; next of a 18:00
                17:59 a on, b on; next of a 18:00
                18:00 a off since 18:00, b off since 18:00; next of a 20:00
                21:00 a off since 18:00, b off since 18:00; next of a -
                22:00 a off since 20:00, b on; next of a -
                23:00 a off since 20:00, b on; next of a -
            "#]],
        );
    }

    #[test]
    fn on_takes_a_scheduled_order_back() {
        check(
            "08:00 off all from=18:00
             08:01 off a+b from=19:00 until=20:00
             09:00 on all
             10:00 on b",
            "08:30 09:30 19:30 20:30",
            expect![[r#"
                08:30 a on, b on; next of a 18:00
                09:30 a on, b on; next of a 19:00
                19:30 a off since 19:00, b on; next of a -
                20:30 a on, b on; next of a -
            "#]],
        );
    }

    /// The clock was ahead when `b` was switched off, and was set right: tonight's order holds all the same.
    #[test]
    fn a_clock_that_was_ahead_takes_no_order_away() {
        check(
            "08:00 off all from=18:00 until=22:00
             23:00 off b",
            "23:30 12:00 19:00",
            expect![[r#"
                23:30 a on, b off since 23:00; next of a -
                12:00 a on, b off since 23:00; next of a 18:00
                19:00 a off since 18:00, b off since 18:00; next of a -
            "#]],
        );
        // Nor does it let one without an end begin before its time.
        check(
            "08:00 off all from=18:00
             23:00 off b",
            "23:30 12:00 19:00",
            expect![[r#"
                23:30 a off since 18:00, b off since 18:00; next of a -
                12:00 a on, b off since 23:00; next of a 18:00
                19:00 a off since 18:00, b off since 18:00; next of a -
            "#]],
        );
    }

    #[test]
    fn one_camera_is_off_by_an_order_that_names_it() {
        let mut orders = Orders::default();
        let lines = ["08:00 off a+b from=18:00", "08:01 off all", "08:02 off c until=20:00"];
        (1..).zip(lines).for_each(|(number, line)| orders.add(&leaf(line, number)));
        let off = |at: &str| ["a", "b", "c"].map(|camera| orders.one_off(camera, hm(at)));
        assert_eq!(off("17:59"), [false; 3]);
        assert_eq!(off("18:00"), [true, true, false]);
        orders.add(&leaf("19:00 on a", 4));
        assert_eq!(["a", "b"].map(|camera| orders.one_off(camera, hm("19:00"))), [false, true]);
    }

    #[test]
    fn an_order_says_its_exact_moment() {
        let with = |at: &str| Leaf::new("order.off", hm("08:00")).fact("at", at);
        for (at, want) in [
            ("2026-11-23T08:00:42.123Z", "2026-11-23T08:00:42.123Z"),
            ("2026-11-23T07:59:42.123Z", "2026-11-23T08:00:00.000Z"),
            ("2026-11-24T08:00:00.000Z", "2026-11-23T08:00:00.000Z"),
            ("noon", "2026-11-23T08:00:00.000Z"),
        ] {
            assert_eq!(moment(&with(at)).to_string(), want, "{at}");
        }
    }
}
