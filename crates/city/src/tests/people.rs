//! People, machines and devices from their first day to their last, and what the log says of it.

use super::*;
use crate::kit::{Town, at, clerk, person};
use crate::{NewDevice, NewToken};
use base::{Kind, Secret, SigningKey};
use identity::{Answered, Ceremonies, DeviceClass, Registered, Site};
use ledger::Leaf;
use testkit::Authenticator;

const START: &str = "2026-11-01T12:00:00Z";
const HOUR: i64 = 3_600_000;
const ORIGIN: &str = "http://localhost:8080";

fn id(text: &str) -> PersonId {
    text.parse().unwrap()
}

fn invite(roles: &[&str]) -> Invite {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Invite { name: "Smith".into(), office: "police".into(), roles }
}

fn ceremonies() -> Ceremonies {
    Ceremonies::new(Site::parse(ORIGIN).unwrap(), "S").unwrap()
}

#[track_caller]
fn refused<T>(done: Result<T>, kind: Kind, words: &str) {
    let e = done.err().expect("it is refused");
    assert_eq!(e.kind(), kind, "{e}");
    assert!(e.message().contains(words), "{e}");
}

fn facts(leaf: &Leaf) -> String {
    serde_json::to_string(&leaf.facts).unwrap()
}

/// What a browser with a new authenticator makes of an invitation.
fn answered(town: &Town, code: &str) -> (Authenticator, Registered) {
    let site = ceremonies();
    let (person, hash) = town.city.invited(code).unwrap();
    let started = site.start_registration(&person, Some(hash), "key", town.city.now()).unwrap();
    let mut soft = Authenticator::new("localhost", ORIGIN);
    let made = soft.create(&started.options);
    let made = site.finish_registration(&started.ceremony, &made, town.city.now()).unwrap();
    (soft, made)
}

fn join(town: &Town, code: &str) -> Authenticator {
    let (soft, made) = answered(town, code);
    town.city.add_passkey(made).unwrap();
    soft
}

/// Signs in, as far as the city has a part in it.
fn sign_in(town: &Town, soft: &mut Authenticator) -> Result<Person> {
    let site = ceremonies();
    let started = site.start_sign_in(town.city.now());
    let answer = Answered::parse(&soft.get(&started.options))?;
    let challenge = site.take_sign_in(&started.ceremony, town.city.now())?;
    let claimed = town.city.claimed(&answer)?;
    let counter = claimed.passkey.answers(&challenge, &answer.assertion)?;
    town.city.passkey_answered(&claimed, counter)
}

/// A second administrator, who came with a browser.
fn boss(town: &Town) -> (PersonId, Authenticator) {
    let boss = id("per_boss");
    let way = town.city.invite(&person(), &boss, invite(&["administrator"])).unwrap();
    (boss, join(town, &way.code))
}

#[test]
fn invited_people_come_in_once() {
    let town = Town::new(START, "");
    let smith = id("per_smith");
    refused(town.city.invite(&clerk(), &smith, invite(&["officer"])), Kind::Forbidden, "");
    refused(town.city.invite(&person(), &smith, invite(&["wizard"])), Kind::Invalid, "wizard");
    refused(
        town.city.invite(&person(), &id("per_hpt-1"), invite(&["officer"])),
        Kind::Invalid,
        "machines",
    );
    let old = town.city.invite(&person(), &smith, invite(&["officer"])).unwrap();
    let way = town.city.invite(&person(), &smith, invite(&["officer"])).unwrap();
    assert!(way.path.ends_with(&way.code));
    refused(town.city.invited(&old.code), Kind::Unauthenticated, "new one");
    // Two browsers with the same code: one gets in.
    let (_, second) = answered(&town, &way.code);
    let mut soft = join(&town, &way.code);
    refused(town.city.add_passkey(second), Kind::Unauthenticated, "used meanwhile");
    refused(town.city.invited(&way.code), Kind::Unauthenticated, "used");
    assert_eq!(sign_in(&town, &mut soft).unwrap().id, smith);
    // Who has a way in is not given another one by somebody else.
    refused(town.city.invite(&person(), &smith, invite(&["officer"])), Kind::Conflict, "lost");
    let new = NewPerson {
        id: smith.clone(),
        name: "Smith".into(),
        office: "police".into(),
        roles: vec!["officer".into()],
        key: SigningKey::generate().public(),
    };
    refused(town.city.add_person(&person(), new), Kind::Conflict, "another key");
    let logged = town.logged("admin.invited");
    assert_eq!((logged.len(), logged[0].id.as_deref()), (2, Some("per_smith")));
    assert!(facts(&town.logged("admin.passkey")[0]).contains("passkey:es256:"));
    let line = town.city.people(&person()).unwrap().into_iter().find(|p| p.id == smith).unwrap();
    assert_eq!((line.key, line.passkeys.len(), line.ended), (false, 1, None));
    assert!(line.passkeys[0].used.is_some());
}

