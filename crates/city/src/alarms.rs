//! Alarms: what looks like misuse goes to the auditors, whoever did it. Nobody is exempt, a chief neither.
//!
//! An alarm stops nothing and accuses nobody: it is a question to the auditors, who close it with a finding. That
//! there is one, and what kind, is on the public log from the next day on, and overdue ones are on the public page;
//! whom it is about is not. Everything is found again from what is stored ([`City::oversee`]), so that no crash loses an alarm.

use crate::oversight::{Asked, SAY_MS, read, told_why};
use crate::{City, Finding};
use base::{Error, PersonId, Result, Time};
use policy::Action;
use serde::{Deserialize, Serialize};
use store::{AlarmRow, AskRow};
use utoipa::ToSchema;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// A question whose answer is not on the log after so long was cut off.
const CUT_OFF_MS: i64 = HOUR_MS;
/// How far back the hourly look goes for alarms that a crash left out.
const LOOK_MS: i64 = 2 * DAY_MS;
/// Over how many days before it a person's day is compared.
const USUAL_DAYS: i64 = 30;
/// How often more than usual is unusual.
const UNUSUAL: u64 = 3;
/// The most alarms in a list.
const SHOWN: u32 = 500;
/// And the most that are looked through for what the log does not know yet.
const LOGGED: u32 = 100_000;

/// `[alarms]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmSection {
    /// So many questions of one person about one plate in a month raise an alarm, and as many more another.
    pub same_plate: u32,
    /// More questions of one person on a day than this, and than three times their usual, raise an alarm.
    pub questions_a_day: u32,
    /// So many questions of one person of which nobody said in two weeks what came of them raise an alarm.
    pub without_outcome: u32,
}

impl Default for AlarmSection {
    fn default() -> Self {
        Self { same_plate: 5, questions_a_day: 30, without_outcome: 5 }
    }
}

impl AlarmSection {
    /// What is wrong with it, if anything.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let fine = |n: u32| (2..=1000).contains(&n);
        let all = [self.same_plate, self.questions_a_day, self.without_outcome];
        (!all.into_iter().all(fine)).then_some("alarms.* are 2 to 1000")
    }
}

/// What raised an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// One person asked about one plate again and again.
    SamePlate,
    /// Somebody asked about a plate of the city's own people.
    Colleague,
    /// Somebody used the console at two places.
    TwoPlaces,
    /// An answer was cut off, or nobody said what came of the answers.
    NoOutcome,
    /// Somebody asked unusually often.
    Volume,
}

impl AlarmKind {
    /// As the public log spells it.
    pub fn slug(self) -> &'static str {
        match self {
            AlarmKind::SamePlate => "same-plate",
            AlarmKind::Colleague => "colleague",
            AlarmKind::TwoPlaces => "two-places",
            AlarmKind::NoOutcome => "no-outcome",
            AlarmKind::Volume => "volume",
        }
    }
}

/// What is kept of an alarm.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    kind: AlarmKind,
    person: PersonId,
    /// How many there were of what is counted.
    count: u64,
    /// Ids of the questions.
    asks: Vec<String>,
    /// One of the questions is sealed until then: the public log does not point at it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quiet_until: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finding: Option<Finding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The office of who closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_by: Option<String>,
}

/// An alarm as auditors see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alarm {
    /// `alm_` and 32 hex digits.
    pub id: String,
    /// What raised it.
    pub kind: AlarmKind,
    /// Whom it is about.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// Their name; empty where they are not known any more.
    pub name: String,
    /// How many questions it counts.
    pub count: u64,
    /// Numbers of the questions on the log.
    pub entries: Vec<u64>,
    /// When it was raised.
    pub raised: Time,
    /// What was found; none while it is open.
    pub finding: Option<Finding>,
    /// What the auditor wrote.
    pub note: Option<String>,
}

/// What an auditor says of an alarm.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseAlarm {
    /// What was found; it is public.
    pub finding: Finding,
    /// Why, in a sentence; it stays private.
    pub note: String,
}

fn damaged(e: impl std::fmt::Display) -> Error {
    Error::internal("A stored alarm is damaged; restore the database.").because(e.to_string())
}

