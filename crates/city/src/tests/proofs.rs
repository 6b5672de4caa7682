//! Proofs that another office made and signed: which of them a city without a prover believes, and why not.

use crate::adoption_tests::{Prover, narrow, sign};
use crate::kit::{Town, clerk, person};
use crate::{
    NewProposal, ProofLine, Proofs, RuleHistory, SignedProofs, properties_of, proven_texts,
};
use base::{Kind, Result, SigningKey};
use identity::{Charter, RuleSet, Signature, SignerKey};
use ledger::Leaf;
use policy::Property;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The program without its solver.
struct Missing;

impl ProofLine for Missing {
    fn installed(&self) -> bool {
        false
    }

    fn prove(&self, _: &str, _: &[Property]) -> Result<Proofs> {
        panic!("nothing here proves")
    }
}

/// The city's own property, in force from the start.
const OWN: (&str, &str) =
    ("weekdays", "// All may be allowed.\npermit (principal, action, resource);");

/// A city of a preset with ceilings in whose charter the administrator signs alone and this key proves.
fn town(prover: &SigningKey, line: Arc<dyn ProofLine>) -> Town {
    let key = SignerKey::from(prover.public());
    let town = Town::made("2026-11-02T12:00:00Z", "preset=\"us-il\"", &[], &[key]);
    town.city.reach_prover(line);
    town
}

fn in_force(town: &Town) -> RuleSet {
    RuleSet::parse(&town.city.adopted_set().unwrap()).unwrap()
}

/// Officers cut down to an hour, and a property of the city's own.
fn proposed(town: &Town, charter: &Charter) -> (NewProposal, RuleSet) {
    let rules = in_force(town).rules.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1);
    assert_ne!(rules, narrow(), "the preset has rules of its own");
    let properties = BTreeMap::from([(OWN.0.to_owned(), OWN.1.to_owned())]);
    let set = RuleSet::new(rules.clone(), properties.clone(), charter).unwrap();
    let charter = Some(charter.canonical());
    (NewProposal { rules, properties: Some(properties), charter, proofs: None }, set)
}

/// What another office would hand over for this set, after this change of what it says is proven.
fn signed(by: &SigningKey, set: &RuleSet, change: &dyn Fn(&mut SignedProofs)) -> SignedProofs {
    let mut proofs = SignedProofs {
        set: set.hash().unwrap(),
        properties: proven_texts(&properties_of(set, Some("us-il"))),
        key: SignerKey::from(by.public()).to_string(),
        signature: String::new(),
    };
    change(&mut proofs);
    if proofs.signature.is_empty() {
        let message = SignedProofs::message(&proofs.set, &proofs.properties);
        proofs.signature = Signature::Ed25519(by.sign(&message)).to_string();
    }
    proofs
}

/// The log followed by an outsider.
fn followed(leaves: &[Leaf]) -> Result<RuleHistory> {
    let mut history = RuleHistory::new("homeplate/s");
    (0u64..).zip(leaves).try_for_each(|(at, leaf)| history.add(at, leaf))?;
    Ok(history)
}

#[test]
fn a_set_that_another_office_proved() {
    let prover = SigningKey::generate();
    let town = town(&prover, Arc::new(Missing));
    let city = &town.city;
    let (new, set) = proposed(&town, &in_force(&town).charter().unwrap());
    let proofs = signed(&prover, &set, &|_| {});
    let new = NewProposal { proofs: Some(proofs.clone()), ..new };
    let made = city.propose(&clerk(), new).unwrap();
    assert_eq!(made.proved_by.as_ref(), Some(&proofs.key));
    assert!(made.proven.contains(&OWN.0.to_owned()) && made.proven.len() > 9, "{made:?}");
    // They are on the log, and a city that starts again finds them there.
    assert_eq!(town.copy().open().unwrap().proposal(&made.id).unwrap(), made);
    let done = city.sign_proposal(&clerk(), &made.id, sign(city, &made.id, &town.admin_key));
    assert_eq!(done.unwrap().state, "active");
    assert_eq!(city.rules().hash(), policy::Rules::parse(&set.rules).unwrap().hash());
    let leaves = city.log.leaves(0, city.log.size()).unwrap();
    let history = followed(&leaves).unwrap();
    assert_eq!(history.changes().last().unwrap().proved_by, Some(proofs.key.clone()));
    // An outsider notices what does not fit: another signature, another key, another text of a property.
    let at = leaves.iter().position(|leaf| leaf.kind == "policy.proposed").unwrap();
    let stranger = SigningKey::generate();
    let hash = base::hex(&base::sha256(OWN.1.as_bytes()));
    let other = |text: &str| text.replace(&hash, &"0".repeat(64));
    let theirs = signed(&stranger, &set, &|_| {});
    let unfit = [
        ("proofs", theirs.signature.clone()),
        ("prover", theirs.key),
        ("proven_texts", other(leaves[at].text("proven_texts").unwrap())),
    ];
    for (fact, value) in unfit {
        let mut leaves = leaves.clone();
        leaves[at] = leaves[at].clone().fact(fact, value);
        let e = followed(&leaves).err().unwrap();
        assert!(e.message().contains("its proofs do not hold"), "{fact}: {e}");
    }
}

