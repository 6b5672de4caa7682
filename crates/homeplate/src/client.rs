//! Signed requests of a person to the city.

use base::{Clock, Error, Kind, PersonId, Result, Secret, SigningKey, SystemClock};
use city::{Answer, Ask, Progress};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who asks whom; shared by all commands of people.
#[derive(clap::Args)]
pub struct ClientArgs {
    /// The city's address.
    #[arg(long, env = "HOMEPLATE_SERVER", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// Your key file, made by `homeplate key new`.
    #[arg(long, env = "HOMEPLATE_KEY")]
    key: PathBuf,
    /// The root of the city's certificate, where this machine does not know it.
    #[arg(long, env = "HOMEPLATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// A person's key file: JSON, mode 0600.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    person: PersonId,
    /// The 32-byte seed, base64.
    seed: String,
}

/// A person's id and private key.
pub struct PersonKey {
    /// Whose it is.
    pub person: PersonId,
    /// The key.
    pub key: SigningKey,
}

impl PersonKey {
    /// Makes a key and writes it; an existing file is never replaced.
    pub fn create(path: &Path, person: PersonId) -> Result<Self> {
        if path.exists() {
            return Err(Error::conflict(format!(
                "{} exists; choose another file.",
                path.display()
            )));
        }
        let key = SigningKey::generate();
        let file = KeyFile { person: person.clone(), seed: base::b64(key.seed()) };
        let json = Secret::new(
            serde_json::to_vec_pretty(&file)
                .map_err(|e| Error::internal("The key cannot be written.").because(e))?,
        );
        base::write_secret(path, json.expose())?;
        Ok(Self { person, key })
    }

    /// Reads a key file.
    pub fn load(path: &Path) -> Result<Self> {
        let bad = || Error::invalid(format!("{} is not a person's key file.", path.display()));
        let bytes = base::read_secret(path)?;
        // serde's message could quote the seed: it is dropped.
        let file: KeyFile = serde_json::from_slice(bytes.expose()).map_err(|_| bad())?;
        let seed = base::unb64(&file.seed).and_then(|b| <[u8; 32]>::try_from(b).ok());
        Ok(Self { person: file.person, key: SigningKey::from_seed(seed.ok_or_else(bad)?) })
    }
}

/// The longest answer that is read.
const ANSWER_MAX: u64 = 256 << 20;

/// A connection to the city in one person's name.
pub struct Client {
    agent: ureq::Agent,
    /// For answers that come piece by piece: only the connection has a time limit.
    patient: ureq::Agent,
    server: String,
    me: PersonKey,
}

#[derive(Deserialize)]
struct Problem {
    kind: String,
    message: String,
}

