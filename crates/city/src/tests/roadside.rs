//! What cameras tell of themselves, the lists for those that keep hits alone, and gates.

use crate::kit::{Town, at, clerk, person};
use crate::{
    CameraState, CameraTrouble, Config, ConfirmImport, Enrol, ListSettings, NewEntry, NewFound,
};
use base::{CameraId, Kind, ListId, PersonId, Signed, SigningKey, Time};
use plate::Odds;
use read::{
    Gate, Heartbeat, HitsOnly, Lease, LeaseRequest, LeaseState, Level, OpenKey, Order, Power,
    SceneState, Sealed, WatchAsk, WatchSet, Without,
};

const START: &str = "2026-11-23T22:00:00Z";

fn one() -> CameraId {
    "cam_one".parse().unwrap()
}

fn beat(town: &Town) -> Heartbeat {
    Heartbeat {
        v: 1,
        at: town.city.now(),
        version: "0.1.0".into(),
        lease: LeaseState::Leased,
        off_since: None,
        foreign: false,
        live: true,
        fps: 9.8,
        frames: 1000,
        dropped: 3,
        restarts: 0,
        scene: SceneState::Ok,
        plate_px: Some(92.0),
        sharpness: Some(0.2),
        read: 19,
        unread: 1,
        last_read: Some(town.city.now()),
        clock_offset_ms: Some(-12),
        clock_kept: Some(true),
        place: None,
        waiting: 0,
        lost: 0,
        refused: 0,
        not_kept: 0,
        watch: None,
    }
}

/// Capture of this camera, or sharing, off.
fn off(town: &Town, level: Level, camera: Option<CameraId>) {
    let order = Order {
        id: base::OrderId::new(town.city.now(), base::random()),
        power: Power::Off,
        level,
        camera,
        group: None,
        spool: None,
        from: None,
        until: None,
        by: person(),
        at: town.city.now(),
        reason: "A vote.".into(),
    };
    town.city.order(&person(), Signed::sign(order, &town.admin_key).unwrap()).unwrap();
}

fn lease(town: &Town, camera: &CameraId) -> Signed<Lease> {
    let code = town.city.enrolment_code(&person(), camera, "One", None).unwrap();
    let device = SigningKey::generate();
    let enrol = Enrol { code, camera: camera.clone(), device_key: device.public() };
    town.city.enrol(enrol).unwrap();
    let asked = LeaseRequest {
        camera: camera.clone(),
        capture_key: SigningKey::generate().public(),
        at: town.city.now(),
        frames: Some(0),
        jumps: 0,
        foreign: false,
        knows: Vec::new(),
    };
    town.city.lease(&Signed::sign(asked, &device).unwrap()).unwrap()
}

