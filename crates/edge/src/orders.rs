//! Orders on a stick: a file stops the camera where no line reaches it.
//!
//! A file is believed for the signatures of those who may switch this camera off; the city tells who they are
//! with every lease ([`read::Authority`]), and the newest lease is kept for that. What they signed with a passkey comes
//! with the city's word alone. An order that was taken is on
//! disk before anything stops, so that a restart does not begin again; where the disk takes nothing it stops the camera
//! all the same, and is written as soon as that is possible. It counts until the city has heard of
//! it. From then on the city's own word decides, and contact again needs no visit.

use crate::Enrolment;
use base::{CameraId, Error, Kind, Result, Signed, Time, hex, sha256};
use identity::SignerKey;
use read::{Authority, Lease, Order, OrderFile, Touched};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A larger file is none of ours.
const FILE_MAX: u64 = 64 << 10;
/// So many files of a folder are looked at.
const FILES_MAX: usize = 64;
const TAKEN: &str = "orders.json";
const AUTHORITY: &str = "authority.json";
/// Where files lie that were entered by hand.
const ENTERED: &str = "orders";

/// An order that was taken from a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub file: OrderFile,
    /// When it was taken, by the camera's clock.
    pub at: Time,
    /// The city has answered: its word decides now.
    pub told: bool,
}

impl Taken {
    /// The order.
    pub fn order(&self) -> Option<&Order> {
        self.file.orders.first().map(Signed::unverified)
    }
}

struct State {
    authority: Option<Authority>,
    taken: Vec<Taken>,
    /// Hashes of files that were looked at.
    seen: BTreeSet<String>,
    /// What was taken is not on disk yet.
    unkept: bool,
}

/// The orders that this camera has taken, and where it looks for more.
pub(crate) struct Sticks {
    camera: CameraId,
    data: PathBuf,
    folders: Vec<PathBuf>,
    state: Mutex<State>,
}

/// What the kept lease says of those who may switch this camera off.
fn authority(data: &Path, enrolment: &Enrolment) -> Result<Option<Authority>> {
    let bytes = match std::fs::read(data.join(AUTHORITY)) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::unavailable("The kept lease cannot be read.").because(e)),
    };
    let lease: Signed<Lease> = serde_json::from_slice(&bytes)
        .map_err(|e| Error::invalid("The kept lease is damaged.").because(e))?;
    let lease = lease.verify(&enrolment.lease_key)?;
    Ok(lease.authority.clone().filter(|_| lease.camera == enrolment.camera))
}

/// Orders that were given at the console, each signed with a passkey of somebody who may.
fn by_passkey<'a>(authority: &Authority, touched: &'a [Touched]) -> Result<Vec<&'a Order>> {
    let holds = |one: &'a Touched| -> Result<&'a Order> {
        let known = authority.passkeys.as_ref().filter(|known| {
            known.people.iter().any(|p| p.person == one.order.by && p.key == one.passkey)
        });
        let known = known.ok_or_else(|| {
            Error::forbidden("The order is signed with a passkey of nobody who may give it.")
        })?;
        let key: SignerKey = one.passkey.parse()?;
        key.verify(&one.order.text(&known.log)?, &one.signature.parse()?)?;
        Ok(&one.order)
    };
    touched.iter().map(holds).collect()
}

fn nobody() -> Error {
    Error::forbidden(
        "The city has not told this camera yet who may switch it off; it has never had a lease.",
    )
}

fn small_file(path: &Path) -> Result<Vec<u8>> {
    let cannot = |e: std::io::Error| {
        Error::unavailable(format!("{} cannot be read.", path.display())).because(e)
    };
    if std::fs::metadata(path).map_err(cannot)?.len() > FILE_MAX {
        return Err(Error::too_large(format!("{} is no order file.", path.display())));
    }
    std::fs::read(path).map_err(cannot)
}

/// Enters an order file by hand for the camera whose data lies in `data`: a reader that runs takes it within a
/// second, one that is started later at its start. Returns the order, which was checked.
pub fn enter_order(file: &Path, data: &Path) -> Result<Order> {
    let text = std::fs::read(data.join("enrolled.json")).map_err(|e| {
        Error::not_found(format!("There is no camera's data in {}.", data.display())).because(e)
    })?;
    let enrolment: Enrolment = serde_json::from_slice(&text)
        .map_err(|e| Error::invalid("enrolled.json is damaged; enrol again.").because(e))?;
    let bytes = small_file(file)?;
    let orders = OrderFile::parse(&bytes)?;
    let authority = authority(data, &enrolment)?.ok_or_else(nobody)?;
    let order = authority.check(&enrolment.camera, &orders.orders)?.clone();
    let folder = data.join(ENTERED);
    std::fs::create_dir_all(&folder).map_err(|e| {
        Error::unavailable(format!("{} cannot be made.", folder.display())).because(e)
    })?;
    base::write_atomic(&folder.join(format!("{}.order", order.id)), &bytes)?;
    Ok(order)
}

