//! Examining a city from its folder: what is wrong, in plain words, and how to mend it.
//!
//! Nothing is changed, but for what opening custody and store always does: a destruction that a crash
//! cut off is finished. While the server runs, store and keys are its own and are left out; a custody of its own is asked.

use crate::init::Paths;
use crate::{Config, CustodyProcess};
use base::{Clock, Kind, Result, SigningKey, Time};
use ledger::Policy;
use policy::Rules;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::Store;

/// Less than so many bytes, or than a hundredth of the disk, is too little room.
const ROOM: u64 = 500 << 20;
/// A clock may be so far behind the newest entry of the log.
const BEHIND_MS: i64 = 60_000;
/// So long the largest hold may take.
const DAY_MS: i64 = 86_400_000;
/// Homeplate is younger than any moment before this one.
const EARLIEST: &str = "2026-01-01T00:00:00Z";

/// How it stands with one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In order.
    Fine,
    /// Works, but somebody should look.
    Look,
    /// Must be mended.
    Wrong,
}

/// What was found of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `configuration`, `address`, `certificate`, `authority`, `rules`, `log`, `witnesses`, `keys`, `store`, `pictures`,
    /// `lists`, `delivery`, `copy`, `map`, `disk`, `plan`, `clock`.
    pub part: &'static str,
    /// How it stands.
    pub state: State,
    /// One sentence; where something is wrong, with what to do.
    pub message: String,
}

fn finding(part: &'static str, state: State, message: impl Into<String>) -> Finding {
    Finding { part, state, message: message.into() }
}

/// Examines the city in `dir`. Every part is looked at, whatever is wrong with the others.
pub fn check(dir: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let paths = Paths::new(dir);
    let mut out = Vec::new();
    let config = match Config::load(&paths.config) {
        Ok(config) => {
            let days = config.retention.reads_days;
            let message = format!("{}: reads are kept {days} days.", config.city.name);
            out.push(finding("configuration", State::Fine, message));
            Some(config)
        }
        Err(e) => {
            out.push(finding("configuration", State::Wrong, e.message()));
            None
        }
    };
    if let Some(config) = &config {
        out.extend(crate::check_address::check_address(dir, config, clock));
    }
    let (newest, holds) = check_log(&paths, &mut out);
    if let Some(config) = &config {
        check_witnesses(dir, &paths, config, &mut out);
        if let Some(store) = check_stored(dir, &paths, config, &mut out) {
            out.extend(check_holds(&store, &holds, clock.now()));
        }
        if config.custody.process == CustodyProcess::Own {
            out.push(check_keys(dir, &paths, config));
        }
    }
    let mut secrets = Vec::new();
    if let Some(config) = &config {
        for wrong in crate::map::check(dir, &config.map) {
            let say = format!("{wrong}; put the file of the map right in homeplate.toml.");
            out.push(finding("map", State::Look, say));
        }
        out.extend(check_groups(&paths.rules, config));
        let mappings = config.hotlist_drop.iter().filter_map(|drop| drop.mapping.as_deref());
        let mappings =
            mappings.chain(config.hotlist_fetch.iter().filter_map(|of| of.mapping.as_deref()));
        let wrong = mappings.filter_map(|file| crate::imports::mapping_in(dir, file).err());
        let wrong = wrong.map(|e| e.message().to_owned());
        for say in crate::drops::check(dir, &config.hotlist_drop).into_iter().chain(wrong) {
            out.push(finding("lists", State::Look, say));
        }
        let (found, files) = crate::ringing::check_delivery(dir, config);
        out.extend(found);
        secrets = files;
    }
    if let Some((fine, message)) =
        config.as_ref().and_then(|config| crate::copy::found(dir, &config.copy, clock.now()))
    {
        out.push(finding("copy", if fine { State::Fine } else { State::Wrong }, message));
    }
    check_modes(dir, &paths, config.as_ref(), secrets, &mut out);
    out.push(check_disk(dir));
    out.push(check_clock(clock.now(), newest));
    out.extend(crate::check_address::check_sync());
    out
}

