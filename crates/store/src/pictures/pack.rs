//! A pack while it is put together, and where in a pack a picture is.

use crate::engine::{Arg, Row};
use base::{Day, Result, random, sha256};
use object_store::PutPayload;
use object_store::path::Path;

/// Which retention a pack is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    /// That of reads: it goes with their day.
    Reads,
    /// That of hits, whose keys are kept apart.
    Hits,
}

impl Of {
    pub fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Hits => "hits",
        }
    }
}

/// Names a pack within its day.
pub(crate) type PackId = [u8; 16];

/// The columns that say where a picture is, as rows have them in this order.
pub(crate) const COLUMNS: usize = 4;

/// Where a picture is, and what it must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub pack: PackId,
    pub at: i64,
    pub len: i64,
    pub hash: [u8; 32],
}

impl Placed {
    /// The values of the columns; all are null where there is no picture.
    pub fn args(placed: Option<&Self>) -> [Arg<'_>; COLUMNS] {
        [
            Arg::from(placed.map(|p| &p.pack)),
            Arg::from(placed.map(|p| p.at)),
            Arg::from(placed.map(|p| p.len)),
            Arg::from(placed.map(|p| &p.hash)),
        ]
    }

    /// The same from a row, beginning with column `from`.
    pub fn of_row(row: &mut Row, from: usize) -> Result<Option<Self>> {
        let Some(pack) = row.maybe(from)? else { return Ok(None) };
        let (at, len) = (row.get(from + 1)?, row.get(from + 2)?);
        Ok(Some(Self { pack, at, len, hash: row.get(from + 3)? }))
    }

    /// First and first no longer byte of it in its pack; empty where the row is damaged.
    pub fn range(&self) -> std::ops::Range<u64> {
        let at = u64::try_from(self.at).unwrap_or(0);
        at..at.saturating_add(u64::try_from(self.len).unwrap_or(0))
    }
}

/// Pictures on their way to one object.
#[derive(Default)]
pub(crate) struct Pack {
    pub id: PackId,
    bytes: Vec<u8>,
}

impl Pack {
    pub fn new() -> Self {
        Self { id: random(), ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn bytes(&self) -> i64 {
        length(&self.bytes)
    }

    /// Adds a sealed picture behind those that are there.
    pub fn add(&mut self, sealed: &[u8]) -> Placed {
        let (at, len) = (self.bytes(), length(sealed));
        self.bytes.extend_from_slice(sealed);
        Placed { pack: self.id, at, len, hash: sha256(sealed) }
    }

    /// The pictures one behind the other, and nothing else.
    pub fn payload(self) -> PutPayload {
        self.bytes.into()
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// The name of a pack below the place's own prefix.
pub(crate) fn name(of: Of, day: Day, id: &PackId) -> String {
    format!("{}/{day}/{}.pack", of.word(), base::hex(id))
}

/// The pack that a path names, if it is one of that day.
pub(crate) fn id_of(path: &Path) -> Option<PackId> {
    let hex = path.filename()?.strip_suffix(".pack")?;
    let digits = hex.as_bytes();
    let mut id = [0; 16];
    let plain = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != 32 || !digits.iter().all(|b| plain(*b)) {
        return None;
    }
    for (out, two) in id.iter_mut().zip(digits.chunks(2)) {
        *out = u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_one_behind_the_other() {
        let mut pack = Pack::new();
        let (a, b) = (pack.add(&[1, 2, 3]), pack.add(&[4, 5]));
        assert_eq!((a.range(), b.range(), pack.bytes()), (0..3, 3..5, 5));
        assert_eq!((a.pack, b.pack), (pack.id, pack.id));
        assert_eq!(pack.payload().content_length(), 5);
    }

    #[test]
    fn names_lead_back() {
        let day = Day::from_number(20_000);
        let id: PackId = random();
        let path = name(Of::Hits, day, &id);
        assert!(path.starts_with(&format!("hits/{day}/")), "{path}");
        assert_eq!(id_of(&Path::from(path)), Some(id));
        for other in ["reads/2026-11-23/x.pack", "owner", "reads/notes.txt", ""] {
            assert_eq!(id_of(&Path::from(other)), None, "{other}");
        }
    }
}
