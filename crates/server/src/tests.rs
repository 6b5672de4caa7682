//! The server as programs meet it: a city in a temporary folder, requests without a socket.

mod asking;
mod console;
mod identity;
mod lists;
mod matrix;
mod notify;
mod rules;

use crate::state::{AppState, FLOWS, SCANS, State, WATCHES};
use crate::{Options, router};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base::{CameraId, Clock, ListId, ManualClock, PersonId, ReadId, Signed, SigningKey, Time};
use city::{Batch, City, Config, Enrol, Hits, Ingested, InitOptions, LogPage, NewEntry, NewPerson};
use flate2::{Compression, write::GzEncoder};
use futures_util::StreamExt;
use plate::Odds;
use read::{Lease, LeaseRequest, Read, SealKey, SignedRead};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

const PLATE: &str = "7ABC128";

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 << 20).await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }

    #[track_caller]
    fn good<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }
}

struct Camera {
    id: CameraId,
    device: SigningKey,
    capture: SigningKey,
    lease: Lease,
}

struct Town {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    city: Arc<City>,
    state: State,
    router: Router,
    admin: PersonId,
    /// The administrator's.
    key: SigningKey,
    auditors: read::OpenKey,
}

/// A city whose `homeplate.toml` has these lines, too; they stand below `[city]`.
fn town(lines: &str) -> Town {
    let key = SigningKey::generate();
    let (dir, auditors) = (tempfile::tempdir().unwrap(), read::OpenKey::generate());
    // Whatever the disk is like on which tests run.
    let lines = format!("{lines}\n[upkeep]\nthin_percent = 98\nbare_percent = 99\n");
    let clock = Arc::new(ManualClock::new("2026-11-23T12:00:00Z".parse().unwrap()));
    let text = format!("[city]\nname = \"Springfield\"\nslug = \"springfield\"\n{lines}");
    let admin: PersonId = "per_admin".parse().unwrap();
    let options = InitOptions {
        config: Config::parse(&text).unwrap(),
        admin: admin.clone(),
        admin_name: "Administrator".into(),
        roles: vec!["administrator".into()],
        key: Some(key.public()),
        charter_key: None,
        provers: Vec::new(),
        auditors: auditors.public().unwrap(),
    };
    city::init(dir.path(), &options, clock.as_ref()).unwrap();
    let city = City::open(dir.path(), clock.clone()).unwrap();
    let state = Arc::new(AppState::new(city.clone(), Options::default(), 8080).unwrap());
    let router = router(state.clone());
    Town { dir, clock, city, state, router, admin, key, auditors }
}

impl Town {
    async fn send(&self, mut request: Request, peer: &str) -> Response {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)], peer: &str) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(self.send(request.body(Body::empty()).unwrap(), peer).await).await
    }

    async fn signed(
        &self,
        (method, path): (&str, &str),
        (id, key): (&str, &SigningKey),
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in ::identity::http::sign(method, path, body, id, key, self.clock.now()) {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        Answer::of(self.send(request, "192.0.2.1:5").await).await
    }

    /// A signed GET of a dispatcher.
    async fn by_dora(&self, path: &str, key: &SigningKey) -> Answer {
        self.signed(("GET", path), ("per_dora", key), b"", &[]).await
    }

    fn dora(&self) -> SigningKey {
        let key = SigningKey::generate();
        let new = NewPerson {
            id: "per_dora".parse().unwrap(),
            name: "Dora".into(),
            office: "dispatch".into(),
            roles: vec!["dispatcher".into()],
            key: key.public(),
        };
        self.city.add_person(&self.admin, new).unwrap();
        key
    }

    fn wanted(&self) {
        let list: ListId = "lst_stolen".parse().unwrap();
        let new = NewEntry {
            list,
            plate: PLATE.into(),
            state: None,
            reason: "stolen vehicle".into(),
            case: "26-0417".into(),
            expires: self.clock.now().plus_millis(86_400_000),
        };
        self.city.add_entry(&self.admin, new).unwrap();
    }

    fn camera(&self, name: &str) -> Camera {
        let id: CameraId = name.parse().unwrap();
        let code = self.city.enrolment_code(&self.admin, &id, "Main Street", None).unwrap();
        let (device, capture) = (SigningKey::generate(), SigningKey::generate());
        let enrol = Enrol { code, camera: id.clone(), device_key: device.public() };
        self.city.enrol(enrol).unwrap();
        let at = self.clock.now();
        let asked = LeaseRequest {
            camera: id.clone(),
            capture_key: capture.public(),
            at,
            frames: None,
            jumps: 0,
            foreign: false,
            knows: Vec::new(),
        };
        let lease = self.city.lease(&Signed::sign(asked, &device).unwrap()).unwrap();
        Camera { lease: lease.unverified().clone(), id, device, capture }
    }

    async fn send_reads(&self, camera: &Camera, body: &[u8], encoding: &str) -> Answer {
        let headers = [("content-encoding", encoding)];
        let who = (camera.id.as_str(), &camera.device);
        self.signed(("POST", "/v1/reads"), who, body, &headers).await
    }
}

