//! Other makers' readers, the whole way: documents posted to a gateway, reads in the city, a hit, and off.

use crate::world::{EXE, WANTED, World};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use testkit::Process;

const GATE: &str = "cam_gate";
const YARD: &str = "cam_yard";
const GATE_SECRET: &str = "gate-0123456789abcdef";
const YARD_SECRET: &str = "yard-0123456789abcdef";

/// A gateway with an OpenALPR agent at the gate and a Hikvision camera in the yard.
struct Gateway {
    process: Process,
    devices: String,
    people: String,
}

fn start(world: &World, codes: [&str; 2]) -> Gateway {
    let config = format!(
        "server = \"{}\"\ndata = \"gateway\"\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [[device]]\ncamera = \"{GATE}\"\nadapter = \"openalpr\"\nsecret = {{ file = \"gate.secret\" }}\ncode = \"{}\"\n\
         [[device]]\ncamera = \"{YARD}\"\nadapter = \"hikvision\"\nsecret = {{ env = \"YARD\" }}\ncode = \"{}\"\n",
        world.url(),
        codes[0],
        codes[1]
    );
    std::fs::write(world.path("gateway.toml"), config).expect("written");
    std::fs::write(world.path("gate.secret"), format!("{GATE_SECRET}\n")).expect("written");
    let file = world.path("gateway.toml");
    let command = |more: &[&str]| {
        let mut command = Command::new(EXE);
        command.args(["edge", "gateway", "--config"]).arg(&file).args(more);
        // An address in the environment belongs to the other form of the command.
        command.env("YARD", YARD_SECRET).env("HOMEPLATE_SERVER", "http://127.0.0.1:1");
        command
    };
    let checked = command(&["--check"]).output().expect("runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let process = Process::spawn(&mut command(&[])).expect("the gateway starts");
    let address = |door: &str| {
        let line = process.wait_for(door, Duration::from_secs(20)).expect("it listens");
        line[line.find("http://").expect("an address")..].to_owned()
    };
    let (devices, people) = (address("devices post to"), address("look at"));
    for camera in [GATE, YARD] {
        let leased = format!("camera {camera}: lease until");
        process.wait_for(&leased, Duration::from_secs(20)).expect("it is leased");
    }
    Gateway { process, devices, people }
}

impl Gateway {
    fn post(&self, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let url = format!("{}{path}", self.devices);
        let request = ureq::Agent::from(config).post(&url).header("content-type", kind);
        let mut answer = request.send(body).expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    }

    fn openalpr(&self, plate: &str) -> (u16, String) {
        let at = base::Clock::now(&base::SystemClock).millis() - 2000;
        let picture = base::b64(&picture());
        let body = format!(
            r#"{{"data_type": "alpr_group", "version": 2, "epoch_start": {at}, "epoch_end": {at}, "camera_id": 12,
            "best_plate_number": "{plate}", "best_confidence": 94.9, "best_region": "us-ca", "best_region_confidence": 91,
            "best_uuid": "agent-12-{at}", "candidates": [{{"plate": "{plate}", "confidence": 94.9}}],
            "best_plate": {{"coordinates": [{{"x": 10, "y": 20}}, {{"x": 90, "y": 20}}, {{"x": 90, "y": 50}}, {{"x": 10, "y": 50}}]}},
            "vehicle_crop_jpeg": "{picture}"}}"#
        );
        self.post(&format!("/in/{GATE_SECRET}/openalpr"), "application/json", body.as_bytes())
    }

    fn hikvision(&self, plate: &str) -> (u16, String) {
        let at = base::Clock::now(&base::SystemClock);
        let xml = format!(
            "<EventNotificationAlert version=\"2.0\" xmlns=\"http://www.hikvision.com/ver20/XMLSchema\">\
             <dateTime>{at}</dateTime><eventType>ANPR</eventType><channelName>Yard</channelName>\
             <ANPR><licensePlate>{plate}</licensePlate><confidenceLevel>91</confidenceLevel></ANPR>\
             </EventNotificationAlert>"
        );
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"anpr.xml\"; filename=\"anpr.xml\"\r\n\
             Content-Type: text/xml\r\n\r\n{xml}\r\n--b\r\nContent-Disposition: form-data; \
             name=\"detectionPicture.jpg\"; filename=\"detectionPicture.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&picture());
        body.extend_from_slice(b"\r\n--b--\r\n");
        self.post(&format!("/in/{YARD_SECRET}/hikvision"), "multipart/form-data; boundary=b", &body)
    }

    fn page(&self) -> String {
        ureq::get(&self.people).call().expect("a page").body_mut().read_to_string().expect("text")
    }
}

