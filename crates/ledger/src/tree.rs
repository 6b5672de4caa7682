//! The Merkle tree as C2SP tiles: which bytes lie under which name for a log of so many entries.
//!
//! [`Tree`] keeps only the right edge (the tiles that are not full yet); full tiles never change and
//! are fetched when a proof needs one. Index arithmetic, roots and proofs are those of `tlog_tiles`.

use base::{Error, Result};
use std::cell::RefCell;
use std::fmt;
use tlog_tiles::{Hash, HashReader, RecordProof, Tile, TreeProof, node_hash, record_hash};

/// Entries of a full bundle and hashes of a full tile.
pub(crate) const FULL: u64 = 256;
const HEIGHT: u8 = 8;

/// A tile of hashes at a level, or (`level: None`) a bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub level: Option<u8>,
    pub n: u64,
    pub width: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}/")?,
            None => f.write_str("tile/entries/")?,
        }
        let digits = format!("{:03}", self.n);
        let digits = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        for at in (0..digits.len()).step_by(3) {
            let last = at + 3 == digits.len();
            write!(f, "{}{}", if last { "" } else { "x" }, &digits[at..at + 3])?;
            f.write_str(if last { "" } else { "/" })?;
        }
        if self.width < FULL { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// How a file relates to a log of a given size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The log consists of it.
    Current,
    /// An earlier, shorter state of this one.
    Earlier(Name),
    /// More than the log has: an append under way or cut off.
    Beyond,
}

impl Name {
    /// The name behind a path; only its one spelling counts.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => {
                (digits, width.parse().ok().filter(|w| (1..FULL).contains(w))?)
            }
            None => (rest, FULL),
        };
        let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
        let name = Self { level, n: digits.parse().ok()?, width };
        (level.is_none_or(|l| l < 64) && name.to_string() == path).then_some(name)
    }

    /// What it is to a log of `size` entries.
    pub fn standing(self, size: u64) -> Standing {
        let count = size.checked_shr(8 * u32::from(self.level.unwrap_or(0))).unwrap_or(0);
        let before = self.n.saturating_mul(FULL);
        let width = count.saturating_sub(before).min(FULL);
        match self.width.cmp(&width) {
            std::cmp::Ordering::Equal => Standing::Current,
            std::cmp::Ordering::Less => Standing::Earlier(Self { width, ..self }),
            std::cmp::Ordering::Greater => Standing::Beyond,
        }
    }
}

/// The files that a log of `size` entries consists of and one of `old` did not; and those of `old` that it does
/// not consist of any more.
pub(crate) fn grown(old: u64, size: u64) -> (Vec<Name>, Vec<Name>) {
    let (mut new, mut gone) = (Vec::new(), Vec::new());
    let levels = std::iter::once(None).chain((0..8).map(Some));
    for level in levels {
        let shift = u32::from(HEIGHT) * u32::from(level.unwrap_or(0));
        let (before, now) = (old >> shift, size >> shift);
        if now <= before {
            continue;
        }
        for n in before / FULL..now.div_ceil(FULL) {
            new.push(Name { level, n, width: (now - n * FULL).min(FULL) });
        }
        if before % FULL != 0 {
            gone.push(Name { level, n: before / FULL, width: before % FULL });
        }
    }
    (new, gone)
}

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub name: Name,
    pub bytes: Vec<u8>,
}

/// The right edge of the tree, and the bundle that is not full yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    bundle: Vec<u8>,
    edges: Vec<Vec<u8>>,
}

impl Tree {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry; returns the bundle and tiles that it filled.
    pub fn push(&mut self, entry: &[u8]) -> Vec<Piece> {
        let mut full = Vec::new();
        // Longer entries are refused where leaves are spelled.
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        self.bundle.extend(length.to_be_bytes());
        self.bundle.extend(entry);
        let n = self.size / FULL;
        self.size += 1;
        if self.size.is_multiple_of(FULL) {
            let name = Name { level: None, n, width: FULL };
            full.push(Piece { name, bytes: std::mem::take(&mut self.bundle) });
        }
        let mut hash = record_hash(entry);
        for level in 0u8.. {
            let at = usize::from(level);
            if self.edges.len() == at {
                self.edges.push(Vec::new());
            }
            self.edges[at].extend(hash.0);
            if self.edges[at].len() < FULL as usize * 32 {
                break;
            }
            let bytes = std::mem::take(&mut self.edges[at]);
            hash = subtree(&bytes);
            let n = (self.size >> (8 * u32::from(level) + 8)) - 1;
            full.push(Piece { name: Name { level: Some(level), n, width: FULL }, bytes });
        }
        full
    }

