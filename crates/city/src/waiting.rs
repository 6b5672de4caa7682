//! How much waits for a person, for the console's list of pages.

use crate::City;
use base::{PersonId, Result};

/// What waits; nothing where the person may not do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Hits that nobody has decided.
    pub hits: u64,
    /// Questions for a life in danger that nobody has reviewed.
    pub reviews: u64,
    /// Questions that were drawn and are not graded, and alarms that are open.
    pub audits: u64,
    /// Lost keys that this person may confirm.
    pub lost_keys: u64,
    /// Proposals that this person's office has not signed.
    pub proposals: u64,
}

impl City {
    /// What waits for somebody who may do these actions ([`City::actions`]).
    pub fn waiting(&self, who: &PersonId, actions: &[&str]) -> Result<Waiting> {
        let may = |action: &str| actions.contains(&action);
        let mut waiting = Waiting::default();
        if may("ViewHits") {
            waiting.hits = self.store.open_hits()?;
        }
        if may("ReviewBreakGlass") {
            waiting.reviews = self.emergencies().waiting();
        }
        if may("ReadAudit") {
            waiting.audits = self.log.audit().due.len() as u64 + self.store.open_alarms()?;
        }
        if may("AddPerson") {
            let lost = self.lost_keys(who)?;
            let mine = lost.iter().filter(|l| l.by != *who && l.person != *who);
            waiting.lost_keys = mine.count() as u64;
        }
        if may("SignRules")
            && let Some(office) = self.signs_for(&self.person(who)?)
        {
            let open = self.proposals()?;
            let open = open.iter().filter(|p| p.state == "open" && !p.signed.contains(&office));
            waiting.proposals = open.count() as u64;
        }
        Ok(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, clerk, person};
    use crate::{Ask, NewPerson};
    use base::SigningKey;

    #[test]
    fn everybody_sees_what_waits_for_them() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let waits = |who: &PersonId| {
            let actions = town.city.actions(who).unwrap();
            town.city.waiting(who, &actions).unwrap()
        };
        assert_eq!(waits(&person()), Waiting::default());
        let danger = Ask {
            emergency: true,
            reason: Some("A child was taken.".into()),
            ..town.question("7ABC128")
        };
        town.city.ask(&person(), danger).unwrap();
        town.city.lost_key(&person(), &clerk()).unwrap();
        let boss = NewPerson {
            id: "per_boss".parse().unwrap(),
            name: "Boss".into(),
            office: "it".into(),
            roles: vec!["administrator".into()],
            key: SigningKey::generate().public(),
        };
        town.city.add_person(&person(), boss.clone()).unwrap();
        assert_eq!(waits(&person()), Waiting { reviews: 1, ..Waiting::default() });
        assert_eq!(waits(&boss.id), Waiting { lost_keys: 1, ..Waiting::default() });
        assert_eq!(waits(&clerk()), Waiting::default());
        town.clock.advance(25 * 3_600_000);
        assert_eq!(waits(&boss.id), Waiting::default(), "nobody confirmed in time");
    }
}
