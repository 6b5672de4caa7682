//! Documented cases of misuse, each replayed against the real executable: the control that stops it, or the line
//! of the log that shows it. Where the cases are told: `guide/oversight.md`.

use crate::callers::Device;
use crate::world::{Done, World};
use base::{Clock, SystemClock};
use serde_json::Value;
use std::fs;

const PLATE: &str = "7ABC128";

/// A city of this preset with somebody of each role that a case needs, and one car that passed.
struct Town {
    world: World,
    device: Device,
}

impl Town {
    fn new(preset: &str) -> Self {
        Self::with(preset, &[])
    }

    fn with(preset: &str, changes: &[(&str, &str)]) -> Self {
        let mut world = World::new();
        world.init_with(&["--preset", preset]);
        for (from, to) in changes {
            world.configure(from, to);
        }
        world.serve();
        for (name, role) in [
            ("otto", "officer"),
            ("chief", "officer,supervisor"),
            ("clara", "clerk"),
            ("cora", "counsel"),
            ("aud", "auditor"),
        ] {
            world.person(name, role);
        }
        let mut device = Device::enrol(&world, "main-st");
        device.renew(SystemClock.now()).expect("a lease");
        let batch = device.batch(&[PLATE.into()], SystemClock.now());
        device.send(&batch).expect("stored");
        Self { world, device }
    }

    /// Asks about the last hour.
    fn ask(&self, who: &str, plate: &str, more: &[&str]) -> Done {
        let now = SystemClock.now();
        let (from, until) = (now.plus_millis(-3_600_000).to_string(), now.to_string());
        let mut args = vec!["ask", plate, "--from", &from, "--until", &until, "--json"];
        if !more.contains(&"--purpose") {
            args.extend(["--purpose", "stolen-vehicle"]);
        }
        args.extend(["--case", "26-0417"]);
        self.world.by(who, &[&args, more].concat())
    }

    /// A paper that somebody vouches for.
    fn paper(&self, who: &str, kind: &str, more: &[&str]) -> String {
        let expires = SystemClock.now().plus_millis(86_400_000).to_string();
        let args = ["paper", "attest", kind, "--reference", "26-11", "--expires", &expires];
        let said = self.world.by(who, &[&args[..], more].concat()).good();
        said.split_whitespace().next().expect("an id").to_owned()
    }

    fn log(&self) -> Vec<Value> {
        let page: Value =
            serde_json::from_str(&self.world.get("/v1/log?limit=500")).expect("the log");
        page["entries"].as_array().expect("entries").clone()
    }

    fn logged(&self, kind: &str) -> Vec<Value> {
        let leaf = |entry: Value| entry.get("leaf").cloned().unwrap_or(entry);
        self.log().into_iter().map(leaf).filter(|leaf| leaf["type"] == kind).collect()
    }

    /// What an outsider hears who has nothing but the address.
    fn verified(&self) -> String {
        self.world.plain(&["verify", &self.world.url(), "--forget"]).good()
    }

    fn alarms(&self) -> Vec<Value> {
        let all = self.world.by("aud", &["audit", "alarms", "--json"]).json();
        all.as_array().expect("alarms").clone()
    }
}

/// A question that was refused by this rule, and whose refusal is the newest on the log.
#[track_caller]
fn refused(town: &Town, done: &Done, rule: &str) {
    assert_ne!(done.code, 0, "{}", done.out);
    assert!(done.err.contains(rule), "{}", done.err);
    let last = town.logged("search.refused").pop().expect("a refusal on the log");
    assert_eq!(last["facts"]["rule"], rule, "{last}");
}

