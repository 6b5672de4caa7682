//! Making a city: folder, keys, rules, log, the first administrator.

use crate::{Config, Invitation, TlsMode, TlsSection};
use base::{Clock, Error, PersonId, Result, SigningKey, sha256};
use identity::{Charter, Office, Person, SignerKey};
use ledger::{Folder, Leaf, Log};
use policy::Rules;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{PersonRow, Store};

/// What `homeplate init` is told.
pub struct InitOptions {
    /// The configuration.
    pub config: Config,
    /// The first administrator's id.
    pub admin: PersonId,
    /// That person's name.
    pub admin_name: String,
    /// Roles of the first administrator.
    pub roles: Vec<String>,
    /// That person's public key; the private half never comes here. Without one they are invited.
    pub key: Option<base::PublicKey>,
    /// The key that signs for the first change of rules, where it is not the administrator's own.
    pub charter_key: Option<base::PublicKey>,
    /// Whose signed proofs count for a city that cannot prove rules for itself.
    pub provers: Vec<SignerKey>,
    /// What the private halves of log entries are sealed to; the auditors keep the private half.
    pub auditors: read::SealKey,
}

impl InitOptions {
    /// Who signs for other rules at first: the administrator alone, until a charter of several offices is
    /// adopted that way.
    fn charter(&self) -> Result<Charter> {
        let key = self.charter_key.or(self.key).ok_or_else(|| {
            Error::invalid("Somebody signs for the city's rules: give a key of the administrator's, or one for that.")
        })?;
        let office = Office { name: "administrator".into(), keys: vec![key.into()] };
        let charter = Charter { needed: 1, provers: self.provers.clone(), offices: vec![office] };
        charter.check()?;
        Ok(charter)
    }
}

/// What has been made.
#[derive(Debug)]
pub struct Initialised {
    /// The configuration file.
    pub config: PathBuf,
    /// The log's public key.
    pub vkey: String,
    /// The first administrator's way in, where they have no key.
    pub invitation: Option<Invitation>,
}

/// Makes a city in `dir`. The configuration file is written last: until it is there the folder is
/// no city, and running this again finishes what was cut off.
pub fn init(dir: &Path, options: &InitOptions, clock: &dyn Clock) -> Result<Initialised> {
    let paths = Paths::new(dir);
    if paths.config.exists() {
        return Err(Error::conflict(format!(
            "{} holds a city already; choose another folder.",
            dir.display()
        )));
    }
    let text = toml::to_string(&options.config)
        .map_err(|e| Error::internal("The configuration cannot be written.").because(e))?;
    Config::parse(&text)?;
    // What the keys will be kept under is there, before anything is made.
    let kek = crate::keeper::kek(dir, &options.config)?;
    kek.usable()?;
    // What the law of the city's state adds to the standard rules, as far as a preset says it.
    let preset = options.config.city.preset.as_deref().and_then(crate::preset::find);
    let rules_text = preset.map_or_else(|| Rules::standard().to_owned(), |p| p.law.rules());
    let rules = Arc::new(Rules::parse(&rules_text)?);
    base::write_atomic(&paths.rules, rules_text.as_bytes())?;

    let key = if paths.log_key.exists() {
        SigningKey::load(&paths.log_key)?
    } else {
        let key = SigningKey::generate();
        key.save(&paths.log_key)?;
        key
    };
    let origin = options.config.origin();
    let objects = Box::new(Folder::new(&paths.log));
    let log = if paths.log.join("checkpoint").exists() {
        Log::open(objects, &origin, key)?
    } else {
        Log::create(objects, &origin, key)?
    };
    base::write_atomic(&paths.vkey, format!("{}\n", log.vkey()).as_bytes())?;
    let made = custody::Options {
        dir: paths.custody.clone(),
        epoch_s: options.config.keys.epoch_s,
        log_vkey: log.vkey().to_owned(),
        witnesses: None,
        kek,
    };
    if custody::Custody::exists(&made) {
        custody::Custody::open(&made, rules.clone())?;
    } else {
        custody::Custody::create(&made, rules.clone(), options.auditors.clone())?;
    }
    let (place, pictures) = (options.config.place(&paths.store), options.config.pictures_of(dir)?);
    let store =
        crate::keeper::as_caller(dir, &options.config, || Store::open_at(&place, &pictures))?;
    put_person(
        &store,
        &Person {
            id: options.admin.clone(),
            name: options.admin_name.clone(),
            office: "administrator".into(),
            roles: options.roles.clone(),
            key: options.key,
            passkeys: Vec::new(),
            directory: None,
            ended: None,
        },
    )?;
    let now = clock.now();
    if let (true, Some((host, _))) =
        (options.config.tls.mode == TlsMode::OwnCa, options.config.server.host())
    {
        let folder = TlsSection::folder(dir);
        let own = tls::OwnAuthority::make(&folder, &options.config.city.name, host, now)?;
        own.renew(host, now)?;
    }
    let set = crate::adoption::found(dir, &options.charter()?)?;
    log.append_once(&crate::adoption::first_activation(&rules, Some(&set), now)?)?;
    let invitation = match options.key {
        Some(_) => None,
        None => {
            let (invitation, hash) = Invitation::new(now);
            store.put_invitation(&hash, &options.admin, invitation.until)?;
            Some(invitation)
        }
    };
    log.append_once(&Leaf::new("admin.created", now).id(options.admin.as_str()))?;
    write_config(&paths.config, &options.config, text.as_bytes())?;
    Ok(Initialised { config: paths.config, vkey: log.vkey().to_owned(), invitation })
}

