//! Where a read goes: dropped by a camera that keeps hits alone, or signed, sealed and spooled; and told to a
//! gate where the lease lets it out.

use crate::Spool;
use crate::counts::{Counts, add};
use crate::gates::Gates;
use crate::session::Session;
use crate::watch::Watch;
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

/// A read that is on disk as it was so far: its place there, and the lease and number that it is signed under.
pub struct Draft {
    place: u64,
    session: Arc<Session>,
    counter: u64,
}

/// What is known of a vehicle.
pub type Known = (Track, Voted, Sighting);

impl Outlet {
    /// Takes a read; `age` is how long ago the vehicle was seen last. An error is that it is lost, which is
    /// counted.
    pub fn put(&self, session: Option<&Arc<Session>>, known: Known, age: Duration) -> Result<()> {
        self.finish(None, session, known, age, true)
    }

    /// Keeps a read as it is so far, in the place of what was kept of it before. Nothing of one that will not be
    /// kept. On an error what was kept before still lies there, and `draft` says where.
    pub fn draft(
        &self,
        draft: &mut Option<Draft>,
        session: &Arc<Session>,
        known: Known,
    ) -> Result<()> {
        let (track, voted, sighting) = known;
        if draft.is_none() && !self.watch.wants(session.lease().hits_only, &voted.odds, track.best)
        {
            return Ok(());
        }
        let (place, session, counter) = match draft.as_ref() {
            Some(draft) if draft.session.lease().covers(track.best) => {
                (Some(draft.place), draft.session.clone(), draft.counter)
            }
            other => (other.map(|draft| draft.place), session.clone(), session.reserve()),
        };
        let (sealed, _) = session.seal_as(counter, track, voted, sighting)?;
        let place = self.spool.draft(place, &sealed.0)?;
        *draft = Some(Draft { place, session, counter });
        Ok(())
    }

    /// [`Outlet::put`] of what was kept before as a draft. A gate is told of it only where `tells`.
    pub fn finish(
        &self,
        draft: Option<Draft>,
        session: Option<&Arc<Session>>,
        known: Known,
        age: Duration,
        tells: bool,
    ) -> Result<()> {
        let (track, voted, sighting) = known;
        let drafted = draft.as_ref().map(|draft| draft.place);
        // The number that was reserved for it is used, while its lease covers what was seen best.
        let draft = draft.filter(|draft| draft.session.lease().covers(track.best));
        let Some(session) = draft.as_ref().map(|draft| &draft.session).or(session) else {
            add(&self.counts.lost, 1);
            return Err(Error::gone("No lease covered this pass."));
        };
        if !self.watch.wants(session.lease().hits_only, &voted.odds, track.best) {
            drafted.into_iter().for_each(|place| self.spool.drop_draft(place));
            add(&self.counts.not_kept, 1);
            return Ok(());
        }
        let sealed = match &draft {
            Some(draft) => session.seal_as(draft.counter, track, voted, sighting),
            None => session.seal(track, voted, sighting),
        };
        let kept = sealed.and_then(|(sealed, signed)| {
            let dropped = match drafted {
                Some(place) => self.spool.push_drafted(place, &sealed.0, age)?,
                None => self.spool.push_aged(&sealed.0, age)?,
            };
            if tells {
                self.gates.tell(session, signed, age);
            }
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
