//! Where a store lives: a folder of SQLite files, or schemas of a PostgreSQL server.

use super::folder::Folder;
use super::postgres::Server;
use super::{Db, Kind};
use base::{Day, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a store is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Files in a folder.
    Folder(PathBuf),
    /// Schemas in a database of a PostgreSQL server.
    Postgres {
        /// Address, database and user.
        url: Url,
        /// The schema of the control data; the names of the others begin with it.
        schema: String,
    },
}

/// The address of a PostgreSQL server: `host=/run/postgresql dbname=city user=homeplate`, or
/// `postgres://…`. A password may stand in it, and therefore it is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Url(pub String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(…)")
    }
}

/// A part of a store: a database of its own, so that each can be guarded and dropped by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Control,
    HotList,
    Day(Day),
}

impl Part {
    pub fn kind(self) -> Kind {
        match self {
            Part::Control => Kind::Control,
            Part::HotList => Kind::HotList,
            Part::Day(_) => Kind::Reads,
        }
    }
}

/// What of a store is there before it is opened.
pub(crate) struct There {
    pub control: bool,
    pub hotlist: bool,
    /// In their order.
    pub days: Vec<Day>,
}

impl There {
    /// All of it.
    pub fn parts(self) -> Vec<Part> {
        let mut out = Vec::new();
        out.extend(self.control.then_some(Part::Control));
        out.extend(self.hotlist.then_some(Part::HotList));
        out.extend(self.days.into_iter().map(Part::Day));
        out
    }
}

/// A place that this process has to itself.
#[derive(Clone, Debug)]
pub(crate) enum Home {
    Folder(Arc<Folder>),
    Postgres(Arc<Server>),
}

impl Home {
    /// Takes the place for this process alone; nothing is made in it yet but a lock.
    pub fn open(place: &Place) -> Result<Self> {
        Ok(match place {
            Place::Folder(dir) => Self::Folder(Arc::new(Folder::open(dir)?)),
            Place::Postgres { url, schema } => Self::Postgres(Server::open(&url.0, schema)?),
        })
    }

    /// What is there, before anything is made: what is somebody else's is not ours to fill.
    pub fn look(&self) -> Result<There> {
        match self {
            Self::Folder(folder) => folder.look(),
            Self::Postgres(server) => server.look(),
        }
    }

    /// Once the control data and the hot list are open, and before anything is written to them.
    pub fn ready(&self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.ready(),
            Self::Postgres(server) => server.take(),
        }
    }

    /// Opens a part, or makes it, and brings its schema up to date.
    pub fn open_part(&self, part: Part) -> Result<Db> {
        match self {
            Self::Folder(folder) => folder.open_part(part).map(Db::from),
            Self::Postgres(server) => server.open_part(part).map(Db::from),
        }
    }

    /// Removes a day that is closed, for good. One that is not there is no error.
    pub fn drop_day(&self, day: Day) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.drop_day(day),
            Self::Postgres(server) => server.drop_day(day),
        }
    }

    /// As messages name a part.
    pub fn name(&self, part: Part) -> String {
        match self {
            Self::Folder(_) => Folder::name(part),
            Self::Postgres(server) => server.schema_of(part),
        }
    }
}
