//! A city put together again from its second place, in an empty folder.
//!
//! The configuration is written last: until it is there the folder is no city, and a restoration that was cut
//! off begins anew. Records are taken as far as each names the one before it; what is behind a gap is left.

use super::record::{
    BASE, Base, Change, File, Opener, Owner, Record, VERSION, id_of, open, open_bytes, piece_name,
    record_name,
};
use crate::Config;
use crate::init::Paths;
use base::{Clock, Error, Kind, PublicKey, Result, Time, random, sha256, write_atomic};
use custody::Rescue;
use read::OpenKey;
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use store::{Depot, Followable, Store};

/// Says that a folder is being filled.
const MARK: &str = "restoring";
const CONFIG: &str = "homeplate.toml";
/// Under this name the store knows that it was restored, and when.
pub(crate) const META: &str = "copy/restored";

/// How long is waited before something is asked for again that could not be read.
const PAUSES: [Duration; 4] = [pause(1), pause(2), pause(4), pause(8)];

const fn pause(seconds: u64) -> Duration {
    Duration::from_millis(if cfg!(test) { 1 } else { seconds * 1000 })
}

/// With what a copy is opened, and whose it must be.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The recovery key of its sheets.
    pub key: &'a OpenKey,
    /// The log's key, by which the city signed what it copied. Without it anybody who could write to the place may have
    /// written any of it.
    pub by: Option<PublicKey>,
    /// Keep the keys in a file from now on, whatever the configuration says.
    pub in_file: bool,
}

/// What was put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The city was so at this moment.
    pub at: Time,
    /// Whether its server had ended as it should, and no newer state was begun. What it did if it was started again
    /// and could not reach the place, the place does not know.
    pub closed: bool,
    /// The moment of the reads, if there was a copy of any.
    pub reads_at: Option<Time>,
    /// Files of reads and pictures that no copy has whole, folders of pictures whose list is not whole in the newest, and
    /// days that the city had and no copy has.
    pub missing: Vec<String>,
    /// Records that came after the base.
    pub records: u64,
    /// Records that lie at the place behind those and were not taken: one before them is missing, damaged or another
    /// server's.
    pub left: u64,
    /// Files and their bytes.
    pub files: usize,
    /// Bytes of them.
    pub bytes: u64,
}

/// Which city's copy lies at a place, and how many sheets open it.
pub(crate) fn owner(depot: &Depot) -> Result<Owner> {
    let none = || Error::not_found("There is no copy of a city at this place; name the right one.");
    let bytes = depot.get("city")?.ok_or_else(none)?;
    serde_json::from_slice(&bytes).map_err(|e| none().because(e))
}

/// Puts the newest whole state of a city at `depot` together in `dir`, which must be empty or not there. Where the
/// configuration keeps the keys under a passphrase or a token, that is asked for as at a start, unless the keys are to
/// be kept in a file.
pub fn restore(
    depot: &Depot,
    with: Opening<'_>,
    dir: &Path,
    clock: &dyn Clock,
) -> Result<Restored> {
    let owner = owner(depot)?;
    if owner.v != VERSION {
        return Err(Error::invalid("This copy was made by a newer Homeplate; use that version."));
    }
    let opener = Opener { key: with.key, by: with.by };
    // Before anything is made: the keys open, or the sheets are others.
    let keys = depot.get("keys")?;
    let keys = keys.ok_or_else(|| Error::not_found("The copy has no keys; try another copy."))?;
    let keys: Rescue = open(opener, "keys", keys).map_err(|e| match e.kind() {
        Kind::Unauthenticated => e,
        _ => {
            let why = "The sheets do not open this copy: they belong to another key.";
            Error::invalid(why).because(e)
        }
    })?;
    prepare(dir)?;
    let mut filling =
        Filling { depot, opener, dir, names: BTreeSet::new(), config: None, pictures: None };
    let mut done = filling.newest()?;
    (done.reads_at, done.missing) = filling.reads()?;
    let text = filling.config.take().ok_or_else(|| {
        Error::invalid("The copy has no configuration; try an older copy of the place.")
    })?;
    let text = if with.in_file { without_protection(&text)? } else { text };
    done.files = filling.names.len() + 1;
    finish(dir, &text, with.key, &keys, &mut done, clock)?;
    done.bytes =
        filling.names.iter().filter_map(|n| fs::metadata(dir.join(n)).ok()).map(|m| m.len()).sum();
    fs::remove_file(dir.join(MARK)).map_err(|e| disk(dir, e))?;
    Ok(done)
}

