//! Requests whose signature does not hold, by the network address they come from.
//!
//! Each takes one out of its address's bucket. While that is empty, keys that signed truly from there
//! within the last day are looked at as ever, so that one bad machine does not lock out the cameras beside
//! it; any other enrolled key is tried a few times a minute, so that a new camera gets in and guessing is
//! bounded. Looking at a signature reads no body. What is remembered is bounded and in memory alone.

use crate::limits::{Limits, name_of};
use base::{Result, Time};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// How long a key that signed truly is known where it did.
const KNOWN_MS: i64 = 24 * 3_600_000;
/// The most places of keys that are known at a time.
const MOST: usize = 20_000;
/// An unknown key is tried so often a minute where the bucket is empty.
const TRIES: u32 = 6;

/// Whose key, it says, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub address: Option<IpAddr>,
    pub key_id: String,
}

impl Source {
    fn address(&self) -> String {
        self.address.map_or_else(|| "nowhere".into(), name_of)
    }

    fn pair(&self) -> (String, String) {
        (self.address(), self.key_id.clone())
    }
}

/// What is known of addresses.
#[derive(Debug, Default)]
pub(crate) struct Forgers {
    /// False signatures, by address.
    refused: Limits,
    /// Tries of keys that are not known where the bucket is empty.
    tries: Limits,
    known: Mutex<HashMap<(String, String), Time>>,
}

impl Forgers {
    /// Whether so much that is false came from there that a key without a good name there is asked for nothing dear.
    pub fn is_doubted(&self, from: &Source, most: u32, now: Time) -> bool {
        self.refused.look(&from.address(), most, now).is_err() && !self.knows(from, now)
    }

    /// Whether the signature of an enrolled key is looked at: an error says when to come again.
    pub fn may_try(&self, from: &Source, most: u32, now: Time) -> Result<()> {
        match self.refused.look(&from.address(), most, now) {
            Err(_) if self.knows(from, now) => Ok(()),
            // By key, from wherever: many addresses guess no faster than one.
            Err(e) => self.tries.take(&from.key_id, TRIES, now).map_err(|_| e),
            Ok(()) => Ok(()),
        }
    }

    /// A signature did not hold; an error where that was one too many.
    pub fn was_false(&self, from: &Source, most: u32, now: Time) -> Result<()> {
        self.refused.take(&from.address(), most, now)
    }

    /// A signature held.
    pub fn was_true(&self, from: &Source, now: Time) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = from.pair();
        if known.len() >= MOST && !known.contains_key(&pair) {
            known.retain(|_, at| now.since(*at) < KNOWN_MS);
            if known.len() >= MOST {
                return;
            }
        }
        known.insert(pair, now);
    }

    fn knows(&self, from: &Source, now: Time) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&from.pair()).is_some_and(|at| now.since(*at) < KNOWN_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests as `address key second signature`, with `t`rue, `f`alse; and what becomes of each: `+` it
    /// passed, `-` its signature was refused, `!` it must wait.
    fn check(most: u32, requests: &str, want: &str) {
        let forgers = Forgers::default();
        let said: String = requests
            .split(',')
            .map(|request| {
                let words: Vec<&str> = request.split_whitespace().collect();
                let address = Some(format!("192.0.2.{}", words[0]).parse().unwrap());
                let from = Source { address, key_id: words[1].into() };
                let now = Time::from_millis(words[2].parse::<i64>().unwrap() * 1000);
                if forgers.may_try(&from, most, now).is_err() {
                    return '!';
                }
                if words[3] == "t" {
                    forgers.was_true(&from, now);
                    return '+';
                }
                if forgers.was_false(&from, most, now).is_ok() { '-' } else { '!' }
            })
            .collect();
        assert_eq!(said, want, "{requests}");
    }

    #[test]
    fn one_bad_machine_locks_nobody_out() {
        // Two are looked at; after that none of a strange key beyond its few tries.
        check(2, "1 x 0 f, 1 x 0 f, 1 x 0 f", "--!");
        check(2, "1 a 0 t, 1 x 0 f, 1 x 0 f, 1 x 0 f, 1 a 1 t, 1 a 1 t", "+--!++");
        // Who is not known yet gets in, even under a flood of another key.
        check(2, "1 x 0 f, 1 x 0 f, 1 x 0 f, 1 x 0 f, 1 b 0 t, 1 b 0 t", "--!!++");
        // Another address is another matter.
        check(2, "1 x 0 f, 1 x 0 f, 1 x 0 f, 2 x 0 f", "--!-");
        // A minute later it is as it was.
        check(2, "1 x 0 f, 1 x 0 f, 1 x 0 f, 1 x 60 f", "--!-");
        check(0, "1 x 0 f, 1 x 0 f, 1 x 0 f", "---");
    }

    #[test]
    fn who_is_doubted() {
        let forgers = Forgers::default();
        let now = Time::from_millis(0);
        let from = |key: &str, address: u8| Source {
            address: Some(IpAddr::from([192, 0, 2, address])),
            key_id: key.into(),
        };
        forgers.was_true(&from("cam_a", 1), now);
        let doubted = || {
            let sources = [("cam_a", 1), ("cam_b", 1), ("cam_b", 2)];
            sources.map(|(key, address)| forgers.is_doubted(&from(key, address), 2, now))
        };
        assert_eq!(doubted(), [false; 3]);
        for _ in 0..2 {
            forgers.was_false(&from("x", 1), 2, now).unwrap();
        }
        assert_eq!(doubted(), [false, true, false]);
    }

    #[test]
    fn guessing_is_bounded() {
        let forgers = Forgers::default();
        let mut looked = 0;
        for n in 0..10_000 {
            let address = Some(IpAddr::from([192, 0, 2, 1]));
            let from = Source { address, key_id: "cam_a".into() };
            let now = Time::from_millis(n);
            if forgers.may_try(&from, 60, now).is_ok() {
                looked += 1;
                let _ = forgers.was_false(&from, 60, now);
            }
        }
        // In ten seconds: a minute's worth at once, what came back, and the tries.
        assert!((60..90).contains(&looked), "{looked}");
    }
}
