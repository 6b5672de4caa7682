//! Papers that clerk and counsel vouch for, and cases that a second person confirms.

use super::form::{Fields, choices, field, mends, moment, some, status, typed, wrong, zone};
use super::{back, failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{PersonId, Time};
use city::{City, NewPaper, Paper, PaperKind};
use pages::{PaperForm, PaperView, PapersPage, Place, Wrong, render};

const DAY_MS: i64 = 86_400_000;
/// A paper that ends within this time is shown as such.
const SOON_MS: i64 = 7 * DAY_MS;
/// The kinds that the clerk and counsel vouch for.
const PAPERS: [PaperKind; 3] =
    [PaperKind::JudicialWarrant, PaperKind::CourtOrder, PaperKind::Declaration];

/// What the page says besides which there are.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    sent: Fields,
}

/// The kinds that this person may vouch for.
fn kinds(visitor: &Visitor) -> Vec<PaperKind> {
    let papers = PAPERS.into_iter().filter(|_| visitor.may("AttestPaper"));
    let case = Some(PaperKind::Case).filter(|_| visitor.may("AttestCase"));
    papers.chain(case).collect()
}

fn view(city: &City, paper: Paper, now: Time) -> PaperView {
    // Who vouched may have left.
    let by = city.person(&paper.by).map_or_else(|_| paper.by.to_string(), |person| person.name);
    let soon = paper.expires.since(now) <= SOON_MS;
    let nameless = paper.names_nobody();
    let agency = paper.agency.unwrap_or_default();
    let (agency, agency_name) = agency.split_once(':').unwrap_or((agency.as_str(), ""));
    PaperView {
        id: paper.id,
        kind: paper.kind.slug().into(),
        reference: paper.reference,
        agency: agency.trim().to_owned(),
        agency_name: agency_name.trim().to_owned(),
        nameless,
        for_holds: paper.key.is_some(),
        by,
        at: shown(paper.since),
        until: shown(paper.expires),
        state: if soon { "expiring" } else { "valid" }.into(),
        log_entry: paper.log_entry,
    }
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let flow = move |city: &City| {
        let now = city.now();
        let papers = city.papers(&who)?.into_iter().rev();
        let papers: Vec<_> = papers.map(|paper| view(city, paper, now)).collect();
        Ok((Visitor::of(city, &who)?, papers, now))
    };
    match state.run(flow).await {
        Ok((visitor, papers, now)) => {
            let page = around(state, headers, "/console/papers");
            let kinds = kinds(&visitor);
            let cases = kinds.contains(&PaperKind::Case);
            let until = some(&after.sent, "expires");
            let page = PapersPage {
                page: signed_in(page, visitor, Place::Papers),
                wrong: after.wrong,
                papers,
                kinds: choices(kinds.iter().map(|kind| kind.slug()), &after.sent, "kind"),
                agencies: choices(city::AGENCIES, &after.sent, "agency"),
                form: PaperForm {
                    reference: field(&after.sent, "reference").to_owned(),
                    agency_name: field(&after.sent, "agency_name").to_owned(),
                    key: field(&after.sent, "key").to_owned(),
                    until: until.unwrap_or_else(|| typed(now.plus_millis(30 * DAY_MS))),
                },
                case_format: cases.then(|| state.city.config().cases.format.clone()),
                zone: zone(),
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/papers`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

/// The paper that a form spells.
fn paper(sent: &Fields) -> Result<NewPaper, Vec<Wrong>> {
    let mut all = Vec::new();
    let kind = [&PAPERS[..], &[PaperKind::Case]].concat();
    let kind = kind.into_iter().find(|kind| kind.slug() == field(sent, "kind"));
    if kind.is_none() {
        all.push(wrong("kind", "Choose what sort of paper it is."));
    }
    let reference = some(sent, "reference");
    if reference.is_none() {
        all.push(wrong("reference", "Write the number that stands on the paper."));
    }
    let expires = match moment(sent, "expires") {
        Ok(Some(expires)) => Some(expires),
        Ok(None) => {
            all.push(wrong("expires", "Say until when the paper counts."));
            None
        }
        Err(e) => {
            all.push(wrong("expires", e.message()));
            None
        }
    };
    let agency = some(sent, "agency").map(|kind| match some(sent, "agency_name") {
        Some(name) => format!("{kind}: {name}"),
        None => kind,
    });
    if agency.is_none() && some(sent, "agency_name").is_some() {
        all.push(wrong("agency", "Choose the kind of the agency that you name."));
        return Err(all);
    }
    match (kind, reference, expires) {
        (Some(kind), Some(reference), Some(expires)) => {
            Ok(NewPaper { kind, reference, agency, key: some(sent, "key"), expires })
        }
        _ => Err(all),
    }
}

/// `POST /console/papers`: whoever sends it says that they have seen the paper.
pub(crate) async fn attest(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let new = match paper(&sent) {
        Ok(new) => new,
        Err(wrong) => {
            let after = After { status: StatusCode::BAD_REQUEST, wrong, sent };
            return show(&state, &headers, who, after).await;
        }
    };
    let by = who.clone();
    match state.run(move |city| city.attest(&by, new)).await {
        Ok(_) => Redirect::to("/console/papers").into_response(),
        Err(e) if mends(&e) => {
            let after = After { status: status(&e), wrong: vec![wrong("", e.message())], sent };
            show(&state, &headers, who, after).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/papers/{id}/withdraw`: it counts no longer.
pub(crate) async fn withdraw(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    back(
        &state,
        &headers,
        "/console/papers",
        state.run(move |city| city.withdraw_paper(&who, &id)).await,
    )
}
