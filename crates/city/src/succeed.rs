//! A log that lost entries is not gone on with: it gets a successor.
//!
//! What was lost cannot be made up, and a log that goes on from an older copy of itself would show two
//! histories. So the old one is put aside as it is, and a new one begins whose first entry says what was
//! found of the old one and what is known to have been. An order to switch off may be among the lost
//! entries: everything is off until it is ordered on again, by as many people as that takes.
//!
//! Crash-safe: the successor is built beside the log and takes its place by renaming, which opening
//! finishes ([`settle`]).

use crate::init::Paths;
use crate::past::Past;
use crate::switch::Switches;
use crate::{City, Config};
use base::{Clock, Error, HoldId, Kind, Result, SigningKey, Time, b64, write_atomic};
use ledger::{Folder, Leaf, Log, Memory, Seen};
use std::fs;
use std::path::{Path, PathBuf};
use store::Store;

/// Under this name the store remembers the log, for where it lies on another machine.
const META: &str = "log/seen";
/// The levels that may have been switched off by a lost entry.
const LEVELS: [&str; 4] = ["capture", "job", "asking", "sharing"];

/// Why a log needs a successor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It was longer, or another, when it was last looked at.
    Remembered(Seen),
    /// A witness has seen so many entries of it, or another history.
    Witnessed(String, u64),
    /// It cannot be read any more, in these words.
    Unreadable(String),
    /// It was put together from a copy of this moment, and nobody can say that nothing came after.
    Restored(Time),
}

/// What has been begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The new log's origin.
    pub origin: String,
    /// Its verifier key.
    pub vkey: String,
    /// Entries that were found of the old one.
    pub found: u64,
    /// Entries that it is known to have had.
    pub known: Option<u64>,
    /// Where the old one lies now.
    pub old: PathBuf,
    /// Holds that are not wholly preserved and cannot go on: no entry that is left commits to what they ask for.
    pub unfinished: Vec<HoldId>,
    /// Where the city's folder had other rules than those that go on: the file that has them now.
    pub replaced: Option<PathBuf>,
}

/// The place of the log of a generation that is over.
pub(crate) fn past(dir: &Path, generation: u32) -> PathBuf {
    dir.join(format!("log.{generation}"))
}

/// Which generation of its log a city has: 1, and one more for each that was succeeded.
pub(crate) fn generation(dir: &Path) -> u32 {
    (1..).find(|n| !past(dir, *n).exists()).unwrap_or(1)
}

/// The origin of the present log.
pub(crate) fn origin(dir: &Path, config: &Config) -> String {
    origin_of(config, generation(dir))
}

/// The origin of the log of a generation.
pub(crate) fn origin_of(config: &Config, generation: u32) -> String {
    match generation {
        1 => config.origin(),
        n => format!("{}/{n}", config.origin()),
    }
}

/// Finishes a succession that was cut off between its two renames.
pub(crate) fn settle(dir: &Path) -> Result<()> {
    let (log, next) = (dir.join("log"), dir.join("log.next"));
    if log.exists() || generation(dir) == 1 || !next.join("checkpoint").exists() {
        return Ok(());
    }
    fs::rename(&next, &log)
        .and_then(|()| fs::File::open(dir)?.sync_all())
        .map_err(|e| moving(dir, e))
}

fn moving(dir: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!(
        "The log's folders in {} cannot be moved; check the disk and the folder's owner.",
        dir.display()
    ))
    .because(e)
}

/// Whether the log is what it is remembered to have been, in the store and in `memory`.
pub(crate) fn remembered(
    log: &Log,
    store: &Store,
    memory: Option<&Memory>,
) -> Result<Option<Lost>> {
    let outside = memory.map(|m| m.recall(log.vkey())).transpose()?.flatten();
    for seen in outside.into_iter().chain(in_store(log, store)?) {
        if !log.extends(&seen)? {
            return Ok(Some(Lost::Remembered(seen)));
        }
    }
    Ok(None)
}

