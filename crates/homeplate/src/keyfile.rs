//! Files with one private sealing key: the auditors', a matter's. The first line says whose.

use base::{Error, Result, Secret, b64, unb64};
use read::OpenKey;
use std::path::Path;

/// Whose key a file holds.
#[derive(Clone, Copy)]
pub struct Owner {
    /// The file's first line.
    pub head: &'static str,
    /// As it stands in a sentence: `an auditors'`.
    pub whose: &'static str,
}

impl Owner {
    /// Makes a key and writes it, for nobody else to read.
    pub fn create(self, path: &Path) -> Result<OpenKey> {
        let key = OpenKey::generate();
        let text = Secret::new(format!("{}\n{}\n", self.head, b64(key.bytes())).into_bytes());
        base::write_secret(path, text.expose())?;
        Ok(key)
    }

    /// Reads a key back; a file of another owner is refused.
    pub fn load(self, path: &Path) -> Result<OpenKey> {
        let bad = || Error::invalid(format!("{} is not {} key file.", path.display(), self.whose));
        let bytes = base::read_secret(path)?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad())?;
        let (head, key) = text.trim_end().split_once('\n').ok_or_else(bad)?;
        let key = unb64(key).and_then(|key| <[u8; 32]>::try_from(key).ok());
        match key {
            Some(key) if head == self.head => Ok(OpenKey::from_bytes(key)),
            _ => Err(bad()),
        }
    }
}
