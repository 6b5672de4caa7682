//! Rules in a browser: two offices sign with passkeys, and nobody signs for another one.

use super::identity::Browser;
use super::*;
use ::identity::{Charter, Office, Signature, SignerKey};
use city::{NewProposal, NewSignature, Proof, ProofLine, Proofs, Property, RuleHistory};
use serde_json::json;
use testkit::Authenticator;

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