#[test]
fn a_camera_is_as_it_says_until_it_says_nothing() {
    let town = Town::new(START, "[cameras]\nsilent_minutes = 3\n");
    let of = |who: &PersonId| town.city.camera_health(who).unwrap().remove(0);
    let state = || {
        let health = of(&person());
        (health.state, health.troubles)
    };
    assert_eq!(state(), (CameraState::Unheard, vec![]));
    assert_eq!(of(&person()).since, None);
    let good = beat(&town);
    town.city.heartbeat(&one(), good.clone()).unwrap();
    assert_eq!(state(), (CameraState::Fine, vec![]));
    let health = of(&clerk());
    assert_eq!((health.share_read, health.last.as_ref()), (Some(0.95), Some(&good)));
    let check = |change: &dyn Fn(&mut Heartbeat), want: &[CameraTrouble]| {
        let mut bad = good.clone();
        change(&mut bad);
        town.city.heartbeat(&one(), bad).unwrap();
        let so = [CameraState::Fine, CameraState::Troubled][usize::from(!want.is_empty())];
        assert_eq!(state(), (so, want.to_vec()));
    };
    check(&|b| b.live = false, &[CameraTrouble::NoPicture]);
    check(&|b| b.scene = SceneState::Moved, &[CameraTrouble::Moved]);
    check(&|b| b.fps = 1.0, &[CameraTrouble::FewFrames]);
    check(&|b| b.plate_px = Some(40.0), &[]);
    check(
        &|b| (b.plate_px, b.unread) = (Some(40.0), 19),
        &[CameraTrouble::SmallPlates, CameraTrouble::FewRead],
    );
    check(
        &|b| (b.lost, b.clock_offset_ms) = (1, Some(9000)),
        &[CameraTrouble::Clock, CameraTrouble::LostReads],
    );
    check(&|b| b.refused = 1, &[CameraTrouble::LostReads]);
    check(&|b| b.clock_kept = Some(false), &[CameraTrouble::LooseClock]);
    check(&|b| b.clock_kept = None, &[]);
    let at = (38.5449, -121.7405);
    check(&|b| b.place = Some([at.0, at.1]), &[]);
    assert_eq!(of(&person()).place_off_m, None, "the register does not know");
    let to = crate::Move { lat: at.0, lon: at.1, name: None, from: None };
    town.city.move_camera(&person(), &one(), &to).unwrap();
    check(&|b| b.place = Some([at.0 + 0.0005, at.1]), &[]);
    check(&|b| b.place = Some([at.0 + 0.002, at.1]), &[CameraTrouble::Elsewhere]);
    assert_eq!(of(&person()).place_off_m, Some(222.0));
    let held = |made| Some(read::Held { made, tokens: 0, without: Without::Nothing });
    check(&|b| b.watch = held(None), &[CameraTrouble::NoList]);
    check(&|b| b.watch = held(Some(town.city.now())), &[]);
    check(&|b| (b.foreign, b.live, b.fps) = (true, false, 0.0), &[]);
    let since = town.city.now();
    let idle = Heartbeat { lease: LeaseState::Expired, off_since: Some(since), ..good.clone() };
    town.city.heartbeat(&one(), idle).unwrap();
    assert_eq!((state().0, of(&person()).since), (CameraState::Idle, Some(since)));
    // It falls silent; an order counts more than that.
    town.clock.advance(3 * 60_000);
    let health = of(&person());
    assert_eq!((health.state, health.since), (CameraState::Silent, Some(since)));
    off(&town, Level::Capture, Some(one()));
    let health = of(&person());
    assert_eq!((health.state, health.since), (CameraState::Off, Some(town.city.now())));
    town.city.retire_camera(&person(), &one()).unwrap();
    assert!(town.city.camera_health(&person()).unwrap().is_empty());
    assert_eq!(town.city.heartbeat(&one(), good).unwrap_err().kind(), Kind::Gone);
}

/// Cameras count since they were started: a loss does not stand for ever as a new one, and the next one does.
#[test]
fn reads_that_were_lost_trouble_for_a_day() {
    let town = Town::new(START, "");
    let told = |lost: u64, refused: u64| {
        town.city.heartbeat(&one(), Heartbeat { lost, refused, ..beat(&town) }).unwrap();
        let health = town.city.camera_health(&person()).unwrap().remove(0);
        health.troubles.contains(&CameraTrouble::LostReads)
    };
    assert!(!told(0, 0));
    assert!(told(1, 0));
    town.clock.advance(23 * 3_600_000);
    assert!(told(1, 0));
    town.clock.advance(3_600_000);
    assert!(!told(1, 0));
    assert!(told(1, 1));
    town.clock.advance(24 * 3_600_000);
    assert!(!told(1, 1));
    assert!(told(2, 0), "the reader was started anew and has lost others");
}

#[test]
fn who_has_no_cameras_sees_no_health_and_nonsense_is_not_taken() {
    let town = Town::new(START, "");
    let officer = crate::NewPerson {
        id: "per_otto".parse().unwrap(),
        name: "Otto".into(),
        office: "police".into(),
        roles: vec!["officer".into()],
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), officer.clone()).unwrap();
    assert_eq!(town.city.camera_health(&officer.id).unwrap_err().kind(), Kind::Forbidden);
    let bad = Heartbeat { version: "7ABC128".into(), ..beat(&town) };
    assert_eq!(town.city.heartbeat(&one(), bad).unwrap_err().kind(), Kind::Invalid);
}

fn odds(plate: &str) -> Odds {
    Odds::new(plate.chars().map(|c| vec![(c, 0.98)]).collect()).unwrap()
}

fn entry(town: &Town, plate: &str) -> NewEntry {
    NewEntry {
        list: "lst_a".parse().unwrap(),
        plate: plate.into(),
        state: None,
        reason: "stolen".into(),
        case: "26-0417".into(),
        expires: town.city.now().plus_millis(10 * 86_400_000),
    }
}

fn asked(town: &Town, day: Time, have: Option<String>) -> base::Result<Option<WatchSet>> {
    let key = OpenKey::generate();
    let ask = WatchAsk { day, key: key.public()?.to_string(), have };
    let Some(bytes) = town.city.watch_list(&one(), &ask)? else { return Ok(None) };
    let listed = b"7ABC128";
    assert!(!bytes.windows(listed.len()).any(|w| w == listed));
    let city = town.city.custody.lease_public()?;
    WatchSet::open(&Sealed(bytes), &key, &city, &one(), day.day()).map(Some)
}

