//! `homeplate off` and `homeplate on`: an order signed with the key in the person's hand.

use crate::client::{Client, ClientArgs, print_json};
use base::{CameraId, Clock, OrderId, Signed, SystemClock};
use city::Ordered;
use clap::ValueEnum;
use read::{Level, Order, Power};
use std::process::ExitCode;

/// Arguments of `homeplate off` and `homeplate on`.
#[derive(clap::Args)]
pub struct OrderArgs {
    /// One camera; every camera where it is left out.
    camera: Option<CameraId>,
    /// What is switched.
    #[arg(long, default_value = "capture")]
    level: Word,
    /// Why; it is public.
    #[arg(long)]
    reason: String,
    /// JSON instead of a sentence.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Word {
    Capture,
    Asking,
    Sharing,
    Job,
}

/// Runs the command.
pub fn run(args: OrderArgs, power: Power) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    let now = SystemClock.now();
    let order = Order {
        id: OrderId::new(now, base::random()),
        power,
        level: match args.level {
            Word::Capture => Level::Capture,
            Word::Asking => Level::Asking,
            Word::Sharing => Level::Sharing,
            Word::Job => Level::Job,
        },
        camera: args.camera,
        by: client.person().clone(),
        at: now,
        reason: args.reason,
    };
    let done: Ordered = client.post("/v1/orders", &Signed::sign(order, client.key())?)?;
    if args.json {
        print_json(&done)?;
    } else {
        let word = if power == Power::Off { "off" } else { "on" };
        println!(
            "{word}: {} camera(s), {} lease(s) ended; entry {} of the public log",
            done.cameras.len(),
            done.leases.len(),
            done.log_entry
        );
    }
    Ok(ExitCode::SUCCESS)
}
