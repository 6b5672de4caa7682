//! `./run town`: the demonstration grown up, for drills, training and newcomers: several cameras, a hot list that is found,
//! and a person for every role, each with a link to open.
//!
//! `--seed N` decides what drives by and what is looked for: two towns of one seed see the same plates, so that a bug
//! report can name one. Everything lives in `.run/town-N`; a second start goes on where the first ended.

use crate::demo::{days_from_now, end, listening, port, render};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Cameras: id, name, latitude, longitude and light.
const CAMERAS: [(&str, &str, &str, &str, &str); 4] = [
    ("cam_main-st", "Main Street", "39.8010", "-89.6436", "demo"),
    ("cam_north-gate", "North Gate", "39.8350", "-89.6500", "dusk"),
    ("cam_station-rd", "Station Road", "39.7990", "-89.6210", "day"),
    ("cam_harbour", "Harbour", "39.7700", "-89.6650", "dusk"),
];

/// Who works here: role, name, and the page to begin with.
const PEOPLE: [(&str, &str, &str); 9] = [
    ("administrator", "Ada Administrator", "/console/people"),
    ("dispatcher", "Dora Dispatcher", "/console"),
    ("officer", "Otto Officer", "/console"),
    ("detective", "Dina Detective", "/console/ask"),
    ("supervisor", "Sven Supervisor", "/console"),
    ("clerk", "Clara Clerk", "/console/rules"),
    ("counsel", "Carl Counsel", "/console/rules"),
    ("order-signer", "Olga Order-Signer", "/console/off"),
    ("auditor", "Iris Auditor", "/console/audit"),
];

const SECONDS: &str = "40";

struct Town {
    exe: PathBuf,
    street: PathBuf,
    dir: PathBuf,
    server: String,
    panel: String,
    seed: u64,
    cameras: usize,
}

/// Sets up what is missing, opens the town, waits for Ctrl-C.
pub fn run(root: &Path, args: &[String]) -> Result<()> {
    let (seed, cameras) = options(args)?;
    let bin = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let bin = bin.join("debug");
    let town = Town {
        exe: bin.join("homeplate"),
        street: bin.join("street"),
        dir: root.join(format!(".run/town-{seed}")),
        server: format!("127.0.0.1:{}", port("HOMEPLATE_DEMO_PORT", 8080)?),
        panel: format!("127.0.0.1:{}", port("HOMEPLATE_DEMO_PREVIEW_PORT", 8081)?),
        seed,
        cameras,
    };
    fs::create_dir_all(&town.dir)?;
    town.streets()?;
    let fresh = !town.dir.join("opened").exists();
    if fresh {
        town.init()?;
    }
    let mut server = town.serve()?;
    let mut edge = match town.open(fresh) {
        Ok(edge) => edge,
        Err(e) => {
            end(&mut server);
            return Err(e);
        }
    };
    let lived = town.live(&mut server, &mut edge);
    end(&mut edge);
    end(&mut server);
    lived?;
    eprintln!("stopped; ./run town --seed {seed} goes on where this ended");
    Ok(())
}

fn options(args: &[String]) -> Result<(u64, usize)> {
    let (mut seed, mut cameras) = (1, 2);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().with_context(|| format!("{arg} wants a number"))?;
        match arg.as_str() {
            "--seed" => seed = value.parse().context("--seed wants a whole number")?,
            "--cameras" => cameras = value.parse().context("--cameras wants a number")?,
            other => bail!("town takes --seed N and --cameras N, not {other}"),
        }
    }
    if !(1..=CAMERAS.len()).contains(&cameras) {
        bail!("--cameras is from 1 to {}", CAMERAS.len());
    }
    Ok((seed, cameras))
}

impl Town {
    /// Renders each camera's street once, and keeps which plates drive there.
    fn streets(&self) -> Result<()> {
        for (n, (camera, name, _, _, light)) in CAMERAS.iter().enumerate().take(self.cameras) {
            let clip = self.dir.join(camera);
            if clip.join("clip.json").exists() {
                continue;
            }
            eprintln!("\x1b[1mrendering {name}\x1b[0m");
            let fresh = self.dir.join(format!("{camera}.new"));
            let seed = (self.seed * 10 + n as u64).to_string();
            let truth = self.truth(camera).display().to_string();
            render(&self.street, light, SECONDS, &fresh, &["--seed", &seed, "--truth", &truth])?;
            fs::rename(fresh, clip)?;
        }
        Ok(())
    }

    fn truth(&self, camera: &str) -> PathBuf {
        self.dir.join(format!("{camera}.truth.json"))
    }

    /// A plate of each camera, the second that drives by, which the city looks for.
    fn wanted(&self, camera: &str) -> Result<(String, String)> {
        let truth: Value = serde_json::from_slice(&fs::read(self.truth(camera))?)?;
        let passes = truth["passes"].as_array().context("a street without passes")?;
        let pass = passes.get(1).or(passes.first()).context("nobody drives here")?;
        let word = |key: &str| pass[key].as_str().unwrap_or_default().to_owned();
        Ok((word("text"), word("state")))
    }

    fn homeplate(&self, args: &[&str]) -> Result<String> {
        let out = Command::new(&self.exe)
            .args(args)
            .current_dir(&self.dir)
            .env("HOMEPLATE_SERVER", format!("http://{}", self.server))
            .output()?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!("homeplate {}: {}", args.first().unwrap_or(&""), said.trim());
        }
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn init(&self) -> Result<()> {
        for left in ["city", "edge", "keys"] {
            let _ = fs::remove_dir_all(self.dir.join(left));
        }
        fs::create_dir_all(self.dir.join("keys"))?;
        let keys = ["--admin", "per_administrator", "--admin-key", "keys/administrator.key"];
        let init = ["init", "--custody", "inside", "--data", "city", "--name", "Springfield"];
        let rest =
            ["--audit-key", "keys/audit.key", "--time-zone", "America/Chicago", "--tally-s", "2"];
        self.homeplate(&[&init[..], &keys, &rest].concat())?;
        Ok(())
    }

