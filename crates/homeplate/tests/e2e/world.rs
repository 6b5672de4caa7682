//! A city of its own for a test: folder, server process, people with keys, a clip.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use testkit::street::{Body, Car, Light, Scenario, Street};
use testkit::{Process, free_port};

/// The executable under test.
pub const EXE: &str = env!("CARGO_BIN_EXE_homeplate");
/// The plate of the clip's one car, which is on the hot list.
pub const WANTED: &str = "7ABC128";
/// The camera.
pub const CAMERA: &str = "cam_main-st";

/// What a command did.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.good();
        serde_json::from_str(text.trim()).unwrap_or_else(|e| panic!("{e}: {text}"))
    }
}

impl From<Output> for Done {
    fn from(o: Output) -> Self {
        Self {
            code: o.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&o.stdout).into_owned(),
            err: String::from_utf8_lossy(&o.stderr).into_owned(),
        }
    }
}

/// A city, its people and their server.
pub struct World {
    dir: tempfile::TempDir,
    port: u16,
    server: Option<Process>,
    /// The folder that the server serves.
    pub data: &'static str,
    /// The user of the system that the server runs as, where it is not the test's own.
    pub server_user: Option<String>,
    /// What runs: the executable under test, or the one of before.
    pub exe: PathBuf,
    /// The root that its certificate comes from, where it speaks TLS.
    pub root: Option<PathBuf>,
}

