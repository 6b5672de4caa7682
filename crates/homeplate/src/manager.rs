//! A word to the service manager: a server that says when it is ready is waited for, by what starts after it and by
//! whoever typed `systemctl start`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says that this process is ready. Without a service manager that asks for it (`NOTIFY_SOCKET`) nothing happens.
pub fn ready() {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(e) = tell(name.as_encoded_bytes(), b"READY=1") {
        tracing::warn!(error = %e, "the service manager does not hear that this process is ready");
    }
}

/// A name that begins with `@` is in Linux' abstract space; others are paths.
fn tell(name: &[u8], word: &[u8]) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.strip_prefix(b"@") {
        Some(hidden) => SocketAddr::from_abstract_name(hidden)?,
        None => {
            SocketAddr::from_pathname(std::str::from_utf8(name).map_err(std::io::Error::other)?)?
        }
    };
    socket.send_to_addr(word, &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_hears_it_at_a_path_and_at_a_hidden_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let hidden = format!("homeplate-test-{}", std::process::id());
        let listeners = [
            UnixDatagram::bind(&path).unwrap(),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&hidden).unwrap()).unwrap(),
        ];
        let names = [path.to_str().unwrap().to_owned(), format!("@{hidden}")];
        for (listener, name) in listeners.iter().zip(names) {
            tell(name.as_bytes(), b"READY=1").unwrap();
            let mut heard = [0; 32];
            let n = listener.recv(&mut heard).unwrap();
            assert_eq!(&heard[..n], b"READY=1", "{name}");
        }
        assert!(tell(b"nobody/listens/here", b"READY=1").is_err());
    }
}
