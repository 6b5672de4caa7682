//! Ceremonies: what was asked of a browser, until it answers; each once, for five minutes, in memory.
//!
//! Registration is read by webauthn-rs, which knows what authenticators send. What they answer later
//! is checked in one place of ours ([`crate::Passkey`]), because outsiders must be able to do the same.

use crate::passkey::handle;
use crate::signer::is_host;
use crate::{Passkey, PasskeyKey, Person, SignerKey};
use base::{Error, PersonId, Result, Time, b64url, random, sha256, unb64url};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use webauthn_rs::prelude::{
    COSEAlgorithm, COSEKeyType, CreationChallengeResponse, ECDSACurve, PasskeyRegistration,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

/// A browser has so long to answer.
const KEPT_MS: i64 = 5 * 60_000;
/// The most that are open at a time, of each sort that somebody known begins; of those that strangers begin, the most that
/// are remembered as used.
const MOST: usize = 5_000;

/// The site that passkeys are made for: the city's address as browsers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    origin: String,
    rp_id: String,
}

impl Site {
    /// From `https://plates.city.example`; without TLS only on this very machine.
    pub fn parse(public_url: &str) -> Result<Self> {
        let bad = || {
            Error::invalid(
                "The public address is https:// and a name, or http://localhost, with a port where it has one; \
                 passkeys know no number and no path.",
            )
        };
        let (scheme, rest) = public_url.split_once("://").ok_or_else(bad)?;
        let (host, port) = rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)));
        let numeric = host.split('.').next_back().is_none_or(|last| last.parse::<u32>().is_ok());
        let near = scheme == "http" && host == "localhost";
        let port_fits =
            port.is_none_or(|p| p.parse::<u16>().is_ok_and(|n| n > 0 && n.to_string() == p));
        if !is_host(host) || numeric || !port_fits || !(near || scheme == "https") {
            return Err(bad());
        }
        Ok(Self { origin: public_url.to_owned(), rp_id: host.to_owned() })
    }

    /// The same with passkeys bound to a domain above the name, so that the name may change below it. It must be one
    /// that somebody can own (not `gov` or `co.uk`): browsers refuse any other.
    pub fn under(public_url: &str, domain: Option<&str>) -> Result<Self> {
        let site = Self::parse(public_url)?;
        let Some(domain) = domain.filter(|domain| *domain != site.rp_id) else { return Ok(site) };
        let above = site.rp_id.strip_suffix(domain).is_some_and(|front| front.ends_with('.'));
        if !above || !is_host(domain) || psl::domain_str(domain).is_none() {
            return Err(Error::invalid(
                "Passkeys are bound to the address's name, or to a domain above it that somebody can own.",
            ));
        }
        Ok(Self { rp_id: domain.to_owned(), ..site })
    }

    /// The domain that passkeys of a host are best bound to: the one above it, if somebody can own it, so that the
    /// city may call the host otherwise one day; or else the host.
    pub fn domain_for(host: &str) -> &str {
        match host.split_once('.') {
            Some((_, above)) if psl::domain_str(above).is_some() => above,
            _ => host,
        }
    }

    /// Whether a page at `origin` is this site. Where passkeys are bound to a domain above the name, other names below
    /// it are other people's pages.
    pub(crate) fn is_at(&self, origin: &str) -> bool {
        let host = Self::parse(&self.origin).map(|own| own.rp_id);
        host.is_ok_and(|host| host == self.rp_id) || origin == self.origin
    }

    /// The address.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The name that passkeys are bound to.
    pub fn rp_id(&self) -> &str {
        &self.rp_id
    }

    /// Whether browsers reach it over TLS.
    pub fn secure(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// What a browser is asked to do.
#[derive(Debug, Serialize)]
pub struct Started {
    /// Names the ceremony: the challenge, which is in the answer ([`crate::challenge_of`]).
    #[serde(skip)]
    pub ceremony: String,
    /// For `navigator.credentials`.
    #[serde(rename = "publicKey")]
    pub options: Value,
}

/// A registration that was answered rightly.
#[derive(Debug)]
pub struct Registered {
    /// Whose passkey it is.
    pub person: PersonId,
    /// The hash of the invitation that allowed it; none where a session did.
    pub invitation: Option<[u8; 32]>,
    /// The passkey.
    pub passkey: Passkey,
}

/// What somebody was asked to confirm.
#[derive(Debug)]
pub struct Confirming {
    /// Whom.
    pub person: PersonId,
    /// The bytes that are confirmed.
    pub message: Vec<u8>,
    /// What is to be done then, as the asker spelled it.
    pub what: Value,
}

struct Register {
    person: PersonId,
    invitation: Option<[u8; 32]>,
    label: String,
    state: PasskeyRegistration,
}

/// Things by the challenge of their ceremony.
struct Open<T>(Mutex<HashMap<String, (Time, T)>>);

impl<T> Open<T> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Keeps it; whether nothing was kept under this name before.
    fn put(&self, name: String, thing: T, now: Time) -> Result<bool> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST {
            open.retain(|_, (at, _)| now.since(*at) <= KEPT_MS);
        }
        if open.len() >= MOST {
            return Err(Error::busy("Too many people are signing in; try again in a minute.")
                .retry_after(Duration::from_secs(60)));
        }
        Ok(open.insert(name, (now, thing)).is_none())
    }

    /// Gives it once, whatever becomes of it.
    fn take(&self, name: &str, now: Time) -> Result<T> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.remove(name) {
            Some((at, thing)) if (0..=KEPT_MS).contains(&now.since(at)) => Ok(thing),
            _ => Err(over()),
        }
    }
}

