//! `homeplate init`: makes a city in a folder.

use crate::client::PersonKey;
use base::{PersonId, SystemClock};
use city::{Config, InitOptions};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `homeplate init`.
#[derive(clap::Args)]
pub struct InitArgs {
    /// The folder of the city's data.
    #[arg(long, default_value = "city")]
    data: PathBuf,
    /// The city's name.
    #[arg(long)]
    name: String,
    /// The city's name in the log's origin: a-z, 0-9 and -.
    #[arg(long)]
    slug: String,
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// The first administrator's id.
    #[arg(long, default_value = "per_admin")]
    admin: PersonId,
    /// Roles of the first administrator.
    #[arg(long, value_delimiter = ',', default_value = "admin")]
    roles: Vec<String>,
    /// Where the first administrator's key goes; keep it out of the data folder and its backups.
    #[arg(long, default_value = "admin.key")]
    admin_key: PathBuf,
    /// Days after which reads are forgotten.
    #[arg(long, default_value_t = 21)]
    retention_days: u32,
    /// Seconds between two counts on the log while reads come in.
    #[arg(long, default_value_t = 60)]
    tally_s: u32,
    /// How many people it takes to switch something on again.
    #[arg(long, default_value_t = 2)]
    on_signatures: u32,
}

/// Runs the command.
pub fn run(args: InitArgs) -> anyhow::Result<ExitCode> {
    let config = Config {
        city: city::Section { name: args.name, slug: args.slug, time_zone: "UTC".into() },
        server: city::ServerSection { listen: args.listen },
        keys: Default::default(),
        retention: city::Retention { reads_days: args.retention_days },
        log: city::LogSection { tally_s: args.tally_s },
        cases: Default::default(),
        switch: city::Switching { on_signatures: args.on_signatures },
    };
    // A key that is there already belongs to an `init` that was cut off.
    let key = if args.admin_key.exists() {
        PersonKey::load(&args.admin_key)?
    } else {
        PersonKey::create(&args.admin_key, args.admin.clone())?
    };
    let options = InitOptions {
        config,
        admin: key.person.clone(),
        admin_name: "Administrator".into(),
        roles: args.roles,
        key: key.key.public(),
    };
    let made = city::init(&args.data, &options, &SystemClock)?;
    println!("configuration  {}", made.config.display());
    println!("log key        {}", made.vkey);
    println!("your key       {} (keep it safe: it is the administrator)", args.admin_key.display());
    println!("next           homeplate serve --data {}", args.data.display());
    Ok(ExitCode::SUCCESS)
}
