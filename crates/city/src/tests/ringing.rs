//! Who is told of a hit, once, and what a crash, a late read or a receiver that is away changes.

use crate::kit::{Town, at_the_desk, person};
use crate::{Browser, City, NewPerson, TestOutcome};
use base::{PersonId, SigningKey, b64, b64url};
use deliver::{Reach, Subscription, VapidKey, WebPush};
use std::path::Path;
use std::time::Duration;
use store::SentRow;
use testkit::peers::{Does, MailSink, WebSink};

const PLATE: &str = "7ABC128";
const PATIENCE: Duration = Duration::from_secs(10);

struct Place {
    town: Town,
    mail: MailSink,
    hook: WebSink,
}

fn dora() -> PersonId {
    "per_dora".parse().unwrap()
}

fn sam() -> PersonId {
    "per_sam".parse().unwrap()
}

impl Place {
    /// A city with a dispatcher, who decides hits, and a clerk who is called when nobody does.
    fn new() -> Place {
        let (mail, hook) = (MailSink::start().unwrap(), WebSink::start([]).unwrap());
        let more = format!(
            "[server]\npublic_url=\"https://plates.example\"\n\
             [deliver]\nsmtp_host=\"127.0.0.1\"\nsmtp_port={}\nsmtp_tls=\"none\"\n\
             smtp_from=\"Homeplate <homeplate@c.example>\"\npush_contact=\"mailto:it@c.example\"\n\
             escalate=[\"per_sam\",\"duty@c.example\"]\n\
             [[webhook]]\nname=\"cad\"\nurl=\"{}\"\nsecret=\"cad.secret\"\nallow_local=true\n",
            mail.port(),
            hook.url("/in")
        );
        let secret = format!("whsec_{}", b64(&[7; 32]));
        let town = Town::with("2026-11-23T12:00:00Z", &more, &[("cad.secret", &secret)]);
        for (id, role) in [(dora(), "dispatcher"), (sam(), "clerk")] {
            let key = SigningKey::generate().public();
            let (name, office) = (id.to_string(), role.to_owned());
            let new = NewPerson { id, name, office, roles: vec![role.into()], key };
            town.city.add_person(&person(), new).unwrap();
        }
        let place = Place { town, mail, hook };
        place.wanted();
        place.at_the_desk(&[dora()]);
        place
    }

    fn city(&self) -> &City {
        &self.town.city
    }

    fn wanted(&self) {
        let entry = crate::NewEntry {
            list: "lst_stolen".parse().unwrap(),
            plate: PLATE.into(),
            state: None,
            reason: "stolen vehicle".into(),
            case: "26-0417".into(),
            expires: self.city().now().plus_millis(86_400_000),
        };
        self.city().add_entry(&person(), entry).unwrap();
    }

    /// These are signed in, and nobody else.
    fn at_the_desk(&self, people: &[PersonId]) {
        let sessions = self.city().sessions();
        sessions.acting(self.city().now()).iter().for_each(|who| sessions.end_person(who).unwrap());
        people.iter().for_each(|who| at_the_desk(self.city(), who));
    }

    /// Somebody writes their address and opens the link that comes.
    fn address(&self, who: &PersonId, address: &str) {
        let before = self.mail.wait(0, Duration::ZERO).len();
        self.city().set_address(who, address, "en").unwrap();
        let text = self.mail.wait(before + 1, PATIENCE)[before].plain();
        let code = text.split("/confirm/").nth(1).unwrap();
        let code: String = code.chars().take_while(char::is_ascii_hexdigit).collect();
        self.city().confirm_address(who, &code).unwrap();
    }

    fn pass(&self) {
        self.town.pass(PLATE);
        self.city().relay().unwrap();
    }

    /// Kind, lane, recipient and state of every message about the newest hit.
    fn messages(&self) -> Vec<String> {
        let hit = self.city().store.hits(1, None).unwrap().remove(0);
        let line = |row: SentRow| {
            let m = row.message;
            format!("{} {} {} {}", m.kind, m.lane, m.recipient, row.state).replace("  ", " ")
        };
        self.city().store.messages_of(&hit.id).unwrap().into_iter().map(line).collect()
    }

