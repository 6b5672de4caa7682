//! How often one person or one camera may ask: a bucket each, refilled as time goes by.
//!
//! Only keys that signed a request have a bucket, so there are no more of them than the city has
//! people and cameras. The clock is passed in.

use base::{Error, Result, Time};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Requests of each key, a minute.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Requests that may still be made at once.
    left: f64,
    at: Time,
}

impl Limits {
    /// Takes one request of `key` out of its bucket of `per_minute`; 0 is no limit. A minute's worth
    /// may come at once.
    pub fn take(&self, key: &str, per_minute: u32, now: Time) -> Result<()> {
        if per_minute == 0 {
            return Ok(());
        }
        let most = f64::from(per_minute);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { left: most, at: now });
        // A clock that was set back refills nothing, and takes nothing away.
        let passed = now.since(bucket.at).max(0) as f64 / 60_000.0;
        bucket.left = (bucket.left + passed * most).min(most);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(Error::busy(format!(
                "At most {per_minute} requests a minute are answered; wait a little."
            )));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests as `key@second`, and which of them are refused.
    fn check(per_minute: u32, requests: &[&str], refused: &[usize]) {
        let limits = Limits::default();
        let found: Vec<usize> = requests
            .iter()
            .enumerate()
            .filter(|(_, request)| {
                let (key, second) = request.split_once('@').unwrap();
                let at = Time::from_millis((second.parse::<f64>().unwrap() * 1000.0) as i64);
                limits.take(key, per_minute, at).is_err()
            })
            .map(|(n, _)| n)
            .collect();
        assert_eq!(found, refused, "{requests:?}");
    }

    #[test]
    fn buckets() {
        check(2, &["a@0", "a@0", "a@1", "b@1", "a@29", "a@31", "a@32"], &[2, 4, 6]);
        check(2, &["a@100", "a@100", "a@40", "a@100", "a@130"], &[2]);
        check(0, &["a@0"; 50], &[]);
        check(1, &["a@0", "a@3600", "a@3600"], &[2]);
    }
}
