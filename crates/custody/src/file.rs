//! Custody's two files: `custody.keys`, encrypted under the key in `kek`.
//!
//! `custody.keys` is rewritten whole, durably, before a new key in it is used. At a destruction it
//! is rewritten under a *new* key-encryption key and both old files are overwritten, so that every
//! older copy of `custody.keys`, in a backup or in a disk's free blocks, is encrypted under a key
//! that no longer exists. (A backup of `kek` itself would undo that: keep it out of backups that
//! outlive the retention.) Whatever line a crash cuts this off at, [`Files::open`] finds either the
//! old state or the new one and finishes wiping. A write that fails may have happened all the same; so nothing is
//! wiped before the file on disk is known to be under the key in use ([`Files::repair`]).

use crate::kek::{Kek, Wrap};
use crate::keys::Keys;
use crate::seal::Key;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Error, Result, Secret, random, read_secret, sha256, write_secret};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroize;

const MAGIC: &[u8] = b"homeplate/custody/v1\n";
const ID: usize = 8;
const HEAD: usize = MAGIC.len() + ID;
/// More keys than a century of hours; a larger file is not ours.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The folder, the key-encryption key in force, and the lock that keeps a second process out.
pub(crate) struct Files {
    dir: PathBuf,
    kek: Key,
    wrap: Wrap,
    _lock: File,
}

fn disk(path: &Path, e: io::Error) -> Error {
    Error::unavailable(format!(
        "{} cannot be written; check the disk's free space and the folder's owner.",
        path.display()
    ))
    .because(e)
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::invalid(format!(
        "{} {what}; restore custody.keys and kek from the same backup.",
        path.display()
    ))
}

/// Names a key-encryption key without telling it.
fn kek_id(kek: &Key) -> [u8; ID] {
    let mut text = b"homeplate/kek/v1\n".to_vec();
    text.extend_from_slice(kek.expose());
    let hash = sha256(&text);
    text.zeroize();
    let mut out = [0; ID];
    out.copy_from_slice(&hash[..ID]);
    out
}

fn wrap(kek: &Key, keys: &Keys) -> Result<Vec<u8>> {
    let cannot = |_| Error::internal("The keys cannot be encrypted; nothing was written.");
    let head = [MAGIC, &kek_id(kek)].concat();
    let nonce: [u8; NONCE_LEN] = random();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, kek.expose()).map_err(cannot)?);
    let plain = keys.write();
    let mut body = plain.expose().clone();
    let tag = cipher
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&head),
            &mut body,
        )
        .map_err(cannot)?;
    Ok([head.as_slice(), &nonce, &body, tag.as_ref()].concat())
}

fn unwrap(path: &Path, kek: &Key, file: &[u8]) -> Result<Keys> {
    let (head, rest) = file.split_at_checked(HEAD).ok_or_else(|| damaged(path, "is cut off"))?;
    let (nonce, body) =
        rest.split_at_checked(NONCE_LEN).ok_or_else(|| damaged(path, "is cut off"))?;
    let changed = |_| damaged(path, "was changed");
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(changed)?;
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, kek.expose()).map_err(changed)?);
    let mut plain = body.to_vec();
    let opened = cipher.open_in_place(nonce, Aad::from(head), &mut plain).map(|p| p.len());
    let len = opened.map_err(changed)?;
    plain.truncate(len);
    Keys::parse(Secret::new(plain).expose())
}

/// The line in a file that keeps a key-encryption key.
fn line(path: &Path) -> Result<Option<Secret<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_secret(path)?;
    match std::str::from_utf8(text.expose()) {
        Ok(text) => Ok(Some(Secret::new(text.trim_end().to_owned()))),
        Err(_) => Err(damaged(path, "is not a key file")),
    }
}

fn load_kek(wrap: &Wrap, path: &Path) -> Result<Option<Key>> {
    line(path)?.map(|line| wrap.key(path, line.expose())).transpose()
}

fn save_kek(wrap: &Wrap, path: &Path, kek: &Key) -> Result<()> {
    let mut text = wrap.seal(kek)?;
    text.push('\n');
    let done = write_secret(path, text.as_bytes());
    text.zeroize();
    done
}

