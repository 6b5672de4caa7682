//! The tarball in a bare Debian 12: no network, nothing but what Debian is born with, systemd as process 1.
//!
//! What is typed there is what `guide/install.md` says: every block of it marked `sh` is run, in order, by one shell.
//! A guide that does not work is a test that fails. The machine is a folder and a set of namespaces; it needs root, and
//! leaves nothing behind.

use super::arch::Arch;
use super::{done, say};
use anyhow::{Context, Result, bail};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A machine that says nothing for so long has failed; one that is emulated has longer.
const LONGEST: Duration = Duration::from_secs(900);
const LONGEST_EMULATED: Duration = Duration::from_secs(5400);

/// The namespaces' side: mounts, loopback, and then Debian's own init.
const BOOT: &str = r#"
set -e
root="$1"
mount --make-rprivate /
ip link set lo up
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# Another kind of machine would be told of this one's processors; the fast engine does not bear that.
[ "$2" = here ] || mount -t tmpfs tmpfs "$root/sys/devices/system/cpu"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
cd "$root"
mkdir -p outside
pivot_root . outside
exec env -i container=homeplate-try PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  sh -c 'umount -l /outside; rmdir /outside; exec /sbin/init --log-target=console --show-status=no'
"#;

const UNIT: &str = "[Unit]
After=basic.target
[Service]
Type=oneshot
Environment=HOME=/srv LC_ALL=C.UTF-8
WorkingDirectory=/srv
ExecStart=/bin/bash /srv/steps.sh
ExecStopPost=/bin/sh -c 'journalctl --no-pager --output=cat --unit homeplate --unit homeplate-custody --unit homeplate-edge >/srv/journal 2>&1; systemctl exit $EXIT_STATUS'
StandardOutput=file:/srv/said
StandardError=file:/srv/said
[Install]
WantedBy=multi-user.target
";

/// What an emulator of programs cannot give them: filters of system calls, the mounts that credentials lie in, networks of
/// their own. All else of the sandbox stays.
const EMULATED: &str = "[Service]
SystemCallFilter=
SystemCallArchitectures=
RestrictAddressFamilies=
RestrictNamespaces=no
RestrictRealtime=no
RestrictSUIDSGID=no
LockPersonality=no
MemoryDenyWriteExecute=no
ProtectClock=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
PrivateDevices=no
LoadCredential=
PrivateNetwork=no
TimeoutStartSec=infinity
";

/// A program that says it will change all of the store, ruins it, and does not serve.
const UNFIT: &str = "#!/bin/sh
city=/var/lib/homeplate/city
case \"$1 $2\" in
  'upgrade --keep')
    [ -e $city/before-upgrade ] && exit 0
    runuser -u homeplate -- cp -r $city/store $city/keeping && exec mv $city/keeping $city/before-upgrade ;;
  serve*) echo ruined >$city/store/control.db; echo 'this version does not start' >&2; exit 1 ;;
esac
exec /usr/lib/homeplate.before/homeplate \"$@\"
";

/// After the guide: the next version, one that does not start and has to make room for the one before, and the power
/// going off in the middle of each.
const AFTERWARDS: &str = include_str!("afterwards.sh");

