//! Rules change: proposed, proven, signed by offices, active, and checked against the log ever after.

use crate::kit::{Town, clerk, person};
use crate::{City, NewPerson, NewProposal, NewSignature, Proof, ProofLine, Proofs};
use base::{Error, Kind, Result, SigningKey};
use identity::{Charter, Office, RuleSet, Signature, SignerKey};
use ledger::Leaf;
use policy::{Property, Rules};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stands for the program: it refutes a rule called `planted`.
pub(super) struct Prover;

impl ProofLine for Prover {
    fn prove(&self, rules: &str, properties: &[Property]) -> Result<Proofs> {
        let read = Rules::parse(rules)?;
        let planted = read.ids().any(|id| id == "planted");
        let verdict = |p: &Property| Proof {
            property: p.id.clone(),
            says: p.says.clone(),
            against: (planted && p.id == "no-immigration").then(|| "a request".into()),
            ms: 1,
        };
        Ok(Proofs {
            rules: read.hash(),
            verdicts: properties.iter().map(verdict).collect(),
            dead: Vec::new(),
        })
    }
}

pub(super) fn add(town: &Town, id: &str, office: &str, role: &str) -> (base::PersonId, SigningKey) {
    let key = SigningKey::generate();
    let new = NewPerson {
        id: id.parse().unwrap(),
        name: id.into(),
        office: office.into(),
        roles: vec![role.into()],
        key: key.public(),
    };
    town.city.add_person(&person(), new.clone()).unwrap();
    (new.id, key)
}

pub(super) fn charter(needed: u32, keys: &[(&str, &SigningKey)]) -> String {
    let office = |(name, key): &(&str, &SigningKey)| Office {
        name: (*name).into(),
        keys: vec![key.public().into()],
    };
    Charter { needed, provers: Vec::new(), offices: keys.iter().map(office).collect() }.canonical()
}

pub(super) fn sign(city: &City, id: &str, key: &SigningKey) -> NewSignature {
    let signed = Signature::Ed25519(key.sign(&city.to_sign(id).unwrap()));
    NewSignature { key: SignerKey::from(key.public()).to_string(), signature: signed.to_string() }
}

/// Rules with officers cut down to an hour.
pub(super) fn narrow() -> String {
    Rules::standard().replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1)
}

fn proposal(rules: String, charter: Option<String>) -> NewProposal {
    NewProposal { rules, properties: None, charter, proofs: None }
}

/// A city in which two offices sign: the first change of a city is who signs for the next.
fn two_offices() -> (Town, (base::PersonId, SigningKey), (base::PersonId, SigningKey)) {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    town.city.reach_prover(Arc::new(Prover));
    let counsel = add(&town, "per_cora", "counsel", "counsel");
    let signer = add(&town, "per_mayor", "mayor", "order-signer");
    let charter = charter(2, &[("city counsel", &counsel.1), ("mayor", &signer.1)]);
    let first = town.city.propose(&counsel.0, proposal(Rules::standard().into(), Some(charter)));
    let id = first.unwrap().id;
    // The administrator's key is the founding charter's; who hands the signature in may be another.
    let signature = sign(&town.city, &id, &town.admin_key);
    let done = town.city.sign_proposal(&counsel.0, &id, signature).unwrap();
    assert_eq!(done.state, "active");
    (town, counsel, signer)
}