fn in_store(log: &Log, store: &Store) -> Result<Option<Seen>> {
    let Some(text) = store.meta(META)? else { return Ok(None) };
    let mut words = text.split(' ');
    let (Some(vkey), Some(size), Some(root)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let size = size.parse().ok().filter(|_| vkey == log.vkey());
    Ok(size.map(|size| Seen { size, root: root.to_owned() }))
}

impl Lost {
    /// What the operator is to do.
    pub fn told(&self) -> Error {
        let what = match self {
            Lost::Remembered(seen) => {
                format!("The log is not the one of {} entries that was here before", seen.size)
            }
            Lost::Witnessed(who, size) => {
                format!("The witness {who} has seen {size} entries or another history of this log")
            }
            Lost::Restored(at) => format!("The log is a copy of {at}"),
            Lost::Unreadable(why) => {
                return Error::invalid(format!(
                    "{why} If there is no copy of the log, begin its successor with `homeplate succeed`."
                ));
            }
        };
        Error::conflict(format!(
            "{what}: an older copy was put back. Put the newest copy of the log back, or begin its \
             successor with `homeplate succeed`."
        ))
    }
}

/// Whether the log in `dir` has lost something, by itself and by what is remembered.
pub fn lost(dir: &Path, memory: Option<&Memory>) -> Result<Option<Lost>> {
    settle(dir)?;
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    let store = Store::open_at(&config.place(&paths.store), &config.pictures_of(dir)?)?;
    match open_log(dir, &paths, &config) {
        Ok((log, _)) => remembered(&log, &store, memory),
        Err(e) if unreadable(&e) => Ok(Some(Lost::Unreadable(e.message().to_owned()))),
        Err(e) => Err(e),
    }
}

/// Not for a disk that is away, and not while another process has the log open.
pub(crate) fn unreadable(e: &Error) -> bool {
    matches!(e.kind(), Kind::Invalid | Kind::NotFound | Kind::Unauthenticated)
}

/// Opens the log in force, and tells what was there to be known from it.
pub(crate) fn open_log(dir: &Path, paths: &Paths, config: &Config) -> Result<(Log, Past)> {
    let key = SigningKey::load(&paths.log_key)?;
    let mut past = Past::default();
    let objects = Box::new(Folder::new(&paths.log));
    let show = &mut |index, leaf: &Leaf| past.add(index, leaf);
    let log = Log::open_showing(objects, &origin(dir, config), key, show)?;
    Ok((log, past))
}

/// The origin of the log in force of the city in `dir`, as witnesses know it.
pub fn log_origin(dir: &Path) -> Result<String> {
    Ok(origin(dir, &Config::load(&Paths::new(dir).config)?))
}

/// The names of the witnesses of the log of the city in `dir`, and where each answers.
pub fn log_witnesses(dir: &Path) -> Result<Vec<(String, Option<String>)>> {
    let config = Config::load(&Paths::new(dir).config)?;
    let Some(text) = config.log.policy_text(dir)? else { return Ok(Vec::new()) };
    let policy = ledger::Policy::parse(&text)?;
    Ok(policy.witnesses().iter().map(|w| (w.name.clone(), w.url.clone())).collect())
}

/// How many entries the log of the city in `dir` has. The server must not be running.
pub fn log_size(dir: &Path) -> Result<u64> {
    let paths = Paths::new(dir);
    Ok(open_log(dir, &paths, &Config::load(&paths.config)?)?.0.size())
}

/// How many entries a witness's newest checkpoint of the log in `dir` promises, if it is one: signed by the log and
/// by a witness of the city's policy. Where that is more than the city knew, it is kept for the successor to
/// commit to. With it: whether it is what the log itself says of so many entries.
pub fn note_witnessed(dir: &Path, text: &str) -> Result<Option<(u64, bool)>> {
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    let Some(policy) = config.log.policy_text(dir)? else { return Ok(None) };
    let policy = ledger::Policy::parse(&policy)?;
    let (log, _) = open_log(dir, &paths, &config)?;
    let Ok(seen) = policy.open(Some(log.vkey()), text.as_bytes()) else { return Ok(None) };
    if seen.by.is_empty() {
        return Ok(None);
    }
    let root = text.lines().nth(2).unwrap_or_default().to_owned();
    let ours = seen.size <= log.size() && log.extends(&Seen { size: seen.size, root })?;
    let file = dir.join("log.cosigned");
    let known = fs::read(&file).ok().and_then(|text| policy.open(Some(log.vkey()), &text).ok());
    if known.is_none_or(|known| known.size < seen.size) {
        write_atomic(&file, text.as_bytes())?;
    }
    Ok(Some((seen.size, ours)))
}

/// Puts the log aside and begins its successor. The server must not be running.
pub fn succeed(dir: &Path, lost: &Lost, clock: &dyn Clock) -> Result<Successor> {
    settle(dir)?;
    let paths = Paths::new(dir);
    let config = Config::load(&paths.config)?;
    let store = Store::open_at(&config.place(&paths.store), &config.pictures_of(dir)?)?;
    let (told, found) = match open_log(dir, &paths, &config) {
        Ok((log, told)) => (told, log.seen()?),
        Err(e) if unreadable(&e) => (Past::default(), Seen { size: 0, root: String::new() }),
        Err(e) => return Err(e),
    };
    let cosigned = fs::read_to_string(dir.join("log.cosigned")).ok();
    let old = generation(dir);
    let origin = format!("{}/{}", config.origin(), old + 1);
    let now = clock.now().floor_to(i64::from(config.log.minutes) * 60_000);
    let first = Leaf::new("log.successor", now).id(&origin);
    let first = said(first, &crate::succeed::origin(dir, &config), &found, lost, cosigned);
    let (set, replaced) = crate::adoption::set_that_goes_on(dir, told.adoptions)?;
    let rules = crate::keeper::rules(&paths)?;
    let rules = crate::adoption::first_activation(&rules, set.as_ref(), now)?;
    // Whether offices signed it the log before would say, and a later set may be among what that lost.
    let mut fresh = vec![first, rules.fact("unsigned", true)];
    fresh.extend(carried(&store, &told.switches, now, clock.now())?);
    let (holds, unfinished) = carried_holds(&store, &told.kept, now)?;
    fresh.extend(holds);
    let vkey = build(dir, &paths, &origin, &fresh)?;
    swap(dir, &paths, old)?;
    write_atomic(&paths.vkey, format!("{vkey}\n").as_bytes())?;
    let known = match lost {
        Lost::Remembered(seen) => Some(seen.size),
        Lost::Witnessed(_, size) => Some(*size),
        Lost::Unreadable(_) | Lost::Restored(_) => None,
    };
    let old = past(dir, old);
    Ok(Successor { origin, vkey, found: found.size, known, old, unfinished, replaced })
}

/// The first entry: what is left of the old log, and what it is known to have been.
fn said(first: Leaf, old: &str, found: &Seen, lost: &Lost, cosigned: Option<String>) -> Leaf {
    let leaf = first.fact("predecessor", old).fact("found", found.size);
    let leaf =
        if found.root.is_empty() { leaf } else { leaf.fact("found_root", found.root.as_str()) };
    // The witnesses' word on the old log, as far as this machine has it.
    let leaf = match cosigned {
        Some(text) => leaf.fact("witnessed", b64(text.as_bytes())),
        None => leaf,
    };
    match lost {
        Lost::Remembered(seen) => leaf
            .fact("why", "set-back")
            .fact("known", seen.size)
            .fact("known_root", seen.root.as_str()),
        Lost::Witnessed(who, size) => {
            leaf.fact("why", "set-back").fact("known", *size).fact("known_by", who.as_str())
        }
        Lost::Unreadable(_) => leaf.fact("why", "unreadable"),
        Lost::Restored(at) => leaf.fact("why", "restored").fact("copy", at.to_string()),
    }
}

/// The state that goes on: the cameras, those that left, and everything switched off.
/// `now` is as the log tells time; `at` is the moment itself, up to which what cameras captured is taken.
fn carried(store: &Store, switches: &Switches, now: Time, at: Time) -> Result<Vec<Leaf>> {
    let mut out = Vec::new();
    let off = |level: &str| {
        Leaf::new("order.off", now)
            .fact("level", level)
            .fact("at", at.to_string())
            .fact("reason", "An order may be among the lost entries of the log before this one.")
    };
    for camera in store.cameras()? {
        let mut leaf = Leaf::new("camera.enrolled", now)
            .id(camera.id.as_str())
            .fact("name", camera.name.as_str());
        if let (Some(lat), Some(lon)) = (camera.lat, camera.lon) {
            leaf = leaf.fact("lat", lat).fact("lon", lon);
        }
        let retired = switches.retired(&camera.id).is_some();
        // With it everybody can check in this log, too, what the device says of itself.
        if let Some(key) = camera.device_key.filter(|_| !retired) {
            leaf = leaf.fact("key", key.to_string());
        }
        out.push(leaf);
        if retired {
            out.push(Leaf::new("camera.retired", now).id(camera.id.as_str()));
        } else if switches.one_off(&camera.id, now) {
            out.push(off("capture").fact("camera", camera.id.as_str()));
        }
    }
    out.extend(LEVELS.iter().map(|level| off(level)));
    // What was scheduled stays so, when the city is ordered on again.
    for planned in switches.planned(now) {
        let mut leaf = Leaf::new("order.off", now)
            .id(planned.id.as_str())
            .fact("level", planned.level.as_str())
            .fact("at", at.to_string())
            .fact("reason", planned.reason.as_str())
            .fact("from", planned.from.to_string());
        if let Some(cameras) = &planned.cameras {
            let names: Vec<&str> = cameras.iter().map(String::as_str).collect();
            leaf = leaf.fact("cameras", names.join(" "));
        }
        if let Some(until) = planned.until {
            leaf = leaf.fact("until", until.to_string());
        }
        if planned.erase {
            leaf = leaf.fact("spool", "erase");
        }
        out.push(leaf);
    }
    Ok(out)
}

/// The holds that stand, so that one that nobody reviews in time shows as overdue in this log too. One that is still
/// being preserved needs an entry that commits to all of it, which `leaves` has; gives those for which there is none.
fn carried_holds(store: &Store, leaves: &[Leaf], now: Time) -> Result<(Vec<Leaf>, Vec<HoldId>)> {
    let (mut out, mut unfinished) = (Vec::new(), Vec::new());
    for hold in store.holds()?.into_iter().filter(|hold| hold.released.is_none()) {
        let id = hold.id.to_string();
        let mut leaf = Leaf::new("hold.placed", now).id(&id);
        if hold.preserving {
            let mut placed = leaves.iter().filter(|leaf| leaf.kind == "hold.placed");
            match placed.find(|leaf| leaf.id.as_ref() == Some(&id) && leaf.body.is_some()) {
                Some(placed) => {
                    leaf.facts = placed.facts.clone();
                    leaf.body = placed.body.clone();
                }
                None => unfinished.push(hold.id),
            }
        }
        out.push(leaf.fact("review", hold.review.to_string()));
    }
    Ok((out, unfinished))
}

/// Builds the successor beside the log; one that was begun before never had a reader.
fn build(dir: &Path, paths: &Paths, origin: &str, leaves: &[Leaf]) -> Result<String> {
    let next = dir.join("log.next");
    match fs::remove_dir_all(&next) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(moving(dir, e)),
        _ => {}
    }
    let key = SigningKey::load(&paths.log_key)?;
    let log = Log::create(Box::new(Folder::new(&next)), origin, key)?;
    log.append_all(leaves)?;
    let vkey = log.vkey().to_owned();
    drop(log);
    let _ = fs::remove_file(dir.join("log.next.lock"));
    Ok(vkey)
}

