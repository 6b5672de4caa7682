//! A hit is a question to a person: who opens it is on the log, and nothing is confirmed before
//! picture, state, make and colour have been compared.

use crate::places::Places;
use crate::{AnswerRead, City, Decision, Event, HitLine, HitView, Hits, Listed, Verdict};
use base::{Error, HitId, PersonId, Result, b64};
use identity::Person;
use plate::Reason;
use policy::Action;
use read::{Read, TextBasis};
use store::{EntryRow, HitRow};

impl City {
    /// At most `limit` hits, the newest first, from behind `after`; no plate in them.
    pub fn hits(&self, by: &PersonId, limit: u32, after: Option<HitId>) -> Result<Hits> {
        self.allowed(by, Action::ViewHits)?;
        let names = self.camera_names()?;
        // One more than asked for tells whether there is another page.
        let mut rows = self.store.hits(limit.saturating_add(1), after)?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok(Hits { hits: rows.into_iter().map(|row| line(row, &names)).collect(), next })
    }

    /// Opens a hit for a person: the opening is on the log first.
    pub fn hit(&self, by: &PersonId, id: &HitId) -> Result<HitView> {
        self.witnesses_follow()?;
        let person = self.allowed(by, Action::ViewHits)?;
        let row = self.row(id)?;
        let sealed = self.store.sealed_hit(id)?;
        let leaf = self.leaf_by("hit.opened", &person)?.job("hotlist").id(id.to_string());
        let entry = self.log.append(&leaf)?;
        let entry = self.witnessed(entry)?;
        let (read, picture) = self.custody.open_hit(&sealed, &entry)?;
        let names = self.camera_names()?;
        let listed = self.store.entry(&row.entry)?.map(|e| self.entry_shown(e)).transpose()?;
        let verdict = row.verdict_json.as_deref().and_then(|json| serde_json::from_str(json).ok());
        Ok(HitView {
            read: answer_read(&read, picture, &names, Reason::Hit),
            line: line(row, &names),
            listed,
            verdict,
            log_entry: entry.index,
        })
    }

    /// Records a person's verdict. A confirmation needs all four comparisons and a fresh entry.
    pub fn verdict(&self, by: &PersonId, id: &HitId, verdict: Verdict) -> Result<HitLine> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.row(id)?;
        self.check_verdict(&row, &verdict)?;
        let json = serde_json::to_string(&verdict)
            .map_err(|e| Error::internal("The verdict cannot be stored.").because(e))?;
        self.store.set_verdict(id, verdict.version, verdict.decision.as_str(), &json)?;
        self.log_verdict(&self.row(id)?, Some(&person))?;
        Ok(line(self.row(id)?, &self.camera_names()?))
    }

    fn check_verdict(&self, row: &HitRow, verdict: &Verdict) -> Result<()> {
        if verdict.note.chars().count() > 500 {
            return Err(Error::too_large("A remark has at most 500 characters."));
        }
        if row.state != "open" {
            return Err(Error::conflict(format!("This hit is {} already.", row.state)));
        }
        if verdict.decision == Decision::Rejected {
            return Ok(());
        }
        let c = verdict.compared;
        if !(c.picture && c.state && c.make && c.colour) {
            return Err(Error::invalid(
                "Compare picture, state, make and colour before you confirm a hit.",
            ));
        }
        if row.basis.as_ref().is_some_and(|basis| basis.text == TextBasis::LookAlike) {
            return Err(Error::conflict(
                "The read is a look-alike of the listed plate: it proposes, and confirms nothing.",
            ));
        }
        let now = self.now();
        if self.store.entry(&row.entry)?.is_none_or(|entry| now >= entry.expires) {
            return Err(Error::conflict(
                "The list entry has ended; a stale entry confirms nothing.",
            ));
        }
        if self.is_stale(&row.list)? {
            return Err(Error::conflict(
                "The list is too old to be believed; it confirms nothing until it is imported again.",
            ));
        }
        Ok(())
    }

    fn entry_shown(&self, entry: EntryRow) -> Result<Listed> {
        let settings = self.list_settings(&entry.list)?.unwrap_or_default();
        Ok(Listed {
            fresh: self.now() < entry.expires && !self.is_stale(&entry.list)?,
            described: crate::Described::of(&entry),
            plate: entry.plate.reveal(Reason::Hit).to_owned(),
            state: entry.state,
            reason: entry.reason,
            case: entry.case_no,
            expires: entry.expires,
            category: entry.category,
            priority: entry.priority,
            source: entry.source,
            action: settings.action,
        })
    }

    fn row(&self, id: &HitId) -> Result<HitRow> {
        self.store.hit(id)?.ok_or_else(|| Error::not_found("There is no such hit."))
    }

    fn log_verdict(&self, row: &HitRow, by: Option<&Person>) -> Result<()> {
        let leaf = match by {
            Some(person) => self.leaf_by("hit.verdict", person)?,
            None => self.leaf("hit.verdict"),
        };
        let leaf = leaf.job("hotlist").id(row.id.to_string()).fact("verdict", row.state.as_str());
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event {
            camera: Some(row.camera.clone()),
            id: Some(row.id.to_string()),
            log_entry: Some(entry.index),
            ..self.event("hit.verdict")
        });
        Ok(())
    }

    /// Verdicts that were stored when the process died before they were on the log.
    pub(crate) fn log_verdicts(&self) -> Result<()> {
        for row in self.store.hits(1000, None)? {
            if row.state != "open" && !self.log.has("hit.verdict", &row.id.to_string()) {
                self.log_verdict(&row, None)?;
            }
        }
        Ok(())
    }
}

fn line(row: HitRow, names: &Places) -> HitLine {
    HitLine {
        camera_name: names.name(&row.camera, row.captured),
        id: row.id,
        list: row.list,
        entry: row.entry,
        camera: row.camera,
        captured: row.captured,
        probability: f64::from(row.probability_ppm) / 1e6,
        state: row.state,
        version: row.version,
        basis: row.basis,
    }
}

/// A read as the person sees it who may.
pub(crate) fn answer_read(
    read: &Read,
    picture: Option<Vec<u8>>,
    names: &Places,
    reason: Reason,
) -> AnswerRead {
    let (lat, lon) = names.at(&read.camera, read.captured).unzip();
    AnswerRead {
        id: read.id,
        camera: read.camera.clone(),
        camera_name: names.name(&read.camera, read.captured),
        lat,
        lon,
        captured: read.captured,
        plate: read.odds.text().reveal(reason).to_owned(),
        confidence: read.confidence,
        region: read.region.clone(),
        likeness: None,
        picture: picture.map(|p| b64(&p)),
    }
}