/// Installs the tarball and goes through the guide.
pub fn install_and_run(root: &Path, tarball: &Path, arch: Arch) -> Result<()> {
    if done(Command::new("id").arg("-u"))?.trim() != "0" {
        bail!("a bare Debian is made by root; run it with sudo, or leave --try out");
    }
    let work = root.join("target/bare");
    fs::create_dir_all(&work)?;
    let film = film(root, &work)?;
    let machine = machine(&work, arch)?;
    let longest = if arch == Arch::here()? { LONGEST } else { LONGEST_EMULATED };
    let srv = machine.join("srv");
    fs::copy(tarball, srv.join(tarball.file_name().context("no name")?))?;
    fs::copy(film, srv.join("street.mp4"))?;
    let guide = fs::read_to_string(root.join("guide/install.md"))?;
    let blocks = blocks(&guide);
    if blocks.is_empty() {
        bail!("guide/install.md has no block to run");
    }
    say("packages more: two later versions, and one whose server does not start");
    let unpacked = work.join("unpacked");
    let _ = fs::remove_dir_all(&unpacked);
    done(Command::new("tar").arg("-xzf").arg(tarball).arg("-C").arg(folder(&unpacked)?))?;
    variants(&unpacked, &srv)?;
    let answered = "echo \"$SECONDS\" >/srv/answered\n";
    fs::write(srv.join("steps.sh"), steps(&blocks) + answered + AFTERWARDS)?;
    let system = machine.join("etc/systemd/system");
    fs::write(system.join("steps.service"), UNIT)?;
    if arch != Arch::here()? {
        for unit in ["homeplate", "homeplate-custody", "homeplate-edge"] {
            let more = system.join(format!("{unit}.service.d"));
            fs::write(folder(&more)?.join("emulated.conf"), EMULATED)?;
        }
    }
    let wants = system.join("multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    let _ = std::os::unix::fs::symlink(
        "/etc/systemd/system/steps.service",
        wants.join("steps.service"),
    );
    say("a bare Debian 12 without a network: what guide/install.md says");
    let status = Command::new("timeout")
        // `unshare` hears nothing milder; its machine ends with it.
        .arg("--signal=KILL")
        .arg(longest.as_secs().to_string())
        .args([
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--cgroup",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-c", BOOT, "boot"])
        .arg(&machine)
        .arg(if arch == Arch::here()? { "here" } else { "emulated" })
        .output()?;
    let said = fs::read_to_string(srv.join("said")).unwrap_or_default();
    println!("{said}");
    if !status.status.success() {
        let journal = fs::read_to_string(srv.join("journal")).unwrap_or_default();
        println!("{journal}{}", String::from_utf8_lossy(&status.stderr));
        bail!(
            "the guide does not work on a bare machine ({}); the folder {} is kept",
            status.status,
            machine.display()
        );
    }
    let commands: usize = blocks.iter().map(|block| commands(block)).sum();
    println!(
        "from a bare machine to an answered question, verified: {commands} commands, {} seconds; then upgrades, and the power going off in the middle",
        fs::read_to_string(srv.join("answered"))?.trim()
    );
    fs::remove_dir_all(machine)?;
    Ok(())
}

/// The package again under later versions.
fn variants(unpacked: &Path, to: &Path) -> Result<()> {
    let deb = super::files_below(unpacked)?
        .into_iter()
        .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("homeplate_")))
        .context("no package in the tarball")?;
    let tree = unpacked.join("tree");
    for name in ["next", "later", "unfit"] {
        let _ = fs::remove_dir_all(&tree);
        done(Command::new("dpkg-deb").arg("-R").arg(&deb).arg(&tree))?;
        let control = tree.join("DEBIAN/control");
        let text = fs::read_to_string(&control)?;
        let line = text.lines().find(|l| l.starts_with("Version: ")).context("no version")?;
        fs::write(&control, text.replace(line, &format!("{line}+{name}")))?;
        let program = tree.join("usr/lib/homeplate/homeplate");
        match name {
            "unfit" => fs::write(&program, UNFIT)?,
            // Other bytes, which do the same.
            "later" => {
                OpenOptions::new().append(true).open(&program)?.write_all(b"later")?;
                fs::copy(&program, to.join("later"))?;
            }
            _ => {}
        }
        let sums = tree.join("DEBIAN/md5sums");
        let of = "usr/lib/homeplate/homeplate";
        let sum = done(Command::new("md5sum").arg(&program))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        let lines: Vec<String> = fs::read_to_string(&sums)?
            .lines()
            .map(|line| match line.ends_with(&format!("  {of}")) {
                true => format!("{sum}  {of}\n"),
                false => format!("{line}\n"),
            })
            .collect();
        fs::write(&sums, lines.concat())?;
        done(
            Command::new("dpkg-deb")
                .args(["-Zgzip", "-z1", "-b"])
                .arg(&tree)
                .arg(to.join(format!("{name}.deb"))),
        )?;
    }
    fs::remove_dir_all(unpacked)?;
    Ok(())
}

fn folder(path: &Path) -> Result<&Path> {
    fs::create_dir_all(path)?;
    Ok(path)
}

