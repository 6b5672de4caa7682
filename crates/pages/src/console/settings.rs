//! What the city is set to.

use crate::page::Page;
use askama::Template;

/// A key of the configuration.
pub struct SettingRow {
    /// Its name.
    pub key: String,
    /// What it is; absent where that is not spelled.
    pub value: Option<String>,
    /// What it does.
    pub meaning: String,
    /// What it would be otherwise.
    pub default: String,
    /// Whether it is that.
    pub usual: bool,
}

/// What the city is set to.
#[derive(Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// Around it.
    pub page: Page,
    /// Sections of the file, each with its keys.
    pub sections: Vec<(String, Vec<SettingRow>)>,
    /// The law preset that the city started from; empty where there was none.
    pub preset: String,
    /// Days after which reads are forgotten.
    pub retention_days: u32,
    /// Hash of the rules in force.
    pub rules: String,
}

impl SettingsPage {
    /// How many keys of a section are not what they are where nobody says so.
    pub(crate) fn changed(&self, rows: &[SettingRow]) -> usize {
        rows.iter().filter(|row| !row.usual).count()
    }
}
