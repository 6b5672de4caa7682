//! Asking. The order of the lines is the promise: decide, put the question on the log, get a permit
//! for what the log shows, open those reads alone, put the outcome on the log, answer.

use crate::config::Results;
use crate::hits::answer_read;
use crate::question::{likeness, sentence};
use crate::{Answer, Area, Ask, City, Confirmation, Event, Preview, Progress};
use base::{CameraId, Error, PersonId, Result, Time};
use custody::{Permit, Scanned};
use identity::Person;
use ledger::{Entry, Leaf, commitment};
use plate::Reason;
use policy::{Action, Decision, Facts, Intent, Rules, Scope, Vouch};
use serde::Serialize;
use std::collections::BTreeSet;
use store::{AskRow, Search};

/// Hears how far a question is; `false` from it cancels the question.
pub type Watch<'a> = &'a mut dyn FnMut(Progress) -> bool;

impl City {
    /// Answers a question, or refuses it; both are on the public log before the asker hears of it.
    pub fn ask(&self, by: &PersonId, ask: Ask) -> Result<Answer> {
        self.ask_watched(by, ask, &mut |_| true)
    }

    /// The same, telling `watch` how far it is. A question that was cancelled, or failed, has an outcome on the log too.
    pub fn ask_watched(&self, by: &PersonId, ask: Ask, watch: Watch<'_>) -> Result<Answer> {
        Ok(self.ask_told(by, ask, None, watch)?.1)
    }

    /// The same, with what the rules said to the question, and with the asker's signature under it.
    pub fn ask_told(
        &self,
        by: &PersonId,
        ask: Ask,
        signed: Option<Confirmation>,
        watch: Watch<'_>,
    ) -> Result<(Preview, Answer)> {
        self.adopted_rules()?;
        // Where a life is in danger nobody waits for a witness; the log shows that nobody did.
        if !ask.emergency {
            self.witnesses_follow()?;
        }
        let person = self.person(by)?;
        let area = ask.area.clone();
        let mut intent = self.intent(&person, ask)?;
        if let Some(signed) = &signed {
            intent.confirmed = Some(self.confirmed(&person, &intent, signed)?);
        }
        let facts = self.facts(&intent)?;
        let rules = self.rules();
        let decision = self.decided(&rules, &intent, &facts);
        let said = said(&intent, &facts, &decision);
        let (rule, narrowed, because) = match decision {
            Decision::Refuse { rule, because } => (rule, None, Some(because)),
            Decision::Allow { rule } => (rule, None, None),
            Decision::Narrow { rule, scope } => (rule, Some(scope), None),
        };
        let policy = rules.hash();
        let q = Question { person, intent, area, facts, policy, rule, narrowed };
        match because {
            Some(because) => Err(self.refuse(&q, &because)?),
            None => Ok((said, self.answer(&q, watch)?)),
        }
    }

    /// What the rules would say to a question. No read is touched and nothing is logged.
    pub fn preview(&self, by: &PersonId, ask: Ask) -> Result<Preview> {
        // Who may ask nothing would learn here, unlogged, which cases there are.
        let person = self.allowed(by, Action::Search)?;
        let intent = self.intent(&person, ask)?;
        let facts = self.facts(&intent)?;
        Ok(said(&intent, &facts, &self.decided(&self.rules(), &intent, &facts)))
    }

    /// What the rules say, and what the reason says: one that speaks of another topic than the purpose is refused. While
    /// sharing is off, so is whatever is asked for others.
    fn decided(&self, rules: &Rules, intent: &Intent, facts: &Facts) -> Decision {
        // The city's switch, whatever a rule says.
        if intent.agency().is_some() && self.sharing_off() {
            let because = "Sharing is switched off by order of the city, so nothing is answered for \
                           others; the public page shows since when.";
            return Decision::Refuse { rule: "sharing-off".into(), because: because.into() };
        }
        let decision = rules.decide(intent, facts);
        let reason = intent.reason.as_deref().unwrap_or_default();
        match self.config.reasons.other_topic(&intent.purpose, reason) {
            // Where a life is in danger nobody is held up by a word; it is reviewed.
            Some(topic) if !intent.emergency && !matches!(decision, Decision::Refuse { .. }) => {
                Decision::Refuse {
                    rule: "reason-screened".into(),
                    because: format!(
                        "The reason speaks of {topic}, which is not what the purpose says; ask under the \
                     purpose that it is."
                    ),
                }
            }
            _ => decision,
        }
    }

