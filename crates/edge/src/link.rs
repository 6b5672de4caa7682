//! The line between one camera and its city, whoever reads it: enrolment, lease, spool and uplink.

use crate::counts::Counts;
use crate::gates::Gates;
use crate::keeper::{self, Keeper};
use crate::outlet::Outlet;
use crate::run::Say;
use crate::spool::{Full, Keep};
use crate::watch::Watch;
use crate::{Client, Spool, Uplink, beat, enrol, trust};
use base::{CameraId, Clock, Result, Shutdown, Time};
use read::Heartbeat;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::Scope;
use std::time::Duration;

/// After so long a thread that has failed is begun again.
const AGAIN: Duration = Duration::from_secs(2);

/// What a line is made of.
pub(crate) struct LinkConfig<'a> {
    /// The city's address.
    pub server: &'a str,
    /// The camera.
    pub camera: &'a CameraId,
    /// Folder for device key, enrolment and spool.
    pub data: &'a Path,
    /// The one-time code, on first start.
    pub code: Option<&'a str>,
    /// The root that the city's certificate must come from, where it is not one of the machine's.
    pub ca: Option<&'a Path>,
    /// Bytes of sealed reads that may wait, and what happens when there are more.
    pub spool: (u64, Full),
    /// How much of what was delivered is kept.
    pub keep: Keep,
    /// Where order files are looked for, besides the data folder.
    pub orders: Option<PathBuf>,
    /// Whether what captures is a device that this program cannot stop.
    pub foreign: bool,
}

/// A line that is open.
pub(crate) struct Link {
    pub client: Arc<Client>,
    pub keeper: Keeper,
    pub uplink: Uplink,
    pub spool: Arc<Spool>,
    pub counts: Arc<Counts>,
    /// Where reads go.
    pub outlet: Arc<Outlet>,
    clock: Arc<dyn Clock>,
    /// Spooled reads that a crash or a disk has damaged; they are set aside.
    pub damaged: usize,
    /// The folder is this process's own for as long as the line is open.
    _lock: File,
}

impl Link {
    /// Claims the folder, enrols where that was not done yet, and opens the spool. Nobody asks for a lease yet.
    pub fn open(config: LinkConfig<'_>, clock: Arc<dyn Clock>, say: Say) -> Result<Self> {
        let LinkConfig { server, camera, data, code, ca, spool, keep, orders, foreign } = config;
        let lock = enrol::claim(data)?;
        let root = trust::settle(data, server, ca, code)?;
        let client = enrol::connect(data, server, camera, clock.clone(), root.as_deref())?;
        let enrolment = enrol::enrolment(data, &client, code)?;
        say(&format!("camera {camera}: enrolled with {}", enrolment.city));
        let (spool, damaged) = Spool::open(&data.join("spool"), spool.0, spool.1)?;
        let (client, spool) = (Arc::new(client), Arc::new(spool.keeping(keep)));
        let counts = Arc::new(Counts::default());
        let outlet = Arc::new(Outlet {
            spool: spool.clone(),
            counts: counts.clone(),
            watch: Watch::new(client.clone(), enrolment.lease_key, clock.clone()),
            gates: Gates::new(clock.clone(), counts.clone()),
        });
        let held = keeper::Parts {
            client: client.clone(),
            enrolment,
            clock: clock.clone(),
            say,
            spool: spool.clone(),
            foreign,
        };
        let keeper = Keeper::open(held, data, orders)?;
        let uplink = Uplink::new(client.clone(), spool.clone(), counts.clone());
        Ok(Self { client, keeper, uplink, spool, counts, outlet, clock, damaged, _lock: lock })
    }

    /// The camera's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Does in threads of its own what does not depend on who reads: keeps the lease and the lists, sends, tells
    /// gates and how it is, until `done`.
    pub fn tend<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        health: impl Fn() -> Heartbeat + Send + 'scope,
        done: &'scope Shutdown,
    ) {
        scope.spawn(move || self.keeper.run(done));
        scope.spawn(move || again(done, || self.uplink.run(&self.keeper, done)));
        scope.spawn(move || again(done, || self.outlet.watch.run(&self.keeper, done)));
        scope.spawn(move || again(done, || self.outlet.gates.run(&self.keeper, done)));
        scope.spawn(move || again(done, || beat::run(self, &health, done)));
    }
}

/// Runs something until `done`, and begins it again after a panic: a thread that has gone is missed by nobody.
pub(crate) fn again(done: &Shutdown, run: impl Fn()) {
    while catch_unwind(AssertUnwindSafe(&run)).is_err() && !done.sleep(AGAIN) {
        tracing::error!("a thread of a camera's line has failed; it is begun again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn what_fails_is_begun_again_until_the_end() {
        let (done, runs) = (Shutdown::new(), AtomicUsize::new(0));
        again(&done, || assert_eq!(runs.fetch_add(1, Ordering::SeqCst), 1, "it fails once"));
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        done.stop();
        again(&done, || panic!("it is over"));
    }
}
