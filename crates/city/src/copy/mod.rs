//! The second place: what a city needs to live again after its server died, copied elsewhere as it changes.
//!
//! The log, the control data and the small files of the city's folder are streamed (`stream`), the keys of
//! custody with them; days of reads and their pictures follow by the hour or the day (`reads`). All of it is
//! sealed to the recovery key, whose private half is on paper, before it leaves the machine: not even this
//! server can read its own copy. It is signed by the log's key, so that nobody who writes to the place can put
//! words into the city's mouth. `restore` puts it together again. Format: `ref/copy-v1.md`, why so:
//! `design/0020-the-second-place.md`.
//!
//! Holds: what is at the place is a state that the city was in, or one of moments before it; a copy that was cut
//! off anywhere is still one. Nothing that the city deleted stays there for longer than `copy.keep_hours` and
//! a few hours; the keys of custody are there once, the newest.

mod days;
mod looked;
mod packs;
mod reads;
mod record;
mod restore;
mod states;
mod stream;
mod tracks;

pub use reads::ReadsCopier;
pub use restore::{Opening, Restored, restore};
pub use stream::Copier;

use crate::City;
use base::{Error, Result, Secret, Time, read_secret, write_atomic};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use store::{Depot, Pictures, S3};
use zeroize::Zeroize;

/// Beyond so many seconds the copy is late, and health says so.
const LATE_S: i64 = 60;
/// So long cameras are asked to send again what they have: one that was cut off hears it too.
const ASK_AGAIN_MS: i64 = 7 * 86_400_000;
/// How this process and the next remember how the copy stands.
const STATE: &str = "copy.state";

/// `[copy]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CopySection {
    /// Where to: `file:/mnt/second`, or `s3:bucket/prefix`. Nothing is copied without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Address of the S3 service; AWS where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region that requests to it are signed for.
    pub region: String,
    /// The file with `key_id` and `secret` of the bucket; below the data folder, unless it begins at the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// How often reads and their pictures are copied.
    pub reads: ReadsEvery,
    /// Whether the hot lists are in the copy; they spell plates.
    pub lists: bool,
    /// How often changes are sent, in seconds.
    pub every_s: u32,
    /// How long an older state of the copy is kept, in hours.
    pub keep_hours: u32,
}

/// How often reads are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadsEvery {
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Never: cameras send again what they still have.
    Never,
}

impl ReadsEvery {
    /// Seconds between two copies.
    pub(crate) fn seconds(self) -> Option<u64> {
        match self {
            Self::Hourly => Some(3600),
            Self::Daily => Some(86_400),
            Self::Never => None,
        }
    }
}

impl Default for CopySection {
    fn default() -> Self {
        Self {
            to: None,
            endpoint: None,
            region: "us-east-1".into(),
            credentials: None,
            reads: ReadsEvery::Hourly,
            lists: true,
            every_s: 2,
            keep_hours: 24,
        }
    }
}

/// A place as it is spelled, without its secret.
enum Spelled<'a> {
    Folder(&'a str),
    Bucket { bucket: &'a str, prefix: &'a str },
}

fn spelled(to: &str) -> Option<Spelled<'_>> {
    if let Some(folder) = to.strip_prefix("file:").filter(|folder| !folder.is_empty()) {
        return Some(Spelled::Folder(folder.strip_prefix("//").unwrap_or(folder)));
    }
    let rest = to.strip_prefix("s3:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest).trim_end_matches('/');
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    Some(Spelled::Bucket { bucket, prefix })
}

