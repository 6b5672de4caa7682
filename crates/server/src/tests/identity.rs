//! Who somebody is, as browsers and machines meet it: passkeys, sessions, devices, tokens, and their thieves.

use super::*;
use city::{Invitation, Invite, LostKey, MadeToken, NewDevice, NewToken};
use serde_json::json;
use testkit::{Authenticator, Flags};

const HOST: &str = "localhost:8080";
const ORIGIN: &str = "http://localhost:8080";
const DESK: &str = "192.0.2.1:5";
const ELSEWHERE: &str = "198.51.100.9:5";
const MINUTE: i64 = 60_000;

/// A browser: its cookies, and the word of its session.
pub(super) struct Browser<'a> {
    town: &'a Town,
    peer: &'static str,
    cookies: Vec<(String, String)>,
    pub(super) word: Option<String>,
}

impl<'a> Browser<'a> {
    pub(super) fn new(town: &'a Town) -> Self {
        Self { town, peer: DESK, cookies: Vec::new(), word: None }
    }

    /// Somebody else who has copied the cookies, and the word.
    fn stolen(&self, peer: &'static str) -> Self {
        Self { town: self.town, peer, cookies: self.cookies.clone(), word: self.word.clone() }
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Answer {
        let pairs: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut request = request.header("host", HOST);
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        let request = request.body(Body::from(body)).unwrap();
        let answer = Answer::of(self.town.send(request, self.peer).await).await;
        for set in answer.headers.get_all("set-cookie") {
            let (pair, _) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), String::new()).await
    }

    pub(super) async fn json(&mut self, path: &str, body: &Value) -> Answer {
        let mut request = Request::post(path).header("origin", ORIGIN);
        if let Some(word) = &self.word {
            request = request.header("x-csrf", word);
        }
        self.send(request.header("content-type", "application/json"), body.to_string()).await
    }

    pub(super) async fn form(&mut self, path: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header("origin", ORIGIN)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, body.to_owned()).await
    }

    fn token(&self) -> String {
        let found = self.cookies.iter().find(|(name, _)| name.ends_with("homeplate"));
        found.unwrap().1.clone()
    }

    /// Reads the session's word, as a script of the page would.
    pub(super) fn read_word(&mut self) {
        let session = self.town.city.sessions().look(&self.token(), self.town.clock.now());
        self.word = Some(session.expect("a session").csrf);
    }

    pub(super) async fn join(&mut self, code: &str) -> Authenticator {
        let begun = self
            .json("/console/passkey/register/start", &json!({"invitation": code, "label": "key"}))
            .await;
        let begun: Value = begun.good();
        let mut soft = Authenticator::new("localhost", ORIGIN);
        let credential = soft.create(&begun["publicKey"]);
        let done = json!({"credential": credential});
        let done: Value = self.json("/console/passkey/register/finish", &done).await.good();
        assert_eq!(done["location"], "/console");
        self.read_word();
        soft
    }

    /// Comes in by a one-time link, as `homeplate console` makes them.
    pub(super) async fn by_link(&mut self, person: &PersonId) {
        let link = self.town.city.sessions().link(person.clone(), self.town.clock.now());
        let done = self.form("/console/enter", &format!("link={}", link.expose())).await;
        assert_eq!(done.status, 303, "{}", done.text());
        self.read_word();
    }

    async fn asked(&mut self) -> Value {
        self.json("/console/passkey/signin/start", &json!({})).await.good()
    }

    async fn answer(&mut self, begun: &Value, soft: &mut Authenticator) -> Answer {
        let credential = soft.get(&begun["publicKey"]);
        self.json("/console/passkey/signin/finish", &credential).await
    }

    async fn sign_in(&mut self, soft: &mut Authenticator) -> Answer {
        let begun = self.asked().await;
        let done = self.answer(&begun, soft).await;
        if done.status == 200 {
            self.read_word();
        }
        done
    }

    /// Comes in by a one-time link, as who has a key file does.
    pub(super) async fn enter(&mut self, who: &PersonId) {
        let link = self.town.city.sessions().link(who.clone(), self.town.clock.now());
        let done = self.form("/console/enter", &format!("link={}", link.expose())).await;
        assert_eq!(done.status, 303, "{}", done.text());
        self.read_word();
    }

    /// Sends a form with the session's word.
    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let word = self.word.clone().unwrap_or_default();
        let fields = [&[("csrf", word.as_str())], fields].concat();
        self.form(path, &super::rules::encoded(&fields)).await
    }

    /// Asks for a part of a page, as its script does.
    pub(super) async fn part(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let word = self.word.clone().unwrap_or_default();
        let fields = [&[("csrf", word.as_str())], fields].concat();
        let request = Request::post(path)
            .header("origin", ORIGIN)
            .header("hx-request", "true")
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, super::rules::encoded(&fields)).await
    }

    pub(super) async fn is_in(&mut self) -> bool {
        self.get("/console").await.status == 200
    }
}

