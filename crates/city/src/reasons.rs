//! What a reason says. A reason that says nothing counts as none, and one that speaks of a topic that has a purpose of
//! its own, or none, is refused under another: a purpose is chosen from a list, and the reason must not contradict it.
//!
//! Words are configuration, like purposes; a screen finds words and knows nothing of what is meant. Who means to lie
//! will: it is auditors who find that, and this finds what is written down carelessly.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[reasons]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReasonSection {
    /// Reasons that say nothing: one that consists of such words counts as none.
    pub vague: Vec<String>,
    /// Words by topic. A topic that is a purpose may be spoken of under that purpose alone, any other under none.
    pub topics: BTreeMap<String, Vec<String>>,
}

impl Default for ReasonSection {
    fn default() -> Self {
        let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        Self {
            vague: words(&[
                "investigation",
                "investigate",
                "invest",
                "inv",
                "investigative",
                "police",
                "business",
                "official",
                "law",
                "enforcement",
                "leo",
                "lea",
                "case",
                "follow",
                "up",
                "test",
                "na",
                "none",
                "reason",
                "info",
                "intel",
                "search",
                "suspect",
                "criminal",
                "crime",
            ]),
            topics: [
                ("immigration-enforcement", &["immigration", "deportation", "undocumented"][..]),
                ("protected-health", &["abortion", "miscarriage", "gender affirming"]),
                ("assembly", &["protest", "protester", "protesters", "demonstration", "rally"]),
            ]
            .into_iter()
            .map(|(topic, all)| (topic.to_owned(), words(all)))
            .collect(),
        }
    }
}

/// The words of a text in lower case, letters and digits alone.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    split.map(str::to_lowercase).collect()
}

impl ReasonSection {
    /// Whether a reason says nothing.
    pub(crate) fn is_vague(&self, reason: &str) -> bool {
        let vague = |word: &String| {
            word.chars().all(|c| c.is_ascii_digit())
                || self.vague.iter().any(|v| v.to_lowercase() == *word)
        };
        words(reason).iter().all(vague)
    }

    /// The topic that a reason speaks of although the purpose is another.
    pub(crate) fn other_topic(&self, purpose: &str, reason: &str) -> Option<&str> {
        let said = words(reason);
        let speaks = |all: &&Vec<String>| {
            all.iter().map(|one| words(one)).any(|one| {
                !one.is_empty() && said.windows(one.len()).any(|part| part == one.as_slice())
            })
        };
        let topics = self.topics.iter().filter(|(topic, _)| topic.as_str() != purpose);
        topics.filter(|(_, all)| speaks(all)).map(|(topic, _)| topic.as_str()).next()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let fine = |word: &String| (1..=60).contains(&word.chars().count());
        let topic = |t: &String| t.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && fine(t);
        let all = self.vague.iter().chain(self.topics.values().flatten()).all(fine);
        (!all || !self.topics.keys().all(topic))
            .then_some("reasons.* are words of 1 to 60 characters, topics of a-z and -")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_say_nothing() {
        let section = ReasonSection::default();
        let check = |reason: &str, vague: bool| {
            assert_eq!(section.is_vague(reason), vague, "{reason}");
        };
        check("investigation", true);
        check("INVESTIGATION - case 26-0417", true);
        check("n/a", false); // two words of one letter each; a city adds them where it likes
        check("...", true);
        check("A grey sedan fled from the crash on Main Street", false);
        check("Verdächtiger floh", false);
    }

    #[test]
    fn reasons_that_speak_of_something_else() {
        let section = ReasonSection::default();
        let check = |purpose: &str, reason: &str, topic: Option<&str>| {
            assert_eq!(section.other_topic(purpose, reason), topic, "{reason}");
        };
        check("missing-person", "had an abortion, search for female", Some("protected-health"));
        check("protected-health", "had an Abortion", None);
        check("felony-investigation", "seen at the PROTEST downtown", Some("assembly"));
        check("felony-investigation", "gender-affirming care", Some("protected-health"));
        check("stolen-vehicle", "taken from Protestant Street", None);
        check("warrant", "immigration hold", Some("immigration-enforcement"));
    }
}
