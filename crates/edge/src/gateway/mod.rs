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
use device::{Device, Status};
use exchange::inbound::Adapter;
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
    /// The device with this hash of a secret, if it speaks so. Every device is compared, always.
    fn find(&self, presented: &[u8; 32], adapter: Adapter) -> Option<usize> {
        let mut found = None;
        for (at, device) in self.devices.iter().enumerate() {
            let is = device.answers_to(presented) & (device.conf.adapter == adapter);
            found = if is { Some(at) } else { found };
        }
        found
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
