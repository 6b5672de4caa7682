//! The camera's health to the city: once a minute, and when something changes.

use crate::health::Report;
use crate::lease::State;
use crate::link::Link;
use base::Shutdown;
use read::{Heartbeat, LeaseState, SceneState};
use std::time::{Duration, Instant};
use vision::Scene;

const EVERY: Duration = Duration::from_secs(60);
/// What changes is told no sooner than this after the last word.
const LEAST: Duration = Duration::from_secs(5);
/// The first word comes when the lease is there, and not later than this.
const FIRST: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(500);

/// Tells how it is until `done`. What cannot be told is not kept: the next word is newer.
pub(crate) fn run(link: &Link, make: impl Fn() -> Heartbeat, done: &Shutdown) {
    let began = Instant::now();
    let mut told: Option<(Instant, Heartbeat)> = None;
    while !done.sleep(TICK) {
        let now = make();
        let due = match &told {
            None => now.lease == LeaseState::Leased || began.elapsed() >= FIRST,
            Some((at, last)) => {
                at.elapsed() >= EVERY || (at.elapsed() >= LEAST && differs(last, &now))
            }
        };
        if !due {
            continue;
        }
        // A city of before knows no such address; nothing hangs on it.
        if let Err(e) = link.client.post::<_, serde_json::Value>("/v1/heartbeats", &now) {
            tracing::debug!(error = %e.inside(), "health is not told");
        }
        told = Some((Instant::now(), now));
    }
}

/// Whether somebody should know at once.
fn differs(a: &Heartbeat, b: &Heartbeat) -> bool {
    let listed = |beat: &Heartbeat| beat.watch.as_ref().is_some_and(|w| w.made.is_some());
    let none_lost = |beat: &Heartbeat| beat.lost == 0 && beat.refused == 0;
    (a.lease, a.live, a.scene, listed(a)) != (b.lease, b.live, b.scene, listed(b))
        || (none_lost(a), a.fps > 0.0) != (none_lost(b), b.fps > 0.0)
}

/// The health of the camera on a line, and where it hangs by its own settings; of a foreign device nothing is
/// known of either.
pub(crate) fn of(link: &Link, seen: Option<(&Report, Option<[f64; 2]>)>) -> Heartbeat {
    let counts = link.counts.summary(link.spool.len());
    let lease = match link.keeper.state() {
        State::NoLease => LeaseState::NoLease,
        State::Leased(_) => LeaseState::Leased,
        State::Off { .. } => LeaseState::Off,
        State::Expired => LeaseState::Expired,
    };
    let foreign = seen.is_none();
    let (report, place) = seen.map(|(r, place)| (r.clone(), place)).unwrap_or_default();
    let captures = lease == LeaseState::Leased;
    let number = |v: f32| if v.is_finite() { v.max(0.0) } else { 0.0 };
    let [read, unread] = match foreign {
        true => [counts.sealed, counts.unsure],
        false => report.passes,
    };
    Heartbeat {
        v: Heartbeat::V,
        at: link.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lease,
        off_since: link.keeper.off_since(),
        foreign,
        live: captures && (foreign || report.source.live),
        fps: number(report.fps).min(1000.0),
        frames: report.source.frames,
        dropped: report.source.dropped,
        restarts: report.source.restarts,
        scene: if captures { scene(&report.scene) } else { SceneState::Ok },
        plate_px: report.width.map(|w| number(w.p50)),
        sharpness: report.sharpness.map(|s| number(s.p50)),
        read,
        unread,
        last_read: report.last_read,
        clock_offset_ms: link.keeper.session().and_then(|s| s.offset_ms()),
        clock_kept: report.clock_kept,
        place,
        waiting: counts.waiting,
        lost: counts.lost,
        refused: counts.refused,
        not_kept: counts.not_kept,
        watch: link.outlet.watch.held(),
    }
}

/// The worst of what is wrong with a picture, as the doctor has it.
fn scene(scene: &Scene) -> SceneState {
    let wrong = [
        (scene.blocked, SceneState::Blocked),
        (scene.moved, SceneState::Moved),
        (scene.dark, SceneState::Dark),
        (scene.glaring, SceneState::Glaring),
        (scene.blurred, SceneState::Blurred),
    ];
    wrong.into_iter().find(|(so, _)| *so).map_or(SceneState::Ok, |(_, state)| state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_a_picture_is_told() {
        assert_eq!(scene(&Scene::default()), SceneState::Ok);
        let dark = Scene { dark: true, blurred: true, ..Scene::default() };
        assert_eq!(scene(&dark), SceneState::Dark);
        assert_eq!(scene(&Scene { blocked: true, ..dark }), SceneState::Blocked);
    }
}
