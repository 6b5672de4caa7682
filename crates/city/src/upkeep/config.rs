//! `[upkeep]`: who is told when something of the system itself is wrong, and when that is so.

use serde::{Deserialize, Serialize};

/// `[upkeep]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpkeepSection {
    /// Who is told by e-mail: people, roles, addresses.
    pub tell: Vec<String>,
    /// Whether they get a summary every Monday.
    pub weekly: bool,
    /// After so many hours without a vehicle, where there usually is one, a camera is told of; 0 is never.
    pub quiet_hours: u32,
    /// So many days before its end a certificate is told of.
    pub certificate_days: u32,
    /// A file that the backup touches when it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_file: Option<String>,
    /// After so many hours without that it is late.
    pub backup_hours: u32,
    /// At this share of the disk, pictures of reads are thinned.
    pub thin_percent: u32,
    /// At this one, reads are kept without pictures.
    pub bare_percent: u32,
}

impl Default for UpkeepSection {
    fn default() -> Self {
        Self {
            tell: Vec::new(),
            weekly: true,
            quiet_hours: 2,
            certificate_days: 14,
            backup_file: None,
            backup_hours: 26,
            thin_percent: 85,
            bare_percent: 95,
        }
    }
}

impl UpkeepSection {
    /// What is wrong, if something is; `mail` is whether the city can send some.
    pub(crate) fn wrong(&self, mail: bool) -> Option<&'static str> {
        if !self.tell.iter().all(|name| crate::ringing::is_somebody(name)) {
            return Some("upkeep.tell has people (per_…), roles and e-mail addresses");
        }
        if !self.tell.is_empty() && !mail {
            return Some("upkeep.tell needs deliver.smtp_host: they are told by e-mail");
        }
        if self.quiet_hours > 24 {
            return Some("upkeep.quiet_hours is 0 to 24");
        }
        if !(1..=90).contains(&self.certificate_days) {
            return Some("upkeep.certificate_days is 1 to 90");
        }
        if !(1..=2000).contains(&self.backup_hours) {
            return Some("upkeep.backup_hours is 1 to 2000");
        }
        let (thin, bare) = (self.thin_percent, self.bare_percent);
        (!(10..bare).contains(&thin) || bare > 99).then_some(
            "upkeep.thin_percent is 10 or more, below upkeep.bare_percent, which is at most 99",
        )
    }
}
