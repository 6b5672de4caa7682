//! The interface for programs as an OpenAPI document: `ref/openapi.json`, served at `/v1/openapi.json`.
//!
//! It is made from the handlers and the types themselves. Here stands only what all of them share:
//! how a request is signed and how an error looks.

use crate::problem::ProblemDocument;
use crate::{
    admit, ask, camera, drills, fleet, hits, holds, lists, live, orders, oversight, papers, people,
    public, rules,
};
use axum::Json;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

/// The three headers of a signed request; each is a scheme, and a signed route needs them all.
const SIGNED: [(&str, &str, &str); 3] = [
    (
        "signature",
        "Signature",
        "RFC 9421: sig1=:BASE64: with Ed25519, by the key that the person or camera was enrolled with.",
    ),
    (
        "signature-input",
        "Signature-Input",
        "RFC 9421, in this form and no other: sig1=(\"@method\" \"@path\" \"@query\" \"content-digest\");\
         created=SECONDS;keyid=\"per_… or cam_…\";nonce=\"NEW EACH TIME\";alg=\"ed25519\". A request \
         counts once, and within five minutes of `created`.",
    ),
    (
        "content-digest",
        "Content-Digest",
        "RFC 9530: sha-256=:BASE64: of the body as it is sent, of the empty body too.",
    ),
];

/// Routes that take a machine token instead of a signature, if its scope has their action.
const MACHINE: [(&str, &str); 17] = [
    ("get", "/v1/cameras"),
    ("post", "/v1/cameras"),
    ("post", "/v1/hotlist"),
    ("get", "/v1/lists"),
    ("get", "/v1/lists/{id}"),
    ("post", "/v1/lists/{id}"),
    ("post", "/v1/lists/{id}/imports"),
    ("post", "/v1/lists/{id}/imports/{number}/confirm"),
    ("post", "/v1/lists/{id}/imports/{number}/undo"),
    ("post", "/v1/lists/{id}/found"),
    ("post", "/v1/lists/{id}/found/{found}/undo"),
    ("get", "/v1/hits"),
    ("get", "/v1/hits/{id}"),
    ("get", "/v1/queue"),
    ("get", "/v1/field"),
    ("get", "/v1/handover"),
    ("get", "/v1/audit/entries/{index}"),
];
/// The scheme of such a token.
const TOKEN: &str = "machine-token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Homeplate",
        description = "The interface of a city's Homeplate server. Identifiers are strings with a \
            prefix that says what they name. Errors are problem documents (RFC 9457).",
        license(name = "AGPL-3.0-or-later", identifier = "AGPL-3.0-or-later"),
    ),
    paths(
        document,
        public::figures,
        public::alive,
        public::log_page,
        live::events,
        camera::enrol,
        camera::lease,
        camera::reads,
        camera::stop,
        camera::heartbeat,
        camera::watch,
        fleet::cameras,
        people::camera,
        fleet::replace,
        fleet::move_to,
        fleet::retire,
        admit::people,
        people::person,
        admit::invite,
        admit::lost_key,
        admit::leave,
        admit::tokens,
        admit::new_token,
        admit::revoke_token,
        admit::devices,
        admit::new_device,
        admit::revoke_device,
        people::hotlist,
        lists::all,
        lists::one,
        lists::set,
        lists::import,
        lists::confirm,
        lists::undo,
        lists::found,
        lists::undo_found,
        hits::hits,
        hits::hit,
        hits::queue,
        hits::field,
        hits::verdict,
        hits::record,
        hits::eyes,
        hits::outcome,
        hits::check_plate,
        hits::shift,
        hits::take_over,
        hits::resume,
        hits::wanted,
        hits::want,
        hits::agree,
        hits::withdraw,
        drills::all,
        drills::start,
        drills::one,
        drills::verdict,
        ask::ask,
        ask::preview,
        people::audit,
        oversight::questions,
        oversight::say,
        oversight::alarms,
        oversight::close,
        oversight::drawn,
        oversight::grade,
        oversight::own_plates,
        oversight::add_own_plate,
        oversight::remove_own_plate,
        holds::list,
        holds::place,
        holds::review,
        holds::release,
        holds::reads,
        rules::in_force,
        rules::list,
        rules::propose,
        rules::sign,
        papers::list,
        papers::attest,
        papers::withdraw,
        papers::waiting,
        papers::review,
        orders::order,
        orders::at_camera,
        orders::receipt,
        orders::certificate,
        orders::word,
        orders::off,
        people::console_link,
    ),
    components(schemas(ProblemDocument, city::Event)),
    tags(
        (name = "public", description = "For everybody, without a key."),
        (name = "cameras", description = "For cameras; signed with the device key unless said otherwise."),
        (name = "people", description = "For people's programs; signed with the person's key."),
    ),
    modifiers(&Shared),
)]
struct Interface;

