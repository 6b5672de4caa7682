//! What monitors and programs of others find: the description, figures, health, a log without secrets.

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

    let output = world.server_output();
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
