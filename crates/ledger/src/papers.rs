//! Holds and the papers that they rest on: who registered a paper has vouched for the key that its holds are sealed to.

use crate::leaf::Leaf;
use base::{Error, Result};
use std::collections::BTreeMap;

/// The hash of the key that each paper was registered with, if with one, from a log's first entry on.
#[derive(Debug, Default)]
pub(crate) struct Papers(BTreeMap<String, Option<String>>);

impl Papers {
    /// Takes one more entry into account. A hold whose paper is not in this log, as in a successor, is taken as it is.
    pub(crate) fn check(&mut self, index: u64, leaf: &Leaf) -> Result<()> {
        let key = || leaf.text("key").map(str::to_owned);
        match (leaf.kind.as_str(), &leaf.id) {
            // A second entry of a paper changes nothing of what was vouched for.
            ("paper.attested", Some(id)) => {
                self.0.entry(id.clone()).or_insert_with(key);
            }
            ("hold.placed", _) => {
                let paper = leaf.text("paper_id").and_then(|id| self.0.get(id));
                if paper.is_some_and(|vouched| *vouched != key()) {
                    return Err(Error::invalid(format!(
                        "Entry {index} of the log places a hold for another key than its paper was registered \
                         with; tell the council."
                    )));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;

    #[test]
    fn a_hold_has_the_key_of_its_paper() {
        let mut papers = Papers::default();
        let mut check = |kind: &str, id: &str, facts: &[(&str, &str)], right: bool| {
            let leaf = Leaf::new(kind, Time::from_millis(0)).id(id);
            let leaf = facts.iter().fold(leaf, |leaf, (name, value)| leaf.fact(*name, *value));
            assert_eq!(papers.check(7, &leaf).is_ok(), right, "{leaf:?}");
        };
        let hold = "hold.placed";
        check("paper.attested", "pap_1", &[("key", "aa")], true);
        check("paper.attested", "pap_2", &[], true);
        check(hold, "hld_1", &[("paper_id", "pap_1"), ("key", "aa")], true);
        check(hold, "hld_2", &[("paper_id", "pap_1"), ("key", "bb")], false);
        check(hold, "hld_3", &[("paper_id", "pap_1")], false);
        check(hold, "hld_4", &[("paper_id", "pap_2"), ("key", "aa")], false);
        // The same paper once more, with another key.
        check("paper.attested", "pap_1", &[("key", "bb")], true);
        check(hold, "hld_5", &[("paper_id", "pap_1"), ("key", "bb")], false);
        // Of a log before this one, and of before holds named papers.
        check(hold, "hld_6", &[("paper_id", "pap_3"), ("key", "bb")], true);
        check(hold, "hld_7", &[("review", "2026-12-24T10:00:00Z")], true);
    }
}
