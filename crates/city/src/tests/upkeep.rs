//! A fault each: what the person is told, once, and that it ends by itself.

use crate::kit::{Town, person};
use crate::witness::tests::{follow, two};
use crate::{City, ListSettings};
use base::{CameraId, Time};
use std::sync::Arc;
use std::time::Duration;
use testkit::peers::{Mail, MailSink};

const START: &str = "2026-11-23T12:00:00Z";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const PATIENCE: Duration = Duration::from_secs(10);

struct Place {
    town: Town,
    mail: MailSink,
}

impl Place {
    fn new(more: &str) -> Self {
        Self::with(more, &[])
    }

    /// The same, with these files in the city's folder.
    fn with(more: &str, files: &[(&str, &str)]) -> Self {
        Self::made("en", more, files)
    }

    fn spanish() -> Self {
        Self::made("es", "", &[])
    }

    fn made(language: &str, more: &str, files: &[(&str, &str)]) -> Self {
        let mail = MailSink::start().unwrap();
        let more = format!(
            "[server]\npublic_url=\"https://plates.example\"\n\
             [deliver]\nsmtp_host=\"127.0.0.1\"\nsmtp_port={}\nsmtp_tls=\"none\"\nsmtp_from=\"h@c.example\"\nlanguage=\"{language}\"\n\
             [upkeep]\ntell=[\"it@c.example\"]\n{more}",
            mail.port()
        );
        Self { town: Town::with(START, &more, files), mail }
    }

    fn city(&self) -> &Arc<City> {
        &self.town.city
    }

    /// So many minutes go by, with a look in each.
    fn minutes(&self, n: i64) {
        for _ in 0..n {
            self.town.clock.advance(MINUTE);
            self.city().look_after().unwrap();
        }
    }

    /// The mails so far, which must be so many.
    #[track_caller]
    fn mails(&self, count: usize) -> Vec<Mail> {
        let mails = self.mail.wait(count, if count == 0 { Duration::ZERO } else { PATIENCE });
        assert_eq!(mails.len(), count, "{:?}", mails.iter().map(|m| &m.text).collect::<Vec<_>>());
        mails
    }

    /// What began and ended: each told once, however long it goes on and however often it is looked.
    #[track_caller]
    fn once(&self, begin: impl Fn(), end: impl Fn(), words: &str) {
        self.once_in(begin, end, words, "over:", "is so no longer");
    }

    /// The same in another language: of its beginning, and of its end in heading and text.
    #[track_caller]
    fn once_in(
        &self,
        begin: impl Fn(),
        end: impl Fn(),
        words: &str,
        over_heading: &str,
        over_text: &str,
    ) {
        self.minutes(3);
        self.mails(0);
        begin();
        self.minutes(2);
        self.mails(0);
        self.minutes(30);
        let first = &self.mails(1)[0];
        assert_eq!(first.to, ["it@c.example"]);
        assert!(first.plain().contains(words), "{}", first.text);
        end();
        self.minutes(30);
        let over = &self.mails(2)[1];
        assert!(over.text.contains(over_heading), "{}", over.text);
        assert!(over.plain().contains(over_text), "{}", over.text);
    }
}

fn fill(place: &Place, percent: u64) {
    *place.city().room.said.lock().unwrap() = Some(((100 - percent) << 30, 100 << 30));
}

#[test]
fn a_disk_that_fills() {
    let place = Place::new("");
    fill(&place, 40);
    place.once(|| fill(&place, 87), || fill(&place, 60), "Of four reads one keeps its picture");
}

#[test]
fn a_backup_that_is_late() {
    let place = Place::new("backup_file=\"backup.done\"\n");
    let file = place.town.dir().join("backup.done");
    let made = |at: Time| {
        let at = std::time::UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs());
        std::fs::File::create(&file).unwrap().set_modified(at).unwrap();
    };
    made(place.city().now());
    let old = || made(place.city().now().plus_millis(-27 * HOUR));
    place.once(old, || made(place.city().now()), "more than 26 hours");
}

