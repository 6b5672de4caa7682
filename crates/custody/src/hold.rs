//! Preservation holds: reads that outlive their retention for a court, opened by nobody here.
//!
//! Holds: nothing is held without an entry of the public log that commits to this very hold, and our
//! own rules' leave. The key of each read is sealed to the matter's public key; its private half is
//! not ours, so what is held is as closed to the city as what is forgotten.
//! Not here: how long a hold lasts, and who is asked to review it.

use crate::Custody;
use crate::permit::hour;
use crate::seal::{self, BodyKeys};
use crate::sealed::{Found, HeldRead, Token};
use crate::wire::{GivenHold, Handle, Lent};
use base::{CameraId, Day, Error, HoldId, Result, Time};
use ledger::{Entry, Leaf, commitment};
use policy::{Action, Decision, Hold};
use read::{OpenKey, Read, SealKey, Sealed};
use std::collections::BTreeMap;

const HELD_KEY: &[u8] = b"homeplate/held-key/v1";
const ASKED: &[u8] = b"homeplate/asked-hold/v1";

/// Leave to preserve the reads of one hold that is on the log. Like a permit it can be neither
/// stored, copied nor shown.
pub struct HoldPermit {
    hold: HoldId,
    to: SealKey,
    cameras: Vec<CameraId>,
    from: Time,
    until: Time,
    /// What to look for on each day; `None` is every read.
    days: BTreeMap<Day, Option<Token>>,
    /// Where the permit itself is, if this is the city's copy of it.
    remote: Option<Lent>,
}

impl HoldPermit {
    /// The cameras, sorted.
    pub fn cameras(&self) -> &[CameraId] {
        &self.cameras
    }
    /// First moment that is preserved.
    pub fn from(&self) -> Time {
        self.from
    }
    /// First moment that is not.
    pub fn until(&self) -> Time {
        self.until
    }
    /// The days that may hold something, and the token that a read of it must carry.
    pub fn days(&self) -> impl Iterator<Item = (Day, Option<&Token>)> {
        self.days.iter().map(|(day, token)| (*day, token.as_ref()))
    }

    /// The hold.
    pub(crate) fn hold(&self) -> HoldId {
        self.hold
    }

    /// What the city's side of a socket is told of it; its handle is not known yet.
    pub(crate) fn told(&self) -> GivenHold {
        GivenHold {
            handle: Handle([0; 16]),
            key: *self.to.bytes(),
            cameras: self.cameras.clone(),
            from: self.from,
            until: self.until,
            days: self.days.clone(),
        }
    }

    /// The city's copy of a permit that a custody behind a socket keeps. It preserves nothing by itself.
    pub(crate) fn lent(hold: HoldId, given: GivenHold, lent: Lent) -> Self {
        Self {
            hold,
            to: SealKey::from_bytes(given.key),
            cameras: given.cameras,
            from: given.from,
            until: given.until,
            days: given.days,
            remote: Some(lent),
        }
    }

    pub(crate) fn remote(&self) -> Option<&Lent> {
        self.remote.as_ref()
    }

    fn covers(&self, found: &Found) -> bool {
        let (read, segment) = (&found.read, &found.segment);
        let wanted = match self.days.get(&read.id.day()) {
            Some(Some(token)) => read.tokens.contains(token),
            Some(None) => true,
            None => false,
        };
        read.told_straight(segment)
            && wanted
            && self.cameras.binary_search(&read.camera).is_ok()
            && self.from <= read.captured
            && read.captured < self.until
    }
}

