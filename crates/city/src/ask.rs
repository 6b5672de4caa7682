//! Asking. The order of the lines is the promise: decide, put the question on the log, get a permit
//! for what the log shows, open those reads alone, put the outcome on the log, answer.

use crate::hits::answer_read;
use crate::{Answer, Ask, City, Event, config::case_fits};
use base::{CameraId, Error, PersonId, Result, Time};
use identity::Person;
use ledger::{Leaf, commitment};
use plate::{Reason, Text};
use policy::{CaseFact, Decision, Facts, Intent, Scope};

/// The most plates in one question.
const PLATES: usize = 20;

impl City {
    /// Answers a question, or refuses it; both are on the public log before the asker hears of it.
    pub fn ask(&self, by: &PersonId, ask: Ask) -> Result<Answer> {
        let person = self.person(by)?;
        let intent = self.intent(&person, ask)?;
        let facts = self.facts(&intent)?;
        match self.rules.decide(&intent, &facts) {
            Decision::Refuse { rule, because } => {
                Err(self.refuse(&person, &intent, &rule, &because)?)
            }
            Decision::Allow { rule } => self.answer(&person, &intent, &facts, rule, None),
            Decision::Narrow { rule, scope } => {
                self.answer(&person, &intent, &facts, rule, Some(scope))
            }
        }
    }

