//! Where cameras stood: a line for each time one was moved, so that an earlier read keeps its place.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::rows::PlaceRow;
use base::{Result, Time};

impl Store {
    /// Moves a camera: from `row.since` on it stands there; before that, where it stood. The same move
    /// again changes nothing. A camera that is not known is not moved.
    pub fn move_camera(&self, row: &PlaceRow) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let camera = Arg::from(row.camera.as_str());
        let old = tx.first("SELECT name, lat, lon FROM cameras WHERE id = ?1", &[camera])?;
        let Some(mut old) = old else { return Ok(()) };
        const LINE: &str = "INSERT INTO places (camera, since, name, lat, lon) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (camera, since) DO NOTHING";
        let lines = tx.first("SELECT count(*) FROM places WHERE camera = ?1", &[camera])?;
        if lines.map_or(Ok(0), |mut row| row.get::<i64>(0))? == 0 {
            let (name, lat, lon): (String, Option<f64>, Option<f64>) =
                (old.get(0)?, old.maybe(1)?, old.maybe(2)?);
            let since = Arg::from(Time::from_millis(0));
            let args = [camera, since, Arg::from(name.as_str()), Arg::from(lat), Arg::from(lon)];
            tx.exec(LINE, &args)?;
        }
        let (name, lat, lon) =
            (Arg::from(row.name.as_str()), Arg::from(row.lat), Arg::from(row.lon));
        if tx.exec(LINE, &[camera, Arg::from(row.since), name, lat, lon])? == 1 {
            let sql = "UPDATE cameras SET name = ?2, lat = ?3, lon = ?4 WHERE id = ?1";
            tx.exec(sql, &[camera, name, lat, lon])?;
        }
        tx.commit()
    }

    /// Every place of every camera that was moved, the oldest first.
    pub fn places(&self) -> Result<Vec<PlaceRow>> {
        let rows = self.control().query(
            "SELECT camera, since, name, lat, lon FROM places ORDER BY camera, since",
            &[],
        )?;
        rows.into_iter().map(place_row).collect()
    }
}

fn place_row(mut row: Row) -> Result<PlaceRow> {
    Ok(PlaceRow {
        camera: row.parsed(0)?,
        since: row.get(1)?,
        name: row.get(2)?,
        lat: row.maybe(3)?,
        lon: row.maybe(4)?,
    })
}