/// The configuration of a machine that has neither the passphrase nor the token of the old one.
fn without_protection(text: &[u8]) -> Result<Vec<u8>> {
    let mut config = Config::parse(&String::from_utf8_lossy(text))?;
    config.custody.kek = crate::KekKind::File;
    config.custody.secret = None;
    config.custody.pkcs11_module = None;
    config.custody.pkcs11_token = None;
    let text = toml::to_string(&config)
        .map_err(|e| Error::internal("The configuration cannot be written.").because(e))?;
    Ok(text.into_bytes())
}

fn disk(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!("{} cannot be written; check owner and disk.", path.display()))
        .because(e)
}

/// Makes the folder, or empties one that was being filled.
fn prepare(dir: &Path) -> Result<()> {
    let begun = dir.join(MARK).exists();
    if begun && !dir.join(CONFIG).exists() {
        fs::remove_dir_all(dir).map_err(|e| disk(dir, e))?;
    }
    DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|e| disk(dir, e))?;
    if fs::read_dir(dir).map_err(|e| disk(dir, e))?.next().is_some() {
        return Err(Error::conflict(format!(
            "{} is not empty; name a folder for the city that is.",
            dir.display()
        )));
    }
    write_atomic(&dir.join(MARK), b"")
}

/// Keys, the store's own peace, the configuration: in this order.
fn finish(
    dir: &Path,
    text: &[u8],
    key: &OpenKey,
    keys: &Rescue,
    done: &mut Restored,
    clock: &dyn Clock,
) -> Result<()> {
    let config = Config::parse(&String::from_utf8_lossy(text))?;
    let paths = Paths::new(dir);
    custody::rescue(&paths.custody, &crate::keeper::kek(dir, &config)?, key, keys)?;
    let in_folder = config.store.url.is_none();
    if in_folder && !paths.store.join(Followable::HotList.file()).exists() {
        Store::begin_lists(&paths.store)?;
    }
    let (place, pictures) = (config.place(&paths.store), config.pictures_of(dir)?);
    let open = || Store::open_made(&place, &pictures);
    let store = match in_folder {
        true => open()?,
        false => crate::keeper::as_caller(dir, &config, open)?,
    };
    store.own_pictures_again()?;
    if in_folder {
        begin_missing(&store, done)?;
    }
    // The clock has not leapt: the city was away. What is too old is forgotten at the first start.
    store.set_meta("clock/seen", "")?;
    store.set_meta("clock/leapt", "")?;
    note(&store, done, clock.now())?;
    drop(store);
    match in_folder {
        true => write_atomic(&dir.join(CONFIG), text),
        // The database's password may stand in it.
        false => base::write_secret(&dir.join(CONFIG), text),
    }
}

/// Makes the files of days that no copy has, so that what is sent again of them is taken. Those that were over when
/// reads were copied are missing: an empty day looks like one on which nothing passed.
fn begin_missing(store: &Store, done: &mut Restored) -> Result<()> {
    for day in store.missing_days()? {
        store.begin_day(day)?;
        let name = super::days::name(day);
        if done.reads_at.is_some_and(|at| day.next().start() <= at) && !done.missing.contains(&name)
        {
            done.missing.push(name);
        }
    }
    Ok(())
}

/// For the log, and for the cameras, which send again what they still have.
fn note(store: &Store, done: &Restored, now: Time) -> Result<()> {
    let told = super::Again {
        id: base::hex(&random::<8>()),
        at: now,
        copy: done.at,
        reads: done.reads_at,
    };
    let json = serde_json::to_string(&told)
        .map_err(|e| Error::internal("The restoration cannot be noted.").because(e))?;
    store.set_meta(META, &json)
}

