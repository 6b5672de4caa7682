//! Rules change: a clerk proposes, two offices sign, the proofs pass, a question is narrowed, and an outsider
//! follows all of it from the public log alone.

use crate::world::World;
use base::{Clock, SystemClock};
use std::fs;

fn signer(world: &World, name: &str) -> String {
    let file = world.path(&format!("{name}.key")).display().to_string();
    let shown = world.plain(&["key", "show", &file]).good();
    format!("ed25519:{}", shown.split_whitespace().nth(1).expect("a key"))
}

fn charter(world: &World, needed: u32, offices: &[(&str, &str)]) -> String {
    let mut text = format!("needed = {needed}\n");
    for (office, person) in offices {
        let key = signer(world, person);
        text += &format!("\n[[offices]]\nname = \"{office}\"\nkeys = [\"{key}\"]\n");
    }
    fs::write(world.path("charter-new.toml"), &text).expect("written");
    "charter-new.toml".into()
}

#[test]
fn two_offices_adopt_what_a_clerk_proposed() {
    let mut world = World::new();
    world.init();
    world.serve();
    for (name, role) in [
        ("clara", "clerk"),
        ("cora", "counsel"),
        ("mayor", "order-signer"),
        ("ana", "officer"),
        ("dora", "dispatcher"),
    ] {
        world.person(name, role);
    }
    world.by("admin", &["camera", "cam_one", "--name", "One"]).good();
    // The first change of a city is who signs for the next; the administrator's key founded it.
    let file = charter(&world, 2, &[("city counsel", "cora"), ("mayor", "mayor")]);
    let id = world.by("admin", &["rules", "propose", "--charter", &file]).good();
    let done = world.by("admin", &["rules", "sign", id.trim()]).good();
    assert!(done.contains("active"), "{done}");

    let now = SystemClock.now();
    let (from, until) = (now.plus_millis(-10 * 3_600_000).to_string(), now.to_string());
    let ask = |world: &World, who: &str| {
        world.by(
            who,
            &[
                "ask",
                "7ABC128",
                "--purpose",
                "stolen-vehicle",
                "--case",
                "26-0417",
                "--from",
                &from,
                "--until",
                &until,
                "--json",
            ],
        )
    };
    assert!(ask(&world, "ana").json()["narrowed"].is_null());
    let rules = world.by("clara", &["rules", "show"]).good();
    let propose = |text: &str| {
        fs::write(world.path("new.cedar"), text).expect("written");
        world.by("clara", &["rules", "propose", "--rules", "new.cedar"])
    };
    // A rule that would let a federal agency in is not even on the log.
    let size = world.get("/v1/public");
    let planted = "// Opens the city.\n@id(\"planted\")\n\
                   permit (principal, action == Action::\"Search\", resource);";
    let open =
        rules.replace("context.recipient)\n}\nunless", "context.recipient) && false\n}\nunless");
    for bad in [
        open,
        rules.replace(
            "when { context.asking_off };",
            "when { context.asking_off && context.hours > 3 };",
        ),
    ] {
        let refused = propose(&format!("{bad}\n{planted}"));
        assert!(refused.code != 0, "{}", refused.out);
        assert!(
            refused.err.contains("would get through") || refused.err.contains("does not hold"),
            "{}",
            refused.err
        );
    }
    // A mistake in a property is told as one.
    let ours = "// All may be allowed.\npermit (principal, action, resource)";
    fs::write(world.path("ours.cedar"), ours).expect("written");
    let mistake = world.by("clara", &["rules", "propose", "--property", "ours.cedar"]);
    assert!(mistake.code == 3 && mistake.err.contains("Property ours"), "{}", mistake.err);
    let unknown = world.by("clara", &["rules", "propose", "--drop-property", "ours"]);
    assert!(unknown.code == 7 && unknown.err.contains("No property ours"), "{}", unknown.err);
    assert_eq!(size.contains("log_size"), world.get("/v1/public").contains("log_size"));
    assert!(!world.get("/v1/proposals").contains("planted"));

    let id = propose(&rules.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1)).good();
    let id = id.trim();
    assert!(world.by("dora", &["rules", "sign", id]).code != 0, "a dispatcher signs for nobody");
    let first = world.by("cora", &["rules", "sign", id]).good();
    assert!(first.contains("open  1 of 2 offices (city counsel)"), "{first}");
    assert!(ask(&world, "ana").json()["narrowed"].is_null(), "one office is not enough");
    world.crash();
    let last = world.by("mayor", &["rules", "sign", id]).good();
    assert!(last.contains("active  2 of 2"), "{last}");
    let narrowed = ask(&world, "ana").json();
    assert!(narrowed["narrowed"].as_str().is_some_and(|text| text.contains("officer-search")));
    world.crash();
    assert!(ask(&world, "ana").json()["narrowed"].is_string(), "adopted is adopted");

    let said = world.plain(&["verify", &world.url(), "--forget"]).good();
    assert!(said.contains("signed by city counsel, mayor"), "{said}");
    assert!(said.contains("signed by administrator"), "{said}");
    let read = world.by("ana", &["rules", "read", id]).good();
    assert!(read.contains("@max_hours(\"1\")") && read.contains("no-immigration"), "{read}");
}