    fn send(&self) {
        for lane in self.city().lanes() {
            self.city().send_due(&lane).unwrap();
        }
    }
}

fn decide(place: &Place, hit: &store::HitRow) {
    let rejected = store::HitChange {
        version: hit.version,
        state: "rejected".into(),
        finding: Some("misread".into()),
        card_json: "{}".into(),
    };
    place.city().store.change_hit(&hit.id, &rejected).unwrap();
}

#[test]
fn those_who_may_decide_are_told_once() {
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    place.address(&sam(), "sam@c.example");
    place.pass();
    let told = ["raised hook:cad waiting", "raised mail per_dora waiting"];
    assert_eq!(place.messages(), told, "who may not decide is not told while somebody may");
    // As after a crash between what is stored and that it is.
    place.city().relay().unwrap();
    let row = place.city().store.hits(1, None).unwrap().remove(0);
    place.city().ring(&row, 99).unwrap();
    assert_eq!(place.messages(), told);
    place.send();
    place.send();
    assert_eq!(place.messages(), ["raised hook:cad sent", "raised mail per_dora sent"]);
    let mail = place.mail.wait(3, PATIENCE).remove(2);
    assert_eq!(mail.to, ["dora@c.example"]);
    let number = place.town.logged("hit.raised").len();
    assert_eq!(number, 1);
    let text = mail.plain();
    assert!(text.contains(&format!("https://plates.example/console/hits/{}", row.id)), "{text}");
    let hooks = place.hook.wait(1, PATIENCE);
    assert_eq!(hooks.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&hooks[0].body).unwrap();
    assert_eq!((&body["type"], &body["hit"]), (&"hit.raised".into(), &row.id.to_string().into()));
    assert!(text.contains(&format!("Hit {}", body["number"])), "{text}");
    for secret in [PLATE, "26-0417", "stolen", "lst_", "ent_", "cam_"] {
        assert!(!text.contains(secret) && !body.to_string().contains(secret), "{secret}");
    }
}

/// Whom the directory has not named for a week may have left: they hear of nothing. At the desk is whom it vouches for.
#[test]
fn who_has_gone_from_the_directory_is_not_told() {
    const DAY: i64 = 86_400_000;
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    let mut known = place.city().person(&dora()).unwrap();
    let vouched = place.city().now();
    known.directory = Some(identity::InDirectory { subject: "issuer dora".into(), vouched });
    crate::init::put_person(&place.city().store, &known).unwrap();
    assert!(place.city().is_desk_attended().unwrap());
    for (days, told) in [(2, true), (6, false)] {
        place.town.clock.advance(days * DAY);
        place.at_the_desk(&[dora()]);
        assert!(!place.city().is_desk_attended().unwrap());
        place.wanted();
        place.pass();
        let messages = place.messages().join("; ");
        assert_eq!(messages.contains("mail per_dora"), told, "{messages}");
        assert!(messages.contains("unattended hook:cad"), "{messages}");
    }
}

#[test]
fn a_late_read_rings_nobody() {
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    place.town.pass(PLATE);
    place.town.clock.advance(121_000);
    place.city().relay().unwrap();
    assert_eq!(place.city().store.hits(9, None).unwrap().len(), 1);
    assert_eq!(place.messages(), Vec::<String>::new());
    place.town.pass(PLATE);
    place.town.clock.advance(119_000);
    place.city().relay().unwrap();
    assert_eq!(place.messages().len(), 2);
}

#[test]
fn nobody_at_the_desk_is_told_to_others_at_once() {
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    place.address(&sam(), "sam@c.example");
    // A clerk at the console decides nothing.
    place.at_the_desk(&[sam()]);
    place.pass();
    assert_eq!(
        place.messages(),
        [
            "raised hook:cad waiting",
            "raised mail per_dora waiting",
            "unattended hook:cad waiting",
            "unattended mail duty@c.example waiting",
            "unattended mail per_sam waiting",
        ]
    );
    place.send();
    let subjects: Vec<String> = place.mail.wait(5, PATIENCE)[2..]
        .iter()
        .map(|m| m.plain().lines().find(|l| l.starts_with("Subject")).unwrap().to_owned())
        .collect();
    assert_eq!(subjects.iter().filter(|s| s.contains("nobody is at the desk")).count(), 2);
}

