//! `[directory]` and `[[directory_group]]`: signing in by the city's own directory.

use super::Config;
use serde::{Deserialize, Serialize};

/// `[directory]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySection {
    /// Its address, as it calls itself (OpenID Connect's issuer).
    pub issuer: String,
    /// The city's name there.
    pub client_id: String,
    /// Where the city's secret there is: `credential:NAME`, or a file of the owner's alone.
    pub secret: String,
    /// What is asked for beside `openid`.
    #[serde(default = "scopes")]
    pub scopes: Vec<String>,
    /// The claim with the person's groups.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// For so many hours the directory's word holds that somebody is there.
    #[serde(default = "day")]
    pub hours: u32,
    /// Whether its address may lead to this machine or into the city's own networks.
    #[serde(default)]
    pub allow_local: bool,
}

fn scopes() -> Vec<String> {
    vec!["profile".into()]
}
fn groups() -> String {
    "groups".into()
}
fn day() -> u32 {
    24
}

/// `[[directory_group]]`: what the members of a group may do here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryGroup {
    /// The group, as the claim spells it.
    pub name: String,
    /// The office that stands on the log; of several groups, the first one's in this file.
    pub office: String,
    /// The roles; of several groups, all of them.
    pub roles: Vec<String>,
}

/// What is wrong with the two.
pub(super) fn wrong(config: &Config) -> Option<&'static str> {
    let Some(directory) = &config.directory else {
        return (!config.directory_group.is_empty())
            .then_some("directory_group is for a city with [directory]");
    };
    let issuer = directory.issuer.as_str();
    let plain = directory.allow_local && issuer.starts_with("http://");
    if !plain && !issuer.starts_with("https://") {
        return Some("directory.issuer is https:// and so on");
    }
    if config.server.public_url.is_none() {
        return Some("directory needs server.public_url: people come back there");
    }
    if !(1..=24).contains(&directory.hours) {
        return Some("directory.hours is 1 to 24");
    }
    if config.directory_group.is_empty() {
        return Some(
            "directory needs a directory_group: who is in none of them is let in by nobody",
        );
    }
    let empty = |group: &DirectoryGroup| {
        group.name.is_empty() || group.office.trim().is_empty() || group.roles.is_empty()
    };
    let missing = directory.client_id.is_empty() || directory.secret.is_empty();
    if missing || config.directory_group.iter().any(empty) {
        return Some("directory and directory_group leave nothing empty");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        const GOOD: &str = "[city]\nname=\"x\"\nslug=\"x\"\n[server]\npublic_url=\"https://plates.example\"\n\
            [directory]\nissuer=\"https://login.example\"\nclient_id=\"homeplate\"\nsecret=\"oidc.secret\"\n\
            [[directory_group]]\nname=\"PD\"\noffice=\"police\"\nroles=[\"officer\"]\n";
        let check = |from: &str, to: &str, want: &str| {
            let e = Config::parse(&GOOD.replace(from, to)).err().map(|e| e.message().to_owned());
            assert!(e.as_deref().unwrap_or("fine").contains(want), "{to}: {e:?}");
        };
        check("", "", "fine");
        check("issuer=\"https", "issuer=\"http", "directory.issuer");
        check("issuer=\"https", "hours=24\nallow_local=true\nissuer=\"http", "fine");
        check("secret=", "hours=25\nsecret=", "directory.hours");
        check("client_id=\"homeplate\"", "client_id=\"\"", "nothing empty");
        check("roles=[\"officer\"]", "roles=[]", "nothing empty");
        check("[server]\npublic_url=\"https://plates.example\"", "", "server.public_url");
        let at = GOOD.find("[[").unwrap_or_default();
        check(&GOOD[at..], "", "directory_group");
        let from = GOOD.find("[directory]").unwrap_or_default();
        check(&GOOD[from..at], "", "for a city with [directory]");
    }
}
