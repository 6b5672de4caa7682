//! Files that are there whole or not at all, and secrets that only their owner reads.

use crate::{Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file so that after a crash either the old or the new content is there, on disk:
/// temporary file beside it, synced, renamed over it, folder synced.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, 0o644).map_err(|e| cannot_write(path, e))
}

/// [`write_atomic`] with mode 0600, for private keys.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, bytes, 0o600).map_err(|e| cannot_write(path, e))
}

/// The bytes of a private file.
pub fn read_secret(path: &Path) -> Result<crate::Secret<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(crate::Secret::new(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::not_found(format!(
            "There is no file {}; name the right one, or make it: a city's own keys by `homeplate init`.",
            path.display()
        ))),
        Err(e) => Err(Error::unavailable(format!(
            "The key file {} cannot be read; check its owner and mode.",
            path.display()
        ))
        .because(e)),
    }
}

/// Bytes that an ordinary process may still write to the disk of `path`, and the disk's size.
pub fn disk_room(path: &Path) -> Result<(u64, u64)> {
    let unknown = |e: rustix::io::Errno| {
        Error::unavailable(format!("The room on the disk of {} is unknown.", path.display()))
            .because(e)
    };
    let disk = rustix::fs::statvfs(path).map_err(unknown)?;
    Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

fn cannot_write(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!(
        "{} cannot be written; check the disk's free space and the folder's owner.",
        path.display()
    ))
    .because(e)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = folder.join(name);
    // A left-over of a crash may carry another mode: start afresh.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    let put = |file: &mut File| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    put(&mut file).inspect_err(|_| {
        // On a full disk half a file would take what room is left.
        let _ = fs::remove_file(&beside);
    })?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_its_owners_and_replaces_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/key");
        write_secret(&path, b"one").unwrap();
        write_secret(&path, b"two").unwrap();
        assert_eq!(read_secret(&path).unwrap().expose().as_slice(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_key_says_what_to_do() {
        let e = read_secret(Path::new("/nowhere/key")).unwrap_err();
        assert_eq!(e.kind(), crate::Kind::NotFound);
        assert!(e.to_string().contains("homeplate init"));
    }
}
