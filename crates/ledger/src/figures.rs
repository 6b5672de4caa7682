//! The public figures, computed from the leaves and from nothing else.
//!
//! One function of one leaf after the other: the server keeps them up to date with it, and the
//! verifier comes to the same numbers with it. A leaf that lacks a fact counts for nothing rather
//! than stopping the count, because what is on the log stays on the log.
//!
//! Pages are made from copies of the figures, so what grows with the years (counts, gaps, orders) is shared between
//! them: a copy costs what the cameras and the days are, and a leaf that comes while one is held copies what it changes.

use crate::counters::{Counted, camera_of};
use crate::drills::Drills;
use crate::lottery::{self, AHEAD_MS, DRAW_MS, DRAWN, GRADE_MS};
use crate::orders::{Orders, moment};
use crate::{HIDDEN, Leaf, REVEALED};
use base::{Day, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;

/// What the log says about the city so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Every camera ever enrolled.
    pub cameras: BTreeMap<String, CameraState>,
    /// Reads in all: for each camera and day the largest count that was logged.
    pub reads: u64,
    /// The same by UTC day.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub reads_by_day: BTreeMap<Day, u64>,
    /// Hits raised.
    pub hits: u64,
    /// How often a person looked into a hit.
    pub hits_opened: u64,
    /// Verdicts on hits, by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// What people found, by finding: `correct`, `wrong-state`, `misread`, `wrong-vehicle`, `stale`.
    #[serde(default)]
    pub findings: BTreeMap<String, u64>,
    /// How often hits were misread.
    #[serde(default)]
    pub misreads: Misreads,
    /// What came of confirmed hits, by outcome; `unknown` where nobody said so in time.
    #[serde(default)]
    pub hit_outcomes: BTreeMap<String, u64>,
    /// Hits that nobody decided in time.
    #[serde(default)]
    pub hits_cold: u64,
    /// Further sightings of vehicles that people had confirmed: nobody was asked again.
    #[serde(default)]
    pub hits_along: u64,
    /// Drills, which are no hits.
    #[serde(default)]
    pub drills: Drills,
    /// Confirmed hits that an officer on the spot found to be another vehicle.
    #[serde(default)]
    pub hits_not_it: u64,
    /// Cameras whose hits wait because they misread, and since when.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub hits_suspended: BTreeMap<String, Time>,
    /// Plates that were typed in and compared with the lists.
    #[serde(default)]
    pub plates_checked: u64,
    /// Questions that were let through.
    pub searches: u64,
    /// Questions by purpose.
    pub by_purpose: BTreeMap<String, u64>,
    /// Questions that a rule refused.
    pub refusals: u64,
    /// Reads that answers opened; at least so many where the city logs ranges.
    pub opened: u64,
    /// Questions whose outcome is not on the log: under way, or cut off by a crash.
    pub open_intents: u64,
    /// Questions under a sealed warrant that are not revealed yet, and from when they may be.
    #[schema(value_type = BTreeMap<String, String>)]
    pub sealed: BTreeMap<String, Time>,
    /// Each set of rules that was activated, by its hash, and since when; the last is in force.
    pub rules: Vec<Rules>,
    /// What runs: as the newest start of the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<Software>,
    /// Keys that were destroyed because the retention of what they open was over.
    pub keys_destroyed: u64,
    /// How often an auditor was given a private half.
    pub audits: u64,
    /// What auditors have to look at, and have looked at.
    #[serde(default)]
    pub audit: Audit,
    /// Preservation holds in force, and when each is to be reviewed.
    #[schema(value_type = BTreeMap<String, String>)]
    pub holds: BTreeMap<String, Time>,
    /// The log that this one goes on from, because that one lost entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeds: Option<Predecessor>,
    /// When cameras were off.
    #[serde(with = "crate::shared")]
    #[schema(value_type = Vec<Gap>)]
    pub gaps: Arc<Vec<Gap>>,
    /// What is switched off for the whole city, by level, and since when.
    pub off: BTreeMap<String, Time>,
    /// Orders to switch off that begin later or end by themselves and are not over, the next first.
    #[serde(default)]
    pub scheduled: Vec<Scheduled>,
    /// How many frames each camera says that it has pulled.
    #[serde(default)]
    pub counters: BTreeMap<String, Counted>,
    /// Largest count by day and camera.
    #[serde(skip)]
    #[schema(ignore)]
    counts: BTreeMap<Day, Arc<BTreeMap<String, u64>>>,
    /// The orders to switch off and on.
    #[serde(skip)]
    #[schema(ignore)]
    orders: Arc<Orders>,
    /// How far the schedule has been followed.
    #[serde(skip)]
    #[schema(ignore)]
    clock: Time,
    /// Confirmed hits of which nobody said in time what came of them, and nobody has since.
    #[serde(skip)]
    #[schema(ignore)]
    unknown: BTreeSet<String>,
    /// Questions without outcome.
    #[serde(skip)]
    #[schema(ignore)]
    waiting: BTreeSet<String>,
    /// What the sealed ones committed to.
    #[serde(skip)]
    #[schema(ignore)]
    hidden: BTreeMap<String, String>,
    /// Whether the month that goes on had a question.
    #[serde(skip)]
    #[schema(ignore)]
    asked: bool,
}

