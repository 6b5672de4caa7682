//! The page that checks off certificates: one file that anybody may save and carry away.

use crate::problem::Problem;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base::{Error, b64, sha256};
use std::sync::LazyLock;

/// The page, with the policy under which a browser runs its one script and nothing else.
static PAGE: LazyLock<Option<(pages::Asset, String)>> = LazyLock::new(|| {
    let page = pages::checker()?;
    let policy = policy(std::str::from_utf8(&page.bytes).ok()?)?;
    Some((page, policy))
});

/// What stands in the page's one element of this name.
fn inside<'a>(page: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<{element}"))?;
    let (_, rest) = rest.split_once('>')?;
    Some(rest.split_once(&format!("</{element}>"))?.0)
}

/// Script and style stand in the page itself, so their hashes name them (CSP level 3, `hash-source`).
fn policy(page: &str) -> Option<String> {
    let hash = |element| Some(b64(&sha256(inside(page, element)?.as_bytes())));
    Some(format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        hash("script")?,
        hash("style")?
    ))
}

/// `GET /check.html`: the same for everybody.
pub(crate) async fn page() -> std::result::Result<Response, Problem> {
    let (page, policy) = PAGE.as_ref().ok_or_else(|| Error::not_found("There is no such page."))?;
    let headers = [
        (header::CONTENT_TYPE, page.kind),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, page.bytes.clone()).into_response())
}
