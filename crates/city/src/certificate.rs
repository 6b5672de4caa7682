//! The off certificate: one file that an opponent checks on an own machine, without the city.
//!
//! It holds entries of the public log, each with the proof that it is there (C2SP `tlog-proof`). Whoever checks
//! it believes the log's key, the witnesses' keys and nothing else: what is printed follows from the entries.

use crate::devices_said::Devices;
use base::{Error, OrderId, Result, Time};
use ledger::{Entry, Leaf, Policy, cameras_of};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The most entries in one.
const MOST: usize = 100_000;

/// Proof that an order to switch off is on the log, and of what each camera answered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Version of this form: 1.
    pub v: u32,
    /// The city's name, for people.
    pub city: String,
    /// The log's origin.
    pub origin: String,
    /// The log's verifier key, as the city gives it.
    pub vkey: String,
    /// The order.
    pub order: OrderId,
    /// When it was put together.
    pub made: Time,
    /// Who the log's witnesses are (C2SP `tlog-policy`), as the city gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<String>,
    /// Entries with their proofs, in the order of the log.
    pub entries: Vec<String>,
}

/// What an entry of a checked certificate says of one camera.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CertifiedCamera {
    /// Until when the lease ran that it had.
    pub lease_until: Option<Time>,
    /// Whether that was for a device that the city cannot stop.
    pub foreign: bool,
    /// When it said its last word, by the city's clock.
    pub at: Option<Time>,
    /// Frames that the device had pulled in all its life when it stopped.
    pub frames: Option<u64>,
    /// Reads that it made under the lease.
    pub reads: Option<u64>,
    /// `kept` or `erased`.
    pub spool: Option<String>,
    /// Whether the camera's own signature is there, and holds.
    pub signed: bool,
}

/// What a certificate proves.
#[derive(Clone, Debug, Serialize)]
pub struct Certified {
    /// The order's entry.
    pub log_entry: u64,
    /// What it says.
    pub order: Leaf,
    /// What the cameras say.
    pub cameras: BTreeMap<String, CertifiedCamera>,
    /// How many entries the log had under the checkpoint with the fewest.
    pub size: u64,
    /// Who witnessed that, and when; empty where no witnesses were asked for.
    pub witnessed: Vec<(String, Time)>,
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("The certificate does not hold: {what}."))
}

impl Certificate {
    /// Reads a certificate; it proves nothing before [`Certificate::check`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = || Error::invalid("This is no off certificate; fetch it from the city again.");
        let read: Self = serde_json::from_slice(bytes).map_err(|e| bad().because(e))?;
        if read.v == 1 && (1..=MOST).contains(&read.entries.len()) { Ok(read) } else { Err(bad()) }
    }

    /// What it proves to somebody who believes this log key and, where a policy is given, a quorum of its
    /// witnesses.
    pub fn check(&self, vkey: &str, policy: Option<&Policy>) -> Result<Certified> {
        let mut proven: BTreeMap<u64, Leaf> = BTreeMap::new();
        let (mut size, mut witnessed) = (u64::MAX, Vec::new());
        // With nobody asked for, the city's own signature is enough.
        let nobody = Policy::parse("quorum none\n")?;
        for text in &self.entries {
            let entry = Entry::from_receipt(text)?;
            let (leaf, seen) = entry.check_witnessed(vkey, policy.unwrap_or(&nobody))?;
            if seen.size < size {
                (size, witnessed) = (seen.size, seen.by);
            }
            proven.insert(entry.index, leaf);
        }
        let wanted = self.order.to_string();
        let is_order = |(_, leaf): &(&u64, &Leaf)| {
            leaf.kind == "order.off" && leaf.id.as_deref() == Some(&wanted)
        };
        let (log_entry, order) = proven
            .iter()
            .find(is_order)
            .ok_or_else(|| wrong("the entry of the order to switch off is not in it"))?;
        let (log_entry, order) = (*log_entry, order.clone());
        if order.text("level") != Some("capture") {
            return Err(wrong("its order is not one to switch cameras off"));
        }
        let cameras = self.cameras(&proven, log_entry, &order)?;
        Ok(Certified { log_entry, order, cameras, size, witnessed })
    }

    fn cameras(
        &self,
        proven: &BTreeMap<u64, Leaf>,
        given: u64,
        order: &Leaf,
    ) -> Result<BTreeMap<String, CertifiedCamera>> {
        let (mut devices, named) = (Devices::default(), cameras_of(order));
        let mut out: BTreeMap<String, CertifiedCamera> = BTreeMap::new();
        for (index, leaf) in proven {
            let signed = devices.add(*index, leaf)?;
            let camera = match leaf.kind.as_str() {
                "camera.enrolled" => leaf.id.as_deref(),
                "order.off" => continue,
                _ => leaf.text("camera"),
            };
            let camera = camera.ok_or_else(|| wrong(format!("entry {index} names no camera")))?;
            if named.as_ref().is_some_and(|some| !some.contains(camera)) {
                return Err(wrong(format!(
                    "entry {index} is of a camera that the order does not name"
                )));
            }
            let one = out.entry(camera.to_owned()).or_default();
            let time = |key: &str| leaf.text(key).and_then(|t| t.parse().ok());
            match leaf.kind.as_str() {
                "lease.granted" => {
                    one.lease_until = time("until");
                    one.foreign = leaf.facts.get("foreign").and_then(|f| f.as_bool()) == Some(true);
                }
                "camera.stopped" | "camera.off" => {
                    // Another order's answer proves nothing about this one.
                    let of = leaf.text("order");
                    if of.is_some_and(|of| Some(of) != order.id.as_deref()) {
                        return Err(wrong(format!("entry {index} answers another order")));
                    }
                    // An order that was entered at a camera comes behind its answer, which names it.
                    if *index < given && (of.is_none() || leaf.kind == "camera.stopped") {
                        return Err(wrong(format!("entry {index} was said before the order")));
                    }
                    one.at = one.at.or(time("heard")).or(Some(leaf.time));
                    one.frames = leaf.number("frames").or(one.frames);
                    one.reads = leaf.number("counter").or(one.reads);
                    one.spool = leaf.text("spool").map(str::to_owned).or(one.spool.take());
                    one.signed |= signed;
                }
                "camera.enrolled" => {}
                other => return Err(wrong(format!("entry {index} is of the type {other}"))),
            }
        }
        Ok(out)
    }
}

