//! Opening: one process at a time, our own place only, nothing silently begun anew.

use crate::days::Days;
use crate::engine::{Arg, Db, Home, Kind, Part, Place, There};
use crate::pictures::{Album, Pictures};
use base::{Day, Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Says in the control data that the store was made whole: from then on a missing part is a loss.
const MADE: &str = "store";

/// An open store. Every method takes `&self` and blocks; threads share it.
pub struct Store {
    pub(crate) control: Mutex<Db>,
    /// The hot list to whoever only reads it: a list that is being taken, which is one transaction of seconds, holds
    /// nobody up. Closed before the other, which may have the file open besides (`engine/pages.rs`).
    pub(crate) hotlist_read: Mutex<Db>,
    pub(crate) hotlist: Mutex<Db>,
    pub(crate) days: Days,
    pub(crate) album: Album,
    /// Files of days that were read whole: open as long as the day is there, see `copying`.
    pub(crate) raw: Mutex<BTreeMap<Day, Arc<File>>>,
    /// Held while somebody relays: the position is read before and written after.
    pub(crate) relaying: Mutex<()>,
    /// Ours as long as this lives; last, so that the databases are closed before it is let go.
    pub(crate) home: Home,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.home)
    }
}

/// A database behind its lock. A panic while it was held leaves no transaction behind: that was
/// undone when it was dropped.
pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the store in the folder `dir`, its pictures in `dir/pictures`; see [`Store::open_at`].
    pub fn open(dir: &Path) -> Result<Store> {
        let pictures = Pictures::Folder(dir.join("pictures"));
        Self::open_at(&Place::Folder(dir.to_owned()), &pictures)
    }

    /// Opens the store, or makes one where nothing is. Days that were being dropped when the process
    /// died are dropped now; what was not relayed is relayed by the next [`Store::relay`]. A service that keeps
    /// the pictures is asked for nothing yet.
    pub fn open_at(place: &Place, pictures: &Pictures) -> Result<Store> {
        let home = Home::open(place)?;
        let there = home.look()?;
        Self::begin(home, &there, pictures)
    }

    /// Opens a store that is there; where none is, none is made.
    pub fn open_made(place: &Place, pictures: &Pictures) -> Result<Store> {
        if let Place::Folder(dir) = place
            && !dir.join("control.db").is_file()
        {
            return Err(lost("control.db"));
        }
        let home = Home::open(place)?;
        let there = home.look()?;
        if !there.control {
            return Err(lost(&home.name(Part::Control)));
        }
        Self::begin(home, &there, pictures)
    }

    fn begin(home: Home, there: &There, pictures: &Pictures) -> Result<Store> {
        let mut control = home.open_part(Part::Control)?;
        let made =
            control.first("SELECT value FROM meta WHERE key = ?1", &[Arg::from(MADE)])?.is_some();
        if !made && !there.days.is_empty() {
            return Err(lost(&home.name(Part::Control)));
        }
        if made && !there.hotlist {
            return Err(lost(&home.name(Part::HotList)));
        }
        let hotlist = home.open_part(Part::HotList)?;
        home.ready()?;
        let hotlist_read = home.open_part(Part::HotList)?;
        if !made {
            let args = [Arg::from(MADE), Arg::from("1")];
            control.exec("INSERT INTO meta (key, value) VALUES (?1, ?2)", &args)?;
        }
        let album = Album::open(pictures)?;
        let days = Days::open(&home, &control, &there.days)?;
        Ok(Store {
            control: Mutex::new(control),
            hotlist_read: Mutex::new(hotlist_read),
            hotlist: Mutex::new(hotlist),
            days,
            album,
            raw: Mutex::default(),
            relaying: Mutex::new(()),
            home,
        })
    }

    pub(crate) fn control(&self) -> MutexGuard<'_, Db> {
        hold(&self.control)
    }

    /// The hot list, to read alone. It is let go before [`Store::hotlist`] is held.
    pub(crate) fn hotlist_read(&self) -> MutexGuard<'_, Db> {
        hold(&self.hotlist_read)
    }

    /// Takes what was deleted from tables of the hot list out of the files, while none of us reads there.
    pub(crate) fn settle_hotlist(&self, db: &Db, tables: &[&str]) -> Result<()> {
        let _nobody = self.hotlist_read();
        tables.iter().try_for_each(|table| db.settle(table))
    }

    /// Takes out of the files what was deleted while another program was reading them. To be called now and then.
    pub fn settle_owed(&self) -> Result<()> {
        self.control().settle_owed()?;
        let db = hold(&self.hotlist);
        let _nobody = self.hotlist_read();
        db.settle_owed()
    }

    /// What is wrong with what is stored, in sentences; nothing if all is well.
    pub fn check(&self) -> Result<Vec<String>> {
        let mut wrong = found_of(self.control().check(Kind::Control));
        wrong.extend(found_of(hold(&self.hotlist).check(Kind::HotList)));
        wrong.extend(self.check_days()?);
        Ok(wrong)
    }
}

/// What is wrong with a part: one that cannot be looked at is wrong, and keeps nobody from looking at the others.
pub(crate) fn found_of(looked: Result<Vec<String>>) -> Vec<String> {
    looked.unwrap_or_else(|e| {
        tracing::error!(error = %e.inside(), "a part of the store cannot be examined");
        vec![e.message().to_owned()]
    })
}

fn lost(name: &str) -> Error {
    Error::unavailable(format!(
        "{name} is missing from a store that had it; restore it from a backup."
    ))
}