#[test]
fn an_invitation_ends() {
    let town = Town::new(START, "");
    let way = town.city.invite(&person(), &id("per_smith"), invite(&["officer"])).unwrap();
    town.clock.advance(24 * HOUR - 1);
    let (_, made) = answered(&town, &way.code);
    town.clock.advance(1);
    refused(town.city.invited(&way.code), Kind::Unauthenticated, "old");
    refused(town.city.add_passkey(made), Kind::Unauthenticated, "used meanwhile");
}

#[test]
fn only_the_right_answer_signs_in() {
    let town = Town::new(START, "");
    let (_, mut soft) = boss(&town);
    sign_in(&town, &mut soft).unwrap();
    let counter = soft.counter;
    soft.counter = counter - 1;
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "copied");
    soft.counter = counter;
    sign_in(&town, &mut soft).unwrap();
    // The credential of one, said to be another's.
    let way = town.city.invite(&person(), &id("per_smith"), invite(&["officer"])).unwrap();
    let smith = join(&town, &way.code);
    let own = std::mem::replace(&mut soft.user, smith.user.clone());
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "not known");
    soft.user.clear();
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "not known");
    soft.user = own;
    soft.id = smith.id.clone();
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "not known");
}

#[test]
fn passkeys_are_added_and_removed_by_their_owner() {
    let town = Town::new(START, "");
    let (boss, mut soft) = boss(&town);
    let site = ceremonies();
    let first = town.city.person(&boss).unwrap().passkeys[0].id.clone();
    refused(town.city.remove_passkey(&boss, &first, None), Kind::Conflict, "only way in");
    let known = town.city.person(&boss).unwrap();
    let started = site.start_registration(&known, None, "spare", town.city.now()).unwrap();
    let made = Authenticator::new("localhost", ORIGIN).create(&started.options);
    let made = site.finish_registration(&started.ceremony, &made, town.city.now()).unwrap();
    town.city.add_passkey(made).unwrap();
    refused(town.city.remove_passkey(&person(), &first, None), Kind::NotFound, "no such passkey");
    town.city.remove_passkey(&boss, &first, None).unwrap();
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "not known");
    let changes: Vec<String> = town.logged("admin.passkey").iter().map(facts).collect();
    assert_eq!(changes.len(), 3);
    assert!(changes[2].contains("removed"));
}

/// A camera of before orders by passkey is told of no passkey, and goes on.
#[test]
fn a_lease_holds_what_its_camera_understands() {
    let town = Town::new(START, "");
    let city = &town.city;
    let way = city.invite(&person(), &id("per_clara"), invite(&["clerk"])).unwrap();
    join(&town, &way.code);
    let camera: base::CameraId = "cam_two".parse().unwrap();
    let code = city.enrolment_code(&person(), &camera, "Two", None).unwrap();
    let device = SigningKey::generate();
    let enrol = crate::Enrol { code, camera: camera.clone(), device_key: device.public() };
    city.enrol(enrol).unwrap();
    let check = |knows: &[&str], want: usize| {
        let asked = read::LeaseRequest {
            camera: camera.clone(),
            capture_key: SigningKey::generate().public(),
            at: city.now(),
            frames: Some(0),
            jumps: 0,
            foreign: false,
            knows: knows.iter().map(|k| (*k).to_owned()).collect(),
        };
        let lease = city.lease(&base::Signed::sign(asked, &device).unwrap()).unwrap();
        let authority = lease.unverified().authority.clone().unwrap();
        let keys = authority.passkeys.map_or(0, |known| known.people.len());
        assert_eq!(keys, want, "{knows:?}");
        assert!(!authority.people.is_empty(), "key files count for every camera");
    };
    check(&["passkeys"], 1);
    check(&[], 0);
    check(&["something else", "passkeys"], 1);
}

