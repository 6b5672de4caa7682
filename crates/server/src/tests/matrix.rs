//! Each role at each address, made from the table of routes: who is let through, who is refused, and what the
//! public log says of it. The table that comes out is `ref/roles.md`.

use super::identity::Browser;
use super::*;
use base::OrderId;
use expect_test::expect_file;
use read::{Level, Order, Power};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The roles that ship.
const ROLES: [&str; 14] = [
    "administrator",
    "officer",
    "detective",
    "supervisor",
    "dispatcher",
    "parking",
    "hearing-officer",
    "traffic",
    "records",
    "clerk",
    "counsel",
    "order-signer",
    "auditor",
    "guest",
];

/// Who may use an address.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Everybody, without a key.
    Everybody,
    /// Whom a code or a signature in the body itself names: cameras.
    ByBody,
    /// Cameras alone.
    Cameras,
    /// Whoever belongs to the city, about themselves or about what is public anyway.
    People,
    /// Whom the rules let do one of these.
    May(&'static [&'static str]),
    /// Whoever belongs to the city may ask; the rules decide on the question, and the log says so either way.
    Asking,
}

use Who::{Asking, ByBody, Cameras, Everybody, May, People};

/// A row of the table: method, address, who.
type Row = (&'static str, &'static str, Who);

const PAPERS: &[&str] = &["AttestPaper", "AttestCase"];

/// Who decides hits must see how old a list is.
const LISTS: &[&str] = &["ViewHits", "EditHotList"];

