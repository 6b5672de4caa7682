//! `homeplate edge gateway`: readers of other makers, which cannot sign, on the camera network.
//!
//! They post what they see by plain HTTP with one secret a device, or are heard at a broker. The
//! gateway makes one pass of what is said of a vehicle, signs it under the lease of the camera that the
//! device is for the city, seals it, spools it and delivers it. The rules are those of a camera of our
//! own: without a lease nothing is looked at and nothing kept, and the refusal says so.
//!
//! A device's word is its own: whoever has its secret, or its place on the camera network, can have it
//! say what they like. That is why each is a camera of its own, with a name in every figure, and why its
//! confidence is capped (`exchange::inbound`).

mod config;
mod device;
mod http;
mod mqtt;
mod page;
mod passes;
mod picture;

pub use config::{DeviceClock, DeviceConfig, GatewayConfig, MqttConfig};
pub use passes::{Options as PassOptions, Pass, Passes};

use crate::run::Say;
use base::{Clock, Error, Result, Shutdown, Time};
use device::{Device, NoTurn, Status, Taken, Turn};
use exchange::inbound::{Adapter, Document};
use http::Door;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the threads of a gateway share.
struct Gateway {
    devices: Vec<Device>,
    clock: Arc<dyn Clock>,
    strangers: AtomicU64,
}

impl Gateway {
    /// The devices with this hash of a secret that speak so: one, or the cameras of a recorder. Every device is
    /// compared, always.
    fn find(&self, presented: &[u8; 32], adapter: Adapter) -> Vec<usize> {
        let is = |device: &Device| device.answers_to(presented) & (device.conf.adapter == adapter);
        (0..self.devices.len()).filter(|at| is(&self.devices[*at])).collect()
    }

    fn these<'a>(&'a self, at: &'a [usize]) -> impl Iterator<Item = &'a Device> {
        at.iter().map(move |at| &self.devices[*at])
    }

    /// A turn for a document that may be of any of these devices: of the first that has one.
    fn turn<'a>(&'a self, at: &'a [usize]) -> Result<Turn<'a>, NoTurn> {
        let mut why = NoTurn::TooMany;
        for device in self.these(at) {
            match device.turn() {
                Ok(turn) => return Ok(turn),
                Err(NoTurn::Busy) => why = NoTurn::Busy,
                Err(NoTurn::TooMany) => {}
            }
        }
        Err(why)
    }

    /// Counts a document that had no turn; what its device is told.
    fn turned_away(&self, at: &[usize]) -> Error {
        let told = self.these(at).map(Device::turned_away).last();
        told.unwrap_or_else(|| Error::not_found("There is no such page."))
    }

    /// Whether one of these devices has a lease; the error says what a person can do.
    fn leased(&self, at: &[usize]) -> Result<()> {
        let of_each = self.these(at).map(Device::leased);
        let told = of_each.reduce(|first, next| first.or_else(|e| next.or(Err(e))));
        // Each counts what all refuse.
        told.unwrap_or(Ok(())).inspect_err(|_| self.these(at).for_each(Device::unleased))
    }

    /// Hands a document to these devices. Each takes what is of its camera: what one has taken no other has left out.
    fn hear(&self, at: &[usize], document: &Document<'_>) -> Result<Taken> {
        together(self.these(at).map(|device| device.hear(document)))
    }

    fn device(&self, at: usize) -> &Device {
        &self.devices[at]
    }

    fn stranger(&self) {
        self.strangers.fetch_add(1, Ordering::Relaxed);
    }

    fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    fn status(&self) -> Vec<Status> {
        self.devices.iter().map(Device::status).collect()
    }

    fn now(&self) -> Time {
        self.clock.now()
    }
}

/// One answer for devices that share a secret: they have refused it where none has taken what was stated.
fn together(answers: impl Iterator<Item = Result<Taken>>) -> Result<Taken> {
    let (mut stated, mut taken, mut refused) = (None, 0, None);
    for answer in answers {
        match answer {
            Ok(of) => {
                // Each was told of all.
                stated = Some(of.taken + of.left_out);
                taken += of.taken;
            }
            Err(e) => refused = refused.or(Some(e)),
        }
    }
    match (stated, refused) {
        (None | Some(1..), Some(e)) if taken == 0 => Err(e),
        (stated, _) => {
            let left_out = stated.unwrap_or_default().saturating_sub(taken);
            Ok(Taken { taken, left_out })
        }
    }
}

/// Runs a gateway until `stop` is raised. Fails where it cannot listen; a device that cannot be enrolled
/// is tried again while the others go on.
pub fn run_gateway(
    config: GatewayConfig,
    clock: Arc<dyn Clock>,
    stop: &Shutdown,
    say: Say,
) -> Result<()> {
    let door = http::open(config.listen)?;
    let people = config.admin.map(http::open).transpose()?;
    for (what, listener) in [("devices post to", Some(&door)), ("look at", people.as_ref())] {
        if let Some(address) = listener.and_then(|l| l.local_addr().ok()) {
            say(&format!("gateway: {what} http://{address}"));
        }
    }
    let devices = config
        .devices
        .iter()
        .cloned()
        .map(|conf| Device::new(conf, &config, clock.clone(), say.clone()))
        .collect();
    let gateway = Arc::new(Gateway { devices, clock, strangers: AtomicU64::new(0) });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|e| Error::unavailable("The gateway cannot start its threads.").because(e))?;
    runtime.spawn(http::serve(door, gateway.clone(), Door::Devices, stop.clone()));
    if let Some(people) = people {
        runtime.spawn(http::serve(people, gateway.clone(), Door::People, stop.clone()));
    }
    for (at, device) in gateway.devices.iter().enumerate() {
        if device.conf.mqtt.is_some() {
            runtime.spawn(mqtt::listen(gateway.clone(), at, stop.clone()));
        }
    }
    std::thread::scope(|scope| {
        for device in &gateway.devices {
            scope.spawn(|| device.live(stop));
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_one_secret_answer_together() {
        let took = |taken, left_out| Some(Taken { taken, left_out });
        let check = |answers: &[Option<Taken>], want: Option<Taken>| {
            let off = || Error::gone("The city has switched this camera off; nothing is kept.");
            let told = together(answers.iter().map(|answer| answer.ok_or_else(off)));
            assert_eq!(told.ok(), want, "{answers:?}");
        };
        check(&[took(2, 1)], took(2, 1));
        check(&[None], None);
        // Of the second camera; of both; of neither.
        check(&[took(0, 1), took(1, 0), took(0, 1)], took(1, 0));
        check(&[took(1, 2), took(1, 2)], took(2, 1));
        check(&[took(0, 2), took(0, 2)], took(0, 2));
        // Of a camera that is switched off; of another than that; a heartbeat, which is of none.
        check(&[took(0, 1), None], None);
        check(&[took(1, 0), None], took(1, 0));
        check(&[None, took(0, 0)], took(0, 0));
    }
}
