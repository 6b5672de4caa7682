//! What a city needs: disk, processor, memory, line; from figures that were measured, and what pictures cost of it.
//!
//! Beside each figure stands where it was measured. They are of November 2026, of two shared virtual cores (x86-64),
//! and of rendered traffic where nothing else is said: a plan is a beginning, and [`Plan::compare`] holds it against what
//! the city has become. Pure.

use base::{Error, Result};
use serde::{Deserialize, Serialize};

/// Bytes of one sealed read with index and room for both in the store: 38 GB for 30 days of 1,000,000 reads a day
/// (`guide/measuring.md`, SQLite).
const READ_BYTES: u64 = 1_270;
/// Bytes of the sealed picture of one read: 3,086,009 for 199 reads of rendered traffic at 1280×720 through the whole
/// chain. Real streets have more texture: the plan counts twice as much.
const PICTURE_BYTES: u64 = 15_500;
const TEXTURE: u64 = 2;
/// Bytes of the log a camera and day: one count an hour while reads come in. That an entry takes some 350 bytes with
/// its share of the tiles is an estimate, not a measurement.
const LOG_BYTES: u64 = 24 * 350;
/// Reads a second that one server takes without pictures: 6,233 (`guide/measuring.md`); planned with a third.
const READS_A_SECOND: f64 = 2_000.0;
/// Of one core: reading one camera of 1280×720 at 10 frames a second, if every frame had something moving, decoding
/// included: half a core for eight (`guide/measuring.md`, at the roadside).
const EDGE_CORE: f64 = 0.5 / 8.0;
/// Memory of the reader, and of a camera's decoder (`guide/measuring.md`).
const EDGE_MB: u64 = 214;
const DECODER_MB: u64 = 72;
/// Memory of the server under load: 161 MB (`guide/measuring.md`), and a list of a million entries about 150 MB
/// (`design/0014-matching.md`: ten million in 1.5 GB); with room for both to grow.
const SERVER_MB: u64 = 1_024;
/// The busiest hour has so many times the reads of a middle one; an assumption, not a measurement.
const PEAK: f64 = 3.0;
/// A disk that is planned to be fuller than this has no room for a bad week: pictures are thinned at 85 %.
const FULL: f64 = 0.7;

/// What is planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Cameras.
    pub cameras: u32,
    /// Vehicles that one camera reads a day.
    pub reads_per_day: u32,
    /// Days that reads are kept.
    pub days: u32,
    /// Whether reads keep their pictures.
    pub pictures: bool,
}

/// What it takes. Bytes are of 1000.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Needs {
    /// Reads that are kept at a time.
    pub reads: u64,
    /// Bytes of reads.
    pub read_bytes: u64,
    /// Bytes of pictures.
    pub picture_bytes: u64,
    /// Bytes of the log in ten years: it is never forgotten.
    pub log_bytes: u64,
    /// A disk on which that fills seven tenths, in GB.
    pub disk_gb: u64,
    /// Cores of the server in the busiest hour.
    pub server_cores: f64,
    /// Memory of the server, in MB.
    pub server_mb: u64,
    /// Cores of the machines that read the cameras, all together.
    pub edge_cores: f64,
    /// Memory of those machines, all together as if they were one, in MB.
    pub edge_mb: u64,
    /// Bytes a second into the server in the busiest hour.
    pub line: f64,
}

impl Plan {
    /// The plan, if it can be one.
    pub fn checked(self) -> Result<Self> {
        let fits = (1..=100_000).contains(&self.cameras)
            && (1..=1_000_000).contains(&self.reads_per_day)
            && (1..=3650).contains(&self.days);
        if fits {
            return Ok(self);
        }
        Err(Error::invalid(
            "Plan for 1 to 100000 cameras with 1 to 1000000 reads a day each, kept 1 to 3650 days.",
        ))
    }

