//! What everybody may have: the page, its figures, the log's files.

use crate::auth::Shared;
use crate::chrome::around;
use crate::console::shown;
use crate::paging::{LogQuery, limit, query};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Result};
use city::{LogPage, Public};
use pages::{
    CameraRow, GapRow, MisreadRow, MisreadsPage, OrderRow, Page, PublicPage, SoftwareRow,
    StreetPage, render,
};
use serde_json::json;
use std::collections::BTreeMap;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// So many orders to switch off stand on the page, the first ones; all are in its figures.
const ORDERS: usize = 20;
/// Of the times without capture those that last stand on the page, and those that ended in so many milliseconds; all
/// are in its figures.
const GAPS_MS: i64 = 30 * DAY_MS as i64;
/// So many of them at the most, the newest.
const GAPS: usize = 200;

/// The figures of the public page; all of them follow from the log.
#[utoipa::path(get, path = "/v1/public", tag = "public",
    responses((status = 200, description = "The figures", body = city::Public)))]
pub(crate) async fn figures(State(state): Shared) -> Result<Json<Public>, Problem> {
    Ok(Json(state.run(|city| city.public()).await?))
}

/// Entries of the public log as JSON, the oldest first, for those who do not read tiles.
///
/// Nothing here proves anything: the log's own files under `/log/` do, and `homeplate verify` checks them.
#[utoipa::path(get, path = "/v1/log", tag = "public", params(LogQuery),
    responses((status = 200, description = "One page of the log", body = city::LogPage)))]
pub(crate) async fn log_page(State(state): Shared, uri: Uri) -> Result<Json<LogPage>, Problem> {
    let asked: LogQuery = query(&uri)?;
    let most = limit(asked.limit)?;
    Ok(Json(state.run(move |city| city.log_page(most, asked.after)).await?))
}

/// `GET /`.
pub(crate) async fn page(
    State(state): Shared,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let public = state.run(|city| city.public()).await?;
    Ok(Html(render(&view(around(&state, &headers, "/"), public))))
}

/// `GET /misreads`: how often hits were misread, and what came of them.
pub(crate) async fn misreads(
    State(state): Shared,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let public = state.run(|city| city.public()).await?;
    let page = around(&state, &headers, "/misreads");
    let names: BTreeMap<String, String> =
        public.cameras.iter().map(|c| (c.id.to_string(), c.name.clone())).collect();
    let f = public.figures;
    let rows = |map: BTreeMap<String, city::Judged>| {
        map.into_iter()
            .map(|(key, judged)| MisreadRow {
                name: names.get(&key).cloned().unwrap_or(key),
                percent: (judged.rate().unwrap_or_default() * 100.0).round() as u64,
                decided: judged.decided,
                misread: judged.misread,
            })
            .collect()
    };
    let tables = vec![
        ("camera", rows(f.misreads.by_camera)),
        ("list", rows(f.misreads.by_list)),
        ("hour", rows(f.misreads.by_hour)),
    ];
    Ok(Html(render(&MisreadsPage {
        page,
        tables,
        findings: f.findings.into_iter().collect(),
        outcomes: f.hit_outcomes.into_iter().filter(|(_, n)| *n > 0).collect(),
        cold: f.hits_cold,
        not_it: f.hits_not_it,
        suspended: f
            .hits_suspended
            .into_iter()
            .map(|(id, since)| (names.get(&id).cloned().unwrap_or(id), shown(since)))
            .collect(),
    })))
}

fn view(page: Page, p: Public) -> PublicPage {
    let name = |id: &str| {
        let found = p.cameras.iter().find(|c| c.id.as_str() == id);
        found.map_or_else(|| id.to_owned(), |c| c.name.clone())
    };
    let late = p.now.plus_millis(-GAPS_MS);
    let (lasting, over): (Vec<_>, Vec<_>) =
        p.figures.gaps.iter().rev().partition(|g| g.until.is_none());
    let recent = over.into_iter().filter(|g| g.until.is_some_and(|until| until > late));
    let gaps: Vec<GapRow> = lasting
        .into_iter()
        .chain(recent)
        .take(GAPS)
        .map(|g| GapRow { camera: name(&g.camera), from: shown(g.from), until: g.until.map(shown) })
        .collect();
    let counted = |c: &city::PublicCamera| p.figures.counters.get(c.id.as_str());
    let order = |o: &city::PublicOrder| OrderRow {
        id: o.id.to_string(),
        named: match (&o.group, &o.cameras) {
            (Some(group), _) => group.clone(),
            (None, Some(some)) => {
                some.iter().map(|c| name(c.as_str())).collect::<Vec<_>>().join(", ")
            }
            (None, None) => String::new(),
        },
        from: shown(o.from),
        from_exact: o.from.to_string(),
        until: o.until.map(shown),
        begun: o.begun,
        reason: o.reason.clone(),
    };
    let verdicts = |word: &str| p.figures.verdicts.get(word).copied().unwrap_or(0);
    PublicPage {
        page,
        now: shown(p.now),
        now_exact: p.now.to_string(),
        reads: p.figures.reads,
        hits: p.figures.hits,
        confirmed: verdicts("confirmed"),
        rejected: verdicts("rejected"),
        searches: p.figures.searches,
        refusals: p.figures.refusals,
        open_questions: p.figures.open_intents,
        sealed: p.figures.sealed.len() as u64,
        gaps_more: p.figures.gaps.len().saturating_sub(gaps.len()) as u64,
        gaps,
        cameras: p
            .cameras
            .iter()
            .map(|c| CameraRow {
                name: c.name.clone(),
                id: c.id.to_string(),
                on: c.on,
                retired: c.retired.is_some(),
                since: shown(c.since),
                frames: counted(c).filter(|n| n.frames > 0).map(|n| n.frames),
                repeated: counted(c).map_or(0, |n| n.repeated),
                unleased: counted(c).map_or(0, |n| n.unleased),
                refused: counted(c).map_or(0, |n| n.refused),
            })
            .collect(),
        orders: p.orders.iter().take(ORDERS).map(order).collect(),
        retention_days: p.retention_days,
        log_size: p.log_size,
        origin: p.origin,
        vkey: p.vkey,
        witness: p.witness,
        delay_minutes: p.delay_minutes,
        rules: p.rules,
        software: p.figures.software.as_ref().map(|s| SoftwareRow {
            version: s.version.clone(),
            since: shown(s.since),
            days: p.now.millis().saturating_sub(s.since.millis()).max(0) as u64 / DAY_MS,
            executable: s.executable.clone(),
        }),
        audit_overdue: p.figures.audit.overdue(p.now),
        drills: p.figures.drills.started,
        drills_unanswered: p.figures.drills.unanswered,
        desks: crate::console::drills::desks(p.figures.drills.by_desk.clone()),
    }
}

