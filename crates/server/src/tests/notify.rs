//! How people say how they are told: at the console, for themselves, in a session of their own.

use super::identity::Browser;
use super::*;
use city::{MadeToken, NewToken};
use serde_json::json;

const WAYS: &str = "[server]\npublic_url = \"http://localhost:8080\"\n[deliver]\npush_contact = \"mailto:it@c.example\"\n";
const POINT: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

fn device(endpoint: &str, point: &str) -> Value {
    json!({"name": "phone", "subscription":
        {"endpoint": endpoint, "p256dh": point, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}})
}

#[tokio::test]
async fn a_browser_registers_itself() {
    let town = town(WAYS);
    let mut browser = Browser::new(&town);
    let path = "/console/notify/browser";
    let good = device("https://push.example/send/1", POINT);
    assert_eq!(browser.json(path, &good).await.status, 401, "nobody is signed in");
    browser.by_link(&town.admin).await;
    for (what, bad) in [
        ("not by https", device("http://push.example/send/1", POINT)),
        ("no host", device("https:///send", POINT)),
        ("another scheme", device("file:///etc/passwd", POINT)),
        ("no key", device("https://push.example/send/1", "AAAA")),
        ("more than there is", json!({"name": "x", "subscription": {}, "person": "per_other"})),
    ] {
        let answer = browser.json(path, &bad).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert!(answer.text().contains("\"kind\":\"invalid\""), "{what}: {}", answer.text());
    }
    let word = browser.word.take();
    assert_eq!(browser.json(path, &good).await.status, 403, "without the session's word");
    browser.word = word;
    assert_eq!(browser.json(path, &good).await.status, 200);
    let page = browser.get("/console/notify").await;
    assert!(page.text().contains("phone") && page.text().contains("data-notify=\"B"));
    assert!(!page.text().contains("push.example"), "its address is shown to nobody");
    let none = browser.post("/console/notify/remove", &[("id", "brw_0")]).await;
    assert_eq!(none.status, 404);
    // There is no mail here, and so no address.
    let none = browser.post("/console/notify/address", &[("address", "a@c.example")]).await;
    assert_eq!(none.status, 503);
    assert_eq!(browser.post("/console/notify/mail", &[("mail", "loud")]).await.status, 400);
}

#[tokio::test]
async fn a_machine_has_no_way_in() {
    let town = town(WAYS);
    let new = NewToken {
        name: "Board".into(),
        scope: vec!["EnrolCamera".into()],
        expires: town.clock.now().plus_millis(86_400_000),
    };
    let made: MadeToken = town.city.new_token(&town.admin, new).unwrap();
    let bearer = format!("Bearer {}", made.token);
    for (method, path) in crate::routes::all().known {
        if !path.starts_with("/console/notify") {
            continue;
        }
        let path = path.replace("{code}", "0f2c");
        let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
        let request = request
            .header("authorization", &bearer)
            .header("origin", "http://localhost:8080")
            .header("host", "localhost:8080")
            .header("content-type", "application/x-www-form-urlencoded");
        let request =
            request.body(Body::from("mail=on&id=x&code=x&address=a%40c.example")).unwrap();
        let answer = Answer::of(town.send(request, "192.0.2.1:5").await).await;
        assert_eq!(answer.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn the_script_that_a_push_wakes() {
    let town = town("");
    let answer = Browser::new(&town).get("/sw.js").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"), "a new one comes through");
    assert!(
        answer.header("content-security-policy").is_some_and(|p| p.contains("script-src 'self'"))
    );
    assert!(answer.text().contains("notificationclick"));
    // As a script of the old kind, which every browser takes for this.
    assert!(!answer.text().contains("import ") && !answer.text().contains("export "));
}
