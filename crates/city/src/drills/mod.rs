//! Drills: drawn hits for the people who decide, marked as such from their first moment.
//!
//! A drill is no hit. It has a table, an id, a page and kinds of log entries of its own, and none of the paths that
//! count hits, tell somebody of them or make words for the air can meet one. What it shows follows from its seed
//! (`scene`), so no plate is stored. What it is to be found as is committed to on the log when it begins and revealed
//! when it ends, and with it every answer counts: `design/0017-hits.md` says what else was considered.

mod api;
mod scene;

pub use api::{Drill, DrillLine, DrillResult, DrillSection, DrillVerdict, DrillView, Drills};
pub use scene::DrillSort;

use crate::hits::{HitLine, HitView, Listed, characters};
use crate::{AnswerRead, City, Event};
use base::{DrillId, Error, PersonId, ReadId, Result, Time, b64, sha256};
use hotlist::{Compared, HitFinding, ListAction, Say, Stamps};
use identity::{Person, machine_of};
use ledger::drill_answer;
use policy::Action;
use read::{Basis, StateBasis, TextBasis};
use scene::{Scene, hit_of};
use store::{DrillAnswerRow, DrillRow};

/// Who begins what nobody begins.
const SCHEDULE: &str = "schedule";
/// So many drills run at a time.
const RUNNING: usize = 5;
/// So many drills are shown.
const SHOWN: u32 = 50;
/// Who answered what is remembered so long, in milliseconds: 92 days.
const KEPT_MS: i64 = 92 * 86_400_000;
const WEEK_MS: i64 = 7 * 86_400_000;
/// An answer counts as at most so many seconds.
const LONGEST_S: i64 = 3600;

impl City {
    /// Begins a drill, for who keeps the lists or looks at others' work; the log says so first.
    pub fn start_drill(&self, by: &PersonId) -> Result<DrillLine> {
        let person = self.may_drill(by)?;
        let row = self.begin_drill(Some(&person))?;
        self.drill_line(row, by)
    }

    /// Whoever edits lists, or reviews what others did. No machine: somebody answers for it.
    fn may_drill(&self, by: &PersonId) -> Result<Person> {
        if machine_of(by).is_some() {
            return Err(Error::forbidden("A person begins a drill, or the city's configuration."));
        }
        self.allowed(by, Action::EditHotList)
            .or_else(|e| self.allowed(by, Action::ReviewBreakGlass).map_err(|_| e))
    }

    fn begin_drill(&self, person: Option<&Person>) -> Result<DrillRow> {
        if self.store.running_drills()?.len() >= RUNNING {
            return Err(Error::conflict("Five drills run already; wait until one is over."));
        }
        let now = self.now();
        let minutes = i64::from(self.config.drills.minutes);
        let row = DrillRow {
            id: DrillId::new(now, base::random()),
            started: now,
            until: now.plus_millis(minutes * 60_000),
            by: person.map_or_else(|| SCHEDULE.to_owned(), |p| p.id.to_string()),
            seed: base::random(),
            ended: None,
        };
        // What is stored is said sooner or later; what was only said could not be ended.
        self.store.put_drill(&row)?;
        self.say_started(&row)?;
        Ok(row)
    }

