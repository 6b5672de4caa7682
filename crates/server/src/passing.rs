//! From servers that stand by to the one that serves: whole connections, as they came, with word of where they came from.
//!
//! A server that stands by opens nothing of the city: what reaches it (mostly TLS, which it cannot read) goes on byte by
//! byte to the server that has the city's seat. Before the first byte both prove that they know the key of the seat's
//! note, each over a number that the other drew: a program that took the port of a server that died learns nothing, and
//! nobody else is believed about where a connection comes from.
//!
//! The opening, version 1. The one that serves: 16 drawn bytes. The one that stands by: 16 drawn bytes, the client's
//! address (16 bytes, IPv4 mapped into IPv6) and port (2 bytes, the higher first), and an HMAC-SHA-256 over `passing`, both
//! numbers, address and port. The one that serves: an HMAC-SHA-256 over `serving` and both numbers.

use crate::guard::same;
use crate::net::{Places, accepted};
use base::{Error, Result, random};
use city::Holder;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// An opening that takes longer is none: the two are near each other.
const OPENING: Duration = Duration::from_secs(2);
/// So long a connection waits for somebody to serve it: a server that is told to stop ends what it answers first, for
/// up to 20 s; the next one takes a second or two, and in a city with long lists a few more.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two tries to reach the one that serves.
const BREATH: Duration = Duration::from_millis(40);

const NUMBER: usize = 16;
const ORIGIN: usize = 18;
const MAC: usize = 32;

type Key = [u8; 32];

/// Where a server takes connections from those that stand by.
#[derive(Debug)]
pub struct Inner {
    /// Its listener for them.
    pub listener: TcpListener,
    /// The key that [`city::Seat::announce`] returned.
    pub key: Key,
}

fn spelled(from: SocketAddr) -> [u8; ORIGIN] {
    let ip = match from.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut out = [0; ORIGIN];
    out[..16].copy_from_slice(&ip.octets());
    out[16..].copy_from_slice(&from.port().to_be_bytes());
    out
}

fn read_back(bytes: &[u8; ORIGIN]) -> SocketAddr {
    let (ip, port) = bytes.split_at(16);
    let ip: [u8; 16] = ip.try_into().unwrap_or_default();
    let port = u16::from_be_bytes([port[0], port[1]]);
    SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), port)
}

fn proof(key: &Key, word: &str, parts: &[&[u8]]) -> [u8; MAC] {
    base::mac(key)(&[word.as_bytes(), &parts.concat()].concat())
}

fn strange() -> Error {
    Error::unauthenticated(
        "Whoever is there does not know this city's seat; nothing was passed on.",
    )
}

fn broke(e: std::io::Error) -> Error {
    Error::unavailable("The other server cannot be reached; it is tried again.").because(e)
}

async fn in_time<T>(opening: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Error::unavailable("The other server is too slow; it is tried again.");
    tokio::time::timeout(OPENING, opening).await.map_err(late)?
}

/// The serving side of an opening: where the connection comes from.
pub(crate) async fn taken(stream: &mut TcpStream, key: &Key) -> Result<SocketAddr> {
    in_time(async {
        let ours: [u8; NUMBER] = random();
        stream.write_all(&ours).await.map_err(broke)?;
        let (mut theirs, mut from, mut mac) = ([0; NUMBER], [0; ORIGIN], [0; MAC]);
        for part in [&mut theirs[..], &mut from[..], &mut mac[..]] {
            stream.read_exact(part).await.map_err(broke)?;
        }
        if !same(mac, proof(key, "passing", &[&ours, &theirs, &from])) {
            return Err(strange());
        }
        stream.write_all(&proof(key, "serving", &[&ours, &theirs])).await.map_err(broke)?;
        Ok(read_back(&from))
    })
    .await
}

/// The other side: a line to the holder, which will take what follows for bytes of `from`.
async fn reached(holder: &Holder, from: SocketAddr) -> Result<TcpStream> {
    in_time(async {
        let mut stream = TcpStream::connect(holder.address).await.map_err(broke)?;
        let _ = stream.set_nodelay(true);
        let (mut theirs, mut mac) = ([0; NUMBER], [0; MAC]);
        stream.read_exact(&mut theirs).await.map_err(broke)?;
        let (ours, from): ([u8; NUMBER], _) = (random(), spelled(from));
        let ask = proof(&holder.key, "passing", &[&theirs, &ours, &from]);
        let opening = [&ours[..], &from, &ask].concat();
        stream.write_all(&opening).await.map_err(broke)?;
        stream.read_exact(&mut mac).await.map_err(broke)?;
        if !same(mac, proof(&holder.key, "serving", &[&theirs, &ours])) {
            return Err(strange());
        }
        Ok(stream)
    })
    .await
}

/// Passes one connection on, once somebody serves; ends it where nobody does for long, or where `over` says that whoever
/// it went to is gone.
async fn pass(
    mut client: TcpStream,
    from: SocketAddr,
    holder: impl Fn() -> Option<Holder>,
    mut over: watch::Receiver<bool>,
) {
    let _ = client.set_nodelay(true);
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut line = loop {
        let tried = match holder() {
            Some(holder) => reached(&holder, from).await,
            None => Err(Error::unavailable("Nobody serves the city yet.")),
        };
        match tried {
            Ok(line) => break line,
            Err(e) if tokio::time::Instant::now() >= until => {
                tracing::warn!(error = %e.inside(), "a connection was not passed on");
                return;
            }
            Err(e) => tracing::debug!(error = %e.inside(), "not passed on yet"),
        }
        tokio::time::sleep(BREATH).await;
    };
    // What waited until now goes to the server that came after, which is this one.
    let to_another = !*over.borrow();
    let gone = async { over.wait_for(|over| *over).await.is_ok() };
    tokio::select! {
        ended = copy_bidirectional(&mut client, &mut line) => if let Err(e) = ended {
            tracing::debug!(error = %e, "a connection that was passed on ended");
        },
        // A machine that lost its power says no farewell.
        true = gone, if to_another => {}
    }
}

