//! Failed sign-ins: five in a quarter of an hour, and it is closed for that long.

use base::{Error, Result, Time};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// So many failures …
const MOST: usize = 5;
/// … in so long.
const WINDOW_MS: i64 = 15 * 60_000;
/// The most names that are remembered at a time.
const NAMES: usize = 20_000;

/// Failures by name: of a credential, of an address.
#[derive(Default)]
pub struct Tries(Mutex<HashMap<String, VecDeque<Time>>>);

impl Tries {
    /// Whether this name may try again.
    pub fn may(&self, name: &str, now: Time) -> Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failed) = all.get_mut(name) else { return Ok(()) };
        failed.retain(|at| now.since(*at) < WINDOW_MS);
        match failed.front() {
            Some(first) if failed.len() >= MOST => {
                let wait = (WINDOW_MS - now.since(*first)).clamp(1, WINDOW_MS).unsigned_abs();
                Err(Error::busy("Signing in failed five times; wait a quarter of an hour.")
                    .retry_after(Duration::from_millis(wait)))
            }
            _ => Ok(()),
        }
    }

    /// Notes a failure.
    pub fn failed(&self, name: &str, now: Time) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= NAMES && !all.contains_key(name) {
            all.retain(|_, failed| failed.back().is_some_and(|at| now.since(*at) < WINDOW_MS));
            if all.len() >= NAMES {
                // Addresses are without number: those on top are held back by the limit of requests.
                return;
            }
        }
        let failed = all.entry(name.to_owned()).or_default();
        failed.push_back(now);
        if failed.len() > MOST {
            failed.pop_front();
        }
    }

    /// Forgets a name's failures: its owner was there.
    pub fn succeeded(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_close_the_door() {
        let at = |min: i64| Time::from_millis(min * 60_000);
        let tries = Tries::default();
        for minute in 0..5 {
            assert!(tries.may("a", at(minute)).is_ok());
            tries.failed("a", at(minute));
        }
        let wait = tries.may("a", at(5)).unwrap_err().wait().unwrap();
        assert_eq!(wait, Duration::from_secs(600));
        assert!(tries.may("b", at(5)).is_ok());
        assert!(tries.may("a", at(15)).is_ok(), "the first is a quarter of an hour ago");
        tries.failed("a", at(15));
        assert!(tries.may("a", at(15)).is_err());
        tries.succeeded("a");
        assert!(tries.may("a", at(15)).is_ok());
    }
}
