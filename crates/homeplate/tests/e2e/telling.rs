//! Hits reach a mailbox and a program of the city, with the real executables: over a receiver that fails and a
//! server whose plug is pulled, and without a plate in any byte. And the page on which people say how.

use crate::browser;
use crate::world::{CAMERA, WANTED, World};
use base::b64;
use serde_json::Value;
use std::time::Duration;
use testkit::peers::{Does, MailSink, WebSink};

const PATIENCE: Duration = Duration::from_secs(30);

/// A city that sends mail, pushes to browsers and calls a program, and whose duty officer is an address.
fn city(mail: &MailSink, hook: &WebSink) -> World {
    let mut world = World::new();
    world.init();
    let address = world.url().replace("127.0.0.1", "localhost");
    world.configure("[server]\n", &format!("[server]\npublic_url = \"{address}\"\n"));
    world.configure("late_seconds = 120", "late_seconds = 3600");
    world.configure("escalate = []", "escalate = [\"duty@c.example\"]");
    world.configure("smtp_port = 587", &format!("smtp_port = {}", mail.port()));
    world.configure("smtp_tls = \"starttls\"", "smtp_tls = \"none\"");
    let more = format!(
        "[[webhook]]\nname = \"cad\"\nurl = \"{}\"\nsecret = \"keys/cad.secret\"\nallow_local = true\n\n\
         [deliver]\nsmtp_host = \"127.0.0.1\"\nsmtp_from = \"Homeplate <homeplate@c.example>\"\n\
         push_contact = \"mailto:it@c.example\"\n",
        hook.url("/hits")
    );
    world.configure("[deliver]\n", &more);
    let secret = format!("whsec_{}\n", b64(&[7; 32]));
    base::write_secret(&world.path("city/keys/cad.secret"), secret.as_bytes()).expect("written");
    world.serve();
    world.person("dora", "dispatcher");
    world
}

fn a_wanted_car_passes(world: &World) {
    let tomorrow = base::Clock::now(&base::SystemClock).plus_millis(86_400_000).to_string();
    let entry = ["hotlist", WANTED, "--reason", "stolen vehicle", "--case", "26-0417", "--expires"];
    world.by("admin", &[&entry[..], &[&tomorrow]].concat()).good();
    let code = world.by("admin", &["camera", CAMERA, "--name", "Main Street"]).good();
    world.clip();
    world.edge(Some(code.trim())).good();
}

#[test]
fn a_hit_reaches_mailbox_and_program() {
    let mail = MailSink::start().expect("a mail server");
    let hook =
        WebSink::start([Does::Answers(500, ""), Does::Answers(500, "")]).expect("a receiver");
    let mut world = city(&mail, &hook);
    a_wanted_car_passes(&world);
    let mails = mail.wait(1, PATIENCE);
    assert_eq!(mails.len(), 1, "nobody is signed in: the duty officer is told");
    assert_eq!(mails[0].to, ["duty@c.example"]);
    // Raised, and that nobody is at the desk: both failed, and the plug is pulled before they are tried again.
    let failed = hook.wait(2, PATIENCE);
    world.crash();
    let all = hook.wait(4, PATIENCE);
    assert_eq!(all.len(), 4, "{}", world.server_output());
    let mut ids: Vec<&str> = all.iter().filter_map(|r| r.header("webhook-id")).collect();
    ids.sort_unstable();
    assert!(
        ids[0] == ids[1] && ids[2] == ids[3] && ids[1] != ids[2],
        "twice under one id: {ids:?}"
    );
    let hits = world.by("dora", &["hits", "--json"]).json();
    let hit = hits[0]["id"].as_str().expect("a hit").to_owned();
    let link = format!("/console/hits/{hit}");
    assert!(mails[0].plain().contains(&link), "{}", mails[0].text);
    for request in &failed {
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!(body["hit"], hit);
        assert!(body["link"].as_str().is_some_and(|l| l.ends_with(&link)), "{body}");
    }
    // Time enough for a second mail, which must not come.
    std::thread::sleep(Duration::from_secs(1));
    let mails = mail.wait(2, Duration::ZERO);
    assert_eq!(mails.len(), 1);
    let mut bytes: Vec<u8> = mails[0].text.clone().into_bytes();
    bytes.extend(mails[0].plain().into_bytes());
    for request in hook.wait(4, Duration::ZERO) {
        bytes.extend(format!("{} {:?}", request.path, request.headers).into_bytes());
        bytes.extend(request.body);
    }
    let text = String::from_utf8_lossy(&bytes).to_uppercase();
    for secret in [WANTED, "26-0417", "STOLEN", "MAIN", "LST_", "ENT_", "CAM_"] {
        assert!(!text.contains(secret), "{secret} went out");
    }
    assert!(text.contains("HIT_"), "the search would find it");
    assert!(!world.server_output().contains("whsec_"), "the log spells no secret");
}

#[test]
fn people_say_how_they_are_told_in_the_browser() {
    let mail = MailSink::start().expect("a mail server");
    let hook = WebSink::start([]).expect("a receiver");
    let world = city(&mail, &hook);
    let letter = world.path("letter");
    std::thread::scope(|scope| {
        // What a person would see in their mailbox.
        scope.spawn(|| {
            if let Some(mail) = mail.wait(1, PATIENCE).first() {
                std::fs::write(&letter, mail.plain()).expect("written");
            }
        });
        let link = browser::link(&world, "dora").into();
        browser::run(
            "notify.mjs",
            [world.url().into(), link, letter.clone(), browser::shots(&world)],
        );
    });
    assert_eq!(mail.wait(2, PATIENCE).len(), 2, "the link, and the test");
}
