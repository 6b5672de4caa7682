//! Every address of the server, in one list that can be read back: a test holds it against the
//! OpenAPI document.

use crate::state::State;
use crate::{
    admit, ask, camera, chrome, console, drills, fleet, hits, holds, lists, live, metrics, notify,
    openapi, orders, oversight, papers, passkeys, people, public, rules, terminal,
};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{get, post};

/// A router that remembers what was added to it.
pub(crate) struct Routes {
    /// The addresses, for requests.
    pub router: Router<State>,
    /// The same for readers: method and pattern.
    pub known: Vec<(&'static str, &'static str)>,
}

impl Routes {
    fn get<T: 'static>(mut self, path: &'static str, handler: impl Handler<T, State>) -> Self {
        self.router = self.router.route(path, get(handler));
        self.known.push(("get", path));
        self
    }

    fn post<T: 'static>(mut self, path: &'static str, handler: impl Handler<T, State>) -> Self {
        self.router = self.router.route(path, post(handler));
        self.known.push(("post", path));
        self
    }
}

/// All addresses.
pub(crate) fn all() -> Routes {
    let none = Routes { router: Router::new(), known: Vec::new() };
    pages(api(none))
}

/// What programs use; `ref/openapi.json` describes each of these.
fn api(routes: Routes) -> Routes {
    routes
        .get("/v1/openapi.json", openapi::document)
        .get("/v1/public", public::figures)
        .get("/v1/alive", public::alive)
        .get("/v1/log", public::log_page)
        .get("/v1/events", live::events)
        .post("/v1/enrol", camera::enrol)
        .post("/v1/leases", camera::lease)
        .post("/v1/reads", camera::reads)
        .post("/v1/stops", camera::stop)
        .get("/v1/word", orders::word)
        .post("/v1/offs", orders::off)
        .post("/v1/heartbeats", camera::heartbeat)
        .post("/v1/watch", camera::watch)
        .get("/v1/cameras", fleet::cameras)
        .post("/v1/cameras", people::camera)
        .post("/v1/cameras/{id}/replace", fleet::replace)
        .post("/v1/cameras/{id}/move", fleet::move_to)
        .post("/v1/cameras/{id}/retire", fleet::retire)
        .get("/v1/people", admit::people)
        .post("/v1/people", people::person)
        .post("/v1/people/{id}/invite", admit::invite)
        .post("/v1/people/{id}/lost-key", admit::lost_key)
        .post("/v1/people/{id}/leave", admit::leave)
        .get("/v1/tokens", admit::tokens)
        .post("/v1/tokens", admit::new_token)
        .post("/v1/tokens/{id}/revoke", admit::revoke_token)
        .get("/v1/devices", admit::devices)
        .post("/v1/devices", admit::new_device)
        .post("/v1/devices/{id}/revoke", admit::revoke_device)
        .post("/v1/hotlist", people::hotlist)
        .get("/v1/lists", lists::all)
        .get("/v1/lists/{id}", lists::one)
        .post("/v1/lists/{id}", lists::set)
        .post("/v1/lists/{id}/imports", lists::import)
        .post("/v1/lists/{id}/imports/{number}/confirm", lists::confirm)
        .post("/v1/lists/{id}/imports/{number}/undo", lists::undo)
        .post("/v1/lists/{id}/found", lists::found)
        .post("/v1/cameras/{id}/hits-resume", hits::resume)
        .get("/v1/hits", hits::hits)
        .get("/v1/hits/{id}", hits::hit)
        .post("/v1/hits/{id}/verdict", hits::verdict)
        .post("/v1/hits/{id}/record", hits::record)
        .post("/v1/hits/{id}/eyes", hits::eyes)
        .post("/v1/hits/{id}/outcome", hits::outcome)
        .get("/v1/queue", hits::queue)
        .get("/v1/field", hits::field)
        .post("/v1/plate-checks", hits::check_plate)
        .get("/v1/wanted", hits::wanted)
        .post("/v1/wanted", hits::want)
        .post("/v1/wanted/{id}/agree", hits::agree)
        .post("/v1/wanted/{id}/withdraw", hits::withdraw)
        .get("/v1/handover", hits::shift)
        .post("/v1/handover", hits::take_over)
        .get("/v1/drills", drills::all)
        .post("/v1/drills", drills::start)
        .get("/v1/drills/{id}", drills::one)
        .post("/v1/drills/{id}/verdict", drills::verdict)
        .post("/v1/ask", ask::ask)
        .post("/v1/ask/preview", ask::preview)
        .get("/v1/audit/entries/{index}", people::audit)
        .get("/v1/questions", oversight::questions)
        .post("/v1/questions/{id}/outcome", oversight::say)
        .get("/v1/alarms", oversight::alarms)
        .post("/v1/alarms/{id}/close", oversight::close)
        .get("/v1/audit/drawn", oversight::drawn)
        .post("/v1/audit/entries/{index}/grade", oversight::grade)
        .get("/v1/own-plates", oversight::own_plates)
        .post("/v1/own-plates", oversight::add_own_plate)
        .post("/v1/own-plates/{id}/remove", oversight::remove_own_plate)
        .get("/v1/holds", holds::list)
        .post("/v1/holds", holds::place)
        .post("/v1/holds/{id}/review", holds::review)
        .post("/v1/holds/{id}/release", holds::release)
        .get("/v1/holds/{id}/reads", holds::reads)
        .get("/v1/rules", rules::in_force)
        .get("/v1/proposals", rules::list)
        .post("/v1/proposals", rules::propose)
        .post("/v1/proposals/{id}/sign", rules::sign)
        .get("/v1/papers", papers::list)
        .post("/v1/papers", papers::attest)
        .post("/v1/papers/{id}/withdraw", papers::withdraw)
        .get("/v1/breakglass", papers::waiting)
        .post("/v1/breakglass/{index}/review", papers::review)
        .post("/v1/orders", orders::order)
        .post("/v1/orders/at-camera", orders::at_camera)
        .get("/v1/orders/{id}", orders::receipt)
        .get("/v1/orders/{id}/certificate", orders::certificate)
        .post("/v1/console-links", people::console_link)
}

