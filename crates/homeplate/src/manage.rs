//! What administrators do: cameras, hot-list entries; and the door to the console.

use crate::client::{Client, ClientArgs};
use base::{CameraId, EntryId, ListId, Time};
use city::NewEntry;
use serde::Deserialize;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate camera`.
#[derive(clap::Args)]
pub struct CameraArgs {
    /// The camera's id, for instance cam_main-st.
    id: CameraId,
    /// What people call it.
    #[arg(long)]
    name: String,
    /// Latitude in degrees.
    #[arg(long, requires = "lon", allow_negative_numbers = true)]
    lat: Option<f64>,
    /// Longitude in degrees.
    #[arg(long, requires = "lat", allow_negative_numbers = true)]
    lon: Option<f64>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
pub(crate) struct Code {
    pub code: String,
}

/// Registers a camera and prints its one-time code.
pub fn camera(args: CameraArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let body = json!({"id": args.id, "name": args.name, "lat": args.lat, "lon": args.lon});
    let code: Code = client.post("/v1/cameras", &body)?;
    println!("{}", code.code);
    eprintln!(
        "good for one enrolment within 24 hours: homeplate edge --camera {} --code …",
        args.id
    );
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate hotlist`.
#[derive(clap::Args)]
pub struct HotlistArgs {
    /// The wanted plate.
    plate: String,
    /// The list.
    #[arg(long, default_value = "lst_local")]
    list: ListId,
    /// State, for instance us-ca.
    #[arg(long)]
    state: Option<String>,
    /// Why it is wanted.
    #[arg(long)]
    reason: String,
    /// Case number.
    #[arg(long)]
    case: String,
    /// When the entry ends (RFC 3339).
    #[arg(long)]
    expires: Time,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct Added {
    id: EntryId,
}

/// Adds an entry to a hot list.
pub fn hotlist(args: HotlistArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let new = NewEntry {
        list: args.list,
        plate: args.plate,
        state: args.state,
        reason: args.reason,
        case: args.case,
        expires: args.expires,
    };
    let added: Added = client.post("/v1/hotlist", &new)?;
    println!("{}", added.id);
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate console`.
#[derive(clap::Args)]
pub struct ConsoleArgs {
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct Link {
    path: String,
}

/// Prints a one-time link to the console, good for five minutes.
pub fn console(args: ConsoleArgs) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let link: Link = client.post("/v1/console-links", &json!({}))?;
    println!("{}{}", client.server(), link.path);
    Ok(ExitCode::SUCCESS)
}
