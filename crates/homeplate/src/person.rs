//! `homeplate person`: who comes in, who has lost a key, who leaves.

use crate::check::{as_server, place};
use crate::client::{Client, ClientArgs};
use crate::custody::Beside;
use base::{PersonId, PublicKey, SystemClock};
use city::{City, Invitation, Invite, Left, LostKey, NewPerson, PersonLine, Seat};
use clap::Subcommand;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `homeplate person`.
#[derive(clap::Args)]
pub struct PersonArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Add a person who has made a key file; `homeplate person ID …` is the same.
    Add(AddArgs),
    /// Invite a person who comes with a browser; prints a one-time link.
    Invite(InviteArgs),
    /// Say that a person's key is lost; when another administrator says so too, they are invited anew.
    LostKey(OneArgs),
    /// Let in whose last key is lost, where no two administrators are left to: root on the city's machine, with the server
    /// stopped. Prints a one-time link; it stands on the public log.
    Reset(ResetArgs),
    /// A person leaves: keys, passkeys, sessions and their tokens end at once.
    Leave(OneArgs),
    /// List everybody.
    List(ListArgs),
}

#[derive(clap::Args)]
struct AddArgs {
    /// The person's id, as in their key file.
    id: PersonId,
    /// Public key, as `homeplate key show` prints it.
    #[arg(long)]
    public_key: PublicKey,
    #[command(flatten)]
    who: WhoArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(clap::Args)]
struct InviteArgs {
    /// The person's id, for instance per_smith.
    id: PersonId,
    #[command(flatten)]
    who: WhoArgs,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(clap::Args)]
struct WhoArgs {
    /// Their name; it never goes on the log.
    #[arg(long)]
    name: String,
    /// Their office, as the log shows it.
    #[arg(long)]
    office: String,
    /// Roles that the city's rules know, for instance administrator, officer, clerk.
    #[arg(long, value_delimiter = ',', required = true)]
    roles: Vec<String>,
}

#[derive(clap::Args)]
struct OneArgs {
    /// The person's id.
    id: PersonId,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(clap::Args)]
struct ResetArgs {
    /// The person's id; `smith` is per_smith.
    name: String,
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long)]
    data: Option<PathBuf>,
}

#[derive(clap::Args)]
struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

/// The command line with `add` where `homeplate person ID …` leaves it out.
pub fn spelled_out(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const WORDS: [&str; 9] =
        ["add", "invite", "lost-key", "reset", "leave", "list", "help", "-h", "--help"];
    let mut args: Vec<OsString> = args.collect();
    let person = args.get(1).is_some_and(|word| word == "person" || word == "people");
    if person && args.get(2).is_some_and(|word| WORDS.iter().all(|known| word != known)) {
        args.insert(2, "add".into());
    }
    args
}

/// Runs the command.
pub fn run(args: PersonArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Add(args) => add(args)?,
        What::Invite(args) => invite(args)?,
        What::LostKey(args) => lost_key(args)?,
        What::Reset(args) => reset(args)?,
        What::Leave(args) => leave(args)?,
        What::List(args) => list(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: AddArgs) -> base::Result<()> {
    let client = Client::new(&args.client)?;
    let new = NewPerson {
        id: args.id.clone(),
        name: args.who.name,
        office: args.who.office,
        roles: args.who.roles,
        key: args.public_key,
    };
    let _: serde_json::Value = client.post("/v1/people", &new)?;
    println!("{} added", args.id);
    Ok(())
}

fn show(client: &Client, way: &Invitation) {
    println!("{}{}", client.server(), way.path);
    eprintln!("good for one passkey until {}; give it to nobody else", way.until);
}

fn invite(args: InviteArgs) -> base::Result<()> {
    let client = Client::new(&args.client)?;
    let new = Invite { name: args.who.name, office: args.who.office, roles: args.who.roles };
    show(&client, &client.post(&format!("/v1/people/{}/invite", args.id), &new)?);
    Ok(())
}

fn lost_key(args: OneArgs) -> base::Result<()> {
    let client = Client::new(&args.client)?;
    let done: LostKey = client.post(&format!("/v1/people/{}/lost-key", args.id), &json!({}))?;
    if let Some(until) = done.confirm_until {
        println!("noted; another administrator must say so too until {until}");
    }
    if let Some(way) = &done.invitation {
        show(&client, way);
    }
    Ok(())
}

fn reset(args: ResetArgs) -> anyhow::Result<()> {
    let id: PersonId = args.name.parse().or_else(|_| format!("per_{}", args.name).parse())?;
    let data = place(args.data);
    let data = std::path::absolute(&data).unwrap_or(data);
    as_server(&data)?;
    // No server that stands by takes the city over meanwhile.
    let _seat = Seat::take(&data)?;
    let beside = Beside::start(&data)?;
    // A log that was set back is not gone on with here either.
    let memory = Some(city::memory(&data));
    let done = City::open_with(&data, Arc::new(SystemClock), memory).and_then(|city| {
        let way = city.reset_person(&id)?;
        Ok((crate::init::origin(city.config())?, way))
    });
    if let Some(custody) = beside {
        custody.end();
    }
    let (origin, way) = done?;
    println!("{origin}{}", way.path);
    eprintln!(
        "keys, passkeys, tokens and sessions of {id} have ended, and the public log says so. Start the server; the link is \
         good for one passkey until {}; give it to nobody else",
        way.until
    );
    Ok(())
}

fn leave(args: OneArgs) -> base::Result<()> {
    let client = Client::new(&args.client)?;
    let left: Left = client.post(&format!("/v1/people/{}/leave", args.id), &json!({}))?;
    println!("{} has left: {} keys and {} tokens ended", args.id, left.keys, left.tokens.len());
    Ok(())
}

fn list(args: ListArgs) -> base::Result<()> {
    let people: Vec<PersonLine> = Client::new(&args.client)?.get("/v1/people")?;
    for p in people {
        let state = match p.ended {
            Some(at) => format!("left {at}"),
            None => format!("{} key files, {} passkeys", u8::from(p.key), p.passkeys.len()),
        };
        println!("{}  {}, {} ({}); {state}", p.id, p.name, p.office, p.roles.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_needs_no_word() {
        let check = |line: &str, want: &str| {
            let args = spelled_out(line.split(' ').map(OsString::from));
            let args: Vec<&str> = args.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(args.join(" "), want);
        };
        check("homeplate person per_a --name A", "homeplate person add per_a --name A");
        check("homeplate person --name A per_a", "homeplate person add --name A per_a");
        check("homeplate person leave per_a", "homeplate person leave per_a");
        check("homeplate person --help", "homeplate person --help");
        check("homeplate person", "homeplate person");
        check("homeplate people reset per_a", "homeplate people reset per_a");
        check("homeplate camera cam_a", "homeplate camera cam_a");
    }
}