#[test]
fn what_the_city_does_not_believe() {
    let (prover, stranger) = (SigningKey::generate(), SigningKey::generate());
    let town = town(&prover, Arc::new(Missing));
    let charter = in_force(&town).charter().unwrap();
    let (new, set) = proposed(&town, &charter);
    let entries = town.city.log.size();
    let refuse = |new: NewProposal, kind: Kind, word: &str| {
        let e = town.city.propose(&clerk(), new).err().unwrap();
        assert!(e.kind() == kind && e.message().contains(word), "{word}: {e}");
        assert_eq!(town.city.log.size(), entries, "{word}: nothing is on the log");
    };
    let check = |by: &SigningKey, change: &dyn Fn(&mut SignedProofs), kind: Kind, word: &str| {
        let proofs = Some(signed(by, &set, change));
        refuse(NewProposal { proofs, ..new.clone() }, kind, word);
    };
    let place = |proofs: &SignedProofs, id: &str| {
        proofs.properties.iter().position(|p| p.property == id).unwrap()
    };
    refuse(new.clone(), Kind::Unavailable, "bring proofs");
    check(&stranger, &|_| {}, Kind::Forbidden, "nobody whom the charter in force names");
    check(&prover, &|p| p.set = "0".repeat(64), Kind::Invalid, "another set");
    let ceiling = policy::Preset::named("us-il").unwrap().ceilings()[0].id.clone();
    for id in ["no-immigration", ceiling.as_str(), OWN.0] {
        let out = |p: &mut SignedProofs| drop(p.properties.remove(place(p, id)));
        check(&prover, &out, Kind::Invalid, &format!("leave out {id}"));
        let other = |p: &mut SignedProofs| {
            let at = place(p, id);
            p.properties[at].sha256 = "0".repeat(64);
        };
        check(&prover, &other, Kind::Invalid, &format!("another text of {id}"));
    }
    let name = |p: &mut SignedProofs| p.properties[0].property += " a\nb";
    check(&prover, &name, Kind::Invalid, "at most 100 properties");
    let many = |p: &mut SignedProofs| p.properties = vec![p.properties[0].clone(); 101];
    check(&prover, &many, Kind::Invalid, "at most 100 properties");
    let swapped = signed(&stranger, &set, &|_| {}).signature;
    let swap = |p: &mut SignedProofs| p.signature = swapped.clone();
    check(&prover, &swap, Kind::Unauthenticated, "does not hold");
    // Good proofs of one set beside another one.
    let mut other = NewProposal { proofs: Some(signed(&prover, &set, &|_| {})), ..new.clone() };
    other.rules = other.rules.replacen("@max_hours(\"1\")", "@max_hours(\"900\")", 1);
    refuse(other, Kind::Invalid, "another set");
    // A prover that the proposed charter names counts for the next change and not for its own.
    let later = Charter { provers: vec![stranger.public().into()], ..charter };
    let (new, set) = proposed(&town, &later);
    let own = NewProposal { proofs: Some(signed(&stranger, &set, &|_| {})), ..new.clone() };
    refuse(own, Kind::Forbidden, "nobody whom the charter in force names");
    let made = NewProposal { proofs: Some(signed(&prover, &set, &|_| {})), ..new };
    town.city.propose(&clerk(), made).unwrap();
}

