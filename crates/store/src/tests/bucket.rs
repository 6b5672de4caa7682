//! Pictures in a bucket: the same store against an S3 server on this machine, over the network's own
//! stack and with signed requests.

use super::copying::{keeps_names, patience};
use super::pictures::{later, round_trip};
use super::*;
use crate::{Depot, S3};
use base::{Kind, Secret};
use std::time::{Duration, Instant};
use testkit::bucket::{Bucket, Mood};

fn place(bucket: &Bucket, prefix: &str, secret: &str) -> Pictures {
    Pictures::S3(S3 {
        endpoint: Some(bucket.url().to_owned()),
        region: "us-east-1".into(),
        bucket: Bucket::NAME.into(),
        prefix: prefix.into(),
        key_id: Bucket::KEY_ID.into(),
        secret: Secret::new(secret.into()),
    })
}

/// Names of the packs in the bucket.
fn packs(bucket: &Bucket) -> Vec<String> {
    let folder = bucket.folder();
    let name =
        |path: &std::path::PathBuf| path.strip_prefix(&folder).unwrap().display().to_string();
    let mut names: Vec<String> = all_files(&folder).iter().map(name).collect();
    names.retain(|name| name.ends_with(".pack"));
    names.sort();
    names
}

fn store(home: &Home, pictures: &Pictures) -> Store {
    Store::open_at(&home.place(), pictures).unwrap()
}

fn home() -> Home {
    Home::Folder(tempfile::tempdir().unwrap())
}

#[test]
fn a_bucket_keeps_pictures_and_forgets_them_with_their_day() {
    let (service, home) = (Bucket::new().unwrap(), home());
    let store = store(&home, &place(&service, "springfield/pictures", "secret"));
    round_trip(&store);
    put(&store, day(1), "a 10 XYZ!").unwrap();
    let of_day = |n: i32| {
        let name = format!("/{}/", day(n));
        packs(&service).iter().filter(|pack| pack.contains(&name)).count()
    };
    assert_eq!((of_day(0), of_day(1)), (2, 2));
    assert!(packs(&service)[0].starts_with("springfield/pictures/hits/"), "{:?}", packs(&service));
    // What came again is not kept twice.
    assert_eq!(put(&store, day(1), "a 10 XYZ!").unwrap(), (0, 1));
    assert_eq!(of_day(1), 2);
    let plain = |prefix: &str| packs(&service).iter().any(|pack| pack.starts_with(prefix));
    assert!(!plain("reads") && !home.path().join("pictures").exists());

    store.drop_day(day(0)).unwrap();
    store.forget_pictures(day(1).start()).unwrap();
    assert_eq!((of_day(0), of_day(1)), (0, 2));

    // A pack that no row names goes when it is old enough.
    let mut orphan = crate::pictures::Pack::new();
    orphan.add(&[7; 50]);
    store.album().unwrap().put(crate::pictures::Of::Reads, day(1), orphan).unwrap();
    assert_eq!(store.check_pictures().unwrap().orphans, 1);
    assert_eq!(store.sweep_pictures(base::Time::from_millis(0)).unwrap(), 0);
    assert_eq!(store.sweep_pictures(later()).unwrap(), 1);
    assert_eq!(of_day(1), 2);
    assert_eq!(store.check_pictures().unwrap().wrong, [""; 0]);
}

#[test]
fn a_service_that_is_away_holds_up_pictures_alone() {
    let (mut service, home) = (Bucket::new().unwrap(), home());
    let store = store(&home, &place(&service, "", "secret"));
    put(&store, day(0), "a 10 XYZ").unwrap();
    let before = state(&store);
    service.stop();
    let e = put(&store, day(0), "b 20 ABC").unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(e.to_string().contains("does not answer"), "{e}");
    assert_eq!(state(&store), before);
    store.set_meta("tally", "1").unwrap();
    store.own_pictures_again().unwrap();
    service.start().unwrap();
    assert_eq!(put(&store, day(0), "b 20 ABC").unwrap(), (1, 0));
}

