//! Enrolment: a device key made on first start, exchanged once for the city's lease key.

use crate::{Client, trust};
use base::{CameraId, Clock, Error, Kind, PublicKey, Result, Secret, SigningKey};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

const ENROLLED: &str = "enrolled.json";

/// What the edge remembers of its city: `enrolled.json` in its data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The camera.
    pub camera: CameraId,
    /// The city's name.
    pub city: String,
    /// The key that signs leases; a lease of another key is none.
    pub lease_key: PublicKey,
}

#[derive(Serialize)]
struct Request<'a> {
    code: &'a str,
    camera: &'a CameraId,
    device_key: PublicKey,
}

/// Takes the data folder for this process alone; the lock goes with the process.
pub fn claim(data: &Path) -> Result<File> {
    let cannot = |e: std::io::Error| {
        Error::unavailable(format!("The data folder {} cannot be used.", data.display())).because(e)
    };
    std::fs::create_dir_all(data).map_err(cannot)?;
    let lock = File::create(data.join("lock")).map_err(cannot)?;
    lock.try_lock().map_err(|_| {
        Error::conflict(format!("{} is in use by another reader; stop it first.", data.display()))
    })?;
    Ok(lock)
}

/// The connection with the device key in the folder, made on first start.
pub fn connect(
    data: &Path,
    server: &str,
    camera: &CameraId,
    clock: Arc<dyn Clock>,
    root: Option<&Path>,
) -> Result<Client> {
    let path = data.join("device.key");
    let key = match SigningKey::load(&path) {
        Err(e) if e.kind() == Kind::NotFound => {
            let key = SigningKey::generate();
            key.save(&path)?;
            key
        }
        other => other?,
    };
    Client::believing(root, server, camera.clone(), key, clock)
}

/// What is known of the city: from the folder, or by the code. A code is tried even where the folder
/// knows the city: a camera that was off needs a new one.
pub fn enrolment(data: &Path, client: &Client, code: Option<&str>) -> Result<Enrolment> {
    let path = data.join(ENROLLED);
    let known = remembered(&path)?;
    if let Some(known) = known.as_ref().filter(|k| &k.camera != client.camera()) {
        return Err(Error::conflict(format!(
            "{} belongs to camera {}; give this camera a folder of its own.",
            data.display(),
            known.camera
        )));
    }
    match (code, known) {
        (None, Some(known)) => Ok(known),
        (None, None) => Err(Error::unauthenticated(
            "This camera is not enrolled; ask for a code (`homeplate camera`) and give it with --code.",
        )),
        (Some(code), known) => match introduce(client, code) {
            Ok(enrolment) => {
                let bytes = serde_json::to_vec(&enrolment)
                    .map_err(|e| Error::internal("The enrolment cannot be kept.").because(e))?;
                base::write_atomic(&path, &bytes)?;
                Ok(enrolment)
            }
            // Neither a used code in a start script nor a city that is away stops a camera that is enrolled.
            Err(e) if matches!(e.kind(), Kind::Unauthenticated | Kind::Unavailable) => {
                known.ok_or(e)
            }
            Err(e) => Err(e),
        },
    }
}

/// The code in a file; a file that is gone has been used. One that cannot be read is in nobody's way where the folder knows
/// the city.
pub fn code_in(file: &Path, data: &Path) -> Result<Option<Secret<String>>> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            let code = Some(text.trim().to_owned()).filter(|c| !c.is_empty());
            Ok(code.map(Secret::new))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let e = unreadable(file).because(e);
            if !data.join(ENROLLED).exists() {
                return Err(e);
            }
            tracing::warn!(error = %e.inside(), "goes on without a code");
            Ok(None)
        }
    }
}

/// What root can read, the package's reader need not.
pub fn unreadable(file: &Path) -> Error {
    let file = file.display();
    Error::unavailable(format!(
        "{file} cannot be read; with the package run: chgrp homeplate-edge {file} && chmod 640 {file}"
    ))
}

fn remembered(path: &Path) -> Result<Option<Enrolment>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            Error::invalid(format!("{} is damaged; enrol again with --code.", path.display()))
                .because(e)
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::unavailable(format!("{} cannot be read.", path.display())).because(e)),
    }
}

fn introduce(client: &Client, code: &str) -> Result<Enrolment> {
    let (camera, device_key) = (client.camera(), client.key().public());
    let code = trust::parts_of(code).0;
    let answer: Enrolment = client.post("/v1/enrol", &Request { code, camera, device_key })?;
    if &answer.camera != camera {
        return Err(Error::unavailable("The city enrolled another camera than asked; try again."));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one camera is told does not stop those beside it; and one that is enrolled needs no code.
    #[test]
    fn a_code_that_cannot_be_read_stops_who_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let (data, file) = (dir.path().join("cam_a"), dir.path().join("a.code"));
        std::fs::create_dir(&data).unwrap();
        let code = || code_in(&file, &data).map(|code| code.map(|code| code.expose().clone()));
        assert_eq!(code().unwrap(), None, "it has been used");
        std::fs::write(&file, "right\n").unwrap();
        assert_eq!(code().unwrap().as_deref(), Some("right"));
        // Root reads every file, but no folder.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let e = code().unwrap_err();
        assert!(e.message().contains("a.code cannot be read; with the package"), "{e}");
        std::fs::write(data.join(ENROLLED), "{}").unwrap();
        assert_eq!(code().unwrap(), None);
    }
}
