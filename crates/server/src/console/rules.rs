//! The city's rules in the console: plain words beside the text, what is proposed, who has signed.

use super::form::{Fields, mends, status, whole, wrong};
use super::{Signed, back, failed, failed_at, shown, sign_in, signed};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::problem::note;
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, Kind, PersonId, Result, Time};
use city::{City, NewProposal, Property, Proposal, Rule, properties_of};
use identity::RuleSet;
use pages::{
    Place, PropertyView, ProposalPage, ProposalRow, ProposePage, RuleView, RulesPage,
    SignatureView, Wrong, render,
};

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
        "adopted" => "adopted",
        _ => "overtaken",
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
fn proven(city: &City, names: &[String], set: Option<&RuleSet>) -> Vec<PropertyView> {
    let preset = city.config().city.preset.as_deref();
    let known = set.map_or_else(Property::shipped, |set| properties_of(set, preset));
    let one = |id: &String| PropertyView {
        id: id.clone(),
        sentence: known.iter().find(|p| p.id == *id).map_or_else(|| id.clone(), |p| p.says.clone()),
        state: "proven".into(),
        example: None,
        milliseconds: None,
    };
    names.iter().map(one).collect()
}

/// Of the set that a city begins with nothing is proven on the log.
fn untried(city: &City) -> Vec<PropertyView> {
    let ids: Vec<String> = Property::shipped().into_iter().map(|p| p.id).collect();
    let unknown = |view| PropertyView { state: "unknown".into(), ..view };
    proven(city, &ids, None).into_iter().map(unknown).collect()
}