    fn intent(&self, person: &Person, ask: Ask) -> Result<Intent> {
        if ask.plates.is_empty() || ask.plates.len() > PLATES {
            return Err(Error::invalid(format!("Ask for 1 to {PLATES} plates at a time.")));
        }
        let mut plates = Vec::new();
        for written in &ask.plates {
            plates.push(Text::parse(written).map_err(|e| {
                Error::invalid("Write each plate with 1 to 12 letters and digits.").because(e)
            })?);
        }
        if ask.from >= ask.until {
            return Err(Error::invalid("The question ends before it begins; give from and until."));
        }
        let all: Vec<CameraId> = self.store.cameras()?.into_iter().map(|c| c.id).collect();
        if let Some(unknown) = ask.cameras.iter().find(|c| !all.contains(c)) {
            return Err(Error::not_found(format!("There is no camera {unknown} in this city.")));
        }
        let long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.chars().count() > 300);
        if long(&ask.reason) || long(&ask.on_behalf_of) || long(&ask.case) {
            return Err(Error::too_large(
                "Case, reason and on_behalf_of have at most 300 characters.",
            ));
        }
        let id: [u8; 16] = base::random();
        Ok(Intent {
            id: format!("q_{}", id.iter().map(|b| format!("{b:02x}")).collect::<String>()),
            person: person.id.clone(),
            roles: person.roles.clone(),
            purpose: ask.purpose,
            case: ask.case.filter(|c| !c.trim().is_empty()),
            authority: ask.authority.unwrap_or_else(|| "none".into()),
            on_behalf_of: ask.on_behalf_of.filter(|o| !o.trim().is_empty()),
            reason: ask.reason,
            plates,
            cameras: if ask.cameras.is_empty() { all } else { ask.cameras },
            from: ask.from,
            until: ask.until,
            at: self.now(),
        })
    }

    fn facts(&self, intent: &Intent) -> Result<Facts> {
        let case = match &intent.case {
            None => CaseFact::None,
            Some(case) if case_fits(&self.config.cases.format, case) => CaseFact::Stated,
            Some(_) => {
                return Err(Error::invalid(format!(
                    "The case number does not have this city's form {} (# is a digit).",
                    self.config.cases.format
                )));
            }
        };
        Ok(Facts { case, asking_off: self.asking_off(), now: self.now() })
    }

    /// Keeps the private half of an intent, sealed, and returns its salt and commitment.
    fn keep_body(&self, intent: &Intent) -> Result<([u8; 32], String)> {
        let salt: [u8; 32] = base::random();
        let body = intent.canonical();
        let sealed = self.custody.seal_record(body.expose())?;
        self.store.put_record("intent", &intent.id, &salt, &sealed)?;
        Ok((salt, commitment(&salt, body.expose())))
    }

    fn question_leaf(&self, kind: &str, person: &Person, intent: &Intent) -> Leaf {
        let leaf = self
            .leaf(kind, Some(person))
            .id(&intent.id)
            .fact("purpose", intent.purpose.as_str())
            .fact("authority", intent.authority.as_str());
        match &intent.on_behalf_of {
            Some(other) => leaf.on_behalf_of(other),
            None => leaf,
        }
    }

    /// Logs a refusal and gives the error that the asker reads.
    fn refuse(&self, person: &Person, intent: &Intent, rule: &str, because: &str) -> Result<Error> {
        let (_, body) = self.keep_body(intent)?;
        let leaf =
            self.question_leaf("search.refused", person, intent).fact("rule", rule).body(&body);
        let entry = self.log.append(&leaf)?;
        self.emit(Event {
            id: Some(intent.id.clone()),
            log_entry: Some(entry.index),
            ..self.event("search.refused")
        });
        Ok(Error::refused(format!(
            "{because} (Rule {rule}; this refusal is entry {} of the public log.)",
            entry.index
        )))
    }

    fn answer(
        &self,
        person: &Person,
        intent: &Intent,
        facts: &Facts,
        rule: String,
        narrowed: Option<Scope>,
    ) -> Result<Answer> {
        let (salt, body) = self.keep_body(intent)?;
        let case = if facts.case == CaseFact::Attested { "attested" } else { "stated" };
        let leaf = self
            .question_leaf("search.intent", person, intent)
            .fact("case", case)
            .fact("rule", rule.as_str())
            .fact("plates", intent.plates.len() as u64)
            .fact("cameras", narrowed.as_ref().map_or(&intent.cameras, |s| &s.cameras).len() as u64)
            .fact("from", hour(narrowed.as_ref().map_or(intent.from, |s| s.from)))
            .fact("until", hour(narrowed.as_ref().map_or(intent.until, |s| s.until)))
            .body(&body);
        let entry = self.log.append(&leaf)?;
        let permit = self.custody.permit(intent, facts, &salt, &entry)?;
        let search = self.store.search(&permit)?;
        let keys = self.custody.keys(&permit, &search.found)?;
        let names = self.camera_names()?;
        let mut reads = Vec::with_capacity(keys.len());
        for (key, found) in keys.into_iter().zip(&search.found) {
            let (read, picture) = key.open(found)?;
            reads.push(answer_read(&read, picture, &names, Reason::Answer));
        }
        reads.sort_by_key(|r| (r.captured, r.id));
        let opened = reads.len() as u64;
        let outcome = self.log.append_once(
            &self
                .leaf("search.outcome", Some(person))
                .id(&intent.id)
                .fact("intent", entry.index)
                .fact("opened", opened)
                .fact("considered", search.considered),
        )?;
        self.emit(Event {
            id: Some(intent.id.clone()),
            log_entry: Some(entry.index),
            ..self.event("search.answered")
        });
        Ok(Answer {
            log_entry: entry.index,
            outcome_entry: outcome.index,
            narrowed: narrowed.map(|s| sentence(&rule, intent, &s)),
            rule,
            considered: search.considered,
            opened,
            reads,
        })
    }
}

/// Times of a question are public by the hour only: nearer ones would point at a single car.
fn hour(t: Time) -> String {
    t.floor_to(3_600_000).to_string()
}

fn sentence(rule: &str, asked: &Intent, got: &Scope) -> String {
    let mut parts = Vec::new();
    if got.cameras.len() < asked.cameras.len() {
        parts.push(format!("{} of {} cameras", got.cameras.len(), asked.cameras.len()));
    }
    if got.from > asked.from || got.until < asked.until {
        parts.push(format!("the time from {} until {}", got.from, got.until));
    }
    format!("Rule {rule} narrowed the question to {}.", parts.join(" and "))
}