/// The log whole, its key, and the rules that it says were adopted. Gives its newest moment, and the holds that stand.
fn check_log(paths: &Paths, out: &mut Vec<Finding>) -> (Option<Time>, Vec<String>) {
    let vkey = match std::fs::read_to_string(&paths.vkey) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => {
            let message = "log.vkey is missing; restore it: it is the log's public key.";
            out.push(finding("log", State::Wrong, message));
            return (None, Vec::new());
        }
    };
    let (mut newest, mut adopted, mut holds) = (None, None, Vec::new());
    let checked = ledger::verify_each(&paths.log, &vkey, &[], &mut |_, leaf| {
        newest = Some(leaf.time);
        if leaf.kind == "policy.activated" {
            adopted = leaf.facts.get("hash").and_then(|h| h.as_str()).map(str::to_owned);
        }
    });
    match checked {
        Ok(report) => {
            let message = format!("{} entries, every byte as it was signed.", report.size);
            out.push(finding("log", State::Fine, message));
            if report.figures.open_intents > 0 {
                let message = format!(
                    "{} questions have no outcome: a crash came between. Nothing is to be mended; the \
                     public page shows them.",
                    report.figures.open_intents
                );
                out.push(finding("log", State::Look, message));
            }
            out.push(check_rules(&paths.rules, adopted.as_deref()));
            holds = report.figures.holds.into_keys().collect();
        }
        Err(e) => out.push(finding("log", State::Wrong, e.message())),
    }
    if let Err(e) = SigningKey::load(&paths.log_key) {
        out.push(finding("log", State::Wrong, e.message()));
    }
    (newest, holds)
}

/// The policy, and how much of the log its witnesses have signed.
fn check_witnesses(dir: &Path, paths: &Paths, config: &Config, out: &mut Vec<Finding>) {
    let policy =
        match config.log.policy_text(dir).and_then(|t| t.as_deref().map(Policy::parse).transpose())
        {
            Ok(Some(policy)) => policy,
            Ok(None) => {
                let message =
                    "None: the log is signed by the city alone; log.witnesses names some.";
                return out.push(finding("witnesses", State::Look, message));
            }
            Err(e) => return out.push(finding("witnesses", State::Wrong, e.message())),
        };
    let vkey = std::fs::read_to_string(&paths.vkey).unwrap_or_default();
    let text = std::fs::read(dir.join("log.cosigned")).unwrap_or_default();
    out.push(match policy.open(Some(vkey.trim()), &text) {
        Ok(seen) if seen.quorum => {
            let by: Vec<String> = seen.by.iter().map(|(n, at)| format!("{n} at {at}")).collect();
            finding("witnesses", State::Fine, format!("{} entries signed by {}.", seen.size, by.join(", ")))
        }
        _ => {
            let message = "They have signed nothing yet: start the server, or ask them whether they \
                           follow this log.";
            finding("witnesses", State::Look, message)
        }
    });
}

fn check_rules(path: &Path, adopted: Option<&str>) -> Finding {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) => {
            let message = "rules.cedar is missing; restore the adopted rules.";
            return finding("rules", State::Wrong, message);
        }
    };
    match Rules::adopted(&text) {
        Err(e) => finding("rules", State::Wrong, e.message()),
        Ok(rules) if adopted == Some(rules.hash().as_str()) => {
            let message = format!("{} rules, as adopted on the log.", rules.ids().count());
            finding("rules", State::Fine, message)
        }
        Ok(_) => {
            let message = "rules.cedar is not the set that the log says was adopted; put the adopted \
                           file back.";
            finding("rules", State::Wrong, message)
        }
    }
}

/// Groups of the directory with a role that the rules do not have: nobody of them is let in.
fn check_groups(path: &Path, config: &Config) -> Vec<Finding> {
    let rules = std::fs::read_to_string(path).ok().and_then(|text| Rules::adopted(&text).ok());
    // Rules that cannot be read are told of by themselves.
    let Some(rules) = rules else { return Vec::new() };
    let groups = config.directory_group.iter();
    let lost = groups.filter_map(|g| Some((g, g.roles.iter().find(|role| !rules.has_role(role))?)));
    let say = |name: &str, role: &str| {
        format!(
            "Nobody of the directory's group {name:?} is let in: the rules have no role {role:?}."
        )
    };
    lost.map(|(g, role)| finding("rules", State::Look, say(&g.name, role))).collect()
}

/// Store and custody, which only one process may have open. Gives the store where it can be opened.
fn check_stored(
    dir: &Path,
    paths: &Paths,
    config: &Config,
    out: &mut Vec<Finding>,
) -> Option<Store> {
    let pictures = match config.pictures_of(dir) {
        Ok(pictures) => pictures,
        Err(e) => {
            out.push(finding("pictures", State::Wrong, e.message()));
            return None;
        }
    };
    // An empty store is not made where there is none.
    let store = match Store::open_made(&config.place(&paths.store), &pictures) {
        Ok(store) => store,
        Err(e) if e.kind() == Kind::Unavailable && e.message().contains("Another process") => {
            let message = "The server is running: stop it to have store and keys examined too.";
            out.push(finding("store", State::Look, message));
            out.extend(crate::check_address::check_plan(dir, config, None));
            return None;
        }
        Err(e) => {
            out.push(finding("store", State::Wrong, e.message()));
            return None;
        }
    };
    out.extend(crate::check_address::check_plan(dir, config, Some(&store)));
    match examine(&store) {
        Ok((days, wrong)) if wrong.is_empty() => {
            let message = format!("{days} days of reads, whole and without orphans.");
            out.push(finding("store", State::Fine, message));
        }
        Ok((_, wrong)) => {
            out.extend(wrong.into_iter().map(|w| finding("store", State::Wrong, w)));
        }
        Err(e) => out.push(finding("store", State::Wrong, e.message())),
    }
    check_pictures(&store, out);
    if config.custody.process == CustodyProcess::Inside {
        out.push(check_keys(dir, paths, config));
    }
    Some(store)
}