impl Town {
    pub(super) fn invite(&self, id: &str, roles: &[&str]) -> Invitation {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let new = Invite { name: "Smith".into(), office: "police".into(), roles };
        self.city.invite(&self.admin, &id.parse().unwrap(), new).unwrap()
    }

    /// A dispatcher who came with a browser, and that browser.
    async fn smith(&self) -> (Browser<'_>, Authenticator) {
        let way = self.invite("per_smith", &["dispatcher"]);
        let mut browser = Browser::new(self);
        let soft = browser.join(&way.code).await;
        (browser, soft)
    }

    fn minutes(&self, minutes: i64) {
        self.clock.advance(minutes * MINUTE);
    }

    pub(super) async fn logged(&self, kind: &str) -> usize {
        let page: LogPage = self.get("/v1/log?limit=500", &[], DESK).await.good();
        let all = serde_json::to_value(page).unwrap().to_string();
        all.matches(&format!("\"type\":\"{kind}\"")).count()
    }

    /// A token of the administrator, who may look at hits, too.
    fn machine(&self, scope: &[&str]) -> MadeToken {
        let scope = scope.iter().map(|action| (*action).to_owned()).collect();
        let expires = self.clock.now().plus_millis(60 * MINUTE);
        self.city.new_token(&self.admin, NewToken { name: "CAD".into(), scope, expires }).unwrap()
    }

    async fn shown(&self, path: &str, token: &str) -> Answer {
        self.get(path, &[("authorization", &format!("Bearer {token}"))], DESK).await
    }
}

#[tokio::test]
async fn an_invited_person_signs_in_with_a_passkey() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    assert!(browser.is_in().await);
    let first = browser.token();
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    assert_ne!(browser.token(), first, "another session");
    let now = town.clock.now();
    assert!(town.city.sessions().look(&first, now).is_none(), "the old one has ended");
    let word = browser.word.clone().unwrap();
    let out = browser.form("/console/leave", &format!("csrf={word}")).await;
    assert_eq!(out.status, 303);
    assert!(!browser.is_in().await);
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
}

