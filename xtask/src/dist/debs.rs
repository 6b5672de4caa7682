//! The Debian packages that ours wants, in a folder that apt can install from without a network.

use super::arch::Arch;
use super::{done, say};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fills the folder: from `given`, or with what apt gets for such a machine from where it gets all else.
pub fn collect(folder: &Path, given: Option<&Path>, ours: &Path, arch: Arch) -> Result<()> {
    fs::create_dir_all(folder)?;
    if let Some(given) = given {
        for file in debs(given)? {
            let name = file.file_name().unwrap_or_default();
            if !name.to_string_lossy().starts_with("homeplate_") {
                fs::copy(&file, folder.join(name))?;
            }
        }
        return Ok(());
    }
    let kept = folder.parent().and_then(Path::parent).context("no folder")?.join("apt");
    say("fetching the Debian packages that ours wants");
    let fetched = fetch(arch, &kept, &wanted(ours)?).context(
        "apt does not get the Debian packages; run `apt-get update`, or give --debs FOLDER",
    )?;
    for file in fetched {
        // What no Debian is without is there already.
        if field(&file, "Priority")? != "required" {
            fs::rename(&file, folder.join(file.file_name().unwrap_or_default()))?;
        }
    }
    fs::remove_dir_all(kept)?;
    Ok(())
}

/// Packages and all that they depend on, for a machine on which nothing is installed: down to the C library. They lie in
/// `kept`, with apt's notes.
pub fn fetch(arch: Arch, kept: &Path, packages: &BTreeSet<String>) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(kept.join("archives/partial"))?;
    fs::write(kept.join("status"), "")?;
    let at = |name: &str| kept.join(name).display().to_string();
    let mut options = vec![
        format!("-oDir::State::status={}", at("status")),
        format!("-oDir::Cache::archives={}", at("archives")),
        "-oAPT::Sandbox::User=root".to_owned(),
    ];
    if arch != Arch::here()? {
        // Lists of what there is for such machines are this machine's business no further.
        fs::create_dir_all(kept.join("lists/partial"))?;
        options.push(format!("-oDir::State::lists={}", at("lists")));
        options.extend(["pkgcache", "srcpkgcache"].map(|name| format!("-oDir::Cache::{name}=")));
        let name = arch.debian();
        options.extend([
            format!("-oAPT::Architecture={name}"),
            format!("-oAPT::Architectures::={name}"),
        ]);
        done(Command::new("apt-get").args(&options).args(["update", "-qq"]))?;
    }
    done(
        Command::new("apt-get")
            .args(&options)
            .args(["install", "--yes", "--download-only", "--no-install-recommends", "-qq"])
            .args(packages),
    )?;
    debs(&kept.join("archives"))
}

/// What the package depends on and recommends, by name.
fn wanted(deb: &Path) -> Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for name in ["Depends", "Recommends"] {
        for one in field(deb, name)?.split(',') {
            out.insert(one.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
    out.remove("");
    if out.is_empty() {
        bail!("the package wants nothing; its control file is broken");
    }
    Ok(out)
}

/// apt's index of a folder, in the order of names.
pub fn index(folder: &Path) -> Result<()> {
    let mut text = String::new();
    for file in debs(folder)? {
        let control = done(Command::new("dpkg-deb").arg("--field").arg(&file))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = fs::metadata(&file)?.len();
        let hash = super::sha256(&file)?;
        write!(
            text,
            "{}\nFilename: ./{name}\nSize: {size}\nSHA256: {hash}\n\n",
            control.trim_end()
        )?;
    }
    fs::write(folder.join("Packages"), text)?;
    Ok(())
}

fn debs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut out: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
    out.retain(|p| p.extension().is_some_and(|e| e == "deb"));
    out.sort();
    Ok(out)
}

fn field(deb: &Path, name: &str) -> Result<String> {
    Ok(done(Command::new("dpkg-deb").arg("--field").arg(deb).arg(name))?.trim().to_owned())
}
