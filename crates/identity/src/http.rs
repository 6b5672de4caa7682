//! Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, narrowed to one form.
//!
//! Covered are `@method`, `@path`, `@query` and `content-digest` (RFC 9530, SHA-256; there for empty
//! bodies too); the parameters are `created`, `keyid`, `nonce` and `alg`, in this order. One form
//! means one parser and nothing to negotiate: everything else is refused.

use base::{Error, PublicKey, Result, SigningKey, Time, b64, random, sha256, unb64};

/// How far the signer's clock may be off.
const WINDOW_MS: i64 = 5 * 60_000;
const COMPONENTS: &str = "(\"@method\" \"@path\" \"@query\" \"content-digest\")";

/// What a request says of its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key: `cam_…` or `per_…`.
    pub key_id: String,
    /// When it was signed.
    pub created: Time,
    /// Different for every request; [`crate::Nonces`] remembers it.
    pub nonce: String,
}

/// The headers `content-digest`, `signature-input` and `signature` of a request.
pub fn sign(
    method: &str,
    path_and_query: &str,
    body: &[u8],
    key_id: &str,
    key: &SigningKey,
    now: Time,
) -> Vec<(String, String)> {
    let nonce = b64(&random::<15>());
    let digest = digest_of(body);
    let params = params(&Claim { key_id: key_id.into(), created: now, nonce });
    let signature = key.sign(base_of(method, path_and_query, &digest, &params).as_bytes());
    vec![
        ("content-digest".into(), digest),
        ("signature-input".into(), format!("sig1={params}")),
        ("signature".into(), format!("sig1=:{}:", b64(&signature))),
    ]
}

/// What the headers claim; nothing is verified yet.
pub fn claim(headers: &dyn Fn(&str) -> Option<String>) -> Result<Claim> {
    let missing =
        || Error::unauthenticated("This request must be signed with an enrolled key (RFC 9421).");
    parse(&headers("signature-input").ok_or_else(missing)?)
}

/// Checks signature, time and digest. Replays are for [`crate::Nonces`] to notice.
pub fn verify(
    method: &str,
    path_and_query: &str,
    body: &[u8],
    headers: &dyn Fn(&str) -> Option<String>,
    key: &PublicKey,
    now: Time,
) -> Result<Claim> {
    let claim = verify_head(method, path_and_query, headers, key, now)?;
    verify_body(body, headers)?;
    Ok(claim)
}

/// Checks signature and time, which needs no body: a forger's is not even read. What is signed holds the
/// body's digest, so [`verify_body`] must follow.
pub fn verify_head(
    method: &str,
    path_and_query: &str,
    headers: &dyn Fn(&str) -> Option<String>,
    key: &PublicKey,
    now: Time,
) -> Result<Claim> {
    let claim = claim(headers)?;
    if now.since(claim.created).abs() > WINDOW_MS {
        return Err(Error::unauthenticated(
            "The request's clock is more than five minutes off; set the time and try again.",
        ));
    }
    let digest = headers("content-digest").ok_or_else(bad)?;
    let signature = headers("signature").ok_or_else(bad)?;
    let inner = signature.strip_prefix("sig1=:").and_then(|s| s.strip_suffix(':'));
    let bytes = inner.and_then(unb64).ok_or_else(bad)?;
    let signed = base_of(method, path_and_query, &digest, &params(&claim));
    if key.verifies(signed.as_bytes(), &bytes) { Ok(claim) } else { Err(bad()) }
}

/// Checks that a body is the one whose digest was signed.
pub fn verify_body(body: &[u8], headers: &dyn Fn(&str) -> Option<String>) -> Result<()> {
    if headers("content-digest").is_some_and(|digest| digest == digest_of(body)) {
        Ok(())
    } else {
        Err(bad())
    }
}

fn bad() -> Error {
    Error::unauthenticated("The request's signature does not hold.")
}

fn digest_of(body: &[u8]) -> String {
    format!("sha-256=:{}:", b64(&sha256(body)))
}

fn params(claim: &Claim) -> String {
    format!(
        "{COMPONENTS};created={};keyid=\"{}\";nonce=\"{}\";alg=\"ed25519\"",
        claim.created.millis() / 1000,
        claim.key_id,
        claim.nonce
    )
}

/// The signature base of RFC 9421, section 2.5.
fn base_of(method: &str, path_and_query: &str, digest: &str, params: &str) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    format!(
        "\"@method\": {method}\n\"@path\": {path}\n\"@query\": ?{query}\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
    )
}

