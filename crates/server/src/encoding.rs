//! Bodies that were sent compressed: gzip and zstd, with a bound on what comes out.
//!
//! The signature covers the body as it was sent; what is here runs after it was verified. The bound
//! holds while unpacking, so that a few kilobytes which stand for gigabytes cost no memory.

use crate::auth::BODY_MAX;
use axum::http::{HeaderMap, header};
use base::{Error, Result};
use flate2::bufread::GzDecoder;
use ruzstd::decoding::StreamingDecoder;
use std::borrow::Cow;
use std::io::Read;

/// How a body was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// What the headers say.
    pub fn of(headers: &HeaderMap) -> Result<Self> {
        let mut given = headers.get_all(header::CONTENT_ENCODING).iter();
        let one = given.next().map(|value| value.to_str().unwrap_or("?"));
        match (one, given.next()) {
            (None | Some("identity"), None) => Ok(Self::Plain),
            (Some("gzip"), None) => Ok(Self::Gzip),
            (Some("zstd"), None) => Ok(Self::Zstd),
            _ => Err(Error::invalid("Send the body plain, or with Content-Encoding gzip or zstd.")),
        }
    }

    /// The body as it was before packing, at most [`BODY_MAX`] of it.
    pub fn unpack(self, body: &[u8]) -> Result<Cow<'_, [u8]>> {
        let mut rest = body;
        let out = match self {
            Self::Plain => return Ok(Cow::Borrowed(body)),
            Self::Gzip => within(GzDecoder::new(&mut rest))?,
            Self::Zstd => {
                let decoder = StreamingDecoder::new(&mut rest);
                within(decoder.map_err(|e| broken().because(e.to_string()))?)?
            }
        };
        // One member, one frame: what stands behind it would be lost silently.
        if rest.is_empty() { Ok(Cow::Owned(out)) } else { Err(broken()) }
    }
}

fn broken() -> Error {
    Error::invalid("The body cannot be unpacked as its Content-Encoding says.")
}

fn within(decoder: impl Read) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let most = BODY_MAX as u64 + 1;
    decoder.take(most).read_to_end(&mut out).map_err(|e| broken().because(e))?;
    if out.len() > BODY_MAX {
        return Err(Error::too_large("The body unpacks to more than 8 MiB; send smaller batches."));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    use std::io::Write;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(body).unwrap();
        packer.finish().unwrap()
    }

    fn zstd(body: &[u8]) -> Vec<u8> {
        compress_to_vec(body, CompressionLevel::Fastest)
    }

    fn check(encoding: Encoding, packed: &[u8], want: Result<&[u8], Kind>) {
        let got = encoding.unpack(packed).map_err(|e| e.kind());
        assert_eq!(got.as_deref().map_err(|k| *k), want, "{encoding:?}");
    }

    #[test]
    fn bodies_come_out_as_they_went_in() {
        let body = br#"{"v":1,"camera":"cam_a","items":[]}"#;
        let full = vec![b'x'; BODY_MAX];
        for (encoding, packed) in [
            (Encoding::Gzip, gzip as fn(&[u8]) -> Vec<u8>),
            (Encoding::Zstd, zstd as fn(&[u8]) -> Vec<u8>),
        ] {
            check(encoding, &packed(body), Ok(body));
            check(encoding, &packed(b""), Ok(b""));
            check(encoding, &packed(&full), Ok(&full));
        }
        check(Encoding::Plain, body, Ok(body));
    }

    #[test]
    fn bombs_and_rubbish_are_refused() {
        let bomb = vec![0; 64 << 20];
        for (encoding, packed) in [(Encoding::Gzip, gzip(&bomb)), (Encoding::Zstd, zstd(&bomb))] {
            assert!(packed.len() < 128 << 10, "{}", packed.len());
            check(encoding, &packed, Err(Kind::TooLarge));
        }
        for (encoding, good) in [(Encoding::Gzip, gzip(b"body")), (Encoding::Zstd, zstd(b"body"))] {
            check(encoding, b"", Err(Kind::Invalid));
            check(encoding, b"body", Err(Kind::Invalid));
            check(encoding, &good[..good.len() - 3], Err(Kind::Invalid));
            check(encoding, &[&good[..], b"more"].concat(), Err(Kind::Invalid));
        }
    }

    #[test]
    fn encodings_have_one_spelling() {
        let check = |values: &[&'static str], want: Option<Encoding>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(Encoding::of(&headers).ok(), want, "{values:?}");
        };
        check(&[], Some(Encoding::Plain));
        check(&["identity"], Some(Encoding::Plain));
        check(&["gzip"], Some(Encoding::Gzip));
        check(&["zstd"], Some(Encoding::Zstd));
        check(&["br"], None);
        check(&["gzip, zstd"], None);
        check(&["gzip", "gzip"], None);
    }
}
