//! Witnesses, and a log that was set back to an older copy: with the real executables.

use crate::browser::{Checked, check_saved};
use crate::callers::{Caller, Device, No};
use crate::world::{EXE, World};
use base::{Clock, SystemClock};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::{Process, free_port};

const SOON: Duration = Duration::from_secs(20);

/// `homeplate witness serve`, and its folder.
pub struct Running {
    name: &'static str,
    port: u16,
    process: Option<Process>,
}

impl Running {
    fn new(world: &World, name: &'static str) -> (Self, String) {
        let of = format!("{name}.example/plates");
        let made = world.plain(&["witness", "new", "--data", name, "--name", &of]).good();
        let vkey = made.split_whitespace().nth(1).expect("a key").to_owned();
        let key = std::fs::read_to_string(world.path("city/log.vkey")).expect("the log's key");
        world.plain(&["witness", "follow", key.trim(), "--data", name]).good();
        (Self { name, port: free_port().expect("a port"), process: None }, vkey)
    }

    fn start(&mut self, world: &World) {
        let mut command = Command::new(EXE);
        command
            .current_dir(world.path(""))
            .args(["witness", "serve", "--data", self.name])
            .args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        let process = Process::spawn(&mut command).expect("it starts");
        process.wait_for("http://", SOON).expect("it listens");
        self.process = Some(process);
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A city with two witnesses, both of which must sign.
pub fn witnessed_city() -> (World, Running, Running) {
    let world = World::new();
    world.init();
    let ((mut a, of_a), (mut b, of_b)) = (Running::new(&world, "a"), Running::new(&world, "b"));
    let policy = format!(
        "# a newspaper and a neighbour\nwitness a {of_a} {}\nwitness b {of_b} {}\n\
         group both all a b\nquorum both\n",
        a.url(),
        b.url()
    );
    std::fs::write(world.path("city/witnesses.policy"), policy).unwrap();
    world.configure("[log]\n", "[log]\nwitnesses = \"witnesses.policy\"\n");
    a.start(&world);
    b.start(&world);
    (world, a, b)
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(done.is_ok_and(|s| s.success()));
}

/// What `serve` says where it will not start.
fn refusal(world: &World) -> String {
    let done = world.plain(&["serve", "--data", "city", "--listen", "127.0.0.1:0"]);
    assert_ne!(done.code, 0, "{}", done.out);
    done.err
}

fn stored(world: &World, device: &mut Device, plate: &str) {
    device.renew(SystemClock.now()).expect("a lease");
    let batch = device.batch(&[plate.to_owned()], SystemClock.now());
    assert_eq!(
        device.send(&batch).unwrap_or_else(|e| panic!("{e:?}: {}", world.server_output())).new,
        1
    );
}

#[test]
fn questions_stop_while_a_witness_is_away() {
    let (mut world, a, mut b) = witnessed_city();
    world.configure("witness_within_s = 600", "witness_within_s = 5");
    world.serve();
    world.person("otto", "officer");
    let otto = Caller::person(&world, "otto");
    let mut device = Device::enrol(&world, "main-st");
    stored(&world, &mut device, "7ABC128");
    let plates = ["7ABC128".to_owned()];
    assert_eq!(otto.ask(&plates).expect("an answer").opened, 1);

    b.process = None;
    let said = world.until(
        "questions stop",
        || match otto.ask(&plates) {
            Err(No(503, text)) => text,
            Err(other) => panic!("{other:?}"),
            Ok(_) => "answered".into(),
        },
        |text| text != "answered",
    );
    assert!(said.contains("witnesses"), "{said}");
    // Reads are taken in all the while, under the lease that runs; there is no new one.
    let batch = device.batch(&["8XYZ001".to_owned()], SystemClock.now());
    assert_eq!(device.send(&batch).expect("stored").new, 1);
    let no = device.renew(SystemClock.now()).expect_err("no lease");
    assert!(matches!(no, No(503, _)), "{no:?}");
    b.start(&world);
    let answered = || otto.ask(&plates).map_or_else(|no| format!("{no:?}"), |_| "answered".into());
    world.until("they go on", answered, |text| text == "answered");

    // A receipt is kept by whoever asked, and holds without asking anybody.
    let vkey = world.get("/log.vkey");
    let policy = ledger::Policy::parse(&world.get("/log.witnesses")).unwrap();
    let witnessed = || {
        let receipt = ledger::Entry::from_receipt(&world.get("/log/receipt/3")).unwrap();
        let checked = receipt.check_witnessed(vkey.trim(), &policy);
        checked.map_or_else(|e| e.to_string(), |(_, seen)| format!("{} signed", seen.by.len()))
    };
    world.until("a receipt", witnessed, |text| text == "2 signed");

    for place in [world.url(), "city/log".to_owned()] {
        let said = world.plain(&["verify", &place]).good();
        assert!(said.contains("signed by a at ") && said.contains(", b at "), "{said}");
    }
    independently(&world, &vkey);
    let page = world.get("/");
    assert!(page.contains("signed by a, b"), "{page}");
    let there = ureq::get(format!("{}/checkpoint/homeplate/springfield", a.url())).call();
    let there = there.unwrap().body_mut().read_to_string().unwrap();
    assert!(there.starts_with("homeplate/springfield\n"), "{there}");
    assert!(world.plain(&["check", "--data", "city"]).out.contains("witnesses"));
}

/// The verifier that shares no code with ours agrees, and misses what is missing.
fn independently(world: &World, vkey: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/verify.mjs");
    let policy = world.get("/log.witnesses");
    let keys: Vec<&str> = policy
        .lines()
        .filter_map(|line| line.strip_prefix("witness ")?.split(' ').nth(1))
        .collect();
    assert_eq!(keys.len(), 2, "{policy}");
    std::fs::write(world.path("cosigned"), world.get("/log/checkpoint.cosigned")).unwrap();
    let check = |cosigned: &str| {
        let done = Command::new("node")
            .args([script, "city/log", vkey.trim(), cosigned])
            .args(&keys)
            .current_dir(world.path(""))
            .output()
            .expect("node runs");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert_eq!(check("cosigned"), "");
    let text = std::fs::read_to_string(world.path("cosigned")).unwrap();
    let without: Vec<&str> = text.lines().filter(|l| !l.contains("b.example")).collect();
    std::fs::write(world.path("less"), without.join("\n") + "\n").unwrap();
    assert!(check("less").contains("b.example/plates has not cosigned"), "{}", check("less"));
}

#[test]
fn before_a_read_is_opened_the_witnesses_have_signed() {
    let (mut world, _a, mut b) = witnessed_city();
    world.configure("witness_rule = \"within\"", "witness_rule = \"before\"");
    world.serve();
    world.person("otto", "officer");
    let otto = Caller::person(&world, "otto");
    let mut device = Device::enrol(&world, "main-st");
    stored(&world, &mut device, "7ABC128");
    let plates = ["7ABC128".to_owned()];
    for _ in 0..3 {
        let answer = otto.ask(&plates).expect("an answer");
        assert_eq!(answer.opened, 1);
        let cosigned = world.get("/log/checkpoint.cosigned");
        let size: u64 = cosigned.lines().nth(1).unwrap().parse().unwrap();
        assert!(size > answer.log_entry, "{cosigned}");
    }
    b.process = None;
    match otto.ask(&plates) {
        Err(No(503, text)) => assert!(text.contains("witnesses"), "{text}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("opened without the witnesses"),
    }
}

#[test]
fn an_older_copy_gets_a_successor() {
    let (mut world, _a, _b) = witnessed_city();
    world.serve();
    world.person("otto", "officer");
    world.person("clara", "clerk");
    world.person("carl", "clerk");
    let mut device = Device::enrol(&world, "main-st");
    stored(&world, &mut device, "7ABC128");
    world.kill();
    copy(&world.path("city"), &world.path("older"));
    world.serve();
    let (otto, plates) = (Caller::person(&world, "otto"), ["7ABC128".to_owned()]);
    otto.ask(&plates).expect("an answer");
    world.by("admin", &["off", "cam_main-st", "--reason", "council"]).good();
    world.until(
        "the witnesses sign",
        || world.plain(&["verify", &world.url()]).good(),
        |said| {
            let line = said.lines().find(|l| l.contains("  witnesses  ")).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            words.get(1) == words.get(3)
        },
    );
    world.kill();

    let put_back = |from: &str| {
        std::fs::remove_dir_all(world.path("city")).unwrap();
        copy(&world.path(from), &world.path("city"));
    };
    put_back("older");
    // This machine remembers; and where it does not (a new disk), the witnesses do.
    let e = refusal(&world);
    assert!(e.contains("homeplate succeed"), "{e}");
    std::fs::remove_dir_all(world.path("state")).unwrap();
    let e = refusal(&world);
    assert!(e.contains("witness") && e.contains("homeplate succeed"), "{e}");
    let said = world.plain(&["check", "--data", "city"]);
    assert_eq!(said.code, 0, "the copy is whole in itself: {}", said.out);

    let said = world.plain(&["succeed", "--data", "city"]).good();
    assert!(said.contains("homeplate/springfield/2+"), "{said}");
    let again = world.plain(&["succeed", "--data", "city"]);
    assert!(again.err.contains("nothing is to be succeeded"), "{}", again.err);

    world.serve();
    // The order that was lost with the log is not undone by that.
    match otto.ask(&plates) {
        Err(No(403, text)) => assert!(text.contains("off"), "{text}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("goes on as if nothing had been"),
    }
    assert!(device.renew(SystemClock.now()).is_err());
    let said = world.plain(&["verify", &world.url()]).good();
    assert!(said.contains("succeeds   homeplate/springfield (set-back)"), "{said}");
    assert!(said.contains("have signed nothing yet"), "a new log is a new one to them: {said}");
    let said = world.plain(&["verify", &world.url(), "--witnesses", "city/witnesses.policy"]);
    assert!(said.code != 0 && said.err.contains("does not count"), "{}", said.err);
    // Two people order it on again.
    for level in ["asking", "capture"] {
        let on = |by: &str| world.by(by, &["on", "--level", level, "--reason", "restored"]);
        assert!(on("clara").err.contains("Noted"));
        on("carl").good();
    }
    assert!(world.get("/").contains("homeplate/springfield/2"));
    device.renew(SystemClock.now()).expect("a lease, with the key that it had");
    let old = std::fs::read_to_string(world.path("city/log.1.vkey")).unwrap();
    let said = world.plain(&["verify", "city/log.1", "--vkey", old.trim()]).good();
    assert!(said.contains("homeplate/springfield holds"), "{said}");
}

/// What the witnesses have signed stands on an off certificate, and whoever holds their keys believes it without
/// the city; with one signature left out, or by other witnesses, it is not believed.
#[test]
fn a_witnessed_off_certificate_is_checked_without_the_witnessed_city() {
    let (mut world, _a, _b) = witnessed_city();
    world.serve();
    world.person("clara", "clerk");
    let mut device = Device::enrol(&world, "main-st");
    device.renew(SystemClock.now()).expect("a lease");
    let given = world.by("clara", &["off", "--all", "--reason", "Council vote", "--json"]).json();
    let order = given["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/orders/{order}/certificate");
    let take = || {
        let text = world.get(&path);
        std::fs::write(world.path("off.json"), &text).expect("written");
        text
    };
    let policy = "city/witnesses.policy";
    let check = |world: &World, file: &str, policy: &str| {
        let known = ["--vkey-file", "city/log.vkey", "--witnesses", policy];
        world.plain(&[&["verify", "--certificate", file][..], &known].concat())
    };
    let text = world.until("two witnesses", take, |_| check(&world, "off.json", policy).code == 0);
    let page = world.get("/check.html");
    world.kill();
    let said = check(&world, "off.json", policy).good();
    assert!(said.contains("every camera") && said.contains("Council vote"), "{said}");
    for name in ["signed by a at 20", ", b at 20"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    // A checkpoint's signatures are its last lines; one of the witnesses has not signed.
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut without = document.clone();
    for entry in without["entries"].as_array_mut().expect("entries") {
        let whole = entry.as_str().expect("text");
        let fewer: String =
            whole.split_inclusive('\n').filter(|l| !l.starts_with("\u{2014} b.example/")).collect();
        assert_ne!(fewer, whole);
        *entry = fewer.into();
    }
    std::fs::write(world.path("fewer.json"), without.to_string()).expect("written");
    let refused = check(&world, "fewer.json", policy);
    assert!(
        refused.code != 0 && refused.err.contains("witness"),
        "{} {}",
        refused.out,
        refused.err
    );
    // Strangers of the same names have other keys.
    let (_c, key) = Running::new(&world, "c");
    let others = format!("witness a {key} http://127.0.0.1:1\ngroup one all a\nquorum one\n");
    std::fs::write(world.path("others.policy"), others).expect("written");
    let refused = check(&world, "off.json", "others.policy");
    assert!(
        refused.code != 0 && refused.err.contains("witness"),
        "{} {}",
        refused.out,
        refused.err
    );
    // A browser finds the same.
    let read = |name: &str| std::fs::read_to_string(world.path(name)).expect("readable");
    let case = |file: &str, policy: &str, holds| Checked {
        file: world.path(file),
        vkey: read("city/log.vkey"),
        witnesses: if policy.is_empty() { String::new() } else { read(policy) },
        holds,
        says: if holds { "" } else { "Too few of the witnesses" },
    };
    let cases = [
        case("off.json", policy, true),
        case("off.json", "", true),
        case("fewer.json", policy, false),
        case("fewer.json", "", false),
        case("off.json", "others.policy", false),
    ];
    check_saved(&world, &page, &cases, None);
}
