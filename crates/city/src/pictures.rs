//! `[pictures]`: where sealed pictures lie, and the secret that opens the way to a bucket.

use crate::Config;
use base::{Error, Result, Secret, read_secret};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use store::{Pictures, S3};
use zeroize::Zeroize;

/// `[pictures]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureSection {
    /// What keeps them.
    pub place: PicturePlace,
    /// The folder; below the data folder, unless it begins at the root.
    pub folder: String,
    /// Address of the S3 service; AWS where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region that requests to it are signed for.
    pub region: String,
    /// The bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// What the names of all objects begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The file with `key_id` and `secret`; below the data folder, unless it begins at the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
}

impl Default for PictureSection {
    fn default() -> Self {
        Self {
            place: PicturePlace::Folder,
            folder: "pictures".into(),
            endpoint: None,
            region: "us-east-1".into(),
            bucket: None,
            prefix: None,
            credentials: None,
        }
    }
}

/// What keeps pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PicturePlace {
    /// Files in a folder.
    Folder,
    /// An S3-compatible service.
    S3,
}

/// The file of credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    key_id: String,
    secret: String,
}

impl Config {
    pub(crate) fn check_pictures(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid(format!("homeplate.toml: {what}.")));
        let of = &self.pictures;
        if of.folder.trim().is_empty() {
            return refuse("pictures.folder is empty");
        }
        match of.place {
            PicturePlace::Folder => {
                let only = [&of.endpoint, &of.bucket, &of.prefix, &of.credentials];
                if only.iter().any(|key| key.is_some()) {
                    return refuse(
                        "pictures.endpoint, bucket, prefix and credentials are for pictures.place = \
                         \"s3\"; take them out, or change that",
                    );
                }
                Ok(())
            }
            PicturePlace::S3 if of.bucket.is_none() => refuse("pictures.bucket is missing"),
            PicturePlace::S3 if of.credentials.is_none() => refuse(
                "pictures.credentials is missing; name the file that holds key_id and secret",
            ),
            PicturePlace::S3 => self.bucket(String::new(), String::new()).check(),
        }
    }

    fn bucket(&self, key_id: String, secret: String) -> S3 {
        let of = &self.pictures;
        S3 {
            endpoint: of.endpoint.clone(),
            region: of.region.clone(),
            bucket: of.bucket.clone().unwrap_or_default(),
            prefix: of.prefix.clone().unwrap_or_default(),
            key_id,
            secret: Secret::new(secret),
        }
    }

    /// The file of credentials of a city in `dir`, if it has one.
    pub(crate) fn credentials(&self, dir: &Path) -> Option<PathBuf> {
        self.pictures.credentials.as_ref().map(|file| dir.join(file))
    }

    /// Where the pictures of a city in `dir` are.
    pub(crate) fn pictures_of(&self, dir: &Path) -> Result<Pictures> {
        let Some(file) = self.credentials(dir) else {
            return Ok(Pictures::Folder(dir.join(&self.pictures.folder)));
        };
        // Never the parser's words: they quote the line, and the secret stands in it.
        let bad = || {
            Error::invalid(format!(
                "{} is not a file of credentials; write key_id = \"…\" and secret = \"…\" in it.",
                file.display()
            ))
        };
        let bytes = read_secret(&file).map_err(|e| {
            Error::unavailable(format!(
                "{} with the credentials for the pictures cannot be read; put it there.",
                file.display()
            ))
            .because(e)
        })?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad())?;
        let mut read: Credentials = toml::from_str(text).map_err(|_| bad())?;
        let s3 = self.bucket(std::mem::take(&mut read.key_id), std::mem::take(&mut read.secret));
        read.secret.zeroize();
        Ok(Pictures::S3(s3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[city]\nname = \"S\"\nslug = \"s\"\n[pictures]\n";

    #[test]
    fn bad_places_say_what_is_wrong() {
        for (text, want) in [
            ("folder = \"\"", "pictures.folder is empty"),
            ("place = \"tape\"", "unknown variant"),
            ("bucket = \"plates\"", "are for pictures.place"),
            ("place = \"s3\"\ncredentials = \"k\"", "pictures.bucket is missing"),
            ("place = \"s3\"\nbucket = \"plates\"", "pictures.credentials is missing"),
            ("place = \"s3\"\nbucket = \"Plates\"\ncredentials = \"k\"", "bucket name"),
            (
                "place = \"s3\"\nbucket = \"plates\"\ncredentials = \"k\"\nendpoint = \"http://s3.example\"",
                "no https:// address",
            ),
        ] {
            let e = Config::parse(&format!("{GOOD}{text}\n")).unwrap_err();
            assert!(e.to_string().contains(want), "{text}: {e}");
        }
    }

    #[test]
    fn places() {
        let dir = tempfile::tempdir().unwrap();
        let of =
            |text: &str| Config::parse(&format!("{GOOD}{text}\n")).unwrap().pictures_of(dir.path());
        let folder = |text: &str| match of(text).unwrap() {
            Pictures::Folder(folder) => folder,
            Pictures::S3(_) => panic!("a bucket"),
        };
        assert_eq!(folder(""), dir.path().join("pictures"));
        assert_eq!(folder("folder = \"/srv/pictures\""), Path::new("/srv/pictures"));

        let s3 = "place = \"s3\"\nbucket = \"plates\"\nprefix = \"a/b\"\ncredentials = \"keys/s3\"";
        assert!(of(s3).unwrap_err().to_string().contains("cannot be read"));
        let file = dir.path().join("keys/s3");
        base::write_secret(&file, b"secret = hush").unwrap();
        let e = of(s3).unwrap_err();
        assert!(!format!("{e} {e:?}").contains("hush"), "{e:?}");
        base::write_secret(&file, b"key_id = \"id\"\nsecret = \"hush\"\n").unwrap();
        let Pictures::S3(s3) = of(s3).unwrap() else { panic!("a folder") };
        assert_eq!((s3.key_id.as_str(), s3.secret.expose().as_str()), ("id", "hush"));
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("plates", "a/b"));
    }
}
