//! Drills in the figures: how many were begun, and by desk how many were answered rightly and how fast.
//!
//! What a drill was to be found as is committed to when it begins (`drill.started`) and told when it ends
//! (`drill.ended`): only then its answers count, and only if both agree. So nobody can choose afterwards which drills
//! were missed.

use crate::Leaf;
use base::{b64, sha256, unb64};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How a desk does in drills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeskTally {
    /// Answers given.
    pub answered: u64,
    /// Of these: right.
    pub right: u64,
    /// Answers to drills that were look-alikes.
    pub look_alikes: u64,
    /// Of these: found to be misread.
    pub caught: u64,
    /// Half of the answers took no longer, in seconds.
    pub median_s: u64,
    /// How many answers took how many seconds.
    #[serde(skip)]
    #[schema(ignore)]
    times: BTreeMap<u64, u64>,
}

impl DeskTally {
    fn add(&mut self, sort: &str, answer: &Answer) {
        let right = drill_right(sort, &answer.finding);
        self.answered += 1;
        self.right += u64::from(right);
        if sort == "look-alike" {
            self.look_alikes += 1;
            self.caught += u64::from(right);
        }
        *self.times.entry(answer.seconds).or_default() += 1;
        let mut before = 0;
        let half = self.times.iter().find(|(_, n)| {
            before += **n;
            before * 2 >= self.answered
        });
        self.median_s = half.map_or(0, |(seconds, _)| *seconds);
    }

    /// The share of look-alikes that were found out, 0 to 1; none where there were none.
    pub fn catch_rate(&self) -> Option<f64> {
        (self.look_alikes > 0).then(|| self.caught as f64 / self.look_alikes as f64)
    }
}

/// What the log says of drills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drills {
    /// Drills that were begun.
    pub started: u64,
    /// Drills that ended and that nobody answered.
    pub unanswered: u64,
    /// Drills whose end does not fit what was committed to: their answers do not count.
    pub void: u64,
    /// By office.
    pub by_desk: BTreeMap<String, DeskTally>,
    /// Drills that run: what was committed to, and the answers so far.
    #[serde(skip)]
    #[schema(ignore)]
    running: BTreeMap<String, (String, Vec<Answer>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    desk: String,
    finding: String,
    seconds: u64,
}

/// Whether a finding is the right one for a drill of this sort.
pub fn drill_right(sort: &str, finding: &str) -> bool {
    matches!((sort, finding), ("listed", "correct") | ("look-alike", "misread"))
}

/// What is committed to when a drill begins.
pub fn drill_answer(salt: &[u8; 32], sort: &str) -> String {
    b64(&sha256(&[b"homeplate/drill/v1\n", salt.as_slice(), sort.as_bytes()].concat()))
}

impl Drills {
    pub(crate) fn add(&mut self, leaf: &Leaf) {
        match leaf.kind.as_str() {
            "drill.started" => {
                self.started += 1;
                if let (Some(id), Some(answer)) = (&leaf.id, leaf.text("answer")) {
                    self.running.entry(id.clone()).or_insert((answer.to_owned(), Vec::new()));
                }
            }
            "drill.decided" => {
                let running = leaf.text("drill").and_then(|id| self.running.get_mut(id));
                if let (Some((_, answers)), Some(desk), Some(finding), Some(seconds)) =
                    (running, &leaf.by, leaf.text("finding"), leaf.number("seconds"))
                {
                    let (desk, finding) = (desk.clone(), finding.to_owned());
                    answers.push(Answer { desk, finding, seconds });
                }
            }
            "drill.ended" => self.ended(leaf),
            _ => {}
        }
    }

    fn ended(&mut self, leaf: &Leaf) {
        let running = leaf.id.as_ref().and_then(|id| self.running.remove(id));
        let Some((committed, answers)) = running else { return };
        let salt = leaf.text("salt").and_then(unb64).and_then(|salt| salt.try_into().ok());
        let sort = leaf.text("sort").unwrap_or_default();
        if salt.is_none_or(|salt| drill_answer(&salt, sort) != committed) {
            self.void += 1;
            return;
        }
        self.unanswered += u64::from(answers.is_empty());
        for answer in answers {
            self.by_desk.entry(answer.desk.clone()).or_default().add(sort, &answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;

    const SALT: [u8; 32] = [7; 32];

    fn leaf(kind: &str, id: &str) -> Leaf {
        Leaf::new(kind, Time::from_millis(1_795_420_800_000)).id(id)
    }

    /// A drill of a sort: answers as `desk:finding:seconds`, and the sort that its end tells.
    fn drill(drills: &mut Drills, id: &str, sort: &str, answers: &[&str], told: &str) {
        drills.add(&leaf("drill.started", id).fact("answer", drill_answer(&SALT, sort)));
        for (n, answer) in answers.iter().enumerate() {
            let words: Vec<&str> = answer.split(':').collect();
            let decided = leaf("drill.decided", &format!("{id}/{n}")).by(words[0]);
            let decided = decided.fact("drill", id).fact("finding", words[1]);
            drills.add(&decided.fact("seconds", words[2].parse::<u64>().unwrap()));
        }
        drills.add(&leaf("drill.ended", id).fact("sort", told).fact("salt", b64(&SALT)));
    }

    #[test]
    fn desks_are_counted_when_a_drill_has_ended() {
        let mut drills = Drills::default();
        drill(
            &mut drills,
            "a",
            "look-alike",
            &["day:misread:9", "day:correct:4", "night:misread:30"],
            "look-alike",
        );
        drill(&mut drills, "b", "listed", &["day:correct:20"], "listed");
        drill(&mut drills, "c", "listed", &[], "listed");
        let day = &drills.by_desk["day"];
        assert_eq!((day.answered, day.right, day.look_alikes, day.caught), (3, 2, 2, 1));
        assert_eq!((day.median_s, day.catch_rate()), (9, Some(0.5)));
        assert_eq!((drills.started, drills.unanswered, drills.void), (3, 1, 0));
    }

    #[test]
    fn what_was_not_committed_to_does_not_count() {
        let mut drills = Drills::default();
        drill(&mut drills, "a", "look-alike", &["day:correct:4"], "listed");
        drills.add(&leaf("drill.decided", "x/1").by("day").fact("drill", "x").fact("seconds", 1));
        drills.add(&leaf("drill.ended", "x").fact("sort", "listed"));
        assert_eq!((drills.void, drills.by_desk.len()), (1, 0));
    }
}