#[test]
fn two_offices_make_a_set_active() {
    let (town, counsel, mayor) = two_offices();
    let city = &town.city;
    let ask =
        || crate::Ask { from: city.now().plus_millis(-10 * 3_600_000), ..town.question("7ABC128") };
    assert_eq!(city.ask(&person(), ask()).unwrap().narrowed, None);
    let id = city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    assert_eq!(city.proposal(&id).unwrap().needed, 2);
    let refused = |who: &base::PersonId, new, kind: Kind| {
        assert_eq!(city.sign_proposal(who, &id, new).err().unwrap().kind(), kind);
    };
    let (by_counsel, by_mayor) = (sign(city, &id, &counsel.1), sign(city, &id, &mayor.1));
    let dora = add(&town, "per_dora", "dispatch", "dispatcher").0;
    refused(&dora, by_counsel.clone(), Kind::Forbidden);
    refused(&counsel.0, sign(city, &id, &SigningKey::generate()), Kind::Forbidden);
    let swapped = NewSignature { key: by_mayor.key.clone(), ..by_counsel.clone() };
    refused(&counsel.0, swapped, Kind::Unauthenticated);
    for _ in 0..2 {
        let done = city.sign_proposal(&counsel.0, &id, by_counsel.clone()).unwrap();
        assert_eq!((done.state.as_str(), done.signed.len()), ("open", 1), "one office, twice");
    }
    assert_eq!(city.activate(&id).err().unwrap().kind(), Kind::Conflict);
    assert_eq!(city.ask(&person(), ask()).unwrap().narrowed, None, "nothing has changed yet");
    let done = city.sign_proposal(&mayor.0, &id, by_mayor.clone()).unwrap();
    assert_eq!((done.state.as_str(), done.signed.len()), ("active", 2));
    assert!(city.ask(&person(), ask()).unwrap().narrowed.is_some(), "custody follows too");
    refused(&mayor.0, by_mayor, Kind::Conflict);
    assert!(city.check_adopted().unwrap());
    // An outsider follows all of it from the log alone, and notices what does not fit.
    let leaves = city.log.leaves(0, city.log.size()).unwrap();
    let follow = |leaves: &[ledger::Leaf]| {
        let mut history = crate::RuleHistory::new("homeplate/s");
        let all = (0u64..).zip(leaves).try_for_each(|(at, leaf)| history.add(at, leaf));
        all.map(|()| history)
    };
    let history = follow(&leaves).unwrap();
    assert_eq!(history.changes().len(), 3);
    assert_eq!(history.changes()[2].offices, ["city counsel", "mayor"]);
    assert_eq!(history.changes()[2].rules, city.rules().hash());
    let signed = leaves.iter().rposition(|leaf| leaf.kind == "policy.signed").unwrap();
    let mut fewer = leaves.clone();
    fewer.remove(signed);
    assert!(follow(&fewer).err().unwrap().message().contains("too few offices"));
    let mut other = leaves.clone();
    let last = other.iter().rposition(|leaf| leaf.kind == "policy.activated").unwrap();
    other[last] = other[last].clone().fact("hash", "00");
    assert!(follow(&other).is_err());
    other.remove(last);
    assert_eq!(follow(&other).unwrap().changes().len(), 2);

    let again = town.copy().open().unwrap();
    assert_eq!(again.rules().hash(), city.rules().hash());
    assert_eq!(again.proposals().unwrap().len(), 2);
}

#[test]
fn what_is_not_proven_or_not_readable_is_not_proposed() {
    let (town, ..) = two_offices();
    let entries = town.city.log.size();
    let check = |rules: String, kind: Kind, word: &str| {
        let e = town.city.propose(&clerk(), proposal(rules, None)).err().unwrap();
        assert!(e.kind() == kind && e.message().contains(word), "{e}");
    };
    let more = |text: &str| format!("{}\n{text}", Rules::standard());
    let planted = "permit (principal, action == Action::\"Search\", resource);";
    check(more(&format!("// Opens.\n@id(\"planted\")\n{planted}")), Kind::Refused, "get through");
    check(more(&format!("\n@id(\"mute\")\n{planted}")), Kind::Invalid, "has no sentence");
    check("permit (".into(), Kind::Invalid, "not Cedar");
    check(Rules::standard().into(), Kind::Conflict, "in force already");
    check(more(&format!("// {}\n", "x".repeat(SET))), Kind::TooLarge, "bytes");
    let e = town.city.propose(&person_of("per_mayor"), proposal(narrow(), Some("needed=1".into())));
    assert_eq!(e.err().unwrap().kind(), Kind::Invalid);
    assert_eq!(town.city.log.size(), entries);
    let nobody = add(&town, "per_dora", "dispatch", "dispatcher").0;
    let e = town.city.propose(&nobody, proposal(narrow(), None)).err().unwrap();
    assert_eq!(e.kind(), Kind::Forbidden);
}

