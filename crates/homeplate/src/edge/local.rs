//! What a running reader says of itself on this machine: the doctor, the survey, and where to aim.

use base::{CameraId, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

const ANSWER_MAX: u64 = 8 << 20;
const HOUR_MS: i64 = 3_600_000;
const USUAL: &str = "http://127.0.0.1:8090";

/// Where the reader is asked.
#[derive(clap::Args)]
pub struct AtArgs {
    /// Where the running reader shows itself: its `--preview`, or `panel` in its file.
    #[arg(long, default_value = USUAL)]
    at: String,
}

/// Arguments of `homeplate edge doctor`.
#[derive(clap::Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    at: AtArgs,
    /// One camera; all where absent.
    camera: Option<CameraId>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `homeplate edge setup`.
#[derive(clap::Args)]
pub struct SetupArgs {
    #[command(flatten)]
    at: AtArgs,
}

/// Arguments of `homeplate survey`.
#[derive(clap::Args)]
pub struct SurveyArgs {
    /// The camera.
    camera: CameraId,
    /// The last so many hours.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=168))]
    hours: u32,
    #[command(flatten)]
    at: AtArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl AtArgs {
    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build()
            .into();
        let at = self.at.trim_end_matches('/');
        let away = |e: ureq::Error| {
            Error::unavailable(format!(
                "No reader answers at {at}; start it with --preview, or name its address with --at."
            ))
            .because(e)
        };
        let mut answer = agent.get(format!("{at}/{path}")).call().map_err(away)?;
        if answer.status().as_u16() == 404 {
            return Err(Error::not_found("The reader has no such camera; `doctor` lists them."));
        }
        let body = answer.body_mut().with_config().limit(ANSWER_MAX).read_to_vec().map_err(away)?;
        serde_json::from_slice(&body).map_err(|e| {
            Error::unavailable(format!("What answers at {at} is not a Homeplate reader."))
                .because(e)
        })
    }

    fn cameras(&self) -> Result<Vec<String>> {
        let all: Vec<Value> = self.get("cameras.json")?;
        Ok(all.iter().filter_map(|c| c["camera"].as_str().map(str::to_owned)).collect())
    }
}

/// `homeplate edge doctor`: exit code 1 where reading stops somewhere.
pub fn doctor(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let cameras = match &args.camera {
        Some(camera) => vec![camera.to_string()],
        None => args.at.cameras()?,
    };
    let mut all = serde_json::Map::new();
    for camera in cameras {
        let findings = args.at.get(&format!("cameras/{camera}/doctor.json"))?;
        all.insert(camera, findings);
    }
    let good = |f: &Value| f["good"].as_bool().unwrap_or(false);
    let well = all.values().flat_map(|v| v.as_array().into_iter().flatten()).all(good);
    if args.json {
        crate::client::print_json(&all)?;
    } else {
        for (camera, findings) in &all {
            println!("{camera}");
            for finding in findings.as_array().into_iter().flatten() {
                let mark = if good(finding) { "ok " } else { "NO " };
                println!("  {mark} {}", finding["say"].as_str().unwrap_or_default());
            }
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `homeplate edge setup`: where the page is, if the reader runs.
pub fn setup(args: &SetupArgs) -> anyhow::Result<ExitCode> {
    let cameras = args.at.cameras()?;
    println!("Open {}/ in a browser on this machine to aim {}.", args.at.at, cameras.join(", "));
    println!("From elsewhere: ssh -L 8090:127.0.0.1:8090 THIS-MACHINE, then open {USUAL}/.");
    Ok(ExitCode::SUCCESS)
}

/// Of the hours in which something was seen those among the last so many, this one with them; a clock that was ahead
/// once has left some that have not come yet.
fn last(all: Vec<Value>, hours: u32, now: base::Time) -> Vec<Value> {
    let since = now.plus_millis(-i64::from(hours) * HOUR_MS).millis();
    let within = |hour: &Value| {
        hour["from"].as_i64().is_some_and(|from| since < from && from <= now.millis())
    };
    all.into_iter().filter(within).collect()
}

/// `homeplate survey`: one page by hour.
pub fn survey(args: &SurveyArgs) -> anyhow::Result<ExitCode> {
    let all: Vec<Value> = args.at.get(&format!("cameras/{}/survey.json", args.camera))?;
    let hours = last(all, args.hours, base::Clock::now(&base::SystemClock));
    if args.json {
        crate::client::print_json(&hours)?;
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "{}: {} of {} hours seen; no plate was stored for this",
        args.camera,
        hours.len(),
        args.hours
    );
    println!(
        "{:<17} {:<9} {:>6} {:>6} {:>8} {:>6} {:>6}  advice",
        "hour (UTC)", "fit for", "passes", "read", "plate px", "aside", "light"
    );
    for hour in &hours {
        let from = base::Time::from_millis(hour["from"].as_i64().unwrap_or_default()).to_string();
        let number =
            |v: &Value, digits: usize| v.as_f64().map_or("–".into(), |v| format!("{v:.digits$}"));
        let share = hour["share"].as_f64().map_or("–".into(), |s| format!("{:.0} %", s * 100.0));
        println!(
            "{:<17} {:<9} {:>6} {:>6} {:>8} {:>6} {:>6}  {}",
            from.get(..16).unwrap_or(&from).replace('T', " "),
            hour["fit"].as_str().unwrap_or_default(),
            hour["passes"],
            share,
            number(&hour["width"]["p50"], 0),
            hour["angle"]["p50"].as_f64().map_or("–".into(), |a| format!("{a:.0}°")),
            number(&hour["light"], 0),
            hour["advice"].as_str().unwrap_or_default(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours before now in which something was seen; which of them a survey of so many hours is of.
    #[test]
    fn a_survey_is_of_the_last_hours() {
        let now = base::Time::from_millis(1_795_420_800_000 + HOUR_MS / 3);
        let check = |seen: &[i64], hours: u32, want: &[i64]| {
            let hour = |ago: &i64| serde_json::json!({ "from": now.floor_to(HOUR_MS).millis() - ago * HOUR_MS });
            let got = last(seen.iter().map(hour).collect(), hours, now);
            let want: Vec<Value> = want.iter().map(hour).collect();
            assert_eq!(got, want, "{seen:?} {hours}");
        };
        check(&[40, 39, 3, 2, 1, 0], 3, &[2, 1, 0]);
        // It was off for two days; and a clock was ahead.
        check(&[50, 49, 0], 24, &[0]);
        check(&[1, 0, -30], 24, &[1, 0]);
        check(&[50, 49], 24, &[]);
    }
}