impl Sticks {
    /// What was taken before; more is looked for in the data folder and in `folder`.
    pub fn open(data: &Path, enrolment: &Enrolment, folder: Option<PathBuf>) -> Result<Self> {
        let taken: Vec<Taken> = match std::fs::read(data.join(TAKEN)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
                Error::invalid(format!("{TAKEN} is damaged; the camera stays off.")).because(e)
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(Error::unavailable(format!("{TAKEN} cannot be read.")).because(e)),
        };
        // Without it files are refused; that the lease is damaged is no reason not to read.
        let authority = authority(data, enrolment)
            .inspect_err(|e| tracing::warn!(error = %e.inside(), "who may stop this camera"))
            .unwrap_or_default();
        Ok(Self {
            camera: enrolment.camera.clone(),
            data: data.to_owned(),
            folders: [Some(data.join(ENTERED)), folder].into_iter().flatten().collect(),
            state: Mutex::new(State { authority, taken, seen: BTreeSet::new(), unkept: false }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease has come, which says who may stop this camera from now on.
    pub fn learn(&self, lease: &Signed<Lease>) -> Result<()> {
        let new = lease.unverified().authority.clone();
        let mut state = self.state();
        if new.is_none() || state.authority == new {
            return Ok(());
        }
        let bytes = serde_json::to_vec(lease)
            .map_err(|e| Error::internal("The lease cannot be kept.").because(e))?;
        base::write_atomic(&self.data.join(AUTHORITY), &bytes)?;
        state.authority = new;
        // What was refused for want of this may be good now.
        state.seen.clear();
        Ok(())
    }

    /// Whether enough of those who may have signed these orders, with a key or a passkey, and they stop this camera.
    pub fn believes(&self, orders: &[Signed<Order>], touched: &[Touched]) -> bool {
        let state = self.state();
        let Some(authority) = &state.authority else { return false };
        let all = || -> Result<()> {
            let mut good = authority.verified(orders)?;
            good.extend(by_passkey(authority, touched)?);
            authority.agreed(&self.camera, &good).map(drop)
        };
        all().is_ok()
    }

    /// Looks for files that were not seen before. Each is an order that was taken, or why not.
    pub fn look(&self, now: Time) -> Vec<(PathBuf, Result<Order>)> {
        self.keep_taken();
        let mut out = Vec::new();
        for path in self.files() {
            let Ok(bytes) = small_file(&path) else { continue };
            let hash = hex(&sha256(&bytes)[..16]);
            if !self.state().seen.insert(hash) {
                continue;
            }
            match self.take(&bytes, now) {
                Ok(None) => {}
                Ok(Some(order)) => out.push((path, Ok(order))),
                Err(e) => out.push((path, Err(e))),
            }
        }
        out
    }

    fn files(&self) -> Vec<PathBuf> {
        let listed = |folder: &PathBuf| {
            // A single file may be named instead of a folder; what is not plugged in is not there.
            if folder.is_file() {
                return vec![folder.clone()];
            }
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let orders = entries
                .map(|e| e.path())
                .filter(|p| p.extension().is_some_and(|e| e == "order") && p.is_file());
            orders.take(FILES_MAX).collect()
        };
        self.folders.iter().flat_map(listed).collect()
    }

    fn take(&self, bytes: &[u8], now: Time) -> Result<Option<Order>> {
        let file = OrderFile::parse(bytes)?;
        let mut state = self.state();
        let authority = state.authority.as_ref().ok_or_else(nobody)?;
        let order = authority.check(&self.camera, &file.orders)?.clone();
        if state.taken.iter().any(|t| t.order().is_some_and(|o| o.id == order.id)) {
            return Ok(None);
        }
        state.taken.push(Taken { file, at: now, told: false });
        state.unkept = true;
        drop(state);
        self.keep_taken();
        Ok(Some(order))
    }

    /// Writes down what was taken and is not on disk yet. Off is not put off for a disk: it is tried again with the
    /// next look.
    fn keep_taken(&self) {
        let mut state = self.state();
        if !state.unkept {
            return;
        }
        match self.keep(&state.taken) {
            Ok(()) => state.unkept = false,
            Err(e) => {
                tracing::error!(error = %e.inside(), "an order is in force and not on disk yet")
            }
        }
    }

    fn keep(&self, taken: &[Taken]) -> Result<()> {
        let bytes = serde_json::to_vec(taken)
            .map_err(|e| Error::internal("An order cannot be kept.").because(e))?;
        base::write_atomic(&self.data.join(TAKEN), &bytes)
    }

    /// The order that keeps the camera off although the city may not know of it.
    pub fn in_force(&self, now: Time) -> Option<Order> {
        let state = self.state();
        let untold = state.taken.iter().filter(|t| !t.told).filter_map(Taken::order);
        untold.into_iter().find(|order| order.in_force(now)).cloned()
    }

    /// What the city has not been told.
    pub fn untold(&self) -> Option<Taken> {
        self.state().taken.iter().find(|t| !t.told).cloned()
    }

    /// The city has answered about an order, whatever it said.
    pub fn told(&self, taken: &Taken) -> Result<()> {
        let mut state = self.state();
        let mut all = state.taken.clone();
        all.iter_mut().filter(|t| t.file == taken.file).for_each(|t| t.told = true);
        self.keep(&all)?;
        (state.taken, state.unkept) = (all, false);
        Ok(())
    }

    /// Whether the city's no to an order is its last word about it.
    pub fn settles(kind: Kind) -> bool {
        matches!(
            kind,
            Kind::Forbidden | Kind::Gone | Kind::Invalid | Kind::NotFound | Kind::Refused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{LeaseId, OrderId, SigningKey};
    use identity::Signature;
    use read::{Holder, Level, Officer, Passkeys, Power, SpoolOrder};

    struct Kit {
        dir: tempfile::TempDir,
        enrolment: Enrolment,
        clara: SigningKey,
        mayor: SigningKey,
    }

    impl Kit {
        fn new() -> Self {
            let (dir, city) = (tempfile::tempdir().unwrap(), SigningKey::generate());
            let (clara, mayor) = (SigningKey::generate(), SigningKey::generate());
            let enrolment = Enrolment {
                camera: "cam_a".parse().unwrap(),
                city: "S".into(),
                lease_key: city.public(),
            };
            let kit = Self { dir, enrolment, clara, mayor };
            let text = serde_json::to_vec(&kit.enrolment).unwrap();
            std::fs::write(kit.dir.path().join("enrolled.json"), text).unwrap();
            let at = Time::from_millis(1_795_420_800_000);
            let lease = Lease {
                id: LeaseId::new(at, [1; 10]),
                camera: kit.enrolment.camera.clone(),
                capture_key: SigningKey::generate().public(),
                from: at,
                until: at.plus_millis(60_000),
                seal_key: "x".into(),
                authority: Some(Authority {
                    groups: Vec::new(),
                    people: vec![Officer {
                        person: "per_clara".parse().unwrap(),
                        key: kit.clara.public(),
                    }],
                    signatures: 1,
                    passkeys: Some(Passkeys {
                        log: "homeplate/s".into(),
                        people: vec![Holder {
                            person: "per_mayor".parse().unwrap(),
                            key: SignerKey::from(kit.mayor.public()).to_string(),
                        }],
                    }),
                    since: None,
                }),
                hits_only: None,
                clear_pictures: false,
                gates: Vec::new(),
            };
            let signed = Signed::sign(lease, &city).unwrap();
            kit.sticks().learn(&signed).unwrap();
            kit
        }

        fn sticks(&self) -> Sticks {
            let stick = self.dir.path().join("stick");
            Sticks::open(self.dir.path(), &self.enrolment, Some(stick)).unwrap()
        }

        fn order(&self, by: &str) -> Order {
            let at = Time::from_millis(1_795_420_800_000);
            Order {
                id: OrderId::new(at, base::random()),
                power: Power::Off,
                level: Level::Capture,
                camera: None,
                group: None,
                spool: None,
                from: None,
                until: None,
                by: by.parse().unwrap(),
                at,
                reason: "A vote.".into(),
            }
        }

        fn file(&self, key: &SigningKey) -> Vec<u8> {
            let orders = vec![Signed::sign(self.order("per_clara"), key).unwrap()];
            serde_json::to_vec(&OrderFile { v: 1, orders }).unwrap()
        }

        /// An order to erase, as it is signed at the console.
        fn touched(&self, by: &str, key: &SigningKey, log: &str) -> Touched {
            let order = Order { spool: Some(SpoolOrder::Erase), ..self.order(by) };
            let signature = Signature::Ed25519(key.sign(&order.text(log).unwrap())).to_string();
            Touched { order, passkey: SignerKey::from(key.public()).to_string(), signature }
        }
    }

    /// What is erased for an order of the console: the very order, signed with the passkey that the lease names.
    #[test]
    fn a_passkey_is_believed_as_the_lease_says() {
        let kit = Kit::new();
        let sticks = kit.sticks();
        let check = |touched: &[Touched], want: bool| {
            assert_eq!(sticks.believes(&[], touched), want, "{touched:?}");
        };
        let good = kit.touched("per_mayor", &kit.mayor, "homeplate/s");
        check(std::slice::from_ref(&good), true);
        check(&[], false);
        check(&[kit.touched("per_mayor", &kit.mayor, "homeplate/t")], false);
        check(&[kit.touched("per_clara", &kit.mayor, "homeplate/s")], false);
        check(&[kit.touched("per_mayor", &SigningKey::generate(), "homeplate/s")], false);
        let other = Order { spool: None, ..good.order.clone() };
        check(&[Touched { order: other, ..good.clone() }], false);
        let later = Order { at: good.order.at.plus_millis(1), ..good.order.clone() };
        check(&[Touched { order: later, ..good.clone() }], false);
        // Beside a key file's signature it is a second person's, and one that does not hold spoils both.
        let same = Order { spool: Some(SpoolOrder::Erase), ..kit.order("per_clara") };
        let signed = [Signed::sign(same, &kit.clara).unwrap()];
        assert!(sticks.believes(&signed, std::slice::from_ref(&good)));
        let forged = kit.touched("per_mayor", &SigningKey::generate(), "homeplate/s");
        assert!(!sticks.believes(&signed, &[forged]));
    }

    #[test]
    fn an_order_on_a_stick_lasts_until_the_city_knows() {
        let kit = Kit::new();
        let now = Time::from_millis(1_795_420_900_000);
        let stick = kit.dir.path().join("stick");
        std::fs::create_dir(&stick).unwrap();
        let sticks = kit.sticks();
        assert!(sticks.look(now).is_empty() && sticks.in_force(now).is_none());
        std::fs::write(stick.join("bad.order"), kit.file(&SigningKey::generate())).unwrap();
        std::fs::write(stick.join("junk.order"), "hello").unwrap();
        std::fs::write(stick.join("other.txt"), kit.file(&kit.clara)).unwrap();
        let found = sticks.look(now);
        assert!(found.len() == 2 && found.iter().all(|(_, r)| r.is_err()), "{found:?}");
        assert!(sticks.look(now).is_empty(), "each is told once");
        std::fs::write(stick.join("off.order"), kit.file(&kit.clara)).unwrap();
        assert!(sticks.look(now)[0].1.is_ok() && sticks.in_force(now).is_some());
        // The stick is pulled, the power cut: it stays off.
        std::fs::remove_dir_all(&stick).unwrap();
        let sticks = kit.sticks();
        let untold = sticks.untold().unwrap();
        assert!(sticks.in_force(now).is_some());
        sticks.told(&untold).unwrap();
        let sticks = kit.sticks();
        assert!(sticks.in_force(now).is_none() && sticks.untold().is_none());
    }

    #[test]
    fn a_full_disk_keeps_no_camera_on() {
        let kit = Kit::new();
        let now = Time::from_millis(1_795_420_900_000);
        let stick = kit.dir.path().join("stick");
        std::fs::create_dir(&stick).unwrap();
        std::fs::write(stick.join("off.order"), kit.file(&kit.clara)).unwrap();
        // In the way of the file beside: nothing can be written there.
        let beside = kit.dir.path().join("orders.json.new");
        std::fs::create_dir_all(beside.join("x")).unwrap();
        let sticks = kit.sticks();
        assert!(sticks.look(now)[0].1.is_ok() && sticks.in_force(now).is_some());
        assert!(sticks.look(now).is_empty() && kit.sticks().in_force(now).is_none());
        std::fs::remove_dir_all(&beside).unwrap();
        std::fs::remove_dir_all(&stick).unwrap();
        assert!(sticks.look(now).is_empty(), "it is told once");
        assert!(kit.sticks().in_force(now).is_some(), "and on disk by now");
    }

    #[test]
    fn by_hand() {
        let kit = Kit::new();
        let file = kit.dir.path().join("off.order");
        std::fs::write(&file, kit.file(&SigningKey::generate())).unwrap();
        assert!(enter_order(&file, kit.dir.path()).is_err());
        std::fs::write(&file, kit.file(&kit.clara)).unwrap();
        let order = enter_order(&file, kit.dir.path()).unwrap();
        let now = Time::from_millis(1_795_420_900_000);
        assert_eq!(kit.sticks().look(now)[0].1.as_ref().unwrap().id, order.id);
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(enter_order(&file, empty.path()).unwrap_err().kind(), Kind::NotFound);
    }
}
