//! `homeplate`: one executable, one file a command.
//!
//! Commands that a person runs against a city are signed with the key in that person's hand
//! (`--key`, made by `homeplate key new`); nothing here knows a password.

mod address;
mod ask;
mod audit;
mod certificate;
mod check;
mod client;
mod custody;
mod drills;
mod edge;
mod fleet;
mod hits;
mod hold;
mod init;
mod key;
mod keyfile;
mod listening;
mod lists;
mod machines;
mod manage;
mod manager;
mod manual;
mod order;
mod oversight;
mod papers;
mod person;
mod plan;
mod policy;
mod read;
mod rules;
mod secrecy;
mod serve;
mod stand_by;
mod succeed;
mod telling;
mod upgrade;
mod verify;
mod web;
mod witness;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "homeplate", version, about = "The licence-plate-camera system a city owns.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Read plates from pictures and folders of pictures.
    Read(read::ReadArgs),
    /// Make a city: folder, configuration, keys, rules, public log.
    Init(Box<init::InitArgs>),
    /// Say what disk, processors, memory and line a city needs.
    Plan(plan::PlanArgs),
    /// Examine a city's configuration, address, certificate, rules, log, keys, store, disk and clock.
    Check(check::CheckArgs),
    /// Explain the configuration.
    Config(check::ConfigArgs),
    /// What the city's rules can never allow.
    Policy(policy::PolicyArgs),
    /// Read, propose and sign the city's rules.
    Rules(rules::RulesArgs),
    /// Keep a city's keys in a process of their own.
    Custody(custody::CustodyArgs),
    /// Serve a city: cameras, people and the public page.
    Serve(serve::ServeArgs),
    /// Read the cameras of one machine and deliver their sealed reads to the city.
    Edge(edge::EdgeArgs),
    /// Say by hour what a camera is fit for, and what would make it better.
    Survey(edge::local::SurveyArgs),
    /// Make a person's key, or show its public half.
    Key(key::KeyArgs),
    /// Register a camera and print the code it enrols with.
    Camera(manage::CameraArgs),
    /// List the cameras and how they are doing.
    Cameras(fleet::AllArgs),
    /// Print a code with which another device takes a camera's place.
    CameraReplace(fleet::OneArgs),
    /// Say that a camera stands elsewhere; reads of before keep their place.
    CameraMove(fleet::MoveArgs),
    /// Take a camera out of the fleet for good; its reads stay until they are forgotten.
    CameraRetire(fleet::OneArgs),
    /// Let people in, and out: add, invite, lost-key, reset, leave, list.
    #[command(visible_alias = "people")]
    Person(person::PersonArgs),
    /// Tokens for programs that cannot sign.
    Token(machines::TokenArgs),
    /// Devices that people use the console at.
    Device(machines::DeviceArgs),
    /// Add an entry to a hot list.
    Hotlist(manage::HotlistArgs),
    /// Keep hot lists: settings, imports, what was found again.
    List(lists::ListArgs),
    /// List hits.
    Hits(hits::HitsArgs),
    /// Open one hit: what was read beside what is listed.
    Hit(hits::HitArgs),
    /// Decide a hit after comparing picture, state, make and colour.
    Verdict(hits::VerdictArgs),
    /// Say what whoever keeps the record answered.
    HitRecord(hits::SayArgs<hits::RecordSaid>),
    /// Say what an officer saw.
    HitEyes(hits::SayArgs<hits::EyesSaid>),
    /// Say what came of a hit.
    HitOutcome(hits::SayArgs<hits::OutcomeSaid>),
    /// What waits for a person, the most urgent first.
    Queue(hits::QueueArgs),
    /// Say that a camera that misreads was looked at; its hits ring again.
    HitsResume(hits::ResumeArgs),
    /// Compare a plate that you see with the lists; the question goes on the public log first.
    CheckPlate(hits::CheckPlateArgs),
    /// What the next shift has to know; with `--accept`, take it over.
    Handover(hits::HandoverArgs),
    /// Begin a drill: a drawn hit for people to practise, marked as one.
    Drill(drills::DrillArgs),
    /// List drills, and how the desks do in them.
    Drills(drills::DrillArgs),
    /// Ask where a plate was seen; the question goes on the public log first.
    Ask(ask::AskArgs),
    /// Preserve reads for a court; nobody in the city can open what is preserved.
    Hold(hold::HoldArgs),
    /// Vouch for a warrant, an order, a declaration or a case.
    Paper(papers::PaperArgs),
    /// Review what was asked because a life was in danger.
    Breakglass(papers::BreakGlassArgs),
    /// Audit: open the private halves of entries, grade what was drawn, close alarms.
    Audit(audit::AuditArgs),
    /// See your own questions, and say what came of them.
    Questions(oversight::QuestionsArgs),
    /// Keep the sealed list of plates of the city's own people.
    OwnPlate(oversight::OwnPlateArgs),
    /// Switch capture, asking, sharing or the jobs off.
    Off(order::OrderArgs),
    /// Order something on again; needs several people.
    On(order::OrderArgs),
    /// Write an order to switch capture off to a file, for cameras that no line reaches.
    Order(order::FileArgs),
    /// Print a one-time link that opens the console in a browser.
    Console(manage::ConsoleArgs),
    /// Check a city's public log, from a folder or from its address.
    Verify(verify::VerifyArgs),
    /// Watch other cities' logs and sign that they only ever grow.
    Witness(witness::WitnessArgs),
    /// Begin the successor of a log that lost entries; everything is off then.
    Succeed(succeed::SucceedArgs),
    /// What this version would change in a city's data, how long it takes, and how to go back.
    Upgrade(upgrade::UpgradeArgs),
    /// Write man pages and shell completions into a folder.
    #[command(hide = true)]
    Manual(manual::ManualArgs),
}

