//! Reads come in: opened in memory, shown to the jobs, sealed, stored in one transaction.

use crate::refused::Refused;
use crate::{Batch, City, Event, Ingested, LaterItem, RefusedItem};
use base::{CameraId, Day, Error, Kind, ReadId, Result, Time};
use custody::SealedBatch;
use read::{Effect, Pass, SignedRead};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use store::LeaseRow;

/// A capture time may be so far ahead of the city's clock.
const AHEAD_MS: i64 = 60_000;
/// What custody finds too far ahead to look at is so for this much longer at the least: it allows five minutes.
const FAR: Duration = Duration::from_secs(240);

type Arrived = (Pass, Option<Vec<u8>>);

/// Why a read is not taken, as far as that is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// No lease covers it.
    Unleased,
    /// An order had ended its lease.
    Late,
    /// Its time has not come by the city's clock: one of the two clocks is off, and the read is good.
    Early,
    Other,
}

struct No(Error, Why);

impl From<Error> for No {
    fn from(e: Error) -> Self {
        Self(e, Why::Other)
    }
}

/// Says of a read what becomes of it: it is refused for good, or taken later. An error is of the whole batch: what
/// could not be looked up says nothing about any read.
fn not_taken(
    No(e, why): No,
    index: usize,
    out: &mut Ingested,
    refused: &mut Refused,
) -> Result<()> {
    let message = e.message().to_owned();
    match (why, e.kind()) {
        // Nor does a defect of ours; but one that does not pass may not hold up the others.
        (Why::Early, _) | (_, Kind::Internal) => {
            let wait_s = e.wait().unwrap_or(FAR).as_secs() + 1;
            out.later.push(LaterItem { index, wait_s, message });
        }
        (_, Kind::Busy | Kind::Unavailable) => return Err(e),
        (_, kind) => {
            refused.reads += u64::from(why == Why::Unleased);
            refused.late += u64::from(why == Why::Late);
            out.refused.push(RefusedItem { index, kind: kind.slug().into(), message });
        }
    }
    Ok(())
}

impl City {
    /// Takes a camera's batch. Per day it is stored whole or not at all; an item that is not taken
    /// is named with its reason and does not hold up the others. Sending it again changes nothing. An error is of the
    /// whole batch.
    pub fn ingest(&self, by: &CameraId, batch: Batch) -> Result<Ingested> {
        if batch.v != 1 {
            return Err(Error::invalid("This city takes batches of version 1."));
        }
        if batch.items.len() > Batch::MAX {
            return Err(Error::too_large(format!("Send at most {} reads a batch.", Batch::MAX)));
        }
        if &batch.camera != by {
            return Err(Error::forbidden("A camera sends its own reads only."));
        }
        let now = self.now();
        self.takes_from(by, batch.items.len(), now)?;
        if !batch.items.is_empty() {
            self.room_for_reads()?;
        }
        let mut out = Ingested::default();
        let mut refused = Refused::default();
        let mut days: BTreeMap<Day, (Vec<usize>, Vec<Arrived>)> = BTreeMap::new();
        let mut leases = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let opened = self.custody.open_items(by, &batch.items)?;
        for (index, item) in opened.into_iter().enumerate() {
            let item = item.map_err(|e| match e.kind() {
                Kind::Busy => No(e, Why::Early),
                _ => No::from(e),
            });
            match item.and_then(|signed| self.checked(by, &signed, now, &mut leases)) {
                Ok((pass, picture)) => {
                    if seen.insert(pass.id) {
                        let (places, reads) = days.entry(pass.id.day()).or_default();
                        places.push(index);
                        reads.push((pass, picture));
                    } else {
                        out.known += 1;
                    }
                }
                Err(no) => {
                    tracing::warn!(camera = %by, index, error = %no.0.inside(), "read not taken");
                    not_taken(no, index, &mut out, &mut refused)?;
                }
            }
        }
        // What is told of refused reads holds up no good ones; it is told again within the minute.
        if let Err(e) = self.note_refused(by, refused) {
            tracing::warn!(camera = %by, error = %e.inside(), "refused reads are not on the log yet");
        }
        for (day, (places, reads)) in days {
            let count = reads.len();
            match self.keep(day, reads, now) {
                Ok(new) => {
                    out.new += new.len();
                    out.known += count - new.len();
                    out.new_ids.extend(new);
                }
                // A damaged day holds up no other: its reads come again until it is mended or forgotten.
                Err(e) if e.kind() == Kind::Internal => {
                    tracing::error!(%day, error = %e.inside(), "reads of a day cannot be kept");
                    let (wait_s, message) = (FAR.as_secs() + 1, e.message());
                    let later = |index| LaterItem { index, wait_s, message: message.into() };
                    out.later.extend(places.into_iter().map(later));
                }
                Err(e) => return Err(e),
            }
        }
        // What is stored is taken: a day that cannot be relayed is no reason to send it again.
        if let Err(e) = self.store.relay_new() {
            tracing::error!(error = %e.inside(), "hits of a day cannot be raised");
        }
        self.log_hits()?;
        Ok(out)
    }