    /// Keeps the private half of an intent, sealed, and returns its salt and commitment.
    fn keep_body(&self, intent: &Intent) -> Result<([u8; 32], String)> {
        self.keep_record("intent", &intent.id, intent.canonical().expose())
    }

    pub(crate) fn keep_record(
        &self,
        kind: &str,
        id: &str,
        body: &[u8],
    ) -> Result<([u8; 32], String)> {
        let salt: [u8; 32] = base::random();
        let sealed = self.custody.seal_record(body)?;
        self.store.put_record(kind, id, &salt, &sealed)?;
        Ok((salt, commitment(&salt, body)))
    }

    /// The public half of a question, whatever became of it.
    fn question_leaf(&self, kind: &str, q: &Question, body: &str) -> Result<Leaf> {
        let (intent, facts) = (&q.intent, &q.facts);
        let (cameras, from, until) = match &q.narrowed {
            Some(scope) => (scope.cameras.len(), scope.from, scope.until),
            None => (intent.cameras.len(), intent.from, intent.until),
        };
        let plates = intent.plates.len() + intent.patterns.len();
        let mut leaf = self
            .leaf_by(kind, &q.person)?
            .id(&intent.id)
            .fact("policy", q.policy.as_str())
            .fact("purpose", intent.public_purpose())
            .fact("authority", intent.public_authority())
            .fact("case", facts.case.slug())
            // Roles are words of the rules; with them a proposal can be tried on what was asked.
            .fact("roles", intent.roles.join(" "))
            .fact("rule", q.rule.as_str())
            .fact("plates", plates as u64)
            .fact("cameras", cameras as u64)
            .fact("from", hour(from))
            .fact("until", hour(until))
            .body(body);
        if facts.paper != Vouch::None {
            leaf = leaf.fact("paper", facts.paper.slug());
        }
        // The city gave it by chance, and its registration is public: anybody counts what rests on one paper.
        if let Some(paper) = &intent.paper {
            leaf = leaf.fact("paper_id", paper.as_str());
        }
        if intent.has_reason() {
            leaf = leaf.fact("reason", true);
        }
        if intent.emergency {
            leaf = leaf.fact("emergency", true);
        }
        if intent.manner() != "exact" {
            leaf = leaf.fact("manner", intent.manner());
        }
        Ok(match intent.agency() {
            Some(kind) => leaf.on_behalf_of(kind),
            None => leaf,
        })
    }

    /// Logs a refusal and gives the error that the asker reads.
    fn refuse(&self, q: &Question, because: &str) -> Result<Error> {
        let (_, body) = self.keep_body(&q.intent)?;
        let asker = self.keep_asker(&q.intent, &q.rule, "refused")?;
        let leaf = self.question_leaf("search.refused", q, &body)?;
        let (entry, _) = self.log_question(&q.intent, leaf)?;
        self.watched(&asker);
        self.emit(Event {
            id: Some(q.intent.id.clone()),
            log_entry: Some(entry.index),
            ..self.event("search.refused")
        });
        Ok(Error::refused(format!(
            "{because} (Rule {}; this refusal is entry {} of the public log.)",
            q.rule, entry.index
        )))
    }

    fn answer(&self, q: &Question, watch: Watch<'_>) -> Result<Answer> {
        let (salt, body) = self.keep_body(&q.intent)?;
        let decision = if q.narrowed.is_some() { "narrowed" } else { "allowed" };
        let leaf = self.question_leaf("search.intent", q, &body)?.fact("decision", decision);
        // Before the entry: nobody reviews or grades the own question, after a crash neither.
        let asker = self.keep_asker(&q.intent, &q.rule, decision)?;
        let logged = self.log_question(&q.intent, leaf.clone())?;
        let index = logged.0.index;
        self.watched(&asker);
        self.emergencies().add(index, &leaf);
        let answer = self.answered(q, &asker, &salt, logged, watch);
        if answer.is_err() {
            self.log_cancelled(q, index);
        }
        answer
    }

