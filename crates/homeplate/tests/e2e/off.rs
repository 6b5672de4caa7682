//! Off means off, with the real executables: how soon, what is taken afterwards, a stick, a schedule, a lie.

use crate::browser::{Checked, check_saved};
use crate::callers::{Caller, Device, No};
use crate::world::{CAMERA, Done, EXE, World};
use base::{Clock, SystemClock};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::Process;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A reader that reads the clip over and over as fast as the street goes.
fn reader(world: &World, camera: &str, data: &str, code: Option<&str>) -> Process {
    let url = world.url();
    let mut command = Command::new(EXE);
    command
        .args(["edge", "--server", &url, "--camera", camera, "--data"])
        .arg(world.path(data))
        .arg("--source")
        .arg(world.path("clip"))
        .args(["--loop", "--realtime", "--orders"])
        .arg(world.path("stick"));
    if let Some(code) = code {
        command.args(["--code", code.trim()]);
    }
    Process::spawn(&mut command).expect("the reader starts")
}

fn town(more: &[(&str, &str)]) -> World {
    let mut world = World::new();
    world.init();
    for (from, to) in more {
        world.configure(from, to);
    }
    world.clip();
    std::fs::create_dir(world.path("stick")).expect("a folder");
    world.serve();
    world.person("clara", "clerk");
    world.person("sam", "order-signer");
    world
}

fn code(world: &World, camera: &str) -> String {
    world.by("admin", &["camera", camera, "--name", "Main Street"]).good()
}

/// A reader that has its first lease.
pub fn running(world: &World, camera: &str, data: &str) -> Process {
    let reader = reader(world, camera, data, Some(&code(world, camera)));
    reader.wait_for("lease until", Duration::from_secs(60)).expect("a lease");
    reader
}

fn receipt(world: &World, order: &str) -> Value {
    json(&world.get(&format!("/v1/orders/{order}")))
}

/// Waits until every camera of an order has answered, and gives the receipt.
fn answered(world: &World, order: &str) -> Value {
    let ask = || receipt(world, order).to_string();
    let text = world.until("every camera answers", ask, |text| {
        let lines = json(text);
        let lines = lines["cameras"].as_array().cloned().unwrap_or_default();
        lines.iter().all(|line| line["state"] == "acknowledged" && line["frames"].is_u64())
    });
    json(&text)
}

fn log(world: &World, kind: &str) -> Vec<Value> {
    let log = json(&world.get("/v1/log?limit=500"));
    let entries = log["entries"].as_array().expect("entries").clone();
    entries.into_iter().map(|e| e["leaf"].clone()).filter(|leaf| leaf["type"] == kind).collect()
}

fn refused(done: &Done) -> bool {
    done.code != 0
}

