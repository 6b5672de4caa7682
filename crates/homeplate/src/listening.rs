//! Listening at an address that somebody typed.

use base::{Error, Result};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Takes an address to listen at; port 0 takes a free one.
pub async fn bound(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|e| {
        Error::unavailable(format!("{listen} cannot be listened on; is it in use?")).because(e)
    })
}

/// Where a listener is.
pub fn address_of(listener: &TcpListener) -> Result<SocketAddr> {
    listener
        .local_addr()
        .map_err(|e| Error::unavailable("The listening address is unknown.").because(e))
}
