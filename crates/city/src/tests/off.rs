//! Off, at the city: what is taken and what is not, schedules, sticks, receipts, counts that cannot be.

use crate::kit::{Town, at, person};
use crate::{Batch, Certificate, Enrol, Ingested, NewPerson, OffLine, OffState};
use base::{CameraId, Kind, LeaseId, OrderId, PersonId, ReadId, Result, Signed, SigningKey};
use plate::Odds;
use read::{
    CameraOff, Lease, LeaseRequest, Level, Order, OrderFile, Power, Read, SealKey, SignedRead,
    SpoolOrder, SpoolState, Stop,
};
use std::collections::BTreeMap;

const START: &str = "2026-11-23T12:00:00Z";
const MINUTE: i64 = 60_000;

/// A camera with its keys.
struct Device {
    id: CameraId,
    device: SigningKey,
    capture: SigningKey,
    lease: Option<Lease>,
    reads: u64,
    frames: u64,
}

struct Off {
    town: Town,
    devices: BTreeMap<&'static str, Device>,
    keys: BTreeMap<String, SigningKey>,
}

impl Off {
    fn new(more: &str) -> Self {
        let town = Town::new(START, &format!("[switch]\non_signatures=1\n{more}"));
        let keys = BTreeMap::from([(
            "per_admin".to_owned(),
            SigningKey::from_seed(*town.admin_key.seed()),
        )]);
        let mut off = Self { town, devices: BTreeMap::new(), keys };
        for name in ["cam_a", "cam_b"] {
            off.enrol(name);
        }
        off.person("clara", "clerk");
        off
    }

    fn enrol(&mut self, name: &'static str) {
        let id: CameraId = name.parse().unwrap();
        let city = &self.town.city;
        let code = city.enrolment_code(&person(), &id, name, None).unwrap();
        let device = SigningKey::generate();
        city.enrol(Enrol { code, camera: id.clone(), device_key: device.public() }).unwrap();
        let capture = SigningKey::generate();
        let new = Device { id, device, capture, lease: None, reads: 0, frames: 0 };
        self.devices.insert(name, new);
    }

    fn person(&mut self, name: &str, role: &str) {
        let (id, key) = (format!("per_{name}"), SigningKey::generate());
        let new = NewPerson {
            id: id.parse().unwrap(),
            name: name.into(),
            office: role.into(),
            roles: vec![role.into()],
            key: key.public(),
        };
        self.town.city.add_person(&person(), new).unwrap();
        self.keys.insert(id, key);
    }

    fn lease(&mut self, name: &str) -> Result<Lease> {
        let at = self.town.city.now();
        let device = self.devices.get_mut(name).unwrap();
        let capture = SigningKey::generate();
        let asked = LeaseRequest {
            camera: device.id.clone(),
            capture_key: capture.public(),
            at,
            frames: Some(device.frames),
            jumps: 0,
            foreign: name == "cam_foreign",
            knows: Vec::new(),
        };
        let signed = Signed::sign(asked, &device.device).unwrap();
        let lease = self.town.city.lease(&signed)?.unverified().clone();
        device.lease = Some(lease.clone());
        device.capture = capture;
        Ok(lease)
    }

    /// A read captured so many minutes from now.
    fn read(&mut self, name: &str, minutes: i64) -> Batch {
        let captured = self.town.city.now().plus_millis(minutes * MINUTE);
        let device = self.devices.get_mut(name).unwrap();
        device.reads += 1;
        let lease = device.lease.clone().unwrap();
        let sure = |c| vec![(c, 0.99)];
        let read = Read {
            id: ReadId::new(captured, base::random()),
            camera: device.id.clone(),
            lease: lease.id,
            counter: device.reads,
            captured,
            first: captured,
            last: captured,
            frames: 3,
            odds: Odds::new("7ABC128".chars().map(sure).collect()).unwrap(),
            confidence: 0.9,
            region: None,
            corners: [[0, 0], [9, 0], [9, 4], [0, 4]],
            frame_size: [640, 360],
            picture: None,
            sighting: Default::default(),
        };
        let seal: SealKey = lease.seal_key.parse().unwrap();
        let plain = SignedRead::sign(read, None, &device.capture).encode();
        let aad = device.id.as_str().as_bytes();
        let item = seal.seal(b"homeplate/ingest/v1", aad, plain.expose()).unwrap();
        Batch { v: 1, camera: device.id.clone(), items: vec![item] }
    }

