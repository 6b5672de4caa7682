//! People come in by the city's directory: a real identity provider on loopback, a real browser.

use crate::browser::{run, script, shots};
use crate::world::World;
use serde_json::json;
use std::time::Duration;
use testkit::Process;

#[test]
fn people_of_the_directory_come_and_go() {
    let mut world = World::new();
    world.init();
    let base = format!("http://localhost:{}", world.port());
    let people = world.path("people.json");
    let known = json!({
        "ana": { "name": "Ana Ruiz", "groups": ["Everybody", "PD-Patrol"] },
        "eve": { "name": "Eve", "groups": ["Everybody"] },
    });
    std::fs::write(&people, known.to_string()).expect("written");
    let mut idp = script("idp.mjs");
    idp.arg(&people).args(["a-secret-of-some-length", &format!("{base}/console/directory/back")]);
    let idp = Process::spawn(&mut idp).expect("node runs");
    let said = idp.wait_for("http://127.0.0.1:", Duration::from_secs(30)).expect("it listens");
    let issuer = said.split_whitespace().find(|w| w.starts_with("http://")).expect("its address");
    base::write_secret(&world.path("city/oidc.secret"), b"a-secret-of-some-length\n")
        .expect("written");
    let directory = format!(
        "[directory]\nissuer = \"{issuer}\"\nclient_id = \"homeplate\"\nsecret = \"oidc.secret\"\n\
         allow_local = true\n\n[[directory_group]]\nname = \"PD-Patrol\"\noffice = \"police\"\nroles = [\"officer\"]\n\n\
         [server]\npublic_url = \"{base}\"\n"
    );
    world.configure("[server]\n", &directory);
    world.serve();
    run("directory.mjs", [base.into(), people, shots(&world)]);
    let log = world.get("/v1/log?limit=500");
    for kind in ["admin.person", "admin.left"] {
        assert!(log.contains(kind), "{kind}: {log}");
    }
    assert!(!log.contains("Ana") && !log.contains("ana\""), "no name stands on the log");
    world.plain(&["verify", &world.url()]).good();
}
