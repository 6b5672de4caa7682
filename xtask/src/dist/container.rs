//! The container file: the image is built from the tarball over the bare Debian, and what `guide/containers.md` says is
//! run. Where Podman is not there, that is said, and nothing else is.

use super::{bare, done, say};
use anyhow::{Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Puts Podman beside the machine's own: a store of its own, no network, no image from elsewhere. What a test's machine
/// may refuse is not asked for: groups of processes, higher limits.
const AROUND: &str = r#"
set -eu
work=$1
mount --make-rprivate /
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
limits="--ulimit nofile=4096:4096 --ulimit nproc=4096:4096"
podman() {
  what=$1
  shift
  case $what in
    run) set -- --pull=never --cgroups=disabled $limits "$@" ;;
    build) set -- --pull=never --isolation=chroot --build-arg BASE=localhost/bare "$@" ;;
  esac
  command podman --root "$work/images" --runroot "$work/run" "$what" "$@"
}
trap 'podman rm --force --all >/dev/null 2>&1' EXIT
tar --create --directory "$work/../base" . | podman import --quiet - localhost/bare
cd "$work"
"#;

/// The container of before runs again, the server answers a monitor, the log goes on after the new version, and nobody in it is root or can write.
const AFTERWARDS: &str = r#"
podman start city
until curl --silent --fail http://127.0.0.1:8080/healthz; do sleep 1; done
[ "$(podman exec city sh -c 'id --user --name')" = homeplate ]
if podman exec city sh -c ': >/usr/lib/homeplate/x' 2>/dev/null; then echo 'it can write' >&2; exit 1; fi
podman stop city >/dev/null
[ "$(podman inspect --format '{{.State.ExitCode}}' city)" = 0 ]
podman rm city >/dev/null
podman volume rm city >/dev/null
"#;

/// Builds and runs, if this machine can.
pub fn build_and_run(root: &Path, tarball: &Path) -> Result<()> {
    if Command::new("podman").arg("--version").output().is_err() {
        say("no podman here: the container file was not tried");
        return Ok(());
    }
    let guide = fs::read_to_string(root.join("guide/containers.md"))?;
    let blocks = bare::blocks(&guide);
    if blocks.is_empty() {
        bail!("guide/containers.md has no block to run");
    }
    say("a container: what guide/containers.md says");
    let work = root.join("target/bare/container");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    fs::copy(tarball, work.join(tarball.file_name().unwrap_or_default()))?;
    let script = work.join("steps.sh");
    fs::write(&script, AROUND.to_owned() + &bare::steps(&blocks) + AFTERWARDS)?;
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"])
        .arg(&script)
        .arg(&work)
        .status()?;
    if !status.success() {
        bail!("the container does not work ({status}); the folder {} is kept", work.display());
    }
    done(Command::new("rm").arg("-rf").arg(&work))?;
    Ok(())
}
