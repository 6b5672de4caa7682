//! The server's certificate while it runs: made, asked for, renewed, and taken up when its file changes; and the plain
//! port beside it.

use base::{Clock, Error, Result, SystemClock};
use city::{City, TlsMode, TlsSection};
use server::Plain;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::{Acme, Live, OwnAuthority, Tokens};

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

/// Begins to keep the city's certificate, where it has one: what is wrong with it at the start is an error, what is
/// wrong later is told and the old one goes on. Opens the plain port too.
pub async fn start(city: &Arc<City>) -> Result<Option<Arc<Live>>> {
    let config = city.config();
    let Some(live) = config.tls.live(city.dir()) else { return Ok(None) };
    let host = config.server.host().map(|(host, _)| host.to_owned()).unwrap_or_default();
    let mut keeper = Keeper {
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
    plain(city, &keeper.tokens).await?;
    said(&live, &host);
    tokio::spawn(async move { keeper.run(&host).await });
    Ok(Some(live))
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

async fn plain(city: &City, tokens: &Tokens) -> Result<()> {
    let config = city.config();
    let Some(listen) = &config.tls.redirect_listen else { return Ok(()) };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|e| {
        Error::unavailable(format!(
            "{listen} cannot be listened on; is it in use, or may this user not open it? \
             (tls.redirect_listen)"
        ))
        .because(e)
    })?;
    let origin = config.server.public_url.clone().unwrap_or_default();
    let root = config.tls.root_file(city.dir());
    let plain = Plain { origin, root, tokens: tokens.clone() };
    tokio::spawn(async move {
        // It ends with the process.
        server::serve_plain(plain, listener, std::future::pending()).await;
    });
    Ok(())
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