    /// Stores reads as if their cameras had just delivered them, past leases and signatures: the way to
    /// a month of reads within minutes. Measurements only; no route and no command leads here.
    #[doc(hidden)]
    pub fn load_for_bench(&self, passes: Vec<Pass>) -> Result<usize> {
        let mut days: BTreeMap<Day, Vec<Arrived>> = BTreeMap::new();
        for pass in passes {
            days.entry(pass.id.day()).or_default().push((pass, None));
        }
        let now = self.now();
        days.into_iter().map(|(day, reads)| Ok(self.keep(day, reads, now)?.len())).sum()
    }

    /// Stores sealed reads of one day `copies` times more, each copy under ids and index tokens of its own
    /// by chance: to the store they are other reads, and nobody opens them. The way to a million reads a
    /// day. Measurements only.
    #[doc(hidden)]
    pub fn fill_for_bench(&self, passes: &[Pass], copies: usize) -> Result<()> {
        let Some(first) = passes.first() else { return Ok(()) };
        let reads: Vec<Arrived> = passes.iter().map(|pass| (pass.clone(), None)).collect();
        let sealed = self.custody.seal(first.id.day(), &reads)?;
        for _ in 0..copies {
            let mut batch = sealed.clone();
            let fresh: BTreeMap<_, _> = batch
                .segments
                .iter()
                .map(|segment| {
                    (segment.id, base::SegmentId::new(segment.id.time(), base::random()))
                })
                .collect();
            for segment in &mut batch.segments {
                segment.id = fresh[&segment.id];
            }
            for read in &mut batch.reads {
                read.id = ReadId::new(read.captured, base::random());
                read.segment = fresh[&read.segment];
                read.tokens.iter_mut().for_each(|token| *token = custody::Token(base::random()));
            }
            self.store.put_batch(batch, Vec::new())?;
        }
        Ok(())
    }

    /// Whether anything is taken from a camera: what it captured under a lease is, after an order to switch off
    /// too, unless that order has it erased. An empty batch asks whether the camera may go on.
    fn takes_from(&self, by: &CameraId, items: usize, now: Time) -> Result<()> {
        let (retired, off) = {
            let switches = self.switches();
            (switches.retired(by), switches.capture_off(by, now))
        };
        let Some(off) = off else {
            return if retired.is_some() { self.capture_allowed(by) } else { Ok(()) };
        };
        if items > 0 && off.erase {
            let late = items as u64;
            self.note_refused(by, Refused { late, ..Refused::default() })?;
        }
        if items == 0 || off.erase || retired.is_some() { self.capture_allowed(by) } else { Ok(()) }
    }

    /// A read that custody has opened: of this camera, under a lease of its own, signed with that.
    fn checked(
        &self,
        by: &CameraId,
        signed: &SignedRead,
        now: Time,
        leases: &mut BTreeMap<base::LeaseId, LeaseRow>,
    ) -> Result<Arrived, No> {
        let claimed = signed.unverified();
        let lease = match leases.get(&claimed.lease) {
            Some(row) => row.clone(),
            None => {
                let row = self.store.lease(&claimed.lease)?.ok_or_else(|| {
                    Error::unauthenticated(
                        "The read names a lease that this city never granted, or has forgotten.",
                    )
                })?;
                leases.insert(claimed.lease, row.clone());
                row
            }
        };
        let (read, picture) = signed.verify(&lease.lease.capture_key)?;
        if &read.camera != by || &lease.lease.camera != by {
            return Err(
                Error::forbidden("A read of another camera; each camera sends its own.").into()
            );
        }
        if !lease.lease.covers(read.captured) {
            let e = Error::gone("The read was not captured under a valid lease.");
            return Err(No(e, Why::Unleased));
        }
        if self.switches().said.beyond(&read.lease.to_string(), read.counter) {
            let e = Error::gone("The camera has said that it stopped before this read.");
            return Err(No(e, Why::Unleased));
        }
        if lease.ended.is_some_and(|ended| read.captured >= ended) {
            let e = Error::gone("The read was captured after the camera was switched off.");
            return Err(No(e, Why::Late));
        }
        let early = read.captured.since(now) - AHEAD_MS;
        if early > 0 {
            let wait = Duration::from_millis(early.unsigned_abs());
            let e = Error::busy("The capture time lies in the future; set the clock.");
            return Err(No(e.retry_after(wait), Why::Early));
        }
        Ok((Arc::new(read.clone()), picture.map(<[u8]>::to_vec)))
    }