/// Mount Prospect, IL: 262 searches for immigration enforcement through a look-up that nobody had agreed to.
#[test]
fn searches_through_a_network_that_nobody_agreed_to() {
    let town = Town::new("us-il");
    // There is no network: whoever asks for another agency says so, and needs its declaration, seen by counsel.
    let other = ["--on-behalf-of", "out-of-state: Elsewhere PD"];
    refused(&town, &town.ask("otto", PLATE, &other), "no-out-of-state");
    let said = [&other[..], &["--authority", "declaration"]].concat();
    refused(&town, &town.ask("otto", PLATE, &said), "no-out-of-state");
    let immigration = [&other[..], &["--purpose", "immigration-enforcement"]].concat();
    assert_ne!(town.ask("otto", PLATE, &immigration).code, 0);
    // What another agency has declared is not theirs.
    let paper = town.paper("cora", "declaration", &["--agency", "out-of-state: Texas DPS"]);
    let theirs = [&said[..], &["--paper", &paper]].concat();
    refused(&town, &town.ask("otto", PLATE, &theirs), "no-out-of-state");
    let paper = town.paper("cora", "declaration", &["--agency", "out-of-state: Elsewhere PD"]);
    let seen = [&said[..], &["--paper", &paper]].concat();
    assert_eq!(town.ask("otto", PLATE, &seen).json()["opened"], 1);
    let leaf = town.logged("search.intent").pop().expect("a question");
    assert_eq!(
        (&leaf["on_behalf_of"], &leaf["facts"]["paper"]),
        (&"out-of-state".into(), &"attested".into())
    );
    assert_eq!(leaf["facts"]["paper_id"], paper.as_str(), "anybody counts what rests on it");
    assert!(!leaf.to_string().contains("Elsewhere"), "{leaf}");
}

/// Agencies that had agreed to the law and searched all the same: a declaration is not enough, and misuse ends it.
#[test]
fn a_declaration_is_not_enough() {
    let town = Town::with("us-il", &[("same_plate = 5", "same_plate = 2")]);
    let paper = town.paper("cora", "declaration", &["--agency", "out-of-state: Elsewhere PD"]);
    let agreed = [
        "--on-behalf-of",
        "out-of-state: Elsewhere PD",
        "--authority",
        "declaration",
        "--paper",
        &paper,
    ];
    let immigration = [&agreed[..], &["--purpose", "immigration-enforcement"]].concat();
    assert_ne!(town.ask("otto", PLATE, &immigration).code, 0, "the law says no, whoever declares");
    (0..2).for_each(|_| drop(town.ask("otto", PLATE, &agreed).good()));
    let alarm = town.alarms().remove(0);
    let id = alarm["id"].as_str().expect("an id");
    let close = ["audit", "close", id, "unjustified", "--note", "No such case."];
    town.world.by("aud", &close).good();
    let after = town.ask("otto", PLATE, &agreed);
    assert!(
        after.code != 0 && after.err.contains("counts now"),
        "suspended at once: {}",
        after.err
    );
}

/// A pilot that the vendor's own leadership did not know of: who operates the machine holds no key and no rule.
#[test]
fn an_operator_cannot_open_a_pilot() {
    let mut town = Town::new("strict");
    town.world.kill();
    let file = town.world.path("city/rules.cedar");
    let adopted = fs::read_to_string(&file).expect("rules");
    let pilot = "\n// A pilot.\n@id(\"pilot\")\npermit (principal, action == Action::\"Search\", resource);\n";
    fs::write(&file, adopted.clone() + pilot).expect("written");
    let said = town.world.plain(&["serve", "--data", "city", "--listen", "127.0.0.1:0"]);
    assert!(said.code != 0 && said.err.contains("put the adopted"), "{}", said.err);
    fs::write(&file, adopted).expect("written");
    town.world.serve();
    // Nor does the folder hold the plate that passed.
    for file in town.world.files("city/store") {
        let bytes = fs::read(&file).expect("readable");
        assert!(!bytes.windows(PLATE.len()).any(|w| w == PLATE.as_bytes()), "{}", file.display());
    }
}

