//! Figures for the operator's monitoring at `/metrics` (OpenMetrics text).
//!
//! A label is a route's pattern, a status class or a word of a fixed list: never a plate, a path
//! parameter, a person, a camera or a query. Latency is the time until an answer begins; streams go on.

use crate::auth::Shared;
use crate::problem::Problem;
use crate::state::AppState;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base::{Error, Kind, Result};
use city::{Answer, Audience, Ingested};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    decision: &'static str,
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    reads: Family<Outcome, Counter>,
    questions: Family<Decision, Counter>,
    in_flight: Gauge,
    listeners: Gauge,
    log: Gauge,
    disk: Gauge,
    waiting: Gauge,
    given_up: Gauge,
}

fn histogram() -> Histogram {
    Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("homeplate");
        let requests = Family::default();
        registry.register("requests", "Requests by route and status class", requests.clone());
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = "Time until the answer begins, by route";
        registry.register_with_unit("latency", help, Unit::Seconds, seconds.clone());
        let reads = Family::default();
        registry.register("reads", "Reads that came in, by what became of them", reads.clone());
        let questions = Family::default();
        registry.register("questions", "Questions by decision", questions.clone());
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            in_flight: gauge(&mut registry, "batches_in_flight", "Batches being taken in"),
            listeners: gauge(&mut registry, "listeners", "Open streams of live events"),
            log: gauge(&mut registry, "log_entries", "Entries of the public log"),
            disk: gauge(&mut registry, "disk_free_bytes", "Room on the disk of the data folder"),
            waiting: gauge(
                &mut registry,
                "messages_waiting",
                "Messages about hits that wait to go out",
            ),
            given_up: gauge(
                &mut registry,
                "messages_given_up",
                "Messages about hits that were given up within a day",
            ),
            registry,
            requests,
            seconds,
            reads,
            questions,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        // Methods are what clients send: only known ones become labels.
        let known = ["GET", "POST", "HEAD"];
        let method = known.into_iter().find(|m| *m == method).unwrap_or("other");
        let class = format!("{}xx", status / 100);
        let labels = Answered { method, route: route.into(), status: class };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&Route { route: route.into() }).observe(took.as_secs_f64());
    }

    /// A batch was taken in.
    pub fn ingested(&self, done: &Ingested) {
        for (outcome, count) in
            [("new", done.new), ("known", done.known), ("refused", done.refused.len())]
        {
            self.reads.get_or_create(&Outcome { outcome }).inc_by(count as u64);
        }
    }

    /// A question was decided; one that failed in another way was not.
    pub fn asked(&self, done: &Result<Answer>) {
        let decision = match done {
            Ok(answer) if answer.narrowed.is_some() => "narrowed",
            Ok(_) => "allowed",
            Err(e) if e.kind() == Kind::Refused => "refused",
            Err(_) => return,
        };
        self.questions.get_or_create(&Decision { decision }).inc();
    }
}

/// Whether a request may have the figures: it comes from this machine, and no proxy passed it on.
fn may(state: &AppState, request: &Request) -> bool {
    let everyone = state.city.config().server.metrics == Audience::Everyone;
    let headers = request.headers();
    let passed_on = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    everyone || (!passed_on && peer.is_some_and(|p| p.0.ip().to_canonical().is_loopback()))
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(state): Shared, request: Request) -> Result<Response, Problem> {
    if !may(&state, &request) {
        return Err(Error::forbidden(
            "Figures for monitoring are given to this machine alone, unless server.metrics says otherwise.",
        )
        .into());
    }
    let figures =
        |city: &city::City| Ok((city.log_size(), city.disk_free()?, city.messages_left()?));
    let (size, free, (waiting, given_up)) = state.run(figures).await?;
    let metrics = &state.metrics;
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    metrics.log.set(number(size));
    metrics.disk.set(number(free));
    metrics.waiting.set(number(waiting));
    metrics.given_up.set(number(given_up));
    metrics.listeners.set(number(state.listeners.load(Ordering::Relaxed) as u64));
    let places = state.city.config().server.ingest_in_flight as usize;
    let taken = places.saturating_sub(state.ingest.available_permits());
    metrics.in_flight.set(number(taken as u64));
    let mut text = String::new();
    encode(&mut text, &metrics.registry)
        .map_err(|e| Error::internal("The figures cannot be written.").because(e))?;
    Ok(([(header::CONTENT_TYPE, TEXT)], text).into_response())
}
