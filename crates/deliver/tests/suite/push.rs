//! A push service that is one: it checks who sends, and a browser behind it decrypts.

use crate::notice;
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifying};
use base::{Time, b64url, unb64url};
use deliver::{Next, Reach, Subscription, VapidKey, WebPush};
use serde_json::Value;
use std::time::Duration;
use testkit::peers::{Does, WebSink};

struct Browser {
    key: PrivateKey,
    auth: [u8; 16],
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], secret: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    prk.expand(&[info], Length(length)).unwrap().fill(&mut out).unwrap();
    out
}

impl Browser {
    fn new() -> Self {
        Self { key: PrivateKey::generate(&ECDH_P256).unwrap(), auth: base::random() }
    }

    fn subscribed(&self, endpoint: String) -> Subscription {
        Subscription {
            endpoint,
            p256dh: b64url(self.key.compute_public_key().unwrap().as_ref()),
            auth: b64url(&self.auth),
        }
    }

    /// RFC 8291 from the receiving side, by the library's own HKDF.
    fn opens(&self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        assert_eq!(&rest[..5], &[0, 0, 16, 0, 65], "record size and length of the key");
        let (sender, sealed) = rest[5..].split_at(65);
        let mine = self.key.compute_public_key().unwrap();
        let info = [b"WebPush: info\0", mine.as_ref(), sender].concat();
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let ikm = agree(&self.key, peer, (), |shared| Ok(derive(&self.auth, shared, &info, 32)));
        let ikm = ikm.unwrap();
        let key = derive(salt, &ikm, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = derive(salt, &ikm, b"Content-Encoding: nonce\0", 12);
        let key = LessSafeKey::new(UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&nonce).unwrap();
        let mut sealed = sealed.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).unwrap();
        let end = plain.iter().rposition(|byte| *byte != 0).unwrap();
        assert_eq!(plain[end], 2, "the delimiter of the last record");
        plain[..end].to_vec()
    }
}

fn way(dir: &std::path::Path) -> WebPush {
    let key = VapidKey::load_or_make(&dir.join("push.key")).unwrap();
    WebPush::new(key, "mailto:it@c.example", Reach::LOCAL)
}

#[test]
fn the_browser_reads_it_and_the_service_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, browser, way) = (WebSink::start([]).unwrap(), Browser::new(), way(dir.path()));
    let to = browser.subscribed(sink.url("/send/abc"));
    way.check(&to).unwrap();
    way.send(&to, &notice(), Time::from_millis(1_700_000_000_000)).unwrap();
    let request = sink.wait(1, Duration::from_secs(10)).remove(0);
    let shown: Value = serde_json::from_slice(&browser.opens(&request.body)).unwrap();
    assert_eq!(shown["heading"], "Hit 4711");
    assert_eq!(shown["link"], notice().link);
    assert!(!String::from_utf8_lossy(&request.body).contains("4711"));
    assert_eq!(request.header("content-encoding"), Some("aes128gcm"));
    assert_eq!(request.header("urgency"), Some("high"));
    assert_eq!(request.header("ttl"), Some("600"));
    assert!(request.header("topic").is_some_and(|topic| topic.len() == 32));
    signed_for_this_service(request.header("authorization").unwrap(), &sink, &way);
}

fn signed_for_this_service(value: &str, sink: &WebSink, way: &WebPush) {
    let (token, key) = value.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(key, way.public_key());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    Verifying::new(&ECDSA_P256_SHA256_FIXED, unb64url(key).unwrap())
        .verify(signed.as_bytes(), &unb64url(signature).unwrap())
        .unwrap();
    let claims = unb64url(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], format!("http://127.0.0.1:{}", sink.port()));
}

#[test]
fn what_the_service_answers_decides_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, browser, way) = (WebSink::start([]).unwrap(), Browser::new(), way(dir.path()));
    let to = browser.subscribed(sink.url("/send/abc"));
    for (status, next) in [
        (201, None),
        (404, Some(Next::Gone)),
        (410, Some(Next::Gone)),
        (403, Some(Next::Never)),
        (413, Some(Next::Never)),
        (429, Some(Next::Again(None))),
        (503, Some(Next::Again(None))),
        (302, Some(Next::Again(None))),
    ] {
        sink.then(Does::Answers(status, ""));
        let outcome = way.send(&to, &notice(), Time::from_millis(0));
        assert_eq!(outcome.err().map(|failure| failure.next), next, "{status}");
    }
}

#[test]
fn a_browser_that_names_a_machine_of_the_house_gets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (sink, browser) = (WebSink::start([]).unwrap(), Browser::new());
    let key = VapidKey::load_or_make(&dir.path().join("push.key")).unwrap();
    let way = WebPush::new(key, "mailto:it@c.example", Reach::PUBLIC);
    let plain = browser.subscribed(sink.url("/send/abc"));
    assert!(way.check(&plain).is_err());
    let hidden = browser.subscribed(format!("https://localhost:{}/send", sink.port()));
    way.check(&hidden).unwrap();
    for to in [plain, hidden] {
        assert!(way.send(&to, &notice(), Time::from_millis(0)).is_err());
    }
    assert!(sink.wait(1, Duration::ZERO).is_empty());
}