    fn serve(&self) -> Result<Child> {
        let server = Command::new(&self.exe)
            .args(["serve", "--data", "city", "--listen", &self.server])
            .current_dir(&self.dir)
            .env("HOMEPLATE_LOG", std::env::var("HOMEPLATE_LOG").unwrap_or_else(|_| "warn".into()))
            .env("XDG_STATE_HOME", self.dir.join("state"))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the server does not start")?;
        listening(server, &self.server)
    }

    /// The first time people, lists and cameras; then the readers.
    fn open(&self, fresh: bool) -> Result<Child> {
        if fresh {
            eprintln!("\x1b[1mpeople, a hot list, {} cameras\x1b[0m", self.cameras);
            self.people()?;
            let expires = days_from_now(365 * 86_400)?;
            for (n, (camera, ..)) in CAMERAS.iter().enumerate().take(self.cameras) {
                let (plate, state) = self.wanted(camera)?;
                let case = format!("26-{:04}", 417 + n);
                let reason = ["stolen vehicle", "stolen plate"][n % 2];
                let entry =
                    ["hotlist", &plate, "--state", &state, "--reason", reason, "--case", &case];
                self.by("administrator", &[&entry[..], &["--expires", &expires]].concat())?;
            }
        }
        let mut file = format!(
            "server = \"http://{}\"\ndata = \"edge\"\npanel = \"{}\"\n",
            self.server, self.panel
        );
        for (camera, name, lat, lon, _) in CAMERAS.iter().take(self.cameras) {
            let code = self.dir.join(format!("keys/{camera}.code"));
            if fresh {
                let made =
                    ["camera", camera, "--name", name, "--lat", lat, &format!("--lon={lon}")];
                fs::write(&code, self.by("administrator", &made)?)?;
            }
            write!(
                file,
                "\n[[camera]]\nid = \"{camera}\"\ncode_file = \"keys/{camera}.code\"\n\
                 source = {{ kind = \"folder\", path = \"{camera}\", looped = true, realtime = true }}\n"
            )?;
        }
        fs::write(self.dir.join("edge.toml"), file)?;
        fs::write(self.dir.join("opened"), "")?;
        Command::new(&self.exe)
            .args(["edge", "--config", "edge.toml"])
            .current_dir(&self.dir)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.dir.join("edge.log"))?)
            .process_group(0)
            .spawn()
            .context("the reader does not start")
    }

    fn people(&self) -> Result<()> {
        for (role, name, _) in PEOPLE.iter().filter(|(role, ..)| *role != "administrator") {
            let (id, file) = (format!("per_{role}"), format!("keys/{role}.key"));
            let made = self.homeplate(&["key", "new", "--person", &id, "--out", &file])?;
            let public = made.split_whitespace().nth(1).context("no public key")?.to_owned();
            let who = ["person", &id, "--public-key", &public, "--name", name];
            self.by("administrator", &[&who[..], &["--office", role, "--roles", role]].concat())?;
        }
        Ok(())
    }

    /// A command in somebody's name.
    fn by(&self, role: &str, args: &[&str]) -> Result<String> {
        self.homeplate(&[args, &["--key", &format!("keys/{role}.key")]].concat())
    }

    /// Where everybody begins: a link for each role, which signs in as that person once.
    fn links(&self) -> Result<()> {
        println!("\n  the public page     http://{}/", self.server);
        println!("  the cameras' panel  http://{}/", self.panel);
        println!(
            "\n  Open as … (each link once, within 5 minutes, each in a private window: a browser is one person):"
        );
        for (role, name, page) in PEOPLE {
            println!("  {role:14} {name:18} {}   then {page}", self.by(role, &["console"])?);
        }
        println!("\n  looked for:");
        for (camera, name, ..) in CAMERAS.iter().take(self.cameras) {
            let (plate, state) = self.wanted(camera)?;
            println!("  {plate:10} {state}  drives by at {name}");
        }
        println!("\n  keys of all of them: {}/keys   seed {}", self.dir.display(), self.seed);
        println!("  Enter prints new links; Ctrl-C stops.\n");
        Ok(())
    }

    /// Until Ctrl-C, or until a child ends by itself.
    fn live(&self, server: &mut Child, edge: &mut Child) -> Result<()> {
        self.links()?;
        let again = Arc::new(AtomicBool::new(false));
        let typed = again.clone();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() {
                    return;
                }
                typed.store(true, Ordering::Relaxed);
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    signal = tokio::signal::ctrl_c() => return Ok(signal?),
                    () = tokio::time::sleep(Duration::from_millis(500)) => {
                        for (name, child) in [("server", &mut *server), ("reader", &mut *edge)] {
                            if let Some(status) = child.try_wait()? {
                                bail!("the {name} has stopped ({status}); see {}", self.dir.display());
                            }
                        }
                        if again.swap(false, Ordering::Relaxed) {
                            self.links()?;
                        }
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_say_what_is_wrong() {
        let of = |args: &[&str]| options(&args.iter().map(|a| a.to_string()).collect::<Vec<_>>());
        assert_eq!(of(&["--seed", "7", "--cameras", "3"]).unwrap(), (7, 3));
        for (wrong, word) in [
            (vec!["--seed"], "wants"),
            (vec!["--cameras", "9"], "from 1 to 4"),
            (vec!["--x", "1"], "not --x"),
        ] {
            assert!(of(&wrong).unwrap_err().to_string().contains(word), "{wrong:?}");
        }
    }
}