/// What a server said of itself when it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Software {
    /// The version.
    pub version: String,
    /// SHA-256 of the executable, which holds the networks too.
    pub executable: String,
    /// SHA-256 of the configuration.
    pub configuration: String,
    /// When this executable was started for the first time since another one ran.
    #[schema(value_type = String)]
    pub since: Time,
    /// When it was started last.
    #[schema(value_type = String)]
    pub started: Time,
}

/// Of hits that people decided: how many were misread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Judged {
    /// Decided.
    pub decided: u64,
    /// Of these: the plate showed other characters than were read.
    pub misread: u64,
}

impl Judged {
    /// The share that was misread, 0 to 1; none where nothing was decided.
    pub fn rate(&self) -> Option<f64> {
        (self.decided > 0).then(|| self.misread as f64 / self.decided as f64)
    }
}

/// How often hits were misread: by camera, by list, by UTC hour of the capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Misreads {
    /// By camera.
    pub by_camera: BTreeMap<String, Judged>,
    /// By list.
    pub by_list: BTreeMap<String, Judged>,
    /// By hour, `00` to `23`.
    pub by_hour: BTreeMap<String, Judged>,
}

impl Misreads {
    fn add(&mut self, leaf: &Leaf) {
        let misread = u64::from(leaf.text("finding") == Some("misread"));
        let by = [
            ("camera", &mut self.by_camera),
            ("list", &mut self.by_list),
            ("hour", &mut self.by_hour),
        ];
        for (fact, map) in by {
            let Some(key) = leaf.text(fact) else { continue };
            let judged = map.entry(key.to_owned()).or_default();
            judged.decided += 1;
            judged.misread += misread;
        }
    }
}

/// The audit by lottery, and alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Audit {
    /// Questions and refusals that were drawn so far.
    pub drawn: u64,
    /// Grades that were given, by grade.
    pub graded: BTreeMap<String, u64>,
    /// Entries that were drawn and are not graded, and by when they have to be.
    #[schema(value_type = BTreeMap<String, String>)]
    pub due: BTreeMap<u64, Time>,
    /// Months that are over, had questions, and were not drawn.
    pub undrawn: BTreeSet<String>,
    /// Alarms, by what raised them.
    pub alarms: BTreeMap<String, u64>,
    /// Alarms that no auditor has closed, and by when one has to.
    #[schema(value_type = BTreeMap<String, String>)]
    pub open_alarms: BTreeMap<String, Time>,
    /// What auditors found alarms to be.
    pub findings: BTreeMap<String, u64>,
    /// What came of questions, as the askers say.
    pub followed: BTreeMap<String, u64>,
    /// The month that goes on, by the log's own entries.
    pub month: String,
}