fn unkept(e: impl std::fmt::Display) -> Error {
    Error::internal("The alarm cannot be kept; see the log.").because(e.to_string())
}

impl City {
    /// Looks whether a question that is on the log raises alarms.
    pub(crate) fn watch_ask(&self, row: &AskRow) -> Result<()> {
        for own in &read(row)?.own {
            let key = format!("colleague/{}/{own}", row.id);
            self.raise_once(&key, || {
                self.alarm_of(AlarmKind::Colleague, row, vec![row.id.clone()])
            })?;
        }
        let step = u64::from(self.config.alarms.same_plate);
        for mark in self.store.marks_of(&row.id)? {
            let times = self.store.marks_count(&mark)? / step;
            if times > 0 {
                self.raise_once(&format!("same-plate/{mark}/{times}"), || {
                    let all = self.store.marked(&mark)?.into_iter();
                    self.alarm_of(
                        AlarmKind::SamePlate,
                        row,
                        all.take((times * step) as usize).collect(),
                    )
                })?;
            }
        }
        self.watch_volume(row)
    }

    /// The same where the question goes on in any case: what fails is found again within the hour.
    pub(crate) fn watched(&self, row: &AskRow) {
        if let Err(e) = self.watch_ask(row) {
            tracing::error!(error = %e.inside(), "a question could not be looked at for alarms");
        }
    }

    fn watch_volume(&self, row: &AskRow) -> Result<()> {
        let day = row.asked.floor_to(DAY_MS);
        let today = self.store.asks_count(&row.person, day, day.plus_millis(DAY_MS))?;
        if today <= u64::from(self.config.alarms.questions_a_day) {
            return Ok(());
        }
        let from = day.plus_millis(-USUAL_DAYS * DAY_MS);
        let before = self.store.asks_count(&row.person, from, day)?;
        if today * USUAL_DAYS as u64 <= UNUSUAL * before {
            return Ok(());
        }
        self.raise_once(&format!("volume/{}/{}", row.person, day.day()), || {
            // A sealed question among them keeps it quiet; which they were, nobody needs to list.
            let asks = self.store.asks_between(day, day.plus_millis(DAY_MS))?.into_iter();
            let asks = asks.filter(|ask| ask.person == row.person).map(|ask| ask.id).collect();
            Ok(Kept { asks: Vec::new(), ..self.alarm_of(AlarmKind::Volume, row, asks)? })
        })
    }

    /// Answers that were cut off, and askers who do not say what came of theirs.
    fn watch_outcomes(&self) -> Result<()> {
        let now = self.now();
        let cut_off = |row: &AskRow| {
            self.log.has("search.intent", &row.id) && !self.log.has("search.outcome", &row.id)
        };
        let from = now.plus_millis(-USUAL_DAYS * DAY_MS);
        for row in self.store.asks_between(from, now.plus_millis(-CUT_OFF_MS))? {
            if cut_off(&row) {
                self.raise_once(&format!("cut-off/{}", row.id), || {
                    self.alarm_of(AlarmKind::NoOutcome, &row, vec![row.id.clone()])
                })?;
            }
        }
        self.watch_unsaid(now)
    }

    fn watch_unsaid(&self, now: Time) -> Result<()> {
        // Of the month that ended two weeks ago and the one before: a person is asked once a month.
        let until = now.plus_millis(-SAY_MS);
        let rows = self.store.asks_between(until.plus_millis(-USUAL_DAYS * DAY_MS), until)?;
        let mut by_person = std::collections::BTreeMap::<PersonId, Vec<AskRow>>::new();
        for row in rows {
            let Asked { decision, outcome, sealed_until, .. } = read(&row)?;
            let sealed = sealed_until.is_some_and(|t| t.plus_millis(SAY_MS) > now);
            if decision != "refused" && outcome.is_none() && !sealed {
                by_person.entry(row.person.clone()).or_default().push(row);
            }
        }
        let month = now.month();
        let many = self.config.alarms.without_outcome as usize;
        for (person, rows) in by_person {
            let key = format!("unsaid/{person}/{month}");
            if rows.len() < many || self.store.has_alarm(&key)? {
                continue;
            }
            // Only now: the log is read for each, and nobody may have answered tens of thousands in a month.
            let mut open = Vec::new();
            for row in rows {
                if !self.came_to_nothing(&row.id)? {
                    open.push(row);
                }
            }
            if let Some(first) = open.first()
                && open.len() >= many
            {
                let asks = open.iter().map(|row| row.id.clone()).collect();
                self.raise(&key, self.alarm_of(AlarmKind::NoOutcome, first, asks)?)?;
            }
        }
        Ok(())
    }