/// Challenges of signing in. Anybody may begin, as often as they like: nothing is remembered of it, the challenge itself
/// says when it was made and that it was made here. Only those that were answered are remembered, until they are too old.
struct SignIns {
    key: [u8; 32],
    used: Open<()>,
}

impl SignIns {
    fn new() -> Self {
        Self { key: random(), used: Open::new() }
    }

    fn tag(&self, begun: &[u8]) -> [u8; 16] {
        // What is tagged has one length, so that a hash with the key in front will do.
        let mut tag = [0; 16];
        tag.copy_from_slice(&sha256(&[&self.key[..], begun].concat())[..16]);
        tag
    }

    /// The time, eight bytes by chance, and the tag of both.
    fn begin(&self, now: Time) -> [u8; 32] {
        let mut challenge = [0; 32];
        challenge[..8].copy_from_slice(&now.millis().to_be_bytes());
        challenge[8..16].copy_from_slice(&random::<8>());
        let tag = self.tag(&challenge[..16]);
        challenge[16..].copy_from_slice(&tag);
        challenge
    }

    /// The challenge behind a ceremony's name, once.
    fn take(&self, name: &str, now: Time) -> Result<[u8; 32]> {
        let challenge = unb64url(name).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let challenge = challenge.filter(|c| self.tag(&c[..16]) == c[16..]).ok_or_else(over)?;
        let mut at = [0; 8];
        at.copy_from_slice(&challenge[..8]);
        let begun = Time::from_millis(i64::from_be_bytes(at));
        if !(0..=KEPT_MS).contains(&now.since(begun)) {
            return Err(over());
        }
        self.used.put(name.to_owned(), (), now)?.then_some(challenge).ok_or_else(over)
    }
}

fn over() -> Error {
    Error::unauthenticated("This took too long, or was answered before; begin again.")
}

/// The ceremonies that are open.
pub struct Ceremonies {
    site: Site,
    library: Webauthn,
    sign_ins: SignIns,
    registrations: Open<Register>,
    confirmations: Open<Confirming>,
}

fn broken(e: WebauthnError) -> Error {
    Error::internal("Passkeys cannot be set up; see the log.").because(e)
}

