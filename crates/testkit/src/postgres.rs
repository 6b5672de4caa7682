//! A PostgreSQL cluster for tests, from the programs that the system has installed.
//!
//! Holds: all tests of a run share one cluster, though each may be a process of its own; a test has
//! a database of its own, dropped with its guard. The cluster ends a few seconds after the last
//! process that used it, however that ended: each holds a lock that the kernel lets go, and a
//! watcher waits for it. PostgreSQL refuses to run as root, who hands the cluster to `nobody`.
//! Nothing is safe in it: `fsync` is off (but for benches), and whoever reaches the socket's folder is let in.

use anyhow::{Context, Result, bail};
use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// `nobody`, on every Linux.
const NOBODY: u32 = 65_534;
/// Whether this process wants what is committed to be on the disk.
static LASTING: AtomicBool = AtomicBool::new(false);
const USER: &str = "homeplate";
const PORT: &str = "5432";

/// Ends the cluster when nobody uses it any more. `start` is held while one is started or ended.
const WATCHER: &str = r#"
while sleep 5; do
  exec 8>"$1/start" 9>"$1/users"
  flock 8
  if flock --nonblock 9; then
    as_owner "$2/pg_ctl" --pgdata="$1/data" --mode=immediate --wait stop
    rm -rf "$1/data"
    exit
  fi
  exec 8>&- 9>&-
done
"#;

