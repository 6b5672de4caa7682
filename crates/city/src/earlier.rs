//! Logs before the present one. What they promised is owed still: a sealed question is revealed in the present log,
//! and auditors open the private halves of their entries.

use crate::{City, succeed};
use base::{Error, Result};
use ledger::{HIDDEN, Leaf};

/// What a question is called on the log, asked or refused.
pub(crate) const QUESTIONS: [&str; 2] = ["search.intent", "search.refused"];

impl City {
    /// The origin of an earlier log; 1 is the first that the city had.
    pub(crate) fn origin_of(&self, number: u32) -> String {
        succeed::origin_of(&self.config, number)
    }

    /// How many logs there were before the present one.
    fn earlier_logs(&self) -> u32 {
        succeed::generation(&self.dir).saturating_sub(1)
    }

    /// Calls `each` with the entries of an earlier log, which is compared as a whole on the way.
    fn each_earlier(&self, number: u32, each: &mut dyn FnMut(u64, &Leaf)) -> Result<()> {
        if number == 0 || number > self.earlier_logs() {
            return Err(Error::not_found(format!(
                "There were {} logs before this one; they are numbered from 1.",
                self.earlier_logs()
            )));
        }
        let file = self.dir.join(format!("log.{number}.vkey"));
        let vkey = std::fs::read_to_string(&file).map_err(|e| {
            Error::unavailable(format!("{} cannot be read; restore it.", file.display())).because(e)
        })?;
        ledger::verify_each(&succeed::past(&self.dir, number), vkey.trim(), &[], each).map(drop)
    }

    /// Entry number `index` of an earlier log.
    pub(crate) fn earlier_entry(&self, number: u32, index: u64) -> Result<Leaf> {
        let mut found = None;
        self.each_earlier(number, &mut |at: u64, leaf: &Leaf| {
            if at == index {
                found = Some(leaf.clone());
            }
        })?;
        found.ok_or_else(|| Error::not_found("That log has no entry of this number."))
    }

    /// Whether an entry was made for a log before the present one, as far as its time tells.
    pub(crate) fn is_of_before(&self, leaf: &Leaf) -> Result<bool> {
        let first = self.log.leaves(0, 1)?.pop();
        Ok(self.earlier_logs() > 0 && first.is_some_and(|first| leaf.time <= first.time))
    }

    /// What a sealed question was, for the present log: with the log that it was asked in, and its number there. The
    /// entry may be among those that were lost; then the number is missing, and what was asked is said all the same.
    pub(crate) fn revealed_of_before(&self, said: Leaf, id: &str) -> Leaf {
        for number in (1..=self.earlier_logs()).rev() {
            let mut found = None;
            let mut each = |at: u64, leaf: &Leaf| {
                let sealed = QUESTIONS.contains(&leaf.kind.as_str()) && leaf.text(HIDDEN).is_some();
                if sealed && leaf.id.as_deref() == Some(id) {
                    found = Some(at);
                }
            };
            if let Err(e) = self.each_earlier(number, &mut each) {
                tracing::warn!(number, error = %e.inside(), "an earlier log cannot be read");
            }
            if let Some(index) = found {
                return said.fact("predecessor", self.origin_of(number)).fact("intent", index);
            }
        }
        said.fact("predecessor", self.origin_of(self.earlier_logs()))
    }
}

#[cfg(test)]
mod tests {
    use crate::City;
    use crate::kit::{Town, person};
    use crate::succeed::{Lost, succeed};
    use base::Kind;
    use ledger::{HIDDEN, Leaf, REVEALED};
    use std::sync::Arc;

    const DAY_MS: i64 = 86_400_000;

    fn logged(city: &City, kind: &str) -> Vec<Leaf> {
        let all = city.log.leaves(0, city.log.size()).unwrap();
        all.into_iter().filter(|leaf| leaf.kind == kind).collect()
    }

    /// A sealed question, whose log then gets a successor; with `lost` its entry is among the lost ones.
    fn succeeded(lost: bool) -> (Town, crate::kit::Backup, Arc<City>, u64) {
        let town = Town::new("2026-11-01T12:00:20Z", "");
        town.pass("7ABC128");
        let until = town.city.now().plus_millis(30 * DAY_MS);
        let paper = town.warrant(until);
        let before = town.copy();
        let ask = crate::Ask {
            authority: Some("judicial-warrant".into()),
            paper: Some(paper),
            purpose: "warrant".into(),
            on_behalf_of: Some("court: Third District".into()),
            reveal_after: Some(until),
            ..town.question("7ABC128")
        };
        town.city.ask(&person(), ask).unwrap();
        let intent = (0..)
            .zip(town.city.log.leaves(0, town.city.log.size()).unwrap())
            .find(|(_, leaf)| leaf.text(HIDDEN).is_some())
            .unwrap();
        let old = town.copy();
        if lost {
            std::fs::remove_dir_all(old.path().join("log")).unwrap();
            std::fs::rename(before.path().join("log"), old.path().join("log")).unwrap();
        }
        let why = Lost::Remembered(town.city.log.seen().unwrap());
        succeed(old.path(), &why, old.clock.as_ref()).unwrap();
        let city = old.open().unwrap();
        (town, old, city, intent.0)
    }

    #[test]
    fn a_sealed_question_of_before_is_revealed_whatever_is_left_of_its_log() {
        for lost in [false, true] {
            let (town, _old, city, index) = succeeded(lost);
            for days in [30, 1] {
                town.clock.advance(days * DAY_MS);
                city.retain().unwrap();
            }
            let revealed = logged(&city, REVEALED);
            assert_eq!(revealed.len(), 1);
            assert_eq!(revealed[0].text("predecessor"), Some("homeplate/s"));
            assert_eq!(revealed[0].number("intent"), (!lost).then_some(index));
            let hidden = &town.logged("search.intent")[0];
            assert!(revealed[0].reveals(hidden.text(HIDDEN).unwrap()).is_some());
            assert!(city.store.reveals_due(city.now()).unwrap().is_empty());
        }
    }

    #[test]
    fn auditors_open_entries_of_before() {
        let (_town, _old, city, index) = succeeded(false);
        let record = city.audit_record_of(&person(), Some(1), index).unwrap();
        assert_eq!(record.leaf.kind, "search.intent");
        let opened = logged(&city, "audit.opened").pop().unwrap();
        assert_eq!(opened.number("entry"), Some(index));
        assert_eq!(opened.text("log"), Some("homeplate/s"));
        for (log, index) in [(0, index), (2, index), (1, 9999)] {
            let e = city.audit_record_of(&person(), Some(log), index).err().unwrap();
            assert_eq!(e.kind(), Kind::NotFound, "{e}");
        }
    }
}