/// `GET /street`: the demonstration page, where a preview is configured.
pub(crate) async fn street(
    State(state): Shared,
    headers: HeaderMap,
) -> Result<Html<String>, Problem> {
    let Some(live) = state.options.preview.clone() else {
        return Err(Error::not_found("There is nothing at this address.").into());
    };
    let page = around(&state, &headers, "/street");
    Ok(Html(render(&StreetPage { page, live: live.trim_end_matches('/').to_owned() })))
}

/// `GET /assets/{name}`: a file of the pages. Its name holds a hash of its content.
pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = pages::asset(&name).ok_or_else(|| Error::not_found("There is no such file."))?;
    let headers = [
        (header::CONTENT_TYPE, found.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, found.bytes).into_response())
}

/// `GET /healthz`: every part tried; 503 if one does not work.
pub(crate) async fn health(State(state): Shared) -> Response {
    let parts = match state.run(|city| Ok(city.health())).await {
        Ok(parts) => parts,
        Err(e) => return Problem(e).into_response(),
    };
    let fine = parts.iter().all(|part| part.fine);
    let status = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "fine": fine, "parts": parts }))).into_response()
}

/// Whether the server does its work.
#[derive(serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub(crate) struct Alive {
    /// Whether nothing is unwell.
    pub alive: bool,
    /// Of `store`, `reads`, `pictures`, `log`, `keys`, `forgetting`, `disk`, `clock`, `watch` (for ten minutes not everything
    /// was looked at, or what was told could not be written down), `mail` (none has gone out for an hour, and some should
    /// have), `certificate` (it has ended): what does not do its work.
    pub unwell: Vec<String>,
}

/// For a program outside that calls somebody when it hears nothing, or no: 503 where something is unwell.
#[utoipa::path(get, path = "/v1/alive", tag = "public",
    responses((status = 200, description = "It does its work", body = Alive),
        (status = 503, description = "Something does not", body = Alive)))]
pub(crate) async fn alive(State(state): Shared) -> Response {
    let unwell = match state.run(|city| Ok(city.alive())).await {
        Ok(unwell) => unwell,
        Err(e) => return Problem(e).into_response(),
    };
    let alive = unwell.is_empty();
    let status = if alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let unwell = unwell.into_iter().map(str::to_owned).collect();
    (status, Json(Alive { alive, unwell })).into_response()
}

/// `GET /log.vkey`.
pub(crate) async fn vkey(State(state): Shared) -> String {
    format!("{}\n", state.city.vkey())
}

/// `GET /ca.pem`: the root of the city's own authority, for people and cameras that are to believe it.
pub(crate) async fn root(State(state): Shared) -> Result<Response, Problem> {
    let none = || Error::not_found("This city has no certificate authority of its own.");
    Ok(crate::net::certificate(state.city.own_root()?.ok_or_else(none)?))
}

/// `GET /log.witnesses`: who the log's witnesses are, as C2SP's tlog-policy has it.
pub(crate) async fn witnesses(State(state): Shared) -> Result<String, Problem> {
    let none = || Error::not_found("This city has named no witnesses of its log.");
    Ok(state.city.witness_policy().ok_or_else(none)?)
}

/// `GET /log/checkpoint.cosigned`: the newest checkpoint that a quorum of witnesses has signed.
pub(crate) async fn cosigned(State(state): Shared) -> Result<String, Problem> {
    let none = || Error::not_found("No checkpoint is signed by the log's witnesses yet.");
    let newest = state.run(|city| city.cosigned()).await?;
    Ok(newest.ok_or_else(none)?.1)
}

/// `GET /log/receipt/{index}`: the proof that an entry is on the log, to be kept (C2SP's tlog-proof); under
/// the witnesses' checkpoint where they have signed for it.
pub(crate) async fn receipt(
    State(state): Shared,
    Path(index): Path<u64>,
) -> Result<String, Problem> {
    Ok(state.run(move |city| city.receipt(index)).await?)
}

/// `GET /log/…`: the log's own files, as C2SP's tlog-tiles names them, and nothing beside them.
pub(crate) async fn log_file(
    State(state): Shared,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let missing = || Error::not_found("The log has no such file.");
    let checkpoint = path == "checkpoint";
    // A full tile never changes, and a partial one is replaced by a wider one; but a successor of this log has its
    // own tiles at the same addresses, and nobody can clear the caches on the way.
    let full = !checkpoint && !path.contains(".p/");
    let bytes = state.run(move |city| city.public_file(&path)).await?.ok_or_else(missing)?;
    let kind = if checkpoint { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let cache = if full { "max-age=3600" } else { "no-cache" };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], bytes).into_response())
}