#[test]
fn a_lost_key_takes_two() {
    let town = Town::new(START, "");
    let (boss, _) = boss(&town);
    let way = town.city.invite(&person(), &id("per_smith"), invite(&["officer"])).unwrap();
    let mut old = join(&town, &way.code);
    let smith = id("per_smith");
    refused(town.city.lost_key(&clerk(), &smith), Kind::Forbidden, "");
    refused(town.city.lost_key(&boss, &boss), Kind::Forbidden, "Two other");
    town.city.store.put_told(&smith, "{}").unwrap();
    let asked = town.city.lost_key(&person(), &smith).unwrap();
    assert_eq!(asked.confirm_until, Some(at("2026-11-02T12:00:00Z")));
    assert!(asked.invitation.is_none());
    refused(town.city.lost_key(&person(), &smith), Kind::Conflict, "another administrator");
    sign_in(&town, &mut old).expect("nothing has ended yet");
    // Too late: it begins anew.
    town.clock.advance(24 * HOUR + 1);
    assert!(town.city.lost_key(&boss, &smith).unwrap().invitation.is_none());
    assert!(town.city.store.told(&smith).unwrap().is_some());
    let done = town.city.lost_key(&person(), &smith).unwrap();
    assert_eq!(town.city.store.told(&smith).unwrap(), None, "another may have written it");
    refused(sign_in(&town, &mut old), Kind::Unauthenticated, "not known");
    let mut fresh = join(&town, &done.invitation.unwrap().code);
    assert_eq!(sign_in(&town, &mut fresh).unwrap().id, smith);
    let logged = town.logged("admin.lost");
    assert_eq!(logged.len(), 3);
    assert_ne!(logged[1].actor, logged[2].actor);
    let asked_by = logged[2].facts["asked_by"].as_str();
    assert_eq!(asked_by, logged[1].actor.as_deref(), "both stand in the entry");
}

/// Who asked and may not any more has not asked: the next one has, and nobody waits for a day.
#[test]
fn a_lost_key_does_not_wait_for_who_has_gone() {
    let town = Town::new(START, "");
    let (boss, _) = boss(&town);
    let chief = id("per_chief");
    let way = town.city.invite(&person(), &chief, invite(&["administrator"])).unwrap();
    join(&town, &way.code);
    assert!(town.city.lost_key(&chief, &clerk()).unwrap().invitation.is_none());
    assert_eq!(town.city.lost_keys(&boss).unwrap().len(), 1);
    town.city.leave(&person(), &chief).unwrap();
    assert!(town.city.lost_keys(&boss).unwrap().is_empty());
    let asked = town.city.lost_key(&boss, &clerk()).unwrap();
    assert!(asked.confirm_until.is_some() && asked.invitation.is_none());
    assert_eq!(town.city.lost_keys(&boss).unwrap()[0].by, boss);
    assert!(town.city.lost_key(&person(), &clerk()).unwrap().invitation.is_some());
}

