//! No log, no key: who gets a permit, and what it opens.

use super::kit::*;
use base::{HitId, HoldId, Kind, Time};
use custody::Found;
use ledger::{Entry, Leaf, commitment};
use policy::{Facts, Hold, Intent, Vouch};

fn ago(ms: i64) -> Time {
    now().plus_millis(-ms)
}

#[test]
fn a_question_on_the_log_opens_what_was_asked_and_nothing_else() {
    let city = City::new();
    let reads = [
        sighting("7ABC123", camera("one"), ago(HOUR)),
        sighting("7ABC123", camera("two"), ago(1000)),
        sighting("8XYZ001", camera("one"), ago(HOUR)),
        sighting("7ABC123", camera("three"), ago(HOUR)),
    ];
    let batch = city.seal(&reads).unwrap();
    let permit = city.permit("7ABC123", |_| ()).unwrap();
    let found = search(&batch, &permit);
    let keys = city.custody.keys(&permit, &found).unwrap();
    let mut opened: Vec<_> =
        keys.into_iter().zip(&found).map(|(key, f)| key.open(f).unwrap().0).collect();
    opened.sort_by_key(|read| read.captured);
    assert_eq!(opened, &reads[..2]);
    // The unlikely reading is in the index too.
    let permit = city.permit("7ABC128", |_| ()).unwrap();
    assert_eq!(search(&batch, &permit).len(), 2);
}

#[test]
fn a_permit_gives_no_key_outside_itself() {
    let city = City::new();
    let other = sighting("8XYZ001", camera("one"), ago(HOUR));
    let elsewhere = sighting("7ABC123", camera("three"), ago(HOUR));
    let early = sighting("7ABC123", camera("one"), ago(3 * HOUR));
    let mine = sighting("7ABC123", camera("one"), ago(HOUR));
    let batch = city.seal(&[other, elsewhere, early, mine.clone()]).unwrap();
    let permit = city.permit("7ABC123", |i| i.from = ago(2 * HOUR)).unwrap();
    for found in all(&batch) {
        let fits = found.read.id == mine.id;
        match city.custody.keys(&permit, std::slice::from_ref(&found)) {
            Ok(_) => assert!(fits),
            Err(e) => assert!(!fits && e.kind() == Kind::Forbidden, "{e:?}"),
        }
    }
    // One stranger among many refuses them all.
    assert_eq!(city.custody.keys(&permit, &all(&batch)).err().unwrap().kind(), Kind::Forbidden);
}

#[test]
fn a_store_that_lies_gets_keys_that_open_nothing() {
    let city = City::new();
    let asked = sighting("7ABC123", camera("one"), ago(HOUR));
    let batch = city.seal(&[asked, sighting("8XYZ001", camera("one"), ago(HOUR - 1))]).unwrap();
    let [honest, target] = &all(&batch)[..] else { panic!("two reads") };
    let check = |what: &str, lie: &dyn Fn(&mut Found)| {
        let permit = city.permit("7ABC123", |_| ()).unwrap();
        let mut found = target.clone();
        lie(&mut found);
        let opened = city
            .custody
            .keys(&permit, std::slice::from_ref(&found))
            .and_then(|mut keys| keys.pop().unwrap().open(&found));
        assert!(opened.is_err(), "{what}");
    };
    check("the tokens of the read asked for", &|f| f.read.tokens = honest.read.tokens.clone());
    check("a token added", &|f| f.read.tokens.push(honest.read.tokens[0]));
    check("another body under the asked read", &|f| {
        f.read = honest.read.clone();
        f.read.body = target.read.body.clone();
    });
    check("another camera", &|f| {
        f.read.tokens = honest.read.tokens.clone();
        f.read.camera = camera("two");
        f.segment.camera = camera("two");
    });
    check("another time", &|f| {
        f.read.tokens = honest.read.tokens.clone();
        f.read.captured = ago(7);
    });
}

#[test]
fn a_key_opens_its_own_read_alone() {
    let city = City::new();
    let batch = city
        .seal(&[
            sighting("7ABC123", camera("one"), ago(HOUR)),
            sighting("7ABC123", camera("one"), ago(HOUR)),
        ])
        .unwrap();
    let permit = city.permit("7ABC123", |_| ()).unwrap();
    let found = search(&batch, &permit);
    let mut keys = city.custody.keys(&permit, &found).unwrap();
    assert!(keys.pop().unwrap().open(&found[0]).is_err());
    assert!(keys.pop().unwrap().open(&found[0]).is_ok());
}