/// Passes on what comes to `listener` until `until` is ready, and returns what that gave. Connections that were passed on
/// are ended then; those that wait go to whomever `holder` names next. `holder` says who serves; `for_many` which
/// addresses may have any number of connections.
pub async fn pass_on<T>(
    listener: &TcpListener,
    holder: impl Fn() -> Option<Holder> + Clone + Send + Sync + 'static,
    for_many: impl Fn(IpAddr) -> bool,
    until: impl Future<Output = T>,
) -> T {
    let places = Arc::new(Places::default());
    let (end, over) = watch::channel(false);
    tokio::pin!(until);
    loop {
        let taken = tokio::select! {
            done = &mut until => {
                end.send_replace(true);
                return done;
            }
            taken = accepted(listener) => taken,
        };
        let Some((stream, from)) = taken else { continue };
        let ip = from.ip().to_canonical();
        let Some(place) = Places::take(&places, ip, for_many(ip)) else { continue };
        let (holder, over) = (holder.clone(), over.clone());
        tokio::spawn(async move {
            pass(stream, from, holder, over).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::sync::oneshot;

    #[test]
    fn addresses() {
        for text in ["192.0.2.7:443", "[2001:db8::1]:65535", "127.0.0.1:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(read_back(&spelled(address)), address);
        }
    }

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// What is said through a server that stands by is heard by the one that serves, with whose it is; those that came
    /// before anybody served are heard as well.
    #[tokio::test]
    async fn a_connection_goes_through_and_keeps_its_address() {
        let ((front, at), (inner, address)) = (listening().await, listening().await);
        let held: std::sync::Arc<std::sync::Mutex<Option<Holder>>> = Default::default();
        let (note, key) = (held.clone(), [7; 32]);
        let (end, ended) = oneshot::channel::<()>();
        let holder = move || note.lock().unwrap().clone();
        let standing = tokio::spawn(async move {
            pass_on(&front, holder, |_| false, async { drop(ended.await) }).await;
        });
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(b"early").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        *held.lock().unwrap() = Some(Holder { address, key });
        let (mut line, _) = inner.accept().await.unwrap();
        assert_eq!(taken(&mut line, &key).await.unwrap(), client.local_addr().unwrap());
        let mut said = [0; 5];
        line.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"early");
        line.write_all(b"back").await.unwrap();
        let mut heard = [0; 4];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"back");
        // Whoever it went to is gone, without a word.
        end.send(()).unwrap();
        standing.await.unwrap();
        assert_eq!(client.read(&mut heard).await.unwrap_or(0), 0);
        drop(line);
    }

    #[tokio::test]
    async fn strangers_are_told_nothing() {
        // Somebody who took the port, and does not know the key: not one byte of the client reaches them.
        let (inner, address) = listening().await;
        let from = "192.0.2.7:999".parse().unwrap();
        let impostor = tokio::spawn(async move {
            let (mut line, _) = inner.accept().await.unwrap();
            line.write_all(&[1; NUMBER]).await.unwrap();
            let mut opening = [0; NUMBER + ORIGIN + MAC];
            line.read_exact(&mut opening).await.unwrap();
            line.write_all(&[2; MAC]).await.unwrap();
            line.read(&mut [0; 1]).await.unwrap_or(0)
        });
        assert!(reached(&Holder { address, key: [7; 32] }, from).await.is_err());
        assert_eq!(impostor.await.unwrap(), 0);
        // And the other way: who does not know the key is not believed.
        let (inner, address) = listening().await;
        let serving = tokio::spawn(async move {
            let (mut line, _) = inner.accept().await.unwrap();
            taken(&mut line, &[7; 32]).await
        });
        assert!(reached(&Holder { address, key: [8; 32] }, from).await.is_err());
        assert!(serving.await.unwrap().is_err());
    }

    /// An opening that was heard once is worth nothing the next time.
    #[tokio::test]
    async fn an_opening_cannot_be_said_again() {
        let key = [7; 32];
        let (first, second): ([u8; NUMBER], [u8; NUMBER]) = (random(), random());
        let from = spelled("192.0.2.7:999".parse().unwrap());
        let heard = proof(&key, "passing", &[&first, &[3; NUMBER], &from]);
        assert!(!same(heard, proof(&key, "passing", &[&second, &[3; NUMBER], &from])));
        let (inner, address) = listening().await;
        let serving = tokio::spawn(async move {
            let (mut line, _) = inner.accept().await.unwrap();
            taken(&mut line, &key).await
        });
        let mut line = TcpStream::connect(address).await.unwrap();
        line.write_all(&[&[3; NUMBER][..], &from, &heard].concat()).await.unwrap();
        assert!(serving.await.unwrap().is_err());
    }

    proptest! {
        #[test]
        fn proofs_are_equal_only_if_they_are(a: [u8; MAC], b: [u8; MAC]) {
            prop_assert!(same(a, a));
            prop_assert_eq!(same(a, b), a == b);
        }
    }
}