    /// All that follows the question's entry. An error is that nobody was told anything.
    fn answered(
        &self,
        q: &Question,
        asker: &AskRow,
        salt: &[u8; 32],
        (entry, then): (Entry, Option<Leaf>),
        watch: Watch<'_>,
    ) -> Result<Answer> {
        // Custody wants the log's own signature alone where a life is in danger; the witnesses sign for it later.
        let entry = if q.intent.emergency { entry } else { self.witnessed(entry)? };
        let mut permit = self.custody.permit(&q.intent, &q.facts, salt, &entry, then.as_ref())?;
        let scanned = self
            .scan(&mut permit, watch)?
            .ok_or_else(|| Error::unavailable("The question was cancelled; nothing was opened."))?;
        let mut search = self.store.search(&permit)?;
        self.only_within(q, &mut search)?;
        let cameras = self.reached(q)?;
        let opened = self.open_found(q, &permit, &search)?;
        // Before the outcome: what may be an alarm is not lost behind an answer.
        self.mark_opened(asker, &q.intent, &opened)?;
        let figures = Opened::new(opened.len() as u64, search.considered);
        let outcome = self.outcome_leaf(q, entry.index, figures)?;
        let outcome = self.log.append_once(&outcome)?;
        self.emit(Event {
            id: Some(q.intent.id.clone()),
            log_entry: Some(entry.index),
            ..self.event("search.answered")
        });
        Ok(Answer {
            log_entry: entry.index,
            outcome_entry: outcome.index,
            narrowed: q.narrowed.as_ref().map(|s| sentence(&q.rule, &q.intent, s)),
            cameras,
            rule: q.rule.clone(),
            considered: search.considered,
            scanned: scanned.reads,
            unscannable: scanned.unscannable,
            opened: opened.len() as u64,
            more: search.more || permit.full(),
            reads: opened,
        })
    }

    /// The cameras that a question reached, where the city had others too in that time; none where it had not: "not
    /// seen" is not to be read from cameras that were not asked.
    fn reached(&self, q: &Question) -> Result<Vec<CameraId>> {
        let reached = q.narrowed.as_ref().map_or(&q.intent.cameras, |scope| &scope.cameras);
        let every = self.cameras_of(&[], None, (q.intent.from, q.intent.until))?;
        let asked: BTreeSet<&CameraId> = reached.iter().collect();
        let others = every.iter().any(|camera| !asked.contains(camera));
        Ok(if others { reached.clone() } else { Vec::new() })
    }

    fn outcome_leaf(&self, q: &Question, intent: u64, figures: Opened) -> Result<Leaf> {
        // The pseudonym of a sealed question is sealed with it.
        let leaf = match q.intent.sealed_until() {
            Some(_) => self.leaf("search.outcome").by(&q.person.office),
            None => self.leaf_by("search.outcome", &q.person)?,
        };
        let leaf = leaf.id(&q.intent.id).fact("intent", intent);
        match self.config.log.results {
            Results::Exact => {
                Ok(leaf.fact("opened", figures.opened).fact("considered", figures.considered))
            }
            Results::Range => {
                let body = base::canonical(&figures).map_err(|e| {
                    Error::internal("The outcome cannot be written; ask again.").because(e)
                })?;
                let commitment = self.keep_record("outcome", &q.intent.id, &body)?.1;
                Ok(leaf.fact("result", figures.range()).body(commitment))
            }
        }
    }