#[test]
fn the_wrong_secret_and_anothers_prefix_are_refused() {
    let service = Bucket::new().unwrap();
    let (one, two) = (home(), home());
    let first = store(&one, &place(&service, "a", "secret"));
    put(&first, day(0), "a 10 XYZ").unwrap();
    let wrong = store(&two, &place(&service, "b", "guess"));
    let e = put(&wrong, day(0), "a 10 XYZ").unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(!format!("{e} {e:?}").contains("guess"), "{e:?}");
    drop(wrong);
    let stranger = store(&two, &place(&service, "a", "secret"));
    assert_eq!(put(&stranger, day(0), "a 10 XYZ").unwrap_err().kind(), Kind::Conflict);
    drop(stranger);
    let apart = store(&two, &place(&service, "b", "secret"));
    put(&apart, day(0), "a 10 XYZ").unwrap();
    assert_eq!(packs(&service).len(), 2);
}

/// A monitor hears within seconds that the service fails or hangs, and that it is back.
#[test]
fn whether_pictures_are_taken_is_said_soon() {
    let (service, home) = (Bucket::new().unwrap(), home());
    let store = store(&home, &place(&service, "", "secret"));
    // Before anything was stored, and after.
    for round in 0..2 {
        for mood in [Mood::Failing, Mood::Silent] {
            service.mood(mood);
            let begun = Instant::now();
            let e = store.pictures_answer().unwrap_err();
            assert_eq!(e.kind(), Kind::Unavailable, "{round} {mood:?}: {e}");
            assert!(begun.elapsed() < Duration::from_secs(15), "{round} {mood:?}");
            service.mood(Mood::Fine);
            store.pictures_answer().unwrap();
        }
        put(&store, day(round), "a 10 XYZ").unwrap();
    }
}

#[test]
fn a_copy_lies_in_a_bucket_as_in_a_folder() {
    let mut service = Bucket::new().unwrap();
    let depot = Depot::open(&place(&service, "springfield/copy", "secret")).unwrap();
    keeps_names(&depot);
    let beside = Depot::open(&place(&service, "springfield", "secret")).unwrap();
    assert_eq!(beside.get("copy/g/01").unwrap().unwrap(), [1; 10]);
    beside.put("copyright", b"x".to_vec()).unwrap();
    assert_eq!(beside.list("copy").unwrap().len(), 19, "no other name that begins alike");

    // It fails, hangs, is away: that is said, and it goes on by itself.
    let depot = depot.patient(Duration::from_secs(2));
    let mut round = 0u8;
    let mut back = |service: &Bucket| {
        round += 1;
        service.mood(Mood::Fine);
        patience(|| depot.put("g/01", vec![round]).is_ok());
        assert_eq!(depot.get("g/01").unwrap().unwrap(), [round]);
    };
    let no = || {
        for e in [depot.put("g/01", vec![0]).unwrap_err(), depot.get("g/02").unwrap_err()] {
            assert_eq!(e.kind(), Kind::Unavailable, "{e}");
            assert!(e.message().contains("The second place"), "{e}");
        }
    };
    for mood in [Mood::Failing, Mood::Silent] {
        service.mood(mood);
        no();
        back(&service);
    }
    service.stop();
    no();
    service.start().unwrap();
    back(&service);
}

/// What a person has to mend is said as such.
#[test]
fn a_bucket_that_refuses_says_what_is_to_be_mended() {
    let service = Bucket::new().unwrap();
    let check = |place: Pictures, word: &str| {
        let depot = Depot::open(&place).unwrap();
        let e = depot.put("a", vec![1]).unwrap_err();
        assert!(e.message().contains(word), "{e}");
        assert!(!format!("{e} {e:?}").contains("guess"), "{e:?}");
        let home = home();
        let store = store(&home, &place);
        let e = put(&store, day(0), "a 10 XYZ").unwrap_err();
        assert_eq!(e.kind(), Kind::Unavailable);
        assert!(e.message().contains(word), "{e}");
    };
    check(place(&service, "", "guess"), "credentials");
    service.mood(Mood::Bare);
    check(place(&service, "", "secret"), "no such bucket");
}
