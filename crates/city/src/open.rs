//! The open city: its parts, how they are put together, and how a crash is mended.

use crate::ahead::Known;
use crate::init::{Paths, hex_hash};
use crate::keeper;
use crate::published::Published;
use crate::succeed::{self, Lost};
use crate::witness::Witnessing;
use crate::{Config, Event, Feed, Listener};
use base::{Clock, Error, HoldId, PersonId, PublicKey, ReadId, Result, Time};
use custody::Keeper;
use hotlist::HotList;
use identity::{Person, machine_of};
use ledger::{Entry, Leaf, Log, Memory};
use policy::{Action, Decision, Rules};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;
use store::Store;

/// A running city. All methods block; callers on an async runtime use a blocking thread.
pub struct City {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
    pub(crate) custody: Arc<dyn Keeper>,
    pub(crate) store: Store,
    pub(crate) rules: RwLock<Arc<Rules>>,
    pub(crate) adoptions: Mutex<crate::adoption::Adoptions>,
    /// One set becomes active at a time.
    pub(crate) activating: Mutex<()>,
    /// A set whose activation is on the log and which is not in force everywhere: no question is answered until it is.
    pub(crate) unfinished: Mutex<Option<identity::Adoption>>,
    /// Whether the rules in the folder are not those that were adopted.
    pub(crate) differs: AtomicBool,
    pub(crate) prover: std::sync::OnceLock<Arc<dyn crate::ProofLine>>,
    pub(crate) emergencies: Mutex<crate::emergencies::Emergencies>,
    pub(crate) hot: Arc<HotList>,
    pub(crate) jobs: Vec<Arc<dyn read::Job>>,
    pub(crate) switches: Mutex<crate::switch::Switches>,
    /// One order, or word of a camera, at a time.
    pub(crate) ordering: Mutex<()>,
    /// Counts the orders that were carried out, for cameras that wait for a word.
    pub(crate) turned: tokio::sync::watch::Sender<u64>,
    pub(crate) refusals: Mutex<crate::refused::Refusals>,
    pub(crate) people: Mutex<()>,
    /// Sign-ins by the directory that are under way.
    pub(crate) leavings: identity::Leavings,
    /// One import at a time.
    pub(crate) importing: Mutex<()>,
    /// Held from when an entry of people, or a found vehicle, is in force until the log knows it.
    pub(crate) adding: Mutex<()>,
    /// What was fetched last.
    pub(crate) cames: crate::fetches::Cames,
    /// Dropped files that were read and could not be moved.
    pub(crate) unmoved: crate::drops::Unmoved,
    /// Whether the matcher knows less of the lists than the store does.
    pub(crate) lists_behind: AtomicBool,
    /// What cameras that keep hits alone look for.
    pub(crate) watched: crate::watch::Watched,
    /// When the day's counts were put on the log last.
    pub(crate) counted: Mutex<Option<Instant>>,
    /// Since when forgetting fails, and why; nothing while it does not.
    pub(crate) unforgotten: Mutex<Option<(Time, String)>>,
    /// Held from reading what holds for the lists until the matcher knows it: an older reading must not come last.
    pub(crate) telling: Mutex<()>,
    /// One grade or finding at a time.
    pub(crate) judging: Mutex<()>,
    /// Where each fetching of what a hold preserved stands, for whom its beginning is on the log.
    pub(crate) fetching: Mutex<BTreeMap<(HoldId, PersonId), ReadId>>,
    /// Held while a hold's reads are being preserved.
    pub(crate) preserving: Mutex<()>,
    events: Feed,
    pub(crate) dir: PathBuf,
    pub(crate) witnessing: Option<Witnessing>,
    pub(crate) published: Option<Published>,
    pub(crate) memory: Option<Memory>,
    pub(crate) records: std::sync::OnceLock<Arc<dyn crate::RecordsLine>>,
    pub(crate) ringing: crate::ringing::Ringing,
    pub(crate) room: crate::room::Room,
    pub(crate) upkeep: crate::upkeep::Upkeep,
    /// What cameras said of their health last.
    pub(crate) beats: Mutex<crate::camera_health::Beats>,
    /// How the copy at the second place stands.
    pub(crate) copying: Mutex<crate::CopyHealth>,
    /// Whether the city was put together from its copy.
    pub(crate) again: Option<crate::copy::Again>,
    /// Who is signed in at the console.
    pub(crate) sessions: identity::Sessions,
    /// Tells one opening from the next.
    pub(crate) boot: [u8; 16],
}

