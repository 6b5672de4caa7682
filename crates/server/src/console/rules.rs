//! The city's rules in the console: plain words beside the text, what is proposed, who has signed.

use super::{failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{around, signed_in};
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, Result, Time};
use city::{City, Property, Proposal, Rule};
use identity::RuleSet;
use pages::{
    Place, PropertyView, ProposalPage, ProposalRow, RuleView, RulesPage, SignatureView, render,
};
use serde::Deserialize;
use serde_json::Value;

fn rule(rule: &Rule, now: Time) -> RuleView {
    let day = |t: Option<Time>| t.map(|t| t.to_string()[..10].to_owned()).unwrap_or_default();
    let state = match (rule.effective, rule.expires) {
        (Some(from), _) if from > now => "soon",
        (_, Some(end)) if end <= now => "ended",
        (_, Some(_)) => "expiring",
        _ => "active",
    };
    RuleView {
        id: rule.id.clone(),
        plain: rule.says.clone(),
        cedar: rule.text.clone(),
        forbids: !rule.permits,
        ordinance: rule.ordinance.clone(),
        effective: day(rule.effective),
        expires: day(rule.expires),
        state: state.into(),
        max_hours: rule.max_hours,
        max_cameras: rule.max_cameras,
    }
}

/// As the pages call a proposal's state.
fn state_of(p: &Proposal) -> String {
    match p.state.as_str() {
        "open" if p.signed.is_empty() => "proposed",
        "open" => "signed",
        "active" => "active",
        _ => "withdrawn",
    }
    .into()
}

fn row(p: &Proposal) -> ProposalRow {
    ProposalRow {
        hash: p.id.clone(),
        title: p.set.get(..12).unwrap_or(&p.set).to_owned(),
        by: p.by.clone(),
        at: shown(p.at),
        state: state_of(p),
        signed: u32::try_from(p.signed.len()).unwrap_or(u32::MAX),
        needed: p.needed,
    }
}

/// What was proven when a set became a proposal: none is on the log of which something was refuted.
fn proven(names: &[String]) -> Vec<PropertyView> {
    let shipped = Property::shipped();
    let one = |id: &String| PropertyView {
        id: id.clone(),
        sentence: shipped
            .iter()
            .find(|p| p.id == *id)
            .map_or_else(|| id.clone(), |p| p.says.clone()),
        state: "proven".into(),
        example: None,
        milliseconds: None,
    };
    names.iter().map(one).collect()
}

/// Of the set that a city begins with nothing is proven on the log.
fn untried() -> Vec<PropertyView> {
    let ids: Vec<String> = Property::shipped().into_iter().map(|p| p.id).collect();
    let unknown = |view| PropertyView { state: "unknown".into(), ..view };
    proven(&ids).into_iter().map(unknown).collect()
}

/// `GET /console/rules`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        Ok((city.person(&who)?, city.actions(&who)?, city.proposals()?, city.activated()?))
    };
    match state.run(flow).await {
        Ok((person, actions, proposals, (log_entry, since))) => {
            let page = around(&state, &headers, "/console/rules");
            let rules = state.city.rules();
            let now = state.city.now();
            let active = proposals.iter().find(|p| p.state == "active");
            let page = RulesPage {
                page: signed_in(page, person, &actions, Place::Rules),
                hash: rules.hash(),
                since: shown(since),
                log_entry,
                adopted: state.city.adopted(),
                rules: rules.list().iter().map(|one| rule(one, now)).collect(),
                properties: active.map_or_else(untried, |p| proven(&p.proven)),
                proposals: proposals.iter().map(row).collect(),
                may_propose: false,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// The rules that a proposal replaces, where they are still in force; its own where they are not.
fn compared(city: &City, p: &Proposal) -> Result<(String, String, Vec<String>)> {
    let set = RuleSet::parse(&p.text)?;
    let open = p.state == "open";
    let before = if open { city.rules().text().to_owned() } else { set.rules.clone() };
    let offices = match open {
        true => city.charter_offices()?,
        false => p.signed.clone(),
    };
    Ok((before, set.rules, offices))
}

/// `GET /console/proposals/{id}`.
pub(crate) async fn one(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let proposal = city.proposal(&id)?;
        let compared = compared(city, &proposal)?;
        Ok((city.person(&who)?, city.actions(&who)?, proposal, compared))
    };
    match state.run(flow).await {
        Ok((person, actions, p, (before, after, offices))) => {
            let office = state.city.signs_for(&person).filter(|o| !p.signed.contains(o));
            let may_sign = p.state == "open" && office.is_some() && actions.contains(&"SignRules");
            let page = around(&state, &headers, "/console/rules");
            let row = row(&p);
            let signature = |office: String| SignatureView {
                person: if p.signed.contains(&office) { office.clone() } else { String::new() },
                office,
                at: String::new(),
            };
            let page = ProposalPage {
                page: signed_in(page, person, &actions, Place::Rules),
                hash: p.id.clone(),
                title: row.title,
                why: String::new(),
                by: row.by,
                at: row.at,
                state: row.state,
                log_entry: p.log_entry,
                changes: pages::diff(&before, &after),
                properties: proven(&p.proven),
                dry_days: 0,
                dry_questions: None,
                findings: Vec::new(),
                signatures: offices.into_iter().map(signature).collect(),
                needed: p.needed,
                may_sign,
                may_activate: false,
                may_withdraw: false,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// The form of a signature: what the passkey answered. What is signed is what the page began with.
#[derive(Deserialize)]
pub(crate) struct Signed {
    #[serde(default)]
    assertion: String,
}

/// `POST /console/proposals/{id}/sign`: for the office whose passkey answered.
pub(crate) async fn sign(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<Signed>,
) -> Response {
    let done = async {
        let answer: Value = serde_json::from_str(&form.assertion).map_err(|e| {
            Error::invalid("A proposal is signed with a passkey; open the page again and sign.")
                .because(e)
        })?;
        let confirmed = state.confirmed(&headers, &answer).await?;
        let sort = state.sort_of(&confirmed.fields)?;
        state.run(move |city| sort.confirmed(city, confirmed)).await
    };
    match done.await {
        Ok(location) => Redirect::to(&location).into_response(),
        Err(e) => failed(&state, &headers, &e),
    }
}