/// `GET /console/rules`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let set = (city.activated()?, city.unsigned_set()?);
        Ok((Visitor::of(city, &who)?, city.proposals()?, set))
    };
    match state.run(flow).await {
        Ok((visitor, proposals, ((log_entry, since), unsigned))) => {
            let page = around(&state, &headers, "/console/rules");
            let rules = state.city.rules();
            let now = state.city.now();
            let active = proposals.iter().find(|p| p.state == "active");
            let may_propose = visitor.may("ProposeRules");
            let page = RulesPage {
                page: signed_in(page, visitor, Place::Rules),
                hash: rules.hash(),
                since: shown(since),
                log_entry,
                adopted: state.city.adopted(),
                unsigned,
                rules: rules.list().iter().map(|one| rule(one, now)).collect(),
                properties: active.map_or_else(
                    || untried(&state.city),
                    |p| proven(&state.city, &p.proven, RuleSet::parse(&p.text).ok().as_ref()),
                ),
                proposals: proposals.iter().map(row).collect(),
                may_propose,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// All that is signed: who signs or proves in future is no smaller a change than a rule.
fn whole_set(set: &RuleSet) -> String {
    let mut out = set.rules.trim_end().to_owned();
    for (name, text) in &set.properties {
        out.extend(["\n\nproperties/", name, ".cedar\n", text.trim_end()]);
    }
    out.extend(["\n\ncharter.toml\n", &set.charter]);
    out
}

/// Over how many days past questions are tried on a proposal.
const DRY_DAYS: u32 = 30;

/// What a page shows beside a proposal itself.
struct Beside {
    /// The set that it replaces, or would, and its own, whole.
    texts: (String, String),
    set: RuleSet,
    signatures: Vec<SignatureView>,
    /// How many past questions were tried, and what would have been different; of open ones alone.
    tried: Option<(u64, Vec<String>)>,
}

impl Beside {
    fn of(city: &City, p: &Proposal) -> Result<Self> {
        let set = RuleSet::parse(&p.text)?;
        let open = p.state == "open";
        let before = city.replaced_by(p).map(|before| whole_set(&before)).unwrap_or_default();
        let offices = if open { city.charter_offices()? } else { p.signed.clone() };
        let signature = |office: String| SignatureView {
            person: if p.signed.contains(&office) { office.clone() } else { String::new() },
            at: city.signed_when(&p.id, &office).map(shown).unwrap_or_default(),
            office,
        };
        Ok(Self {
            texts: (before, whole_set(&set)),
            set,
            signatures: offices.into_iter().map(signature).collect(),
            tried: if open { Some(city.try_proposal(p, DRY_DAYS)?) } else { None },
        })
    }
}

/// `GET /console/proposals/{id}`.
pub(crate) async fn one(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let path = format!("/console/proposals/{id}");
    let flow = move |city: &City| {
        let proposal = city.proposal(&id)?;
        let beside = Beside::of(city, &proposal)?;
        Ok((Visitor::of(city, &who)?, proposal, beside))
    };
    match state.run(flow).await {
        Ok((visitor, p, beside)) => {
            let office = state.city.signs_for(&visitor.person).filter(|o| !p.signed.contains(o));
            let open = p.state == "open" && visitor.may("SignRules");
            let may_sign = open && office.is_some();
            let page = around(&state, &headers, "/console/rules");
            let row = row(&p);
            let (tried, findings) = beside.tried.unzip();
            let page = ProposalPage {
                page: signed_in(page, visitor, Place::Rules),
                may_activate: open && signed_by_all(&p),
                hash: p.id.clone(),
                set: p.set.clone(),
                title: row.title,
                by: row.by,
                at: row.at,
                state: row.state,
                log_entry: p.log_entry,
                prover: p.proved_by.clone(),
                changes: pages::diff(&beside.texts.0, &beside.texts.1),
                properties: proven(&state.city, &p.proven, Some(&beside.set)),
                dry_days: DRY_DAYS,
                dry_questions: tried,
                findings: findings.unwrap_or_default(),
                signatures: beside.signatures,
                needed: p.needed,
                may_sign,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, &path),
    }
}

/// Whether the last signature is there: a set that was not made active then was stopped by something that passes.
fn signed_by_all(p: &Proposal) -> bool {
    p.needed > 0 && p.signed.len() >= p.needed as usize
}

/// `POST /console/proposals/{id}/activate`: what the last signature could not do at once, a witness being away.
pub(crate) async fn activate(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let to = format!("/console/proposals/{id}");
    let flow = move |city: &City| {
        if !city.actions(&who)?.contains(&"SignRules") {
            return Err(Error::forbidden(
                "Whoever signs rules makes them active, and nobody else.",
            ));
        }
        // What is missing, and whether all still holds, the city looks at anew.
        city.activate(&id)
    };
    back(&state, &headers, &to, state.run(flow).await)
}

/// The form for other rules, with what was wrong with those that were sent.
async fn form(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
    (code, wrong): (StatusCode, Vec<Wrong>),
    sent: Option<String>,
) -> Response {
    let flow = move |city: &City| {
        let visitor = Visitor::of(city, &who)?;
        if !visitor.may("ProposeRules") {
            return Err(Error::forbidden("The rules do not let you propose other ones."));
        }
        Ok(visitor)
    };
    match state.run(flow).await {
        Ok(visitor) => {
            let page = around(state, headers, "/console/rules/new");
            let page = ProposePage {
                page: signed_in(page, visitor, Place::Rules),
                wrong,
                rules: sent.unwrap_or_else(|| state.city.rules().text().to_owned()),
            };
            (code, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/rules/new`.
pub(crate) async fn new(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    form(&state, &headers, who, (StatusCode::OK, Vec::new()), None).await
}

/// `POST /console/rules`: proven, and then on the log; what does not hold comes back with a request that would
/// get through.
pub(crate) async fn propose(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    // Browsers end lines in forms as mail does; the rule file does not, and its hash tells the two apart.
    let rules = whole(&sent, "rules").replace("\r\n", "\n");
    let (by, text) = (who.clone(), rules.clone());
    let flow = move |city: &City| {
        let new = NewProposal { rules: text, properties: None, charter: None, proofs: None };
        city.propose(&by, new)
    };
    match state.run(flow).await {
        Ok(p) => Redirect::to(&format!("/console/proposals/{}", p.id)).into_response(),
        // Without a solver nothing is proposed, but what was written is not lost.
        Err(e) if mends(&e) || e.kind() == Kind::Unavailable => {
            note(&e);
            let wrong = vec![wrong("rules", e.message())];
            form(&state, &headers, who, (status(&e), wrong), Some(rules)).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/proposals/{id}/sign`: for the office whose passkey answered.
pub(crate) async fn sign(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<Signed>,
) -> Response {
    signed(
        &state,
        &headers,
        &form,
        &format!("/console/proposals/{id}"),
        "A proposal is signed with a passkey; open the page again and sign.",
    )
    .await
}
