//! Marks: how a city notices that somebody asks again and again about one plate, or about plates of its own
//! people, without keeping a plate.
//!
//! A mark is a keyed hash of person *and* plate (look-alike characters taken as one) under the key of the month that makes pseudonyms. It says that
//! the same person asked for the same plate; it does not say that two people did, and when the month's key goes
//! it says nothing any more. Plates of the city's own people are sealed to custody: it compares, and gives back
//! which of them were asked about, never what they are.

use crate::Custody;
use crate::permit::VARIANTS;
use crate::seal::Key;
use aws_lc_rs::hmac;
use base::{Error, PersonId, Result};
use plate::{Pattern, Reason, Text, variants};
use policy::Intent;
use read::{SealKey, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::PoisonError;

const OWN: &[u8] = b"homeplate/own-plate/v1";
/// The most plates and patterns of a question.
const ASKED: usize = 40;
/// Own plates that are kept open in memory.
const KEPT: usize = 4096;

/// What a question is about, without saying it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// One for each plate and pattern: 32 hex digits.
    pub plates: Vec<String>,
    /// Which of the city's own plates it is about, by their place in the list.
    pub own: Vec<u32>,
}

/// Seals a plate of the city's own people; custody alone opens it, and only to compare.
pub fn seal_own(key: &SealKey, plate: &Text) -> Result<Sealed> {
    key.seal(OWN, b"", plate.reveal(Reason::Sealing).as_bytes())
}

/// What a plate is told apart by when one looks for repetition: characters that are taken for each other are one.
fn class(text: &str) -> String {
    let one = |c: char| match c {
        'O' | 'D' | 'Q' => '0',
        'I' | 'L' => '1',
        'Z' => '2',
        'S' => '5',
        'G' => '6',
        'B' => '8',
        'V' => 'U',
        other => other,
    };
    text.chars().map(one).collect()
}

/// The mark of a text under the month's key. A person's id has no line break.
fn mark(key: &Key, person: &PersonId, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let text = class(text);
    let tag = hmac::sign(&key, format!("homeplate/mark/v1\n{person}\n{text}").as_bytes());
    base::hex(&tag.as_ref()[..16])
}

/// What a question would find.
struct Sought<'a> {
    texts: HashSet<Text>,
    patterns: &'a [Pattern],
}

impl<'a> Sought<'a> {
    fn of(intent: &'a Intent) -> Self {
        let mut texts: HashSet<Text> = intent.plates.iter().cloned().collect();
        if intent.look_alikes {
            texts.extend(intent.plates.iter().flat_map(|plate| variants(plate, VARIANTS)));
        }
        Self { texts, patterns: &intent.patterns }
    }

    fn finds(&self, own: &Text) -> bool {
        let fits = |p: &Pattern| p.fits(own.reveal(Reason::Matching));
        self.texts.contains(own) || self.patterns.iter().any(fits)
    }
}

impl Custody {
    /// A plate of the city's own people. Opening is slow, and each question is compared with all of them.
    fn own_plate(&self, sealed: &Sealed) -> Result<Text> {
        let hash = base::sha256(&sealed.0);
        let known = || self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().get(&hash) {
            return Ok(text.clone());
        }
        let plain = self.open_ingested(OWN, b"", sealed)?;
        let text = std::str::from_utf8(plain.expose()).ok().and_then(|t| Text::parse(t).ok());
        let text = text.ok_or_else(|| {
            Error::invalid("One of the city's own plates is damaged; remove it and add it again.")
        })?;
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(hash, text.clone());
        Ok(text)
    }

    /// The marks of a question, and which of the `own` plates it is about.
    pub fn marks(&self, intent: &Intent, own: &[Sealed]) -> Result<Marks> {
        if intent.plates.len() + intent.patterns.len() > ASKED {
            return Err(Error::too_large("Ask for fewer plates at a time."));
        }
        let (key, sought) = (self.this_month()?, Sought::of(intent));
        let exact = intent.plates.iter().map(|plate| plate.reveal(Reason::Token));
        let open = intent.patterns.iter().map(|pattern| pattern.reveal(Reason::Token));
        let plates = exact.chain(open).map(|text| mark(&key, &intent.person, text)).collect();
        let mut found = Vec::new();
        for (at, sealed) in (0u32..).zip(own) {
            match self.own_plate(sealed) {
                Ok(plate) if sought.finds(&plate) => found.push(at),
                Ok(_) => {}
                // One that cannot be opened must not stop questions, least of all where a life is in danger.
                Err(e) => tracing::error!(error = %e.inside(), "one of the city's own plates"),
            }
        }
        Ok(Marks { plates, own: found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Secret, Time};

    fn intent(plates: &[&str], patterns: &[&str], look_alikes: bool) -> Intent {
        Intent {
            id: "q_1".into(),
            person: "per_ann".parse().unwrap(),
            roles: Vec::new(),
            purpose: "stolen-vehicle".into(),
            case: None,
            authority: "none".into(),
            paper: None,
            emergency: false,
            on_behalf_of: None,
            reason: None,
            plates: plates.iter().map(|p| Text::parse(p).unwrap()).collect(),
            patterns: patterns.iter().map(|p| Pattern::parse(p).unwrap()).collect(),
            look_alikes,
            cameras: Vec::new(),
            from: Time::from_millis(0),
            until: Time::from_millis(1),
            at: Time::from_millis(0),
            reveal_after: None,
            confirmed: None,
        }
    }

    #[test]
    fn a_question_is_about_what_it_would_find() {
        let own = Text::parse("7ABC128").unwrap();
        let check = |plates: &[&str], patterns: &[&str], look_alikes: bool, want: bool| {
            let asked = intent(plates, patterns, look_alikes);
            assert_eq!(Sought::of(&asked).finds(&own), want, "{plates:?} {patterns:?}");
        };
        check(&["9XYZ001", "7ABC128"], &[], false, true);
        check(&["7A8C128"], &[], false, false);
        check(&["7A8C128"], &[], true, true);
        check(&[], &["7ABC???"], false, true);
        check(&[], &["7A*8"], false, true);
        check(&[], &["9A*"], false, false);
        check(&[], &["9ABC???"], false, false);
    }

    #[test]
    fn a_mark_is_of_a_person_a_plate_and_a_month() {
        let (ann, ben): (PersonId, PersonId) =
            ("per_ann".parse().unwrap(), "per_ben".parse().unwrap());
        let (this, next) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let one = mark(&this, &ann, "7ABC128");
        assert_eq!(one, mark(&this, &ann, "7ABC128"));
        assert_eq!(one, mark(&this, &ann, "7A8C12B"), "misspelt on purpose");
        for other in [
            mark(&this, &ben, "7ABC128"),
            mark(&this, &ann, "7ABC129"),
            mark(&next, &ann, "7ABC128"),
        ] {
            assert_ne!(one, other);
        }
    }
}
