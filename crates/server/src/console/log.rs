//! The public log in words: what everybody may see of it, for people who do not read JSON.

use super::{failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Time};
use city::{City, LogEntry, Turn};
use pages::{Choice, EntryView, FactView, LogPage, Place, render};
use serde::Deserialize;
use serde_json::Value;

/// Entries on one page.
const PAGE: usize = 50;
/// What a fact shows at most; the receipt has all of it.
const SHOWN: usize = 90;
/// The types of entries that there are, as `ref/log-v1.md` has them.
const KINDS: [&str; 81] = [
    "search.intent",
    "search.outcome",
    "search.refused",
    "search.revealed",
    "search.followed",
    "breakglass.reviewed",
    "audit.opened",
    "audit.drawn",
    "audit.graded",
    "alarm.raised",
    "alarm.closed",
    "hit.raised",
    "hit.opened",
    "hit.compared",
    "hit.verdict",
    "hit.record",
    "hit.eyes",
    "hit.outcome",
    "hit.along",
    "hit.cold",
    "hit.unknown",
    "hit.suspended",
    "hit.resumed",
    "hit.handover",
    "drill.started",
    "drill.decided",
    "drill.ended",
    "hotlist.checked",
    "hotlist.proposed",
    "hotlist.withdrawn",
    "hotlist.lapsed",
    "hotlist.changed",
    "hotlist.imported",
    "hotlist.undone",
    "hotlist.settings",
    "hotlist.found",
    "hotlist.unfound",
    "hotlist.stale",
    "hotlist.watched",
    "share.gate",
    "share.gate.closed",
    "order.off",
    "order.on",
    "paper.attested",
    "paper.withdrawn",
    "policy.proposed",
    "policy.signed",
    "policy.activated",
    "policy.checked",
    "hold.placed",
    "hold.preserved",
    "hold.reviewed",
    "hold.fetched",
    "hold.released",
    "camera.enrolled",
    "camera.moved",
    "camera.retired",
    "camera.stopped",
    "camera.off",
    "camera.refused",
    "lease.granted",
    "counts.daily",
    "key.created",
    "key.destroyed",
    "records.dropped",
    "pictures.step",
    "admin.created",
    "admin.person",
    "admin.invited",
    "admin.passkey",
    "admin.lost",
    "admin.reset",
    "admin.left",
    "admin.token",
    "admin.device",
    "admin.ownplate",
    "session.elsewhere",
    "software.start",
    "log.successor",
    "log.restored",
    "audit.started",
];

/// Query of a page.
#[derive(Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    kind: String,
    older: Option<u64>,
    newer: Option<u64>,
}

/// A hash by its beginning, a moment as people read it. The receipt has every character.
fn readable(text: &str) -> String {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return format!("{}…", &text[..12]);
    }
    match text.parse::<Time>() {
        Ok(time) if text.contains('T') => shown(time),
        _ => text.to_owned(),
    }
}

fn fact(name: &str, value: &Value) -> FactView {
    let value = match value {
        Value::String(text) => readable(text),
        other => other.to_string(),
    };
    let long = value.chars().count() > SHOWN;
    let value = if long { value.chars().take(SHOWN).collect::<String>() + "…" } else { value };
    FactView { name: name.to_owned(), value }
}

fn view(entry: LogEntry) -> EntryView {
    let leaf = entry.leaf;
    let mut facts: Vec<FactView> =
        leaf.facts.iter().map(|(name, value)| fact(name, value)).collect();
    let agency = leaf.on_behalf_of.map(Value::from);
    facts.extend(agency.map(|agency| fact("on_behalf_of", &agency)));
    // Office, and the pseudonym by which one person's entries of a month can be counted.
    let by: Vec<String> = [leaf.by, leaf.actor].into_iter().flatten().collect();
    EntryView {
        index: entry.index,
        kind: leaf.kind,
        at: shown(leaf.time),
        by: by.join(", "),
        subject: leaf.id.unwrap_or_default(),
        facts,
    }
}

/// `GET /console/log`.
pub(crate) async fn list(
    State(state): Shared,
    headers: HeaderMap,
    query: Result<Query<Which>, QueryRejection>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(Query(Which { kind, older, newer })) = query else {
        return failed(&state, &headers, &Error::invalid("There is no such page of the log."));
    };
    let turn = match (older, newer) {
        (_, Some(above)) => Turn::Above(above),
        (Some(below), None) => Turn::Below(below),
        (None, None) => Turn::Below(u64::MAX),
    };
    let chosen = Some(kind).filter(|kind| KINDS.contains(&kind.as_str()));
    let only = chosen.clone();
    let flow = move |city: &City| {
        let newest = city.log_newest(only.as_deref(), turn, PAGE)?;
        Ok((Visitor::of(city, &who)?, newest, city.log_name()?))
    };
    match state.run(flow).await {
        Ok((visitor, newest, log)) => {
            let kind = |kind: &str| Choice {
                value: kind.to_owned(),
                chosen: chosen.as_deref() == Some(kind),
            };
            let page = around(&state, &headers, "/console/log");
            let page = LogPage {
                page: signed_in(page, visitor, Place::Log),
                kinds: KINDS.into_iter().map(kind).collect(),
                entries: newest.entries.into_iter().map(view).collect(),
                size: newest.size,
                origin: log.origin,
                vkey: log.vkey,
                witness: log.witness,
                older: newest.older,
                newer: newest.newer,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_fact_is_cut() {
        let check = |value: Value, want: &str| assert_eq!(fact("text", &value).value, want);
        check("stated".into(), "stated");
        check(7.into(), "7");
        check(true.into(), "true");
        check("ñ".repeat(SHOWN).into(), &"ñ".repeat(SHOWN));
        check("ñ".repeat(SHOWN + 1).into(), &("ñ".repeat(SHOWN) + "…"));
    }
}