    /// Says on the log that a drill has begun, with its answer hidden; once.
    fn say_started(&self, row: &DrillRow) -> Result<()> {
        const KIND: &str = "drill.started";
        let id = row.id.to_string();
        if self.log.has(KIND, &id) {
            return Ok(());
        }
        let leaf = match row.by.parse::<PersonId>().ok().and_then(|who| self.person(&who).ok()) {
            Some(person) => self.leaf_by(KIND, &person)?,
            None => self.leaf(KIND).by(SCHEDULE),
        };
        let leaf = leaf
            .job("hotlist")
            .id(id.clone())
            .fact("minutes", row.until.since(row.started) / 60_000)
            .fact("answer", drill_answer(&salt(row), self.scene(row).sort.as_str()));
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event { id: Some(id), log_entry: Some(entry.index), ..self.event(KIND) });
        Ok(())
    }

    pub(crate) fn scene(&self, row: &DrillRow) -> Scene {
        Scene::of(&row.seed, self.config.home_state().as_deref())
    }

    /// The newest drills, with what this person found, and how the desks do; no plate in it.
    pub fn drills(&self, by: &PersonId) -> Result<Drills> {
        self.may_see_drills(by)?;
        let rows = self.store.drills(SHOWN)?;
        let lines = rows.into_iter().map(|row| self.drill_line(row, by)).collect::<Result<_>>()?;
        Ok(Drills {
            drills: lines,
            desks: self.log.figures().drills.by_desk,
            may_start: self.may_drill(by).is_ok(),
        })
    }

    /// Drills that run and that this person has not answered.
    pub fn drills_waiting(&self, by: &PersonId) -> Result<Vec<DrillLine>> {
        if self.allowed(by, Action::DecideHit).is_err() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let running = self.store.running_drills()?.into_iter().filter(|row| now < row.until);
        let lines = running.map(|row| self.drill_line(row, by)).collect::<Result<Vec<_>>>()?;
        Ok(lines.into_iter().filter(|line| line.result.is_none()).collect())
    }

    fn may_see_drills(&self, by: &PersonId) -> Result<Person> {
        self.allowed(by, Action::ViewHits).or_else(|e| self.may_drill(by).map_err(|_| e))
    }

    fn drill_line(&self, row: DrillRow, by: &PersonId) -> Result<DrillLine> {
        let answers = self.store.drill_answers(&row.id)?;
        let scene = self.scene(&row);
        let mine = answers.iter().find(|answer| answer.person == *by);
        let over = row.ended.is_some() || self.now() >= row.until;
        let name = match row.by.parse::<PersonId>() {
            Ok(who) => self.person(&who).map_or_else(|_| who.to_string(), |p| p.name),
            Err(_) => String::new(),
        };
        Ok(DrillLine {
            id: row.id,
            started: row.started,
            until: row.until,
            by: Some(name).filter(|name| !name.is_empty()),
            over,
            sort: over.then_some(scene.sort),
            answered: answers.iter().filter(|a| a.decided.is_some()).count() as u64,
            right: over.then(|| {
                let all = answers.iter().filter_map(|a| result(a, &scene));
                all.filter(|result| result.right).count() as u64
            }),
            result: mine.and_then(|answer| result(answer, &scene)),
        })
    }

    /// Opens a drill for somebody who decides hits; their time runs from the first look.
    pub fn drill(&self, by: &PersonId, id: &DrillId) -> Result<DrillView> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.drill_row(id)?;
        let now = self.now();
        if now < row.until && row.ended.is_none() {
            self.store.open_drill(id, by, &person.office, now)?;
        }
        let scene = self.scene(&row);
        let hit = drawn(&row, &scene)?;
        Ok(DrillView { drill: self.drill_line(row, by)?, hit })
    }

    fn drill_row(&self, id: &DrillId) -> Result<DrillRow> {
        self.store.drill(id)?.ok_or_else(|| Error::not_found("There is no such drill."))
    }

    /// Records what a person found, and tells them whether it was right. Once a drill and person.
    pub fn drill_verdict(
        &self,
        by: &PersonId,
        id: &DrillId,
        verdict: DrillVerdict,
    ) -> Result<DrillResult> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.drill_row(id)?;
        self.say_started(&row)?;
        let now = self.now();
        if now >= row.until {
            return Err(Error::conflict("This drill is over."));
        }
        if verdict.finding == HitFinding::Correct && verdict.compared != Compared::ALL {
            return Err(Error::invalid(
                "Compare picture, state, make and colour before you confirm a hit.",
            ));
        }
        // Who answers without a look has seen it for no time.
        self.store.open_drill(id, by, &person.office, now)?;
        self.store.answer_drill(id, by, verdict.finding.as_str(), now)?;
        self.log_drill_answers()?;
        let answers = self.store.drill_answers(id)?;
        let mine = answers.iter().find(|answer| answer.person == *by);
        mine.and_then(|answer| result(answer, &self.scene(&row)))
            .ok_or_else(|| Error::internal("The answer to a drill is gone."))
    }

    /// Puts answers on the log: which desk, what, how fast; not who.
    fn log_drill_answers(&self) -> Result<()> {
        for answer in self.store.drill_answers_owed()? {
            let number = answer.number.unwrap_or_default();
            let leaf = self
                .leaf("drill.decided")
                .job("hotlist")
                .by(&answer.office)
                .id(format!("{}/{number}", answer.drill))
                .fact("drill", answer.drill.to_string())
                .fact("finding", answer.finding.as_deref().unwrap_or_default())
                .fact("seconds", seconds(&answer));
            let entry = self.log.append_once(&leaf)?;
            self.store.drill_answer_logged(&answer.drill, &answer.person)?;
            self.emit(Event {
                id: Some(answer.drill.to_string()),
                log_entry: Some(entry.index),
                ..self.event("drill.decided")
            });
        }
        Ok(())
    }

    /// What the time does to drills: answers that the log lacks, ends, and those that nobody begins.
    pub(crate) fn tend_drills(&self) -> Result<()> {
        let running = self.store.running_drills()?;
        running.iter().try_for_each(|row| self.say_started(row))?;
        self.log_drill_answers()?;
        for row in running {
            if self.now() >= row.until {
                self.end_drill(&row)?;
            }
        }
        self.begin_by_schedule()
    }

    fn end_drill(&self, row: &DrillRow) -> Result<()> {
        let answers = self.store.drill_answers(&row.id)?;
        let leaf = self
            .leaf("drill.ended")
            .job("hotlist")
            .id(row.id.to_string())
            .fact("sort", self.scene(row).sort.as_str())
            .fact("salt", b64(&salt(row)))
            .fact("answered", answers.iter().filter(|a| a.decided.is_some()).count() as u64);
        let entry = self.log.append_once(&leaf)?;
        self.store.end_drill(&row.id, self.now())?;
        self.emit(Event {
            id: Some(row.id.to_string()),
            log_entry: Some(entry.index),
            ..self.event("drill.ended")
        });
        Ok(())
    }

    /// Half a period to one and a half after the last one, as its seed has it; while somebody is there to decide it.
    fn begin_by_schedule(&self) -> Result<()> {
        let a_week = i64::from(self.config.drills.a_week);
        if a_week == 0 {
            return Ok(());
        }
        let last = self.store.drills(SHOWN)?.into_iter().find(|row| row.by == SCHEDULE);
        let due = last.is_none_or(|row| {
            let chance = f64::from(sha256(&row.seed)[0]) / 256.0;
            let wait = (WEEK_MS / a_week) as f64 * (0.5 + chance);
            self.now().since(row.started) >= wait as i64
        });
        if due && self.is_desk_attended()? && self.store.running_drills()?.is_empty() {
            self.begin_drill(None)?;
        }
        Ok(())
    }

    /// Forgets who answered what in drills of long ago; the log keeps how the desks did.
    pub(crate) fn forget_drills(&self) -> Result<()> {
        if self.forgetting_waits()? {
            return Ok(());
        }
        self.store.forget_drills(self.now().plus_millis(-KEPT_MS))
    }
}

