//! `./run bench`: a table of promises, measured with the release executable on this machine.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

struct Row {
    promise: &'static str,
    promised_ms: f64,
    samples: Vec<f64>,
}

/// Measures and prints the table.
pub fn run(root: &Path) -> Result<()> {
    let bin = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let bin = bin.join("release");
    let dir = root.join(".run/bench");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let rows = vec![read_picture(&bin, &dir)?, start(&bin)?, verify(&bin, &dir)?];
    println!("| promise | promised | median | worst | runs |\n|---|---|---|---|---|");
    for mut row in rows {
        row.samples.sort_by(f64::total_cmp);
        let median = row.samples[row.samples.len() / 2];
        let worst = row.samples.last().copied().unwrap_or_default();
        let kept = if median <= row.promised_ms { "" } else { " (missed)" };
        println!(
            "| {} | {:.0} ms | {median:.1} ms{kept} | {worst:.1} ms | {} |",
            row.promise,
            row.promised_ms,
            row.samples.len()
        );
    }
    println!("\nmachine: {}; commit: {}", machine(), commit(root));
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let out = command.output().with_context(|| format!("{command:?}"))?;
    if !out.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Reading one 1280x720 JPEG on one thread, decoding included.
fn read_picture(bin: &Path, dir: &Path) -> Result<Row> {
    let clip = dir.join("clip");
    output(
        Command::new(bin.join("street"))
            .args(["--seconds", "12", "--fps", "5", "--out"])
            .arg(&clip),
    )?;
    let text = output(Command::new(bin.join("homeplate")).args(["read", "--json"]).arg(&clip))?;
    let samples: Vec<f64> = text
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok()?["ms"].as_f64())
        .skip(3) // the first ones warm the caches
        .collect();
    if samples.is_empty() {
        bail!("no picture was read");
    }
    Ok(Row { promise: "read a 1280x720 picture, one thread, rten", promised_ms: 60.0, samples })
}

/// Starting the executable and loading both networks.
fn start(bin: &Path) -> Result<Row> {
    let mut samples = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        // A missing picture: everything but reading happens.
        let _ = Command::new(bin.join("homeplate")).args(["read", "no-such.jpg"]).output()?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Row { promise: "start and load both networks", promised_ms: 300.0, samples })
}

/// Verifying a small log from its folder.
fn verify(bin: &Path, dir: &Path) -> Result<Row> {
    let exe = bin.join("homeplate");
    output(Command::new(&exe).current_dir(dir).args([
        "init",
        "--data",
        "city",
        "--name",
        "Bench",
        "--slug",
        "bench",
        "--admin-key",
        "admin.key",
    ]))?;
    let mut samples = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        output(Command::new(&exe).current_dir(dir).args([
            "verify",
            "city/log",
            "--vkey-file",
            "city/log.vkey",
        ]))?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Row { promise: "verify a new city's log", promised_ms: 100.0, samples })
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{} x {cores}", model.trim_start_matches([' ', '\t', ':']))
}

fn commit(root: &Path) -> String {
    let out = Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root).output();
    out.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default()
}