    fn send(&self, batch: Batch) -> Result<Ingested> {
        self.town.city.ingest(&batch.camera.clone(), batch)
    }

    /// What became of one read: `new`, `known`, or the beginning of why not.
    fn sent(&mut self, name: &str, minutes: i64) -> String {
        let batch = self.read(name, minutes);
        self.told(batch)
    }

    fn told(&self, batch: Batch) -> String {
        match self.send(batch) {
            Err(e) => format!("batch: {}", e.message()),
            Ok(Ingested { new: 1, .. }) => "new".into(),
            Ok(Ingested { known: 1, .. }) => "known".into(),
            Ok(done) => done.refused[0].message.clone(),
        }
    }

    fn draft(&self, by: &str, power: Power, scope: &str) -> Order {
        Order {
            id: OrderId::new(self.town.city.now(), base::random()),
            power,
            level: Level::Capture,
            camera: scope.parse().ok(),
            group: scope.strip_prefix("group:").map(String::from),
            spool: None,
            from: None,
            until: None,
            by: by.parse().unwrap(),
            at: self.town.city.now(),
            reason: "Council vote.".into(),
        }
    }

    fn give(&self, order: Order) -> Result<crate::Ordered> {
        let by: PersonId = order.by.clone();
        let key = &self.keys[by.as_str()];
        self.town.city.order(&by, Signed::sign(order, key).unwrap())
    }

    fn order(&self, power: Power, scope: &str) -> OrderId {
        // An administrator may not switch on.
        let by = if power == Power::Off { "per_admin" } else { "per_clara" };
        self.give(self.draft(by, power, scope)).unwrap().id
    }

    fn stop(&mut self, name: &str) {
        let at = self.town.city.now();
        let device = &self.devices[name];
        let stop = Stop {
            camera: device.id.clone(),
            lease: device.lease.as_ref().unwrap().id,
            counter: device.reads,
            at,
            frames: Some(device.frames),
            spool: Some(SpoolState::Kept),
        };
        self.town.city.stopped(&Signed::sign(stop, &device.capture).unwrap()).unwrap();
    }

    fn says_off(&self, name: &str, order: OrderId) {
        let device = &self.devices[name];
        let off = CameraOff {
            camera: device.id.clone(),
            order: Some(order),
            frames: device.frames,
            at: self.town.city.now(),
            spool: SpoolState::Kept,
            erased: 0,
        };
        let signed = Signed::sign(off, &device.device).unwrap();
        self.town.city.camera_off(&device.id, &signed).unwrap();
    }

    fn pass(&self, minutes: i64) {
        self.town.clock.advance(minutes * MINUTE);
    }

    fn states(&self, order: OrderId) -> Vec<(String, OffState)> {
        let lines = self.town.city.order_receipt(&order).unwrap().cameras;
        lines.into_iter().map(|l: OffLine| (l.camera.to_string(), l.state)).collect()
    }
}

