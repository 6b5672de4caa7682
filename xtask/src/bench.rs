//! `./run bench`: a table of promises, measured with the release executable on this machine.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

struct Row {
    promise: String,
    /// What is promised of the median, and its unit.
    promised: f64,
    /// Whether more is better.
    more: bool,
    unit: String,
    samples: Vec<f64>,
}

impl Row {
    /// Less is better.
    fn new(promise: &str, promised: f64, unit: &str, samples: Vec<f64>) -> Self {
        Self { promise: promise.into(), promised, more: false, unit: unit.into(), samples }
    }
}

/// Measures and prints the table.
pub fn run(root: &Path) -> Result<()> {
    let bin = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), PathBuf::from);
    let bin = bin.join("release");
    let dir = root.join(".run/bench");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let clip = dir.join("clip");
    output(
        Command::new(bin.join("street"))
            .args(["--seconds", "12", "--fps", "5", "--out"])
            .arg(&clip),
    )?;
    let mut rows = vec![];
    if bin.join("libonnxruntime.so").is_file() {
        rows.push(read_pictures(&bin, &clip, "ort")?);
        rows.push(memory(&bin, &clip, "ort")?);
    } else {
        println!("The fast engine is not there (./run setup); it is left out.");
    }
    rows.push(read_pictures(&bin, &clip, "rten")?);
    rows.push(start(&bin, &clip)?);
    rows.push(verify(&bin, &dir)?);
    rows.extend(benches(root, "policy", "decide")?);
    rows.extend(benches(root, "city", "flows")?);
    println!("| promise | promised | median | p95 | worst | runs |\n|---|---|---|---|---|---|");
    for mut row in rows {
        row.samples.sort_by(f64::total_cmp);
        let at =
            |share: f64| row.samples[((row.samples.len() - 1) as f64 * share).round() as usize];
        let met = if row.more { at(0.5) >= row.promised } else { at(0.5) <= row.promised };
        let kept = if met { "" } else { " (missed)" };
        let (unit, n) = (&row.unit, row.samples.len());
        let (late, worst) = if row.more { (at(0.05), at(0.0)) } else { (at(0.95), at(1.0)) };
        println!(
            "| {} | {:.0} {unit} | {:.1} {unit}{kept} | {:.1} {unit} | {:.1} {unit} | {n} |",
            row.promise,
            row.promised,
            at(0.5),
            late,
            worst,
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

fn reading(bin: &Path, clip: &Path, engine: &str) -> Command {
    let mut command = Command::new(bin.join("homeplate"));
    command.args(["read", "--json", "--threads", "1", "--engine", engine]).arg(clip);
    command
}

/// Reading one 1280x720 JPEG on one thread, decoding included.
fn read_pictures(bin: &Path, clip: &Path, engine: &str) -> Result<Row> {
    let text = output(&mut reading(bin, clip, engine))?;
    let samples: Vec<f64> = text
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok()?["ms"].as_f64())
        .skip(3) // the first ones warm the caches
        .collect();
    if samples.is_empty() {
        bail!("no picture was read");
    }
    let (promise, promised) = match engine {
        "ort" => ("read a 1280x720 picture, one thread, ONNX Runtime", 25.0),
        _ => ("read a 1280x720 picture, one thread, rten", 60.0),
    };
    Ok(Row::new(promise, promised, "ms", samples))
}

/// The most memory that reading the clip takes, as the kernel counts it.
fn memory(bin: &Path, clip: &Path, engine: &str) -> Result<Row> {
    let mut child = reading(bin, clip, engine).stdout(std::process::Stdio::null()).spawn()?;
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0.0f64);
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kb = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
        peak = peak.max(kb.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    Ok(Row::new("memory while reading, one thread", 200.0, "MB", vec![peak]))
}

/// Starting the executable, loading both networks and reading one picture.
fn start(bin: &Path, clip: &Path) -> Result<Row> {
    let mut samples = Vec::new();
    for _ in 0..15 {
        let begun = Instant::now();
        output(&mut reading(bin, &clip.join("000001.jpg"), "auto"))?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Row::new("start, load both networks, read one picture", 500.0, "ms", samples))
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
            "--forget",
            "city/log",
            "--vkey-file",
            "city/log.vkey",
        ]))?;
        samples.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Row::new("verify a new city's log", 100.0, "ms", samples))
}

/// The city's flows, which measure themselves (`crates/city/benches/flows.rs`) and print a line each.
fn benches(root: &Path, of: &str, name: &str) -> Result<Vec<Row>> {
    let bench = ["bench", "--quiet", "-p", of, "--bench", name];
    let text = output(Command::new(env!("CARGO")).args(bench).current_dir(root))?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let rows: Option<Vec<Row>> = lines
        .map(|line| {
            let samples = line["samples"].as_array()?.iter().filter_map(Value::as_f64).collect();
            Some(Row {
                promise: line["promise"].as_str()?.into(),
                promised: line["promised"].as_f64()?,
                more: line["more"].as_bool()?,
                unit: line["unit"].as_str()?.into(),
                samples,
            })
        })
        .collect();
    rows.filter(|rows| !rows.is_empty())
        .with_context(|| format!("the bench {name} of {of} said nothing"))
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
