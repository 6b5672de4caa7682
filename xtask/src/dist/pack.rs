//! Trees into files, with nothing in them of when, where and by whom.

use super::arch::Arch;
use super::build::Release;
use super::{done, files_below, sha256};
use anyhow::Result;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The `.deb`. Times are the commit's, owners are root, one thread compresses; `quick` compresses hardly at all.
pub fn deb(out: &Path, tree: &Path, release: &Release, arch: Arch, quick: bool) -> Result<PathBuf> {
    for path in files_below(tree)?.iter().map(PathBuf::as_path).chain([tree]) {
        let at = format!("@{}", release.epoch);
        done(Command::new("touch").args(["--no-dereference", "--date", &at]).arg(path))?;
    }
    let deb = out.join(format!("homeplate_{}_{}.deb", release.version, arch.debian()));
    let packed: &[&str] = if quick { &["-Zgzip", "-z1"] } else { &["-Zxz", "--threads-max=1"] };
    done(
        Command::new("dpkg-deb")
            .arg("--root-owner-group")
            .args(packed)
            .arg("--build")
            .arg(tree)
            .arg(&deb)
            .env("SOURCE_DATE_EPOCH", &release.epoch),
    )?;
    Ok(deb)
}

/// The source of exactly this commit, which the licence promises to everybody who uses the program.
pub fn source(root: &Path, out: &Path, release: &Release) -> Result<PathBuf> {
    let name = format!("homeplate-{}-source", release.version.replace('~', "-"));
    let tar = out.join(format!("{name}.tar"));
    done(
        Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["-c", "tar.umask=0022", "archive", "--format=tar"])
            .arg(format!("--prefix={name}/"))
            .arg("--output")
            .arg(&tar)
            .arg(&release.commit),
    )?;
    done(Command::new("gzip").arg("-9n").arg(&tar))?;
    Ok(out.join(format!("{name}.tar.gz")))
}

/// The tarball: the package, the Debian packages it wants, and the script that installs both.
pub fn tarball(root: &Path, folder: &Path, deb: &Path, release: &Release) -> Result<PathBuf> {
    let name = folder.file_name().unwrap_or_default();
    fs::copy(deb, folder.join("debian").join(deb.file_name().unwrap_or_default()))?;
    super::debs::index(&folder.join("debian"))?;
    for name in ["install.sh", "README.txt", "Containerfile"] {
        fs::copy(root.join("packaging").join(name), folder.join(name))?;
    }
    fs::copy(root.join("guide/install.md"), folder.join("install.md"))?;
    // For whoever checks an off certificate, and believes no city's copy of the page.
    fs::copy(root.join("crates/pages/assets/dist/check.html"), folder.join("check.html"))?;
    let mut sums = String::new();
    for file in files_below(folder)? {
        sums.push_str(&format!("{}  {}\n", sha256(&file)?, file.strip_prefix(folder)?.display()));
    }
    fs::write(folder.join("SHA256SUMS"), sums)?;
    for file in files_below(folder)? {
        let runs = file.ends_with("install.sh");
        fs::set_permissions(&file, fs::Permissions::from_mode(if runs { 0o755 } else { 0o644 }))?;
    }
    let parent = folder.parent().unwrap_or(folder);
    let tar = parent.join(format!("{}.tar", name.to_string_lossy()));
    done(
        Command::new("tar")
            .args([
                "--create",
                "--format=ustar",
                "--sort=name",
                "--owner=0",
                "--group=0",
                "--numeric-owner",
            ])
            .args(["--mode=u+rwX,go+rX,go-w", &format!("--mtime=@{}", release.epoch), "--file"])
            .arg(&tar)
            .arg("--directory")
            .arg(parent)
            .arg(name)
            .env("LC_ALL", "C"),
    )?;
    // What is in it is compressed already.
    done(Command::new("gzip").arg("-1n").arg(&tar))?;
    Ok(parent.join(format!("{}.tar.gz", name.to_string_lossy())))
}
