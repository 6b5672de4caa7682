//! `homeplate off` and `homeplate on`: an order signed with the key in the person's hand; and `homeplate order`,
//! the same on a stick, for cameras that no line reaches.

use crate::client::{Client, ClientArgs, PersonKey, print_json};
use base::{CameraId, Clock, Error, OrderId, PersonId, Result, Signed, SystemClock, Time};
use city::{OffLine, OffReceipt, OffState, Ordered};
use clap::ValueEnum;
use jiff::tz::TimeZone;
use read::{Level, Order, OrderFile, Power, SpoolOrder};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What an order says.
#[derive(clap::Args)]
struct What {
    /// One camera; every camera where neither it nor a group is named.
    camera: Option<CameraId>,
    /// The cameras of a group, as homeplate.toml names it.
    #[arg(long, conflicts_with = "camera")]
    group: Option<String>,
    /// Every camera.
    #[arg(long, conflicts_with_all = ["camera", "group"])]
    all: bool,
    /// Why; it is public.
    #[arg(long)]
    reason: String,
    /// What becomes of what cameras have captured and not delivered: kept sealed, or erased.
    #[arg(long)]
    spool: Option<SpoolWord>,
    /// From when on: `18:00` (the next one, today or tomorrow), `tomorrow 06:00`, by this machine's time zone; or RFC
    /// 3339. At once where it is left out.
    #[arg(long, value_parser = moment)]
    from: Option<Time>,
    /// Until when, likewise; until it is ordered on where it is left out.
    #[arg(long, value_parser = moment)]
    until: Option<Time>,
}

