//! Lists that come in pages: how many, and behind which one.

use axum::extract::Query;
use axum::http::Uri;
use base::{Error, HitId, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

/// The longest page, and the usual one.
const MOST: u32 = 500;
const USUAL: u32 = 100;

/// Which page of the list of hits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HitsQuery {
    /// At most so many, 1 to 500; 100 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Those behind this one: the `next` of the page before.
    pub after: Option<HitId>,
}

/// Which page of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// At most so many, 1 to 500; 100 where it is left out.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
    /// Those behind the entry of this number: the `next` of the page before.
    pub after: Option<u64>,
}

/// The query of an address.
pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    query_of(
        uri,
        "Give `limit`, 1 to 500, and as `after` the `next` of the page before; nothing else.",
    )
}

/// The query of an address that takes something else than pages; `wrong` says what.
pub(crate) fn query_of<T: DeserializeOwned>(uri: &Uri, wrong: &str) -> Result<T> {
    // The parser's words are kept out of the log: they quote the query, which may be a plate.
    Query::try_from_uri(uri).map(|Query(query)| query).map_err(|_| Error::invalid(wrong.to_owned()))
}

/// The length of a page.
pub(crate) fn limit(given: Option<u32>) -> Result<u32> {
    let limit = given.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid(format!("`limit` is 1 to {MOST}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let id = "hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
        let check = |text: &str, want: Option<(u32, bool)>| {
            let uri: Uri = format!("/v1/hits?{text}").parse().unwrap();
            let got =
                query::<HitsQuery>(&uri).and_then(|q| Ok((limit(q.limit)?, q.after.is_some())));
            assert_eq!(got.ok(), want, "{text}");
        };
        check("", Some((100, false)));
        check("limit=1", Some((1, false)));
        check(&format!("after={id}&limit=500"), Some((500, true)));
        for bad in ["limit=0", "limit=501", "limit=x", "limit=-1", "after=7", "after=", "page=2"] {
            check(bad, None);
        }
        let uri: Uri = "/v1/log?after=18446744073709551616".parse().unwrap();
        assert!(query::<LogQuery>(&uri).is_err());
    }
}