impl City {
    /// Opens the city in `dir` and mends what a crash may have left: effects that were stored but
    /// not applied, hits, verdicts and enrolments that are not on the log, orders that are on the log alone.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Arc<City>> {
        Self::open_with(dir, clock, None)
    }

    /// The same, and the log must be what `memory` says it was: one that was set back to an older copy is
    /// not gone on with.
    pub fn open_with(
        dir: &Path,
        clock: Arc<dyn Clock>,
        memory: Option<Memory>,
    ) -> Result<Arc<City>> {
        Self::open_ahead(dir, clock, memory, None)
    }

    /// The same, with hot lists that were read ahead: the matcher takes them as they are, if they still stand.
    pub fn open_ahead(
        dir: &Path,
        clock: Arc<dyn Clock>,
        memory: Option<Memory>,
        known: Option<Known>,
    ) -> Result<Arc<City>> {
        succeed::settle(dir)?;
        let paths = Paths::new(dir);
        let config = Config::load(&paths.config)?;
        let (log, past) = succeed::open_log(dir, &paths, &config).map_err(|e| {
            let lost = succeed::unreadable(&e);
            if lost {
                Lost::Unreadable(e.message().to_owned()).told().because(e.inside())
            } else {
                e
            }
        })?;
        let store = Store::open_at(&config.place(&paths.store), &config.pictures_of(dir)?)?;
        if let Some(lost) = succeed::remembered(&log, &store, memory.as_ref())? {
            return Err(lost.told());
        }
        follow_key(&paths.vkey, log.vkey())?;
        let adoptions = past.adoptions;
        let adopting = crate::adoption::settle(dir, &log, &adoptions)?;
        let rules = keeper::rules(&paths)?;
        active_is_adopted(dir, &past.activations, &rules, &adoptions)?;
        let witnessing = Witnessing::load(dir, &config.log, &log, clock.now())?;
        let published = Published::load(dir, &config.log, &log, witnessing.as_ref())?;
        let told = adopting.as_ref().map(|adoption| {
            let crate::past::Activations { newest, before, .. } = &past.activations;
            let entry = Witnessing::entry(witnessing.as_ref(), &log, *newest)?;
            Ok::<_, Error>(keeper::Adopting { adoption, before: before.clone(), entry })
        });
        let told = told.transpose()?;
        let (custody, follows) = keeper::keeper(dir, &config, &rules, log.vkey(), &clock, told)?;
        if follows {
            crate::adoption::done(dir);
        }
        let known = known.map(|known| known.still(&store)).transpose()?.flatten();
        let ahead = known.is_some();
        let hot = known.unwrap_or_default();
        let again = crate::copy::Again::load(&store)?;
        let sessions =
            identity::Sessions::kept_at(&paths.sessions, config.server.shift_hours, past.mark);
        let city = City {
            config,
            clock,
            log,
            custody,
            store,
            rules: RwLock::new(rules),
            adoptions: Mutex::new(adoptions),
            activating: Mutex::new(()),
            unfinished: Mutex::new(adopting.filter(|_| !follows)),
            differs: AtomicBool::new(false),
            prover: std::sync::OnceLock::new(),
            jobs: vec![hot.clone()],
            hot,
            switches: Mutex::new(past.switches),
            emergencies: Mutex::new(past.emergencies),
            ordering: Mutex::new(()),
            turned: tokio::sync::watch::channel(0).0,
            refusals: Mutex::default(),
            people: Mutex::new(()),
            leavings: Default::default(),
            importing: Mutex::new(()),
            adding: Mutex::new(()),
            cames: Default::default(),
            unmoved: Default::default(),
            lists_behind: AtomicBool::new(false),
            watched: Default::default(),
            counted: Mutex::default(),
            unforgotten: Mutex::default(),
            telling: Mutex::new(()),
            judging: Mutex::new(()),
            fetching: Mutex::default(),
            preserving: Mutex::new(()),
            events: Feed::new(),
            dir: dir.to_owned(),
            witnessing,
            published,
            memory,
            records: std::sync::OnceLock::new(),
            ringing: Default::default(),
            room: Default::default(),
            upkeep: Default::default(),
            beats: Mutex::default(),
            copying: Mutex::default(),
            again,
            sessions,
            boot: base::random(),
        };
        if ahead {
            tracing::info!(
                entries = city.hot.len(),
                "the hot lists are taken as they were read ahead"
            );
            city.tell_matcher()?;
        } else {
            city.reload_lists()?;
        }
        city.follow_moves(&past.kept)?;
        city.log_restored()?;
        if let Err(e) = city.tell_custody() {
            tracing::warn!(error = %e.inside(), "custody is not told by which entry its rules are in force");
        }
        city.mend()?;
        city.log_gates(&past.kept)?;
        city.recall_signatures()?;
        city.settle_sessions()?;
        Ok(Arc::new(city))
    }

    fn mend(&self) -> Result<()> {
        self.apply_orders()?;
        // Behind the orders: who left the fleet has no key any more.
        self.log_enrolments()?;
        self.relay()?;
        self.log_owed()?;
        self.log_imports()?;
        // Counted before anything is forgotten: the last count of a day must be on the log.
        self.tally()?;
        let later = |done: Result<()>, what: &str| match done {
            // Switching off, the log and questions go on without it, and the clock tries again.
            Err(e) if matches!(e.kind(), base::Kind::Unavailable | base::Kind::Busy) => {
                tracing::error!(error = %e.inside(), "{what}");
                Ok(())
            }
            other => other,
        };
        later(self.forget(), "forgetting")?;
        later(self.forget_pictures(), "the pictures' place")
    }

    /// Puts on the log which software, configuration and rules are running: once a start.
    pub fn announce(&self) -> Result<Entry> {
        // Not by its path, which may lead through folders that this user may not enter.
        let executable = std::fs::read("/proc/self/exe");
        let config = std::fs::read(Paths::new(&self.dir).config).unwrap_or_default();
        let leaf = self
            .leaf("software.start")
            .fact("version", env!("CARGO_PKG_VERSION"))
            .fact("configuration", hex_hash(&self.config.announced(config)))
            .fact("rules", self.rules().hash());
        let leaf = match executable {
            Ok(bytes) => leaf.fact("executable", hex_hash(&bytes)),
            // A hash of nothing would be that of a program that nobody can have built.
            Err(e) => {
                tracing::error!(error = %e, "which program this is cannot be told");
                leaf
            }
        };
        let entry = self.log.append(&leaf)?;
        // What was left is this server's now.
        self.sessions.keep_as(crate::people::mark(entry.index, &leaf));
        Ok(entry)
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// Where nonces of what people signed are kept for whoever serves next.
    pub fn requests_seen(&self) -> PathBuf {
        Paths::new(&self.dir).requests_seen
    }
    /// The present moment by the city's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }
    /// The log's public key.
    pub fn vkey(&self) -> String {
        self.log.vkey().to_owned()
    }
    /// Live events: from now on, or from behind the one whose id is given.
    pub fn listen(&self, after: Option<&str>) -> Listener {
        self.events.listen(after)
    }
    pub(crate) fn emit(&self, event: Event) {
        self.events.emit(event);
    }

    /// The key that signs the requests of a camera (`cam_…`) or a person (`per_…`).
    pub fn key_of(&self, key_id: &str) -> Result<PublicKey> {
        let stranger = unknown_key;
        if let Ok(id) = key_id.parse::<PersonId>() {
            return self.person(&id).ok().and_then(|person| person.key).ok_or_else(stranger);
        }
        let camera: base::CameraId = key_id.parse().map_err(|_| stranger())?;
        let row = self.store.camera(&camera)?.ok_or_else(stranger)?;
        match row.device_key {
            Some(key) => Ok(key),
            None => {
                self.capture_allowed(&camera)?;
                Err(stranger())
            }
        }
    }

    /// Every id that may sign: of people, and of cameras.
    pub fn key_ids(&self) -> Result<HashSet<String>> {
        let people = self.stored_people()?.into_iter().map(|person| person.id.to_string());
        let cameras = self.store.cameras()?.into_iter().map(|camera| camera.id.to_string());
        Ok(people.chain(cameras).collect())
    }

    /// The person behind an id, if they are still here; or the machine.
    pub fn person(&self, id: &PersonId) -> Result<Person> {
        if let Some(machine) = self.as_machine(id)? {
            return Ok(machine);
        }
        let person = self.stored_person(id)?.ok_or_else(|| {
            Error::not_found("There is no such person here; ask an administrator to add them.")
        })?;
        self.still_here(person)
    }

    /// The names of the actions that the rules let a person do.
    pub fn actions(&self, id: &PersonId) -> Result<Vec<&'static str>> {
        let person = self.person(id)?;
        let (rules, now) = (self.rules(), self.now());
        let may = |action: &Action| {
            let said = rules.may(&person.id, &person.roles, *action, now);
            !matches!(said, Decision::Refuse { .. })
        };
        Ok(Action::ALL.into_iter().filter(may).map(Action::name).collect())
    }

    /// Whether somebody may bring files for hot lists: asked before a large one is read.
    pub fn may_bring_lists(&self, by: &PersonId) -> Result<()> {
        self.allowed(by, Action::EditHotList).map(drop)
    }

    /// The person, if the rules let them do `action` at all.
    pub(crate) fn allowed(&self, id: &PersonId, action: Action) -> Result<Person> {
        let person = self.person(id)?;
        if let Some(token) = machine_of(id) {
            self.machine_may(&token, action)?;
            return Ok(person);
        }
        match self.rules().may(&person.id, &person.roles, action, self.now()) {
            Decision::Refuse { rule, because } => {
                tracing::info!(person = %id, %rule, "refused");
                Err(Error::forbidden(because))
            }
            Decision::Allow { .. } | Decision::Narrow { .. } => Ok(person),
        }
    }

    /// A leaf at the present moment, as coarse as the city tells time in public.
    pub(crate) fn leaf(&self, kind: &str) -> Leaf {
        Leaf::new(kind, self.now().floor_to(i64::from(self.config.log.minutes) * 60_000))
    }

    /// The same of what a person did: by office and pseudonym; of a machine, by its token's id.
    pub(crate) fn leaf_by(&self, kind: &str, person: &Person) -> Result<Leaf> {
        let actor = match machine_of(&person.id) {
            Some(token) => token.to_string(),
            None => self.custody.pseudonym(&person.id)?,
        };
        Ok(self.leaf(kind).by(&person.office).actor(actor))
    }
}

