//! The console's pages: who may open which, and what their forms do with good and bad input.

use super::identity::Browser;
use super::rules::Prover;
use super::*;
use ::identity::{Charter, Office, SignerKey};
use city::{Ask, ListSettings, Proof, ProofLine, Proofs, Property};
use serde_json::json;

/// Pages that not everybody may open.
const GUARDED: [&str; 6] = [
    "/console/people",
    "/console/tokens",
    "/console/devices",
    "/console/papers",
    "/console/breakglass",
    "/console/rules/new",
];

/// A form, what becomes of it, and what the answer says.
struct Sent<'a>(&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

/// Sends forms one after the other.
async fn check(browser: &mut Browser<'_>, all: &[Sent<'_>]) {
    for Sent(path, fields, status, says) in all {
        let answer = browser.post(path, fields).await;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), *status, "{path} {fields:?}: {text}");
        assert!(text.contains(says), "{path} {fields:?} does not say {says:?}: {text}");
    }
}

/// What stands between two texts of a page.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap_or_else(|| {
        panic!("no {from:?} in {text}");
    })
}

impl Town {
    /// A browser of somebody new with this role.
    async fn browser(&self, id: &str, role: &str) -> Browser<'_> {
        let mut browser = Browser::new(self);
        browser.join(&self.invite(id, &[role]).code).await;
        browser
    }

    async fn admins(&self) -> Browser<'_> {
        let mut browser = Browser::new(self);
        browser.enter(&self.admin).await;
        browser
    }

    /// A clerk who orders all cameras off or on, from a moment on; an order's page comes back.
    fn clara(&self) -> impl Fn(read::Power, Option<Time>) -> String + '_ {
        let (clara, key): (PersonId, _) = ("per_clara".parse().unwrap(), SigningKey::generate());
        let new = NewPerson {
            id: clara.clone(),
            name: "Clara".into(),
            office: "clerk".into(),
            roles: vec!["clerk".into()],
            key: key.public(),
        };
        self.city.add_person(&self.admin, new).unwrap();
        move |power, from| {
            let order = read::Order {
                id: base::OrderId::new(self.clock.now(), base::random()),
                power,
                level: read::Level::Capture,
                camera: None,
                group: None,
                spool: None,
                from,
                until: None,
                by: clara.clone(),
                at: self.clock.now(),
                reason: "A vote.".into(),
            };
            let path = format!("/off/{}", order.id);
            self.city.order(&clara, Signed::sign(order, &key).unwrap()).unwrap();
            path
        }
    }
}

#[tokio::test]
async fn pages_open_as_the_rules_say() {
    let town = town("");
    let check = async |role: &str, open: &[&str]| {
        let mut browser = town.browser(&format!("per_new-{role}"), role).await;
        let log = browser.get("/console/log").await;
        for path in GUARDED {
            let may = open.contains(&path);
            let answer = browser.get(path).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{role} {path}");
            let led = log.text().contains(&format!("href=\"{path}\""));
            assert_eq!(led, may && path != "/console/rules/new", "{role} {path}");
        }
        for path in ["/console/rules", "/console/log", "/console/passkey"] {
            assert!(log.text().contains(&format!("href=\"{path}\"")), "{role} {path}");
            assert_eq!(browser.get(path).await.status, 200, "{role} {path}");
        }
    };
    check("administrator", &[GUARDED[0], GUARDED[1], GUARDED[2], GUARDED[5]]).await;
    check("clerk", &[GUARDED[3], GUARDED[5]]).await;
    check("supervisor", &[GUARDED[3], GUARDED[4]]).await;
    check("auditor", &[GUARDED[4]]).await;
    check("officer", &[]).await;
}

#[tokio::test]
async fn without_a_session_every_page_shows_the_way_in() {
    let town = town("");
    let mut stranger = Browser::new(&town);
    let ways_in = ["/console/enter", "/console/join", "/console/device"];
    for (method, path) in crate::routes::all().known {
        let way_in = ways_in.contains(&path)
            || path.contains("/passkey/")
            || path.starts_with("/console/directory");
        if !path.starts_with("/console") || way_in {
            continue;
        }
        let path = path.replace("{id}", "1");
        let answer = match method {
            "get" => stranger.get(&path).await,
            _ => stranger.post(&path, &[]).await,
        };
        let leaves = path == "/console/leave";
        // A form without its fields is none, whoever sends it.
        let formless = answer.status == 422;
        assert!(leaves || formless || answer.status == 401, "{method} {path}: {}", answer.status);
    }
}