impl Camera {
    /// Reads of the wanted plate at these moments, and the batch that holds them.
    fn batch(&self, times: &[Time]) -> (Vec<ReadId>, Vec<u8>) {
        let seal: SealKey = self.lease.seal_key.parse().unwrap();
        let mut ids = Vec::new();
        let mut items = Vec::new();
        for (n, at) in times.iter().copied().enumerate() {
            let read = Read {
                id: ReadId::new(at, base::random()),
                camera: self.id.clone(),
                lease: self.lease.id,
                counter: n as u64 + 1,
                captured: at,
                first: at,
                last: at,
                frames: 5,
                odds: Odds::new(PLATE.chars().map(|c| vec![(c, 0.99)]).collect()).unwrap(),
                confidence: 0.9,
                region: Some("us-ca".into()),
                corners: [[10, 10], [90, 10], [90, 40], [10, 40]],
                frame_size: [1280, 720],
                picture: None,
                sighting: Default::default(),
            };
            ids.push(read.id);
            let plain = SignedRead::sign(read, None, &self.capture).encode();
            let aad = self.id.as_str().as_bytes();
            items.push(seal.seal(b"homeplate/ingest/v1", aad, plain.expose()).unwrap());
        }
        let batch = Batch { v: 1, camera: self.id.clone(), items };
        (ids, serde_json::to_vec(&batch).unwrap())
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(body).unwrap();
    packer.finish().unwrap()
}

fn zstd(body: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(body, level)
}

#[tokio::test]
async fn compressed_batches() {
    let town = town("");
    let camera = town.camera("cam_a");
    let (ids, body) = camera.batch(&[town.clock.now(), town.clock.now().plus_millis(-400)]);
    let mut first: Ingested = town.send_reads(&camera, &gzip(&body), "gzip").await.good();
    first.new_ids.sort();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!((first.new, first.known, first.new_ids), (2, 0, sorted));
    for (packed, encoding) in [(zstd(&body), "zstd"), (body.clone(), "identity")] {
        let again: Ingested = town.send_reads(&camera, &packed, encoding).await.good();
        assert_eq!((again.new, again.known, again.new_ids.len()), (0, 2, 0), "{encoding}");
    }
    let bomb = gzip(&vec![b' '; 32 << 20]);
    assert_eq!(town.send_reads(&camera, &bomb, "gzip").await.status, 413);
    assert_eq!(town.send_reads(&camera, &body, "gzip").await.status, 400);
    assert_eq!(town.send_reads(&camera, &body, "br").await.status, 400);
    // The signature covers what was sent: a bomb of a stranger is not even unpacked.
    let stranger = SigningKey::generate();
    let who = (camera.id.as_str(), &stranger);
    let headers = [("content-encoding", "gzip")];
    let refused = town.signed(("POST", "/v1/reads"), who, &bomb, &headers).await;
    assert_eq!(refused.status, 401);
}

/// The batch of a JSON body as parts.
fn in_parts(body: &[u8]) -> Vec<u8> {
    let mut batch: Value = serde_json::from_slice(body).unwrap();
    let items = batch["items"].take();
    batch.as_object_mut().unwrap().remove("items");
    let mut out = Vec::new();
    let mut part = |name: &str, bytes: &[u8]| {
        let head = format!("--B7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    };
    part("batch", batch.to_string().as_bytes());
    for item in items.as_array().unwrap() {
        part("item", &base::unb64(item.as_str().unwrap()).unwrap());
    }
    [&out[..], b"--B7--\r\n"].concat()
}

#[tokio::test]
async fn batches_in_parts() {
    let town = town("");
    let camera = town.camera("cam_a");
    let (ids, json) = camera.batch(&[town.clock.now(), town.clock.now().plus_millis(-400)]);
    let body = in_parts(&json);
    assert!(body.len() < json.len(), "{} {}", body.len(), json.len());
    let who = (camera.id.as_str(), &camera.device);
    let typed = ("content-type", "multipart/form-data; boundary=B7");
    let post = ("POST", "/v1/reads");
    let first: Ingested = town.signed(post, who, &body, &[typed]).await.good();
    assert_eq!((first.new, first.new_ids.len()), (2, ids.len()));
    let headers = [typed, ("content-encoding", "gzip")];
    let again: Ingested = town.signed(post, who, &gzip(&body), &headers).await.good();
    assert_eq!((again.new, again.known), (0, 2));
    let plain: Ingested = town.signed(post, who, &json, &[]).await.good();
    assert_eq!((plain.new, plain.known), (0, 2));
    for other in ["multipart/form-data; boundary=B8", "multipart/form-data", "application/json"] {
        let refused = town.signed(post, who, &body, &[("content-type", other)]).await;
        assert_eq!(refused.status, 400, "{other}");
    }
    // The signature covers every part.
    let now = town.clock.now();
    let headers = ::identity::http::sign("POST", "/v1/reads", &body, who.0, who.1, now);
    let mut changed = body.clone();
    let last = changed.len() - 20;
    changed[last] ^= 1;
    let mut request = Request::post("/v1/reads").header(typed.0, typed.1);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(changed)).unwrap();
    assert_eq!(town.send(request, "192.0.2.1:5").await.status(), 401);
}

#[tokio::test]
async fn a_full_city_asks_to_wait() {
    let town = town("[server]\ningest_in_flight = 1\n");
    let camera = town.camera("cam_a");
    let (_, body) = camera.batch(&[town.clock.now()]);
    let place = town.state.ingest.clone().try_acquire_owned().unwrap();
    let full = town.send_reads(&camera, &body, "identity").await;
    assert_eq!((full.status.as_u16(), full.header("retry-after")), (429, Some("1")));
    drop(place);
    let done: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    assert_eq!(done.new, 1);
    assert_eq!(town.state.ingest.available_permits(), 1, "the place is free again");
}

#[tokio::test]
async fn more_work_than_can_be_done_is_turned_away() {
    let town = town("");
    let key = town.dora();
    let places = town.state.flows.clone().acquire_many_owned(FLOWS as u32).await.unwrap();
    let full = town.by_dora("/v1/hits", &key).await;
    assert_eq!((full.status.as_u16(), full.header("retry-after")), (429, Some("2")));
    drop(places);
    let _: Hits = town.by_dora("/v1/hits", &key).await.good();
    let scans = town.state.scans.clone().acquire_many_owned(SCANS as u32).await.unwrap();
    let who = ("per_dora", &key);
    let ask = |plate: &str| {
        let now = town.clock.now().to_string();
        format!(
            r#"{{"purpose":"warrant","case":"26-0417","plates":["{plate}"],"from":"2026-11-01T00:00:00Z","until":"{now}"}}"#
        )
    };
    let asked = |plate: &str| {
        let body = ask(plate);
        let town = &town;
        async move { town.signed(("POST", "/v1/ask"), who, body.as_bytes(), &[]).await.status }
    };
    assert_eq!(asked("7AB?128").await, 429);
    assert_eq!(asked("7ABC128").await, 403, "a dispatcher asks nothing, but is heard");
    drop(scans);
    assert_eq!(asked("7AB?128").await, 403);
}

/// Pages that wait, for a long list that is being taken say, and cameras that are given lists keep no read and no
/// question waiting.
#[tokio::test]
async fn what_must_go_through_has_places_of_its_own() {
    let town = town("");
    let (camera, key) = (town.camera("cam_a"), town.dora());
    let (_, body) = camera.batch(&[town.clock.now()]);
    let _pages = town.state.flows.clone().acquire_many_owned(FLOWS as u32).await.unwrap();
    let _lists = town.state.watches.clone().acquire_many_owned(WATCHES as u32).await.unwrap();
    let done: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    assert_eq!(done.new, 1);
    let now = town.clock.now();
    let ask = format!(
        r#"{{"purpose":"warrant","case":"26-0417","plates":["7ABC128"],"from":"2026-11-01T00:00:00Z","until":"{now}"}}"#
    );
    let asked = town.signed(("POST", "/v1/ask"), ("per_dora", &key), ask.as_bytes(), &[]).await;
    assert_eq!(asked.status, 403, "a dispatcher asks nothing, but is heard");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_no_answer() {
    let town = town("");
    let camera = town.camera("cam_a");
    let (_, body) = camera.batch(&[town.clock.now()]);
    // A file where the folder of the days was: nothing can be stored below it.
    let (reads, aside) = (town.dir.path().join("store/reads"), town.dir.path().join("aside"));
    std::fs::rename(&reads, &aside).unwrap();
    std::fs::write(&reads, b"").unwrap();
    let refused = town.send_reads(&camera, &body, "identity").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("5"));
    std::fs::remove_file(&reads).unwrap();
    std::fs::rename(&aside, &reads).unwrap();
    let done: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    assert_eq!((done.new, done.known), (1, 0), "the same batch, once the store is back");
}

/// Cameras behind one address: one whose signatures are false, and those that sign truly.
#[tokio::test]
async fn false_signatures_lock_out_nobody_else() {
    let town = town("[limits]\nfalse_per_minute = 3\n");
    let (known, new) = (town.camera("cam_a"), town.camera("cam_b"));
    let (_, body) = known.batch(&[town.clock.now()]);
    let (_, of_new) = new.batch(&[town.clock.now()]);
    assert_eq!(town.send_reads(&known, &body, "identity").await.status, 200);
    let stranger = SigningKey::generate();
    let post = ("POST", "/v1/reads");
    let mut statuses = Vec::new();
    for n in 0..20 {
        // A key that is not enrolled, and one whose holder this is not.
        let id = if n % 2 == 0 { "cam_x" } else { "cam_y" };
        let answer = town.signed(post, (id, &stranger), &body, &[]).await;
        statuses.push(answer.status.as_u16());
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("20"));
        }
    }
    assert_eq!(statuses[..3], [401; 3]);
    assert_eq!(statuses[3..], [429; 17]);
    assert_eq!(town.send_reads(&known, &body, "identity").await.status, 200, "it signed before");
    let who = (known.id.as_str(), &stranger);
    assert_eq!(town.signed(post, who, &body, &[]).await.status, 429, "in its name");
    assert_eq!(town.send_reads(&known, &body, "identity").await.status, 200);
    assert_eq!(town.send_reads(&new, &of_new, "identity").await.status, 200, "a new one");
}

