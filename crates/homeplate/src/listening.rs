//! Listening at an address that somebody typed.

use base::{Error, Kind, Result};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Takes an address to listen at; port 0 takes a free one. One that this user may not take is [`Kind::Forbidden`].
pub async fn bound(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|e| {
        let (kind, say) = match e.kind() {
            ErrorKind::AddrNotAvailable => (
                Kind::Unavailable,
                "cannot be listened on: this machine has no such address; `ip address` lists those it has.",
            ),
            ErrorKind::PermissionDenied => (
                Kind::Forbidden,
                "cannot be listened on: this user may not open that port; take one from 1024 on.",
            ),
            _ => (Kind::Unavailable, "cannot be listened on; is it in use?"),
        };
        Error::new(kind, format!("{listen} {say}")).because(e)
    })
}

/// Where a listener is.
pub fn address_of(listener: &TcpListener) -> Result<SocketAddr> {
    listener
        .local_addr()
        .map_err(|e| Error::unavailable("The listening address is unknown.").because(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_stands_in_the_way_is_named() {
        let listener = bound("127.0.0.1:0").await.unwrap();
        let taken = address_of(&listener).unwrap().to_string();
        // The second is of those set aside for documents (RFC 5737).
        for (listen, words) in
            [(taken.as_str(), "is it in use?"), ("192.0.2.1:8080", "has no such address")]
        {
            let e = bound(listen).await.unwrap_err();
            assert!(e.message().starts_with(listen) && e.message().contains(words), "{e}");
        }
    }
}