/// Ventura, CA: a look-up switched on again, and logs too thin to find who did it.
#[test]
fn nobody_switches_something_on_alone() {
    let town = Town::new("us-ca");
    let key = |name: &str| {
        let file = town.world.path(&format!("{name}.key")).display().to_string();
        let shown = town.world.plain(&["key", "show", &file]).good();
        format!("ed25519:{}", shown.split_whitespace().nth(1).expect("a key"))
    };
    let office = |name: &str, who: &str| {
        format!("\n[[offices]]\nname = \"{name}\"\nkeys = [\"{}\"]\n", key(who))
    };
    let charter = format!("needed = 2\n{}{}", office("clerk", "clara"), office("counsel", "cora"));
    fs::write(town.world.path("charter-new.toml"), charter).expect("written");
    let id = town.world.by("admin", &["rules", "propose", "--charter", "charter-new.toml"]).good();
    town.world.by("admin", &["rules", "sign", id.trim()]).good();
    let rules = town.world.by("clara", &["rules", "show"]).good();
    let wider = rules.replacen("@max_hours(\"72\")", "@max_hours(\"1000\")", 1);
    assert_ne!(wider, rules);
    fs::write(town.world.path("new.cedar"), wider).expect("written");
    let id = town.world.by("clara", &["rules", "propose", "--rules", "new.cedar"]).good();
    let one = town.world.by("clara", &["rules", "sign", id.trim()]).good();
    assert!(one.contains("1 of 2"), "{one}");
    assert_ne!(town.world.by("admin", &["rules", "sign", id.trim()]).code, 0, "no office any more");
    let active = town.world.by("clara", &["rules", "show"]).good();
    assert!(!active.contains("@max_hours(\"1000\")"), "one office is not enough");
    // Whoever proposed and signed stands on the log, with the whole text.
    let proposed = town.logged("policy.proposed").pop().expect("a proposal");
    assert!(proposed["facts"]["text"].as_str().is_some_and(|t| t.contains("1000")));
    assert!(proposed["actor"].is_string());
    assert_eq!(town.logged("policy.signed").last().expect("signed")["facts"]["office"], "clerk");
    town.verified();
}

/// Mountain View, CA: a setting on one camera, and on 29 of 30, that nobody had chosen.
#[test]
fn what_is_active_is_what_was_adopted() {
    let mut town = Town::new("us-ca");
    let checked = |town: &Town| {
        let log = || serde_json::to_string(&town.logged("policy.checked")).expect("JSON");
        town.world.until("checked", log, |text| text.contains("\"same\":true"))
    };
    checked(&town);
    town.world.crash();
    checked(&town);
    // A camera has no sharing of its own to be set: rules are the city's, and one set for all.
    assert!(!town.world.get("/v1/openapi.json").contains("\"sharing\":{"), "no such setting");
}

/// Texas: 83,000 cameras searched because somebody "had an abortion".
#[test]
fn a_reason_that_no_purpose_is() {
    let town = Town::new("us-il");
    let health =
        ["--purpose", "protected-health", "--reason", "had an abortion, search for female"];
    let done = town.ask("otto", PLATE, &health);
    assert_ne!(done.code, 0);
    // Under a purpose that is allowed the reason gives it away.
    let missing = ["--purpose", "missing-person", "--reason", "had an abortion, search for female"];
    refused(&town, &town.ask("otto", PLATE, &missing), "reason-screened");
    // A purpose is one of a list.
    let other = ["--purpose", "had an abortion"];
    assert_ne!(town.ask("otto", PLATE, &other).code, 0);
    let last = town.logged("search.refused").pop().expect("a refusal");
    assert_eq!(last["facts"]["purpose"], "unknown");
    // However many cameras and hours are asked for, the rule cuts them down.
    let (from, until) = ("2026-01-01T00:00:00Z", SystemClock.now().to_string());
    let year = [
        "ask",
        PLATE,
        "--purpose",
        "stolen-vehicle",
        "--case",
        "26-0417",
        "--from",
        from,
        "--until",
        &until,
        "--json",
    ];
    let year = town.world.by("otto", &year).json();
    assert!(year["narrowed"].as_str().is_some_and(|text| text.contains("the time")), "{year}");
}

