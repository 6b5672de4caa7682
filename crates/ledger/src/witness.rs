//! A witness: somebody else's machine that signs only what extends all it has signed before.
//!
//! C2SP `tlog-witness`: a log submits a checkpoint with the proof that it extends the one last cosigned.
//! Holds: for one log, two checkpoints that do not extend one another are never both cosigned, nor a
//! smaller one after a larger, across restarts too: what was cosigned is on disk before it is given away.
//!
//! Not here: HTTP. A witness whose folder is lost starts under a new name and key, never under its old one.

use crate::cosign::Cosigner;
use crate::notes::{Vkey, open_with, origin_of};
use crate::tree::extends;
use base::{Error, Result, SigningKey, Time, unb64, write_atomic};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A consistency proof has at most so many lines.
const PROOF: usize = 63;

/// A witness of some logs.
pub struct Witness {
    dir: PathBuf,
    cosigner: Cosigner,
    logs: Mutex<BTreeMap<String, Followed>>,
    _lock: File,
}

/// One log, and what was last cosigned of it.
struct Followed {
    vkey: Vkey,
    spelled: String,
    last: Option<Last>,
}

struct Last {
    size: u64,
    root: [u8; 32],
    at: Time,
    checkpoint: String,
}

/// What a witness says of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Following {
    /// The log's verifier key.
    pub vkey: String,
    /// Its origin.
    pub origin: String,
    /// Size and time of what was cosigned last, and the checkpoint with the cosignature.
    pub last: Option<(u64, Time, String)>,
}

/// The answer to a submitted checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The cosignature's line.
    Cosigned(String),
    /// The request is none, or its old size is beyond the checkpoint.
    Malformed,
    /// The checkpoint is of a log that is not followed here.
    UnknownLog,
    /// The log's key has not signed it.
    Unsigned,
    /// Another size than the named one was cosigned last: this one. Or the same, with another root.
    Size(u64),
    /// The proof does not show that the checkpoint extends what was cosigned last.
    Inconsistent,
}

impl Witness {
    /// Makes a witness's folder, with a key of its own.
    pub fn create(dir: &Path, name: &str) -> Result<Witness> {
        let (key, named) = (dir.join("witness.key"), dir.join("witness.name"));
        if key.exists() {
            return Err(Error::conflict(format!(
                "{} holds a witness already; a new one needs a new folder.",
                dir.display()
            )));
        }
        let fresh = SigningKey::generate();
        Cosigner::new(name, SigningKey::from_seed(*fresh.seed()))?;
        fs::create_dir_all(dir.join("logs")).map_err(|e| trouble(dir, e))?;
        write_atomic(&named, format!("{name}\n").as_bytes())?;
        // Last: a folder with a key is a whole witness.
        fresh.save(&key)?;
        Self::open(dir)
    }

    /// Opens what [`Witness::create`] made.
    pub fn open(dir: &Path) -> Result<Witness> {
        let named = dir.join("witness.name");
        let name = fs::read_to_string(&named).map_err(|e| {
            Error::not_found(format!(
                "There is no witness in {}; make one with `homeplate witness new`.",
                dir.display()
            ))
            .because(e)
        })?;
        let lock = lock(dir)?;
        let cosigner = Cosigner::new(name.trim_end(), SigningKey::load(&dir.join("witness.key"))?)?;
        let mut logs = BTreeMap::new();
        for entry in fs::read_dir(dir.join("logs")).map_err(|e| trouble(dir, e))? {
            let path = entry.map_err(|e| trouble(dir, e))?.path();
            if path.extension().is_some_and(|e| e == "vkey") {
                let followed = Followed::load(&path)?;
                logs.insert(followed.vkey.origin().to_owned(), followed);
            }
        }
        Ok(Self { dir: dir.to_owned(), cosigner, logs: Mutex::new(logs), _lock: lock })
    }

    /// The witness's key, as it is handed to cities.
    pub fn vkey(&self) -> String {
        self.cosigner.vkey().spelled()
    }

