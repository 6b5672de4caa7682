//! `homeplate hold`: reads preserved for a court, and what the court does with them.

use crate::client::{Client, ClientArgs};
use crate::keyfile::Owner;
use base::{CameraId, Error, HoldId, Result, Time};
use city::{HeldLine, HeldPage, HeldRead, Holds, NewHold, Placed, Review};
use plate::Reason;
use read::OpenKey;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const MATTER: Owner = Owner { head: "homeplate matter key v1", whose: "a matter's" };

/// Arguments of `homeplate hold`.
#[derive(clap::Args)]
pub struct HoldArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The court makes its key and gives the city the public half that this prints.
    Key {
        /// Where to write it (mode 0600).
        #[arg(long)]
        out: PathBuf,
    },
    /// Preserve reads for a matter.
    Place(PlaceArgs),
    /// Show every hold.
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Say that a hold is still needed.
    Review {
        /// The hold.
        id: HoldId,
        /// Until when (RFC 3339).
        #[arg(long)]
        until: Time,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Let a hold go: what it preserved is deleted.
    Release {
        /// The hold.
        id: HoldId,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Write what a hold preserved into a file for the court, sealed as it is.
    Fetch {
        /// The hold.
        id: HoldId,
        /// The file: one JSON object a line.
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// The court opens such a file with its key: time, camera and plate, and pictures where asked.
    Open {
        /// The file.
        file: PathBuf,
        /// The court's key.
        #[arg(long)]
        key: PathBuf,
        /// Where to write the pictures.
        #[arg(long)]
        pictures: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct PlaceArgs {
    /// The matter: a court's file number, a letter. It does not become public.
    #[arg(long)]
    matter: String,
    /// The court's paper, `pap_…`: a warrant or an order that somebody else than you registered with this key
    /// (`homeplate paper attest --matter-key`).
    #[arg(long)]
    paper: String,
    /// The matter's public key, as the court gave it.
    #[arg(long)]
    matter_key: String,
    /// First moment that matters (RFC 3339).
    #[arg(long)]
    from: Time,
    /// First moment that matters no longer.
    #[arg(long)]
    until: Time,
    /// Cameras; all where none is named.
    #[arg(long, value_delimiter = ',')]
    cameras: Vec<CameraId>,
    /// The one plate that matters; every read where it is left out.
    #[arg(long)]
    plate: Option<String>,
    /// When somebody has to say whether the hold is still needed (RFC 3339).
    #[arg(long)]
    review: Time,
    #[command(flatten)]
    client: ClientArgs,
}

/// Runs the command.
pub fn run(args: HoldArgs) -> anyhow::Result<ExitCode> {
    match args.what {
        What::Key { out } => println!("{}", make_key(&out)?),
        What::Place(args) => place(args)?,
        What::List { client } => list(&Client::new(&client)?)?,
        What::Review { id, until, client } => {
            let path = format!("/v1/holds/{id}/review");
            let () = Client::new(&client)?.post(&path, &Review { review: until })?;
            println!("{id} is to be reviewed again by {until}");
        }
        What::Release { id, client } => {
            let () = Client::new(&client)?.post(&format!("/v1/holds/{id}/release"), &())?;
            println!("{id} is released; what it preserved is being deleted");
        }
        What::Fetch { id, out, client } => fetch(&Client::new(&client)?, id, &out)?,
        What::Open { file, key, pictures } => {
            open(&file, &MATTER.load(&key)?, pictures.as_deref())?
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn place(args: PlaceArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.client)?;
    let new = NewHold {
        matter: args.matter,
        paper: args.paper,
        cameras: args.cameras,
        from: args.from,
        until: args.until,
        plate: args.plate,
        review: args.review,
        key: args.matter_key,
    };
    let placed: Placed = client.post("/v1/holds", &new)?;
    println!(
        "{}: {} reads preserved; entry {} of the public log",
        placed.id, placed.reads, placed.log_entry
    );
    if placed.preserving {
        println!("the city goes on with the rest; `homeplate hold list` shows when it is done");
    }
    Ok(())
}

fn list(client: &Client) -> anyhow::Result<()> {
    let all: Holds = client.get("/v1/holds")?;
    for hold in &all.holds {
        let state = match hold.released {
            Some(at) => format!("released {at}"),
            None if hold.overdue => format!("REVIEW OVERDUE since {}", hold.review),
            None => format!("review by {}", hold.review),
        };
        let more = if hold.preserving { " so far" } else { "" };
        println!("{}  placed {}  {} reads{more}  {state}", hold.id, hold.placed, hold.reads);
    }
    if all.holds.is_empty() {
        println!("no holds");
    }
    Ok(())
}

fn fetch(client: &Client, id: HoldId, out: &Path) -> anyhow::Result<()> {
    let unwritten = |e: std::io::Error| {
        Error::unavailable(format!("{} cannot be written; name another file.", out.display()))
            .because(e)
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create_new(out).map_err(unwritten)?);
    let (mut after, mut reads) = (String::new(), 0);
    loop {
        let page: HeldPage = client.get(&format!("/v1/holds/{id}/reads{after}"))?;
        for line in &page.reads {
            serde_json::to_writer(&mut file, line)?;
            file.write_all(b"\n").map_err(unwritten)?;
            reads += 1;
        }
        match page.next {
            Some(next) => after = format!("?after={next}"),
            None => break,
        }
    }
    file.flush().map_err(unwritten)?;
    println!("{reads} sealed reads written to {}", out.display());
    Ok(())
}

fn open(file: &Path, key: &OpenKey, pictures: Option<&Path>) -> anyhow::Result<()> {
    let unread = |e: std::io::Error| {
        Error::invalid(format!("{} cannot be read; name the fetched file.", file.display()))
            .because(e)
    };
    let lines = std::io::BufReader::new(std::fs::File::open(file).map_err(unread)?).lines();
    let mut out = std::io::stdout().lock();
    for line in lines {
        let line: HeldLine = serde_json::from_str(&line.map_err(unread)?).map_err(|e| {
            Error::invalid("A line of the file is not a held read; fetch it again.").because(e)
        })?;
        let held: HeldRead = line.try_into()?;
        let (read, picture) = city::open_held(key, &held)?;
        if let (Some(folder), Some(bytes)) = (pictures, picture) {
            std::fs::create_dir_all(folder).map_err(unread)?;
            std::fs::write(folder.join(format!("{}.jpg", read.id)), bytes).map_err(unread)?;
        }
        let text = read.odds.text();
        // A closed pipe is the reader's choice, not a failure.
        let _ = writeln!(
            out,
            "{}  {}  {}  {}",
            read.captured,
            read.camera,
            text.reveal(Reason::Answer),
            read.id
        );
    }
    Ok(())
}

fn make_key(path: &Path) -> Result<String> {
    if path.exists() {
        return Err(Error::conflict(format!("{} exists; name another file.", path.display())));
    }
    Ok(MATTER.create(path)?.public()?.to_string())
}
