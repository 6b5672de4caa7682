//! A small city: a log, its custody, a clock, and reads.

use base::{CameraId, Clock, LeaseId, ManualClock, ReadId, Shutdown, SigningKey, Time};
use custody::{Custody, Found, Guests, Keeper, Options, Permit, Remote, SealedBatch, serve};
use ledger::{Entry, Folder, Leaf, Log, commitment};
use plate::{Odds, Reason, Text};
use policy::{Decision, Facts, Intent, Rules, Vouch};
use read::{Pass, Read, Sealed, SignedRead};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub const HOUR: i64 = 3_600_000;
pub const SALT: [u8; 32] = [5; 32];

pub fn now() -> Time {
    "2026-11-23T12:34:56Z".parse().unwrap()
}

pub struct City {
    // Before the rest: a connection that is closed lets go of the keys.
    pub custody: Arc<dyn Keeper>,
    pub process: Option<Process>,
    pub log: Log,
    pub clock: Arc<ManualClock>,
    pub options: Options,
    pub dir: TempDir,
}

/// A custody behind a socket, as long as this lives.
pub struct Process {
    pub socket: PathBuf,
    stop: Shutdown,
}

impl Process {
    pub fn start(dir: &Path, custody: Custody, guests: Guests) -> Self {
        let socket = dir.join("custody.socket");
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        let stop = Shutdown::new();
        let told = stop.clone();
        std::thread::spawn(move || serve(&listener, Arc::new(custody), guests, &told).unwrap());
        Self { socket, stop }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

pub fn ourselves() -> Guests {
    Guests::new(vec![rustix::process::getuid().as_raw()])
}

impl City {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let objects = Box::new(Folder::new(dir.path().join("log")));
        let log = Log::create(objects, "homeplate/test", SigningKey::generate()).unwrap();
        let options = Options {
            dir: dir.path().join("custody"),
            epoch_s: 3600,
            log_vkey: log.vkey().to_owned(),
            witnesses: None,
            kek: custody::Kek::File,
        };
        let clock = Arc::new(ManualClock::new(now()));
        let custody =
            Custody::create(&options, rules(), auditors()).unwrap().with_clock(clock.clone());
        Self::with(custody, dir, log, clock, options)
    }

    fn with(
        custody: Custody,
        dir: TempDir,
        log: Log,
        clock: Arc<ManualClock>,
        options: Options,
    ) -> Self {
        if !super::OWN {
            let custody = Arc::new(custody);
            return Self { custody, process: None, log, clock, options, dir };
        }
        let process = Process::start(dir.path(), custody, ourselves());
        let remote = Remote::connect(&process.socket, &rules(), options.terms()).unwrap();
        Self { custody: Arc::new(remote), process: Some(process), log, clock, options, dir }
    }

    /// The process dies and starts again.
    pub fn restart(self) -> Self {
        let Self { dir, log, custody, clock, options, process } = self;
        drop((custody, process));
        let mut custody = Custody::open(&options, rules());
        // The threads of its connections end on their own time.
        for _ in 0..200 {
            if custody.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
            custody = Custody::open(&options, rules());
        }
        Self::with(custody.unwrap().with_clock(clock.clone()), dir, log, clock, options)
    }

    /// Opens one thing that a camera sent.
    pub fn open_item(&self, from: &str, item: &Sealed) -> base::Result<SignedRead> {
        self.custody.open_items(&camera(from), std::slice::from_ref(item))?.remove(0)
    }

    pub fn at(&self) -> Time {
        self.clock.now()
    }

    /// Puts a question on the log.
    pub fn logged(&self, intent: &Intent) -> Entry {
        self.log.append(&leaf(intent)).unwrap()
    }

    /// A permit for a question about `plate`, changed by `change`.
    pub fn permit(&self, plate: &str, change: impl Fn(&mut Intent)) -> base::Result<Permit> {
        let mut intent = question(plate, self.at());
        change(&mut intent);
        let entry = self.logged(&intent);
        self.custody.permit(&intent, &facts(self.at()), &SALT, &entry, None)
    }

    /// Seals reads of one day.
    pub fn seal(&self, reads: &[Read]) -> base::Result<SealedBatch> {
        let passes: Vec<(Pass, Option<Vec<u8>>)> =
            reads.iter().map(|r| (Arc::new(r.clone()), None)).collect();
        self.custody.seal(reads[0].id.day(), &passes)
    }
}

/// Where the private halves of log entries go.
pub fn auditors() -> read::SealKey {
    read::OpenKey::from_bytes([21; 32]).public().unwrap()
}

pub fn rules() -> Arc<Rules> {
    Arc::new(Rules::parse(Rules::standard()).unwrap())
}

pub fn facts(now: Time) -> Facts {
    Facts { case: Vouch::Stated, paper: Vouch::None, asking_off: false, review_overdue: false, now }
}

/// The public half of a question, as the city's flow writes it.
pub fn leaf(intent: &Intent) -> Leaf {
    leaf_of(intent, &facts(intent.at))
}

/// The same where others vouch.
pub fn leaf_of(intent: &Intent, facts: &Facts) -> Leaf {
    let (rule, decision, scope) = match rules().decide(intent, facts) {
        Decision::Allow { rule } => (rule, "allowed", None),
        Decision::Narrow { rule, scope } => (rule, "narrowed", Some(scope)),
        Decision::Refuse { rule, .. } => (rule, "refused", None),
    };
    let hour = |t: Time| t.floor_to(HOUR).to_string();
    let cameras = scope.as_ref().map_or(&intent.cameras, |s| &s.cameras).len();
    let leaf = Leaf::new("search.intent", intent.at)
        .id(&intent.id)
        .fact("policy", rules().hash())
        .fact("rule", rule)
        .fact("decision", decision)
        .fact("roles", intent.roles.join(" "))
        .fact("purpose", intent.purpose.as_str())
        .fact("authority", intent.authority.as_str())
        .fact("case", facts.case.slug())
        .fact("plates", (intent.plates.len() + intent.patterns.len()) as u64)
        .fact("cameras", cameras as u64)
        .fact("from", hour(scope.as_ref().map_or(intent.from, |s| s.from)))
        .fact("until", hour(scope.as_ref().map_or(intent.until, |s| s.until)))
        .body(commitment(&SALT, intent.canonical().expose()));
    match facts.paper {
        Vouch::None => leaf,
        paper => leaf.fact("paper", paper.slug()),
    }
}

pub fn question(plate: &str, now: Time) -> Intent {
    let id: [u8; 16] = base::random();
    Intent {
        id: format!("q_{}", id.iter().map(|b| format!("{b:02x}")).collect::<String>()),
        person: "per_ana".parse().unwrap(),
        roles: vec!["officer".into()],
        purpose: "stolen-vehicle".into(),
        case: Some("26-000123".into()),
        authority: "none".into(),
        paper: None,
        emergency: false,
        on_behalf_of: None,
        reason: None,
        plates: vec![Text::parse(plate).unwrap()],
        patterns: Vec::new(),
        look_alikes: false,
        cameras: vec![camera("one"), camera("two")],
        from: now.plus_millis(-24 * HOUR),
        until: now.plus_millis(1),
        at: now,
        reveal_after: None,
        confirmed: None,
    }
}

pub fn camera(name: &str) -> CameraId {
    format!("cam_{name}").parse().unwrap()
}

/// A read of `plate`: every character certain but the last, which may be an `8`.
pub fn sighting(plate: &str, camera: CameraId, captured: Time) -> Read {
    let mut places: Vec<_> = plate.chars().map(|c| vec![(c, 0.98)]).collect();
    if !plate.ends_with('8') {
        places.last_mut().unwrap().push(('8', 0.01));
    }
    Read {
        id: ReadId::new(captured, base::random()),
        camera,
        lease: LeaseId::new(captured, base::random()),
        counter: 1,
        captured,
        first: captured,
        last: captured,
        frames: 3,
        odds: Odds::new(places).unwrap(),
        confidence: 0.9,
        region: None,
        corners: [[0, 0], [9, 0], [9, 4], [0, 4]],
        frame_size: [640, 384],
        picture: None,
        sighting: Default::default(),
    }
}

/// What an honest store finds: the reads of the permit's cameras, time and tokens.
pub fn search(batch: &SealedBatch, permit: &Permit) -> Vec<Found> {
    all(batch)
        .into_iter()
        .filter(|f| {
            permit.cameras().contains(&f.read.camera)
                && permit.from() <= f.read.captured
                && f.read.captured < permit.until()
                && f.read.tokens.iter().any(|t| permit.tokens(f.read.id.day()).contains(t))
        })
        .collect()
}

/// Every read with its segment.
pub fn all(batch: &SealedBatch) -> Vec<Found> {
    let segment = |id| batch.segments.iter().find(|s| s.id == id).unwrap().clone();
    batch.reads.iter().map(|r| Found { read: r.clone(), segment: segment(r.segment) }).collect()
}

pub fn text(read: &Read) -> String {
    read.odds.text().reveal(Reason::Matching).to_owned()
}
