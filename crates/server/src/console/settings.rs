//! What the city is set to, for people: read here, changed in its files and on the pages that are named.

use super::{failed, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use city::{City, Setting};
use pages::{Place, SettingRow, SettingsPage, render};

/// By section, in the file's order.
fn sections(all: Vec<Setting>) -> Vec<(String, Vec<SettingRow>)> {
    let mut out: Vec<(String, Vec<SettingRow>)> = Vec::new();
    for one in all {
        let section = one.key.split_once('.').map_or_else(String::new, |(s, _)| s.to_owned());
        let row = SettingRow {
            key: one.key,
            value: one.value,
            meaning: one.meaning.to_owned(),
            default: one.default.to_owned(),
            usual: one.usual,
        };
        match out.last_mut().filter(|(name, _)| *name == section) {
            Some((_, rows)) => rows.push(row),
            None => out.push((section, vec![row])),
        }
    }
    out
}

/// `GET /console/settings`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let settings = city.settings(&who)?;
        Ok((Visitor::of(city, &who)?, settings, city.rules().hash()))
    };
    match state.run(flow).await {
        Ok((visitor, settings, rules)) => {
            let page = around(&state, &headers, "/console/settings");
            Html(render(&SettingsPage {
                page: signed_in(page, visitor, Place::Settings),
                sections: sections(settings),
                preset: state.city.config().city.preset.clone().unwrap_or_default(),
                retention_days: state.city.config().retention.reads_days,
                rules,
            }))
            .into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}
