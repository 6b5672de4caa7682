//! A hit is a question to a person: who opens it is on the log, and nothing is confirmed before
//! picture, state, make and colour have been compared.
//!
//! What people may say of a hit, and what follows, is `hotlist::Card`; here it is stored, logged and shown. `board`
//! is the queue, `street` what is looked for outside, `tend` what the time does, `shift` the handover, `roadside` a
//! plate that somebody has before them.

mod air;
mod api;
mod board;
mod roadside;
mod shift;
mod street;
mod tend;

pub use api::*;
pub use tend::HitsSection;

use crate::lists::{ListSettings, as_code, looked_for};
use crate::places::Places;
use crate::{AnswerRead, City, Event};
use base::{Error, HitId, PersonId, Result, Time, b64, canonical};
use hotlist::{
    Act, Around, Card, Doubt, HitFinding, HitState, Remark, Tombstone, What, doubts, must_type,
    spellings,
};
use identity::Person;
use plate::{Odds, Reason, Text};
use policy::Action;
use read::Read;
use std::collections::HashSet;
use store::{EntryRow, HitChange, HitRow};

/// The most characters of a remark.
const NOTE: usize = 500;
/// So many hits that the log owes are read at a time.
const OWED: u32 = 200;

impl City {
    /// At most `limit` hits, the newest first, from behind `after`; no plate in them.
    pub fn hits(&self, by: &PersonId, limit: u32, after: Option<HitId>) -> Result<Hits> {
        self.allowed(by, Action::ViewHits)?;
        // One more than asked for tells whether there is another page.
        let mut rows = self.store.hits(limit.saturating_add(1), after)?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok(Hits { hits: self.lines(rows)?, next })
    }

    /// Opens a hit for a person: the opening is on the log first.
    pub fn hit(&self, by: &PersonId, id: &HitId) -> Result<HitView> {
        self.witnesses_follow()?;
        let person = self.allowed(by, Action::ViewHits)?;
        let row = self.row(id)?;
        let ((read, picture), entry) = self.opened(&person, id)?;
        self.view(row, &read, picture, entry)
    }

    /// What is kept with a hit, and the log entry of its opening, which comes first.
    fn opened(&self, person: &Person, id: &HitId) -> Result<(custody::Opened, u64)> {
        let sealed = self.store.sealed_hit(id)?;
        let leaf = self.leaf_by("hit.opened", person)?.job("hotlist").id(id.to_string());
        let entry = self.log.append(&leaf)?;
        let entry = self.witnessed(entry)?;
        Ok((self.custody.open_hit(&sealed, &entry)?, entry.index))
    }

    fn view(
        &self,
        row: HitRow,
        read: &Read,
        picture: Option<Vec<u8>>,
        log_entry: u64,
    ) -> Result<HitView> {
        let names = self.camera_names()?;
        let now = self.now();
        let as_read = read.odds.text();
        let (around, card) = (self.around(&row, Some(&as_read))?, card_of(&row));
        let listed = self.store.entry(&row.entry)?;
        let listed = listed.map(|e| self.entry_shown(e, around.fresh)).transpose()?;
        // Of half a plate that nobody had to type, what was read is what people compared.
        let compared = is_partial(row.basis.as_ref()) && !around.must_type;
        let stamps = card.stamps(now);
        let say = card.say(&around, now);
        let seen = self.seen_with(&row)?;
        let line = self.line(row, &names, &self.suspended_now()?);
        let ahead = |at| self.config.city.ahead_of_utc(at);
        let way = read.sighting.heading.map(compass);
        let on_air = air::OnAir {
            say,
            now,
            line: &line,
            read: compared.then(|| as_read.reveal(Reason::Hit)),
            // What something speaks against, or people rejected, is no sighting to drive to.
            last: seen
                .iter()
                .find(|one| one.doubts.is_empty() && one.state != "rejected")
                .filter(|last| last.captured > line.captured),
            stamps: &stamps,
            way,
            ahead: &ahead,
        };
        let broadcast = listed.as_ref().and_then(|listed| air::words(&on_air, listed));
        Ok(HitView {
            characters: characters(&read.odds, line.basis.as_ref()),
            picture_corners: read.sighting.picture_corners,
            direction: read.sighting.direction,
            heading: read.sighting.heading,
            read: answer_read(read, picture, &names, Reason::Hit),
            record_query: listed.as_ref().and_then(air::record_query),
            listed,
            must_type: around.must_type,
            two_persons: around.two_persons,
            acts: self.acts_shown(&card),
            unchecked: card.unchecked(now).into_iter().map(String::from).collect(),
            stamps,
            say,
            broadcast,
            seen,
            line,
            log_entry,
        })
    }