const SET: usize = 60_000;

pub(super) fn person_of(id: &str) -> base::PersonId {
    id.parse().unwrap()
}

#[test]
fn of_two_proposals_one_is_overtaken() {
    let (town, counsel, mayor) = two_offices();
    let city = &town.city;
    let first = city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    let other = narrow().replacen("@max_cameras(\"20\")", "@max_cameras(\"2\")", 1);
    let second = city.propose(&clerk(), proposal(other, None)).unwrap().id;
    for id in [&first, &second] {
        city.sign_proposal(&counsel.0, id, sign(city, id, &counsel.1)).unwrap();
    }
    city.sign_proposal(&mayor.0, &first, sign(city, &first, &mayor.1)).unwrap();
    let late = city.sign_proposal(&mayor.0, &second, sign(city, &second, &mayor.1));
    assert_eq!(late.err().unwrap().kind(), Kind::Conflict);
    assert_eq!(city.proposal(&second).unwrap().state, "overtaken");
}

/// The city goes back to a set. By which signatures it left it then, everybody reads on the log, and they bring
/// nothing back.
#[test]
fn what_offices_signed_once_is_not_signed_again() {
    let (town, counsel, mayor) = two_offices();
    let city = &town.city;
    let adopt = |rules: String| {
        let id = city.propose(&clerk(), proposal(rules, None)).unwrap().id;
        let signed = [&counsel, &mayor].map(|(who, key)| {
            let new = sign(city, &id, key);
            city.sign_proposal(who, &id, new.clone()).unwrap();
            new
        });
        assert_eq!(city.proposal(&id).unwrap().state, "active");
        signed
    };
    let then = adopt(narrow());
    adopt(Rules::standard().into());
    let id = city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    for new in then {
        let e = city.sign_proposal(&counsel.0, &id, new).err().unwrap();
        assert_eq!(e.kind(), Kind::Unauthenticated, "{e}");
    }
    assert_eq!(city.proposal(&id).unwrap().signed.len(), 0);
    adopt(narrow());
    let mut history = crate::RuleHistory::new("homeplate/s");
    let leaves = city.log.leaves(0, city.log.size()).unwrap();
    (0u64..).zip(&leaves).for_each(|(at, leaf)| history.add(at, leaf).unwrap());
    assert_eq!(history.changes().len(), 5);
}

/// An office has signed it in the form of before, which names no activation.
#[test]
fn what_was_signed_before_an_update_is_proposed_anew() {
    let (town, counsel, _) = two_offices();
    let city = &town.city;
    let id = city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    let older = Leaf::new("policy.signed", city.now())
        .id(format!("{id}/mayor"))
        .fact("proposal", id.as_str())
        .fact("office", "mayor")
        .fact("key", "ed25519:")
        .fact("signature", "ed25519:");
    city.log.append(&older).unwrap();
    let again = town.copy().open().unwrap();
    let e = again.sign_proposal(&counsel.0, &id, sign(&again, &id, &counsel.1)).err().unwrap();
    assert!(e.kind() == Kind::Conflict && e.message().contains("before an update"), "{e}");
}

