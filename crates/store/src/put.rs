//! The rows of a batch, each table in one go: the hot path of the store.

use crate::engine::{Arg, Bulk, Tx, Type};
use crate::pictures::Placed;
use crate::rows::Stored;
use base::{CameraId, HitId, ReadId, Result};
use custody::{SealedBatch, SealedHit, SealedRead};
use std::collections::{BTreeMap, HashMap, HashSet};

const READS: Bulk = Bulk {
    table: "reads",
    columns: &[
        ("id", Type::Blob),
        ("camera", Type::Text),
        ("captured", Type::Int),
        ("segment", Type::Blob),
        ("counter", Type::Int),
        ("body", Type::Blob),
        ("tokens", Type::Blob),
        ("pack", Type::Blob),
        ("pack_at", Type::Int),
        ("pack_len", Type::Int),
        ("pack_hash", Type::Blob),
    ],
    key: "id",
};
const PACKS: Bulk =
    Bulk { table: "packs", columns: &[("id", Type::Blob), ("bytes", Type::Int)], key: "" };
const TOKENS: Bulk = Bulk {
    table: "tokens",
    columns: &[("token", Type::Blob), ("read", Type::Blob)],
    key: "token, read",
};
const SEGMENTS: Bulk = Bulk {
    table: "segments",
    columns: &[
        ("id", Type::Blob),
        ("camera", Type::Text),
        ("epoch_start", Type::Int),
        ("epoch_len", Type::Int),
        ("wrapped", Type::Blob),
        ("scan", Type::Blob),
    ],
    // Under the key of another segment of this id, reads would never open again.
    key: "",
};

/// Where the pictures of a batch are.
#[derive(Default)]
pub(crate) struct Places {
    /// The pack of its reads and that pack's size.
    pub pack: Option<([u8; 16], i64)>,
    pub reads: HashMap<ReadId, Placed>,
    pub hits: HashMap<HitId, Placed>,
}

/// Writes the reads of a batch that are not there yet, with all that belongs to them. Their pictures
/// are in packs already.
pub(crate) fn put_reads(tx: &mut Tx<'_>, batch: &SealedBatch, places: &Places) -> Result<Stored> {
    let joined: Vec<Vec<u8>> =
        batch.reads.iter().map(|r| r.tokens.iter().flat_map(|t| t.0).collect()).collect();
    let rows: Vec<Vec<Arg<'_>>> =
        batch.reads.iter().zip(&joined).map(|(r, t)| read(r, t, places.reads.get(&r.id))).collect();
    let fresh = tx.insert_new(&READS, &rows)?;
    let mut stored = Stored::default();
    let mut new = Vec::new();
    for (read, fresh) in batch.reads.iter().zip(fresh) {
        if fresh {
            stored.new.push(read.id);
            new.push(read);
        } else {
            stored.known.push(read.id);
        }
    }
    put_tokens(tx, &new)?;
    if let Some((pack, bytes)) = places.pack.as_ref().filter(|_| !new.is_empty()) {
        tx.insert(&PACKS, &[vec![Arg::from(pack), Arg::from(*bytes)]])?;
    }
    put_segments(tx, batch, &new)?;
    let mut counts: BTreeMap<&CameraId, i64> = BTreeMap::new();
    for read in new {
        *counts.entry(&read.camera).or_default() += 1;
    }
    for (camera, reads) in counts {
        tx.exec(
            "INSERT INTO counts (camera, reads) VALUES (?1, ?2) \
             ON CONFLICT (camera) DO UPDATE SET reads = counts.reads + excluded.reads",
            &[Arg::from(camera.as_str()), Arg::from(reads)],
        )?;
    }
    Ok(stored)
}

fn read<'a>(read: &'a SealedRead, tokens: &'a [u8], picture: Option<&'a Placed>) -> Vec<Arg<'a>> {
    let own = [
        Arg::from(read.id.bytes()),
        Arg::from(read.camera.as_str()),
        Arg::from(read.captured),
        Arg::from(read.segment.bytes()),
        // All 64 bits are kept: the counter is bound into the body, whatever a camera says.
        Arg::from(read.counter.cast_signed()),
        Arg::from(read.body.as_slice()),
        Arg::from(tokens),
    ];
    own.into_iter().chain(Placed::args(picture)).collect()
}

fn put_tokens(tx: &mut Tx<'_>, new: &[&SealedRead]) -> Result<()> {
    let tokens: Vec<Vec<Arg<'_>>> = new
        .iter()
        .flat_map(|r| r.tokens.iter().map(|t| vec![Arg::from(&t.0), Arg::from(r.id.bytes())]))
        .collect();
    tx.insert(&TOKENS, &tokens)
}

/// The segments that new reads are in.
fn put_segments(tx: &mut Tx<'_>, batch: &SealedBatch, new: &[&SealedRead]) -> Result<()> {
    let used: HashSet<_> = new.iter().map(|read| read.segment).collect();
    let segments: Vec<Vec<Arg<'_>>> = batch
        .segments
        .iter()
        .filter(|segment| used.contains(&segment.id))
        .map(|segment| {
            vec![
                Arg::from(segment.id.bytes()),
                Arg::from(segment.camera.as_str()),
                Arg::from(segment.epoch.start_s),
                Arg::from(i64::from(segment.epoch.len_s)),
                Arg::from(segment.wrapped.0.as_slice()),
                Arg::from(segment.scan.as_deref()),
            ]
        })
        .collect();
    tx.insert(&SEGMENTS, &segments)
}

/// Writes a hit's copy of its read to one of the two tables that keep them.
pub(crate) fn put_hit_copy(
    tx: &mut Tx<'_>,
    table: &str,
    copy: &SealedHit,
    picture: Option<&Placed>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {table} (id, epoch_start, epoch_len, wrapped, body, picture, pack, pack_at, \
         pack_len, pack_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
         ON CONFLICT (id) DO NOTHING"
    );
    let [pack, at, len, hash] = Placed::args(picture);
    tx.exec(
        &sql,
        &[
            Arg::from(copy.id.bytes()),
            Arg::from(copy.epoch.start_s),
            Arg::from(i64::from(copy.epoch.len_s)),
            Arg::from(copy.wrapped.0.as_slice()),
            Arg::from(copy.body.as_slice()),
            Arg::from(copy.picture.as_deref()),
            pack,
            at,
            len,
            hash,
        ],
    )?;
    Ok(())
}