impl CopySection {
    /// What is wrong with it.
    pub(crate) fn wrong(&self, reads_days: u32) -> Option<&'static str> {
        if !(1..=5).contains(&self.every_s) {
            return Some("copy.every_s is 1 to 5: more could be lost than is promised");
        }
        if self.keep_hours == 0 || self.keep_hours > reads_days.saturating_mul(24) {
            return Some(
                "copy.keep_hours is at least 1 and no longer than reads are kept: a copy must not keep what \
                 was forgotten",
            );
        }
        let Some(to) = &self.to else { return None };
        if to.starts_with("ssh:") || to.starts_with("sftp:") {
            return Some(
                "copy.to takes file: and s3: places; mount the machine that SSH reaches with sshfs and name \
                 the folder as file:/…",
            );
        }
        match spelled(to) {
            None => Some("copy.to is file:/a/folder or s3:bucket/prefix"),
            Some(Spelled::Folder(_)) if self.endpoint.is_some() || self.credentials.is_some() => {
                Some("copy.endpoint and copy.credentials are for a bucket; take them out")
            }
            Some(Spelled::Bucket { .. }) if self.credentials.is_none() => {
                Some("copy.credentials is missing; name the file that holds key_id and secret")
            }
            Some(Spelled::Bucket { bucket, prefix }) => {
                let s3 = self.bucket(bucket, prefix, "", "");
                s3.check()
                    .is_err()
                    .then_some("copy.to or copy.endpoint is no bucket of an S3 service")
            }
            Some(Spelled::Folder(_)) => None,
        }
    }

    fn bucket(&self, bucket: &str, prefix: &str, key_id: &str, secret: &str) -> S3 {
        S3 {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            bucket: bucket.into(),
            prefix: prefix.into(),
            key_id: key_id.into(),
            secret: Secret::new(secret.into()),
        }
    }

    /// The file of credentials, from a city's folder.
    pub(crate) fn credentials_in(&self, dir: &Path) -> Option<PathBuf> {
        self.credentials.as_ref().map(|file| dir.join(file))
    }

    /// Opens the place; nothing is asked of a service yet. `None` where none is named.
    pub fn open(&self, dir: &Path) -> Result<Option<Depot>> {
        let Some(to) = &self.to else { return Ok(None) };
        let place = match spelled(to) {
            None => return Err(Error::invalid("The place is file:/a/folder or s3:bucket/prefix.")),
            Some(Spelled::Folder(folder)) => Pictures::Folder(dir.join(folder)),
            Some(Spelled::Bucket { bucket, prefix }) => {
                let file = self.credentials_in(dir).ok_or_else(|| {
                    Error::invalid("Name the file that holds key_id and secret of the bucket.")
                })?;
                Pictures::S3(self.opened(bucket, prefix, &file)?)
            }
        };
        Depot::open(&place).map(Some)
    }

    fn opened(&self, bucket: &str, prefix: &str, file: &Path) -> Result<S3> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Credentials {
            key_id: String,
            secret: String,
        }
        // Never the parser's words: they quote the line, and the secret stands in it.
        let bad = || {
            Error::invalid(format!(
                "{} is not a file of credentials; write key_id = \"…\" and secret = \"…\" in it.",
                file.display()
            ))
        };
        let bytes = read_secret(file)?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad())?;
        let mut read: Credentials = toml::from_str(text).map_err(|_| bad())?;
        let s3 = self.bucket(bucket, prefix, &read.key_id, &read.secret);
        read.secret.zeroize();
        Ok(s3)
    }
}

/// How the copy stands, for health, the check and whoever tells people of a late one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyHealth {
    /// Where to.
    pub to: String,
    /// What the city was at this moment is at the place. Absent before the first time.
    #[serde(default)]
    pub last_good: Option<Time>,
    /// Seconds since then, as of now: so much would be lost.
    #[serde(default)]
    pub lag_s: i64,
    /// The moment of the newest copy of reads.
    #[serde(default)]
    pub reads_at: Option<Time>,
    /// What is wrong with copying, if anything is.
    #[serde(default)]
    pub trouble: Option<String>,
    /// What is wrong with copying reads.
    #[serde(default)]
    pub reads_trouble: Option<String>,
    /// Names the place: an empty folder is not taken for it.
    #[serde(default)]
    pub(crate) mark: String,
    /// Since when this server copies.
    #[serde(default)]
    pub(crate) since: Option<Time>,
    /// Whether the server has ended, and everything is there.
    #[serde(default)]
    pub(crate) closed: bool,
    /// Which names of writers this city knows as its own: the one that was there when it claimed the place last, and
    /// the one that it wrote then.
    #[serde(default)]
    pub(crate) writers: Vec<String>,
    /// What this process wrote as `writer`, once the place is its.
    #[serde(skip)]
    pub(crate) claimed: Option<String>,
}

