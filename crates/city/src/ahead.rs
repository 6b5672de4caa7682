//! The matcher ahead of time: a server that stands by reads the hot lists while another serves, so that it need not when
//! it is its turn. Whether what it read still stands, the store tells ([`store::EntriesMark`]); if not, the lists are
//! read as at any start.

use crate::Config;
use crate::init::Paths;
use crate::lists::{PAGE, Pages, looked_for};
use base::{Error, Result, Shutdown};
use hotlist::HotList;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::{EntriesMark, ListsBeside, Store};

/// How often it is looked whether the lists are others.
const LOOK: Duration = Duration::from_secs(2);
/// After a look it rests for so many times as long as that took: lists that change all the time are not read all the time.
const REST: u32 = 10;

/// Reads the hot lists ahead, until it is dropped.
pub struct Ahead {
    known: Arc<Mutex<Option<Known>>>,
    stop: Shutdown,
}

/// Lists that were read, and what they were read of.
#[derive(Clone)]
pub struct Known {
    hot: Arc<HotList>,
    mark: EntriesMark,
}

impl Ahead {
    /// Begins, in a thread of its own, where the city's store lets a second process look.
    pub fn begin(dir: &Path) -> Result<Self> {
        let ahead = Self { known: Arc::default(), stop: Shutdown::new() };
        let paths = Paths::new(dir);
        let place = Config::load(&paths.config)?.place(&paths.store);
        if let Some(lists) = ListsBeside::of(&place)? {
            let (known, stop) = (ahead.known.clone(), ahead.stop.clone());
            std::thread::spawn(move || follow(&lists, &known, &stop));
        }
        Ok(ahead)
    }

    /// What was read last.
    pub fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Ahead {
    /// Not waited for: what is read in this moment is read for nobody.
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Known {
    /// The matcher, if the entries of the store are those that it knows.
    pub(crate) fn still(self, store: &Store) -> Result<Option<Arc<HotList>>> {
        Ok((store.entries_mark()? == self.mark).then_some(self.hot))
    }
}

fn follow(lists: &ListsBeside, known: &Mutex<Option<Known>>, stop: &Shutdown) {
    let (mut wait, mut last) = (Duration::ZERO, None);
    while !stop.sleep(wait) {
        let begun = Instant::now();
        match read(lists, last.as_ref(), stop) {
            Ok(None) => {}
            Ok(Some(fresh)) => {
                tracing::info!(entries = fresh.hot.len(), "the hot lists are read ahead");
                last = Some(fresh.mark.clone());
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
            }
            // The database may be away: whoever serves says so, and a start without this takes longer, no more.
            Err(e) => tracing::debug!(error = %e.inside(), "the hot lists cannot be read ahead"),
        }
        wait = LOOK.max(begun.elapsed() * REST);
    }
}

/// The lists, if they are others than `last` and did not change while they were read.
fn read(lists: &ListsBeside, last: Option<&EntriesMark>, stop: &Shutdown) -> Result<Option<Known>> {
    let mark = lists.mark()?;
    if last == Some(&mark) {
        return Ok(None);
    }
    let mut pages = Pages::new(|after| {
        if stop.stopped() {
            return Err(Error::busy("Nobody waits for the lists any more."));
        }
        lists.entries_after(after, PAGE)
    });
    let hot = HotList::new();
    hot.load(pages.by_ref().map(looked_for));
    pages.done()?;
    Ok((lists.mark()? == mark).then(|| Known { hot: Arc::new(hot), mark }))
}
