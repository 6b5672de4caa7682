//! Hot lists for people: how old they are, a file that is brought, own entries with a second person.

use super::form::{Fields, field, mends, some, status, wrong};
use super::{Shown, back, failed, percent, sign_in};
use crate::auth::{LIST_MAX, Shared, body_within};
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{EntryId, Error, ListId, PersonId, Result, Time};
use city::{City, ConfirmImport, ImportPreview, ListView, NewEntry, Wanted};
use pages::{ImportFragment, ListRow, ListsPage, Place, WantedForm, WantedView, Wrong, render};
use serde::Deserialize;
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
const PATH: &str = "/console/lists";

/// What the page says besides which lists there are.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    sent: Fields,
}

/// What people call a list.
fn name(list: &ListView) -> String {
    let name = &list.settings.name;
    if name.is_empty() { list.id.to_string() } else { name.clone() }
}

fn row(list: ListView, shown: Shown<'_>) -> ListRow {
    let state = match (list.stale, list.imported) {
        (true, _) => "overdue",
        (false, None) if list.settings.longest_age_hours.is_some() => "waiting",
        _ => "valid",
    };
    ListRow {
        name: name(&list),
        id: list.id.to_string(),
        state: state.into(),
        entries: list.entries,
        imported: list.imported.map(|t| shown.of(t)).unwrap_or_default(),
        refused: list.refused,
        stale_from: list.stale_from.map(|t| shown.of(t)).unwrap_or_default(),
        action: list.settings.action.as_str().into(),
        two_persons: list.settings.two_persons,
        waiting: list.waiting,
        undo: list.import,
        threshold: percent(list.threshold),
        budget: list.settings.false_hits_a_day.map(|n| n.to_string()).unwrap_or_default(),
        fetched: list
            .fetch
            .as_ref()
            .map(|fetch| fetch.fetched.map(|t| shown.of(t)).unwrap_or_default()),
        unfetched: list.fetch.and_then(|fetch| fetch.said).unwrap_or_default(),
    }
}

