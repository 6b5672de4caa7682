//! Passkeys from their making to their last answer, with an authenticator that does what it should not.

use super::*;
use crate::Answered;
use testkit::{Authenticator, Flags};

const ORIGIN: &str = "https://plates.example";

fn at(second: i64) -> Time {
    Time::from_millis(1_795_421_700_000 + second * 1000)
}

fn person(id: &str) -> Person {
    serde_json::from_value(json!({"id": id, "name": "S", "office": "o", "roles": ["officer"]}))
        .unwrap()
}

struct Desk {
    ceremonies: Ceremonies,
    soft: Authenticator,
}

impl Desk {
    fn new() -> Self {
        let site = Site::parse(ORIGIN).unwrap();
        let ceremonies = Ceremonies::new(site, "Springfield").unwrap();
        Self { ceremonies, soft: Authenticator::new("plates.example", ORIGIN) }
    }

    fn register(&mut self, person: &Person) -> Result<Registered> {
        let started = self.ceremonies.start_registration(person, None, "desk key", at(0))?;
        let made = self.soft.create(&started.options);
        self.ceremonies.finish_registration(&started.ceremony, &made, at(1))
    }

    fn sign_in(&mut self, passkey: &Passkey) -> Result<u32> {
        let started = self.ceremonies.start_sign_in(at(0));
        let answer = Answered::parse(&self.soft.get(&started.options))?;
        let challenge = self.ceremonies.take_sign_in(&started.ceremony, at(1))?;
        passkey.answers(&challenge, &answer.assertion)
    }
}

#[test]
fn a_passkey_is_made_and_signs_in() {
    let mut desk = Desk::new();
    desk.soft.counter = 5;
    let smith = person("per_smith");
    let made = desk.register(&smith).unwrap();
    assert_eq!((made.person.as_str(), made.invitation), ("per_smith", None));
    assert_eq!((made.passkey.counter, made.passkey.label.as_str()), (5, "desk key"));
    assert_eq!(made.passkey.id, b64url(&desk.soft.id));
    assert_eq!(desk.soft.user, handle(&smith.id));
    let json = serde_json::to_string(&made.passkey).unwrap();
    let mut passkey: Passkey = serde_json::from_str(&json).unwrap();
    assert_eq!(desk.sign_in(&passkey).unwrap(), 6);
    passkey.advance(6, at(2)).unwrap();
    desk.soft.step = -3;
    let counter = desk.sign_in(&passkey).unwrap();
    assert!(passkey.advance(counter, at(3)).unwrap_err().message().contains("copied"));
}

#[test]
fn browsers_are_asked_for_the_right_thing() {
    let mut desk = Desk::new();
    let mut smith = person("per_smith");
    smith.passkeys.push(desk.register(&smith).unwrap().passkey);
    let options = desk.ceremonies.start_registration(&smith, None, "a", at(0)).unwrap().options;
    assert_eq!(options["rp"]["id"], "plates.example");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["excludeCredentials"][0]["id"], smith.passkeys[0].id.as_str());
    assert_eq!(options["pubKeyCredParams"], json!([{"type": "public-key", "alg": -7}]));
    let options = desk.ceremonies.start_sign_in(at(0)).options;
    assert_eq!(options["userVerification"], "required");
    assert_eq!(options["allowCredentials"], json!([]));
}

#[test]
fn wrong_registrations_are_refused() {
    let check = |name: &str, change: &dyn Fn(&mut Authenticator)| {
        let mut desk = Desk::new();
        change(&mut desk.soft);
        assert!(desk.register(&person("per_smith")).is_err(), "{name}");
    };
    check("another site's page", &|a| a.origin = "https://evil.example".into());
    check("another site", &|a| a.set_rp_id("evil.example"));
    check("nobody verified", &|a| a.flags = Flags::PRESENT);
    check("nobody present", &|a| a.flags = Flags::VERIFIED);
}

#[test]
fn wrong_sign_ins_are_refused() {
    let check = |name: &str, change: &dyn Fn(&mut Authenticator)| {
        let mut desk = Desk::new();
        let passkey = desk.register(&person("per_smith")).unwrap().passkey;
        change(&mut desk.soft);
        assert!(desk.sign_in(&passkey).is_err(), "{name}");
    };
    check("another site's page", &|a| a.origin = "https://evil.example".into());
    check("another site", &|a| a.set_rp_id("evil.example"));
    check("nobody verified", &|a| a.flags = Flags::PRESENT);
    check("another key", &|a| a.forget_key());
    check("a registration", &|a| a.kind = "webauthn.create".into());
}

#[test]
fn an_answer_counts_once_and_in_time() {
    let mut desk = Desk::new();
    let passkey = desk.register(&person("per_smith")).unwrap().passkey;
    let started = desk.ceremonies.start_sign_in(at(0));
    let answer = Answered::parse(&desk.soft.get(&started.options)).unwrap();
    let challenge = desk.ceremonies.take_sign_in(&started.ceremony, at(300)).unwrap();
    passkey.answers(&challenge, &answer.assertion).unwrap();
    assert!(desk.ceremonies.take_sign_in(&started.ceremony, at(300)).is_err(), "twice");
    // The same answer to another challenge.
    let other = desk.ceremonies.start_sign_in(at(301));
    let challenge = desk.ceremonies.take_sign_in(&other.ceremony, at(302)).unwrap();
    assert!(passkey.answers(&challenge, &answer.assertion).is_err(), "replayed");
    let late = desk.ceremonies.start_sign_in(at(0));
    assert!(desk.ceremonies.take_sign_in(&late.ceremony, at(301)).is_err(), "late");
    assert!(desk.ceremonies.take_sign_in("", at(0)).is_err(), "never begun");
    let started = desk.ceremonies.start_registration(&person("per_a"), None, "a", at(0)).unwrap();
    let made = desk.soft.create(&started.options);
    assert!(desk.ceremonies.finish_registration(&started.ceremony, &made, at(400)).is_err());
    assert!(desk.ceremonies.finish_registration(&started.ceremony, &made, at(1)).is_err());
}

