//! Alarms and the audit by lottery, for auditors.

use super::{back, failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use crate::oversight::entry_number;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{Error, PersonId};
use city::{Alarm, City, CloseAlarm, DrawnLine, Finding, Grade, NewGrade};
use pages::{AuditPage, Drawn, Place, render};
use serde::Deserialize;

const HERE: &str = "/console/audit";

fn alarm(alarm: Alarm, who: &PersonId) -> pages::Alarm {
    let unknown = alarm.name.is_empty();
    pages::Alarm {
        id: alarm.id,
        kind: alarm.kind.slug().into(),
        count: alarm.count,
        own: alarm.finding.is_none() && alarm.person == *who,
        who: if unknown { alarm.person.to_string() } else { alarm.name },
        at: shown(alarm.raised),
        entries: alarm.entries,
        state: alarm.finding.map_or("open", Finding::slug).into(),
        note: alarm.note.unwrap_or_default(),
    }
}

fn drawn(line: DrawnLine, now: base::Time) -> Drawn {
    let state = match line.due {
        None => "graded",
        Some(due) if due <= now => "overdue",
        Some(_) => "drawn",
    };
    Drawn {
        index: line.entry,
        kind: line.kind,
        at: shown(line.at),
        purpose: line.purpose,
        rule: line.rule,
        due: line.due.map(shown).unwrap_or_default(),
        state: state.into(),
        grade: line.grade.unwrap_or_default(),
        by: line.by.unwrap_or_default(),
        opened: line.opened,
    }
}

/// `GET /console/audit`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let (alarms, drawing) = (city.alarms(&who)?, city.drawing(&who)?);
        Ok((Visitor::of(city, &who)?, alarms, drawing))
    };
    match state.run(flow).await {
        Ok((visitor, alarms, drawing)) => {
            let (now, mine) = (state.city.now(), visitor.person.id.clone());
            let page = AuditPage {
                page: signed_in(around(&state, &headers, HERE), visitor, Place::Audit),
                overdue: drawing.overdue,
                month: drawing.month,
                checkpoint: drawing.root,
                alarms: alarms.into_iter().map(|one| alarm(one, &mine)).collect(),
                drawn: drawing.entries.into_iter().map(|line| drawn(line, now)).collect(),
                grades: Grade::ALL.map(|grade| grade.slug().to_owned()).to_vec(),
                may_grade: true,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// A grade.
#[derive(Deserialize)]
pub(crate) struct GradeForm {
    #[serde(default)]
    grade: String,
    #[serde(default)]
    note: String,
}

/// `POST /console/audit/{index}`.
pub(crate) async fn grade(
    State(state): Shared,
    headers: HeaderMap,
    Path(index): Path<String>,
    Form(form): Form<GradeForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let index = entry_number(&index)?;
        let grade =
            Grade::named(&form.grade).ok_or_else(|| Error::invalid("Choose one of the grades."))?;
        let new = NewGrade { grade, note: form.note };
        state.run(move |city| city.grade(&who, index, new).map(drop)).await
    };
    back(&state, &headers, HERE, done.await)
}

/// What was found.
#[derive(Deserialize)]
pub(crate) struct CloseForm {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    note: String,
}

/// `POST /console/audit/alarms/{id}`.
pub(crate) async fn close(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<CloseForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let finding = Finding::named(&form.decision)
            .ok_or_else(|| Error::invalid("An alarm is explained, or it is misuse."))?;
        let close = CloseAlarm { finding, note: form.note };
        state.run(move |city| city.close_alarm(&who, &id, close).map(drop)).await
    };
    back(&state, &headers, HERE, done.await)
}