#[tokio::test]
async fn addresses_have_limits_and_keys_have_their_own() {
    let town = town("[limits]\naddress_per_minute = 2\nperson_per_minute = 3\n");
    let dora = town.dora();
    let peer = "192.0.2.9:4711";
    for _ in 0..2 {
        assert_eq!(town.get("/v1/public", &[], peer).await.status, 200);
    }
    let refused = town.get("/nowhere", &[], peer).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("30")));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(town.get("/healthz", &[], "192.0.2.10:1").await.status, 200, "another address");
    let forwarded = [("x-forwarded-for", "192.0.2.9")];
    assert_eq!(town.get("/", &forwarded, "127.0.0.1:1").await.status, 429, "behind a proxy");
    for _ in 0..3 {
        assert_eq!(town.by_dora("/v1/hits", &dora).await.status, 200);
    }
    let refused = town.by_dora("/v1/hits", &dora).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("20")));
    town.clock.advance(30_000);
    assert_eq!(town.get("/v1/public", &[], peer).await.status, 200);
    assert_eq!(town.by_dora("/v1/hits", &dora).await.status, 200);
}

#[tokio::test]
async fn a_word_is_held_back_until_it_changes() {
    let town = Arc::new(town("[limits]\ncamera_per_minute = 0\n"));
    let camera = Arc::new(town.camera("cam_a"));
    let ask = |path: &'static str| {
        let (town, camera) = (town.clone(), camera.clone());
        async move {
            let who = (camera.id.as_str(), &camera.device);
            town.signed(("GET", path), who, b"", &[]).await.good::<read::Word>()
        }
    };
    let first = ask("/v1/word").await;
    assert!(first.on && first.tag == "on" && first.orders.is_empty());
    let held = tokio::spawn(ask("/v1/word?wait=25&heard=on"));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!held.is_finished());
    let order = read::Order {
        id: base::OrderId::new(town.clock.now(), base::random()),
        power: read::Power::Off,
        level: read::Level::Capture,
        camera: None,
        group: None,
        spool: None,
        from: None,
        until: None,
        by: town.admin.clone(),
        at: town.clock.now(),
        reason: "A vote.".into(),
    };
    let signed = Signed::sign(order.clone(), &town.key).unwrap();
    town.city.order(&town.admin, signed).unwrap();
    let word = held.await.unwrap();
    assert!(!word.on && word.by == [order.id], "{word:?}");
    assert_eq!(word.orders[0].verify(&town.key.public()).unwrap(), &order);
    // What has changed while nobody asked is told at once; a server that closes holds nobody back.
    assert_eq!(ask("/v1/word?wait=25&heard=on").await, word);
    let again = format!("/v1/word?wait=25&heard={}", word.tag);
    let held = tokio::spawn(ask(Box::leak(again.into_boxed_str())));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!held.is_finished());
    town.state.close();
    assert_eq!(held.await.unwrap(), word);
    let bad = ("GET", "/v1/word?heard=on&for=ever");
    assert_eq!(town.signed(bad, (camera.id.as_str(), &camera.device), b"", &[]).await.status, 400);
}