#[test]
fn what_was_captured_before_is_taken_and_what_came_after_is_not() {
    let mut off = Off::new("");
    off.lease("cam_a").unwrap();
    off.pass(2);
    assert_eq!(off.sent("cam_a", 0), "new");
    let before = off.read("cam_a", -1);
    off.order(Power::Off, "cam_a");
    assert_eq!(off.lease("cam_a").unwrap_err().kind(), Kind::Gone);
    off.pass(3);
    assert_eq!(off.told(before.clone()), "new", "it was captured under a lease");
    assert_eq!(off.told(before.clone()), "known");
    assert!(off.sent("cam_a", -1).contains("after the camera was switched off"));
    assert!(off.told(Batch { items: vec![], ..before }).contains("switched off by order"));
    // The other camera goes on.
    off.lease("cam_b").unwrap();
    assert_eq!(off.sent("cam_b", 0), "new");
    // On again: nothing of the time between is covered by the next lease.
    off.order(Power::On, "cam_a");
    let lease = off.lease("cam_a").unwrap();
    assert!(lease.from >= at(START).plus_millis(5 * MINUTE), "{}", lease.from);
    assert!(off.sent("cam_a", -2).contains("not captured under a valid lease"));
    assert_eq!(off.sent("cam_a", 0), "new");
    let refused = off.town.logged("camera.refused");
    assert_eq!(refused.len(), 1, "one entry an hour: {refused:?}");
    assert_eq!((refused[0].number("reads"), refused[0].number("late")), (Some(0), Some(1)));
    off.pass(61);
    off.town.city.tally().unwrap();
    let refused = off.town.logged("camera.refused");
    assert_eq!(refused.last().unwrap().number("reads"), Some(1), "{refused:?}");
}

/// A camera's clock may be minutes ahead and still get a lease: its reads are good, and taken when their time has come.
#[test]
fn what_is_ahead_of_the_clock_is_taken_later() {
    let mut off = Off::new("");
    off.lease("cam_a").unwrap();
    let reads: Vec<Batch> = [0, 3, 7].map(|minutes| off.read("cam_a", minutes)).into();
    let items = reads.iter().flat_map(|batch| batch.items.clone()).collect();
    let all = Batch { items, ..reads[0].clone() };
    let check = |off: &Off, new: usize, known: usize, later: &[(usize, u64)]| {
        let done = off.send(all.clone()).unwrap();
        assert_eq!((done.new, done.known, done.refused.len()), (new, known, 0), "{done:?}");
        let waits: Vec<(usize, u64)> = done.later.iter().map(|l| (l.index, l.wait_s)).collect();
        assert_eq!(waits, later);
    };
    check(&off, 1, 0, &[(1, 121), (2, 241)]);
    off.pass(3);
    check(&off, 1, 1, &[(2, 181)]);
    off.pass(3);
    check(&off, 1, 2, &[]);
    assert!(off.town.logged("camera.refused").is_empty());
}

#[test]
fn an_order_to_erase_takes_nothing_more() {
    let mut off = Off::new("");
    off.lease("cam_a").unwrap();
    off.pass(2);
    let before = off.read("cam_a", -1);
    let mut order = off.draft("per_admin", Power::Off, "all");
    order.spool = Some(SpoolOrder::Erase);
    let id = off.give(order).unwrap().id;
    assert!(off.told(before.clone()).starts_with("batch: "));
    let word = off.town.city.word(&"cam_a".parse().unwrap()).unwrap();
    assert!(!word.on && word.orders.len() == 1 && word.orders[0].unverified().erases());
    assert_eq!(off.town.city.order_receipt(&id).unwrap().spool, "erase");
    off.order(Power::On, "all");
    off.lease("cam_a").unwrap();
    assert!(off.told(before).contains("after the camera was switched off"));
}

