//! `homeplate.toml`: one readable file. Unknown keys are refused with the known ones named.

mod directory;
mod log;
mod secrecy;

pub use directory::{DirectoryGroup, DirectorySection};
pub use log::{LogSection, Results, WitnessRule};
pub use secrecy::{Network, TlsMode, TlsSection};

use crate::{
    AlarmSection, CameraSection, DeliverSection, DrillSection, HitsSection, HookSection,
    HotlistDrop, HotlistFetch, MapSection, PictureSection, ReasonSection, UpkeepSection,
};
use base::{CameraId, Error, Result, Time};
use hotlist::import::Clocks;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use store::{Place, Url};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who the city is.
    pub city: Section,
    /// Where the server listens.
    #[serde(default)]
    pub server: Server,
    /// How its address is kept secret.
    #[serde(default)]
    pub tls: TlsSection,
    /// Lengths of epochs and leases.
    #[serde(default)]
    pub keys: Keys,
    /// How long things are kept.
    #[serde(default)]
    pub retention: Retention,
    /// Where the city's keys are.
    #[serde(default)]
    pub custody: CustodySection,
    /// The public log.
    #[serde(default)]
    pub log: LogSection,
    /// Case numbers.
    #[serde(default)]
    pub cases: Cases,
    /// Switching on again.
    #[serde(default)]
    pub switch: Switching,
    /// Who signs packages of another version.
    #[serde(default)]
    pub upgrade: crate::approval::UpgradeSection,
    /// How often one person or camera may ask.
    #[serde(default)]
    pub limits: Limits,
    /// Hits: how long they wait for a person.
    #[serde(default)]
    pub hits: HitsSection,
    /// Drills: how often they begin by themselves.
    #[serde(default)]
    pub drills: DrillSection,
    /// What cameras keep, and where their reads may leave to.
    #[serde(default)]
    pub cameras: CameraSection,
    /// What raises an alarm.
    #[serde(default)]
    pub alarms: AlarmSection,
    /// What the reason of a question may say.
    #[serde(default)]
    pub reasons: ReasonSection,
    /// Where reads and control data are kept.
    #[serde(default)]
    pub store: Stored,
    /// Where sealed pictures are kept.
    #[serde(default)]
    pub pictures: PictureSection,
    /// The second place, for the day on which the server dies.
    #[serde(default)]
    pub copy: crate::CopySection,
    /// The console.
    #[serde(default)]
    pub console: ConsoleSection,
    /// The map of the cameras.
    #[serde(default)]
    pub map: MapSection,
    /// Ways to people who are not at the console.
    #[serde(default)]
    pub deliver: DeliverSection,
    /// Who is told when something of the system itself is wrong.
    #[serde(default)]
    pub upkeep: UpkeepSection,
    /// The city's directory, where people may sign in by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectorySection>,
    /// What the directory's groups may do here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directory_group: Vec<DirectoryGroup>,
    /// Programs that are told of hits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhook: Vec<HookSection>,
    /// Folders that hot lists are dropped into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hotlist_drop: Vec<HotlistDrop>,
    /// Hot lists that the city fetches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hotlist_fetch: Vec<HotlistFetch>,
}