#[test]
fn root_lets_in_whose_last_key_is_lost() {
    let town = Town::new(START, "");
    let (boss, mut old) = boss(&town);
    let token = NewToken {
        name: "roster".into(),
        scope: vec!["EnrolCamera".into()],
        expires: town.city.now().plus_millis(HOUR),
    };
    let token = town.city.new_token(&boss, token).unwrap();
    let first = town.city.reset_person(&boss).unwrap();
    refused(sign_in(&town, &mut old), Kind::Unauthenticated, "not known");
    refused(town.city.machine(&token.token), Kind::Unauthenticated, "revoked");
    // Once more: the first link is good no longer.
    let second = town.city.reset_person(&boss).unwrap();
    refused(town.city.invited(&first.code), Kind::Unauthenticated, "new one");
    let mut fresh = join(&town, &second.code);
    let known = sign_in(&town, &mut fresh).unwrap();
    assert_eq!((known.id, known.roles), (boss.clone(), vec!["administrator".to_owned()]));
    let logged = town.logged("admin.reset");
    assert_eq!(
        logged.iter().map(|l| l.facts["keys"].as_u64()).collect::<Vec<_>>(),
        [Some(1), Some(0)]
    );
    let who = (logged[0].by.as_deref(), logged[0].actor.as_deref());
    assert_eq!((logged[0].id.as_deref(), who), (Some("per_boss"), (Some("root"), None)));
    let ended = town.logged("admin.token").pop().unwrap();
    assert_eq!((ended.by.as_deref(), ended.actor), (Some("root"), None));
    // A key file ends likewise; and nobody comes back who has left, nor who never was.
    town.city.reset_person(&person()).unwrap();
    assert!(town.city.person(&person()).unwrap().key.is_none());
    town.city.leave(&boss, &clerk()).unwrap();
    refused(town.city.reset_person(&clerk()), Kind::Forbidden, "has left");
    refused(town.city.reset_person(&id("per_nobody")), Kind::NotFound, "no such person");
}

#[test]
fn who_leaves_has_nothing_left() {
    let town = Town::new(START, "");
    let (boss, mut soft) = boss(&town);
    let token = NewToken {
        name: "roster".into(),
        scope: vec!["EnrolCamera".into()],
        expires: town.city.now().plus_millis(HOUR),
    };
    let token = town.city.new_token(&boss, token).unwrap();
    town.city.machine(&token.token).unwrap();
    refused(town.city.leave(&clerk(), &boss), Kind::Forbidden, "");
    let left = town.city.leave(&person(), &boss).unwrap();
    assert_eq!((left.keys, left.tokens), (1, vec![token.id]));
    refused(sign_in(&town, &mut soft), Kind::Unauthenticated, "not known");
    refused(town.city.machine(&token.token), Kind::Unauthenticated, "revoked");
    refused(town.city.person(&boss), Kind::Forbidden, "has left");
    refused(
        town.city.invite(&person(), &boss, invite(&["administrator"])),
        Kind::Forbidden,
        "has left",
    );
    refused(town.city.leave(&person(), &person()), Kind::Conflict, "last administrator");
    let new = NewPerson {
        id: person(),
        name: "A".into(),
        office: "o".into(),
        roles: vec!["officer".into()],
        key: town.city.person(&person()).unwrap().key.unwrap(),
    };
    refused(town.city.add_person(&person(), new), Kind::Conflict, "last administrator");
    // Again, as after a crash: it stands on the log once.
    assert_eq!(town.city.leave(&person(), &boss).unwrap().keys, 0);
    assert_eq!(town.logged("admin.left").len(), 1);
    let (clerk_left, key) = (clerk(), town.city.person(&clerk()).unwrap().key);
    assert!(key.is_some());
    town.city.leave(&clerk_left, &clerk_left).expect("everybody may go");
    refused(town.city.key_of("per_clerk"), Kind::Unauthenticated, "not enrolled");
}