fn picture() -> Vec<u8> {
    vision::jpeg(&image::RgbImage::from_pixel(320, 180, image::Rgb([90; 3]))).expect("a picture")
}

fn figures(world: &World) -> Value {
    serde_json::from_str(&world.get("/v1/public")).expect("JSON")
}

#[test]
fn readers_of_other_makers_are_cameras_of_the_city() {
    let mut world = World::new();
    world.init();
    world.serve();
    for (name, role) in [("dora", "dispatcher"), ("clara", "clerk")] {
        world.person(name, role);
    }
    let tomorrow = base::Clock::now(&base::SystemClock).plus_millis(86_400_000).to_string();
    let hotlist = ["hotlist", WANTED, "--reason", "stolen vehicle", "--case", "26-0417"];
    world.by("admin", &[&hotlist[..], &["--expires", &tomorrow]].concat()).good();
    let code = |camera: &str| {
        let place = ["--name", camera, "--lat", "39.8", "--lon", "-89.6"];
        world.by("admin", &[&["camera", camera][..], &place].concat()).good()
    };
    let (gate_code, yard_code) = (code(GATE), code(YARD));
    let gateway = start(&world, [gate_code.trim(), yard_code.trim()]);

    // One car twice at the gate is one pass; another in the yard; and one that nobody looks for.
    for _ in 0..2 {
        assert_eq!(gateway.openalpr(WANTED).0, 200);
    }
    assert_eq!(gateway.hikvision("4XYZ990").0, 200);
    let (status, words) = gateway.post(&format!("/in/{YARD_SECRET}/hikvision"), "text/xml", b"<a>");
    assert_eq!((status, words.as_str()), (400, "The document ends too early (line 1).\n"));
    world.until(
        "both reads are counted",
        || figures(&world)["figures"]["reads"].to_string(),
        |reads| reads == "2",
    );
    let hits = world.until(
        "a hit is raised",
        || world.by("dora", &["hits", "--json"]).good(),
        |hits| hits.contains(GATE),
    );
    let hits: Value = serde_json::from_str(&hits).expect("JSON");
    assert_eq!(hits.as_array().map(Vec::len), Some(1), "{hits}");
    let id = hits[0]["id"].as_str().expect("an id");
    let hit = world.by("dora", &["hit", id, "--json"]).json();
    assert_eq!(hit["read"]["plate"], WANTED);
    assert!(hit["read"]["picture"].as_str().is_some_and(|p| p.len() > 1000), "with the picture");
    let page = gateway.page();
    assert!(page.contains("The document ends too early (line 1)."), "{page}");
    assert!(!page.contains(WANTED) && !page.contains(GATE_SECRET));

    // Off: the gateway hears it, says its last word, and refuses what the device goes on sending.
    world.by("clara", &["off", GATE, "--reason", "Council vote of 23 November"]).good();
    let off = format!("camera {GATE}: no lease (off)");
    gateway.process.wait_for(&off, Duration::from_secs(20)).expect("it hears the order");
    let (status, words) = gateway.openalpr("8DEF456");
    assert_eq!(status, 410, "{words}");
    assert_eq!(words, "The city has switched this camera off; nothing is kept.\n");
    assert_eq!(gateway.hikvision("5GHI777").0, 200, "the other one goes on");
    let public = figures(&world);
    let on = |camera: &str| {
        let cameras = public["cameras"].as_array().expect("cameras");
        cameras.iter().find(|c| c["id"] == camera).map(|c| c["on"].clone())
    };
    assert_eq!((on(GATE), on(YARD)), (Some(false.into()), Some(true.into())), "{public}");
    let stopped = format!("camera {GATE}: stopped, and said so");
    gateway.process.wait_for(&stopped, Duration::from_secs(20)).expect("it says its last word");
    world.until(
        "the third read is counted",
        || figures(&world)["figures"]["reads"].to_string(),
        |reads| reads == "3",
    );
    let verified = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    no_plate_at_the_gateway(&world, &gateway);
}

