//! `./run demo`: a city on the embedded default, a rendered street, the real reader, the real server.
//!
//! Everything lives in `.run/demo`; a second start goes on with the same city. Ctrl-C reaches the
//! reader as it reaches this process; the server stands in a group of its own and is told to end after
//! the reader has delivered what it had.

use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CAMERA: &str = "cam_main-st";
const STOLEN: &str = "7ABC128";
const DAY_SECONDS: &str = "30";
const DUSK_SECONDS: &str = "20";

struct Demo {
    exe: PathBuf,
    dir: PathBuf,
    server: String,
    preview: String,
}

/// Sets up what is missing, plays the street, waits for Ctrl-C.
pub fn run(root: &Path) -> Result<()> {
    let bin = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let bin = bin.join("debug");
    let dir = root.join(".run/demo");
    fs::create_dir_all(&dir)?;
    let demo = Demo {
        exe: bin.join("homeplate"),
        dir,
        server: format!("127.0.0.1:{}", port("HOMEPLATE_DEMO_PORT", 8080)?),
        preview: format!("127.0.0.1:{}", port("HOMEPLATE_DEMO_PREVIEW_PORT", 8081)?),
    };
    demo.street(&bin.join("street"))?;
    let fresh = !demo.dir.join("city/homeplate.toml").exists();
    if fresh {
        demo.init()?;
    }
    let mut server = demo.serve()?;
    let mut edge = match demo.play(fresh) {
        Ok(edge) => edge,
        Err(e) => {
            end(&mut server);
            return Err(e);
        }
    };
    let waited = demo.tell().and_then(|()| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(demo.wait(&mut server, &mut edge))
    });
    end(&mut edge);
    end(&mut server);
    waited?;
    eprintln!("stopped; ./run demo goes on where this ended");
    Ok(())
}

pub(crate) fn port(name: &str, default: u16) -> Result<u16> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a port")),
        Err(_) => Ok(default),
    }
}

