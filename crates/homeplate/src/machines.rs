//! `homeplate token` and `homeplate device`: what comes in without a person's key, and when it locks.

use crate::client::{Client, ClientArgs};
use base::{Clock, DeviceId, SystemClock, TokenId};
use city::{DeviceCode, DeviceLine, MadeToken, NewDevice, NewToken, TokenLine};
use clap::Subcommand;
use serde_json::json;
use std::process::ExitCode;

/// Arguments of `homeplate token`.
#[derive(clap::Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    what: TokenWhat,
}

#[derive(Subcommand)]
enum TokenWhat {
    /// Make a token for a program that cannot sign, and print it: this once.
    New {
        /// What the program is.
        #[arg(long)]
        name: String,
        /// What it may do, as the rules spell it: ViewHits, EditHotList, EnrolCamera, ReadAudit.
        #[arg(long, value_delimiter = ',', required = true)]
        scope: Vec<String>,
        /// Days after which it ends.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List the tokens.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// End a token at once.
    Revoke {
        /// The token's public half.
        id: TokenId,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// Runs `homeplate token`.
pub fn token(args: TokenArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        TokenWhat::New { name, scope, days, client } => {
            let expires = SystemClock.now().plus_millis(i64::from(days) * 86_400_000);
            let new = NewToken { name, scope, expires };
            let made: MadeToken = Client::new(&client)?.post("/v1/tokens", &new)?;
            println!("{}", made.token);
            eprintln!("good until {expires}; shown this once. Send it as: Authorization: Bearer …");
        }
        TokenWhat::List { client } => {
            let tokens: Vec<TokenLine> = Client::new(&client)?.get("/v1/tokens")?;
            for t in tokens {
                let state = match (t.revoked, t.used) {
                    (Some(at), _) => format!("revoked {at}"),
                    (None, Some(at)) => format!("until {}, last used {at}", t.expires),
                    (None, None) => format!("until {}, never used", t.expires),
                };
                println!("{}  {} ({}) by {}; {state}", t.id, t.name, t.scope.join(" "), t.by);
            }
        }
        TokenWhat::Revoke { id, client } => {
            let path = format!("/v1/tokens/{id}/revoke");
            let _: serde_json::Value = Client::new(&client)?.post(&path, &json!({}))?;
            println!("{id} has ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Arguments of `homeplate device`.
#[derive(clap::Args)]
pub struct DeviceArgs {
    #[command(subcommand)]
    what: DeviceWhat,
}

#[derive(Subcommand)]
enum DeviceWhat {
    /// Register a device, and print the link that its browser opens.
    New {
        /// The device's id, for instance dev_front-desk.
        id: DeviceId,
        /// What people call it.
        #[arg(long)]
        name: String,
        /// desk, vehicle, receive-only or other.
        #[arg(long)]
        class: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List the devices.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// End a device, and the sessions at it.
    Revoke {
        /// The device's id.
        id: DeviceId,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// Runs `homeplate device`.
pub fn device(args: DeviceArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        DeviceWhat::New { id, name, class, client } => {
            let client = Client::new(&client)?;
            let code: DeviceCode = client.post("/v1/devices", &NewDevice { id, name, class })?;
            println!("{}{}", client.server(), code.path);
            eprintln!("open it on the device within 24 hours; it works once");
        }
        DeviceWhat::List { client } => {
            let devices: Vec<DeviceLine> = Client::new(&client)?.get("/v1/devices")?;
            for d in devices {
                let state = d.revoked.map_or("in use".to_owned(), |at| format!("revoked {at}"));
                println!("{}  {} ({}) by {}; {state}", d.id, d.name, d.class, d.by);
            }
        }
        DeviceWhat::Revoke { id, client } => {
            let path = format!("/v1/devices/{id}/revoke");
            let _: serde_json::Value = Client::new(&client)?.post(&path, &json!({}))?;
            println!("{id} has ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}
