//! Who is let in: invitations, lost keys, devices and machines. Hashes alone, nothing that opens a door.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::rows::{DeviceRow, MachineRow, RecoveryRow};
use base::{DeviceId, PersonId, Result, Time, TokenId};

fn recovery_row(mut row: Row) -> Result<RecoveryRow> {
    Ok(RecoveryRow { person: row.parsed(0)?, asked_by: row.parsed(1)?, asked: row.get(2)? })
}

impl Store {
    /// Keeps the hash of a person's invitation. A person has one at a time: an older one is good no longer.
    pub fn put_invitation(&self, hash: &[u8; 32], person: &PersonId, expires: Time) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let person = Arg::from(person.as_str());
        tx.exec("DELETE FROM invitations WHERE person = ?1", &[person])?;
        tx.exec(
            "INSERT INTO invitations (hash, person, expires) VALUES (?1, ?2, ?3)",
            &[Arg::from(hash), person, Arg::from(expires)],
        )?;
        tx.commit()
    }

    /// Whose invitation this is, if it is not too old; it stays.
    pub fn invitation(&self, hash: &[u8; 32], now: Time) -> Result<Option<PersonId>> {
        let row = self.control().first(
            "SELECT person FROM invitations WHERE hash = ?1 AND expires > ?2",
            &[hash.into(), Arg::from(now)],
        )?;
        row.map(|mut row| row.parsed(0)).transpose()
    }

    /// Uses an invitation up. Gives its person if it was there and not too old; only one caller gets it.
    pub fn take_invitation(&self, hash: &[u8; 32], now: Time) -> Result<Option<PersonId>> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let row =
            tx.first("SELECT person, expires FROM invitations WHERE hash = ?1", &[hash.into()])?;
        let Some(mut row) = row else { return Ok(None) };
        let person = row.parsed(0)?;
        let expires: Time = row.get(1)?;
        tx.exec("DELETE FROM invitations WHERE hash = ?1", &[hash.into()])?;
        tx.commit()?;
        Ok((now < expires).then_some(person))
    }

    /// Takes back a person's invitation and what was said of their lost key.
    pub fn drop_invitations(&self, person: &PersonId) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let person = Arg::from(person.as_str());
        tx.exec("DELETE FROM invitations WHERE person = ?1", &[person])?;
        tx.exec("DELETE FROM recoveries WHERE person = ?1", &[person])?;
        tx.commit()
    }

    /// Keeps that a key was said to be lost.
    pub fn put_recovery(&self, row: &RecoveryRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO recoveries (person, asked_by, asked) VALUES (?1, ?2, ?3) \
             ON CONFLICT (person) DO UPDATE SET asked_by = excluded.asked_by, asked = excluded.asked",
            &[
                Arg::from(row.person.as_str()),
                Arg::from(row.asked_by.as_str()),
                Arg::from(row.asked),
            ],
        )?;
        Ok(())
    }

    /// Who said that a person's key is lost.
    pub fn recovery(&self, person: &PersonId) -> Result<Option<RecoveryRow>> {
        let row = self.control().first(
            "SELECT person, asked_by, asked FROM recoveries WHERE person = ?1",
            &[Arg::from(person.as_str())],
        )?;
        row.map(recovery_row).transpose()
    }

    /// Every key that was said to be lost, by person.
    pub fn recoveries(&self) -> Result<Vec<RecoveryRow>> {
        let rows = self
            .control()
            .query("SELECT person, asked_by, asked FROM recoveries ORDER BY person", &[])?;
        rows.into_iter().map(recovery_row).collect()
    }

    /// Writes a device, new or known, with the hash of a code that it may come in with until `expires`.
    /// What it came in with before is good no longer.
    pub fn put_device(&self, row: &DeviceRow, code: Option<(&[u8; 32], Time)>) -> Result<()> {
        self.control().exec(
            "INSERT INTO devices (id, code, code_expires, cookie, json) \
             VALUES (?1, ?2, ?3, NULL, ?4) ON CONFLICT (id) DO UPDATE SET code = excluded.code, \
             code_expires = excluded.code_expires, cookie = NULL, json = excluded.json",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(code.map(|(hash, _)| hash)),
                Arg::from(code.map(|(_, expires)| expires)),
                Arg::from(row.json.as_str()),
            ],
        )?;
        Ok(())
    }

    /// Turns a device's code into its cookie; only one caller does.
    pub fn take_device_code(
        &self,
        code: &[u8; 32],
        cookie: &[u8; 32],
        now: Time,
    ) -> Result<Option<DeviceRow>> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let row = tx.first(
            "SELECT id, json FROM devices WHERE code = ?1 AND code_expires > ?2",
            &[code.into(), Arg::from(now)],
        )?;
        let Some(row) = row.map(device_row).transpose()? else { return Ok(None) };
        tx.exec(
            "UPDATE devices SET code = NULL, code_expires = NULL, cookie = ?2 WHERE id = ?1",
            &[Arg::from(row.id.as_str()), cookie.into()],
        )?;
        tx.commit()?;
        Ok(Some(row))
    }

    /// The device that has this cookie.
    pub fn device_of(&self, cookie: &[u8; 32]) -> Result<Option<DeviceRow>> {
        let row = self
            .control()
            .first("SELECT id, json FROM devices WHERE cookie = ?1", &[cookie.into()])?;
        row.map(device_row).transpose()
    }

    /// One device.
    pub fn device(&self, id: &DeviceId) -> Result<Option<DeviceRow>> {
        let args = [Arg::from(id.as_str())];
        let row = self.control().first("SELECT id, json FROM devices WHERE id = ?1", &args)?;
        row.map(device_row).transpose()
    }

    /// Every device, by id.
    pub fn devices(&self) -> Result<Vec<DeviceRow>> {
        let rows = self.control().query("SELECT id, json FROM devices ORDER BY id", &[])?;
        rows.into_iter().map(device_row).collect()
    }

    /// Writes a machine token, new or known.
    pub fn put_machine(&self, row: &MachineRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO machines (id, hash, used, json) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (id) DO UPDATE SET json = excluded.json",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(&row.hash),
                Arg::from(row.used),
                Arg::from(row.json.as_str()),
            ],
        )?;
        Ok(())
    }

    /// Notes that a machine token was shown.
    pub fn machine_used(&self, id: &TokenId, at: Time) -> Result<()> {
        self.control().exec(
            "UPDATE machines SET used = ?2 WHERE id = ?1",
            &[Arg::from(id.as_str()), Arg::from(at)],
        )?;
        Ok(())
    }

    /// One machine token.
    pub fn machine(&self, id: &TokenId) -> Result<Option<MachineRow>> {
        let row = self.control().first(
            "SELECT id, hash, used, json FROM machines WHERE id = ?1",
            &[Arg::from(id.as_str())],
        )?;
        row.map(machine_row).transpose()
    }

    /// Every machine token, by id.
    pub fn machines(&self) -> Result<Vec<MachineRow>> {
        let rows =
            self.control().query("SELECT id, hash, used, json FROM machines ORDER BY id", &[])?;
        rows.into_iter().map(machine_row).collect()
    }
}

fn device_row(mut row: Row) -> Result<DeviceRow> {
    Ok(DeviceRow { id: row.parsed(0)?, json: row.get(1)? })
}

fn machine_row(mut row: Row) -> Result<MachineRow> {
    Ok(MachineRow { id: row.parsed(0)?, hash: row.get(1)?, used: row.maybe(2)?, json: row.get(3)? })
}