/// A city that has no solver: the state's office proves for it and signs.
#[test]
fn another_office_proves_for_a_city_without_a_solver() {
    let mut world = World::new();
    for name in ["state", "stranger"] {
        let file = format!("{name}.key");
        world.plain(&["key", "new", "--person", &format!("per_{name}"), "--out", &file]).good();
    }
    world.init_with(&["--preset", "us-il", "--prover", &signer(&world, "state")]);
    world.serve_with(&[("PATH", "/nowhere")]);
    world.person("clara", "clerk");
    let narrow = |text: &str, hours: &str| {
        let new = text.replacen("@max_hours(\"72\")", &format!("@max_hours(\"{hours}\")"), 1);
        assert_ne!(new, text);
        fs::write(world.path("new.cedar"), new).expect("written");
    };
    let propose = |more: &[&str]| {
        let propose = ["rules", "propose", "--rules", "new.cedar"];
        world.by("clara", &[&propose[..], more].concat())
    };
    let prove = |key: &str, more: &[&str]| {
        let key = format!("{key}.key");
        let prove = ["policy", "prove", "--data", "set", "--rules", "new.cedar", "--sign", &key];
        world.plain(&[&prove[..], &["--out", "proofs.json"], more].concat())
    };
    let rules = world.by("clara", &["rules", "show"]).good();
    narrow(&rules, "1");
    let refused = |done: crate::world::Done, word: &str| {
        assert!(done.code != 0 && done.err.contains(word), "{word}: {}{}", done.out, done.err);
        assert!(!world.get("/v1/proposals").contains("pro_"), "{word}: nothing is proposed");
    };
    refused(propose(&[]), "bring proofs");
    // What the state's office needs is public; whoever holds a key reads it.
    let shown = world.by("clara", &["rules", "show", "--out", "set"]);
    assert!(shown.err.contains("--preset us-il"), "{}", shown.err);
    shown.good();
    let unknown = world.plain(&["policy", "prove", "--data", "set", "--drop-property", "ours"]);
    assert!(unknown.code == 7 && unknown.err.contains("no property ours"), "{}", unknown.err);
    let brought = ["--proofs", "proofs.json"];
    let full = ["--preset", "us-il"];
    prove("stranger", &full).good();
    refused(propose(&brought), "nobody whom the charter in force names");
    prove("state", &[]).good();
    refused(propose(&brought), "leave out");
    prove("state", &full).good();
    narrow(&rules, "2");
    refused(propose(&brought), "another set");
    narrow(&rules, "1");
    let id = propose(&brought).good();
    let done = world.by("admin", &["rules", "sign", id.trim()]).good();
    assert!(done.contains("active"), "{done}");
    assert!(world.by("clara", &["rules", "show"]).good().contains("@max_hours(\"1\")"));
    let said = world.plain(&["verify", &world.url(), "--forget"]).good();
    let by = format!("; proved by {}", signer(&world, "state"));
    assert!(said.contains("signed by administrator") && said.contains(&by), "{said}");
    let read = world.by("clara", &["rules", "read", id.trim()]).good();
    assert!(read.contains(&by[2..]), "{read}");
    // Nobody signs for what does not hold.
    let planted = "\n// Opens.\n@id(\"planted\")\n\
                   permit (principal, action == Action::\"Search\", resource);";
    let open =
        rules.replace("context.recipient)\n}\nunless", "context.recipient) && false\n}\nunless");
    fs::remove_file(world.path("proofs.json")).expect("removed");
    fs::write(world.path("new.cedar"), open + planted).expect("written");
    let done = prove("state", &full);
    assert!(done.code != 0 && done.err.contains("would get through"), "{}", done.err);
    assert!(!world.path("proofs.json").exists());
}

/// A file that somebody changed behind the city's back: it does not start, and says which.
#[test]
fn changed_files_are_noticed() {
    let mut world = World::new();
    world.init();
    world.serve();
    world.kill();
    for name in ["rules.cedar", "charter.toml"] {
        let file = world.path("city").join(name);
        let adopted = fs::read_to_string(&file).expect("a file");
        // Another rule file, and a charter in which the one office is called otherwise.
        let changed = adopted
            .replacen("\"72\"", "\"73\"", 1)
            .replace("administrator\"\nkeys", "mayor\"\nkeys");
        assert_ne!(changed, adopted);
        fs::write(&file, changed).expect("written");
        let said = world.plain(&["serve", "--data", "city", "--listen", "127.0.0.1:0"]);
        assert!(said.code != 0 && said.err.contains("put the adopted"), "{name}: {}", said.err);
        fs::write(&file, adopted).expect("written");
    }
    world.serve();
}
