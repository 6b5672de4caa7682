//! Who is told of a hit: the people who may decide it, on the ways that they chose, and the city's programs.
//!
//! A message says "hit 4711, open it" and where; the number is the hit's entry on the public log. No plate, no
//! case, no entry of a list: nothing that makes a message could spell one. Late reads ring nobody.
//! What is to be said is in the store before the hit counts as told, one row a hit, kind, lane and recipient, so
//! that a crash between any two lines tells nobody twice what was not sent, and nobody never.
//!
//! Not here: whether a hit is one, what becomes of it.

mod check;
mod config;
mod lanes;
mod told;
mod words;

pub use config::{DeliverSection, HookSection};
pub use told::{Browser, BrowserLine, LastLine, TestLine, TestOutcome, Told};

pub(crate) use check::check_delivery;
pub(crate) use config::fits as is_somebody;
pub(crate) use lanes::again_at;

use crate::City;
use base::{HitId, PersonId, Result, sha256};
use identity::Person;
use lanes::{Bell, Ways};
use policy::{Action, Decision};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use store::{HitRow, MessageRow, RingRow};
use told::Wishes;

/// What the city remembers of its ways out.
#[derive(Default)]
pub(crate) struct Ringing {
    bell: Bell,
    ways: Ways,
    /// One change of wishes at a time: each reads them and writes them back.
    wishing: Mutex<()>,
}

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was raised just now.
    Raised,
    /// It was raised, and nobody who may decide it is signed in.
    Unattended,
    /// Nobody has decided it in time.
    Unanswered,
}

impl Why {
    const ALL: [Why; 3] = [Why::Raised, Why::Unattended, Why::Unanswered];

    fn word(self) -> &'static str {
        match self {
            Why::Raised => "raised",
            Why::Unattended => "unattended",
            Why::Unanswered => "unanswered",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.word() == word)
    }
}

/// A way and somebody on it: lane and recipient.
type Line = (String, String);

/// How everybody wants to be told.
struct Everybody {
    people: Vec<Person>,
    lines: BTreeMap<PersonId, Vec<Line>>,
}

/// Whether no person has said yet what the hit is.
fn undecided(hit: &HitRow) -> bool {
    matches!(hit.state.as_str(), "open" | "second" | "cold")
}

impl City {
    /// Has everybody told of a hit that was raised just now; `number` is its entry on the log. Nothing is sent
    /// here: what is to be sent is stored, and whoever sends is woken.
    pub(crate) fn ring(&self, hit: &HitRow, number: u64) -> Result<()> {
        let now = self.now();
        if !undecided(hit) || self.lanes().is_empty() || self.store.rang(&hit.id)? {
            return Ok(());
        }
        let everybody = self.everybody()?;
        let deciders = self.deciders(&everybody.people);
        let raised = everybody.of(deciders.iter().copied()).chain(self.hooks());
        let raised: BTreeSet<Line> = raised.collect();
        let mut messages: Vec<MessageRow> =
            raised.iter().map(|line| self.message(&hit.id, number, Why::Raised, line)).collect();
        if !self.is_attended(&deciders) {
            let others = self.escalated(&everybody).into_iter();
            let others = others.filter(|line| !raised.contains(line)).chain(self.hooks());
            messages
                .extend(others.map(|line| self.message(&hit.id, number, Why::Unattended, &line)));
        }
        let patience = i64::from(self.config.hits.verdict_minutes) * 60_000;
        let ring = RingRow {
            hit: hit.id,
            number,
            raised: now,
            unanswered_at: Some(now.plus_millis(patience)),
        };
        self.store.put_ring(&ring, &messages)?;
        self.ringing.bell.ring();
        Ok(())
    }

    /// Has others told of hits that nobody has decided in time, each once. By the clock.
    pub fn tell_unanswered(&self) -> Result<()> {
        if self.lanes().is_empty() {
            return Ok(());
        }
        for ring in self.store.unanswered(self.now())? {
            // One hit that cannot be read keeps nobody from being told of the others.
            if let Err(e) = self.tell_one_unanswered(&ring) {
                tracing::error!(hit = %ring.hit, error = %e.inside(), "others are not told of a hit");
            }
        }
        Ok(())
    }

    fn tell_one_unanswered(&self, ring: &RingRow) -> Result<()> {
        let hit = self.store.hit(&ring.hit)?;
        let open = hit.as_ref().is_some_and(undecided);
        let lines = if open { self.told_of_unanswered()? } else { Vec::new() };
        let messages: Vec<MessageRow> = lines
            .iter()
            .map(|line| self.message(&ring.hit, ring.number, Why::Unanswered, line))
            .collect();
        self.store.put_unanswered(&ring.hit, &messages)?;
        self.ringing.bell.ring();
        Ok(())
    }