#[test]
fn off_is_heard_at_once_and_proven() {
    let world = town(&[]);
    let reader = running(&world, CAMERA, "edge");
    std::thread::sleep(Duration::from_millis(1500));
    let asked = Instant::now();
    let given = world.by("clara", &["off", CAMERA, "--reason", "Council vote", "--json"]).json();
    let ordered = asked.elapsed();
    let order = given["id"].as_str().expect("an id").to_owned();
    let receipt = answered(&world, &order);
    let line = &receipt["cameras"][0];
    let at = |value: &Value| value.as_str().expect("a time").parse::<base::Time>().expect("a time");
    println!(
        "off: ordered in {} ms; answered {} ms after it took effect, last frame {}",
        ordered.as_millis(),
        at(&line["at"]).since(at(&receipt["from"])),
        line["frames"]
    );
    assert_eq!((&receipt["done"], &line["spool"]), (&true.into(), &"kept".into()), "{receipt}");
    assert!(line["frames"].as_u64().is_some_and(|n| n > 0), "{receipt}");
    assert!(reader.output().contains("off by order"), "{}", reader.output());
    // The last word under the lease and the word that it is off come one after the other.
    let last = || log(&world, "camera.off").len().to_string();
    world.until("the camera says that it is off", last, |n| n == "1");
    let page = world.get(&format!("/off/{order}"));
    assert!(page.contains("homeplate verify --certificate") && page.contains(CAMERA), "{page}");
    assert!(world.get("/").contains(&format!("/off/{order}")), "the public page leads there");

    // The log says it, and the cameras' own signatures hold.
    let verified = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(verified.contains("last words") && !verified.contains("CAMERA "), "{verified}");
    assert_eq!(log(&world, "camera.stopped").len(), 1);
    let offs = log(&world, "camera.off");
    assert_eq!((offs.len(), &offs[0]["facts"]["order"]), (1, &Value::from(order.clone())));
    certificate(&world, &order);

    // On again, with two people; nobody has to go there.
    let on = ["on", CAMERA, "--reason", "Council vote"];
    assert_eq!(world.by("clara", &on).code, 8, "one is not enough");
    world.by("sam", &on).good();
    let again = |text: &str| text.matches("lease until").count() >= 2;
    world.until("a lease again", || reader.output(), again);
    // Not one frame was pulled between: the count is where it was.
    let granted = log(&world, "lease.granted").pop().expect("a lease");
    assert_eq!(granted["facts"]["frames"], line["frames"]);
    let verified = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(!verified.contains("CAMERA "), "{verified}");
}

/// The certificate is checked without the city, by the command and by a browser, and not believed when anything in
/// it is another.
fn certificate(world: &World, order: &str) {
    let address = format!("{}/v1/orders/{order}/certificate", world.url());
    let by_address = world.plain(&["verify", "--certificate", &address]).good();
    assert!(by_address.contains("its own signature holds"), "{by_address}");
    let text = world.get(&format!("/v1/orders/{order}/certificate"));
    let check = |text: &str| {
        std::fs::write(world.path("off.json"), text).expect("written");
        let args = ["verify", "--certificate", "off.json", "--vkey-file", "city/log.vkey"];
        world.plain(&args)
    };
    assert!(check(&text).good().contains("Council vote"));
    let key = world.get("/log.vkey");
    let case = |name: String, text: &str, holds| {
        let file = world.path(&name);
        std::fs::write(&file, text).expect("written");
        Checked { file, vkey: key.clone(), witnesses: String::new(), holds, says: "" }
    };
    let mut cases = vec![case("good.json".into(), &text, true)];
    let bytes = text.as_bytes();
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut bad = bytes.to_vec();
        bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
        let Ok(bad) = String::from_utf8(bad) else { continue };
        let (good, bad) = (json(&text), serde_json::from_str::<Value>(&bad));
        let same = bad.as_ref().is_ok_and(|bad| {
            // What people read beside the proofs is not proven, and not used.
            bad["entries"] == good["entries"] && bad["order"] == good["order"] && bad["v"] == 1
        });
        let Ok(bad) = bad else { continue };
        if same {
            continue;
        }
        let bad = bad.to_string();
        assert!(refused(&check(&bad)), "byte {at}: {bad}");
        cases.push(case(format!("bad-{at}.json"), &bad, false));
    }
    assert!(cases.len() > 20, "{}", cases.len());
    check_saved(world, &world.get("/check.html"), &cases, Some(order));
}