/// Pages, their files, the log's files and what monitors ask.
fn pages(routes: Routes) -> Routes {
    routes
        .get("/", public::page)
        .get("/misreads", public::misreads)
        .get("/off/{id}", orders::page)
        .get("/check.html", crate::checker::page)
        .get("/street", public::street)
        .post("/look", chrome::look)
        .get("/assets/{name}", public::asset)
        .get("/sw.js", notify::worker)
        .get("/ca.pem", public::root)
        .get("/log.vkey", public::vkey)
        .get("/log.witnesses", public::witnesses)
        .get("/log/checkpoint.cosigned", public::cosigned)
        .get("/log/receipt/{index}", public::receipt)
        .get("/log/{*path}", public::log_file)
        .get("/healthz", public::health)
        .get("/metrics", metrics::metrics)
        .get("/console", console::now::now)
        .get("/console/directory", crate::directory::begin)
        .get(city::DIRECTORY_BACK, crate::directory::back)
        .get("/console/events", console::now::events)
        .get("/console/cameras", console::cameras::list)
        .get("/console/map.json", console::map::what)
        .get("/console/map/layers/{n}", console::map::layer)
        .get("/console/map/streets.pmtiles", console::map::streets)
        .get("/console/orders", console::orders::list)
        .post("/console/orders", console::orders::give)
        .get("/console/settings", console::settings::list)
        .get("/console/lists", console::lists::list)
        .post("/console/lists/wanted", console::lists::want)
        .post("/console/lists/wanted/{id}", console::lists::decide)
        .post("/console/lists/{id}/import", console::lists::import)
        .post("/console/lists/{id}/confirm", console::lists::confirm)
        .post("/console/lists/{id}/undo", console::lists::undo)
        .get("/console/handover", console::now::handover)
        .post("/console/handover", console::now::take_over)
        .post("/console/cameras/{id}/resume", console::now::resume)
        .get("/console/hits", console::hits::list)
        .get("/console/drills", console::drills::list)
        .post("/console/drills", console::drills::start)
        .get("/console/drills/{id}", console::drills::one)
        .post("/console/drills/{id}/verdict", console::drills::verdict)
        .get("/field", console::field::list)
        .post("/field/check", console::field::check)
        .get("/field/{id}", console::field::one)
        .post("/field/{id}/verdict", console::field::verdict)
        .post("/field/{id}/record", console::field::record)
        .post("/field/{id}/eyes", console::field::eyes)
        .post("/field/{id}/outcome", console::field::outcome)
        .get("/console/enter", console::enter)
        .post("/console/enter", console::redeem)
        .post("/console/leave", console::leave)
        .get("/console/ask", console::ask::form)
        .post("/console/ask", console::ask::ask)
        .post("/console/ask/preview", console::ask::preview)
        .get("/console/questions", console::questions::list)
        .post("/console/questions/{id}/outcome", console::questions::say)
        .get("/console/audit", console::audit::list)
        .post("/console/audit/{index}", console::audit::grade)
        .post("/console/audit/alarms/{id}", console::audit::close)
        .get("/console/rules", console::rules::list)
        .post("/console/rules", console::rules::propose)
        .get("/console/rules/new", console::rules::new)
        .get("/console/proposals/{id}", console::rules::one)
        .post("/console/proposals/{id}/sign", console::rules::sign)
        .post("/console/proposals/{id}/activate", console::rules::activate)
        .get("/console/papers", console::papers::list)
        .post("/console/papers", console::papers::attest)
        .post("/console/papers/{id}/withdraw", console::papers::withdraw)
        .get("/console/log", console::log::list)
        .get("/console/breakglass", console::glass::list)
        .post("/console/breakglass/{id}", console::glass::review)
        .get("/console/people", console::people::list)
        .post("/console/people", console::people::invite)
        .post("/console/people/{id}/roles", console::people::roles)
        .post("/console/people/{id}/invite", console::people::again)
        .post("/console/people/{id}/lost", console::people::lost)
        .post("/console/people/{id}/leave", console::people::leave)
        .get("/console/tokens", console::tokens::list)
        .post("/console/tokens", console::tokens::make)
        .post("/console/tokens/{id}/revoke", console::tokens::revoke)
        .get("/console/devices", console::devices::list)
        .post("/console/devices", console::devices::register)
        .post("/console/devices/{id}/revoke", console::devices::revoke)
        .get("/console/join", terminal::join)
        .get("/console/passkey", console::passkeys::list)
        .post("/console/passkeys/remove", console::passkeys::remove)
        .get("/console/notify", notify::page)
        .get("/console/notify/confirm/{code}", notify::confirming)
        .post("/console/notify/address", notify::address)
        .post("/console/notify/confirm", notify::confirm)
        .post("/console/notify/mail", notify::mail)
        .post("/console/notify/remove", notify::remove)
        .post("/console/notify/test", notify::test)
        .post("/console/notify/browser", notify::browser)
        .get("/console/device", terminal::device)
        .post("/console/device", terminal::enrol)
        .post("/console/passkey/signin/start", passkeys::start_sign_in)
        .post("/console/passkey/signin/finish", passkeys::finish_sign_in)
        .post("/console/passkey/register/start", passkeys::start_registration)
        .post("/console/passkey/register/finish", passkeys::finish_registration)
        .post("/console/passkey/remove", passkeys::remove)
        .post("/console/passkey/confirm/start", passkeys::start_confirmation)
        .post("/console/passkey/confirm/finish", passkeys::finish_confirmation)
        .get("/console/hits/{id}", console::hits::one)
        .post("/console/hits/{id}/verdict", console::hits::verdict)
        .post("/console/hits/{id}/record", console::hits::record)
        .post("/console/hits/{id}/outcome", console::hits::outcome)
}
