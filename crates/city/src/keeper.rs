//! Where the city's keys are: in this process, or with a custody of its own behind a socket.

use crate::Config;
use crate::config::{CustodyProcess, KekKind};
use crate::init::Paths;
use base::{Clock, Error, Result, Secret, Shutdown};
use custody::{Custody, Guests, InForce, Keeper, Kek, Options, Remote, Terms, TokenPlace};
use identity::{Adoption, RuleSet};
use ledger::Entry;
use nix::unistd::{Uid, User, chown, geteuid, seteuid};
use policy::Rules;
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The city's keys, open in a process of custody's own.
pub struct Custodian {
    custody: Arc<Custody>,
    guests: Guests,
    /// Where it listens.
    pub socket: PathBuf,
}

pub(crate) fn options(dir: &Path, config: &Config, log_vkey: &str) -> Result<Options> {
    Ok(Options {
        dir: Paths::new(dir).custody,
        epoch_s: config.keys.epoch_s,
        log_vkey: log_vkey.to_owned(),
        witnesses: config.log.asked_before(dir)?,
        kek: kek(dir, config)?,
    })
}

/// What protects the key-encryption key, as the configuration says, with its secret fetched.
pub(crate) fn kek(dir: &Path, config: &Config) -> Result<Kek> {
    let section = &config.custody;
    let named = |key: &str, value: &Option<String>| {
        value.clone().ok_or_else(|| {
            Error::invalid(format!("custody.{key} is missing; this way to keep the keys needs it."))
        })
    };
    Ok(match section.kek {
        KekKind::File => Kek::File,
        KekKind::Passphrase => Kek::Passphrase(secret(
            dir,
            &named("secret", &section.secret)?,
            "Passphrase of the keys",
        )?),
        KekKind::Pkcs11 => Kek::Token(TokenPlace {
            module: dir.join(named("pkcs11_module", &section.pkcs11_module)?),
            token: named("pkcs11_token", &section.pkcs11_token)?,
            prefix: format!("homeplate-{}", config.city.slug),
            pin: secret(dir, &named("secret", &section.secret)?, "PIN of the token")?,
        }),
    })
}

/// The file that the passphrase or PIN is in, if it is in one.
pub(crate) fn secret_file(dir: &Path, config: &Config) -> Option<PathBuf> {
    let from = config.custody.secret.as_deref()?;
    (from != "ask" && !from.starts_with("credential:")).then(|| dir.join(from))
}

/// What cannot be examined from here: the service manager hands it to the service alone. Says so in a sentence.
pub(crate) fn handed_over(from: &str) -> Option<String> {
    let name = from.strip_prefix("credential:")?;
    std::env::var_os("CREDENTIALS_DIRECTORY").is_none().then(|| {
        format!("{name} is handed to the service alone (LoadCredential={name}), and cannot be examined from here.")
    })
}

/// A passphrase or PIN: asked for at the terminal, handed over by the service manager, or in a file.
pub(crate) fn secret(dir: &Path, from: &str, what: &str) -> Result<Secret<String>> {
    if from == "ask" {
        let typed = rpassword::prompt_password(format!("{what}: "));
        return typed.map(Secret::new).map_err(|e| {
            Error::unavailable(format!("{what}: nobody can be asked; name a file instead."))
                .because(e)
        });
    }
    let path = match from.strip_prefix("credential:") {
        None => dir.join(from),
        Some(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                Error::unavailable(format!(
                    "No credentials were handed over; start this as a service with LoadCredential={name}."
                ))
            })?;
            Path::new(&folder).join(name)
        }
    };
    let bytes = base::read_secret(&path).map_err(|e| match from.strip_prefix("credential:") {
        // The service manager makes the folder where it has nothing to put into it, too.
        Some(name) if e.kind() == base::Kind::NotFound => Error::unavailable(format!(
            "{name} was not handed over; with LoadCredential={name} in the service put it into /etc/credstore/{name}, \
             mode 0600, and start it again."
        )),
        _ => e,
    })?;
    let text = std::str::from_utf8(bytes.expose()).map_err(|e| {
        Error::invalid(format!(
            "{} is not text, but a passphrase, PIN or token was expected.",
            path.display()
        ))
        .because(e)
    })?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

