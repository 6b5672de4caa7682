//! The keys that custody keeps, and how they are written down before they are wrapped.
//!
//! One line a key, so that a damaged or hostile file is a named line and not a parser's surprise.
//! The text exists in memory only; on disk it is encrypted (`file.rs`).

use crate::custody::Sort;
use crate::seal::Key;
use base::{Day, Epoch, Error, Result, Secret, SigningKey, Time, b64, random, unb64};
use read::{OpenKey, SealKey};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroize;

/// Every key of the city.
pub(crate) struct Keys {
    /// Epochs that ended by then are gone for good.
    pub(crate) gone_before: Time,
    /// The same for the epochs of hits.
    pub(crate) hits_gone_before: Time,
    /// Opens what cameras send.
    pub(crate) ingest: OpenKey,
    /// Signs leases.
    pub(crate) lease: SigningKey,
    /// What the private halves of log entries are sealed to. Only the auditors have its other half.
    pub(crate) auditors: SealKey,
    /// That other half, in cities that were made before it was the auditors' alone.
    pub(crate) record: Option<OpenKey>,
    /// Open the segments of an epoch.
    pub(crate) epochs: BTreeMap<Epoch, OpenKey>,
    /// Open the hits of a hit epoch.
    pub(crate) hits: BTreeMap<Epoch, OpenKey>,
    /// Make the index tokens of a day.
    pub(crate) days: BTreeMap<Day, Key>,
    /// Make the pseudonyms of a month (`2026-11`): of this one, and for some days of the one before.
    pub(crate) months: BTreeMap<String, Key>,
    /// Epochs whose keys are destroyed, and of which it is not known that the log says so.
    pub(crate) ended: BTreeSet<(Sort, Epoch)>,
}

fn key_of(bytes: &[u8; 32]) -> Key {
    Secret::new(*bytes)
}

