//! The console's question: a form that says at once what the rules would allow, and the answer.

use super::form::{
    Fields, choices, every, field, mends, moment, moment_of, some, status, typed, wrong, zone,
};
use super::{ahead, failed_at, for_part, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::confirm::fields_of;
use crate::problem::note;
use crate::state::AppState;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{CameraId, Error, Kind, PersonId, Result, Time};
use city::{Answer, AnswerRead, Area, Ask, City, Confirm, Confirmation, PublicCamera};
use pages::{
    AnswerPage, AskForm, AskPage, CameraChoice, MapPlace, Page, Place, Preview, PreviewFragment,
    ReadCard, Wrong, render,
};

const HOUR_MS: i64 = 3_600_000;
const HERE: &str = "/console/ask";

fn area(fields: &Fields) -> Result<Option<Area>> {
    let parts = ["lat", "lon", "radius"].map(|name| field(fields, name));
    if parts.iter().all(|part| part.is_empty()) {
        return Ok(None);
    }
    let numbers: Vec<f64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    match numbers[..] {
        [lat, lon, radius_m] => Ok(Some(Area { lat, lon, radius_m })),
        _ => Err(Error::invalid("An area is a latitude, a longitude and a radius in metres.")),
    }
}

/// The question that a form spells.
pub(crate) fn question(fields: &Fields) -> Result<Ask> {
    let split = |c: char| c == ',' || c.is_whitespace();
    let plates = field(fields, "plates").split(split).filter(|p| !p.is_empty());
    let cameras = every(fields, "cameras");
    let cameras = cameras.map(str::parse).collect::<std::result::Result<_, _>>();
    let late = || Error::invalid("Say from when until when.");
    let agency = some(fields, "on_behalf_of");
    let name = some(fields, "on_behalf_name");
    Ok(Ask {
        purpose: field(fields, "purpose").to_owned(),
        case: some(fields, "case"),
        authority: some(fields, "authority"),
        paper: some(fields, "paper"),
        emergency: !field(fields, "breakglass").is_empty(),
        on_behalf_of: agency.map(|kind| match name {
            Some(name) => format!("{kind}: {name}"),
            None => kind,
        }),
        reason: some(fields, "reason"),
        plates: plates.map(str::to_owned).collect(),
        look_alikes: !field(fields, "look_alikes").is_empty(),
        cameras: cameras.map_err(|_| Error::not_found("There is no such camera here."))?,
        area: area(fields)?,
        from: moment(fields, "from")?.ok_or_else(late)?,
        until: moment(fields, "until")?.ok_or_else(late)?,
        reveal_after: moment(fields, "reveal_after")?,
    })
}

fn form_of(fields: &Fields, now: Time) -> AskForm {
    let text = |name: &str| field(fields, name).to_owned();
    let or = |name: &str, else_: Time| {
        let given = field(fields, name);
        if given.is_empty() { typed(else_) } else { given.to_owned() }
    };
    // Of an hour that the clocks show twice a field means the first; the last one is asked about all the same.
    let end = now.floor_to(60_000).plus_millis(60_000);
    let early = moment_of(&typed(end)).is_ok_and(|read| read < end);
    let end = if early { end.plus_millis(HOUR_MS) } else { end };
    AskForm {
        case: text("case"),
        paper: text("paper"),
        on_behalf_name: text("on_behalf_name"),
        reason: text("reason"),
        plates: text("plates"),
        look_alikes: !field(fields, "look_alikes").is_empty(),
        lat: text("lat"),
        lon: text("lon"),
        radius: text("radius"),
        from: or("from", now.plus_millis(-24 * HOUR_MS)),
        until: or("until", end),
        reveal_after: text("reveal_after"),
        breakglass: !field(fields, "breakglass").is_empty(),
    }
}

fn page_of(around: Around, fields: &Fields, wrong: Vec<Wrong>) -> AskPage {
    let Around { page, cameras, now, confirm, blocked } = around;
    let ticked = |id: &str| every(fields, "cameras").any(|value| value == id);
    let cameras = cameras.iter().filter(|camera| camera.retired.is_none());
    AskPage {
        wrong,
        form: form_of(fields, now),
        purposes: choices(city::PURPOSES, fields, "purpose"),
        authorities: choices(city::AUTHORITIES, fields, "authority"),
        agencies: choices(city::AGENCIES, fields, "on_behalf_of"),
        papers: Vec::new(),
        cameras: cameras
            .map(|camera| CameraChoice {
                id: camera.id.to_string(),
                name: camera.name.clone(),
                chosen: ticked(camera.id.as_str()),
            })
            .collect(),
        zone: zone(),
        preview: None,
        may_break: true,
        breakglass_blocked: blocked,
        confirm,
        page,
    }
}

/// What every page here is made with.
struct Around {
    /// Person and navigation.
    page: Page,
    /// The cameras.
    cameras: Vec<PublicCamera>,
    /// The moment at which it is made.
    now: Time,
    /// Whether the person's passkey may be asked for.
    confirm: bool,
    /// Whether nobody may ask with a life in danger now.
    blocked: bool,
}

async fn surroundings(state: &AppState, headers: &HeaderMap, who: PersonId) -> Result<Around> {
    let flow = move |city: &City| {
        Ok((Visitor::of(city, &who)?, city.cameras_now(), city.now(), city.review_overdue()))
    };
    let (visitor, cameras, now, blocked) = state.run_first(flow).await?;
    let asked_for = state.city.config().console.confirm != Confirm::Never;
    let confirm = asked_for && !visitor.person.passkeys.is_empty();
    let page = around(state, headers, HERE);
    Ok(Around { page: signed_in(page, visitor, Place::Ask), cameras, now, confirm, blocked })
}

/// `GET /console/ask`.
pub(crate) async fn form(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    match surroundings(&state, &headers, who).await {
        Ok(around) => Html(render(&page_of(around, &Fields::new(), Vec::new()))).into_response(),
        Err(e) => failed_at(&state, &headers, &e, HERE),
    }
}

/// `POST /console/ask/preview`: what the rules would say; no read is touched and nothing is logged. By itself for the
/// page's script, which asks while the form is written; for the button a page with the form as it was.
pub(crate) async fn preview(
    State(state): Shared,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let preview = previewed(&state, who.clone(), &fields).await;
    if for_part(&headers) {
        let page = around(&state, &headers, HERE);
        return Html(render(&PreviewFragment { page, preview: Some(preview) })).into_response();
    }
    match surroundings(&state, &headers, who).await {
        Ok(around) => {
            let page = page_of(around, &fields, Vec::new());
            Html(render(&AskPage { preview: Some(preview), ..page })).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, HERE),
    }
}

/// What the rules would say to a form, or what it lacks.
async fn previewed(state: &AppState, who: PersonId, fields: &Fields) -> Preview {
    let said = match question(fields) {
        Ok(ask) => {
            let flow =
                move |city: &City| Ok((confirms(city, &who, &ask)?, city.preview(&who, ask)?));
            state.run_first(flow).await
        }
        Err(e) => Err(e),
    };
    match said {
        Ok((confirm, said)) => Preview {
            confirm: confirm.into(),
            decision: said.decision,
            rule: said.rule,
            sentence: said.message.unwrap_or_default(),
            case: said.case,
            cameras: said.cameras,
            from: shown(said.from),
            until: shown(said.until),
        },
        Err(e) => Preview {
            decision: "incomplete".into(),
            rule: String::new(),
            sentence: e.message().to_owned(),
            case: "none".into(),
            cameras: 0,
            from: String::new(),
            until: String::new(),
            confirm: String::new(),
        },
    }
}

/// Who confirms this question, as the page's preview spells it.
fn confirms(city: &City, who: &PersonId, ask: &Ask) -> Result<&'static str> {
    Ok(match (city.must_confirm(ask), city.person(who)?.passkeys.is_empty()) {
        (false, _) => "",
        (true, false) => "passkey",
        (true, true) => "none",
    })
}