#[test]
fn an_order_on_a_stick_while_the_city_is_away() {
    let mut world = town(&[]);
    let reader = running(&world, CAMERA, "edge");
    world.kill();
    let key = world.path("clara.key").display().to_string();
    let write =
        ["order", "--all", "--reason", "The council, by hand", "--out", "off.order", "--key", &key];
    world.plain(&write).good();
    let asked = Instant::now();
    std::fs::copy(world.path("off.order"), world.path("stick/off.order")).expect("copied");
    reader.wait_for("taken from", Duration::from_secs(10)).expect("taken");
    let stopped = |text: &str| text.contains("nothing is captured");
    world.until("it stops", || reader.output(), stopped);
    println!("stick: stopped {} ms after the file was there", asked.elapsed().as_millis());
    // The power is cut, the stick pulled: it does not begin again by itself.
    drop(reader);
    std::fs::remove_file(world.path("stick/off.order")).expect("removed");
    world.serve();
    let again = self::reader(&world, CAMERA, "edge", None);
    let there = || world.get("/v1/log?limit=500");
    world.until("the order is on the log", there, |text| text.contains("at the camera"));
    let leaf = log(&world, "order.off").pop().expect("an order");
    assert_eq!(leaf["facts"]["entered_at"], CAMERA, "{leaf}");
    let order = leaf["id"].as_str().expect("an id").to_owned();
    answered(&world, &order);
    assert!(!again.output().contains("lease until"), "{}", again.output());
    assert_eq!(receipt(&world, &order)["entered_at"], CAMERA);
    world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    // By hand, and refused where somebody else signed.
    drop(again);
    world.plain(&["key", "new", "--person", "per_eve", "--out", "eve.key"]).good();
    let key = world.path("eve.key").display().to_string();
    let write = ["order", "--all", "--reason", "x", "--out", "eve.order", "--key", &key];
    world.plain(&write).good();
    let enter = world.plain(&["edge", "order", "eve.order", "--data", "edge"]);
    assert_eq!(enter.code, 5, "{}", enter.err);
    world.plain(&["edge", "order", "off.order", "--data", "edge"]).good();
}

#[test]
fn a_scheduled_order_works_while_the_line_is_down() {
    let mut world = town(&[]);
    let from = SystemClock.now().plus_millis(25_000);
    let at = ["--from", &from.to_string(), "--until", "2199-01-01T00:00:00Z"];
    let off = ["off", "--all", "--reason", "The festival", "--json"];
    let given = world.by("clara", &[&off[..], &at].concat()).json();
    let order = given["id"].as_str().expect("an id").to_owned();
    assert!(world.get("/").contains("data-countdown"), "the public page counts down");
    let reader = running(&world, CAMERA, "edge");
    let until = reader.output();
    assert!(until.contains(&format!("lease until {from}")), "{until}");
    assert_eq!(receipt(&world, &order)["cameras"][0]["state"], "scheduled");
    world.kill();
    reader.wait_for("nothing is captured", Duration::from_secs(60)).expect("it stops by itself");
    let late = SystemClock.now().since(from);
    println!("schedule: stopped {late} ms after the moment, without a line");
    assert!(late >= 0, "not before");
    world.serve();
    // Its last word was kept, and goes up now.
    let receipt = answered(&world, &order);
    assert_eq!(receipt["cameras"][0]["state"], "acknowledged", "{receipt}");
    let public = json(&world.get("/v1/public"));
    assert_eq!(public["cameras"][0]["on"], false);
    assert_eq!(public["figures"]["gaps"][0]["from"], from.to_string(), "{public}");
}

#[test]
fn an_order_to_erase_empties_the_spool() {
    let mut world = town(&[]);
    let reader = running(&world, CAMERA, "edge");
    world.kill();
    let sealed = |world: &World| {
        let files = world.files("edge/spool");
        files.iter().filter(|f| f.extension().is_some_and(|e| e == "sealed")).count()
    };
    let waits = || sealed(&world).to_string();
    world.until("a read waits", waits, |n| n != "0");
    let before = sealed(&world);
    let key = world.path("clara.key").display().to_string();
    world
        .plain(&[
            "order",
            CAMERA,
            "--reason",
            "x",
            "--spool",
            "erase",
            "--out",
            "stick/e.order",
            "--key",
            &key,
        ])
        .good();
    let emptied = |text: &str| text.contains("undelivered reads erased");
    world.until("the spool is erased", || reader.output(), emptied);
    assert_eq!(sealed(&world), 0, "of {before}");
    world.serve();
    world.until(
        "the city hears it",
        || world.get("/v1/log?limit=500"),
        |t| t.contains("camera.off"),
    );
    let off = log(&world, "camera.off").pop().expect("a word");
    assert_eq!(off["facts"]["spool"], "erased", "{off}");
    assert!(off["facts"]["erased"].as_u64().is_some_and(|n| n >= 1), "{off}");
}

