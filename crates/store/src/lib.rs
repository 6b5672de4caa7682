//! All persistence of a city.
#![allow(missing_docs, unused_variables, dead_code, clippy::all)]
mod rows;
pub use rows::{CameraRow, EntryRow, HitRow, LeaseRow, OrderRow, PersonRow, RecordRow, Search, Stored};
use base::*;
use custody::{Permit, SealedBatch, SealedHit};
use read::{Effect, Sealed};
use std::path::Path;

#[derive(Debug)]
pub struct Store(());
fn soon<T>() -> Result<T> {
    Err(Error::unavailable("The store is being built."))
}
impl Store {
    pub fn open(dir: &Path) -> Result<Store> { soon() }
    pub fn known(&self, day: Day, ids: &[ReadId]) -> Result<Vec<ReadId>> { soon() }
    pub fn put_batch(&self, batch: SealedBatch, effects: Vec<Effect>) -> Result<Stored> { soon() }
    pub fn relay(&self) -> Result<Vec<HitId>> { soon() }
    pub fn hits_to_log(&self) -> Result<Vec<HitRow>> { soon() }
    pub fn mark_hit_logged(&self, id: &HitId) -> Result<()> { soon() }
    pub fn search(&self, permit: &Permit) -> Result<Search> { soon() }
    pub fn counts(&self, day: Day) -> Result<Vec<(CameraId, u64)>> { soon() }
    pub fn days(&self) -> Result<Vec<Day>> { soon() }
    pub fn drop_day(&self, day: Day) -> Result<()> { soon() }
    pub fn put_camera(&self, row: &CameraRow) -> Result<()> { soon() }
    pub fn camera(&self, id: &CameraId) -> Result<Option<CameraRow>> { soon() }
    pub fn cameras(&self) -> Result<Vec<CameraRow>> { soon() }
    pub fn put_code(&self, hash: &[u8; 32], camera: &CameraId, expires: Time) -> Result<()> { soon() }
    pub fn take_code(&self, hash: &[u8; 32], now: Time) -> Result<Option<CameraId>> { soon() }
    pub fn put_lease(&self, row: &LeaseRow) -> Result<()> { soon() }
    pub fn lease(&self, id: &LeaseId) -> Result<Option<LeaseRow>> { soon() }
    pub fn end_leases(&self, camera: &CameraId, at: Time) -> Result<Vec<LeaseId>> { soon() }
    pub fn put_person(&self, row: &PersonRow) -> Result<()> { soon() }
    pub fn person(&self, id: &PersonId) -> Result<Option<PersonRow>> { soon() }
    pub fn persons(&self) -> Result<Vec<PersonRow>> { soon() }
    pub fn hits(&self, limit: u32, before: Option<HitId>) -> Result<Vec<HitRow>> { soon() }
    pub fn hit(&self, id: &HitId) -> Result<Option<HitRow>> { soon() }
    pub fn sealed_hit(&self, id: &HitId) -> Result<SealedHit> { soon() }
    pub fn set_verdict(&self, id: &HitId, expected_version: i64, state: &str, json: &str) -> Result<()> { soon() }
    pub fn add_entry(&self, row: &EntryRow) -> Result<()> { soon() }
    pub fn remove_entry(&self, id: &EntryId) -> Result<()> { soon() }
    pub fn entries(&self) -> Result<Vec<EntryRow>> { soon() }
    pub fn put_record(&self, kind: &str, id: &str, salt: &[u8; 32], sealed: &Sealed) -> Result<()> { soon() }
    pub fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>> { soon() }
    pub fn put_order(&self, row: &OrderRow) -> Result<()> { soon() }
    pub fn orders(&self) -> Result<Vec<OrderRow>> { soon() }
    pub fn set_meta(&self, key: &str, value: &str) -> Result<()> { soon() }
    pub fn meta(&self, key: &str) -> Result<Option<String>> { soon() }
    pub fn check(&self) -> Result<Vec<String>> { soon() }
}