/// `POST /console/ask`: on the log first, then answered.
pub(crate) async fn ask(
    State(state): Shared,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let around = match surroundings(&state, &headers, who.clone()).await {
        Ok(around) => around,
        Err(e) => return failed_at(&state, &headers, &e, HERE),
    };
    match answered(&state, &headers, who, &fields).await {
        Ok((ask, said, answer)) => {
            Html(render(&answer_page(around, ask, &said, answer))).into_response()
        }
        // What was typed is not lost: the form comes back with the reason above it.
        Err(e) if mends(&e) || passes(&e) => {
            note(&e);
            let wrong = vec![wrong("", e.message())];
            (status(&e), Html(render(&page_of(around, &fields, wrong)))).into_response()
        }
        Err(e) => failed_at(&state, &headers, &e, HERE),
    }
}

/// What is over when the same question is asked again: a passkey that took too long, a server with too much to do.
fn passes(e: &Error) -> bool {
    matches!(e.kind(), Kind::Unauthenticated | Kind::Busy | Kind::Unavailable)
}

/// The question, and the signature under it where there is one. What counts is what was signed, not the form that
/// came with it.
async fn asked(
    state: &AppState,
    headers: &HeaderMap,
    fields: &Fields,
) -> Result<(Ask, Option<Confirmation>)> {
    let assertion = field(fields, "assertion");
    if assertion.is_empty() {
        return Ok((question(fields)?, None));
    }
    let credential = serde_json::from_str(assertion).map_err(|e| {
        Error::invalid("This is not the answer of a passkey; ask again.").because(e)
    })?;
    let done = state.confirmed(headers, &credential).await?;
    let signed = fields_of(&done.fields);
    if field(&signed, "what") != "ask" {
        return Err(Error::invalid("Something else than a question was signed; ask again."));
    }
    let confirmation =
        Confirmation { key: done.key, message: done.message, signature: done.signature };
    Ok((question(&signed)?, Some(confirmation)))
}

