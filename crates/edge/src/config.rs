//! The cameras of one machine as a file, `edge.toml`.
//!
//! ```toml
//! server = "https://plates.example.gov"
//! data = "/var/lib/homeplate-edge"      # a folder a camera in it
//! panel = "127.0.0.1:8090"              # live pictures and aiming, this machine only
//!
//! [[camera]]
//! id = "cam_main-st-1"
//! code_file = "/etc/homeplate/main-st-1.code"
//! source = { kind = "rtsp", url = "rtsp://10.0.0.7/stream1", user = "reader", password_file = "/etc/homeplate/cam1.pw" }
//! ```

use crate::enrol;
use crate::run::{Code, Config};
use crate::spool::{Full, Keep};
use base::{CameraId, Error, Result};
use camera::Source;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// More cameras than one machine can read.
const CAMERAS_MAX: usize = 128;
/// A spool has at least room for a few pictures.
const SPOOL_LEAST: u64 = 1 << 20;

/// The cameras of one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetConfig {
    /// The city's address.
    pub server: String,
    /// Under it each camera has a folder of its own, by its id.
    pub data: PathBuf,
    /// Where live pictures, health and metrics are shown; loopback only.
    #[serde(default)]
    pub panel: Option<SocketAddr>,
    /// Where order files are looked for each second, besides each camera's folder: where sticks are mounted.
    #[serde(default)]
    pub orders: Option<PathBuf>,
    /// The root of the city's certificate, where the machine does not know it; a camera's code may bring it.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The cameras.
    pub camera: Vec<CameraConfig>,
}

/// One camera of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraConfig {
    /// The camera.
    pub id: CameraId,
    /// Where its frames come from.
    pub source: Source,
    /// A file with its one-time code, needed on first start.
    #[serde(default)]
    pub code_file: Option<PathBuf>,
    /// Bytes of sealed reads that may wait; 4 GiB where absent.
    #[serde(default)]
    pub spool_max: Option<u64>,
    /// What a full spool does: `drop-new` or `drop-oldest`.
    #[serde(default)]
    pub spool_full: Full,
    /// Bytes of delivered reads that are kept, for a city that lost them; 256 MiB where absent, none where 0.
    #[serde(default)]
    pub spool_keep: Option<u64>,
    /// Hours that they are kept; 25 where absent.
    #[serde(default)]
    pub spool_keep_hours: Option<u32>,
}

impl CameraConfig {
    fn keep(&self) -> Keep {
        let usual = Keep::default();
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        Keep {
            bytes: self.spool_keep.unwrap_or(usual.bytes),
            age: self.spool_keep_hours.map_or(usual.age, hours),
        }
    }
}

impl FleetConfig {
    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => {
                Error::not_found(format!("There is no file {name}; name the cameras' file."))
            }
            _ => enrol::unreadable(path).because(e),
        })?;
        Self::named(&name.to_string(), &text)
    }

    /// Reads its text.
    pub fn parse(text: &str) -> Result<Self> {
        Self::named("edge.toml", text)
    }

    fn named(file: &str, text: &str) -> Result<Self> {
        let refuse = |what: &str| Err(Error::invalid(format!("{file}: {what}.")));
        let config: Self = toml::from_str(text).map_err(|e| {
            let what = e.message().replace('\n', " ");
            let line = e.span().map(|at| text[..at.start].matches('\n').count() + 1);
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            // Not the error itself, which quotes the line: an address with a password may stand in it.
            Error::invalid(format!("{file}{line}: {what}."))
        })?;
        let mut ids = BTreeSet::new();
        if config.camera.is_empty() || config.camera.len() > CAMERAS_MAX {
            return refuse("name 1 to 128 cameras, each under [[camera]]");
        }
        if let Some(twice) = config.camera.iter().find(|c| !ids.insert(c.id.clone())) {
            return refuse(&format!("{} is there twice", twice.id));
        }
        if config.camera.iter().any(|c| c.spool_max.is_some_and(|s| s < SPOOL_LEAST)) {
            return refuse("spool_max is at least 1048576 bytes");
        }
        Ok(config)
    }

    /// A run for each camera.
    pub fn runs(&self, program: &Path) -> Vec<Config> {
        let one = |camera: &CameraConfig| Config {
            server: self.server.clone(),
            camera: camera.id.clone(),
            data: self.data.join(camera.id.as_str()),
            source: camera.source.clone(),
            program: program.to_owned(),
            code: camera.code_file.clone().map(Code::In),
            ca: self.ca.clone(),
            spool_max: camera.spool_max.unwrap_or(Config::SPOOL_MAX),
            spool_full: camera.spool_full,
            spool_keep: camera.keep(),
            preview: None,
            orders: self.orders.clone(),
            once: false,
        };
        self.camera.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        server = "http://127.0.0.1:8080"
        data = "/var/lib/edge"
        panel = "127.0.0.1:8090"
        [[camera]]
        id = "cam_a"
        source = { kind = "rtsp", url = "rtsp://10.0.0.7/s", user = "u", password_file = "/etc/p", transport = "udp" }
        [[camera]]
        id = "cam_b"
        source = { kind = "v4l2", path = "/dev/video0" }
        spool_full = "drop-oldest"
        spool_keep = 0
        spool_keep_hours = 2
    "#;

    #[test]
    fn the_file_is_read_and_mistakes_are_named() {
        let config = FleetConfig::parse(GOOD).unwrap();
        let runs = config.runs(Path::new("/usr/bin/homeplate-frames"));
        assert_eq!(runs[0].data, Path::new("/var/lib/edge/cam_a"));
        assert_eq!((runs[0].spool_full, runs[1].spool_full), (Full::DropNew, Full::DropOldest));
        assert_eq!(runs[0].spool_keep, Keep::default());
        let none = Keep { bytes: 0, age: Duration::from_secs(7200) };
        assert_eq!(runs[1].spool_keep, none);
        let check = |text: String, words: &str| {
            let e = FleetConfig::parse(&text).unwrap_err();
            assert!(e.message().contains(words), "{e}");
        };
        check(GOOD.replace("cam_b", "cam_a"), "twice");
        check(GOOD.replace("transport", "transprt"), "transprt");
        check(GOOD.replace("spool_full", "spool_fuII"), "edge.toml, line ");
        check(GOOD.replace("drop-oldest", "drop-all"), "drop-all");
        check("server = \"x\"\ndata = \"y\"\ncamera = []".into(), "1 to 128");
        check(format!("{GOOD}\nspool_max = 10"), "1048576");
    }
}