/// What a page's script asks for is a part of the page, also where its session has ended or is another one.
#[tokio::test]
async fn a_session_that_has_ended_is_told_in_part() {
    let town = town("");
    let mut stranger = Browser::new(&town);
    let mut olga = town.browser("per_olga", "officer").await;
    olga.word = Some("0".repeat(64));
    for (browser, status) in [(&mut stranger, 401), (&mut olga, 403)] {
        let part = browser.part("/console/ask/preview", &[("purpose", "warrant")]).await;
        assert_eq!(part.status.as_u16(), status, "{}", part.text());
        assert!(part.text().contains("data-renew"), "{}", part.text());
        assert!(!part.text().contains("<html"), "{}", part.text());
    }
    let page = olga.post("/console/ask/preview", &[("purpose", "warrant")]).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("<html") && page.text().contains("another session"));
}

#[tokio::test]
async fn people_are_invited() {
    let town = town("");
    let mut admin = town.admins().await;
    let good = [("name", "Ana Ruiz"), ("office", "police"), ("roles", "officer")];
    let unknown = [("name", "Ana"), ("office", "police"), ("roles", "king")];
    check(
        &mut admin,
        &[
            Sent("/console/people", &[("office", "Watch Nine")], 400, "Tick at least one role."),
            Sent("/console/people", &[("office", "Watch Nine")], 400, "value=\"Watch Nine\""),
            Sent("/console/people", &unknown, 400, "no role"),
            Sent("/console/people/per_x/lost", &[], 404, "no such person"),
            Sent("/console/people/nobody/leave", &[], 404, "no such person"),
            Sent("/console/people/per_admin/lost", &[], 403, "Two other administrators"),
            Sent("/console/people/per_admin/leave", &[], 409, "last administrator"),
            Sent("/console/people/per_admin/return", &[], 409, "This person is here"),
            Sent("/console/people/per_x/return", &[], 404, "no such person"),
        ],
    )
    .await;
    let made = admin.post("/console/people", &good).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let first = between(made.text(), "/console/join?code=", "<").to_owned();
    let before = made.text().split("/invite\"").next().unwrap();
    let id = before.rsplit("/console/people/per_").next().unwrap().to_owned();
    assert!(!admin.get("/console/people").await.text().contains("/console/join"), "shown once");
    let again = admin.post(&format!("/console/people/per_{id}/invite"), &[]).await;
    let second = between(again.text(), "/console/join?code=", "<").to_owned();
    assert!(town.city.invited(&first).is_err(), "an older invitation is good no longer");
    let mut ana = Browser::new(&town);
    ana.join(&second).await;
    let list = admin.get("/console/people").await;
    assert!(list.text().contains("Ana Ruiz") && list.text().contains("1 passkey"));
    // Nobody gives her another way in, and no name is on the log.
    let path = format!("/console/people/per_{id}/invite");
    check(&mut admin, &[Sent(&path, &[], 409, "has a way in")]).await;
    let log = town.get("/v1/log?limit=500", &[], "192.0.2.7:1").await;
    assert!(!log.text().to_lowercase().contains("ruiz"));
    let path = format!("/console/people/per_{id}/roles");
    check(
        &mut admin,
        &[
            Sent(&path, &[], 400, "at least one role"),
            Sent(&path, &[("roles", "king")], 400, "no role"),
            Sent("/console/people/per_x/roles", &[("roles", "clerk")], 404, "no such person"),
            Sent("/console/people/per_admin/roles", &[("roles", "clerk")], 409, "last"),
            Sent(&path, &[("roles", "clerk"), ("roles", "auditor")], 303, ""),
        ],
    )
    .await;
    assert_eq!(ana.get("/console/papers").await.status, 200, "at once");
    let path = format!("/console/people/per_{id}/leave");
    check(&mut admin, &[Sent(&path, &[], 303, "")]).await;
    assert!(!ana.is_in().await);
}

