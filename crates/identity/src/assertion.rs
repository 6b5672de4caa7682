//! What an authenticator answers when it is asked to prove that its person is there.
//!
//! One check for all of it (W3C WebAuthn level 3, section 7.2): signing in and confirming differ in the
//! challenge alone. Pure: who keeps challenges and counters is [`crate::Ceremonies`] and the city.

use crate::signer::{PasskeyKey, is_host};
use base::{Error, Result, sha256, unb64url};
use serde::Deserialize;

/// The longest client data that is looked at.
const CLIENT_MAX: usize = 4096;

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const EXTENDED: u8 = 1 << 7;

/// An authenticator's answer, byte by byte as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Hash of the site, flags and counter.
    pub authenticator_data: Vec<u8>,
    /// What the browser saw: challenge and origin.
    pub client_data: Vec<u8>,
    /// Over both.
    pub signature: Vec<u8>,
}

/// What browsers say; they may say more.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

impl Assertion {
    /// Where the browser says that it was given; nothing is checked.
    pub(crate) fn origin(&self) -> Result<String> {
        let client = self.client_data.get(..self.client_data.len().min(CLIENT_MAX));
        let said: ClientData =
            serde_json::from_slice(client.unwrap_or_default()).map_err(|_| bad("client data"))?;
        Ok(said.origin)
    }

    /// Checks the answer to `challenge`, with the person present and verified. Gives the counter, which must
    /// have grown since the last time: that is for who keeps it to see.
    pub(crate) fn verify(&self, key: &PasskeyKey, rp_id: &str, challenge: &[u8]) -> Result<u32> {
        self.client_fits(rp_id, challenge)?;
        let counter = self.data_fits(rp_id)?;
        let signed = [self.authenticator_data.as_slice(), &sha256(&self.client_data)].concat();
        if key.verifies(&signed, &self.signature) { Ok(counter) } else { Err(bad("signature")) }
    }

    fn client_fits(&self, rp_id: &str, challenge: &[u8]) -> Result<()> {
        if self.client_data.len() > CLIENT_MAX {
            return Err(bad("length"));
        }
        let said: ClientData =
            serde_json::from_slice(&self.client_data).map_err(|_| bad("client data"))?;
        if said.kind != "webauthn.get" {
            return Err(bad("type"));
        }
        if unb64url(&said.challenge).as_deref() != Some(challenge) {
            return Err(bad("challenge"));
        }
        if said.cross_origin || !belongs(&said.origin, rp_id) {
            return Err(bad("origin"));
        }
        Ok(())
    }

    fn data_fits(&self, rp_id: &str) -> Result<u32> {
        let Some((site, rest)) = self.authenticator_data.split_first_chunk::<32>() else {
            return Err(bad("length"));
        };
        let Some((&[flags, a, b, c, d], more)) = rest.split_first_chunk::<5>() else {
            return Err(bad("length"));
        };
        if more.is_empty() != (flags & EXTENDED == 0) {
            return Err(bad("length"));
        }
        if *site != sha256(rp_id.as_bytes()) {
            return Err(bad("site"));
        }
        if flags & PRESENT == 0 || flags & VERIFIED == 0 {
            return Err(Error::unauthenticated(
                "The passkey did not verify who you are; use one with a PIN, a finger or a face.",
            ));
        }
        if flags & BACKED_UP != 0 && flags & ELIGIBLE == 0 {
            return Err(bad("flags"));
        }
        Ok(u32::from_be_bytes([a, b, c, d]))
    }
}

/// One sentence for all of them; which it was is for the operator.
fn bad(what: &'static str) -> Error {
    Error::unauthenticated("The passkey's answer does not hold; begin again.").because(what)
}

/// Whether a page of this origin may use the passkeys of a site: over TLS, or on this very machine.
fn belongs(origin: &str, rp_id: &str) -> bool {
    let (tls, rest) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return false,
    };
    let (host, port) = rest.split_once(':').map_or((rest, None), |(h, p)| (h, Some(p)));
    if port.is_some_and(|p| p.parse::<u16>().is_err()) || !is_host(host) {
        return false;
    }
    let local = host == "localhost" || host.ends_with(".localhost");
    let below =
        host.strip_suffix(rp_id).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    (tls || local) && below
}
