//! The city's own authority, where it has one: handing out its root, and how a camera knows it again.

use crate::City;
use base::{Error, Result};

/// Characters of the fingerprint that a camera's code carries: 128 bits, which nobody meets a second time.
const PRINT: usize = 32;

/// What a code says of a root.
pub(crate) fn short_print(pem: &[u8]) -> Result<String> {
    let root = tls::chain_of(pem)?.into_iter().next();
    let root = root.ok_or_else(|| Error::internal("The city's root is damaged."))?;
    Ok(tls::fingerprint(&root).chars().take(PRINT).collect())
}

impl City {
    /// The root of the city's own certificate authority, as PEM; `None` where it has none.
    pub fn own_root(&self) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.config.tls.root_file(&self.dir) else { return Ok(None) };
        std::fs::read(&file).map(Some).map_err(|e| {
            Error::unavailable(format!("{} cannot be read; restore it.", file.display())).because(e)
        })
    }

    /// Where the city's data are.
    pub fn dir(&self) -> &std::path::Path {
        &self.dir
    }
}