    /// Lets custody compare readings, page by page; `None` if the asker went away.
    fn scan(&self, permit: &mut Permit, watch: Watch<'_>) -> Result<Option<Scanned>> {
        let mut sum = Scanned::default();
        let days = if permit.scans() { permit.days() } else { Vec::new() };
        // The newest first: what is found is cut off at the old end.
        for (at, day) in days.iter().rev().enumerate() {
            let mut after = None;
            loop {
                let page = self.store.segments(permit, *day, after)?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                let part = self.custody.scan(permit, &page)?;
                sum.reads += part.reads;
                sum.matched += part.matched;
                sum.unscannable += part.unscannable;
                let progress = Progress {
                    days: days.len() as u64,
                    days_done: at as u64,
                    scanned: sum.reads,
                    matched: sum.matched,
                };
                if !watch(progress) {
                    return Ok(None);
                }
                if permit.full() {
                    return Ok(Some(sum));
                }
            }
        }
        Ok(Some(sum))
    }

    /// A question whose asker went away, or that could not be answered, opened nothing, and the log says so: it is not
    /// to show for ever a question that nobody answers any more, nor its asker to be asked about it.
    fn log_cancelled(&self, q: &Question, intent: u64) {
        let leaf = self.outcome_leaf(q, intent, Opened::new(0, 0));
        let logged = leaf.and_then(|leaf| self.log.append_once(&leaf.fact("cancelled", true)));
        if let Err(e) = logged {
            tracing::error!(error = %e.inside(), "the log does not say that a question was not answered");
        }
    }

    /// A camera that was moved within the time asked about saw some of it from elsewhere: that stays shut.
    fn only_within(&self, q: &Question, search: &mut Search) -> Result<()> {
        let Some(area) = &q.area else { return Ok(()) };
        let places = self.camera_names()?;
        search.found.retain(|f| places.stood_in(area, &f.read.camera, f.read.captured));
        Ok(())
    }

    /// Opens what was found: by time, or by probability where look-alikes are among it.
    fn open_found(
        &self,
        q: &Question,
        permit: &Permit,
        search: &Search,
    ) -> Result<Vec<crate::AnswerRead>> {
        let keys = self.custody.keys(permit, &search.found)?;
        let names = self.camera_names()?;
        let mut reads = Vec::with_capacity(keys.len());
        for (key, found) in keys.into_iter().zip(&search.found) {
            let (read, picture) = key.open(found)?;
            let mut answer = answer_read(&read, picture, &names, Reason::Answer);
            answer.likeness = Some(likeness(&q.intent, &read));
            reads.push(answer);
        }
        reads.sort_by_key(|r| (r.captured, r.id));
        if q.intent.manner() != "exact" {
            // A stable sort: equals stay in the order of time.
            reads.sort_by(|a, b| b.likeness.unwrap_or(0.0).total_cmp(&a.likeness.unwrap_or(0.0)));
        }
        Ok(reads)
    }
}

/// What the rules said to a question, for whoever asked it.
fn said(intent: &Intent, facts: &Facts, decision: &Decision) -> Preview {
    let (decision, rule, message, scope) = match decision {
        Decision::Refuse { rule, because } => ("refused", rule, Some(because.clone()), None),
        Decision::Allow { rule } => ("allowed", rule, None, None),
        Decision::Narrow { rule, scope } => {
            ("narrowed", rule, Some(sentence(rule, intent, scope)), Some(scope))
        }
    };
    Preview {
        decision: decision.into(),
        rule: rule.clone(),
        message,
        case: facts.case.slug().into(),
        paper: facts.paper.slug().into(),
        cameras: scope.map_or(&intent.cameras, |s| &s.cameras).len() as u64,
        from: scope.map_or(intent.from, |s| s.from),
        until: scope.map_or(intent.until, |s| s.until),
    }
}

/// A question that the rules have decided on.
struct Question {
    person: Person,
    intent: Intent,
    area: Option<Area>,
    facts: Facts,
    /// The hash of those rules.
    policy: String,
    /// The one that allows it, in full or in part, or refuses it.
    rule: String,
    narrowed: Option<Scope>,
}

/// How much an answer opened, of how much.
#[derive(Serialize)]
struct Opened {
    considered: u64,
    opened: u64,
}

impl Opened {
    fn new(opened: u64, considered: u64) -> Self {
        Self { considered, opened }
    }

