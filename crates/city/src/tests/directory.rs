//! Who is let in because the directory says so, as what, and for how long.

use crate::City;
use crate::kit::{Town, person};
use base::{Kind, PersonId};
use identity::Vouched;

const HOUR: i64 = 3_600_000;

fn town() -> Town {
    Town::new(
        "2026-11-23T08:00:00Z",
        "[server]\npublic_url=\"https://plates.example\"\n[directory]\nissuer=\"https://login.example\"\nclient_id=\"x\"\n\
         secret=\"x\"\n[[directory_group]]\nname=\"patrol\"\noffice=\"police\"\nroles=[\"officer\"]\n\
         [[directory_group]]\nname=\"desk\"\noffice=\"night desk\"\nroles=[\"dispatcher\"]\n\
         [[directory_group]]\nname=\"it\"\noffice=\"it\"\nroles=[\"administrator\"]\n\
         [[directory_group]]\nname=\"odd\"\noffice=\"odd\"\nroles=[\"no-such-role\"]\n",
    )
}

fn vouched(subject: &str, groups: &[&str]) -> Vouched {
    Vouched {
        subject: format!("https://login.example {subject}"),
        name: Some(format!("Name of {subject}")),
        groups: Some(groups.iter().map(|g| (*g).to_owned()).collect()),
    }
}

