//! Somebody at a browser, without the browser: cookies, the page's own address, and a passkey.

use crate::world::World;
use serde_json::{Value, json};
use testkit::Authenticator;

/// A browser: cookies, and the page's own address.
pub struct Browser<'a> {
    world: &'a World,
    agent: ureq::Agent,
    origin: String,
    pub cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    pub fn new(world: &'a World) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let origin = world.url().replace("127.0.0.1", "localhost");
        Self { world, agent: config.build().into(), origin, cookies: Vec::new() }
    }

    fn cookie(&self) -> String {
        let all = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        all.collect::<Vec<_>>().join("; ")
    }

    /// The status and the answer.
    fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.world.url()))
            .header("host", self.origin.trim_start_matches("http://"))
            .header("origin", &self.origin)
            .header("cookie", self.cookie())
            .header("content-type", "application/json")
            .send(body.to_string())
            .expect("an answer");
        self.keep_cookies(answer.headers());
        let text = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn keep_cookies(&mut self, headers: &ureq::http::HeaderMap) {
        for set in headers.get_all("set-cookie") {
            let pair = set.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Comes in by the one-time link that `homeplate console` printed.
    #[track_caller]
    pub fn enter(&mut self, said: &str) {
        let secret = said.split("link=").nth(1).and_then(|s| s.split_whitespace().next());
        let entered = self
            .agent
            .post(format!("{}/console/enter", self.world.url()))
            .header("host", self.origin.trim_start_matches("http://"))
            .header("origin", &self.origin)
            .send_form([("link", secret.expect("a link"))])
            .expect("an answer");
        assert_eq!(entered.status(), 303);
        self.keep_cookies(entered.headers());
    }

    #[track_caller]
    pub fn good(&mut self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Opens an invitation's link and makes a passkey.
    #[track_caller]
    pub fn join(&mut self, link: &str) -> Authenticator {
        let code = link.trim().split_once("code=").expect("a code").1;
        let label = json!({"invitation": code, "label": "key"});
        let begun = self.good("/console/passkey/register/start", &label);
        let mut soft = Authenticator::new("localhost", &self.origin);
        let made = json!({"credential": soft.create(&begun["publicKey"])});
        self.good("/console/passkey/register/finish", &made);
        soft
    }

    pub fn sign_in(&mut self, soft: &mut Authenticator) -> u16 {
        let begun = self.good("/console/passkey/signin/start", &json!({}));
        self.post("/console/passkey/signin/finish", &soft.get(&begun["publicKey"])).0
    }

    pub fn is_in(&self) -> bool {
        let page = self.agent.get(format!("{}/console/cameras", self.world.url()));
        let page = page.header("host", self.origin.trim_start_matches("http://"));
        page.header("cookie", self.cookie()).call().expect("an answer").status() == 200
    }
}
