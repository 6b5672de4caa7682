//! `./run dist`: a `.deb`, the source it was made from, and one tarball that installs without a network.
//!
//! What is made depends on the commit, the compiler and (the tarball's folder of Debian packages alone) on what Debian
//! has today; on no path, no clock and no order of files. `--twice` makes everything a second time from a clone in
//! another folder and compares the bytes. See `guide/releases.md`.

mod arch;
mod bare;
mod build;
mod container;
mod debs;
mod notices;
mod pack;
mod tree;

use anyhow::{Context, Result, bail};
use arch::Arch;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `./run dist` was asked for.
struct Options {
    /// The kind of machine that the package is for.
    arch: Arch,
    /// Packages executables that are not optimised: to try the mechanics, for nobody to install.
    debug: bool,
    /// Makes all of it again elsewhere and compares.
    twice: bool,
    /// Installs the tarball into a bare Debian and runs a city there.
    try_it: bool,
    /// A tarball that was made before: it is tried, and nothing is made.
    tarball: Option<PathBuf>,
    /// Takes the Debian packages from here instead of fetching them: a folder of an earlier tarball.
    debs: Option<PathBuf>,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let arch = Arch::here()?;
        let mut out =
            Self { arch, debug: false, twice: false, try_it: false, tarball: None, debs: None };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--arch" => {
                    out.arch = Arch::named(args.next().context("--arch wants amd64 or arm64")?)?;
                }
                "--debug" => out.debug = true,
                "--twice" => out.twice = true,
                "--try" => out.try_it = true,
                file if file.starts_with("--try=") => out.tarball = Some(file[6..].into()),
                "--debs" => out.debs = Some(args.next().context("--debs wants a folder")?.into()),
                other => bail!(
                    "dist does not know {other}; it takes --twice (make it twice and compare), --try (install it in \
                     a bare Debian), --debs FOLDER (Debian packages of an earlier tarball), --arch amd64|arm64 (the machines that it \
                     is for), --debug (not optimised)"
                ),
            }
        }
        Ok(out)
    }
}

/// What was made, and what is compared.
struct Made {
    deb: PathBuf,
    tarball: PathBuf,
    source: PathBuf,
}

impl Made {
    fn files(&self) -> [&Path; 3] {
        [&self.deb, &self.tarball, &self.source]
    }
}

/// Runs the command.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    if !std::fs::read_to_string("/etc/os-release").unwrap_or_default().contains("VERSION_ID=\"12\"")
    {
        bail!("packages are made on Debian 12, whose libraries they are linked against");
    }
    if let Some(tarball) = &options.tarball {
        return tried(root, tarball, options.arch);
    }
    let out = root.join("target/package");
    let made = make(root, &out, &options)?;
    for file in made.files() {
        println!("{}  {}", sha256(file)?, file.display());
    }
    if options.twice {
        twice(root, &made, &options)?;
    }
    if options.try_it {
        tried(root, &made.tarball, options.arch)?;
    }
    Ok(())
}

/// The tarball on a bare machine, and as a container.
fn tried(root: &Path, tarball: &Path, arch: Arch) -> Result<()> {
    if !arch.runs_here() {
        bail!(
            "this machine runs nothing that is made for {}; install qemu-user-static",
            arch.debian()
        );
    }
    bare::install_and_run(root, tarball, arch)?;
    if arch != Arch::here()? {
        say("the container file was not tried for another kind of machine");
        return Ok(());
    }
    container::build_and_run(root, tarball)
}

/// Builds, and packs what was built into `out`.
fn make(root: &Path, out: &Path, options: &Options) -> Result<Made> {
    let release = build::Release::of(root)?;
    say(&format!("Homeplate {}", release.version));
    if release.dirty {
        say("there are changes that are not committed: nobody can make these bytes again");
    }
    // What is compared is built as a release is, also where it is not optimised.
    let arch = options.arch;
    let built = match options.debug && !options.twice && arch == Arch::here()? {
        true => build::debug(root),
        false => build::build(root, &release, arch, options.debug)?,
    };
    let _ = std::fs::remove_dir_all(out);
    std::fs::create_dir_all(out)?;
    let tree = tree::stage(root, out, &release, arch, &built)?;
    let deb = pack::deb(out, &tree, &release, arch, options.debug)?;
    let source = pack::source(root, out, &release)?;
    let folder = out.join(release.name(arch));
    std::fs::create_dir_all(&folder)?;
    debs::collect(&folder.join("debian"), options.debs.as_deref(), &deb, arch)?;
    let tarball = pack::tarball(root, &folder, &deb, &release)?;
    Ok(Made { deb, tarball, source })
}

/// Everything again from a clone in another folder; the bytes must be the same.
fn twice(root: &Path, first: &Made, options: &Options) -> Result<()> {
    if build::Release::of(root)?.dirty {
        bail!("commit first: the second time begins with a clone");
    }
    // Another depth and another length of path than the first.
    let other = root.join("target/again/somewhere/else");
    let _ = std::fs::remove_dir_all(&other);
    std::fs::create_dir_all(other.parent().unwrap_or(root))?;
    say("once more, from a clone in another folder");
    // By somebody whose files others may write, too.
    let clone = "umask 0002 && exec git clone --quiet \"$1\" \"$2\"";
    done(Command::new("sh").args(["-c", clone, "clone"]).arg(root).arg(&other))?;
    done(
        Command::new("npm")
            .args(["ci", "--silent", "--no-audit", "--no-fund"])
            .current_dir(other.join("web")),
    )?;
    done(Command::new("npm").args(["run", "--silent", "build"]).current_dir(other.join("web")))?;
    let debs = first
        .tarball
        .parent()
        .unwrap_or(root)
        .join(build::Release::of(root)?.name(options.arch))
        .join("debian");
    let (arch, debug) = (options.arch, options.debug);
    let options =
        Options { arch, debug, twice: true, try_it: false, tarball: None, debs: Some(debs) };
    let second = make(&other, &other.join("target/package"), &options)?;
    let mut differ = Vec::new();
    for (one, two) in first.files().into_iter().zip(second.files()) {
        let (a, b) = (sha256(one)?, sha256(two)?);
        println!("{}  {}", if a == b { "the same " } else { "DIFFERENT" }, one.display());
        if a != b {
            differ.push(format!("diffoscope {} {}", one.display(), two.display()));
        }
    }
    if !differ.is_empty() {
        bail!("the bytes differ; look with\n  {}", differ.join("\n  "));
    }
    let _ = std::fs::remove_dir_all(root.join("target/again"));
    Ok(())
}

fn say(text: &str) {
    eprintln!("\x1b[1m{text}\x1b[0m");
}

/// Runs a command to its end; what it said is in the error.
fn done(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out =
        command.output().with_context(|| format!("{name} does not start; is it installed?"))?;
    if !out.status.success() {
        bail!(
            "{name} failed ({}):\n{}{}",
            out.status,
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn sha256(file: &Path) -> Result<String> {
    let line = done(Command::new("sha256sum").arg(file))?;
    Ok(line.split_whitespace().next().unwrap_or_default().to_owned())
}

/// All files below a folder, by name.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                todo.push(path);
            } else {
                out.push(path);
            }
        }
    }
    out.sort();
    Ok(out)
}