impl Audit {
    /// How much should have been drawn, graded or closed by now, and was not; an entry dated further ahead than a
    /// day counts too, because it would put off all of that.
    pub fn overdue(&self, now: Time) -> u64 {
        let soonest = now.plus_millis(GRADE_MS + AHEAD_MS);
        // An entry from the future would make the month that goes on, and every time limit, end too late.
        let ahead = u64::from(now.plus_millis(AHEAD_MS).month() < self.month);
        let late = |month: &&String| {
            lottery::month_end(month).is_some_and(|end| end.plus_millis(DRAW_MS) <= now)
        };
        let months = self.undrawn.iter().filter(late).count();
        let over = |due: &&Time| **due <= now || **due > soonest;
        let entries = self.due.values().filter(over).count();
        let alarms = self.open_alarms.values().filter(over).count();
        ahead + (months + entries + alarms) as u64
    }

    fn add(&mut self, leaf: &Leaf) {
        match leaf.kind.as_str() {
            DRAWN => {
                leaf.id.as_ref().map(|month| self.undrawn.remove(month));
                let entries = leaf.text("entries").unwrap_or_default().split(' ');
                for entry in entries.filter_map(|n| n.parse().ok()) {
                    self.drawn += 1;
                    self.due.insert(entry, leaf.time.plus_millis(GRADE_MS));
                }
            }
            "audit.graded" => {
                tick(&mut self.graded, leaf.text("grade"));
                leaf.number("entry").map(|entry| self.due.remove(&entry));
            }
            "alarm.raised" => {
                tick(&mut self.alarms, leaf.text("alarm"));
                let due = leaf.time.plus_millis(GRADE_MS);
                self.open_alarms.extend(leaf.id.clone().map(|id| (id, due)));
            }
            "alarm.closed" => {
                tick(&mut self.findings, leaf.text("finding"));
                leaf.id.as_ref().map(|id| self.open_alarms.remove(id));
            }
            "search.followed" => tick(&mut self.followed, leaf.text("outcome")),
            _ => {}
        }
    }
}

/// Whether a camera may capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CameraState {
    /// No order keeps it off.
    pub on: bool,
    /// Since when it has been so.
    pub since: Time,
    /// What people call the place.
    pub name: String,
    /// Since when it belongs to the city's cameras no longer, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Time>,
}

/// A set of rules and since when it has been in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rules {
    /// SHA-256 of the rule file, in hex.
    pub hash: String,
    /// When it was activated.
    pub since: Time,
}

/// A log that has a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Predecessor {
    /// Which log.
    pub origin: String,
    /// Why: `set-back` to an older copy, `unreadable`, or `restored` from one.
    pub why: String,
    /// Entries that were found of it.
    pub found: u64,
    /// Entries that it is known to have had, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// When the successor was begun.
    pub since: Time,
}

/// An order to switch off that begins later, or ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scheduled {
    /// The order.
    pub order: String,
    /// What is switched.
    pub level: String,
    /// Which cameras; all where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<BTreeSet<String>>,
    /// The group that was named, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// From when.
    pub from: Time,
    /// Until before when; absent where it lasts until it is ordered on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why.
    pub reason: String,
}

/// A time in which a camera was switched off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// Which camera.
    pub camera: String,
    /// Since when.
    pub from: Time,
    /// Until when; `None` while it lasts.
    pub until: Option<Time>,
}

impl Figures {
    fn add_hit(&mut self, leaf: &Leaf) {
        match leaf.kind.as_str() {
            "hit.raised" => self.hits += 1,
            "hit.opened" => self.hits_opened += 1,
            "hit.verdict" => {
                tick(&mut self.verdicts, leaf.text("verdict"));
                if let Some(finding) = leaf.text("finding") {
                    tick(&mut self.findings, Some(finding));
                    self.misreads.add(leaf);
                }
            }
            "hit.outcome" => {
                // What nobody said in time somebody said later.
                let known = leaf.id.as_ref().is_some_and(|id| self.unknown.remove(id));
                if known && let Some(n) = self.hit_outcomes.get_mut("unknown") {
                    *n -= 1;
                }
                tick(&mut self.hit_outcomes, leaf.text("outcome"));
            }
            "hit.unknown" => {
                if let Some(id) = &leaf.id
                    && self.unknown.insert(id.clone())
                {
                    tick(&mut self.hit_outcomes, Some("unknown"));
                }
            }
            "hit.cold" => self.hits_cold += 1,
            "hit.along" => self.hits_along += 1,
            "hit.eyes" => self.hits_not_it += u64::from(leaf.text("answer") == Some("not-it")),
            "hit.suspended" => {
                self.hits_suspended.extend(leaf.id.clone().map(|id| (id, leaf.time)));
            }
            "hit.resumed" => {
                leaf.id.as_ref().map(|id| self.hits_suspended.remove(id));
            }
            _ => {}
        }
    }

