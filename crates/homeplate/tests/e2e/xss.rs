//! Every field that somebody can type, full of hostile text; then every page, in a real browser, as everybody.
//!
//! What a field takes, it takes as text: no page has an element of it, runs it or works it out. What the
//! server refuses is said in the table. `xss.mjs` looks at the pages, after it has shown on pages of its
//! own making that it would notice.

use crate::browser;
use crate::callers::{Caller, Device, No};
use crate::world::{WANTED, World};
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What breaks out of a tag, of a script, of an address, of a template and of an attribute.
const PAYLOADS: [&str; 5] = [
    "\"><img src=x onerror=alert(window.struck=1)>",
    "</script><script>alert(window.struck=1)</script>",
    "javascript:alert(window.struck=1)",
    "{{7*7}}",
    "' onfocus=alert(window.struck=1) autofocus x='",
];

/// What becomes of a field's text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It stands on a page.
    Shown,
    /// It is kept, and no page shows it: it is in the sealed half of a log entry, for instance.
    Kept,
    /// The server takes no such text, and says this.
    Refused(&'static str),
}
use Fate::{Kept, Refused, Shown};

/// Who sends it, what the field is called, the address, what is sent (`§` is the text, `#` its number), its fate.
type Field = (&'static str, &'static str, &'static str, Value, Fate);

/// A moment from now, as programs send it.
fn ahead(days: i64) -> String {
    SystemClock.now().plus_millis(days * 86_400_000).to_string()
}

fn ask(more: &[(&str, &str)]) -> Value {
    let (from, until) = (SystemClock.now().plus_millis(-3_600_000), SystemClock.now());
    let mut ask = json!({"purpose": "stolen-vehicle", "case": "26-0417", "plates": ["8XYZ001"],
        "from": from, "until": until});
    for (key, value) in more {
        ask[*key] = (*value).into();
    }
    ask
}

fn fields() -> Vec<Field> {
    [cameras_and_people(), machines(), lists_and_papers(), questions()].concat()
}

fn cameras_and_people() -> Vec<Field> {
    let person = |key: &str, value: &str, public: &str| {
        let mut new = json!({"id": "per_x#", "name": "A Person", "office": "police",
            "roles": ["officer"], "key": public});
        new[key] = if key == "roles" { json!([value]) } else { value.into() };
        new
    };
    let key = base::SigningKey::generate().public().to_string();
    let invite = json!({"name": "§~invited#", "office": "§~office#", "roles": ["clerk"]});
    vec![
        ("admin", "camera", "/v1/cameras", json!({"id": "cam_x#", "name": "§~camera#"}), Shown),
        // These are moved: a camera is called what its last place is called.
        ("admin", "camera-to-move", "/v1/cameras", json!({"id": "cam_z#", "name": "z"}), Kept),
        (
            "admin",
            "camera-id",
            "/v1/cameras",
            json!({"id": "§~camera-id#", "name": "x"}),
            Refused("not the JSON"),
        ),
        (
            "admin",
            "place",
            "/v1/cameras/cam_z#/move",
            json!({"lat": 1.0, "lon": 2.0, "name": "§~place#"}),
            Shown,
        ),
        ("admin", "name", "/v1/people", person("name", "§~name#", &key), Shown),
        (
            "admin",
            "role",
            "/v1/people",
            person("roles", "§~role#", &key),
            Refused("There is no role"),
        ),
        (
            "admin",
            "person-id",
            "/v1/people",
            person("id", "§~person-id#", &key),
            Refused("not the JSON"),
        ),
        ("admin", "invited", "/v1/people/per_y#/invite", invite, Shown),
    ]
}

fn machines() -> Vec<Field> {
    vec![
        (
            "admin",
            "token",
            "/v1/tokens",
            json!({"name": "§~token#", "scope": ["EnrolCamera"], "expires": ahead(1)}),
            Shown,
        ),
        (
            "admin",
            "scope",
            "/v1/tokens",
            json!({"name": "x", "scope": ["§~scope#"], "expires": ahead(1)}),
            Refused("and nothing else"),
        ),
        (
            "admin",
            "device",
            "/v1/devices",
            json!({"id": "dev_x#", "name": "§~device#", "class": "desk"}),
            Shown,
        ),
        (
            "admin",
            "class",
            "/v1/devices",
            json!({"id": "dev_x#", "name": "x", "class": "§~class#"}),
            Refused("is of the class"),
        ),
    ]
}

fn lists_and_papers() -> Vec<Field> {
    let paper = |kind: &str, key: &str, value: &str| {
        let mut new = json!({"kind": kind, "reference": "26-1", "expires": ahead(1)});
        new[key] = value.into();
        new
    };
    let wanted = |key: &str, value: &str| {
        let mut new = json!({"list": "lst_local", "plate": WANTED, "reason": "stolen",
            "case": "26-1", "expires": ahead(1)});
        new[key] = value.into();
        new
    };
    vec![
        ("admin", "list-reason", "/v1/hotlist", wanted("reason", "§~list-reason#"), Shown),
        ("admin", "list-case", "/v1/hotlist", wanted("case", "§~list-case#"), Shown),
        (
            "admin",
            "list-plate",
            "/v1/hotlist",
            wanted("plate", "§~list-plate#"),
            Refused("1 to 12 letters and digits"),
        ),
        (
            "admin",
            "list-state",
            "/v1/hotlist",
            wanted("state", "§~list-state#"),
            Refused("as us-ca or CA"),
        ),
        ("admin", "list", "/v1/hotlist", wanted("list", "§~list#"), Refused("not the JSON")),
        ("clara", "paper", "/v1/papers", paper("judicial-warrant", "reference", "§~paper#"), Shown),
        (
            "clara",
            "agency",
            "/v1/papers",
            paper("judicial-warrant", "agency", "§~agency#"),
            Refused("which kind of agency"),
        ),
        (
            "clara",
            "agency-name",
            "/v1/papers",
            paper("judicial-warrant", "agency", "federal: §~agency-name#"),
            Shown,
        ),
        ("chief", "case-paper", "/v1/papers", paper("case", "reference", "§~case-paper#"), Shown),
    ]
}

fn questions() -> Vec<Field> {
    vec![
        ("otto", "case", "/v1/ask", ask(&[("case", "§~case#")]), Kept),
        ("otto", "reason", "/v1/ask", ask(&[("reason", "§~reason#")]), Kept),
        ("otto", "behalf", "/v1/ask", ask(&[("on_behalf_of", "county: §~behalf#")]), Kept),
        (
            "otto",
            "agency-kind",
            "/v1/ask",
            ask(&[("on_behalf_of", "§~agency-kind#")]),
            Refused("for whom you ask by kind"),
        ),
        (
            "otto",
            "purpose",
            "/v1/ask",
            ask(&[("purpose", "§~purpose#")]),
            Refused("no such purpose"),
        ),
        (
            "otto",
            "authority",
            "/v1/ask",
            ask(&[("authority", "§~authority#")]),
            Refused("no such authority"),
        ),
        (
            "otto",
            "with-paper",
            "/v1/ask",
            ask(&[("paper", "§~with-paper#")]),
            Refused("No paper of this number"),
        ),
        (
            "otto",
            "plate",
            "/v1/ask",
            {
                let mut a = ask(&[]);
                a["plates"] = json!(["§~plate#"]);
                a
            },
            Refused("letters"),
        ),
        (
            "aud",
            "own-plate",
            "/v1/own-plates",
            json!({"plate": "§~own-plate#"}),
            Refused("1 to 12 letters and digits"),
        ),
        (
            "aud",
            "grade",
            "/v1/audit/entries/1/grade",
            json!({"grade": "sound", "note": "§~grade#"}),
            Refused("waits for no grade"),
        ),
    ]
}

/// A city whose own name is hostile, with somebody of each role and a wanted car that passed.
struct Town {
    world: World,
    callers: BTreeMap<String, Caller>,
    /// What became of the fields that were sent: all of them taken, or all refused.
    taken: BTreeMap<String, bool>,
    fates: Vec<(&'static str, Fate)>,
    /// What is not as the table says.
    wrong: Vec<String>,
}

impl Town {
    fn new() -> Self {
        let mut world = World::new();
        world.init();
        let city =
            PAYLOADS.iter().zip(0..).map(|(p, n)| format!("{p} ~city{n} ")).collect::<String>();
        world.configure("name = \"Springfield\"", &format!("name = '''{}'''", city.trim()));
        world.configure("same_plate = 5", "same_plate = 2");
        world.configure("format = \"##-####*\"", "format = \"*\"");
        world.configure("_per_minute = ", "_per_minute = 1");

        let port = world.url().rsplit(':').next().expect("a port").to_owned();
        world.configure("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
        world.serve();
        let mut callers = BTreeMap::from([("admin".to_owned(), Caller::person(&world, "admin"))]);
        for (name, role) in [
            ("otto", "officer"),
            ("chief", "officer,supervisor"),
            ("clara", "clerk"),
            ("cora", "counsel"),
            ("aud", "auditor"),
            ("dora", "dispatcher"),
        ] {
            world.person(name, role);
            callers.insert(name.into(), Caller::person(&world, name));
        }
        Self { world, callers, taken: BTreeMap::new(), fates: Vec::new(), wrong: Vec::new() }
    }

    fn post(&self, who: &str, path: &str, body: &Value) -> Result<Value, No> {
        self.callers[who].post(path, body)
    }

    /// Sends each payload in this field. What was taken comes back.
    fn send(&mut self, (who, name, path, body, fate): &Field) -> Vec<Value> {
        let mut taken = Vec::new();
        for (n, payload) in PAYLOADS.iter().enumerate() {
            let (path, text) = (path.replace('#', &n.to_string()), body.to_string());
            let escaped = serde_json::to_string(payload).expect("JSON");
            let text = text
                .replace('§', &format!("{} ", &escaped[1..escaped.len() - 1]))
                .replace('#', &n.to_string());
            let body = serde_json::from_str(&text).expect("JSON");
            match self.post(who, &path, &body) {
                Ok(answer) => taken.push(answer),
                Err(No(status, said)) => {
                    assert!((400..500).contains(&status), "{name}: {status} {said}");
                    // For what it says, and not for something beside it.
                    let fits = matches!(fate, Refused(words) if said.contains(words));
                    if !fits {
                        self.wrong.push(format!("{name}{n} is refused: {said}"));
                    }
                }
            }
        }
        self.taken.insert((*name).into(), taken.len() == PAYLOADS.len());
        assert!(taken.is_empty() || taken.len() == PAYLOADS.len(), "{name}: {} taken", taken.len());
        self.fates.push((name, *fate));
        taken
    }

    /// A wanted car passes a camera of a hostile name; its hits are decided with hostile notes.
    fn hits(&mut self) {
        let mut device = Device::enrol(&self.world, "main-st");
        let place = json!({"lat": 1.0, "lon": 2.0, "name": format!("{} ~place0", PAYLOADS[0])});
        self.post("admin", "/v1/cameras/cam_main-st/move", &place).expect("moved");
        device.renew(SystemClock.now()).expect("a lease");
        let batch = device.batch(&[WANTED.into()], SystemClock.now());
        device.send(&batch).expect("stored");
        let hits = || self.world.by("dora", &["hits"]).good();
        let hits = self.world.until("hits", hits, |text| text.contains("open"));
        let ids: Vec<String> = hits
            .split_whitespace()
            .filter(|word| word.starts_with("hit_"))
            .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_').to_owned())
            .collect();
        assert!(ids.len() >= PAYLOADS.len(), "{hits}");
        for (n, id) in ids.iter().take(PAYLOADS.len()).enumerate() {
            let note = format!("{} ~note{n}", PAYLOADS[n]);
            let all = json!({"picture": true, "state": true, "make": true, "colour": true});
            let verdict =
                json!({"finding": "misread", "compared": all, "note": note, "version": 1});
            self.post("dora", &format!("/v1/hits/{id}/verdict"), &verdict).expect("decided");
        }
        self.fates.push(("note", Kept));
        self.taken.insert("note".into(), true);
    }

    /// A court's order that counsel has registered, and holds that rest on it.
    fn matters(&mut self) {
        let key = read::OpenKey::generate().public().expect("a key").to_string();
        let order = json!({"kind": "court-order", "reference": "26-CV-1", "key": key,
            "expires": ahead(1)});
        let order = self.post("cora", "/v1/papers", &order).expect("registered");
        let hold = json!({"matter": "§~matter#", "paper": order["id"], "from": ahead(-1),
            "until": ahead(0), "review": ahead(30), "key": key});
        self.send(&("clara", "matter", "/v1/holds", hold, Kept));
    }

    /// Emergencies and their reviews, alarms and how they were closed.
    fn reviews(&mut self) {
        let mut emergency = ask(&[("reason", "§~danger#"), ("purpose", "missing-person")]);
        emergency["emergency"] = true.into();
        emergency.as_object_mut().expect("an object").remove("case");
        let asked = self.send(&("otto", "danger", "/v1/ask", emergency, Kept));
        for (n, asked) in asked.iter().enumerate() {
            let review =
                json!({"finding": "justified", "note": format!("{} ~review{n}", PAYLOADS[n])});
            let path = format!("/v1/breakglass/{}/review", asked["log_entry"]);
            self.post("chief", &path, &review).expect("reviewed");
        }
        self.fates.push(("review", Kept));
        self.taken.insert("review".into(), true);
        let alarms = self.world.by("aud", &["audit", "alarms", "--json"]).json();
        let alarms = alarms.as_array().expect("alarms").clone();
        assert!(alarms.len() > PAYLOADS.len(), "one stays open: {alarms:?}");
        for (n, alarm) in alarms.iter().take(PAYLOADS.len()).enumerate() {
            let note =
                json!({"finding": "justified", "note": format!("{} ~alarm{n}", PAYLOADS[n])});
            let path = format!("/v1/alarms/{}/close", alarm["id"].as_str().expect("an id"));
            self.post("aud", &path, &note).expect("closed");
        }
        self.fates.push(("alarm", Shown));
        self.taken.insert("alarm".into(), true);
    }

    /// One proposal with every payload in comments, reasons and ordinances, and a property of the city's own; then
    /// an order that says why.
    fn rules(&mut self) {
        let mut rules = self.world.by("admin", &["rules", "show"]).good();
        for (n, payload) in PAYLOADS.iter().enumerate() {
            let quoted = payload.replace('\\', "\\\\").replace('"', "\\\"");
            rules += &format!(
                "\n// {payload} ~comment{n}\n@id(\"hostile{n}\")\n@because(\"{quoted} ~because{n}\")\n\
                 @ordinance(\"{quoted} ~ordinance{n}\")\nforbid (principal, action == Action::\"Search\", resource)\n\
                 when {{ context.hours > {} }};\n",
                5000 + n
            );
        }
        let property = PAYLOADS.iter().zip(0..).map(|(p, n)| format!("{p} ~property{n} "));
        let property =
            format!("// {}\npermit (principal, action, resource);\n", property.collect::<String>());
        let new = json!({"rules": rules, "properties": {"own": property}});
        let made = self.post("admin", "/v1/proposals", &new).expect("proposed");
        let id = made["id"].as_str().expect("an id");
        for key in ["comment", "because", "ordinance", "property"] {
            self.fates.push((key, Shown));
            self.taken.insert(key.into(), true);
        }
        self.world.by("admin", &["rules", "sign", id]).good();
        // Another one stays open: its page shows line by line what would change.
        let other = rules.replace("~comment", "~diff");
        self.post("admin", "/v1/proposals", &json!({"rules": other})).expect("proposed");
        self.fates.push(("diff", Shown));
        for (n, payload) in PAYLOADS.iter().enumerate() {
            let (camera, reason) = (format!("cam_x{n}"), format!("{payload} ~order{n}"));
            self.world.by("admin", &["off", &camera, "--reason", &reason]).good();
        }
        self.fates.push(("order", Shown));
        self.taken.insert("order".into(), true);
    }

    /// What the browser is told to open, and by whose links.
    fn plan(&self, invited: &[Value]) -> Value {
        let link = |who: &str| {
            let said = self.world.by(who, &["console"]).good();
            said.split_whitespace().find(|w| w.contains("link=")).expect("a link").to_owned()
        };
        let who = ["admin", "otto", "chief", "clara", "aud", "dora"];
        let links: BTreeMap<&str, String> = who.iter().map(|who| (*who, link(who))).collect();
        // A passkey is the site's, and the site of a city on one's own machine is localhost.
        let site = self.world.url().replace("127.0.0.1", "localhost");
        let invited: Vec<String> = invited
            .iter()
            .map(|made| format!("{site}{}", made["path"].as_str().expect("a path")))
            .collect();
        json!({
            "base": self.world.url(), "site": site, "payloads": PAYLOADS, "links": links, "invited": invited,
            "pages": ["/", "/console", "/console/hits", "/console/handover", "/console/lists", "/console/cameras", "/misreads", "/field", "/console/ask", "/console/questions", "/console/audit", "/console/rules",
                "/console/rules/new", "/console/papers", "/console/log", "/console/breakglass", "/console/people",
                "/console/tokens", "/console/devices", "/console/passkey", "/console/notify", "/console/join",
                "/console/device"],
            "forms": ["/console/ask", "/console/rules/new", "/console/papers", "/console/people",
                "/console/tokens", "/console/devices", "/console/breakglass", "/console/audit"],
            "queries": ["/console/enter?link=§", "/console/join?code=§", "/console/device?code=§",
                "/console/notify/confirm/§",
                "/console/log?kind=§", "/console/log?older=§", "/console/questions?after=§", "/console/hits?after=§", "/field/§",
                "/console/hits/§", "/console/proposals/§", "/§", "/log/§", "/?lang=§"],
        })
    }
}

#[test]
fn whatever_is_typed_stays_text() {
    let mut town = Town::new();
    let mut invited = Vec::new();
    for field in fields() {
        let taken = town.send(&field);
        match field.1 {
            "invited" => invited = taken,
            // The public page shows a camera from its first lease on.
            "camera" => taken.iter().zip(0..).for_each(|(made, n)| {
                let id = format!("cam_x{n}").parse().expect("an id");
                let code = made["code"].as_str().expect("a code");
                let mut device = Device::with_code(&town.world, id, code);
                device.renew(SystemClock.now()).expect("a lease");
            }),
            _ => {}
        }
    }
    town.hits();
    town.matters();
    town.reviews();
    town.rules();
    town.fates.extend([("city", Shown), ("label", Shown), ("typed", Shown), ("query", Shown)]);
    let plan = town.world.path("plan.json");
    std::fs::write(&plan, town.plan(&invited).to_string()).expect("written");
    let out = browser::run("xss.mjs", [&plan]);
    let found: Value = serde_json::from_str(out.trim()).expect("JSON");
    let marks = found["marks"].as_object().expect("marks");
    let seen: BTreeSet<&str> = marks.keys().map(String::as_str).collect();
    let mut wrong = std::mem::take(&mut town.wrong);
    for (name, fate) in &town.fates {
        let taken = town.taken.get(*name).copied().unwrap_or(true);
        let shown = (0..PAYLOADS.len()).filter(|n| seen.contains(format!("{name}{n}").as_str()));
        let is = match (taken, shown.count()) {
            (false, _) => "refused",
            (true, 0) => "kept",
            (true, _) => "shown",
        };
        let should = match fate {
            Refused(_) => "refused",
            Kept => "kept",
            Shown => "shown",
        };
        if is != should {
            wrong.push(format!("{name} is {is} and should be {should}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{found:#}");
}
