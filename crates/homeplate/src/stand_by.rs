//! Several servers of one city: one has the seat and serves, the others stand by, pass on what reaches them, and one of
//! them serves the moment the seat is free (`design/0022-several-servers.md`).

use crate::serve::interrupted;
use base::{Error, Result, Shutdown};
use city::{City, Config, Holder, Seat, StandingBy};
use server::Inner;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server whose store is away for longer gives the seat to one that may reach it. A database that is started anew is
/// back sooner.
const WITHOUT_STORE: Duration = Duration::from_secs(30);
const CONFIG: &str = "homeplate.toml";
const LOOK: Duration = Duration::from_secs(2);
/// How long what a server before held may stay locked, and how often it is tried meanwhile.
const LAST_BREATH: Duration = Duration::from_secs(5);
const BREATH: Duration = Duration::from_millis(50);
/// As the service managers know it: try again (`EX_TEMPFAIL` of `sysexits.h`).
const AGAIN: i32 = 75;

/// What a server that is about to serve has: the seat, and its listeners where it stood by before.
pub struct Seated {
    /// Ours as long as this lives.
    pub seat: Seat,
    /// The listener that it stood by at; connections wait in it.
    pub listener: Option<TcpListener>,
    /// Where it takes connections from others that stand by.
    pub inner: Option<TcpListener>,
    /// Whether another server had the seat before: its last breath may hold the city's files for a moment.
    pub after_another: bool,
}

impl Seated {
    /// Tells those that stand by that connections are taken from here on.
    pub fn announce(&mut self) -> Result<Option<Inner>> {
        let Some(listener) = self.inner.take() else { return Ok(None) };
        let address = listener
            .local_addr()
            .map_err(|e| Error::unavailable("The listening address is unknown.").because(e))?;
        let key = self.seat.announce(address)?;
        Ok(Some(Inner { listener, key }))
    }

    /// Opens the city, again where the server before has not let go of all of it.
    pub fn open<T>(&self, city: impl Fn() -> Result<T>) -> Result<T> {
        let until = Instant::now() + LAST_BREATH;
        loop {
            match city() {
                Err(e) if self.after_another && Instant::now() < until => {
                    tracing::warn!(error = %e.inside(), "the city is not opened yet: {}", e.message());
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
    Ok(Seated { seat: Seat::take(dir)?, listener: None, inner: None, after_another: false })
}

/// Stands by until the seat is free; `None` if it was told to stop before.
pub fn wait(
    dir: &Path,
    listen: Option<&str>,
    inner: &str,
    runtime: &Runtime,
) -> Result<Option<Seated>> {
    let config = Config::load(&dir.join(CONFIG))?;
    let listen = listen.unwrap_or(&config.server.listen).to_owned();
    let beside = StandingBy::say(dir)?;
    let found = runtime.block_on(async {
        let (listener, inner) = (bound(&listen).await?, bound(inner).await?);
        let seat = match Seat::try_take(dir)? {
            Some(seat) => Some((seat, false)),
            None => stand(dir, &config, &listener).await?.map(|seat| (seat, true)),
        };
        Ok::<_, Error>(seat.map(|(seat, after_another)| Seated {
            seat,
            listener: Some(listener),
            inner: Some(inner),
            after_another,
        }))
    });
    drop(beside);
    found
}

/// Takes an address to listen at.
pub async fn bound(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|e| {
        Error::unavailable(format!("{listen} cannot be listened on; is it in use?")).because(e)
    })
}

/// Passes on what comes until the seat is ours, or this process is told to stop.
async fn stand(dir: &Path, config: &Config, listener: &TcpListener) -> Result<Option<Seat>> {
    let (ours, mut free) = tokio::sync::oneshot::channel();
    let waiting = dir.to_owned();
    // It ends with the process, where that ends first.
    std::thread::spawn(move || {
        // Nobody waits for it any more: the seat is let go again.
        let _ = ours.send(Seat::wait(&waiting));
    });
    let address = listener.local_addr().map_or_else(|_| String::new(), |a| a.to_string());
    println!("{} stands by at http://{address}/", config.city.name);
    crate::manager::ready();
    let place = dir.to_owned();
    let holder = move || Holder::of(&place);
    let for_many = |ip: std::net::IpAddr| ip.is_loopback() || config.tls.believes(ip);
    server::pass_on(listener, holder, for_many, async {
        tokio::select! {
            seat = &mut free => seat
                .map_err(|e| Error::internal("Nobody waits for the seat any more.").because(e))?
                .map(Some),
            () = interrupted() => Ok(None),
        }
    })
    .await
}

/// Ends this process when its store is away for long: whoever stands by may reach it. To end is what a crash does, from
/// which everything recovers.
pub fn watch(city: &Arc<City>, stop: &Shutdown) {
    let (city, stop) = (city.clone(), stop.clone());
    std::thread::spawn(move || {
        let mut since: Option<Instant> = None;
        while !stop.sleep(LOOK) {
            match city.store_answers() {
                Ok(()) => since = None,
                Err(e) => {
                    let away = since.get_or_insert_with(Instant::now).elapsed();
                    tracing::warn!(error = %e.inside(), ?away, "the store does not answer");
                    if away >= WITHOUT_STORE {
                        tracing::error!("the store is away; a server that stands by takes over");
                        std::process::exit(AGAIN);
                    }
                }
            }
        }
    });
}
