//! The receipt of an order to switch off, camera by camera; and the certificate that others check.
//!
//! Both say what the public log says and no more: a receipt changes as cameras answer.

use crate::said::{Ack, Given, Running};
use crate::{Certificate, City};
use base::{CameraId, Error, OrderId, Result, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How one camera stands with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OffState {
    /// It has said that it stopped, with the number of its last frame.
    Acknowledged,
    /// It was not reached: it stops by itself when its lease ends.
    LeaseRuns,
    /// It was not reached, and its lease has ended since.
    LeaseEnded,
    /// A foreign device, which does not stop for us: its reads are refused, and somebody must cut its power.
    Foreign,
    /// It had no lease, so it captured nothing for this city.
    NoLease,
    /// The order begins later.
    Scheduled,
}

impl OffState {
    /// As wire and messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            OffState::Acknowledged => "acknowledged",
            OffState::LeaseRuns => "lease-runs",
            OffState::LeaseEnded => "lease-ended",
            OffState::Foreign => "foreign",
            OffState::NoLease => "no-lease",
            OffState::Scheduled => "scheduled",
        }
    }
}

/// One camera's line of a receipt.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OffLine {
    /// The camera.
    pub camera: CameraId,
    /// What people call it.
    pub name: String,
    /// How it stands.
    pub state: OffState,
    /// When it answered, by the city's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// How many frames the device had pulled in all its life when it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// How many reads it made under the lease that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counter: Option<u64>,
    /// What became of what it had not delivered: `kept` or `erased`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<String>,
    /// When the lease ends, or has ended, that it was not reached under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Time>,
    /// The entry that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_entry: Option<u64>,
}

/// What became of an order to switch capture off; it changes as cameras answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OffReceipt {
    /// The order.
    pub id: OrderId,
    /// The office that gave it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The group that it names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether it names every camera.
    pub all: bool,
    /// Off from this moment on.
    pub from: Time,
    /// Off until before this moment; absent where it lasts until it is ordered on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Time>,
    /// `erase` where cameras erase what they have not delivered.
    pub spool: String,
    /// Where it was entered from a file, if not at the city: the camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<String>,
    /// Its number on the public log.
    pub log_entry: u64,
    /// The moment of this receipt.
    pub now: Time,
    /// Whether nothing more is to be waited for.
    pub done: bool,
    /// Camera by camera.
    pub cameras: Vec<OffLine>,
    /// What somebody has to do at each foreign device; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<String>,
}

/// What to do at a device that does not stop by itself.
pub const CHECKLIST: [&str; 4] = [
    "Cut the device's power, or unplug its camera, and cover the lens.",
    "Block the device at the network switch or the SIM card, so that nobody else gets its pictures.",
    "Note who did it, and when, on this page; a second person signs.",
    "Tell the device's maker in writing that the city has withdrawn its consent.",
];

fn line(camera: &str, name: &str, order: &Given, now: Time) -> Option<OffLine> {
    let id: CameraId = camera.parse().ok()?;
    let lease = order.leases.get(camera);
    // The device's own word about the order says more than that about its lease.
    let heard = order.offs.get(camera).or(order.stops.get(camera));
    let state = match (heard, lease) {
        _ if now < order.from => OffState::Scheduled,
        (Some(_), _) => OffState::Acknowledged,
        (None, Some(Running { foreign: true, .. })) => OffState::Foreign,
        (None, Some(lease)) if now < lease.until => OffState::LeaseRuns,
        (None, Some(_)) => OffState::LeaseEnded,
        (None, None) => OffState::NoLease,
    };
    let mut out = OffLine {
        camera: id,
        name: name.to_owned(),
        state,
        at: None,
        frames: None,
        counter: None,
        spool: None,
        lease_until: None,
        log_entry: None,
    };
    match (state, heard, lease) {
        (OffState::Acknowledged, Some(ack), _) => answered(&mut out, ack, order.stops.get(camera)),
        (OffState::LeaseRuns | OffState::LeaseEnded, _, Some(lease)) => {
            out.lease_until = Some(lease.until);
            out.log_entry = Some(lease.entry);
        }
        _ => {}
    }
    Some(out)
}