/// What every operation has.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (id, header, about) in SIGNED {
            let value = ApiKeyValue::with_description(header, about);
            components.add_security_scheme(id, SecurityScheme::ApiKey(ApiKey::Header(value)));
        }
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A machine token, hpt_ID_SECRET, that an administrator made: for programs that cannot sign.",
        ));
        components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
        components.responses.insert("Problem".into(), problem().into());
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let machine = MACHINE.contains(&(method, path));
                let other = Ref::from_response_name("Problem");
                operation.responses.responses.insert("default".into(), other.into());
                let public = operation.tags.iter().flatten().any(|tag| tag == "public");
                if !public && operation.security.is_none() {
                    let needs =
                        SIGNED.iter().fold(SecurityRequirement::default(), |all, (id, ..)| {
                            all.add(*id, Vec::<String>::new())
                        });
                    let token = SecurityRequirement::new(TOKEN, Vec::<String>::new());
                    let token = machine.then_some(token);
                    operation.security = Some([needs].into_iter().chain(token).collect());
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [("get", &mut item.get), ("post", &mut item.post)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn problem() -> utoipa::openapi::Response {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer);
    let retry = HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("With 429 and 503: seconds after which it may be tried again."))
        .build();
    let content =
        ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDocument::name()))).build();
    ResponseBuilder::new()
        .description("What went wrong and what the caller can do; `kind` decides the status.")
        .content("application/problem+json", content)
        .header("Retry-After", retry)
        .build()
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "public",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn document() -> Json<Document> {
    Json(Interface::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_is_the_published_one() {
        let text = Interface::openapi().to_pretty_json().unwrap() + "\n";
        expect_file!["../../../ref/openapi.json"].assert_eq(&text);
    }

    #[test]
    fn every_route_is_in_the_document() {
        let routes: BTreeSet<(String, String)> = crate::routes::all()
            .known
            .into_iter()
            .filter(|(_, path)| path.starts_with("/v1/"))
            .map(|(method, path)| (method.to_owned(), path.to_owned()))
            .collect();
        let described: BTreeSet<(String, String)> = serde_json::to_value(Interface::openapi())
            .unwrap()["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
            })
            .collect();
        assert_eq!(routes, described);
        assert!(routes.len() > 15);
    }

    /// Who limits by address and who demands a signature agree.
    #[test]
    fn what_needs_no_signature_is_listed() {
        let document = serde_json::to_value(Interface::openapi()).unwrap();
        let open: BTreeSet<&str> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, item)| {
                let operation = item.as_object().unwrap().values().next().unwrap();
                let needs = operation["security"].as_array();
                needs.is_none_or(|all| all.iter().all(|one| one == &serde_json::json!({})))
            })
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(open, crate::limits::UNSIGNED.into_iter().collect());
    }

    /// Every reference leads somewhere.
    #[test]
    fn no_reference_dangles() {
        let document = serde_json::to_value(Interface::openapi()).unwrap();
        let text = document.to_string();
        let names = text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next());
        for name in names {
            assert!(document.pointer(name).is_some(), "{name}");
        }
    }
}
