//! Many cameras on one machine: a run each, side by side. One that fails is begun again by itself.

use crate::panel;
use crate::run::{Config, Say, run_at, station};
use crate::station::Station;
use base::{Clock, Error, Result, Shutdown};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// A camera whose run failed is begun again after so long, and longer each time.
const AGAIN_MIN: Duration = Duration::from_secs(2);
const AGAIN_MAX: Duration = Duration::from_secs(60);

/// Runs all cameras until `stop` is raised. What is wrong at the start with a camera's settings or with the
/// page's address is an error; what is wrong later with one camera is told, and tried again.
pub fn run_fleet(
    configs: &[Config],
    page: Option<SocketAddr>,
    clock: Arc<dyn Clock>,
    stop: &Shutdown,
    say: Say,
) -> Result<()> {
    let stations: Vec<Arc<Station>> =
        configs.iter().map(|c| station(c, clock.clone())).collect::<Result<_>>()?;
    let listener = page.map(panel::listen).transpose()?;
    if let Some(bound) = listener.as_ref().and_then(|l| l.local_addr().ok()) {
        say(&format!("live pictures, aiming and metrics at http://{bound}/"));
    }
    std::thread::scope(|scope| {
        if let Some(listener) = &listener {
            let stations = &stations;
            scope.spawn(move || panel::serve(listener, stations, stop));
        }
        for (config, station) in configs.iter().zip(&stations) {
            let (clock, say) = (clock.clone(), say.clone());
            scope.spawn(move || one(config, station, &clock, stop, &say));
        }
    });
    Ok(())
}

fn one(
    config: &Config,
    station: &Arc<Station>,
    clock: &Arc<dyn Clock>,
    stop: &Shutdown,
    say: &Say,
) {
    let mut wait = AGAIN_MIN;
    while !stop.stopped() {
        // A defect in the reading of one camera ends that one.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            run_at(config, station, clock.clone(), stop, say.clone())
        }));
        let ran = ran.unwrap_or_else(|_| {
            Err(Error::internal("The reading of this camera has failed; it is begun again."))
        });
        match ran {
            // Its clip has ended, and nothing more comes of it.
            Ok(ended) if ended.because.is_none() => return,
            Ok(ended) => told(config, say, ended.because.as_ref()),
            Err(e) => told(config, say, Some(&e)),
        }
        if stop.sleep(wait) {
            return;
        }
        wait = (wait * 2).min(AGAIN_MAX);
    }
}

fn told(config: &Config, say: &Say, e: Option<&Error>) {
    if let Some(e) = e {
        say(&format!("camera {}: {}", config.camera, e.message()));
        tracing::warn!(camera = %config.camera, error = %e.inside(), "run");
    }
}
