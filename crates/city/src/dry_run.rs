//! What other rules would have said to the questions on the log.

use crate::{City, Proposal};
use base::{Result, Time};
use identity::RuleSet;
use ledger::{HIDDEN, Leaf, REVEALED};
use policy::Rules;
use policy::replay::{Known, Replay, replay};
use serde_json::{Map, Value};
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
/// At most so many entries are looked at while somebody waits for a page; the command line looks at all.
const LOOK: u64 = 20_000;
/// So many are read at a time.
const STEP: u64 = 1000;

impl City {
    /// Tries a proposal on the questions of the last `days` days, or of the newest entries of the log where there
    /// are more: how many were tried, and in sentences what would have been different.
    pub fn try_proposal(&self, proposal: &Proposal, days: u32) -> Result<(u64, Vec<String>)> {
        let proposed = Rules::parse(&RuleSet::parse(&proposal.text)?.rules)?;
        let now = self.now();
        let since = now.plus_millis(-i64::from(days) * DAY_MS);
        let (size, mut from) = (self.log.size(), self.log.size());
        let mut leaves = Vec::new();
        while from > 0 && size - from < LOOK {
            let before = from.saturating_sub(STEP);
            let some = self.log.leaves(before, from)?;
            from = before;
            let old = some.first().is_some_and(|leaf| leaf.time < since);
            leaves.splice(0..0, some);
            if old {
                break;
            }
        }
        let tried = tried_from(from, &leaves, &self.rules(), &proposed, (since, now));
        // How many, and that nothing changes, the caller says in its own words; what is left begins with a number.
        let mut sentences = tried.sentences();
        sentences.retain(|line| line.starts_with(|c: char| c.is_ascii_digit()));
        Ok((tried.tried, sentences))
    }
}

/// Tries the questions since a moment, as if asked now, or when the last rule of the proposal begins.
pub fn tried(leaves: &[Leaf], current: &Rules, proposed: &Rules, times: (Time, Time)) -> Replay {
    tried_from(0, leaves, current, proposed, times)
}

/// The same of a log's entries from number `first` on.
fn tried_from(
    first: u64,
    leaves: &[Leaf],
    current: &Rules,
    proposed: &Rules,
    (since, now): (Time, Time),
) -> Replay {
    let revealed: HashMap<&str, &Leaf> = leaves
        .iter()
        .filter(|leaf| leaf.kind == REVEALED)
        .filter_map(|leaf| Some((leaf.id.as_deref()?, leaf)))
        .collect();
    let (mut asked, mut untold) = (Vec::new(), 0);
    for (entry, leaf) in (first..).zip(leaves) {
        let question = ["search.intent", "search.refused"].contains(&leaf.kind.as_str());
        if !question || leaf.time < since {
            continue;
        }
        match known(leaf, &revealed) {
            Some(known) => asked.push((entry, known)),
            None => untold += 1,
        }
    }
    let begins = proposed.list().iter().filter_map(|rule| rule.effective);
    let at = begins.fold(now, Time::max);
    Replay { untold, ..replay(current, proposed, &asked, at) }
}

fn known(leaf: &Leaf, revealed: &HashMap<&str, &Leaf>) -> Option<Known> {
    let Some(hidden) = leaf.text(HIDDEN) else {
        return Known::of_log(&leaf.facts, leaf.on_behalf_of.as_deref(), false);
    };
    let said = revealed.get(leaf.id.as_deref()?)?.reveals(hidden)?;
    let mut facts: Map<String, Value> = leaf.facts.clone();
    facts.extend(said.clone());
    let agency = said.get("on_behalf_of").and_then(Value::as_str);
    Known::of_log(&facts, agency, true)
}
