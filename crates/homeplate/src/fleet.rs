//! The cameras that are there: how they are doing, and what administrators do to them: replace the device, move
//! it, retire it.

use crate::client::{Client, ClientArgs, print_json};
use crate::manage::Code;
use base::{CameraId, Time};
use city::{CameraHealth, Changed, Move};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate cameras`.
#[derive(clap::Args)]
pub struct AllArgs {
    /// One JSON array instead of lines.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// A word of a fixed list as wire and people spell it.
fn word(of: &impl Serialize) -> String {
    serde_json::to_value(of)
        .ok()
        .and_then(|v| v.as_str().map(|word| word.replace('-', " ")))
        .unwrap_or_default()
}

/// Lists the cameras with their health.
pub fn list(args: AllArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let all: Vec<CameraHealth> = client.get("/v1/cameras")?;
    if args.json {
        print_json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    if all.is_empty() {
        println!("no cameras");
    }
    all.iter().for_each(|camera| println!("{}", line(camera)));
    Ok(ExitCode::SUCCESS)
}

fn line(camera: &CameraHealth) -> String {
    let mut out = format!("{:<24} {:<9}", camera.camera.as_str(), word(&camera.state));
    if let Some(since) = camera.since {
        out += &format!(" since {since}");
    }
    if !camera.troubles.is_empty() {
        let troubles: Vec<String> = camera.troubles.iter().map(word).collect();
        out += &format!(" ({})", troubles.join(", "));
    }
    if let Some(beat) = &camera.last {
        if !beat.foreign {
            out += &format!("  {:.1} frames/s, {} dropped", beat.fps, beat.dropped);
        }
        if let Some(px) = beat.plate_px {
            out += &format!(", plates {px:.0} px");
        }
        if let Some(share) = camera.share_read {
            out += &format!(", {:.0} % read", share * 100.0);
        }
        if beat.waiting > 0 {
            out += &format!(", {} reads wait", beat.waiting);
        }
        if camera.hits_only {
            out += &format!(", hits only ({} not kept)", beat.not_kept);
        }
        if let Some(at) = beat.last_read {
            out += &format!(", last read {at}");
        }
    }
    if let Some(heard) = camera.heard {
        out += &format!(", heard {heard}");
    }
    out
}

/// Arguments of `homeplate camera-replace` and `homeplate camera-retire`.
#[derive(clap::Args)]
pub struct OneArgs {
    /// The camera.
    id: CameraId,
    #[command(flatten)]
    client: ClientArgs,
}

/// Arguments of `homeplate camera-move`.
#[derive(clap::Args)]
pub struct MoveArgs {
    /// The camera.
    id: CameraId,
    /// Latitude in degrees.
    #[arg(long, allow_negative_numbers = true)]
    lat: f64,
    /// Longitude in degrees.
    #[arg(long, allow_negative_numbers = true)]
    lon: f64,
    /// What people call it there; as before where it is left out.
    #[arg(long)]
    name: Option<String>,
    /// The first moment at which it stood there (RFC 3339); now where it is left out.
    #[arg(long)]
    from: Option<Time>,
    #[command(flatten)]
    client: ClientArgs,
}

/// Prints the one-time code for the new device.
pub fn replace(args: OneArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let code: Code = client.post(&format!("/v1/cameras/{}/replace", args.id), &json!({}))?;
    println!("{}", code.code);
    eprintln!(
        "good for one enrolment within 24 hours; the old device goes on until then: homeplate edge \
         --camera {} --code …",
        args.id
    );
    Ok(ExitCode::SUCCESS)
}

/// Moves a camera.
pub fn move_to(args: MoveArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let to = Move { lat: args.lat, lon: args.lon, name: args.name, from: args.from };
    let done: Changed = client.post(&format!("/v1/cameras/{}/move", args.id), &to)?;
    println!("{} moved, entry {} of the public log", done.camera, done.log_entry);
    Ok(ExitCode::SUCCESS)
}

/// Retires a camera.
pub fn retire(args: OneArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let done: Changed = client.post(&format!("/v1/cameras/{}/retire", args.id), &json!({}))?;
    println!("{} retired, entry {} of the public log", done.camera, done.log_entry);
    Ok(ExitCode::SUCCESS)
}