/// A device with keys of its own that does not keep to what it was told.
#[test]
fn a_camera_that_lies_is_seen() {
    let world = town(&[]);
    let mut liar = Device::enrol(&world, "liar");
    let now = SystemClock.now();
    liar.frames = Some(500);
    liar.renew(now).expect("a lease");
    let before = liar.batch(&["7ABC128".to_owned()], now.plus_millis(-1));
    world.by("clara", &["off", "--all", "--reason", "Council vote"]).good();
    let after = liar.batch(&["8XYZ001".to_owned()], SystemClock.now().plus_millis(5));
    // What was captured before is taken, what came after is not.
    let done = liar.send(&before).expect("an answer");
    assert_eq!((done.new, done.refused.len()), (1, 0), "{:?}", done.refused);
    let done = liar.send(&after).expect("an answer");
    assert_eq!((done.new, done.refused.len()), (0, 1));
    assert!(done.refused[0].message.contains("after the camera was switched off"));
    let no = liar.renew(SystemClock.now()).expect_err("it is off");
    assert!(matches!(no, No(410, _)), "{no:?}");
    let on = ["on", "--all", "--reason", "Council vote"];
    assert_eq!(world.by("clara", &on).code, 8, "one is not enough");
    world.by("sam", &on).good();
    // It has forgotten what it said before.
    liar.frames = Some(100);
    liar.renew(SystemClock.now()).expect("a lease");
    let verified = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(
        verified.contains("CAMERA     cam_liar: its count of frames went back 1 times"),
        "{verified}"
    );
    assert!(world.get("/").contains("went back 1 times"));
    let granted = log(&world, "lease.granted").pop().expect("a lease");
    assert_eq!(
        (&granted["facts"]["count"], &granted["facts"]["before"]),
        (&"repeated".into(), &500.into())
    );
}

#[test]
fn many_cameras_wait_for_a_word() {
    many(60);
}

#[test]
#[ignore = "deep: hundreds of threads"]
fn five_hundred_cameras_wait_for_a_word() {
    many(500);
}

/// Cameras wait for a word at once, and all hear it.
fn many(cameras: usize) {
    let world = town(&[
        ("address_per_minute = 600", "address_per_minute = 0"),
        ("person_per_minute = 300", "person_per_minute = 0"),
    ]);
    let devices: Vec<Device> =
        (0..cameras).map(|n| Device::enrol(&world, &format!("many-{n}"))).collect();
    let heard = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for device in &devices {
            let heard = &heard;
            scope.spawn(move || {
                let caller: &Caller = &device.caller;
                let word: Value = caller.get("/v1/word?wait=25&heard=on").expect("a word");
                heard.lock().expect("whole").push((Instant::now(), word["on"] == false));
            });
        }
        std::thread::sleep(Duration::from_millis(1500));
        assert!(heard.lock().expect("whole").is_empty(), "they wait");
        let asked = Instant::now();
        world.by("clara", &["off", "--all", "--reason", "Council vote", "--wait", "0"]).good();
        let ordered = Instant::now();
        world.until(
            "all hear it",
            || heard.lock().expect("whole").len().to_string(),
            |n| n == cameras.to_string(),
        );
        let last = heard.lock().expect("whole").iter().map(|(at, _)| *at).max().expect("one");
        println!(
            "word: {cameras} cameras heard it {} ms after the command began, {} ms after it ended",
            last.duration_since(asked).as_millis(),
            last.saturating_duration_since(ordered).as_millis()
        );
    });
    assert!(heard.into_inner().expect("whole").iter().all(|(_, off)| *off));
}