/// What programs use.
const API: &[Row] = &[
    ("get", "/v1/openapi.json", Everybody),
    ("get", "/v1/public", Everybody),
    ("get", "/v1/alive", Everybody),
    ("get", "/v1/log", Everybody),
    ("get", "/v1/events", Everybody),
    ("post", "/v1/enrol", ByBody),
    ("post", "/v1/leases", Cameras),
    ("post", "/v1/reads", Cameras),
    ("post", "/v1/stops", ByBody),
    ("get", "/v1/word", Cameras),
    ("post", "/v1/offs", Cameras),
    ("post", "/v1/heartbeats", Cameras),
    ("post", "/v1/watch", Cameras),
    ("get", "/v1/cameras", May(&["EnrolCamera", "SwitchOff"])),
    ("post", "/v1/cameras", May(&["EnrolCamera"])),
    ("post", "/v1/cameras/{id}/replace", May(&["EnrolCamera"])),
    ("post", "/v1/cameras/{id}/move", May(&["EnrolCamera"])),
    ("post", "/v1/cameras/{id}/retire", May(&["EnrolCamera"])),
    ("post", "/v1/cameras/{id}/hits-resume", May(&["EnrolCamera"])),
    ("get", "/v1/people", May(&["AddPerson"])),
    ("post", "/v1/people", May(&["AddPerson"])),
    ("post", "/v1/people/{id}/invite", May(&["AddPerson"])),
    ("post", "/v1/people/{id}/lost-key", May(&["AddPerson"])),
    ("post", "/v1/people/{id}/leave", May(&["AddPerson"])),
    ("get", "/v1/tokens", May(&["AddPerson"])),
    ("post", "/v1/tokens", May(&["AddPerson"])),
    ("post", "/v1/tokens/{id}/revoke", May(&["AddPerson"])),
    ("get", "/v1/devices", May(&["AddPerson"])),
    ("post", "/v1/devices", May(&["AddPerson"])),
    ("post", "/v1/devices/{id}/revoke", May(&["AddPerson"])),
    ("post", "/v1/hotlist", May(&["EditHotList"])),
    ("get", "/v1/lists", May(LISTS)),
    ("get", "/v1/lists/{id}", May(LISTS)),
    ("post", "/v1/lists/{id}", May(&["EditHotList"])),
    ("post", "/v1/lists/{id}/imports", May(&["EditHotList"])),
    ("post", "/v1/lists/{id}/imports/{number}/confirm", May(&["EditHotList"])),
    ("post", "/v1/lists/{id}/imports/{number}/undo", May(&["EditHotList"])),
    ("post", "/v1/lists/{id}/found", May(&["EditHotList"])),
    ("post", "/v1/lists/{id}/found/{found}/undo", May(&["EditHotList"])),
    ("get", "/v1/hits", May(&["ViewHits"])),
    ("get", "/v1/hits/{id}", May(&["ViewHits"])),
    ("post", "/v1/hits/{id}/verdict", May(&["DecideHit"])),
    ("post", "/v1/hits/{id}/record", May(&["DecideHit"])),
    ("post", "/v1/hits/{id}/eyes", May(&["DecideHit"])),
    ("post", "/v1/hits/{id}/outcome", May(&["DecideHit"])),
    ("get", "/v1/queue", May(&["ViewHits"])),
    ("get", "/v1/field", May(&["ViewHits"])),
    ("post", "/v1/plate-checks", May(&["ViewHits"])),
    ("get", "/v1/wanted", May(&["DecideHit"])),
    ("post", "/v1/wanted", May(&["DecideHit"])),
    ("post", "/v1/wanted/{id}/agree", May(&["DecideHit"])),
    ("post", "/v1/wanted/{id}/withdraw", May(&["DecideHit"])),
    ("get", "/v1/handover", May(&["ViewHits"])),
    ("post", "/v1/handover", May(&["DecideHit"])),
    ("get", "/v1/drills", May(&["ViewHits", "EditHotList", "ReviewBreakGlass"])),
    ("post", "/v1/drills", May(&["EditHotList", "ReviewBreakGlass"])),
    ("get", "/v1/drills/{id}", May(&["DecideHit"])),
    ("post", "/v1/drills/{id}/verdict", May(&["DecideHit"])),
    ("post", "/v1/ask", Asking),
    ("post", "/v1/ask/preview", May(&["Search"])),
    ("get", "/v1/audit/entries/{index}", May(&["ReadAudit"])),
    ("get", "/v1/questions", People),
    ("post", "/v1/questions/{id}/outcome", People),
    ("get", "/v1/alarms", May(&["ReadAudit"])),
    ("post", "/v1/alarms/{id}/close", May(&["ReadAudit"])),
    ("get", "/v1/audit/drawn", May(&["ReadAudit"])),
    ("post", "/v1/audit/entries/{index}/grade", May(&["ReadAudit"])),
    ("get", "/v1/own-plates", May(&["KeepOwnPlates"])),
    ("post", "/v1/own-plates", May(&["KeepOwnPlates"])),
    ("post", "/v1/own-plates/{id}/remove", May(&["KeepOwnPlates"])),
    ("get", "/v1/holds", May(&["PlaceHold"])),
    ("post", "/v1/holds", May(&["PlaceHold"])),
    ("post", "/v1/holds/{id}/review", May(&["PlaceHold"])),
    ("post", "/v1/holds/{id}/release", May(&["PlaceHold"])),
    ("get", "/v1/holds/{id}/reads", May(&["PlaceHold"])),
    ("get", "/v1/rules", Everybody),
    ("get", "/v1/proposals", Everybody),
    ("post", "/v1/proposals", May(&["ProposeRules"])),
    ("post", "/v1/proposals/{id}/sign", May(&["SignRules"])),
    ("get", "/v1/papers", May(PAPERS)),
    ("post", "/v1/papers", May(&["AttestPaper"])),
    ("post", "/v1/papers/{id}/withdraw", May(PAPERS)),
    ("get", "/v1/breakglass", May(&["ReviewBreakGlass"])),
    ("post", "/v1/breakglass/{index}/review", May(&["ReviewBreakGlass"])),
    ("post", "/v1/orders", May(&["SwitchOff"])),
    ("post", "/v1/orders/at-camera", Cameras),
    ("get", "/v1/orders/{id}", Everybody),
    ("get", "/v1/orders/{id}/certificate", Everybody),
    ("post", "/v1/console-links", People),
];