    /// Takes one more leaf into account. Leaves come in the order of the log.
    pub fn add(&mut self, leaf: &Leaf) {
        self.advance(moment(leaf));
        self.hide(leaf);
        self.in_month(leaf);
        self.audit.add(leaf);
        if let Some(camera) = camera_of(leaf) {
            self.counters.entry(camera.to_owned()).or_default().add(leaf);
        }
        match leaf.kind.as_str() {
            REVEALED => self.revealed(leaf),
            "software.start" => self.started(leaf),
            "log.successor" => self.succeeds(leaf),
            "camera.enrolled" => self.enrolled(leaf),
            "camera.moved" => self.moved(leaf),
            "camera.retired" => self.retired(leaf),
            "order.off" | "order.on" => self.ordered(leaf),
            "counts.daily" => self.counted(leaf),
            "hotlist.checked" => self.plates_checked += 1,
            kind if kind.starts_with("hit.") => self.add_hit(leaf),
            kind if kind.starts_with("drill.") => self.drills.add(leaf),
            "search.refused" => self.refusals += 1,
            "audit.opened" => self.audits += 1,
            "hold.placed" | "hold.reviewed" => {
                let review = leaf.text("review").and_then(|t| t.parse().ok());
                self.holds.extend(leaf.id.clone().zip(review));
            }
            "hold.released" => {
                leaf.id.as_ref().map(|id| self.holds.remove(id));
            }
            "key.destroyed" => self.keys_destroyed += 1,
            "policy.activated" => self.rules.extend(
                leaf.text("hash").map(|hash| Rules { hash: hash.to_owned(), since: leaf.time }),
            ),
            "search.intent" => {
                self.searches += 1;
                tick(&mut self.by_purpose, leaf.text("purpose"));
                self.waiting.extend(leaf.id.clone());
            }
            "search.outcome" => {
                self.opened = self.opened.saturating_add(leaf.opened());
                leaf.id.as_ref().map(|id| self.waiting.remove(id));
            }
            _ => {}
        }
        self.open_intents = self.waiting.len() as u64;
    }

    /// A start with the same executable is the same software.
    fn started(&mut self, leaf: &Leaf) {
        let text = |key: &str| leaf.text(key).unwrap_or_default().to_owned();
        let executable = text("executable");
        let same = self.software.as_ref().filter(|before| before.executable == executable);
        self.software = Some(Software {
            version: text("version"),
            since: same.map_or(leaf.time, |before| before.since),
            configuration: text("configuration"),
            started: leaf.time,
            executable,
        });
    }

    /// Cameras that are on.
    pub fn cameras_on(&self) -> u64 {
        self.cameras.values().filter(|c| c.on).count() as u64
    }

    /// A month is over with the first entry of a later one.
    fn in_month(&mut self, leaf: &Leaf) {
        if let Some(before) = lottery::turn(&mut self.audit.month, leaf.time)
            && std::mem::take(&mut self.asked)
        {
            self.audit.undrawn.insert(before);
        }
        self.asked |= lottery::is_question(leaf);
    }

    fn hide(&mut self, leaf: &Leaf) {
        let until = leaf.text("reveal_after").and_then(|t| t.parse().ok());
        if let (Some(id), Some(hidden), Some(until)) = (&leaf.id, leaf.text(HIDDEN), until)
            && leaf.kind != REVEALED
        {
            self.sealed.insert(id.clone(), until);
            self.hidden.insert(id.clone(), hidden.to_owned());
        }
    }

    /// What does not fit its commitment reveals nothing: the question stays sealed.
    fn revealed(&mut self, leaf: &Leaf) {
        let Some(id) = &leaf.id else { return };
        let Some(said) = self.hidden.get(id).and_then(|hidden| leaf.reveals(hidden)) else {
            return;
        };
        // Refused questions have no rule that allowed them, and count for no purpose either way.
        if said.contains_key("cameras") {
            tick(&mut self.by_purpose, said.get("purpose").and_then(|p| p.as_str()));
        }
        self.sealed.remove(id);
        self.hidden.remove(id);
    }