/// Changes to the chain question → log → permit; each must break it.
#[test]
fn no_permit_without_this_question_on_this_log() {
    let city = City::new();
    let intent = question("7ABC123", now());
    let check = |what: &str, kind: Kind, intent: &Intent, facts: &Facts, salt, entry: &Entry| {
        let got = city.custody.permit(intent, facts, salt, entry, None).err().map(|e| e.kind());
        assert_eq!(got, Some(kind), "{what}");
    };
    let (entry, facts) = (city.logged(&intent), facts(now()));
    assert!(city.custody.permit(&intent, &facts, &SALT, &entry, None).is_ok());
    let forbidden = Kind::Forbidden;
    check("another salt", forbidden, &intent, &facts, &[6; 32], &entry);
    let other = Intent { plates: question("8XYZ001", now()).plates, ..intent.clone() };
    check("another plate", forbidden, &other, &facts, &SALT, &entry);
    let attested = Facts { case: Vouch::Attested, ..facts };
    check("another voucher than the log shows", forbidden, &intent, &attested, &SALT, &entry);
    let append = |leaf: Leaf| city.log.append(&leaf).unwrap();
    let harmless = append(leaf(&intent).fact("purpose", "missing-person"));
    check("another purpose on the log", forbidden, &intent, &facts, &SALT, &harmless);
    let mut kind = leaf(&intent);
    kind.kind = "search.refused".into();
    check("a refusal", forbidden, &intent, &facts, &SALT, &append(kind));
    let id = append(leaf(&intent).id("q_other"));
    check("another id", forbidden, &intent, &facts, &SALT, &id);
    let for_others = append(leaf(&intent).on_behalf_of("elsewhere"));
    check("for somebody else", forbidden, &intent, &facts, &SALT, &for_others);
    // How much was asked: of a large question the log must not show a small one.
    let of = |key: &str, said: &str| append(leaf(&intent).fact(key, said));
    for (what, entry) in [
        ("more plates", append(leaf(&intent).fact("plates", 2))),
        ("fewer cameras", append(leaf(&intent).fact("cameras", 1))),
        ("a number that is none", of("cameras", "2")),
        ("from later on", of("from", "2026-11-23T12:00:00.000Z")),
        ("until earlier", of("until", "2026-11-23T11:00:00.000Z")),
        ("another role", of("roles", "detective")),
        ("another rule", of("rule", "detective-search")),
        ("less than was allowed", of("decision", "narrowed")),
        ("a paper that it does not rest on", of("paper_id", "pap_1")),
        ("a reason that was not given", append(leaf(&intent).fact("reason", true))),
    ] {
        check(what, forbidden, &intent, &facts, &SALT, &entry);
    }

    let authority = "judicial-warrant".to_owned();
    let sealed = Intent { reveal_after: Some(now()), authority, ..intent.clone() };
    check("not sealed on the log", forbidden, &sealed, &facts, &SALT, &city.logged(&sealed));

    let said = append(leaf(&intent).fact("emergency", true));
    check("a life in danger on the log alone", forbidden, &intent, &facts, &SALT, &said);
    let danger = Intent { emergency: true, reason: Some("A child.".into()), ..intent.clone() };
    check("in the question alone", forbidden, &danger, &facts, &SALT, &append(leaf(&danger)));

    // Sealed, the log says later what was asked, and that must be this question.
    let facts = Facts { paper: Vouch::Attested, ..facts };
    check(
        "a paper that the log does not have",
        forbidden,
        &intent,
        &facts,
        &SALT,
        &city.logged(&intent),
    );
    let allowed = |then: Leaf| {
        let (now, then) = then.hide(&["authority"], now(), &[3; 32]).unwrap();
        let entry = append(now);
        let other = then.clone().fact("salt", "AAAA");
        assert!(city.custody.permit(&sealed, &facts, &SALT, &entry, Some(&other)).is_err());
        assert!(city.custody.permit(&sealed, &facts, &SALT, &entry, None).is_err());
        city.custody.permit(&sealed, &facts, &SALT, &entry, Some(&then)).is_ok()
    };
    let full = || leaf_of(&sealed, &facts);
    assert!(allowed(full()));
    assert!(!allowed(full().fact("purpose", "missing-person")), "another purpose");
    assert!(!allowed(full().fact("cameras", 1)), "fewer cameras");

    let strangers = City::new();
    let elsewhere = strangers.logged(&intent);
    let facts = Facts { paper: Vouch::None, ..facts };
    let got = city.custody.permit(&intent, &facts, &SALT, &elsewhere, None);
    assert!(got.is_err(), "another city's log");
    let forged = Entry { leaf: leaf(&intent).fact("x", 1).bytes().unwrap(), ..entry };
    assert!(city.custody.permit(&intent, &facts, &SALT, &forged, None).is_err(), "not on the log");
}