#[tokio::test]
async fn two_administrators_say_that_a_key_is_lost() {
    let town = town("");
    let mut admin = town.admins().await;
    let mut boss = town.browser("per_boss", "administrator").await;
    let mut smith = town.browser("per_smith", "officer").await;
    let path = "/console/people/per_smith/lost";
    check(&mut admin, &[Sent(path, &[], 303, ""), Sent(path, &[], 409, "You said so already")])
        .await;
    let own = admin.get("/console/people").await;
    assert!(own.text().contains("Another administrator has to confirm."), "{}", own.text());
    let others = boss.get("/console/people").await;
    assert!(others.text().contains("I know this person"), "{}", others.text());
    assert!(others.text().contains("Waiting: </span>1"), "the navigation says that one waits");
    assert!(smith.is_in().await);
    let done = boss.post(path, &[]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(!smith.is_in().await);
    let code = between(done.text(), "/console/join?code=", "<").to_owned();
    Browser::new(&town).join(&code).await;
}

#[tokio::test]
async fn ones_own_passkeys() {
    let town = town("");
    let mut browser = town.browser("per_smith", "officer").await;
    let who: PersonId = "per_smith".parse().unwrap();
    let only = town.city.person(&who).unwrap().passkeys[0].id.clone();
    let page = browser.get("/console/passkey").await;
    assert!(page.text().contains("This is your only way in"), "{}", page.text());
    let remove = "/console/passkeys/remove";
    check(
        &mut browser,
        &[
            Sent(remove, &[("id", "none")], 404, "no such passkey"),
            Sent(remove, &[("id", &only)], 409, "your only way in"),
        ],
    )
    .await;
    let begun: Value =
        browser.json("/console/passkey/register/start", &json!({"label": "spare"})).await.good();
    let mut spare = testkit::Authenticator::new("localhost", "http://localhost:8080");
    let done = json!({"credential": spare.create(&begun["publicKey"])});
    let done: Value = browser.json("/console/passkey/register/finish", &done).await.good();
    assert_eq!(done["location"], "/console/passkey");
    assert!(browser.get("/console/passkey").await.text().contains("Remove spare"));
    check(&mut browser, &[Sent(remove, &[("id", &only)], 303, "")]).await;
    assert_eq!(town.city.person(&who).unwrap().passkeys.len(), 1);
}

#[tokio::test]
async fn tokens_are_made_and_ended() {
    let town = town("");
    let mut admin = town.admins().await;
    let name = ("name", "Roster");
    let day = ("expires", "2026-12-24");
    let scope = ("scopes", "EnrolCamera");
    let path = "/console/tokens";
    check(
        &mut admin,
        &[
            Sent(path, &[name, day], 400, "Tick at least one thing"),
            Sent(path, &[name, day], 400, "value=\"Roster\""),
            Sent(path, &[name, scope], 400, "Choose the last day"),
            Sent(path, &[name, scope, ("expires", "2036-01-01")], 400, "366 days"),
            Sent(path, &[name, day, ("scopes", "AddPerson")], 400, "A machine may do"),
            // No more than its maker may.
            Sent(path, &[name, day, ("scopes", "ViewHits")], 403, ""),
            Sent("/console/tokens/none/revoke", &[], 404, "no such token"),
        ],
    )
    .await;
    let made = admin.post(path, &[name, day, scope]).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let token = between(made.text(), "<code id=\"fresh\">", "<").to_owned();
    assert!(town.city.machine(&token).is_ok());
    let list = admin.get(path).await;
    assert!(list.text().contains("Roster") && !list.text().contains(&token), "shown once");
    let revoke = format!("/console/tokens/{}", between(list.text(), "/console/tokens/", "\""));
    check(&mut admin, &[Sent(&revoke, &[], 303, "")]).await;
    assert!(town.city.machine(&token).is_err());
}

#[tokio::test]
async fn devices_are_registered_and_ended() {
    let town = town("");
    let mut admin = town.admins().await;
    let path = "/console/devices";
    check(
        &mut admin,
        &[
            Sent(path, &[("class", "desk")], 400, "Write the name"),
            Sent(path, &[("name", "Front desk"), ("class", "throne")], 400, "Front desk"),
            Sent("/console/devices/none/revoke", &[], 404, "no such device"),
        ],
    )
    .await;
    let made = admin.post(path, &[("name", "Front desk"), ("class", "desk")]).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let code = between(made.text(), "http://localhost:8080/console/device?code=", "<").to_owned();
    let mut desk = Browser::new(&town);
    assert_eq!(desk.form("/console/device", &format!("code={code}")).await.status, 303);
    let list = admin.get(path).await;
    assert!(list.text().contains("Front desk") && !list.text().contains(&code), "shown once");
    let revoke = format!("/console/devices/{}", between(list.text(), "/console/devices/", "\""));
    check(&mut admin, &[Sent(&revoke, &[], 303, "")]).await;
    assert!(admin.get(path).await.text().contains("taken back"));
}

#[tokio::test]
async fn papers_are_vouched_for() {
    let town = town("");
    let mut clerk = town.browser("per_clara", "clerk").await;
    let mut supervisor = town.browser("per_sue", "supervisor").await;
    let path = "/console/papers";
    let (kind, number) = (("kind", "judicial-warrant"), ("reference", "SW-26-112"));
    let until = ("expires", "2026-12-24T10:00");
    let (declared, name) = (("kind", "declaration"), ("agency_name", "Marshals"));
    let case = [("kind", "case"), ("reference", "26-0417"), until];
    check(
        &mut clerk,
        &[
            Sent(path, &[number, until], 400, "Choose what sort"),
            Sent(path, &[number, until], 400, "value=\"SW-26-112\""),
            Sent(path, &[kind, until], 400, "Write the number"),
            Sent(path, &[kind, number], 400, "Say until when"),
            Sent(path, &[kind, number, ("expires", "soon")], 400, "Give moments as"),
            Sent(path, &[kind, number, ("expires", "2036-01-01T00:00")], 400, "366 days"),
            Sent(path, &[kind, number, until, ("agency", "moon")], 400, "which kind of agency"),
            Sent(path, &case, 403, ""),
            Sent(path, &[kind, number, until, name], 400, "Choose the kind of"),
            Sent(path, &[declared, number, until, ("agency", "state")], 400, "Name the agency"),
            Sent(path, &[kind, number, until, ("key", "x")], 400, "hold key"),
            Sent(path, &[kind, number, until, ("agency", "federal"), name], 303, ""),
            Sent("/console/papers/pap_none/withdraw", &[], 404, "no such paper"),
        ],
    )
    .await;
    check(
        &mut supervisor,
        &[
            Sent(path, &[("kind", "case"), ("reference", "x"), until], 400, "form ##-####*"),
            Sent(path, &[kind, number, until], 403, ""),
            Sent(path, &case, 303, ""),
        ],
    )
    .await;
    let list = clerk.get(path).await;
    assert!(list.text().contains("SW-26-112") && list.text().contains("Federal agency: Marshals"));
    assert!(!list.text().contains("26-0417"), "cases are others' to see");
    assert!(supervisor.get(path).await.text().contains("Case 26-0417"));
    let withdraw = format!("/console/papers/{}", between(list.text(), "/console/papers/", "\""));
    check(&mut supervisor, &[Sent(&withdraw, &[], 403, "")]).await;
    check(&mut clerk, &[Sent(&withdraw, &[], 303, "")]).await;
    assert!(clerk.get(path).await.text().contains("No paper is attested"));
}

/// A token is good until the end of its day, as the city's clocks show it.
#[tokio::test]
async fn tokens_end_by_the_citys_clocks() {
    let town = town("time_zone = \"America/Los_Angeles\"\n");
    let mut admin = town.admins().await;
    let fields = [("name", "Roster"), ("expires", "2026-12-24"), ("scopes", "EnrolCamera")];
    let made = admin.post("/console/tokens", &fields).await;
    assert!(made.text().contains("ends 2026-12-25 00:00:00 PST"), "{}", made.text());
}

/// What was typed stands there again, and the list that was chosen is chosen still.
#[tokio::test]
async fn a_mistyped_plate_is_typed_once() {
    let town = town("");
    for (id, name) in [("lst_state", "State"), ("lst_watch", "Watch")] {
        let settings =
            ListSettings { name: name.into(), own_entries: true, ..ListSettings::default() };
        town.city.set_list(&town.admin, &id.parse().unwrap(), &settings).unwrap();
    }
    let mut browser = town.browser("per_dora", "dispatcher").await;
    let (case, reason, days) = (("case", "26-0417"), ("reason", "missing person"), ("days", "7"));
    let own = [("list", "lst_watch"), ("plate", "7ABC!"), case, reason, days];
    let typed = [("plate", "7ABC!"), ("state", "CA")];
    check(
        &mut browser,
        &[
            Sent("/console/lists/wanted", &own, 400, "value=\"7ABC!\""),
            Sent("/console/lists/wanted", &own, 400, "\"lst_watch\" selected>Watch<"),
            Sent("/field/check", &typed, 400, "value=\"7ABC!\""),
            Sent("/field/check", &typed, 400, "value=\"CA\""),
        ],
    )
    .await;
    let own = [("list", "lst_state"), ("plate", "7ABC128"), case, reason, days];
    check(&mut browser, &[Sent("/console/lists/wanted", &own, 303, "")]).await;
    let page = browser.get("/console/lists").await;
    assert!(page.text().contains("26-0417 · State<"), "it is called by its name: {}", page.text());
}

/// Who is too late with the same hit is not told that nothing happened, and comes back to the hit.
#[tokio::test]
async fn a_page_that_failed_says_no_more_than_is_so() {
    let town = town("");
    let camera = town.camera("cam_a");
    town.wanted();
    let (_, body) = camera.batch(&[town.clock.now()]);
    let _: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    let mut browser = town.browser("per_dora", "dispatcher").await;
    let hit = town.city.hits(&"per_dora".parse().unwrap(), 1, None).unwrap().hits.remove(0);
    let (page, version) = (format!("/console/hits/{}", hit.id), hit.version.to_string());
    let path = format!("{page}/verdict");
    let all = ["picture", "state", "make", "colour"].map(|what| (what, "yes"));
    let right = [&[("version", version.as_str()), ("finding", "correct")][..], &all].concat();
    let unclear = [("version", version.as_str()), ("finding", "maybe")];
    let nothing = "Nothing was changed.";
    check(&mut browser, &[Sent(&path, &unclear, 400, nothing), Sent(&path, &right, 303, "")]).await;
    let late = browser.post(&path, &right).await;
    assert_eq!(late.status, 409);
    assert!(!late.text().contains(nothing), "{}", late.text());
    assert!(late.text().contains(&format!("href=\"{page}\"")), "{}", late.text());
}

/// Who hears of no hits is not told of a line that never comes.
#[tokio::test]
async fn only_who_sees_hits_has_a_live_page_of_cameras() {
    let town = town("");
    for (role, live) in [("clerk", false), ("dispatcher", true)] {
        let mut browser = town.browser(&format!("per_{role}"), role).await;
        let page = browser.get("/console/cameras").await;
        assert_eq!(page.text().contains("data-live"), live, "{role}");
        // Whoever may listen is never told that this was all.
        assert!(live || browser.get("/console/events").await.status == 403, "{role}");
    }
}

/// Of an order that was taken back before its time nobody says that anything was off.
#[tokio::test]
async fn an_order_that_was_taken_back_was_never_in_force() {
    let town = town("[switch]\non_signatures = 1\n");
    town.camera("cam_a");
    let give = town.clara();
    let hour = 3_600_000;
    let path = give(read::Power::Off, Some(town.clock.now().plus_millis(hour)));
    let page = async || town.get(&path, &[], "192.0.2.7:1").await.text().to_owned();
    assert!(page().await.contains("Off from 2026-11-23 13:00:00 UTC"));
    town.clock.advance(60_000);
    give(read::Power::On, None);
    for _ in 0..2 {
        let text = page().await;
        assert!(text.contains("taken back before") && !text.contains("Off since"), "{text}");
        town.clock.advance(hour);
    }
}

/// A city that is off each night has thousands of times without capture after a year.
#[tokio::test]
async fn the_public_page_has_the_newest_times_without_capture() {
    let town = town("[switch]\non_signatures = 1\n");
    town.camera("cam_a");
    let give = town.clara();
    let (hour, day) = (3_600_000, 86_400_000);
    for pause in [31 * day, 2 * day] {
        give(read::Power::Off, None);
        town.clock.advance(hour);
        give(read::Power::On, None);
        town.clock.advance(pause);
    }
    give(read::Power::Off, None);
    let page = town.get("/", &[], "192.0.2.7:1").await;
    let gaps = between(page.text(), "<ul class=\"rows gaps\">", "</ul>");
    assert_eq!(gaps.matches("<li>").count(), 2, "{gaps}");
    let lasts = gaps.find("off from 2026-12-26").unwrap();
    assert!(lasts < gaps.find("2026-12-24").unwrap(), "the newest first: {gaps}");
    assert!(page.text().contains("1 earlier one stands in the figures"), "{}", page.text());
}

/// What a paper's end is typed as, and what the page says it is typed by, are the same clocks.
#[tokio::test]
async fn papers_end_by_the_citys_clocks() {
    let town = town("time_zone = \"America/Los_Angeles\"\n");
    let mut clerk = town.browser("per_clara", "clerk").await;
    let path = "/console/papers";
    let page = clerk.get(path).await;
    assert!(page.text().contains("America/Los_Angeles") && !page.text().contains("UTC"));
    let warrant =
        [("kind", "judicial-warrant"), ("reference", "SW-26-113"), ("expires", "2026-12-01T17:00")];
    check(&mut clerk, &[Sent(path, &warrant, 303, "")]).await;
    let log = town.get("/v1/log?limit=500", &[], "192.0.2.1:5").await;
    assert!(log.text().contains("2026-12-02T01:00"), "{}", log.text());
}

/// In the second of two hours that the clocks show alike, a question does not end with the first.
#[tokio::test]
async fn a_question_reaches_until_now_when_the_clocks_go_back() {
    let town = town("time_zone = \"America/Los_Angeles\"\n");
    let second: Time = "2027-11-07T09:30:00Z".parse().unwrap();
    town.clock.advance(second.since(town.clock.now()));
    let mut officer = town.browser("per_olga", "officer").await;
    let page = officer.get("/console/ask").await;
    assert!(page.text().contains("value=\"2027-11-07T02:31\""), "{}", page.text());
}

/// A question for a life in danger about the last hour.
fn in_danger(now: Time) -> Ask {
    Ask {
        purpose: "missing-person".into(),
        case: None,
        authority: None,
        paper: None,
        emergency: true,
        on_behalf_of: None,
        reason: Some("A child was taken.".into()),
        plates: vec![PLATE.into()],
        look_alikes: false,
        cameras: Vec::new(),
        area: None,
        from: now.plus_millis(-3_600_000),
        until: now,
        reveal_after: None,
    }
}

/// One that waits for its review stops nobody; one whose review is overdue does, and the page says so beforehand.
#[tokio::test]
async fn the_page_says_when_the_glass_cannot_be_broken() {
    let town = town("");
    town.camera("cam_a");
    let offers = async |id: &str| {
        let page = town.browser(id, "supervisor").await.get("/console/ask").await;
        let text = page.text().to_owned();
        let (box_there, told) =
            (text.contains("name=\"breakglass\""), text.contains("cannot be used now"));
        assert_ne!(box_there, told, "{text}");
        box_there
    };
    assert!(offers("per_sam").await);
    town.city.ask(&"per_sam".parse().unwrap(), in_danger(town.clock.now())).unwrap();
    assert!(offers("per_ann").await, "it waits, and is not overdue");
    town.clock.advance(36 * 3_600_000);
    assert!(!offers("per_bob").await);
}

#[tokio::test]
async fn a_life_in_danger_is_reviewed() {
    let town = town("");
    town.camera("cam_a");
    let mut asker = town.browser("per_sam", "supervisor").await;
    let mut reviewer = town.browser("per_sue", "supervisor").await;
    let ask = in_danger(town.clock.now());
    let entry = town.city.ask(&"per_sam".parse().unwrap(), ask).unwrap().log_entry;
    let path = format!("/console/breakglass/{entry}");
    let page = reviewer.get("/console/breakglass").await;
    let text = page.text();
    assert!(text.contains("Smith, police") && text.contains("<code>break-glass</code>"), "{text}");
    assert!(text.contains("Waiting: </span>1"), "the navigation says that one waits");
    assert!(!text.contains("A child") && !text.contains(PLATE), "the city cannot read it");
    assert!(!asker.get("/console/breakglass").await.text().contains("name=\"finding\""));
    let (good, note) = (("finding", "justified"), ("note", "Amber alert."));
    check(&mut asker, &[Sent(&path, &[good, note], 403, "Somebody else")]).await;
    check(
        &mut reviewer,
        &[
            Sent(&path, &[note], 400, "justified or not"),
            Sent(&path, &[note], 400, "Amber alert."),
            Sent(&path, &[good], 400, "Say in a sentence"),
            Sent("/console/breakglass/0", &[good, note], 404, "waits for no review"),
            Sent("/console/breakglass/x", &[good, note], 404, "waits for no review"),
            Sent(&path, &[good, note], 303, ""),
            Sent(&path, &[good, note], 404, "waits for no review"),
        ],
    )
    .await;
    let page = reviewer.get("/console/breakglass").await;
    assert!(page.text().contains("Nothing waits for review"), "{}", page.text());
    assert!(page.text().contains(&format!("/log/receipt/{entry}")), "it is among the reviewed");
    assert_eq!(town.logged("breakglass.reviewed").await, 1);
}

#[tokio::test]
async fn the_log_in_words() {
    let town = town("");
    let mut browser = town.browser("per_olga", "officer").await;
    for n in 0..60 {
        town.invite(&format!("per_{n}"), &["officer"]);
    }
    let size = town.city.log_size();
    let newest = browser.get("/console/log").await;
    let text = newest.text();
    assert!(text.contains("A person was invited"));
    assert!(text.contains(&format!("/log/receipt/{}\"", size - 1)), "{text}");
    let older = format!("older={}", size - 50);
    assert!(text.contains(&older) && !text.contains("newer="), "{text}");
    let next = browser.get(&format!("/console/log?{older}")).await;
    assert!(next.text().contains(&format!("/log/receipt/{}\"", size - 51)));
    assert!(next.text().contains(&format!("newer={}", size - 51)), "{}", next.text());
    let only = browser.get("/console/log?kind=policy.activated").await;
    assert!(only.text().contains("value=\"policy.activated\" selected"));
    assert_eq!(only.text().matches("/log/receipt/").count(), 1, "{}", only.text());
    assert_eq!(browser.get("/console/log?older=x").await.status, 400);
}

#[tokio::test]
async fn the_log_is_shown_when_the_public_sees_it() {
    let town = town("[log]\ndelay_minutes = 30\n");
    let mut browser = town.browser("per_olga", "officer").await;
    assert!(!browser.get("/console/log").await.text().contains("/log/receipt/"));
    town.clock.advance(25 * 60_000);
    assert!(browser.get("/console").await.status == 200);
    town.clock.advance(10 * 60_000);
    assert!(browser.get("/console/log").await.text().contains("A person was invited"));
}

/// However late the public is shown the log: who runs the city sees what was enrolled and ordered.
#[tokio::test]
async fn the_console_shows_cameras_and_orders_as_they_are() {
    let town = town("[log]\ndelay_minutes = 1440\n[switch]\non_signatures = 1\n");
    town.camera("cam_a");
    let give = town.clara();
    let mut clerk = town.browser("per_cleo", "clerk").await;
    let none = "No order to switch off is in force.";
    let before = clerk.get("/console/orders").await;
    assert!(before.text().contains("value=\"camera:cam_a\""), "{}", before.text());
    assert!(before.text().contains(none));
    let receipt = give(read::Power::Off, None);
    let after = clerk.get("/console/orders").await;
    assert!(after.text().contains("A vote.") && !after.text().contains(none), "{}", after.text());
    assert!(clerk.get("/console/cameras").await.text().contains("id=\"camera-cam_a\""));
    let public = town.get("/", &[], "192.0.2.7:1").await;
    assert!(!public.text().contains("A vote."));
    assert_eq!(town.get(&receipt, &[], "192.0.2.7:1").await.status, 404);
}

/// Finds against one property, as the program would.
struct Doubter;

impl ProofLine for Doubter {
    fn prove(&self, rules: &str, properties: &[Property]) -> base::Result<Proofs> {
        let against = json!({"action": "Search", "roles": ["officer"],
            "facts": {"authority": "none", "case": "stated"}, "allowed_by": ["officer-search"]});
        let verdict = |p: &Property| Proof {
            property: p.id.clone(),
            says: p.says.clone(),
            against: (p.id == "no-immigration").then(|| against.clone()),
            ms: 1,
        };
        Ok(Proofs {
            rules: base::hex(&base::sha256(rules.as_bytes())),
            verdicts: properties.iter().map(verdict).collect(),
            dead: Vec::new(),
        })
    }
}

#[tokio::test]
async fn rules_are_proposed() {
    let path = "/console/rules";
    let (refuting, unproven, proving) = (town(""), town(""), town(""));
    refuting.city.reach_prover(Arc::new(Doubter));
    proving.city.reach_prover(Arc::new(Prover));
    let rules = proving.city.rules().text().to_owned();
    let narrow = rules.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1);
    let same = rules.replace('\n', "\r\n");
    let example = "Search as officer with authority none, case stated; allowed by officer-search.";
    let mut admin = refuting.admins().await;
    check(
        &mut admin,
        &[
            Sent(path, &[("rules", &narrow)], 403, example),
            Sent(path, &[("rules", &narrow)], 403, "@max_hours(&#34;1&#34;)"),
        ],
    )
    .await;
    let mut admin = unproven.admins().await;
    check(
        &mut admin,
        &[
            Sent(path, &[("rules", &narrow)], 503, "install homeplate-prove and cvc5"),
            Sent(path, &[("rules", &narrow)], 503, "@max_hours(&#34;1&#34;)"),
            Sent(path, &[("rules", "permit")], 400, "permit</textarea>"),
        ],
    )
    .await;
    let mut officer = proving.browser("per_olga", "officer").await;
    check(&mut officer, &[Sent(path, &[("rules", &narrow)], 403, "")]).await;
    assert!(!officer.get(path).await.text().contains("/console/rules/new"));
    let mut admin = proving.admins().await;
    assert!(admin.get(path).await.text().contains("/console/rules/new"));
    assert!(admin.get("/console/rules/new").await.text().contains("officer-search"));
    // A browser's ends of lines make no other rules.
    check(&mut admin, &[Sent(path, &[("rules", &same)], 409, "in force already")]).await;
    let crlf = narrow.replace('\n', "\r\n");
    let made = admin.post(path, &[("rules", &crlf)]).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let page = admin.get(made.header("location").unwrap()).await;
    assert!(page.text().contains("@max_hours(&#34;1&#34;)"), "{}", page.text());
    let proposal = &proving.city.proposals().unwrap()[0];
    assert!(!proposal.text.contains("\\r"));
}