pub(crate) fn rules(paths: &Paths) -> Result<Arc<Rules>> {
    let text = std::fs::read_to_string(&paths.rules).map_err(|e| {
        Error::unavailable("rules.cedar is missing; restore the adopted rules.").because(e)
    })?;
    Ok(Arc::new(Rules::adopted(&text)?))
}

/// A set whose activation is on the log, and of which custody may not have heard.
pub(crate) struct Adopting<'a> {
    /// What the offices signed.
    pub adoption: &'a Adoption,
    /// The hash of the rules in force before.
    pub before: String,
    /// Its entry as custody wants to see it; `None` where the witnesses have not signed for it yet.
    pub entry: Option<Entry>,
}

impl Adopting<'_> {
    /// Tells custody; whether it goes by the set now. It can be told again where something is away.
    fn told(&self, remote: &Remote) -> Result<bool> {
        let Some(entry) = &self.entry else { return Ok(false) };
        match remote.adopt(self.adoption, entry) {
            Err(e) if e.kind() == base::Kind::Unavailable => Ok(false),
            done => done.map(|()| true).map_err(|e| astray(&e)),
        }
    }
}

/// That custody goes by another set than the one that the log says is in force, and what to do about it.
pub(crate) fn astray(e: &Error) -> Error {
    Error::conflict(
        "Custody does not follow the set that the log says is in force; run `homeplate custody adopt` as root, start \
         custody again, and then the server.",
    )
    .because(e.inside())
}

/// The keeper that the configuration names, and whether it goes by the set that is in force.
pub(crate) fn keeper(
    dir: &Path,
    config: &Config,
    rules: &Arc<Rules>,
    log_vkey: &str,
    clock: &Arc<dyn Clock>,
    adopting: Option<Adopting<'_>>,
) -> Result<(Arc<dyn Keeper>, bool)> {
    match config.custody.process {
        CustodyProcess::Inside => {
            let options = options(dir, config, log_vkey)?;
            let custody = Custody::open(&options, crate::adoption::in_force(dir, rules)?)?;
            Ok((Arc::new(custody.with_clock(clock.clone())), true))
        }
        CustodyProcess::Own => {
            let socket = config.custody.socket_in(dir);
            let terms = terms(dir, config, log_vkey)?;
            let connected = Remote::connect(&socket, rules, terms.clone());
            let Some(adopting) = adopting else { return Ok((Arc::new(connected?), true)) };
            let remote = match connected {
                // Cut off before custody heard of it: it still goes by the set of before, and follows.
                Err(e) if e.kind() == base::Kind::Conflict => {
                    Remote::connect_under(&socket, &adopting.before, terms)?
                }
                // Either it has, or charter and properties alone are others than before.
                connected => connected?,
            };
            let follows = adopting.told(&remote)?;
            Ok((Arc::new(remote), follows))
        }
    }
}

/// What a custody of its own must go by as the city does, besides the rules.
pub(crate) fn terms(dir: &Path, config: &Config, log_vkey: &str) -> Result<Terms> {
    Ok(Terms {
        log_vkey: log_vkey.to_owned(),
        epoch_s: config.keys.epoch_s,
        witnesses: config.log.asked_before(dir)?.map(|policy| policy.hash().to_owned()),
    })
}

/// What a custody of its own judges by: a copy in its own folder, which the server cannot write to where
/// the two have users of their own.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopted {
    log_vkey: String,
    epoch_s: u32,
    /// The witness policy, where the city asks for witnesses before a key is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    witnesses: Option<String>,
    rules: String,
    /// The whole set that they belong to, spelled; absent in a city without a charter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<String>,
}

