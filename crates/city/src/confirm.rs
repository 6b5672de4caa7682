//! What an asker signs at the console: all of a question, with a passkey, so that an auditor can tell it from one
//! that somebody asked in another's session.
//!
//! The signature stands in the private half of the question's entry and goes with it. Programs sign every
//! request and are not asked again.

use crate::config::Confirm;
use crate::{Ask, City};
use base::{Error, PersonId, Result, Time};
use identity::{Person, Signature, SignerKey};
use policy::{Confirmed, Intent};
use serde::Deserialize;

/// More plates than this are many.
const PLATES: usize = 3;
/// A question about more than this is long.
const LONG_MS: i64 = 7 * 86_400_000;
/// A signature is put under a question that is asked within this time.
const FRESH_MS: i64 = 15 * 60_000;

/// A signature under a question.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The key; one of the asker's own.
    pub key: SignerKey,
    /// What was signed ([`City::to_confirm`]).
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// Of a message, the moment.
#[derive(Deserialize)]
struct Moment {
    at: i64,
}

/// Whether a question reaches far, or is asked for others.
fn sensitive(ask: &Ask) -> bool {
    let some = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
    let authority = ask.authority.as_deref().is_some_and(|a| !["", "none"].contains(&a.trim()));
    ask.look_alikes
        || ask.plates.iter().any(|plate| plate.contains(['?', '*']))
        || ask.plates.len() > PLATES
        || ask.until.since(ask.from) > LONG_MS
        || some(&ask.on_behalf_of)
        || authority
        || ask.emergency
}

fn unlike() -> Error {
    Error::conflict("The question is not the one that was signed; sign it again.")
}

impl City {
    /// Whether this question, asked at the console, is signed by its asker.
    pub fn must_confirm(&self, ask: &Ask) -> bool {
        match self.config.console.confirm {
            Confirm::Never => false,
            Confirm::Sensitive => sensitive(ask),
            Confirm::Always => true,
        }
    }

    /// The bytes that an asker signs for a question, now.
    pub fn to_confirm(&self, by: &PersonId, ask: Ask) -> Result<Vec<u8>> {
        let person = self.person(by)?;
        let intent = self.intent(&person, ask)?;
        Ok(intent.to_confirm(&self.origin(), self.now()))
    }