#[test]
fn machines_do_what_they_may() {
    let town = Town::new(START, "");
    let token = |scope: &[&str], hours: i64| NewToken {
        name: "CAD".into(),
        scope: scope.iter().map(|s| (*s).to_owned()).collect(),
        expires: town.city.now().plus_millis(hours * HOUR),
    };
    for never in ["Search", "SwitchOn", "SwitchOff", "DecideHit", "AddPerson", "PlaceHold", "Fly"] {
        refused(town.city.new_token(&person(), token(&[never], 1)), Kind::Invalid, "ViewHits");
    }
    refused(town.city.new_token(&person(), token(&[], 1)), Kind::Invalid, "at least one");
    refused(town.city.new_token(&person(), token(&["ViewHits"], 367 * 24)), Kind::Invalid, "366");
    refused(town.city.new_token(&clerk(), token(&["ViewHits"], 1)), Kind::Forbidden, "");
    // No more than whoever makes it: this administrator may not look at hits.
    let (boss, _) = boss(&town);
    refused(town.city.new_token(&boss, token(&["ViewHits"], 1)), Kind::Forbidden, "");
    let made = town.city.new_token(&person(), token(&["ViewHits"], 2)).unwrap();
    let machine = town.city.machine(&made.token).unwrap();
    town.city.hits(&machine, 10, None).unwrap();
    refused(
        town.city.enrolment_code(&machine, &"cam_a".parse().unwrap(), "A", None),
        Kind::Forbidden,
        "scope",
    );
    refused(town.city.ask(&machine, town.question("7ABC128")), Kind::Refused, "");
    refused(
        town.city.machine(&made.token.replace("hpt_", "hpt_0")),
        Kind::Unauthenticated,
        "unknown",
    );
    let line = &town.city.tokens(&person()).unwrap()[0];
    assert_eq!((line.used, line.revoked), (Some(town.city.now()), None));
    // Its maker may do less than before: so may it.
    let mut less = town.city.stored_person(&person()).unwrap().unwrap();
    less.roles = vec!["administrator".into()];
    crate::init::put_person(&town.city.store, &less).unwrap();
    refused(town.city.hits(&machine, 10, None), Kind::Forbidden, "");
    less.roles.push("officer".into());
    crate::init::put_person(&town.city.store, &less).unwrap();
    town.city.hits(&machine, 10, None).unwrap();
    town.clock.advance(2 * HOUR);
    refused(town.city.machine(&made.token), Kind::Unauthenticated, "at its end");
    refused(town.city.hits(&machine, 10, None), Kind::Unauthenticated, "at its end");
    let made = town.city.new_token(&person(), token(&["EnrolCamera"], 2)).unwrap();
    let machine = town.city.machine(&made.token).unwrap();
    town.city.revoke_token(&person(), &made.id).unwrap();
    refused(town.city.machine(&made.token), Kind::Unauthenticated, "revoked");
    refused(
        town.city.enrolment_code(&machine, &"cam_a".parse().unwrap(), "A", None),
        Kind::Unauthenticated,
        "revoked",
    );
    let changes: Vec<String> = town.logged("admin.token").iter().map(facts).collect();
    assert_eq!(changes.len(), 3);
    assert!(changes[0].contains("ViewHits") && changes[2].contains("revoked"));
}

#[test]
fn what_a_machine_does_stands_under_its_token() {
    let town = Town::new(START, "");
    let new = NewToken {
        name: "fleet".into(),
        scope: vec!["EnrolCamera".into(), "EditHotList".into()],
        expires: town.city.now().plus_millis(HOUR),
    };
    let made = town.city.new_token(&person(), new).unwrap();
    let machine = town.city.machine(&made.token).unwrap();
    let entry = crate::NewEntry {
        list: "lst_local".parse().unwrap(),
        plate: "7ABC128".into(),
        state: None,
        reason: "stolen vehicle".into(),
        case: "26-0417".into(),
        expires: town.city.now().plus_millis(HOUR),
    };
    town.city.add_entry(&machine, entry).unwrap();
    let mut leaves = town.city.log.leaves(0, town.city.log.size()).unwrap();
    leaves.retain(|leaf| leaf.actor.as_deref() == Some(made.id.as_str()));
    assert_eq!(leaves.len(), 1);
    assert_eq!(leaves[0].by.as_deref(), Some("machine"));
}

#[test]
fn devices_come_and_go() {
    let town = Town::new(START, "");
    let new = |class: &str| NewDevice {
        id: "dev_wall".parse().unwrap(),
        name: "Wall".into(),
        class: class.into(),
    };
    refused(town.city.new_device(&clerk(), new("desk")), Kind::Forbidden, "");
    refused(town.city.new_device(&person(), new("sofa")), Kind::Invalid, "receive-only");
    let code = town.city.new_device(&person(), new("receive-only")).unwrap();
    let (device, cookie) = town.city.enrol_device(&code.code).unwrap();
    assert_eq!(device.class, DeviceClass::ReceiveOnly);
    refused(town.city.enrol_device(&code.code), Kind::Unauthenticated, "used");
    assert_eq!(town.city.device_of(cookie.expose()).unwrap(), Some(device.clone()));
    assert_eq!(town.city.device_of("").unwrap(), None);
    town.city.revoke_device(&person(), &device.id).unwrap();
    assert_eq!(town.city.device_of(cookie.expose()).unwrap(), None);
    let code = town.city.new_device(&person(), new("desk")).unwrap();
    town.clock.advance(24 * HOUR);
    refused(town.city.enrol_device(&code.code), Kind::Unauthenticated, "old");
    assert_eq!(town.city.devices(&person()).unwrap()[0].class, "desk");
    let changes: Vec<String> = town.logged("admin.device").iter().map(facts).collect();
    assert_eq!(changes.len(), 3);
    assert!(changes[1].contains("revoked"));
}

