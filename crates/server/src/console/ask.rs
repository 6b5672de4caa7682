//! The console's question: a form that says at once what the rules would allow, and the answer.

use super::{failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{around, signed_in};
use crate::problem::status_of;
use crate::state::AppState;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Kind, PersonId, Result, Time};
use city::{Answer, AnswerRead, Area, Ask, City, Public};
use identity::Person;
use pages::{
    AnswerPage, AskForm, AskPage, CameraChoice, Choice, MapPlace, Page, Place, Preview,
    PreviewFragment, ReadCard, Wrong, render,
};

/// The fields of a form, in their order; some come more than once.
pub(crate) type Fields = Vec<(String, String)>;

const HOUR_MS: i64 = 3_600_000;

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
}

fn some(fields: &Fields, name: &str) -> Option<String> {
    Some(field(fields, name)).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A date and time field: UTC without its zone.
fn moment(fields: &Fields, name: &str) -> Result<Option<Time>> {
    let text = field(fields, name);
    if text.is_empty() {
        return Ok(None);
    }
    let whole = if text.len() == 16 { format!("{text}:00Z") } else { format!("{text}Z") };
    let time = whole.parse::<Time>();
    time.map(Some).map_err(|_| Error::invalid("Give moments as 2026-11-23T08:00, in UTC."))
}

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
fn question(fields: &Fields) -> Result<Ask> {
    let split = |c: char| c == ',' || c.is_whitespace();
    let plates = field(fields, "plates").split(split).filter(|p| !p.is_empty());
    let cameras = fields.iter().filter(|(key, _)| key == "cameras");
    let cameras = cameras.map(|(_, id)| id.parse()).collect::<std::result::Result<_, _>>();
    let late = || Error::invalid("Say from when until when, in UTC.");
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

/// As a date and time field wants it.
fn typed(t: Time) -> String {
    t.to_string().chars().take(16).collect()
}

fn form_of(fields: &Fields, now: Time) -> AskForm {
    let text = |name: &str| field(fields, name).to_owned();
    let or = |name: &str, else_: Time| {
        let given = field(fields, name);
        if given.is_empty() { typed(else_) } else { given.to_owned() }
    };
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
        until: or("until", now.floor_to(60_000).plus_millis(60_000)),
        reveal_after: text("reveal_after"),
        breakglass: !field(fields, "breakglass").is_empty(),
    }
}

fn choices(words: &[&str], chosen: &str) -> Vec<Choice> {
    let one = |word: &&str| Choice { value: (*word).to_owned(), chosen: *word == chosen };
    words.iter().map(one).collect()
}

fn page_of(page: Page, public: &Public, fields: &Fields, wrong: Vec<Wrong>) -> AskPage {
    let ticked = |id: &str| fields.iter().any(|(key, value)| key == "cameras" && value == id);
    let cameras = public.cameras.iter().filter(|camera| camera.retired.is_none());
    AskPage {
        wrong,
        form: form_of(fields, public.now),
        purposes: choices(&city::PURPOSES, field(fields, "purpose")),
        authorities: choices(&city::AUTHORITIES, field(fields, "authority")),
        agencies: choices(&city::AGENCIES, field(fields, "on_behalf_of")),
        papers: Vec::new(),
        cameras: cameras
            .map(|camera| CameraChoice {
                id: camera.id.to_string(),
                name: camera.name.clone(),
                chosen: ticked(camera.id.as_str()),
            })
            .collect(),
        zone: "UTC".into(),
        preview: None,
        may_break: true,
        breakglass_blocked: None,
        confirm: false,
        page,
    }
}

/// Person, navigation and cameras, for every page here.
async fn surroundings(
    state: &AppState,
    headers: &HeaderMap,
    who: PersonId,
) -> Result<(Page, Public)> {
    let flow = move |city: &City| Ok((city.person(&who)?, city.actions(&who)?, city.public()?));
    let (person, actions, public): (Person, _, _) = state.run(flow).await?;
    let page = around(state, headers, "/console/ask");
    Ok((signed_in(page, person, &actions, Place::Ask), public))
}

/// `GET /console/ask`.
pub(crate) async fn form(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    match surroundings(&state, &headers, who).await {
        Ok((page, public)) => {
            Html(render(&page_of(page, &public, &Vec::new(), Vec::new()))).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/ask/preview`: what the rules would say; no read is touched and nothing is logged.
pub(crate) async fn preview(
    State(state): Shared,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let page = around(&state, &headers, "/console/ask");
    let said = match question(&fields) {
        Ok(ask) => state.run(move |city| city.preview(&who, ask)).await,
        Err(e) => Err(e),
    };
    let preview = match said {
        Ok(said) => Preview {
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
        },
    };
    Html(render(&PreviewFragment { page, preview: Some(preview) })).into_response()
}

/// `POST /console/ask`: on the log first, then answered.
pub(crate) async fn ask(
    State(state): Shared,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let (page, public) = match surroundings(&state, &headers, who.clone()).await {
        Ok(there) => there,
        Err(e) => return failed(&state, &headers, &e),
    };
    match answered(&state, who, &fields).await {
        Ok((ask, said, answer)) => {
            Html(render(&answer_page(page, ask, &said, answer))).into_response()
        }
        // What was typed is not lost: the form comes back with the reason above it.
        Err(e) if matches!(e.kind(), Kind::Refused | Kind::Invalid | Kind::NotFound) => {
            let status =
                StatusCode::from_u16(status_of(e.kind())).unwrap_or(StatusCode::BAD_REQUEST);
            let wrong = vec![Wrong { field: String::new(), message: e.message().to_owned() }];
            (status, Html(render(&page_of(page, &public, &fields, wrong)))).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

async fn answered(
    state: &AppState,
    who: PersonId,
    fields: &Fields,
) -> Result<(Ask, city::Preview, Answer)> {
    let ask = question(fields)?;
    let place = state.scan_place(&ask)?;
    let flow = move |city: &City| {
        let _place = place;
        let (said, answer) = city.ask_told(&who, ask.clone(), &mut |_| true)?;
        Ok((ask, said, answer))
    };
    state.run(flow).await
}

fn answer_page(page: Page, ask: Ask, said: &city::Preview, answer: Answer) -> AnswerPage {
    let mut places: Vec<MapPlace> = Vec::new();
    for read in &answer.reads {
        if let (Some(lat), Some(lon)) = (read.lat, read.lon)
            && !places.iter().any(|place| place.name == read.camera_name)
        {
            places.push(MapPlace { name: read.camera_name.clone(), lat, lon });
        }
    }
    let likely = ask.look_alikes || ask.plates.iter().any(|p| p.contains(['?', '*']));
    AnswerPage {
        page,
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