impl Adopted {
    fn of_city(dir: &Path, config: &Config) -> Result<Self> {
        let paths = Paths::new(dir);
        let missing = |name: &'static str, e| {
            Error::unavailable(format!("{name} is missing; restore it from a backup.")).because(e)
        };
        let vkey = std::fs::read_to_string(&paths.vkey).map_err(|e| missing("log.vkey", e))?;
        let rules = std::fs::read_to_string(&paths.rules).map_err(|e| missing("rules.cedar", e))?;
        Ok(Self {
            log_vkey: vkey.trim().to_owned(),
            epoch_s: config.keys.epoch_s,
            witnesses: config.log.asked_before_text(dir)?,
            rules,
            set: crate::adoption::folder_set(dir)?.map(|set| set.canonical()).transpose()?,
        })
    }

    fn place(dir: &Path) -> PathBuf {
        Paths::new(dir).custody.join("adopted.toml")
    }

    /// The copy that custody has; the first start, or `adopt`, takes it from the city's folder.
    fn load(dir: &Path, config: &Config, adopt: bool) -> Result<Self> {
        let path = Self::place(dir);
        let city = Self::of_city(dir, config);
        if adopt || !path.exists() {
            let city = city?;
            city.write(dir)?;
            return Ok(city);
        }
        let damaged = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::invalid(format!(
                "{} is damaged; `homeplate custody adopt` makes it anew from what the city adopted.",
                path.display()
            ))
            .because(e)
        };
        let text = base::read_secret(&path)?;
        let text = std::str::from_utf8(text.expose()).map_err(|e| damaged(e.into()))?;
        let own: Self = toml::from_str(text).map_err(|e| damaged(e.into()))?;
        if city.is_ok_and(|city| city != own) {
            tracing::warn!(
                "rules, log key, epoch or witnesses in the city's folder are not those custody goes by; \
                 if the city adopted them, run `homeplate custody adopt` and start it again"
            );
        }
        Ok(own)
    }

    fn write(&self, dir: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|e| Error::internal("What was adopted cannot be written.").because(e))?;
        base::write_secret(&Self::place(dir), text.as_bytes())
    }

    /// The same with another set of rules.
    fn replaced(&self, set: &RuleSet) -> Result<Self> {
        Ok(Self {
            log_vkey: self.log_vkey.clone(),
            epoch_s: self.epoch_s,
            witnesses: self.witnesses.clone(),
            rules: set.rules.clone(),
            set: Some(set.canonical()?),
        })
    }

    fn in_force(&self) -> Result<InForce> {
        match &self.set {
            Some(set) => InForce::of(&RuleSet::parse(set)?),
            None => Ok(InForce::fixed(Arc::new(Rules::adopted(&self.rules)?))),
        }
    }

    fn options(&self, dir: &Path, config: &Config) -> Result<Options> {
        Ok(Options {
            dir: Paths::new(dir).custody,
            epoch_s: self.epoch_s,
            log_vkey: self.log_vkey.clone(),
            witnesses: self.witnesses.as_deref().map(ledger::Policy::parse).transpose()?,
            kek: kek(dir, config)?,
        })
    }
}

/// Where the server should start custody itself: it runs apart, and under the same user.
pub fn starts_custody(dir: &Path) -> Result<bool> {
    let custody = Config::load(&Paths::new(dir).config)?.custody;
    Ok(custody.process == CustodyProcess::Own && custody.server_user.is_none())
}

/// Makes a new recovery key for the city in `dir` and keeps its public half beside the keys. The sheets are all
/// that there is of the private half. Run as the user that the keys belong to, or as root.
pub fn make_sheets(dir: &Path, needed: u8, of: u8) -> Result<Vec<custody::Share>> {
    let paths = Paths::new(dir);
    // Not in a folder that is no city.
    Config::load(&paths.config)?;
    let key = read::OpenKey::generate();
    let sheets = custody::split(&key, needed, of)?;
    let recovery = custody::Recovery { key: key.public()?, needed, of };
    as_keys(&paths, || custody::set_recovery(&paths.custody, &recovery))?;
    Ok(sheets)
}

/// Makes custody's own copy of rules, log key, epoch and witnesses anew from the city's folder; it goes by them from its
/// next start on.
///
/// # Errors
/// `Conflict` if the keys are kept inside the server; `Unavailable` if something is missing or cannot be written.
pub fn adopt(dir: &Path) -> Result<()> {
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    on_its_own(&config)?;
    let adopted = Adopted::of_city(dir, &config)?;
    as_keys(&paths, || adopted.write(dir))
}

fn on_its_own(config: &Config) -> Result<()> {
    match config.custody.process {
        CustodyProcess::Own => Ok(()),
        CustodyProcess::Inside => Err(Error::conflict(
            "This city's keys are kept inside the server; custody.process = \"own\" changes that.",
        )),
    }
}

