//! What the city's configuration says, for people: every key with its meaning. Addresses that may hold a secret are
//! not spelled; secrets themselves are never in the file.

use crate::{City, Config, EXPLAINED};
use base::{Error, PersonId, Result};
use policy::Action;

/// Keys whose value is not shown, only that there is one.
const UNSPELLED: [&str; 4] = ["store.url", "webhook.url", "hotlist_fetch.url", "cases.records_url"];

/// A key of the configuration, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`; a section that stands more than once has a number: `webhook 2.name`.
    pub key: String,
    /// What it is; `None` where it is not spelled.
    pub value: Option<String>,
    /// What it does.
    pub meaning: &'static str,
    /// What it would be if nobody had said so.
    pub default: &'static str,
    /// Whether it is that.
    pub usual: bool,
}

fn spelled(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(all) => all.iter().map(spelled).collect::<Vec<_>>().join(", "),
        toml::Value::Table(all) => {
            let one = |(key, value): (&String, &toml::Value)| format!("{key}: {}", spelled(value));
            all.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn settings(config: &Config) -> Result<Vec<Setting>> {
    let file = toml::Table::try_from(config)
        .map_err(|e| Error::internal("The configuration cannot be shown.").because(e))?;
    // What a file says that says nothing but what it must.
    let bare = Config::parse("[city]\nname = \"-\"\nslug = \"-\"\n")?;
    let bare = toml::Table::try_from(&bare)
        .map_err(|e| Error::internal("The configuration cannot be shown.").because(e))?;
    let mut out = Vec::new();
    for (section, keys) in &file {
        let tables: Vec<&toml::Table> = match keys {
            toml::Value::Table(one) => vec![one],
            toml::Value::Array(all) => all.iter().filter_map(toml::Value::as_table).collect(),
            _ => Vec::new(),
        };
        for (n, table) in tables.iter().enumerate() {
            let name =
                if tables.len() > 1 { format!("{section} {}", n + 1) } else { section.clone() };
            for (key, value) in *table {
                let plain = format!("{section}.{key}");
                let Some(explained) = EXPLAINED.iter().find(|e| e.key == plain) else { continue };
                let must = explained.default.starts_with("none: it must");
                let same = bare.get(section).and_then(|keys| keys.get(key)) == Some(value);
                let value = spelled(value);
                out.push(Setting {
                    key: format!("{name}.{key}"),
                    usual: !must && (same || value.is_empty() || value == explained.default),
                    value: (!UNSPELLED.contains(&plain.as_str())).then_some(value),
                    meaning: explained.meaning,
                    default: explained.default,
                });
            }
        }
    }
    Ok(out)
}

impl City {
    /// What the configuration says, for administrators and auditors.
    pub fn settings(&self, by: &PersonId) -> Result<Vec<Setting>> {
        self.allowed(by, Action::AddPerson)
            .or_else(|e| self.allowed(by, Action::ReadAudit).map_err(|_| e))?;
        settings(&self.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_shown_and_no_address_with_a_secret() {
        let text = "[city]\nname=\"S\"\nslug=\"s\"\n[server]\npublic_url=\"https://plates.example\"\n\
                    [[webhook]]\nname=\"a\"\nurl=\"https://x/hush\"\nsecret=\"keys/a\"\n\
                    [[webhook]]\nname=\"b\"\nurl=\"https://y/hush\"\nsecret=\"keys/b\"\n\
                    [hits]\nlate_seconds=60\n";
        let all = settings(&Config::parse(text).unwrap()).unwrap();
        let of = |key: &str| all.iter().find(|s| s.key == key).unwrap();
        assert_eq!(of("city.name").value.as_deref(), Some("S"));
        assert_eq!(
            (of("hits.late_seconds").usual, of("hits.verdict_minutes").usual),
            (false, true)
        );
        assert_eq!(of("webhook 2.name").value.as_deref(), Some("b"));
        let unusual = all.iter().filter(|s| !s.usual && !s.key.starts_with("webhook"));
        let unusual: Vec<&str> = unusual.map(|s| s.key.as_str()).collect();
        let said = ["city.name", "city.slug", "hits.late_seconds", "server.public_url"];
        assert_eq!(unusual, said, "what nobody said is as usual, lists and tables among it");
        let words = "[city]\nname=\"S\"\nslug=\"s\"\n[reasons]\nvague=[\"stuff\"]\n";
        let other = settings(&Config::parse(words).unwrap()).unwrap();
        let usual = |key: &str| other.iter().find(|s| s.key == key).unwrap().usual;
        assert_eq!((usual("reasons.vague"), usual("reasons.topics")), (false, true));
        assert_eq!(of("webhook 1.url").value, None);
        assert!(!format!("{all:?}").contains("hush"));
        assert!(all.iter().all(|s| !s.meaning.is_empty()));
    }
}