#[test]
fn a_hit_without_a_verdict_is_told_to_others_once() {
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    place.pass();
    place.town.clock.advance(599_000);
    place.city().tell_unanswered().unwrap();
    assert_eq!(place.messages().len(), 2);
    place.town.clock.advance(2_000);
    for _ in 0..2 {
        place.city().tell_unanswered().unwrap();
    }
    let unanswered = ["unanswered hook:cad waiting", "unanswered mail duty@c.example waiting"];
    assert_eq!(place.messages()[2..], unanswered);
    // Decided meanwhile: people are not called any more, programs still hear of it.
    let hit = place.city().store.hits(1, None).unwrap().remove(0);
    decide(&place, &hit);
    place.send();
    let ends = place.messages();
    assert!(ends.contains(&"unanswered mail duty@c.example needless".into()), "{ends:?}");
    assert!(ends.contains(&"unanswered hook:cad sent".into()), "{ends:?}");
    // And one that was decided in time is never told.
    place.pass();
    let hit = place.city().store.hits(1, None).unwrap().remove(0);
    decide(&place, &hit);
    place.town.clock.advance(700_000);
    place.city().tell_unanswered().unwrap();
    assert_eq!(place.messages().len(), 2);
}

#[test]
fn a_receiver_that_is_away_is_tried_until_it_is_given_up() {
    let place = Place::new();
    for _ in 0..3 {
        place.hook.then(Does::Answers(500, ""));
    }
    place.pass();
    let lane = "hook:cad";
    for tries in 1..=3 {
        place.city().send_due(lane).unwrap();
        place.city().send_due(lane).unwrap();
        assert_eq!(place.hook.wait(tries, PATIENCE).len(), tries, "not tried again at once");
        place.town.clock.advance(60_000);
    }
    place.city().send_due(lane).unwrap();
    assert_eq!(place.messages(), ["raised hook:cad sent"]);
    let ids: Vec<String> = place
        .hook
        .wait(4, PATIENCE)
        .iter()
        .map(|r| r.header("webhook-id").unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| *id == ids[0]), "one id however often: {ids:?}");

    for _ in 0..2 {
        place.hook.then(Does::Answers(503, ""));
    }
    // The same vehicle an hour later is another incident.
    place.town.clock.advance(61 * 60_000);
    place.pass();
    place.city().send_due(lane).unwrap();
    place.town.clock.advance(12 * 3_600_000);
    place.city().send_due(lane).unwrap();
    assert_eq!(place.messages(), ["raised hook:cad given-up"]);
    place.town.clock.advance(3_600_000);
    place.city().send_due(lane).unwrap();
    assert_eq!(place.hook.wait(7, Duration::ZERO).len(), 6);
}

/// The process dies while a message is under way: it is sent again, under its id.
#[test]
fn what_was_under_way_at_a_crash_goes_out_again() {
    let place = Place::new();
    place.pass();
    let now = place.city().now();
    let claimed =
        place.city().store.claim_messages("hook:cad", now, now.plus_millis(120_000), 8).unwrap();
    assert_eq!(claimed.len(), 1);
    let Place { town, hook, mail: _mail } = place;
    let (dir, clock) = (town.dir, town.clock);
    drop(town.city);
    let city = City::open(dir.path(), clock.clone()).unwrap();
    city.send_due("hook:cad").unwrap();
    assert!(hook.wait(1, Duration::ZERO).is_empty(), "it may still be under way");
    clock.advance(121_000);
    city.send_due("hook:cad").unwrap();
    let id = hook.wait(1, PATIENCE)[0].header("webhook-id").unwrap().to_owned();
    assert_eq!(id, claimed[0].id);
}

fn push_by(city: &City, dir: &Path) {
    let key = VapidKey::load_or_make(&dir.join("keys/push.key")).unwrap();
    city.push_by(WebPush::new(key, "mailto:it@c.example", Reach::LOCAL));
}