/// The old log steps aside, the new one takes its place.
fn swap(dir: &Path, paths: &Paths, old: u32) -> Result<()> {
    let beside = |what: &str| dir.join(format!("log.{old}.{what}"));
    let vkey = fs::read(&paths.vkey).unwrap_or_default();
    write_atomic(&beside("vkey"), &vkey)?;
    match fs::rename(dir.join("log.cosigned"), beside("cosigned")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(moving(dir, e)),
        _ => {}
    }
    let aside = past(dir, old);
    let moved = match fs::rename(&paths.log, &aside) {
        // Not even a folder is left of it.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => fs::create_dir(&aside),
        other => other,
    };
    moved.map_err(|e| moving(dir, e))?;
    settle(dir)
}

impl City {
    /// Remembers how long the log is, here and in `memory`: an older copy of it will be known by that.
    pub fn remember(&self) -> Result<()> {
        let seen = self.log.seen()?;
        self.store.set_meta(META, &format!("{} {} {}", self.log.vkey(), seen.size, seen.root))?;
        match &self.memory {
            Some(memory) => memory.remember(self.log.vkey(), &seen),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption_tests::{Prover, narrow, sign};
    use crate::kit::{Town, clerk, person};
    use crate::{NewProposal, RuleHistory};
    use base::CameraId;
    use std::sync::Arc;

    /// A folder of before beside a newer log brings no older rules back, and whoever reads the new log sees that nobody
    /// signed there for what it begins with.
    #[test]
    fn the_rules_that_the_log_adopted_go_on() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let city = &town.city;
        city.reach_prover(Arc::new(Prover));
        let rules = narrow();
        let new = NewProposal { rules, properties: None, charter: None, proofs: None };
        let id = city.propose(&clerk(), new).unwrap().id;
        let done = city.sign_proposal(&clerk(), &id, sign(city, &id, &town.admin_key));
        assert_eq!(done.unwrap().state, "active");
        let old = town.copy();
        fs::write(Paths::new(old.path()).rules, policy::Rules::standard()).unwrap();
        city.announce().unwrap();
        let why = Lost::Remembered(city.log.seen().unwrap());
        let made = succeed(old.path(), &why, old.clock.as_ref()).unwrap();
        let kept = fs::read_to_string(made.replaced.unwrap()).unwrap();
        assert_eq!(identity::RuleSet::parse(&kept).unwrap().rules, policy::Rules::standard());
        let new = old.open().unwrap();
        assert_eq!(new.rules().hash(), city.rules().hash());
        let unsigned = |city: &City| {
            let mut history = RuleHistory::new(&city.origin());
            let leaves = city.log.leaves(0, city.log.size()).unwrap();
            (0u64..).zip(&leaves).try_for_each(|(at, leaf)| history.add(at, leaf)).unwrap();
            history.changes().last().unwrap().unsigned
        };
        assert!(unsigned(&new) && !unsigned(city));
    }

    fn camera() -> CameraId {
        "cam_one".parse().unwrap()
    }

    #[test]
    fn an_older_copy_is_noticed_and_succeeded() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let memory = Memory::new(town.dir().join("elsewhere"));
        town.pass("7ABC128");
        let city = town.city.clone();
        city.ask(&person(), town.question("7ABC128")).unwrap();
        let old = town.copy();
        assert_eq!(lost(old.path(), Some(&memory)).unwrap(), None, "nothing is remembered yet");
        city.ask(&person(), town.question("7ABC128")).unwrap();
        memory.remember(&city.vkey(), &city.log.seen().unwrap()).unwrap();

        let e = old.open_with(Some(&memory)).err().unwrap();
        assert!(e.message().contains("homeplate succeed"), "{e}");
        let why = lost(old.path(), Some(&memory)).unwrap().unwrap();
        let made = succeed(old.path(), &why, old.clock.as_ref()).unwrap();
        assert_eq!(made.origin, "homeplate/s/2");
        assert!(made.known > Some(made.found) && made.found > 0, "{made:?}");

        let new = old.open_with(Some(&memory)).unwrap();
        let figures = new.log.figures();
        let before = figures.succeeds.unwrap();
        assert_eq!((before.origin.as_str(), before.found), ("homeplate/s", made.found));
        assert_eq!(before.known, made.known);
        // Nothing goes on by itself.
        let e = new.ask(&person(), town.question("7ABC128")).err().unwrap();
        assert!(e.message().contains("off"), "{e}");
        assert!(new.capture_allowed(&camera()).is_err() && new.jobs_off());
        drop(new);
        // Both logs verify, each with its own key, and the old one is as it was found.
        let dir = old.path();
        ledger::verify(&dir.join("log"), &made.vkey).unwrap();
        let vkey = fs::read_to_string(dir.join("log.1.vkey")).unwrap();
        assert_eq!(ledger::verify(&dir.join("log.1"), vkey.trim()).unwrap().size, made.found);
        assert_eq!(lost(dir, Some(&memory)).unwrap(), None);
    }