#[tokio::test]
async fn cookies_are_as_strict_as_browsers_can() {
    let plain = town("");
    let (mut browser, mut soft) = plain.smith().await;
    let done = browser.sign_in(&mut soft).await;
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.starts_with("homeplate="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let tls = town("[server]\npublic_url = \"https://plates.example\"\n");
    let way = tls.invite("per_smith", &["dispatcher"]);
    let mut browser = Browser::new(&tls);
    let asked = json!({"invitation": way.code, "label": "key"});
    let begun: Value = browser.json("/console/passkey/register/start", &asked).await.good();
    assert_eq!(begun["publicKey"]["rp"]["id"], "plates.example");
    let mut soft = Authenticator::new("plates.example", "https://plates.example");
    let credential = soft.create(&begun["publicKey"]);
    let done = json!({"credential": credential});
    let done = browser.json("/console/passkey/register/finish", &done).await;
    let cookie = done.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-homeplate="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn wrong_answers_do_not_sign_in() {
    let check = async |name: &str, change: &dyn Fn(&mut Authenticator)| {
        let town = town("");
        let (_, mut soft) = town.smith().await;
        let mut browser = Browser::new(&town);
        assert_eq!(browser.sign_in(&mut soft).await.status, 200);
        let mut browser = Browser::new(&town);
        change(&mut soft);
        assert_eq!(browser.sign_in(&mut soft).await.status, 401, "{name}");
        assert!(!browser.is_in().await, "{name}");
    };
    check("another site's page", &|a| a.origin = "https://evil.example".into()).await;
    check("another site", &|a| a.set_rp_id("evil.example")).await;
    check("nobody verified", &|a| a.flags = Flags::PRESENT).await;
    check("nobody present", &|a| a.flags = Flags::VERIFIED).await;
    check("a counter that went back", &|a| a.step = -1).await;
    check("another key", &|a| a.forget_key()).await;
    check("another credential", &|a| a.id[0] ^= 1).await;
    check("no user", &|a| a.user.clear()).await;
    check("another user", &|a| a.user[0] ^= 1).await;
}

#[tokio::test]
async fn an_answer_signs_in_once() {
    let town = town("");
    let (_, mut soft) = town.smith().await;
    let finish = "/console/passkey/signin/finish";
    let mut browser = Browser::new(&town);
    let begun = browser.asked().await;
    let credential = soft.get(&begun["publicKey"]);
    assert_eq!(browser.json(finish, &credential).await.status, 200);
    let mut thief = Browser::new(&town);
    assert_eq!(thief.json(finish, &credential).await.status, 401, "used");
    // Said to answer another challenge: then the signature is of something else.
    let other = thief.asked().await;
    let client = json!({"type": "webauthn.get", "challenge": other["publicKey"]["challenge"],
        "origin": ORIGIN, "crossOrigin": false});
    let mut replayed = credential.clone();
    replayed["response"]["clientDataJSON"] = base::b64url(client.to_string().as_bytes()).into();
    assert_eq!(thief.json(finish, &replayed).await.status, 401, "replayed");
    let begun = thief.asked().await;
    town.clock.advance(5 * MINUTE + 1);
    assert_eq!(thief.answer(&begun, &mut soft).await.status, 401, "late");
}

#[tokio::test]
async fn five_failures_close_the_door() {
    let town = town("");
    let (_, mut soft) = town.smith().await;
    let mut thief = Browser::new(&town);
    thief.peer = ELSEWHERE;
    let flags = std::mem::replace(&mut soft.flags, Flags::PRESENT);
    for _ in 0..5 {
        assert_eq!(thief.sign_in(&mut soft).await.status, 401);
    }
    let closed = thief.json("/console/passkey/signin/start", &json!({})).await;
    assert_eq!(closed.status, 429);
    assert!(closed.header("retry-after").is_some());
    // The credential is closed, too, from wherever; its owner waits.
    soft.flags = flags;
    let mut browser = Browser::new(&town);
    assert_eq!(browser.sign_in(&mut soft).await.status, 429);
    town.minutes(15);
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
}

#[tokio::test]
async fn forms_come_from_this_very_session() {
    let town = town("");
    let (mut browser, _) = town.smith().await;
    let word = browser.word.clone().unwrap();
    let check = async |browser: &mut Browser<'_>, body: &str, status: u16| {
        let done = browser.form("/console/leave", body).await;
        assert_eq!(done.status, status, "{body}");
    };
    check(&mut browser, "", 403).await;
    check(&mut browser, "csrf=", 403).await;
    check(&mut browser, &format!("csrf={}", "0".repeat(word.len())), 403).await;
    check(&mut browser, &format!("csrf={}", &word[1..]), 403).await;
    check(&mut browser, &format!("csrf={word}&csrf={word}"), 403).await;
    // The word of another session of the same person.
    let (mut other, _) = {
        let way = town.invite("per_jones", &["dispatcher"]);
        let mut browser = Browser::new(&town);
        let soft = browser.join(&way.code).await;
        (browser, soft)
    };
    let strange = other.word.clone().unwrap();
    check(&mut browser, &format!("csrf={strange}"), 403).await;
    assert!(browser.is_in().await && other.is_in().await);
    // The right word from another page.
    for origin in ["https://evil.example", "null"] {
        let request = Request::post("/console/leave")
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded");
        let done = browser.send(request, format!("csrf={word}")).await;
        assert_eq!(done.status, 403, "{origin}");
    }
    // JSON says it in a header.
    browser.word = None;
    let asked = json!({"what": "again"});
    let path = "/console/passkey/confirm/start";
    assert_eq!(browser.json(path, &asked).await.status, 403);
    browser.word = Some(strange);
    assert_eq!(browser.json(path, &asked).await.status, 403);
    browser.word = Some(word.clone());
    assert_eq!(browser.json(path, &asked).await.status, 200);
    check(&mut browser, &format!("a=b&csrf={word}"), 303).await;
}

