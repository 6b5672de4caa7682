//! Checkpoints that the witnesses have signed and that promise more than the public is shown yet.
//!
//! They wait in memory, so near to one another that what is shown stays near what may be. Some of them wait on disk too:
//! where the log is shown a day later, what was signed must outlive the restarts of that day.

use base::{Error, Result, Time, write_atomic};
use std::collections::VecDeque;
use std::path::PathBuf;

/// About so many wait in memory, at the most, and so many of them on disk.
const DENSE: i64 = 1500;
const KEPT: i64 = 96;

/// Those that wait, and the one that is shown.
pub(crate) struct Unshown {
    /// `log.unshown`: their texts, oldest first, as JSON.
    file: PathBuf,
    delay_ms: i64,
    all: VecDeque<Signed>,
}

struct Signed {
    at: Time,
    size: u64,
    text: String,
    kept: bool,
}

impl Unshown {
    /// Goes on with what was kept, and with the newest that is known. `signed` says of a text how many entries it
    /// promises and when it was signed; nothing where it does not count. A file that cannot be read holds nothing.
    pub fn load(
        file: PathBuf,
        delay_ms: i64,
        newest: Option<String>,
        signed: &dyn Fn(&str) -> Option<(u64, Time)>,
    ) -> Self {
        let there = std::fs::read(&file).unwrap_or_default();
        let kept: Vec<String> = serde_json::from_slice(&there).unwrap_or_default();
        let mut out = Self { file, delay_ms, all: VecDeque::new() };
        for text in kept {
            if let Some((size, at)) = signed(&text) {
                out.take(at, size, text, true);
            }
        }
        if let Some(text) = newest
            && let Some((size, at)) = signed(&text)
        {
            out.take(at, size, text, false);
        }
        out
    }

    /// Takes one more, signed at this moment; on disk where none of about then is.
    pub fn keep(&mut self, at: Time, size: u64, text: &str) -> Result<()> {
        let kept = self.all.iter().rev().find(|one| one.kept);
        let apart = kept.is_none_or(|one| self.apart(one.at, at, KEPT));
        self.take(at, size, text.to_owned(), apart);
        if apart { self.write() } else { Ok(()) }
    }

    /// Whether two moments lie as far apart as so many in the time of the delay do.
    fn apart(&self, one: Time, other: Time, parts: i64) -> bool {
        // Either way: a clock that was ahead must not end the keeping.
        other.since(one).abs().saturating_mul(parts) >= self.delay_ms
    }

    fn take(&mut self, at: Time, size: u64, text: String, kept: bool) {
        if self.all.back().is_some_and(|last| last.size >= size) {
            return;
        }
        let mut newest = self.all.iter().rev();
        let crowded = match (newest.next(), newest.next()) {
            (Some(last), Some(before)) => !last.kept && !self.apart(before.at, last.at, DENSE),
            _ => false,
        };
        if crowded {
            self.all.pop_back();
        }
        self.all.push_back(Signed { at, size, text, kept });
    }

    fn write(&self) -> Result<()> {
        // The first may be what is shown.
        let some = self.all.iter().enumerate().filter(|(at, one)| *at == 0 || one.kept);
        let texts: Vec<&str> = some.map(|(_, one)| one.text.as_str()).collect();
        let json = serde_json::to_vec(&texts).map_err(|e| {
            Error::internal("What the witnesses signed cannot be written; see the log.").because(e)
        })?;
        write_atomic(&self.file, &json)
    }

    /// The newest that promises no more than `size` entries, and how many it does.
    pub fn newest(&self, size: u64) -> Option<(u64, String)> {
        let fits = self.all.iter().rev().find(|one| one.size <= size);
        fits.map(|one| (one.size, one.text.clone()))
    }

    /// Forgets what is older than the newest that promises no more than `size` entries.
    pub fn forget(&mut self, size: u64) {
        while self.all.get(1).is_some_and(|next| next.size <= size) {
            self.all.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature a second, shown a day later, and a restart at some moment of it.
    #[test]
    fn what_waits_for_a_day_stays_near_and_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log.unshown");
        let day = 86_400_i64;
        let signed = |text: &str| {
            let at: i64 = text.parse().ok()?;
            Some((u64::try_from(at).ok()?, Time::from_millis(at * 1000)))
        };
        let load =
            |newest: Option<String>| Unshown::load(file.clone(), day * 1000, newest, &signed);
        let mut unshown = load(None);
        for s in 1..=2 * day {
            unshown.keep(Time::from_millis(s * 1000), s as u64, &s.to_string()).unwrap();
            if let Ok(shown) = u64::try_from(s - day) {
                unshown.forget(shown);
            }
            assert!(unshown.all.len() < 1700, "{s}");
        }
        let behind = |unshown: &Unshown| day as u64 - unshown.newest(day as u64).unwrap().0;
        assert!(behind(&unshown) <= 120, "{}", behind(&unshown));
        let again = load(Some((2 * day).to_string()));
        assert!(behind(&again) <= 1000, "{}", behind(&again));
        assert_eq!(again.newest(u64::MAX).unwrap().0, 2 * day as u64);
        std::fs::write(&file, "[\"no checkpoint\"").unwrap();
        assert!(load(None).newest(u64::MAX).is_none());
    }
}