/// Logs of before: a signature that names no activation counts, once, and only until somebody signs the newer way.
#[test]
fn an_older_log_is_followed() {
    let key = SigningKey::generate();
    let charter = Charter::parse(&charter(1, &[("clerk", &key)])).unwrap();
    let set = |rules: &str| RuleSet::new(rules.into(), BTreeMap::new(), &charter).unwrap();
    let (wide, narrow) = (set("wide"), set("narrow"));
    let hash = |set: &RuleSet| set.hash().unwrap();
    let rules = |set: &RuleSet| base::hex(&base::sha256(set.rules.as_bytes()));
    let leaf = |kind: &str| Leaf::new(kind, base::Time::from_millis(0));
    let first = leaf("policy.activated")
        .fact("hash", rules(&wide))
        .fact("set", hash(&wide))
        .fact("text", wide.canonical().unwrap());
    // Three entries: proposed, signed, active.
    let change = |id: &str, since: Option<u64>, from: &RuleSet, to: &RuleSet| {
        let (from, set) = (hash(from), hash(to));
        let message = match since {
            Some(since) => identity::adoption_message("homeplate/s", since, &from, &set),
            None => format!("homeplate/adopt/v1\nhomeplate/s\n{from}\n{set}\n").into_bytes(),
        };
        let signed = leaf("policy.signed")
            .fact("proposal", id)
            .fact("key", SignerKey::from(key.public()).to_string())
            .fact("signature", Signature::Ed25519(key.sign(&message)).to_string());
        let proposed = leaf("policy.proposed")
            .id(id)
            .fact("base", from)
            .fact("set", set.as_str())
            .fact("text", to.canonical().unwrap());
        let active = leaf("policy.activated").fact("proposal", id);
        [
            proposed,
            since.into_iter().fold(signed, |leaf, since| leaf.fact("since", since)),
            active.fact("hash", rules(to)).fact("set", set),
        ]
    };
    let narrows = |id: &str, since| change(id, since, &wide, &narrow);
    let widens = |id: &str, since| change(id, since, &narrow, &wide);
    let check = |what: &str, changes: &[[Leaf; 3]], good: usize| {
        let mut history = crate::RuleHistory::new("homeplate/s");
        let leaves = std::iter::once(&first).chain(changes.iter().flatten());
        let all = (0u64..).zip(leaves).try_for_each(|(at, leaf)| history.add(at, leaf));
        let whole = good == changes.len();
        assert_eq!((all.is_ok(), history.changes().len()), (whole, good + 1), "{what}");
    };
    check("as it was", &[narrows("a", None), widens("b", None)], 2);
    let again = [narrows("a", None), widens("b", None), narrows("c", None)];
    check("a signature that has served", &again, 2);
    let updated = [narrows("a", None), widens("b", Some(3)), narrows("c", Some(6))];
    check("goes on the newer way", &updated, 3);
    let moment = [narrows("a", Some(0)), widens("b", Some(3)), narrows("c", Some(0))];
    check("signed for another activation", &moment, 2);
    check("the older way behind the newer", &[narrows("a", Some(0)), widens("b", None)], 1);
}

/// Somebody changes a file behind the city's back.
#[test]
fn active_is_adopted_or_nothing_is_asked() {
    let (town, ..) = two_offices();
    let rules = town.dir().join("rules.cedar");
    let adopted = std::fs::read_to_string(&rules).unwrap();
    for (file, text) in
        [("rules.cedar", narrow()), ("charter.toml", charter(1, &[("x", &SigningKey::generate())]))]
    {
        let path = town.dir().join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text).unwrap();
        assert!(!town.city.check_adopted().unwrap());
        let e = town.city.ask(&person(), town.question("7ABC128")).err().unwrap();
        assert!(e.kind() == Kind::Unavailable && e.message().contains("adopted"), "{e}");
        assert!(town.copy().open().is_err(), "{file}");
        std::fs::write(&path, before).unwrap();
        assert!(town.city.check_adopted().unwrap());
    }
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), adopted);
    town.city.ask(&person(), town.question("7ABC128")).unwrap();
    let checked = town.logged("policy.checked");
    assert!(checked.iter().any(|leaf| leaf.facts["same"] == false));
}

/// The hourly look takes a set that is just becoming active for no stranger's.
#[test]
fn a_look_in_the_middle_of_an_adoption_finds_no_difference() {
    let (town, counsel, mayor) = two_offices();
    let city = &town.city;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                assert!(city.check_adopted().unwrap(), "look {looks}");
                looks += 1;
            }
            looks
        });
        for hours in 1..=6 {
            let rules = Rules::standard().replacen(
                "@max_hours(\"72\")",
                &format!("@max_hours(\"{hours}\")"),
                1,
            );
            let id = city.propose(&clerk(), proposal(rules, None)).unwrap().id;
            city.sign_proposal(&counsel.0, &id, sign(city, &id, &counsel.1)).unwrap();
            city.sign_proposal(&mayor.0, &id, sign(city, &id, &mayor.1)).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(look.join().unwrap() > 0);
    });
    assert!(town.logged("policy.checked").iter().all(|leaf| leaf.facts["same"] == true));
}

