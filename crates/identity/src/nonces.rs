//! A request counts once: nonces are remembered for as long as their signature would be taken.

use base::Time;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Twice the window of [`crate::http::verify`]: a clock may be off in both directions.
const KEPT_MS: i64 = 11 * 60_000;
/// The most nonces that are remembered at a time, some 40 MB; beyond it requests are refused.
const MOST: usize = 400_000;

/// The nonces of the last minutes.
#[derive(Default)]
pub struct Nonces(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    seen: HashMap<String, Time>,
    order: VecDeque<(Time, String)>,
}

impl Nonces {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this nonce of this key is new; it is remembered.
    pub fn fresh(&self, key_id: &str, nonce: &str, now: Time) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while inner.order.front().is_some_and(|(at, _)| now.since(*at) > KEPT_MS) {
            if let Some((_, old)) = inner.order.pop_front() {
                inner.seen.remove(&old);
            }
        }
        let name = format!("{key_id} {nonce}");
        if inner.seen.len() >= MOST || inner.seen.contains_key(&name) {
            return false;
        }
        inner.seen.insert(name.clone(), now);
        inner.order.push_back((now, name));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_within_the_window() {
        let nonces = Nonces::new();
        let at = |s: i64| Time::from_millis(s * 1000);
        assert!(nonces.fresh("cam_a", "n", at(0)));
        assert!(!nonces.fresh("cam_a", "n", at(600)));
        assert!(nonces.fresh("cam_b", "n", at(600)));
        assert!(nonces.fresh("cam_a", "n", at(700)), "its signature is too old by now");
    }
}
