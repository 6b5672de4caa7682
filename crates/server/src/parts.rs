//! A batch of reads as `multipart/form-data`: a part `batch` of JSON, then a part `item` of bytes for each
//! read, in their order.
//!
//! The signature covers the body, and not the header that names the boundary. So the boundary is taken
//! only if the body begins with it: who changes that header on the way changes nothing but whether the batch
//! is taken. Parts are bounded in number and size while they are read.

use crate::auth::{BODY_MAX, json};
use axum::http::{HeaderMap, header};
use base::{CameraId, Error, Result};
use city::Batch;
use multer::{Constraints, Field, Multipart, SizeLimit};
use read::Sealed;
use serde::Deserialize;
use utoipa::ToSchema;

/// The JSON part is a few words.
const HEAD_MAX: u64 = 4 << 10;
/// A sealed read: a picture of at most 256 KiB in base64, and as much again for all else.
const ITEM_MAX: u64 = 640 << 10;

/// How a batch is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object, items in base64.
    Json,
    /// Parts divided by a boundary.
    Parts {
        /// What divides them.
        boundary: String,
    },
}

/// A batch in parts. The parts come in this order, `item` once for each read.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form alone; `batch` reads it")]
pub(crate) struct BatchParts {
    /// What the items have in common, as `application/json`.
    batch: BatchHead,
    /// A sealed read as its bytes; at most 256 of at most 640 KiB.
    #[schema(value_type = Vec<String>, content_media_type = "application/octet-stream")]
    item: Vec<Vec<u8>>,
}

/// What the items of a batch have in common.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchHead {
    /// Version of this form: 1.
    v: u32,
    /// The camera whose device key signs the request.
    camera: CameraId,
}

impl Form {
    /// What the headers say; without a type it is JSON.
    pub fn of(headers: &HeaderMap) -> Result<Self> {
        let mut given = headers.get_all(header::CONTENT_TYPE).iter();
        let strange =
            || Error::invalid("Send reads as application/json or as multipart/form-data.");
        let Some(value) = given.next() else { return Ok(Self::Json) };
        let value = value.to_str().map_err(|e| strange().because(e))?;
        if given.next().is_some() {
            return Err(strange());
        }
        let kind = value.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("multipart/form-data") {
            // Whatever else it claims to be, it must read as JSON.
            return Ok(Self::Json);
        }
        let boundary = multer::parse_boundary(value).map_err(|e| strange().because(e))?;
        Ok(Self::Parts { boundary })
    }
}

fn broken() -> Error {
    Error::invalid(
        "The parts are not a batch of reads: first `batch`, then an `item` for each read.",
    )
}

/// The batch that a body in parts holds.
pub(crate) fn batch(boundary: &str, body: &[u8]) -> Result<Batch> {
    let opens = body.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary.as_bytes()));
    let end = format!("--{boundary}--");
    let closed = body.strip_suffix(b"\r\n").unwrap_or(body).ends_with(end.as_bytes());
    if !opens.is_some_and(|rest| rest.starts_with(b"\r\n")) || !closed {
        return Err(broken());
    }
    // In pieces, so that reading a part does not copy what is behind it.
    let pieces = body.chunks(64 << 10).map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
    let size = SizeLimit::new()
        .whole_stream(BODY_MAX as u64)
        .for_field("batch", HEAD_MAX)
        .for_field("item", ITEM_MAX);
    let bounds = Constraints::new().allowed_fields(vec!["batch", "item"]).size_limit(size);
    let stream = futures_util::stream::iter(pieces);
    let parts = Multipart::with_constraints(stream, boundary, bounds);
    // Everything is there already, so nothing is waited for.
    tokio::runtime::Handle::current().block_on(all(parts))
}

async fn all(mut parts: Multipart<'_>) -> Result<Batch> {
    let first = parts.next_field().await.map_err(told)?.ok_or_else(broken)?;
    if first.name() != Some("batch") {
        return Err(broken());
    }
    let head: BatchHead = json(&first.bytes().await.map_err(told)?)?;
    let mut items = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(told)? {
        if part.name() != Some("item") {
            return Err(broken());
        }
        if items.len() == Batch::MAX {
            return Err(Error::too_large(format!("Send at most {} reads a batch.", Batch::MAX)));
        }
        items.push(item(part).await?);
    }
    Ok(Batch { v: head.v, camera: head.camera, items })
}