impl Keys {
    /// The keys of a new city.
    pub(crate) fn generate(auditors: SealKey) -> Self {
        Self {
            gone_before: Time::from_millis(0),
            hits_gone_before: Time::from_millis(0),
            ingest: OpenKey::generate(),
            lease: SigningKey::generate(),
            auditors,
            record: None,
            epochs: BTreeMap::new(),
            hits: BTreeMap::new(),
            days: BTreeMap::new(),
            months: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    /// A second copy, for a change that is kept only once it is on disk.
    pub(crate) fn copy(&self) -> Self {
        let epochs = |of: &BTreeMap<Epoch, OpenKey>| {
            of.iter().map(|(e, k)| (*e, OpenKey::from_bytes(*k.bytes()))).collect()
        };
        Self {
            gone_before: self.gone_before,
            hits_gone_before: self.hits_gone_before,
            ingest: OpenKey::from_bytes(*self.ingest.bytes()),
            lease: SigningKey::from_seed(*self.lease.seed()),
            auditors: self.auditors.clone(),
            record: self.record.as_ref().map(|key| OpenKey::from_bytes(*key.bytes())),
            epochs: epochs(&self.epochs),
            hits: epochs(&self.hits),
            days: self.days.clone(),
            months: self.months.clone(),
            ended: self.ended.clone(),
        }
    }

    /// A fresh key of a day or a month.
    pub(crate) fn new_key() -> Key {
        Secret::new(random())
    }

    /// The text that is wrapped and kept.
    pub(crate) fn write(&self) -> Secret<Vec<u8>> {
        // Reserved at once: a growing buffer leaves copies of keys behind.
        let many = self.epochs.len() + self.hits.len() + self.days.len() + self.months.len();
        let lines = 9 + many + self.ended.len();
        let mut out = Vec::with_capacity(lines * 96);
        let mut line = |head: String, key: Option<&[u8; 32]>| {
            out.extend_from_slice(head.as_bytes());
            if let Some(key) = key {
                let mut text = b64(key);
                out.push(b' ');
                out.extend_from_slice(text.as_bytes());
                text.zeroize();
            }
            out.push(b'\n');
        };
        line(format!("gone {}", self.gone_before.millis()), None);
        line(format!("hits-gone {}", self.hits_gone_before.millis()), None);
        line("ingest".into(), Some(self.ingest.bytes()));
        line("lease".into(), Some(self.lease.seed()));
        match &self.record {
            Some(key) => line("record".into(), Some(key.bytes())),
            None => line("auditors".into(), Some(self.auditors.bytes())),
        }
        for (e, key) in &self.epochs {
            line(format!("epoch {} {}", e.start_s, e.len_s), Some(key.bytes()));
        }
        for (e, key) in &self.hits {
            line(format!("hit {} {}", e.start_s, e.len_s), Some(key.bytes()));
        }
        for (day, key) in &self.days {
            line(format!("day {day}"), Some(key.expose()));
        }
        for (month, key) in &self.months {
            line(format!("month {month}"), Some(key.expose()));
        }
        for (sort, e) in &self.ended {
            line(format!("ended {} {} {}", sort.slug(), e.start_s, e.len_s), None);
        }
        Secret::new(out)
    }

    /// Reads [`Keys::write`]'s text back; any other spelling is refused.
    pub(crate) fn parse(text: &[u8]) -> Result<Self> {
        let bad = |line: usize| {
            Error::invalid(format!(
                "Line {line} inside custody.keys is malformed; restore custody.keys and kek from the same backup."
            ))
        };
        let text = std::str::from_utf8(text).map_err(|_| bad(0))?;
        let mut found = Found::default();
        for (at, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            found.line(&words).ok_or_else(|| bad(at + 1))?;
        }
        let keys = found.whole().ok_or_else(|| bad(text.lines().count()))?;
        if keys.write().expose() != text.as_bytes() {
            return Err(bad(0));
        }
        Ok(keys)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Found {
    gone: Option<Time>,
    hits_gone: Option<Time>,
    ingest: Option<OpenKey>,
    lease: Option<SigningKey>,
    auditors: Option<SealKey>,
    record: Option<OpenKey>,
    epochs: BTreeMap<Epoch, OpenKey>,
    hits: BTreeMap<Epoch, OpenKey>,
    days: BTreeMap<Day, Key>,
    months: BTreeMap<String, Key>,
    ended: BTreeSet<(Sort, Epoch)>,
}

impl Found {
    /// Takes one line; `None` if it is malformed. Lines that stand twice are caught by the caller,
    /// who writes the keys again and compares.
    fn line(&mut self, words: &[&str]) -> Option<()> {
        match words {
            ["gone", ms] => self.gone = Some(Time::from_millis(ms.parse().ok()?)),
            ["hits-gone", ms] => self.hits_gone = Some(Time::from_millis(ms.parse().ok()?)),
            ["ingest", key] => self.ingest = Some(open_key(key)?),
            ["lease", key] => self.lease = Some(SigningKey::from_seed(*bytes(key)?.expose())),
            ["record", key] => {
                let key = open_key(key)?;
                self.auditors = Some(key.public().ok()?);
                self.record = Some(key);
            }
            ["auditors", key] => {
                self.auditors = Some(SealKey::from_bytes(*bytes(key)?.expose()));
            }
            ["epoch", start, len, key] => {
                self.epochs.insert(epoch(start, len)?, open_key(key)?);
            }
            ["hit", start, len, key] => {
                self.hits.insert(epoch(start, len)?, open_key(key)?);
            }
            ["day", day, key] => {
                self.days.insert(day.parse().ok()?, key_of(bytes(key)?.expose()));
            }
            ["month", month, key] => {
                let first: Day = format!("{month}-01").parse().ok()?;
                self.months.insert(first.start().month(), key_of(bytes(key)?.expose()));
            }
            ["ended", sort, start, len] => {
                self.ended.insert((Sort::from_slug(sort)?, epoch(start, len)?));
            }
            _ => return None,
        }
        Some(())
    }

    fn whole(self) -> Option<Keys> {
        Some(Keys {
            gone_before: self.gone?,
            hits_gone_before: self.hits_gone?,
            ingest: self.ingest?,
            lease: self.lease?,
            auditors: self.auditors?,
            record: self.record,
            epochs: self.epochs,
            hits: self.hits,
            days: self.days,
            months: self.months,
            ended: self.ended,
        })
    }
}

fn bytes(text: &str) -> Option<Key> {
    let mut raw = unb64(text)?;
    let key = <[u8; 32]>::try_from(raw.as_slice()).ok().map(Secret::new);
    raw.zeroize();
    key
}

fn open_key(text: &str) -> Option<OpenKey> {
    bytes(text).map(|key| OpenKey::from_bytes(*key.expose()))
}

fn epoch(start: &str, len: &str) -> Option<Epoch> {
    let (start_s, len_s): (i64, u32) = (start.parse().ok()?, len.parse().ok()?);
    let whole = len_s > 0 && start_s >= 0 && start_s % i64::from(len_s) == 0;
    whole.then_some(Epoch { start_s, len_s })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some() -> Keys {
        let mut keys = Keys::generate(OpenKey::generate().public().unwrap());
        keys.gone_before = Time::from_millis(7_200_000);
        keys.epochs.insert(Epoch { start_s: 7200, len_s: 3600 }, OpenKey::generate());
        keys.hits.insert(Epoch { start_s: 0, len_s: 86_400 }, OpenKey::generate());
        keys.days.insert(Day::from_number(20_000), Keys::new_key());
        keys.months.insert("2024-10".into(), Keys::new_key());
        keys.months.insert("2024-11".into(), Keys::new_key());
        keys.ended.insert((Sort::Hits, Epoch { start_s: 0, len_s: 86_400 }));
        keys
    }

    #[test]
    fn keys_survive_their_text() {
        let keys = some();
        let text = keys.write();
        let back = Keys::parse(text.expose()).unwrap();
        assert_eq!(back.write().expose(), text.expose());
        assert_eq!(back.copy().write().expose(), text.expose());
    }

    /// Cities that were made before the auditors had a key of their own go on as they were.
    #[test]
    fn an_older_city_keeps_its_record_key() {
        let record = OpenKey::generate();
        let mut keys = some();
        let line = format!("auditors {}\n", keys.auditors);
        let old = format!("record {}\n", b64(record.bytes()));
        let text = String::from_utf8(keys.write().expose().clone()).unwrap().replace(&line, &old);
        keys = Keys::parse(text.as_bytes()).unwrap();
        assert_eq!(keys.auditors, record.public().unwrap());
        assert_eq!(keys.copy().write().expose().as_slice(), text.as_bytes());
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = String::from_utf8(some().write().expose().clone()).unwrap();
        let first = text.lines().next().unwrap();
        for other in [
            String::new(),
            format!("{text}\n"),
            format!("{text}epoch 7200 3600 AAAA\n"),
            format!("{text}{first}\n"),
            text.replace("epoch 7200 3600", "epoch 7201 3600"),
            text.replace("epoch 7200 3600", "epoch 7200 0"),
            text.replace("epoch 7200", "epoch +7200"),
            text.replace("ingest ", "inject "),
            text.replace("day 2024-10-04", "day 2024-13-04"),
            text.replace("month 2024-10", "month 2024-13"),
            text.replace("month 2024-10", "month 2024-1"),
            text.replace("ended hits", "ended hit"),
        ] {
            let e = Keys::parse(other.as_bytes()).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(e.contains("restore custody.keys and kek"), "{e}");
        }
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Keys::parse(&bytes).is_ok();
        }

        #[test]
        fn hostile_lines_never_panic(text in "(gone|day|month|epoch|hit|lease) [-0-9]{0,30} [0-9]{0,12} [A-Za-z=]{0,44}") {
            let _ = Keys::parse(text.as_bytes()).is_ok();
        }
    }
}