/// A database of one's own, empty at first.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Makes one, and starts the cluster if none is running.
    pub fn new() -> Result<Self> {
        cluster()?.tool("createdb", &[&fresh_name()]).map(|name| Self { name })
    }

    /// The same on a cluster that syncs what it commits, for benches. From here on this process has that
    /// cluster alone.
    pub fn lasting() -> Result<Self> {
        LASTING.store(true, Ordering::Relaxed);
        Self::new()
    }

    /// Everything in it as SQL text, but for a schema that ends so: what a backup of it would hold.
    pub fn dump_without(&self, schema: &str) -> Result<String> {
        let mut dump = cluster()?.command("pg_dump");
        let out = dump
            .args(["--inserts", &format!("--exclude-schema=*{schema}"), &self.name])
            .output()?;
        anyhow::ensure!(out.status.success(), "pg_dump: {}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }

    /// A copy of it as it stands, of what is committed and nothing else, while it is in use.
    pub fn copy(&self) -> Result<Self> {
        let copy = Self::new()?;
        let at = cluster()?;
        let script = r#"set -o pipefail
            "$1/pg_dump" --host="$2" --port="$3" --username="$4" "$5" |
            "$1/psql" --host="$2" --port="$3" --username="$4" --dbname="$6" --quiet --no-psqlrc \
              --set=ON_ERROR_STOP=1"#;
        let mut command = Command::new("bash");
        command.args(["-c", script, "copy"]).arg(&at.programs).arg(at.socket());
        run(command.args([PORT, USER, &self.name, &copy.name]))?;
        Ok(copy)
    }

    /// Ends every connection to it and takes no other, as a line that is cut; or takes them again.
    pub fn cut_off(&self, off: bool) -> Result<()> {
        let sql = format!(
            "ALTER DATABASE {0} ALLOW_CONNECTIONS {1}; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{0}' AND {off}",
            self.name, !off
        );
        let mut psql = cluster()?.command("psql");
        run(psql.args(["--dbname=postgres", "--quiet", "--no-psqlrc", "--command", &sql]))?;
        Ok(())
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        let socket = base().join("socket");
        format!("host={} port={PORT} user={USER} dbname={}", socket.display(), self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It goes with the cluster if not now.
        let _ = cluster()
            .and_then(|at| run(at.command("dropdb").args(["--force", "--if-exists", &self.name])));
    }
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The running cluster, as long as this process lives.
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    _using: File,
}

fn cluster() -> Result<&'static Cluster> {
    static CLUSTER: OnceLock<std::result::Result<Cluster, String>> = OnceLock::new();
    let started = CLUSTER.get_or_init(|| Cluster::join().map_err(|e| format!("{e:#}")));
    started.as_ref().map_err(|e| anyhow::anyhow!(e.clone()))
}

/// The folder of a user's cluster; short, because a socket's path must be.
fn base() -> PathBuf {
    let user = fs::metadata("/proc/self").map_or(0, |m| m.uid());
    let lasting = if LASTING.load(Ordering::Relaxed) { "-lasting" } else { "" };
    PathBuf::from(format!("/tmp/homeplate-test-postgres-{user}{lasting}"))
}

impl Cluster {
    /// Uses the cluster that runs, or starts it.
    fn join() -> Result<Self> {
        let folder = base();
        fs::create_dir_all(&folder)?;
        let start = lock_file(&folder.join("start"))?;
        start.lock()?;
        let using = lock_file(&folder.join("users"))?;
        using.lock_shared()?;
        let at = Self { programs: programs()?, folder, _using: using };
        if !at.answers() {
            at.start()?;
        }
        Ok(at)
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn answers(&self) -> bool {
        run(self.command("pg_isready").args(["--quiet", "--dbname=postgres"])).is_ok()
    }

    fn start(&self) -> Result<()> {
        let (data, socket) = (self.folder.join("data"), self.socket());
        for old in [&data, &socket] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
            fs::create_dir(old)?;
            fs::set_permissions(old, Permissions::from_mode(0o700))?;
            if is_root() {
                chown(old, Some(NOBODY), Some(NOBODY))?;
            }
        }
        let data = format!("--pgdata={}", data.display());
        run(as_owner(&self.programs.join("initdb")).args([
            &data,
            &format!("--username={USER}"),
            "--auth=trust",
            "--encoding=UTF8",
            "--no-sync",
            "--no-instructions",
        ]))?;
        // What a city's server has: both on. Tests are faster without.
        let sync = if LASTING.load(Ordering::Relaxed) { "on" } else { "off" };
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c port={PORT} -c fsync={sync} \
             -c max_connections=200 -c shared_buffers=64MB -c full_page_writes={sync}",
            socket.display()
        );
        let log = format!("--log={}", self.folder.join("data/log").display());
        run(as_owner(&self.programs.join("pg_ctl")).args([
            &data,
            &log,
            &format!("--options={options}"),
            "--wait",
            "start",
        ]))?;
        self.watch()
    }

    /// Starts the watcher, apart from us and our terminal.
    fn watch(&self) -> Result<()> {
        let owner = if is_root() { SETPRIV.join(" ") } else { "env".into() };
        let script = format!("as_owner() {{ {owner} \"$@\"; }}\n{WATCHER}");
        Command::new("setsid")
            .args(["sh", "-c", &script, "watcher"])
            .args([&self.folder, &self.programs])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("setsid does not start")?;
        Ok(())
    }

    /// A program of PostgreSQL that talks to the cluster.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--host").arg(self.socket()).args(["--port", PORT, "--username", USER]);
        command
    }

    fn tool(&self, program: &str, args: &[&str; 1]) -> Result<String> {
        run(self.command(program).args(args))?;
        Ok(args[0].to_owned())
    }
}

fn lock_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    options.open(path).with_context(|| format!("{} cannot be opened", path.display()))
}

/// Where Debian puts the programs that are not on the path; the newest version.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .map(|entry| entry.path())
        .filter(|path| path.join("bin/initdb").exists())
        .max_by_key(|path| number(path));
    newest.map(|path| path.join("bin")).context("PostgreSQL is missing; run `./run setup`")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| m.uid() == 0)
}

const SETPRIV: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A program that root runs as `nobody`, and anybody else as themselves.
fn as_owner(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new(SETPRIV[0]);
        command.args(&SETPRIV[1..]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn run(command: &mut Command) -> Result<()> {
    // Into a file: a server that is started keeps the streams open, and a pipe would never end.
    let said = tempfile::NamedTempFile::new()?;
    let status = command
        .stdin(Stdio::null())
        .stdout(said.reopen()?)
        .stderr(said.reopen()?)
        .status()
        .with_context(|| format!("{command:?} does not start"))?;
    if !status.success() {
        bail!("{command:?} failed: {}", fs::read_to_string(said.path())?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_apart_and_copied() {
        let (one, two) = (Database::new().unwrap(), Database::new().unwrap());
        assert_ne!(one.url(), two.url());
        assert_ne!(one.copy().unwrap().url(), one.url());
    }
}