/// Holds of the log that are still not wholly preserved a day after they were placed. What is wrong with the store itself
/// is said elsewhere.
fn check_holds(store: &Store, placed: &[String], now: Time) -> Vec<Finding> {
    let mut late = store.holds().unwrap_or_default();
    late.retain(|hold| hold.preserving && now.since(hold.id.time()) > DAY_MS);
    let late = late.into_iter().filter(|hold| placed.contains(&hold.id.to_string()));
    let say = |id: base::HoldId| {
        format!(
            "Hold {id} is still not wholly preserved, a day after it was placed; the server's log says why."
        )
    };
    late.map(|hold| finding("store", State::Look, say(hold.id))).collect()
}

/// The keys themselves, or that the custody that has them answers.
fn check_keys(dir: &Path, paths: &Paths, config: &Config) -> Finding {
    if config.custody.process == CustodyProcess::Own {
        let vkey = std::fs::read_to_string(&paths.vkey).unwrap_or_default();
        let socket = config.custody.socket_in(dir);
        let connected = crate::keeper::rules(paths).and_then(|rules| {
            let terms = crate::keeper::terms(dir, config, vkey.trim())?;
            custody::Remote::connect(&socket, &rules, terms)
        });
        match connected {
            Ok(_) => {
                let message = "Custody runs, and goes by the same rules, witnesses and log.";
                return finding("keys", State::Fine, message);
            }
            // Only the server's user is answered; that it refuses somebody else shows that it runs.
            Err(e) if e.kind() == base::Kind::Forbidden => {
                return finding("keys", State::Look, e.message());
            }
            Err(e) if e.kind() == base::Kind::Conflict => {
                return finding("keys", State::Wrong, e.message());
            }
            Err(_) if config.custody.server_user.is_some() => {
                let message = "Custody does not run: systemctl start homeplate-custody; without the package \
                               `homeplate custody` as its user.";
                return finding("keys", State::Wrong, message);
            }
            // The server starts it.
            Err(_) => {}
        }
    }
    if let Some(message) = config.custody.secret.as_deref().and_then(crate::keeper::handed_over) {
        return finding("keys", State::Look, message);
    }
    let opened = crate::keeper::kek(dir, config).and_then(|kek| {
        let options = custody::Options {
            dir: paths.custody.clone(),
            epoch_s: config.keys.epoch_s,
            log_vkey: std::fs::read_to_string(&paths.vkey).unwrap_or_default().trim().to_owned(),
            witnesses: None,
            kek,
        };
        custody::Custody::open(&options, Arc::new(Rules::parse(Rules::standard())?))
    });
    match opened {
        Ok(_) => finding("keys", State::Fine, "The city's keys open."),
        Err(e) => finding("keys", State::Wrong, e.message()),
    }
}

fn check_pictures(store: &Store, out: &mut Vec<Finding>) {
    let found = match store.check_pictures() {
        Ok(found) => found,
        Err(e) => return out.push(finding("pictures", State::Wrong, e.message())),
    };
    if found.wrong.is_empty() {
        let message = format!("{} packs of pictures, each as long as its reads say.", found.packs);
        out.push(finding("pictures", State::Fine, message));
    }
    out.extend(found.wrong.into_iter().map(|w| finding("pictures", State::Wrong, w)));
    if found.orphans > 0 {
        let message = format!(
            "{} packs ({} kB) belong to no read: a crash came between, or a batch came twice. Nothing is to \
             be mended; the server removes them when they are a day old.",
            found.orphans,
            found.orphan_bytes.div_ceil(1000)
        );
        out.push(finding("pictures", State::Look, message));
    }
}

fn examine(store: &Store) -> Result<(usize, Vec<String>)> {
    Ok((store.days()?.len(), store.check()?))
}