    /// The people of the escalation, or where nobody of it can be told those who may decide; and the programs.
    fn told_of_unanswered(&self) -> Result<Vec<Line>> {
        let everybody = self.everybody()?;
        let mut lines = self.escalated(&everybody);
        if lines.is_empty() {
            let deciders = self.deciders(&everybody.people);
            lines = everybody.of(deciders.into_iter()).collect();
        }
        Ok(lines.into_iter().chain(self.hooks()).collect())
    }

    fn everybody(&self) -> Result<Everybody> {
        let mut people = self.stored_people()?;
        people.retain(|person| self.is_told(person));
        let lanes = self.lanes();
        let mut lines: BTreeMap<PersonId, Vec<Line>> = BTreeMap::new();
        if lanes.iter().any(|lane| lane == lanes::MAIL) {
            for (person, json) in self.store.all_told()? {
                // One line that cannot be read keeps nobody else from being told.
                let wishes = Wishes::read(&json).inspect_err(|e| {
                    tracing::error!(%person, error = %e.inside(), "how somebody is told");
                });
                if wishes.is_ok_and(|w| w.mailbox().is_some()) {
                    let line = (lanes::MAIL.into(), person.to_string());
                    lines.entry(person).or_default().push(line);
                }
            }
        }
        if lanes.iter().any(|lane| lane == lanes::PUSH) {
            for row in self.store.browsers()? {
                lines.entry(row.person).or_default().push((lanes::PUSH.into(), row.id));
            }
        }
        Ok(Everybody { people, lines })
    }

    /// Those who may decide a hit.
    fn deciders<'a>(&self, people: &'a [Person]) -> Vec<&'a PersonId> {
        let (rules, now) = (self.rules(), self.now());
        let may = |person: &&Person| {
            let said = rules.may(&person.id, &person.roles, Action::DecideHit, now);
            !matches!(said, Decision::Refuse { .. })
        };
        people.iter().filter(may).map(|person| &person.id).collect()
    }

    /// Whether somebody who may decide hits is signed in at the console.
    pub(crate) fn is_desk_attended(&self) -> Result<bool> {
        let people = self.everybody()?.people;
        Ok(self.is_attended(&self.deciders(&people)))
    }

    fn is_attended(&self, deciders: &[&PersonId]) -> bool {
        // A session of somebody whom the directory does not vouch for any more opens nothing.
        let is_here = |there: &PersonId| deciders.contains(&there) && self.person(there).is_ok();
        self.sessions.acting(self.now()).iter().any(is_here)
    }

    /// The lines of everybody whom `deliver.escalate` names: a person, an address, or a role.
    fn escalated(&self, everybody: &Everybody) -> Vec<Line> {
        self.lines_of(&self.config.deliver.escalate, everybody)
    }

    /// Who is told of the system itself: people with a mailbox, and addresses.
    pub(crate) fn upkeep_lines(&self) -> Result<Vec<String>> {
        let lines = self.lines_of(&self.config.upkeep.tell, &self.everybody()?).into_iter();
        Ok(lines.filter(|(lane, _)| lane == lanes::MAIL).map(|(_, to)| to).collect())
    }

    fn lines_of(&self, names: &[String], everybody: &Everybody) -> Vec<Line> {
        let mut out = BTreeSet::new();
        for name in names {
            if name.contains('@') {
                out.extend(
                    self.config
                        .deliver
                        .smtp_host
                        .is_some()
                        .then(|| (lanes::MAIL.into(), name.clone())),
                );
                continue;
            }
            let is = |p: &&Person| p.id.as_str() == name || p.roles.iter().any(|role| role == name);
            let named = everybody.people.iter().filter(is).map(|person| &person.id);
            out.extend(everybody.of(named));
        }
        out.into_iter().collect()
    }

    fn hooks(&self) -> impl Iterator<Item = Line> + '_ {
        self.config.webhook.iter().map(|hook| (lanes::hook(&hook.name), String::new()))
    }

    fn message(&self, hit: &HitId, number: u64, why: Why, (lane, recipient): &Line) -> MessageRow {
        let kind = why.word().to_owned();
        // It follows from what it is: whoever gets it twice knows it again, after a restored backup too.
        let of = format!("{hit}\n{kind}\n{lane}\n{recipient}");
        MessageRow {
            id: format!("msg_{}", base::hex(&sha256(of.as_bytes())[..16])),
            hit: *hit,
            number,
            kind,
            lane: lane.clone(),
            recipient: recipient.clone(),
            made: self.now(),
            tries: 0,
        }
    }
}

impl Everybody {
    fn of<'a>(
        &'a self,
        people: impl Iterator<Item = &'a PersonId> + 'a,
    ) -> impl Iterator<Item = Line> + 'a {
        people.filter_map(|person| self.lines.get(person)).flatten().cloned()
    }
}
