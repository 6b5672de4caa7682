//! A city that speaks TLS itself: its own authority the whole way, files that change under it, an authority by ACME.

use crate::story;
use crate::world::{EXE, World};
use base::{Clock, SystemClock, Time};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use testkit::{Process, free_port};
use tls::{OwnAuthority, Probed};

const HOST: &str = "localhost";

fn now() -> Time {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    SystemClock.now()
}

/// Certificate and key of an authority of that name, made so many days ago, in one file.
fn served(world: &World, name: &str, days_ago: i64) -> OwnAuthority {
    let at = now().plus_millis(-days_ago * 86_400_000);
    let own = OwnAuthority::make(&world.path(name), name, HOST, at).unwrap();
    own.renew(HOST, at).unwrap();
    own
}

/// Makes a city that listens with a certificate; the plain port is the second one.
fn city(world: &mut World, more: &[&str]) -> u16 {
    let (listen, plain) = (format!("127.0.0.1:{}", world.port()), free_port().unwrap());
    let redirect = format!("127.0.0.1:{plain}");
    let args = [
        "--host",
        HOST,
        "--listen",
        &listen,
        "--redirect-listen",
        &redirect,
        "--custody",
        "inside",
    ];
    world.init_with(&[&args, more].concat());
    plain
}

/// What a visitor sees who believes nobody.
fn visit(world: &World) -> Probed {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tls::probe(HOST, world.port(), rustls::RootCertStore::empty()).unwrap()
}

/// The story from the first camera to the last order, each word of it over TLS. The camera has the root from its code.
#[test]
fn a_city_with_its_own_authority() {
    let mut world = World::new();
    let plain = city(&mut world, &["--tls", "own-ca"]);
    let root = world.path("city/tls/ca.pem");
    world.root = Some(root.clone());
    world.serve();
    story::play_in(&mut world, |i, world| {
        if i == 2 {
            world.crash();
        }
    });
    assert!(world.path("edge/ca.pem").exists(), "the camera keeps whom it believes");

    // The plain port gives the root, and leads on.
    let config = ureq::Agent::config_builder().max_redirects(0).http_status_as_error(false).build();
    let visitor: ureq::Agent = config.into();
    let ask = |path: &str| visitor.get(format!("http://{HOST}:{plain}{path}")).call().unwrap();
    let given = ask("/ca.pem").body_mut().read_to_string().unwrap();
    assert_eq!(given, std::fs::read_to_string(&root).unwrap());
    let led = ask("/console");
    let to = led.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    assert_eq!((led.status().as_u16(), to), (308, Some(format!("{}/console", world.url()))));

    // What a visitor would think, as the city's own examination says it.
    let found = world.plain(&["check", "--data", "city"]).out;
    for line in
        ["fine   address", "fine   authority", "fine   certificate    A visitor believes it"]
    {
        assert!(found.contains(line), "{line}: {found}");
    }

    // Who believes another authority is told what is wrong, and so is who believes none.
    let other = served(&world, "other", 0).root_file();
    world.root = Some(other);
    let refused = world.by("admin", &["cameras"]);
    assert!(refused.err.contains("--ca FILE"), "{}", refused.err);
    assert_eq!(refused.code, 12, "{}", refused.err);
    let verified = world.plain(&["verify", &world.url(), "--forget"]);
    assert!(verified.err.contains("its authority is none that is believed"), "{}", verified.err);
}

/// A camera's code names the root: another city in between is found out before anything is said to it.
#[test]
fn a_root_that_the_code_does_not_name_is_refused() {
    let mut world = World::new();
    city(&mut world, &["--tls", "own-ca"]);
    world.root = Some(world.path("city/tls/ca.pem"));
    world.serve();
    let code = world.by("admin", &["camera", crate::world::CAMERA, "--name", "Main Street"]).good();
    let (bare, print) = code.trim().split_once('@').expect("a fingerprint");
    assert_eq!(print.len(), 32);
    world.clip();
    let wrong = format!("{bare}@{}", "0".repeat(32));
    let refused = world.edge(Some(&wrong));
    assert!(refused.err.contains("another root than the camera's code says"), "{}", refused.err);
    // Without a word on whom to believe it does not enrol either.
    let refused = world.edge(Some(bare));
    assert!(refused.err.contains("is not believed"), "{}", refused.err);
    assert_eq!(world.edge(Some(code.trim())).json()["delivered"], 1);
}