/// A fresh copy of a Debian that was made once.
fn machine(work: &Path, arch: Arch) -> Result<PathBuf> {
    let base = match arch == Arch::here()? {
        true => work.join("base"),
        false => work.join(format!("base-{}", arch.debian())),
    };
    if !base.join("etc/debian_version").exists() {
        say("making a bare Debian 12");
        let _ = fs::remove_dir_all(&base);
        // From where this machine has its packages.
        let from = done(
            Command::new("apt-get")
                .args(["indextargets", "--format", "$(REPO_URI)"])
                .args(["Created-By: Packages", "Codename: bookworm"]),
        )?;
        let from =
            from.lines().next().context("apt knows no place that bookworm comes from")?.to_owned();
        let fresh = base.with_extension("new");
        let _ = fs::remove_dir_all(&fresh);
        done(
            Command::new("debootstrap")
                .args(["--variant=minbase", "--include=systemd,systemd-sysv,dbus"])
                .arg(format!("--arch={}", arch.debian()))
                .arg("bookworm")
                .arg(&fresh)
                .arg(from),
        )?;
        fs::rename(fresh, &base)?;
    }
    let machine = work.join("machine");
    let _ = fs::remove_dir_all(&machine);
    done(Command::new("cp").arg("--archive").arg(&base).arg(&machine))?;
    Ok(machine)
}

/// A street as a camera would film it: rendered, and coded with H.264.
fn film(root: &Path, work: &Path) -> Result<PathBuf> {
    let out = work.join("street.mp4");
    if out.exists() {
        return Ok(out);
    }
    let frames = work.join("street");
    let _ = fs::remove_dir_all(&frames);
    let street = super::build::debug(root).join("street");
    done(
        Command::new(street)
            .args(["--seconds", "20", "--fps", "5", "--scenario", "demo", "--out"])
            .arg(&frames),
    )?;
    let location = |path: &Path| format!("location={}", path.display());
    done(
        Command::new("gst-launch-1.0")
            .args(["-q", "multifilesrc", &location(&frames.join("%06d.jpg")), "start-index=1"])
            .args(["caps=image/jpeg,framerate=5/1", "!", "jpegdec", "!", "videoconvert", "!"])
            .args(["x264enc", "bitrate=6000", "!", "mp4mux", "!", "filesink", &location(&out)]),
    )?;
    fs::remove_dir_all(frames)?;
    Ok(out)
}

/// The blocks of a guide that are marked `sh`.
pub fn blocks(guide: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "```sh" {
            let block: Vec<&str> = lines.by_ref().take_while(|l| l.trim() != "```").collect();
            out.push(block.join("\n"));
        }
    }
    out
}

/// How many commands a person types for a block: lines that are neither comments, nor the inside of a file that is
/// written, nor the rest of a line that was broken.
fn commands(block: &str) -> usize {
    let (mut count, mut until, mut broken) = (0, None::<String>, false);
    for line in block.lines() {
        let line = line.trim();
        if let Some(end) = &until {
            if line == end {
                until = None;
            }
            continue;
        }
        if !broken && !line.is_empty() && !line.starts_with('#') {
            count += 1;
        }
        broken = line.ends_with('\\');
        if let Some((_, end)) = line.split_once("<<") {
            until = Some(
                end.trim_matches(['\'', '"'])
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .trim_matches(['\'', '"'])
                    .to_owned(),
            );
        }
    }
    count
}

/// One script of all blocks, which says each and how long it took.
pub fn steps(blocks: &[String]) -> String {
    let mut out = String::from("set -eu\n");
    for (n, block) in blocks.iter().enumerate() {
        let shown = block.replace('\'', "'\\''");
        out.push_str(&format!(
            "printf '%s\\n' '--- {}' '{shown}' '---'\nbegan=$(date +%s%N)\n{block}\n",
            n + 1
        ));
        out.push_str("printf '(%d ms)\\n\\n' $((($(date +%s%N) - began) / 1000000))\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_a_person_types() {
        let guide = "Words\n\n```sh\n# a comment\none\ntwo \\\n  goes on\ncat >f <<'END'\nthree\nEND\n```\n```\nnot run\n```\n";
        let blocks = blocks(guide);
        assert_eq!((blocks.len(), commands(&blocks[0])), (1, 3));
        assert!(!steps(&blocks).contains("not run"));
    }
}
