//! Invitations, devices and machines, on both engines.

use super::*;
use crate::{DeviceRow, MachineRow, RecoveryRow};
use base::Time;

fn at(second: i64) -> Time {
    Time::from_millis(second * 1000)
}

fn walk(store: &Store) {
    let (smith, jones) = ("per_smith".parse().unwrap(), "per_jones".parse().unwrap());
    store.put_invitation(&[1; 32], &smith, at(100)).unwrap();
    store.put_invitation(&[2; 32], &smith, at(100)).unwrap();
    assert_eq!(store.invitation(&[1; 32], at(1)).unwrap(), None, "a newer one is there");
    assert_eq!(store.invitation(&[2; 32], at(99)).unwrap(), Some(smith.clone()));
    assert_eq!(store.invitation(&[2; 32], at(100)).unwrap(), None);
    assert_eq!(store.take_invitation(&[2; 32], at(99)).unwrap(), Some(smith.clone()));
    assert_eq!(store.take_invitation(&[2; 32], at(99)).unwrap(), None, "used");
    store.put_invitation(&[3; 32], &smith, at(100)).unwrap();
    assert_eq!(store.take_invitation(&[3; 32], at(100)).unwrap(), None, "old");

    let lost = RecoveryRow { person: smith.clone(), asked_by: jones, asked: at(5) };
    store.put_recovery(&lost).unwrap();
    let lost = RecoveryRow { asked: at(6), ..lost };
    store.put_recovery(&lost).unwrap();
    assert_eq!(store.recovery(&smith).unwrap().as_ref(), Some(&lost));
    assert_eq!(store.recoveries().unwrap(), [lost]);
    store.put_invitation(&[4; 32], &smith, at(100)).unwrap();
    store.drop_invitations(&smith).unwrap();
    assert_eq!(store.recovery(&smith).unwrap(), None);
    assert_eq!(store.invitation(&[4; 32], at(1)).unwrap(), None);

    let wall = DeviceRow { id: "dev_wall".parse().unwrap(), json: "{}".into() };
    store.put_device(&wall, Some((&[5; 32], at(100)))).unwrap();
    assert_eq!(store.take_device_code(&[5; 32], &[6; 32], at(100)).unwrap(), None, "old");
    assert_eq!(store.take_device_code(&[5; 32], &[6; 32], at(99)).unwrap(), Some(wall.clone()));
    assert_eq!(store.take_device_code(&[5; 32], &[7; 32], at(99)).unwrap(), None, "used");
    assert_eq!(store.device_of(&[6; 32]).unwrap(), Some(wall.clone()));
    assert_eq!(store.device_of(&[7; 32]).unwrap(), None);
    store.put_device(&wall, None).unwrap();
    assert_eq!(store.device_of(&[6; 32]).unwrap(), None, "taken away");
    assert_eq!(store.devices().unwrap(), std::slice::from_ref(&wall));
    assert_eq!(store.device(&wall.id).unwrap(), Some(wall));

    let id = "hpt_a".parse().unwrap();
    let token = MachineRow { id, hash: [8; 32], used: None, json: "{}".into() };
    store.put_machine(&token).unwrap();
    store.machine_used(&token.id, at(7)).unwrap();
    let changed = MachineRow { json: "{\"a\":1}".into(), ..token };
    store.put_machine(&changed).unwrap();
    let want = MachineRow { used: Some(at(7)), ..changed };
    assert_eq!(store.machine(&want.id).unwrap(), Some(want.clone()));
    assert_eq!(store.machines().unwrap(), [want]);
}

#[test]
fn who_is_let_in() {
    let dir = tempfile::tempdir().unwrap();
    walk(&Store::open(dir.path()).unwrap());
}

#[test]
fn who_is_let_in_on_postgres() {
    let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
    let place = Place::Postgres { url: Url(database.url().to_string()), schema: "city".into() };
    walk(&Store::open_at(&place, &Pictures::Folder(dir.path().join("pictures"))).unwrap());
}