/// Wherever it is cut off, the log decides which set is in force.
#[test]
fn a_crash_leaves_the_old_set_or_the_new_one() {
    let (town, counsel, mayor) = two_offices();
    let before = town.copy();
    let id = town.city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    let signed = town.city.clone();
    signed.sign_proposal(&counsel.0, &id, sign(&signed, &id, &counsel.1)).unwrap();
    let open = town.copy();
    let adoption = |city: &City| -> String {
        let p = city.proposal(&id).unwrap();
        let signatures: Vec<(String, String)> = [&counsel.1, &mayor.1]
            .map(|key| sign(city, &id, key))
            .map(|s| (s.key, s.signature))
            .to_vec();
        let a = identity::Adoption { since: p.since, base: p.base, set: p.text, signatures };
        serde_json::to_string(&a).unwrap()
    };
    let marker = adoption(&signed);
    signed.sign_proposal(&mayor.0, &id, sign(&signed, &id, &mayor.1)).unwrap();
    // Before the entry: the old set.
    std::fs::write(open.path().join("adopting.json"), &marker).unwrap();
    let city = open.open().unwrap();
    assert_eq!(city.proposal(&id).unwrap().state, "open");
    assert!(!open.path().join("adopting.json").exists());
    // Behind the entry, with the files of before: the new one.
    let late = town.copy();
    for file in ["rules.cedar", "charter.toml"] {
        std::fs::copy(before.path().join(file), late.path().join(file)).unwrap();
    }
    assert!(late.open().is_err(), "without the marker somebody changed the files");
    std::fs::write(late.path().join("adopting.json"), &marker).unwrap();
    let city = late.open().unwrap();
    assert_eq!(city.rules().hash(), signed.rules().hash());
    assert!(city.check_adopted().unwrap() && !late.path().join("adopting.json").exists());
}

/// What stands in the way behind the entry is tried again; until then nothing is answered under the rules of before.
#[test]
fn an_activation_that_fails_behind_its_entry_is_finished() {
    let (town, counsel, mayor) = two_offices();
    let city = &town.city;
    let id = city.propose(&clerk(), proposal(narrow(), None)).unwrap().id;
    city.sign_proposal(&counsel.0, &id, sign(city, &id, &counsel.1)).unwrap();
    let (rules, before) = (town.dir().join("rules.cedar"), city.rules().hash());
    std::fs::remove_file(&rules).unwrap();
    std::fs::create_dir(&rules).unwrap();
    let e = city.sign_proposal(&mayor.0, &id, sign(city, &id, &mayor.1)).err().unwrap();
    assert!(e.kind() == Kind::Unavailable && e.message().contains("by themselves"), "{e}");
    assert_eq!(city.proposal(&id).unwrap().state, "active");
    for _ in 0..2 {
        assert!(city.adopted_rules().is_err() && city.rules().hash() == before);
        assert!(city.check_adopted().unwrap(), "it is known why they differ");
        city.tally().unwrap();
    }
    // The next set waits for this one: custody follows from set to set.
    let next = city.propose(&clerk(), proposal(Rules::standard().into(), None)).unwrap().id;
    city.sign_proposal(&counsel.0, &next, sign(city, &next, &counsel.1)).unwrap();
    city.sign_proposal(&mayor.0, &next, sign(city, &next, &mayor.1)).err().unwrap();
    assert_eq!(city.proposal(&next).unwrap().state, "open");
    std::fs::remove_dir(&rules).unwrap();
    city.tally().unwrap();
    assert!(city.adopted_rules().is_ok() && city.rules().hash() != before);
    city.activate(&next).unwrap();
    assert_eq!(city.rules().hash(), before);
    assert!(city.check_adopted().unwrap() && !town.dir().join("adopting.json").exists());
}

#[test]
fn without_a_prover_nothing_changes() {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    let e: Error = town.city.propose(&clerk(), proposal(narrow(), None)).err().unwrap();
    assert!(e.message().contains("cvc5"), "{e}");
}
