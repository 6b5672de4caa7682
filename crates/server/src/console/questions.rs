//! One's own questions, and what came of them.

use super::{back, failed, shown, sign_in};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Time};
use city::{City, Outcome, QuestionLine, Said};
use pages::{Place, QuestionView, QuestionsPage, render};
use serde::Deserialize;

const HERE: &str = "/console/questions";
/// Questions on one page.
const PAGE: u32 = 50;
/// What is due within three days is shown open.
const URGENT_MS: i64 = 3 * 86_400_000;

fn view(line: QuestionLine, now: Time) -> QuestionView {
    QuestionView {
        id: line.id,
        asked: shown(line.asked),
        purpose: line.purpose,
        decision: line.decision,
        rule: line.rule,
        log_entry: line.log_entry,
        outcome_entry: line.outcome_entry,
        opened: line.opened,
        sealed_until: line.sealed_until.map(shown),
        outcome: line.outcome.map(|outcome| outcome.slug().to_owned()),
        urgent: line.due.is_some_and(|due| due.since(now) < URGENT_MS),
        due: line.due.map(shown),
    }
}

/// Query of the list.
#[derive(Deserialize)]
pub(crate) struct Behind {
    after: Option<String>,
}

/// `GET /console/questions`.
pub(crate) async fn list(
    State(state): Shared,
    headers: HeaderMap,
    query: Result<Query<Behind>, QueryRejection>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let Ok(Query(Behind { after })) = query else {
        return failed(&state, &headers, &Error::invalid("There is no such page of questions."));
    };
    let flow = move |city: &City| {
        let found = city.questions(&who, after.as_deref(), PAGE)?;
        Ok((Visitor::of(city, &who)?, found))
    };
    match state.run(flow).await {
        Ok((visitor, found)) => {
            let (page, now) = (around(&state, &headers, HERE), state.city.now());
            let page = QuestionsPage {
                page: signed_in(page, visitor, Place::Questions),
                questions: found.questions.into_iter().map(|line| view(line, now)).collect(),
                outcomes: Outcome::ALL.map(|outcome| outcome.slug().to_owned()).to_vec(),
                next: found.next,
            };
            Html(render(&page)).into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// What came of a question.
#[derive(Deserialize)]
pub(crate) struct SaidForm {
    #[serde(default)]
    outcome: String,
}

/// `POST /console/questions/{id}/outcome`.
pub(crate) async fn say(
    State(state): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(form): Form<SaidForm>,
) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let done = async {
        let outcome = Outcome::named(&form.outcome)
            .ok_or_else(|| Error::invalid("Choose what came of the question."))?;
        state.run(move |city| city.say_outcome(&who, &id, Said { outcome }).map(drop)).await
    };
    back(&state, &headers, HERE, done.await)
}