#[test]
fn a_camera_that_keeps_hits_alone_has_the_lists_of_the_day() {
    let town = Town::new(START, "[cameras]\nhits_only = [\"cam_one\"]\nwithout_list = \"all\"\n");
    let today = town.city.now().day();
    let settings = ListSettings { name: "A".into(), max_days: 365, ..ListSettings::default() };
    let surer = ListSettings { threshold: 0.9, ..settings.clone() };
    town.city.set_list(&person(), &"lst_a".parse().unwrap(), &settings).unwrap();
    town.city.add_entry(&person(), entry(&town, "7ABC128")).unwrap();
    let ending =
        NewEntry { expires: town.city.now().plus_millis(3_600_000), ..entry(&town, "8XYZ001") };
    town.city.add_entry(&person(), ending).unwrap();
    let set = asked(&town, today.start(), None).unwrap().unwrap();
    assert_eq!((set.head().tokens, set.head().left_out), (2, 0));
    assert!(set.wants(&odds("7ABC128")) && set.wants(&odds("8XYZ001")));
    assert!(!set.wants(&odds("7ABC129")));
    // The same again is nothing; a change is another.
    let have = Some(set.head().version.clone());
    assert!(asked(&town, today.start(), have.clone()).unwrap().is_none());
    town.city.add_entry(&person(), entry(&town, "9NEW123")).unwrap();
    let more = asked(&town, today.start(), have).unwrap().unwrap();
    assert!(more.wants(&odds("9NEW123")));
    // How sure a hit must be changes none of it; and what was read once does for the next camera.
    let have = Some(more.head().version.clone());
    town.city.set_list(&person(), &"lst_a".parse().unwrap(), &surer).unwrap();
    assert!(asked(&town, today.start(), have).unwrap().is_none());
    let read = || town.city.watched.lock().unwrap().get(&today).cloned().unwrap();
    let first = read();
    let again = asked(&town, today.start(), None).unwrap().unwrap();
    assert_eq!(again.head().tokens, 3);
    assert!(std::sync::Arc::ptr_eq(&first, &read()));
    // Tomorrow's is given an hour before, and only then; it has other tokens and not what has ended.
    assert_eq!(asked(&town, today.next().start(), None).unwrap_err().kind(), Kind::Invalid);
    town.clock.advance(3_600_000 + 1000);
    town.city.tally().unwrap();
    assert!(town.city.watched.lock().unwrap().is_empty(), "nobody has asked for it for an hour");
    let tomorrow = asked(&town, today.next().start(), None).unwrap().unwrap();
    assert!(tomorrow.wants(&odds("7ABC128")) && !tomorrow.wants(&odds("8XYZ001")));
    for wrong in [today.start().plus_millis(-86_400_000), today.start().plus_millis(1)] {
        assert_eq!(asked(&town, wrong, None).unwrap_err().kind(), Kind::Invalid);
    }
    // Told in the lease, and on the log once a day.
    let lease = lease(&town, &one());
    assert_eq!(lease.unverified().hits_only, Some(HitsOnly { without: Without::All }));
    let granted = town.logged("lease.granted").pop().unwrap();
    assert_eq!(
        (granted.facts.get("hits_only"), granted.number("gates")),
        (Some(&true.into()), None)
    );
    assert_eq!(town.logged("hotlist.watched").len(), 2);
    off(&town, Level::Capture, Some(one()));
    assert_eq!(asked(&town, today.start(), None).unwrap_err().kind(), Kind::Gone);
}