/// Whether somebody listens at the city's custody socket.
pub fn custody_answers(dir: &Path) -> Result<bool> {
    let config = Config::load(&Paths::new(dir).config)?;
    Ok(UnixStream::connect(config.custody.socket_in(dir)).is_ok())
}

/// Gives the city's folder to the server's user and its keys to custody's, with what each must be able to read and
/// the place where the server remembers the log. Only root can.
pub fn give_to_users(dir: &Path, custody_user: &str, server_user: &str) -> Result<()> {
    let (keys, server) = (system_user(custody_user)?, system_user(server_user)?);
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    let socket = config.custody.socket_in(dir);
    give(dir, &server)?;
    give(&paths.custody, &keys)?;
    if let Some(folder) = socket.parent().filter(|folder| *folder != dir) {
        make_open(folder)?;
        give(folder, &keys)?;
    }
    // Custody reads the configuration too, and a password may stand in it.
    let trouble = |e: nix::Error| {
        Error::unavailable("Only root can give a city's files to their users.").because(e)
    };
    chown(&paths.config, None, Some(keys.gid)).map_err(trouble)?;
    if config.store.url.is_some() {
        set_mode(&paths.config, 0o640)?;
    } else {
        set_mode(&paths.config, 0o644)?;
    }
    open_to_custody(dir, &config)?;
    crate::memory::make_for(dir, &server)
}

/// What custody reads of the city's folder, whatever root's umask was when it was made.
fn open_to_custody(dir: &Path, config: &Config) -> Result<()> {
    let paths = Paths::new(dir);
    set_mode(dir, 0o755)?;
    let mut files = vec![paths.rules, paths.vkey, crate::adoption::charter_file(dir)];
    files.extend(config.log.witnesses.as_ref().map(|name| dir.join(name)));
    let properties = crate::adoption::properties_folder(dir);
    if properties.is_dir() {
        set_mode(&properties, 0o755)?;
        for entry in std::fs::read_dir(&properties).map_err(|e| disk(&properties, e))? {
            files.push(entry.map_err(|e| disk(&properties, e))?.path());
        }
    }
    files.iter().filter(|file| file.is_file()).try_for_each(|file| set_mode(file, 0o644))
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(|e| disk(path, e))
}

/// A user of this machine; an error says how to make one.
pub fn system_user(name: &str) -> Result<User> {
    User::from_name(name).ok().flatten().ok_or_else(|| {
        Error::not_found(format!(
            "This machine has no user {name}; make it with `useradd --system`."
        ))
    })
}

/// Goes on as another user of this machine, if this process is root's; else nothing changes.
pub fn act_as(name: &str) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    become_user(&system_user(name)?)
}

/// The same as the user that a file belongs to; where that is root, or nobody whom this machine knows, nothing changes.
pub fn act_as_owner(file: &Path) -> Result<()> {
    let owner = std::fs::metadata(file).ok().map(|meta| Uid::from_raw(meta.uid()));
    match owner.and_then(|uid| User::from_uid(uid).ok().flatten()) {
        Some(user) if geteuid().is_root() && !user.uid.is_root() => become_user(&user),
        _ => Ok(()),
    }
}

/// With all groups of that user, as a service manager gives them: one may be what a key or a token is read by.
fn become_user(user: &User) -> Result<()> {
    let become_it = || {
        let name = CString::new(user.name.as_str()).map_err(|_| nix::Error::EINVAL)?;
        nix::unistd::initgroups(&name, user.gid)?;
        nix::unistd::setresgid(user.gid, user.gid, user.gid)?;
        nix::unistd::setresuid(user.uid, user.uid, user.uid)
    };
    become_it().map_err(|e| {
        Error::unavailable(format!("This cannot go on as {}; run it as that user.", user.name))
            .because(e)
    })
}

/// Does something as another user of this machine, if this process is root's; after it the process is root's again.
fn as_user<T>(user: &User, what: impl FnOnce() -> Result<T>) -> Result<T> {
    if !geteuid().is_root() {
        return what();
    }
    let trouble = |e: nix::Error| {
        Error::unavailable(format!("This cannot be done as {}; run it as that user.", user.name))
            .because(e)
    };
    seteuid(user.uid).map_err(trouble)?;
    let done = what();
    seteuid(Uid::from_raw(0)).map_err(trouble)?;
    done
}