/// Keys that others than their owner can read are keys of everybody; so are the way to the pictures and
/// a password, which may stand in a configuration with the address of a store.
fn check_modes(
    dir: &Path,
    paths: &Paths,
    config: Option<&Config>,
    mut files: Vec<PathBuf>,
    out: &mut Vec<Finding>,
) {
    files.push(paths.log_key.clone());
    let password = config.is_some_and(|config| config.store.url.is_some());
    files.extend(password.then(|| paths.config.clone()));
    files.extend(config.and_then(|config| config.credentials(dir)));
    files.extend(config.and_then(|config| config.copy.credentials_in(dir)));
    let secret = config.and_then(|config| crate::keeper::secret_file(dir, config));
    if secret.as_ref().is_some_and(|file| file.starts_with(dir)) {
        let message = "custody.secret lies in the data folder, beside the key it protects: who copies one has \
                       the other; put it elsewhere.";
        out.push(finding("keys", State::Look, message));
    }
    files.extend(secret);
    if let Ok(entries) = std::fs::read_dir(&paths.custody) {
        files.extend(entries.filter_map(|e| e.ok().map(|e| e.path())));
    }
    // Custody of a user of its own reads the configuration by its group (`give_to_users`).
    let group = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.gid());
    let apart = config.is_some_and(|config| config.custody.server_user.is_some());
    let shared =
        apart && group(&paths.config).is_some_and(|gid| group(&paths.custody) == Some(gid));
    for file in files {
        let others = if shared && file == paths.config { 0o037 } else { 0o077 };
        let mode = std::fs::metadata(&file).map_or(0, |m| m.permissions().mode() & others);
        if mode != 0 {
            let message = format!("{} can be read by others; run: chmod go= {0}", file.display());
            out.push(finding("keys", State::Wrong, message));
        }
    }
}

fn check_disk(dir: &Path) -> Finding {
    match base::disk_room(dir) {
        Ok((free, all)) if free < ROOM || free < all / 100 => {
            let message = format!("Only {} MB are free; make room.", free >> 20);
            finding("disk", State::Wrong, message)
        }
        Ok((free, _)) => finding("disk", State::Fine, format!("{} GB are free.", free >> 30)),
        Err(e) => finding("disk", State::Wrong, e.message()),
    }
}

fn check_clock(now: Time, newest: Option<Time>) -> Finding {
    let earliest: Time = EARLIEST.parse().unwrap_or(Time::from_millis(0));
    let wrong = |message: String| finding("clock", State::Wrong, message);
    if now < earliest {
        return wrong(format!("The clock says {now}; set it, and have NTP keep it."));
    }
    match newest {
        Some(newest) if newest.since(now) > BEHIND_MS => wrong(format!(
            "The clock says {now}, but the newest log entry is of {newest}; set it by NTP."
        )),
        _ => finding("clock", State::Fine, format!("{now}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        let at = |text: &str| text.parse::<Time>().unwrap();
        let newest = Some(at("2026-11-23T12:00:00Z"));
        for (now, newest, state) in [
            ("2026-11-23T12:00:30Z", newest, State::Fine),
            ("2026-11-23T11:59:30Z", newest, State::Fine),
            ("2026-11-23T11:30:00Z", newest, State::Wrong),
            ("1970-01-01T00:10:00Z", None, State::Wrong),
            ("2026-11-23T11:30:00Z", None, State::Fine),
        ] {
            assert_eq!(check_clock(at(now), newest).state, state, "{now}");
        }
    }

    /// Who obeyed a complaint about it would take the configuration from custody.
    #[test]
    fn the_configuration_is_open_to_custodys_group_and_to_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::new(dir.path());
        std::fs::create_dir(&paths.custody).unwrap();
        std::fs::write(&paths.config, "").unwrap();
        let check = |custody: &str, mode: u32, fine: bool| {
            let store = "[store]\nengine=\"postgres\"\nurl=\"host=/run dbname=city\"\n";
            let text = format!(
                "[city]\nname=\"S\"\nslug=\"s\"\n{store}[custody]\nprocess=\"own\"\n{custody}"
            );
            let config = Config::parse(&text).unwrap();
            let mode_is = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&paths.config, mode_is).unwrap();
            let mut out = Vec::new();
            check_modes(dir.path(), &paths, Some(&config), Vec::new(), &mut out);
            assert_eq!(out.is_empty(), fine, "{custody} {mode:o}: {out:?}");
        };
        let two = "server_user=\"homeplate\"\n";
        check(two, 0o640, true);
        check(two, 0o600, true);
        check(two, 0o644, false);
        check(two, 0o660, false);
        check("", 0o640, false);
    }

    #[test]
    fn a_folder_without_a_city_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let found = check(dir.path(), &base::SystemClock);
        let wrong: Vec<&str> =
            found.iter().filter(|f| f.state == State::Wrong).map(|f| f.part).collect();
        assert_eq!(wrong, ["configuration", "log"]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    }
}
