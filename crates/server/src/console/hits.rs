//! Hits for people: every hit, one hit to be compared, and what is said of it.

use super::{Shown, back, failed, failed_at, percent, sign_in, word};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::State as Held;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, HitId, PersonId, Result as Done, Time};
use city::{
    ActLine, City, Compared, HitFinding, HitLine, HitOutcome, HitView, Incident, Listed,
    NewOutcome, NewRecord, RecordAnswer, Stamp, Verdict, What,
};
use pages::{
    ActView, CharacterView, Crop, DrillMark, HitPage, HitRow, HitsPage, ListedView, Page, Place,
    StampView, render,
};
use serde::Deserialize;

/// Hits on one page.
const PAGE: u32 = 100;

pub(super) fn row(line: HitLine, shown: Shown<'_>) -> HitRow {
    HitRow {
        id: line.id.to_string(),
        state: line.state,
        captured: shown.of(line.captured),
        camera: line.camera_name,
        list: line.list.to_string(),
        probability: percent(line.probability),
        doubts: line.doubts.into_iter().map(word).collect(),
        finding: line.finding.map(word),
        outcome: line.outcome.map(word),
        last: None,
        sightings: 0,
        place: line.lat.zip(line.lon).map(|(lat, lon)| (lat.to_string(), lon.to_string())),
    }
}

pub(super) fn incident(one: Incident, shown: Shown<'_>) -> HitRow {
    let elsewhere = one.last_seen != one.hit.captured;
    let last = elsewhere.then(|| format!("{}, {}", one.last_camera, shown.of(one.last_seen)));
    // Near is where it was last, not where it was confirmed.
    let place = one.last_lat.zip(one.last_lon);
    let place = place.map(|(lat, lon)| (lat.to_string(), lon.to_string()));
    HitRow { last, sightings: one.sightings, place, ..row(one.hit, shown) }
}

pub(super) fn hit_id(id: &str) -> Done<HitId> {
    id.parse().map_err(|_| Error::not_found("There is no such hit."))
}

/// Query of the list of hits.
#[derive(Deserialize)]
pub(crate) struct Behind {
    after: Option<HitId>,
}