/// Keys of a browser; nobody decrypts here.
fn browser(endpoint: String) -> Browser {
    let p256dh =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let subscription = Subscription { endpoint, p256dh: p256dh.into(), auth: b64url(&[7; 16]) };
    Browser { name: "My phone".into(), subscription }
}

#[test]
fn browsers_come_and_go() {
    let place = Place::new();
    let (city, push) = (place.city(), WebSink::start([]).unwrap());
    assert!(city.add_browser(&dora(), browser(push.url("/a")), "es").is_err(), "not by https");
    push_by(city, place.town.dir());
    for path in ["/a", "/b"] {
        city.add_browser(&dora(), browser(push.url(path)), "es").unwrap();
    }
    // Registered again, by the person who uses it now.
    city.add_browser(&person(), browser(push.url("/b")), "en").unwrap();
    let names = |who: &PersonId| city.told(who).unwrap().browsers.len();
    assert_eq!((names(&dora()), names(&person())), (1, 1));
    let of_dora = city.told(&dora()).unwrap().browsers.remove(0);
    assert!(city.remove_browser(&person(), &of_dora.id).is_err(), "another person's");
    // The service knows one of the two no longer.
    push.then(Does::Answers(410, ""));
    place.pass();
    place.send();
    assert_eq!(push.wait(2, PATIENCE).len(), 2);
    assert_eq!(names(&dora()) + names(&person()), 1);
    let states = place.messages().join("; ");
    assert!(states.contains("given-up") && states.contains("sent"), "{states}");
    city.leave(&person(), &dora()).unwrap();
    city.remove_browser(&person(), "brw_none").unwrap_err();
    assert!(city.store.browsers_of(&dora()).unwrap().is_empty());
}

#[test]
fn an_address_is_ones_own_only_when_its_mail_was_opened() {
    let place = Place::new();
    let city = place.city();
    for bad in ["dora", "a@b.example, c@d.example", "Dora <dora@c.example>", ""] {
        assert!(city.set_address(&dora(), bad, "en").is_err(), "{bad}");
    }
    city.set_address(&dora(), "dora@c.example", "en").unwrap();
    let told = city.told(&dora()).unwrap();
    assert_eq!((told.address, told.pending.as_deref()), (None, Some("dora@c.example")));
    assert!(city.set_mail(&dora(), true, false).is_err());
    let text = place.mail.wait(1, PATIENCE)[0].plain();
    let code: String = text
        .split("/confirm/")
        .nth(1)
        .unwrap()
        .chars()
        .take_while(char::is_ascii_hexdigit)
        .collect();
    assert!(city.confirm_address(&sam(), &code).is_err(), "another person's link");
    assert!(city.confirm_address(&dora(), "0").is_err());
    city.confirm_address(&dora(), &code).unwrap();
    assert!(city.confirm_address(&dora(), &code).is_err(), "once");
    let told = city.told(&dora()).unwrap();
    assert!(told.mail && told.address.as_deref() == Some("dora@c.example"));
    let tried = city.test_ways(&dora()).unwrap();
    assert_eq!((tried.len(), &tried[0].outcome), (1, &TestOutcome::Sent));
    place.mail.refuse(Some("550 no such mailbox"));
    let tried = city.test_ways(&dora()).unwrap();
    assert!(matches!(&tried[0].outcome, TestOutcome::Failed(why) if why.contains("does not take")));
    for _ in 0..6 {
        let _ = city.test_ways(&dora());
    }
    let e = city.test_ways(&dora()).unwrap_err();
    assert_eq!(e.kind(), base::Kind::Busy, "nobody is flooded");
    city.set_mail(&dora(), false, false).unwrap();
    assert!(!city.told(&dora()).unwrap().mail);
}

#[test]
fn a_machine_says_nothing_for_people() {
    let place = Place::new();
    let new = crate::NewToken {
        name: "Program".into(),
        scope: vec!["ViewHits".into()],
        expires: place.city().now().plus_millis(86_400_000),
    };
    let token = place.city().new_token(&person(), new).unwrap();
    let machine = place.city().machine(&token.token).unwrap();
    for e in [
        place.city().told(&machine).map(|_| ()).unwrap_err(),
        place.city().set_address(&machine, "m@c.example", "en").unwrap_err(),
        place.city().set_mail(&machine, true, false).unwrap_err(),
        place.city().add_browser(&machine, browser("https://p.example/".into()), "en").unwrap_err(),
        place.city().remove_browser(&machine, "brw_1").unwrap_err(),
        place.city().test_ways(&machine).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(e.kind(), base::Kind::Forbidden, "{e}");
    }
}