/// A file that is replaced is taken up; one that is damaged is said, and the old one goes on; one that has ended is said
/// at both ends.
#[test]
fn a_certificate_that_changes_under_the_server() {
    let mut world = World::new();
    let (first, second) = (served(&world, "first", 0), served(&world, "second", 0));
    let old = served(&world, "old", 200);
    let file = world.path("city.pem");
    std::fs::copy(first.served_file(), &file).unwrap();
    let name = file.display().to_string();
    city(&mut world, &["--tls", "file", "--certificate", &name, "--certificate-key", &name]);
    world.root = Some(first.root_file());
    world.serve();
    let issuer = |world: &World| visit(world).seen.issuer;
    assert!(issuer(&world).contains("first"));
    let put = |world: &World, from: &Path| {
        std::fs::copy(from, world.path("city.new")).unwrap();
        std::fs::rename(world.path("city.new"), &file).unwrap();
    };
    put(&world, &second.served_file());
    world.until("taken up", || issuer(&world), |issuer| issuer.contains("second"));
    world.root = Some(second.root_file());
    assert!(world.get("/").contains("Springfield"), "who believes the second one is served");
    std::fs::write(&file, "half a certif").unwrap();
    world.until("said", || world.server_output(), |said| said.contains("no PEM file"));
    assert!(issuer(&world).contains("second"), "the old one goes on");
    put(&world, &old.served_file());
    world.until("said", || world.server_output(), |said| said.contains("EXPIRED"));
    world.root = Some(old.root_file());
    let refused = world.by("admin", &["cameras"]);
    assert!(refused.err.contains("it has expired"), "{}", refused.err);
    let found = world.plain(&["check", "--data", "city"]).out;
    assert!(found.contains("WRONG  certificate    It ended on"), "{found}");
    // A key of another certificate does not start a server.
    world.kill();
    let key = second.served_file().display().to_string();
    world.configure(&format!("key = \"{name}\""), &format!("key = \"{key}\""));
    put(&world, &first.served_file());
    let done =
        Command::new(EXE).args(["serve", "--data"]).arg(world.path("city")).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("does not belong"), "{said}");
}

/// Who starts it tries again and again until somebody mends what is wrong, and nothing is ever taken from a log.
#[test]
fn a_start_that_fails_is_not_on_the_log() {
    let mut world = World::new();
    let good = served(&world, "good", 0);
    let file = world.path("city.pem");
    std::fs::copy(good.served_file(), &file).unwrap();
    let name = file.display().to_string();
    let pair = ["--tls", "file", "--certificate", &name, "--certificate-key", &name];
    let plain = city(&mut world, &pair);
    world.root = Some(good.root_file());
    world.serve();
    world.stop();
    let entries = || {
        let said = world.plain(&["verify", "city/log"]).good();
        said.lines().find(|line| line.contains("  entries  ")).expect("how many").to_owned()
    };
    let before = entries();
    let check = |words: &str| {
        let done = world.plain(&["serve", "--data", "city"]);
        assert!(done.code != 0 && done.err.contains(words), "{words}: {} {}", done.out, done.err);
        assert_eq!(entries(), before, "{words}");
    };
    for port in [world.port(), plain] {
        let _taken = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        check("is it in use?");
    }
    std::fs::write(&file, "half a certif").unwrap();
    check("no PEM file");
}

/// Pebble: the test authority of those who run Let's Encrypt, on loopback.
struct Authority {
    _process: Process,
    directory: String,
    root: PathBuf,
}

impl Authority {
    fn start(world: &World, http: u16) -> Self {
        let own = served(world, "pebble", 0);
        let (port, admin) = (free_port().unwrap(), free_port().unwrap());
        let served = own.served_file().display().to_string();
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{admin}"),
            "certificate": served, "privateKey": served,
            "httpPort": http, "tlsPort": free_port().unwrap(),
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        let file = world.path("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut command = Command::new("pebble");
        command.args(["-config"]).arg(&file).env("PEBBLE_VA_NOSLEEP", "1");
        let process =
            Process::spawn(&mut command).expect("pebble, of Debian's package of that name");
        process.wait_for("ACME directory available", Duration::from_secs(20)).expect("it listens");
        let directory = format!("https://localhost:{port}/dir");
        Self { _process: process, directory, root: own.root_file() }
    }
}

#[test]
fn a_certificate_by_acme() {
    let mut world = World::new();
    let plain = free_port().unwrap();
    let authority = Authority::start(&world, plain);
    let redirect = format!("127.0.0.1:{plain}");
    city(
        &mut world,
        &[
            "--tls",
            "acme",
            "--acme-directory",
            &authority.directory,
            "--acme-ca",
            &authority.root.display().to_string(),
            "--acme-contact",
            "mailto:it@city.example",
        ],
    );
    let before = std::fs::read_to_string(world.path("city/homeplate.toml")).unwrap();
    let line = before.lines().find(|line| line.starts_with("redirect_listen")).unwrap().to_owned();
    world.configure(&line, &format!("redirect_listen = \"{redirect}\""));
    world.root = Some(authority.root.clone());
    world.serve();
    let said = world.until(
        "a certificate",
        || world.server_output(),
        |said| said.contains("certificate  good until"),
    );
    assert!(said.contains("none yet"), "{said}");
    let seen = visit(&world).seen;
    assert!(seen.issuer.contains("Pebble") && seen.is_for(HOST), "{seen:?}");
    // Account and certificate are kept: another start asks for nothing.
    world.crash();
    let said = world.server_output();
    assert!(said.contains("good until") && !said.contains("none yet"), "{said}");
    assert_eq!(visit(&world).seen, seen);
}
