//! Errors as problem documents (RFC 9457), and the one table of status codes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Kind};
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::ToSchema;

/// Kind and HTTP status; `ref/errors.md` shows it beside the exit codes and a test compares them.
pub const STATUS_TABLE: [(Kind, u16); 11] = [
    (Kind::Invalid, 400),
    (Kind::Unauthenticated, 401),
    (Kind::Forbidden, 403),
    (Kind::Refused, 403),
    (Kind::NotFound, 404),
    (Kind::Conflict, 409),
    (Kind::Gone, 410),
    (Kind::TooLarge, 413),
    (Kind::Busy, 429),
    (Kind::Unavailable, 503),
    (Kind::Internal, 500),
];

/// After what time a caller may try again, where the error does not say.
const WAIT: Duration = Duration::from_secs(5);

/// The status of a kind.
pub fn status_of(kind: Kind) -> u16 {
    STATUS_TABLE.iter().find(|(k, _)| *k == kind).map_or(500, |(_, status)| *status)
}

/// An error on its way to a program.
pub(crate) struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        Self(e)
    }
}

/// Logs the inside of an error, once; the caller sees the sentence alone.
pub(crate) fn note(e: &Error) {
    match e.kind() {
        Kind::Internal | Kind::Unavailable => {
            tracing::error!(error = %e.inside(), "request failed")
        }
        kind => tracing::info!(kind = kind.slug(), error = %e.inside(), "request refused"),
    }
}

/// An error as programs get it (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form alone; `document` fills it")]
pub(crate) struct ProblemDocument {
    /// Where the kind is explained.
    #[schema(rename = "type")]
    kind_uri: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The kind's stable name; `ref/errors.md` lists them all.
    kind: String,
    /// One sentence that says what the caller can do.
    message: String,
}

/// After how many seconds a caller may try again, where that helps.
pub(crate) fn comes_again(e: &Error) -> Option<HeaderValue> {
    matches!(e.kind(), Kind::Busy | Kind::Unavailable).then(|| {
        // Whole seconds, rounded up: earlier would be too early.
        let wait = e.wait().unwrap_or(WAIT);
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        HeaderValue::from(seconds.max(1))
    })
}

/// The problem document of an error.
pub(crate) fn document(e: &Error) -> Value {
    let code = status_of(e.kind());
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json!({
        "type": format!("/errors#{}", e.kind().slug()),
        "title": status.canonical_reason().unwrap_or_default(),
        "status": code,
        "kind": e.kind().slug(),
        "message": e.message(),
    })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let e = self.0;
        note(&e);
        let kind = e.kind();
        let status = StatusCode::from_u16(status_of(kind));
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(document(&e))).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = comes_again(&e) {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        answer
    }
}

/// No such address.
pub(crate) async fn nowhere() -> Problem {
    Problem(Error::not_found("There is nothing at this address."))
}

/// The address takes another method.
pub(crate) async fn wrong_method() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut said = document(&Error::invalid("This address does not take that method."));
    said["status"] = status.as_u16().into();
    said["title"] = status.canonical_reason().into();
    let kind = HeaderValue::from_static("application/problem+json");
    (status, [(header::CONTENT_TYPE, kind)], Json(said)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;
    use std::fmt::Write;

    #[test]
    fn the_table_is_the_documented_one() {
        let mut text = String::from(
            "# Errors\n\nOne kind, one exit code of the command line, one HTTP status. An answer is a problem \
             document (RFC 9457)\nwith `kind` and one sentence, `message`, that says what the caller can do.\n\n\
             | kind | exit code | HTTP status |\n|---|---|---|\n",
        );
        for kind in Kind::ALL {
            let _ =
                writeln!(text, "| {} | {} | {} |", kind.slug(), kind.exit_code(), status_of(kind));
        }
        text.push_str(
            "\nExit code 0 is success; 2 is the argument parser's; `homeplate serve --stand-by` ends with 75 when its store \
             was away for\nhalf a minute, so that another may serve: start it again.\n",
        );
        expect_file!["../../../ref/errors.md"].assert_eq(&text);
        assert!(Kind::ALL.iter().all(|k| STATUS_TABLE.iter().any(|(t, _)| t == k)));
    }
}