/// Why a question that nobody signed is not asked.
fn unsigned(city: &City, who: &PersonId) -> Result<Error> {
    Ok(Error::conflict(if city.person(who)?.passkeys.is_empty() {
        "This question is confirmed with a passkey and you have none: make one under \u{201c}My \
         passkeys\u{201d}, or ask with `homeplate ask` and your key file."
    } else {
        "This question is confirmed with your passkey: press the button again and follow your \
         browser, which needs its scripts, or ask with `homeplate ask` and your key file."
    }))
}

async fn answered(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
    fields: &Fields,
) -> Result<(Ask, city::Preview, Answer)> {
    let (ask, signed) = asked(state, headers, fields).await?;
    let place = state.scan_place(&ask)?;
    let flow = move |city: &City| {
        let _place = place;
        if signed.is_none() && city.must_confirm(&ask) {
            return Err(unsigned(city, &who)?);
        }
        let (said, answer) = city.ask_told(&who, ask.clone(), signed, &mut |_| true)?;
        Ok((ask, said, answer))
    };
    state.run_first(flow).await
}

fn answer_page(around: Around, ask: Ask, said: &city::Preview, answer: Answer) -> AnswerPage {
    let mut places: Vec<MapPlace> = Vec::new();
    for read in &answer.reads {
        if let (Some(lat), Some(lon)) = (read.lat, read.lon)
            && !places.iter().any(|place| place.name == read.camera_name)
        {
            places.push(MapPlace { name: read.camera_name.clone(), lat, lon });
        }
    }
    let likely = ask.look_alikes || ask.plates.iter().any(|p| p.contains(['?', '*']));
    let known = &around.cameras;
    let named = |id: &CameraId| {
        known.iter().find(|camera| camera.id == *id).map_or(id.as_str(), |c| &c.name).to_owned()
    };
    AnswerPage {
        asked: answer.cameras.iter().map(named).collect(),
        page: around.page,
        purpose: ask.purpose,
        case: ask.case.unwrap_or_default(),
        attested: said.case.clone(),
        rule: answer.rule,
        narrowed: answer.narrowed,
        breakglass: ask.emergency,
        log_entry: answer.log_entry,
        outcome_entry: answer.outcome_entry,
        cameras: said.cameras,
        from: shown(said.from),
        until: shown(said.until),
        from_ms: said.from.millis(),
        until_ms: said.until.millis(),
        ahead: ahead(said.from, said.until),
        considered: answer.considered,
        unscannable: answer.unscannable,
        more: answer.more,
        reads: answer.reads.into_iter().map(|read| card(read, likely)).collect(),
        places,
    }
}

fn card(read: AnswerRead, likely: bool) -> ReadCard {
    ReadCard {
        plate: read.plate,
        likeness: read.likeness.filter(|_| likely).map(super::percent),
        confidence: super::percent(f64::from(read.confidence)),
        camera: read.camera_name,
        captured: shown(read.captured),
        at_ms: read.captured.millis(),
        picture: read.picture.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        text.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_form_spells_a_question() {
        let whole = "purpose=warrant&plates=7ABC128, 8XY?&from=2026-11-23T08:00&until=2026-11-23T09:30:15\
                     &cameras=cam_a&cameras=cam_b&on_behalf_of=county&on_behalf_name=Sheriff&lat=1&lon=2\
                     &radius=300&breakglass=yes";
        let ask = question(&fields(whole)).unwrap();
        assert_eq!((ask.plates.len(), ask.cameras.len(), ask.emergency), (2, 2, true));
        assert_eq!(ask.on_behalf_of.as_deref(), Some("county: Sheriff"));
        assert_eq!(ask.until.to_string(), "2026-11-23T09:30:15.000Z");
        assert_eq!(ask.area.unwrap().radius_m, 300.0);
        for bad in [
            whole.replace("from=2026", "from=x"),
            whole.replace("&from=2026-11-23T08:00", ""),
            whole.replace("cam_a", "camera a"),
            whole.replace("lat=1", "lat=north"),
        ] {
            assert!(question(&fields(&bad)).is_err(), "{bad}");
        }
    }
}