impl Client {
    /// Loads the key; nothing is sent yet.
    pub fn new(args: &ClientArgs) -> Result<Self> {
        let tls = edge::tls(args.ca.as_deref())?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .tls_config(tls.clone())
            .build();
        let patient = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: config.into(),
            patient: patient.into(),
            server: args.server.trim_end_matches('/').to_owned(),
            me: PersonKey::load(&args.key)?,
        })
    }

    /// Whose key signs.
    pub fn person(&self) -> &PersonId {
        &self.me.person
    }

    /// The private key, to sign statements with.
    pub fn key(&self) -> &SigningKey {
        &self.me.key
    }

    /// The city's address.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A text that everybody may read.
    pub fn text(&self, path: &str) -> Result<String> {
        let away = |e: ureq::Error| edge::silent(&self.server, e);
        let mut answer = self.agent.get(format!("{}{path}", self.server)).call().map_err(away)?;
        answer.body_mut().read_to_string().map_err(away)
    }

    /// A signed GET.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let mut request = self.agent.get(format!("{}{path}", self.server));
        for (name, value) in self.signature("GET", path, b"") {
            request = request.header(name, value);
        }
        self.answer(request.call())
    }

    /// A signed POST of a JSON body.
    pub fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        let body = serde_json::to_vec(body)
            .map_err(|e| Error::internal("The request cannot be written.").because(e))?;
        self.send(&self.agent, path, "application/json", &body)
    }

    /// A signed POST of a file, which may take the city a while.
    pub fn post_file<T: DeserializeOwned>(&self, path: &str, file: &[u8]) -> Result<T> {
        self.send(&self.patient, path, "application/octet-stream", file)
    }

    fn send<T: DeserializeOwned>(
        &self,
        agent: &ureq::Agent,
        path: &str,
        sort: &str,
        body: &[u8],
    ) -> Result<T> {
        let mut request = agent.post(format!("{}{path}", self.server)).header("content-type", sort);
        for (name, value) in self.signature("POST", path, body) {
            request = request.header(name, value);
        }
        self.answer(request.send(body))
    }

    /// Asks a question; `progress` hears how far the city is. The answer comes as lines of JSON, so
    /// that a long scan does not look like a dead server.
    pub fn ask(&self, ask: &Ask, progress: &mut dyn FnMut(Progress)) -> Result<Answer> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Line {
            Progress(Progress),
            Answer(Box<Answer>),
            Problem(Problem),
        }
        let body = serde_json::to_vec(ask)
            .map_err(|e| Error::internal("The question cannot be written.").because(e))?;
        let path = "/v1/ask";
        let mut request = self
            .patient
            .post(format!("{}{path}", self.server))
            .header("content-type", "application/json")
            .header("accept", "application/x-ndjson");
        for (name, value) in self.signature("POST", path, &body) {
            request = request.header(name, value);
        }
        let mut answer = request.send(&body[..]).map_err(|e| self.silent(e))?;
        if !answer.status().is_success() {
            return self.answer(Ok(answer));
        }
        let cut = |e: std::io::Error| {
            Error::unavailable("The answer was cut off; whether it was given is on the log.")
                .because(e)
        };
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).reader();
        for line in BufReader::new(body).lines() {
            let line = Secret::new(line.map_err(cut)?);
            // The parser's words could quote a plate.
            let parsed = serde_json::from_str(line.expose())
                .map_err(|_| Error::internal("The city's answer is not understood."))?;
            match parsed {
                Line::Progress(p) => progress(p),
                Line::Answer(answer) => return Ok(*answer),
                Line::Problem(p) => {
                    let kind = Kind::from_slug(&p.kind).unwrap_or(Kind::Internal);
                    return Err(Error::new(kind, p.message));
                }
            }
        }
        Err(cut(std::io::ErrorKind::UnexpectedEof.into()))
    }

    fn silent(&self, e: ureq::Error) -> Error {
        edge::silent(&self.server, e)
    }

    fn signature(&self, method: &str, path: &str, body: &[u8]) -> Vec<(String, String)> {
        let now = SystemClock.now();
        identity::http::sign(method, path, body, self.me.person.as_str(), &self.me.key, now)
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answer: std::result::Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T> {
        let mut answer = answer.map_err(|e| self.silent(e))?;
        let good = answer.status().is_success();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_MAX)
            .read_to_vec()
            .map_err(|e| Error::unavailable("The answer was cut off; try again.").because(e))?;
        if good {
            let json: &[u8] = if text.is_empty() { b"null" } else { &text };
            return serde_json::from_slice(json)
                .map_err(|e| Error::internal("The city's answer is not understood.").because(e));
        }
        match serde_json::from_slice::<Problem>(&text) {
            Ok(p) => Err(Error::new(Kind::from_slug(&p.kind).unwrap_or(Kind::Internal), p.message)),
            Err(e) => Err(Error::unavailable(format!(
                "{} answered, but it is not a Homeplate server.",
                self.server
            ))
            .because(e)),
        }
    }
}

/// Prints a value as JSON on one line.
pub fn print_json<T: Serialize>(value: &T) -> Result<()> {
    use std::io::Write;
    let text = serde_json::to_string(value)
        .map_err(|e| Error::internal("The answer cannot be printed.").because(e))?;
    // A closed pipe (`| head`) is the reader's choice, not a failure.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}
