//! `homeplate verify`: checks a copy of a city's public log and says what it says.
//!
//! Needs nothing but the folder and the log's verifier key: no server, no configuration, no network.

use base::{Error, Result};
use ledger::{Report, verify};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `homeplate verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// The folder that holds the log: `checkpoint` and `tile/`.
    folder: PathBuf,
    /// The log's verifier key, as the city publishes it.
    #[arg(long, conflicts_with = "vkey_file")]
    vkey: Option<String>,
    /// A file with the verifier key.
    #[arg(long)]
    vkey_file: Option<PathBuf>,
    /// JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let vkey = match (&args.vkey, &args.vkey_file) {
        (Some(vkey), _) => vkey.trim().to_owned(),
        (None, Some(file)) => read_vkey(file)?,
        (None, None) => {
            let file = beside(&args.folder);
            let vkey = read_vkey(&file)?;
            eprintln!(
                "homeplate: the key comes from {}; whether it is the city's is yours to judge. \
                 Name a key from another source with --vkey.",
                file.display()
            );
            vkey
        }
    };
    let report = verify(&args.folder, &vkey)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", in_words(&report));
    }
    Ok(ExitCode::SUCCESS)
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
              questions  1 (stolen-vehicle 1), 1 refused, 1 without outcome; 0 reads opened
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