/// A folder that is being filled.
struct Filling<'a> {
    depot: &'a Depot,
    opener: Opener<'a>,
    dir: &'a Path,
    names: BTreeSet<String>,
    /// The configuration, which is held back.
    config: Option<Vec<u8>>,
    /// Where pictures go, once that is known.
    pictures: Option<PathBuf>,
}

impl Filling<'_> {
    /// The newest base that is whole, and all that follows it.
    fn newest(&mut self) -> Result<Restored> {
        let names = self.depot.list("g")?;
        let generations: BTreeSet<&str> =
            names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let mut trouble = None;
        for (older, generation) in generations.into_iter().rev().enumerate() {
            let path = record_name(generation, BASE);
            // One whose base is not there was never finished; the one before it went on meanwhile.
            let Some(sealed) = self.bytes(&path)? else { continue };
            let hash = sha256(&sealed);
            match open::<Base>(self.opener, &path, sealed)
                .and_then(|base| self.fill(&base).map(|()| base.at))
            {
                Ok(at) => {
                    let mut done = self.follow(generation, hash, at)?;
                    let last = record_name(generation, done.records);
                    let later = |name: &&String| {
                        let number = name.rsplit('/').next().and_then(|n| n.parse::<u64>().ok());
                        number.is_some() && format!("g/{name}") > last
                    };
                    done.left = names.iter().filter(later).count() as u64;
                    // Where a newer one was begun, the end of this one was not the end.
                    done.closed &= older == 0;
                    return Ok(done);
                }
                // The place is away, or this disk is full: that an older state is whole says nothing.
                Err(e) if e.kind() == Kind::Unavailable => return Err(e),
                Err(e) => {
                    trouble = trouble.or(Some(e));
                    self.clear()?;
                }
            }
        }
        Err(trouble.unwrap_or_else(|| {
            Error::not_found("No state of the city was ever whole at this place.")
        }))
    }

    /// Takes back what a state that is not whole has left.
    fn clear(&mut self) -> Result<()> {
        self.config = None;
        std::mem::take(&mut self.names).iter().try_for_each(|name| self.take_back(name))
    }

    fn take_back(&self, name: &str) -> Result<()> {
        let path = self.place(name)?;
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(disk(&path, e)),
            _ => Ok(()),
        }
    }

    /// What lies under a name. A line that breaks off for a moment makes nothing missing: it is asked for again. What
    /// cannot be read even then is no end of what there is, or the city would be an older one without a word. Of reads
    /// it is as good as missing where the place answers otherwise: which files those are is told.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>> {
        for pause in PAUSES {
            match self.depot.get(name) {
                Ok(found) => return Ok(found),
                Err(e) => {
                    tracing::warn!(name, error = %e.inside(), "the second place, asked again")
                }
            }
            std::thread::sleep(pause);
        }
        self.depot.get(name).or_else(|e| {
            if ["r/", "rb/"].iter().any(|reads| name.starts_with(reads)) {
                return self.depot.get("city").map(|_| None);
            }
            Err(Error::unavailable(format!(
                "{name} at the second place cannot be read; try again, or move it away to have the city as it was \
                 before it."
            ))
            .because(e))
        })
    }

    fn fill(&mut self, base: &Base) -> Result<()> {
        base.files.iter().try_for_each(|file| self.file(base, file, "b"))
    }

    fn file(&mut self, base: &Base, file: &File, pieces: &str) -> Result<()> {
        let mut out: Option<fs::File> = None;
        let mut config = Vec::new();
        if file.name != CONFIG {
            out = Some(self.create(&file.name, file.mode)?);
        }
        for id in &file.pieces {
            let name = piece_name(pieces, id);
            let sealed = self.bytes(&name)?.ok_or_else(|| {
                Error::not_found(format!("A piece of {} is missing at the place.", file.name))
            })?;
            let plain = open_bytes(self.opener.key, &name, sealed)?;
            if !self.meant(base, id, &plain)? {
                return Err(Error::invalid(format!("A piece of {} is another's.", file.name)));
            }
            match &mut out {
                Some(out) => out.write_all(&plain).map_err(|e| disk(self.dir, e))?,
                None => config.extend_from_slice(&plain),
            }
        }
        match out {
            Some(out) => {
                out.set_len(file.size)
                    .and_then(|()| out.sync_all())
                    .map_err(|e| disk(self.dir, e))?;
            }
            None => self.config = Some(config),
        }
        Ok(())
    }

    /// Whether a piece is the one that its base names. What was made before bases said how says nothing, and is taken
    /// where anybody's copy is.
    fn meant(&self, base: &Base, id: &[u8], plain: &[u8]) -> Result<bool> {
        match <[u8; 32]>::try_from(base.names.as_slice()) {
            Ok(names) => Ok(id_of(&names, &self.opener.key.public()?, plain) == id),
            Err(_) => Ok(self.opener.by.is_none()),
        }
    }

    /// A place below the folder and nowhere else.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if name.is_empty() || !plain {
            return Err(Error::invalid("The copy names a file outside of the city's folder."));
        }
        // Pictures lie where the configuration has them, which may be elsewhere.
        if let (Some(folder), Some(rest)) = (&self.pictures, name.strip_prefix("pictures/")) {
            return Ok(folder.join(rest));
        }
        Ok(self.dir.join(name))
    }

    fn create(&mut self, name: &str, mode: u32) -> Result<fs::File> {
        let path = self.place(name)?;
        if let Some(folder) = path.parent() {
            let open = name.starts_with("log/") || !name.contains('/');
            let mode = if open { 0o755 } else { 0o700 };
            DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(folder)
                .map_err(|e| disk(folder, e))?;
        }
        self.names.insert(name.to_owned());
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode & 0o777)
            .open(&path)
            .map_err(|e| disk(&path, e))
    }

    fn follow(&mut self, generation: &str, mut before: [u8; 32], at: Time) -> Result<Restored> {
        let (reads_at, missing) = (None, Vec::new());
        let (records, left, files, bytes) = (0, 0, 0, 0);
        let mut done =
            Restored { at, closed: false, reads_at, missing, records, left, files, bytes };
        for seq in BASE + 1.. {
            let path = record_name(generation, seq);
            let Some(sealed) = self.bytes(&path)? else { break };
            let hash = sha256(&sealed);
            // Damaged, or a server of before wrote on: what comes behind it is no state of this city.
            let Ok(record) = open::<Record>(self.opener, &path, sealed) else { break };
            if record.seq != seq || record.before.as_slice() != before {
                break;
            }
            for change in record.changes {
                self.change(change)?;
            }
            (before, done.at, done.closed, done.records) = (hash, record.at, record.closed, seq);
        }
        Ok(done)
    }

    fn change(&mut self, change: Change) -> Result<()> {
        match change {
            Change::Remove { file } => {
                let path = self.place(&file)?;
                self.names.remove(&file);
                match fs::remove_file(&path) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(disk(&path, e)),
                    _ => {
                        // Empty folders of partial tiles are no part of a log.
                        if let Some(folder) =
                            path.parent().filter(|f| f.extension().is_some_and(|e| e == "p"))
                        {
                            let _ = fs::remove_dir(folder);
                        }
                        Ok(())
                    }
                }
            }
            Change::Write { file, parts, .. } if file == CONFIG => {
                self.config =
                    Some(parts.into_iter().flat_map(|(_, bytes)| bytes.into_vec()).collect());
                Ok(())
            }
            Change::Write { file, mode, size, parts } => {
                let path = self.place(&file)?;
                let out = match self.names.contains(&file) {
                    true => {
                        OpenOptions::new().write(true).open(&path).map_err(|e| disk(&path, e))?
                    }
                    false => self.create(&file, mode)?,
                };
                let write = || {
                    for (at, bytes) in &parts {
                        out.write_all_at(bytes, *at)?;
                    }
                    out.set_len(size)?;
                    out.sync_all()
                };
                write().map_err(|e| disk(&path, e))
            }
        }
    }

    /// The newest copy of reads, and which of its files no copy has whole. Days and packs of pictures stand each for
    /// itself: one that is damaged is taken from an older copy, or left out. What only older copies have was forgotten.
    fn reads(&mut self) -> Result<(Option<Time>, Vec<String>)> {
        let text = self.config.as_deref().map(String::from_utf8_lossy);
        let config = text.map(|text| Config::parse(&text)).transpose()?;
        self.pictures = config.map(|config| self.dir.join(&config.pictures.folder));
        let names = self.depot.list("r")?;
        let copies: BTreeSet<&str> =
            names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let mut at = None;
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for copy in copies.into_iter().rev() {
            if at.is_some() && wanted.is_empty() {
                break;
            }
            let path = format!("r/{copy}/base");
            let Some(sealed) = self.bytes(&path)? else { continue };
            // Sealed to the key of before, or damaged: an older one may do.
            let Ok(base) = open::<Base>(self.opener, &path, sealed) else { continue };
            let newest = at.is_none();
            at = at.or(Some(base.at));
            for file in &base.files {
                // A folder whose list is lost may have had so few files then that they are named one by one.
                let folder = file.name.rsplit_once('/').map(|(folder, _)| folder);
                let lost = folder.is_some_and(|folder| wanted.contains(folder))
                    && !self.names.contains(&file.name);
                if !file.lists.is_empty() {
                    self.listed_reads(&base, file, newest, &mut wanted)?;
                } else if newest || lost || wanted.contains(&file.name) {
                    self.wanted_reads(&base, file, &mut wanted)?;
                }
            }
        }
        Ok((at, wanted.into_iter().collect()))
    }

    /// A folder's files by its lists. What a list names that is not whole nobody knows: the folder is missing, and older
    /// copies give what they have of it.
    fn listed_reads(
        &mut self,
        base: &Base,
        folder: &File,
        newest: bool,
        wanted: &mut BTreeSet<String>,
    ) -> Result<()> {
        let all = newest || wanted.contains(&folder.name);
        if !all && !wanted.iter().any(|name| name.starts_with(&folder.name)) {
            return Ok(());
        }
        for id in &folder.lists {
            match self.list(base, id)? {
                Some(files) => {
                    for file in &files {
                        let new = all && !self.names.contains(&file.name);
                        if new || wanted.contains(&file.name) {
                            self.wanted_reads(base, file, wanted)?;
                        }
                    }
                }
                None if newest => _ = wanted.insert(folder.name.clone()),
                None => {}
            }
        }
        Ok(())
    }

    /// The files that a list names; `None` where it is not whole.
    fn list(&self, base: &Base, id: &[u8]) -> Result<Option<Vec<File>>> {
        let name = piece_name("rb", id);
        let sealed = self.bytes(&name)?;
        let opened = sealed.and_then(|sealed| open_bytes(self.opener.key, &name, sealed).ok());
        match opened {
            Some(plain) if self.meant(base, id, &plain)? => {
                Ok(ciborium::from_reader(plain.as_slice()).ok())
            }
            _ => Ok(None),
        }
    }

    /// A file of reads that is wanted still if this copy has it not whole.
    fn wanted_reads(
        &mut self,
        base: &Base,
        file: &File,
        wanted: &mut BTreeSet<String>,
    ) -> Result<()> {
        if self.reads_of(base, file)? {
            wanted.remove(&file.name);
        } else {
            wanted.insert(file.name.clone());
        }
        Ok(())
    }

    /// Whether a file of reads is there as a whole. Nothing is left of one that is not.
    fn reads_of(&mut self, base: &Base, file: &File) -> Result<bool> {
        // Nothing else of the city is in a copy of reads.
        let reads = ["store/reads/", "pictures/"].iter().any(|kind| file.name.starts_with(kind));
        let filled = match reads {
            true => self.file(base, file, "rb"),
            false => Err(Error::invalid("The copy of reads names another file.")),
        };
        match filled {
            Ok(()) => Ok(true),
            // The place is away, or this disk is full.
            Err(e) if e.kind() == Kind::Unavailable => Err(e),
            Err(_) => {
                if self.names.remove(&file.name) {
                    self.take_back(&file.name)?;
                }
                Ok(false)
            }
        }
    }
}
