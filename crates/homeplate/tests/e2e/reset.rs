//! A person's last key is lost, and nobody is left who could say so: root on the machine lets them in again.

use crate::world::World;
use serde_json::{Value, json};
use testkit::Authenticator;

/// A browser: cookies, and the page's own address.
struct Browser<'a> {
    world: &'a World,
    agent: ureq::Agent,
    origin: String,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
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
        for set in answer.headers().get_all("set-cookie") {
            let pair = set.to_str().expect("text").split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let text = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    #[track_caller]
    fn good(&mut self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Opens an invitation's link and makes a passkey.
    #[track_caller]
    fn join(&mut self, link: &str) -> Authenticator {
        let code = link.trim().split_once("code=").expect("a code").1;
        let label = json!({"invitation": code, "label": "key"});
        let begun = self.good("/console/passkey/register/start", &label);
        let mut soft = Authenticator::new("localhost", &self.origin);
        let made = json!({"credential": soft.create(&begun["publicKey"])});
        self.good("/console/passkey/register/finish", &made);
        soft
    }

    fn sign_in(&mut self, soft: &mut Authenticator) -> u16 {
        let begun = self.good("/console/passkey/signin/start", &json!({}));
        self.post("/console/passkey/signin/finish", &soft.get(&begun["publicKey"])).0
    }

    fn is_in(&self) -> bool {
        let page = self.agent.get(format!("{}/console/cameras", self.world.url()));
        let page = page.header("host", self.origin.trim_start_matches("http://"));
        page.header("cookie", self.cookie()).call().expect("an answer").status() == 200
    }
}

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