    /// Follows one more log from now on; harmless if it is followed already.
    pub fn follow(&self, vkey: &str) -> Result<()> {
        let spelled = vkey.trim().to_owned();
        let vkey = Vkey::parse(&spelled)?;
        let origin = vkey.origin().to_owned();
        let mut logs = self.logs();
        match logs.get(&origin) {
            Some(known) if known.spelled == spelled => return Ok(()),
            Some(_) => {
                return Err(Error::conflict(
                    "A log of this name is followed here under another key; one of the two is not the city's.",
                ));
            }
            None => {}
        }
        write_atomic(&self.path(&origin, "vkey"), format!("{spelled}\n").as_bytes())?;
        logs.insert(origin, Followed { vkey, spelled, last: None });
        Ok(())
    }

    /// What is followed, and how far.
    pub fn following(&self) -> Vec<Following> {
        let told = |(origin, log): (&String, &Followed)| Following {
            vkey: log.spelled.clone(),
            origin: origin.clone(),
            last: log.last.as_ref().map(|l| (l.size, l.at, l.checkpoint.clone())),
        };
        self.logs().iter().map(told).collect()
    }

    /// Cosigns what extends everything that was cosigned before. On [`Reply::Cosigned`] it is on disk.
    /// An error is this machine's own: nothing was signed.
    pub fn add_checkpoint(&self, request: &[u8], now: Time) -> Result<Reply> {
        let Some((old, proof, checkpoint)) = parse(request) else { return Ok(Reply::Malformed) };
        let Ok((origin, text)) = origin_of(checkpoint) else { return Ok(Reply::Malformed) };
        // One lock from look to write: of two requests at a time the second sees what the first did.
        let mut logs = self.logs();
        let Some(log) = logs.get_mut(&origin) else { return Ok(Reply::UnknownLog) };
        let head = match open_with(&log.vkey, checkpoint, &[]) {
            Ok((head, _)) => head,
            Err(e) if e.kind() == base::Kind::Unauthenticated => return Ok(Reply::Unsigned),
            Err(_) => return Ok(Reply::Malformed),
        };
        if old > head.size {
            return Ok(Reply::Malformed);
        }
        let (size, root) = log.last.as_ref().map_or((0, None), |l| (l.size, Some(l.root)));
        if old != size || (old == head.size && root.is_some_and(|root| root != head.root)) {
            return Ok(Reply::Size(size));
        }
        if !extends(&proof, (size, root), (head.size, head.root)) {
            return Ok(Reply::Inconsistent);
        }
        let line = self.cosigner.cosign(&text, now)?;
        let signed = String::from_utf8_lossy(checkpoint);
        let kept = format!("{}\n\n{}{line}", text_of(&text), first_line_of(&signed, &log.vkey));
        write_atomic(&self.path(&origin, "checkpoint"), kept.as_bytes())?;
        log.last = Some(Last { size: head.size, root: head.root, at: now, checkpoint: kept });
        Ok(Reply::Cosigned(line))
    }

    fn path(&self, origin: &str, kind: &str) -> PathBuf {
        // An origin may hold slashes; its hash is a name that every disk takes.
        let hash = base::sha256(origin.as_bytes());
        self.dir.join("logs").join(format!("{}.{kind}", base::hex(&hash[..12])))
    }

    fn logs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Followed>> {
        // A log's state changes in one assignment, after it is on disk.
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    fn load(path: &Path) -> Result<Self> {
        let spelled = fs::read_to_string(path).map_err(|e| trouble(path, e))?.trim().to_owned();
        let vkey = Vkey::parse(&spelled)?;
        let there = path.with_extension("checkpoint");
        let bytes = match fs::read(&there) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { vkey, spelled, last: None });
            }
            Err(e) => return Err(trouble(&there, e)),
        };
        let (head, _) = open_with(&vkey, &bytes, &[]).map_err(|e| {
            Error::invalid(format!(
                "{} is damaged; this witness must not go on. Start one under a new name.",
                there.display()
            ))
            .because(e)
        })?;
        let modified = fs::metadata(&there).and_then(|m| m.modified()).ok();
        let at = modified
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|d| i64::try_from(d.as_millis()).ok())
            .map_or(Time::from_millis(0), Time::from_millis);
        let checkpoint = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self {
            vkey,
            spelled,
            last: Some(Last { size: head.size, root: head.root, at, checkpoint }),
        })
    }
}

