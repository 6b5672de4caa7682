//! Audit by lottery: which questions and holds of a month an auditor must look at, drawn by the log itself.
//!
//! A month is over with the first entry of a later one. The root of the tree over all entries before that one
//! decides which of the month's questions, refusals and holds are drawn: anybody who has the log draws the same, and
//! nobody can know them before the month is over. (Who writes the last entries of a month could try roots;
//! `design/0012-oversight.md` says what that is worth.)

use crate::leaf::Leaf;
use base::{Day, Error, Result, Time, b64, sha256};
use std::collections::BTreeMap;

/// The type of the entry that says what was drawn.
pub(crate) const DRAWN: &str = "audit.drawn";
/// How long auditors have to grade what was drawn, in milliseconds.
pub(crate) const GRADE_MS: i64 = 14 * 86_400_000;
/// How long after a month's end it may be drawn, in milliseconds.
pub(crate) const DRAW_MS: i64 = 2 * 86_400_000;

/// A clock may be so far ahead of the reader's, in milliseconds.
pub(crate) const AHEAD_MS: i64 = 86_400_000;

/// At least so many questions of a month are drawn; all of them where there were fewer.
const LEAST: usize = 10;
/// One in so many, where that is more.
const ONE_IN: usize = 20;
/// And at most so many: what nobody can do in two weeks would not be done.
const MOST: usize = 100;

/// The first moment behind a month.
pub(crate) fn month_end(month: &str) -> Option<Time> {
    let first: Day = format!("{month}-01").parse().ok()?;
    let in_next = Day::from_number(first.number() + 31);
    let next: Day = format!("{}-01", in_next.start().month()).parse().ok()?;
    Some(next.start())
}

/// Goes on to the month of an entry; gives the month that is over with it, if one is. Never back to an earlier one,
/// whatever a clock does.
pub(crate) fn turn(month: &mut String, at: Time) -> Option<String> {
    let next = at.month();
    (next > *month).then(|| std::mem::replace(month, next))
}

/// Whether an entry is drawn from: a question, allowed or refused; or a hold that names the paper that it rests on. Draws
/// that stand on logs left out those of before that did not, and a successor log tells with its paper only what is still
/// being preserved.
pub(crate) fn is_question(leaf: &Leaf) -> bool {
    match leaf.kind.as_str() {
        "search.intent" | "search.refused" => true,
        "hold.placed" => leaf.facts.contains_key("paper_id"),
        _ => false,
    }
}

/// Which of these entries a root draws, in the order of the log. Each has the rank
/// `SHA-256("homeplate/lottery/v1\n" ‖ root ‖ number, 8 bytes big-endian)`; the lowest are drawn.
pub fn draw(root: &[u8; 32], questions: &[u64]) -> Vec<u64> {
    let rank = |index: &u64| {
        sha256(&[b"homeplate/lottery/v1\n", root.as_slice(), &index.to_be_bytes()].concat())
    };
    let many = questions.len().div_ceil(ONE_IN).clamp(LEAST, MOST).min(questions.len());
    let mut drawn = questions.to_vec();
    drawn.sort_by_cached_key(rank);
    drawn.truncate(many);
    drawn.sort_unstable();
    drawn
}

/// A month that is over: what decides, and what was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The month, for instance `2026-11`.
    pub month: String,
    /// How many entries the log had at its end.
    pub size: u64,
    /// The root of the tree over them.
    pub root: [u8; 32],
    /// How many questions, refusals and holds it had.
    pub questions: u64,
    /// Numbers of those that are drawn, in the order of the log.
    pub entries: Vec<u64>,
}

impl Draw {
    /// The entry of the log that says so, from a leaf that has its type and time.
    pub fn leaf(&self, leaf: Leaf) -> Leaf {
        let entries: Vec<String> = self.entries.iter().map(u64::to_string).collect();
        leaf.id(&self.month)
            .fact("size", self.size)
            .fact("root", b64(&self.root))
            .fact("questions", self.questions)
            .fact("entries", entries.join(" "))
    }
}

/// Follows a log from its first entry on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lottery {
    /// The month that goes on.
    month: String,
    /// Its questions.
    questions: Vec<u64>,
    /// Months that are over and not drawn: the log's size then, and their questions.
    over: BTreeMap<String, (u64, Vec<u64>)>,
}

impl Lottery {
    /// Takes one more entry into account.
    pub(crate) fn add(&mut self, index: u64, leaf: &Leaf) {
        if let Some(before) = turn(&mut self.month, leaf.time) {
            let questions = std::mem::take(&mut self.questions);
            if !questions.is_empty() {
                self.over.insert(before, (index, questions));
            }
        }
        if is_question(leaf) {
            self.questions.push(index);
        }
        if leaf.kind == DRAWN {
            leaf.id.as_ref().map(|month| self.over.remove(month));
        }
    }