/// Palos Heights, IL: a federal agent with an officer's login.
#[test]
fn a_login_in_two_hands() {
    let town = Town::new("us-il");
    // There is no login to hand over: without a signature nothing is answered, and a signature counts once.
    let url = format!("{}/v1/ask", town.world.url());
    let strange = ureq::post(&url).send("{}").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(strange.contains("401"), "{strange}");
    // A console session that is used at two places is on the log, and in front of the auditors.
    let link = town.world.by("otto", &["console"]).good();
    let link = link.split_whitespace().find(|w| w.contains("link=")).expect("a link").to_owned();
    let secret = link.split("link=").nth(1).expect("a secret").to_owned();
    let agent: ureq::Agent = ureq::Agent::config_builder().max_redirects(0).build().into();
    let entered = agent
        .post(format!("{}/console/enter", town.world.url()))
        .header("origin", town.world.url())
        .header("x-forwarded-for", "192.0.2.7")
        .send_form([("link", secret.as_str())])
        .expect("in");
    let cookie = entered.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    for place in ["192.0.2.7", "198.51.100.9"] {
        let page = agent
            .get(format!("{}/console/questions", town.world.url()))
            .header("cookie", &cookie)
            .header("x-forwarded-for", place)
            .call();
        drop(page);
    }
    assert_eq!(town.logged("session.elsewhere").len(), 1);
    let alarm = town.alarms().remove(0);
    assert_eq!((&alarm["kind"], &alarm["person"]), (&"two-places".into(), &"per_otto".into()));
    // The link itself worked once.
    let again = agent
        .post(format!("{}/console/enter", town.world.url()))
        .header("origin", town.world.url())
        .send_form([("link", secret.as_str())]);
    assert!(again.err().is_some_and(|e| e.to_string().contains("401")));
}

/// 35 stolen accounts, of which the vendor had left a second factor to choice: there is no password to steal.
#[test]
fn there_is_no_password() {
    let town = Town::new("strict");
    let interface = town.world.get("/v1/openapi.json").to_lowercase();
    assert!(!interface.contains("password"), "no address takes one");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut page = agent.get(format!("{}/console", town.world.url())).call().expect("a page");
    let page = page.body_mut().read_to_string().expect("text");
    assert!(!page.contains("type=\"password\"") && page.contains("passkey"), "{page}");
    // A key file that lies about whose it is opens nothing.
    fs::copy(town.world.path("clara.key"), town.world.path("stolen.key")).expect("copied");
    let text = fs::read_to_string(town.world.path("stolen.key")).expect("a key");
    fs::write(town.world.path("stolen.key"), text.replace("per_clara", "per_otto"))
        .expect("written");
    let done = town.ask("stolen", PLATE, &[]);
    assert!(done.code != 0 && town.logged("search.intent").is_empty(), "{}", done.out);
}

/// Braselton, GA, and Orange City, FL: a chief and an officer who looked for an ex-partner, one of them 69 times.
#[test]
fn a_chief_looks_for_somebody() {
    let town = Town::new("us-il");
    for _ in 0..5 {
        town.ask("chief", PLATE, &[]).good();
    }
    town.ask("otto", PLATE, &[]).good();
    let alarms = town.alarms();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(
        (&alarms[0]["kind"], &alarms[0]["person"]),
        (&"same-plate".into(), &"per_chief".into())
    );
    assert_eq!(alarms[0]["entries"].as_array().map(Vec::len), Some(5));
    // The chief cannot make it go away.
    let id = alarms[0]["id"].as_str().expect("an id");
    let close = ["audit", "close", id, "justified", "--note", "It was me."];
    assert_ne!(town.world.by("chief", &close).code, 0);
    // A plate on the sealed list of the city's own people is one question too many.
    let own = town.world.by("aud", &["own-plate", "add", "9XYZ001"]).good();
    assert!(own.starts_with("own_"), "{own}");
    town.ask("chief", "9XYZ001", &[]).good();
    assert!(town.alarms().iter().any(|alarm| alarm["kind"] == "colleague"));
}