#[test]
fn a_scheduled_order_holds_by_the_clock() {
    let mut off = Off::new("");
    let (from, until) = (at(START).plus_millis(30 * MINUTE), at(START).plus_millis(90 * MINUTE));
    let mut order = off.draft("per_admin", Power::Off, "all");
    (order.from, order.until) = (Some(from), Some(until));
    let id = off.give(order).unwrap().id;
    let public = off.town.city.public().unwrap();
    assert!(public.figures.cameras.values().all(|c| c.on) && public.figures.scheduled.len() == 1);
    assert_eq!((public.orders.len(), public.orders[0].begun), (1, false));
    // No lease reaches beyond it: it works where no line does.
    assert_eq!(off.lease("cam_a").unwrap().until, from);
    let camera: CameraId = "cam_a".parse().unwrap();
    let before = off.town.city.standing(&camera);
    let plain = before.tag.bytes().all(|b| b.is_ascii_alphanumeric());
    assert!(before.tag != "on" && plain && before.next_ms == Some(30 * MINUTE));
    assert!(off.states(id).iter().all(|(_, state)| *state == OffState::Scheduled));
    off.pass(29);
    let last = off.read("cam_a", 0);
    off.pass(1);
    assert_ne!(off.town.city.standing(&camera).tag, before.tag);
    assert_eq!(off.lease("cam_a").unwrap_err().kind(), Kind::Gone);
    assert_eq!(off.told(last), "new");
    assert!(off.sent("cam_a", 0).contains("not captured under a valid lease"));
    let want = [("cam_a".into(), OffState::LeaseEnded), ("cam_b".into(), OffState::NoLease)];
    assert_eq!(off.states(id)[..2], want);
    let figures = off.town.city.public().unwrap().figures;
    assert!(figures.cameras.values().all(|c| !c.on && c.since == from));
    // A restart changes nothing.
    let city = off.town.copy().open().unwrap();
    assert!(city.capture_allowed(&camera).is_err());
    off.pass(60);
    assert!(city.capture_allowed(&camera).is_ok());
    assert_eq!(off.lease("cam_a").unwrap().from, until, "nothing of the time off is covered");
    let gaps = off.town.city.public().unwrap().figures.gaps;
    assert!(gaps.iter().all(|g| g.from == from && g.until == Some(until)), "{gaps:?}");
}

/// "From six", said in the evening, is not at once. Who signs what somebody ordered in time may be late.
#[test]
fn an_order_begins_no_earlier_than_it_is_given() {
    let off = Off::new("off_signatures=2\n");
    let give = |who: &str, minutes: i64| {
        let mut order = off.draft(who, Power::Off, "all");
        order.from = Some(at(START).plus_millis(minutes * MINUTE));
        off.give(order).map(drop).map_err(|e| e.kind())
    };
    assert_eq!(give("per_clara", -960), Err(Kind::Invalid));
    assert_eq!(give("per_clara", -5), Err(Kind::Conflict), "a form is not filled in at once");
    assert_eq!(give("per_clara", 30), Err(Kind::Conflict));
    off.pass(60);
    assert_eq!(give("per_admin", 29), Err(Kind::Invalid), "another moment is another order");
    assert_eq!(give("per_admin", 30), Ok(()));
    assert!(off.town.city.capture_allowed(&"cam_a".parse().unwrap()).is_err());
    assert_eq!(give("per_clara", 30), Err(Kind::Invalid), "nothing waits any more");
}

/// The camera hears nothing between the order and its end, and nobody looks at the clock.
#[test]
fn a_lease_of_before_a_scheduled_order_covers_nothing_from_its_beginning_on() {
    let camera: CameraId = "cam_a".parse().unwrap();
    for taken_back in [false, true] {
        let mut off = Off::new("");
        off.lease("cam_a").unwrap();
        off.pass(2);
        let minute = |minutes: i64| Some(at(START).plus_millis(minutes * MINUTE));
        let mut order = off.draft("per_admin", Power::Off, "all");
        (order.from, order.until) = (minute(30), minute(40));
        off.give(order).unwrap();
        assert_eq!(off.town.city.word(&camera).unwrap().ends, minute(30));
        if taken_back {
            off.order(Power::On, "all");
            assert_eq!(off.town.city.word(&camera).unwrap().ends, None);
            // As if the database could not follow at once: it does with the next look.
            off.town.city.store.end_leases(&camera, minute(30).unwrap()).unwrap();
            off.town.city.tally().unwrap();
        }
        off.pass(43);
        assert_eq!(off.sent("cam_a", -16), "new");
        for minutes in [-15, -10, 0] {
            let sent = off.sent("cam_a", minutes);
            let refused = sent.contains("after the camera was switched off");
            assert!(if taken_back { sent == "new" } else { refused }, "{minutes}: {sent}");
        }
    }
}