#[tokio::test]
async fn pages_of_hits_and_of_the_log() {
    let town = town("");
    let (dora, camera) = (town.dora(), town.camera("cam_a"));
    town.wanted();
    for minutes in 0..5 {
        town.clock.advance(60_000 * minutes);
        let (_, body) = camera.batch(&[town.clock.now()]);
        let done: Ingested = town.send_reads(&camera, &body, "identity").await.good();
        assert_eq!(done.new, 1, "{:?}", done.refused);
    }
    let all: Hits = town.by_dora("/v1/hits", &dora).await.good();
    assert_eq!((all.hits.len(), all.next), (5, None));
    assert!(all.hits.is_sorted_by(|a, b| a.id > b.id), "newest first");
    let mut walked = Vec::new();
    let mut path = "/v1/hits?limit=2".to_owned();
    loop {
        let page: Hits = town.by_dora(&path, &dora).await.good();
        assert!(page.hits.len() <= 2);
        walked.extend(page.hits.into_iter().map(|hit| hit.id));
        let Some(next) = page.next else { break };
        path = format!("/v1/hits?limit=2&after={next}");
    }
    assert_eq!(walked, all.hits.iter().map(|hit| hit.id).collect::<Vec<_>>());
    for bad in ["limit=0", "limit=501", "after=hit_x", "after=1", "page=2"] {
        assert_eq!(town.by_dora(&format!("/v1/hits?{bad}"), &dora).await.status, 400, "{bad}");
    }
    whole_log(&town).await;
}