/// Evanston, IL, Cambridge, MA, and Eugene, OR: cameras that went on after the order to switch off.
#[test]
fn off_is_off() {
    let mut town = Town::new("strict");
    let before = town.device.batch(&["9XYZ001".into()], SystemClock.now());
    town.world.by("clara", &["off", "--level", "capture", "--reason", "council"]).good();
    assert_eq!(town.device.send(&before).expect("taken").new, 1, "read under a lease");
    let batch = town.device.batch(&["9XYZ001".into()], SystemClock.now());
    let nothing = |town: &Town| {
        let done = town.device.send(&batch).expect("an answer");
        assert_eq!((done.new, done.refused.len()), (0, 1), "read after the order");
    };
    nothing(&town);
    assert!(town.device.renew(SystemClock.now()).is_err(), "no lease");
    town.world.crash();
    nothing(&town);
    let page: Value = serde_json::from_str(&town.world.get("/v1/public")).expect("figures");
    assert!(page["figures"]["gaps"][0]["until"].is_null(), "the public page shows since when");
    // One person alone does not switch it on again.
    drop(town.world.by("clara", &["on", "--level", "capture", "--reason", "x"]));
    assert!(town.device.renew(SystemClock.now()).is_err(), "no lease");
    nothing(&town);
}

/// Reasons such as "investigation", and searches for who had been at a protest.
#[test]
fn a_reason_that_says_nothing() {
    let town = Town::new("us-il");
    // An empty reason counts as none: what demands one refuses.
    let paper = town.paper("cora", "judicial-warrant", &[]);
    let warrant =
        ["--purpose", "protected-health", "--authority", "judicial-warrant", "--paper", &paper];
    let vague = [&warrant[..], &["--reason", "investigation"]].concat();
    refused(&town, &town.ask("otto", PLATE, &vague), "reason-required");
    // Where a life is in danger no word holds anybody up; it is reviewed.
    let danger = ["--purpose", "missing-person", "--emergency", "--reason", "crime suspect"];
    town.ask("otto", PLATE, &danger).good();
    let protest =
        ["--purpose", "felony-investigation", "--reason", "Was at the protest on Main Street"];
    refused(&town, &town.ask("otto", PLATE, &protest), "reason-screened");
    // A case number that is none is not even a question; one that nobody attests is logged as stated.
    let now = SystemClock.now();
    let (from, until) = (now.plus_millis(-3_600_000).to_string(), now.to_string());
    let bad = [
        "ask",
        PLATE,
        "--purpose",
        "stolen-vehicle",
        "--case",
        "n/a",
        "--from",
        &from,
        "--until",
        &until,
    ];
    assert_ne!(town.world.by("otto", &bad).code, 0);
    town.ask("otto", PLATE, &[]).good();
    let last = town.logged("search.intent").pop().expect("a question");
    assert_eq!(last["facts"]["case"], "stated");
    // A second person attests it.
    let expires = now.plus_millis(86_400_000).to_string();
    let case = ["paper", "attest", "case", "--reference", "26-0417", "--expires", &expires];
    town.world.by("chief", &case).good();
    town.ask("otto", PLATE, &[]).good();
    let last = town.logged("search.intent").pop().expect("a question");
    assert_eq!(last["facts"]["case"], "attested");
}

/// Searching for others through a local account: what was said is signed for, and auditors read it.
#[test]
fn asking_for_somebody_else_and_not_saying_so() {
    let town = Town::new("us-il");
    let honest = ["--on-behalf-of", "federal: A Bureau"];
    assert_ne!(town.ask("otto", PLATE, &honest).code, 0);
    let last = town.logged("search.refused").pop().expect("a refusal");
    assert_eq!(last["on_behalf_of"], "federal");
    let answer = town.ask("otto", PLATE, &[]).json();
    let entry = answer["log_entry"].to_string();
    let said = town.world.by("aud", &["audit", "open", &entry, "--audit-key", "audit.key"]).good();
    assert!(
        said.contains("per_otto") && said.contains(PLATE) && !said.contains("on_behalf_of"),
        "{said}"
    );
}