    /// What a camera says of itself is checked with its own key in the new log too.
    #[test]
    fn cameras_keep_their_keys() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let (city, device) = (&town.city, SigningKey::generate());
        let code = city.enrolment_code(&person(), &camera(), "One", None).unwrap();
        city.enrol(crate::Enrol { code, camera: camera(), device_key: device.public() }).unwrap();
        let old = town.copy();
        city.announce().unwrap();
        let why = Lost::Remembered(city.log.seen().unwrap());
        succeed(old.path(), &why, old.clock.as_ref()).unwrap();
        let new = old.open().unwrap();
        let leaves = new.log.leaves(0, new.log.size()).unwrap();
        let enrolled = leaves.iter().filter(|leaf| leaf.kind == "camera.enrolled");
        let keys: Vec<Option<&str>> = enrolled.map(|leaf| leaf.text("key")).collect();
        assert_eq!(keys, [Some(device.public().to_string().as_str())]);
    }

    #[test]
    fn the_store_remembers_where_the_log_alone_was_set_back() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let old = town.copy();
        town.city.announce().unwrap();
        town.city.remember().unwrap();
        let now = town.copy();
        fs::remove_dir_all(now.path().join("log")).unwrap();
        fs::rename(old.path().join("log"), now.path().join("log")).unwrap();
        let e = now.open().err().unwrap();
        assert_eq!(e.kind(), Kind::Conflict, "{e}");
        assert!(matches!(lost(now.path(), None).unwrap(), Some(Lost::Remembered(_))));
    }

    #[test]
    fn an_unreadable_log_is_succeeded_wherever_that_is_cut_off() {
        for cut in 0..4 {
            let town = Town::new("2026-11-01T12:00:00Z", "");
            let old = town.copy();
            let dir = old.path().to_owned();
            match cut {
                0 => fs::remove_file(dir.join("log/checkpoint")).unwrap(),
                _ => fs::remove_dir_all(dir.join("log")).unwrap(),
            }
            let e = old.open().err().unwrap();
            assert!(e.message().contains("homeplate succeed"), "{e}");
            let why = lost(&dir, None).unwrap().unwrap();
            assert!(matches!(why, Lost::Unreadable(_)));
            let mut made = succeed(&dir, &why, old.clock.as_ref()).unwrap();
            assert_eq!((made.found, made.known), (0, None));
            match cut {
                // Between the two renames.
                2 => fs::rename(dir.join("log"), dir.join("log.next")).unwrap(),
                // Before the new key was written down.
                3 => fs::copy(dir.join("log.1.vkey"), dir.join("log.vkey")).map(|_| ()).unwrap(),
                _ => {}
            }
            let city = old.open().unwrap();
            assert_eq!(city.vkey(), made.vkey);
            assert_eq!(fs::read_to_string(dir.join("log.vkey")).unwrap().trim(), made.vkey);
            drop(city);
            // And once more: a third log.
            fs::remove_dir_all(dir.join("log")).unwrap();
            made = succeed(&dir, &why, old.clock.as_ref()).unwrap();
            assert_eq!(made.origin, "homeplate/s/3");
            old.open().unwrap();
        }
    }

    /// What was ordered off by an entry that is left stays off when the whole city is ordered on.
    #[test]
    fn what_was_off_stays_off() {
        let town = Town::new("2026-11-01T12:00:00Z", "[switch]\non_signatures=1\n");
        let order = |city: &City, level: &str, camera: Option<CameraId>, power: read::Power| {
            let leaf = Leaf::new(
                if power == read::Power::Off { "order.off" } else { "order.on" },
                city.now(),
            )
            .fact("level", level);
            let leaf = match camera {
                Some(camera) => leaf.fact("camera", camera.as_str()),
                None => leaf,
            };
            city.log.append(&leaf).unwrap();
            city.switches().add(city.log.size() - 1, &leaf);
        };
        order(&town.city, "capture", Some(camera()), read::Power::Off);
        let old = town.copy();
        town.city.announce().unwrap();
        let why = Lost::Remembered(town.city.log.seen().unwrap());
        succeed(old.path(), &why, old.clock.as_ref()).unwrap();
        let city = old.open().unwrap();
        order(&city, "capture", None, read::Power::On);
        assert!(city.capture_allowed(&camera()).is_err());
        order(&city, "capture", Some(camera()), read::Power::On);
        assert!(city.capture_allowed(&camera()).is_ok());
    }
}