    /// Stores the reads of one day: jobs, seal, one transaction. Returns which were new.
    fn keep(&self, day: Day, mut reads: Vec<Arrived>, now: Time) -> Result<Vec<ReadId>> {
        let ids: Vec<ReadId> = reads.iter().map(|(pass, _)| pass.id).collect();
        let known: BTreeSet<ReadId> = self.store.known(day, &ids)?.into_iter().collect();
        reads.retain(|(pass, _)| !known.contains(&pass.id));
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let passes: Vec<Pass> = reads.iter().map(|(pass, _)| pass.clone()).collect();
        let effects: Vec<Effect> = if self.jobs_off() {
            Vec::new()
        } else {
            self.jobs.iter().flat_map(|job| job.on_passes(&passes, now)).collect()
        };
        let mut batch = self.custody.seal(day, &self.as_room_is(&reads)?)?;
        self.seal_hits(&mut batch, &reads, &effects)?;
        let shown: Vec<(ReadId, CameraId, String)> = batch
            .reads
            .iter()
            .map(|r| {
                let head = base::hex(&r.body[..r.body.len().min(24)]);
                (r.id, r.camera.clone(), format!("{} bytes {head}…", r.body.len()))
            })
            .collect();
        let stored = self.store.put_batch(batch, effects)?;
        let passed = passes.iter().filter(|pass| stored.new.contains(&pass.id));
        self.note_activity(passed.map(|pass| (&pass.camera, pass.captured)))?;
        for (id, camera, sealed) in shown {
            if stored.new.contains(&id) {
                self.emit(Event {
                    camera: Some(camera),
                    id: Some(id.to_string()),
                    sealed: Some(sealed),
                    ..self.event("read.sealed")
                });
            }
        }
        Ok(stored.new)
    }