/// A body that each of these takes.
fn body(path: &str, town: &Town, role: &str, key: &SigningKey) -> Value {
    let now = town.clock.now();
    let later = now.plus_millis(86_400_000);
    let ask = || {
        serde_json::json!({
            "purpose": "stolen-vehicle", "case": "26-0417", "plates": [PLATE],
            "from": now.plus_millis(-3_600_000), "until": now,
        })
    };
    match path {
        "/v1/cameras" => {
            serde_json::json!({"id": format!("cam_{}", role.replace('-', "")), "name": "A"})
        }
        "/v1/cameras/{id}/move" => serde_json::json!({"lat": 1.0, "lon": 2.0}),
        "/v1/people" => serde_json::json!({
            "id": format!("per_of{}", role.replace('-', "")), "name": "N", "office": "police", "roles": ["officer"],
            "key": SigningKey::generate().public(),
        }),
        "/v1/people/{id}/invite" => {
            serde_json::json!({"name": "N", "office": "police", "roles": ["officer"]})
        }
        "/v1/tokens" => serde_json::json!({"name": "CAD", "scope": [], "expires": later}),
        "/v1/devices" => serde_json::json!({
            "id": format!("dev_{}", role.replace('-', "")), "name": "D", "class": "desk",
        }),
        "/v1/hotlist" | "/v1/wanted" => serde_json::json!({
            "list": "lst_stolen", "plate": PLATE, "reason": "stolen", "case": "26-0417",
            "expires": later,
        }),
        "/v1/lists/{id}" => serde_json::json!({"name": "Stolen"}),
        "/v1/lists/{id}/found" => serde_json::json!({"plate": PLATE}),
        "/v1/hits/{id}/verdict" => serde_json::json!({
            "finding": "misread", "note": "", "version": 0, "compared":
            {"picture": true, "state": true, "make": false, "colour": false},
        }),
        "/v1/drills/{id}/verdict" => serde_json::json!({"finding": "misread"}),
        "/v1/hits/{id}/record" => serde_json::json!({"answer": "confirmed", "version": 0}),
        "/v1/hits/{id}/eyes" => serde_json::json!({"answer": "gone", "version": 0}),
        "/v1/hits/{id}/outcome" => serde_json::json!({"outcome": "false", "version": 0}),
        "/v1/plate-checks" => serde_json::json!({"plate": PLATE}),
        "/v1/ask" | "/v1/ask/preview" => ask(),
        "/v1/questions/{id}/outcome" => serde_json::json!({"outcome": "lead"}),
        "/v1/alarms/{id}/close" => serde_json::json!({"finding": "justified", "note": "It was."}),
        "/v1/audit/entries/{index}/grade" => {
            serde_json::json!({"grade": "sound", "note": "It is."})
        }
        "/v1/own-plates" => serde_json::json!({"plate": PLATE}),
        "/v1/holds" => serde_json::json!({
            "matter": "CV-1", "paper": "pap_1", "cameras": [], "from": now.plus_millis(-3_600_000), "until": now,
            "review": later, "key": "x",
        }),
        "/v1/holds/{id}/review" => serde_json::json!({"review": later}),
        "/v1/proposals" => serde_json::json!({"rules": ""}),
        "/v1/proposals/{id}/sign" => serde_json::json!({"key": "x", "signature": "x"}),
        "/v1/papers" => serde_json::json!({
            "kind": "declaration", "reference": "MOU 1", "agency": "county: Sheriff", "expires": later,
        }),
        "/v1/breakglass/{index}/review" => {
            serde_json::json!({"finding": "justified", "note": "It was."})
        }
        "/v1/orders" => {
            let order = Order {
                id: OrderId::new(now, base::random()),
                power: Power::Off,
                level: Level::Sharing,
                camera: None,
                group: None,
                spool: None,
                from: None,
                until: None,
                by: of(role).parse().unwrap(),
                at: now,
                reason: "A test.".into(),
            };
            serde_json::to_value(Signed::sign(order, key).unwrap()).unwrap()
        }
        _ => serde_json::json!({}),
    }
}

/// An address with something in its holes: nobody may learn from an answer whether it is there.
fn address(path: &str) -> String {
    let id = if path.contains("/lists/") {
        "lst_nothing"
    } else if path.contains("/hits/") || path.starts_with("/field/") {
        "hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061"
    } else if path.contains("/drills/") {
        "drl_019aa1b2c3d47e5f8a0b1c2d3e4f5061"
    } else if path.contains("/wanted/") {
        "ent_00000000000000000000000000000000"
    } else if path.contains("/people/") {
        "per_nobody"
    } else if path.contains("/cameras/") {
        "cam_nowhere"
    } else if path.contains("/tokens/") {
        "hpt_00000000000000000000000000000000"
    } else if path.contains("/devices/") {
        "dev_00000000000000000000000000000000"
    } else if path.contains("/holds/") {
        "hld_019aa1b2c3d47e5f8a0b1c2d3e4f5061"
    } else {
        "x_00000000000000000000000000000000"
    };
    path.replace("{id}", id)
        .replace("{index}", "0")
        .replace("{number}", "1")
        .replace("{found}", "fnd_0")
}

