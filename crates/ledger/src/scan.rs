//! Reads a log from its first entry to its last and compares everything on the way.
//!
//! Opening and verifying are this one walk: entries are taken from the bundles alone, the tree is
//! built anew over them, and each file that follows from it must be there byte for byte.

use crate::leaf::Leaf;
use crate::lottery::Lottery;
use crate::notes::Head;
use crate::papers::Papers;
use crate::tree::{FULL, Name, Piece, Tree, split};
use crate::verify::Seen;
use base::{Error, Result, b64};

/// Where the walk reads.
pub(crate) type Get<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>;

/// Rebuilds the tree that `head` promises and hands every leaf to `each`.
pub(crate) fn scan(get: Get<'_>, head: &Head, each: &mut dyn FnMut(u64, Leaf)) -> Result<Tree> {
    scan_on(get, Tree::default(), head, each)
}

/// The same of what comes after the entries of a tree that is known to be the log's.
pub(crate) fn scan_on(
    get: Get<'_>,
    known: Tree,
    head: &Head,
    each: &mut dyn FnMut(u64, Leaf),
) -> Result<Tree> {
    walk(get, known, head, &[], &mut |index, leaf, _| {
        each(index, leaf);
        Ok(())
    })
}

/// The same, and the log must be an extension of all that was `seen`, draw its audits truly, and place no hold for another
/// key than its paper's.
pub(crate) fn scan_since(
    get: Get<'_>,
    head: &Head,
    seen: &[Seen],
    each: &mut dyn FnMut(u64, Leaf),
) -> Result<Tree> {
    let (mut lottery, mut papers) = (Lottery::default(), Papers::default());
    walk(get, Tree::default(), head, seen, &mut |index, leaf, tree| {
        let full = |name: Name| Ok(get(&name.to_string())?.unwrap_or_default());
        lottery.check(index, &leaf, &|size| tree.root_of(size, &full))?;
        papers.check(index, &leaf)?;
        each(index, leaf);
        Ok(())
    })
}

/// Hears every leaf, with its number and the tree over those before it.
type Each<'a> = &'a mut dyn FnMut(u64, Leaf, &Tree) -> Result<()>;

fn walk(get: Get<'_>, mut tree: Tree, head: &Head, seen: &[Seen], each: Each<'_>) -> Result<Tree> {
    if let Some(seen) = seen.iter().find(|seen| seen.size > head.size) {
        return Err(shrunk(seen, head));
    }
    while tree.size() < head.size {
        let n = tree.size() / FULL;
        let width = (head.size - n * FULL).min(FULL);
        let name = Name { level: None, n, width };
        let Some(bundle) = get(&name.to_string())? else {
            return Err(lost(head, tree.size(), name));
        };
        let entries = split(&bundle, width).ok_or_else(|| changed(name))?;
        let known = (tree.size() % FULL) as usize;
        for entry in entries.into_iter().skip(known) {
            let leaf = Leaf::parse(entry).map_err(|e| changed(name).because(e))?;
            each(tree.size(), leaf, &tree)?;
            for piece in tree.push(entry) {
                // The bundle was just read; the tiles are what is to be compared.
                if piece.name.level.is_some() {
                    compare(get, &piece)?;
                }
            }
            for seen in seen.iter().filter(|seen| seen.size == tree.size()) {
                same_history(seen, &tree)?;
            }
        }
    }
    for piece in tree.edge() {
        compare(get, &piece)?;
    }
    if tree.root()? != head.root {
        return Err(Error::invalid(
            "The entries are not those that the checkpoint was signed over; the log has been changed.",
        ));
    }
    Ok(tree)
}

fn same_history(seen: &Seen, tree: &Tree) -> Result<()> {
    if b64(&tree.root()?) == seen.root {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "The log is signed, but its first {} entries are others than those that were seen before: its \
         history was rewritten. Keep both copies and tell an auditor.",
        seen.size
    )))
}

fn shrunk(seen: &Seen, head: &Head) -> Error {
    Error::invalid(format!(
        "The log had {} entries when it was last seen, and now has {}: entries were taken back. Keep \
         this copy and tell an auditor.",
        seen.size, head.size
    ))
}

fn compare(get: Get<'_>, piece: &Piece) -> Result<()> {
    match get(&piece.name.to_string())? {
        Some(bytes) if bytes == piece.bytes => Ok(()),
        Some(_) => Err(changed(piece.name)),
        None => Err(Error::invalid(format!(
            "The log's file {} is missing; restore it from a copy of the log.",
            piece.name
        ))),
    }
}

fn lost(head: &Head, there: u64, name: Name) -> Error {
    Error::invalid(format!(
        "The log has lost entries: its checkpoint promises {}, but from entry {there} on they are \
         missing ({name}); restore the folder from a copy.",
        head.size
    ))
}

fn changed(name: Name) -> Error {
    Error::invalid(format!(
        "The log's file {name} is not what was logged; restore it from a copy of the log."
    ))
}
