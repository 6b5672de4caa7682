//! Questions on the log: in full, or under a sealed warrant until its time has come.
//!
//! What a sealed question will say is kept in the control database, written before the entry: an
//! entry that promises to be revealed always can be. No plate, case or name is in it.

use crate::City;
use base::{Error, Result, Time};
use ledger::{Entry, HIDDEN, Leaf, REVEALED};
use policy::Intent;

const DAY_MS: i64 = 86_400_000;
/// What a sealed question says at once: that a court allowed it, and which rule did.
const AT_ONCE: [&str; 4] = ["authority", "decision", "policy", "rule"];

impl City {
    /// Until when a question may be sealed, checked.
    pub(crate) fn reveal_after(&self, asked: Option<Time>) -> Result<Option<Time>> {
        let Some(until) = asked else { return Ok(None) };
        let longest = i64::from(self.config.log.sealed_days) * DAY_MS;
        let ahead = until.since(self.now());
        if ahead <= 0 || ahead > longest {
            return Err(Error::invalid(format!(
                "A question may stay sealed for at most {} days from now (log.sealed_days).",
                self.config.log.sealed_days
            )));
        }
        Ok(Some(until.floor_to(60_000)))
    }

    /// Appends a question's entry; of a sealed one only what may be said at once.
    /// Then what it will say comes back too: custody compares that with the question.
    pub(crate) fn log_question(
        &self,
        intent: &Intent,
        full: Leaf,
    ) -> Result<(Entry, Option<Leaf>)> {
        let Some(until) = intent.sealed_until() else { return Ok((self.log.append(&full)?, None)) };
        let (now, then) = full.hide(&AT_ONCE, until, &base::random())?;
        let json = serde_json::to_string(&then)
            .map_err(|e| Error::internal("The question cannot be kept; ask again.").because(e))?;
        self.store.put_reveal(&intent.id, until, &json)?;
        Ok((self.log.append(&now)?, Some(then)))
    }

    /// Says what sealed questions were whose time has come. Running it again changes nothing.
    pub(crate) fn reveal_due(&self) -> Result<()> {
        for json in self.store.reveals_due(self.now())? {
            let then: Leaf = serde_json::from_str(&json).map_err(|e| {
                Error::internal("A sealed question is damaged; restore the database.").because(e)
            })?;
            let id = then.id.clone().unwrap_or_default();
            let of_before = self.is_of_before(&then)?;
            let leaf = Leaf { time: self.leaf(REVEALED).time, ..then };
            if let Some(index) = self.sealed_entry(&id)? {
                self.log.append_once(&leaf.fact("intent", index))?;
            } else if of_before {
                // Asked in a log before this one: what that promised is owed still.
                self.log.append_once(&self.revealed_of_before(leaf, &id))?;
            }
            // Neither: a crash before the entry leaves what was never asked.
            self.store.drop_reveal(&id)?;
        }
        Ok(())
    }

    fn sealed_entry(&self, id: &str) -> Result<Option<u64>> {
        for kind in crate::earlier::QUESTIONS {
            if let Some(index) = self.log.find(kind, id) {
                let leaf = self.log.leaves(index, index.saturating_add(1))?.pop();
                return Ok(leaf.and_then(|l| l.text(HIDDEN).map(|_| index)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, person};
    use base::Kind;

    #[test]
    fn a_sealed_question_is_revealed_when_its_time_has_come() {
        let town = Town::new("2026-11-01T12:00:20Z", "");
        town.pass("7ABC128");
        let until = town.city.now().plus_millis(30 * DAY_MS);
        let paper = town.warrant(until);
        let sealed = |authority: Option<&str>| crate::Ask {
            authority: authority.map(String::from),
            paper: authority.map(|_| paper.clone()),
            purpose: "warrant".into(),
            on_behalf_of: Some("court: Third District".into()),
            reveal_after: Some(until),
            ..town.question("7ABC128")
        };
        let plain = town.city.ask(&person(), sealed(None)).err().unwrap();
        assert_eq!(plain.kind(), Kind::Refused, "{plain}");
        let refused = &town.logged("search.refused")[0];
        assert_eq!(
            refused.text("purpose"),
            Some("warrant"),
            "a refusal without a warrant is public"
        );
        let answer = town.city.ask(&person(), sealed(Some("judicial-warrant"))).unwrap();
        assert_eq!(answer.opened, 1);
        let intent = &town.logged("search.intent")[0];
        let text = String::from_utf8(intent.bytes().unwrap()).unwrap();
        for hidden in ["purpose", "cameras", "court", "actor", "from"] {
            assert!(!text.contains(&format!("\"{hidden}")), "{text}");
        }
        let outcome = &town.logged("search.outcome")[0];
        assert_eq!((outcome.number("opened"), &outcome.actor), (Some(1), &None));

        town.city.retain().unwrap();
        let figures = town.city.log.figures();
        assert_eq!((figures.sealed.len(), figures.by_purpose.len()), (1, 0));
        town.clock.advance(30 * DAY_MS);
        town.city.retain().unwrap();
        assert!(town.logged(REVEALED).is_empty(), "the clock has leapt: it may be wrong");
        town.clock.advance(DAY_MS);
        town.city.retain().unwrap();
        town.city.retain().unwrap();
        let revealed = town.logged(REVEALED);
        assert_eq!(revealed.len(), 1);
        let said = revealed[0].reveals(intent.text(HIDDEN).unwrap()).unwrap();
        assert_eq!((&said["purpose"], &said["on_behalf_of"]), (&"warrant".into(), &"court".into()));
        let figures = town.city.log.figures();
        assert_eq!((figures.sealed.len(), figures.by_purpose["warrant"]), (0, 1));
    }

    #[test]
    fn sealing_has_bounds() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\nsealed_days=10\n");
        let after = |ms: i64| town.city.reveal_after(Some(town.city.now().plus_millis(ms)));
        assert!(after(10 * DAY_MS).is_ok() && town.city.reveal_after(None).unwrap().is_none());
        assert!(after(0).is_err() && after(10 * DAY_MS + 1).is_err());
    }

    /// A crash between what is kept and the entry: nothing was asked, nothing is revealed.
    #[test]
    fn what_was_never_asked_is_not_revealed() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let leaf = town.city.leaf("search.intent").id("q_lost").fact("purpose", "warrant");
        let (_, then) = leaf.hide(&[], town.city.now(), &[1; 32]).unwrap();
        let json = serde_json::to_string(&then).unwrap();
        town.city.store.put_reveal("q_lost", town.city.now(), &json).unwrap();
        town.city.retain().unwrap();
        assert!(town.logged(REVEALED).is_empty());
        assert!(town.city.store.reveals_due(town.city.now()).unwrap().is_empty());
    }
}
