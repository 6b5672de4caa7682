//! A request counts once: nonces are remembered for as long as their signature would be taken.

use base::{Error, Result, Time, sha256};
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Twice the window of [`crate::http::verify`]: a clock may be off in both directions.
const KEPT_MS: i64 = 11 * 60_000;
/// The most nonces that are remembered at a time, some 40 MB; beyond it requests are refused.
const MOST: usize = 400_000;

/// The nonces of the last minutes.
#[derive(Default)]
pub struct Nonces {
    inner: Mutex<Inner>,
    /// For whoever serves next.
    kept: Option<Mutex<Kept>>,
}

#[derive(Default)]
struct Inner {
    seen: HashMap<[u8; 32], Time>,
    /// The oldest first, whichever came first: a clock that leapt ahead and was set back keeps none from being forgotten.
    order: BTreeSet<(Time, [u8; 32])>,
}

/// Two files, the older of which is dropped when all in it is forgotten.
struct Kept {
    path: PathBuf,
    file: Option<File>,
    /// When the newer one was begun.
    begun: Option<Time>,
}

impl Inner {
    fn fresh(&mut self, name: [u8; 32], now: Time) -> Result<()> {
        while self.order.first().is_some_and(|(at, _)| now.since(*at) > KEPT_MS) {
            if let Some((_, old)) = self.order.pop_first() {
                self.seen.remove(&old);
            }
        }
        if self.seen.contains_key(&name) {
            return Err(Error::unauthenticated("This request was sent before; sign a new one."));
        }
        if self.seen.len() >= MOST {
            return Err(Error::busy("Too many requests come in; send this one again in a minute.")
                .retry_after(Duration::from_secs(60)));
        }
        self.seen.insert(name, now);
        self.order.insert((now, name));
        Ok(())
    }
}

fn name(key_id: &str, nonce: &str) -> [u8; 32] {
    sha256(format!("{key_id} {nonce}").as_bytes())
}

impl Nonces {
    /// Nothing seen yet, and nothing is kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that a server before [kept](Self::keep) here.
    pub fn kept_at(path: &Path) -> Self {
        // A line that is not whole is of a server that died over it; its request was not answered.
        let (older, newer) = (read(&older(path)), read(path));
        let begun = newer.first().or(older.last()).map(|(at, _)| *at);
        let mut inner = Inner::default();
        for (at, name) in older.into_iter().chain(newer) {
            // A line that is there twice says no more than once.
            drop(inner.fresh(name, at));
        }
        let kept = Kept { path: path.to_owned(), file: None, begun };
        Self { inner: Mutex::new(inner), kept: Some(Mutex::new(kept)) }
    }

    /// Takes this nonce of this key, which must be new; it is remembered.
    ///
    /// # Errors
    /// It was there before, or so many others were that no more are remembered.
    pub fn fresh(&self, key_id: &str, nonce: &str, now: Time) -> Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.fresh(name(key_id, nonce), now)
    }

    /// Keeps it for a server that is started meanwhile, on this machine: it outlives the process, and a machine that loses
    /// its power loses the last seconds of it. For what must not be done twice; a read, or an order, is known by its id.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, key_id: &str, nonce: &str, now: Time) -> io::Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.add(&name(key_id, nonce), now)
    }
}

impl Kept {
    fn add(&mut self, name: &[u8; 32], now: Time) -> io::Result<()> {
        let due = |begun: Time| now.since(begun).abs() > KEPT_MS;
        if self.begun.is_none_or(due) {
            self.file = None;
            if self.path.exists() {
                fs::rename(&self.path, older(&self.path))?;
            }
            self.begun = Some(now);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let options = &mut OpenOptions::new();
                let mut file = options.create(true).append(true).mode(0o600).open(&self.path)?;
                file.write_all(b"\n")?;
                self.file.insert(file)
            }
        };
        let written = file.write_all(format!("{} {}\n", now.millis(), base::b64(name)).as_bytes());
        if written.is_err() {
            // The next one begins with a line of its own.
            self.file = None;
        }
        written
    }
}

fn read(path: &Path) -> Vec<(Time, [u8; 32])> {
    let bytes = fs::read(path).unwrap_or_else(|e| {
        if e.kind() != io::ErrorKind::NotFound {
            tracing::warn!(error = %e, "nonces cannot be read: requests of before could be said again");
        }
        Vec::new()
    });
    String::from_utf8_lossy(&bytes).lines().filter_map(line).collect()
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("older")
}

fn line(text: &str) -> Option<(Time, [u8; 32])> {
    let (at, name) = text.split_once(' ')?;
    Some((Time::from_millis(at.parse().ok()?), base::unb64(name)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Time {
        Time::from_millis(s * 1000)
    }

    #[test]
    fn once_within_the_window() {
        let nonces = Nonces::new();
        assert!(nonces.fresh("cam_a", "n", at(0)).is_ok());
        assert!(nonces.fresh("cam_a", "n", at(600)).is_err());
        assert!(nonces.fresh("cam_b", "n", at(600)).is_ok());
        assert!(nonces.fresh("cam_a", "n", at(700)).is_ok(), "its signature is too old by now");
    }

    #[test]
    fn a_clock_that_leapt_and_was_set_back() {
        let nonces = Nonces::new();
        nonces.fresh("cam_a", "far", at(100_000)).unwrap();
        for n in 0..3 {
            nonces.fresh("cam_a", &n.to_string(), at(n * 1000)).unwrap();
        }
        assert_eq!(nonces.inner.lock().unwrap().seen.len(), 2, "the far one and the last");
        assert!(nonces.fresh("cam_a", "far", at(100_001)).is_err(), "it is still good once");
    }

    #[test]
    fn once_whoever_serves() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests.seen");
        // Each server sees two requests more, two minutes apart; none is good again within the window.
        for n in 0..20 {
            let (nonces, now) = (Nonces::kept_at(&path), at(n * 120));
            for seen in (n - 5).max(0)..n {
                assert!(nonces.fresh("per_a", &format!("n{seen}"), now).is_err(), "{n} {seen}");
                assert!(nonces.fresh("per_a", &format!("m{seen}"), now).is_err(), "{n} {seen}");
            }
            for kind in ["n", "m"] {
                let nonce = format!("{kind}{n}");
                assert!(nonces.fresh("per_a", &nonce, now).is_ok());
                nonces.keep("per_a", &nonce, now).unwrap();
            }
            assert!(nonces.fresh("per_b", "n0", now).is_ok(), "of another key");
        }
        let lines =
            |path: &Path| fs::read_to_string(path).unwrap().lines().filter_map(line).count();
        assert!(lines(&path) + lines(&older(&path)) <= 26, "the rest is forgotten");
    }

    #[test]
    fn one_server_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests.seen");
        let nonces = Nonces::kept_at(&path);
        for n in 0..200 {
            nonces.keep("per_a", &n.to_string(), at(n * 60)).unwrap();
        }
        let anew = Nonces::kept_at(&path);
        let seen = |n: i64| anew.fresh("per_a", &n.to_string(), at(199 * 60)).is_err();
        assert!((189..200).all(seen));
        assert!(!seen(100));
    }

    #[test]
    fn lines_that_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests.seen");
        for wrong in ["", "\n\n", "12", "12 x", "x AAAA", "99999999999999999999 AAAA", "\u{0}"] {
            fs::write(&path, wrong).unwrap();
            let nonces = Nonces::kept_at(&path);
            assert!(nonces.fresh("per_a", "n", at(0)).is_ok(), "{wrong}");
        }
    }
}
