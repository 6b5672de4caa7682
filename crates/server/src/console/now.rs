//! What goes on now, live; and the handover.

use super::hits::{incident, row};
use super::{Shown, back, failed, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::live::{Seats, stream_of};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{CameraId, Error};
use city::{City, Incident, Queue};
use futures_util::FutureExt;
use pages::{CameraDot, HandoverPage, NowPage, Place, QueueView, SuspendedView, render};

fn queue(queue: Queue, shown: Shown<'_>) -> QueueView {
    let all =
        |incidents: Vec<Incident>| incidents.into_iter().map(|one| incident(one, shown)).collect();
    QueueView {
        urgent: all(queue.urgent),
        unlikely: all(queue.unlikely),
        under_way: all(queue.under_way),
        stale: queue.stale_lists.iter().map(ToString::to_string).collect(),
        suspended: queue
            .suspended
            .into_iter()
            .map(|s| SuspendedView {
                camera: s.camera.to_string(),
                name: s.camera_name,
                decided: s.decided,
                misread: s.misread,
            })
            .collect(),
    }
}

/// `GET /console`.
pub(crate) async fn now(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let visitor = Visitor::of(city, &who)?;
        // Who sees no hits begins where they have something to do.
        let board = if visitor.may("ViewHits") { Some(city.now_board(&who)?) } else { None };
        let board = board.map(|(queue, due)| Ok((queue, due, city.drills_waiting(&who)?)));
        Ok((visitor, board.transpose()?, city.cameras_now(), city.reads_today()))
    };
    match state.run(flow).await {
        Ok((visitor, None, ..)) => Redirect::to(visitor.first_place().path()).into_response(),
        Ok((visitor, Some((waiting, due, drills)), cameras, reads)) => {
            let may_resume = visitor.may("EnrolCamera");
            let page = signed_in(around(&state, &headers, "/console"), visitor, Place::Now);
            let (on, off): (Vec<_>, Vec<_>) =
                cameras.into_iter().filter(|c| c.retired.is_none()).partition(|c| c.on);
            let shown = Shown::of_city(&state);
            let dot = |c: city::PublicCamera| CameraDot {
                name: c.name,
                state: "off".into(),
                since: shown.of(c.since),
            };
            Html(render(&NowPage {
                page,
                queue: queue(waiting, shown),
                may_resume,
                off: off.into_iter().map(dot).collect(),
                on: on.len() as u64,
                reads,
                due: due.into_iter().map(|line| row(line, shown)).collect(),
                drills: drills.into_iter().map(|line| super::drills::row(line, shown)).collect(),
            }))
            .into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `GET /console/events`: hits, lists and cameras as they change, for the console alone, at once.
pub(crate) async fn events(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else {
        return crate::problem::Problem::from(Error::unauthenticated("Sign in first."))
            .into_response();
    };
    let may = state.run(move |city| Ok(Visitor::of(city, &who)?.may("ViewHits"))).await;
    match may {
        Ok(true) => {}
        Ok(false) => {
            let e = Error::forbidden("Only who may see hits hears of them as they happen.");
            return crate::problem::Problem::from(e).into_response();
        }
        Err(e) => return crate::problem::Problem::from(e).into_response(),
    }
    let wanted = |kind: &str| {
        ["hit.", "hotlist.", "order.", "camera.", "drill."]
            .iter()
            .any(|group| kind.starts_with(group))
    };
    let (held, cookies) = (state.clone(), headers.clone());
    // A stream outlives a page: whoever was signed out, or lost the right, hears nothing more.
    let still = move || {
        let (state, visitor) = (held.clone(), held.visitor(&cookies));
        async move {
            let Some(who) = visitor else { return false };
            let may = state.run(move |city| Ok(Visitor::of(city, &who)?.may("ViewHits"))).await;
            // A busy server is no reason to cut a desk off.
            may.unwrap_or_else(|e| e.kind() == base::Kind::Busy)
        }
        .boxed()
    };
    match stream_of(&state, &headers, Seats::Desk, wanted, Some(Box::new(still))) {
        Ok(stream) => stream.into_response(),
        Err(e) => crate::problem::Problem::from(e).into_response(),
    }
}

/// `GET /console/handover`.
pub(crate) async fn handover(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    match state.run(move |city| Ok((Visitor::of(city, &who)?, city.shift(&who)?))).await {
        Ok((visitor, shift)) => {
            let may_accept = visitor.may("DecideHit");
            let shown = Shown::of_city(&state);
            let around = around(&state, &headers, "/console/handover");
            let page = signed_in(around, visitor, Place::Handover);
            Html(render(&HandoverPage {
                page,
                queue: queue(shift.queue, shown),
                calls: shift.calls_waiting.into_iter().map(|line| row(line, shown)).collect(),
                due: shift.outcomes_due.into_iter().map(|line| row(line, shown)).collect(),
                last: shift.last.map(|last| (last.by_name, shown.of(last.at))),
                may_accept,
            }))
            .into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/handover`.
pub(crate) async fn take_over(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = state.run(move |city| city.take_over(&who).map(|_| ())).await;
    back(&state, &headers, "/console/handover", done)
}

/// `POST /console/cameras/{id}/resume`.
pub(crate) async fn resume(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let camera: CameraId =
            id.parse().map_err(|_| Error::not_found("There is no such camera."))?;
        state.run(move |city| city.hits_resume(&who, &camera)).await
    };
    back(&state, &headers, "/console", done.await)
}
