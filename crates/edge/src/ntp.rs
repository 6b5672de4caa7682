//! Whether somebody keeps this machine's clock: what systemd says of the kernel's state, asked seldom.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A clock that runs free is off by seconds only after days.
const EVERY: Duration = Duration::from_secs(600);

static LAST: Mutex<Option<(Instant, Option<bool>)>> = Mutex::new(None);

/// Whether NTP keeps the clock; `None` on a machine that cannot say.
pub(crate) fn clock_is_kept() -> Option<bool> {
    let mut last = LAST.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((at, known)) = *last
        && at.elapsed() < EVERY
    {
        return known;
    }
    let known = asked();
    *last = Some((Instant::now(), known));
    known
}

fn asked() -> Option<bool> {
    // It reads the kernel's STA_UNSYNC (adjtimex(2)), whichever program keeps the clock.
    let out = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    out.status.success().then(|| said(&out.stdout)).flatten()
}

fn said(out: &[u8]) -> Option<bool> {
    match out.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_known() {
        for (out, want) in [
            ("yes\n", Some(true)),
            ("no\n", Some(false)),
            ("", None),
            ("NTPSynchronized=yes", None),
        ] {
            assert_eq!(said(out.as_bytes()), want, "{out:?}");
        }
        assert_eq!(clock_is_kept(), clock_is_kept());
    }
}
