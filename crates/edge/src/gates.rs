//! Reads on their way to gates beside the camera: a short queue in memory and one thread that posts.
//!
//! What does not get through soon is dropped: a gate that opens a minute later opens for somebody else.

use crate::counts::{Counts, add};
use crate::keeper::Keeper;
use crate::outbound::LocalWebhook;
use crate::session::Session;
use base::{Clock, Shutdown};
use read::SignedRead;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Reads that wait at most; more cars do not stand before a gate.
const QUEUE: usize = 32;
/// How long after its vehicle was seen last a read is worth telling.
const FRESH: Duration = Duration::from_secs(20);
/// A vehicle whose best look is so much older than its last, in milliseconds, has stood there ever since: it did not come
/// to the gate now. Other makers' readers tell of one that waits after half a minute.
const STOOD_MS: i64 = 120_000;
const TICK: Duration = Duration::from_millis(200);

struct Waiting {
    /// When the vehicle was seen last.
    since: Instant,
    session: Arc<Session>,
    read: SignedRead,
}

/// The way to the gates that leases name.
pub struct Gates {
    queue: Mutex<VecDeque<Waiting>>,
    some: Condvar,
    clock: Arc<dyn Clock>,
    counts: Arc<Counts>,
}

impl Gates {
    /// Nothing waits yet.
    pub fn new(clock: Arc<dyn Clock>, counts: Arc<Counts>) -> Self {
        Self { queue: Mutex::default(), some: Condvar::new(), clock, counts }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a read before the gates of its lease, if it names any; `age` is how long ago the vehicle was seen last. Of
    /// one that is gone by now, or has stood there for long, no gate is told.
    pub fn tell(&self, session: &Arc<Session>, read: SignedRead, age: Duration) {
        let fresh = {
            let read = read.unverified();
            is_fresh(age, read.last.since(read.captured))
        };
        if session.lease().gates.is_empty() || !fresh {
            return;
        }
        let mut queue = self.queue();
        if queue.len() >= QUEUE {
            queue.pop_front();
            add(&self.counts.gates_missed, 1);
        }
        let now = Instant::now();
        let since = now.checked_sub(age).unwrap_or(now);
        queue.push_back(Waiting { since, session: session.clone(), read });
        self.some.notify_one();
    }

    fn next(&self) -> Option<Waiting> {
        let mut queue = self.queue();
        if queue.is_empty() {
            queue = match self.some.wait_timeout(queue, TICK) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        queue.pop_front()
    }

    /// Tells what waits until `done`. Whether it may still leave is looked at when it leaves: under the lease in
    /// force by then, and while sharing is not off.
    pub fn run(&self, keeper: &Keeper, done: &Shutdown) {
        let mut hooks: BTreeMap<String, LocalWebhook> = BTreeMap::new();
        while !done.stopped() {
            let Some(next) = self.next() else { continue };
            for gate in next.session.lease().gates.clone() {
                let told = self.allowed(&next, keeper, &gate.to) && {
                    let hook = match hooks.entry(gate.to.clone()) {
                        std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
                        std::collections::btree_map::Entry::Vacant(new) => {
                            match LocalWebhook::new(&gate.to) {
                                Ok(hook) => new.insert(hook),
                                Err(_) => continue,
                            }
                        }
                    };
                    let lease = next.session.lease();
                    match hook.tell(next.read.unverified(), lease, self.clock.now()) {
                        Ok(()) => true,
                        Err(e) => {
                            tracing::warn!(error = %e.inside(), "a gate is not told");
                            false
                        }
                    }
                };
                let counter =
                    if told { &self.counts.gates_told } else { &self.counts.gates_missed };
                add(counter, 1);
            }
        }
    }

    fn allowed(&self, next: &Waiting, keeper: &Keeper, to: &str) -> bool {
        let (now, at) = (self.clock.now(), next.read.unverified().captured);
        // A renewed lease without this gate counts more than the one that the read was made under.
        let still = keeper.session().is_some_and(|session| {
            session.lease().gates.iter().any(|gate| gate.to == to && now < gate.until)
        });
        next.since.elapsed() < FRESH
            && still
            && !keeper.sharing_off()
            && next.session.lease().lets_out(to, at, now)
    }
}

/// Whether a vehicle may be at the gate: it was seen a little ago, and came a little before that; `stood_ms` is how much
/// older its best look is than its last.
fn is_fresh(age: Duration, stood_ms: i64) -> bool {
    age < FRESH && stood_ms < STOOD_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_told_of_who_is_there() {
        let check = |age: u64, stood_ms: i64, want: bool| {
            assert_eq!(
                is_fresh(Duration::from_secs(age), stood_ms),
                want,
                "{age} s, {stood_ms} ms"
            );
        };
        check(0, 0, true);
        check(2, 40_000, true);
        // Its camera was dark for a minute; it is parked in view since before the lease was renewed.
        check(61, 0, false);
        check(0, 45 * 60_000, false);
    }
}