impl Ceremonies {
    /// None open yet; `name` is what authenticators show.
    pub fn new(site: Site, name: &str) -> Result<Self> {
        let url = Url::parse(&site.origin)
            .map_err(|e| Error::invalid("The public address is no address.").because(e))?;
        let library = WebauthnBuilder::new(&site.rp_id, &url)
            .and_then(|builder| builder.rp_name(name).build())
            .map_err(broken)?;
        Ok(Self {
            site,
            library,
            sign_ins: SignIns::new(),
            registrations: Open::new(),
            confirmations: Open::new(),
        })
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Reads a browser's answer, which must have been given on this site's own pages.
    pub fn read(&self, credential: &Value) -> Result<crate::Answered> {
        let answered = crate::Answered::parse(credential)?;
        let origin = answered.assertion.origin()?;
        if self.site.is_at(&origin) {
            return Ok(answered);
        }
        Err(Error::unauthenticated("The passkey was used on another page; begin again.")
            .because(origin))
    }

    fn options(&self, challenge: &[u8; 32], passkeys: &[Passkey]) -> Value {
        let allowed: Vec<Value> =
            passkeys.iter().map(|p| json!({"type": "public-key", "id": p.id})).collect();
        json!({
            "challenge": b64url(challenge),
            "rpId": self.site.rp_id,
            "timeout": KEPT_MS,
            "userVerification": "required",
            "allowCredentials": allowed,
        })
    }

    /// Begins signing in: with any passkey of this site that the authenticator has.
    pub fn start_sign_in(&self, now: Time) -> Started {
        let challenge = self.sign_ins.begin(now);
        Started { ceremony: b64url(&challenge), options: self.options(&challenge, &[]) }
    }

    /// The challenge that signing in was begun with; it is used up.
    pub fn take_sign_in(&self, ceremony: &str, now: Time) -> Result<[u8; 32]> {
        self.sign_ins.take(ceremony, now)
    }

    /// Begins a confirmation of `message` with one of a person's passkeys.
    pub fn start_confirmation(
        &self,
        asked: Confirming,
        passkeys: &[Passkey],
        now: Time,
    ) -> Result<Started> {
        if passkeys.is_empty() {
            return Err(Error::conflict("This is confirmed with a passkey; add one first."));
        }
        let challenge = SignerKey::challenge(&asked.message);
        let (ceremony, options) = (b64url(&challenge), self.options(&challenge, passkeys));
        // The message makes the challenge: two people may be asked the same.
        let name = format!("{} {ceremony}", asked.person);
        self.confirmations.put(name, asked, now)?;
        Ok(Started { ceremony, options })
    }

    /// What this person was asked to confirm; it is used up.
    pub fn take_confirmation(
        &self,
        ceremony: &str,
        person: &PersonId,
        now: Time,
    ) -> Result<Confirming> {
        self.confirmations.take(&format!("{person} {ceremony}"), now)
    }

    /// Begins making a passkey for a person.
    pub fn start_registration(
        &self,
        person: &Person,
        invitation: Option<[u8; 32]>,
        label: &str,
        now: Time,
    ) -> Result<Started> {
        if !(1..=60).contains(&label.trim().chars().count()) {
            return Err(Error::invalid("Give the passkey a name of 1 to 60 characters."));
        }
        let known = person.passkeys.iter().filter_map(|p| base::unb64url(&p.id));
        let (asked, state) = self
            .library
            .start_passkey_registration(
                Uuid::from_bytes(handle(&person.id)),
                person.id.as_str(),
                &person.name,
                Some(known.collect()),
            )
            .map_err(broken)?;
        let options = discoverable(&asked)?;
        let label = label.trim().to_owned();
        let held = Register { person: person.id.clone(), invitation, label, state };
        let ceremony = options["challenge"].as_str().unwrap_or_default().to_owned();
        self.registrations.put(ceremony.clone(), held, now)?;
        Ok(Started { ceremony, options })
    }

    /// Reads the answer to it; whose passkey it becomes, and whether it may, is the city's to say.
    pub fn finish_registration(
        &self,
        ceremony: &str,
        credential: &Value,
        now: Time,
    ) -> Result<Registered> {
        let held = self.registrations.take(ceremony, now)?;
        let answer: RegisterPublicKeyCredential = serde_json::from_value(credential.clone())
            .map_err(|e| Error::invalid("This is not a new passkey.").because(e))?;
        let refused = |e: WebauthnError| {
            Error::unauthenticated("The new passkey does not fit this site; begin again.")
                .because(e)
        };
        let made =
            self.library.finish_passkey_registration(&answer, &held.state).map_err(refused)?;
        let key = point(&made).map(PasskeyKey::Es256).ok_or_else(|| {
            Error::invalid("This authenticator makes no keys of the sort ES256; use another one.")
        })?;
        // Its counter is the library's to know; what it would write down says it.
        let counter = serde_json::to_value(&made)
            .ok()
            .and_then(|made| made["cred"]["counter"].as_u64()?.try_into().ok())
            .ok_or_else(|| Error::internal("The passkey's counter is unknown."))?;
        let passkey = Passkey {
            id: b64url(made.cred_id()),
            key: SignerKey::Passkey { key, rp_id: self.site.rp_id.clone() },
            counter,
            label: held.label,
            added: now,
            used: None,
        };
        Ok(Registered { person: held.person, invitation: held.invitation, passkey })
    }
}

/// The options for a passkey that needs no name to sign in, of the one sort that everybody can verify.
fn discoverable(asked: &CreationChallengeResponse) -> Result<Value> {
    let mut all = serde_json::to_value(asked)
        .map_err(|e| Error::internal("Passkeys cannot be set up; see the log.").because(e))?;
    let mut options = all["publicKey"].take();
    options["authenticatorSelection"]["residentKey"] = "required".into();
    options["authenticatorSelection"]["requireResidentKey"] = true.into();
    options["pubKeyCredParams"] =
        json!([{"type": "public-key", "alg": COSEAlgorithm::ES256 as i64}]);
    Ok(options)
}

fn point(made: &webauthn_rs::prelude::Passkey) -> Option<[u8; 65]> {
    let key = made.get_public_key();
    let COSEKeyType::EC_EC2(point) = &key.key else { return None };
    if key.type_ != COSEAlgorithm::ES256 || point.curve != ECDSACurve::SECP256R1 {
        return None;
    }
    [&[4], point.x.as_slice(), &point.y].concat().try_into().ok()
}

#[cfg(test)]
#[path = "tests/ceremonies.rs"]
mod tests;
