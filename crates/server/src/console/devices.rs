//! Devices: registered, so that it is known when they lock. For administrators.

use super::form::{Fields, choices, field, mends, nameless, status, wrong};
use super::tokens::names;
use super::{back, failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::state::AppState;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base::{DeviceId, Error, PersonId, Result};
use city::{City, DeviceCode, NewDevice};
use identity::DeviceClass;
use pages::{DeviceCodeView, DeviceView, DevicesPage, Place, Wrong, render};

/// What a device may be, the most usual first.
const CLASSES: [DeviceClass; 4] =
    [DeviceClass::Desk, DeviceClass::Vehicle, DeviceClass::ReceiveOnly, DeviceClass::Other];

/// What the page says besides which there are.
#[derive(Default)]
struct After {
    status: StatusCode,
    wrong: Vec<Wrong>,
    sent: Fields,
    fresh: Option<DeviceCodeView>,
}

fn device_id(text: &str) -> Result<DeviceId> {
    text.parse().map_err(|_| Error::not_found("There is no such device."))
}

async fn show(state: &AppState, headers: &HeaderMap, who: PersonId, after: After) -> Response {
    let flow = move |city: &City| {
        let devices = city.devices(&who)?;
        let names = names(city, &who)?;
        let view = |d: city::DeviceLine| DeviceView {
            by: names.get(&d.by).cloned().unwrap_or_else(|| d.by.to_string()),
            id: d.id.to_string(),
            name: d.name,
            class: d.class,
            at: shown(d.made),
            state: if d.revoked.is_some() { "revoked" } else { "active" }.into(),
        };
        let mut devices: Vec<_> = devices.into_iter().map(view).collect();
        devices.sort_by_key(|d| d.state != "active");
        Ok((Visitor::of(city, &who)?, devices))
    };
    match state.run(flow).await {
        Ok((visitor, devices)) => {
            let page = around(state, headers, "/console/devices");
            let classes = CLASSES.into_iter().map(DeviceClass::slug);
            let page = DevicesPage {
                page: signed_in(page, visitor, Place::Devices),
                wrong: after.wrong,
                devices,
                classes: choices(classes, &after.sent, "class"),
                called: field(&after.sent, "name").to_owned(),
                fresh: after.fresh,
            };
            (after.status, Html(render(&page))).into_response()
        }
        Err(e) => failed(state, headers, &e),
    }
}

/// `GET /console/devices`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    show(&state, &headers, who, After::default()).await
}

/// `POST /console/devices`: registers one; its way in is shown this once.
pub(crate) async fn register(
    State(state): Shared,
    headers: HeaderMap,
    Form(sent): Form<Fields>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    if let Some(nameless) = nameless(&sent, "name", "Write the name in 1 to 80 characters.") {
        let status = StatusCode::BAD_REQUEST;
        let after = After { status, wrong: vec![nameless], sent, fresh: None };
        return show(&state, &headers, who, after).await;
    }
    let by = who.clone();
    let (name, class) = (field(&sent, "name").to_owned(), field(&sent, "class").to_owned());
    let called = name.clone();
    let flow = move |city: &City| {
        // Nobody has to think of one: people go by the name.
        let id = device_id(&format!("dev_{}", base::hex(&base::random::<6>())))?;
        city.new_device(&by, NewDevice { id, name, class })
    };
    match state.run(flow).await {
        Ok(DeviceCode { code, path }) => {
            let link = format!("{}{path}", state.ceremonies.site().origin());
            let fresh = Some(DeviceCodeView { name: called, link, code });
            show(&state, &headers, who, After { fresh, ..After::default() }).await
        }
        Err(e) if mends(&e) => {
            let wrong = vec![wrong("class", e.message())];
            let after = After { status: status(&e), wrong, sent, fresh: None };
            show(&state, &headers, who, after).await
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/devices/{id}/revoke`: the sessions at it end, too.
pub(crate) async fn revoke(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let id = device_id(&id)?;
        state.run(move |city| city.revoke_device(&who, &id)).await
    };
    back(&state, &headers, "/console/devices", done.await)
}