impl CopyHealth {
    pub(crate) fn load(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(STATE)).ok()?).ok()
    }

    /// Written down for `homeplate check` and the next start.
    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        // Stream and reads write it, by way of one name beside it.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let json = serde_json::to_vec(self)
            .map_err(|e| Error::internal("How the copy stands cannot be written.").because(e))?;
        write_atomic(&dir.join(STATE), &json)
    }

    /// How late it is now, as a sentence; nothing if it is not.
    pub fn late(&self) -> Option<String> {
        let why =
            |trouble: &Option<String>| trouble.as_ref().map_or(String::new(), |t| format!(" {t}"));
        if self.lag_s > LATE_S {
            let since = self.last_good.map_or("it was set up".to_owned(), |at| at.to_string());
            let why = why(&self.trouble);
            return Some(format!("Nothing has reached the second place since {since}.{why}"));
        }
        let reads = why(&self.reads_trouble);
        (!reads.is_empty()).then(|| format!("Not all reads are copied.{reads}"))
    }
}

/// Says in the store that the city was put together from its copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Again {
    /// By chance.
    pub id: String,
    /// When it was done.
    pub at: Time,
    /// The moment that the city was put back to.
    pub copy: Time,
    /// The same of its reads, if there was a copy of any.
    pub reads: Option<Time>,
}

impl Again {
    /// What the store says of it.
    pub(crate) fn load(store: &store::Store) -> Result<Option<Self>> {
        Ok(store.meta(restore::META)?.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

/// Seconds from a moment to this one. One that is yet to come was told by a clock that was ahead: how long ago that
/// is nobody knows, so it counts like one as far back.
fn lag_s(since: Time, now: Time) -> i64 {
    now.since(since).abs() / 1000
}

impl City {
    /// Puts on the log that the city was put together from its copy: once.
    pub(crate) fn log_restored(&self) -> Result<()> {
        let Some(again) = &self.again else { return Ok(()) };
        let leaf = self.leaf("log.restored").id(again.id.as_str());
        let leaf = leaf.fact("copy", again.copy.to_string());
        let leaf = match again.reads {
            Some(at) => leaf.fact("reads", at.to_string()),
            None => leaf,
        };
        self.log.append_once(&leaf).map(drop)
    }

    /// What cameras are asked to send again for, if they are: by the name of the restoration.
    pub(crate) fn resend(&self) -> Option<String> {
        let again = self.again.as_ref()?;
        (self.now().since(again.at) < ASK_AGAIN_MS).then(|| again.id.clone())
    }

    /// How the copy at the second place stands; `None` where the city has none.
    pub fn copy_health(&self) -> Option<CopyHealth> {
        let to = self.config.copy.to.clone()?;
        let now = self.now();
        let known = self.copying.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let since = known.last_good.or(known.since).unwrap_or(now);
        Some(CopyHealth { to, lag_s: lag_s(since, now), ..known })
    }

    pub(crate) fn note_copy(&self, change: impl FnOnce(&mut CopyHealth)) {
        let mut known = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
    }

    pub(crate) fn copy_is_fine(&self) -> Result<()> {
        match self.copy_health().and_then(|health| health.late()) {
            Some(late) => Err(Error::unavailable(late)),
            None => Ok(()),
        }
    }
}

/// What `homeplate check` finds of the copy: whether it is in order, and a sentence.
pub(crate) fn found(dir: &Path, section: &CopySection, now: Time) -> Option<(bool, String)> {
    section.to.as_ref()?;
    let Some(mut known) = CopyHealth::load(dir) else {
        return Some((false, "Nothing was copied yet: start the server.".into()));
    };
    let since = known.last_good.or(known.since).unwrap_or(now);
    // It is written down every few seconds while the server runs.
    known.lag_s = if known.closed { 0 } else { (lag_s(since, now) - 15).max(0) };
    if let Some(late) = known.late() {
        return Some((false, late));
    }
    if known.last_good.is_none() {
        return Some((false, "Nothing has reached the second place yet.".into()));
    }
    let reads = match (section.reads, known.reads_at) {
        (ReadsEvery::Never, _) => "reads are not copied".into(),
        (_, None) => "reads were not copied yet".into(),
        (_, Some(at)) => format!("reads as of {at}"),
    };
    Some((true, format!("Log and control data as of {since}; {reads}.")))
}

#[cfg(test)]
mod tests;
