//! What the machine says of itself.

use std::process::{Command, Stdio};

/// Whether something keeps the machine's clock: the kernel's word (adjtimex(2), STA_UNSYNC), asked of the programs
/// that know it; `None` where neither is there. It starts a process: ask seldom.
pub fn clock_is_kept() -> Option<bool> {
    let systemd = said("timedatectl", &["show", "--property=NTPSynchronized", "--value"]);
    match systemd.as_deref().map(str::trim) {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => Some(!said("chronyc", &["-n", "tracking"])?.contains("Not synchronised")),
    }
}

/// What a program prints that ends well.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let out = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}