/// The executable under test as another user of the system; only root can.
pub fn as_user(user: Option<&str>) -> Command {
    let Some(user) = user else { return Command::new(EXE) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", EXE]);
    command
}

impl World {
    /// An empty folder and a port.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self {
            dir,
            port: free_port().expect("a port"),
            server: None,
            data: "city",
            server_user: None,
            exe: EXE.into(),
            root: None,
        }
    }

    fn program(&self) -> Command {
        match &self.server_user {
            None => Command::new(&self.exe),
            user => as_user(user.as_deref()),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn url(&self) -> String {
        match self.root {
            None => format!("http://127.0.0.1:{}", self.port),
            Some(_) => format!("https://localhost:{}", self.port),
        }
    }

    /// The port that the server listens at.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A command of ours that believes the city's root, where it has one.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.exe);
        command.env("XDG_STATE_HOME", self.path("state")).current_dir(self.dir.path());
        if let Some(root) = &self.root {
            command.env("HOMEPLATE_CA", root);
        }
        command
    }

    /// `homeplate …` without a person.
    pub fn plain(&self, args: &[&str]) -> Done {
        self.command().args(args).output().expect("runs").into()
    }

    /// `homeplate …` in a person's name.
    pub fn by(&self, person: &str, args: &[&str]) -> Done {
        self.command()
            .args(args)
            .env("HOMEPLATE_SERVER", self.url())
            .env("HOMEPLATE_KEY", self.path(&format!("{person}.key")))
            .output()
            .expect("runs")
            .into()
    }

    /// Makes the city, with counts on the log every second.
    pub fn init(&self) {
        self.init_with(&[]);
    }

    /// The same with more options.
    pub fn init_with(&self, more: &[&str]) {
        let args = [
            "init",
            "--data",
            "city",
            "--name",
            "Springfield",
            "--slug",
            "springfield",
            "--admin-key",
            "admin.key",
            "--tally-s",
            "1",
        ];
        self.plain(&[&args, more].concat()).good();
        // Pictures are what many tests are about, and the machine that runs them may be nearly full.
        self.configure("thin_percent = 85", "thin_percent = 98");
        self.configure("bare_percent = 95", "bare_percent = 99");
    }

    /// Changes the city's configuration.
    pub fn configure(&self, from: &str, to: &str) {
        let file = self.path("city/homeplate.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replace(from, to)).expect("written");
    }

    /// Starts the server and waits until it listens.
    pub fn serve(&mut self) {
        self.serve_with(&[("HOMEPLATE_LOG", "debug")]);
    }

    /// The same with these in the environment.
    pub fn serve_with(&mut self, environment: &[(&str, &str)]) {
        let mut command = self.program();
        command
            .args(["serve", "--data"])
            .arg(self.path(self.data))
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .env("XDG_STATE_HOME", self.path("state"))
            .envs(environment.iter().copied());
        let server = Process::spawn(&mut command).expect("the server starts");
        server.wait_for(" at http", Duration::from_secs(30)).expect("the server listens");
        self.server = Some(server);
    }

    /// Pulls the plug and starts the server again.
    pub fn crash(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("killed");
        }
        self.serve();
    }

    /// The server's process.
    pub fn server_id(&self) -> u32 {
        self.server.as_ref().expect("a server").id()
    }

    /// Stops the server as a person does, and waits until it has ended.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.interrupt().expect("interrupted");
            server.wait(Duration::from_secs(60)).expect("it ends");
        }
    }

    /// Pulls the plug.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().expect("killed");
        }
    }

    /// The server's memory in KiB (resident, as the kernel counts it).
    pub fn memory_kb(&self) -> u64 {
        let pid = self.server.as_ref().expect("a server").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("its memory");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }

    /// What the kernel lets the server do.
    pub fn limits(&self) -> String {
        let pid = self.server.as_ref().expect("a server").id();
        std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits")
    }

    /// What the server has printed so far, its log included.
    pub fn server_output(&self) -> String {
        self.server.as_ref().map(Process::output).unwrap_or_default()
    }

    /// Makes a key for a person and has the administrator add them.
    pub fn person(&self, name: &str, role: &str) {
        let id = format!("per_{name}");
        let file = format!("{name}.key");
        let made = self.plain(&["key", "new", "--person", &id, "--out", &file]).good();
        let public = made.split_whitespace().nth(1).expect("a public key").to_owned();
        self.by(
            "admin",
            &[
                "person",
                &id,
                "--public-key",
                &public,
                "--name",
                "A Person",
                "--office",
                role,
                "--roles",
                role,
            ],
        )
        .good();
    }

    /// Renders six seconds with one car whose capture times begin half a minute ago.
    pub fn clip(&self) {
        let start = base::Clock::now(&base::SystemClock).plus_millis(-30_000);
        let scenario =
            Scenario { start, fps: 5.0, ..Scenario::empty(6.0, Light::Day, 7) }.with(Car {
                plate: WANTED.into(),
                state: "us-ca".into(),
                lane: 0,
                start_s: 0.4,
                speed: 7.0,
                toward: true,
                body: Body::Sedan,
            });
        Street::new(scenario).write(&self.path("clip")).expect("a clip");
    }

    /// Reads the clip once; `code` on the first time.
    pub fn edge(&self, code: Option<&str>) -> Done {
        let url = self.url();
        let mut args = vec![
            "edge", "--server", &url, "--camera", CAMERA, "--data", "edge", "--source", "clip",
            "--once", "--json",
        ];
        if let Some(code) = code {
            args.extend(["--code", code]);
        }
        // Whom it may believe it has from its code.
        self.command().args(args).env_remove("HOMEPLATE_CA").output().expect("runs").into()
    }

    /// A page or figure that needs no key.
    pub fn get(&self, path: &str) -> String {
        let url = format!("{}{path}", self.url());
        let asked = self.agent().get(url).config().http_status_as_error(false).build().call();
        let mut answer = asked.unwrap_or_else(|e| panic!("{path}: {e}"));
        let text = answer.body_mut().read_to_string().unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(answer.status().is_success(), "{path}: {}: {text}", answer.status());
        text
    }

    /// A visitor who believes the city's root, where it has one.
    pub fn agent(&self) -> ureq::Agent {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let tls = edge::tls(self.root.as_deref()).expect("a root");
        ureq::Agent::config_builder().tls_config(tls).build().into()
    }

    /// Asks again until `good` says so; panics with the last answer after 15 s.
    pub fn until(
        &self,
        what: &str,
        mut ask: impl FnMut() -> String,
        good: impl Fn(&str) -> bool,
    ) -> String {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let got = ask();
            if good(&got) {
                return got;
            }
            assert!(Instant::now() < end, "{what}: {got}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every file below the test's folder.
    pub fn files(&self, below: &str) -> Vec<PathBuf> {
        fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    walk(&path, out);
                } else if path.is_file() {
                    out.push(path);
                }
            }
        }
        let mut out = Vec::new();
        walk(&self.path(below), &mut out);
        out.sort();
        out
    }
}