fn answered(out: &mut OffLine, ack: &Ack, stop: Option<&Ack>) {
    // The first word is when it was heard.
    out.at = [Some(ack), stop].into_iter().flatten().filter_map(|a| a.heard).min();
    out.frames = ack.frames;
    out.counter = stop.and_then(|stop| stop.counter);
    out.spool.clone_from(&ack.spool);
    out.log_entry = Some(ack.entry);
}

impl City {
    /// An order to switch capture off as the public log has it, without what is not public yet.
    fn given(&self, id: &OrderId) -> Result<Given> {
        let size = self.public_size()?;
        let found = self.switches().said.orders.get(&id.to_string()).cloned();
        let mut order = found.filter(|order| order.entry < size).ok_or_else(|| {
            Error::not_found("There is no such order to switch off on the log, or not yet.")
        })?;
        order.stops.retain(|_, ack| ack.entry < size);
        order.offs.retain(|_, ack| ack.entry < size);
        order.leases.retain(|_, lease| lease.entry < size);
        order.over = order.over.filter(|(entry, _)| *entry < size);
        Ok(order)
    }

    /// The cameras that an order names, with what people call them.
    fn named_by(&self, order: &Given) -> Result<BTreeMap<String, String>> {
        let rows = self.store.cameras()?;
        let switches = self.switches();
        let in_fleet = |row: &store::CameraRow| {
            switches.retired(&row.id).is_none_or(|retired| retired > order.from)
                && order.names(row.id.as_str())
        };
        Ok(rows.into_iter().filter(in_fleet).map(|row| (row.id.to_string(), row.name)).collect())
    }

    /// What became of an order to switch capture off, camera by camera.
    pub fn order_receipt(&self, id: &OrderId) -> Result<OffReceipt> {
        let order = self.given(id)?;
        let now = self.now();
        let cameras: Vec<OffLine> = self
            .named_by(&order)?
            .iter()
            .filter_map(|(camera, name)| line(camera, name, &order, now))
            .collect();
        let open = |line: &OffLine| matches!(line.state, OffState::LeaseRuns | OffState::Scheduled);
        let foreign = cameras.iter().any(|line| line.state == OffState::Foreign);
        let text = |key: &str| order.leaf.text(key).map(str::to_owned);
        Ok(OffReceipt {
            id: *id,
            by: order.leaf.by.clone().unwrap_or_default(),
            reason: text("reason").unwrap_or_default(),
            group: text("group"),
            all: order.cameras.is_none(),
            from: order.from,
            until: order.until,
            over: order.over.map(|(_, at)| at).or(order.until.filter(|until| *until <= now)),
            spool: text("spool").unwrap_or_else(|| "keep".into()),
            entered_at: text("entered_at"),
            log_entry: order.entry,
            now,
            done: !cameras.iter().any(open),
            checklist: if foreign { CHECKLIST.map(String::from).to_vec() } else { Vec::new() },
            cameras,
        })
    }

    /// Everything that somebody needs who wants to check an order and its answers without asking this city
    /// again: each entry with its proof, under the newest checkpoint that the witnesses have signed.
    pub fn order_certificate(&self, id: &OrderId) -> Result<Certificate> {
        let order = self.given(id)?;
        let enrolled = self.switches().said.enrolled.clone();
        let size = self.public_size()?;
        let mut entries = vec![order.entry];
        for camera in self.named_by(&order)?.keys() {
            let lease = order.leases.get(camera);
            let words = [order.stops.get(camera), order.offs.get(camera)];
            // The keys that the camera's words are signed with stand in these.
            let then = order.offs.get(camera).and_then(|ack| ack.enrolled);
            entries.extend(then.or_else(|| enrolled.get(camera).copied()));
            entries.extend(lease.map(|lease| lease.entry));
            entries.extend(words.into_iter().flatten().map(|ack| ack.entry));
        }
        entries.retain(|index| *index < size);
        entries.sort_unstable();
        entries.dedup();
        let entries =
            entries.into_iter().map(|index| self.receipt(index)).collect::<Result<_>>()?;
        Ok(Certificate {
            v: 1,
            city: self.config.city.name.clone(),
            origin: crate::succeed::origin(&self.dir, &self.config),
            vkey: self.vkey(),
            order: *id,
            made: self.now(),
            witnesses: self.witness_policy(),
            entries,
        })
    }
}