/// `GET /console/hits`: the list of hits.
pub(crate) async fn list(
    State(state): Shared,
    headers: HeaderMap,
    query: Result<Query<Behind>, QueryRejection>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(Query(Behind { after })) = query else {
        return failed(&state, &headers, &Error::invalid("There is no such page of hits."));
    };
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.hits(&who, PAGE, after)?));
    match state.run(flow).await {
        Ok((visitor, found)) => {
            let page = signed_in(around(&state, &headers, "/console/hits"), visitor, Place::Hits);
            let shown = Shown::of_city(&state);
            let hits = found.hits.into_iter().map(|line| row(line, shown)).collect();
            let next = found.next.map(|id| id.to_string());
            Html(render(&HitsPage { page, hits, next })).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `GET /console/hits/{id}`.
pub(crate) async fn one(state: Shared, headers: HeaderMap, Path(id): Path<String>) -> Response {
    open(state, headers, &id, false).await
}

/// Opens a hit, for a desk or for the street.
pub(super) async fn open(
    State(state): Shared,
    headers: HeaderMap,
    id: &str,
    field: bool,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let id = match hit_id(id) {
        Ok(id) => id,
        Err(e) => return failed(&state, &headers, &e),
    };
    let (base, place) =
        if field { ("/field", Place::Field) } else { ("/console/hits", Place::Hits) };
    let path = format!("{base}/{id}");
    let flow = move |city: &City| Ok((Visitor::of(city, &who)?, city.hit(&who, &id)?));
    match state.run(flow).await {
        Ok((visitor, view)) => {
            let may_decide = visitor.may("DecideHit");
            let page = signed_in(around(&state, &headers, &path), visitor, place);
            let shown = Shown::of_city(&state);
            Html(render(&page_of(page, view, may_decide, field, shown, None))).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, &path),
    }
}

/// The plate in the picture, with a little around it.
fn crop(corners: [[i32; 2]; 4]) -> Option<Crop> {
    let xs = corners.map(|c| c[0]);
    let ys = corners.map(|c| c[1]);
    let (left, right) = (xs.into_iter().min()?, xs.into_iter().max()?);
    let (top, bottom) = (ys.into_iter().min()?, ys.into_iter().max()?);
    let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
    if width <= 0 || height <= 0 || width > 20_000 || height > 20_000 {
        return None;
    }
    // Little above and below: where the height is short, the plate is to be wide.
    let (beside, above) = (height / 8 + 1, height / 12 + 1);
    Some(Crop {
        x: left.saturating_sub(beside),
        y: top.saturating_sub(above),
        width: width + 2 * beside,
        height: height + 2 * above,
    })
}

/// What people call a region: `us-ca` is CA.
fn region(code: &str) -> String {
    code.strip_prefix("us-").unwrap_or(code).to_uppercase()
}

/// The vehicle of an entry in a line.
pub(super) fn vehicle(listed: &Listed) -> String {
    let d = &listed.described;
    let parts = [&d.color, &d.year, &d.make, &d.model, &d.style];
    parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
}

fn listed(l: Listed, basis: Option<&read::Basis>, shown: Shown<'_>) -> ListedView {
    // Where a character was read too many, the entry has no place for it.
    let places: &[u8] = match basis {
        Some(b) if b.text != read::TextBasis::Extra => &b.places,
        _ => &[],
    };
    let differs = |n: usize| u8::try_from(n).is_ok_and(|n| places.contains(&n));
    ListedView {
        vehicle: vehicle(&l),
        plate: l.plate.chars().enumerate().map(|(n, c)| (c.to_string(), differs(n))).collect(),
        state: l.state.as_deref().map(region).unwrap_or_default(),
        reason: l.reason,
        case: l.case,
        expires: shown.of(l.expires),
        fresh: l.fresh,
        note: l.described.note,
        category: l.category,
        list: l.list_name,
        imported: l.imported.map(|t| shown.of(t)).unwrap_or_default(),
        action: l.action.as_str().into(),
    }
}

fn act(line: ActLine, shown: Shown<'_>) -> ActView {
    let remarked = line.what.remark().is_some();
    let what = match line.what {
        What::Verdict { finding, .. } => format!("verdict-{}", finding.as_str()),
        What::Record { answer } => format!("record-{}", word(answer)),
        What::Eyes { answer } => format!("eyes-{}", word(answer)),
        What::Outcome { outcome, .. } => format!("outcome-{}", outcome.as_str()),
        What::Along => "along".into(),
        What::Cold => "cold".into(),
        What::Unknown => "unknown".into(),
    };
    ActView { at: shown.of(line.at), by: line.by.unwrap_or_default(), what, remarked }
}

/// The three stamps; who gave one is named as in the acts.
fn stamps(view: &HitView, shown: Shown<'_>) -> Vec<StampView> {
    let name = |at: Time| {
        let act = view.acts.iter().rev().find(|act| act.at == at);
        act.and_then(|act| act.by.clone()).unwrap_or_default()
    };
    let clock = |t: Time| shown.of(t).get(11..16).unwrap_or_default().to_owned();
    let stamp = |kind: &str, stamp: &Option<Stamp>| StampView {
        name: kind.to_owned(),
        by: stamp.as_ref().map(|s| name(s.at)),
        at: stamp.as_ref().map(|s| clock(s.at)).unwrap_or_default(),
        until: stamp.as_ref().and_then(|s| s.until).map(clock).unwrap_or_default(),
    };
    let s = &view.stamps;
    vec![stamp("picture", &s.picture), stamp("record", &s.record), stamp("eyes", &s.eyes)]
}

pub(super) fn page_of(
    page: Page,
    view: HitView,
    may_decide: bool,
    field: bool,
    shown: Shown<'_>,
    drill: Option<DrillMark>,
) -> HitPage {
    let character = |c: city::Character| CharacterView {
        best: c.best.to_string(),
        odds: percent(f64::from(c.odds)),
        others: c
            .others
            .iter()
            .map(|(other, p)| format!("{} {other}", percent(f64::from(*p))))
            .collect::<Vec<_>>()
            .join(", "),
        differs: c.differs,
    };
    let basis = view.line.basis.clone();
    HitPage {
        page,
        stamps: stamps(&view, shown),
        version: view.line.version,
        hit: row(view.line, shown),
        plate: view.characters.into_iter().map(character).collect(),
        state: view.read.region.as_deref().map(region).unwrap_or_default(),
        confidence: percent(f64::from(view.read.confidence)),
        direction: view.direction.map(word).unwrap_or_default(),
        crop: view.picture_corners.and_then(crop),
        picture: view.read.picture.unwrap_or_default(),
        listed: view.listed.map(|l| listed(l, basis.as_ref(), shown)),
        must_type: view.must_type,
        two_persons: view.two_persons,
        may_decide,
        acts: view.acts.into_iter().map(|line| act(line, shown)).collect(),
        say: view.say.as_str().into(),
        broadcast: view.broadcast,
        record_query: view.record_query,
        seen: view.seen.into_iter().map(|line| row(line, shown)).collect(),
        log_entry: view.log_entry,
        field,
        drill,
    }
}

/// The verdict form.
#[derive(Deserialize)]
pub(crate) struct VerdictForm {
    version: i64,
    finding: String,
    #[serde(default)]
    picture: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    make: Option<String>,
    #[serde(default)]
    colour: Option<String>,
    #[serde(default)]
    typed: String,
    #[serde(default)]
    note: String,
}

/// What the form says was found.
pub(super) fn finding(form: &VerdictForm) -> Done<HitFinding> {
    HitFinding::parse(&form.finding)
        .ok_or_else(|| Error::invalid("Say what you found with one of the buttons."))
}

/// What it says was compared.
pub(super) fn compared(form: &VerdictForm) -> Compared {
    Compared {
        picture: form.picture.is_some(),
        state: form.state.is_some(),
        make: form.make.is_some(),
        colour: form.colour.is_some(),
    }
}

/// `POST /console/hits/{id}/verdict`.
pub(crate) async fn verdict(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<VerdictForm>,
) -> Response {
    verdict_of(&state, &headers, &id, form, ("/console/hits", "/console")).await
}

/// What was found, and back. Right: there is more to do at it. Wrong: on to the next.
pub(super) async fn verdict_of(
    state: &Held,
    headers: &HeaderMap,
    id: &str,
    form: VerdictForm,
    (hits, all): (&str, &str),
) -> Response {
    let Some(who) = state.visitor(headers) else { return sign_in(state, headers) };
    let (this, right) = (format!("{hits}/{id}"), form.finding == "correct");
    match decide(state, who, id, form).await {
        Ok(()) => Redirect::to(if right { this.as_str() } else { all }).into_response(),
        Err(e) => failed_at(state, headers, &e, &this),
    }
}

async fn decide(state: &Held, who: PersonId, id: &str, form: VerdictForm) -> Done<()> {
    let id = hit_id(id)?;
    let verdict = Verdict {
        finding: finding(&form)?,
        compared: compared(&form),
        typed: Some(form.typed).filter(|typed| !typed.trim().is_empty()),
        note: form.note,
        version: form.version,
    };
    state.run(move |city| city.verdict(&who, &id, verdict).map(|_| ())).await
}

/// A form with an answer.
#[derive(Deserialize)]
pub(crate) struct AnswerForm {
    pub(super) version: i64,
    pub(super) answer: String,
}

/// `POST /console/hits/{id}/record`.
pub(crate) async fn record(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<AnswerForm>,
) -> Response {
    let to = format!("/console/hits/{id}");
    record_of(&state, &headers, &id, form, &to).await
}

/// What whoever keeps the record answered, and back.
pub(super) async fn record_of(
    state: &Held,
    headers: &HeaderMap,
    id: &str,
    form: AnswerForm,
    to: &str,
) -> Response {
    let Some(who) = state.visitor(headers) else { return sign_in(state, headers) };
    let answered = async {
        let id = hit_id(id)?;
        let answer = match form.answer.as_str() {
            "confirmed" => RecordAnswer::Confirmed,
            "no-longer-wanted" => RecordAnswer::NoLongerWanted,
            _ => return Err(Error::invalid("Say with one of the buttons what they answered.")),
        };
        let new = NewRecord { answer, version: form.version };
        state.run(move |city| city.record_answered(&who, &id, new).map(|_| ())).await
    };
    back(state, headers, to, answered.await)
}

/// The form of an outcome.
#[derive(Deserialize)]
pub(crate) struct OutcomeForm {
    version: i64,
    outcome: String,
}

/// `POST /console/hits/{id}/outcome`.
pub(crate) async fn outcome(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<OutcomeForm>,
) -> Response {
    let to = format!("/console/hits/{id}");
    outcome_of(&state, &headers, &id, form, &to).await
}

/// What came of it, and back.
pub(super) async fn outcome_of(
    state: &Held,
    headers: &HeaderMap,
    id: &str,
    form: OutcomeForm,
    to: &str,
) -> Response {
    let Some(who) = state.visitor(headers) else { return sign_in(state, headers) };
    let said = async {
        let id = hit_id(id)?;
        let outcome = HitOutcome::parse(&form.outcome)
            .ok_or_else(|| Error::invalid("Say with one of the buttons what came of it."))?;
        let new = NewOutcome { outcome, note: String::new(), version: form.version };
        state.run(move |city| city.hit_outcome(&who, &id, new).map(|_| ())).await
    };
    back(state, headers, to, said.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plate_is_cut_with_what_is_around_it() {
        let cut = crop([[100, 50], [180, 52], [180, 92], [100, 90]]).unwrap();
        assert_eq!((cut.x, cut.y, cut.width, cut.height), (94, 46, 92, 50));
        assert!(crop([[5, 5]; 4]).is_none());
        assert!(crop([[i32::MIN, 0], [i32::MAX, 0], [0, 9], [0, 9]]).is_none());
    }
}