/// A small hold on the log is no leave for a large one, nor one for the court's key for another.
#[test]
fn no_hold_without_its_own_entry() {
    let city = City::new();
    let hold = Hold {
        id: HoldId::new(now(), [1; 10]),
        person: "per_clara".parse().unwrap(),
        roles: vec!["clerk".into()],
        matter: "24-CV-0815".into(),
        paper: "pap_1".into(),
        plate: None,
        cameras: vec![camera("one"), camera("two")],
        from: ago(HOUR),
        until: now(),
        review: now().plus_millis(24 * HOUR),
        key: *read::OpenKey::generate().public().unwrap().bytes(),
    };
    let hour = |t: Time| t.floor_to(HOUR).to_string();
    let leaf = || {
        Leaf::new("hold.placed", now())
            .id(hold.id.to_string())
            .fact("cameras", 2)
            .fact("from", hour(hold.from))
            .fact("until", hour(hold.until))
            .fact("plate", false)
            .fact("key", hold.key_hash())
            .fact("paper_id", "pap_1")
            .body(commitment(&SALT, hold.canonical().expose()))
    };
    let sealed = custody::seal_hold(&city.custody.ingest_key().unwrap(), &hold).unwrap();
    let leave = |leaf: Leaf| {
        let entry = city.log.append(&leaf).unwrap();
        city.custody.hold_permit(hold.id, &sealed, &SALT, &entry).err().map(|e| e.kind())
    };
    assert_eq!(leave(leaf()), None);
    for (what, said) in [
        ("fewer cameras", leaf().fact("cameras", 1)),
        ("from later on", leaf().fact("from", hour(now()))),
        ("until earlier", leaf().fact("until", hour(ago(24 * HOUR)))),
        ("one plate", leaf().fact("plate", true)),
        ("another key", leaf().fact("key", "00")),
        ("another paper", leaf().fact("paper_id", "pap_2")),
        ("another body", leaf().body(commitment(&[9; 32], hold.canonical().expose()))),
    ] {
        assert_eq!(leave(said), Some(Kind::Forbidden), "{what}");
    }
}

#[test]
fn custody_decides_for_itself() {
    let city = City::new();
    let refused = city.permit("7ABC123", |i| i.roles = vec!["dispatcher".into()]).err().unwrap();
    assert_eq!(refused.kind(), Kind::Refused);
    let intent = question("7ABC123", now());
    let entry = city.logged(&intent);
    let off = Facts { asking_off: true, ..facts(now()) };
    let refused = city.custody.permit(&intent, &off, &SALT, &entry, None).err().unwrap();
    assert!(refused.message().contains("switched off"), "{refused:?}");
    // What is narrowed is narrowed in the permit, whatever was asked.
    let permit = city
        .permit("7ABC123", |i| {
            i.from = ago(100 * HOUR);
            i.cameras = (0..30).map(|n| camera(&n.to_string())).collect();
        })
        .unwrap();
    assert_eq!(permit.until().since(permit.from()), 72 * HOUR);
    assert_eq!(permit.cameras().len(), 20);
}

#[test]
fn a_hit_opens_for_its_own_entry_on_the_log() {
    let city = City::new();
    let mut read = sighting("7ABC123", camera("one"), ago(HOUR));
    let picture = b"not really a jpeg".to_vec();
    read.picture = Some(base::sha256(&picture));
    let hit = HitId::new(read.captured, [1; 10]);
    let sealed = city.custody.seal_hit(hit, &read, Some(&picture)).unwrap();
    let opening = |kind: &str, id: &HitId| {
        city.log.append(&Leaf::new(kind, now()).id(id.to_string())).unwrap()
    };
    let good = opening("hit.opened", &hit);
    assert_eq!(city.custody.open_hit(&sealed, &good).unwrap(), (read, Some(picture)));
    let other = HitId::new(hit.time(), [2; 10]);
    for entry in [opening("hit.raised", &hit), opening("hit.opened", &other)] {
        let e = city.custody.open_hit(&sealed, &entry).err().unwrap();
        assert_eq!(e.kind(), Kind::Forbidden);
    }
    // Under another name it does not open, even with an entry of that name.
    let renamed = custody::SealedHit { id: other, ..sealed };
    assert!(city.custody.open_hit(&renamed, &opening("hit.opened", &other)).is_err());
}

#[test]
fn commitments_hide_the_question() {
    let body = question("7ABC123", now()).canonical();
    assert_ne!(commitment(&[1; 32], body.expose()), commitment(&[2; 32], body.expose()));
}