    fn range(&self) -> &'static str {
        match self.opened {
            0 => "0",
            1..10 => "1-9",
            10..100 => "10-99",
            _ => "100-1000",
        }
    }
}

/// Times of a question are public by the hour only: nearer ones would point at a single car.
pub(crate) fn hour(t: Time) -> String {
    t.floor_to(3_600_000).to_string()
}

#[cfg(test)]
mod tests {
    use crate::kit::{Town, person};
    use base::{Kind, unb64};
    use ledger::commitment;

    #[test]
    fn nobody_asks_for_others_while_sharing_is_off() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        let ask = |whom: Option<&str>| {
            let on_behalf_of = whom.map(str::to_owned);
            let ask = crate::Ask { on_behalf_of, ..town.question("7ABC128") };
            town.city.ask(&person(), ask).map(|answer| answer.opened)
        };
        let sheriff = Some("county: Sheriff");
        assert_eq!(ask(sheriff).unwrap(), 1);
        let order = town.city.leaf("order.off").fact("level", "sharing");
        let index = town.city.log.append(&order).unwrap().index;
        town.city.switches().add(index, &order);
        assert_eq!(ask(sheriff).unwrap_err().kind(), Kind::Refused);
        let refused = &town.logged("search.refused")[0];
        assert_eq!(refused.text("rule"), Some("sharing-off"));
        assert_eq!(ask(None).unwrap(), 1);
    }

    /// What a plate or a name could hide in stays off the public log.
    #[test]
    fn the_log_repeats_no_word_of_the_asker() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let ask = crate::Ask {
            purpose: "7ABC128".into(),
            authority: Some("8xyz001".into()),
            on_behalf_of: Some("county: 9DEF456".into()),
            reason: Some("7GHI789".into()),
            case: Some("26-04177JKL012".into()),
            ..town.question("7MNO345")
        };
        assert!(town.city.ask(&person(), ask).is_err());
        let leaf = &town.logged("search.refused")[0];
        let text = String::from_utf8(leaf.bytes().unwrap()).unwrap();
        for word in ["7ABC", "8xyz", "9DEF", "7GHI", "7JKL", "7MNO"] {
            assert!(!text.contains(word), "{text}");
        }
        assert_eq!(leaf.on_behalf_of.as_deref(), Some("county"));
    }

    #[test]
    fn a_person_has_one_name_a_month() {
        let town = Town::new("2026-11-30T12:00:00Z", "[log]\nminutes=30\n");
        town.clock.advance(7 * 60_000);
        for _ in 0..2 {
            town.city.ask(&person(), town.question("7ABC128")).unwrap();
        }
        town.clock.advance(86_400_000);
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
        let leaves = town.logged("search.intent");
        let actor = |at: usize| leaves[at].actor.clone().unwrap();
        assert_eq!(actor(0), actor(1));
        assert_ne!(actor(1), actor(2));
        assert!(!actor(0).contains("admin"));
        assert_eq!(leaves[0].time.to_string(), "2026-11-30T12:00:00.000Z", "cut to half an hour");
    }

    #[test]
    fn ranges_on_the_log_numbers_for_the_auditors() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\nresults=\"range\"\n");
        (0..3).for_each(|_| town.pass("7ABC128"));
        let answer = town.city.ask(&person(), town.question("7ABC128")).unwrap();
        assert_eq!(answer.opened, 3);
        let leaf = &town.logged("search.outcome")[0];
        assert_eq!((leaf.text("result"), leaf.number("opened")), (Some("1-9"), None));
        assert_eq!(town.city.log.figures().opened, 1, "at least");
        let kept = town.city.audit_record(&person(), answer.outcome_entry).unwrap();
        let body = custody::open_record(&town.auditors, &kept.sealed).unwrap();
        assert_eq!(body.expose().as_slice(), br#"{"considered":3,"opened":3}"#);
        let salt: [u8; 32] = unb64(&kept.salt).unwrap().try_into().unwrap();
        assert_eq!(leaf.body.as_deref(), Some(commitment(&salt, body.expose()).as_str()));
    }
}
