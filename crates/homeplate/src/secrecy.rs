//! The server's certificate while it runs: made, asked for, renewed, and taken up when its file changes; and the plain
//! port beside it.

use crate::listening::bound;
use base::{Clock, Error, Result, SystemClock};
use city::{City, TlsMode, TlsSection};
use server::Plain;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::{Acme, Live, OwnAuthority, Tokens};
use tokio::net::TcpListener;

/// How often it is looked whether the certificate's file has changed, or another is due.
const LOOK: Duration = Duration::from_secs(5);
/// The first wait after an authority has given nothing, and the longest: they count failures.
const AGAIN: Duration = Duration::from_secs(60);
const AGAIN_MOST: Duration = Duration::from_secs(6 * 3600);

/// Where people find the server, for who started it.
pub fn shown(city: &City, address: SocketAddr) -> String {
    let config = city.config();
    match config.server.host().filter(|_| config.tls.secures()) {
        Some((host, _)) => format!("https://{host}:{}/ (listens at {address})", address.port()),
        None => format!("http://{address}/"),
    }
}

/// A certificate, and a plain port, that can be had. Nobody is answered and no authority is asked before
/// [`Ready::begin`].
pub struct Ready {
    keeper: Keeper,
    host: String,
    plain: Option<(Plain, TcpListener)>,
}

/// Looks for the city's certificate, where it has one, and takes the plain port: what is wrong with either now is an
/// error.
pub async fn ready(city: &City) -> Result<Option<Ready>> {
    let config = city.config();
    let Some(live) = config.tls.live(city.dir()) else { return Ok(None) };
    let host = config.server.host().map(|(host, _)| host.to_owned()).unwrap_or_default();
    let keeper = Keeper {
        source: Source::of(city, &host)?,
        live: live.clone(),
        tokens: Tokens::default(),
        wait: Duration::ZERO,
    };
    keeper.source.renew(&host)?;
    match live.refresh() {
        Ok(_) => {}
        // The first certificate is on its way.
        Err(e) if matches!(keeper.source, Source::Acme(_)) => {
            tracing::info!(error = %e.inside(), "no certificate yet");
        }
        Err(e) => return Err(e),
    }
    let plain = plain(city, &keeper.tokens).await?;
    said(&live, &host);
    Ok(Some(Ready { keeper, host, plain }))
}

impl Ready {
    /// Keeps the certificate from here on, and answers at the plain port: what is wrong later is told, and the old one
    /// goes on. Called within the runtime; both end with the process.
    pub fn begin(self) -> Arc<Live> {
        let Self { mut keeper, host, plain } = self;
        let live = keeper.live.clone();
        if let Some((plain, listener)) = plain {
            tokio::spawn(async move {
                server::serve_plain(plain, listener, std::future::pending()).await;
            });
        }
        tokio::spawn(async move { keeper.run(&host).await });
        live
    }
}

/// Says what the certificate is that is served now.
fn said(live: &Live, host: &str) {
    let now = SystemClock.now();
    match live.seen() {
        None => println!("certificate  none yet; one is being asked for"),
        Some(seen) if seen.until < now => {
            println!("certificate  EXPIRED on {}: nobody who comes will believe it", seen.until);
        }
        Some(seen) if !seen.is_for(host) => println!(
            "certificate  is for {}, not for {host}: nobody who comes will believe it",
            seen.names.join(", ")
        ),
        Some(seen) => println!("certificate  good until {}, by {}", seen.until, seen.issuer),
    }
}

async fn plain(city: &City, tokens: &Tokens) -> Result<Option<(Plain, TcpListener)>> {
    let config = city.config();
    let Some(listen) = &config.tls.redirect_listen else { return Ok(None) };
    let listener = bound(listen).await.map_err(|e| {
        Error::new(e.kind(), format!("{} (tls.redirect_listen)", e.message())).because(e.inside())
    })?;
    let origin = config.server.public_url.clone().unwrap_or_default();
    let root = config.tls.root_file(city.dir());
    Ok(Some((Plain { origin, root, tokens: tokens.clone() }, listener)))
}

enum Source {
    File,
    Own(OwnAuthority),
    Acme(Box<Acme>),
}

impl Source {
    fn of(city: &City, host: &str) -> Result<Self> {
        let tls = &city.config().tls;
        let dir = TlsSection::folder(city.dir());
        Ok(match tls.mode {
            TlsMode::OwnCa => {
                let name = &city.config().city.name;
                let own = OwnAuthority::make(&dir, name, host, SystemClock.now())?;
                if let Some(wrong) = own.misfit(host)? {
                    println!("authority    {wrong}");
                }
                Self::Own(own)
            }
            TlsMode::Acme => Self::Acme(Box::new(Acme {
                directory: tls.acme_directory.clone(),
                contact: tls.acme_contact.clone(),
                root: tls.acme_ca.as_ref().map(|file| city.dir().join(file)),
                host: host.to_owned(),
                dir,
            })),
            _ => Self::File,
        })
    }

    /// What needs nobody else.
    fn renew(&self, host: &str) -> Result<()> {
        if let Self::Own(own) = self
            && own.renew(host, SystemClock.now())?
        {
            tracing::info!("the city's own authority made a certificate");
        }
        Ok(())
    }
}

struct Keeper {
    source: Source,
    live: Arc<Live>,
    tokens: Tokens,
    /// What must still go by before the authority is asked again.
    wait: Duration,
}

impl Keeper {
    async fn run(&mut self, host: &str) {
        let mut failed = AGAIN;
        loop {
            if let Source::Acme(acme) = &self.source
                && self.wait.is_zero()
                && acme.is_due(SystemClock.now())
            {
                match acme.obtain(&self.tokens).await {
                    Ok(()) => {
                        failed = AGAIN;
                        // By a clock that is wrong a fresh one is due at once; of one name authorities give few a week.
                        if acme.is_due(SystemClock.now()) {
                            self.wait = AGAIN_MOST;
                        }
                    }
                    Err(e) => {
                        tracing::error!(error = %e.inside(), "{}", e.message());
                        self.wait = failed;
                        failed = (failed * 2).min(AGAIN_MOST);
                    }
                }
            }
            if let Err(e) = self.source.renew(host) {
                tracing::error!(error = %e.inside(), "the city's certificate");
            }
            match self.live.refresh() {
                Ok(true) => said(&self.live, host),
                Ok(false) => {}
                Err(e) => {
                    tracing::error!(error = %e.inside(), "the city's certificate: {}", e.message())
                }
            }
            tokio::time::sleep(LOOK).await;
            self.wait = self.wait.saturating_sub(LOOK);
        }
    }
}
