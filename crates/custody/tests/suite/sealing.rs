//! What is sealed, what it shows, and what is not taken.

use super::kit::*;
use base::{Kind, LeaseId, SigningKey};
use proptest::prelude::*;
use read::{Lease, SignedRead};
use std::collections::BTreeSet;
use std::sync::Arc;

#[test]
fn sealed_bytes_hold_no_plate() {
    let city = City::new();
    let mut read = sighting("7ABC123", camera("one"), now());
    let picture = b"a picture of 7ABC123".to_vec();
    read.picture = Some(base::sha256(&picture));
    let batch =
        city.custody.seal(now().day(), &[(Arc::new(read.clone()), Some(picture.clone()))]).unwrap();
    let shown = format!("{batch:?}");
    let sealed = &batch.reads[0];
    for bytes in [&sealed.body, sealed.picture.as_ref().unwrap(), &shown.into_bytes()] {
        assert!(!bytes.windows(4).any(|w| w == b"7ABC" || w == b"[\"7\""));
    }
    let permit = city.permit("7ABC123", |_| ()).unwrap();
    let found = search(&batch, &permit);
    let key = city.custody.keys(&permit, &found).unwrap().pop().unwrap();
    assert_eq!(key.open(&found[0]).unwrap(), (read, Some(picture)));
    // Custody's own folder holds none either.
    for file in std::fs::read_dir(city.dir.path().join("custody")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(4).any(|w| w == b"7ABC"));
    }
}

#[test]
fn the_length_of_a_body_does_not_tell_that_of_the_plate() {
    let city = City::new();
    let batch = city
        .seal(&[sighting("A1", camera("one"), now()), sighting("7ABC123", camera("one"), now())])
        .unwrap();
    assert_eq!(batch.reads[0].body.len(), batch.reads[1].body.len());
}

#[test]
fn tokens_are_equal_within_a_day_and_different_across_days() {
    let city = City::new();
    let seal = |ago: i64, name: &str| {
        let read = sighting("7ABC123", camera(name), now().plus_millis(-ago));
        city.seal(&[read]).unwrap().reads.remove(0).tokens
    };
    assert_eq!(seal(0, "one"), seal(2 * HOUR, "two"));
    assert_ne!(seal(0, "one"), seal(24 * HOUR, "one"));
    let strangers = City::new();
    let read = sighting("7ABC123", camera("one"), now());
    assert_ne!(strangers.seal(&[read]).unwrap().reads[0].tokens, seal(0, "one"));
}

#[test]
fn a_segment_is_one_camera_one_epoch_one_minute() {
    let city = City::new();
    let start = now().floor_to(HOUR);
    let mut reads = Vec::new();
    for name in ["one", "two"] {
        for ms in [-1, 0, 59_999, 60_000] {
            reads.push(sighting("7ABC123", camera(name), start.plus_millis(ms)));
        }
    }
    let batch = city.seal(&reads).unwrap();
    let shape: BTreeSet<_> = batch.segments.iter().map(|s| (s.camera.clone(), s.epoch)).collect();
    assert_eq!((batch.segments.len(), shape.len(), batch.reads.len()), (6, 4, 8));
    let many: Vec<_> = (0..300).map(|_| sighting("7ABC123", camera("one"), start)).collect();
    assert_eq!(city.seal(&many).unwrap().segments.len(), 2);
}

#[test]
fn what_is_not_taken_refuses_the_batch() {
    let city = City::new();
    let good = sighting("7ABC123", camera("one"), now());
    let future = sighting("7ABC123", camera("one"), now().plus_millis(6 * 60_000));
    let soon = sighting("7ABC123", camera("one"), now().plus_millis(4 * 60_000));
    let yesterday = sighting("7ABC123", camera("one"), now().plus_millis(-24 * HOUR));
    let mut moved = good.clone();
    moved.captured = moved.captured.plus_millis(1);
    assert_eq!(city.seal(&[good.clone(), soon]).unwrap().reads.len(), 2);
    for (bad, kind) in [
        (future, Kind::Busy),
        (yesterday, Kind::Invalid),
        (moved, Kind::Invalid),
        (good.clone(), Kind::Invalid),
    ] {
        let e = city.seal(&[good.clone(), bad]).unwrap_err();
        assert_eq!(e.kind(), kind);
        assert!(!e.inside().contains("7ABC"), "{e:?}");
    }
    // A picture that the camera did not sign.
    let swapped = (Arc::new(good.clone()), Some(b"other".to_vec()));
    assert!(city.custody.seal(now().day(), &[swapped]).is_err());
    assert!(city.custody.seal(now().day(), &[]).unwrap().segments.is_empty());
}

#[test]
fn cameras_seal_to_the_ingest_key() {
    let city = City::new().restart();
    let key = SigningKey::generate();
    let signed = SignedRead::sign(sighting("7ABC123", camera("one"), now()), None, &key);
    let (info, aad) = (b"homeplate/ingest/v1", b"cam_one");
    let item =
        city.custody.ingest_key().unwrap().seal(info, aad, signed.encode().expose()).unwrap();
    let opened = city.open_item("one", &item).unwrap();
    assert_eq!(text(opened.verify(&key.public()).unwrap().0), "7ABC123");
    assert!(city.open_item("two", &item).is_err());
}

#[test]
fn leases_are_short_and_name_our_key() {
    let city = City::new();
    let lease = |until: i64, seal_key: String| Lease {
        id: LeaseId::new(now(), [1; 10]),
        camera: camera("one"),
        capture_key: SigningKey::generate().public(),
        from: now(),
        until: now().plus_millis(until),
        seal_key,
        authority: None,
        hits_only: None,
        clear_pictures: false,
        gates: Vec::new(),
    };
    let ours = || city.custody.ingest_key().unwrap().to_string();
    let signed = city.custody.sign_lease(lease(HOUR, ours())).unwrap();
    assert!(signed.verify(&city.custody.lease_public().unwrap()).is_ok());
    for bad in [lease(25 * HOUR, ours()), lease(0, ours()), lease(HOUR, "AAAA".into())] {
        assert_eq!(city.custody.sign_lease(bad).err().unwrap().kind(), Kind::Invalid);
    }
}

#[test]
fn records_are_sealed() {
    let city = City::new();
    let sealed = city.custody.seal_record(b"per_ana asked for 7ABC123").unwrap();
    assert!(!sealed.0.windows(4).any(|w| w == b"7ABC"));
    assert_ne!(sealed, city.custody.seal_record(b"per_ana asked for 7ABC123").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn one_changed_byte_does_not_open(at in 0usize..4000, flip in 1u8..=255) {
        let city = City::new();
        let batch = city.seal(&[sighting("7ABC123", camera("one"), now())]).unwrap();
        let permit = city.permit("7ABC123", |_| ()).unwrap();
        let mut found = search(&batch, &permit).remove(0);
        let len = found.read.body.len();
        found.read.body[at % len] ^= flip;
        let key = city.custody.keys(&permit, std::slice::from_ref(&found)).unwrap().pop().unwrap();
        prop_assert!(key.open(&found).is_err());
        let len = found.segment.wrapped.0.len();
        found.segment.wrapped.0[at % len] ^= flip;
        prop_assert!(city.custody.keys(&permit, &[found]).is_err());
    }
}