/// What raises no hit in the city is not kept at a camera either: found vehicles, and lists that are too old.
#[test]
fn a_camera_that_keeps_hits_alone_keeps_nothing_that_raises_none() {
    let town = Town::new(START, "[cameras]\nhits_only = [\"cam_one\"]\nwithout_list = \"all\"\n");
    let today = town.city.now().day();
    let list: ListId = "lst_a".parse().unwrap();
    let settings = ListSettings {
        name: "A".into(),
        default_days: Some(30),
        reason: Some("stolen".into()),
        case: Some("26-0417".into()),
        longest_age_hours: Some(1),
        ..ListSettings::default()
    };
    town.city.set_list(&person(), &list, &settings).unwrap();
    let mut file = "plate,state\n7ABC128,CA\n8XYZ00?,CA\n".as_bytes();
    let number = town.city.import(&person(), &list, &mut file, None).unwrap().number.unwrap();
    town.city.confirm_import(&person(), &list, number, ConfirmImport { sure: true }).unwrap();
    let set = asked(&town, today.start(), None).unwrap().unwrap();
    assert!(set.wants(&odds("7ABC128")) && set.wants(&odds("8XYZ001")));
    let found = |plate: &str| {
        let new = NewFound { plate: Some(plate.into()), ..NewFound::default() };
        town.city.found(&person(), &list, new).unwrap();
    };
    found("7ABC128");
    found("8XYZ001");
    let set = asked(&town, today.start(), Some(set.head().version.clone())).unwrap().unwrap();
    assert!(!set.wants(&odds("7ABC128")) && !set.wants(&odds("8XYZ001")));
    assert!(set.wants(&odds("8XYZ002")), "other cars that fit half a plate");
    // Nothing has changed but the time, and the list is too old.
    let have = Some(set.head().version.clone());
    assert!(asked(&town, today.start(), have.clone()).unwrap().is_none());
    town.clock.advance(3_600_000);
    let set = asked(&town, today.start(), have).unwrap().unwrap();
    assert_eq!(set.head().tokens, 0);
}

#[test]
fn pictures_stay_clear_where_the_city_says_so_and_nowhere_else() {
    let check = |rule: &str, want: bool| {
        let town = Town::new(START, rule);
        let lease = lease(&town, &one());
        assert_eq!(lease.unverified().clear_pictures, want, "{rule}");
        let granted = town.logged("lease.granted").pop().unwrap();
        assert_eq!(granted.facts.contains_key("clear_pictures"), want, "{rule}");
    };
    check("", false);
    check("[cameras]\nclear_pictures = [\"cam_two\"]\n", false);
    check("[cameras]\nclear_pictures = [\"cam_one\"]\n", true);
    check("[cameras]\nclear_pictures = [\"all\"]\n", true);
}

#[test]
fn a_camera_that_keeps_every_read_gets_no_list() {
    let town = Town::new(START, "");
    let today = town.city.now().day();
    assert_eq!(asked(&town, today.start(), None).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(lease(&town, &one()).unverified().hits_only, None);
}

#[test]
fn a_gate_is_in_the_lease_and_on_the_log() {
    let gate = |more: &str| {
        format!(
            "[[cameras.gate]]\ncamera = \"cam_one\"\nto = \"http://10.0.0.9/gate\"\nreason = \"Depot{more}\"\n\
             until = \"2026-12-01T00:00:00Z\"\n"
        )
    };
    let town = Town::new(START, &gate(""));
    let until = at("2026-12-01T00:00:00Z");
    let wanted = vec![Gate { to: "http://10.0.0.9/gate".into(), until }];
    assert_eq!(lease(&town, &one()).unverified().gates, wanted);
    let other: CameraId = "cam_two".parse().unwrap();
    assert!(lease(&town, &other).unverified().gates.is_empty());
    let granted = town.logged("lease.granted");
    assert_eq!((granted[0].number("gates"), granted[1].number("gates")), (Some(1), None));
    let opened = town.logged("share.gate");
    assert_eq!((opened.len(), opened[0].text("camera")), (1, Some("cam_one")));
    assert!(!format!("{opened:?}").contains("10.0.0.9"), "the address is nobody's business");
    // Another configuration closes it; the same once more opens it anew.
    let file = town.dir().join("homeplate.toml");
    let first = std::fs::read_to_string(&file).unwrap();
    let mut town = town;
    let reopen = |town: &mut Town, text: &str| {
        std::fs::write(&file, Config::parse(text).map(|_| text).unwrap()).unwrap();
        let placeholder = Town::new(START, "").city;
        drop(std::mem::replace(&mut town.city, placeholder));
        town.city = crate::City::open(town.dir(), town.clock.clone()).unwrap();
    };
    reopen(&mut town, &first.replace("Depot", "Yard"));
    assert_eq!((town.logged("share.gate").len(), town.logged("share.gate.closed").len()), (2, 1));
    reopen(&mut town, &first);
    reopen(&mut town, &first);
    assert_eq!((town.logged("share.gate").len(), town.logged("share.gate.closed").len()), (3, 2));
    // Sharing off: no lease has it, and cameras hear so.
    let tag = town.city.standing(&one()).tag;
    off(&town, Level::Sharing, None);
    assert!(lease(&town, &one()).unverified().gates.is_empty());
    assert!(town.city.word(&one()).unwrap().sharing_off);
    assert_ne!(town.city.standing(&one()).tag, tag);
}