/// A core dump would write keys and plates to the disk. No other program may look into the memory
/// either, unless it is root's.
fn no_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let done = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(e) = done {
        tracing::warn!(error = %e, "core dumps cannot be switched off");
    }
}

/// `homeplate … | head` closes the pipe: that is the reader's choice and no failure. Programs that serve go on.
fn closed_pipes_end_quietly(command: &Command) {
    let serves = matches!(
        command,
        Command::Serve(_) | Command::Custody(_) | Command::Edge(_) | Command::Witness(_)
    );
    if serves {
        return;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let closed = "failed printing to stdout: Broken pipe";
        if panic.payload_as_str().is_some_and(|text| text.starts_with(closed)) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    // Before anything speaks TLS; it fails only where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse_from(person::spelled_out(std::env::args_os()));
    closed_pipes_end_quietly(&cli.command);
    log();
    no_core_dumps();
    let done = match cli.command {
        Command::Read(args) => read::run(args),
        Command::Init(args) => init::run(*args),
        Command::Plan(args) => plan::run(args),
        Command::Check(args) => check::run(args),
        Command::Config(args) => check::config(args),
        Command::Custody(args) => custody::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Policy(args) => policy::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Edge(args) => edge::run(args),
        Command::Survey(args) => edge::local::survey(&args),
        Command::Key(args) => key::run(args),
        Command::Camera(args) => manage::camera(args),
        Command::Cameras(args) => fleet::list(args),
        Command::CameraReplace(args) => fleet::replace(args),
        Command::CameraMove(args) => fleet::move_to(args),
        Command::CameraRetire(args) => fleet::retire(args),
        Command::Person(args) => person::run(args),
        Command::Token(args) => machines::token(args),
        Command::Device(args) => machines::device(args),
        Command::Hotlist(args) => manage::hotlist(args),
        Command::List(args) => lists::run(args),
        Command::Hits(args) => hits::list(args),
        Command::Hit(args) => hits::show(args),
        Command::Verdict(args) => hits::verdict(args),
        Command::HitRecord(args) => hits::record(args),
        Command::HitEyes(args) => hits::eyes(args),
        Command::HitOutcome(args) => hits::outcome(args),
        Command::Queue(args) => hits::queue(args),
        Command::HitsResume(args) => hits::resume(args),
        Command::CheckPlate(args) => hits::check_plate(args),
        Command::Handover(args) => hits::handover(args),
        Command::Drill(args) => drills::start(args),
        Command::Drills(args) => drills::list(args),
        Command::Ask(args) => ask::run(args),
        Command::Hold(args) => hold::run(args),
        Command::Paper(args) => papers::paper(args),
        Command::Breakglass(args) => papers::break_glass(args),
        Command::Audit(args) => audit::run(args),
        Command::Questions(args) => oversight::questions(args),
        Command::OwnPlate(args) => oversight::own_plate(args),
        Command::Off(args) => order::run(args, ::read::Power::Off),
        Command::On(args) => order::run(args, ::read::Power::On),
        Command::Order(args) => order::file(args),
        Command::Console(args) => manage::console(args),
        Command::Verify(args) => verify::run(args),
        Command::Witness(args) => witness::run(args),
        Command::Succeed(args) => succeed::run(args),
        Command::Upgrade(args) => upgrade::run(args),
        Command::Manual(args) => manual::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(e) => report(&e),
    }
}

/// The operator's log on stderr. `HOMEPLATE_LOG` says what is in it; by default warnings, and one line
/// for each request that the server answers. With `HOMEPLATE_LOG_FORMAT=json` each line is JSON.
fn log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("HOMEPLATE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,request=info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A journal or a file wants no colours.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    if std::env::var("HOMEPLATE_LOG_FORMAT").is_ok_and(|format| format == "json") {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
}

/// One sentence for the person on stderr, the cause in the log, the kind as the exit code.
fn report(e: &anyhow::Error) -> ExitCode {
    if let Some(known) = e.downcast_ref::<base::Error>() {
        eprintln!("homeplate: {known}");
        tracing::debug!(error = %known.inside(), "failed");
        return ExitCode::from(known.kind().exit_code());
    }
    eprintln!("homeplate: {e}");
    tracing::debug!(error = ?e, "failed");
    ExitCode::from(base::Kind::Internal.exit_code())
}