/// Reads `sig1=(…);created=…;keyid="…";nonce="…";alg="ed25519"`, this form and no other.
fn parse(input: &str) -> Result<Claim> {
    let strange = || {
        Error::unauthenticated(
            "The signature-input header has another form than this city takes; see the guide.",
        )
    };
    let rest = input
        .strip_prefix("sig1=")
        .and_then(|s| s.strip_prefix(COMPONENTS))
        .and_then(|s| s.strip_prefix(";created="))
        .ok_or_else(strange)?;
    let (created, rest) = rest.split_once(";keyid=\"").ok_or_else(strange)?;
    let (key_id, rest) = rest.split_once("\";nonce=\"").ok_or_else(strange)?;
    let nonce = rest.strip_suffix("\";alg=\"ed25519\"").ok_or_else(strange)?;
    let plain = |s: &str, extra: &str| {
        (1..=64).contains(&s.len())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    let digits = (1..=11).contains(&created.len()) && created.bytes().all(|b| b.is_ascii_digit());
    if !digits || !plain(key_id, "_-") || !plain(nonce, "+/=") {
        return Err(strange());
    }
    let seconds: i64 = created.parse().map_err(|_| strange())?;
    // One spelling: a leading zero would give the same time under another signature base.
    if seconds.to_string() != created {
        return Err(strange());
    }
    Ok(Claim {
        key_id: key_id.into(),
        created: Time::from_millis(seconds.saturating_mul(1000)),
        nonce: nonce.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_795_421_700_000;

    fn signed(body: &[u8]) -> (SigningKey, Vec<(String, String)>) {
        let key = SigningKey::from_seed([3; 32]);
        let headers = sign("POST", "/v1/ask?x=1", body, "per_smith", &key, Time::from_millis(NOW));
        (key, headers)
    }

    fn look(headers: &[(String, String)]) -> impl Fn(&str) -> Option<String> + '_ {
        |name| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    #[test]
    fn signature_base_is_that_of_the_rfc() {
        let claim = Claim {
            key_id: "cam_a".into(),
            created: Time::from_millis(NOW),
            nonce: "bm9uY2U=".into(),
        };
        let base = base_of("GET", "/v1/hits", &digest_of(b""), &params(&claim));
        assert_eq!(
            base,
            "\"@method\": GET\n\"@path\": /v1/hits\n\"@query\": ?\n\
             \"content-digest\": sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\n\
             \"@signature-params\": (\"@method\" \"@path\" \"@query\" \"content-digest\")\
             ;created=1795421700;keyid=\"cam_a\";nonce=\"bm9uY2U=\";alg=\"ed25519\""
        );
    }

    #[test]
    fn only_the_signed_request_verifies() {
        let (key, headers) = signed(b"body");
        let check = |method: &str, path: &str, body: &[u8], at: i64, good: bool| {
            let now = Time::from_millis(at);
            let got = verify(method, path, body, &look(&headers), &key.public(), now);
            assert_eq!(got.is_ok(), good, "{method} {path} {at}");
        };
        check("POST", "/v1/ask?x=1", b"body", NOW, true);
        check("POST", "/v1/ask?x=1", b"body", NOW + 299_000, true);
        check("POST", "/v1/ask?x=1", b"body", NOW + 301_000, false);
        check("POST", "/v1/ask?x=1", b"body", NOW - 301_000, false);
        check("GET", "/v1/ask?x=1", b"body", NOW, false);
        check("POST", "/v1/ask", b"body", NOW, false);
        check("POST", "/v1/ask?x=2", b"body", NOW, false);
        check("POST", "/v1/hits?x=1", b"body", NOW, false);
        check("POST", "/v1/ask?x=1", b"other", NOW, false);
        let stranger = SigningKey::from_seed([4; 32]).public();
        let now = Time::from_millis(NOW);
        assert!(verify("POST", "/v1/ask?x=1", b"body", &look(&headers), &stranger, now).is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        let (key, headers) = signed(b"");
        let input = look(&headers)("signature-input").unwrap();
        for (from, to) in [
            ("sig1", "sig2"),
            ("\"@path\" ", ""),
            ("ed25519", "hmac-sha256"),
            ("created=1", "created=01"),
            ("per_smith", "per smith"),
            ("\";alg", "\";tag=\"x\";alg"),
        ] {
            let mut changed = headers.clone();
            changed[1].1 = input.replace(from, to);
            let now = Time::from_millis(NOW);
            assert!(
                verify("POST", "/v1/ask?x=1", b"", &look(&changed), &key.public(), now).is_err(),
                "{to}"
            );
        }
    }

    proptest! {
        #[test]
        fn hostile_headers_never_pass(input in "\\PC{0,200}", digest in "\\PC{0,60}", sig in "\\PC{0,60}") {
            let headers = vec![("signature-input".to_owned(), input), ("content-digest".to_owned(), digest), ("signature".to_owned(), sig)];
            let key = SigningKey::from_seed([3; 32]).public();
            prop_assert!(verify("GET", "/", b"", &look(&headers), &key, Time::from_millis(NOW)).is_err());
        }
    }
}