/// A new invitation for the first administrator, whose first one ran out before they came; only as long as
/// nobody has a way in. The server must not be running.
pub fn invite_first(dir: &Path, clock: &dyn Clock) -> Result<Invitation> {
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    let store = Store::open_at(&config.place(&paths.store), &config.pictures_of(dir)?)?;
    for row in store.persons()? {
        let person = crate::people::read(&row)?;
        if crate::people::comes_in(&person) || person.ended.is_some() {
            return Err(Error::conflict(
                "Somebody has come into this city already; an administrator invites people.",
            ));
        }
    }
    let (log, past) = crate::succeed::open_log(dir, &paths, &config)?;
    let first = past.first_person.and_then(|id| id.parse::<PersonId>().ok());
    let first = first.ok_or_else(|| Error::not_found("The log names no first administrator."))?;
    let now = clock.now();
    log.append(&Leaf::new("admin.invited", now).id(first.as_str()))?;
    let (invitation, hash) = Invitation::new(now);
    store.put_invitation(&hash, &first, invitation.until)?;
    Ok(invitation)
}

/// The owner's alone where a password may stand in it.
fn write_config(path: &Path, config: &Config, text: &[u8]) -> Result<()> {
    if config.store.url.is_some() {
        base::write_secret(path, text)
    } else {
        base::write_atomic(path, text)
    }
}

pub(crate) fn put_person(store: &Store, person: &Person) -> Result<()> {
    let json = serde_json::to_string(person)
        .map_err(|e| Error::internal("The person cannot be stored.").because(e))?;
    store.put_person(&PersonRow { id: person.id.clone(), json })
}

/// Where things lie in a city's folder.
pub(crate) struct Paths {
    pub config: PathBuf,
    pub rules: PathBuf,
    pub log: PathBuf,
    pub log_key: PathBuf,
    pub vkey: PathBuf,
    pub custody: PathBuf,
    pub store: PathBuf,
    pub sessions: PathBuf,
    pub requests_seen: PathBuf,
}

impl Paths {
    pub fn new(dir: &Path) -> Self {
        Self {
            config: dir.join("homeplate.toml"),
            rules: dir.join("rules.cedar"),
            log: dir.join("log"),
            log_key: dir.join("keys/log.key"),
            vkey: dir.join("log.vkey"),
            custody: dir.join("custody"),
            store: dir.join("store"),
            sessions: dir.join(crate::seat::FOLDER).join("sessions.json"),
            requests_seen: dir.join(crate::seat::FOLDER).join("requests.seen"),
        }
    }
}

/// SHA-256 in hex, as `software.start` states it.
pub(crate) fn hex_hash(bytes: &[u8]) -> String {
    base::hex(&sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::options;
    use crate::{City, Engine, Stored};
    use base::SystemClock;
    use std::os::unix::fs::PermissionsExt;
    use testkit::postgres::Database;

    /// A city whose store is a PostgreSQL server is made, opened, examined, and misses its server.
    #[test]
    fn a_city_on_postgres() {
        let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
        let mut config = Config::parse("[city]\nname = \"S\"\nslug = \"s\"\n").unwrap();
        config.store = Stored {
            engine: Engine::Postgres,
            url: Some(store::Url(format!("{} password=hush", database.url()))),
            schema: "city".into(),
        };
        let options = options(config, &read::OpenKey::generate());
        let made = init(dir.path(), &options, &SystemClock).unwrap();
        let mode = std::fs::metadata(made.config).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "a password stands in it");
        let city = City::open(dir.path(), Arc::new(SystemClock)).unwrap();
        city.announce().unwrap();
        assert_eq!(city.person(&options.admin).unwrap().name, "Administrator");
        assert!(city.health().iter().all(|part| part.part != "store" || part.fine));
        assert!(!dir.path().join("store").exists());
        let of_store = || {
            let found = crate::check::check(dir.path(), &SystemClock);
            found.into_iter().find(|f| f.part == "store").unwrap()
        };
        assert!(of_store().message.contains("The server is running"), "{:?}", of_store());
        drop(city);
        assert!(of_store().message.contains("0 days"), "{:?}", of_store());
        drop(database);
        assert!(of_store().message.contains("no database of this name"), "{:?}", of_store());
    }
}
