//! Sealed pictures, outside the database: many of a batch in one object, a *pack*.
//!
//! Holds: a pack is lasting before the transaction that names it begins, so a crash leaves packs that
//! no row names, never rows whose pack is missing; a pack never changes. Packs lie by retention and
//! day (`reads/2026-11-23/…`, `hits/2026-11-23/…`), so that a day goes as one. Why packs:
//! `design/0004-pictures.md`. Not here: which row names what (`put`, `reads`, `hits`).

mod album;
mod keep;
mod pack;

pub(crate) use album::{Album, bucket};
pub use keep::PictureCheck;
pub(crate) use pack::{Of, Pack, Placed};

use base::{Error, Result, Secret};
use std::path::PathBuf;

/// Where a store's pictures are kept. A store has one place; another store's is refused.
#[derive(Clone, Debug)]
pub enum Pictures {
    /// Files in a folder.
    Folder(PathBuf),
    /// Objects of an S3-compatible service.
    S3(S3),
}

/// A bucket of an S3-compatible service, and how to get in.
#[derive(Clone, Debug)]
pub struct S3 {
    /// Address of the service, `https://…`; AWS itself where there is none.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// What the names of all objects begin with; may be empty.
    pub prefix: String,
    /// Who asks.
    pub key_id: String,
    /// The secret to it.
    pub secret: Secret<String>,
}

impl S3 {
    /// Whether this can be a bucket at all. Without encryption a service is reached on this machine only.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("The place of the pictures {what}.")));
        if let Some(endpoint) = &self.endpoint
            && !endpoint.starts_with("https://")
            && !on_this_machine(endpoint)
        {
            return refuse("is no https:// address; http:// is for a service on this machine");
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(plain) {
            return refuse("has no bucket name of 3 to 63 characters of a-z, 0-9, - and .");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let named = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        if !self.prefix.is_empty() && !self.prefix.split('/').all(named) {
            return refuse(
                "has a prefix that is not names of A-Z, a-z, 0-9, -, _ and . with / between",
            );
        }
        Ok(())
    }
}

/// `http://` with a loopback host, and nothing that could pass for one.
fn on_this_machine(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].into_iter().any(|name| match host.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_checked() {
        let check = |endpoint: Option<&str>, bucket: &str, prefix: &str, good: bool| {
            let s3 = S3 {
                endpoint: endpoint.map(str::to_owned),
                region: "us-east-1".into(),
                bucket: bucket.into(),
                prefix: prefix.into(),
                key_id: "id".into(),
                secret: Secret::new("hush".into()),
            };
            assert_eq!(s3.check().is_ok(), good, "{s3:?}");
            assert!(!format!("{s3:?}").contains("hush"));
        };
        check(None, "plates", "", true);
        check(Some("https://s3.example"), "plates", "springfield/pictures", true);
        check(Some("http://127.0.0.1:9000"), "plates", "", true);
        check(Some("http://localhost/"), "plates", "", true);
        check(Some("http://s3.example"), "plates", "", false);
        check(Some("http://localhost.example"), "plates", "", false);
        check(Some("http://127.0.0.1:9000@s3.example"), "plates", "", false);
        check(Some("s3.example"), "plates", "", false);
        check(None, "Plates", "", false);
        check(None, "", "", false);
        check(None, "plates", "/a", false);
        check(None, "plates", "a/../b", false);
        check(None, "plates", "a b", false);
    }
}
