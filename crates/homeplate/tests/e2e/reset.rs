//! A person's last key is lost, and nobody is left who could say so: root on the machine lets them in again.

use crate::visitor::Browser;
use crate::world::World;
use serde_json::{Value, json};

#[test]
fn root_lets_in_whose_last_passkey_is_lost() {
    let mut world = World::new();
    world.init();
    let address = world.url().replace("127.0.0.1", "localhost");
    world.configure("[server]\n", &format!("[server]\npublic_url = \"{address}\"\n"));
    world.serve();
    let invite =
        ["person", "invite", "per_smith", "--name", "Smith", "--office", "police", "--roles"];
    let link = world.by("admin", &[&invite[..], &["administrator"]].concat()).good();
    let mut browser = Browser::new(&world);
    let mut lost = browser.join(&link);
    assert!(browser.is_in());
    assert_eq!(Browser::new(&world).sign_in(&mut lost), 200);
    let cookies = browser.cookies.clone();

    let reset = |world: &World, who: &str| world.plain(&["people", "reset", who, "--data", "city"]);
    let said = reset(&world, "smith");
    assert!(said.code != 0 && said.err.contains("stop it first"), "{}", said.err);
    assert!(browser.is_in(), "nothing has changed");
    world.kill();
    world.serve();
    let mut browser = Browser::new(&world);
    browser.cookies = cookies.clone();
    assert!(browser.is_in(), "a restart ends no session");
    world.kill();
    assert_eq!(reset(&world, "per_nobody").code, 7);
    let said = reset(&world, "smith");
    assert!(said.err.contains("the public log says so"), "{}", said.err);
    let link = said.good();
    assert!(link.starts_with(&address), "{link}");
    world.serve();

    let mut browser = Browser::new(&world);
    browser.cookies = cookies;
    assert!(!browser.is_in(), "the session has ended");
    assert_eq!(Browser::new(&world).sign_in(&mut lost), 401);
    let mut browser = Browser::new(&world);
    let mut fresh = browser.join(&link);
    assert!(browser.is_in());
    assert_eq!(Browser::new(&world).sign_in(&mut fresh), 200);
    let said = world.by("admin", &["person", "list"]).good();
    let smith = said.lines().find(|l| l.starts_with("per_smith")).expect("Smith");
    assert!(smith.contains("(administrator); 0 key files, 1 passkeys"), "{smith}");

    let page: Value = serde_json::from_str(&world.get("/v1/log?limit=40")).expect("a page");
    let entries = page["entries"].as_array().expect("entries");
    let leaf = |e: &&Value| e["leaf"]["type"] == "admin.reset";
    let leaf = &entries.iter().find(leaf).expect("it is on the log")["leaf"];
    let id = (&leaf["id"], &leaf["by"], &leaf["facts"]["keys"]);
    assert_eq!(id, (&json!("per_smith"), &json!("root"), &json!(1)), "{leaf}");
    world.plain(&["verify", &world.url()]).good();

    // A key file ends the same way.
    world.kill();
    reset(&world, "per_admin").good();
    world.serve();
    let said = world.by("admin", &["person", "list"]);
    assert!(said.err.contains("This key is not enrolled here"), "{}", said.err);
}
