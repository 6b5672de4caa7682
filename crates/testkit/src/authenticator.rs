//! An authenticator without hardware: it makes passkeys and answers challenges as told, rightly or wrongly.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base::{b64url, random, sha256};
use serde_json::{Value, json};

/// The flags of authenticator data.
pub struct Flags;

impl Flags {
    /// Somebody was there.
    pub const PRESENT: u8 = 1;
    /// It was its person.
    pub const VERIFIED: u8 = 4;
    /// Behind the counter stands a new key.
    const ATTESTED: u8 = 64;
}

/// One passkey in software, and the browser in front of it.
pub struct Authenticator {
    key: EcdsaKeyPair,
    rp_id: String,
    /// The credential's id.
    pub id: Vec<u8>,
    /// Whose it is, as the site said when it was made.
    pub user: Vec<u8>,
    /// The page that asks.
    pub origin: String,
    /// Flags of what it answers.
    pub flags: u8,
    /// The counter of the last answer.
    pub counter: u32,
    /// By how much the counter grows with each answer.
    pub step: i64,
    /// The type that the browser states.
    pub kind: String,
    /// Whether the browser says that the page is in another's frame.
    pub cross_origin: bool,
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key")
}

impl Authenticator {
    /// A fresh one, for this site, behind a page of this origin.
    pub fn new(rp_id: &str, origin: &str) -> Self {
        Self {
            key: new_key(),
            rp_id: rp_id.into(),
            id: random::<16>().to_vec(),
            user: Vec::new(),
            origin: origin.into(),
            flags: Flags::PRESENT | Flags::VERIFIED,
            counter: 0,
            step: 1,
            kind: "webauthn.get".into(),
            cross_origin: false,
        }
    }

    /// The public key.
    pub fn point(&self) -> [u8; 65] {
        self.key.public_key().as_ref().try_into().expect("65 bytes")
    }

    /// The site that it answers for.
    pub fn rp_id(&self) -> &str {
        &self.rp_id
    }

    /// From here on it answers for another site.
    pub fn set_rp_id(&mut self, rp_id: &str) {
        self.rp_id = rp_id.into();
    }

    /// From here on it signs with another key under the same id.
    pub fn forget_key(&mut self) {
        self.key = new_key();
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let said = json!({"type": kind, "challenge": challenge, "origin": self.origin,
            "crossOrigin": self.cross_origin});
        said.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut out = sha256(self.rp_id.as_bytes()).to_vec();
        out.push(flags);
        out.extend(self.counter.to_be_bytes());
        out
    }

    /// Authenticator data, client data and signature for a challenge.
    pub fn assert(&mut self, challenge: &[u8]) -> [Vec<u8>; 3] {
        self.assert_text(&b64url(challenge))
    }

    fn assert_text(&mut self, challenge: &str) -> [Vec<u8>; 3] {
        self.counter = u32::try_from(i64::from(self.counter) + self.step).expect("a counter");
        let client = self.client_data(&self.kind, challenge);
        let data = self.data(self.flags);
        let signed = [data.as_slice(), &sha256(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).expect("a signature");
        [data, client, signature.as_ref().to_vec()]
    }

    /// What a browser sends after `navigator.credentials.get` with these options (`publicKey`).
    pub fn get(&mut self, options: &Value) -> Value {
        let [data, client, signature] =
            self.assert_text(options["challenge"].as_str().expect("a challenge"));
        let mut response = json!({
            "authenticatorData": b64url(&data),
            "clientDataJSON": b64url(&client),
            "signature": b64url(&signature),
        });
        if !self.user.is_empty() {
            response["userHandle"] = b64url(&self.user).into();
        }
        self.credential(response)
    }

    /// What a browser sends after `navigator.credentials.create` with these options (`publicKey`).
    pub fn create(&mut self, options: &Value) -> Value {
        let user = options["user"]["id"].as_str().expect("a user");
        self.user = base::unb64url(user).expect("base64url");
        let challenge = options["challenge"].as_str().expect("a challenge");
        let client = self.client_data("webauthn.create", challenge);
        let mut data = self.data(self.flags | Flags::ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).expect("a short id").to_be_bytes());
        data.extend(&self.id);
        data.extend(cose(&self.point()));
        self.credential(json!({
            "attestationObject": b64url(&attestation(&data)),
            "clientDataJSON": b64url(&client),
        }))
    }

    fn credential(&self, response: Value) -> Value {
        json!({"id": b64url(&self.id), "rawId": b64url(&self.id), "type": "public-key",
            "response": response, "extensions": {}})
    }
}

/// A key of P-256 as COSE spells it (RFC 9053): {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
fn cose(point: &[u8; 65]) -> Vec<u8> {
    let mut out = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01];
    for (label, half) in [(0x21, &point[1..33]), (0x22, &point[33..])] {
        out.extend([label, 0x58, 32]);
        out.extend(half);
    }
    out
}

/// {"fmt": "none", "attStmt": {}, "authData": …}.
fn attestation(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0xa3];
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(0x60 + u8::try_from(text.len()).expect("short"));
        out.extend(text.as_bytes());
    };
    text(&mut out, "fmt");
    text(&mut out, "none");
    text(&mut out, "attStmt");
    out.push(0xa0);
    text(&mut out, "authData");
    out.push(0x59);
    out.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
    out.extend(data);
    out
}
