//! `[log]`: how the public log is kept and shown, and what its witnesses must have signed.

use base::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// Seconds between two looks at what goes by the clock: hits that go cold, folders of lists.
    pub tally_s: u32,
    /// Seconds between two entries of a camera's daily count, while reads come in.
    pub counts_s: u32,
    /// The public log tells time in steps of so many minutes.
    pub minutes: u32,
    /// The public page and the public log show an entry so many minutes after it was made; 0 is at once.
    pub delay_minutes: u32,
    /// How many reads an answer opened is on the log as a number, or as a range.
    pub results: Results,
    /// A question under a judicial warrant may stay sealed for so many days; 0 is never.
    pub sealed_days: u32,
    /// A file in the data folder that names the log's witnesses, as C2SP's tlog-policy has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<String>,
    /// Whether they must have signed before a read is opened, or soon after; neither where a life is in danger.
    pub witness_rule: WitnessRule,
    /// Under `within`: after so many seconds without their signatures questions stop.
    pub witness_within_s: u32,
}

/// When witnesses must have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WitnessRule {
    /// Before a read is opened.
    Before,
    /// Within a time.
    Within,
}

impl LogSection {
    /// The text of the witness policy, where one is named.
    pub(crate) fn policy_text(&self, dir: &Path) -> Result<Option<String>> {
        let Some(name) = &self.witnesses else { return Ok(None) };
        let text = std::fs::read_to_string(dir.join(name)).map_err(|e| {
            Error::unavailable(format!(
                "The witness policy {name} cannot be read; log.witnesses names it."
            ))
            .because(e)
        })?;
        Ok(Some(text))
    }

    /// What custody must see of witnesses before it opens anything.
    pub(crate) fn asked_before(&self, dir: &Path) -> Result<Option<ledger::Policy>> {
        self.asked_before_text(dir)?.as_deref().map(ledger::Policy::parse).transpose()
    }

    /// The same as the policy's text.
    pub(crate) fn asked_before_text(&self, dir: &Path) -> Result<Option<String>> {
        Ok(self.policy_text(dir)?.filter(|_| self.witness_rule == WitnessRule::Before))
    }
}

/// How the public log tells the size of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Results {
    /// As a number.
    Exact,
    /// As one of 0, 1-9, 10-99, 100-1000; the numbers are in the private half.
    Range,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            tally_s: 60,
            counts_s: 3600,
            minutes: 1,
            delay_minutes: 0,
            results: Results::Exact,
            sealed_days: 90,
            witnesses: None,
            witness_rule: WitnessRule::Within,
            witness_within_s: 600,
        }
    }
}