#[test]
fn who_may_order_what() {
    let mut off = Off::new(
        "off_signatures=2\noff_by=[\"clerk\",\"per_admin\"]\n[switch.groups]\ndowntown=[\"cam_a\"]\n",
    );
    off.person("adam", "administrator");
    let by = |off: &Off, who: &str, scope: &str| off.give(off.draft(who, Power::Off, scope));
    assert_eq!(by(&off, "per_adam", "all").unwrap_err().kind(), Kind::Forbidden, "not named");
    assert_eq!(by(&off, "per_clara", "group:north").unwrap_err().kind(), Kind::NotFound);
    assert_eq!(by(&off, "per_clara", "group:downtown").unwrap_err().kind(), Kind::Conflict);
    assert_eq!(by(&off, "per_clara", "group:downtown").unwrap_err().kind(), Kind::Conflict);
    let done = by(&off, "per_admin", "group:downtown").unwrap();
    assert_eq!(done.cameras, ["cam_a".parse().unwrap()]);
    assert_eq!(off.lease("cam_a").unwrap_err().kind(), Kind::Gone);
    off.lease("cam_b").unwrap();
    // A camera of the group may be ordered on by itself.
    off.order(Power::On, "cam_a");
    off.lease("cam_a").unwrap();
    let mut late = off.draft("per_clara", Power::On, "all");
    late.from = Some(at(START).plus_millis(MINUTE));
    assert_eq!(off.give(late).unwrap_err().kind(), Kind::Invalid);
}

/// The first of two has signed, and leaves before the second does.
#[test]
fn the_signature_of_somebody_who_has_left_counts_no_more() {
    let mut off = Off::new("off_signatures=2\n");
    off.person("dora", "clerk");
    let by = |off: &Off, who: &str| off.give(off.draft(who, Power::Off, "all"));
    assert_eq!(by(&off, "per_clara").unwrap_err().kind(), Kind::Conflict);
    off.town.city.leave(&person(), &"per_clara".parse().unwrap()).unwrap();
    assert_eq!(by(&off, "per_admin").unwrap_err().kind(), Kind::Conflict);
    by(&off, "per_dora").unwrap();
}

