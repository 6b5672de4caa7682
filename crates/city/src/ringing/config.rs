//! `[deliver]` and `[[webhook]]`: the ways out, and when they are taken.

use base::PersonId;
use deliver::{Reach, Security, is_address};
use serde::{Deserialize, Serialize};

/// `[deliver]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeliverSection {
    /// A message that does not go out is tried for so many hours.
    pub give_up_hours: u32,
    /// Who is told when nobody is at the desk, or nobody decides: people, roles, e-mail addresses.
    pub escalate: Vec<String>,
    /// The language of mail to addresses that are nobody's of the city: `en` or `es`. People choose theirs.
    pub language: String,
    /// Whom push services ask when something is wrong; without it there is no web push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_contact: Option<String>,
    /// The mail server; without it there is no e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_host: Option<String>,
    /// Its port.
    pub smtp_port: u16,
    /// How the connection to it is kept secret.
    pub smtp_tls: Security,
    /// Whom mail is from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_from: Option<String>,
    /// The file with name and password, a line each, or `credential:NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_credentials: Option<String>,
}

impl Default for DeliverSection {
    fn default() -> Self {
        Self {
            give_up_hours: 12,
            escalate: Vec::new(),
            language: "en".into(),
            push_contact: None,
            smtp_host: None,
            smtp_port: 587,
            smtp_tls: Security::Starttls,
            smtp_from: None,
            smtp_credentials: None,
        }
    }
}

/// `[[webhook]]`: a program that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSection {
    /// What it is called.
    pub name: String,
    /// Where it takes messages.
    pub url: String,
    /// Where the secret is that both sides know: a file, or `credential:NAME`.
    pub secret: String,
    /// Whether its host is one of the city's own networks, or this machine.
    #[serde(default)]
    pub allow_local: bool,
}

impl HookSection {
    /// Where it may be.
    pub(crate) fn reach(&self) -> Reach {
        if self.allow_local { Reach::LOCAL } else { Reach::PUBLIC }
    }

    fn wrong(&self) -> Option<&'static str> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=40).contains(&self.name.len()) || !self.name.bytes().all(plain) {
            return Some("webhook.name is 1 to 40 characters of a-z, 0-9 and -");
        }
        if !self.reach().takes_url(&self.url) {
            return Some(
                "webhook.url is https:// and a host; http:// only with allow_local = true",
            );
        }
        (self.secret == "ask" || self.secret.trim().is_empty())
            .then_some("webhook.secret is credential:NAME or a file")
    }
}

impl DeliverSection {
    /// Whether there is any way out.
    fn any(&self) -> bool {
        self.smtp_host.is_some() || self.push_contact.is_some()
    }

    /// What is wrong with the ways out, if something is. Messages carry a link: they need an address of the city.
    pub(crate) fn wrong(&self, hooks: &[HookSection], has_address: bool) -> Option<&'static str> {
        if !(1..=168).contains(&self.give_up_hours) {
            return Some("deliver.give_up_hours is 1 to 168");
        }
        if !self.escalate.iter().all(|name| fits(name)) {
            return Some("deliver.escalate has people (per_…), roles and e-mail addresses");
        }
        if !["en", "es"].contains(&self.language.as_str()) {
            return Some("deliver.language is en or es");
        }
        if self.push_contact.as_deref().is_some_and(|contact| !is_contact(contact)) {
            return Some("deliver.push_contact is mailto: and an address, or an https address");
        }
        if self.smtp_host.is_some() && self.smtp_from.is_none() {
            return Some("deliver.smtp_from is missing; mail is from somebody");
        }
        if self.smtp_credentials.as_deref() == Some("ask") {
            return Some("deliver.smtp_credentials is credential:NAME or a file");
        }
        if let Some(wrong) = hooks.iter().find_map(HookSection::wrong) {
            return Some(wrong);
        }
        let names: std::collections::BTreeSet<&str> =
            hooks.iter().map(|hook| hook.name.as_str()).collect();
        if names.len() < hooks.len() {
            return Some("webhook.name is given twice");
        }
        ((self.any() || !hooks.is_empty()) && !has_address).then_some(
            "server.public_url is missing; messages about hits carry a link to the console",
        )
    }
}

/// Whether a name is one of a person, a role or an address.
pub(crate) fn fits(name: &str) -> bool {
    let role = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match name {
        name if name.contains('@') => is_address(name),
        name if name.starts_with("per_") => name.parse::<PersonId>().is_ok(),
        name => (1..=80).contains(&name.len()) && name.bytes().all(role),
    }
}

fn is_contact(contact: &str) -> bool {
    contact.strip_prefix("mailto:").is_some_and(is_address) || Reach::PUBLIC.takes_url(contact)
}

#[cfg(test)]
mod tests {
    use crate::Config;

    #[test]
    fn what_a_file_may_say() {
        let city = "[city]\nname=\"S\"\nslug=\"s\"\n[server]\npublic_url=\"https://p.example\"\n";
        let hook = |rest: &str| {
            format!(
                "[[webhook]]\nname=\"cad\"\nurl=\"https://cad.example/in\"\nsecret=\"cad\"\n{rest}"
            )
        };
        for good in [
            String::new(),
            hook(""),
            "[deliver]\nescalate=[\"per_watch\",\"supervisor\",\"duty@c.example\"]\n".into(),
            "[deliver]\npush_contact=\"mailto:it@c.example\"\nsmtp_host=\"mail\"\nsmtp_from=\"a@c.example\"\n"
                .into(),
        ] {
            Config::parse(&format!("{city}{good}")).unwrap();
        }
        for (text, want) in [
            ("[deliver]\ngive_up_hours=999\n".into(), "deliver.give_up_hours"),
            ("[deliver]\nescalate=[\"a b\"]\n".into(), "deliver.escalate"),
            ("[deliver]\nescalate=[\"per_A\"]\n".into(), "deliver.escalate"),
            ("[deliver]\npush_contact=\"it@c.example\"\n".into(), "deliver.push_contact"),
            ("[deliver]\nsmtp_host=\"mail\"\n".into(), "deliver.smtp_from"),
            ("[deliver]\nlanguage=\"fr\"\n".into(), "deliver.language"),
            ("[deliver]\nsmtp_tls=\"ssl\"\n".into(), "unknown variant"),
            ("[deliver]\nmail=1\n".into(), "unknown field"),
            (hook("").replace("cad\"\nurl", "CAD\"\nurl"), "webhook.name"),
            (hook("").replace("https://cad", "http://cad"), "webhook.url"),
            (hook("").replace("secret=\"cad\"", "secret=\"ask\""), "webhook.secret"),
            (hook("") + &hook(""), "given twice"),
        ] {
            let e = Config::parse(&format!("{city}{text}")).unwrap_err();
            assert!(e.to_string().contains(want), "{text}: {e}");
        }
        let local = hook("allow_local=true\n").replace("https://cad.example", "http://10.0.0.7");
        Config::parse(&format!("{city}{local}")).unwrap();
        let homeless = format!("[city]\nname=\"S\"\nslug=\"s\"\n{}", hook(""));
        let e = Config::parse(&homeless).unwrap_err();
        assert!(e.to_string().contains("server.public_url"), "{e}");
    }
}
