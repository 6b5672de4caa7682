//! What needs not be read anew: a file or a folder that has not changed since it was looked at as a whole.

use base::Time;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What was changed so lately may change again without another moment of change.
const SETTLED: Duration = Duration::from_secs(2);
/// After so long all of it is looked at again, whatever its moment of change says.
const WHOLE_MS: i64 = 86_400_000;

/// When something was looked at as a whole, and when it had been changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    changed: SystemTime,
    at: Time,
}

impl Looked {
    /// `changed` is what the file system said before the look; `None` where that tells nothing. `at` is when the copy
    /// began: what takes its time to copy is not settled by that.
    pub fn new(changed: Option<SystemTime>, at: Time) -> Option<Self> {
        let changed = changed?;
        let began = UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs());
        let age = began.duration_since(changed);
        age.is_ok_and(|age| age >= SETTLED).then_some(Self { changed, at })
    }

    /// Whether it is still as it was, for all that the file system says.
    pub fn holds(&self, changed: Option<SystemTime>, at: Time) -> bool {
        changed == Some(self.changed) && at.since(self.at).abs() < WHOLE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_just_before_the_look_may_change_again() {
        let settled = |seconds: u64| {
            let changed = UNIX_EPOCH + Duration::from_secs(1000 - seconds);
            Looked::new(Some(changed), Time::from_millis(1_000_000)).is_some()
        };
        assert_eq!([0, 1, 2, 3].map(settled), [false, false, true, true]);
    }
}
