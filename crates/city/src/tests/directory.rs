//! Who is let in because the directory says so, as what, and for how long.

use crate::kit::{Town, person};
use base::Kind;
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

/// Who cannot leave yet, being the last administrator, is vouched for by nobody all the same.
#[test]
fn out_of_the_groups_is_not_vouched_for() {
    let town = town();
    let city = &town.city;
    let ida = city.admit(vouched("ida", &["it"])).unwrap();
    let mut known = city.person(&ida).unwrap();
    known.key = Some(base::SigningKey::generate().public());
    crate::init::put_person(&city.store, &known).unwrap();
    city.leave(&person(), &person()).unwrap();
    town.clock.advance(20 * HOUR);
    assert_eq!(city.admit(vouched("ida", &[])).unwrap_err().kind(), Kind::Conflict);
    town.clock.advance(4 * HOUR + 1);
    assert_eq!(city.person(&ida).unwrap_err().kind(), Kind::Unauthenticated);
}
