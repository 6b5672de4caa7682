//! Where a read goes: dropped by a camera that keeps hits alone, or signed, sealed and spooled; and told to a
//! gate where the lease lets it out.

use crate::counts::{Counts, add};
use crate::gates::Gates;
use crate::session::Session;
use crate::watch::Watch;
use crate::Spool;
use base::{Error, Result};
use read::Sighting;
use std::sync::Arc;
use std::time::Duration;
use vision::{Track, Voted};

/// The one way that a read leaves the memory of this program.
pub struct Outlet {
    pub spool: Arc<Spool>,
    pub counts: Arc<Counts>,
    pub watch: Watch,
    pub gates: Gates,
}

impl Outlet {
    /// Takes a read; `age` is how long ago the vehicle was seen last. An error is that it is lost, which is
    /// counted.
    pub fn put(
        &self,
        session: Option<&Arc<Session>>,
        track: Track,
        voted: Voted,
        sighting: Sighting,
        age: Duration,
    ) -> Result<()> {
        let Some(session) = session else {
            add(&self.counts.lost, 1);
            return Err(Error::gone("No lease covered this pass."));
        };
        if !self.watch.wants(session.lease().hits_only, &voted.odds, track.best) {
            add(&self.counts.not_kept, 1);
            return Ok(());
        }
        let kept = session.seal(track, voted, sighting).and_then(|(sealed, signed)| {
            let dropped = self.spool.push_aged(&sealed.0, age)?;
            self.gates.tell(session, signed);
            Ok(dropped)
        });
        match kept {
            Ok(dropped) => {
                add(&self.counts.sealed, 1);
                add(&self.counts.lost, dropped);
                Ok(())
            }
            Err(e) => {
                add(&self.counts.lost, 1);
                Err(e)
            }
        }
    }
}