/// Overwrites a file's bytes where they lie, then removes it. On a disk that moves blocks (flash,
/// copy on write) the old blocks may survive; what they hold is useless without the key.
fn wipe(path: &Path) -> Result<()> {
    let overwrite = || -> io::Result<()> {
        let mut file = match OpenOptions::new().write(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let mut left = file.metadata()?.len();
        let zeros = [0; 4096];
        while left > 0 {
            let step = left.min(4096);
            file.write_all(&zeros[..step as usize])?;
            left -= step;
        }
        file.sync_all()?;
        fs::remove_file(path)?;
        sync_folder(path)
    };
    overwrite().map_err(|e| disk(path, e))
}

fn sync_folder(of: &Path) -> io::Result<()> {
    File::open(of.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Whether two names are the same file on disk.
fn same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

impl Files {
    fn keys_path(dir: &Path) -> PathBuf {
        dir.join("custody.keys")
    }

    /// Whether there are keys in this folder.
    pub(crate) fn exist(dir: &Path) -> bool {
        Self::keys_path(dir).exists()
    }

    /// Makes the files of a new city.
    pub(crate) fn create(dir: &Path, kek: &Kek, keys: &Keys) -> Result<Self> {
        let wrap = Wrap::open(kek)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| disk(dir, e))?;
        let lock = lock(dir)?;
        if Self::exist(dir) {
            return Err(Error::conflict(format!(
                "{} holds custody keys already; choose another folder.",
                dir.display()
            )));
        }
        let kek = Secret::new(random());
        save_kek(&wrap, &dir.join("kek"), &kek)?;
        let files = Self { dir: dir.to_owned(), kek, wrap, _lock: lock };
        files.save(keys)?;
        Ok(files)
    }

    /// Opens what [`Files::create`] made, and finishes a change of keys that a crash cut off.
    pub(crate) fn open(dir: &Path, kek: &Kek) -> Result<(Self, Keys)> {
        let path = Self::keys_path(dir);
        if !path.exists() {
            return Err(Error::not_found(format!(
                "There are no custody keys in {}; make them with `homeplate init`.",
                dir.display()
            )));
        }
        let lock = lock(dir)?;
        let wrap = Wrap::open(kek)?;
        if fs::metadata(&path).is_ok_and(|m| m.len() > LARGEST) {
            return Err(damaged(&path, "is too large to be ours"));
        }
        let file = read_secret(&path)?;
        let file = file.expose();
        if !file.starts_with(MAGIC) || file.len() < HEAD {
            return Err(damaged(&path, "is not a custody key file"));
        }
        let kek = in_force(dir, &wrap, &file[MAGIC.len()..HEAD])?
            .ok_or_else(|| damaged(&path, "was not written under the key in kek"))?;
        let keys = unwrap(&path, &kek, file)?;
        let mut files = Self { dir: dir.to_owned(), kek, wrap, _lock: lock };
        files.settle()?;
        let kept = line(&dir.join("kek"))?;
        if kept.is_some_and(|line| !files.wrap.wrote(line.expose())) {
            // The city has chosen another protection; what the old one kept is wiped.
            files.rotate(&keys)?;
            files.settle()?;
        }
        Ok((files, keys))
    }

    /// `custody.keys` as it lies on disk, and the key that it is under.
    pub(crate) fn as_kept(&self) -> Result<(Vec<u8>, &Key)> {
        let file = read_secret(&Self::keys_path(&self.dir))?;
        Ok((file.expose().clone(), &self.kek))
    }

    /// Makes the files of a city from a copy of `custody.keys` and the key that it is under, which is changed
    /// at once: what the copy was under opens nothing that is written from here on.
    pub(crate) fn restore(dir: &Path, kek: &Kek, key: Key, copy: &[u8]) -> Result<Keys> {
        let path = Self::keys_path(dir);
        if !copy.starts_with(MAGIC) || copy.len() < HEAD || copy.len() as u64 > LARGEST {
            return Err(damaged(&path, "is not a custody key file in this copy"));
        }
        let keys = unwrap(&path, &key, copy)?;
        Self::create(dir, kek, &keys)?;
        Ok(keys)
    }

    /// Writes the keys under the present key-encryption key; on disk when this returns.
    pub(crate) fn save(&self, keys: &Keys) -> Result<()> {
        write_secret(&Self::keys_path(&self.dir), &wrap(&self.kek, keys)?)
    }

    /// Whether `custody.keys` on disk is under the key in use.
    fn in_place(&self) -> bool {
        let mut head = [0; HEAD];
        let read = File::open(Self::keys_path(&self.dir)).and_then(|mut f| f.read_exact(&mut head));
        read.is_ok() && head[MAGIC.len()..] == kek_id(&self.kek)
    }

    /// Writes the keys anew where another file than ours lies there: a rewrite that failed at its very end, in the
    /// folder's sync, has put its file in place, under a key that nobody went on with.
    pub(crate) fn repair(&self, keys: &Keys) -> Result<()> {
        if self.in_place() { Ok(()) } else { self.save(keys) }
    }

    /// Writes the keys under a new key-encryption key. When this returns `Ok`, the new file is in
    /// force; the old key and file are overwritten by [`Files::settle`], which comes next.
    pub(crate) fn rotate(&mut self, keys: &Keys) -> Result<()> {
        // A `kek.next` that is in force must not be overwritten by the next one.
        self.settle()?;
        let path = Self::keys_path(&self.dir);
        let kek = Secret::new(random());
        save_kek(&self.wrap, &self.dir.join("kek.next"), &kek)?;
        let old = self.dir.join("custody.keys.old");
        fs::hard_link(&path, &old).map_err(|e| disk(&old, e))?;
        write_secret(&path, &wrap(&kek, keys)?)?;
        self.kek = kek;
        Ok(())
    }

    /// Puts the key-encryption key in force in its place and wipes what is left of others.
    pub(crate) fn settle(&self) -> Result<()> {
        let (kek, next) = (self.dir.join("kek"), self.dir.join("kek.next"));
        if !self.in_place() {
            let path = Self::keys_path(&self.dir);
            return Err(Error::unavailable(format!(
                "{} is not under the key in use; nothing is wiped before it can be written again.",
                path.display()
            )));
        }
        let in_force = |path: &Path| -> Result<bool> {
            Ok(load_kek(&self.wrap, path)?.is_some_and(|k| kek_id(&k) == kek_id(&self.kek)))
        };
        let old = self.dir.join("kek.old");
        if !in_force(&kek)? {
            if !in_force(&next)? {
                return Err(damaged(&kek, "is not the key in use"));
            }
            if kek.exists() && !old.exists() {
                fs::hard_link(&kek, &old).map_err(|e| disk(&old, e))?;
            }
            fs::rename(&next, &kek).map_err(|e| disk(&kek, e))?;
        }
        // What is in force must be so after a crash too before what it replaces is overwritten.
        sync_folder(&kek).map_err(|e| disk(&kek, e))?;
        for left in ["kek.next", "kek.next.new", "kek.new", "kek.old"] {
            self.wipe_left(left, &kek)?;
        }
        for left in ["custody.keys.new", "custody.keys.old"] {
            self.wipe_left(left, &Self::keys_path(&self.dir))?;
        }
        match line(&kek)? {
            Some(line) => self.wrap.sweep(line.expose()),
            None => Ok(()),
        }
    }

    /// Wipes a left-over, unless it is a second name of the live file: then only the name goes.
    fn wipe_left(&self, name: &str, live: &Path) -> Result<()> {
        let path = self.dir.join(name);
        if same(&path, live) {
            return fs::remove_file(&path)
                .and_then(|()| sync_folder(&path))
                .map_err(|e| disk(&path, e));
        }
        wipe(&path)
    }
}

/// The key that `custody.keys` says it is under, from `kek`, or from `kek.next` after a crash. A file that is
/// no longer needed may be under a token's key that is destroyed.
fn in_force(dir: &Path, wrap: &Wrap, id: &[u8]) -> Result<Option<Key>> {
    let mut trouble = None;
    for name in ["kek", "kek.next"] {
        match load_kek(wrap, &dir.join(name)) {
            Ok(Some(kek)) if id == kek_id(&kek) => return Ok(Some(kek)),
            Ok(_) => {}
            Err(e) => trouble = trouble.or(Some(e)),
        }
    }
    trouble.map_or(Ok(None), Err)
}

/// Two processes would overwrite each other's keys; the lock goes with the process.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("custody.lock");
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| disk(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::conflict(
            "The custody keys are in use by another homeplate process; stop it first.",
        )),
        Err(fs::TryLockError::Error(e)) => Err(disk(&path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use read::OpenKey;

    fn names(dir: &Path) -> Vec<String> {
        let mut out: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        out.sort();
        out
    }

    fn epoch(n: i64) -> base::Epoch {
        base::Epoch { start_s: n * 3600, len_s: 3600 }
    }

    /// Keys with epochs 1 and 2, on disk.
    fn city(dir: &Path) -> (Files, Keys) {
        let mut keys = Keys::generate(OpenKey::generate().public().unwrap());
        keys.epochs.insert(epoch(1), OpenKey::generate());
        keys.epochs.insert(epoch(2), OpenKey::generate());
        (Files::create(dir, &Kek::File, &keys).unwrap(), keys)
    }

    /// Cuts a destruction of epoch 1 off after some of its steps; says whether it has happened.
    fn cut_off(dir: &Path, steps: usize) -> bool {
        let (mut files, mut keys) = city(dir);
        let at = |name: &str| dir.join(name);
        match steps {
            0 => {}
            1 => save_kek(&Wrap::File, &at("kek.next"), &Secret::new(random())).unwrap(),
            2 => {
                save_kek(&Wrap::File, &at("kek.next"), &Secret::new(random())).unwrap();
                fs::hard_link(at("custody.keys"), at("custody.keys.old")).unwrap();
            }
            3 => {
                save_kek(&Wrap::File, &at("kek.next"), &Secret::new(random())).unwrap();
                fs::hard_link(at("custody.keys"), at("custody.keys.old")).unwrap();
                fs::write(at("custody.keys.new"), b"half a fi").unwrap();
            }
            _ => {
                keys.epochs.remove(&epoch(1));
                files.rotate(&keys).unwrap();
            }
        }
        if steps >= 5 {
            fs::hard_link(at("kek"), at("kek.old")).unwrap();
        }
        if steps >= 6 {
            fs::rename(at("kek.next"), at("kek")).unwrap();
        }
        if steps >= 7 {
            wipe(&at("kek.old")).unwrap();
        }
        steps >= 4
    }

    #[test]
    fn a_destruction_cut_off_anywhere_leaves_working_files() {
        for steps in 0..=7 {
            let dir = tempfile::tempdir().unwrap();
            let happened = cut_off(dir.path(), steps);
            for _ in 0..2 {
                let (files, keys) = Files::open(dir.path(), &Kek::File).unwrap();
                assert_eq!(!happened, keys.epochs.contains_key(&epoch(1)), "step {steps}");
                assert!(keys.epochs.contains_key(&epoch(2)), "step {steps}");
                assert_eq!(names(dir.path()), ["custody.keys", "custody.lock", "kek"]);
                // And it can be written to.
                files.save(&keys).unwrap();
            }
        }
    }

    #[test]
    fn a_second_rotation_without_wiping_does_not_lose_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let (mut files, mut keys) = city(dir.path());
        for n in 1..=2 {
            keys.epochs.remove(&epoch(n));
            files.rotate(&keys).unwrap();
        }
        drop(files);
        assert!(Files::open(dir.path(), &Kek::File).unwrap().1.epochs.is_empty());
    }

    /// The last sync of a rewrite fails: its file is in place, and the one in use is the key of before.
    #[test]
    fn a_rewrite_that_failed_at_its_end_wipes_no_key_that_is_needed() {
        for repaired in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let (files, keys) = city(dir.path());
            let at = |name: &str| dir.path().join(name);
            let next = Secret::new(random());
            save_kek(&Wrap::File, &at("kek.next"), &next).unwrap();
            fs::hard_link(at("custody.keys"), at("custody.keys.old")).unwrap();
            write_secret(&at("custody.keys"), &wrap(&next, &keys).unwrap()).unwrap();
            assert!(files.settle().is_err());
            if repaired {
                files.repair(&keys).unwrap();
                files.settle().unwrap();
            }
            drop(files);
            let (_files, read) = Files::open(dir.path(), &Kek::File).unwrap();
            assert!(read.epochs.contains_key(&epoch(1)), "repaired: {repaired}");
            assert_eq!(names(dir.path()), ["custody.keys", "custody.lock", "kek"]);
        }
    }

    #[test]
    fn a_new_city_cut_off_after_its_kek_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        save_kek(&Wrap::File, &dir.path().join("kek"), &Secret::new(random())).unwrap();
        assert!(!Files::exist(dir.path()));
        drop(city(dir.path()));
        assert!(Files::open(dir.path(), &Kek::File).is_ok());
    }

    #[test]
    fn files_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let _files = city(&dir.path().join("custody"));
        let mode =
            |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("custody"), 0o700);
        assert_eq!((mode("custody/kek"), mode("custody/custody.keys")), (0o600, 0o600));
    }

    #[test]
    fn hostile_files_get_a_clear_error() {
        let check = |what: &str, name: &str, change: &dyn Fn(&mut Vec<u8>), want: &str| {
            let dir = tempfile::tempdir().unwrap();
            drop(city(dir.path()));
            let path = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
            let e = Files::open(dir.path(), &Kek::File).err().unwrap().to_string();
            assert!(e.contains(want) && e.contains("same backup"), "{what}: {e}");
        };
        let keys = "custody.keys";
        check("empty", keys, &|b| b.clear(), "is not a custody key file");
        check("another file", keys, &|b| b[0] ^= 1, "is not a custody key file");
        check("another kek", keys, &|b| b[MAGIC.len()] ^= 1, "not written under the key in kek");
        check("head only", keys, &|b| b.truncate(HEAD), "is cut off");
        check("one bit", keys, &|b| b[HEAD + 40] ^= 1, "was changed");
        check("cut", keys, &|b| b.truncate(HEAD + 20), "was changed");
        check("longer", keys, &|b| b.push(0), "was changed");
        check("no kek", "kek", &|b| b.clear(), "is not a key file");
        check("short kek", "kek", &|b| b.truncate(20), "is not a key file");
        // No file at all.
        let dir = tempfile::tempdir().unwrap();
        let e = Files::open(dir.path(), &Kek::File).err().unwrap();
        assert!(e.to_string().contains("homeplate init"), "{e}");
    }
}