#[test]
fn the_first_administrator_may_come_with_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let config = crate::Config::parse("[city]\nname=\"S\"\nslug=\"s\"\n").unwrap();
    let mut options = crate::kit::options(config, &read::OpenKey::generate());
    options.charter_key = options.key.take();
    let clock = std::sync::Arc::new(base::ManualClock::new(at(START)));
    let made = crate::init(dir.path(), &options, clock.as_ref()).unwrap();
    // They did not come in time.
    clock.advance(24 * HOUR);
    let again = crate::invite_first(dir.path(), clock.as_ref()).unwrap();
    let city = City::open(dir.path(), clock.clone()).unwrap();
    refused(city.invited(&made.invitation.unwrap().code), Kind::Unauthenticated, "old");
    let (first, hash) = city.invited(&again.code).unwrap();
    assert_eq!(first.id, person());
    let site = ceremonies();
    let started = site.start_registration(&first, Some(hash), "key", city.now()).unwrap();
    let made = Authenticator::new("localhost", ORIGIN).create(&started.options);
    city.add_passkey(site.finish_registration(&started.ceremony, &made, city.now()).unwrap())
        .unwrap();
    drop(city);
    refused(crate::invite_first(dir.path(), clock.as_ref()), Kind::Conflict, "already");
}

/// A server that is started anew has the sessions of the one before, less those that should have ended: it may have died
/// between ending a person, a key or a device and ending what was open there.
#[test]
fn sessions_of_the_server_before() {
    let town = Town::new(START, "");
    let file = town.dir().join("serving/sessions.json");
    let new =
        NewDevice { id: "dev_desk".parse().unwrap(), name: "Desk".into(), class: "desk".into() };
    let code = town.city.new_device(&person(), new).unwrap().code;
    let (_, cookie) = town.city.enrol_device(&code).unwrap();
    let way = town.city.invite(&person(), &id("per_smith"), invite(&["officer"])).unwrap();
    let begin = |who: &PersonId, device: Option<&str>| {
        let begun = town.city.begin_session(who, None, device, "a".into());
        begun.map(|opened| opened.token)
    };
    refused(begin(&id("per_smith"), None), Kind::Unauthenticated, "way in");
    join(&town, &way.code);
    // By a passkey that was removed after it had answered.
    let gone = town.city.begin_session(&id("per_smith"), Some("gone"), None, "a".into());
    refused(gone, Kind::Unauthenticated, "way in");
    let tokens = [
        begin(&person(), None).unwrap(),
        begin(&clerk(), Some(cookie.expose())).unwrap(),
        begin(&id("per_smith"), None).unwrap(),
    ];
    town.city.announce().unwrap();
    let kept = std::fs::read(&file).unwrap();
    // Who dies here leaves the file as it was.
    let check = |still: [bool; 3]| {
        std::fs::write(&file, &kept).unwrap();
        let anew = town.copy().open().unwrap();
        let open = |token: &Secret<String>| {
            anew.sessions().look(token.expose(), town.city.now()).is_some()
        };
        assert_eq!([0, 1, 2].map(|n| open(&tokens[n])), still);
    };
    check([true, true, true]);
    town.city.revoke_device(&person(), &"dev_desk".parse().unwrap()).unwrap();
    check([true, false, true]);
    town.city.reset_person(&id("per_smith")).unwrap();
    check([true, false, false]);
    town.city.leave(&person(), &clerk()).unwrap();
    check([true, false, false]);
    // One that knows of no sessions has served in between.
    town.city.announce().unwrap();
    check([false, false, false]);
}