#[test]
fn what_is_wrong_with_a_way_is_said_and_holds_up_no_other() {
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    std::fs::write(place.town.dir().join("cad.secret"), "hush").unwrap();
    place.pass();
    place.send();
    let states = place.messages();
    assert_eq!(states, ["raised hook:cad waiting", "raised mail per_dora sent"]);
    let found = crate::check::check(place.town.dir(), &base::SystemClock);
    let of = |part| found.iter().filter(move |f| f.part == part).map(|f| f.message.as_str());
    let delivery: Vec<&str> = of("delivery").collect();
    assert!(delivery.iter().any(|m| m.contains("whsec_")), "{delivery:?}");
    assert!(delivery.iter().any(|m| m.contains("e-mail")), "{delivery:?}");
    assert!(of("keys").any(|m| m.contains("cad.secret") && m.contains("chmod")));
}

/// Tells others to stop, however its scope is left.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

/// From a read that is stored to its messages at mail server and receiver, fifty times: figures, no promise.
#[test]
#[ignore = "deep: measures"]
fn how_long_it_takes() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;
    let place = Place::new();
    place.address(&dora(), "dora@c.example");
    let (before, stop) = (place.mail.wait(0, Duration::ZERO).len(), AtomicBool::new(false));
    let (mut mails, mut hooks) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        // What fails below must not leave the lanes waiting for ever.
        let _ends = Ends(&stop);
        for lane in place.city().lanes() {
            let (city, stop) = (place.city(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let heard = city.messages_heard();
                    city.send_due(&lane).unwrap();
                    city.wait_for_messages(heard, Duration::from_millis(200));
                }
            });
        }
        for n in 0..50 {
            // Another second each time: a hit's id follows from entry and read.
            place.town.clock.advance(1000);
            place.town.pass(PLATE);
            let stored = Instant::now();
            place.city().relay().unwrap();
            let mail = place.mail.wait_timed(before + n + 1, PATIENCE)[before + n].0;
            let hook = place.hook.wait_timed(n + 1, PATIENCE)[n].0;
            mails.push(mail.duration_since(stored).as_secs_f64() * 1e3);
            hooks.push(hook.duration_since(stored).as_secs_f64() * 1e3);
            // Nobody is called twice for a vehicle that waits for a verdict.
            decide(&place, &place.city().store.hits(1, None).unwrap().remove(0));
        }
    });
    for (what, mut ms) in [("mail", mails), ("webhook", hooks)] {
        ms.sort_by(f64::total_cmp);
        println!("{what}: p50 {:.1} ms, p95 {:.1} ms, most {:.1} ms", ms[25], ms[47], ms[49]);
    }
}

/// Cars that fit half a plate are different ones: for each people are called.
#[test]
fn each_car_that_fits_half_a_plate_rings() {
    let place = Place::new();
    let list: base::ListId = "lst_half".parse().unwrap();
    let settings = crate::ListSettings {
        name: "Half".into(),
        default_days: Some(30),
        reason: Some("stolen vehicle".into()),
        case: Some("26-0500".into()),
        ..Default::default()
    };
    place.city().set_list(&person(), &list, &settings).unwrap();
    let mut file = "plate,state\n8XY?12*,CA\n".as_bytes();
    let number = place.city().import(&person(), &list, &mut file, None).unwrap().number.unwrap();
    let sure = crate::ConfirmImport { sure: true };
    place.city().confirm_import(&person(), &list, number, sure).unwrap();
    for plate in ["8XYA128", "8XYB125", "8XYA128"] {
        place.town.pass(plate);
        place.city().relay().unwrap();
        let hit = place.city().store.hits(1, None).unwrap().remove(0);
        assert!(place.city().store.rang(&hit.id).unwrap(), "{plate}");
        place.town.clock.advance(60_000);
    }
}
