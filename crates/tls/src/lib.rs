//! The city's certificate: where it comes from, that it is taken up while the server runs, and what a stranger sees of
//! it from outside.
//!
//! Three sources (a file that somebody else renews, an authority of the city's own, an authority by ACME) end in one
//! place: PEM on the disk, which [`Live`] reads again when it has changed. So whoever serves knows one thing alone.
//! The process must have installed a provider of `rustls` before.
//!
//! Not here: sockets of the server, who may reach it, HTTP.

mod acme;
mod live;
mod own;
mod pem;
mod probe;

pub use acme::{Acme, Tokens};
pub use live::Live;
pub use own::OwnAuthority;
pub use pem::{Seen, chain_of, fingerprint, load_pair, look, read_chain};
pub use probe::{Probed, probe};

/// A certificate is renewed when less than this share of its life is left.
const RENEW_SHARE: i64 = 3;

/// Whether a certificate is so old that another is due: a third of its life is left, or less.
pub fn is_due(seen: &Seen, now: base::Time) -> bool {
    now < seen.from || seen.until.since(now) <= seen.until.since(seen.from) / RENEW_SHARE
}