    /// The bundle and tiles that are not full.
    pub fn edge(&self) -> Vec<Piece> {
        let bundle = Name { level: None, n: self.size / FULL, width: self.size % FULL };
        let mut out = vec![Piece { name: bundle, bytes: self.bundle.clone() }];
        for (level, bytes) in (0u8..).zip(&self.edges) {
            let count = self.size >> (8 * u32::from(level));
            let name = Name { level: Some(level), n: count / FULL, width: count % FULL };
            out.push(Piece { name, bytes: bytes.clone() });
        }
        out.retain(|piece| piece.name.width > 0);
        out
    }

    /// The root. All that it needs lies on the edge.
    pub fn root(&self) -> Result<[u8; 32]> {
        let nodes = Nodes::new(self, &|name| Err(missing(name)));
        nodes.done(tlog_tiles::tree_hash(self.size, &nodes)).map(|h| h.0)
    }

    /// The proof that entry `index` is in the tree of the first `size` entries; `full` fetches full tiles.
    pub fn prove(&self, size: u64, index: u64, full: Fetch<'_>) -> Result<Vec<[u8; 32]>> {
        self.reaches(size)?;
        let nodes = Nodes::new(self, full);
        let proof = nodes.done(tlog_tiles::prove_record(size, index, &nodes))?;
        Ok(proof.into_iter().map(|h| h.0).collect())
    }

    /// The root of the tree of the first `size` entries.
    pub fn root_of(&self, size: u64, full: Fetch<'_>) -> Result<[u8; 32]> {
        self.reaches(size)?;
        let nodes = Nodes::new(self, full);
        nodes.done(tlog_tiles::tree_hash(size, &nodes)).map(|h| h.0)
    }

    /// The proof that the tree of the first `size` entries extends the one of the first `old`; empty where
    /// that is none, or all.
    pub fn consistency(&self, old: u64, size: u64, full: Fetch<'_>) -> Result<Vec<[u8; 32]>> {
        self.reaches(size)?;
        if old == 0 || old >= size {
            return Ok(Vec::new());
        }
        let nodes = Nodes::new(self, full);
        let proof = nodes.done(tlog_tiles::prove_tree(size, old, &nodes))?;
        Ok(proof.into_iter().map(|h| h.0).collect())
    }

    fn reaches(&self, size: u64) -> Result<()> {
        if size <= self.size {
            return Ok(());
        }
        Err(Error::not_found(format!("The log has only {} entries.", self.size)))
    }
}

/// Whether `proof` shows that `entry` is number `index` of `size` entries under `root`.
pub(crate) fn proves(
    proof: &[[u8; 32]],
    size: u64,
    root: [u8; 32],
    index: u64,
    entry: &[u8],
) -> bool {
    let proof: RecordProof = proof.iter().map(|h| Hash(*h)).collect();
    // A tree of 2^64 entries has proofs of 64 hashes; longer ones would only cost time.
    proof.len() <= 64
        && tlog_tiles::check_record(&proof, size, Hash(root), index, record_hash(entry)).is_ok()
}

/// Whether `proof` shows that the tree of `new` extends that of `old`; an empty tree has no root.
pub(crate) fn extends(
    proof: &[[u8; 32]],
    old: (u64, Option<[u8; 32]>),
    new: (u64, [u8; 32]),
) -> bool {
    let (size, Some(root)) = old else { return proof.is_empty() };
    if size == 0 || size == new.0 {
        return proof.is_empty() && (size != new.0 || root == new.1);
    }
    let proof: TreeProof = proof.iter().map(|h| Hash(*h)).collect();
    proof.len() <= 64
        && tlog_tiles::check_tree(&proof, new.0, Hash(new.1), size, Hash(root)).is_ok()
}

/// The entries of a bundle of this width; nothing may be left over.
pub(crate) fn split(bundle: &[u8], width: u64) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    for _ in 0..width {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let (entry, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = tail;
    }
    rest.is_empty().then_some(entries)
}

/// The first entries or hashes of a wider file of the same place.
pub(crate) fn beginning(name: Name, wider: &[u8]) -> Option<Vec<u8>> {
    let width = usize::try_from(name.width).ok()?;
    let length = match name.level {
        Some(_) => width.checked_mul(32)?,
        None => (0..width).try_fold(0_usize, |at, _| {
            let length = wider.get(at..at.checked_add(2)?)?;
            Some(at + 2 + usize::from(u16::from_be_bytes([length[0], length[1]])))
        })?,
    };
    wider.get(..length).map(<[u8]>::to_vec)
}

/// How a full tile is fetched.
pub(crate) type Fetch<'a> = &'a dyn Fn(Name) -> Result<Vec<u8>>;

/// Gives `tlog_tiles` the hashes it asks for, and keeps our own error, which it has no room for.
struct Nodes<'a> {
    tree: &'a Tree,
    full: Fetch<'a>,
    trouble: RefCell<Option<Error>>,
}

impl<'a> Nodes<'a> {
    fn new(tree: &'a Tree, full: Fetch<'a>) -> Self {
        Self { tree, full, trouble: RefCell::new(None) }
    }

