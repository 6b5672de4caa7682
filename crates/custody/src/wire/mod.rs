//! Custody over a Unix socket, for a process and a user of its own: `ref/custody-socket-v1.md`.
//!
//! One request, one answer, in turn. What the city is given is what a permit gives it: keys of single
//! reads. The permit itself stays with custody, under a handle; what the city says of a read is checked
//! against custody's own permit and not against the city's copy.
//!
//! Not here: what a request means ([`crate::Custody`]), who may connect ([`serve`] is told).

mod client;
mod message;
mod server;

pub use client::Remote;
pub use server::{Guests, serve};

pub(crate) use client::Lent;
pub(crate) use message::{Given, GivenHold, Handle, Key, Plain};

use base::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};
use zeroize::Zeroizing;

/// The version of everything below.
const VERSION: u32 = 5;
/// A batch of reads with their pictures, a page of segments.
const LARGEST: u32 = 256 << 20;

/// What is reserved for a frame before it is read.
const ROOM: usize = 4 << 20;

/// Writes one frame: its length in four bytes, big-endian, and CBOR. The buffer is wiped: plates and keys
/// are in it.
fn send(to: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let unspelled = |e| Error::internal("A message to custody cannot be spelled.").because(e);
    // Counted first: a buffer that grows leaves copies behind that nobody wipes.
    let mut count = Count(0);
    ciborium::into_writer(message, &mut count).map_err(unspelled)?;
    let length = u32::try_from(count.0).ok().filter(|length| *length <= LARGEST);
    let length = length.ok_or_else(|| Error::too_large("A message to custody is too large."))?;
    let mut frame = Zeroizing::new(Vec::<u8>::with_capacity(4 + count.0));
    frame.extend_from_slice(&length.to_be_bytes());
    ciborium::into_writer(message, &mut *frame).map_err(unspelled)?;
    to.write_all(&frame).map_err(gone)
}

/// Counts the bytes that are written to it.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads one frame; `None` at a clean end between two frames.
fn receive<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<T>> {
    let mut length = [0; 4];
    match from.read(&mut length).map_err(gone)? {
        0 => return Ok(None),
        there => from.read_exact(&mut length[there..]).map_err(gone)?,
    }
    let length = u32::from_be_bytes(length);
    if length > LARGEST {
        return Err(Error::too_large("A message of custody's socket is too large."));
    }
    // A length alone takes little memory; what most messages need is there at once, because a buffer that
    // grows leaves copies behind.
    let mut frame = Zeroizing::new(Vec::with_capacity((length as usize).min(ROOM)));
    let came = from.take(u64::from(length)).read_to_end(&mut frame).map_err(gone)?;
    if came < length as usize {
        return Err(gone(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let message = ciborium::from_reader(frame.as_slice());
    message.map(Some).map_err(|e| {
        Error::invalid("A message of custody's socket is malformed.").because(e.to_string())
    })
}

fn gone(e: std::io::Error) -> Error {
    Error::unavailable("Custody does not answer; start it with `homeplate custody`.").because(e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Request, Word};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_frames_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = receive::<Request>(&mut bytes.as_slice());
            let framed = [&(bytes.len() as u32).to_be_bytes(), bytes.as_slice()].concat();
            let _ = receive::<Request>(&mut framed.as_slice());
            let _ = receive::<Word<Vec<String>>>(&mut framed.as_slice());
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let mut wire = Vec::new();
        send(&mut wire, &Request::IngestKey).unwrap();
        assert_eq!(wire.len(), 4 + u32::from_be_bytes(wire[..4].try_into().unwrap()) as usize);
        send(&mut wire, &Request::SealRecord(message::Plain(vec![1, 2, 3]))).unwrap();
        let mut rest = wire.as_slice();
        assert!(matches!(receive(&mut rest).unwrap(), Some(Request::IngestKey)));
        let second = receive(&mut rest).unwrap();
        assert!(matches!(second, Some(Request::SealRecord(plain)) if plain.0 == [1, 2, 3]));
        assert!(receive::<Request>(&mut rest).unwrap().is_none());
        let cut = &wire[..wire.len() - 1];
        let mut rest = cut;
        assert!(receive::<Request>(&mut rest).unwrap().is_some());
        assert!(receive::<Request>(&mut rest).is_err(), "cut off");
        assert!(receive::<Request>(&mut [0xff; 8].as_slice()).is_err(), "too large");
    }
}