#[test]
fn a_camera_that_reads_nothing_where_it_usually_does() {
    let place = Place::new("");
    let camera: CameraId = "cam_one".parse().unwrap();
    let now = place.city().now();
    // Four days with a car each hour, until this one.
    let cars: Vec<_> = (0..96).map(|hour| (&camera, now.plus_millis(-hour * HOUR))).collect();
    place.city().note_activity(cars.into_iter()).unwrap();
    place.minutes(125);
    place.mails(0);
    place.minutes(60);
    let told = &place.mails(1)[0];
    assert!(told.plain().contains("read no vehicle for 2 hours"), "{}", told.text);
    assert!(told.text.contains("One"), "{}", told.text);
    place.town.pass("7ABC128");
    place.minutes(10);
    assert!(place.mails(2)[1].text.contains("over:"));
    // A restart tells nobody anew.
    let Place { town, mail } = place;
    let Town { dir, clock, city, .. } = town;
    drop(city);
    let city = City::open(dir.path(), clock.clone()).unwrap();
    for _ in 0..5 {
        clock.advance(MINUTE);
        city.look_after().unwrap();
    }
    assert_eq!(mail.wait(3, Duration::from_millis(200)).len(), 2);
}

/// What was switched off by order is not silent, nor is it in the first hours after that.
#[test]
fn a_camera_that_was_off_by_order_is_not_quiet() {
    let place = Place::new("");
    let camera: CameraId = "cam_one".parse().unwrap();
    let now = place.city().now();
    // Four days with a car each hour; then it is switched off for ten.
    let cars: Vec<_> = (0..96).map(|hour| (&camera, now.plus_millis(-hour * HOUR))).collect();
    place.city().note_activity(cars.into_iter()).unwrap();
    let order = read::Order {
        id: base::OrderId::new(now, base::random()),
        power: read::Power::Off,
        level: read::Level::Capture,
        camera: None,
        group: None,
        spool: None,
        from: None,
        until: Some(now.plus_millis(10 * HOUR)),
        by: person(),
        at: now,
        reason: "A vote.".into(),
    };
    let signed = base::Signed::sign(order, &place.town.admin_key).unwrap();
    place.city().order(&person(), signed).unwrap();
    place.town.clock.advance(10 * HOUR);
    place.minutes(115);
    place.mails(0);
    place.minutes(70);
    assert!(place.mails(1)[0].plain().contains("read no vehicle for 2 hours"));
}

#[test]
fn a_certificate_that_was_not_renewed() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let place = Place::new(
        "[tls]\nmode=\"file\"\ncertificate=\"tls/served.pem\"\nkey=\"tls/served.pem\"\n",
    );
    let served = |days_ago: i64| {
        let at = place.city().now().plus_millis(-days_ago * 24 * HOUR);
        let folder = place.town.dir().join("tls");
        let _ = std::fs::remove_dir_all(&folder);
        let own = tls::OwnAuthority::make(&folder, "S", "plates.example", at).unwrap();
        own.renew("plates.example", at).unwrap();
    };
    served(0);
    place.once(|| served(80), || served(0), "another should be there by now");
    served(100);
    assert!(place.city().alive().contains(&"certificate"), "{:?}", place.city().alive());
    place.minutes(5);
    let ended: Vec<_> = place.mails(4).iter().map(Mail::plain).collect();
    assert!(ended[2..].iter().any(|text| text.contains("It ended at")), "{ended:?}");
}

fn beat(place: &Place, offset_ms: i64) {
    let beat = serde_json::json!({
        "v": 1, "at": place.city().now(), "version": "0.1.0", "lease": "leased", "live": true, "fps": 9.5,
        "frames": 10, "dropped": 0, "restarts": 0, "scene": "ok", "read": 0, "unread": 0, "waiting": 0, "lost": 0,
        "clock_offset_ms": offset_ms,
    });
    let beat = serde_json::from_value(beat).unwrap();
    place.city().heartbeat(&"cam_one".parse().unwrap(), beat).unwrap();
}

#[test]
fn a_camera_whose_clock_is_off() {
    for off in [2001, -3_600_000] {
        let place = Place::new("");
        beat(&place, 2000);
        place.once(|| beat(&place, off), || beat(&place, -2000), "more than two seconds off");
        assert!(place.mails(2)[0].text.contains("One"), "it is named");
    }
}