async fn item(mut part: Field<'_>) -> Result<Sealed> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(told)? {
        bytes.extend_from_slice(&piece);
    }
    Ok(Sealed(bytes))
}

fn told(e: multer::Error) -> Error {
    match e {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Error::too_large("A part is larger than a read can be; send it without its picture.")
        }
        // Not its words: a name of a part may be anything.
        _ => broken(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;
    use proptest::prelude::*;

    const HEAD: &str = r#"{"v":1,"camera":"cam_a"}"#;

    fn body(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, bytes) in parts {
            let head = format!(
                "--XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n"
            );
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--XX--\r\n");
        out
    }

    fn read(boundary: &str, body: &[u8]) -> Result<Batch> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        batch(boundary, body)
    }

    fn check(body: &[u8], want: Result<usize, Kind>) {
        let got = read("XX", body).map(|b| b.items.len()).map_err(|e| e.kind());
        assert_eq!(got, want, "{}", String::from_utf8_lossy(&body[..body.len().min(300)]));
    }

    #[test]
    fn batches() {
        let head = ("batch", HEAD.as_bytes());
        let item: &[u8] = &[0, 13, 10, 45, 45, 255];
        check(&body(&[head]), Ok(0));
        check(&body(&[head, ("item", item), ("item", b"")]), Ok(2));
        let good = read("XX", &body(&[head, ("item", item)])).unwrap();
        assert_eq!((good.v, good.camera.as_str(), good.items[0].0.as_slice()), (1, "cam_a", item));
        let full = vec![("item", item); 256];
        check(&body(&[&[head], &full[..]].concat()), Ok(256));
        check(&body(&[&[head], &full[..], &full[..1]].concat()), Err(Kind::TooLarge));
        let large = vec![b'x'; ITEM_MAX as usize];
        check(&body(&[head, ("item", &large)]), Ok(1));
        check(&body(&[head, ("item", &[&large[..], b"x"].concat())]), Err(Kind::TooLarge));
        check(&body(&[("batch", &large[..8 << 10])]), Err(Kind::TooLarge));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        let head = ("batch", HEAD.as_bytes());
        let item: &[u8] = b"sealed";
        for bad in [
            body(&[]),
            body(&[("item", item)]),
            body(&[("item", item), head]),
            body(&[head, head]),
            body(&[head, ("other", item)]),
            body(&[("batch", b"{\"v\":1}")]),
            body(&[("batch", b"{\"v\":1,\"camera\":\"cam_a\",\"items\":[]}")]),
            [b"preamble\r\n", &body(&[head])[..]].concat(),
            [&body(&[head, ("item", item)])[..], b"behind"].concat(),
            body(&[head, ("item", item)])[..90].to_vec(),
            Vec::new(),
        ] {
            check(&bad, Err(Kind::Invalid));
        }
        // A boundary that the body does not begin with, whatever the header says.
        let other = [body(&[head]), b"--YY\r\n".to_vec(), body(&[head])].concat();
        assert!(read("YY", &other).is_err());
    }

    #[test]
    fn types() {
        let check = |values: &[&'static str], want: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, value.parse().unwrap());
            }
            let got = Form::of(&headers).ok().map(|form| match form {
                Form::Json => "json".to_owned(),
                Form::Parts { boundary } => boundary,
            });
            assert_eq!(got.as_deref(), want, "{values:?}");
        };
        check(&[], Some("json"));
        check(&["application/json"], Some("json"));
        check(&["multipart/form-data; boundary=XX"], Some("XX"));
        check(&["Multipart/Form-Data; boundary=\"a b\""], Some("a b"));
        check(&["multipart/form-data"], None);
        check(&["application/json", "multipart/form-data; boundary=XX"], None);
    }

    proptest! {
        #[test]
        fn no_body_is_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read("XX", &[b"--XX\r\n", &tail[..]].concat()).is_ok();
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"batch\"\r\n\r\n{HEAD}\r\n");
            let _ = read("XX", &[head.as_bytes(), &tail[..], b"--XX--"].concat()).is_ok();
        }
    }
}