    /// What is to be drawn. `root_of` gives the root of the tree over so many entries.
    pub(crate) fn due(&self, root_of: &dyn Fn(u64) -> Result<[u8; 32]>) -> Result<Vec<Draw>> {
        let one = |(month, (size, questions)): (&String, &(u64, Vec<u64>))| {
            let root = root_of(*size)?;
            Ok(Draw {
                month: month.clone(),
                size: *size,
                root,
                questions: questions.len() as u64,
                entries: draw(&root, questions),
            })
        };
        self.over.iter().map(one).collect()
    }

    /// The same for a verifier: an entry that says what was drawn says what the log draws, and once.
    pub(crate) fn check(
        &mut self,
        index: u64,
        leaf: &Leaf,
        root_of: &dyn Fn(u64) -> Result<[u8; 32]>,
    ) -> Result<()> {
        if leaf.kind == DRAWN {
            let due = self.due(root_of)?;
            let ours = due.iter().find(|draw| leaf.id.as_ref() == Some(&draw.month));
            let same =
                ours.is_some_and(|draw| draw.leaf(Leaf::new(DRAWN, leaf.time)).facts == leaf.facts);
            if !same {
                return Err(Error::invalid(format!(
                    "Entry {index} of the log says that other questions were drawn for the audit than \
                     its own root draws; tell the council."
                )));
            }
        }
        self.add(index, leaf);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn months_end() {
        let check = |month: &str, end: &str| {
            assert_eq!(month_end(month), Some(end.parse().unwrap()), "{month}");
        };
        check("2026-11", "2026-12-01T00:00:00Z");
        check("2026-12", "2027-01-01T00:00:00Z");
        check("2028-02", "2028-03-01T00:00:00Z");
        assert_eq!(month_end("2026-13"), None);
        assert_eq!(month_end(""), None);
    }

    #[test]
    fn how_many_are_drawn() {
        let check = |questions: u64, drawn: usize| {
            let all: Vec<u64> = (0..questions).collect();
            assert_eq!(draw(&[7; 32], &all).len(), drawn, "of {questions}");
        };
        check(0, 0);
        check(3, 3);
        check(10, 10);
        check(200, 10);
        check(201, 11);
        check(2_000, 100);
        check(50_000, 100);
    }

    /// Another implementation has these to compare with.
    #[test]
    fn golden() {
        let all: Vec<u64> = (100..400).collect();
        let drawn = draw(&sha256(b"root"), &all);
        assert_eq!(format!("{drawn:?}"), GOLDEN);
    }
    const GOLDEN: &str =
        "[133, 150, 184, 209, 220, 228, 279, 294, 308, 310, 316, 334, 354, 362, 388]";

    fn leaf(kind: &str, at: &str) -> Leaf {
        Leaf::new(kind, at.parse::<Time>().unwrap())
    }

    #[test]
    fn a_month_is_drawn_once_and_truly() {
        let root_of = |size: u64| Ok(sha256(&size.to_be_bytes()));
        let mut lottery = Lottery::default();
        let mut says = |index: u64, leaf: &Leaf| lottery.check(index, leaf, &root_of);
        for n in 0..30 {
            says(n, &leaf("search.intent", "2026-11-30T23:59:00Z")).unwrap();
        }
        // A hold is drawn from like them, if it names its paper.
        says(30, &leaf("hold.placed", "2026-11-30T23:59:00Z")).unwrap();
        let hold = leaf("hold.placed", "2026-11-30T23:59:00Z").fact("paper_id", "pap_1");
        says(31, &hold).unwrap();
        says(32, &leaf("counts.daily", "2026-12-01T00:00:00Z")).unwrap();
        // A clock that is set back opens no month again.
        says(33, &leaf("search.refused", "2026-11-30T23:59:00Z")).unwrap();
        let due = lottery.due(&root_of).unwrap();
        assert_eq!((due.len(), due[0].size, due[0].questions), (1, 32, 31));
        let true_one = due[0].leaf(leaf(DRAWN, "2026-12-01T01:00:00Z"));
        let mut other = due[0].clone();
        other.entries = (0..10).collect();
        let false_one = other.leaf(leaf(DRAWN, "2026-12-01T01:00:00Z"));
        assert!(lottery.clone().check(34, &false_one, &root_of).is_err());
        lottery.check(34, &true_one, &root_of).unwrap();
        assert!(lottery.check(35, &true_one, &root_of).is_err(), "drawn twice");
        assert!(lottery.due(&root_of).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_among_the_questions(
            root: [u8; 32],
            questions in proptest::collection::btree_set(0u64..1_000_000, 0..300),
        ) {
            let questions: Vec<u64> = questions.into_iter().collect();
            let drawn = draw(&root, &questions);
            prop_assert!(drawn.is_sorted_by(|a, b| a < b));
            prop_assert!(drawn.iter().all(|index| questions.contains(index)));
            prop_assert!(drawn.len() >= questions.len().min(10));
        }
    }
}