/// `[city]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The name that people read.
    pub name: String,
    /// The name in the log's origin: `a-z 0-9 -`.
    pub slug: String,
    /// IANA time zone, for what people read; the system itself keeps UTC.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// The law preset that the city started from, for instance `us-wa`; it bounds the retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The state that most passing vehicles are from, for instance `us-il`; the preset's where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Section {
    /// A moment as the city's clocks show it: `2026-11-23 08:15:42 PST`.
    pub fn shown(&self, at: Time) -> String {
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        let there = zone.to_offset_info(moment);
        let local = at.plus_millis(i64::from(there.offset().seconds()) * 1000).to_string();
        let local: String = local.replace('T', " ").chars().take(19).collect();
        format!("{local} {}", there.abbreviation())
    }

    /// A moment as a date and time field has it, by the city's clocks: `2026-11-23T08:15`.
    pub fn typed(&self, at: Time) -> String {
        self.shown(at).replacen(' ', "T", 1).chars().take(16).collect()
    }

    /// The moment of such a field. Of an hour that the clocks show twice it is the first; of one that they leave out,
    /// the moment as if they had not been changed.
    pub fn moment(&self, text: &str) -> Result<Time> {
        let bad = || Error::invalid("Give moments as 2026-11-23T08:00.");
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let local: jiff::civil::DateTime = text.parse().map_err(|_| bad())?;
        let there = zone.to_timestamp(local).map_err(|_| bad())?;
        Ok(Time::from_millis(there.as_millisecond()))
    }

    /// How far the city's clocks are ahead of UTC, in milliseconds, and from which moment on: from `from`, and from each
    /// moment before `until` at which they are changed.
    pub fn ahead(&self, from: Time, until: Time) -> Vec<(Time, i64)> {
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let first = jiff::Timestamp::from_millisecond(from.millis()).unwrap_or_default();
        let ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
        let mut all = vec![(from, ms(zone.to_offset(first)))];
        for change in zone.following(first) {
            let at = Time::from_millis(change.timestamp().as_millisecond());
            if at >= until {
                break;
            }
            all.push((at, ms(change.offset())));
        }
        all
    }

    /// The city's clocks, for times that name no zone. Where they show a time twice it is the first; one that they leave
    /// out is meant as if they had not been changed.
    pub(crate) fn clocks(&self) -> Clocks {
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        Clocks::new(move |shown| {
            let local = jiff::Timestamp::from_millisecond(shown.millis()).unwrap_or_default();
            let there = zone.to_timestamp(jiff::tz::TimeZone::UTC.to_datetime(local));
            there.map_or(shown, |at| Time::from_millis(at.as_millisecond()))
        })
    }

    /// Minutes that the city's clocks are ahead of UTC at a moment.
    pub(crate) fn ahead_of_utc(&self, at: Time) -> i32 {
        let zone = jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        zone.to_offset(at).seconds() / 60
    }
}

fn utc() -> String {
    "UTC".into()
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: String,
    /// Batches of reads that are taken in at a time; more are asked to wait.
    pub ingest_in_flight: u32,
    /// Who may read `/metrics`.
    pub metrics: Audience,
    /// The city's address as browsers see it; passkeys are bound to its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The name that passkeys are bound to, where it is not the address's own but one above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passkey_domain: Option<String>,
    /// Hours after which a console session ends in any case.
    pub shift_hours: u32,
}

impl Server {
    /// The site that passkeys are made for; without a public address this very machine, at `port`.
    pub fn site(&self, port: u16) -> Result<identity::Site> {
        match &self.public_url {
            Some(url) => identity::Site::under(url, self.passkey_domain.as_deref()),
            None => identity::Site::parse(&format!("http://localhost:{port}")),
        }
    }

    /// The name in the city's address, and the port; `None` where it has no address but this machine's.
    pub fn host(&self) -> Option<(&str, u16)> {
        let (scheme, rest) = self.public_url.as_deref()?.split_once("://")?;
        let (host, port) = rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)));
        let usual = if scheme == "https" { 443 } else { 80 };
        Some((host, port.and_then(|p| p.parse().ok()).unwrap_or(usual)))
    }
}

/// Who may read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Programs on this machine.
    Loopback,
    /// Whoever reaches the server.
    Everyone,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            ingest_in_flight: 32,
            metrics: Audience::Loopback,
            public_url: None,
            passkey_domain: None,
            shift_hours: 12,
        }
    }
}

/// `[keys]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Length of a key epoch in seconds; reads are forgotten by the epoch.
    pub epoch_s: u32,
    /// Length of a camera's lease in seconds, at most a day.
    pub lease_s: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self { epoch_s: 3600, lease_s: 3600 }
    }
}

/// `[custody]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustodySection {
    /// In the server's process, or in one of its own.
    pub process: CustodyProcess,
    /// The socket between the two; a path, from the data folder or from the root.
    pub socket: String,
    /// The user of the system that the server runs as, where that is another than custody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_user: Option<String>,
    /// What protects the key that the others are encrypted under.
    pub kek: KekKind,
    /// Where the passphrase or the token's PIN is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The token's library.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkcs11_module: Option<String>,
    /// The token's label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pkcs11_token: Option<String>,
}

/// How the key-encryption key is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KekKind {
    /// In a file that only its owner reads.
    #[default]
    File,
    /// In a file, under a passphrase.
    Passphrase,
    /// In a file, under a key that a token keeps.
    Pkcs11,
}

/// Which process the keys are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustodyProcess {
    /// The server's.
    Inside,
    /// `homeplate custody`.
    Own,
}

impl Default for CustodySection {
    fn default() -> Self {
        let socket = "run/custody.socket".into();
        Self {
            process: CustodyProcess::Inside,
            socket,
            server_user: None,
            kek: KekKind::File,
            secret: None,
            pkcs11_module: None,
            pkcs11_token: None,
        }
    }
}