/// Arguments of `homeplate off` and `homeplate on`.
#[derive(clap::Args)]
pub struct OrderArgs {
    #[command(flatten)]
    what: What,
    /// What is switched.
    #[arg(long, default_value = "capture")]
    level: Word,
    /// How many seconds to wait for the cameras' answers.
    #[arg(long, default_value_t = 3)]
    wait: u64,
    /// JSON instead of a sentence.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

/// Arguments of `homeplate order`.
#[derive(clap::Args)]
pub struct FileArgs {
    #[command(flatten)]
    what: What,
    /// The file to write, for instance off.order. Where it holds an order already, yours is signed beside it.
    #[arg(long)]
    out: PathBuf,
    /// Your key file, made by `homeplate key new`.
    #[arg(long, env = "HOMEPLATE_KEY")]
    key: PathBuf,
}

const MINUTE_MS: i64 = 60_000;

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Word {
    Capture,
    Asking,
    Sharing,
    Job,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum SpoolWord {
    Keep,
    Erase,
}

/// This machine's own zone, as the system says it; UTC where it says none that is known.
fn zone() -> TimeZone {
    let name = std::env::var("TZ").ok().filter(|tz| !tz.is_empty());
    let link = || {
        let path = std::fs::canonicalize("/etc/localtime").ok()?;
        Some(path.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    };
    let known = |name: String| TimeZone::get(name.trim_start_matches(':')).ok();
    name.or_else(link).and_then(known).unwrap_or(TimeZone::UTC)
}

/// A moment as people say it: `18:00` is the next such moment, of today or of tomorrow.
fn moment(text: &str) -> Result<Time, String> {
    moment_in(text, SystemClock.now(), &zone()).map_err(|e| e.message().to_owned())
}

fn moment_in(text: &str, now: Time, zone: &TimeZone) -> Result<Time> {
    let bad =
        || Error::invalid("Write 18:00, today 18:00, tomorrow 06:00, or 2026-11-23T18:00:00Z.");
    if text.contains('T') {
        return text.parse();
    }
    let here = jiff::Timestamp::from_millisecond(now.millis()).map_err(|e| bad().because(e))?;
    let today = zone.to_datetime(here).date();
    let tomorrow = today.tomorrow().map_err(|e| bad().because(e))?;
    let (day, hour) = match text.trim().rsplit_once(' ') {
        Some((day, hour)) => (Some(day), hour),
        None => (None, text.trim()),
    };
    let (h, m) = hour.split_once(':').ok_or_else(bad)?;
    let (h, m): (i8, i8) = (h.parse().map_err(|_| bad())?, m.parse().map_err(|_| bad())?);
    let time = jiff::civil::Time::new(h, m, 0, 0).map_err(|e| bad().because(e))?;
    let on = |day: jiff::civil::Date| -> Result<Time> {
        let there = zone.to_timestamp(day.to_datetime(time)).map_err(|e| bad().because(e))?;
        Ok(Time::from_millis(there.as_millisecond()))
    };
    // Who says the minute that runs means now.
    let passed = now.since(on(today)?) >= MINUTE_MS;
    match day {
        None if passed => on(tomorrow),
        Some("today") if passed => Err(Error::invalid(
            "That moment of today has passed; write tomorrow 06:00, or another day.",
        )),
        None | Some("today") => on(today),
        Some("tomorrow") => on(tomorrow),
        Some(day) => on(day.parse().map_err(|e: jiff::Error| bad().because(e))?),
    }
}

/// Says which moments were taken: the same words are others on a machine of another zone, or after midnight.
fn say_moments(what: &What) {
    let zone = zone();
    for (word, time) in [("from", what.from), ("until", what.until)] {
        if let Some(time) = time {
            eprintln!("{word} {}", in_zone(time, &zone));
        }
    }
}

/// A moment by the clocks of a zone, with the zone's name, and as it is signed.
fn in_zone(time: Time, zone: &TimeZone) -> String {
    let Ok(at) = jiff::Timestamp::from_millisecond(time.millis()) else { return time.to_string() };
    let there = zone.to_datetime(at).strftime("%Y-%m-%d %H:%M");
    format!("{there} {} ({time})", zone.iana_name().unwrap_or("by this machine's clock"))
}

fn order_of(what: &What, power: Power, level: Level, by: PersonId) -> Order {
    let now = SystemClock.now();
    Order {
        id: OrderId::new(now, base::random()),
        power,
        level,
        camera: what.camera.clone(),
        group: what.group.clone(),
        spool: what.spool.map(|word| match word {
            SpoolWord::Keep => SpoolOrder::Keep,
            SpoolWord::Erase => SpoolOrder::Erase,
        }),
        from: what.from,
        until: what.until,
        by,
        at: now,
        reason: what.reason.clone(),
    }
}

/// Runs `off` and `on`.
pub fn run(args: OrderArgs, power: Power) -> anyhow::Result<ExitCode> {
    let client = Client::new(&args.client)?;
    say_moments(&args.what);
    let level = match args.level {
        Word::Capture => Level::Capture,
        Word::Asking => Level::Asking,
        Word::Sharing => Level::Sharing,
        Word::Job => Level::Job,
    };
    let order = order_of(&args.what, power, level, client.person().clone());
    let done: Ordered = client.post("/v1/orders", &Signed::sign(order, client.key())?)?;
    if args.json {
        print_json(&done)?;
        return Ok(ExitCode::SUCCESS);
    }
    let word = if power == Power::Off { "off" } else { "on" };
    println!(
        "{word}: {} camera(s), {} lease(s) ended; entry {} of the public log{}",
        done.cameras.len(),
        done.leases.len(),
        done.log_entry,
        done.from.map(|from| format!("; from {from}")).unwrap_or_default()
    );
    if !done.still_off.is_empty() {
        let cameras: Vec<&str> = done.still_off.iter().map(CameraId::as_str).collect();
        println!("still off by another order: {}", cameras.join(", "));
    }
    if power == Power::Off && level == Level::Capture {
        wait_for(&client, &done, Duration::from_secs(args.wait));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the receipt when every camera has answered, or the time is over.
fn wait_for(client: &Client, done: &Ordered, wait: Duration) {
    let end = Instant::now() + wait;
    loop {
        // Where the log is shown later, there is no receipt yet: the order holds all the same.
        let receipt: Result<OffReceipt> = client.get(&format!("/v1/orders/{}", done.id));
        match receipt {
            Ok(receipt) if receipt.done || done.from.is_some() || Instant::now() >= end => {
                receipt.cameras.iter().for_each(|line| println!("  {}", in_words(line)));
                receipt.checklist.iter().for_each(|what| println!("    [ ] {what}"));
                break;
            }
            Ok(_) => std::thread::sleep(Duration::from_millis(100)),
            Err(_) => break,
        }
    }
    println!("receipt: {}/off/{}", client.server(), done.id);
}

/// One camera's line of a receipt, in words.
fn in_words(line: &OffLine) -> String {
    let until = line.lease_until.map(|t| t.to_string()).unwrap_or_default();
    let what = match line.state {
        OffState::Acknowledged => format!(
            "acknowledged {}{}{}",
            line.at.map(|t| t.to_string()).unwrap_or_default(),
            line.frames.map(|n| format!(", last frame {n}")).unwrap_or_default(),
            if line.spool.as_deref() == Some("erased") { ", undelivered reads erased" } else { "" },
        ),
        OffState::LeaseRuns => format!("not reached; its lease ends {until}"),
        OffState::LeaseEnded => format!("not reached; its lease ended {until}"),
        OffState::Foreign => {
            "foreign device: its reads are refused, somebody must cut power".into()
        }
        OffState::NoLease => "has no lease".into(),
        OffState::Scheduled => "goes off then".into(),
    };
    format!("{}: {what}", line.camera)
}

/// Runs `order`: writes a signed order file.
pub fn file(args: FileArgs) -> anyhow::Result<ExitCode> {
    let me = PersonKey::load(&args.key)?;
    say_moments(&args.what);
    let order = order_of(&args.what, Power::Off, Level::Capture, me.person);
    let mut file = match std::fs::read(&args.out) {
        Ok(bytes) => OrderFile::parse(&bytes)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            OrderFile { v: 1, orders: Vec::new() }
        }
        Err(e) => {
            let message = format!("{} cannot be read.", args.out.display());
            return Err(Error::unavailable(message).because(e).into());
        }
    };
    if file.orders.iter().any(|other| !other.unverified().same(&order)) {
        let message = "The file holds another order; write yours into another file.";
        return Err(Error::conflict(message).into());
    }
    if file.orders.len() == OrderFile::MAX {
        return Err(Error::too_large("The file holds as many signatures as it may.").into());
    }
    file.orders.push(Signed::sign(order, &me.key)?);
    base::write_atomic(&args.out, &serde_json::to_vec_pretty(&file)?)?;
    println!(
        "{}: {} signature(s). Put it on a stick: a camera takes it from the folder that `homeplate edge --orders` \
         names, or by `homeplate edge order {} --data …`",
        args.out.display(),
        file.orders.len(),
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_people_say_them() {
        let now: Time = "2026-11-23T20:00:00Z".parse().unwrap();
        let chicago = TimeZone::get("America/Chicago").unwrap();
        let check = |text: &str, want: &str| {
            let got = moment_in(text, now, &chicago).map_or("-".into(), |t| t.to_string());
            assert_eq!(got, want, "{text}");
        };
        check("18:00", "2026-11-24T00:00:00.000Z");
        // In the afternoon six in the morning is tomorrow's; the minute that runs is now.
        check("06:00", "2026-11-24T12:00:00.000Z");
        check("13:59", "2026-11-24T19:59:00.000Z");
        check("14:00", "2026-11-23T20:00:00.000Z");
        check("today 06:00", "-");
        check("today 18:30", "2026-11-24T00:30:00.000Z");
        check("tomorrow 06:00", "2026-11-24T12:00:00.000Z");
        check("2026-12-01 06:00", "2026-12-01T12:00:00.000Z");
        check("2026-11-23T18:00:00Z", "2026-11-23T18:00:00.000Z");
        for bad in ["", "18", "25:00", "18:60", "yesterday 18:00", "6pm", "2026-13-01 06:00"] {
            check(bad, "-");
        }
        assert_eq!(
            in_zone(now, &chicago),
            "2026-11-23 14:00 America/Chicago (2026-11-23T20:00:00.000Z)"
        );
        assert_eq!(in_zone(now, &TimeZone::UTC), "2026-11-23 20:00 UTC (2026-11-23T20:00:00.000Z)");
    }
}