    /// What it takes.
    pub fn needs(&self) -> Needs {
        let a_day = u64::from(self.cameras) * u64::from(self.reads_per_day);
        let reads = a_day * u64::from(self.days);
        let picture = if self.pictures { PICTURE_BYTES * TEXTURE } else { 0 };
        let (read_bytes, picture_bytes) = (reads * READ_BYTES, reads * picture);
        let log_bytes = u64::from(self.cameras) * LOG_BYTES * 3650;
        let all = (read_bytes + picture_bytes + log_bytes) as f64;
        let busiest = a_day as f64 / 86_400.0 * PEAK;
        Needs {
            reads,
            read_bytes,
            picture_bytes,
            log_bytes,
            disk_gb: (all / FULL / 1e9).ceil().max(20.0) as u64,
            // The rest is for questions, the log and the system.
            server_cores: (busiest / READS_A_SECOND * 2.0 + 1.0).ceil(),
            server_mb: SERVER_MB,
            edge_cores: f64::from(self.cameras) * EDGE_CORE,
            edge_mb: EDGE_MB + u64::from(self.cameras) * DECODER_MB,
            line: busiest * (READ_BYTES + picture) as f64,
        }
    }

    /// What differs from what the city has become, a sentence each; `free` and `all` are bytes of its disk.
    pub fn compare(&self, real: &Real) -> Vec<String> {
        let mut out = Vec::new();
        if real.cameras > u64::from(self.cameras) {
            let planned = self.cameras;
            out.push(format!("{} cameras are there, and {planned} were planned.", real.cameras));
        }
        let planned = f64::from(self.cameras) * f64::from(self.reads_per_day);
        if let Some(a_day) = real.reads_a_day
            && a_day > planned * 1.2
        {
            out.push(format!("{a_day:.0} reads a day come in, and {planned:.0} were planned."));
        }
        if real.days > self.days {
            out.push(format!("Reads are kept {} days, and {} were planned.", real.days, self.days));
        }
        let needed = self.needs().disk_gb as f64 * 1e9;
        if (real.disk as f64) < needed * 0.9 {
            out.push(format!(
                "The disk has {:.0} GB, and the plan needs {:.0}.",
                real.disk as f64 / 1e9,
                needed / 1e9
            ));
        }
        out
    }
}

/// What a city has become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Real {
    /// Cameras that are not retired.
    pub cameras: u64,
    /// Reads a day, the middle of the days that are over; `None` in the first days.
    pub reads_a_day: Option<f64>,
    /// Days that reads are kept.
    pub days: u32,
    /// Bytes of the disk.
    pub disk: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan { cameras: 14, reads_per_day: 3000, days: 30, pictures: true }
    }

    #[test]
    fn a_small_city() {
        let needs = plan().needs();
        assert_eq!(needs.reads, 1_260_000);
        assert_eq!((needs.read_bytes, needs.picture_bytes), (1_600_200_000, 39_060_000_000));
        assert_eq!((needs.disk_gb, needs.server_cores), (59, 2.0));
        assert_eq!(needs.edge_mb, 214 + 14 * 72);
        assert!((needs.edge_cores - 0.875).abs() < 1e-9);
        let bare = Plan { pictures: false, ..plan() }.needs();
        assert_eq!((bare.picture_bytes, bare.disk_gb), (0, 20));
    }

    #[test]
    fn what_differs_is_said() {
        let fits = Real { cameras: 14, reads_a_day: Some(45_000.0), days: 30, disk: 100 << 30 };
        assert_eq!(plan().compare(&fits), Vec::<String>::new());
        let more = Real { cameras: 20, reads_a_day: Some(90_000.0), days: 60, disk: 40 << 30 };
        assert_eq!(plan().compare(&more).len(), 4, "{:?}", plan().compare(&more));
    }

    #[test]
    fn nonsense_is_no_plan() {
        for bad in [
            Plan { cameras: 0, ..plan() },
            Plan { reads_per_day: 2_000_000, ..plan() },
            Plan { days: 0, ..plan() },
        ] {
            assert!(bad.checked().is_err());
        }
    }
}
