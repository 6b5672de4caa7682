//! Several servers of one city: one has the seat and serves, the others stand by, pass on what reaches them, and one of
//! them serves the moment the seat is free (`design/0022-several-servers.md`).

use crate::listening::{address_of, bound};
use base::{Error, Kind, Result, Shutdown};
use city::{Ahead, City, Config, Holder, Known, Seat, StandingBy};
use server::Inner;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server whose store is away for longer gives the seat to one that may reach it. A database that is started anew is
/// back sooner.
const WITHOUT_STORE: Duration = Duration::from_secs(30);
const CONFIG: &str = "homeplate.toml";
const LOOK: Duration = Duration::from_secs(2);
/// How long what a server before held may stay locked, and how often it is tried meanwhile.
const LAST_BREATH: Duration = Duration::from_secs(8);
const BREATH: Duration = Duration::from_millis(50);
/// The note of who serves is read so often at most, however many connections wait for it.
const NOTE_FOR: Duration = Duration::from_millis(40);
/// As the service managers know it: try again (`EX_TEMPFAIL` of `sysexits.h`).
const AGAIN: i32 = 75;

/// What a server that is about to serve has: the seat, and its listeners where it stood by before.
pub struct Seated {
    /// Ours as long as this lives.
    seat: Seat,
    /// The listener that it stood by at; connections wait in it.
    pub listener: Option<TcpListener>,
    /// The hot lists, where it stood by before and could read them ahead.
    pub known: Option<Known>,
    /// Where it will take connections from others that stand by.
    inner: Option<String>,
    /// Whether another server had the seat before: its last breath may hold the city's files for a moment.
    after_another: bool,
}

impl Seated {
    /// Takes connections from those that stand by from here on, and tells them where. Not before it serves: they would
    /// wait for answers here instead of looking for who gives some.
    pub async fn announce(&self) -> Result<Option<Inner>> {
        let Some(inner) = &self.inner else { return Ok(None) };
        let listener = bound(inner).await?;
        let key = self.seat.announce(address_of(&listener)?)?;
        Ok(Some(Inner { listener, key }))
    }

    /// Does something that the server before may still be in the way of, again until it has let go.
    pub fn again<T>(&self, what: impl Fn() -> Result<T>) -> Result<T> {
        let until = Instant::now() + LAST_BREATH;
        loop {
            match what() {
                Err(e) if self.after_another && Instant::now() < until => {
                    tracing::warn!(error = %e.inside(), "not yet: {}", e.message());
                    std::thread::sleep(BREATH);
                }
                done => return done,
            }
        }
    }
}

/// Takes the seat at once, for a server that is the only one.
pub fn alone(dir: &Path) -> Result<Seated> {
    // Where there is no city, nothing is made.
    Config::load(&dir.join(CONFIG))?;
    Ok(Seated {
        seat: Seat::take(dir)?,
        listener: None,
        known: None,
        inner: None,
        after_another: false,
    })
}

/// Stands by until the seat is free; `None` if it was told to stop before.
pub fn wait(
    dir: &Path,
    listen: Option<&str>,
    inner: &str,
    runtime: &Runtime,
    told: &Told,
) -> Result<Option<Seated>> {
    let config = Config::load(&dir.join(CONFIG))?;
    let listen = listen.unwrap_or(&config.server.listen).to_owned();
    let beside = StandingBy::say(dir)?;
    let found = runtime.block_on(async {
        let listener = bound(&listen).await?;
        // Whether it can be had is said now and not in the night of the first hand-over.
        drop(bound(inner).await?);
        let (seat, known) = match Seat::try_take(dir)? {
            Some(seat) => (Some((seat, false)), None),
            None => {
                let ahead = Ahead::begin(dir)?;
                let seat = stand(dir, &config, &listener, told).await?;
                (seat.map(|seat| (seat, true)), ahead.known())
            }
        };
        Ok::<_, Error>(seat.map(|(seat, after_another)| Seated {
            seat,
            listener: Some(listener),
            known,
            inner: Some(inner.to_owned()),
            after_another,
        }))
    });
    drop(beside);
    found
}