/// The first of two has signed, and the server is started anew before the second does.
#[test]
fn signatures_outlive_a_restart() {
    let mut off = Off::new("off_signatures=2\n");
    off.lease("cam_a").unwrap();
    let signed = |off: &Off, who: &str| {
        let order = off.draft(who, Power::Off, "all");
        (order.by.clone(), Signed::sign(order, &off.keys[who]).unwrap())
    };
    let give = |city: &crate::City, (by, order): (PersonId, Signed<Order>)| city.order(&by, order);
    let first = give(&off.town.city, signed(&off, "per_clara"));
    assert_eq!(first.unwrap_err().kind(), Kind::Conflict);
    off.pass(60);
    let copy = off.town.copy();
    let again = copy.open().unwrap();
    let same = give(&again, signed(&off, "per_clara"));
    assert_eq!(same.unwrap_err().kind(), Kind::Conflict, "the same person twice");
    assert_eq!(give(&again, signed(&off, "per_admin")).unwrap().cameras.len(), 3);
    assert!(again.capture_allowed(&"cam_a".parse().unwrap()).is_err());
    // A signature of more than a day ago counts as little after a restart as without one.
    off.pass(25 * 60);
    let copy = off.town.copy();
    let late = copy.open().unwrap();
    let alone = give(&late, signed(&off, "per_admin"));
    assert_eq!(alone.unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn an_order_that_was_entered_at_a_camera() {
    let mut off = Off::new("");
    let lease = off.lease("cam_a").unwrap();
    let authority = lease.authority.unwrap();
    let file = |off: &Off, order: Order| OrderFile {
        v: 1,
        orders: vec![Signed::sign(order, &off.keys["per_admin"]).unwrap()],
    };
    let order = file(&off, off.draft("per_admin", Power::Off, "all"));
    let camera: CameraId = "cam_a".parse().unwrap();
    assert!(authority.check(&camera, &order.orders).is_ok());
    // Days later there is a line again; the camera's answer may come before the order that it answers.
    off.pass(3 * 24 * 60);
    let id = order.orders[0].unverified().id;
    off.says_off("cam_a", id);
    let done = off.town.city.order_at_camera(&camera, &order).unwrap();
    assert_eq!(off.states(id)[0].1, OffState::Acknowledged);
    let leaf = off.town.logged("order.off").pop().unwrap();
    assert_eq!(leaf.text("entered"), Some("at the camera"));
    assert_eq!(leaf.text("entered_at"), Some("cam_a"));
    for name in ["cam_a", "cam_b"] {
        assert_eq!(off.lease(name).unwrap_err().kind(), Kind::Gone);
    }
    off.order(Power::On, "all");
    // Found again on the stick, it is nothing new; one signed before the order to switch on has been overtaken.
    let again = off.town.city.order_at_camera(&camera, &order).unwrap();
    assert_eq!(again.log_entry, done.log_entry);
    let lease = off.lease("cam_a").unwrap();
    let mut old = off.draft("per_admin", Power::Off, "all");
    old.at = at(START).plus_millis(MINUTE);
    let old = file(&off, old);
    assert_eq!(off.town.city.order_at_camera(&camera, &old).unwrap_err().kind(), Kind::Gone);
    assert_eq!(
        lease.authority.unwrap().check(&camera, &old.orders).unwrap_err().kind(),
        Kind::Gone
    );
    let on = file(&off, off.draft("per_admin", Power::On, "all"));
    assert!(off.town.city.order_at_camera(&camera, &on).is_err());
}

#[test]
fn a_receipt_follows_the_cameras_and_a_certificate_proves_it() {
    let mut off = Off::new("");
    for name in ["cam_c", "cam_foreign"] {
        off.enrol(name);
    }
    for name in ["cam_a", "cam_b", "cam_foreign"] {
        off.lease(name).unwrap();
    }
    off.pass(10);
    let order = off.order(Power::Off, "all");
    off.devices.get_mut("cam_a").unwrap().frames = 512;
    off.stop("cam_a");
    off.says_off("cam_a", order);
    let receipt = off.town.city.order_receipt(&order).unwrap();
    let states: Vec<OffState> = receipt.cameras.iter().map(|l| l.state).collect();
    use OffState::{Acknowledged, Foreign, LeaseEnded, LeaseRuns, NoLease};
    // The fifth is the one that the city of these tests begins with.
    assert_eq!(states, [Acknowledged, LeaseRuns, NoLease, Foreign, NoLease]);
    assert_eq!((receipt.cameras[0].frames, receipt.cameras[0].counter), (Some(512), Some(0)));
    assert!(!receipt.done && receipt.checklist.len() == 4);
    off.pass(60);
    assert_eq!(off.states(order)[1].1, LeaseEnded);
    let text = serde_json::to_string(&off.town.city.order_certificate(&order).unwrap()).unwrap();
    let vkey = off.town.city.vkey();
    let check = |text: &str| Certificate::parse(text.as_bytes())?.check(&vkey, None);
    let proven = check(&text).unwrap();
    let a = &proven.cameras["cam_a"];
    assert_eq!((a.frames, a.signed), (Some(512), true), "{:?}", proven.words());
    assert!(proven.cameras["cam_b"].at.is_none());
    // Nothing in it can be another.
    let other = LeaseId::new(at(START), [9; 10]).to_string();
    for (from, to) in [("\"v\":1", "\"v\":2"), (&order.to_string()[..], &other[..])] {
        assert!(check(&text.replace(from, to)).is_err());
    }
    let certificate: Certificate = serde_json::from_str(&text).unwrap();
    for (n, entry) in certificate.entries.iter().enumerate() {
        let extra = entry.lines().nth(1).unwrap().strip_prefix("extra ").unwrap().to_owned();
        let leaf = String::from_utf8(base::unb64(&extra).unwrap()).unwrap();
        let forged = base::b64(leaf.replace("512", "511").replace("capture", "sharing").as_bytes());
        let mut bad = certificate.clone();
        bad.entries[n] = entry.replace(&extra, &forged);
        if forged != extra {
            assert!(bad.check(&vkey, None).is_err(), "{leaf}");
        }
        bad.entries[n] = entry.replace(&format!("index {n}"), "index 0");
    }
    // It survives a restart of the city.
    let city = off.town.copy().open().unwrap();
    assert_eq!(
        serde_json::to_value(city.order_receipt(&order).unwrap()).unwrap()["cameras"],
        serde_json::to_value(off.town.city.order_receipt(&order).unwrap()).unwrap()["cameras"]
    );
}

/// A certificate is of an order to stop capturing, and of answers to it; receipts are public, and anybody puts some
/// together.
#[test]
fn a_certificate_calls_nothing_an_answer_that_is_none() {
    let off = Off::new("");
    let city = &off.town.city;
    let (order, other) =
        (OrderId::new(city.now(), base::random()), OrderId::new(city.now(), base::random()));
    let add = |leaf: ledger::Leaf| city.log.append(&leaf).unwrap().index;
    let said = |kind: &str| city.leaf(kind).fact("camera", "cam_a").fact("frames", 5_u64);
    let given = |id: &OrderId, level: &str| {
        add(city.leaf("order.off").id(id.to_string()).fact("level", level))
    };
    let until = city.now().to_string();
    let lease = add(said("lease.granted").id("lea_1").fact("until", until).fact("foreign", true));
    let stopped = add(said("camera.stopped").id("lea_1").fact("counter", 3_u64));
    let unasked = add(said("camera.off"));
    let at_the_camera = add(said("camera.off").fact("order", order.to_string()));
    let (capture, sharing) = (given(&order, "capture"), given(&other, "sharing"));
    let later = add(said("camera.stopped").id("lea_1").fact("counter", 3_u64));
    let check = |order: &OrderId, entries: &[u64], want: &str| {
        let certificate = Certificate {
            v: 1,
            city: "S".into(),
            origin: city.origin(),
            vkey: city.vkey(),
            order: *order,
            made: city.now(),
            witnesses: None,
            entries: entries.iter().map(|n| city.receipt(*n).unwrap()).collect(),
        };
        let said = match certificate.check(&city.vkey(), None) {
            Ok(proven) => proven.words().join("\n"),
            Err(e) => e.message().to_owned(),
        };
        assert!(said.contains(want), "{want}: {said}");
    };
    check(&order, &[capture], "taken back later");
    check(&order, &[lease, capture], "does not stop by itself");
    check(&order, &[at_the_camera, capture], "cam_a: said at");
    check(&order, &[lease, capture, later], "cam_a: said at");
    check(&order, &[lease, stopped, capture], "before the order");
    check(&order, &[unasked, capture], "before the order");
    check(&other, &[sharing], "not one to switch cameras off");
}

#[test]
fn a_camera_that_lies_is_seen() {
    let mut off = Off::new("");
    off.lease("cam_a").unwrap();
    off.pass(1);
    assert_eq!(off.sent("cam_a", 0), "new");
    off.devices.get_mut("cam_a").unwrap().frames = 900;
    off.stop("cam_a");
    // It goes on making reads under the lease that it has left.
    assert!(off.sent("cam_a", 0).contains("said that it stopped"));
    off.devices.get_mut("cam_a").unwrap().frames = 950;
    off.lease("cam_a").unwrap();
    off.devices.get_mut("cam_a").unwrap().frames = 100;
    off.lease("cam_a").unwrap();
    let figures = off.town.city.public().unwrap().figures;
    let counted = &figures.counters["cam_a"];
    assert_eq!((counted.unleased, counted.repeated, counted.refused), (50, 1, 1));
    assert!(counted.suspicious() && !figures.counters["cam_b"].suspicious());
    let faults: Vec<_> = off
        .town
        .logged("lease.granted")
        .iter()
        .map(|l| l.text("count").map(String::from))
        .collect();
    assert_eq!(faults, [None, Some("unleased".into()), Some("repeated".into())]);
    let report = ledger::verify(&off.town.dir().join("log"), &off.town.city.vkey()).unwrap();
    assert_eq!(report.figures.counters, figures.counters);
}

/// An enrolment that was cut off behind the device's key is logged when the device asks again, or at the next start.
#[test]
fn an_enrolment_that_was_cut_off_is_logged() {
    let mut off = Off::new("");
    let lease = off.lease("cam_a").unwrap();
    let city = &off.town.city;
    let camera: CameraId = "cam_a".parse().unwrap();
    let exchanged = || {
        let device = SigningKey::generate().public();
        let row = city.store.camera(&camera).unwrap().unwrap();
        city.store.put_camera(&store::CameraRow { device_key: Some(device), ..row }).unwrap();
        device
    };
    let keys = |city: &crate::City| -> Vec<String> {
        let mut leaves = city.log.leaves(0, city.log.size()).unwrap();
        leaves.retain(|l| l.kind == "camera.enrolled" && l.id.as_deref() == Some("cam_a"));
        leaves.iter().filter_map(|l| l.text("key").map(str::to_owned)).collect()
    };
    let before = keys(city).len();
    let first = exchanged();
    for _ in 0..2 {
        let again = Enrol { code: "used".into(), camera: camera.clone(), device_key: first };
        city.enrol(again).unwrap();
        assert_eq!(keys(city)[before..], [first.to_string()]);
    }
    // Cut off before that, too: the device of before goes on under no lease.
    assert!(city.store.lease(&lease.id).unwrap().unwrap().ended.is_some());
    let second = exchanged();
    let copy = off.town.copy();
    for _ in 0..2 {
        let opened = copy.open().unwrap();
        assert_eq!(keys(&opened)[before..], [first.to_string(), second.to_string()]);
    }
}

/// A database of before a device was replaced, beside the log that says so: the device of then stays dead.
#[test]
fn an_older_database_brings_no_device_back() {
    let mut off = Off::new("");
    let camera: CameraId = "cam_a".parse().unwrap();
    let lease = off.lease("cam_a").unwrap();
    let first = off.devices["cam_a"].device.public();
    let old = off.town.copy();
    off.enrol("cam_a");
    let second = off.devices["cam_a"].device.public();
    std::fs::remove_dir_all(old.path().join("log")).unwrap();
    crate::kit::copy(&off.town.dir().join("log"), &old.path().join("log"));
    for _ in 0..2 {
        let city = old.open().unwrap();
        let row = city.store.camera(&camera).unwrap().unwrap();
        assert_eq!(row.device_key, Some(second));
        let mut leaves = city.log.leaves(0, city.log.size()).unwrap();
        leaves.retain(|l| l.kind == "camera.enrolled" && l.id.as_deref() == Some("cam_a"));
        let keys: Vec<_> = leaves.iter().filter_map(|l| l.text("key")).collect();
        assert_eq!(keys, [first.to_string(), second.to_string()]);
        assert!(city.store.lease(&lease.id).unwrap().unwrap().ended.is_some());
        let again = |device_key| Enrol { code: "used".into(), camera: camera.clone(), device_key };
        assert_eq!(city.enrol(again(first)).unwrap_err().kind(), Kind::Unauthenticated);
        city.enrol(again(second)).unwrap();
    }
}

/// Their rows do not grow for ever, and a camera that comes back weeks later still says its last word.
#[test]
fn leases_are_forgotten_a_month_after_the_last_read_that_could_be_taken() {
    let mut off = Off::new("");
    let lease = off.lease("cam_a").unwrap();
    let city = off.town.city.clone();
    for (days, kept) in [(21 + 29, true), (3, false)] {
        off.town.clock.advance(days * 24 * 60 * MINUTE);
        city.retain().unwrap();
        assert!(city.store.lease(&lease.id).unwrap().is_some(), "the clock may be wrong");
        off.town.clock.advance(6 * 60 * MINUTE);
        city.retain().unwrap();
        assert_eq!(city.store.lease(&lease.id).unwrap().is_some(), kept, "{days}");
    }
}