/// What was believed when it was proposed is looked at again before it is active: here nobody ever did.
#[test]
fn proofs_are_checked_again_at_activation() {
    let (prover, stranger) = (SigningKey::generate(), SigningKey::generate());
    let town = town(&prover, Arc::new(Missing));
    let city = &town.city;
    let (_, set) = proposed(&town, &in_force(&town).charter().unwrap());
    let check = |id: &str, proofs: Option<SignedProofs>, word: &str| {
        let leaf = Leaf::new("policy.proposed", city.now())
            .id(id)
            .fact("base", in_force(&town).hash().unwrap())
            .fact("set", set.hash().unwrap())
            .fact("text", set.canonical().unwrap())
            .fact("proven", "");
        let leaf = match proofs {
            Some(proofs) => {
                let names: Vec<&str> = proofs.properties.iter().map(|p| &*p.property).collect();
                proofs.on_leaf(leaf.fact("proven", names.join(" ")))
            }
            None => leaf,
        };
        let entry = city.log.append(&leaf).unwrap();
        city.adoptions.lock().unwrap().add(entry.index, &leaf);
        let done = city.sign_proposal(&clerk(), id, sign(city, id, &town.admin_key));
        match (word, done) {
            ("", done) => assert_eq!(done.unwrap().state, "active"),
            (word, done) => {
                let e = done.err().unwrap();
                assert!(e.message().contains(word), "{e}");
                assert_eq!(city.proposal(id).unwrap().state, "open");
            }
        }
    };
    check("pro_1", None, "bring proofs");
    check("pro_2", Some(signed(&stranger, &set, &|_| {})), "nobody whom the charter");
    let wrong = signed(&stranger, &set, &|_| {}).signature;
    check("pro_3", Some(signed(&prover, &set, &|p| p.signature = wrong.clone())), "does not hold");
    check("pro_4", Some(signed(&prover, &set, &|_| {})), "");
}

/// Where a prover is installed, nobody else's word takes its place.
#[test]
fn a_city_that_can_prove_does() {
    let prover = SigningKey::generate();
    let town = town(&prover, Arc::new(Prover));
    let (new, set) = proposed(&town, &in_force(&town).charter().unwrap());
    let planted = format!(
        "{}\n// Opens.\n@id(\"planted\")\npermit (principal, action == Action::\"Search\", resource);",
        set.rules
    );
    let bad = RuleSet::new(planted.clone(), set.properties.clone(), &set.charter().unwrap());
    let proofs = Some(signed(&prover, &bad.unwrap(), &|_| {}));
    let e = town.city.propose(&clerk(), NewProposal { rules: planted, proofs, ..new.clone() });
    assert!(e.err().unwrap().message().contains("would get through"));
    // Bad proofs are not put on the log either.
    let bad = Some(signed(&SigningKey::generate(), &set, &|_| {}));
    let e = town.city.propose(&person(), NewProposal { proofs: bad, ..new.clone() });
    assert_eq!(e.err().unwrap().kind(), Kind::Forbidden);
    assert_eq!(town.city.propose(&clerk(), new).unwrap().proved_by, None);
}

/// Answers about one property, whatever it is asked about.
struct Another;

impl ProofLine for Another {
    fn prove(&self, rules: &str, properties: &[Property]) -> Result<Proofs> {
        let mut proofs = Prover.prove(rules, properties)?;
        for verdict in &mut proofs.verdicts {
            verdict.property = OWN.0.into();
        }
        Ok(proofs)
    }
}

/// Nothing of the city's own stands in the place of what must hold, by its name or by another's verdict.
#[test]
fn each_property_is_judged_under_its_own_name() {
    let prover = SigningKey::generate();
    let town = town(&prover, Arc::new(Prover));
    let (new, set) = proposed(&town, &in_force(&town).charter().unwrap());
    let properties = properties_of(&set, Some("us-il"));
    crate::prove(&Prover, &set, &properties).unwrap();
    let e = crate::prove(&Another, &set, &properties).unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable, "{e}");
    let law = |slug: &str| policy::Preset::named(slug).unwrap().ceilings()[0].id.clone();
    for name in ["no-immigration".to_owned(), law("us-il"), law("us-wa")] {
        let properties = Some(BTreeMap::from([(name.clone(), OWN.1.to_owned())]));
        let e = town.city.propose(&clerk(), NewProposal { properties, ..new.clone() });
        let e = e.err().unwrap();
        assert!(e.kind() == Kind::Invalid && e.message().contains(&name), "{e}");
    }
}