    /// What is kept of a signature, if it is this person's, fresh, and under this very question.
    pub(crate) fn confirmed(
        &self,
        person: &Person,
        intent: &Intent,
        signed: &Confirmation,
    ) -> Result<Confirmed> {
        let Moment { at } =
            serde_json::from_slice(&signed.message).map_err(|e| unlike().because(e))?;
        let at = Time::from_millis(at);
        let fresh = (0..=FRESH_MS).contains(&intent.at.since(at));
        if !fresh || intent.to_confirm(&self.origin(), at) != signed.message {
            return Err(unlike());
        }
        if !person.signers().contains(&signed.key) {
            return Err(Error::unauthenticated("The question is signed with a key of its asker."));
        }
        signed.key.verify(&signed.message, &signed.signature)?;
        let message = String::from_utf8(signed.message.clone()).map_err(|e| unlike().because(e))?;
        let (key, signature) = (signed.key.to_string(), signed.signature.to_string());
        Ok(Confirmed { key, message, signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, person};
    use base::{Kind, SigningKey, unb64};
    use custody::open_record;

    fn signed(key: &SigningKey, message: Vec<u8>) -> Confirmation {
        let signature = Signature::Ed25519(key.sign(&message));
        Confirmation { key: SignerKey::from(key.public()), message, signature }
    }

    #[test]
    fn what_is_sensitive() {
        let check = |name: &str, want: bool, change: &dyn Fn(&mut Ask)| {
            let town = Town::new("2026-11-23T12:00:00Z", "");
            let mut ask = town.question("7ABC128");
            change(&mut ask);
            assert_eq!(town.city.must_confirm(&ask), want, "{name}");
        };
        check("plain", false, &|_| {});
        check("three plates", false, &|a| a.plates = vec!["7ABC128".into(); 3]);
        check("four plates", true, &|a| a.plates = vec!["7ABC128".into(); 4]);
        check("look-alikes", true, &|a| a.look_alikes = true);
        check("a pattern", true, &|a| a.plates = vec!["7ABC1?8".into()]);
        check("a week", false, &|a| a.until = a.from.plus_millis(LONG_MS));
        check("more", true, &|a| a.until = a.from.plus_millis(LONG_MS + 1));
        check("for others", true, &|a| a.on_behalf_of = Some("county: Sheriff".into()));
        check("for nobody else", false, &|a| a.on_behalf_of = Some(" ".into()));
        check("no authority", false, &|a| a.authority = Some("none".into()));
        check("a warrant", true, &|a| a.authority = Some("judicial-warrant".into()));
        check("a life in danger", true, &|a| a.emergency = true);
    }

    #[test]
    fn the_city_says_which_questions_are_signed() {
        let check = |word: &str, plain: bool, patterned: bool| {
            let section = format!("[console]\nconfirm = \"{word}\"\n");
            let town = Town::new("2026-11-23T12:00:00Z", &section);
            let must = |plate: &str| town.city.must_confirm(&town.question(plate));
            assert_eq!((must("7ABC128"), must("7ABC1?8")), (plain, patterned), "{word}");
        };
        check("never", false, false);
        check("sensitive", false, true);
        check("always", true, true);
    }

    #[test]
    fn an_auditor_verifies_what_was_signed() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let ask = town.question("7ABC128");
        let message = town.city.to_confirm(&person(), ask.clone()).unwrap();
        assert!(!String::from_utf8(message.clone()).unwrap().contains("7ABC128"));
        town.clock.advance(60_000);
        let confirmation = signed(&town.admin_key, message);
        let asked = town.city.ask_told(&person(), ask, Some(confirmation), &mut |_| true);
        let entry = asked.unwrap().1.log_entry;
        let record = town.city.audit_record(&person(), entry).unwrap();
        let body = open_record(&town.auditors, &record.sealed).unwrap();
        let salt: [u8; 32] = unb64(&record.salt).unwrap().try_into().unwrap();
        assert_eq!(record.leaf.body.unwrap(), ledger::commitment(&salt, body.expose()));
        let intent = Intent::from_canonical(body.expose()).unwrap();
        let kept = intent.confirmed.clone().unwrap();
        let key: SignerKey = kept.key.parse().unwrap();
        key.verify(kept.message.as_bytes(), &kept.signature.parse().unwrap()).unwrap();
        let Moment { at } = serde_json::from_str(&kept.message).unwrap();
        let again = intent.to_confirm(&town.city.origin(), Time::from_millis(at));
        assert_eq!(again, kept.message.as_bytes());
    }

    #[test]
    fn a_signature_is_good_for_one_question_of_one_person() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let ask = town.question("7ABC128");
        let message = town.city.to_confirm(&person(), ask.clone()).unwrap();
        let good = signed(&town.admin_key, message.clone());
        let check = |ask: Ask, signed: &Confirmation, kind: Kind| {
            let asked = town.city.ask_told(&person(), ask, Some(signed.clone()), &mut |_| true);
            assert_eq!(asked.err().unwrap().kind(), kind);
            assert!(town.logged("search.intent").is_empty(), "nothing was asked");
        };
        check(town.question("8XYZ001"), &good, Kind::Conflict);
        check(Ask { look_alikes: true, ..ask.clone() }, &good, Kind::Conflict);
        let stranger = signed(&SigningKey::generate(), message.clone());
        check(ask.clone(), &stranger, Kind::Unauthenticated);
        let forged = Confirmation { key: good.key.clone(), ..stranger };
        check(ask.clone(), &forged, Kind::Unauthenticated);
        check(ask.clone(), &signed(&town.admin_key, b"{}".to_vec()), Kind::Conflict);
        town.clock.advance(FRESH_MS + 1);
        check(ask, &good, Kind::Conflict);
    }
}