/// The public half must say what is preserved, for whose key and on which paper, or the log would show a small hold for
/// another. Times are there by the hour.
fn same_hold(leaf: &Leaf, hold: &Hold, salt: &[u8; 32]) -> Result<()> {
    let committed = commitment(salt, hold.canonical().expose());
    let same = leaf.kind == "hold.placed"
        && leaf.id.as_deref() == Some(hold.id.to_string().as_str())
        && leaf.body.as_deref() == Some(committed.as_str())
        && leaf.number("cameras") == Some(hold.cameras.len() as u64)
        && leaf.text("from") == Some(hour(hold.from).as_str())
        && leaf.text("until") == Some(hour(hold.until).as_str())
        && leaf.facts.get("plate").and_then(|plate| plate.as_bool()) == Some(hold.plate.is_some())
        && leaf.text("key") == Some(hold.key_hash().as_str())
        && leaf.text("paper_id") == Some(hold.paper.as_str());
    if same {
        return Ok(());
    }
    Err(Error::forbidden("The log entry is not of this hold; put the hold on the log first."))
}

/// Seals what a hold asks for, until all of it is preserved: whoever serves the city then goes on with it. Custody alone
/// opens it.
pub fn seal_hold(key: &SealKey, hold: &Hold) -> Result<Sealed> {
    key.seal(ASKED, hold.id.bytes(), hold.canonical().expose())
}

impl Custody {
    /// Gives leave to preserve what a hold asks for that [`seal_hold`] sealed, if its `hold.placed` is on the log and our
    /// own rules let this person place one. To be asked for again: a permit ends with its process, and soon.
    pub fn hold_permit(
        &self,
        id: HoldId,
        sealed: &Sealed,
        salt: &[u8; 32],
        entry: &Entry,
    ) -> Result<HoldPermit> {
        let plain = self.open_ingested(ASKED, id.bytes(), sealed)?;
        let hold = Hold::from_canonical(plain.expose())?;
        same_hold(&self.believes(entry)?, &hold, salt)?;
        if let Decision::Refuse { rule, because } =
            self.rules().may(&hold.person, &hold.roles, Action::PlaceHold, hold.id.time())
        {
            return Err(Error::refused(because).because(format!("rule {rule}")));
        }
        let from = hold.from.max(self.remembers_from());
        let until = hold.until;
        if from >= until {
            return Err(Error::gone("All of that time has been forgotten; nothing can be held."));
        }
        let days = self.day_keys(from, until).into_iter();
        let days = days.map(|(day, key)| (day, hold.plate.as_ref().map(|p| seal::token(&key, p))));
        let mut cameras = hold.cameras.clone();
        cameras.sort_unstable();
        cameras.dedup();
        let to = SealKey::from_bytes(hold.key);
        Ok(HoldPermit {
            hold: hold.id,
            to,
            cameras,
            from,
            until,
            days: days.collect(),
            remote: None,
        })
    }

    /// Seals the keys of reads to the matter. One read outside the permit refuses them all.
    pub fn reseal(&self, permit: &HoldPermit, found: Vec<Found>) -> Result<Vec<HeldRead>> {
        if !found.iter().all(|f| permit.covers(f)) {
            return Err(Error::forbidden("A read lies outside the hold; none was preserved."));
        }
        let one = |Found { read, segment }: Found| {
            let key = self.segment_key(&segment)?;
            let keys = BodyKeys::of_read(&key, &read.id, &segment.id, read.counter, &read.tokens)?;
            let aad = seal::held_aad(&permit.hold, &read.id);
            let keys = permit.to.seal(HELD_KEY, &aad, keys.bytes().expose())?;
            Ok(HeldRead {
                hold: permit.hold,
                id: read.id,
                camera: read.camera,
                epoch: segment.epoch,
                keys,
                body: read.body,
                picture: read.picture,
            })
        };
        found.into_iter().map(one).collect()
    }
}

/// Opens a held read with the private half of its matter's key: the court's business, not the city's.
pub fn open_held(key: &OpenKey, held: &HeldRead) -> Result<(Read, Option<Vec<u8>>)> {
    let aad = seal::held_aad(&held.hold, &held.id);
    let keys = BodyKeys::from_bytes(&key.open(HELD_KEY, &aad, &held.keys)?)?;
    let (read, picture) = keys.open_held(held)?;
    if read.id != held.id || read.camera != held.camera {
        return Err(Error::invalid("A held read is another than it is said to be."));
    }
    Ok((read, picture))
}