fn no_plate_at_the_gateway(world: &World, gateway: &Gateway) {
    let holds = |bytes: &[u8]| {
        ["7ABC128", "4XYZ990", "8DEF456", "5GHI777"]
            .iter()
            .any(|plate| bytes.windows(7).any(|w| w.eq_ignore_ascii_case(plate.as_bytes())))
    };
    let files = world.files("gateway");
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        assert!(
            !holds(&std::fs::read(&file).expect("readable")),
            "{} spells a plate",
            file.display()
        );
    }
    assert!(!holds(gateway.process.output().as_bytes()), "what it said spells a plate");
}

/// The gateway is killed while a car stands before its camera: the pass is there once, however far it had come.
#[test]
fn a_pass_that_is_open_survives_a_kill() {
    let mut world = World::new();
    world.init();
    world.serve();
    let code = world.by("admin", &["camera", GATE, "--name", GATE]).good();
    std::fs::write(world.path("gate.secret"), format!("{GATE_SECRET}\n")).expect("written");
    let config = format!(
        "server = \"{}\"\ndata = \"gateway\"\nlisten = \"127.0.0.1:0\"\n[[device]]\ncamera = \"{GATE}\"\n\
         adapter = \"axis\"\nsecret = {{ file = \"gate.secret\" }}\ncode = \"{}\"\n",
        world.url(),
        code.trim()
    );
    let file = world.path("gateway.toml");
    std::fs::write(&file, config).expect("written");
    let open = || {
        let mut command = Command::new(EXE);
        let process = Process::spawn(command.args(["edge", "gateway", "--config"]).arg(&file));
        let process = process.expect("the gateway starts");
        let line =
            process.wait_for("devices post to", Duration::from_secs(20)).expect("it listens");
        let devices = line[line.find("http://").expect("an address")..].to_owned();
        process.wait_for("lease until", Duration::from_secs(20)).expect("it is leased");
        Gateway { process, devices, people: String::new() }
    };
    let event = |gateway: &Gateway, state: &str, score: f32| {
        let body = format!(
            r#"{{"plateASCII": "{WANTED}", "plateConfidence": {score}, "carState": "{state}", "carID": "1"}}"#
        );
        gateway.post(&format!("/in/{GATE_SECRET}/axis"), "application/json", body.as_bytes())
    };
    let drafts = || {
        let files = world.files("gateway");
        files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "draft")).count()
    };
    let reads = || figures(&world)["figures"]["reads"].to_string();
    let mut gateway = open();
    assert_eq!(event(&gateway, "new", 0.5).0, 200);
    assert_eq!(event(&gateway, "update", 0.7).0, 200);
    assert_eq!((drafts(), reads().as_str()), (1, "0"), "it goes on");
    gateway.process.kill().expect("killed");
    for file in world.files("gateway") {
        let bytes = std::fs::read(&file).expect("readable");
        assert!(!bytes.windows(7).any(|w| w == WANTED.as_bytes()), "{}", file.display());
    }
    let gateway = open();
    world.until("the pass that was open", reads, |reads| reads == "1");
    assert_eq!(drafts(), 0);
    // Another that ends as usual leaves nothing behind, and is one.
    let other =
        r#"{"plateASCII": "4XYZ990", "plateConfidence": 0.7, "carState": "STATE", "carID": "2"}"#;
    for state in ["new", "update", "lost"] {
        let body = other.replace("STATE", state);
        let path = format!("/in/{GATE_SECRET}/axis");
        assert_eq!(gateway.post(&path, "application/json", body.as_bytes()).0, 200);
    }
    world.until("the other pass", reads, |reads| reads == "2");
    assert_eq!(drafts(), 0);
    let verified = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(!verified.contains("CAMERA "), "{verified}");
}