#[tokio::test]
async fn every_post_of_the_console_is_guarded() {
    let town = town("");
    let (mut browser, _) = town.smith().await;
    browser.word = None;
    let ways_in = ["enter", "device", "start", "finish"];
    let mut guarded = 0;
    for (method, path) in crate::routes::all().known {
        if method != "post" || !path.starts_with("/console") {
            continue;
        }
        let path = path.replace("{id}", "hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061");
        let own = !ways_in.iter().any(|end| path.ends_with(end)) || path.contains("confirm");
        let strange = Request::post(&path).header("origin", "https://evil.example");
        assert_eq!(browser.send(strange, String::new()).await.status, 403, "{path}");
        if own {
            assert_eq!(browser.form(&path, "").await.status, 403, "{path}");
            guarded += 1;
        }
    }
    assert!(guarded >= 5, "{guarded}");
}

#[tokio::test]
async fn a_stolen_cookie_is_noticed() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    assert!(browser.is_in().await);
    let mut thief = browser.stolen(ELSEWHERE);
    // A session is bound to its cookie alone; that it is used elsewhere is on the log, once.
    assert!(thief.is_in().await && thief.is_in().await && browser.is_in().await);
    assert_eq!(town.logged("session.elsewhere").await, 1);
    // So is a second session at another place.
    let mut car = Browser::new(&town);
    car.peer = "203.0.113.4:5";
    assert_eq!(car.sign_in(&mut soft).await.status, 200);
    assert_eq!(town.logged("session.elsewhere").await, 2);
}

#[tokio::test]
async fn sessions_lock_by_device() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    town.minutes(31);
    assert!(!browser.is_in().await, "nobody registered this device");
    let device = |id: &str, class: &str| {
        let new = NewDevice { id: id.parse().unwrap(), name: "Desk".into(), class: class.into() };
        town.city.new_device(&town.admin, new).unwrap()
    };
    let code = device("dev_desk", "desk");
    let page = browser.get(&code.path).await;
    assert!(page.text().contains(&code.code));
    assert_eq!(browser.form("/console/device", &format!("code={}", code.code)).await.status, 303);
    assert_eq!(browser.form("/console/device", &format!("code={}", code.code)).await.status, 401);
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    town.minutes(700);
    assert!(browser.is_in().await);
    town.minutes(21);
    assert!(!browser.is_in().await, "the shift is over");
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    let cookie = browser.cookies.clone();
    // The device is revoked: its sessions end, and the next one is any device's.
    let admin = &town.admin;
    town.city.revoke_device(admin, &"dev_desk".parse().unwrap()).unwrap();
    assert!(!browser.is_in().await);
    assert_eq!(browser.cookies, cookie);
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    town.minutes(31);
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn a_wall_only_shows() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    let new = NewDevice {
        id: "dev_wall".parse().unwrap(),
        name: "Wall".into(),
        class: "receive-only".into(),
    };
    let code = town.city.new_device(&town.admin, new).unwrap();
    browser.form("/console/device", &format!("code={}", code.code)).await;
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    town.minutes(60 * 24 * 30);
    assert!(browser.is_in().await, "it never locks");
    assert_eq!(browser.get("/console/map.json").await.status, 200, "what it shows has a map");
    assert_eq!(browser.get("/console/cameras").await.status, 403);
    let hit = "/console/hits/hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    assert_eq!(browser.get(hit).await.status, 403, "opening one is an act");
    let word = browser.word.clone().unwrap();
    let verdict = format!("csrf={word}&version=1&decision=rejected");
    assert_eq!(browser.form(&format!("{hit}/verdict"), &verdict).await.status, 403);
    for (path, body) in [
        ("confirm/start", json!({"what": "again"})),
        ("register/start", json!({"label": "another"})),
        ("remove", json!({"id": "a"})),
    ] {
        let done = browser.json(&format!("/console/passkey/{path}"), &body).await;
        assert_eq!(done.status, 403, "{path}");
    }
    assert_eq!(browser.form("/console/leave", &format!("csrf={word}")).await.status, 303);
}