/// Passes on what comes until the seat is ours, or this process is told to stop.
async fn stand(
    dir: &Path,
    config: &Config,
    listener: &TcpListener,
    told: &Told,
) -> Result<Option<Seat>> {
    let (ours, free) = tokio::sync::oneshot::channel();
    let (waiting, enough) = (dir.to_owned(), Shutdown::new());
    let until = enough.clone();
    std::thread::spawn(move || {
        // Where nobody waits for it any more, it is let go again.
        let _ = ours.send(Seat::wait(&waiting, &until));
    });
    let address = address_of(listener)?;
    let scheme = if config.tls.secures() { "https" } else { "http" };
    println!("{} stands by at {scheme}://{address}/", config.city.name);
    crate::manager::ready();
    let for_many = |ip: std::net::IpAddr| ip.is_loopback() || config.tls.believes(ip);
    let seat = server::pass_on(listener, noted(dir), for_many, async {
        tokio::select! {
            seat = free => {
                seat.map_err(|e| Error::internal("Nobody waits for the seat any more.").because(e))?
            }
            () = told.to_stop() => Ok(None),
        }
    })
    .await;
    enough.stop();
    seat
}

/// Who serves, as the note says or said a moment ago.
fn noted(dir: &Path) -> impl Fn() -> Option<Holder> + Clone + Send + Sync + 'static {
    let (dir, last) = (dir.to_owned(), Arc::new(Mutex::new(None::<(Instant, Option<Holder>)>)));
    move || {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref().filter(|(at, _)| at.elapsed() < NOTE_FOR) {
            Some((_, holder)) => holder.clone(),
            None => last.insert((Instant::now(), Holder::of(&dir))).1.clone(),
        }
    }
}

/// Whether somebody told this process to stop.
#[derive(Clone)]
pub struct Told {
    stop: tokio::sync::watch::Receiver<bool>,
    serves: Arc<AtomicBool>,
}

impl Told {
    /// Listens from now on. While the city is being opened nothing waits for it: to break off then is what a crash does.
    pub fn listen(runtime: &Runtime) -> Self {
        let (tell, stop) = tokio::sync::watch::channel(false);
        let told = Self { stop, serves: Arc::new(AtomicBool::new(true)) };
        let serves = told.serves.clone();
        runtime.spawn(async move {
            crate::serve::interrupted().await;
            if !serves.load(Ordering::SeqCst) {
                std::process::exit(0);
            }
            tell.send_replace(true);
        });
        told
    }

    /// From here on until it serves, to be told is to end at once.
    pub fn opening(&self, opens: bool) {
        self.serves.store(!opens, Ordering::SeqCst);
        if opens && *self.stop.borrow() {
            std::process::exit(0);
        }
    }

    /// Ready when this process was told to stop.
    pub async fn to_stop(&self) {
        let mut stop = self.stop.clone();
        let told = stop.wait_for(|stop| *stop).await.map(drop);
        if told.is_err() {
            // Nobody listens any more: the runtime ends.
            std::future::pending().await
        }
    }
}

/// Ends this process when its store is away for long: whoever stands by may reach it. To end is what a crash does, from
/// which everything recovers. One thread asks, another looks how long ago the last answer was: a line that hangs gives
/// none. A store that is busy is there.
pub fn watch(city: &Arc<City>, stop: &Shutdown) {
    let answered = Arc::new(Mutex::new(Instant::now()));
    let (city, asking, noted) = (city.clone(), stop.clone(), answered.clone());
    std::thread::spawn(move || {
        while !asking.sleep(LOOK) {
            match city.store_answers() {
                Err(e) if e.kind() != Kind::Busy => {
                    tracing::warn!(error = %e.inside(), "the store does not answer");
                }
                _ => *noted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now(),
            }
        }
    });
    let stop = stop.clone();
    std::thread::spawn(move || {
        while !stop.sleep(LOOK) {
            let away = answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if away >= WITHOUT_STORE {
                tracing::error!(?away, "the store is away; a server that stands by takes over");
                std::process::exit(AGAIN);
            }
        }
    });
}
