//! What stands around every page: city, language and look of the visitor, and who is signed in.
//!
//! Language and look are two cookies that say nothing of the visitor; scripts cannot read them.

use crate::auth::{Shared, same_origin};
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use base::{PersonId, Result as Done};
use city::{City, Waiting};
use identity::Person;
use pages::{Lang, Open, Page, Place, Theme};
use serde::Deserialize;

/// How long a visitor's choice is kept: a year, in seconds.
const KEPT: u32 = 31_536_000;

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|one| one.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// Around a page; `path` is where the page is. Forms carry the word of the session, where there is one.
pub(crate) fn around(state: &AppState, headers: &HeaderMap, path: &str) -> Page {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    Page {
        city: state.city.config().city.name.clone(),
        lang: Lang::of(cookie(headers, "lang"), accept),
        theme: Theme::parse(cookie(headers, "theme")),
        path: path.to_owned(),
        csrf: state.session(headers).map(|session| session.csrf).unwrap_or_default(),
        person: None,
        here: None,
    }
}

/// The pages, each with the actions of which one opens it; without any it is everybody's.
const PLACES: [(Place, &[&str]); 19] = [
    (Place::Now, &["ViewHits"]),
    (Place::Hits, &["ViewHits"]),
    (Place::Field, &["ViewHits"]),
    (Place::Handover, &["ViewHits"]),
    (Place::Drills, &["ViewHits", "EditHotList", "ReviewBreakGlass"]),
    (Place::Lists, &["ViewHits", "EditHotList"]),
    (Place::Ask, &["Search"]),
    (Place::Questions, &["Search"]),
    (Place::Rules, &[]),
    (Place::Cameras, &[]),
    (Place::Orders, &["SwitchOff", "SwitchOn"]),
    (Place::Papers, &["AttestCase", "AttestPaper"]),
    (Place::Log, &[]),
    (Place::Audit, &["ReadAudit"]),
    (Place::BreakGlass, &["ReviewBreakGlass"]),
    (Place::People, &["AddPerson"]),
    (Place::Tokens, &["AddPerson"]),
    (Place::Devices, &["AddPerson"]),
    (Place::Settings, &["AddPerson", "ReadAudit"]),
];

/// Who is signed in, what the rules let them do, and what waits for them.
pub(crate) struct Visitor {
    /// Who.
    pub person: Person,
    /// What they may do.
    pub actions: Vec<&'static str>,
    /// What waits.
    pub waiting: Waiting,
}

impl Visitor {
    /// As the city knows them now.
    pub fn of(city: &City, who: &PersonId) -> Done<Self> {
        let (person, actions) = (city.person(who)?, city.actions(who)?);
        let waiting = city.waiting(who, &actions)?;
        Ok(Self { person, actions, waiting })
    }

    /// Whether the rules let them do this.
    pub fn may(&self, action: &str) -> bool {
        self.actions.contains(&action)
    }

    /// The first page of the navigation that they may open.
    pub fn first_place(&self) -> Place {
        let first = PLACES.into_iter().find(|(_, actions)| self.opens(actions));
        first.map_or(Place::Log, |(place, _)| place)
    }

    fn opens(&self, actions: &[&str]) -> bool {
        actions.is_empty() || actions.iter().any(|action| self.may(action))
    }

    fn waits_at(&self, place: Place) -> u64 {
        match place {
            Place::Now => self.waiting.hits,
            Place::Rules => self.waiting.proposals,
            Place::Audit => self.waiting.audits,
            Place::BreakGlass => self.waiting.reviews,
            Place::People => self.waiting.lost_keys,
            _ => 0,
        }
    }
}

/// Around a page for a person; the navigation shows where the rules let them go.
pub(crate) fn signed_in(page: Page, visitor: Visitor, here: impl Into<Option<Place>>) -> Page {
    let open = PLACES.into_iter().filter(|(_, actions)| visitor.opens(actions));
    let open = open.map(|(place, _)| Open { place, waiting: visitor.waits_at(place) }).collect();
    let Person { name, roles, .. } = visitor.person;
    Page { person: Some(pages::Person { name, roles, open }), here: here.into(), ..page }
}

/// The form at the foot of every page.
#[derive(Deserialize)]
pub(crate) struct Look {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    theme: String,
    #[serde(default)]
    back: String,
}

/// A path of this server, and nothing that a browser could take for another host.
fn local(back: &str) -> &str {
    let plain = back.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if plain && back.starts_with('/') && !back.starts_with("//") { back } else { "/" }
}

/// `POST /look`: remembers language and look, and goes back.
pub(crate) async fn look(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<Look>,
) -> Result<Response, Problem> {
    same_origin(&headers, state.ceremonies.site().origin())?;
    let kept = format!("Path=/; HttpOnly; SameSite=Lax; Max-Age={KEPT}");
    let theme = Theme::parse(Some(&form.theme)).code();
    let mut set = vec![(header::SET_COOKIE, format!("theme={theme}; {kept}"))];
    if let Some(lang) = Lang::parse(&form.lang) {
        set.push((header::SET_COOKIE, format!("lang={}; {kept}", lang.code())));
    }
    Ok((AppendHeaders(set), Redirect::to(local(&form.back))).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server() {
        let check = |back: &str, want: &str| assert_eq!(local(back), want, "{back:?}");
        check("/console/hits/hit_1", "/console/hits/hit_1");
        check("/console?after=x", "/console?after=x");
        check("", "/");
        check("//evil.example", "/");
        check("/\\evil.example", "/");
        check("https://evil.example", "/");
        check("/a\r\nSet-Cookie: x", "/");
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            header::HeaderValue::from_static("xlang=en; lang=es; theme=dark"),
        );
        assert_eq!(cookie(&headers, "lang"), Some("es"));
        assert_eq!(cookie(&headers, "theme"), Some("dark"));
        assert_eq!(cookie(&headers, "ang"), None);
    }
}