#[tokio::test]
async fn a_set_is_active_once_enough_have_signed() {
    let town = town("");
    town.city.reach_prover(Arc::new(Prover));
    let mut admin = town.admins().await;
    let charter = Charter {
        needed: 1,
        provers: Vec::new(),
        offices: vec![Office {
            name: "clerk".into(),
            keys: vec![SignerKey::from(town.key.public())],
        }],
    };
    let new = city::NewProposal {
        rules: town.city.rules().text().replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1),
        properties: None,
        charter: Some(charter.canonical()),
        proofs: None,
    };
    let id = town.city.propose(&town.admin, new).unwrap().id;
    // Who signs in future is shown like a rule: nobody signs for a charter unseen.
    let page = admin.get(&format!("/console/proposals/{id}")).await;
    let page = page.text();
    for line in ["name = &#34;administrator&#34;", "name = &#34;clerk&#34;"] {
        assert!(page.contains(line), "{line}: {page}");
    }
    let path = format!("/console/proposals/{id}/activate");
    let page = admin.get(&format!("/console/proposals/{id}")).await;
    assert!(!page.text().contains(&path), "nobody has signed");
    let mut officer = town.browser("per_olga", "officer").await;
    check(&mut officer, &[Sent(&path, &[], 403, "Whoever signs rules")]).await;
    let unsigned = admin.post(&path, &[]).await;
    assert!(!unsigned.status.is_success() && unsigned.status != 303, "{}", unsigned.status);
    assert_eq!(town.city.proposal(&id).unwrap().state, "open");
}
