//! Segments for custody to scan, page by page, so that a month never lies in memory.

use crate::engine::{Arg, Row};
use crate::open::Store;
use base::{CameraId, Day, Epoch, Result, SegmentId};
use custody::{Permit, SealedSegment};
use read::Sealed;

/// How many segments come at a time.
const PAGE: usize = 4096;
/// A segment may have begun so long before a read in it was captured, in milliseconds.
const SPAN_MS: i64 = 60_000;

impl Store {
    /// The next segments of a day that may hold reads of the permit's time, by id, after `after`.
    /// Nothing where there are no more, and for a permit that does not scan.
    pub fn segments(
        &self,
        permit: &Permit,
        day: Day,
        after: Option<SegmentId>,
    ) -> Result<Vec<SealedSegment>> {
        if !permit.scans() {
            return Ok(Vec::new());
        }
        // An id begins with the time of the segment's first read, so a span of time is one of ids.
        let low = SegmentId::new(permit.from().plus_millis(-SPAN_MS), [0; 10]);
        let from = after.map_or(low, |after| after.max(low));
        let until = SegmentId::new(permit.until(), [0; 10]);
        let sql = format!(
            "SELECT id, camera, epoch_start, epoch_len, wrapped, scan FROM segments \
             WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT {PAGE}"
        );
        let page = self.in_old_day(day, |db| {
            let rows = db.query(&sql, &[Arg::from(from.bytes()), Arg::from(until.bytes())])?;
            rows.into_iter().map(segment).collect::<Result<Vec<_>>>()
        })?;
        Ok(page.unwrap_or_default())
    }
}

fn segment(mut row: Row) -> Result<SealedSegment> {
    Ok(SealedSegment {
        id: row.id(0, SegmentId::from_bytes)?,
        camera: row.parsed::<CameraId>(1)?,
        epoch: Epoch { start_s: row.get(2)?, len_s: row.get(3)? },
        wrapped: Sealed(row.get(4)?),
        scan: row.maybe(5)?,
    })
}