/// The id of the person who has a role.
fn of(role: &str) -> String {
    format!("per_a{}", role.replace('-', ""))
}

/// What came of a role at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// Let through: whether it was of use is another matter.
    Through,
    /// Refused, and nothing was done.
    Refused,
    /// Refused, and the public log says so.
    Logged,
}

impl Came {
    fn sign(self) -> &'static str {
        match self {
            Came::Through => "yes",
            Came::Refused => "–",
            Came::Logged => "– log",
        }
    }
}

fn expected(town: &Town, role: &str, who: Who) -> Came {
    let person: PersonId = of(role).parse().unwrap();
    let actions = town.city.actions(&person).unwrap();
    let may = |action: &&str| actions.contains(action);
    match who {
        Everybody | ByBody | People => Came::Through,
        Cameras => Came::Refused,
        May(actions) => [Came::Refused, Came::Through][usize::from(actions.iter().any(may))],
        // What is asked is about a stolen car; a dispatcher asks for lives in danger alone.
        Asking => match role {
            "officer" | "detective" | "supervisor" => Came::Through,
            _ => Came::Logged,
        },
    }
}

/// A city with somebody of each role and nothing else.
fn peopled() -> (Town, BTreeMap<&'static str, SigningKey>) {
    let town =
        town("[limits]\nperson_per_minute = 0\nfalse_per_minute = 0\naddress_per_minute = 0\n");
    let mut keys = BTreeMap::new();
    for role in ROLES {
        let key = SigningKey::generate();
        let new = NewPerson {
            id: of(role).parse().unwrap(),
            name: role.into(),
            office: "city".into(),
            roles: vec![role.into()],
            key: key.public(),
        };
        town.city.add_person(&town.admin, new).unwrap();
        keys.insert(role, key);
    }
    (town, keys)
}

async fn size(town: &Town) -> u64 {
    town.city.public().unwrap().log_size
}

fn came(answer: &Answer, before: u64, after: u64) -> Came {
    match answer.status.as_u16() {
        401 | 403 if after > before => Came::Logged,
        401 | 403 => Came::Refused,
        _ => Came::Through,
    }
}

/// Every address of the interface stands in the table once, and nothing else does.
#[test]
fn the_table_is_that_of_the_routes() {
    let sorted = |mut all: Vec<(&'static str, &'static str)>| {
        all.sort_unstable();
        all
    };
    let known = crate::routes::all().known.into_iter();
    let api = sorted(known.filter(|(_, path)| path.starts_with("/v1/")).collect());
    assert_eq!(sorted(API.iter().map(|(method, path, _)| (*method, *path)).collect()), api);
}