impl Certified {
    /// What is proven, in lines for people.
    pub fn words(&self) -> Vec<String> {
        let fact = |key: &str| self.order.text(key).unwrap_or_default().to_owned();
        let scope = match (cameras_of(&self.order), self.order.text("group")) {
            (None, _) => "every camera".to_owned(),
            (Some(some), Some(group)) => format!("group {group}, {} cameras", some.len()),
            (Some(some), None) => some.into_iter().collect::<Vec<_>>().join(", "),
        };
        let mut out = vec![
            format!(
                "Entry {} of the log: order to switch off {scope}, given {} by {}.",
                self.log_entry,
                self.order.time,
                self.order.by.as_deref().unwrap_or("nobody")
            ),
            format!("  reason     {}", fact("reason")),
        ];
        for (key, word) in [("from", "begins"), ("until", "ends"), ("spool", "spool")] {
            if self.order.text(key).is_some() {
                out.push(format!("  {word:<10} {}", fact(key)));
            }
        }
        for (camera, said) in &self.cameras {
            out.push(format!("  {camera}: {}", said.words()));
        }
        out.push(if self.witnessed.is_empty() {
            format!("  checkpoint {} entries, signed by the city alone", self.size)
        } else {
            let by: Vec<String> =
                self.witnessed.iter().map(|(name, at)| format!("{name} at {at}")).collect();
            format!("  checkpoint {} entries, signed by {}", self.size, by.join(", "))
        });
        out.push("  Of cameras that are not named here it says nothing.".into());
        out.push("  Nor does it say whether the order was taken back later.".into());
        out
    }
}

impl CertifiedCamera {
    fn words(&self) -> String {
        match (self.at, self.lease_until) {
            (Some(at), _) => format!(
                "said at {at} that it stopped{}{}{}{}",
                self.frames.map(|n| format!(", last frame {n}")).unwrap_or_default(),
                self.reads.map(|n| format!(", last read {n}")).unwrap_or_default(),
                self.spool
                    .as_deref()
                    .map(|s| format!(", undelivered reads {s}"))
                    .unwrap_or_default(),
                if self.signed {
                    "; its own signature holds"
                } else {
                    "; without a signature of its own"
                },
            ),
            (None, Some(_)) if self.foreign => {
                "a foreign device: it does not stop by itself, somebody must cut its power".into()
            }
            (None, Some(until)) => format!("not reached; its lease ends {until}"),
            (None, None) => "had no lease".into(),
        }
    }
}
