//! Questions in a browser, and the passkey under those that reach far.

use super::identity::Browser;
use super::*;
use ::identity::SignerKey;
use base::unb64;
use serde_json::json;
use testkit::Authenticator;

const START: &str = "/console/passkey/confirm/start";

/// A question about an hour, as its form sends it.
const PLAIN: [(&str, &str); 6] = [
    ("purpose", "stolen-vehicle"),
    ("case", "26-0417"),
    ("plates", PLATE),
    ("cameras", "cam_a"),
    ("from", "2026-11-23T11:00"),
    ("until", "2026-11-23T12:00"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&PLAIN[..], more].concat()
}

/// What the page's script sends of a form.
fn script(fields: &[(&str, &str)]) -> Value {
    let mut out = serde_json::Map::new();
    for (key, value) in fields {
        out.insert((*key).to_owned(), (*value).into());
    }
    out.insert("what".into(), "ask".into());
    out.into()
}

/// What the page's script does: the challenge, the passkey's answer, the form.
async fn signed(
    browser: &mut Browser<'_>,
    soft: &mut Authenticator,
    signed: &[(&str, &str)],
    sent: &[(&str, &str)],
) -> Answer {
    let begun: Value = browser.json(START, &script(signed)).await.good();
    let answer = soft.get(&begun["publicKey"]).to_string();
    browser.post("/console/ask", &[sent, &[("assertion", answer.as_str())]].concat()).await
}

/// An officer with a passkey.
async fn officer(town: &Town) -> (Browser<'_>, Authenticator) {
    let mut browser = Browser::new(town);
    let soft = browser.join(&town.invite("per_olga", &["officer"]).code).await;
    (browser, soft)
}

#[tokio::test]
async fn only_what_reaches_far_is_signed() {
    let town = town("");
    town.camera("cam_a");
    let (mut browser, mut soft) = officer(&town).await;
    let plain = browser.post("/console/ask", &PLAIN).await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let begun: Value = browser.json(START, &script(&PLAIN)).await.good();
    assert_eq!(begun, json!({"needless": true}));
    let far = with(&[("look_alikes", "yes")]);
    let refused = browser.post("/console/ask", &far).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("confirmed with your passkey"), "{}", refused.text());
    assert!(refused.text().contains(PLATE), "what was typed is still there");
    assert_eq!(town.logged("search.intent").await, 1);
    // Another look at the preview says so before.
    let preview = browser.post("/console/ask/preview", &far).await;
    assert!(preview.text().contains("Your passkey confirms it."), "{}", preview.text());
    let done = signed(&mut browser, &mut soft, &far, &far).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(town.logged("search.intent").await, 2);
    // A half-written question is told as such, and nothing is to be signed.
    let late = browser.json(START, &script(&[("plates", PLATE), ("look_alikes", "yes")])).await;
    assert_eq!(late.status, 400, "{}", late.text());
}

/// The button that only looks works without scripts: a page with the form as it was, and nothing on the log.
#[tokio::test]
async fn what_the_rules_would_say_is_a_whole_page() {
    let town = town("");
    town.camera("cam_a");
    let (mut browser, _) = officer(&town).await;
    let (path, said) = ("/console/ask/preview", "<dt>Cameras</dt><dd>1</dd>");
    let page = browser.post(path, &PLAIN).await;
    assert_eq!(page.status, 200);
    for part in ["<!doctype html>", &format!("value=\"{PLATE}\""), said] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    let part = browser.part(path, &PLAIN).await;
    assert!(part.text().contains(said) && !part.text().contains("<html"), "{}", part.text());
    assert_eq!(town.logged("search.intent").await, 0);
}

/// The drawing of an answer goes by the clocks that everything around it goes by.
#[tokio::test]
async fn an_answer_is_drawn_by_the_citys_clocks() {
    let town = town("time_zone = \"America/Los_Angeles\"\n");
    let camera = town.camera("cam_a");
    town.clock.advance(5 * 60_000);
    let (_, body) = camera.batch(&[town.clock.now()]);
    let _: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    town.clock.advance(60_000);
    let (mut browser, _) = officer(&town).await;
    let time = [("from", "2026-11-23T03:30"), ("until", "2026-11-23T04:06")];
    let answer = browser.post("/console/ask", &[&PLAIN[..4], &time].concat()).await;
    let text = answer.text();
    assert!(text.contains("04:05:00 PST") && text.contains(">03:45</text>"), "{text}");
    assert!(!text.contains(">11:45</text>"), "{text}");
}

#[tokio::test]
async fn an_auditor_verifies_who_asked() {
    let town = town("");
    town.camera("cam_a");
    let (mut browser, mut soft) = officer(&town).await;
    let far = with(&[("look_alikes", "yes")]);
    // What counts is what was signed, whatever the form says by then.
    let other = with(&[("look_alikes", "yes"), ("reason", "another one")]);
    assert_eq!(signed(&mut browser, &mut soft, &far, &other).await.status, 200);
    let auditor: PersonId = "per_audrey".parse().unwrap();
    Browser::new(&town).join(&town.invite(auditor.as_str(), &["auditor"]).code).await;
    let page: LogPage = town.get("/v1/log?limit=500", &[], "192.0.2.7:1").await.good();
    let entry = page.entries.iter().find(|e| e.leaf.kind == "search.intent").unwrap().index;
    let record = town.city.audit_record(&auditor, entry).unwrap();
    let body = city::open_record(&town.auditors, &record.sealed).unwrap();
    assert!(unb64(&record.salt).is_some());
    let body: Value = serde_json::from_slice(body.expose()).unwrap();
    let text = |name: &str| body["confirmed"][name].as_str().unwrap();
    let key: SignerKey = text("key").parse().unwrap();
    key.verify(text("message").as_bytes(), &text("signature").parse().unwrap()).unwrap();
    let said: Value = serde_json::from_str(text("message")).unwrap();
    assert_eq!((&said["person"], &said["purpose"]), (&"per_olga".into(), &"stolen-vehicle".into()));
    assert_eq!((&said["cameras"], &said["look_alikes"]), (&json!(["cam_a"]), &true.into()));
    assert_eq!((&body["reason"], &said["reason"]), (&Value::Null, &Value::Null));
    let olga = town.city.person(&"per_olga".parse().unwrap()).unwrap();
    assert_eq!(olga.passkeys[0].key, key);
}

