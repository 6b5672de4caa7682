//! What the `.deb` puts where.
//!
//! The executables and the engine's library lie together in `/usr/lib/homeplate`, since each looks for the others beside
//! itself; `/usr/bin/homeplate` points there.

use super::arch::Arch;
use super::build::{PROGRAMS, Release};
use super::{done, files_below, notices};
use anyhow::{Context, Result};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const UNITS: [&str; 3] =
    ["homeplate-custody.service", "homeplate-edge.service", "homeplate.service"];

/// Texts of the package: files, and all files of folders. They lie as in the source, where one points to another.
const TEXTS: [&str; 6] = [
    "README.md",
    "ARCHITECTURE.md",
    "models/README.md",
    "models/confusion.svg",
    "models/reliability.svg",
    "models/sizes.svg",
];
const FOLDERS: [&str; 4] = ["design", "guide", "guide/pictures", "ref"];

/// Lays the package's files out in a folder and answers that folder.
pub fn stage(
    root: &Path,
    out: &Path,
    release: &Release,
    arch: Arch,
    built: &Path,
) -> Result<PathBuf> {
    let tree = out.join("tree");
    let lib = folder(&tree.join("usr/lib/homeplate"))?;
    for (_, program) in PROGRAMS {
        fs::copy(built.join(program), lib.join(program))?;
        mode(&lib.join(program), 0o755)?;
    }
    let engine =
        PathBuf::from(std::env::var_os("HOMEPLATE_ENGINE").context("start this with ./run dist")?);
    fs::copy(engine.join("libonnxruntime.so"), lib.join("libonnxruntime.so"))?;
    symlink("../lib/homeplate/homeplate", folder(&tree.join("usr/bin"))?.join("homeplate"))?;
    units(root, &folder(&tree.join("usr/lib/systemd/system"))?)?;
    manual(&tree, &lib.join("homeplate"), arch, root)?;
    documents(root, &tree, &engine, arch)?;
    control(root, &tree, release, arch)?;
    for path in files_below(&tree)? {
        let scripts = ["postinst", "prerm", "postrm"];
        let runs = path.starts_with(&lib) && path.extension().is_none()
            || path.parent().is_some_and(|p| p.ends_with("DEBIAN"))
                && scripts.iter().any(|name| path.ends_with(name));
        if !path.is_symlink() {
            mode(&path, if runs { 0o755 } else { 0o644 })?;
        }
        // Whatever this user's umask made of them.
        for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&tree)) {
            mode(folder, 0o755)?;
        }
    }
    Ok(tree)
}

/// The units, each with the lines that all have in common.
fn units(root: &Path, to: &Path) -> Result<()> {
    let from = root.join("packaging/systemd");
    let common = fs::read_to_string(from.join("common.conf"))?;
    let lines: Vec<&str> = common.lines().skip(1).collect();
    for unit in UNITS {
        let text = fs::read_to_string(from.join(unit))?;
        fs::write(to.join(unit), text.replace("@common@", &lines.join("\n")))?;
    }
    Ok(())
}

/// Man pages and completions, which the program itself writes: on another kind of machine, by way of an emulator.
fn manual(tree: &Path, program: &Path, arch: Arch, root: &Path) -> Result<()> {
    let share = folder(&tree.join("usr/share"))?;
    let made = share.join("manual");
    let mut writes = Command::new(program);
    if arch != Arch::here()? {
        writes.env("QEMU_LD_PREFIX", arch.sysroot(&root.join("target/dist")));
    }
    done(writes.args(["manual", "--out"]).arg(&made))?;
    let pages = folder(&share.join("man/man1"))?;
    for page in files_below(&made.join("man1"))? {
        let to = pages.join(page.file_name().unwrap_or_default());
        fs::rename(&page, &to)?;
        done(Command::new("gzip").args(["-9n"]).arg(to))?;
    }
    for (name, place) in [
        ("homeplate.bash", "bash-completion/completions/homeplate"),
        ("_homeplate", "zsh/vendor-completions/_homeplate"),
        ("homeplate.fish", "fish/vendor_completions.d/homeplate.fish"),
    ] {
        let to = share.join(place);
        folder(to.parent().unwrap_or(&share))?;
        fs::rename(made.join("completions").join(name), to)?;
    }
    fs::remove_dir_all(made)?;
    Ok(())
}

