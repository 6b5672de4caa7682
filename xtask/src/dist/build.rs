//! The executables, built so that no path of this machine is in them.

use super::arch::{Arch, Cross, rustc};
use super::{done, say};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates whose executables a package holds.
pub const PROGRAMS: [(&str, &str); 3] =
    [("homeplate", "homeplate"), ("frames", "homeplate-frames"), ("prover", "homeplate-prove")];

/// What is released: a commit.
pub struct Release {
    /// As Debian counts: `0.1.0`, or `0.1.0~20261126.1a2b3c4d5e6f` of a commit that no tag names.
    pub version: String,
    /// Seconds since 1970 of the commit: the time of every file.
    pub epoch: String,
    /// The commit.
    pub commit: String,
    /// Whether the folder holds something else than the commit.
    pub dirty: bool,
}

impl Release {
    /// Of the commit that a folder stands at.
    pub fn of(root: &Path) -> Result<Self> {
        let git = |args: &[&str]| -> Result<String> {
            Ok(done(Command::new("git").env("TZ", "UTC").arg("-C").arg(root).args(args))?
                .trim()
                .to_owned())
        };
        let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
        let line = manifest.lines().find(|l| l.starts_with("version = ")).context("no version")?;
        let number = line.split('"').nth(1).context("no version")?;
        let commit = git(&["rev-parse", "HEAD"])?;
        let tagged = git(&["tag", "--points-at", "HEAD"])?;
        let day = git(&["log", "-1", "--format=%cd", "--date=format-local:%Y%m%d"])?;
        let version = if tagged.lines().any(|tag| tag == format!("v{number}")) {
            number.to_owned()
        } else {
            format!("{number}~{day}.{}", &commit[..12])
        };
        Ok(Self {
            version,
            epoch: git(&["log", "-1", "--format=%ct"])?,
            dirty: !git(&["status", "--porcelain"])?.is_empty(),
            commit,
        })
    }

    /// The tarball's name without its ending, and the folder in it.
    pub fn name(&self, arch: Arch) -> String {
        format!("homeplate-{}-{}", self.version.replace('~', "-"), arch.debian())
    }
}

/// The folder with the executables of the dev profile, as `cargo build` left them.
pub fn debug(root: &Path) -> PathBuf {
    std::env::var("CARGO_TARGET_DIR")
        .map_or_else(|_| root.join("target"), PathBuf::from)
        .join("debug")
}

/// Builds the executables for machines of this kind; answers the folder they are in. `quick` does all the same without
/// optimising: paths, times and orders come into executables in either way.
pub fn build(root: &Path, release: &Release, arch: Arch, quick: bool) -> Result<PathBuf> {
    say(match quick {
        true => "building (not optimised)",
        false => "building (this takes a while: everything is optimised across crates)",
    });
    let target = root.join("target/dist");
    let (mut rust, c) = remaps(root, &target)?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["build", "--quiet", "--locked", "--profile", "dist"]);
    for (package, _) in PROGRAMS {
        cargo.args(["-p", package]);
    }
    if quick {
        for less in ["opt-level=0", "lto=false", "codegen-units=16"] {
            cargo.args(["--config", &format!("profile.dist.{less}")]);
        }
    }
    let mut folder = target.join("dist");
    if arch != Arch::here()? {
        let cross = Cross::to(arch, &target, &c)?;
        rust.extend(cross.flags);
        cargo.envs(cross.env).args(["--target", arch.triple()]);
        folder = target.join(arch.triple()).join("dist");
    }
    let status = cargo
        .arg("--target-dir")
        .arg(&target)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", rust.join("\x1f"))
        .envs(["CFLAGS", "CXXFLAGS"].map(|name| (name, c.join(" "))))
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", &release.epoch)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .status()
        .context("cargo does not start")?;
    if !status.success() {
        bail!("the executables could not be built");
    }
    clean(root, &folder)?;
    Ok(folder)
}

/// What compilers write instead of the folders of this machine: for rustc, and for the C in a few crates.
fn remaps(root: &Path, target: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let rustc = |args: &[&str]| -> Result<String> { done(Command::new(rustc()).args(args)) };
    let sysroot = rustc(&["--print", "sysroot"])?.trim().to_owned();
    let about = rustc(&["-vV"])?;
    let commit = about.lines().find_map(|l| l.strip_prefix("commit-hash: ")).unwrap_or("unknown");
    let mut folders = vec![(target.to_owned(), "/build/target".to_owned())];
    for crates in sources()? {
        folders.push((crates, "/build/crates".into()));
    }
    // The compiler's own library lies here if its source is installed, and must read as if it were not.
    folders.push((Path::new(&sysroot).join("lib/rustlib/src/rust"), format!("/rustc/{commit}")));
    // rustc takes the last that fits, gcc too; the outermost folder comes first.
    folders.insert(0, (root.to_owned(), "/build/homeplate".into()));
    let each = |flag: &str| -> Vec<String> {
        folders.iter().map(|(from, to)| format!("{flag}={}={to}", from.display())).collect()
    };
    Ok((each("--remap-path-prefix"), each("-ffile-prefix-map")))
}

fn cargo_home() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// Where cargo keeps the sources of third parties: a folder for each place that it got them from.
fn sources() -> Result<Vec<PathBuf>> {
    let folder = cargo_home().join("registry/src");
    let mut out: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
    out.sort();
    Ok(out)
}

/// An executable in which a folder of this machine stands is not what it should be.
fn clean(root: &Path, folder: &Path) -> Result<()> {
    for (_, program) in PROGRAMS {
        let bytes = std::fs::read(folder.join(program))?;
        for path in [root.to_owned(), cargo_home()] {
            let name = path.as_os_str().as_encoded_bytes();
            if bytes.windows(name.len()).any(|window| window == name) {
                bail!(
                    "{} stands in {program}; two folders would give two packages",
                    path.display()
                );
            }
        }
    }
    Ok(())
}