#[test]
fn a_list_that_is_stale() {
    let place = Place::new("");
    let list: base::ListId = "lst_state".parse().unwrap();
    let settings = ListSettings {
        name: "The state's list".into(),
        default_days: Some(30),
        reason: Some("stolen".into()),
        case: Some("26-0417".into()),
        adopted: Some(["stolen".into()].into()),
        category: Some("stolen".into()),
        longest_age_hours: Some(24),
        ..ListSettings::default()
    };
    place.city().set_list(&person(), &list, &settings).unwrap();
    let bring = |number: i64| {
        let mut file = "plate,state\n7ABC128,CA\n".as_bytes();
        let seen = place.city().import(&person(), &list, &mut file, None).unwrap();
        assert_eq!(seen.number, Some(number), "{seen:?}");
        place.city().confirm_import(&person(), &list, number, Default::default()).unwrap();
    };
    bring(1);
    let a_day = || place.town.clock.advance(24 * HOUR);
    place.once(a_day, || bring(2), "No new one came in time");
    let told = &place.mails(2)[0];
    assert!(told.text.contains("lst_state") && !told.plain().contains("7ABC128"), "{}", told.text);
}

/// One of two witnesses does not answer; and both have not been asked for longer than the rule allows.
#[test]
fn a_witness_that_lags() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    for away in [true, false] {
        let folder = dir.path().join(away.to_string());
        std::fs::create_dir(&folder).unwrap();
        let (near, policy) = two(&folder);
        let more = "[log]\nwitnesses=\"witnesses.policy\"\nwitness_within_s=600\n";
        let place = Place::with(more, &[("witnesses.policy", &policy)]);
        follow(&near, &place.town);
        assert!(place.city().cosign(&near).unwrap());
        let near = std::cell::RefCell::new(near);
        let gone = std::cell::RefCell::new(None);
        let begin = || {
            place.city().announce().unwrap();
            if away {
                *gone.borrow_mut() = near.borrow_mut().0[1].take();
                assert!(!place.city().cosign(&*near.borrow()).unwrap());
            }
        };
        let end = || {
            if away {
                near.borrow_mut().0[1] = gone.borrow_mut().take();
            }
            assert!(place.city().cosign(&*near.borrow()).unwrap());
        };
        let words =
            if away { "Of the log's witnesses, b: " } else { "witnesses have not signed since" };
        place.once(begin, end, words);
    }
}

#[test]
fn addresses_are_told_in_the_citys_language() {
    let place = Place::spanish();
    fill(&place, 40);
    place.once_in(
        || fill(&place, 87),
        || fill(&place, 40),
        "una conserva su imagen ahora",
        "resuelto:",
        "Ya no ocurre",
    );
}

#[test]
fn a_clock_that_is_set_back_a_day() {
    let place = Place::new("");
    place.city().announce().unwrap();
    place.minutes(3);
    place.town.clock.advance(-24 * HOUR);
    place.city().look_after().unwrap();
    place.minutes(5);
    let told = &place.mails(1)[0];
    assert!(told.plain().contains("clock is behind"), "{}", told.text);
    place.town.clock.advance(24 * HOUR);
    place.minutes(5);
    assert!(place.mails(2)[1].text.contains("over:"));
}

/// What cannot be told now is told when the mail server is back; nobody is told twice.
#[test]
fn a_mail_server_that_is_away() {
    let place = Place::new("");
    fill(&place, 40);
    place.minutes(3);
    place.mail.refuse(Some("451 not now"));
    fill(&place, 87);
    place.minutes(70);
    place.mails(0);
    assert!(place.city().alive().contains(&"mail"), "{:?}", place.city().alive());
    place.mail.refuse(None);
    place.minutes(20);
    place.mails(1);
    assert!(!place.city().alive().contains(&"mail"));
    // That it is over waits for the mail server likewise.
    place.mail.refuse(Some("451 not now"));
    fill(&place, 40);
    place.minutes(10);
    place.mail.refuse(None);
    place.minutes(20);
    assert!(place.mails(2)[1].text.contains("over:"));
}

/// A mail server that takes a message without saying so is given it once more, and then once an hour.
#[test]
fn nobody_is_flooded() {
    let place = Place::new("");
    fill(&place, 40);
    place.minutes(3);
    place.mail.hang_up(true);
    fill(&place, 87);
    place.minutes(180);
    place.mails(4);
    place.mail.hang_up(false);
    place.minutes(90);
    place.mails(5);
}

