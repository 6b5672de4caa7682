//! What of each file is at the second place already: by pieces for databases, as one piece for the rest.

use super::record::{Change, File, PIECE};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use store::Changed;

/// The id of a piece at the place.
pub(super) type Id = [u8; 32];

/// Where a file's bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// A database of the store.
    Store,
    /// The log.
    Log,
    /// The city's folder.
    Folder,
}

/// One file.
#[derive(Debug)]
pub(super) struct Track {
    pub from: From,
    pub mode: u32,
    pub size: u64,
    /// `None`: another than what was sent last, if anything was.
    pub pieces: Vec<Option<Id>>,
}

impl Track {
    /// A file that is one piece, not sent yet.
    pub fn whole(from: From, mode: u32, size: u64) -> Self {
        Self { from, mode, size, pieces: vec![None] }
    }

    /// A database that was not looked at yet.
    pub fn paged() -> Self {
        Self { from: From::Store, mode: 0o600, size: 0, pieces: Vec::new() }
    }

    /// Takes note of what changed in a database; the change for the record, if there is any.
    pub fn note(
        &mut self,
        name: &str,
        changed: &Changed,
        record: bool,
    ) -> base::Result<Option<Change>> {
        let grown = changed.size != self.size;
        if grown {
            // The last piece gets longer or shorter.
            let edge = (self.size.min(changed.size) / PIECE as u64) as usize;
            self.pieces.resize((changed.size as usize).div_ceil(PIECE), None);
            self.pieces.iter_mut().skip(edge).for_each(|piece| *piece = None);
            self.size = changed.size;
        }
        for page in &changed.pages {
            let first = (page * changed.page) as usize / PIECE;
            let last = ((page + 1) * changed.page - 1) as usize / PIECE;
            for at in first..=last {
                if let Some(piece) = self.pieces.get_mut(at) {
                    *piece = None;
                }
            }
        }
        if !record || (changed.pages.is_empty() && !grown) {
            return Ok(None);
        }
        let mut parts: Vec<(u64, ByteBuf)> = Vec::new();
        for (first, count) in runs(&changed.pages) {
            let bytes = changed.read(first * changed.page, (count * changed.page) as usize)?;
            parts.push((first * changed.page, ByteBuf::from(bytes)));
        }
        let (file, mode, size) = (name.to_owned(), self.mode, self.size);
        Ok(Some(Change::Write { file, mode, size, parts }))
    }

    /// Which pieces must be sent.
    pub fn dirty(&self) -> Vec<usize> {
        (0..self.pieces.len()).filter(|at| self.pieces[*at].is_none()).collect()
    }
}

/// Neighbours in one go, at most a megabyte of them at the usual size of a page.
fn runs(pages: &[u64]) -> Vec<(u64, u64)> {
    let mut out: Vec<(u64, u64)> = Vec::new();
    for page in pages {
        match out.last_mut() {
            Some((first, count)) if *first + *count == *page && *count < 256 => *count += 1,
            _ => out.push((*page, 1)),
        }
    }
    out
}

/// The base that these files are; `None` as long as a piece of one is missing.
pub(super) fn base_files(tracks: &BTreeMap<String, Track>) -> Option<Vec<File>> {
    let one = |(name, track): (&String, &Track)| {
        let pieces: Option<Vec<ByteBuf>> = track
            .pieces
            .iter()
            .map(|piece| piece.as_ref().map(|id| ByteBuf::from(id.to_vec())))
            .collect();
        let (name, mode, size, pieces) = (name.clone(), track.mode, track.size, pieces?);
        Some(File { name, mode, size, pieces, lists: Vec::new() })
    };
    tracks.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_go_together() {
        assert_eq!(runs(&[0, 1, 2, 5, 7, 8]), [(0, 3), (5, 1), (7, 2)]);
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&(0..300).collect::<Vec<_>>()), [(0, 256), (256, 44)]);
    }
}
