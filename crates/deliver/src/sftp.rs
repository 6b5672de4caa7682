//! One file from another machine, by SFTP. The other side is known by its host key, which the city's configuration
//! names: nothing is trusted at the first sight. The address is judged like any other ([`Reach`]), and connected to
//! as it was judged.

use crate::fetch::{Got, Known, too_large};
use crate::reach::Reach;
use base::{Error, Result};
use russh::client::{self, AuthResult, Handle};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh_sftp::client::SftpSession;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use ureq::http::Uri;
use zeroize::Zeroizing;

/// What a session says beside the file.
const ASIDE: u64 = 1 << 20;

/// How the city shows who it is.
pub enum SftpLogin<'a> {
    /// With a private key in OpenSSH's form, without a passphrase.
    Key(&'a str),
    /// With a password.
    Password(&'a str),
}

/// Where a file lies: `sftp://NAME@HOST[:PORT]/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SftpPlace {
    user: String,
    host: String,
    port: u16,
    path: String,
}

impl SftpPlace {
    /// The place of an address.
    ///
    /// # Errors
    /// [`base::Kind::Invalid`] where it is none.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = || Error::invalid("Write the address as sftp://NAME@HOST/PATH.");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let (user, _) = authority.as_str().split_once('@').ok_or_else(wrong)?;
        let fine = uri.scheme_str() == Some("sftp")
            && !user.is_empty()
            && !user.contains(':')
            && uri.path().len() > 1
            && uri.query().is_none();
        if !fine {
            return Err(wrong());
        }
        Ok(Self {
            user: user.to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(22),
            path: uri.path().to_owned(),
        })
    }
}

/// Lets one host key pass.
struct Pinned {
    key: String,
    /// Whether another one was shown.
    stranger: Arc<AtomicBool>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> std::result::Result<bool, Self::Error> {
        let same = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                key.fingerprint(HashAlg::Sha256).to_string() == self.key
            }
            PublicKeyOrCertificate::Certificate(_) => false,
        };
        self.stranger.store(!same, Ordering::SeqCst);
        Ok(same)
    }
}

/// Whether a text is the fingerprint of a host key: `SHA256:` and 43 characters, as `ssh-keygen -l` prints it.
pub fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|rest| {
        rest.len() == 43 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
    })
}

fn away(e: impl std::fmt::Display) -> Error {
    Error::unavailable("The other side cannot be reached, or does not speak SFTP.")
        .because(e.to_string())
}

/// Fetches a file of at most so many bytes from a place whose host key has this fingerprint.
///
/// # Errors
/// One sentence without the address.
pub fn fetch_sftp(
    place: &SftpPlace,
    host_key: &str,
    login: &SftpLogin<'_>,
    known: &Known,
    reach: Reach,
    most: usize,
    patience: Duration,
) -> Result<Got> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::internal("No file can be fetched by SFTP here.").because(e))?;
    let done = runtime.block_on(async {
        let work = fetched(place, host_key, login, known, reach, most);
        match tokio::time::timeout(patience, work).await {
            Ok(done) => done,
            Err(_) => Err(Error::unavailable("The other side did not answer in time.")),
        }
    });
    // A name that is still being looked up holds nobody up.
    runtime.shutdown_background();
    done
}

async fn connected(place: &SftpPlace, reach: Reach) -> Result<TcpStream> {
    let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
    let found = found
        .map_err(|_| Error::unavailable("The other side's name is not known."))?
        .filter(|address| reach.takes(address.ip()));
    let mut why = Error::forbidden(
        "The address leads to this machine or into a local network; nothing was sent.",
    );
    for address in found {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(e) => why = away(e),
        }
    }
    Err(why)
}

async fn fetched(
    place: &SftpPlace,
    host_key: &str,
    login: &SftpLogin<'_>,
    known: &Known,
    reach: Reach,
    most: usize,
) -> Result<Got> {
    let stream = connected(place, reach).await?;
    let stranger = Arc::new(AtomicBool::new(false));
    let pinned = Pinned { key: host_key.to_owned(), stranger: stranger.clone() };
    let config = Arc::new(client::Config::default());
    let mut session = client::connect_stream(config, stream, pinned).await.map_err(|e| {
        if stranger.load(Ordering::SeqCst) {
            Error::forbidden("The other side shows another host key than the one that is known.")
        } else {
            away(e)
        }
    })?;
    enter(&mut session, &place.user, login).await?;
    let channel = session.channel_open_session().await.map_err(away)?;
    channel.request_subsystem(true, "sftp").await.map_err(away)?;
    // The client believes whatever length a packet says it has; so there is an end to all that is read.
    let (answers, questions) = tokio::io::split(channel.into_stream());
    let bounded = tokio::io::join(answers.take(2 * most as u64 + ASIDE), questions);
    let sftp = SftpSession::new(bounded).await.map_err(away)?;
    let none = |e| Error::not_found("The other side has no such file.").because(e);
    let there = sftp.metadata(place.path.as_str()).await.map_err(none)?;
    if there.size.is_some_and(|size| size > most as u64) {
        return Err(too_large(most));
    }
    let stamp = there.mtime.zip(there.size).map(|(at, size)| format!("{at}/{size}"));
    if stamp.is_some() && stamp == known.etag {
        return Ok(Got::Same);
    }
    let open = sftp.open(place.path.as_str()).await.map_err(none)?;
    let mut file = Zeroizing::new(Vec::new());
    // What was measured may have grown since.
    open.take(most as u64 + 1).read_to_end(&mut file).await.map_err(away)?;
    if file.len() > most {
        return Err(too_large(most));
    }
    Ok(Got::New(file, Known { etag: stamp, modified: None }))
}

async fn enter(session: &mut Handle<Pinned>, user: &str, login: &SftpLogin<'_>) -> Result<()> {
    let said = match login {
        SftpLogin::Password(password) => session.authenticate_password(user, *password).await,
        SftpLogin::Key(text) => {
            let key = PrivateKey::from_openssh(text).map_err(|e| {
                Error::invalid("The key for SFTP is not a private key in OpenSSH's form.")
                    .because(e)
            })?;
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
            session.authenticate_publickey(user, key).await
        }
    };
    match said.map_err(away)? {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { .. } => {
            Err(Error::forbidden("The other side does not let the city in; check the login."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let check = |url: &str, want: Option<(&str, &str, u16, &str)>| {
            let got = SftpPlace::parse(url).ok();
            let got = got.as_ref().map(|p| (&*p.user, &*p.host, p.port, &*p.path));
            assert_eq!(got, want, "{url}");
        };
        check("sftp://city@h.example/out/a.csv", Some(("city", "h.example", 22, "/out/a.csv")));
        check("sftp://c@[::1]:2222/a", Some(("c", "::1", 2222, "/a")));
        for bad in [
            "sftp://h.example/a",
            "sftp://c:secret@h.example/a",
            "sftp://c@h.example/",
            "https://c@h.example/a",
            "sftp://c@h.example/a?x",
            "",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn fingerprints() {
        let good = format!("SHA256:{}", "a".repeat(43));
        assert!(is_fingerprint(&good));
        for bad in [&good[1..], &good[..49], "SHA256:", "MD5:aa", &format!("{}=", &good[..49])] {
            assert!(!is_fingerprint(bad), "{bad}");
        }
    }
}
