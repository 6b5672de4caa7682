//! `[cameras]` of the configuration: when a camera counts as silent, which keep hits alone, and where reads may
//! leave to beside a camera; and the log's word on the last.

use crate::City;
use base::{CameraId, Result, Time, hex, sha256};
use ledger::Leaf;
use read::{Gate, HitsOnly, Without};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More gates than a city has barriers.
const GATES: usize = 200;

/// `[cameras]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraSection {
    /// A camera that has not been heard of for so many minutes is shown as silent.
    pub silent_minutes: u32,
    /// Cameras that keep nothing but what is on a hot list; `all` for every one.
    pub hits_only: Vec<String>,
    /// What such a camera keeps while it has no list of the day: `all` or `nothing`.
    pub without_list: Without,
    /// Cameras whose pictures keep windscreens and faces as they are; `all` for every one.
    pub clear_pictures: Vec<String>,
    /// Where reads may leave to beside a camera.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gate: Vec<GateRule>,
}

/// `[[cameras.gate]]`: reads of one camera may be told to one address of its own network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRule {
    /// The camera.
    pub camera: CameraId,
    /// The address, in numbers: `http://192.168.1.9:8000/gate`.
    pub to: String,
    /// What for; it is public.
    pub reason: String,
    /// First moment at which reads leave no longer; at most two years ahead of its beginning is sensible.
    pub until: Time,
}

impl Default for CameraSection {
    fn default() -> Self {
        Self {
            silent_minutes: 5,
            hits_only: Vec::new(),
            without_list: Without::Nothing,
            clear_pictures: Vec::new(),
            gate: Vec::new(),
        }
    }
}

impl CameraSection {
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let camera = |name: &String| name == "all" || name.parse::<CameraId>().is_ok();
        let words = |text: &str| {
            (1..=200).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control)
        };
        match () {
            () if !(2..=1440).contains(&self.silent_minutes) => {
                Some("cameras.silent_minutes is 2 to 1440")
            }
            () if !self.hits_only.iter().all(camera) => {
                Some("cameras.hits_only has cameras as cam_…, or \"all\"")
            }
            () if !self.clear_pictures.iter().all(camera) => {
                Some("cameras.clear_pictures has cameras as cam_…, or \"all\"")
            }
            () if self.gate.len() > GATES => Some("cameras.gate is there at most 200 times"),
            () if self.gate.iter().any(|gate| Gate::check(&gate.to).is_err()) => Some(
                "cameras.gate.to is an address of the camera's own network in numbers, for instance \
                 http://192.168.1.9:8000/gate",
            ),
            () if !self.gate.iter().all(|gate| words(&gate.reason)) => {
                Some("cameras.gate.reason has 1 to 200 characters; it is public")
            }
            () => None,
        }
    }

    /// Whether a camera's pictures keep windscreens and faces.
    pub(crate) fn clear_pictures(&self, camera: &CameraId) -> bool {
        self.clear_pictures.iter().any(|name| name == "all" || name == camera.as_str())
    }

    /// What a camera's lease says of keeping hits alone.
    pub(crate) fn hits_only(&self, camera: &CameraId) -> Option<HitsOnly> {
        let named = self.hits_only.iter().any(|name| name == "all" || name == camera.as_str());
        named.then_some(HitsOnly { without: self.without_list })
    }
}

impl GateRule {
    /// Names it on the log without its address, which is nobody's business.
    fn id(&self) -> String {
        let said = format!("{}\n{}\n{}\n{}", self.camera, self.to, self.reason, self.until);
        hex(&sha256(said.as_bytes())[..16])
    }
}

impl City {
    /// The gates that reads of a camera may be told to now: none while sharing is off.
    pub(crate) fn gates(&self, camera: &CameraId) -> Vec<Gate> {
        if self.sharing_off() {
            return Vec::new();
        }
        let now = self.now();
        let open = self.config.cameras.gate.iter().filter(|g| &g.camera == camera && g.until > now);
        open.map(|gate| Gate { to: gate.to.clone(), until: gate.until }).collect()
    }

    /// Puts on the log which gates the configuration has opened and closed since it was last read. Nothing leaves
    /// to a gate that is not on the log: no lease is granted before.
    pub(crate) fn log_gates(&self, leaves: &[Leaf]) -> Result<()> {
        let now = self.now();
        // How often each was opened and closed.
        let mut known: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for leaf in leaves {
            let Some((id, _)) = leaf.id.as_ref().and_then(|id| id.split_once('/')) else {
                continue;
            };
            match leaf.kind.as_str() {
                "share.gate" => known.entry(id.to_owned()).or_default().0 += 1,
                "share.gate.closed" => known.entry(id.to_owned()).or_default().1 += 1,
                _ => {}
            }
        }
        let open: BTreeSet<String> = self.config.cameras.gate.iter().map(GateRule::id).collect();
        for gate in self.config.cameras.gate.iter().filter(|gate| gate.until > now) {
            let (opened, closed) = known.get(&gate.id()).copied().unwrap_or_default();
            if opened > closed {
                continue;
            }
            let leaf = self
                .leaf("share.gate")
                .id(format!("{}/{}", gate.id(), opened + 1))
                .fact("camera", gate.camera.as_str())
                .fact("reason", gate.reason.as_str())
                .fact("until", gate.until.to_string());
            self.log.append_once(&leaf)?;
        }
        for (id, (opened, closed)) in known {
            if opened > closed && !open.contains(&id) {
                let leaf = self.leaf("share.gate.closed").id(format!("{id}/{opened}"));
                self.log.append_once(&leaf)?;
            }
        }
        Ok(())
    }
}