#[tokio::test]
async fn somebody_confirms() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    let way = town.invite("per_jones", &["dispatcher"]);
    let mut jones = Browser::new(&town);
    let mut other = jones.join(&way.code).await;
    let path = |end: &str| format!("/console/passkey/confirm/{end}");
    let unknown = browser.json(&path("start"), &json!({"what": "fly"})).await;
    assert_eq!(unknown.status, 400);
    let asked = json!({"what": "again"});
    let begun: Value = browser.json(&path("start"), &asked).await.good();
    assert_eq!(begun["publicKey"]["userVerification"], "required");
    // Another person's passkey, and another person's session.
    let credential = other.get(&begun["publicKey"]);
    let done = json!({"credential": credential});
    assert_eq!(browser.json(&path("finish"), &done).await.status, 401);
    let begun: Value = browser.json(&path("start"), &asked).await.good();
    let credential = soft.get(&begun["publicKey"]);
    let done = json!({"credential": credential});
    assert_eq!(jones.json(&path("finish"), &done).await.status, 401);
    assert_eq!(browser.json(&path("finish"), &done).await.status, 200);
    assert_eq!(browser.json(&path("finish"), &done).await.status, 401, "used up");
    town.minutes(7);
    let begun: Value = browser.json(&path("start"), &asked).await.good();
    let credential = soft.get(&begun["publicKey"]);
    let done = json!({"credential": credential});
    assert_eq!(browser.json(&path("finish"), &done).await.status, 200);
    let now = town.clock.now();
    let session = town.city.sessions().look(&browser.token(), now).unwrap();
    assert_eq!(session.verified, Some(now));
    // Signing in and confirming are not the same.
    let begun = browser.asked().await;
    let credential = soft.get(&begun["publicKey"]);
    let done = json!({"credential": credential});
    assert_eq!(browser.json(&path("finish"), &done).await.status, 401);
}

#[tokio::test]
async fn another_passkey_is_added_from_a_session() {
    let town = town("");
    let (mut browser, _) = town.smith().await;
    let label = json!({"label": "spare"});
    let start = "/console/passkey/register/start";
    let mut stranger = Browser::new(&town);
    assert_eq!(stranger.json(start, &label).await.status, 401);
    let begun: Value = browser.json(start, &label).await.good();
    let mut spare = Authenticator::new("localhost", ORIGIN);
    let credential = spare.create(&begun["publicKey"]);
    let done = json!({"credential": credential});
    // Who has the answer but not the session gets nothing.
    assert_eq!(stranger.json("/console/passkey/register/finish", &done).await.status, 401);
    let begun: Value = browser.json(start, &label).await.good();
    let credential = spare.create(&begun["publicKey"]);
    let done = json!({"credential": credential});
    let _: Value = browser.json("/console/passkey/register/finish", &done).await.good();
    assert_eq!(Browser::new(&town).sign_in(&mut spare).await.status, 200);
    let smith = town.city.person(&"per_smith".parse().unwrap()).unwrap();
    let gone = json!({"id": smith.passkeys[1].id});
    let _: Value = browser.json("/console/passkey/remove", &gone).await.good();
    assert_eq!(Browser::new(&town).sign_in(&mut spare).await.status, 401);
}

