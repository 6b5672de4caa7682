//! The private halves of log entries, switching orders, and small settings.

use crate::engine::Arg;
use crate::open::Store;
use crate::rows::{OrderRow, RecordRow};
use base::{Error, OrderId, Result, Time};
use read::Sealed;

impl Store {
    /// Keeps the private half of a log entry. One that is there is never replaced: the log commits
    /// to it.
    pub fn put_record(&self, kind: &str, id: &str, salt: &[u8; 32], sealed: &Sealed) -> Result<()> {
        let changed = self.control().exec(
            "INSERT INTO records (kind, id, salt, sealed) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (kind, id) DO NOTHING",
            &[Arg::from(kind), Arg::from(id), Arg::from(salt), Arg::from(sealed.0.as_slice())],
        )?;
        match changed {
            0 => Err(Error::conflict("A record of this id is kept already; choose another id.")),
            _ => Ok(()),
        }
    }

    /// The private half of a log entry.
    pub fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>> {
        let row = self.control().first(
            "SELECT salt, sealed FROM records WHERE kind = ?1 AND id = ?2",
            &[Arg::from(kind), Arg::from(id)],
        )?;
        row.map(|mut row| Ok(RecordRow { salt: row.get(0)?, sealed: Sealed(row.get(1)?) }))
            .transpose()
    }

    /// Keeps what the log will say of a sealed question from `due` on, as JSON.
    pub fn put_reveal(&self, id: &str, due: Time, json: &str) -> Result<()> {
        self.control().exec(
            "INSERT INTO reveals (id, due, json) VALUES (?1, ?2, ?3)",
            &[Arg::from(id), Arg::from(due), Arg::from(json)],
        )?;
        Ok(())
    }

    /// What is due by `now`, the oldest first.
    pub fn reveals_due(&self, now: Time) -> Result<Vec<String>> {
        let rows = self.control().query(
            "SELECT json FROM reveals WHERE due <= ?1 ORDER BY due, id",
            &[Arg::from(now)],
        )?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// Forgets what has been said.
    pub fn drop_reveal(&self, id: &str) -> Result<()> {
        self.control().exec("DELETE FROM reveals WHERE id = ?1", &[Arg::from(id)])?;
        Ok(())
    }

    /// Keeps a signed order; the same one again changes nothing.
    pub fn put_order(&self, row: &OrderRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO orders (id, json) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            &[Arg::from(row.id.bytes()), Arg::from(row.json.as_str())],
        )?;
        Ok(())
    }

    /// Every order, the oldest first.
    pub fn orders(&self) -> Result<Vec<OrderRow>> {
        let rows = self.control().query("SELECT id, json FROM orders ORDER BY id", &[])?;
        rows.into_iter()
            .map(|mut row| Ok(OrderRow { id: row.id(0, OrderId::from_bytes)?, json: row.get(1)? }))
            .collect()
    }

    /// Keeps a small setting under `city/` + `key`.
    pub fn set_meta(&self, key: &str, value: &str) -> Result<()> {
        let key = format!("city/{key}");
        self.control().exec(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            &[Arg::from(key.as_str()), Arg::from(value)],
        )?;
        Ok(())
    }

    /// Forgets the small settings whose keys begin so.
    pub fn drop_metas(&self, prefix: &str) -> Result<()> {
        let first = format!("city/{prefix}");
        let last = format!("{first}~");
        self.control().exec(
            "DELETE FROM meta WHERE key >= ?1 AND key < ?2",
            &[Arg::from(first.as_str()), Arg::from(last.as_str())],
        )?;
        Ok(())
    }

    /// The small settings whose keys begin so, in the order of their keys.
    pub fn metas(&self, prefix: &str) -> Result<Vec<String>> {
        let first = format!("city/{prefix}");
        // Keys are plain ASCII; `~` is behind every character that one can have.
        let last = format!("{first}~");
        let rows = self.control().query(
            "SELECT key, value FROM meta WHERE key >= ?1 AND key < ?2 ORDER BY key",
            &[Arg::from(first.as_str()), Arg::from(last.as_str())],
        )?;
        rows.into_iter().map(|mut row| row.get(1)).collect()
    }

    /// A small setting.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        let key = format!("city/{key}");
        let args = [Arg::from(key.as_str())];
        let row = self.control().first("SELECT value FROM meta WHERE key = ?1", &args)?;
        row.map(|mut row| row.get(0)).transpose()
    }
}