/// Makes the commitment one that nobody can try the two answers on; it says nothing of the seed.
fn salt(row: &DrillRow) -> [u8; 32] {
    sha256(&[b"homeplate/drill/salt/v1\n", row.seed.as_slice()].concat())
}

fn seconds(answer: &DrillAnswerRow) -> i64 {
    let ms = answer.decided.map_or(0, |at| at.since(answer.opened));
    (ms / 1000).clamp(0, LONGEST_S)
}

/// What somebody found, where they have decided.
fn result(answer: &DrillAnswerRow, scene: &Scene) -> Option<DrillResult> {
    let finding = HitFinding::parse(answer.finding.as_deref()?)?;
    Some(DrillResult {
        finding,
        sort: scene.sort,
        right: ledger::drill_right(scene.sort.as_str(), finding.as_str()),
        seconds: seconds(answer).unsigned_abs(),
    })
}

/// The drill as the page of a hit shows one.
fn drawn(row: &DrillRow, scene: &Scene) -> Result<HitView> {
    let lost = || Error::internal("The drill cannot be drawn.");
    let (shot, odds) = (scene.shot().ok_or_else(lost)?, scene.odds().ok_or_else(lost)?);
    let basis = Basis { text: TextBasis::Exact, state: StateBasis::Same, places: Vec::new() };
    let camera: base::CameraId = "cam_drill".parse().map_err(|_| lost())?;
    let read = AnswerRead {
        id: ReadId::from_bytes(*row.id.bytes()).map_err(|_| lost())?,
        camera: camera.clone(),
        camera_name: String::new(),
        lat: None,
        lon: None,
        captured: row.started,
        plate: scene.wanted.clone(),
        confidence: scene.probability() as f32,
        region: Some(scene.region.to_owned()),
        likeness: None,
        picture: Some(b64(&shot.jpeg)),
    };
    let line = HitLine {
        id: hit_of(&row.id).ok_or_else(lost)?,
        list: "lst_drill".parse().map_err(|_| lost())?,
        entry: "ent_drill".parse().map_err(|_| lost())?,
        camera,
        camera_name: String::new(),
        lat: None,
        lon: None,
        captured: row.started,
        raised: Some(row.started),
        probability: scene.probability(),
        state: "open".into(),
        version: 0,
        finding: None,
        outcome: None,
        cold: false,
        doubts: Vec::new(),
        basis: Some(basis),
    };
    Ok(HitView {
        characters: characters(&odds, line.basis.as_ref()),
        picture_corners: Some(shot.corners),
        direction: None,
        heading: None,
        listed: Some(listed(row.until, scene, shot.colour)),
        must_type: false,
        two_persons: false,
        acts: Vec::new(),
        stamps: Stamps::default(),
        unchecked: Vec::new(),
        say: Say::NotCompared,
        broadcast: None,
        record_query: None,
        seen: Vec::new(),
        log_entry: 0,
        read,
        line,
    })
}

fn listed(until: Time, scene: &Scene, colour: &str) -> Listed {
    Listed {
        plate: scene.wanted.clone(),
        state: Some(scene.region.to_owned()),
        reason: String::new(),
        case: String::new(),
        expires: until,
        fresh: true,
        list_name: String::new(),
        imported: None,
        category: None,
        priority: 0,
        source: String::new(),
        action: ListAction::ObserveOnly,
        described: crate::Described {
            color: Some(colour.to_owned()),
            style: Some(scene.style().to_owned()),
            ..crate::Described::default()
        },
    }
}
