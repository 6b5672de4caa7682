//! Shutter and gain from the camera's page: asked for and set by ONVIF, with the login that the stream has.

use base::{Clock, Error, Result};
use camera::Source;
use camera::onvif::{Address, Light, expose, resolve};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What the page asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    set: Profile,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Profile {
    Day,
    Night,
}

/// What is set and what would be; with a body, that is set first.
pub(crate) fn exposure(
    source: &Source,
    clock: Arc<dyn Clock>,
    body: Option<&[u8]>,
) -> Result<Value> {
    let Source::Rtsp(network) = source else {
        return Err(Error::invalid("Only a camera on the network has settings of its own."));
    };
    let set = match body.map(serde_json::from_slice::<Wanted>) {
        None => None,
        Some(Ok(Wanted { set: Profile::Day })) => Some(Light::Day),
        Some(Ok(Wanted { set: Profile::Night })) => Some(Light::Night),
        Some(Err(e)) => return Err(Error::invalid("Set day or night.").because(e)),
    };
    let at = match &network.onvif {
        Some(address) => Address::read(address)?,
        None => Address::device_service(resolve(&host(&network.url)?, 80)?),
    };
    let found = expose(&at, network.login()?, clock, set)?;
    let plans: serde_json::Map<String, Value> = found
        .plans
        .iter()
        .map(|(name, plan)| {
            let told = match plan {
                Ok(plan) => json!({ "words": plan.set.words(), "short": plan.short }),
                Err(e) => json!({ "wrong": e.message() }),
            };
            ((*name).to_owned(), told)
        })
        .collect();
    Ok(json!({ "now": found.now.words(), "plans": plans }))
}

/// The host of a stream's address, without its port.
fn host(url: &str) -> Result<String> {
    let wrong = || Error::invalid("The stream's address names no host.");
    let rest = url.split_once("://").ok_or_else(wrong)?.1;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    if host.is_empty() { Err(wrong()) } else { Ok(host.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (url, want) in [
            ("rtsp://10.0.0.7/main", Some("10.0.0.7")),
            ("rtsp://10.0.0.7:554/main?a=b:c", Some("10.0.0.7")),
            ("rtsp://gate.local", Some("gate.local")),
            ("rtsp:///main", None),
            ("main", None),
        ] {
            assert_eq!(host(url).ok().as_deref(), want, "{url}");
        }
    }
}
