//! `homeplate edge discover`, `imaging` and `quirks`: finding cameras, setting their exposure, what they do oddly.

use base::{Clock, Error, Result, Secret, SystemClock};
use camera::onvif::{self, Address, Description, Device, Light, Login, Profile, Session, Stream};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Who asks a camera.
#[derive(clap::Args)]
struct LoginArgs {
    /// The camera's user; many cameras want one of its own for ONVIF.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the camera's password on its first line, which nobody else may read.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
}

/// Arguments of `homeplate edge discover`.
#[derive(clap::Args)]
pub struct DiscoverArgs {
    /// How long answers are waited for.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// One host (HOST or HOST:PORT of its WS-Discovery) instead of everybody on the local networks.
    #[arg(long)]
    address: Option<String>,
    #[command(flatten)]
    login: LoginArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `homeplate edge imaging`.
#[derive(clap::Args)]
pub struct ImagingArgs {
    /// The camera: HOST, or its device service as http://HOST:PORT/PATH.
    address: String,
    #[command(flatten)]
    login: LoginArgs,
    /// Set what plates want; without this nothing is changed.
    #[arg(long, value_enum)]
    set: Option<Profiles>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `homeplate edge quirks`.
#[derive(clap::Args)]
pub struct QuirksArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Profiles {
    /// A shutter of 1/1000 s, the infrared filter in.
    Day,
    /// A shutter of 1/500 s, limited gain, the infrared filter out.
    Night,
}

impl LoginArgs {
    fn read(&self) -> Result<Option<Login>> {
        let (Some(user), Some(file)) = (&self.user, &self.password_file) else { return Ok(None) };
        let bytes = base::read_secret(file)?;
        let text = std::str::from_utf8(bytes.expose())
            .map_err(|e| Error::invalid(format!("{} is not text.", file.display())).because(e))?;
        let password = Secret::new(text.lines().next().unwrap_or_default().to_owned());
        Ok(Some(Login { user: user.clone(), password }))
    }
}

/// What one device came to.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    device: Device,
    /// How far its clock is ahead of this machine's, in milliseconds.
    clock_ahead_ms: Option<i64>,
    streams: Vec<Stream>,
    /// What is wrong with it.
    wrong: Option<String>,
}

/// `homeplate edge discover`: exit code 1 where nothing is found.
pub fn discover(args: &DiscoverArgs) -> anyhow::Result<ExitCode> {
    let login = args.login.read()?;
    let wait = Duration::from_secs(args.seconds);
    let devices = match &args.address {
        None => onvif::everybody(wait)?,
        Some(host) => onvif::one(onvif::resolve(host, onvif::PORT)?, wait)?,
    };
    let seen: Vec<Seen> = devices.into_iter().map(|device| look(device, login.as_ref())).collect();
    if args.json {
        crate::client::print_json(&seen)?;
    } else {
        for one in &seen {
            print(one, &args.login);
        }
        if seen.is_empty() {
            eprintln!(
                "No camera answered. Discovery may be switched off in the camera, or another network lies between: try --address HOST, and `imaging HOST`."
            );
        } else if login.is_none() {
            eprintln!("With --user and --password-file their streams are tried too.");
        }
    }
    Ok(if seen.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// With a login, a device's streams.
fn look(device: Device, login: Option<&Login>) -> Seen {
    let mut seen = Seen { device, clock_ahead_ms: None, streams: Vec::new(), wrong: None };
    let Some(at) = seen.device.services.first() else {
        seen.wrong = Some("It names no address of its own that can be asked.".into());
        return seen;
    };
    let Some(login) = login else { return seen };
    let session = Session::open(at, Some(login.clone()), Arc::new(SystemClock) as Arc<dyn Clock>);
    let streams = session.and_then(|session| {
        seen.clock_ahead_ms = Some(session.ahead_ms());
        session.streams()
    });
    match streams {
        Ok(streams) => seen.streams = streams,
        Err(e) => seen.wrong = Some(e.message().to_owned()),
    }
    seen
}

fn print(seen: &Seen, login: &LoginArgs) {
    let device = &seen.device;
    let or = |text: &str, other: &str| if text.is_empty() { other.into() } else { text.to_owned() };
    let what = format!("{} {}", device.maker, device.model);
    println!("{}: {}, {}", device.from, or(&device.name, "no name"), or(what.trim(), "no model"));
    if let Some(at) = device.services.first() {
        println!("  ONVIF at {at}");
    }
    if device.refused > 0 {
        println!("  {} more addresses, of other hosts or kinds: not asked", device.refused);
    }
    if let Some(ms) = seen.clock_ahead_ms.filter(|ms| ms.abs() > 2000) {
        println!("  its clock is {} s off; give it this machine's time server", ms / 1000);
    }
    if let Some(wrong) = &seen.wrong {
        println!("  NO  {wrong}");
    }
    for stream in &seen.streams {
        match (&stream.says, &stream.wrong) {
            (Some(says), _) => println!("  ok  {}", stream_line(&stream.profile, says)),
            (None, wrong) => {
                let wrong = wrong.as_deref().unwrap_or_default();
                println!("  NO  {}: {wrong}", or(&stream.profile.name, &stream.profile.token));
            }
        }
    }
    if let Some(block) = best(&seen.streams).map(|s| block(device, s, login)) {
        println!("\n{block}");
    }
}

fn stream_line(profile: &Profile, says: &Description) -> String {
    let size =
        says.size.or(profile.size).map_or("size unknown".into(), |[w, h]| format!("{w}x{h}"));
    let coding = if says.coding.is_empty() { &profile.coding } else { &says.coding };
    let fps = profile.fps.map(|f| format!(", up to {f} frames/s")).unwrap_or_default();
    format!("{}: {coding} {size}{fps}", profile.name)
}

/// The largest stream that answers: plates want pixels.
fn best(streams: &[Stream]) -> Option<&Stream> {
    let pixels = |s: &&Stream| {
        let size = s.says.as_ref().and_then(|d| d.size).or(s.profile.size);
        size.map_or(0, |[w, h]| u64::from(w) * u64::from(h))
    };
    streams.iter().filter(|s| s.says.is_some()).max_by_key(pixels)
}

/// A block for `edge.toml`, with the password where it is and not what it is.
fn block(device: &Device, stream: &Stream, login: &LoginArgs) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let slug: String = device
        .name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(32)
        .collect();
    let slug = slug.trim_matches('-');
    let slug = if slug.is_empty() {
        device.from.to_string().replace(['.', ':'], "-")
    } else {
        slug.into()
    };
    let url = stream.address.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut source = format!("kind = \"rtsp\", url = {}", quoted(&url));
    if let (Some(user), Some(file)) = (&login.user, &login.password_file) {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        source += &format!(
            ", user = {}, password_file = {}",
            quoted(user),
            quoted(&file.display().to_string())
        );
    }
    format!(
        "[[camera]]\nid = {}\ncode_file = \"/etc/homeplate/{slug}.code\"    # from `homeplate camera`\nsource = {{ {source} }}\n",
        quoted(&format!("cam_{slug}"))
    )
}

/// `homeplate edge imaging`.
pub fn imaging(args: &ImagingArgs) -> anyhow::Result<ExitCode> {
    let at = match args.address.contains("://") {
        true => Address::read(&args.address)?,
        false => Address::device_service(onvif::resolve(&args.address, 80)?),
    };
    let light = args.set.map(|wanted| match wanted {
        Profiles::Day => Light::Day,
        Profiles::Night => Light::Night,
    });
    let found = onvif::expose(&at, args.login.read()?, Arc::new(SystemClock), light)?;
    if args.json {
        crate::client::print_json(&serde_json::json!({
            "now": found.now, "options": found.options, "plans": found.plans_json(), "written": args.set.is_some(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("{at}: {}", found.now.words());
    for (name, plan) in &found.plans {
        match plan {
            Ok(plan) => {
                println!("  --set {name}: {}", plan.set.words());
                plan.short.iter().for_each(|s| println!("    {s}"));
            }
            Err(e) => println!("  --set {name}: {e}"),
        }
    }
    if args.set.is_none() {
        println!("Nothing was changed.");
    }
    Ok(ExitCode::SUCCESS)
}

/// `homeplate edge quirks`.
pub fn quirks(args: &QuirksArgs) -> anyhow::Result<ExitCode> {
    if args.json {
        crate::client::print_json(&camera::quirks::QUIRKS)?;
        return Ok(ExitCode::SUCCESS);
    }
    for quirk in camera::quirks::QUIRKS {
        println!(
            "{}\n  shows:  {}\n  done:   {}\n  told:   {}\n",
            quirk.name, quirk.shows, quirk.done, quirk.told
        );
    }
    Ok(ExitCode::SUCCESS)
}
