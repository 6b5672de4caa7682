//! What people's programs ask for; every request is signed.

use crate::auth::{Shared, json};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, Request, State};
use base::{CameraId, Error, HitId, Signed};
use city::{AuditRecord, HitLine, HitView, NewEntry, NewPerson, Ordered, Verdict};
use read::Order;
use serde::Deserialize;
use serde_json::{Value, json};

type Answered<T> = Result<Json<T>, Problem>;

fn hit_id(text: &str) -> Result<HitId, Error> {
    text.parse().map_err(|_| Error::not_found("There is no such hit."))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCamera {
    id: CameraId,
    name: String,
    lat: Option<f64>,
    lon: Option<f64>,
}

/// `POST /v1/cameras`: registers a camera and gives its one-time code.
pub(crate) async fn camera(State(state): Shared, request: Request) -> Answered<Value> {
    let (who, body) = state.person(request).await?;
    let new: NewCamera = json(&body)?;
    let place = new.lat.zip(new.lon);
    let code = state.run(move |city| city.enrolment_code(&who, &new.id, &new.name, place)).await?;
    Ok(Json(json!({ "code": code })))
}

/// `POST /v1/people`.
pub(crate) async fn person(State(state): Shared, request: Request) -> Answered<()> {
    let (who, body) = state.person(request).await?;
    let new: NewPerson = json(&body)?;
    Ok(Json(state.run(move |city| city.add_person(&who, new)).await?))
}

/// `POST /v1/hotlist`.
pub(crate) async fn hotlist(State(state): Shared, request: Request) -> Answered<Value> {
    let (who, body) = state.person(request).await?;
    let new: NewEntry = json(&body)?;
    let id = state.run(move |city| city.add_entry(&who, new)).await?;
    Ok(Json(json!({ "id": id })))
}

/// `GET /v1/hits`.
pub(crate) async fn hits(State(state): Shared, request: Request) -> Answered<Vec<HitLine>> {
    let (who, _) = state.person(request).await?;
    Ok(Json(state.run(move |city| city.hits(&who)).await?))
}

/// `GET /v1/hits/{id}`: opens a hit; the opening is on the log first.
pub(crate) async fn hit(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitView> {
    let (who, _) = state.person(request).await?;
    let id = hit_id(&id)?;
    Ok(Json(state.run(move |city| city.hit(&who, &id)).await?))
}

/// `POST /v1/hits/{id}/verdict`.
pub(crate) async fn verdict(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Answered<HitLine> {
    let (who, body) = state.person(request).await?;
    let id = hit_id(&id)?;
    let verdict: Verdict = json(&body)?;
    Ok(Json(state.run(move |city| city.verdict(&who, &id, verdict)).await?))
}

/// `GET /v1/audit/entries/{index}`: the sealed private half of a log entry.
pub(crate) async fn audit(
    State(state): Shared,
    Path(index): Path<String>,
    request: Request,
) -> Answered<AuditRecord> {
    let (who, _) = state.person(request).await?;
    let index = index
        .parse()
        .map_err(|_| Error::not_found("There is no such entry; entries are numbered from 0."))?;
    Ok(Json(state.run(move |city| city.audit_record(&who, index)).await?))
}

/// `POST /v1/orders`.
pub(crate) async fn order(State(state): Shared, request: Request) -> Answered<Ordered> {
    let (who, body) = state.person(request).await?;
    let order: Signed<Order> = json(&body)?;
    Ok(Json(state.run(move |city| city.order(&who, order)).await?))
}

/// `POST /v1/console-links`: a one-time link for the signer's browser.
pub(crate) async fn console_link(State(state): Shared, request: Request) -> Answered<Value> {
    let (who, _) = state.person(request).await?;
    let link = state.sessions.link(who, state.city.now());
    Ok(Json(json!({ "path": format!("/console/enter?link={}", link.expose()) })))
}
