//! What cameras said of themselves, checked with their own keys by whoever reads the log.
//!
//! An enrolment's entry holds the device's key, a lease's the capture key. A camera's last words stand on the
//! log with their signatures, so that the city cannot make up where a count ended.

use base::{Error, OrderId, PublicKey, Result, Signed, Statement, Time};
use ledger::Leaf;
use read::{CameraOff, SpoolState, Stop};
use std::collections::BTreeMap;

/// Keys as the log tells them.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    devices: BTreeMap<String, PublicKey>,
    /// The last two leases of a camera: a last word may come after the next lease.
    leases: BTreeMap<String, Vec<(String, PublicKey)>>,
    /// Last words whose signature holds.
    pub held: u64,
    /// Last words without a signature that could be checked.
    pub unsigned: u64,
}

fn key(leaf: &Leaf) -> Option<PublicKey> {
    leaf.text("key")?.parse().ok()
}

fn spool(leaf: &Leaf) -> Option<SpoolState> {
    match leaf.text("spool")? {
        "erased" => Some(SpoolState::Erased),
        _ => Some(SpoolState::Kept),
    }
}

fn stop(leaf: &Leaf) -> Option<Stop> {
    Some(Stop {
        camera: leaf.text("camera")?.parse().ok()?,
        lease: leaf.id.as_ref()?.parse().ok()?,
        counter: leaf.number("counter")?,
        at: leaf.text("at")?.parse::<Time>().ok()?,
        frames: leaf.number("frames"),
        spool: spool(leaf),
    })
}

fn off(leaf: &Leaf) -> Option<CameraOff> {
    let order = leaf.text("order").map(str::parse::<OrderId>).transpose().ok()?;
    Some(CameraOff {
        camera: leaf.text("camera")?.parse().ok()?,
        order,
        frames: leaf.number("frames")?,
        at: leaf.text("at")?.parse::<Time>().ok()?,
        spool: spool(leaf)?,
        erased: leaf.number("erased").unwrap_or(0),
    })
}

impl Devices {
    /// Takes one more entry into account, in the order of the log. Says whether it is a camera's word whose
    /// signature holds; one whose signature does not is an error.
    pub fn add(&mut self, index: u64, leaf: &Leaf) -> Result<bool> {
        match leaf.kind.as_str() {
            "camera.enrolled" => {
                if let (Some(id), Some(key)) = (&leaf.id, key(leaf)) {
                    self.devices.insert(id.clone(), key);
                }
                Ok(false)
            }
            "lease.granted" => {
                if let (Some(id), Some(camera), Some(key)) =
                    (&leaf.id, leaf.text("camera"), key(leaf))
                {
                    let leases = self.leases.entry(camera.to_owned()).or_default();
                    leases.push((id.clone(), key));
                    if leases.len() > 2 {
                        leases.remove(0);
                    }
                }
                Ok(false)
            }
            "camera.stopped" => {
                let leases = leaf.text("camera").and_then(|camera| self.leases.get(camera));
                let lease =
                    leases.into_iter().flatten().find(|(id, _)| Some(id) == leaf.id.as_ref());
                let key = lease.map(|(_, key)| *key);
                self.holds(index, leaf, key, stop(leaf))
            }
            "camera.off" => {
                let key = leaf.text("camera").and_then(|camera| self.devices.get(camera)).copied();
                self.holds(index, leaf, key, off(leaf))
            }
            _ => Ok(false),
        }
    }

    fn holds<T: Statement>(
        &mut self,
        index: u64,
        leaf: &Leaf,
        key: Option<PublicKey>,
        said: Option<T>,
    ) -> Result<bool> {
        let (Some(signature), Some(key)) = (leaf.text("signed"), key) else {
            self.unsigned += 1;
            return Ok(false);
        };
        let said = said.map(|said| Signed::from_parts(said, signature));
        if said.is_some_and(|said| said.verify(&key).is_ok()) {
            self.held += 1;
            return Ok(true);
        }
        Err(Error::invalid(format!(
            "Entry {index} is not what the camera said: its signature does not hold."
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{LeaseId, SigningKey};

    #[test]
    fn a_last_word_is_the_cameras_own() {
        let (device, capture) = (SigningKey::generate(), SigningKey::generate());
        let at: Time = "2026-11-23T18:00:02.250Z".parse().unwrap();
        let lease = LeaseId::new(at, [1; 10]);
        let camera: base::CameraId = "cam_a".parse().unwrap();
        let leaf = |kind: &str, id: &str| Leaf::new(kind, at).id(id);
        let enrolled = leaf("camera.enrolled", "cam_a").fact("key", device.public().to_string());
        let granted = leaf("lease.granted", &lease.to_string())
            .fact("camera", "cam_a")
            .fact("key", capture.public().to_string());
        let said = Stop {
            camera: camera.clone(),
            lease,
            counter: 7,
            at,
            frames: Some(512),
            spool: Some(SpoolState::Kept),
        };
        let signed = Signed::sign(said, &capture).unwrap();
        let stopped = leaf("camera.stopped", &lease.to_string())
            .fact("camera", "cam_a")
            .fact("counter", 7)
            .fact("at", at.to_string())
            .fact("frames", 512)
            .fact("spool", "kept")
            .fact("signed", signed.signature());
        let said = CameraOff {
            camera,
            order: None,
            frames: 512,
            at,
            spool: SpoolState::Erased,
            erased: 3,
        };
        let signed = Signed::sign(said, &device).unwrap();
        let off = leaf("camera.off", "x")
            .fact("camera", "cam_a")
            .fact("frames", 512)
            .fact("at", at.to_string())
            .fact("spool", "erased")
            .fact("erased", 3)
            .fact("signed", signed.signature());
        let check = |leaves: &[&Leaf]| {
            let mut devices = Devices::default();
            let all: Result<Vec<bool>> =
                (0..).zip(leaves).map(|(index, leaf)| devices.add(index, leaf)).collect();
            all.map(|all| all.into_iter().filter(|held| *held).count())
        };
        assert_eq!(check(&[&enrolled, &granted, &stopped, &off]).unwrap(), 2);
        // Nothing to check with is nothing proven.
        assert_eq!(check(&[&stopped, &off]).unwrap(), 0);
        for wrong in [
            stopped.clone().fact("frames", 511),
            stopped.clone().fact("counter", 6),
            stopped.clone().fact("spool", "erased"),
            off.clone().fact("frames", 500),
            off.clone().fact("order", "x"),
            off.clone().fact("erased", 0),
        ] {
            let e = check(&[&enrolled, &granted, &wrong]).unwrap_err();
            assert!(e.message().contains("signature does not hold"), "{e}");
        }
    }
}