/// The server, once it answers at its address.
pub(crate) fn listening(mut server: Child, address: &str) -> Result<Child> {
    let until = Instant::now() + Duration::from_secs(30);
    while std::net::TcpStream::connect(address).is_err() {
        if server.try_wait()?.is_some() {
            bail!("the server has stopped; is {address} in use? Set HOMEPLATE_DEMO_PORT.");
        }
        if Instant::now() > until {
            end(&mut server);
            bail!("the server does not answer");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(server)
}

/// Tells a process to end, waits up to ten seconds, then insists.
pub(crate) fn end(child: &mut Child) {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    // The reader has had the terminal's Ctrl-C already; a second word does no harm.
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Renders one scenario into an empty folder.
pub(crate) fn render(
    exe: &Path,
    scenario: &str,
    seconds: &str,
    out: &Path,
    more: &[&str],
) -> Result<()> {
    let _ = fs::remove_dir_all(out);
    let done = Command::new(exe)
        .args(["--seconds", seconds, "--fps", "5", "--scenario", scenario, "--out"])
        .arg(out)
        .args(more)
        .status()
        .context("the street renderer does not start; run ./run demo again")?;
    if !done.success() {
        bail!("the street could not be rendered; is the disk full?");
    }
    Ok(())
}

/// The frames of a folder, in order.
fn frames(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut out: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    out.retain(|p| p.extension().is_some_and(|e| e == "jpg"));
    out.sort();
    Ok(out)
}

impl Demo {
    fn say(&self, text: &str) {
        eprintln!("\x1b[1m{text}\x1b[0m");
    }

    /// Renders day and dusk once, one after the other in one folder.
    fn street(&self, exe: &Path) -> Result<()> {
        let clip = self.dir.join("street");
        if clip.join("clip.json").exists() {
            return Ok(());
        }
        self.say("rendering a street, by day and at dusk");
        let (day, dusk) = (self.dir.join("street.new"), self.dir.join("dusk.new"));
        render(exe, "demo", DAY_SECONDS, &day, &[])?;
        render(exe, "dusk", DUSK_SECONDS, &dusk, &[])?;
        let mut next = frames(&day)?.len();
        for frame in frames(&dusk)? {
            next += 1;
            fs::rename(frame, day.join(format!("{next:06}.jpg")))?;
        }
        fs::remove_dir_all(dusk)?;
        fs::rename(day, clip)?;
        Ok(())
    }

    fn homeplate(&self, args: &[&str]) -> Result<String> {
        let out = Command::new(&self.exe)
            .args(args)
            .current_dir(&self.dir)
            .env("HOMEPLATE_SERVER", format!("http://{}", self.server))
            .stderr(Stdio::piped())
            .output()?;
        if !out.status.success() {
            bail!(
                "homeplate {}: {}",
                args.first().unwrap_or(&""),
                String::from_utf8_lossy(&out.stderr).trim()
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn init(&self) -> Result<()> {
        self.say("making the city of Springfield");
        let _ = fs::remove_dir_all(self.dir.join("city"));
        let _ = fs::remove_dir_all(self.dir.join("edge"));
        for key in ["admin", "dora", "otto"] {
            let _ = fs::remove_file(self.dir.join(format!("{key}.key")));
        }
        self.homeplate(&[
            "init",
            "--custody",
            "inside",
            "--data",
            "city",
            "--name",
            "Springfield",
            "--slug",
            "springfield",
            "--admin-key",
            "admin.key",
            "--tally-s",
            "2",
        ])?;
        Ok(())
    }

    fn serve(&self) -> Result<Child> {
        let server = Command::new(&self.exe)
            .args(["serve", "--data", "city", "--listen", &self.server])
            .args(["--preview", &format!("http://{}", self.preview)])
            .current_dir(&self.dir)
            // A line for each request would bury what the demo says.
            .env("HOMEPLATE_LOG", std::env::var("HOMEPLATE_LOG").unwrap_or_else(|_| "warn".into()))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the server does not start")?;
        listening(server, &self.server)
    }

    /// On the first start people, hot list and camera; then the reader, for as long as it runs.
    fn play(&self, fresh: bool) -> Result<Child> {
        let mut code = None;
        if fresh {
            for (name, role) in [("dora", "dispatcher"), ("otto", "officer")] {
                let (id, file) = (format!("per_{name}"), format!("{name}.key"));
                let made = self.homeplate(&["key", "new", "--person", &id, "--out", &file])?;
                let public = made.split_whitespace().nth(1).context("no public key")?.to_owned();
                let shown = if name == "dora" { "Dora Dispatcher" } else { "Otto Officer" };
                self.homeplate(&[
                    "person",
                    &id,
                    "--public-key",
                    &public,
                    "--name",
                    shown,
                    "--office",
                    role,
                    "--roles",
                    role,
                    "--key",
                    "admin.key",
                ])?;
            }
            let year = 365 * 86_400;
            let expires = days_from_now(year)?;
            self.homeplate(&[
                "hotlist",
                STOLEN,
                "--state",
                "us-ca",
                "--reason",
                "stolen vehicle",
                "--case",
                "26-0417",
                "--expires",
                &expires,
                "--key",
                "admin.key",
            ])?;
            code = Some(self.homeplate(&[
                "camera",
                CAMERA,
                "--name",
                "Main Street",
                "--key",
                "admin.key",
            ])?);
        }
        let mut edge = Command::new(&self.exe);
        edge.args([
            "edge",
            "--camera",
            CAMERA,
            "--data",
            "edge",
            "--source",
            "street",
            "--loop",
            "--realtime",
        ])
        .args(["--server", &format!("http://{}", self.server), "--preview", &self.preview])
        .current_dir(&self.dir)
        .stdout(Stdio::null());
        if let Some(code) = code {
            edge.args(["--code", &code]);
        }
        edge.spawn().context("the reader does not start")
    }

    fn tell(&self) -> Result<()> {
        let link = self.homeplate(&["console", "--key", "dora.key"])?;
        println!("\n  the street        http://{}/street", self.server);
        println!("  the public page   http://{}/", self.server);
        println!("  the console       {link}   (opens once, within 5 minutes)");
        println!("\n  ask as an officer, in another terminal:");
        println!("    cd {}", self.dir.display());
        println!(
            "    {} ask {STOLEN} --purpose stolen-vehicle --case 26-0417 --key otto.key --server http://{}",
            self.exe.display(),
            self.server
        );
        println!("\n  Ctrl-C stops it.\n");
        Ok(())
    }

    /// Asks once without and once with a case, so that the pages show a refusal and an answer; then
    /// waits for Ctrl-C or for a child that ends by itself.
    async fn wait(&self, server: &mut Child, edge: &mut Child) -> Result<()> {
        let asked = tokio::time::sleep(Duration::from_secs(20));
        tokio::pin!(asked);
        let mut done = false;
        loop {
            tokio::select! {
                signal = tokio::signal::ctrl_c() => return Ok(signal?),
                () = &mut asked, if !done => {
                    done = true;
                    let ask = ["ask", STOLEN, "--purpose", "stolen-vehicle", "--key", "otto.key"];
                    // The first is refused, and that is the point.
                    let _ = self.homeplate(&ask);
                    let _ = self.homeplate(&[&ask[..], &["--case", "26-0417"]].concat());
                }
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    for (name, child) in [("server", &mut *server), ("reader", &mut *edge)] {
                        if let Some(status) = child.try_wait()? {
                            bail!("the {name} has stopped ({status}); its last line above says why");
                        }
                    }
                }
            }
        }
    }
}

/// RFC 3339 of a moment so many seconds from now, by the system's own `date`.
pub(crate) fn days_from_now(seconds: u64) -> Result<String> {
    let out = Command::new("date")
        .args(["-u", "-d", &format!("+{seconds} seconds"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}
