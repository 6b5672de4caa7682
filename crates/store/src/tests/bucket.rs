//! Pictures in a bucket: the same store against an S3 server on this machine, over the network's own
//! stack and with signed requests.

use super::pictures::{later, round_trip};
use super::*;
use crate::S3;
use base::{Kind, Secret};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server with one bucket, which ends with this.
struct Service {
    dir: TempDir,
    url: String,
    runtime: Option<Runtime>,
}

impl Service {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("plates")).unwrap();
        let mut service = Self { dir, url: String::new(), runtime: None };
        service.start();
        service
    }

    fn start(&mut self) {
        let runtime = Runtime::new().unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(self.dir.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("id", "secret"));
        let service = builder.build();
        let at = self.url.strip_prefix("http://").unwrap_or("127.0.0.1:0").to_owned();
        let listener = runtime.block_on(TcpListener::bind(at)).unwrap();
        self.url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        self.runtime = Some(runtime);
    }

    fn stop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    fn pictures(&self, prefix: &str, secret: &str) -> Pictures {
        Pictures::S3(S3 {
            endpoint: Some(self.url.clone()),
            region: "us-east-1".into(),
            bucket: "plates".into(),
            prefix: prefix.into(),
            key_id: "id".into(),
            secret: Secret::new(secret.into()),
        })
    }

    /// Names of the packs in the bucket.
    fn packs(&self) -> Vec<String> {
        let bucket = self.dir.path().join("plates");
        let name =
            |path: &std::path::PathBuf| path.strip_prefix(&bucket).unwrap().display().to_string();
        let mut names: Vec<String> = all_files(&bucket).iter().map(name).collect();
        names.retain(|name| name.ends_with(".pack"));
        names.sort();
        names
    }
}

fn store(home: &Home, pictures: &Pictures) -> Store {
    Store::open_at(&home.place(), pictures).unwrap()
}

fn home() -> Home {
    Home::Folder(tempfile::tempdir().unwrap())
}

#[test]
fn a_bucket_keeps_pictures_and_forgets_them_with_their_day() {
    let (service, home) = (Service::new(), home());
    let store = store(&home, &service.pictures("springfield/pictures", "secret"));
    round_trip(&store);
    put(&store, day(1), "a 10 XYZ!").unwrap();
    let of_day = |n: i32| {
        let name = format!("/{}/", day(n));
        service.packs().iter().filter(|pack| pack.contains(&name)).count()
    };
    assert_eq!((of_day(0), of_day(1)), (2, 2));
    assert!(service.packs()[0].starts_with("springfield/pictures/hits/"), "{:?}", service.packs());
    // What came again is not kept twice.
    assert_eq!(put(&store, day(1), "a 10 XYZ!").unwrap(), (0, 1));
    assert_eq!(of_day(1), 2);
    let plain = |prefix: &str| service.packs().iter().any(|pack| pack.starts_with(prefix));
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
    let (mut service, home) = (Service::new(), home());
    let store = store(&home, &service.pictures("", "secret"));
    put(&store, day(0), "a 10 XYZ").unwrap();
    let before = state(&store);
    service.stop();
    let e = put(&store, day(0), "b 20 ABC").unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(e.to_string().contains("does not answer"), "{e}");
    assert_eq!(state(&store), before);
    store.set_meta("tally", "1").unwrap();
    service.start();
    assert_eq!(put(&store, day(0), "b 20 ABC").unwrap(), (1, 0));
}

#[test]
fn the_wrong_secret_and_anothers_prefix_are_refused() {
    let service = Service::new();
    let (one, two) = (home(), home());
    let first = store(&one, &service.pictures("a", "secret"));
    put(&first, day(0), "a 10 XYZ").unwrap();
    let wrong = store(&two, &service.pictures("b", "guess"));
    let e = put(&wrong, day(0), "a 10 XYZ").unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(!format!("{e} {e:?}").contains("guess"), "{e:?}");
    drop(wrong);
    let stranger = store(&two, &service.pictures("a", "secret"));
    assert_eq!(put(&stranger, day(0), "a 10 XYZ").unwrap_err().kind(), Kind::Conflict);
    drop(stranger);
    let apart = store(&two, &service.pictures("b", "secret"));
    put(&apart, day(0), "a 10 XYZ").unwrap();
    assert_eq!(service.packs().len(), 2);
}