    /// The reads with the pictures that the disk has room for; those of hits are sealed apart, and stay.
    fn as_room_is<'a>(&self, reads: &'a [Arrived]) -> Result<std::borrow::Cow<'a, [Arrived]>> {
        let step = self.picture_step()?;
        if step == crate::PictureStep::All {
            return Ok(reads.into());
        }
        let kept = |(pass, picture): &Arrived| {
            (pass.clone(), picture.clone().filter(|_| step.keeps(&pass.id)))
        };
        Ok(reads.iter().map(kept).collect::<Vec<_>>().into())
    }

    /// A hit keeps its own sealed copy, under a key and a retention of its own.
    fn seal_hits(
        &self,
        batch: &mut SealedBatch,
        reads: &[Arrived],
        effects: &[Effect],
    ) -> Result<()> {
        for effect in effects {
            let Effect::Hit { hit, read, .. } = effect;
            if let Some((pass, picture)) = reads.iter().find(|(pass, _)| pass.id == *read) {
                batch.hits.push(self.custody.seal_hit(*hit, pass, picture.as_deref())?);
            }
        }
        Ok(())
    }

    /// Applies stored effects to the control data, exactly once, and puts new hits on the log. A day that cannot be
    /// read holds up no other; health names it, and it is tried again by the clock.
    pub(crate) fn relay(&self) -> Result<()> {
        if let Err(e) = self.store.relay() {
            tracing::error!(error = %e.inside(), "hits of a day cannot be raised");
        }
        self.log_hits()
    }

    fn log_hits(&self) -> Result<()> {
        for hit in self.store.hits_to_log()? {
            let leaf = self
                .leaf("hit.raised")
                .job("hotlist")
                .id(hit.id.to_string())
                .fact("list", hit.list.as_str())
                .fact("camera", hit.camera.as_str());
            let entry = self.log.append_once(&leaf)?;
            let raised = self.now();
            // What something speaks against rings nowhere; it waits in the queue.
            if self.may_ring(&hit, raised)? {
                self.ring(&hit, entry.index)?;
            }
            self.store.mark_hit_logged(&hit.id, raised)?;
            self.emit(Event {
                camera: Some(hit.camera),
                id: Some(hit.id.to_string()),
                log_entry: Some(entry.index),
                ..self.event("hit.raised")
            });
        }
        Ok(())
    }

    /// Does what goes by the clock, and counts where that is due.
    pub fn tend(&self) -> Result<()> {
        self.by_the_clock()?;
        let wait = Duration::from_secs(u64::from(self.config.log.counts_s));
        let counted = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.is_none_or(|at| at.elapsed() >= wait) {
            self.count()?;
        }
        self.store.settle_owed()
    }

    /// The same, and counts in any case: before anything is forgotten, and at the end.
    pub fn tally(&self) -> Result<()> {
        self.by_the_clock()?;
        self.count()?;
        self.store.settle_owed()
    }

    fn by_the_clock(&self) -> Result<()> {
        // Scheduled orders hold by the clock; the database follows.
        self.apply_orders()?;
        if let Err(e) = self.finish_activation() {
            tracing::warn!(error = %e.inside(), "a set of rules is not in force yet");
        }
        self.tell_refused()?;
        // Hits that the log could not take before.
        self.relay()?;
        self.tend_hits()?;
        self.tend_drills()?;
        self.tend_budgets()?;
        self.tell_stale()
    }

    /// Puts the day's counts on the log where they have grown since the last time.
    fn count(&self) -> Result<()> {
        let mut leaves = Vec::new();
        for day in self.store.days()? {
            let counts = match self.store.counts(day) {
                Ok(counts) => counts,
                Err(e) => {
                    tracing::error!(%day, error = %e.inside(), "a day cannot be counted");
                    continue;
                }
            };
            let counts = counts.into_iter().filter(|(_, reads)| *reads > 0);
            leaves.extend(counts.filter_map(|(camera, reads)| {
                let id = format!("{day}/{camera}/{reads}");
                let leaf = || self.leaf("counts.daily").fact("day", day.to_string());
                let is_new = !self.log.has("counts.daily", &id);
                is_new.then(|| leaf().fact("camera", camera.as_str()).fact("reads", reads).id(id))
            }));
        }
        self.log.append_all(&leaves)?;
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Town;

    /// By the minute the counts of a large city would be nearly all of its log.
    #[test]
    fn reads_are_counted_once_an_hour_and_before_they_are_forgotten() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let counted =
            |reads: u32| town.city.log.has("counts.daily", &format!("2026-11-01/cam_one/{reads}"));
        town.pass("7ABC128");
        town.city.tend().unwrap();
        assert!(!counted(1), "the start has counted");
        town.city.tally().unwrap();
        assert!(counted(1));
        let size = town.city.log.size();
        town.city.tally().unwrap();
        assert_eq!(town.city.log.size(), size, "nothing has grown");
        town.pass("8XYZ001");
        *town.city.counted.lock().unwrap() = None;
        town.city.tend().unwrap();
        assert!(counted(2));
    }

    #[test]
    fn a_fault_of_the_city_refuses_no_read() {
        let check = |e: Error, why: Why, want: &str| {
            let (mut out, mut refused) = (Ingested::default(), Refused::default());
            let said = match not_taken(No(e, why), 3, &mut out, &mut refused) {
                Err(_) => "the whole batch",
                Ok(()) if out.later.iter().any(|item| item.index == 3) => "later",
                Ok(()) => "refused",
            };
            assert_eq!((said, out.refused.is_empty()), (want, want != "refused"));
        };
        check(Error::busy("Every connection is in use."), Why::Other, "the whole batch");
        check(Error::unavailable("The line broke."), Why::Other, "the whole batch");
        check(Error::internal("A lease is damaged."), Why::Other, "later");
        check(Error::busy("Too early."), Why::Early, "later");
        check(Error::invalid("No read."), Why::Other, "refused");
        check(Error::unauthenticated("No such lease."), Why::Other, "refused");
        check(Error::gone("Not covered."), Why::Unleased, "refused");
        check(Error::gone("Switched off."), Why::Late, "refused");
    }
}