    /// Records a person's finding. A confirmation needs all four comparisons and a fresh entry; where other
    /// characters were read than are listed it needs what the person reads in the picture, and another person.
    pub fn verdict(&self, by: &PersonId, id: &HitId, verdict: Verdict) -> Result<HitLine> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.row(id)?;
        let read = self.read_meant(&person, &row, verdict.finding)?;
        let around = self.around(&row, read.as_ref())?;
        let typed = match verdict.typed.as_deref().map(str::trim).filter(|t| !t.is_empty()) {
            Some(typed) => Some(self.is_listed_plate(&row, typed)?),
            None => None,
        };
        let what = What::Verdict {
            finding: verdict.finding,
            compared: verdict.compared,
            typed,
            needs_second: around.two_persons,
            remark: self.remark(&person, &row.id, &verdict.note)?,
        };
        let line = self.act(&person, row, &around, verdict.version, what)?;
        if line.finding == Some(HitFinding::Misread) {
            self.suspend_if_it_misreads(&line.camera)?;
        }
        Ok(line)
    }

    /// Records what whoever keeps the record answered: a confirmation is good for ten minutes.
    pub fn record_answered(&self, by: &PersonId, id: &HitId, new: NewRecord) -> Result<HitLine> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.row(id)?;
        self.act(&person, row, &Around::default(), new.version, What::Record { answer: new.answer })
    }

    /// Records what an officer saw.
    pub fn own_eyes(&self, by: &PersonId, id: &HitId, new: NewEyes) -> Result<HitLine> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.row(id)?;
        self.act(&person, row, &Around::default(), new.version, What::Eyes { answer: new.answer })
    }

    /// Records what came of a hit that was confirmed.
    pub fn hit_outcome(&self, by: &PersonId, id: &HitId, new: NewOutcome) -> Result<HitLine> {
        let person = self.allowed(by, Action::DecideHit)?;
        let row = self.row(id)?;
        let remark = self.remark(&person, &row.id, &new.note)?;
        let what = What::Outcome { outcome: new.outcome, remark };
        self.act(&person, row, &Around::default(), new.version, what)
    }

    /// What the camera read, where half a plate is to be confirmed and a vehicle that fits was found: the read says whether
    /// it is this one. Its opening is on the log.
    fn read_meant(
        &self,
        person: &Person,
        row: &HitRow,
        finding: HitFinding,
    ) -> Result<Option<Text>> {
        if finding != HitFinding::Correct || self.fitting_found(row)?.is_none() {
            return Ok(None);
        }
        let ((read, _), _) = self.opened(person, &row.id)?;
        Ok(Some(read.odds.text()))
    }

    /// When a vehicle was found last that fits half a plate of a hit; none where the plate is known whole.
    fn fitting_found(&self, row: &HitRow) -> Result<Option<Time>> {
        if !is_partial(row.basis.as_ref()) {
            return Ok(None);
        }
        let Some(entry) = self.store.entry(&row.entry)? else { return Ok(None) };
        Ok(last_found(row, &entry, &self.tombstones()?))
    }

    fn act(
        &self,
        person: &Person,
        row: HitRow,
        around: &Around,
        version: i64,
        what: What,
    ) -> Result<HitLine> {
        let act = Act { at: self.now(), by: Some(person.id.clone()), what };
        let row = self.acted(&row, around, version, act)?;
        self.log_acts(&row).map_err(|e| {
            Error::unavailable(
                "It was written down, and the log takes it as soon as it can be written to again.",
            )
            .because(e.inside())
        })?;
        Ok(self.line(row, &self.camera_names()?, &self.suspended_now()?))
    }

    /// Stores an act; the log follows. What stands `around` the hit counts for a verdict alone.
    fn acted(&self, row: &HitRow, around: &Around, version: i64, act: Act) -> Result<HitRow> {
        if version != row.version {
            return Err(Error::conflict(
                "Somebody else has said something of this hit; look at it again.",
            ));
        }
        let before = card_of(row);
        if before.state().as_str() != row.state {
            return Err(Error::internal(
                "What was said of this hit cannot be read; run `homeplate check`.",
            ));
        }
        let card = before.with(act, around)?;
        let card_json = spelled_card(&card)?;
        let change = HitChange {
            version,
            state: card.state().as_str().into(),
            finding: card.finding().map(|f| f.as_str().into()),
            card_json,
        };
        self.store.change_hit(&row.id, &change)?;
        self.row(&row.id)
    }

    /// What stands around a hit now. `read` is what the camera read, where the hit is open before somebody.
    fn around(&self, row: &HitRow, read: Option<&Text>) -> Result<Around> {
        let settings = self.list_settings(&row.list)?.unwrap_or_default();
        let fresh = match self.store.entry(&row.entry)? {
            Some(entry) => self.in_force(&entry, read)?,
            None => false,
        };
        Ok(Around { over: self.is_over(row)?, ..self.around_alone(row, &settings, fresh) })
    }

    /// The same, but for what people said of other hits of the entry; `fresh` is whether that is in force.
    fn around_alone(&self, row: &HitRow, settings: &ListSettings, fresh: bool) -> Around {
        let must_type = must_type(row.basis.as_ref());
        let long_ago = self.now().since(row.captured) >= board::UNDER_WAY_MS;
        Around {
            action: settings.action,
            two_persons: settings.two_persons || must_type,
            fresh,
            must_type,
            late: self.is_late(row) || long_ago,
            over: false,
        }
    }

    /// Whether an entry is in force: it has not ended, its list is young enough to be believed, and its vehicle was not
    /// found again. Half a plate looks for many vehicles, and `read` is the one that is meant.
    fn in_force(&self, entry: &EntryRow, read: Option<&Text>) -> Result<bool> {
        Ok(self.is_looked_for(entry, read) && !self.is_stale(&entry.list)?)
    }

    /// The same, however old its list is.
    fn is_looked_for(&self, entry: &EntryRow, read: Option<&Text>) -> bool {
        let now = self.now();
        let plate = entry.plate.exact().or_else(|| read.cloned());
        let looked_for = looked_for(entry.clone());
        let found = plate.is_some_and(|plate| self.hot.is_found(&looked_for, &plate, now));
        now < entry.expires && !found
    }

    /// Whether people said of another hit of the entry, after this one was confirmed, that the vehicle is not looked
    /// for any more.
    fn is_over(&self, row: &HitRow) -> Result<bool> {
        if confirmed_whole(row).is_none() {
            return Ok(false);
        }
        Ok(is_over_by(row, &over_of(&self.store.hits_of_entry(&row.entry, tend::STEP)?)))
    }

    /// Whether it was captured so long before it came here that nobody is called for it.
    pub(crate) fn is_late(&self, row: &HitRow) -> bool {
        row.raised.is_some_and(|raised| self.came_late(row.captured, raised))
    }

    fn came_late(&self, captured: Time, raised: Time) -> bool {
        raised.since(captured) > i64::from(self.config.hits.late_seconds) * 1000
    }

    /// Whether what a person typed is the plate of the entry.
    fn is_listed_plate(&self, row: &HitRow, typed: &str) -> Result<bool> {
        let text = Text::parse(typed).map_err(|e| {
            Error::invalid("Type the plate with its letters and digits alone.").because(e)
        })?;
        let entry = self.store.entry(&row.entry)?;
        // Plates do not tell O from 0 and I from 1, and so no person can.
        let all = spellings(&text);
        let fits = |e: EntryRow| all.iter().any(|t| e.plate.fits(t.reveal(Reason::Matching)));
        Ok(entry.is_some_and(fits))
    }

    /// `fresh` is whether it is in force.
    fn entry_shown(&self, entry: EntryRow, fresh: bool) -> Result<Listed> {
        let settings = self.list_settings(&entry.list)?.unwrap_or_default();
        let import = self.store.last_import_that_is(&entry.list, "taken")?;
        Ok(Listed {
            fresh,
            list_name: match settings.name.is_empty() {
                true => entry.list.to_string(),
                false => settings.name,
            },
            imported: import.map(|import| import.made),
            described: crate::Described::of(&entry),
            plate: entry.plate.reveal(Reason::Hit).to_owned(),
            state: as_code(entry.state),
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

    fn acts_shown(&self, card: &Card) -> Vec<ActLine> {
        let name = |by: &PersonId| self.person(by).map_or_else(|_| by.to_string(), |p| p.name);
        let line = |act: &Act| ActLine {
            at: act.at,
            by: act.by.as_ref().map(name),
            what: act.what.clone(),
        };
        card.acts.iter().map(line).collect()
    }

    /// Keeps a remark where the auditors alone can read it: a person may have typed a plate.
    fn remark(&self, person: &Person, hit: &HitId, text: &str) -> Result<Option<Remark>> {
        if text.chars().count() > NOTE {
            return Err(Error::too_large("A remark has at most 500 characters."));
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let id = format!("rmk_{}", base::hex(&base::random::<16>()));
        let body = serde_json::json!({ "hit": hit, "person": person.id, "remark": text });
        let body = canonical(&body)
            .map_err(|e| Error::internal("The remark cannot be kept.").because(e))?;
        let (_, commitment) = self.keep_record("remark", &id, &body)?;
        Ok(Some(Remark { id, commitment }))
    }

    /// Puts on the log what was said of a hit and is not there yet.
    fn log_acts(&self, row: &HitRow) -> Result<()> {
        let json = row.card_json.as_deref().unwrap_or_default();
        let card: Card = serde_json::from_str(json)
            .map_err(|e| Error::internal("What was said of a hit cannot be read.").because(e))?;
        for (n, act) in card.acts.iter().enumerate() {
            let upto = Card { acts: card.acts[..=n].to_vec() };
            let (kind, id) = logged_as(row, n, act, &upto);
            if self.log.has(kind, &id) {
                continue;
            }
            let person = act.by.as_ref().and_then(|by| self.person(by).ok());
            let leaf = match &person {
                Some(person) => self.leaf_by(kind, person)?,
                None => self.leaf(kind),
            };
            let mut leaf = leaf.job("hotlist").id(id);
            for (key, value) in said_publicly(row, act, &upto) {
                leaf = leaf.fact(key, value);
            }
            if let Some(remark) = act.what.remark() {
                leaf = leaf.fact("remark", remark.id.as_str()).body(&remark.commitment);
            }
            let entry = self.log.append_once(&leaf)?;
            self.emit(Event {
                camera: Some(row.camera.clone()),
                id: Some(row.id.to_string()),
                log_entry: Some(entry.index),
                ..self.event(kind)
            });
        }
        // As it is spelled now: what an earlier version kept beside the acts is not kept any longer.
        let spelled = spelled_card(&card)?;
        self.store.acts_logged(&row.id, row.version, &spelled)
    }

    /// What was stored and could not be put on the log: the process died, or the disk was full. All of it.
    pub(crate) fn log_owed(&self) -> Result<()> {
        let mut after = None;
        loop {
            let rows = self.store.hits_owed(OWED, after)?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            for row in &rows {
                match self.log_acts(row) {
                    // One that is damaged holds up no other.
                    Err(e) if e.kind() == base::Kind::Internal => {
                        tracing::error!(hit = %row.id, error = %e.inside(), "a card");
                    }
                    other => other?,
                }
            }
        }
        self.log_camera_suspensions()
    }

    fn lines(&self, rows: Vec<HitRow>) -> Result<Vec<HitLine>> {
        let (names, suspended) = (self.camera_names()?, self.suspended_now()?);
        Ok(rows.into_iter().map(|row| self.line(row, &names, &suspended)).collect())
    }

    fn line(&self, row: HitRow, names: &Places, suspended: &HashSet<String>) -> HitLine {
        let card = card_of(&row);
        let (lat, lon) = names.at(&row.camera, row.captured).unzip();
        HitLine {
            camera_name: names.name(&row.camera, row.captured),
            lat,
            lon,
            doubts: doubts_of(&row, self.is_late(&row), suspended),
            outcome: card.outcome(),
            cold: card.went_cold(),
            probability: probability_of(&row),
            finding: row.finding.as_deref().and_then(HitFinding::parse),
            raised: row.raised,
            id: row.id,
            list: row.list,
            entry: row.entry,
            camera: row.camera,
            captured: row.captured,
            state: row.state,
            version: row.version,
            basis: row.basis,
        }
    }
}

/// P(the read is the listed plate), 0 to 1.
fn probability_of(row: &HitRow) -> f64 {
    f64::from(row.probability_ppm) / 1e6
}

/// What speaks against a hit; `suspended` are the cameras whose hits wait.
fn doubts_of(row: &HitRow, late: bool, suspended: &HashSet<String>) -> Vec<Doubt> {
    let held = suspended.contains(row.camera.as_str());
    doubts(probability_of(row), row.basis.as_ref(), late, held)
}

/// Whether what was read fits half a plate, as many vehicles do: what people say of one hit says nothing of another.
fn is_partial(basis: Option<&read::Basis>) -> bool {
    basis.is_some_and(|basis| basis.text == read::TextBasis::Partial)
}

/// When a hit was confirmed whose plate is known whole.
fn confirmed_whole(row: &HitRow) -> Option<Time> {
    card_of(row).confirmed_at().filter(|_| !is_partial(row.basis.as_ref()))
}

/// Of which hits people said that the vehicle is not looked for any more, and when.
fn over_of(rows: &[HitRow]) -> Vec<(HitId, Time)> {
    rows.iter().filter_map(|row| Some((row.id, card_of(row).over_at()?))).collect()
}

/// Whether that was said, after this hit was confirmed, of another one of its entry.
fn is_over_by(row: &HitRow, over: &[(HitId, Time)]) -> bool {
    let confirmed = confirmed_whole(row);
    confirmed.is_some_and(|since| over.iter().any(|(id, at)| *id != row.id && *at >= since))
}

/// When a vehicle was found last that fits the plate of a hit's entry.
fn last_found(row: &HitRow, entry: &EntryRow, found: &[Tombstone]) -> Option<Time> {
    let fits = found.iter().filter(|t| t.list == row.list && t.is_of(&entry.plate));
    fits.map(|t| t.found).max()
}

/// The card of a row; an empty one where nothing was said, or what was said cannot be read any more.
fn card_of(row: &HitRow) -> Card {
    let json = row.card_json.as_deref();
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

fn spelled_card(card: &Card) -> Result<String> {
    serde_json::to_string(card)
        .map_err(|e| Error::internal("What was said cannot be stored.").because(e))
}

/// The entry of an act on the public log: what decides a hit carries the hit's own name, what can be said more
/// than once a number beside it.
fn logged_as(row: &HitRow, n: usize, act: &Act, upto: &Card) -> (&'static str, String) {
    let (plain, numbered) = (row.id.to_string(), format!("{}/{n}", row.id));
    match act.what {
        What::Verdict { .. } if upto.state() == HitState::Second => ("hit.compared", numbered),
        What::Verdict { .. } => ("hit.verdict", plain),
        What::Record { .. } => ("hit.record", numbered),
        What::Eyes { .. } => ("hit.eyes", numbered),
        What::Outcome { .. } => ("hit.outcome", plain),
        What::Along => ("hit.along", plain),
        What::Cold => ("hit.cold", plain),
        What::Unknown => ("hit.unknown", plain),
    }
}

/// What the public log says of an act: no plate, no remark, no name.
fn said_publicly(row: &HitRow, act: &Act, upto: &Card) -> Vec<(&'static str, String)> {
    let word = |json: serde_json::Result<serde_json::Value>| {
        json.ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default()
    };
    match &act.what {
        What::Verdict { finding, .. } if upto.state() != HitState::Second => vec![
            ("verdict", upto.state().as_str().to_owned()),
            ("finding", finding.as_str().to_owned()),
            ("camera", row.camera.to_string()),
            ("list", row.list.to_string()),
            ("hour", hour(row.captured)),
        ],
        What::Verdict { .. } | What::Along | What::Cold | What::Unknown => Vec::new(),
        What::Record { answer } => vec![("answer", word(serde_json::to_value(answer)))],
        What::Eyes { answer } => vec![("answer", word(serde_json::to_value(answer)))],
        What::Outcome { outcome, .. } => vec![("outcome", outcome.as_str().to_owned())],
    }
}

/// The UTC hour of a capture, `00` to `23`.
fn hour(at: Time) -> String {
    at.to_string().get(11..13).unwrap_or_default().to_owned()
}

/// The odds of a read, a character at a time.
pub(crate) fn characters(odds: &Odds, basis: Option<&read::Basis>) -> Vec<Character> {
    let differs: &[u8] = match basis {
        // A missing character has no place in the read.
        Some(b) if b.text != read::TextBasis::Missing => &b.places,
        _ => &[],
    };
    let place = |(n, choice): (usize, &plate::Choice)| {
        let mut all: Vec<(char, f32)> = choice.to_vec();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (best, odds) = all.first().copied().unwrap_or(('?', 0.0));
        let others = all.into_iter().skip(1).filter(|(_, p)| *p >= 0.005).take(2).collect();
        let differs = u8::try_from(n).is_ok_and(|n| differs.contains(&n));
        Character { best, odds, others, differs }
    };
    odds.places().iter().enumerate().map(place).collect()
}

/// A heading in words.
fn compass(degrees: u16) -> &'static str {
    const WAYS: [&str; 8] = [
        "northbound",
        "northeast",
        "eastbound",
        "southeast",
        "southbound",
        "southwest",
        "westbound",
        "northwest",
    ];
    WAYS[(usize::from(degrees % 360) * 2 + 45) / 90 % 8]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_has_a_name() {
        let check = |degrees: u16, want: &str| assert_eq!(compass(degrees), want, "{degrees}");
        check(0, "northbound");
        check(22, "northbound");
        check(23, "northeast");
        check(90, "eastbound");
        check(337, "northwest");
        check(338, "northbound");
        check(359, "northbound");
    }

    #[test]
    fn odds_are_shown_a_character_at_a_time() {
        let odds = Odds::new(vec![vec![('8', 0.82), ('B', 0.15), ('3', 0.001)], vec![('A', 0.99)]])
            .unwrap();
        let basis = read::Basis {
            text: read::TextBasis::LookAlike,
            state: read::StateBasis::Same,
            places: vec![0],
        };
        let shown = characters(&odds, Some(&basis));
        assert_eq!((shown[0].best, shown[0].others.len(), shown[0].differs), ('8', 1, true));
        assert!(!shown[1].differs);
    }
}
