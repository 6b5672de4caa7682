//! `homeplate verify`: checks a city's public log, in a folder or at its address, and says what it says.
//!
//! Needs nothing but the log and its verifier key: no server of ours, no configuration. It remembers
//! what each log was when it last looked, so that a history that is rewritten later, and signed anew,
//! is noticed too.

use crate::web::Web;
use base::{Clock, Error, Result, SystemClock, Time, b64};
use city::{Change, Devices, RuleHistory};
use ledger::{Leaf, Memory, Policy, Report, Seen, Witnessed, verify_each, verify_each_from};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Arguments of `homeplate verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// The folder that holds the log (`checkpoint` and `tile/`), or the address of a city.
    #[arg(required_unless_present = "certificate")]
    place: Option<String>,
    /// An off certificate instead of a log: a file, or its address.
    #[arg(long, conflicts_with = "place")]
    certificate: Option<String>,
    /// The log's verifier key, as the city publishes it.
    #[arg(long, conflicts_with = "vkey_file")]
    pub(crate) vkey: Option<String>,
    /// A file with the verifier key.
    #[arg(long)]
    pub(crate) vkey_file: Option<PathBuf>,
    /// A file that names the log's witnesses (tlog-policy); as the city names them where it is left out.
    #[arg(long)]
    pub(crate) witnesses: Option<PathBuf>,
    /// Where to remember what the log was; a folder in your state folder where it is left out.
    #[arg(long)]
    memory: Option<PathBuf>,
    /// Neither remember nor compare with what was remembered.
    #[arg(long, conflicts_with = "memory")]
    forget: bool,
    /// The root of the city's certificate, where this machine does not know it.
    #[arg(long, env = "HOMEPLATE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// JSON instead of sentences.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What waits so long for its witnesses is shouted.
const LATE_MS: i64 = 24 * 3_600_000;

/// Of when the log is.
#[derive(Default)]
struct Ages {
    newest: Option<Time>,
    /// The first entry that the witnesses have not signed for.
    unsigned: Option<Time>,
}

/// Where a log is read.
enum Place {
    Folder(PathBuf),
    Address(String, Web),
}

/// Runs the command.
pub fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    if let Some(certificate) = &args.certificate {
        return crate::certificate::run(&args, certificate);
    }
    let named = args.place.clone().unwrap_or_default();
    let place = match is_address(&named) {
        true => Place::Address(named, Web::new(Duration::from_secs(30), args.ca.as_deref())?),
        false => Place::Folder(PathBuf::from(named)),
    };
    let vkey = vkey_of(&args, &place)?;
    let policy = policy_of(&args, &place)?;
    let witnessed = match &policy {
        Some(policy) => witnessed(&place, policy, &vkey)?,
        None => None,
    };
    let asked = args.witnesses.is_some() && policy.as_ref().is_some_and(|p| !p.asks_for_none());
    if asked && witnessed.is_none() {
        return Err(unsigned().into());
    }
    let memory = if args.forget { None } else { args.memory.map(Memory::new).or_else(of_user) };
    let recalled = memory.as_ref().map(|m| m.recall(&vkey)).transpose()?.flatten();
    let mut seen: Vec<Seen> = recalled.iter().cloned().collect();
    // The log must hold what its witnesses signed.
    seen.extend(witnessed.as_ref().map(|w| Seen { size: w.size, root: b64(&w.root) }));
    let mut of_rules = Vec::new();
    let (mut devices, mut forged) = (Devices::default(), None);
    let mut ages = Ages::default();
    let each = &mut |index: u64, leaf: &Leaf| {
        // A log that is being written to is looked at again.
        if index == 0 {
            of_rules.clear();
            (devices, forged) = (Devices::default(), None);
            ages = Ages::default();
        }
        ages.newest = Some(leaf.time);
        if witnessed.as_ref().is_some_and(|w| w.size == index) {
            ages.unsigned = Some(leaf.time);
        }
        if let Err(e) = devices.add(index, leaf) {
            forged.get_or_insert(e);
        }
        if leaf.kind.starts_with("policy.") {
            of_rules.push((index, leaf.clone()));
        }
    };
    let report = match &place {
        Place::Address(city, web) => {
            let fetch = |path: &str| web.fetch(city, &format!("log/{path}"));
            verify_each_from(&fetch, &vkey, &seen, each)?
        }
        Place::Folder(folder) => verify_each(folder, &vkey, &seen, each)?,
    };
    // What is signed in a camera's name and is not its word distrusts the whole log.
    if let Some(forged) = forged {
        return Err(forged.into());
    }
    let history = history(&report, &of_rules)?;
    let mut report = report;
    report.figures.advance(SystemClock.now());
    if args.json {
        let mut value = serde_json::to_value(&report)?;
        value["rules"] = serde_json::to_value(history.changes())?;
        value["words"] =
            serde_json::json!({ "signed": devices.held, "unsigned": devices.unsigned });
        value["rules_differed"] = serde_json::to_value(history.differed())?;
        value["newest"] = serde_json::to_value(ages.newest)?;
        value["witnesses"] = witnesses_in_json(witnessed.as_ref(), &ages);
        println!("{value}");
    } else {
        print!("{}", in_words(&report));
        if devices.held + devices.unsigned > 0 {
            println!(
                "  last words {} with cameras' own signatures, {} without",
                devices.held, devices.unsigned
            );
        }
        print!("{}", rules_in_words(history.changes()));
        print!("{}", differed_in_words(&history));
        if let Some(newest) = ages.newest {
            println!("  newest     entry of {newest}");
        }
        match (&policy, &witnessed, &place) {
            (None, _, Place::Folder(_)) => println!(
                "  witnesses  no list of them lies beside the folder: the city's own signature holds"
            ),
            (None, ..) => println!("  witnesses  none: the log is signed by the city alone"),
            (_, None, _) => println!("  witnesses  have signed nothing yet"),
            (_, Some(seen), _) => {
                print!("{}", witnesses_in_words(seen, report.size, &ages, SystemClock.now()));
            }
        }
        if let Some(seen) = &recalled {
            println!("  extends    the log of {} entries that was seen here before", seen.size);
        }
    }
    if let Some(Err(e)) = memory.map(|m| m.remember(&vkey, &report.seen())) {
        // A disk without room is no reason to distrust a log that holds.
        eprintln!("homeplate: what was seen could not be remembered: {e}");
    }
    Ok(ExitCode::SUCCESS)
}

/// How the rules came to be, from the entries about them alone: however long the log is, they are few.
fn history(report: &Report, of_rules: &[(u64, Leaf)]) -> Result<RuleHistory> {
    let mut history = RuleHistory::new(&report.origin);
    for (index, leaf) in of_rules {
        history.add(*index, leaf)?;
    }
    Ok(history)
}

fn rules_in_words(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes {
        let by = match (change.set.is_some(), change.offices.is_empty()) {
            (_, false) => format!("signed by {}", change.offices.join(", ")),
            (true, true) if change.unsigned => {
                "what this log went on with; no office signed for it here".into()
            }
            (true, true) => "the set that the city began with".into(),
            (false, true) => "without a charter".into(),
        };
        let hash = change.rules.get(..12).unwrap_or(&change.rules);
        let _ = writeln!(
            out,
            "  rules      {hash} since {} (entry {}): {by}{}",
            change.at,
            change.log_entry,
            change.proved_by.as_ref().map(|key| format!("; proved by {key}")).unwrap_or_default()
        );
    }
    out
}

/// What the city itself found to differ from what was adopted.
fn differed_in_words(history: &RuleHistory) -> String {
    let line = |(entry, at): &(u64, Time)| {
        format!(
            "  DIFFERED   at {at} the rules were not those adopted, by the city's own word (entry {entry})\n"
        )
    };
    history.differed().iter().map(line).collect()
}

fn of_user() -> Option<Memory> {
    Memory::of_user("verified")
}

fn vkey_of(args: &VerifyArgs, place: &Place) -> Result<String> {
    if let Some(vkey) = &args.vkey {
        return Ok(vkey.trim().to_owned());
    }
    if let Some(file) = &args.vkey_file {
        return read_vkey(file);
    }
    match place {
        Place::Address(city, web) => {
            let vkey = web.fetch(city, "log.vkey")?.unwrap_or_default();
            judge("the key", city);
            Ok(String::from_utf8_lossy(&vkey).trim().to_owned())
        }
        Place::Folder(folder) => {
            let file = beside(folder, "log.vkey");
            let vkey = read_vkey(&file)?;
            judge("the key", &file.display().to_string());
            Ok(vkey)
        }
    }
}

/// Who the witnesses are: by the file that was named, or as the city says.
fn policy_of(args: &VerifyArgs, place: &Place) -> Result<Option<Policy>> {
    let text = match (&args.witnesses, place) {
        (Some(file), _) => std::fs::read_to_string(file).map(Some).map_err(|e| {
            Error::not_found(format!("There is no witness policy in {}.", file.display()))
                .because(e)
        })?,
        (None, Place::Address(city, web)) => {
            let told = web.fetch(city, "log.witnesses")?;
            told.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        }
        (None, Place::Folder(folder)) => {
            std::fs::read_to_string(beside(folder, "witnesses.policy")).ok()
        }
    };
    if text.is_some() && args.witnesses.is_none() {
        judge("the list of witnesses", args.place.as_deref().unwrap_or_default());
    }
    text.as_deref().map(Policy::parse).transpose()
}

/// The newest checkpoint that the witnesses signed, if enough of them did.
fn witnessed(place: &Place, policy: &Policy, vkey: &str) -> Result<Option<Witnessed>> {
    let text = match place {
        Place::Address(city, web) => web.fetch(city, "log/checkpoint.cosigned")?,
        Place::Folder(folder) => {
            let name =
                folder.file_name().map_or("log".into(), |n| n.to_string_lossy().into_owned());
            std::fs::read(beside(folder, &format!("{name}.cosigned"))).ok()
        }
    };
    let Some(text) = text else { return Ok(None) };
    let seen = policy.open(Some(vkey), &text)?;
    if seen.quorum {
        return Ok(Some(seen));
    }
    Err(Error::invalid(
        "The checkpoint that is said to be witnessed is not signed by enough of the witnesses.",
    ))
}

/// Whoever names witnesses believes nothing that they have not signed.
fn unsigned() -> Error {
    Error::invalid(
        "No checkpoint with the signatures of enough of your witnesses is shown, and what they have not signed does \
         not count; ask them what they have signed. A log that is new, or succeeds another, they must follow first: \
         without --witnesses you see what it says of itself.",
    )
}

fn witnesses_in_json(seen: Option<&Witnessed>, ages: &Ages) -> serde_json::Value {
    let Some(seen) = seen else { return serde_json::Value::Null };
    let by = seen.by.iter().map(|(name, at)| serde_json::json!({ "name": name, "at": at }));
    let by: Vec<serde_json::Value> = by.collect();
    serde_json::json!({ "size": seen.size, "by": by, "unsigned_since": ages.unsigned })
}

fn witnesses_in_words(seen: &Witnessed, size: u64, ages: &Ages, now: Time) -> String {
    let by: Vec<String> = seen.by.iter().map(|(name, at)| format!("{name} at {at}")).collect();
    let mut out =
        format!("  witnesses  {} of {size} entries signed by {}\n", seen.size, by.join(", "));
    if let Some(since) = ages.unsigned {
        let word = if now.since(since) > LATE_MS { "UNSIGNED" } else { "unsigned" };
        let behind = size.saturating_sub(seen.size);
        let _ = writeln!(out, "  {word}   {behind} entries, the first of {since}");
    }
    out
}

/// Whether a place is an address and no folder or file.
pub(crate) fn is_address(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

pub(crate) fn judge(what: &str, source: &str) {
    eprintln!(
        "homeplate: {what} comes from {source}; whether it is to be believed is yours to judge. \
         Name one from another source with --vkey or --witnesses."
    );
}

/// A file in the folder above; `.` and links are resolved first.
fn beside(folder: &Path, name: &str) -> PathBuf {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    folder.with_file_name(name)
}

pub(crate) fn read_vkey(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        Error::not_found(format!(
            "There is no verifier key in {}; name one with --vkey or --vkey-file.",
            file.display()
        ))
        .because(e)
    })?;
    Ok(text.trim().to_owned())
}

fn in_words(report: &Report) -> String {
    let f = &report.figures;
    let mut out = String::new();
    let mut line = |text: String| {
        // Names come from the log: a terminal must not take orders from them.
        out.extend(text.chars().map(|c| if c.is_control() { '?' } else { c }));
        out.push('\n');
    };
    line(format!("The log {} holds: every byte is as it was signed.", report.origin));
    line(format!("  entries    {}", report.size));
    line(format!("  root       {}", report.root));
    line(format!(
        "  questions  {}{}, {} refused, {} without outcome; {} reads opened",
        f.searches,
        each(&f.by_purpose),
        f.refusals,
        f.open_intents,
        f.opened
    ));
    if !f.sealed.is_empty() {
        let first = f.sealed.values().min().map_or(String::new(), |t| t.to_string());
        line(format!("  sealed     {} under warrants, the first until {first}", f.sealed.len()));
    }
    line(format!("  audits     {} private halves given to auditors", f.audits));
    audit_in_words(&f.audit, &mut line);
    for rules in &f.rules {
        line(format!("  rules      {} since {}", rules.hash, rules.since));
    }
    for (id, review) in &f.holds {
        line(format!("  hold       {id}, to be reviewed by {review}"));
    }
    line(format!("  keys       {} destroyed", f.keys_destroyed));
    line(format!("  reads      {} on {} days", f.reads, f.reads_by_day.len()));
    line(format!("  hits       {}{}", f.hits, each(&f.verdicts)));
    if !f.findings.is_empty() {
        line(format!("  findings   {}", each(&f.findings).trim_start_matches(", ")));
    }
    if !f.hit_outcomes.is_empty() {
        line(format!("  outcomes   {}", each(&f.hit_outcomes).trim_start_matches(", ")));
    }
    drills_in_words(&f.drills, &mut line);
    line(format!("  cameras    {} of {} on", f.cameras_on(), f.cameras.len()));
    for (id, camera) in &f.cameras {
        let state = if camera.on { "on" } else { "off" };
        let counted = f.counters.get(id).filter(|c| c.frames > 0);
        let frames = counted.map(|c| format!(", {} frames pulled in all", c.frames));
        let frames = frames.unwrap_or_default();
        line(format!("    {id} ({}) {state} since {}{frames}", camera.name, camera.since));
    }
    for (id, counted) in f.counters.iter().filter(|(_, c)| c.jumps > 0) {
        let times = counted.jumps;
        line(format!("  count gap  {id}: jumped ahead {times} times, where its power was cut"));
    }
    counts_in_words(&f.counters, &mut line);
    for order in &f.scheduled {
        let whom = match (&order.group, &order.cameras) {
            (Some(group), _) => group.clone(),
            (None, Some(some)) => some.iter().cloned().collect::<Vec<_>>().join(", "),
            (None, None) => "every camera".into(),
        };
        let until = order.until.map_or(String::new(), |t| format!(" until {t}"));
        line(format!("  scheduled  {} off for {whom} from {}{until}", order.level, order.from));
    }
    for (level, since) in &f.off {
        line(format!("  off        {level}, everywhere, since {since}"));
    }
    if let Some(before) = &f.succeeds {
        let known = before.known.map_or(String::new(), |n| format!(" of {n} that it had"));
        line(format!(
            "  succeeds   {} ({}): {} entries{known} were found at {}",
            before.origin, before.why, before.found, before.since
        ));
    }
    for gap in f.gaps.iter() {
        let until = gap.until.map_or("now".to_owned(), |t| t.to_string());
        line(format!("  gap        {} from {} until {until}", gap.camera, gap.from));
    }
    out
}

/// Counts of frames that cannot be, and reads that no lease covered.
fn counts_in_words(
    counters: &std::collections::BTreeMap<String, ledger::Counted>,
    line: &mut dyn FnMut(String),
) {
    for (id, counted) in counters.iter().filter(|(_, c)| c.suspicious()) {
        let mut what = Vec::new();
        if counted.repeated > 0 {
            what.push(format!("its count of frames went back {} times", counted.repeated));
        }
        if counted.unleased > 0 {
            what.push(format!("{} frames were pulled without a lease", counted.unleased));
        }
        if counted.refused > 0 {
            what.push(format!("{} reads were refused that no lease covered", counted.refused));
        }
        line(format!("  CAMERA     {id}: {}", what.join("; ")));
    }
}

/// What the log drew for the auditors, and alarms. What is overdue is so by the reader's clock.
fn audit_in_words(audit: &ledger::Audit, line: &mut dyn FnMut(String)) {
    if audit.drawn > 0 || !audit.undrawn.is_empty() {
        let (drawn, waiting) = (audit.drawn, audit.due.len());
        line(format!("  lottery    {drawn} drawn{}, {waiting} to be graded", each(&audit.graded)));
    }
    if !audit.alarms.is_empty() {
        let open = audit.open_alarms.len();
        line(format!(
            "  alarms     {}, {open} open{}",
            each(&audit.alarms).trim(),
            each(&audit.findings)
        ));
    }
    let overdue = audit.overdue(SystemClock.now());
    if overdue > 0 {
        line(format!(
            "  OVERDUE    {overdue} question(s) or alarm(s) that auditors had to look at"
        ));
    }
}

/// Drills, and how the desks did in them; nothing where there were none.
fn drills_in_words(drills: &ledger::Drills, line: &mut impl FnMut(String)) {
    if drills.started == 0 {
        return;
    }
    let (started, nobody, void) = (drills.started, drills.unanswered, drills.void);
    line(format!("  drills     {started}, {nobody} answered by nobody, {void} void"));
    for (desk, tally) in &drills.by_desk {
        line(format!(
            "    {desk}: {} of {} right, {} of {} look-alikes caught, half within {} s",
            tally.right, tally.answered, tally.caught, tally.look_alikes, tally.median_s
        ));
    }
}

/// ` (stolen-vehicle 2, warrant 1)`, or nothing.
fn each(counts: &std::collections::BTreeMap<String, u64>) -> String {
    let mut out = String::new();
    for (name, count) in counts {
        let before = if out.is_empty() { " (" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(out, "{before}{name} {count}");
    }
    if !out.is_empty() {
        out.push(')');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use ledger::{Figures, Leaf};

    #[test]
    fn what_a_log_says() {
        let at = |minute: i64| base::Time::from_millis(1_795_420_800_000 + minute * 60_000);
        let mut figures = Figures::default();
        for leaf in [
            Leaf::new("policy.activated", at(0)).id("ab").fact("hash", "ab"),
            Leaf::new("key.destroyed", at(0)).id("epoch/0"),
            Leaf::new("search.intent", at(0))
                .id("q_3")
                .fact("purpose", "warrant")
                .hide(&[], at(9), &[1; 32])
                .unwrap()
                .0,
            Leaf::new("camera.enrolled", at(0)).id("cam_main").fact("name", "Main\u{1b}[2J Street"),
            Leaf::new("search.intent", at(1)).id("q_1").fact("purpose", "stolen-vehicle"),
            Leaf::new("search.refused", at(2)).id("q_2"),
            Leaf::new("hit.raised", at(3)).id("hit_1"),
            Leaf::new("hit.verdict", at(4)).id("hit_1").fact("verdict", "confirmed"),
            Leaf::new("order.off", at(5)).fact("level", "capture").fact("camera", "cam_main"),
        ] {
            figures.add(&leaf);
        }
        let report = Report { origin: "homeplate/x".into(), size: 6, root: "AA=".into(), figures };
        expect![[r#"
            The log homeplate/x holds: every byte is as it was signed.
              entries    6
              root       AA=
              questions  2 (stolen-vehicle 1), 1 refused, 2 without outcome; 0 reads opened
              sealed     1 under warrants, the first until 2026-11-23T08:09:00.000Z
              audits     0 private halves given to auditors
              rules      ab since 2026-11-23T08:00:00.000Z
              keys       1 destroyed
              reads      0 on 0 days
              hits       1 (confirmed 1)
              cameras    0 of 1 on
                cam_main (Main?[2J Street) off since 2026-11-23T08:05:00.000Z
              gap        cam_main from 2026-11-23T08:05:00.000Z until now
        "#]]
        .assert_eq(&in_words(&report));
    }

    #[test]
    fn rules_that_differed_are_said() {
        let mut history = RuleHistory::new("homeplate/x");
        for (index, same) in [(4, true), (5, false), (6, true)] {
            let at = Time::from_millis(1_795_420_800_000);
            history.add(index, &Leaf::new("policy.checked", at).fact("same", same)).unwrap();
        }
        let told = differed_in_words(&history);
        assert!(told.lines().count() == 1 && told.contains("(entry 5)"), "{told}");
    }

    #[test]
    fn what_waits_for_the_witnesses_is_said() {
        let at = |hour: i64| Time::from_millis(1_795_420_800_000 + hour * 3_600_000);
        let seen = Witnessed {
            origin: "homeplate/x".into(),
            size: 12,
            root: [0; 32],
            by: vec![("a".into(), at(0))],
            quorum: true,
        };
        let check = |unsigned: Option<i64>, want: &str| {
            let ages = Ages { newest: Some(at(30)), unsigned: unsigned.map(at) };
            let told = witnesses_in_words(&seen, 15, &ages, at(30));
            let line = told.lines().nth(1).unwrap_or_default();
            assert_eq!(line, want);
        };
        check(None, "");
        check(Some(29), "  unsigned   3 entries, the first of 2026-11-24T13:00:00.000Z");
        check(Some(1), "  UNSIGNED   3 entries, the first of 2026-11-23T09:00:00.000Z");
    }

    #[test]
    fn the_key_lies_beside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        let there = dir.path().canonicalize().unwrap().join("log.vkey");
        assert_eq!(beside(&dir.path().join("log/"), "log.vkey"), there);
        assert_eq!(beside(&dir.path().join("log/../log/."), "log.vkey"), there);
        assert_eq!(read_vkey(&there).unwrap_err().kind(), base::Kind::NotFound);
    }
}
