//! Reads a log from its first entry to its last and compares everything on the way.
//!
//! Opening and verifying are this one walk: entries are taken from the bundles alone, the tree is
//! built anew over them, and each file that follows from it must be there byte for byte.

use crate::leaf::Leaf;
use crate::notes::Head;
use crate::tree::{FULL, Name, Piece, Tree, split};
use base::{Error, Result};

/// Where the walk reads.
pub(crate) type Get<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>;

/// Rebuilds the tree that `head` promises and hands every leaf to `each`.
pub(crate) fn scan(get: Get<'_>, head: &Head, each: &mut dyn FnMut(u64, Leaf)) -> Result<Tree> {
    let mut tree = Tree::default();
    while tree.size() < head.size {
        let width = (head.size - tree.size()).min(FULL);
        let name = Name { level: None, n: tree.size() / FULL, width };
        let Some(bundle) = get(&name.to_string())? else {
            return Err(lost(head, tree.size(), name));
        };
        let entries = split(&bundle, width).ok_or_else(|| changed(name))?;
        for entry in entries {
            let leaf = Leaf::parse(entry).map_err(|e| changed(name).because(e))?;
            each(tree.size(), leaf);
            for piece in tree.push(entry) {
                // The bundle was just read; the tiles are what is to be compared.
                if piece.name.level.is_some() {
                    compare(get, &piece)?;
                }
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
