//! What a city wants of its custody, wherever that runs: in the same process, or in one of its own.

use crate::{
    Custody, Found, HeldRead, HoldPermit, Marks, Permit, ReadKey, Rescue, Scanned, SealedBatch,
    SealedHit, SealedSegment, Sort,
};
use base::{
    CameraId, Day, Epoch, HitId, HoldId, PersonId, PublicKey, Result, Secret, Signed, Time,
};
use identity::Adoption;
use ledger::{Entry, Leaf};
use policy::{Facts, Intent};
use read::{Lease, Pass, Read, SealKey, Sealed, SignedRead, WatchHead};

/// Reads of one day and their pictures, as [`Keeper::seal`] takes them.
pub type Arrived = (Pass, Option<Vec<u8>>);
/// A read and its picture.
pub type Opened = (Read, Option<Vec<u8>>);

/// The keeper of a city's keys. Each method is the one of [`Custody`] of that name; through a socket
/// ([`crate::Remote`]) each can also fail because nobody answers there, which is `Unavailable`.
pub trait Keeper: Send + Sync {
    /// [`Custody::takes`].
    fn takes(&self, at: Time) -> Result<()>;
    /// [`Custody::open_item`] of each, and whether it [`Custody::takes`] it.
    fn open_items(&self, camera: &CameraId, items: &[Sealed]) -> Result<Vec<Result<SignedRead>>>;
    /// [`Custody::seal`].
    fn seal(&self, day: Day, reads: &[Arrived]) -> Result<SealedBatch>;
    /// [`Custody::seal_hit`].
    fn seal_hit(&self, hit: HitId, read: &Read, picture: Option<&[u8]>) -> Result<SealedHit>;
    /// [`Custody::seal_record`].
    fn seal_record(&self, plain: &[u8]) -> Result<Sealed>;
    /// [`Custody::pseudonym`].
    fn pseudonym(&self, person: &PersonId) -> Result<String>;
    /// [`Custody::marks`].
    fn marks(&self, intent: &Intent, own: &[Sealed]) -> Result<Marks>;
    /// [`Custody::ingest_key`].
    fn ingest_key(&self) -> Result<SealKey>;
    /// [`Custody::lease_public`].
    fn lease_public(&self) -> Result<PublicKey>;
    /// [`Custody::sign_lease`].
    fn sign_lease(&self, lease: Lease) -> Result<Signed<Lease>>;
    /// [`Custody::watch_key`].
    fn watch_key(&self, camera: &CameraId, day: Day) -> Result<Secret<[u8; 32]>>;
    /// [`Custody::sign_watch`].
    fn sign_watch(&self, head: WatchHead) -> Result<Signed<WatchHead>>;
    /// [`Custody::permit`].
    fn permit(
        &self,
        intent: &Intent,
        facts: &Facts,
        salt: &[u8; 32],
        entry: &Entry,
        then: Option<&Leaf>,
    ) -> Result<Permit>;
    /// [`Custody::adopt`].
    fn adopt(&self, adoption: &Adoption, entry: &Entry) -> Result<()>;
    /// [`Custody::scan`].
    fn scan(&self, permit: &mut Permit, segments: &[SealedSegment]) -> Result<Scanned>;
    /// [`Custody::keys`].
    fn keys(&self, permit: &Permit, found: &[Found]) -> Result<Vec<ReadKey>>;
    /// [`Custody::open_hit`].
    fn open_hit(&self, hit: &SealedHit, entry: &Entry) -> Result<Opened>;
    /// [`Custody::hold_permit`].
    fn hold_permit(
        &self,
        hold: HoldId,
        sealed: &Sealed,
        salt: &[u8; 32],
        entry: &Entry,
    ) -> Result<HoldPermit>;
    /// [`Custody::reseal`].
    fn reseal(&self, permit: &HoldPermit, found: Vec<Found>) -> Result<Vec<HeldRead>>;
    /// [`Custody::destroy_before`].
    fn destroy_before(&self, t: Time) -> Result<Vec<Epoch>>;
    /// [`Custody::destroy_hits_before`].
    fn destroy_hits_before(&self, t: Time) -> Result<Vec<Epoch>>;
    /// [`Custody::destruction_logged`].
    fn destruction_logged(&self, sort: Sort, epochs: &[Epoch]) -> Result<()>;
    /// [`Custody::rescue`].
    fn rescue(&self) -> Result<Option<Rescue>>;
}