/// The same as whoever the keys belong to: a file of root's among them custody could not read.
fn as_keys<T>(paths: &Paths, what: impl FnOnce() -> Result<T>) -> Result<T> {
    let owner = std::fs::metadata(&paths.custody).ok().map(|meta| Uid::from_raw(meta.uid()));
    match owner.and_then(|uid| User::from_uid(uid).ok().flatten()) {
        Some(user) => as_user(&user, what),
        None => what(),
    }
}

/// Opens a store as the server will, where a database knows its callers by their users: root is nobody to it. What is
/// made in the city's folder on the way is the server's.
pub(crate) fn as_caller<T>(
    dir: &Path,
    config: &Config,
    open: impl FnOnce() -> Result<T>,
) -> Result<T> {
    match &config.custody.server_user {
        Some(name) if config.store.url.is_some() && geteuid().is_root() => {
            let user = system_user(name)?;
            chown(dir, Some(user.uid), Some(user.gid)).map_err(|e| disk(dir, e.into()))?;
            as_user(&user, open)
        }
        _ => open(),
    }
}

/// Gives a file or a folder and all below it to a user.
fn give(path: &Path, to: &User) -> Result<()> {
    chown(path, Some(to.uid), Some(to.gid)).map_err(|e| {
        Error::unavailable(format!("{} cannot be given to {}; be root.", path.display(), to.name))
            .because(e)
    })?;
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(|e| disk(path, e))? {
            give(&entry.map_err(|e| disk(path, e))?.path(), to)?;
        }
    }
    Ok(())
}

fn disk(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!("{} cannot be written; check its owner.", path.display())).because(e)
}

/// A folder that everybody may look into, and only its owner write to.
fn make_open(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| disk(folder, e))?;
    set_mode(folder, 0o755)
}

impl Custodian {
    /// Opens the city's keys in a process of their own. It judges by its own copy of the rules and of the
    /// log's key, not by what the server says; with `adopt` the copy is made anew from the city's folder.
    /// Keys that a process before has not let go of yet are waited for, `patience` long.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        adopt: bool,
        patience: Duration,
    ) -> Result<Self> {
        let config = Config::load(&Paths::new(dir).config)?;
        on_its_own(&config)?;
        let adopted = Adopted::load(dir, &config, adopt)?;
        let (options, rules) = (adopted.options(dir, &config)?, adopted.in_force()?);
        let end = Instant::now() + patience;
        let custody = loop {
            match Custody::open(&options, rules.clone()) {
                Err(e) if e.kind() == base::Kind::Conflict && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                other => break other?,
            }
        };
        let guests = Guests::new(config.custody.guests()?);
        let socket = config.custody.socket_in(dir);
        let place = dir.to_owned();
        let keep = move |set: &RuleSet| adopted.replaced(set)?.write(&place);
        let custody = custody.with_clock(clock).keeping(Box::new(keep));
        Ok(Self { custody: Arc::new(custody), guests, socket })
    }

    /// Answers until it is told to stop; calls `ready` as soon as it can be reached.
    pub fn serve(self, stop: &Shutdown, ready: impl FnOnce()) -> Result<()> {
        let listener = listen(&self.socket)?;
        ready();
        let done = custody::serve(&listener, self.custody, self.guests, stop);
        let _ = std::fs::remove_file(&self.socket);
        done
    }
}

/// Listens at a path; a socket that nobody listens on any more is left over from a crash.
fn listen(path: &Path) -> Result<UnixListener> {
    let trouble = |e| {
        Error::unavailable(format!(
            "{} cannot be listened on; check the folder's owner.",
            path.display()
        ))
        .because(e)
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        make_open(folder)?;
    }
    if UnixStream::connect(path).is_ok() {
        return Err(Error::conflict("Custody is running already; stop it first."));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(trouble(e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(trouble)?;
    // Whoever comes is asked who they are by the kernel; the file's mode need not know the groups.
    let everyone = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(path, everyone).map_err(trouble)?;
    Ok(listener)
}