    /// Somebody used the console at two places.
    pub(crate) fn alarm_places(&self, person: &PersonId) -> Result<()> {
        let alarm = Kept { count: 1, ..Kept::about(AlarmKind::TwoPlaces, person, Vec::new()) };
        self.raise(&format!("two-places/{person}/{}", self.now().day()), alarm)
    }

    /// An alarm about the person who asked `row`, and these questions.
    fn alarm_of(&self, kind: AlarmKind, row: &AskRow, asks: Vec<String>) -> Result<Kept> {
        let mut alarm = Kept::about(kind, &row.person, asks);
        for id in &alarm.asks {
            if let Some(ask) = self.store.ask(id)? {
                alarm.quiet_until = alarm.quiet_until.max(read(&ask)?.sealed_until);
            }
        }
        Ok(alarm)
    }

    /// Raises an alarm unless `key` has raised one before; only then it is put together.
    fn raise_once(&self, key: &str, alarm: impl FnOnce() -> Result<Kept>) -> Result<()> {
        if self.store.has_alarm(key)? { Ok(()) } else { self.raise(key, alarm()?) }
    }

    fn raise(&self, key: &str, alarm: Kept) -> Result<()> {
        let id: [u8; 16] = base::random();
        let row = AlarmRow {
            id: format!("alm_{}", base::hex(&id)),
            key: key.to_owned(),
            raised: self.now(),
            closed: None,
            json: serde_json::to_string(&alarm).map_err(unkept)?,
        };
        self.store.put_alarm(&row).map(drop)
    }

    /// Makes up for alarms that wait on the log and that an older database has lost: nobody could close them else. Whom
    /// they are about nobody knows any more.
    fn recall_alarms(&self) -> Result<()> {
        for id in self.log.audit().open_alarms.keys() {
            if self.store.alarm(id)?.is_some() {
                continue;
            }
            let Some(index) = self.log.find("alarm.raised", id) else { continue };
            let leaf = self.entry_at(index)?;
            let kind = leaf.text("alarm").unwrap_or_default();
            let Ok(kind) = serde_json::from_value::<AlarmKind>(kind.into()) else { continue };
            let unknown: PersonId = "per_unknown".parse().map_err(unkept)?;
            let alarm = Kept::about(kind, &unknown, Vec::new());
            self.store.put_alarm(&AlarmRow {
                id: id.clone(),
                key: format!("lost/{id}"),
                raised: leaf.time,
                closed: None,
                json: serde_json::to_string(&alarm).map_err(unkept)?,
            })?;
        }
        Ok(())
    }

    /// Says on the log which alarms there are and what was found. Not at once: right behind a question an alarm
    /// would say whom it is about. Those of a day come together on the next, in the order of their random ids, and
    /// nothing of one about a sealed question before it is revealed.
    fn log_alarms(&self) -> Result<()> {
        let now = self.now();
        let today = now.floor_to(DAY_MS);
        let mut rows = self.store.alarms(LOGGED)?;
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        for row in &rows {
            let alarm = kept(row)?;
            if row.raised >= today || alarm.is_quiet(now) {
                continue;
            }
            if !self.log.has("alarm.raised", &row.id) {
                let raised = self.leaf("alarm.raised").id(&row.id);
                self.log.append_once(&raised.fact("alarm", alarm.kind.slug()))?;
            }
            if let (Some(finding), true) = (alarm.finding, row.closed.is_some_and(|at| at < today))
                && !self.log.has("alarm.closed", &row.id)
            {
                let closed = self.leaf("alarm.closed").id(&row.id);
                let closed = closed.by(alarm.closed_by.as_deref().unwrap_or("auditor"));
                self.log.append_once(&closed.fact("finding", finding.slug()))?;
            }
        }
        Ok(())
    }

