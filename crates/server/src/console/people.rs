//! People: everybody with what they come in with, invitations, lost keys, leaving. For administrators.

use super::form::{Fields, choices, every, field, mends, nameless, status, wrong};
use super::{failed, shown, sign_in};
use crate::admit::person_id;
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::{AppState, State as Held};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use base::{Error, PersonId, Result};
use city::{City, Invitation, Invite, LostLine, PersonLine, new_person_id};
use pages::{InvitationView, InviteForm, LostView, PeoplePage, PersonView, Place, Wrong, render};

/// What the page says besides who there is.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    sent: Fields,
    invitation: Option<InvitationView>,
}

impl After {
    /// The form comes back.
    fn mend(wrong: Vec<Wrong>, sent: Fields) -> Self {
        Self { status: StatusCode::BAD_REQUEST, wrong, sent, invitation: None }
    }
}

fn view(
    p: PersonLine,
    people: &[(PersonId, String)],
    lost: &[LostLine],
    who: &PersonId,
) -> PersonView {
    let name = |id: &PersonId| {
        let known = people.iter().find(|(known, _)| known == id);
        known.map_or_else(|| id.to_string(), |(_, name)| name.clone())
    };
    let state = match (p.ended, p.key || p.directory || !p.passkeys.is_empty()) {
        (Some(_), _) => "ended",
        (None, false) => "invited",
        (None, true) => "active",
    };
    let lost = lost.iter().find(|l| l.person == p.id).map(|l| LostView {
        by: name(&l.by),
        until: shown(l.until),
        may_confirm: l.by != *who && l.person != *who,
    });
    PersonView {
        own: p.id == *who,
        id: p.id.to_string(),
        name: p.name,
        office: p.office,
        roles: p.roles,
        state: state.into(),
        ended: p.ended.map(shown),
        key: p.key,
        passkeys: u32::try_from(p.passkeys.len()).unwrap_or(u32::MAX),
        last_seen: p.passkeys.iter().filter_map(|passkey| passkey.used).max().map(shown),
        lost,
        may_return: p.directory && p.ended.is_some(),
    }
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let flow = move |city: &City| {
        let (people, lost) = (city.people(&who)?, city.lost_keys(&who)?);
        let names: Vec<_> = people.iter().map(|p| (p.id.clone(), p.name.clone())).collect();
        let people: Vec<_> = people.into_iter().map(|p| view(p, &names, &lost, &who)).collect();
        Ok((Visitor::of(city, &who)?, people))
    };
    match state.run(flow).await {
        Ok((visitor, people)) => {
            let page = around(state, headers, "/console/people");
            let rules = state.city.rules();
            let page = PeoplePage {
                page: signed_in(page, visitor, Place::People),
                wrong: after.wrong,
                people,
                roles: choices(rules.roles(), &after.sent, "roles"),
                form: InviteForm {
                    name: field(&after.sent, "name").to_owned(),
                    office: field(&after.sent, "office").to_owned(),
                },
                invitation: after.invitation,
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// What follows from an act: the page with what came of it, or with what was wrong.
async fn told(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
    sent: Fields,
    done: Result<InvitationView>,
) -> Response {
    match done {
        Ok(invitation) => {
            let after = After { invitation: Some(invitation), ..After::default() };
            show(state, headers, who, after).await
        }
        Err(e) if mends(&e) => {
            let after =
                After { status: status(&e), ..After::mend(vec![wrong("", e.message())], sent) };
            show(state, headers, who, after).await
        }
        Err(e) => failed(state, headers, &e),
    }
}

fn way_in(state: &AppState, name: String, invitation: Invitation) -> InvitationView {
    let link = format!("{}{}", state.ceremonies.site().origin(), invitation.path);
    InvitationView { name, link, until: shown(invitation.until) }
}

/// `GET /console/people`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

/// The person that a form names.
fn invitee(sent: &Fields) -> std::result::Result<Invite, Vec<Wrong>> {
    let mut all = Vec::new();
    all.extend(nameless(sent, "name", "Write the name in 1 to 80 characters."));
    all.extend(nameless(sent, "office", "Write the office in 1 to 80 characters."));
    let roles: Vec<String> = every(sent, "roles").map(str::to_owned).collect();
    if roles.is_empty() {
        all.push(wrong("roles", "Tick at least one role."));
    }
    if !all.is_empty() {
        return Err(all);
    }
    let (name, office) = (field(sent, "name").to_owned(), field(sent, "office").to_owned());
    Ok(Invite { name, office, roles })
}

/// `POST /console/people`: invites somebody; the link is shown this once.
pub(crate) async fn invite(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let new = match invitee(&sent) {
        Ok(new) => new,
        Err(all) => return show(&state, &headers, who, After::mend(all, sent)).await,
    };
    let (by, name) = (who.clone(), new.name.clone());
    let done = state.run(move |city| city.invite(&by, &new_person_id()?, new)).await;
    let done = done.map(|invitation| way_in(&state, name, invitation));
    told(&state, &headers, who, sent, done).await
}

/// `POST /console/people/{id}/roles`: other roles from now on.
pub(crate) async fn roles(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let by = who.clone();
    let roles: Vec<String> = every(&sent, "roles").map(str::to_owned).collect();
    let flow = move |city: &City| city.change_roles(&by, &person_id(&id)?, roles);
    change(&state, &headers, who, flow).await
}

/// Changes somebody, and shows everybody as they are then, or what was wrong.
async fn change(
    state: &Held,
    headers: &HeaderMap,
    who: PersonId,
    flow: impl FnOnce(&City) -> Result<()> + Send + 'static,
) -> Response {
    match state.run(flow).await {
        Ok(()) => Redirect::to("/console/people").into_response(),
        Err(e) => told(state, headers, who, Fields::new(), Err(e)).await,
    }
}

/// A person whom administrators see, here or gone.
fn known(city: &City, by: &PersonId, id: &PersonId) -> Result<PersonLine> {
    let found = city.people(by)?.into_iter().find(|p| p.id == *id);
    found.ok_or_else(|| Error::not_found("There is no such person here."))
}

/// `POST /console/people/{id}/invite`: the same person once more; the invitation before is good no longer.
pub(crate) async fn again(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let by = who.clone();
    let flow = move |city: &City| {
        let id = person_id(&id)?;
        let known = known(city, &by, &id)?;
        let new = Invite { name: known.name, office: known.office, roles: known.roles };
        let name = new.name.clone();
        Ok((name, city.invite(&by, &id, new)?))
    };
    let done = state.run(flow).await;
    let done = done.map(|(name, invitation)| way_in(&state, name, invitation));
    told(&state, &headers, who, Fields::new(), done).await
}

/// `POST /console/people/{id}/lost`: a key is lost; the second administrator who says so makes the new way in.
pub(crate) async fn lost(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = lost_key(&state, who.clone(), &id).await;
    match done {
        Ok(None) => Redirect::to("/console/people").into_response(),
        Ok(Some(view)) => told(&state, &headers, who, Fields::new(), Ok(view)).await,
        Err(e) => told(&state, &headers, who, Fields::new(), Err(e)).await,
    }
}

async fn lost_key(state: &Held, who: PersonId, id: &str) -> Result<Option<InvitationView>> {
    let id = person_id(id)?;
    let flow = move |city: &City| Ok((known(city, &who, &id)?.name, city.lost_key(&who, &id)?));
    let (name, done) = state.run(flow).await?;
    let Some(invitation) = done.invitation else { return Ok(None) };
    Ok(Some(way_in(state, name, invitation)))
}

/// `POST /console/people/{id}/leave`: everything of theirs ends.
pub(crate) async fn leave(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let by = who.clone();
    let flow = move |city: &City| city.leave(&by, &person_id(&id)?).map(drop);
    change(&state, &headers, who, flow).await
}

/// `POST /console/people/{id}/return`: who has left may come in by the city's directory again.
pub(crate) async fn let_back(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let by = who.clone();
    let flow = move |city: &City| city.let_back(&by, &person_id(&id)?);
    change(&state, &headers, who, flow).await
}
