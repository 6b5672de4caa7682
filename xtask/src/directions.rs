//! Who may know whom: the table of `ARCHITECTURE.md` against the manifests.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// A crate and the crates of this workspace it may name (development dependencies are free).
const TABLE: [(&str, &str); 24] = [
    ("base", ""),
    ("plate", "base"),
    ("read", "base plate"),
    ("models", ""),
    ("vision", "base models plate read"),
    ("camera", "base"),
    ("deliver", "base"),
    ("frames", "base camera"),
    ("exchange", "base plate read"),
    ("edge", "base camera exchange identity ledger plate read vision"),
    ("policy", "base plate read"),
    ("ledger", "base"),
    ("custody", "base identity ledger plate policy read"),
    ("store", "base custody plate read"),
    ("hotlist", "base plate read"),
    ("identity", "base"),
    ("tls", "base"),
    ("prover", "base policy"),
    ("city", "base custody deliver hotlist identity ledger plate policy read store street tls"),
    ("pages", ""),
    ("server", "base city identity pages read tls"),
    ("homeplate", "base camera city edge identity ledger plate policy read server tls vision"),
    ("street", "base"),
    ("testkit", "base plate read street"),
];

/// Libraries that one crate alone may name: SQL and objects in `store`, HTTP serving and its figures in `server` (what
/// listens to devices in `edge`), foreign formats in `exchange`, Cedar in
/// `policy`, log formats in `ledger`, engines in `vision`, media in `frames`,
/// passkeys' registration in `identity`.
const OWNED: [(&str, &str); 26] = [
    ("rusqlite", "store"),
    ("postgres", "store"),
    ("object_store", "store"),
    ("axum", "server"),
    ("multer", "server"),
    ("prometheus-client", "server"),
    ("hyper", "edge"),
    ("hyper", "server"),
    ("lettre", "deliver"),
    ("russh", "deliver"),
    ("russh-sftp", "deliver"),
    ("rumqttc", "edge"),
    ("quick-xml", "exchange"),
    ("quick-xml", "camera"),
    ("cedar-policy", "policy"),
    ("cedar-policy", "prover"),
    ("cedar-policy-symcc", "prover"),
    ("tlog_tiles", "ledger"),
    ("signed_note", "ledger"),
    ("rten", "vision"),
    ("askama", "pages"),
    ("webauthn-rs", "identity"),
    ("openidconnect", "identity"),
    ("gstreamer", "frames"),
    ("gstreamer-app", "frames"),
    ("gstreamer-video", "frames"),
];

/// Pure crates: no runtime, no file system helper, no network.
const PURE: [&str; 6] = ["plate", "read", "policy", "hotlist", "pages", "exchange"];
const IMPURE: [&str; 6] =
    ["tokio", "ureq", "tempfile", "rusqlite", "postgres", "tracing-subscriber"];

/// Every broken direction, as a sentence.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let out = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cargo metadata")?;
    let meta: Value = serde_json::from_slice(&out.stdout).context("cargo metadata's answer")?;
    let packages = meta["packages"].as_array().context("no packages")?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut complaints = Vec::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without name")?;
        if name == "xtask" {
            continue;
        }
        let Some((_, allowed)) = TABLE.iter().find(|(n, _)| *n == name) else {
            complaints.push(format!("crate {name} is not in the table of directions"));
            continue;
        };
        let allowed: BTreeSet<&str> = allowed.split_whitespace().collect();
        for dep in package["dependencies"].as_array().into_iter().flatten() {
            let dev = dep["kind"].as_str() == Some("dev");
            let Some(dep) = dep["name"].as_str().filter(|_| !dev) else { continue };
            if ours.contains(dep) && !allowed.contains(dep) {
                complaints.push(format!("{name} must not know {dep}"));
            }
            let mut owners = OWNED.iter().filter(|(lib, _)| *lib == dep).map(|(_, owner)| *owner);
            if owners.clone().next().is_some() && !owners.any(|owner| owner == name) {
                complaints.push(format!("{name} must not use {dep}"));
            }
            if PURE.contains(&name) && IMPURE.contains(&dep) {
                complaints.push(format!("{name} is pure and must not use {dep}"));
            }
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directions_hold() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert_eq!(check(&root).unwrap(), Vec::<String>::new());
    }
}