    fn succeeds(&mut self, leaf: &Leaf) {
        self.succeeds = leaf.text("predecessor").map(|origin| Predecessor {
            origin: origin.to_owned(),
            why: leaf.text("why").unwrap_or("unknown").to_owned(),
            found: leaf.number("found").unwrap_or(0),
            known: leaf.number("known"),
            since: leaf.time,
        });
    }

    fn enrolled(&mut self, leaf: &Leaf) {
        let Some(id) = leaf.id.clone() else { return };
        let on = !self.is_stopped(&id);
        let name = leaf.text("name").unwrap_or(&id).to_owned();
        // A new key for a known camera changes nothing about being on or off.
        self.cameras.entry(id).and_modify(|c| c.name.clone_from(&name)).or_insert(CameraState {
            on,
            since: leaf.time,
            name,
            retired: None,
        });
    }

    /// A place may be called otherwise.
    fn moved(&mut self, leaf: &Leaf) {
        let camera = leaf.id.as_ref().and_then(|id| self.cameras.get_mut(id));
        if let (Some(camera), Some(name)) = (camera, leaf.text("name")) {
            camera.name = name.to_owned();
        }
    }

    /// Off for good: no gap is open any more, as nobody waits for it.
    fn retired(&mut self, leaf: &Leaf) {
        let Some(id) = &leaf.id else { return };
        let Some(camera) = self.cameras.get_mut(id).filter(|c| c.retired.is_none()) else { return };
        camera.on = false;
        camera.since = leaf.time;
        camera.retired = Some(leaf.time);
        let open = |g: &Gap| &g.camera == id && g.until.is_none();
        if self.gaps.iter().any(open) {
            for gap in Arc::make_mut(&mut self.gaps).iter_mut().filter(|g| open(g)) {
                gap.until = Some(leaf.time);
            }
        }
    }

    fn ordered(&mut self, leaf: &Leaf) {
        Arc::make_mut(&mut self.orders).add(leaf);
        // Between two orders nothing changes: the clock stands at the last that did.
        self.clock = self.clock.max(moment(leaf));
        self.settle(self.clock);
    }

    /// Lets time pass until `now`: scheduled orders begin and end. Entries do it by their own times; who looks
    /// at the figures does it by the clock.
    pub fn advance(&mut self, now: Time) {
        while let Some(next) = self.orders.next(None, self.clock).filter(|next| *next <= now) {
            self.clock = next;
            self.settle(next);
        }
    }

    /// A camera is off while an order of its own or one for all cameras is in force.
    fn is_stopped(&self, camera: &str) -> bool {
        self.orders.off("capture", Some(camera), self.clock).is_some()
    }

    /// What follows from the orders in force.
    fn settle(&mut self, at: Time) {
        self.off = self.orders.everywhere(at);
        let told = |o: &crate::orders::Planned| Scheduled {
            order: o.id.clone(),
            level: o.level.clone(),
            cameras: o.cameras.clone(),
            group: o.group.clone(),
            from: o.from,
            until: o.until,
            reason: o.reason.clone(),
        };
        self.scheduled = self.orders.planned(at).into_iter().map(told).collect();
        let ids: Vec<String> = self.cameras.keys().cloned().collect();
        for id in ids {
            let on = !self.is_stopped(&id);
            let changes = |c: &&mut CameraState| c.on != on && c.retired.is_none();
            let Some(camera) = self.cameras.get_mut(&id).filter(changes) else { continue };
            camera.on = on;
            camera.since = at;
            if on {
                let open = |g: &&mut Gap| g.camera == id && g.until.is_none();
                if let Some(gap) = Arc::make_mut(&mut self.gaps).iter_mut().rev().find(open) {
                    gap.until = Some(at);
                }
            } else {
                Arc::make_mut(&mut self.gaps).push(Gap { camera: id, from: at, until: None });
            }
        }
    }

