//! Entries whose facts stay hidden for a while: a question under a sealed warrant.
//!
//! The sealed entry commits to what it does not say; a later one says it, with the salt, and anybody
//! can check that it is what was committed to. So nothing can be made up afterwards, and that there
//! was a question stands on the log from its first moment.

use crate::Leaf;
use base::{Error, Result, Time, b64, canonical, sha256, unb64};
use serde_json::{Map, Value};

/// The fact that commits to the hidden ones.
pub const HIDDEN: &str = "hidden";
/// The type of the entry that says them.
pub const REVEALED: &str = "search.revealed";

fn hiding(salt: &[u8; 32], said: &Map<String, Value>) -> Option<String> {
    let said = canonical(said).ok()?;
    Some(b64(&sha256(&[b"homeplate/hidden/v1\n", salt.as_slice(), &said].concat())))
}

impl Leaf {
    /// Splits an entry in two: what is said now, with only those facts that are in `kept`, and what
    /// is said when the time has come. The second lacks the first's entry number, `intent`.
    pub fn hide(mut self, kept: &[&str], until: Time, salt: &[u8; 32]) -> Result<(Leaf, Leaf)> {
        let all = std::mem::take(&mut self.facts);
        let (kept, mut said): (Map<_, _>, Map<_, _>) =
            all.into_iter().partition(|(key, _)| kept.contains(&key.as_str()));
        said.extend(self.actor.take().map(|actor| ("actor".into(), actor.into())));
        said.extend(self.on_behalf_of.take().map(|other| ("on_behalf_of".into(), other.into())));
        let hidden = hiding(salt, &said).ok_or_else(|| {
            Error::invalid("A log entry's facts must be texts, whole numbers, lists or objects.")
        })?;
        self.facts = kept;
        let now = self.fact("reveal_after", until.to_string()).fact(HIDDEN, hidden);
        let then = Leaf { kind: REVEALED.into(), facts: Map::new(), body: None, ..now.clone() }
            .fact("salt", b64(salt))
            .fact("said", said);
        Ok((now, then))
    }

    /// What a sealed entry that committed with `hidden` said, if this entry reveals it truly.
    pub fn reveals(&self, hidden: &str) -> Option<&Map<String, Value>> {
        let salt: [u8; 32] = unb64(self.text("salt")?)?.try_into().ok()?;
        let said = self.facts.get("said")?.as_object()?;
        let true_to_it = self.kind == REVEALED && hiding(&salt, said)? == hidden;
        true_to_it.then_some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hidden_is_revealed_as_it_was() {
        let at: Time = "2026-11-23T08:15:00Z".parse().unwrap();
        let full = Leaf::new("search.intent", at)
            .id("q_00")
            .by("investigations")
            .actor("a_0011223344556677")
            .on_behalf_of("court")
            .fact("purpose", "warrant")
            .fact("cameras", 2)
            .fact("authority", "judicial-warrant");
        let (now, then) = full.hide(&["authority"], at, &[7; 32]).unwrap();
        let text = String::from_utf8(now.bytes().unwrap()).unwrap();
        for secret in ["purpose", "cameras", "a_00", "court"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(now.text("authority"), Some("judicial-warrant"));
        let hidden = now.text(HIDDEN).unwrap();
        assert_eq!(then.reveals(hidden).unwrap()["purpose"], "warrant");
        Leaf::parse(&then.bytes().unwrap()).unwrap();
        // Another purpose, another salt, another type: none of them is what was committed to.
        let mut other = then.clone();
        other.facts["said"]["purpose"] = "stolen-vehicle".into();
        assert!(other.reveals(hidden).is_none());
        assert!(then.clone().fact("salt", b64(&[8; 32])).reveals(hidden).is_none());
        assert!(Leaf { kind: "search.intent".into(), ..then.clone() }.reveals(hidden).is_none());
        assert!(now.reveals(hidden).is_none());
    }
}