/// Guide, formats, licences.
fn documents(root: &Path, tree: &Path, engine: &Path, arch: Arch) -> Result<()> {
    let doc = folder(&tree.join("usr/share/doc/homeplate"))?;
    for place in texts(root)? {
        let to = doc.join(&place);
        folder(to.parent().unwrap_or(&doc))?;
        fs::copy(root.join(&place), to)?;
    }
    fs::copy(root.join("packaging/edge.toml"), doc.join("edge.toml.example"))?;
    fs::write(doc.join("THIRD-PARTY.txt"), notices::text(root, arch)?)?;
    let runtime = folder(&doc.join("onnxruntime"))?;
    for name in ["LICENSE", "ThirdPartyNotices.txt"] {
        fs::copy(engine.join(name), runtime.join(name))?;
    }
    let mut copyright = fs::read_to_string(root.join("packaging/debian/copyright"))?;
    copyright.push_str(&fs::read_to_string(root.join("LICENSE"))?);
    fs::write(doc.join("copyright"), copyright)?;
    for big in ["THIRD-PARTY.txt", "onnxruntime/ThirdPartyNotices.txt"] {
        done(Command::new("gzip").arg("-9n").arg(doc.join(big)))?;
    }
    Ok(())
}

/// Where the texts lie, from the source's folder on.
fn texts(root: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::from(TEXTS.map(PathBuf::from));
    for part in FOLDERS {
        for file in fs::read_dir(root.join(part))? {
            let file = file?;
            if file.path().is_file() {
                out.push(Path::new(part).join(file.file_name()));
            }
        }
    }
    Ok(out)
}

/// What dpkg reads.
fn control(root: &Path, tree: &Path, release: &Release, arch: Arch) -> Result<()> {
    let size: u64 = files_below(tree)?
        .iter()
        .map(|p| fs::symlink_metadata(p).map(|m| m.len().div_ceil(1024)))
        .sum::<std::io::Result<u64>>()?;
    let mut sums = String::new();
    for file in files_below(tree)?.iter().filter(|p| !p.is_symlink()) {
        let line = done(Command::new("md5sum").arg(file))?;
        let sum = line.split_whitespace().next().unwrap_or_default();
        sums.push_str(&format!("{sum}  {}\n", file.strip_prefix(tree)?.display()));
    }
    let glibc = done(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let debian = folder(&tree.join("DEBIAN"))?;
    let from = root.join("packaging/debian");
    let text = fs::read_to_string(from.join("control"))?
        .replace("@version@", &release.version)
        .replace("@arch@", arch.debian())
        .replace("@size@", &size.to_string())
        .replace("@glibc@", glibc.trim().trim_start_matches("glibc "));
    fs::write(debian.join("control"), text)?;
    fs::write(debian.join("md5sums"), sums)?;
    for script in ["postinst", "prerm", "postrm"] {
        fs::copy(from.join(script), debian.join(script))?;
    }
    Ok(())
}

fn folder(path: &Path) -> Result<PathBuf> {
    fs::create_dir_all(path)?;
    Ok(path.to_owned())
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the links of a page lead, but for those to other machines and within the page.
    fn links<'a>(page: &'a Path, text: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        targets.filter(|link| !link.is_empty() && !link.contains("://")).map(move |link| {
            let mut at = page.parent().map(Path::to_owned).unwrap_or_default();
            for part in link.split('/') {
                if part == ".." {
                    at.pop();
                } else {
                    at.push(part);
                }
            }
            at
        })
    }

    #[test]
    fn what_the_installed_guide_points_to_is_in_the_package() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let there = texts(&root).unwrap();
        let pages = there.iter().filter(|place| {
            let written_for_readers = place.starts_with("guide") || place.starts_with("ref");
            written_for_readers && place.extension().is_some_and(|e| e == "md")
        });
        let mut looked = 0;
        for page in pages {
            let text = fs::read_to_string(root.join(page)).unwrap();
            for link in links(page, &text) {
                looked += 1;
                assert!(
                    there.iter().any(|place| place.starts_with(&link)),
                    "{} points to {}, which the package has not",
                    page.display(),
                    link.display()
                );
            }
        }
        assert!(looked > 50, "{looked}");
    }
}