impl Keeper for Custody {
    fn takes(&self, at: Time) -> Result<()> {
        Custody::takes(self, at)
    }
    fn open_items(&self, camera: &CameraId, items: &[Sealed]) -> Result<Vec<Result<SignedRead>>> {
        let open = |item| {
            let read = self.open_item(camera, item)?;
            Custody::takes(self, read.unverified().captured)?;
            Ok(read)
        };
        Ok(items.iter().map(open).collect())
    }
    fn seal(&self, day: Day, reads: &[Arrived]) -> Result<SealedBatch> {
        Custody::seal(self, day, reads)
    }
    fn seal_hit(&self, hit: HitId, read: &Read, picture: Option<&[u8]>) -> Result<SealedHit> {
        Custody::seal_hit(self, hit, read, picture)
    }
    fn seal_record(&self, plain: &[u8]) -> Result<Sealed> {
        Custody::seal_record(self, plain)
    }
    fn pseudonym(&self, person: &PersonId) -> Result<String> {
        Custody::pseudonym(self, person)
    }
    fn marks(&self, intent: &Intent, own: &[Sealed]) -> Result<Marks> {
        Custody::marks(self, intent, own)
    }
    fn ingest_key(&self) -> Result<SealKey> {
        Ok(Custody::ingest_key(self))
    }
    fn lease_public(&self) -> Result<PublicKey> {
        Ok(Custody::lease_public(self))
    }
    fn sign_lease(&self, lease: Lease) -> Result<Signed<Lease>> {
        Custody::sign_lease(self, lease)
    }
    fn watch_key(&self, camera: &CameraId, day: Day) -> Result<Secret<[u8; 32]>> {
        Custody::watch_key(self, camera, day)
    }
    fn sign_watch(&self, head: WatchHead) -> Result<Signed<WatchHead>> {
        Custody::sign_watch(self, head)
    }
    fn permit(
        &self,
        intent: &Intent,
        facts: &Facts,
        salt: &[u8; 32],
        entry: &Entry,
        then: Option<&Leaf>,
    ) -> Result<Permit> {
        Custody::permit(self, intent, facts, salt, entry, then)
    }
    fn adopt(&self, adoption: &Adoption, entry: &Entry) -> Result<()> {
        Custody::adopt(self, adoption, entry)
    }
    fn scan(&self, permit: &mut Permit, segments: &[SealedSegment]) -> Result<Scanned> {
        Custody::scan(self, permit, segments)
    }
    fn keys(&self, permit: &Permit, found: &[Found]) -> Result<Vec<ReadKey>> {
        Custody::keys(self, permit, found)
    }
    fn open_hit(&self, hit: &SealedHit, entry: &Entry) -> Result<Opened> {
        Custody::open_hit(self, hit, entry)
    }
    fn hold_permit(
        &self,
        hold: HoldId,
        sealed: &Sealed,
        salt: &[u8; 32],
        entry: &Entry,
    ) -> Result<HoldPermit> {
        Custody::hold_permit(self, hold, sealed, salt, entry)
    }
    fn reseal(&self, permit: &HoldPermit, found: Vec<Found>) -> Result<Vec<HeldRead>> {
        Custody::reseal(self, permit, found)
    }
    fn destroy_before(&self, t: Time) -> Result<Vec<Epoch>> {
        Custody::destroy_before(self, t)
    }
    fn destroy_hits_before(&self, t: Time) -> Result<Vec<Epoch>> {
        Custody::destroy_hits_before(self, t)
    }
    fn destruction_logged(&self, sort: Sort, epochs: &[Epoch]) -> Result<()> {
        Custody::destruction_logged(self, sort, epochs)
    }
    fn rescue(&self) -> Result<Option<Rescue>> {
        Custody::rescue(self)
    }
}