impl CustodySection {
    pub(crate) fn socket_in(&self, dir: &Path) -> std::path::PathBuf {
        dir.join(&self.socket)
    }

    /// The users whom custody answers: its own, and the server's.
    pub(crate) fn guests(&self) -> Result<Vec<u32>> {
        let mut out = vec![nix::unistd::getuid().as_raw()];
        if let Some(name) = &self.server_user {
            out.push(crate::keeper::system_user(name)?.uid.as_raw());
        }
        Ok(out)
    }
}

/// `[retention]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// After so many days the keys of reads are destroyed.
    pub reads_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { reads_days: 21 }
    }
}

/// `[cases]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cases {
    /// What a case number looks like: `#` is a digit, `@` a letter, `*` anything that follows.
    pub format: String,
    /// A file in the data folder that the records system writes every day, one open case a line: a
    /// case that stands in it is attested, any other only stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_list: Option<String>,
    /// Where the records system says whether a case is open; `{case}` stands for its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_url: Option<String>,
    /// Where the token is that the records system wants: `credential:NAME`, or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_token: Option<String>,
}

impl Default for Cases {
    fn default() -> Self {
        Self { format: "##-####*".into(), open_list: None, records_url: None, records_token: None }
    }
}

/// A case number, and a token, go to a machine on this one or over TLS.
fn records_fit(url: &str) -> bool {
    let near = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    url.contains("{case}")
        && (url.starts_with("https://") || near.iter().any(|near| url.starts_with(near)))
}

/// `[switch]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switching {
    /// How many different people must order something on again.
    pub on_signatures: u32,
    /// How many must order something off.
    pub off_signatures: u32,
    /// Who may order on, of those whom the rules let: roles, and people as `per_…`; all where it is empty.
    pub on_by: Vec<String>,
    /// Who may order off, likewise.
    pub off_by: Vec<String>,
    /// Cameras that are switched together, by a name for them.
    pub groups: BTreeMap<String, Vec<CameraId>>,
}

impl Default for Switching {
    fn default() -> Self {
        Self {
            on_signatures: 2,
            off_signatures: 1,
            on_by: Vec::new(),
            off_by: Vec::new(),
            groups: BTreeMap::new(),
        }
    }
}

impl Switching {
    fn wrong(&self) -> Option<&'static str> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.on_signatures == 0 {
            return Some("switch.on_signatures is at least 1");
        }
        if !(1..=read::OrderFile::MAX as u32).contains(&self.off_signatures) {
            return Some("switch.off_signatures is 1 to 16");
        }
        if self.on_by.iter().chain(&self.off_by).any(|name| name.trim().is_empty()) {
            return Some("switch.on_by and switch.off_by name roles, and people as per_…");
        }
        let named = |(name, cameras): (&String, &Vec<CameraId>)| {
            (1..=40).contains(&name.len()) && name.bytes().all(plain) && !cameras.is_empty()
        };
        if !self.groups.iter().all(named) {
            return Some(
                "switch.groups has names of 1 to 40 characters of a-z, 0-9 and -, each with cameras",
            );
        }
        None
    }
}

/// `[limits]`; 0 is no limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests of one person, a minute.
    pub person_per_minute: u32,
    /// Requests of one camera, a minute.
    pub camera_per_minute: u32,
    /// Requests without a signature from one network address, a minute.
    pub address_per_minute: u32,
    /// Requests with a false signature from one network address, a minute.
    pub false_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            person_per_minute: 300,
            camera_per_minute: 1200,
            address_per_minute: 600,
            false_per_minute: 60,
        }
    }
}

/// `[console]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSection {
    /// Which questions of the console are confirmed with a passkey.
    pub confirm: Confirm,
}

/// Which questions of the console are confirmed with a passkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// None.
    Never,
    /// Those that reach far, or are asked for others.
    #[default]
    Sensitive,
    /// All of them.
    Always,
}

/// `[store]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stored {
    /// What keeps it.
    pub engine: Engine,
    /// Address, database and user of the PostgreSQL server, on this machine or through a tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// The schema of the control data there; the names of the others begin with it.
    pub schema: String,
}

impl Default for Stored {
    fn default() -> Self {
        Self { engine: Engine::Sqlite, url: None, schema: "homeplate".into() }
    }
}

