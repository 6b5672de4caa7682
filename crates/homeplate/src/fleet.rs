//! What administrators do to cameras that are there: replace the device, move it, retire it.

use crate::client::{Client, ClientArgs};
use crate::manage::Code;
use base::{CameraId, Time};
use city::{Changed, Move};
use serde_json::json;
use std::process::ExitCode;

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