async fn whole_log(town: &Town) {
    let peer = "192.0.2.9:4711";
    let mut numbers = Vec::new();
    let mut path = "/v1/log?limit=3".to_owned();
    loop {
        let page: LogPage = town.get(&path, &[], peer).await.good();
        assert_eq!(page.size, town.city.log_size());
        numbers.extend(page.entries.iter().map(|entry| entry.index));
        let Some(next) = page.next else { break };
        path = format!("/v1/log?limit=3&after={next}");
    }
    assert_eq!(numbers, (0..town.city.log_size()).collect::<Vec<_>>());
    let beyond: LogPage = town.get("/v1/log?after=99999", &[], peer).await.good();
    assert!(beyond.entries.is_empty() && beyond.next.is_none());
    for bad in ["limit=0", "limit=501", "after=-1", "after=x", "from=1"] {
        assert_eq!(town.get(&format!("/v1/log?{bad}"), &[], peer).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn figures_for_monitoring() {
    let town = town("");
    let (dora, camera) = (town.dora(), town.camera("cam_a"));
    let (_, body) = camera.batch(&[town.clock.now()]);
    let _: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    let hit = "/v1/hits/hit_019aa1b2c3d47e5f8a0b1c2d3e4f5061";
    let missing = town.by_dora(hit, &dora).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("x-request-id").map(str::len), Some(16));
    town.get("/no/such/7ABC128", &[], "192.0.2.9:1").await;
    let text = town.get("/metrics", &[], "127.0.0.1:9").await.text().to_owned();
    for line in [
        "homeplate_requests_total{method=\"GET\",route=\"/v1/hits/{id}\",status=\"4xx\"} 1",
        "homeplate_requests_total{method=\"GET\",route=\"unmatched\",status=\"4xx\"} 1",
        "homeplate_latency_seconds_count{route=\"/v1/reads\"} 1",
        "homeplate_reads_total{outcome=\"new\"} 1",
        "homeplate_batches_in_flight 0",
        "homeplate_listeners 0",
        &format!("homeplate_log_entries {}", town.city.log_size()),
        "homeplate_disk_free_bytes ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for secret in [PLATE, "cam_a", "per_dora", "hit_019"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let elsewhere = town.get("/metrics", &[], "192.0.2.9:1").await;
    assert_eq!(elsewhere.status, 403);
    let proxied = town.get("/metrics", &[("x-forwarded-for", "127.0.0.1")], "127.0.0.1:9").await;
    assert_eq!(proxied.status, 403);
}

#[tokio::test]
async fn figures_for_everyone_where_the_city_says_so() {
    let town = town("[server]\nmetrics = \"everyone\"\n");
    assert_eq!(town.get("/metrics", &[], "192.0.2.9:1").await.status, 200);
}

#[tokio::test]
async fn health_names_what_fails() {
    let town = town("");
    let fine = town.get("/healthz", &[], "192.0.2.9:1").await;
    assert_eq!(fine.good::<Value>()["fine"], true);
    town.clock.advance(-180_000);
    let ill = town.get("/healthz", &[], "192.0.2.9:1").await;
    let told: Value = serde_json::from_slice(&ill.body).unwrap();
    assert_eq!((ill.status.as_u16(), &told["fine"]), (503, &false.into()));
    let parts = told["parts"].as_array().unwrap();
    let bad: Vec<&Value> = parts.iter().filter(|part| part["fine"] == false).collect();
    assert_eq!((bad.len(), &bad[0]["part"]), (1, &"clock".into()), "{told}");
}

#[tokio::test]
async fn a_program_outside_hears_whether_it_is_well() {
    let town = town("");
    let fine = town.get("/v1/alive", &[], "192.0.2.9:1").await;
    assert_eq!(fine.good::<Value>(), serde_json::json!({"alive": true, "unwell": []}));
    town.clock.advance(-180_000);
    let ill = town.get("/v1/alive", &[], "192.0.2.9:1").await;
    let told: Value = serde_json::from_slice(&ill.body).unwrap();
    assert_eq!(
        (ill.status.as_u16(), told),
        (503, serde_json::json!({"alive": false, "unwell": ["clock"]}))
    );
}

/// A proxy that is named is believed, and nobody else; the city's word on secrecy goes with every answer.
#[tokio::test]
async fn a_city_behind_a_proxy() {
    let town = town(
        "[server]\npublic_url = \"https://plates.city.example\"\n[limits]\naddress_per_minute = 1\n\
         [tls]\nmode = \"proxy\"\nproxies = [\"10.0.0.5\"]\n",
    );
    let ask = async |peer: &str, from: &str| {
        let answer = town.get("/v1/public", &[("x-forwarded-for", from)], peer).await;
        let told = answer.headers.get("strict-transport-security").cloned();
        (answer.status.as_u16(), told.is_some())
    };
    assert_eq!(ask("10.0.0.5:1", "192.0.2.1").await, (200, true));
    assert_eq!(ask("10.0.0.5:1", "192.0.2.2").await, (200, true), "another caller");
    assert_eq!(ask("10.0.0.5:1", "192.0.2.2").await, (429, true));
    assert_eq!(ask("127.0.0.1:1", "192.0.2.3").await, (200, true), "counts for itself");
    assert_eq!(ask("127.0.0.1:1", "192.0.2.4").await, (429, true), "and is not believed");
}

/// Reads a stream until it says nothing more for a while; `id`, `event` and `data` lines.
async fn stream(town: &Town, after: Option<&str>) -> Vec<String> {
    let mut request = Request::get("/v1/events");
    if let Some(id) = after {
        request = request.header("last-event-id", id);
    }
    let answer = town.send(request.body(Body::empty()).unwrap(), "192.0.2.9:1").await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body().into_data_stream();
    let mut text = String::new();
    while let Ok(Some(chunk)) = tokio::time::timeout(Duration::from_millis(200), body.next()).await
    {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn events_go_on_where_they_were() {
    let town = town("");
    let camera = town.camera("cam_a");
    let (_, body) = camera.batch(&[town.clock.now()]);
    let _: Ingested = town.send_reads(&camera, &body, "identity").await.good();
    // An id that no run of this process gave: what was missed is unknown, what is kept is told.
    let all = stream(&town, Some("gone-1")).await;
    assert_eq!(all[..2], ["event: lagged", "data: {\"missed\":null}"]);
    let ids: Vec<&str> = all.iter().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert!(ids.len() >= 2, "{all:?}");
    let rest = stream(&town, Some(ids[0])).await;
    assert_eq!(rest.iter().filter_map(|l| l.strip_prefix("id: ")).collect::<Vec<_>>(), ids[1..]);
    assert!(!rest.iter().any(|line| line.contains("lagged")));
    assert!(stream(&town, None).await.is_empty(), "without an id, only what comes");
    assert!(!all.concat().contains(PLATE));
}