#[tokio::test]
async fn a_signature_is_used_once_by_its_person() {
    let town = town("");
    town.camera("cam_a");
    let (mut browser, mut soft) = officer(&town).await;
    let far = with(&[("look_alikes", "yes")]);
    let begun: Value = browser.json(START, &script(&far)).await.good();
    let answer = soft.get(&begun["publicKey"]).to_string();
    let with_answer = [&far[..], &[("assertion", answer.as_str())]].concat();
    // Somebody else's session, and somebody else's passkey.
    let mut other = Browser::new(&town);
    let mut others = other.join(&town.invite("per_otto", &["officer"]).code).await;
    assert_eq!(other.post("/console/ask", &with_answer).await.status, 401);
    assert_eq!(signed(&mut browser, &mut others, &far, &far).await.status, 401);
    assert_eq!(browser.post("/console/ask", &with_answer).await.status, 401, "used up");
    assert_eq!(signed(&mut browser, &mut soft, &far, &far).await.status, 200);
    let begun: Value = browser.json(START, &script(&far)).await.good();
    let late = soft.get(&begun["publicKey"]).to_string();
    town.clock.advance(6 * 60_000);
    let late = [&far[..], &[("assertion", late.as_str())]].concat();
    let late = browser.post("/console/ask", &late).await;
    assert_eq!(late.status, 401);
    assert!(late.text().contains("took too long") && late.text().contains(PLATE), "to ask again");
    // Something else that was signed, and no answer at all.
    let begun: Value = browser.json(START, &json!({"what": "again"})).await.good();
    let again = soft.get(&begun["publicKey"]).to_string();
    for wrong in [again.as_str(), "{}", "no JSON"] {
        let sent = [&far[..], &[("assertion", wrong)]].concat();
        assert_eq!(browser.post("/console/ask", &sent).await.status, 400, "{wrong}");
    }
    assert_eq!(town.logged("search.intent").await, 1);
    // A question has no finish of its own.
    let begun: Value = browser.json(START, &script(&far)).await.good();
    let credential = soft.get(&begun["publicKey"]);
    let done = json!({"credential": credential});
    assert_eq!(browser.json("/console/passkey/confirm/finish", &done).await.status, 400);
}

#[tokio::test]
async fn who_has_no_passkey_is_told_how_to_get_one() {
    let check = async |lines: &str, plain: u16, far: u16| {
        let town = town(lines);
        town.camera("cam_a");
        let new = NewPerson {
            id: "per_otis".parse().unwrap(),
            name: "Otis".into(),
            office: "police".into(),
            roles: vec!["officer".into()],
            key: SigningKey::generate().public(),
        };
        town.city.add_person(&town.admin, new.clone()).unwrap();
        let mut browser = Browser::new(&town);
        browser.enter(&new.id).await;
        assert!(!browser.get("/console/ask").await.text().contains("data-passkey"));
        assert_eq!(browser.post("/console/ask", &PLAIN).await.status, plain, "{lines}");
        let sent = with(&[("look_alikes", "yes")]);
        let answer = browser.post("/console/ask", &sent).await;
        assert_eq!(answer.status, far, "{lines}");
        if far == 409 {
            assert!(answer.text().contains("you have none: make one under"), "{}", answer.text());
            let preview = browser.post("/console/ask/preview", &sent).await;
            assert!(preview.text().contains("/console/passkey"), "{}", preview.text());
        }
        assert!(browser.get("/console/passkey").await.text().contains("data-passkey"));
    };
    check("", 200, 409).await;
    check("[console]\nconfirm = \"always\"\n", 409, 409).await;
    check("[console]\nconfirm = \"never\"\n", 200, 200).await;
}

/// A program signs each request; nothing more is asked of it.
#[tokio::test]
async fn programs_are_not_asked_again() {
    let town = town("[console]\nconfirm = \"always\"\n");
    town.camera("cam_a");
    let key = SigningKey::generate();
    let new = NewPerson {
        id: "per_otis".parse().unwrap(),
        name: "Otis".into(),
        office: "police".into(),
        roles: vec!["officer".into()],
        key: key.public(),
    };
    town.city.add_person(&town.admin, new).unwrap();
    let ask = json!({"purpose": "stolen-vehicle", "case": "26-0417", "plates": [PLATE],
        "look_alikes": true, "from": town.clock.now().plus_millis(-3_600_000), "until": town.clock.now()});
    let done =
        town.signed(("POST", "/v1/ask"), ("per_otis", &key), ask.to_string().as_bytes(), &[]).await;
    assert_eq!(done.status, 200, "{}", done.text());
}