type Request<'a> = (u64, Vec<[u8; 32]>, &'a [u8]);

/// Old size, proof and checkpoint of a request.
fn parse(request: &[u8]) -> Option<Request<'_>> {
    let break_at = request.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, checkpoint) = (&request[..break_at], &request[break_at + 2..]);
    let mut lines = std::str::from_utf8(head).ok()?.split('\n');
    let number = lines.next()?.strip_prefix("old ")?;
    let old: u64 = number.parse().ok().filter(|n: &u64| n.to_string() == number)?;
    let proof: Vec<[u8; 32]> =
        lines.map(|line| base::unb64(line)?.try_into().ok()).collect::<Option<_>>()?;
    (proof.len() <= PROOF).then_some((old, proof, checkpoint))
}

/// The request that submits a checkpoint: the other half of [`Witness::add_checkpoint`].
pub(crate) fn request(old: u64, proof: &[[u8; 32]], checkpoint: &str) -> String {
    let lines: String = proof.iter().map(|hash| base::b64(hash) + "\n").collect();
    format!("old {old}\n{lines}\n{checkpoint}")
}

fn text_of(text: &[u8]) -> String {
    String::from_utf8_lossy(text).trim_end_matches('\n').to_owned()
}

/// The log's own signature line: others that came with a submission are not kept.
fn first_line_of(checkpoint: &str, vkey: &Vkey) -> String {
    let ours = format!("— {} ", vkey.origin());
    let block = checkpoint.rsplit_once("\n\n").map_or("", |(_, block)| block);
    let sound = |line: &&str| {
        let id = line.strip_prefix(&ours).and_then(unb64);
        id.is_some_and(|blob| vkey.has_id(&blob))
    };
    block.lines().find(sound).map_or(String::new(), |line| format!("{line}\n"))
}

