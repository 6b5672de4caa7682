//! Terminals: the devices that people use the console at. An administrator says what one is, because that
//! decides when it locks.

use crate::City;
use crate::devices::{NAME_MAX, code};
use base::{DeviceId, Error, PersonId, Result, Secret, Time, sha256};
use identity::{Device, DeviceClass};
use policy::Action;
use serde::{Deserialize, Serialize};
use store::DeviceRow;
use utoipa::ToSchema;

/// How long a device may take to come.
const CODE_MS: i64 = 24 * 3_600_000;

/// A device that is to be registered.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// The device.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// `desk`, `vehicle`, `receive-only` or `other`.
    pub class: String,
}

/// The way in for a device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceCode {
    /// The one-time code; it is good for 24 hours.
    pub code: String,
    /// The page that takes it, to be opened on the device.
    pub path: String,
}

/// A device in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceLine {
    /// The device.
    pub id: DeviceId,
    /// What people call it.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Who registered it.
    pub by: PersonId,
    /// When.
    pub made: Time,
    /// Since when it is one no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
}

fn read(row: &DeviceRow) -> Result<Device> {
    serde_json::from_str(&row.json)
        .map_err(|e| Error::internal("A stored device is damaged; see the log.").because(e))
}

fn row(device: &Device) -> Result<DeviceRow> {
    let json = serde_json::to_string(device)
        .map_err(|e| Error::internal("The device cannot be stored.").because(e))?;
    Ok(DeviceRow { id: device.id.clone(), json })
}

impl City {
    /// Registers a device, or a known one anew: what it had before is good no longer.
    pub fn new_device(&self, by: &PersonId, new: NewDevice) -> Result<DeviceCode> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        if !(1..=NAME_MAX).contains(&new.name.trim().chars().count()) {
            return Err(Error::invalid("Give the device a name of 1 to 80 characters."));
        }
        let class: DeviceClass = new.class.parse()?;
        let now = self.now();
        let leaf = self.leaf_by("admin.device", &admin)?.id(new.id.as_str());
        self.log.append(&leaf.fact("change", "registered").fact("class", class.slug()))?;
        let name = new.name.trim().to_owned();
        let device = Device { id: new.id, name, class, by: by.clone(), made: now, revoked: None };
        let code = code();
        let hash = sha256(code.as_bytes());
        self.store.put_device(&row(&device)?, Some((&hash, now.plus_millis(CODE_MS))))?;
        // It may have been one of another class.
        self.sessions.end_device(&device.id)?;
        Ok(DeviceCode { path: format!("/console/device?code={code}"), code })
    }

    /// Every device, for administrators.
    pub fn devices(&self, by: &PersonId) -> Result<Vec<DeviceLine>> {
        self.allowed(by, Action::AddPerson)?;
        let line = |row: DeviceRow| {
            let d = read(&row)?;
            Ok(DeviceLine {
                id: d.id,
                name: d.name,
                class: d.class.slug().to_owned(),
                by: d.by,
                made: d.made,
                revoked: d.revoked,
            })
        };
        self.store.devices()?.into_iter().map(line).collect()
    }

    /// Ends a device: it is one like any other again.
    pub fn revoke_device(&self, by: &PersonId, id: &DeviceId) -> Result<()> {
        let admin = self.allowed(by, Action::AddPerson)?;
        let _alone = self.changing_people();
        let unknown = || Error::not_found("There is no such device.");
        let mut device = self.device(id)?.ok_or_else(unknown)?;
        if device.revoked.is_some() {
            // Said again, perhaps because the disk did not take it.
            return self.sessions.end_device(id);
        }
        device.revoked = Some(self.now());
        self.store.put_device(&row(&device)?, None)?;
        self.sessions.end_device(id)?;
        let leaf = self.leaf_by("admin.device", &admin)?.id(id.as_str());
        self.log.append(&leaf.fact("change", "revoked").fact("class", device.class.slug()))?;
        Ok(())
    }

    /// Takes a device's code; what comes out is its cookie.
    pub fn enrol_device(&self, code: &str) -> Result<(Device, Secret<String>)> {
        let cookie = Secret::new(base::hex(&base::random::<24>()));
        let hashes = (sha256(code.trim().as_bytes()), sha256(cookie.expose().as_bytes()));
        let row =
            self.store.take_device_code(&hashes.0, &hashes.1, self.now())?.ok_or_else(|| {
                Error::unauthenticated("The code is wrong, used or old; ask for a new one.")
            })?;
        Ok((read(&row)?, cookie))
    }

    /// The device of this id, whether it is one still or not.
    pub(crate) fn device(&self, id: &DeviceId) -> Result<Option<Device>> {
        self.store.device(id)?.as_ref().map(read).transpose()
    }

    /// The device that has this cookie, if it is one still.
    pub fn device_of(&self, cookie: &str) -> Result<Option<Device>> {
        let row = self.store.device_of(&sha256(cookie.as_bytes()))?;
        let device = row.as_ref().map(read).transpose()?;
        Ok(device.filter(|device| device.revoked.is_none()))
    }
}