/// What keeps reads and control data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Files in the folder `store`.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Unavailable` if it cannot be read, `Invalid` if no city can have it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            let folder = path.parent().unwrap_or(Path::new(".")).display();
            match e.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Error::not_found(format!(
                    "There is no city in {folder}; make one with `homeplate init`."
                )),
                _ => Error::unavailable(format!(
                    "{} cannot be read; check its owner and mode, and those of {folder}.",
                    path.display()
                )),
            }
            .because(e)
        })?;
        Self::parse(&text)
    }

    /// Parses and checks the file's text.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Config = toml::from_str(text).map_err(|e| {
            let what = match e.message() {
                "duplicate key" => "this stands twice; change it where it stands first",
                other => other,
            };
            let line = e.span().map(|at| text[..at.start].matches('\n').count() + 1);
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            // Not the error itself, which quotes the line: a password may stand in it.
            Error::invalid(format!("homeplate.toml{line}: {what}."))
        })?;
        config.check()?;
        Ok(config)
    }

    /// The configuration, if it is one that a city can have.
    pub fn checked(self) -> Result<Self> {
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("homeplate.toml: {what}.")));
        let slug = &self.city.slug;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=40).contains(&slug.len()) || !slug.bytes().all(plain) {
            return refuse("city.slug is 1 to 40 characters of a-z, 0-9 and -");
        }
        if self.city.name.trim().is_empty() {
            return refuse("city.name is empty");
        }
        if !(1..=1024).contains(&self.server.ingest_in_flight) {
            return refuse("server.ingest_in_flight is 1 to 1024");
        }
        if self.server.public_url.is_some() && self.server.site(0).is_err() {
            return refuse(
                "server.public_url is https:// and a name, or http://localhost, and no path; server.passkey_domain \
                 is that name or a domain above it that somebody can own",
            );
        }
        if self.server.passkey_domain.is_some() && self.server.public_url.is_none() {
            return refuse("server.passkey_domain is for a city with server.public_url");
        }
        let https = self.server.public_url.as_deref().is_some_and(|u| u.starts_with("https://"));
        if let Some(wrong) = self.tls.wrong(https) {
            return refuse(wrong);
        }
        if let Some(wrong) = directory::wrong(self) {
            return refuse(wrong);
        }
        if !(1..=12).contains(&self.server.shift_hours) {
            return refuse("server.shift_hours is 1 to 12");
        }
        if !(60..=86_400).contains(&self.keys.epoch_s) || 86_400 % self.keys.epoch_s != 0 {
            return refuse("keys.epoch_s is 60 to 86400 and divides a day");
        }
        if !(60..=86_400).contains(&self.keys.lease_s) {
            return refuse("keys.lease_s is 60 to 86400");
        }
        if !(1..=3650).contains(&self.retention.reads_days) {
            return refuse("retention.reads_days is 1 to 3650");
        }
        if let Some(wrong) = self.hits.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.drills.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.alarms.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.reasons.wrong() {
            return refuse(wrong);
        }
        let has_address = self.server.public_url.is_some();
        if let Some(wrong) = self.deliver.wrong(&self.webhook, has_address) {
            return refuse(wrong);
        }
        if let Some(wrong) = self.upkeep.wrong(self.deliver.smtp_host.is_some()) {
            return refuse(wrong);
        }
        self.check_preset()?;
        if self.city.state.as_deref().is_some_and(|state| !is_region(state)) {
            return refuse("city.state is no state that plates are known of, for instance us-il");
        }
        if let Some(wrong) = self.hotlist_drop.iter().find_map(HotlistDrop::wrong) {
            return refuse(wrong);
        }
        if let Some(wrong) = self.hotlist_fetch.iter().find_map(HotlistFetch::wrong) {
            return refuse(wrong);
        }
        let lists: std::collections::BTreeSet<_> =
            self.hotlist_fetch.iter().map(|of| &of.list).collect();
        if lists.len() < self.hotlist_fetch.len() {
            return refuse("hotlist_fetch.list is given twice");
        }
        if jiff::tz::TimeZone::get(&self.city.time_zone).is_err() {
            return refuse("city.time_zone is not an IANA name, for instance America/Chicago");
        }
        if !(1..=3600).contains(&self.log.tally_s) {
            return refuse("log.tally_s is 1 to 3600");
        }
        // Once an hour reads are forgotten, and counted before.
        if !(1..=3600).contains(&self.log.counts_s) {
            return refuse("log.counts_s is 1 to 3600");
        }
        if self.cases.records_url.as_deref().is_some_and(|url| !records_fit(url)) {
            return refuse("cases.records_url is an https address with {case} in it");
        }
        if self.cases.records_token.as_deref() == Some("ask") {
            return refuse(
                "cases.records_token is credential:NAME or a file: nobody is there to be asked",
            );
        }
        if self.log.delay_minutes > 10_080 {
            return refuse("log.delay_minutes is 0 to 10080, which is a week");
        }
        if ![1, 5, 10, 15, 30, 60].contains(&self.log.minutes) {
            return refuse("log.minutes is 1, 5, 10, 15, 30 or 60");
        }
        if self.log.sealed_days > 3650 {
            return refuse("log.sealed_days is 0 to 3650");
        }
        if !(5..=86_400).contains(&self.log.witness_within_s) {
            return refuse("log.witness_within_s is 5 to 86400");
        }
        if self.log.witness_rule == WitnessRule::Before && self.log.witnesses.is_none() {
            return refuse(
                "log.witness_rule = \"before\" needs log.witnesses, the file that names them",
            );
        }
        if self.cases.format.is_empty() {
            return refuse("cases.format is empty; write * to take anything");
        }
        if let Some(wrong) = self.switch.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.upgrade.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.cameras.wrong() {
            return refuse(wrong);
        }
        if let Some(wrong) = self.copy.wrong(self.retention.reads_days) {
            return refuse(wrong);
        }
        self.check_pictures()?;
        match (self.store.engine, &self.store.url) {
            (Engine::Postgres, None) => refuse("store.url is missing; name the server in it"),
            (Engine::Sqlite, Some(_)) => {
                refuse("store.url is for store.engine = \"postgres\"; take it out, or change that")
            }
            _ => Ok(()),
        }
    }

    /// A preset is a starting point; going beyond its retention means leaving it.
    fn check_preset(&self) -> Result<()> {
        let Some(slug) = &self.city.preset else { return Ok(()) };
        let Some(preset) = crate::preset::find(slug) else {
            let known: Vec<&str> = crate::preset::PRESETS.iter().map(|p| p.slug).collect();
            return Err(Error::invalid(format!(
                "homeplate.toml: there is no preset of that name; known are {}.",
                known.join(", ")
            )));
        };
        match preset.longest_days {
            Some(most) if self.retention.reads_days > most => Err(Error::invalid(format!(
                "homeplate.toml: the preset {slug} keeps reads at most {most} days ({}); lower \
                 retention.reads_days, or take city.preset out.",
                preset.source
            ))),
            _ => Ok(()),
        }
    }

    /// The state that most passing vehicles are from, where it is known.
    pub(crate) fn home_state(&self) -> Option<String> {
        let preset = self.city.preset.clone().filter(|slug| is_region(slug));
        self.city.state.clone().or(preset)
    }

    /// Where the store of a city is; `folder` is for SQLite.
    pub(crate) fn place(&self, folder: &Path) -> Place {
        match (self.store.engine, &self.store.url) {
            (Engine::Postgres, Some(url)) => {
                Place::Postgres { url: url.clone(), schema: self.store.schema.clone() }
            }
            _ => Place::Folder(folder.to_owned()),
        }
    }

    /// The bytes whose hash the log states: the file's own, but without the store's address. Its
    /// hash would let anybody try passwords.
    pub(crate) fn announced(&self, file: Vec<u8>) -> Vec<u8> {
        if self.store.url.is_none() {
            return file;
        }
        let store = Stored { url: None, ..self.store.clone() };
        toml::to_string(&Config { store, ..self.clone() }).unwrap_or_default().into_bytes()
    }

    /// The log's origin line.
    pub fn origin(&self) -> String {
        format!("homeplate/{}", self.city.slug)
    }
}

fn is_region(code: &str) -> bool {
    plate::regions().iter().any(|region| region.code == code)
}

/// Whether a case number has the city's format.
pub(crate) fn case_fits(format: &str, case: &str) -> bool {
    let mut given = case.chars();
    for f in format.chars() {
        let fits = match (f, given.next()) {
            ('*', _) => return case.len() <= 64 && case.chars().all(|c| !c.is_control()),
            ('#', Some(c)) => c.is_ascii_digit(),
            ('@', Some(c)) => c.is_ascii_alphabetic(),
            (f, Some(c)) => f == c,
            (_, None) => false,
        };
        if !fits {
            return false;
        }
    }
    given.next().is_none()
}

#[cfg(test)]
mod tests;