    /// Draws what auditors must look at, finds alarms that a crash left out, says on the log what is due, and
    /// forgets what is over. Runs at every start and every hour; running it again changes nothing. After the clock
    /// has leapt it waits like all forgetting.
    pub(crate) fn oversee(&self) -> Result<()> {
        if self.forgetting_waits()? {
            return Ok(());
        }
        self.draw_audits()?;
        let now = self.now();
        for row in self.store.asks_between(now.plus_millis(-LOOK_MS), now.plus_millis(1))? {
            if self.entry_of(&row.id).is_some() {
                self.watch_ask(&row)?;
            }
        }
        self.watch_outcomes()?;
        self.recall_alarms()?;
        self.log_alarms()?;
        self.log_suspensions()?;
        self.forget_withdrawn()?;
        self.forget_askers()
    }

    /// The questions of alarms that nobody has closed.
    pub(crate) fn open_alarm_asks(&self) -> Result<std::collections::HashSet<String>> {
        let open = self.store.alarms(LOGGED)?.into_iter().filter(|row| row.closed.is_none());
        let asks = open.map(|row| Ok(kept(&row)?.asks)).collect::<Result<Vec<_>>>()?;
        Ok(asks.into_iter().flatten().collect())
    }

    fn shown_alarm(&self, row: &AlarmRow) -> Result<Alarm> {
        let kept = kept(row)?;
        let name = self.stored_person(&kept.person)?.map(|p| p.name).unwrap_or_default();
        Ok(Alarm {
            id: row.id.clone(),
            kind: kept.kind,
            person: kept.person,
            name,
            count: kept.count,
            entries: kept.asks.iter().filter_map(|id| self.entry_of(id)).collect(),
            raised: row.raised,
            finding: kept.finding,
            note: kept.note,
        })
    }

    /// Alarms, for auditors: the open ones first, then the newest first.
    pub fn alarms(&self, by: &PersonId) -> Result<Vec<Alarm>> {
        self.allowed(by, Action::ReadAudit)?;
        self.store.alarms(SHOWN)?.iter().map(|row| self.shown_alarm(row)).collect()
    }

    /// Closes an alarm; nobody closes one about themselves. Where it was unjustified, papers that its questions
    /// rested on count no longer.
    pub fn close_alarm(&self, by: &PersonId, id: &str, close: CloseAlarm) -> Result<Alarm> {
        let auditor = self.allowed(by, Action::ReadAudit)?;
        told_why(&close.note)?;
        let _alone = self.judging();
        let none = || Error::not_found("There is no such alarm; see the list.");
        let row = self.store.alarm(id)?.ok_or_else(none)?;
        let mut alarm = kept(&row)?;
        if alarm.person == auditor.id {
            return Err(Error::forbidden("This alarm is about you; another auditor closes it."));
        }
        if row.closed.is_some() {
            return Err(Error::conflict("This alarm is closed; what was found stays."));
        }
        if close.finding == Finding::Unjustified {
            let tomorrow = self.now().floor_to(DAY_MS).plus_millis(DAY_MS);
            let from = alarm.quiet_until.map_or(tomorrow, |until| until.max(tomorrow));
            for ask in &alarm.asks {
                self.suspend_paper_of(ask, from)?;
            }
        }
        alarm.closed_by = Some(auditor.office);
        alarm.finding = Some(close.finding);
        alarm.note = Some(close.note.trim().to_owned());
        let json = serde_json::to_string(&alarm).map_err(unkept)?;
        let row = AlarmRow { closed: Some(self.now()), json, ..row };
        self.store.change_alarm(&row)?;
        self.shown_alarm(&row)
    }
}

impl Kept {
    /// An open alarm about a person and some questions.
    fn about(kind: AlarmKind, person: &PersonId, asks: Vec<String>) -> Self {
        Self {
            kind,
            person: person.clone(),
            count: asks.len() as u64,
            asks,
            quiet_until: None,
            finding: None,
            note: None,
            closed_by: None,
        }
    }

    fn is_quiet(&self, now: Time) -> bool {
        self.quiet_until.is_some_and(|until| now < until)
    }
}

fn kept(row: &AlarmRow) -> Result<Kept> {
    serde_json::from_str(&row.json).map_err(damaged)
}

#[cfg(test)]
#[path = "tests/alarms.rs"]
mod tests;
