//! The cameras for people: on, off, silent; what they say of themselves; where they stand.

use super::{Shown, failed, sign_in, word};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::PersonId;
use city::{CameraHealth, City, PublicCamera, Suspended};
use pages::{CameraView, CamerasPage, MapPlace, Place, render};

/// How a camera stands, for who looks after cameras and for who does not.
pub(super) fn state_of(camera: &PublicCamera, health: Option<&CameraHealth>) -> String {
    match health {
        Some(health) => word(health.state),
        None if camera.on => "on".into(),
        None => "off".into(),
    }
}

/// Who may not look after cameras sees what everybody sees of them.
pub(super) fn health(city: &City, who: &PersonId) -> base::Result<Vec<CameraHealth>> {
    match city.camera_health(who) {
        Err(e) if e.kind() == base::Kind::Forbidden => Ok(Vec::new()),
        other => other,
    }
}

fn view(
    camera: PublicCamera,
    health: Option<&CameraHealth>,
    suspended: &[Suspended],
    place: Option<(f64, f64)>,
    shown: Shown<'_>,
) -> CameraView {
    let state = state_of(&camera, health);
    let mut facts = Vec::new();
    if let Some(health) = health {
        for trouble in &health.troubles {
            facts.push(("trouble".to_owned(), word(trouble)));
        }
        if let Some(share) = health.share_read {
            facts.push(("share".into(), format!("{:.0} %", share * 100.0)));
        }
        if let Some(beat) = &health.last {
            facts.push(("fps".into(), format!("{:.1}", beat.fps)));
            if let Some(px) = beat.plate_px {
                facts.push(("plate".into(), format!("{px:.0} px")));
            }
            if let Some(ms) = beat.clock_offset_ms {
                facts.push(("clock".into(), format!("{ms} ms")));
            }
        }
    }
    CameraView {
        suspended: suspended.iter().any(|s| s.camera == camera.id),
        place: place.map(|(lat, lon)| MapPlace { name: camera.name.clone(), lat, lon }),
        id: camera.id.to_string(),
        name: camera.name,
        state,
        since: shown.of(camera.since),
        heard: health.and_then(|h| h.heard).map(|t| shown.of(t)).unwrap_or_default(),
        facts,
    }
}

/// `GET /console/cameras`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let visitor = Visitor::of(city, &who)?;
        let health = health(city, &who)?;
        let suspended =
            if visitor.may("ViewHits") { city.suspended_cameras(&who)? } else { vec![] };
        let cameras = city.cameras_now();
        let places = city.places_of(&cameras)?;
        Ok((visitor, cameras, places, health, suspended))
    };
    match state.run(flow).await {
        Ok((visitor, cameras, places, health, suspended)) => {
            let shown = Shown::of_city(&state);
            let there = cameras.into_iter().zip(places).filter(|(c, _)| c.retired.is_none());
            let one = |(camera, place): (PublicCamera, Option<(f64, f64)>)| {
                let health = health.iter().find(|h| h.camera == camera.id);
                view(camera, health, &suspended, place, shown)
            };
            let mut cameras: Vec<CameraView> = there.map(one).collect();
            cameras.sort_by(|a, b| a.name.cmp(&b.name));
            let page =
                signed_in(around(&state, &headers, "/console/cameras"), visitor, Place::Cameras);
            Html(render(&CamerasPage { page, cameras })).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}
