//! Folders that hot lists are dropped into.
//!
//! A program of the city writes a file under another name (`.` before it, or `.part` behind it) and renames it when
//! it is whole. It is read, and moved: to `taken` where nothing was strange, to `waiting` where a person should look
//! first (as at the first file of a list, and at what comes after an import was taken back), to `refused` where it is no
//! such list. Beside the latter two lies a file that says why, and beside the first one where rows of it were refused.
//! The files spell plates: the folder belongs where the city's other clear lists are, and `taken` is emptied after a day.
//!
//! What was read and cannot be moved is not read again: each import of it would make an old list a fresh one.

use crate::{City, ImportRows};
use base::{Error, ListId, Result};
use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// So long a taken file is kept.
const KEPT: Duration = Duration::from_secs(86_400);

/// `[[hotlist_drop]]`: a folder, and the list that its files are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotlistDrop {
    /// The list.
    pub list: ListId,
    /// The folder; a path, from the data folder or from the root.
    pub folder: String,
    /// A file that says what the columns are for ([`hotlist::import::Mapping`] as JSON), where their headings do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
}

impl HotlistDrop {
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        self.folder.trim().is_empty().then_some("hotlist_drop.folder is empty")
    }
}

/// What became of a file.
#[derive(Clone)]
pub(crate) struct Came {
    folder: &'static str,
    why: Option<String>,
}

/// By its path, when a file was written, its length, and what became of it.
pub(crate) type Unmoved = Mutex<HashMap<PathBuf, (Option<SystemTime>, u64, Came)>>;

/// The folders that cannot be used by whoever asks, each in a sentence.
pub(crate) fn check(dir: &Path, drops: &[HotlistDrop]) -> Vec<String> {
    let rights = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
    let folders = drops.iter().map(|drop| dir.join(&drop.folder));
    let useless = folders.filter(|folder| access(folder.as_path(), rights).is_err());
    let say = |folder: PathBuf| {
        format!(
            "{} cannot be read and written here; make it, and give it to the server's user.",
            folder.display()
        )
    };
    useless.map(say).collect()
}

impl City {
    /// Takes what lies in the folders. A file that nobody can read stays where it is, and does not hold up others.
    pub fn take_drops(&self) -> Result<()> {
        for drop in &self.config.hotlist_drop {
            let folder = self.dir.join(&drop.folder);
            let files = match whole_files(&folder) {
                Ok(files) => files,
                Err(e) => {
                    tracing::error!(list = %drop.list, error = %e, "a folder of hot lists");
                    continue;
                }
            };
            for file in files {
                if let Err(e) = self.take_drop(drop, &folder, &file) {
                    tracing::error!(list = %drop.list, error = %e.inside(), "a dropped hot list");
                }
            }
            self.empty_taken(&folder.join("taken"));
        }
        Ok(())
    }

    fn take_drop(&self, drop: &HotlistDrop, folder: &Path, file: &Path) -> Result<()> {
        let mut open = File::open(file).map_err(away)?;
        let meta = open.metadata().map_err(away)?;
        let (written, len) = (meta.modified().ok(), meta.len());
        let unmoved = || self.unmoved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = unmoved().get(file).cloned();
        let came = match known.filter(|(at, size, _)| (*at, *size) == (written, len)) {
            Some((_, _, came)) => came,
            None => self.read_drop(drop, &mut open)?,
        };
        if let Err(e) = moved(folder, file, &came) {
            unmoved().insert(file.to_owned(), (written, len, came));
            return Err(e);
        }
        unmoved().remove(file);
        Ok(())
    }

    fn read_drop(&self, drop: &HotlistDrop, file: &mut File) -> Result<Came> {
        let list = &drop.list;
        Ok(match self.came_by_itself(list, file, "file drop", drop.mapping.as_deref()) {
            Ok((preview, true)) => Came { folder: "taken", why: refused(&preview.rows) },
            Ok((preview, false)) => match (preview.number, preview.problem) {
                (Some(number), _) => Came {
                    folder: "waiting",
                    why: Some(format!(
                        "Import {number} of {list} waits for a person: {}. It is good for a day:\n\
                         homeplate list confirm {list} {number} --sure\n",
                        preview.doubts.join(", ")
                    )),
                },
                (None, problem) => {
                    Came { folder: "refused", why: Some(problem.unwrap_or_default() + "\n") }
                }
            },
            // The store or the log is away, or somebody else has it: it is tried again.
            Err(e)
                if matches!(
                    e.kind(),
                    base::Kind::Unavailable | base::Kind::Internal | base::Kind::Busy
                ) =>
            {
                return Err(e);
            }
            Err(e) => Came { folder: "refused", why: Some(format!("{}\n", e.message())) },
        })
    }

    /// What was taken is in the store: its files need not spell plates for long.
    fn empty_taken(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let now = UNIX_EPOCH + Duration::from_millis(self.now().millis().unsigned_abs());
        for entry in entries.flatten() {
            let written = entry.metadata().and_then(|m| m.modified());
            let old = written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEPT));
            if old && let Err(e) = fs::remove_file(entry.path()) {
                tracing::warn!(error = %e, "an old hot list stays in its folder");
            }
        }
    }
}

fn away(e: std::io::Error) -> Error {
    Error::unavailable(
        "A dropped hot list cannot be read or moved; give its folder to the server's user, and name it in \
         ReadWritePaths= of the service.",
    )
    .because(e)
}

/// What a file that was taken leaves out.
fn refused(rows: &ImportRows) -> Option<String> {
    let said = || {
        let problems = rows.problems.join("\n");
        format!(
            "{} of {} rows were refused; nobody looks for what stands in them:\n{problems}\n",
            rows.troubled, rows.read
        )
    };
    (rows.troubled > 0).then(said)
}

/// The complete files of a folder, by name. Links are none: who may write here may not read elsewhere.
fn whole_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let begun = name.starts_with('.') || name.ends_with(".part") || name.ends_with(".tmp");
        if entry.file_type()?.is_file() && !begun {
            out.push(entry.path());
        }
    }
    out.sort();
    Ok(out)
}

fn moved(folder: &Path, file: &Path, came: &Came) -> Result<()> {
    let to = folder.join(came.folder);
    fs::create_dir_all(&to).map_err(away)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Another file may have come under this name before.
    let name = format!("{}-{name}", base::hex(&base::random::<4>()));
    // First, so that no file lies there without; and none is left of a file that cannot be moved.
    let reason = to.join(format!("{name}.reason"));
    if let Some(why) = &came.why {
        base::write_atomic(&reason, why.as_bytes())?;
    }
    fs::rename(file, to.join(&name)).map_err(|e| {
        if came.why.is_some()
            && let Err(e) = fs::remove_file(&reason)
        {
            tracing::warn!(error = %e, "a reason is left behind");
        }
        away(e)
    })
}
