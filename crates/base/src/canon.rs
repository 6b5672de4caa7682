//! Canonical bytes: the one spelling of a value that is signed, hashed or compared.
//!
//! The form is RFC 8785 (JSON Canonicalization Scheme) narrowed to what can be spelled only one
//! way without arguing about floating point: objects, arrays, strings, booleans, null and integers
//! within ±(2^53 − 1). Probabilities travel as integers in parts per million.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// Why a value has no canonical bytes.
#[derive(Debug, thiserror::Error)]
pub enum CanonError {
    /// A number is not an integer, or is beyond ±(2^53 − 1).
    #[error("number {0} is not an integer within ±(2^53 − 1)")]
    Number(String),
    /// The value does not serialise at all.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The canonical bytes of any serialisable value.
pub fn canonical<T: serde::Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonError> {
    let mut out = Vec::with_capacity(256);
    write(&serde_json::to_value(value)?, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonError> {
    match value {
        Value::Number(n) => {
            const MAX: i64 = (1 << 53) - 1;
            match n.as_i64() {
                Some(i) if (-MAX..=MAX).contains(&i) => out.extend(i.to_string().bytes()),
                _ => return Err(CanonError::Number(n.to_string())),
            }
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            // RFC 8785 sorts by UTF-16 code units, which differs from byte order only beyond the BMP.
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write(&map[key], out)?;
            }
            out.push(b'}');
        }
        // serde_json escapes strings exactly as RFC 8785 asks (short escapes, \u00xx, no slash).
        scalar => serde_json::to_writer(&mut *out, scalar)?,
    }
    Ok(())
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_of([bytes])
}

/// SHA-256 of pieces, as if they stood in one.
pub fn sha256_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    pieces.into_iter().for_each(|piece| context.update(piece));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// HMAC-SHA-256 under a key, of as many messages as there are.
pub fn mac(key: &[u8; 32]) -> impl Fn(&[u8]) -> [u8; 32] + use<> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    move |message| {
        let mut out = [0; 32];
        out.copy_from_slice(aws_lc_rs::hmac::sign(&key, message).as_ref());
        out
    }
}

/// Standard base64 with padding.
pub fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Two small hex digits a byte, as `sha256sum` prints them.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Reserved at once: some of what is spelled is secret, and growing would leave copies behind.
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// Bytes behind standard base64; other spellings of the same bytes are refused.
pub fn unb64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Base64 for addresses and browsers, without padding (RFC 4648, section 5).
pub fn b64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes behind [`b64url`]; other spellings of the same bytes are refused.
pub fn unb64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn bytes_in_hex() {
        assert_eq!(hex(&[]), "");
        assert_eq!(hex(&[0, 1, 0x9f, 0xa0, 0xff]), "00019fa0ff");
    }

    /// RFC 4231, the second case, with its key filled up with zeros as HMAC does.
    #[test]
    fn a_known_mac() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex(&mac(&key)(b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn one_spelling() {
        let v = json!({"b": [1, -2, true, null], "a": "é\n\"/\u{7}", "\u{fb33}": 1, "😀": 2});
        let text = String::from_utf8(canonical(&v).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"a\":\"é\\n\\\"/\\u0007\",\"b\":[1,-2,true,null],\"😀\":2,\"\u{fb33}\":1}"
        );
        assert!(canonical(&json!(0.5)).is_err());
        assert!(canonical(&json!(1u64 << 60)).is_err());
    }

    #[test]
    fn base64_is_strict() {
        assert_eq!(unb64("YQ=="), Some(b"a".to_vec()));
        for other in ["YR==", "YQ", "YQ= =", "YQ==\n"] {
            assert_eq!(unb64(other), None, "{other:?}");
        }
        assert_eq!(
            (b64url(&[0xfb, 0xff]), unb64url("-_8")),
            ("-_8".into(), Some(vec![0xfb, 0xff]))
        );
        for other in ["-_9", "+/8", "-_8=", "-_ 8"] {
            assert_eq!(unb64url(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_back_gives_the_same_bytes(keys in proptest::collection::btree_map(".{0,8}", -9i64..9, 0..6)) {
            let bytes = canonical(&keys).unwrap();
            let back: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(canonical(&back).unwrap(), bytes);
        }
    }
}