#[test]
fn who_is_asked_confirms() {
    let mut desk = Desk::new();
    let smith = person("per_smith");
    let passkeys = [desk.register(&smith).unwrap().passkey];
    let asked = |message: &[u8]| Confirming {
        person: smith.id.clone(),
        message: message.to_vec(),
        what: json!({"what": "ask"}),
    };
    assert!(desk.ceremonies.start_confirmation(asked(b"m"), &[], at(0)).is_err());
    let started = desk.ceremonies.start_confirmation(asked(b"m"), &passkeys, at(0)).unwrap();
    assert_eq!(started.options["allowCredentials"][0]["id"], passkeys[0].id.as_str());
    let credential = desk.soft.get(&started.options);
    assert_eq!(crate::challenge_of(&credential).unwrap(), started.ceremony);
    let answer = Answered::parse(&credential).unwrap();
    let back = desk.ceremonies.take_confirmation(&started.ceremony, &smith.id, at(1)).unwrap();
    let (signature, _) = passkeys[0].confirms(&back.message, &answer.assertion).unwrap();
    passkeys[0].key.verify(b"m", &signature).unwrap();
    assert!(passkeys[0].key.verify(b"n", &signature).is_err());
    let started = desk.ceremonies.start_confirmation(asked(b"m"), &passkeys, at(0)).unwrap();
    let jones = "per_jones".parse().unwrap();
    assert!(desk.ceremonies.take_confirmation(&started.ceremony, &jones, at(1)).is_err());
}

/// Whoever begins often shuts nobody out; what somebody known begins is bounded.
#[test]
fn memory_is_bounded() {
    let desk = Desk::new();
    for _ in 0..=MOST {
        desk.ceremonies.start_sign_in(at(0));
    }
    let started = desk.ceremonies.start_sign_in(at(1));
    assert!(desk.ceremonies.take_sign_in(&started.ceremony, at(2)).is_ok());
    let jones = person("per_jones");
    let begin = |s| desk.ceremonies.start_registration(&jones, None, "a", at(s));
    (0..MOST).for_each(|_| drop(begin(0).unwrap()));
    assert_eq!(begin(1).unwrap_err().kind(), base::Kind::Busy);
    assert!(begin(302).is_ok(), "the old ones are gone");
}

/// A challenge is this server's, and as it was made.
#[test]
fn a_challenge_is_made_here() {
    let desk = Desk::new();
    let started = desk.ceremonies.start_sign_in(at(0)).ceremony;
    for place in 0..32 {
        let mut bytes = base::unb64url(&started).unwrap();
        bytes[place] ^= 1;
        assert!(desk.ceremonies.take_sign_in(&base::b64url(&bytes), at(1)).is_err(), "{place}");
    }
    let there = Desk::new().ceremonies.start_sign_in(at(0)).ceremony;
    assert!(desk.ceremonies.take_sign_in(&there, at(1)).is_err());
    assert!(desk.ceremonies.take_sign_in(&started, at(1)).is_ok());
}

/// Passkeys of the domain above are used on the city's own pages alone, whoever else has a name there.
#[test]
fn another_name_of_the_domain_is_another_page() {
    let origin = "https://plates.city.example";
    let site = Site::under(origin, Some("city.example")).unwrap();
    let ceremonies = Ceremonies::new(site, "Springfield").unwrap();
    let check = |page: &str, good: bool| {
        let mut soft = Authenticator::new("city.example", page);
        let started = ceremonies.start_sign_in(at(0));
        assert_eq!(started.options["rpId"], "city.example");
        assert_eq!(ceremonies.read(&soft.get(&started.options)).is_ok(), good, "{page}");
    };
    check(origin, true);
    check("https://library.city.example", false);
    check("https://city.example", false);
    check("https://plates.city.example:8443", false);
}

#[test]
fn domains_for_passkeys() {
    for (host, domain) in [
        ("plates.city.example", "city.example"),
        ("plates.springfield.il.us", "springfield.il.us"),
        ("plates.gov", "plates.gov"),
        ("plates.co.uk", "plates.co.uk"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(Site::domain_for(host), domain, "{host}");
    }
    let check = |domain: &str, good: bool| {
        let site = Site::under("https://plates.springfield.il.us", Some(domain));
        assert_eq!(site.is_ok(), good, "{domain}");
    };
    check("plates.springfield.il.us", true);
    check("springfield.il.us", true);
    check("field.il.us", false);
    check("us", false);
    check("other.example", false);
}

#[test]
fn sites() {
    let check = |url: &str, want: Option<(&str, bool)>| {
        let site = Site::parse(url).ok();
        let got = site.as_ref().map(|site| (site.rp_id(), site.secure()));
        assert_eq!(got, want, "{url}");
    };
    check("https://plates.city.example", Some(("plates.city.example", true)));
    check("https://plates.city.example:8443", Some(("plates.city.example", true)));
    check("http://localhost:8080", Some(("localhost", false)));
    for bad in [
        "http://plates.city.example",
        "https://192.0.2.1",
        "http://127.0.0.1:8080",
        "https://[::1]",
        "https://Plates.example",
        "https://plates.example/",
        "https://plates.example:0",
        "https://plates.example:080",
        "https://me@plates.example",
        "plates.example",
        "https://",
    ] {
        check(bad, None);
    }
}
