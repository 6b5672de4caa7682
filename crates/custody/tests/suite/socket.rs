//! What the socket itself must hold: who is heard, how long a permit lives, what a restart does.

use super::kit::*;
use base::Kind;
use custody::{Custody, Guests, Keeper, Remote, Terms};
use policy::{Intent, Rules};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Another custody in the same city, that welcomes these guests.
fn welcoming(guests: Guests) -> (City, Process) {
    let city = City::new();
    let dir = city.dir.path().join("other");
    std::fs::create_dir(&dir).unwrap();
    let options = custody::Options { dir: dir.join("custody"), ..city.options.clone() };
    let custody = Custody::create(&options, rules(), auditors()).unwrap();
    let process = Process::start(&dir, custody.with_clock(city.clock.clone()), guests);
    (city, process)
}

fn connect(city: &City, process: &Process) -> base::Result<Remote> {
    Remote::connect(&process.socket, &rules(), city.options.terms())
}

#[test]
fn another_user_is_not_heard() {
    let stranger = rustix::process::getuid().as_raw() + 1;
    let (city, process) = welcoming(Guests::new(vec![stranger]));
    let e = connect(&city, &process).err().unwrap();
    assert_eq!(e.kind(), Kind::Forbidden, "{e}");
}

#[test]
fn other_rules_and_other_terms_are_noticed() {
    let (city, process) = welcoming(ourselves());
    assert!(connect(&city, &process).is_ok());
    let other = Rules::parse(&(Rules::standard().to_owned() + "\n// changed\n")).unwrap();
    let terms = || city.options.terms();
    let e = Remote::connect(&process.socket, &other, terms()).err().unwrap();
    assert_eq!(e.kind(), Kind::Conflict, "{e}");
    for other in [
        Terms { log_vkey: "homeplate/other+1+A".into(), ..terms() },
        Terms { epoch_s: 60, ..terms() },
        Terms { witnesses: Some("00".into()), ..terms() },
    ] {
        let e = Remote::connect(&process.socket, &rules(), other).err().unwrap();
        assert_eq!(e.kind(), Kind::Conflict, "{e}");
        assert!(e.message().contains("homeplate custody adopt"), "{e}");
    }
}

#[test]
fn nobody_there_says_what_to_start() {
    let city = City::new();
    let nowhere = city.dir.path().join("nowhere");
    let e = Remote::connect(&nowhere, &rules(), city.options.terms()).err().unwrap();
    assert!(e.kind() == Kind::Unavailable && e.message().contains("homeplate custody"), "{e}");
}

#[test]
fn a_permit_ends_with_its_time() {
    let (city, process) = welcoming(Guests { lifetime: Duration::from_millis(1), ..ourselves() });
    let remote = connect(&city, &process).unwrap();
    let passes = [(std::sync::Arc::new(sighting("7ABC123", camera("one"), now())), None)];
    let batch = remote.seal(now().day(), &passes).unwrap();
    let intent = question("7ABC123", city.at());
    let entry = city.logged(&intent);
    let permit = remote.permit(&intent, &facts(city.at()), &SALT, &entry, None).unwrap();
    let found = search(&batch, &permit);
    assert_eq!(found.len(), 1);
    std::thread::sleep(Duration::from_millis(5));
    let e = remote.keys(&permit, &found).err().unwrap();
    assert_eq!(e.kind(), Kind::Forbidden, "{e}");
}

#[test]
fn a_permit_of_another_custody_opens_nothing() {
    let (city, process) = welcoming(ourselves());
    let other = connect(&city, &process).unwrap();
    let batch = city.seal(&[sighting("7ABC123", camera("one"), now())]).unwrap();
    let permit = city.permit("7ABC123", |_| ()).unwrap();
    let found = search(&batch, &permit);
    assert!(other.keys(&permit, &found).is_err());
    assert_eq!(city.custody.keys(&permit, &found).unwrap().len(), 1);
}

#[test]
fn a_connection_with_rubbish_ends_alone() {
    let city = City::new();
    let socket = &city.process.as_ref().unwrap().socket;
    for rubbish in [[0xff_u8; 64].as_slice(), &[0, 0, 0, 1, 0xff], &[0, 0, 1]] {
        let mut stream = UnixStream::connect(socket).unwrap();
        let _ = stream.write_all(rubbish);
    }
    assert!(city.custody.takes(now()).is_ok());
}

#[test]
fn a_question_in_another_spelling_is_none() {
    let intent = question("7ABC123", now());
    let bytes = intent.canonical().expose().clone();
    assert_eq!(Intent::from_canonical(&bytes).unwrap(), intent);
    let text = String::from_utf8(bytes).unwrap();
    for other in [
        text.replace("7ABC123", "7abc123"),
        text.replace(':', ": "),
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("{", "{\"extra\":1,"),
        String::new(),
    ] {
        assert!(Intent::from_canonical(other.as_bytes()).is_err(), "{other}");
    }
}
