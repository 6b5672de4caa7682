//! What monitors and programs of others find: the description, figures, health, a log without secrets.

use crate::callers::Device;
use crate::world::{CAMERA, WANTED, World};
use serde_json::Value;

/// The server's log holds a line a request, as JSON, and neither plate nor person nor parameter.
#[test]
fn the_log_has_a_line_a_request_and_no_secret() {
    let mut world = World::new();
    world.init();
    world.serve_with(&[("HOMEPLATE_LOG_FORMAT", "json")]);
    world.person("otto", "officer");
    world.person("dora", "dispatcher");
    let tomorrow = base::Clock::now(&base::SystemClock).plus_millis(86_400_000).to_string();
    let entry = ["hotlist", WANTED, "--reason", "stolen vehicle", "--case", "26-0417", "--expires"];
    world.by("admin", &[&entry[..], &[tomorrow.as_str()]].concat()).good();
    world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let ask = ["ask", WANTED, "--purpose", "stolen-vehicle", "--case", "26-0417"];
    world.by("otto", &ask).good();
    world.by("otto", &ask[..4]);
    let hit = "hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    assert_eq!(world.by("dora", &["hit", hit]).code, 7);
    assert_eq!(world.by("dora", &["hits", "--after", hit, "--limit", "3"]).good(), "no hits\n");
    world.get("/v1/log?limit=7");
    let figures = world.get("/metrics");
    for decision in ["allowed", "refused"] {
        let line = format!("homeplate_questions_total{{decision=\"{decision}\"}} 1");
        assert!(figures.contains(&line), "{line}\n{figures}");
    }
    assert!(!figures.contains(WANTED) && !figures.contains("per_otto"), "{figures}");

    // The last line is written when the answer is there already.
    let last = |text: &str| text.contains("\"route\":\"/v1/log\"");
    let output = world.until("the last request", || world.server_output(), last);
    assert!(!output.contains(WANTED) && !output.contains("26-0417"), "{output}");
    let lines: Vec<Value> = output
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .filter(|line: &Value| line["target"] == "request")
        .collect();
    let count = |method: &str, route: &str, status: u64| {
        let fits = |line: &&Value| {
            line["method"] == method && line["route"] == route && line["status"] == status
        };
        lines.iter().filter(fits).count()
    };
    assert_eq!(count("POST", "/v1/ask", 200), 2, "an answer, and a refusal in a stream");
    assert_eq!(count("GET", "/v1/hits/{id}", 404), 1);
    assert_eq!(count("GET", "/v1/hits", 200), 1);
    assert_eq!(count("GET", "/v1/log", 200), 1);
    for line in &lines {
        assert!(line["ms"].is_u64() && line["id"].as_str().is_some_and(|id| id.len() == 16));
        let text = line.to_string();
        for secret in ["per_otto", hit, CAMERA, "limit=", "127.0.0.1"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

/// What a stranger's program needs is there without a key.
#[test]
fn programs_find_description_and_figures() {
    let mut world = World::new();
    world.init();
    world.serve();
    let text = world.get("/v1/openapi.json");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert!(document["paths"]["/v1/reads"]["post"].is_object(), "{text}");
    let figures = world.get("/metrics");
    assert!(
        figures.contains("homeplate_log_entries ") && figures.ends_with("# EOF\n"),
        "{figures}"
    );
    let page: Value = serde_json::from_str(&world.get("/v1/log?limit=2")).expect("JSON");
    assert_eq!((&page["entries"][1]["index"], &page["next"]), (&1.into(), &1.into()), "{page}");
}

/// A court has reads preserved: the city writes them out sealed, the court opens them.
#[test]
fn a_hold_for_a_court() {
    let mut world = World::new();
    world.init();
    world.serve();
    world.person("cleo", "clerk");
    world.person("cora", "counsel");
    world.person("otto", "officer");
    let mut device = Device::enrol(&world, "main-st");
    let now = base::Clock::now(&base::SystemClock);
    device.renew(now).expect("a lease");
    let plates = [WANTED.to_owned(), "8XYZ001".to_owned()];
    let batch = device.batch(&plates, now);
    device.send(&batch).expect("stored");
    let key = world.plain(&["hold", "key", "--out", "court.key"]).good();
    let from = now.plus_millis(-3_600_000).to_string();
    let until = now.plus_millis(1).to_string();
    let review = now.plus_millis(30 * 86_400_000).to_string();
    let order = [
        "paper",
        "attest",
        "court-order",
        "--reference",
        "24-CV-0815",
        "--matter-key",
        key.trim(),
        "--expires",
        &review,
    ];
    let attested = world.by("cora", &order).good();
    let own = world.by("cleo", &order).good();
    let place = [
        "hold",
        "place",
        "--matter",
        "24-CV-0815",
        "--paper",
        attested.trim(),
        "--matter-key",
        key.trim(),
        "--from",
        &from,
        "--until",
        &until,
        "--plate",
        WANTED,
        "--review",
        &review,
    ];
    assert_eq!(world.by("otto", &place).code, 5, "an officer places none");
    let alone = place.map(|word| if word == attested.trim() { own.trim() } else { word });
    assert_eq!(world.by("cleo", &alone).code, 5, "nor does anybody on their own word");
    let mine = world.plain(&["hold", "key", "--out", "mine.key"]).good();
    let other = place.map(|word| if word == key.trim() { mine.trim() } else { word });
    assert_eq!(world.by("cleo", &other).code, 3, "nor for a key of one's own");
    let placed = world.by("cleo", &place).good();
    assert!(placed.contains(": 1 reads preserved"), "{placed}");
    let id = placed.split(':').next().expect("an id").to_owned();
    let list = world.by("cleo", &["hold", "list"]).good();
    assert!(list.contains(&id) && list.contains("review by"), "{list}");
    world.by("cleo", &["hold", "fetch", &id, "--out", "held.jsonl"]).good();
    let sealed = std::fs::read_to_string(world.path("held.jsonl")).expect("written");
    assert!(!sealed.contains(WANTED));
    let opened = world.plain(&["hold", "open", "held.jsonl", "--key", "court.key"]).good();
    assert!(opened.contains(WANTED) && !opened.contains("8XYZ001"), "{opened}");
    let verified = world.plain(&["verify", "city/log"]).good();
    assert!(verified.contains(&id), "{verified}");
    world.by("cleo", &["hold", "release", &id]).good();
    assert_eq!(world.by("cleo", &["hold", "fetch", &id, "--out", "more.jsonl"]).code, 9);
}

/// A records system on this machine that knows one open case, for those who show its token.
fn records_system() -> u16 {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
            let head: Vec<String> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let shown = head.iter().any(|l| l.eq_ignore_ascii_case("authorization: Bearer hush"));
            let (status, body) = match head[0].split(' ').nth(1) {
                _ if !shown => ("401 Unauthorized", ""),
                Some("/cases/26-0417") => ("200 OK", "{\"open\": true}"),
                Some("/cases/26-0500") => ("200 OK", "rubbish"),
                _ => ("404 Not Found", ""),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    port
}

/// The records system vouches for a case, or does not; what it answers is on the log with the question.
#[test]
fn the_records_system_attests_a_case() {
    let mut world = World::new();
    world.init();
    let url = format!("http://127.0.0.1:{}/cases/{{case}}", records_system());
    let section = format!("[cases]\nrecords_url = \"{url}\"\nrecords_token = \"token\"\n");
    world.configure("[cases]\n", &section);
    std::fs::write(world.path("city/token"), "hush\n").expect("written");
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(world.path("city/token"), owner).expect("the owner's");
    world.serve();
    world.person("otto", "officer");
    world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    let case = |number: &str, more: &[&str]| {
        let ask = ["ask", WANTED, "--purpose", "stolen-vehicle", "--case", number, "--json"];
        world.by("otto", &[&ask, more].concat()).json()
    };
    assert_eq!(case("26-0417", &["--preview"])["case"], "attested");
    assert_eq!(case("26-0418", &["--preview"])["case"], "stated");
    assert_eq!(
        case("26-0500", &["--preview"])["case"],
        "stated",
        "it does not answer as it should"
    );
    let entry = case("26-0417", &[])["log_entry"].as_u64().expect("an entry");
    let page: Value =
        serde_json::from_str(&world.get(&format!("/v1/log?limit=1&after={}", entry - 1)))
            .expect("JSON");
    assert_eq!(page["entries"][0]["leaf"]["facts"]["case"], "attested", "{page}");
    let output = world.server_output();
    assert!(!output.contains("26-04") && !output.contains("hush"), "{output}");
}

/// A city that shows its log later: whole, verifiable, and without what is too young.
#[test]
fn a_log_that_is_shown_later() {
    let mut world = World::new();
    world.init();
    world.configure("delay_minutes = 0", "delay_minutes = 60");
    world.serve();
    world.person("otto", "officer");
    let figures: Value = serde_json::from_str(&world.get("/v1/public")).expect("JSON");
    assert_eq!((&figures["log_size"], &figures["delay_minutes"]), (&0.into(), &60.into()));
    assert!(world.get("/").contains("60 minutes later"));
    assert_eq!(world.get("/log/checkpoint").lines().nth(1), Some("0"));
    for (path, status) in [
        ("/log/tile/0/000.p/1", 404),
        ("/log/tile/entries/000.p/1", 404),
        ("/log/receipt/0", 404),
        ("/v1/events", 403),
    ] {
        let answer = ureq::get(format!("{}{path}", world.url()))
            .config()
            .http_status_as_error(false)
            .build()
            .call();
        assert_eq!(answer.expect("an answer").status(), status, "{path}");
    }
    let told = world.plain(&["verify", &world.url()]).good();
    assert!(told.contains("entries    0\n"), "{told}");
    // Those who run the city see it as it is.
    let whole = world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    assert!(!whole.contains("entries    0\n"), "{whole}");
}

/// `homeplate … | head` is no failure, whatever it prints.
#[test]
fn a_closed_pipe_is_the_readers_choice() {
    let world = World::new();
    world.init();
    for args in [&["init", "--preset", "list"][..], &["config", "explain"]] {
        let mut child = std::process::Command::new(crate::world::EXE)
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("runs");
        // Nobody reads: the first line finds the pipe closed.
        drop(child.stdout.take());
        let done = child.wait_with_output().expect("ends");
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && !told.contains("panicked"), "{args:?}: {told}");
    }
}
