//! What the map of the cameras is drawn from: where they are and how they are, and the city's own files.

use super::cameras::state_of;
use crate::auth::Shared;
use crate::chrome::Visitor;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::Error;
use city::City;
use serde_json::{Value, json};

fn stranger() -> Response {
    Problem::from(Error::unauthenticated("Sign in first.")).into_response()
}

/// `GET /console/map.json`.
pub(crate) async fn what(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return stranger() };
    let flow = move |city: &City| {
        Visitor::of(city, &who)?;
        let health = super::cameras::health(city, &who)?;
        let mut there = city.cameras_now();
        there.retain(|camera| camera.retired.is_none());
        let places = city.places_of(&there)?;
        let one = |(camera, place): (city::PublicCamera, Option<(f64, f64)>)| {
            let (lat, lon) = place?;
            let health = health.iter().find(|h| h.camera == camera.id);
            let state = state_of(&camera, health);
            Some(
                json!({ "id": camera.id, "name": camera.name, "state": state, "lat": lat, "lon": lon }),
            )
        };
        let cameras: Vec<Value> = there.into_iter().zip(places).filter_map(one).collect();
        let map = city.map();
        let layer = |(n, layer): (usize, &city::MapLayer)| json!({ "name": layer.name, "url": format!("/console/map/layers/{n}") });
        let layers: Vec<Value> = map.layer.iter().enumerate().map(layer).collect();
        let streets = map.streets.as_ref().map(|_| "/console/map/streets.pmtiles");
        Ok((cameras, layers, streets, map.attribution.clone()))
    };
    match state.run(flow).await {
        Ok((mut cameras, layers, streets, attribution)) => {
            let page = crate::chrome::around(&state, &headers, "/console/cameras");
            for camera in &mut cameras {
                let word = page.state_word(camera["state"].as_str().unwrap_or_default());
                camera["state_word"] = word.to_owned().into();
            }
            let told = json!({
                "cameras": cameras, "layers": layers, "streets": streets, "attribution": attribution,
            });
            Json(told).into_response()
        }
        Err(e) => Problem::from(e).into_response(),
    }
}

/// `GET /console/map/layers/{n}`.
pub(crate) async fn layer(
    State(state): Shared,
    headers: HeaderMap,
    Path(n): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return stranger() };
    let flow = move |city: &City| {
        Visitor::of(city, &who)?;
        city.map_layer(n.parse().map_err(|_| Error::not_found("There is no such layer."))?)
    };
    match state.run(flow).await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/geo+json")], bytes).into_response(),
        Err(e) => Problem::from(e).into_response(),
    }
}

/// `GET /console/map/streets.pmtiles`: the part that `Range` asks for (RFC 9110, 14.2), of one range.
pub(crate) async fn streets(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return stranger() };
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok()).and_then(range);
    let Some((from, most)) = asked else {
        let e = Error::invalid("Ask for a part of the streets with Range: bytes=FROM-TO.");
        return Problem::from(e).into_response();
    };
    let flow = move |city: &City| {
        Visitor::of(city, &who)?;
        city.map_streets(from, most)
    };
    match state.run(flow).await {
        Ok(part) => {
            let last = (part.from + part.bytes.len() as u64).saturating_sub(1);
            let headers = [
                (header::CONTENT_TYPE, "application/vnd.pmtiles".to_owned()),
                (header::CONTENT_RANGE, format!("bytes {}-{last}/{}", part.from, part.whole)),
                (header::ACCEPT_RANGES, "bytes".to_owned()),
            ];
            (StatusCode::PARTIAL_CONTENT, headers, part.bytes).into_response()
        }
        Err(e) => Problem::from(e).into_response(),
    }
}

/// Where a range begins, and how many bytes it has at most.
fn range(text: &str) -> Option<(u64, u64)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    match to {
        "" => Some((from, u64::MAX)),
        to => Some((from, to.parse::<u64>().ok()?.checked_sub(from)?.saturating_add(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges() {
        for (text, want) in [
            ("bytes=0-126", Some((0, 127))),
            ("bytes=16384-", Some((16384, u64::MAX))),
            ("bytes=5-5", Some((5, 1))),
            ("bytes=5-4", None),
            ("bytes=-4", None),
            ("bytes=0-1,4-5", None),
            ("items=0-1", None),
            ("bytes=0-18446744073709551615", Some((0, u64::MAX))),
        ] {
            assert_eq!(range(text), want, "{text}");
        }
    }
}
