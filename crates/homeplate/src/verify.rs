//! `homeplate verify`: checks a city's public log, in a folder or at its address, and says what it says.
//!
//! Needs nothing but the log and its verifier key: no server of ours, no configuration. It remembers
//! what each log was when it last looked, so that a history that is rewritten later, and signed anew,
//! is noticed too.

use base::{Error, Result};
use ledger::{Report, Seen, verify_from, verify_since};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The largest file of a log: a bundle of 256 entries of at most 64 KiB.
const FILE_MAX: u64 = 17 << 20;

/// Arguments of `homeplate verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// The folder that holds the log (`checkpoint` and `tile/`), or the address of a city.
    place: String,
    /// The log's verifier key, as the city publishes it.
    #[arg(long, conflicts_with = "vkey_file")]
    vkey: Option<String>,
    /// A file with the verifier key.
    #[arg(long)]
    vkey_file: Option<PathBuf>,
    /// Where to remember what the log was; a folder in your state folder where it is left out.
    #[arg(long)]
    memory: Option<PathBuf>,
    /// Neither remember nor compare with what was remembered.
    #[arg(long, conflicts_with = "memory")]
    forget: bool,
    /// JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let remote = args.place.starts_with("http://") || args.place.starts_with("https://");
    // One for all files: its connection is used again.
    let agent = agent();
    let vkey = match (&args.vkey, &args.vkey_file) {
        (Some(vkey), _) => vkey.trim().to_owned(),
        (None, Some(file)) => read_vkey(file)?,
        (None, None) if remote => {
            let vkey = fetch(&agent, &args.place, "log.vkey")?.unwrap_or_default();
            judge(&args.place);
            String::from_utf8_lossy(&vkey).trim().to_owned()
        }
        (None, None) => {
            let file = beside(Path::new(&args.place));
            let vkey = read_vkey(&file)?;
            judge(&file.display().to_string());
            vkey
        }
    };
    let memory = if args.forget { None } else { args.memory.or_else(state_folder) };
    let file = memory.map(|folder| folder.join(memory_name(&vkey)));
    let seen = file.as_deref().map(recall).transpose()?.flatten();
    let report = if remote {
        let log = |path: &str| fetch(&agent, &args.place, &format!("log/{path}"));
        verify_from(&log, &vkey, seen.as_ref())?
    } else {
        verify_since(Path::new(&args.place), &vkey, seen.as_ref())?
    };
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", in_words(&report));
        if let Some(seen) = &seen {
            println!("  extends    the log of {} entries that was seen here before", seen.size);
        }
    }
    if let Some(file) = file {
        remember(&file, &report.seen());
    }
    Ok(ExitCode::SUCCESS)
}

fn judge(source: &str) {
    eprintln!(
        "homeplate: the key comes from {source}; whether it is the city's is yours to judge. \
         Name a key from another source with --vkey."
    );
}

/// So many times a city may ask to wait before a file.
const PATIENCE: u32 = 10;

/// How long a city that is asked too much wants us to wait.
fn wait_of(answer: &ureq::http::Response<ureq::Body>) -> Option<Duration> {
    if answer.status().as_u16() != 429 {
        return None;
    }
    let told = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let seconds: u64 = told.and_then(|value| value.parse().ok()).unwrap_or(5);
    Some(Duration::from_secs(seconds.clamp(1, 60)))
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build();
    config.into()
}

/// A file below a city's address; `None` where there is none.
fn fetch(agent: &ureq::Agent, place: &str, path: &str) -> Result<Option<Vec<u8>>> {
    if place.starts_with("https://") {
        return Err(Error::invalid(
            "This program speaks http alone: copy the log's folder and verify the copy.",
        ));
    }
    let url = format!("{}/{path}", place.trim_end_matches('/'));
    let silent = |e: ureq::Error| {
        Error::unavailable(format!("{url} does not answer; check the address, or try again."))
            .because(e)
    };
    let mut answer = agent.get(&url).call().map_err(silent)?;
    // A long log has more tiles than a city gives to one address in a minute: then we wait.
    for _ in 0..PATIENCE {
        let Some(wait) = wait_of(&answer) else { break };
        std::thread::sleep(wait);
        answer = agent.get(&url).call().map_err(silent)?;
    }
    match answer.status().as_u16() {
        200 => {}
        404 => return Ok(None),
        _ => return Err(Error::unavailable(format!("{url} does not give the log; try again."))),
    }
    answer.body_mut().with_config().limit(FILE_MAX).read_to_vec().map(Some).map_err(silent)
}

/// `log.vkey` in the folder above; `.` and links are resolved first.
fn beside(folder: &Path) -> PathBuf {
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    folder.with_file_name("log.vkey")
}

fn read_vkey(file: &Path) -> Result<String> {
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
    for rules in &f.rules {
        line(format!("  rules      {} since {}", rules.hash, rules.since));
    }
    for (id, review) in &f.holds {
        line(format!("  hold       {id}, to be reviewed by {review}"));
    }
    line(format!("  keys       {} destroyed", f.keys_destroyed));
    line(format!("  reads      {} on {} days", f.reads, f.reads_by_day.len()));
    line(format!("  hits       {}{}", f.hits, each(&f.verdicts)));
    line(format!("  cameras    {} of {} on", f.cameras_on(), f.cameras.len()));
    for (id, camera) in &f.cameras {
        let state = if camera.on { "on" } else { "off" };
        line(format!("    {id} ({}) {state} since {}", camera.name, camera.since));
    }
    for (level, since) in &f.off {
        line(format!("  off        {level}, everywhere, since {since}"));
    }
    for gap in &f.gaps {
        let until = gap.until.map_or("now".to_owned(), |t| t.to_string());
        line(format!("  gap        {} from {} until {until}", gap.camera, gap.from));
    }
    out
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
    fn the_key_lies_beside_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        let there = dir.path().canonicalize().unwrap().join("log.vkey");
        assert_eq!(beside(&dir.path().join("log/")), there);
        assert_eq!(beside(&dir.path().join("log/../log/.")), there);
        assert_eq!(read_vkey(&there).unwrap_err().kind(), base::Kind::NotFound);
    }
}