/// A desk that somebody left open takes no passkey away and makes none, nor the first one.
#[tokio::test]
async fn passkeys_are_changed_by_who_is_there() {
    let town = town("");
    let (mut browser, mut soft) = town.smith().await;
    let mut admin = Browser::new(&town);
    admin.enter(&town.admin).await;
    let (start, remove) = ("/console/passkey/register/start", "/console/passkey/remove");
    let label = json!({"label": "spare"});
    let smith = town.city.person(&"per_smith".parse().unwrap()).unwrap();
    let only = smith.passkeys[0].id.as_str();
    town.minutes(11);
    let late = [
        browser.json(remove, &json!({"id": only})).await,
        browser.post("/console/passkeys/remove", &[("id", only)]).await,
        browser.json(start, &label).await,
        admin.json(start, &label).await,
    ];
    for answer in late {
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("within ten minutes"), "{}", answer.text());
    }
    assert_eq!(browser.sign_in(&mut soft).await.status, 200);
    let _: Value = browser.json(start, &label).await.good();
    admin.enter(&town.admin).await;
    let _: Value = admin.json(start, &label).await.good();
}

/// Administrators by file key: the second one signs requests like the first.
async fn boss(town: &Town) -> SigningKey {
    let key = SigningKey::generate();
    let new = NewPerson {
        id: "per_boss".parse().unwrap(),
        name: "Boss".into(),
        office: "clerk".into(),
        roles: vec!["administrator".into()],
        key: key.public(),
    };
    town.city.add_person(&town.admin, new).unwrap();
    key
}