    /// Counts are cumulative, so that a lost or repeated entry changes nothing.
    fn counted(&mut self, leaf: &Leaf) {
        let day = leaf.text("day").and_then(|d| d.parse::<Day>().ok());
        let (Some(day), Some(camera), Some(reads)) =
            (day, leaf.text("camera"), leaf.number("reads"))
        else {
            return;
        };
        let cameras = Arc::make_mut(self.counts.entry(day).or_default());
        let most = cameras.entry(camera.to_owned()).or_insert(0);
        let more = reads.saturating_sub(*most);
        *most += more;
        self.reads = self.reads.saturating_add(more);
        let of_day = self.reads_by_day.entry(day).or_insert(0);
        *of_day = of_day.saturating_add(more);
    }
}

fn tick(counts: &mut BTreeMap<String, u64>, key: Option<&str>) {
    if let Some(key) = key {
        *counts.entry(key.to_owned()).or_insert(0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// A restart is no new software; another executable is.
    #[test]
    fn what_runs_and_since_when() {
        let mut figures = Figures::default();
        let mut start = |time: &str, executable: &str| {
            let leaf = Leaf::new("software.start", time.parse::<Time>().unwrap());
            figures.add(&leaf.fact("version", "0.2.0").fact("executable", executable));
            let runs = figures.software.clone().unwrap();
            (runs.executable, runs.since.to_string()[11..16].to_owned())
        };
        for (at, executable, since) in [
            ("2026-11-23T08:00:00Z", "aa", "08:00"),
            ("2026-11-23T09:00:00Z", "aa", "08:00"),
            ("2026-11-23T10:00:00Z", "bb", "10:00"),
            ("2026-11-23T11:00:00Z", "aa", "11:00"),
        ] {
            assert_eq!(start(at, executable), (executable.to_owned(), since.to_owned()), "{at}");
        }
    }

    /// One leaf a line: time, type, id or `-`, then facts as `key=value`.
    fn check(log: &str, expected: Expect) {
        let mut figures = Figures::default();
        for line in log.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let time: Time = format!("2026-11-23T{}:00Z", words[0]).parse().unwrap();
            let mut leaf = Leaf::new(words[1], time);
            if words[2] != "-" {
                leaf = leaf.id(words[2]);
            }
            for (key, value) in words[3..].iter().filter_map(|w| w.split_once('=')) {
                leaf = match value.parse::<u64>() {
                    Ok(number) => leaf.fact(key, number),
                    Err(_) => leaf.fact(key, value),
                };
            }
            figures.add(&leaf);
        }
        let hm = |t: &Time| t.to_string()[11..16].to_owned();
        let mut out = format!(
            "reads {} hits {} searches {} open {} opened {} refusals {} on {}\n",
            figures.reads,
            figures.hits,
            figures.searches,
            figures.open_intents,
            figures.opened,
            figures.refusals,
            figures.cameras_on()
        );
        for (id, c) in &figures.cameras {
            let state = match c.retired {
                Some(_) => "retired",
                None if c.on => "on",
                None => "off",
            };
            out += &format!("{id} {} {state} since {}\n", c.name, hm(&c.since));
        }
        for gap in figures.gaps.iter() {
            let until = gap.until.as_ref().map_or("now".into(), hm);
            out += &format!("gap {} {} to {until}\n", gap.camera, hm(&gap.from));
        }
        for (level, since) in &figures.off {
            out += &format!("{level} off since {}\n", hm(since));
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn counts_are_cumulative_by_camera_and_day() {
        check(
            "08:00 counts.daily a day=2026-11-23 camera=cam_a reads=5
             09:00 counts.daily b day=2026-11-23 camera=cam_a reads=7
             09:00 counts.daily c day=2026-11-23 camera=cam_a reads=6
             09:00 counts.daily d day=2026-11-23 camera=cam_b reads=1
             09:00 counts.daily e day=2026-11-22 camera=cam_a reads=2
             09:00 counts.daily f day=yesterday camera=cam_a reads=2
             09:00 counts.daily g day=2026-11-22 camera=cam_a",
            expect![[r#"
                reads 10 hits 0 searches 0 open 0 opened 0 refusals 0 on 0
            "#]],
        );
    }

    /// A copy shares what grows with the years, stays as it was, and is spelled like its original.
    #[test]
    fn a_copy_shares_what_grows() {
        let mut figures = Figures::default();
        let at = |hour: i64| Time::from_millis(1_796_000_000_000 + hour * 3_600_000);
        let count = |day: &str| {
            let leaf = Leaf::new("counts.daily", at(9)).fact("day", day);
            leaf.fact("camera", "cam_a").fact("reads", 5_u64)
        };
        let order = |n: i64| {
            let kind = if n % 2 == 0 { "order.off" } else { "order.on" };
            Leaf::new(kind, at(n)).id(format!("ord_{n}")).fact("level", "capture")
        };
        figures.add(&Leaf::new("camera.enrolled", at(0)).id("cam_a"));
        (2..5).for_each(|n| figures.add(&order(n)));
        ["2026-11-21", "2026-11-22"].iter().for_each(|day| figures.add(&count(day)));
        let copy = figures.clone();
        figures.add(&count("2026-11-23"));
        assert!(Arc::ptr_eq(&copy.gaps, &figures.gaps));
        assert!(Arc::ptr_eq(&copy.orders, &figures.orders));
        assert!(copy.counts.iter().all(|(day, some)| Arc::ptr_eq(some, &figures.counts[day])));
        figures.add(&order(5));
        assert_eq!((copy.reads, figures.reads), (10, 15));
        let lasts = |figures: &Figures| figures.gaps.iter().filter(|g| g.until.is_none()).count();
        assert_eq!((lasts(&copy), lasts(&figures)), (1, 0));
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["gaps"].as_array().map(Vec::len), Some(2));
        let back: Figures = serde_json::from_value(json).unwrap();
        assert_eq!(back.gaps, figures.gaps);
    }

    #[test]
    fn a_camera_is_on_when_no_order_keeps_it_off() {
        check(
            "08:00 camera.enrolled cam_a name=Main
             08:05 camera.enrolled cam_b name=Oak
             09:00 order.off ord_1 level=capture camera=cam_a
             09:30 order.off ord_2 level=capture
             10:00 order.on ord_3 level=capture camera=cam_a
             10:30 camera.enrolled cam_a name=Main2
             11:00 order.on ord_4 level=capture
             11:30 order.off ord_5 level=asking
             12:00 order.off ord_6 level=capture camera=cam_b
             12:10 order.off ord_7 level=capture camera=cam_b",
            expect![[r#"
                reads 0 hits 0 searches 0 open 0 opened 0 refusals 0 on 1
                cam_a Main2 on since 11:00
                cam_b Oak off since 12:00
                gap cam_a 09:00 to 11:00
                gap cam_b 09:30 to 11:00
                gap cam_b 12:00 to now
                asking off since 11:30
            "#]],
        );
    }

    #[test]
    fn a_camera_that_is_retired_stays_so() {
        check(
            "08:00 camera.enrolled cam_a name=Main
             08:05 camera.enrolled cam_b name=Oak
             08:10 camera.moved cam_a name=Elm lat=39781721 lon=89650148
             08:20 camera.moved cam_b
             08:30 camera.moved cam_x name=None
             09:00 order.off ord_1 level=capture camera=cam_b
             10:00 camera.retired cam_b
             11:00 order.on ord_2 level=capture camera=cam_b
             12:00 camera.enrolled cam_b name=Oak
             13:00 camera.retired cam_b
             13:00 camera.retired cam_x",
            expect![[r#"
                reads 0 hits 0 searches 0 open 0 opened 0 refusals 0 on 1
                cam_a Elm on since 08:00
                cam_b Oak retired since 10:00
                gap cam_b 09:00 to 10:00
            "#]],
        );
    }

    #[test]
    fn questions_and_hits() {
        check(
            "08:00 search.intent q_1 purpose=stolen-vehicle
             08:00 search.outcome q_1 intent=0 opened=3 considered=100
             08:01 search.intent q_2 purpose=stolen-vehicle
             08:02 search.refused q_3 purpose=stolen-vehicle rule=case-required
             08:03 search.outcome q_9 opened=many
             08:04 hit.raised hit_1
             08:05 hit.verdict hit_1 verdict=confirmed
             08:06 something.new x reads=5",
            expect![[r#"
                reads 0 hits 1 searches 2 open 1 opened 3 refusals 1 on 0
            "#]],
        );
    }
}