#[tokio::test]
async fn each_role_at_each_address() {
    let (town, keys) = peopled();
    let mut table = String::from(
        "# Who may use which address\n\nMade by a test from the table of routes and the standard rules; a city's \
         own rules may say otherwise.\n`yes`: let through. `–`: refused, nothing is done and nothing is told. \
         `– log`: refused, and the public log\nsays so. Addresses for everybody and for cameras are left out.\n\n| address |",
    );
    for role in ROLES {
        let _ = write!(table, " {role} |");
    }
    let _ = write!(table, "\n|---|{}\n", "---|".repeat(ROLES.len()));
    let mut wrong = Vec::new();
    for (method, path, who) in API.iter().filter(|(_, _, who)| !matches!(who, Everybody | ByBody)) {
        let mut line = format!("| `{} {path}` |", method.to_uppercase());
        for role in ROLES {
            let (method, there) = (method.to_uppercase(), address(path));
            let body = if method == "POST" {
                body(path, &town, role, &keys[role]).to_string()
            } else {
                String::new()
            };
            let id = of(role);
            let before = size(&town).await;
            let by = (id.as_str(), &keys[role]);
            let answer = town.signed((&method, &there), by, body.as_bytes(), &[]).await;
            let got = came(&answer, before, size(&town).await);
            let want = expected(&town, role, *who);
            if got != want {
                wrong.push(format!(
                    "{role} {method} {path}: {got:?}, not {want:?}: {} {}",
                    answer.status,
                    answer.text()
                ));
            }
            let _ = write!(line, " {} |", got.sign());
        }
        if !matches!(who, Cameras) {
            table.push_str(&line);
            table.push('\n');
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    expect_file!["../../../../ref/roles.md"].assert_eq(&table);
}

/// Without a signature, or with that of a stranger, nothing but what is for everybody answers.
#[tokio::test]
async fn nobody_at_each_address() {
    let (town, _) = peopled();
    let stranger = SigningKey::generate();
    for (method, path, who) in API.iter().filter(|(_, _, who)| !matches!(who, Everybody | ByBody)) {
        let (method, there) = (method.to_uppercase(), address(path));
        let before = size(&town).await;
        let body = if method == "POST" {
            body(path, &town, "officer", &stranger).to_string()
        } else {
            String::new()
        };
        for id in ["per_officer", "per_stranger"] {
            let answer =
                town.signed((&method, &there), (id, &stranger), body.as_bytes(), &[]).await;
            assert!(answer.status == 401, "{method} {path} {who:?} {}", answer.status);
        }
        assert_eq!(size(&town).await, before, "{path}");
    }
}

/// Every page of the console sends a stranger to sign in, and lets nobody of another role in.
#[tokio::test]
async fn each_page_of_the_console() {
    let (town, _) = peopled();
    // What a page needs; one that is not named here is for everybody who is signed in.
    let needs: BTreeMap<&str, &[&'static str]> = [
        ("/console/hits", &["ViewHits"][..]),
        ("/console/hits/{id}", &["ViewHits"]),
        ("/console/handover", &["ViewHits"]),
        ("/console/drills", &["ViewHits", "EditHotList", "ReviewBreakGlass"]),
        ("/console/drills/{id}", &["DecideHit"]),
        ("/console/orders", &["SwitchOff", "SwitchOn"]),
        ("/console/settings", &["AddPerson", "ReadAudit"]),
        ("/console/lists", LISTS),
        ("/field", &["ViewHits"]),
        ("/field/{id}", &["ViewHits"]),
        ("/console/audit", &["ReadAudit"]),
        ("/console/rules/new", &["ProposeRules"]),
        ("/console/papers", PAPERS),
        ("/console/breakglass", &["ReviewBreakGlass"]),
        ("/console/people", &["AddPerson"]),
        ("/console/tokens", &["AddPerson"]),
        ("/console/devices", &["AddPerson"]),
    ]
    .into_iter()
    .collect();
    // These are what lets people in.
    // And what never ends has a test of its own.
    let doors = [
        "/console/enter",
        "/console/join",
        "/console/device",
        "/console/events",
        "/console/directory",
        "/console/directory/back",
    ];
    // A town without files for its map has nothing to show there, whoever asks.
    let bare = ["/console/map/layers/{n}", "/console/map/streets.pmtiles"];
    let pages: Vec<&str> = crate::routes::all()
        .known
        .into_iter()
        .filter(|(method, path)| {
            *method == "get" && (path.starts_with("/console") || path.starts_with("/field"))
        })
        .map(|(_, path)| path)
        .filter(|path| !doors.contains(path))
        .collect();
    assert!(pages.len() >= 7);
    for path in &pages {
        let answer = Browser::new(&town).get(&address(path)).await;
        assert_eq!(answer.status, 401, "{path} without a session");
    }
    for role in ROLES {
        let id: PersonId = of(role).parse().unwrap();
        let mut browser = Browser::new(&town);
        browser.by_link(&id).await;
        for path in &pages {
            let answer = browser.get(&address(path)).await;
            if bare.contains(path) {
                assert!(
                    [400, 404].contains(&answer.status.as_u16()),
                    "{role} {path}: {}",
                    answer.status
                );
                continue;
            }
            let want = needs.get(path).map_or(Came::Through, |a| expected(&town, role, May(a)));
            assert_eq!(came(&answer, 0, 0), want, "{role} {path}: {}", answer.status);
        }
    }
}
