//! The address that a city gets when it is made: host name, certificate, ports.

use base::{Error, Result};
use city::{Config, Network, ServerSection, TlsMode, TlsSection};
use std::path::Path;

/// Where a city listens that is for its own machine.
const LOCAL: &str = "127.0.0.1:8080";

/// How the city is reached.
#[derive(clap::Args)]
pub struct AddressArgs {
    /// Address and port to listen on; 127.0.0.1:8080, or 0.0.0.0:443 with a certificate.
    #[arg(long)]
    pub listen: Option<String>,
    /// The city's host name, for instance plates.city.example. Passkeys are bound to it: it is for good.
    #[arg(long, value_name = "NAME", conflicts_with = "public_url")]
    host: Option<String>,
    /// The city's address as browsers see it, where --host does not say it all: https://plates.city.example:8443.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The domain that passkeys are bound to: with --host the one above the host, where somebody can own it.
    #[arg(long, value_name = "NAME")]
    passkey_domain: Option<String>,
    /// Where the certificate comes from: acme (Let's Encrypt or another by --acme-directory), file, own-ca, or proxy
    /// where another program speaks TLS.
    #[arg(long, value_name = "WAY")]
    tls: Option<TlsMode>,
    /// The certificate with its chain, for --tls file.
    #[arg(long, value_name = "FILE")]
    certificate: Option<String>,
    /// Its key, for --tls file.
    #[arg(long, value_name = "FILE")]
    certificate_key: Option<String>,
    /// The directory of another authority, for --tls acme.
    #[arg(long, value_name = "URL")]
    acme_directory: Option<String>,
    /// Whom the authority writes to, for --tls acme: mailto:it@city.example.
    #[arg(long, value_name = "ADDRESS")]
    acme_contact: Option<String>,
    /// The root of the authority's own address, for --tls acme, where the system does not know it.
    #[arg(long, value_name = "FILE")]
    acme_ca: Option<String>,
    /// Where plain HTTP leads to the secret address; 0.0.0.0:80 with a certificate, `none` for nowhere.
    #[arg(long, value_name = "ADDRESS")]
    redirect_listen: Option<String>,
    /// A proxy whose word on callers is believed, for --tls proxy; may be given again; 127.0.0.1 and ::1.
    #[arg(long = "proxy", value_name = "NETWORK")]
    proxies: Vec<Network>,
}

impl AddressArgs {
    fn secures(&self) -> bool {
        matches!(self.tls, Some(TlsMode::Acme | TlsMode::File | TlsMode::OwnCa))
    }

    fn listens(&self) -> String {
        let usual = if self.secures() { "0.0.0.0:443" } else { LOCAL };
        self.listen.clone().unwrap_or_else(|| usual.into())
    }

    /// `[server]`; `passkeys` is whether somebody comes with a browser at once.
    pub fn server(&self, passkeys: bool) -> Result<ServerSection> {
        let listen = self.listens();
        let public_url = match (&self.host, &self.public_url) {
            (Some(host), _) => Some(match (self.secures(), listen.rsplit(':').next()) {
                (true, Some(port)) if port != "443" => format!("https://{host}:{port}"),
                _ => format!("https://{host}"),
            }),
            (None, url) => url.clone(),
        };
        let near = ["127.", "localhost:", "[::1]:"].iter().any(|near| listen.starts_with(near));
        if public_url.is_none() && (self.tls.is_some() || (passkeys && !near)) {
            return Err(Error::invalid(
                "Name the city's host with --host, for instance plates.city.example: passkeys are bound to it, \
                 and a certificate is for it.",
            ));
        }
        let above = self.host.as_deref().map(identity::Site::domain_for);
        let above = above.filter(|domain| Some(*domain) != self.host.as_deref());
        let passkey_domain = self.passkey_domain.clone().or(above.map(str::to_owned));
        Ok(ServerSection { listen, public_url, passkey_domain, ..Default::default() })
    }

    /// `[tls]`.
    pub fn tls(&self) -> Result<TlsSection> {
        let full = |file: &Option<String>| -> Result<Option<String>> {
            let Some(file) = file else { return Ok(None) };
            let path = std::path::absolute(file)
                .map_err(|e| Error::invalid(format!("{file} is no path.")).because(e))?;
            Ok(Some(path.display().to_string()))
        };
        let usual = TlsSection::default();
        let mode = self.tls.unwrap_or_default();
        let proxies = match (mode, self.proxies.is_empty()) {
            (TlsMode::Proxy, true) => {
                ["127.0.0.1", "::1"].iter().flat_map(|ip| ip.parse()).collect()
            }
            _ => self.proxies.clone(),
        };
        Ok(TlsSection {
            mode,
            certificate: full(&self.certificate)?,
            key: full(&self.certificate_key)?,
            acme_directory: self.acme_directory.clone().unwrap_or(usual.acme_directory),
            acme_contact: self.acme_contact.clone(),
            acme_ca: full(&self.acme_ca)?,
            redirect_listen: match self.redirect_listen.as_deref() {
                Some("none") => None,
                None => self.secures().then(|| "0.0.0.0:80".into()),
                Some(given) => Some(given.into()),
            },
            proxies,
        })
    }
}

/// Says what of the address is for good, and what is to be handed out.
pub fn told(config: &Config, dir: &Path) -> Result<()> {
    let Some((host, _)) = config.server.host() else { return Ok(()) };
    let bound = config.server.site(0)?;
    println!(
        "address        {} (for good: passkeys are bound to {} and work under no other name)",
        bound.origin(),
        bound.rp_id()
    );
    match config.tls.mode {
        TlsMode::OwnCa => {
            let own = tls::OwnAuthority::make(
                &TlsSection::folder(dir),
                &config.city.name,
                host,
                base::Clock::now(&base::SystemClock),
            )?;
            println!(
                "root           {} (give it to every machine that is to believe this city)",
                own.root_file().display()
            );
            println!(
                "fingerprint    {} (SHA-256: compare it before you believe the root)",
                own.fingerprint()?
            );
            println!(
                "               browsers and phones load it at http://{host}/ca.pem; cameras get it with their code;"
            );
            println!("               the commands take it as --ca FILE, or from HOMEPLATE_CA");
        }
        TlsMode::Acme => println!(
            "certificate    asked for when the server starts: {host} must lead here, and port 80 be reachable"
        ),
        TlsMode::Proxy => println!(
            "proxy          speaks TLS for {host} and passes on to {}, with X-Forwarded-For",
            config.server.listen
        ),
        TlsMode::File | TlsMode::None => {}
    }
    Ok(())
}
