//! Sends what people and programs are to be told of hits: a thread a way, one that looks what nobody decides, and one
//! that looks after the system itself.

use base::Shutdown;
use city::City;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// How often hits without a verdict are looked for.
const UNANSWERED_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether something of the system itself is wrong.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long a thread waits before it looks whether it shall end.
const NAP: Duration = Duration::from_millis(500);

/// Starts the threads; they end with the flag. What is under way then ends first, within its own time.
pub fn start(city: &Arc<City>, stop: &Shutdown) -> Vec<JoinHandle<()>> {
    let upkeep = {
        let (city, stop) = (city.clone(), stop.clone());
        spawn(move || look_after(&city, &stop))
    };
    let lanes = city.lanes();
    if lanes.is_empty() {
        return vec![upkeep];
    }
    let watch = {
        let (city, stop) = (city.clone(), stop.clone());
        spawn(move || {
            while !stop.sleep(UNANSWERED_EVERY) {
                if let Err(e) = city.tell_unanswered() {
                    tracing::error!(error = %e.inside(), "hits without a verdict");
                }
            }
        })
    };
    let lanes = lanes.into_iter().map(|lane| {
        let (city, stop) = (city.clone(), stop.clone());
        spawn(move || send(&city, &lane, &stop))
    });
    lanes.chain([watch, upkeep]).collect()
}

/// Looks what of the system itself somebody is to be told of.
fn look_after(city: &City, stop: &Shutdown) {
    while !stop.sleep(LOOK_EVERY) {
        if let Err(e) = city.look_after() {
            tracing::error!(error = %e.inside(), "looking after the system");
        }
    }
}

/// Sends what is due on a lane, woken by what comes and by the clock.
fn send(city: &City, lane: &str, stop: &Shutdown) {
    while !stop.stopped() {
        let heard = city.messages_heard();
        let wait = city.send_due(lane).unwrap_or_else(|e| {
            tracing::error!(%lane, error = %e.inside(), "sending");
            UNANSWERED_EVERY
        });
        let until = Instant::now() + wait;
        while !stop.stopped() {
            let left = until.saturating_duration_since(Instant::now()).min(NAP);
            if left.is_zero() || city.wait_for_messages(heard, left) != heard {
                break;
            }
        }
    }
}