/// A key that signs and that nobody here has.
pub fn unknown_key() -> Error {
    Error::unauthenticated("This key is not enrolled here; enrol it first.")
}

/// The key that everybody is handed is that of the log in force: after a succession that was cut off too.
fn follow_key(file: &Path, vkey: &str) -> Result<()> {
    let there = std::fs::read_to_string(file).unwrap_or_default();
    if there.trim() == vkey {
        Ok(())
    } else {
        base::write_atomic(file, format!("{vkey}\n").as_bytes())
    }
}

/// The rules in force must be those whose activation is the newest on the log, and so must what belongs to
/// them: properties and charter.
fn active_is_adopted(
    dir: &Path,
    activations: &crate::past::Activations,
    rules: &Rules,
    adoptions: &crate::adoption::Adoptions,
) -> Result<()> {
    if activations.hash.as_deref() != Some(rules.hash().as_str()) {
        return Err(Error::conflict(
            "rules.cedar is not the set that the log says was adopted; put the adopted file back.",
        ));
    }
    let Some(set) = adoptions.active() else { return Ok(()) };
    let there = crate::adoption::folder_set(dir)?.map(|set| set.hash()).transpose()?;
    if there.as_deref() == Some(set) {
        return Ok(());
    }
    Err(Error::conflict(
        "charter.toml or properties/ are not what the log says was adopted; put the adopted files back.",
    ))
}
