//! Who we are, to a camera: WS-Security's password digest (OASIS UsernameToken Profile 1.0) and HTTP's
//! and RTSP's Digest and Basic (RFC 2617, RFC 7616 with MD5, which is what cameras speak).
//!
//! MD5 and SHA-1 stand here because these protocols fix them; nothing of ours rests on either.

use base::{Secret, b64, hex, random};
use md5::{Digest as _, Md5};

/// A camera's user.
#[derive(Clone)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

/// `Base64(SHA-1(nonce + created + password))`.
pub fn password_digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut sha = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha.update(nonce);
    sha.update(created.as_bytes());
    sha.update(password.as_bytes());
    b64(sha.finish().as_ref())
}

/// What a 401 asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A digest over a nonce.
    Digest {
        /// The realm.
        realm: String,
        /// The nonce.
        nonce: String,
        /// Given back as it came.
        opaque: Option<String>,
        /// The server wants `qop=auth`.
        auth: bool,
    },
    /// The password itself.
    Basic,
}

impl Challenge {
    /// Reads the values of `WWW-Authenticate` headers and takes the best of them.
    pub fn read<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            let Some((scheme, rest)) = header.trim().split_once(' ') else {
                if header.trim().eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
                continue;
            };
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Self::Basic);
            }
            if !scheme.eq_ignore_ascii_case("digest") {
                continue;
            }
            let fields = fields(rest);
            let get = |name: &str| {
                fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
            };
            let md5 = get("algorithm").is_none_or(|a| a.eq_ignore_ascii_case("md5"));
            let (Some(realm), Some(nonce), true) = (get("realm"), get("nonce"), md5) else {
                continue;
            };
            let auth = get("qop").is_some_and(|q| q.split(',').any(|q| q.trim() == "auth"));
            return Some(Self::Digest { realm, nonce, opaque: get("opaque"), auth });
        }
        basic
    }

    /// The value of `Authorization`.
    pub fn answer(&self, login: &Login, method: &str, uri: &str) -> String {
        match self {
            Self::Basic => {
                let both = Secret::new(format!("{}:{}", login.user, login.password.expose()));
                format!("Basic {}", b64(both.expose().as_bytes()))
            }
            Self::Digest { realm, nonce, opaque, auth } => {
                let client = hex(&random::<8>());
                let inside = Inside { realm, nonce, client: auth.then_some(client.as_str()) };
                let response = inside.response(login, method, uri);
                let mut out = format!(
                    "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\"",
                    login.user.replace(['"', '\\', '\r', '\n'], "")
                );
                if *auth {
                    out += &format!(", qop=auth, nc=00000001, cnonce=\"{client}\"");
                }
                if let Some(opaque) = opaque {
                    out += &format!(", opaque=\"{opaque}\"");
                }
                out
            }
        }
    }
}

/// What a digest is made of besides the login.
struct Inside<'a> {
    realm: &'a str,
    nonce: &'a str,
    /// Our own nonce, with `qop=auth`.
    client: Option<&'a str>,
}

impl Inside<'_> {
    fn response(&self, login: &Login, method: &str, uri: &str) -> String {
        let md5 = |text: &str| hex(&Md5::digest(text.as_bytes()));
        let Self { realm, nonce, client } = self;
        let who = Secret::new(format!("{}:{realm}:{}", login.user, login.password.expose()));
        let (who, what) = (md5(who.expose()), md5(&format!("{method}:{uri}")));
        match client {
            Some(client) => md5(&format!("{who}:{nonce}:00000001:{client}:auth:{what}")),
            None => md5(&format!("{who}:{nonce}:{what}")),
        }
    }
}

/// `a="b", c=d` as pairs; at most 16 of them, none with a control character or a quote in it.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let odd = value.len() > 512 || value.chars().any(|c| c.is_control() || c == '\\');
        if out.len() >= 16 {
            break;
        }
        if !odd {
            let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace());
            out.push((name.to_owned(), value.trim().to_owned()));
        }
        rest = next.trim_start_matches([',', ' ']);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_digest_of_the_onvif_guide() {
        // The example of the ONVIF Application Programmer's Guide, 6.1.1.3.
        let nonce = base::unb64("LKqI6G/AikKCQrN0zqZFlg==").unwrap();
        let got = password_digest(&nonce, "2010-09-16T07:50:45Z", "userpassword");
        assert_eq!(got, "tuOSpGlFlIXsozq4HFNeeGeFLEI=");
    }

    #[test]
    fn the_digest_of_rfc_2617() {
        let login =
            Login { user: "Mufasa".into(), password: Secret::new("Circle Of Life".to_owned()) };
        let inside = Inside {
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            client: Some("0a4f113b"),
        };
        let got = inside.response(&login, "GET", "/dir/index.html");
        assert_eq!(got, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn challenges() {
        let check = |headers: &[&str], want: Option<Challenge>| {
            assert_eq!(Challenge::read(headers.iter().copied()), want, "{headers:?}");
        };
        let digest = |auth| {
            Some(Challenge::Digest {
                realm: "a, b".into(),
                nonce: "n=1".into(),
                opaque: None,
                auth,
            })
        };
        check(&["Basic realm=\"x\"", "Digest realm=\"a, b\", nonce=\"n=1\""], digest(false));
        check(
            &["Digest realm=\"a, b\",nonce=\"n=1\", qop=\"auth,auth-int\", stale=TRUE"],
            digest(true),
        );
        check(
            &["Digest realm=\"x\", nonce=\"y\", algorithm=SHA-256", "Basic"],
            Some(Challenge::Basic),
        );
        check(&["Negotiate"], None);
        check(&["Digest realm=\"x"], None);
        check(&[], None);
    }
}
