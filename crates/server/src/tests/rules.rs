//! Rules in a browser: two offices sign with passkeys, and nobody signs for another one.

use super::identity::Browser;
use super::*;
use ::identity::{Charter, Office, Signature, SignerKey};
use city::{NewProposal, NewSignature, Proof, ProofLine, Proofs, Property, RuleHistory};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::Authenticator;

/// Stands for a program that is away until it is told to come.
struct Away(AtomicBool);

impl ProofLine for Away {
    fn prove(&self, rules: &str, properties: &[Property]) -> base::Result<Proofs> {
        if self.0.load(Ordering::SeqCst) {
            return Err(base::Error::unavailable("The prover does not answer; try again later."));
        }
        Prover.prove(rules, properties)
    }
}

/// Stands for the program: everything holds.
pub(super) struct Prover;

impl ProofLine for Prover {
    fn prove(&self, rules: &str, properties: &[Property]) -> base::Result<Proofs> {
        let verdict = |p: &Property| Proof {
            property: p.id.clone(),
            says: p.says.clone(),
            against: None,
            ms: 1,
        };
        Ok(Proofs {
            rules: base::hex(&base::sha256(rules.as_bytes())),
            verdicts: properties.iter().map(verdict).collect(),
            dead: Vec::new(),
        })
    }
}

