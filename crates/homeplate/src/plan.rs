//! `homeplate plan`: what a city needs, before it is bought; kept beside the city, `homeplate check` compares it with
//! what came of it.

use base::Error;
use city::plan::{Needs, Plan};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `homeplate plan`.
#[derive(clap::Args)]
pub struct PlanArgs {
    /// Cameras.
    #[arg(long)]
    cameras: u32,
    /// Vehicles that one camera reads a day.
    #[arg(long)]
    reads_per_day: u32,
    /// Days that reads are kept.
    #[arg(long, default_value_t = 21)]
    days: u32,
    /// Reads keep no pictures; hits do all the same.
    #[arg(long)]
    no_pictures: bool,
    /// Keep the plan in a city's folder: `homeplate check` compares it with what the city has become.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// JSON instead of sentences.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: PlanArgs) -> anyhow::Result<ExitCode> {
    let plan = Plan {
        cameras: args.cameras,
        reads_per_day: args.reads_per_day,
        days: args.days,
        pictures: !args.no_pictures,
    }
    .checked()?;
    let needs = plan.needs();
    if args.json {
        crate::client::print_json(&needs)?;
    } else {
        told(&plan, &needs);
    }
    if let Some(folder) = args.save {
        let text = serde_json::to_vec_pretty(&plan)
            .map_err(|e| Error::internal("The plan cannot be written.").because(e))?;
        base::write_atomic(&folder.join(city::PLAN_FILE), &text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(plan: &Plan, needs: &Needs) {
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    println!("reads kept     {} at a time", needs.reads);
    println!("disk           {} GB: seven tenths of it are", needs.disk_gb);
    println!("  reads        {}", gb(needs.read_bytes));
    println!("  pictures     {}", gb(needs.picture_bytes));
    println!("  the log      {} after ten years: it is never forgotten", gb(needs.log_bytes));
    if plan.pictures {
        let bare = Plan { pictures: false, ..plan.clone() }.needs();
        println!(
            "  without pictures {} GB would do (--no-pictures; hits keep theirs)",
            bare.disk_gb
        );
    }
    println!("server         {} cores, {} MB", needs.server_cores, needs.server_mb);
    println!(
        "readers        {:.1} cores and {} MB for all cameras of 1280x720 at 10 frames a second",
        needs.edge_cores, needs.edge_mb
    );
    println!(
        "line           {:.2} Mbit/s into the server in the busiest hour",
        needs.line * 8.0 / 1e6
    );
    println!(
        "These figures follow from measurements on two virtual cores and rendered traffic (guide/measuring.md); pictures \
         are counted twice as large as measured, because streets have more texture."
    );
}