#[tokio::test]
async fn leaving_ends_everything() {
    let town = town("");
    let key = boss(&town).await;
    let (mut browser, mut soft) = town.smith().await;
    assert!(browser.is_in().await);
    let who = ("per_boss", &key);
    let path = "/v1/people/per_smith/leave";
    let left: Value = town.signed(("POST", path), who, b"{}", &[]).await.good();
    assert_eq!(left["keys"], 1);
    assert!(!browser.is_in().await);
    assert_eq!(browser.sign_in(&mut soft).await.status, 401);
    let missing = town.signed(("POST", "/v1/people/per_x/leave"), who, b"{}", &[]).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn a_lost_key_ends_sessions_when_two_say_so() {
    let town = town("");
    let first = boss(&town).await;
    let (mut browser, mut soft) = town.smith().await;
    let path = ("POST", "/v1/people/per_smith/lost-key");
    let asked: LostKey = town.signed(path, ("per_boss", &first), b"{}", &[]).await.good();
    assert!(asked.invitation.is_none() && browser.is_in().await);
    let again = town.signed(path, ("per_boss", &first), b"{}", &[]).await;
    assert_eq!(again.status, 409);
    let second = town.city.lost_key(&town.admin, &"per_smith".parse().unwrap()).unwrap();
    assert!(!browser.is_in().await);
    assert_eq!(browser.sign_in(&mut soft).await.status, 401);
    let mut anew = Browser::new(&town);
    anew.join(&second.invitation.unwrap().code).await;
    assert!(anew.is_in().await);
}

#[tokio::test]
async fn machines_show_their_tokens() {
    let town = town("");
    let key = boss(&town).await;
    let who = ("per_boss", &key);
    let body = json!({"name": "roster", "scope": ["EnrolCamera"],
        "expires": town.clock.now().plus_millis(60 * MINUTE)});
    let made: MadeToken =
        town.signed(("POST", "/v1/tokens"), who, body.to_string().as_bytes(), &[]).await.good();
    let list: Value = town.signed(("GET", "/v1/tokens"), who, b"", &[]).await.good();
    assert_eq!(list[0]["id"], made.id.as_str());
    assert!(!list.to_string().contains(&made.token));
    let camera = json!({"id": "cam_a", "name": "A"}).to_string();
    let bearer = format!("Bearer {}", made.token);
    let send = async |authorization: &str, path: &str| {
        let request = Request::post(path).header("authorization", authorization);
        let request = request.body(Body::from(camera.clone())).unwrap();
        Answer::of(town.send(request, DESK).await).await.status.as_u16()
    };
    assert_eq!(send(&bearer, "/v1/cameras").await, 200);
    assert_eq!(send(&made.token, "/v1/cameras").await, 401);
    assert_eq!(send(&bearer[..bearer.len() - 1], "/v1/cameras").await, 401);
    assert_eq!(send(&format!("{bearer}0"), "/v1/cameras").await, 401);
    // Beyond its scope, and where no machine may go at all.
    assert_eq!(send(&bearer, "/v1/hotlist").await, 400, "not even read");
    assert_eq!(town.shown("/v1/hits", &made.token).await.status, 403);
    for path in ["/v1/ask", "/v1/orders", "/v1/people", "/v1/tokens", "/v1/console-links"] {
        assert_eq!(send(&bearer, path).await, 401, "{path}");
    }
    let revoke = format!("/v1/tokens/{}/revoke", made.id);
    let _: () = town.signed(("POST", &revoke), who, b"{}", &[]).await.good();
    assert_eq!(send(&bearer, "/v1/cameras").await, 401, "revoked");
    let other = town.machine(&["EnrolCamera"]);
    let bearer = format!("Bearer {}", other.token);
    assert_eq!(send(&bearer, "/v1/cameras").await, 200);
    town.minutes(60);
    assert_eq!(send(&bearer, "/v1/cameras").await, 401, "at its end");
}

#[tokio::test]
async fn devices_and_people_over_the_interface() {
    let town = town("");
    let key = boss(&town).await;
    let who = ("per_boss", &key);
    let body = json!({"id": "dev_a", "name": "A", "class": "vehicle"}).to_string();
    let code: Value = town.signed(("POST", "/v1/devices"), who, body.as_bytes(), &[]).await.good();
    assert!(code["path"].as_str().unwrap().starts_with("/console/device?code="));
    let _: () = town.signed(("POST", "/v1/devices/dev_a/revoke"), who, b"{}", &[]).await.good();
    let devices: Value = town.signed(("GET", "/v1/devices"), who, b"", &[]).await.good();
    assert!(devices[0]["revoked"].is_string());
    let body = json!({"name": "S", "office": "o", "roles": ["officer"]}).to_string();
    let path = "/v1/people/per_smith/invite";
    let way: Invitation = town.signed(("POST", path), who, body.as_bytes(), &[]).await.good();
    Browser::new(&town).join(&way.code).await;
    let again = town.signed(("POST", path), who, body.as_bytes(), &[]).await;
    assert_eq!(again.status, 409);
    let people: Value = town.signed(("GET", "/v1/people"), who, b"", &[]).await.good();
    let smith = people.as_array().unwrap().iter().find(|p| p["id"] == "per_smith").unwrap();
    assert_eq!(smith["passkeys"].as_array().unwrap().len(), 1);
    let dora = town.dora();
    for (method, path) in [("GET", "/v1/people"), ("GET", "/v1/tokens"), ("GET", "/v1/devices")] {
        let refused = town.signed((method, path), ("per_dora", &dora), b"", &[]).await;
        assert_eq!(refused.status, 403, "{path}");
    }
}

/// What a person signed is done once, whichever server of the city is asked the second time; what only looks may be said
/// again, as a camera's reads may, which are known by their ids.
#[tokio::test]
async fn a_signed_request_counts_once_whoever_serves() {
    let town = town("");
    let next_server = || {
        let state = AppState::new(town.city.clone(), Options::default(), 8080).unwrap();
        router(Arc::new(state))
    };
    let check = async |method: &str, path: &str, again: u16| {
        let (now, body) = (town.clock.now(), br#"{"name":"x"}"#);
        let id = town.admin.as_str();
        let headers = ::identity::http::sign(method, path, body, id, &town.key, now);
        let send = async |router: Router| {
            let mut request = Request::builder().method(method).uri(path);
            for (name, value) in &headers {
                request = request.header(name, value);
            }
            let peer: SocketAddr = DESK.parse().unwrap();
            let request = request.extension(ConnectInfo(peer)).body(Body::from(body.to_vec()));
            router.oneshot(request.unwrap()).await.unwrap().status().as_u16()
        };
        let first = send(next_server()).await;
        assert_ne!(first, 401, "{path}");
        for _ in 0..2 {
            assert_eq!(send(next_server()).await, again, "{path}");
        }
    };
    check("POST", "/v1/tokens", 401).await;
    check("POST", "/v1/ask", 401).await;
    check("GET", "/v1/people", 200).await;
}