/// What the page's script does: the challenge, the passkey's answer, the form.
async fn sign(browser: &mut Browser<'_>, soft: &mut Authenticator, id: &str, form: &str) -> Answer {
    let fields = json!({"what": "sign", "hash": id});
    let begun: Value = browser.json("/console/passkey/confirm/start", &fields).await.good();
    let answer = soft.get(&begun["publicKey"]).to_string();
    let word = browser.word.clone().unwrap();
    let body = encoded(&[("csrf", &word), ("hash", form), ("assertion", &answer)]);
    browser.form(&format!("/console/proposals/{form}/sign"), &body).await
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric();
    let spelled = |text: &str| {
        text.bytes()
            .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect::<String>()
    };
    let pairs = fields.iter().map(|(key, value)| format!("{key}={}", spelled(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn passkey(town: &Town, id: &str) -> SignerKey {
    let people = town.city.people(&town.admin).unwrap();
    let person = people.into_iter().find(|p| p.id.as_str() == id).unwrap();
    person.passkeys[0].key.parse().unwrap()
}

#[tokio::test]
async fn two_offices_sign_with_passkeys() {
    let town = town("");
    town.city.reach_prover(Arc::new(Prover));
    let mut clerk = Browser::new(&town);
    let mut clerks = clerk.join(&town.invite("per_clara", &["clerk"]).code).await;
    let mut mayor = Browser::new(&town);
    let mut mayors = mayor.join(&town.invite("per_mayor", &["order-signer"]).code).await;
    let mut other = Browser::new(&town);
    let mut others = other.join(&town.invite("per_other", &["order-signer"]).code).await;
    let office =
        |name: &str, id: &str| Office { name: name.into(), keys: vec![passkey(&town, id)] };
    let offices = vec![office("city clerk", "per_clara"), office("mayor", "per_mayor")];
    let charter = Charter { needed: 2, provers: Vec::new(), offices }.canonical();
    let rules = town.city.rules().text().to_owned();
    let first = NewProposal {
        rules: rules.clone(),
        properties: None,
        charter: Some(charter),
        proofs: None,
    };
    let first = town.city.propose(&town.admin, first).unwrap().id;
    let signed = town.key.sign(&town.city.to_sign(&first).unwrap());
    let signature = NewSignature {
        key: SignerKey::from(town.key.public()).to_string(),
        signature: Signature::Ed25519(signed).to_string(),
    };
    assert_eq!(town.city.sign_proposal(&town.admin, &first, signature).unwrap().state, "active");

    let narrow = rules.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1);
    let new = NewProposal { rules: narrow, properties: None, charter: None, proofs: None };
    let id = town.city.propose(&"per_clara".parse().unwrap(), new).unwrap().id;
    let page = clerk.get(&format!("/console/proposals/{id}")).await;
    assert!(page.text().contains("data-what=\"sign\""), "{}", page.text());
    let strangers = other.get(&format!("/console/proposals/{id}")).await;
    assert!(!strangers.text().contains("data-what=\"sign\""));
    // A passkey that the charter does not name, and a form without an answer.
    assert_eq!(sign(&mut other, &mut others, &id, &id).await.status, 403);
    let word = clerk.word.clone().unwrap();
    let empty = clerk.form(&format!("/console/proposals/{id}/sign"), &format!("csrf={word}")).await;
    assert_eq!(empty.status, 400);
    assert_eq!(town.city.proposal(&id).unwrap().signed.len(), 0);
    // What counts is what the passkey signed, wherever the form was sent.
    assert_eq!(sign(&mut clerk, &mut clerks, &id, &first).await.status, 303);
    assert_eq!(town.city.proposal(&id).unwrap().signed, ["city clerk"]);
    assert_eq!(sign(&mut mayor, &mut mayors, &id, &id).await.status, 303);
    assert_eq!(town.city.proposal(&id).unwrap().state, "active");
    assert!(town.city.rules().text().contains("@max_hours(\"1\")"));
    // From the log alone.
    let page: LogPage = town.get("/v1/log?limit=500", &[], "192.0.2.7:1").await.good();
    let mut history = RuleHistory::new(town.city.vkey().split('+').next().unwrap());
    for (index, line) in (0u64..).zip(&page.entries) {
        history.add(index, &line.leaf).unwrap();
    }
    assert_eq!(history.changes().len(), 3);
    assert_eq!(history.changes()[2].offices, ["city clerk", "mayor"]);
}

/// The last signature counts although the set cannot become active with it: whoever signed is led to the proposal, and
/// not told that it did not work.
#[tokio::test]
async fn a_signature_stands_without_a_prover() {
    let town = town("");
    let prover = Arc::new(Away(AtomicBool::new(false)));
    town.city.reach_prover(prover.clone());
    let mut clerk = Browser::new(&town);
    let mut clerks = clerk.join(&town.invite("per_clara", &["clerk"]).code).await;
    let rules = town.city.rules().text().to_owned();
    let propose = |rules: String, charter: Option<String>| {
        let new = NewProposal { rules, properties: None, charter, proofs: None };
        town.city.propose(&town.admin, new).unwrap().id
    };
    let office = Office { name: "city clerk".into(), keys: vec![passkey(&town, "per_clara")] };
    let charter = Charter { needed: 1, provers: Vec::new(), offices: vec![office] }.canonical();
    let first = propose(rules.clone(), Some(charter));
    let signed = town.key.sign(&town.city.to_sign(&first).unwrap());
    let signature = NewSignature {
        key: SignerKey::from(town.key.public()).to_string(),
        signature: Signature::Ed25519(signed).to_string(),
    };
    town.city.sign_proposal(&town.admin, &first, signature).unwrap();
    let id = propose(rules.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1), None);
    prover.0.store(true, Ordering::SeqCst);
    let done = sign(&mut clerk, &mut clerks, &id, &id).await;
    let page = format!("/console/proposals/{id}");
    assert_eq!((done.status.as_u16(), done.header("location")), (303, Some(page.as_str())));
    let proposal = town.city.proposal(&id).unwrap();
    assert_eq!((proposal.state.as_str(), proposal.signed.len()), ("open", 1));
    let activate = format!("{page}/activate");
    assert!(clerk.get(&page).await.text().contains(&activate));
    let away = clerk.post(&activate, &[]).await;
    assert_eq!(away.status, 503);
    assert!(away.text().contains(&format!("href=\"{page}\"")), "{}", away.text());
    prover.0.store(false, Ordering::SeqCst);
    assert_eq!(clerk.post(&activate, &[]).await.status, 303);
    assert_eq!(town.city.proposal(&id).unwrap().state, "active");
}