/// A mailbox that takes nothing any more counts as told.
#[test]
fn a_mailbox_that_is_gone() {
    let place = Place::new("");
    fill(&place, 40);
    place.minutes(3);
    place.mail.refuse(Some("550 5.1.1 no such mailbox"));
    fill(&place, 87);
    place.minutes(5);
    place.mail.refuse(None);
    place.minutes(70);
    place.mails(0);
    assert!(!place.city().alive().contains(&"mail"), "nothing is left to send");
}

/// What did not go out and need not any more is no mail that waits.
#[test]
fn what_is_over_before_anybody_was_told() {
    let place = Place::new("");
    fill(&place, 40);
    place.minutes(3);
    place.mail.refuse(Some("451 not now"));
    fill(&place, 87);
    place.minutes(10);
    fill(&place, 40);
    place.minutes(70);
    place.mails(0);
    assert!(!place.city().alive().contains(&"mail"), "{:?}", place.city().alive());
}

/// What cannot be looked at is told itself, and silences nothing else.
#[test]
fn a_store_that_is_damaged_in_one_place() {
    let place = Place::new("");
    fill(&place, 40);
    place.minutes(3);
    let list: base::ListId = "lst_state".parse().unwrap();
    place.city().store.put_list(&list, "damaged").unwrap();
    fill(&place, 87);
    for _ in 0..30 {
        place.town.clock.advance(MINUTE);
        place.city().look_after().unwrap_err();
    }
    let told: String = place.mails(2).iter().map(Mail::plain).collect();
    for words in ["watch is not well", "Of four reads one keeps its picture"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn what_comes_and_goes_is_nobodys_business() {
    let place = Place::new("");
    for _ in 0..5 {
        fill(&place, 87);
        place.minutes(1);
        fill(&place, 40);
        place.minutes(1);
    }
    place.minutes(5);
    place.mails(0);
}

#[test]
fn a_week_on_monday() {
    let place = Place::new("");
    place.town.pass("7ABC128");
    place.minutes(5);
    place.mails(0);
    place.town.clock.advance(7 * 24 * HOUR);
    place.minutes(5);
    let mails = place.mail.wait(1, PATIENCE);
    let week: Vec<_> = mails.iter().filter(|mail| mail.text.contains("the week")).collect();
    assert_eq!(week.len(), 1);
    let text = week[0].plain();
    for word in
        ["One: 1 reads in seven days", "Log:", "Messages of hits: 0 wait", "Nothing is wrong."]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("7ABC128"));
}

/// A store that does not keep who was told makes nobody hear of the week twice.
#[test]
fn a_week_that_cannot_be_written_down() {
    let place = Place::new("");
    place.minutes(1);
    let store = &place.city().store;
    let before = store.meta("upkeep/week").unwrap().expect("the first week is told to nobody");
    place.town.clock.advance(7 * 24 * HOUR);
    for _ in 0..5 {
        place.minutes(1);
        store.set_meta("upkeep/week", &before).unwrap();
    }
    let mails = place.mail.wait(2, Duration::from_millis(200));
    assert_eq!(mails.iter().filter(|mail| mail.text.contains("the week")).count(), 1);
}

/// In Spanish, with what is wrong; for an address by the city's language, for a person by their own.
#[test]
fn a_week_in_spanish() {
    let place = Place::spanish();
    place.town.pass("7ABC128");
    fill(&place, 40);
    place.minutes(5);
    place.town.clock.advance(7 * 24 * HOUR - 60 * MINUTE);
    fill(&place, 87);
    place.minutes(120);
    let mails = place.mail.wait(2, PATIENCE);
    let week: Vec<_> = mails.iter().filter(|m| m.plain().contains("en siete días")).collect();
    assert_eq!(week.len(), 1, "{:?}", mails.iter().map(Mail::plain).collect::<Vec<_>>());
    let text = week[0].plain();
    for word in [
        "One: 1 lecturas",
        "Registro: ",
        "esperan",
        "Disco: 87 % ocupado",
        "Desde ",
        "el disco está al 87 %",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    for english in ["reads", "entries", "Since", "the week", "7ABC128"] {
        assert!(!week[0].plain().contains(english), "{english}: {text}");
    }
}

#[test]
fn a_server_that_is_not_well_says_so_to_programs() {
    let place = Place::new("");
    fill(&place, 40);
    assert_eq!(place.city().alive(), Vec::<&str>::new());
    place.city().announce().unwrap();
    place.town.clock.advance(-24 * HOUR);
    assert!(place.city().alive().contains(&"clock"), "{:?}", place.city().alive());
}
