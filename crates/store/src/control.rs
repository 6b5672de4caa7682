//! Cameras, their codes and leases, and people.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::rows::{CameraRow, LeaseRow, PersonRow};
use base::{CameraId, Error, LeaseId, PersonId, PublicKey, Result, Time};

impl Store {
    /// Writes a camera, new or known.
    pub fn put_camera(&self, row: &CameraRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO cameras (id, name, lat, lon, device_key, off_since) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, lat = excluded.lat, lon = excluded.lon, \
             device_key = excluded.device_key, off_since = excluded.off_since",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.name.as_str()),
                Arg::from(row.lat),
                Arg::from(row.lon),
                Arg::from(row.device_key.as_ref().map(|key| &key.0)),
                Arg::from(row.off_since),
            ],
        )?;
        Ok(())
    }

    /// One camera.
    pub fn camera(&self, id: &CameraId) -> Result<Option<CameraRow>> {
        let row = self.control().first(
            "SELECT id, name, lat, lon, device_key, off_since FROM cameras WHERE id = ?1",
            &[Arg::from(id.as_str())],
        )?;
        row.map(camera_row).transpose()
    }

    /// Every camera, by id.
    pub fn cameras(&self) -> Result<Vec<CameraRow>> {
        let rows = self.control().query(
            "SELECT id, name, lat, lon, device_key, off_since FROM cameras ORDER BY id",
            &[],
        )?;
        rows.into_iter().map(camera_row).collect()
    }

    /// Keeps the hash of a camera's one-time code. A camera has one code at a time: an older one
    /// is good no longer.
    pub fn put_code(&self, hash: &[u8; 32], camera: &CameraId, expires: Time) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let camera = Arg::from(camera.as_str());
        tx.exec("DELETE FROM codes WHERE camera = ?1", &[camera])?;
        tx.exec(
            "INSERT INTO codes (hash, camera, expires) VALUES (?1, ?2, ?3)",
            &[Arg::from(hash), camera, Arg::from(expires)],
        )?;
        tx.commit()
    }

    /// Uses a code up. Gives its camera if it was there and not too old; only one caller gets it.
    pub fn take_code(&self, hash: &[u8; 32], now: Time) -> Result<Option<CameraId>> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let row = tx.first("SELECT camera, expires FROM codes WHERE hash = ?1", &[hash.into()])?;
        let Some(mut row) = row else { return Ok(None) };
        let camera = row.parsed(0)?;
        let expires: Time = row.get(1)?;
        tx.exec("DELETE FROM codes WHERE hash = ?1", &[hash.into()])?;
        tx.commit()?;
        Ok((now < expires).then_some(camera))
    }

    /// Writes a lease, new or known.
    pub fn put_lease(&self, row: &LeaseRow) -> Result<()> {
        let json = serde_json::to_string(&row.lease)
            .map_err(|e| Error::internal("A lease cannot be written; see the log.").because(e))?;
        self.control().exec(
            "INSERT INTO leases (id, camera, until, ended, json) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, json = excluded.json",
            &[
                Arg::from(row.lease.id.bytes()),
                Arg::from(row.lease.camera.as_str()),
                Arg::from(row.lease.until),
                Arg::from(row.ended),
                Arg::from(json.as_str()),
            ],
        )?;
        Ok(())
    }

    /// One lease.
    pub fn lease(&self, id: &LeaseId) -> Result<Option<LeaseRow>> {
        let row = self
            .control()
            .first("SELECT json, ended FROM leases WHERE id = ?1", &[Arg::from(id.bytes())])?;
        row.map(|mut row| Ok(LeaseRow { lease: row.json(0)?, ended: row.maybe(1)? })).transpose()
    }

    /// Ends every lease of a camera that would still run at `at`, and says which those were. A moment that has not
    /// come yet is when a scheduled order begins.
    pub fn end_leases(&self, camera: &CameraId, at: Time) -> Result<Vec<LeaseId>> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let args = [Arg::from(camera.as_str()), Arg::from(at)];
        let rows = tx.query(
            "SELECT id FROM leases WHERE camera = ?1 AND until > ?2 \
             AND (ended IS NULL OR ended > ?2) ORDER BY id",
            &args,
        )?;
        tx.exec(
            "UPDATE leases SET ended = ?2 WHERE camera = ?1 AND until > ?2 \
             AND (ended IS NULL OR ended > ?2)",
            &args,
        )?;
        tx.commit()?;
        rows.into_iter().map(|mut row| row.id(0, LeaseId::from_bytes)).collect()
    }

    /// Takes back that a camera's leases end at `at`, which has not come yet: each runs to its own end again.
    pub fn resume_leases(&self, camera: &CameraId, at: Time) -> Result<()> {
        self.control().exec(
            "UPDATE leases SET ended = NULL WHERE camera = ?1 AND ended = ?2",
            &[Arg::from(camera.as_str()), Arg::from(at)],
        )?;
        Ok(())
    }

    /// Ends every lease of a camera from its beginning: nothing that was captured under one is taken any more.
    pub fn void_leases(&self, camera: &CameraId) -> Result<()> {
        self.control().exec(
            "UPDATE leases SET ended = ?2 WHERE camera = ?1 AND (ended IS NULL OR ended > ?2)",
            &[Arg::from(camera.as_str()), Arg::from(Time::from_millis(0))],
        )?;
        Ok(())
    }

    /// Forgets a camera's leases that ended before this moment. Nothing that was captured under them is taken any more.
    pub fn forget_leases(&self, camera: &CameraId, before: Time) -> Result<()> {
        self.control().exec(
            "DELETE FROM leases WHERE camera = ?1 AND until < ?2",
            &[Arg::from(camera.as_str()), Arg::from(before)],
        )?;
        Ok(())
    }

    /// Writes a person, new or known.
    pub fn put_person(&self, row: &PersonRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO persons (id, json) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET json = excluded.json",
            &[Arg::from(row.id.as_str()), Arg::from(row.json.as_str())],
        )?;
        Ok(())
    }

    /// One person.
    pub fn person(&self, id: &PersonId) -> Result<Option<PersonRow>> {
        let args = [Arg::from(id.as_str())];
        let row = self.control().first("SELECT id, json FROM persons WHERE id = ?1", &args)?;
        row.map(person_row).transpose()
    }

    /// Every person, by id.
    pub fn persons(&self) -> Result<Vec<PersonRow>> {
        let rows = self.control().query("SELECT id, json FROM persons ORDER BY id", &[])?;
        rows.into_iter().map(person_row).collect()
    }
}

fn camera_row(mut row: Row) -> Result<CameraRow> {
    Ok(CameraRow {
        id: row.parsed(0)?,
        name: row.get(1)?,
        lat: row.maybe(2)?,
        lon: row.maybe(3)?,
        device_key: row.maybe(4)?.map(PublicKey),
        off_since: row.maybe(5)?,
    })
}

fn person_row(mut row: Row) -> Result<PersonRow> {
    Ok(PersonRow { id: row.parsed(0)?, json: row.get(1)? })
}
