//! A child that cannot be forgotten: its output is kept, and it dies with its guard.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Below the ports that Linux gives to connections by itself (32768 and up): one of those may be somebody's before the server
/// that it was looked for listens there.
const PORTS: std::ops::Range<u32> = 12_000..32_000;
/// So many ports belong to one process of tests; those that run beside it have other numbers, and so other ports.
const EACH: u32 = 97;

/// A port on loopback that nobody uses at this moment, and that this process has not been told before.
pub fn free_port() -> Result<u16> {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(EACH);
    for _ in PORTS {
        let place = first.wrapping_add(TOLD.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + place % (PORTS.end - PORTS.start))?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("loopback has no free port")
}

/// Lines of both streams in the order in which they came, and how many streams are still open.
#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    open: usize,
}

type Shared = Arc<(Mutex<Heard>, Condvar)>;

/// A running child: output captured line by line, killed and reaped on drop.
pub struct Process {
    child: Child,
    name: String,
    heard: Shared,
}

impl Process {
    /// Starts an executable.
    pub fn start<I, S>(exe: &Path, args: I) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<std::ffi::OsStr>,
    {
        Self::spawn(Command::new(exe).args(args))
    }

    /// Starts a prepared command; its streams are taken over.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        let heard = Shared::default();
        lock(&heard).open = 2;
        if let Some(out) = child.stdout.take() {
            listen(out, &heard);
        }
        if let Some(err) = child.stderr.take() {
            listen(err, &heard);
        }
        Ok(Self { child, name, heard })
    }

    /// Its process id, for a kill of one's own.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All lines so far.
    pub fn output(&self) -> String {
        lock(&self.heard).lines.join("\n")
    }

    /// Waits for a line that contains `part`, from the beginning of the output on.
    pub fn wait_for(&self, part: &str, within: Duration) -> Result<String> {
        let end = Instant::now() + within;
        let mut heard = lock(&self.heard);
        loop {
            if let Some(line) = heard.lines.iter().find(|l| l.contains(part)) {
                return Ok(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if heard.open == 0 || left.is_zero() {
                let said = heard.lines.join("\n");
                bail!("{} did not say {part:?}; it said:\n{said}", self.name);
            }
            heard = match self.heard.1.wait_timeout(heard, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Waits for the first `http://…` address that it prints.
    pub fn wait_for_url(&self, within: Duration) -> Result<String> {
        let line = self.wait_for("http://", within)?;
        let at = line.find("http://").unwrap_or(0);
        let url = line[at..].split([' ', ')', ',', '"']).next().unwrap_or_default();
        Ok(url.trim_end_matches(['.', '/']).to_owned())
    }

    /// Waits for its end.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                // What it said last may still be in the pipes.
                while lock(&self.heard).open > 0 && Instant::now() < end {
                    std::thread::sleep(Duration::from_millis(2));
                }
                return Ok(status);
            }
            if Instant::now() >= end {
                bail!("{} did not end within {within:?}; it said:\n{}", self.name, self.output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end as Ctrl-C does.
    pub fn interrupt(&self) -> Result<()> {
        let status = Command::new("kill").args(["-INT", &self.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { bail!("{} could not be interrupted", self.name) }
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Heard> {
    shared.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(stream: impl Read + Send + 'static, heard: &Shared) {
    let heard = heard.clone();
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            lock(&heard).lines.push(text);
            heard.1.notify_all();
            line.clear();
        }
        lock(&heard).open -= 1;
        heard.1.notify_all();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn output_is_kept_and_the_end_is_seen() {
        let script = "echo listening on http://127.0.0.1:7/; echo oops >&2; exit 3";
        let mut p = Process::start(Path::new("/bin/sh"), ["-c", script]).unwrap();
        assert_eq!(p.wait_for_url(SOON).unwrap(), "http://127.0.0.1:7");
        assert_eq!(p.wait(SOON).unwrap().code(), Some(3));
        assert!(p.output().contains("oops"));
        assert!(p.wait_for("never", SOON).unwrap_err().to_string().contains("oops"));
    }

    #[test]
    fn a_dropped_guard_leaves_nothing() {
        let p = Process::start(Path::new("/bin/sleep"), ["600"]).unwrap();
        let id = p.id();
        drop(p);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