fn wanted(
    w: Wanted,
    who: &PersonId,
    names: &HashMap<ListId, String>,
    shown: Shown<'_>,
) -> WantedView {
    WantedView {
        mine: w.by == *who,
        id: w.id.to_string(),
        plate: w.entry.plate,
        state: w.entry.state.unwrap_or_default().to_uppercase(),
        reason: w.entry.reason,
        case: w.entry.case,
        list: names.get(&w.entry.list).cloned().unwrap_or_else(|| w.entry.list.to_string()),
        by: w.by_name,
        made: shown.of(w.made),
    }
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let person = who.clone();
    let flow = move |city: &City| {
        let visitor = Visitor::of(city, &person)?;
        let lists = city.lists(&person)?;
        let wanted = if visitor.may("DecideHit") { city.wanted(&person)? } else { Vec::new() };
        Ok((visitor, lists, wanted))
    };
    match state.run(flow).await {
        Ok((visitor, lists, waiting)) => {
            let shown = Shown::of_city(state);
            let names: HashMap<ListId, String> =
                lists.iter().map(|list| (list.id.clone(), name(list))).collect();
            let own = lists.iter().filter(|list| list.settings.own_entries);
            let own_lists = own.map(|list| (list.id.to_string(), name(list))).collect();
            let text = |name: &str| field(&after.sent, name).to_owned();
            let page = ListsPage {
                may_edit: visitor.may("EditHotList"),
                may_want: visitor.may("DecideHit"),
                page: signed_in(around(state, headers, PATH), visitor, Place::Lists),
                wrong: after.wrong,
                lists: lists.into_iter().map(|list| row(list, shown)).collect(),
                wanted: waiting.into_iter().map(|w| wanted(w, &who, &names, shown)).collect(),
                own_lists,
                form: WantedForm {
                    list: text("list"),
                    plate: text("plate"),
                    state: text("state"),
                    reason: text("reason"),
                    case: text("case"),
                    days: some(&after.sent, "days").unwrap_or_else(|| "7".into()),
                },
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/lists`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

fn list_id(id: &str) -> Result<ListId> {
    id.parse().map_err(|_| Error::not_found("There is no such list."))
}

/// `POST /console/lists/{id}/import`: the file as the body; what was understood of it as a part of the page.
pub(crate) async fn import(
    State(state): Shared,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let read = async {
        let by = who.clone();
        state.run(move |city| city.may_bring_lists(&by)).await?;
        let _place = state.list_place()?;
        let body = body_within(request, LIST_MAX).await?;
        let list = list_id(&id)?;
        state.run(move |city| city.import(&who, &list, &mut &body[..], None)).await
    };
    let page = around(&state, &headers, PATH);
    match read.await {
        Ok(preview) => Html(render(&fragment(page, preview))).into_response(),
        Err(e) => {
            crate::problem::note(&e);
            let fragment = ImportFragment {
                page,
                list: id,
                number: None,
                problem: Some(e.message().to_owned()),
                columns: Vec::new(),
                added: 0,
                changed: 0,
                removed: 0,
                same: 0,
                dropped: Vec::new(),
                troubled: 0,
                problems: Vec::new(),
                doubts: Vec::new(),
            };
            (status(&e), Html(render(&fragment))).into_response()
        }
    }
}

fn fragment(page: pages::Page, p: ImportPreview) -> ImportFragment {
    let columns = p.understood.get("columns").and_then(|c| c.as_array()).cloned();
    let text = |column: &serde_json::Value, key: &str| {
        column.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
    };
    let columns = columns.unwrap_or_default();
    ImportFragment {
        page,
        list: p.list.to_string(),
        number: p.number,
        problem: p.problem,
        columns: columns.iter().map(|c| (text(c, "heading"), text(c, "field"))).collect(),
        added: p.added,
        changed: p.changed,
        removed: p.removed,
        same: p.same,
        dropped: p.rows.dropped.into_iter().collect(),
        troubled: p.rows.troubled,
        problems: p.rows.problems,
        doubts: p.doubts,
    }
}

/// An import that is taken, or taken back.
#[derive(Deserialize)]
pub(crate) struct Number {
    number: i64,
    #[serde(default)]
    sure: Option<String>,
}

/// `POST /console/lists/{id}/confirm`.
pub(crate) async fn confirm(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Number>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let list = list_id(&id)?;
        let how = ConfirmImport { sure: form.sure.is_some() };
        state.run(move |city| city.confirm_import(&who, &list, form.number, how).map(|_| ())).await
    };
    back(&state, &headers, PATH, done.await)
}

/// `POST /console/lists/{id}/undo`.
pub(crate) async fn undo(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Number>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let list = list_id(&id)?;
        state.run(move |city| city.undo_import(&who, &list, form.number).map(|_| ())).await
    };
    back(&state, &headers, PATH, done.await)
}

fn entry(sent: &Fields, now: Time) -> Result<NewEntry, Vec<Wrong>> {
    let mut all = Vec::new();
    let days: Option<i64> = field(sent, "days").parse().ok().filter(|d| (1..=366).contains(d));
    if days.is_none() {
        all.push(wrong("days", "Say for how many days, 1 to 366."));
    }
    let list: Option<ListId> = field(sent, "list").parse().ok();
    if list.is_none() {
        all.push(wrong("list", "Choose a list."));
    }
    if field(sent, "case").is_empty() {
        all.push(wrong("case", "Give the case number."));
    }
    match (list, days) {
        (Some(list), Some(days)) if all.is_empty() => Ok(NewEntry {
            list,
            plate: field(sent, "plate").to_owned(),
            state: some(sent, "state"),
            reason: field(sent, "reason").to_owned(),
            case: field(sent, "case").to_owned(),
            expires: now.plus_millis(days * DAY_MS),
        }),
        _ => Err(all),
    }
}

/// `POST /console/lists/wanted`: an own entry, which another person has to agree to.
pub(crate) async fn want(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let new = match entry(&sent, state.city.now()) {
        Ok(new) => new,
        Err(wrong) => {
            let after = After { status: StatusCode::BAD_REQUEST, wrong, sent };
            return show(&state, &headers, who, after).await;
        }
    };
    let by = who.clone();
    match state.run(move |city| city.want(&by, new)).await {
        Ok(_) => Redirect::to(PATH).into_response(),
        Err(e) if mends(&e) => {
            let after =
                After { status: status(&e), wrong: vec![wrong("plate", e.message())], sent };
            show(&state, &headers, who, after).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// What becomes of an own entry.
#[derive(Deserialize)]
pub(crate) struct Done {
    #[serde(rename = "do")]
    what: String,
}

/// `POST /console/lists/wanted/{id}`.
pub(crate) async fn decide(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Done>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let id: EntryId =
            id.parse().map_err(|_| Error::not_found("Nothing of that number waits."))?;
        state
            .run(move |city| match form.what.as_str() {
                "agree" => city.agree(&who, &id),
                "withdraw" => city.withdraw_wanted(&who, &id),
                _ => Err(Error::invalid("Agree, or take it back.")),
            })
            .await
    };
    back(&state, &headers, PATH, done.await)
}
