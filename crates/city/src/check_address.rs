//! Examining how the city is seen from outside, whether its clock is kept, and whether its plan still holds.

use crate::check::{Finding, State};
use crate::plan::{Plan, Real};
use crate::{Config, TlsMode, TlsSection};
use base::{Clock, Result};
use std::path::Path;
use store::Store;

/// The file of a plan in a city's folder.
pub const PLAN_FILE: &str = "plan.json";

fn finding(part: &'static str, state: State, message: impl Into<String>) -> Finding {
    Finding { part, state, message: message.into() }
}

/// The city's name, whether somebody answers there, and what a visitor would think of the certificate.
pub(crate) fn check_address(dir: &Path, config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let Some((host, port)) = config.server.host() else {
        let message =
            "The city has no host name: it is for this machine alone (server.public_url).";
        return vec![finding("address", State::Look, message)];
    };
    let mut out = check_files(dir, config, clock);
    if config.server.public_url.as_deref().is_some_and(|url| url.starts_with("http://")) {
        return out;
    }
    let now = clock.now();
    let probed = roots(dir, config).and_then(|roots| tls::probe(host, port, roots));
    match probed {
        Err(e) => out.push(finding("address", State::Wrong, e.message())),
        Ok(seen) => {
            let where_to: Vec<String> = seen.addresses.iter().map(|a| a.ip().to_string()).collect();
            let message =
                format!("{host} leads to {}, and somebody answers there.", where_to.join(", "));
            out.push(finding("address", State::Fine, message));
            let days = seen.seen.days_left(now);
            out.push(match seen.distrust {
                _ if days < 0 => finding(
                    "certificate",
                    State::Wrong,
                    format!("It ended on {}: {}", seen.seen.until, what_to_do(config.tls.mode)),
                ),
                _ if !seen.seen.is_for(host) => finding(
                    "certificate",
                    State::Wrong,
                    format!("It is for {}, not for {host}; get one for this name.", seen.seen.names.join(", ")),
                ),
                Some(why) => finding(
                    "certificate",
                    State::Wrong,
                    format!(
                        "A visitor would not believe it ({why}): the chain behind it may be missing, or its authority \
                         is none that this machine believes."
                    ),
                ),
                None => aged(days, config),
            });
        }
    }
    out
}

fn aged(days: i64, config: &Config) -> Finding {
    if days < i64::from(config.upkeep.certificate_days) {
        let message = format!("It ends in {days} days: {}", what_to_do(config.tls.mode));
        return finding("certificate", State::Look, message);
    }
    finding(
        "certificate",
        State::Fine,
        format!("A visitor believes it, and it is good for {days} days."),
    )
}

/// What keeps a certificate from being renewed.
fn what_to_do(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::File => {
            "put a new one in place of tls.certificate and tls.key; the server takes it up by itself."
        }
        TlsMode::Acme => {
            "the server asks for another by itself; its log says why none comes (is port 80 reachable under the name?)."
        }
        TlsMode::OwnCa => {
            "the server makes another by itself while it runs; is tls/ca.key there, and the clock right?"
        }
        TlsMode::Proxy | TlsMode::None => "renew it where the proxy has it.",
    }
}

/// Whom a visitor believes: who was handed the city's root, that one; otherwise whom this machine believes.
fn roots(dir: &Path, config: &Config) -> Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    let of_city = config.tls.root_file(dir).map(|file| tls::read_chain(&file)).transpose()?;
    let found = match of_city {
        Some(own) => own,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(found);
    Ok(roots)
}

/// The certificate and its key as they lie on the disk.
fn check_files(dir: &Path, config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let mut out = Vec::new();
    let Some(live) = config.tls.live(dir) else { return out };
    match live.refresh() {
        Ok(_) => {}
        Err(_) if config.tls.mode == TlsMode::Acme => {
            let message = "None is there yet; the server asks for one when it runs.";
            out.push(finding("certificate", State::Look, message));
        }
        Err(e) => out.push(finding("certificate", State::Wrong, e.message())),
    }
    if config.tls.mode == TlsMode::OwnCa
        && let Some((host, _)) = config.server.host()
    {
        let own =
            tls::OwnAuthority::make(&TlsSection::folder(dir), &config.city.name, host, clock.now());
        let looked = own.and_then(|own| Ok((own.fingerprint()?, own.seen()?, own.misfit(host)?)));
        out.push(match looked {
            Ok((_, _, Some(wrong))) => finding("authority", State::Wrong, wrong),
            Ok((print, seen, None)) => {
                let days = seen.days_left(clock.now());
                finding(
                    "authority",
                    State::Fine,
                    format!("The city's own: {print}, for {days} days."),
                )
            }
            Err(e) => finding("authority", State::Wrong, e.message()),
        });
    }
    out
}

/// Whether something keeps the machine's clock.
pub(crate) fn check_sync() -> Option<Finding> {
    let kept = base::clock_is_kept()?;
    Some(if kept {
        finding("clock", State::Fine, "It is kept by NTP.")
    } else {
        let message = "Nothing keeps it: switch NTP on (timedatectl set-ntp true), and let it out through the firewall.";
        finding("clock", State::Look, message)
    })
}

/// Whether the city still is what was planned, where a plan lies in its folder.
pub(crate) fn check_plan(dir: &Path, config: &Config, store: Option<&Store>) -> Option<Finding> {
    let text = std::fs::read(dir.join(PLAN_FILE)).ok()?;
    let plan: Plan = match serde_json::from_slice(&text) {
        Ok(plan) => plan,
        Err(_) => {
            let message = "plan.json is damaged; make it anew with `homeplate plan --save`.";
            return Some(finding("plan", State::Look, message));
        }
    };
    // What cannot be counted is said of the store.
    let real = real(dir, config, store).ok()?;
    let differs = plan.compare(&real);
    Some(if differs.is_empty() {
        let needs = plan.needs().disk_gb;
        finding(
            "plan",
            State::Fine,
            format!("The city is as planned; {needs} GB of disk are enough for it."),
        )
    } else {
        let message = format!("{} Plan anew with `homeplate plan`.", differs.join(" "));
        finding("plan", State::Look, message)
    })
}

fn real(dir: &Path, config: &Config, store: Option<&Store>) -> Result<Real> {
    let mut real = Real {
        days: config.retention.reads_days,
        disk: base::disk_room(dir)?.1,
        ..Real::default()
    };
    let Some(store) = store else { return Ok(real) };
    real.cameras =
        store.cameras()?.iter().filter(|camera| camera.off_since.is_none()).count() as u64;
    let mut days = store.days()?;
    // The day that goes on, and the first one, say too little.
    days.sort();
    let whole = days.len().saturating_sub(1);
    let mut counts = Vec::new();
    for day in days.iter().take(whole).skip(1) {
        // A damaged day says nothing of how many pass.
        let Ok(reads) = store.counts(*day) else { continue };
        counts.push(reads.iter().map(|(_, reads)| *reads).sum::<u64>() as f64);
    }
    counts.sort_by(f64::total_cmp);
    real.reads_a_day = counts.get(counts.len() / 2).copied();
    Ok(real)
}