fn trouble(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!(
        "{} cannot be used; check the disk and the folder's owner.",
        path.display()
    ))
    .because(e)
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join("witness.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| trouble(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Error::conflict("This witness is running already; stop it first."))
        }
        Err(fs::TryLockError::Error(e)) => Err(trouble(&path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Folder, Leaf, Log, Policy};
    use base::b64;
    use proptest::prelude::*;

    fn at() -> Time {
        Time::from_millis(1_700_000_000_000)
    }

    fn log(dir: &Path, seed: u8) -> Log {
        let key = SigningKey::from_seed([seed; 32]);
        let objects = Box::new(Folder::new(dir.join("log")));
        if dir.join("log/checkpoint").exists() {
            Log::open(objects, "homeplate/x", key).unwrap()
        } else {
            Log::create(objects, "homeplate/x", key).unwrap()
        }
    }

    fn submission(log: &Log, old: u64) -> String {
        log.submission(old, &log.checkpoint()).unwrap()
    }

    fn grow(log: &Log, entries: u64) {
        let leaves: Vec<Leaf> = (0..entries).map(|_| Leaf::new("drill.run", at())).collect();
        log.append_all(&leaves).unwrap();
    }

    #[test]
    fn a_log_that_grows_is_cosigned_and_its_receipts_hold() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), 1);
        let witness = Witness::create(&dir.path().join("w"), "w.example/x").unwrap();
        witness.follow(log.vkey()).unwrap();
        witness.follow(log.vkey()).unwrap();
        let policy = Policy::parse(&format!("witness w {}\nquorum w\n", witness.vkey())).unwrap();
        let mut old = 0;
        for more in [0, 1, 2, 260, 0, 700] {
            grow(&log, more);
            let checkpoint = log.checkpoint();
            let request = log.submission(old, &checkpoint).unwrap();
            let Reply::Cosigned(line) = witness.add_checkpoint(request.as_bytes(), at()).unwrap()
            else {
                panic!("from {old} by {more}");
            };
            let cosigned = checkpoint + &line;
            let seen = policy.open(Some(log.vkey()), cosigned.as_bytes()).unwrap();
            assert!(seen.quorum && seen.size == log.size(), "{seen:?}");
            assert_eq!(witness.following()[0].last.as_ref().unwrap().2, cosigned);
            old = log.size();
            if old > 0 {
                let entry = log.entry_under(old / 2, &cosigned).unwrap();
                let read = Entry::from_receipt(&entry.receipt()).unwrap();
                read.check_witnessed(log.vkey(), &policy).unwrap();
                let bare = log.entry(old / 2).unwrap();
                assert!(bare.check_witnessed(log.vkey(), &policy).is_err(), "nobody cosigned");
            }
        }
    }

    #[test]
    fn refusals_and_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let ours = log(dir.path(), 1);
        let folder = dir.path().join("w");
        let witness = Witness::create(&folder, "w.example/x").unwrap();
        grow(&ours, 3);
        let first = submission(&ours, 0);
        let ask = |witness: &Witness, request: &str| {
            witness.add_checkpoint(request.as_bytes(), at()).unwrap()
        };
        assert_eq!(ask(&witness, &first), Reply::UnknownLog);
        witness.follow(ours.vkey()).unwrap();
        assert!(matches!(ask(&witness, &first), Reply::Cosigned(_)));
        assert_eq!(ask(&witness, &first), Reply::Size(3), "the old size has changed");
        drop(witness);
        let witness = Witness::open(&folder).unwrap();
        assert!(Witness::open(&folder).is_err(), "twice at a time");
        grow(&ours, 2);
        let good = submission(&ours, 3);
        for (what, request, want) in [
            ("empty", String::new(), Reply::Malformed),
            ("no checkpoint", "old 3\n\n".into(), Reply::Malformed),
            ("a zero too many", good.replace("old 3", "old 03"), Reply::Malformed),
            (
                "too long a proof",
                good.replace(
                    "\n\nhome",
                    &("\n".to_owned() + &(b64(&[0; 32]) + "\n").repeat(64) + "\nhome"),
                ),
                Reply::Malformed,
            ),
            ("beyond", good.replace("old 3", "old 6"), Reply::Malformed),
            ("another size", good.replace("old 3", "old 2"), Reply::Size(3)),
            ("no proof", format!("old 3\n\n{}", ours.checkpoint()), Reply::Inconsistent),
            ("changed", good.replace("\n5\n", "\n4\n"), Reply::Unsigned),
            ("another log", good.replace("homeplate/x", "homeplate/y"), Reply::UnknownLog),
        ] {
            assert_eq!(ask(&witness, &request), want, "{what}");
        }
        // The same name and key with another history: what a second copy of the key would make.
        let fork = tempfile::tempdir().unwrap();
        let other = log(fork.path(), 1);
        other.append(&Leaf::new("drill.other", at())).unwrap();
        grow(&other, 2);
        assert_eq!(ask(&witness, &submission(&other, 3)), Reply::Size(3), "same size");
        grow(&other, 4);
        assert_eq!(ask(&witness, &submission(&other, 3)), Reply::Inconsistent);
        assert!(matches!(ask(&witness, &good), Reply::Cosigned(_)));
        // And another key under the same name.
        let stranger = tempfile::tempdir().unwrap();
        let stranger = log(stranger.path(), 2);
        assert!(witness.follow(stranger.vkey()).is_err());
        grow(&stranger, 6);
        assert_eq!(ask(&witness, &submission(&stranger, 0)), Reply::Unsigned);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in "(old 0\n|old 9\n|AAAA\n|\n){0,6}") {
            let request = [head.as_bytes(), &bytes].concat();
            let _ = parse(&request);
        }
    }
}