#[test]
fn groups_are_roles() {
    let town = town();
    let city = &town.city;
    let before = city.log.size();
    let ana = city.admit(vouched("ana", &["everybody", "desk", "patrol"])).unwrap();
    let known = city.person(&ana).unwrap();
    assert_eq!((known.office.as_str(), known.roles.len()), ("police", 2), "the file's order");
    assert_eq!(city.admit(vouched("ana", &["desk", "patrol"])).unwrap(), ana, "the same person");
    assert_eq!(city.log.size(), before + 1, "nothing new is nothing on the log");
    city.admit(vouched("ana", &["desk"])).unwrap();
    assert_eq!(city.person(&ana).unwrap().roles, ["dispatcher"]);
    assert_eq!(city.log.size(), before + 2);
    // The same name at another directory, or another name, is somebody else.
    assert_ne!(city.admit(vouched("ann", &["desk"])).unwrap(), ana);
    assert_eq!(city.admit(vouched("odd", &["odd"])).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(city.admit(vouched("eve", &["everybody"])).unwrap_err().kind(), Kind::Forbidden);
}

#[test]
fn who_left_the_directory_is_gone_within_the_day() {
    let town = town();
    let city = &town.city;
    let ana = city.admit(vouched("ana", &["patrol"])).unwrap();
    town.clock.advance(24 * HOUR);
    assert!(city.person(&ana).is_ok());
    town.clock.advance(1);
    assert_eq!(city.person(&ana).unwrap_err().kind(), Kind::Unauthenticated, "nobody vouched");
    assert!(city.key_of(ana.as_str()).is_err());
    city.admit(vouched("ana", &["patrol"])).unwrap();
    assert!(city.person(&ana).is_ok());
    let silent = Vouched { groups: None, ..vouched("ana", &[]) };
    assert_eq!(city.admit(silent).unwrap_err().kind(), Kind::Forbidden);
    assert!(city.person(&ana).is_ok(), "nothing was said of her groups");
    // Out of the groups: gone for good; who comes back is somebody new.
    city.admit(vouched("ana", &[])).unwrap_err();
    assert_eq!(city.person(&ana).unwrap_err().kind(), Kind::Forbidden);
    assert_ne!(city.admit(vouched("ana", &["patrol"])).unwrap(), ana);
    assert!(city.person(&person()).is_ok(), "others stay as they were");
}

/// An administrator without a key of their own is none that the city could count on.
#[test]
fn the_last_administrator_has_a_key() {
    let town = town();
    town.city.admit(vouched("ida", &["it"])).unwrap();
    let e = town.city.leave(&person(), &person()).unwrap_err();
    assert!(e.message().contains("last administrator"), "{e}");
}

fn with_a_key(city: &City, id: &PersonId) {
    let mut known = city.person(id).unwrap();
    known.key = Some(base::SigningKey::generate().public());
    crate::init::put_person(&city.store, &known).unwrap();
}

/// Nor is one whose key is good only as long as the directory says so; and then root lets them in without it.
#[test]
fn the_last_administrator_is_not_the_directorys() {
    let town = town();
    let city = &town.city;
    let ida = city.admit(vouched("ida", &["it"])).unwrap();
    with_a_key(city, &ida);
    let e = city.leave(&person(), &person()).unwrap_err();
    assert!(e.message().contains("last administrator"), "{e}");
    let e = city.change_roles(&person(), &person(), vec!["officer".into()]).unwrap_err();
    assert!(e.message().contains("last administrator"), "{e}");
    town.clock.advance(25 * HOUR);
    let way = city.reset_person(&ida).expect("the directory is gone");
    let (known, _) = city.invited(&way.code).unwrap();
    assert_eq!((known.id.clone(), known.key, known.directory), (ida, None, None));
    // She can be put out by the directory whatever she has.
    let ann = city.admit(vouched("ann", &["it"])).unwrap();
    with_a_key(city, &ann);
    assert_eq!(city.admit(vouched("ann", &[])).unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(city.person(&ann).unwrap_err().kind(), Kind::Forbidden, "she has left");
}

/// Where all of them are the directory's, it alone puts the last one out.
#[test]
fn the_last_administrator_of_the_directory_stays() {
    let town = town();
    let city = &town.city;
    let ida = city.admit(vouched("ida", &["it"])).unwrap();
    let mut first = city.person(&person()).unwrap();
    first.ended = Some(city.now());
    crate::init::put_person(&city.store, &first).unwrap();
    let e = city.leave(&ida, &ida).unwrap_err();
    assert!(e.message().contains("last administrator"), "{e}");
    let ann = city.admit(vouched("ann", &["it"])).unwrap();
    city.leave(&ann, &ida).unwrap();
    city.admit(vouched("ann", &[])).unwrap_err();
    assert_eq!(city.person(&ann).unwrap_err().kind(), Kind::Forbidden, "she has left");
}

/// Who came back under another id, as earlier versions let them, does not come back as the first one too.
#[test]
fn nobody_is_here_twice() {
    let town = town();
    let city = &town.city;
    let ana = city.admit(vouched("ana", &["patrol"])).unwrap();
    city.leave(&person(), &ana).unwrap();
    let left = city.stored_person(&ana).unwrap().unwrap();
    let mut again = identity::Person { ended: None, ..left };
    again.id = "per_ana-again".parse().unwrap();
    crate::init::put_person(&city.store, &again).unwrap();
    let e = city.let_back(&person(), &ana).unwrap_err();
    assert!(e.kind() == Kind::Conflict && e.message().contains("another id"), "{e}");
    let returns = |id: &PersonId| {
        let people = city.people(&person()).unwrap();
        people.iter().any(|line| line.id == *id && line.directory)
    };
    assert_eq!((returns(&ana), returns(&again.id)), (false, true));
    city.leave(&person(), &again.id).unwrap();
    city.let_back(&person(), &ana).unwrap();
}

/// Whom an administrator or they themselves ended do not become somebody else by signing in again.
#[test]
fn who_was_ended_here_stays_out_and_stays_one() {
    let town = town();
    let city = &town.city;
    let ana = city.admit(vouched("ana", &["patrol"])).unwrap();
    for (n, by) in [person(), ana.clone()].into_iter().enumerate() {
        city.leave(&by, &ana).unwrap();
        for groups in [&["patrol"][..], &["desk"], &[], &["patrol"]] {
            let e = city.admit(vouched("ana", groups)).unwrap_err();
            assert_eq!(e.kind(), Kind::Forbidden, "{by} {groups:?}");
        }
        assert_eq!(city.let_back(&ana, &ana).unwrap_err().kind(), Kind::Forbidden);
        city.let_back(&person(), &ana).unwrap();
        assert_eq!(city.let_back(&person(), &ana).unwrap_err().kind(), Kind::Conflict);
        assert_eq!(city.admit(vouched("ana", &["desk"])).unwrap(), ana, "the same person");
        assert_eq!(city.person(&ana).unwrap().roles, ["dispatcher"]);
        assert_eq!(town.logged("admin.left").len(), n + 1, "each time is on the log");
    }
    // Others who have left are invited anew.
    city.leave(&person(), &crate::kit::clerk()).unwrap();
    let e = city.let_back(&person(), &crate::kit::clerk()).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict, "{e}");
}
