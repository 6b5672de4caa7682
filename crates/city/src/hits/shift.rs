//! The handover: what the next shift has to know, and that somebody has taken it over.

use super::{Handover, HitLine, Shift, card_of};
use crate::{City, Event};
use base::{Error, PersonId, Result};
use hotlist::{HitState, ListAction};
use policy::Action;
use std::collections::BTreeMap;

impl City {
    /// What somebody who takes over a shift is shown; no plate in it.
    pub fn shift(&self, by: &PersonId) -> Result<Shift> {
        self.allowed(by, Action::ViewHits)?;
        let last = match self.store.last_handover()? {
            Some((_, json)) => serde_json::from_str(&json).ok(),
            None => None,
        };
        Ok(Shift {
            queue: self.queue_now()?,
            calls_waiting: self.calls_waiting()?,
            outcomes_due: self.outcomes_due()?,
            last,
        })
    }

    /// Confirmed hits of lists that stop vehicles, whose record nobody has confirmed.
    fn calls_waiting(&self) -> Result<Vec<HitLine>> {
        let now = self.now();
        let mut out = Vec::new();
        for row in self.store.hits_that_are(HitState::Confirmed.as_str(), 500)? {
            let card = card_of(&row);
            let open = !card.outcome_unknown() && !card.went_cold();
            if open
                && card.stamps(now).record.is_none()
                && self.list_settings(&row.list)?.unwrap_or_default().action
                    == ListAction::StopAfterConfirm
            {
                out.push(row);
            }
        }
        self.lines(out)
    }

    /// Somebody takes the shift over: what is open is theirs now, and the log says that it was accepted.
    pub fn take_over(&self, by: &PersonId) -> Result<Handover> {
        let person = self.allowed(by, Action::DecideHit)?;
        let shift = self.shift(by)?;
        let count = |n: usize| n as u64;
        let open = BTreeMap::from([
            ("urgent".to_owned(), count(shift.queue.urgent.len())),
            ("unlikely".to_owned(), count(shift.queue.unlikely.len())),
            ("under-way".to_owned(), count(shift.queue.under_way.len())),
            ("calls-waiting".to_owned(), count(shift.calls_waiting.len())),
            ("outcomes-due".to_owned(), count(shift.outcomes_due.len())),
            ("stale-lists".to_owned(), count(shift.queue.stale_lists.len())),
            ("suspended".to_owned(), count(shift.queue.suspended.len())),
        ]);
        let at = self.now();
        let handover = Handover { at, by: person.id.clone(), by_name: person.name.clone(), open };
        let json = serde_json::to_string(&handover)
            .map_err(|e| Error::internal("The handover cannot be stored.").because(e))?;
        self.store.put_handover(at, &json)?;
        let open = handover.open.values().sum::<u64>();
        let leaf = self
            .leaf_by("hit.handover", &person)?
            .job("hotlist")
            .id(format!("handover/{}", at.millis()))
            .fact("open", open);
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hit.handover") });
        Ok(handover)
    }
}
