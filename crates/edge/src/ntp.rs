//! Whether somebody keeps this machine's clock, asked seldom.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A clock that runs free is off by seconds only after days.
const EVERY: Duration = Duration::from_secs(600);

static LAST: Mutex<Option<(Instant, Option<bool>)>> = Mutex::new(None);

/// Whether NTP keeps the clock; `None` on a machine that cannot say, and while it is being asked: nobody waits for
/// that.
pub(crate) fn clock_is_kept() -> Option<bool> {
    let mut last = LAST.try_lock().ok()?;
    if let Some((at, known)) = *last
        && at.elapsed() < EVERY
    {
        return known;
    }
    let known = base::clock_is_kept();
    *last = Some((Instant::now(), known));
    known
}