    fn done<T>(&self, result: Result<T, tlog_tiles::Error>) -> Result<T> {
        result.map_err(|e| {
            let ours = self.trouble.take();
            ours.unwrap_or_else(|| {
                Error::internal("The log's tree is inconsistent; run `homeplate verify`.")
                    .because(e)
            })
        })
    }

    fn hash(&self, index: u64) -> Result<Hash> {
        let tile = Tile::from_index(HEIGHT, index);
        let (level, n) = (tile.level(), tile.level_index());
        let count = self.tree.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let name = Name { level: Some(level), n, width: FULL };
        let edge = self.tree.edges.get(usize::from(level)).filter(|_| count / FULL == n);
        let fetched;
        let bytes = match edge {
            Some(bytes) => bytes,
            None => {
                fetched = (self.full)(name)?;
                &fetched
            }
        };
        let width = u32::try_from(bytes.len() / 32).unwrap_or(0);
        if !(1..=FULL as u32).contains(&width) {
            return Err(missing(name));
        }
        let tile = Tile::new(HEIGHT, level, n, width, false);
        tile.hash_at_index(bytes, index).map_err(|e| missing(name).because(e))
    }
}

impl HashReader for Nodes<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let hashes: Result<Vec<Hash>> = indexes.iter().map(|i| self.hash(*i)).collect();
        hashes.map_err(|e| {
            self.trouble.replace(Some(e));
            tlog_tiles::Error::InvalidTile
        })
    }
}

fn missing(name: Name) -> Error {
    Error::unavailable(format!("The log's file {name} is missing or too short; restore it."))
}

/// The root of a full tile.
fn subtree(tile: &[u8]) -> Hash {
    let mut row: Vec<Hash> = tile
        .chunks_exact(32)
        .map(|chunk| {
            let mut hash = Hash::default();
            hash.0.copy_from_slice(chunk);
            hash
        })
        .collect();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(pair[0], pair[1])).collect();
    }
    row.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is named is there at the one size and was not at the other, at every level.
    #[test]
    fn growth_names_what_is_new() {
        for (old, size) in [(0, 1), (255, 256), (256, 257), (65_535, 65_537), (70_000, 17_000_000)]
        {
            let (new, gone) = grown(old, size);
            let at = |name: &Name, size| name.standing(size) == Standing::Current;
            assert!(new.iter().all(|name| at(name, size) && !at(name, old)), "{old} {size}");
            assert!(gone.iter().all(|name| at(name, old) && !at(name, size)), "{old} {size}");
            assert!(new.iter().any(|name| name.level.is_none()) && !new.is_empty());
        }
        assert_eq!(grown(65_535, 65_537).0.iter().filter(|name| name.level == Some(2)).count(), 1);
    }

    #[test]
    fn names_are_those_of_the_specification() {
        let check = |level, n, width, path: &str| {
            let name = Name { level, n, width };
            assert_eq!(name.to_string(), path);
            assert_eq!(Name::parse(path), Some(name));
        };
        check(Some(0), 0, FULL, "tile/0/000");
        check(Some(1), 1_234_067, FULL, "tile/1/x001/x234/067");
        check(None, 1_234_067, 8, "tile/entries/x001/x234/067.p/8");
        check(None, 999, 255, "tile/entries/999.p/255");
        check(None, 1000, 1, "tile/entries/x001/000.p/1");
        for bad in [
            "tile/0/00",
            "tile/00/000",
            "tile/64/000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/2",
            "tile/data/000",
            "tile/+1/000",
            "tile/0/",
            "tile/0/000/",
            "checkpoint",
            "tile/0/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn standings() {
        let check = |path: &str, size, expected: fn(Standing) -> bool| {
            let standing = Name::parse(path).unwrap().standing(size);
            assert!(expected(standing), "{path} at {size}: {standing:?}");
        };
        check("tile/0/000.p/3", 3, |s| s == Standing::Current);
        check("tile/0/000.p/2", 3, |s| matches!(s, Standing::Earlier(n) if n.width == 3));
        check("tile/0/000.p/4", 3, |s| s == Standing::Beyond);
        check(
            "tile/entries/000.p/9",
            300,
            |s| matches!(s, Standing::Earlier(n) if n.width == FULL),
        );
        check("tile/1/000.p/1", 300, |s| s == Standing::Current);
        check("tile/1/000.p/1", 255, |s| s == Standing::Beyond);
        check("tile/63/000.p/1", u64::MAX, |s| s == Standing::Beyond);
        check("tile/0/x999/x999/x999/x999/x999/999", u64::MAX, |s| s == Standing::Beyond);
    }

    #[test]
    fn a_bundle_splits_exactly() {
        assert_eq!(split(b"\0\x01a\0\0", 2), Some(vec![b"a".as_slice(), b""]));
        for (bytes, width) in
            [(b"\0\x01a\0".as_slice(), 2), (b"\0\x01a\0\0x", 2), (b"\0\x02a", 1), (b"\0\x01a", 0)]
        {
            assert_eq!(split(bytes, width), None);
        }
    }
}
