//! The place of the packs: writes, ranges, lists and removals, on a folder or a bucket alike.
//!
//! Calls block; a small runtime of its own carries the requests, as the calls come from threads that
//! may wait. On a folder every write is synced, file and folders, before it returns.

use super::pack::{self, Of, Pack, PackId, Placed};
use super::{Pictures, S3};
use crate::open::hold;
use base::{Day, Error, Result, Time, sha256};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};

/// Says whose pictures lie here.
const OWNER: &str = "owner";
/// So many packs are asked for at a time.
const AT_ONCE: usize = 16;
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// So long a look at how things stand waits.
const SOON: Duration = Duration::from_secs(3);
/// A service that fails is tried so often, within this time.
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(20);

/// A pack that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct There {
    pub id: PackId,
    pub bytes: u64,
    /// When it was written, by the place's own clock.
    pub written: Time,
}

/// An open place of packs.
pub(crate) struct Album {
    /// Nothing while a folder cannot be used: a disk may come later than this program.
    objects: OnceLock<Arc<dyn ObjectStore>>,
    prefix: String,
    /// Where it is a folder.
    folder: Option<PathBuf>,
    /// Whether the place is known to be this store's.
    pub claimed: Mutex<bool>,
    /// The days in which packs that no row names may lie; `None` is all of them: nobody has looked since the start.
    unswept: Mutex<Option<BTreeSet<(Of, Day)>>>,
    runtime: Option<Runtime>,
    #[cfg(test)]
    pub down: std::sync::atomic::AtomicBool,
}

impl Album {
    /// Nothing is asked of a service yet. A folder that cannot be used is an error where pictures are stored or fetched.
    pub fn open(place: &Pictures) -> Result<Self> {
        let objects: OnceLock<Arc<dyn ObjectStore>> = OnceLock::new();
        let (prefix, folder) = match place {
            Pictures::Folder(dir) => (String::new(), Some(dir.clone())),
            Pictures::S3(s3) => {
                let _ = objects.set(Arc::new(bucket(s3)?));
                (s3.prefix.clone(), None)
            }
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("pictures")
            .enable_all()
            .build()
            .map_err(|e| Error::unavailable("No thread for pictures can be started.").because(e))?;
        let album = Self {
            objects,
            prefix,
            folder,
            claimed: Mutex::new(false),
            unswept: Mutex::new(None),
            runtime: Some(runtime),
            #[cfg(test)]
            down: std::sync::atomic::AtomicBool::new(false),
        };
        if let Err(e) = album.objects() {
            tracing::error!(error = %e, "the place of the pictures");
        }
        Ok(album)
    }

    /// The place; a folder is made where there is none.
    fn objects(&self) -> object_store::Result<&Arc<dyn ObjectStore>> {
        if let Some(there) = self.objects.get() {
            return Ok(there);
        }
        let dir = self.folder.as_deref().unwrap_or(std::path::Path::new("pictures"));
        let unusable = |e: Error| object_store::Error::Generic {
            store: "pictures",
            source: e.inside().into(),
        };
        let made = folder(dir).map_err(unusable)?;
        Ok(self.objects.get_or_init(|| Arc::new(made)))
    }

    fn run<T: Send>(
        &self,
        work: impl Future<Output = object_store::Result<T>> + Send,
    ) -> Result<T> {
        #[cfg(test)]
        if self.down.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Error::unavailable("The power is cut."));
        }
        let Some(runtime) = &self.runtime else {
            return Err(Error::internal("The place of the pictures was closed."));
        };
        // A thread of a runtime must not wait in another one; a thread beside it may.
        let done = match Handle::try_current() {
            Err(_) => runtime.block_on(work),
            Ok(_) => std::thread::scope(|scope| scope.spawn(|| runtime.block_on(work)).join())
                .map_err(|_| Error::internal("The place of the pictures ran into a defect."))?,
        };
        done.map_err(|e| self.away(e))
    }

    /// What to say when the place does not do what it should.
    fn away(&self, e: object_store::Error) -> Error {
        use object_store::Error::{NotFound, PermissionDenied, Unauthenticated};
        Error::unavailable(match (&self.folder, &e) {
            (Some(_), _) => {
                "The folder of the pictures cannot be used; check its owner, and whether its disk is mounted."
            }
            (None, PermissionDenied { .. } | Unauthenticated { .. }) => {
                "The service that keeps the pictures refuses these credentials; they must be those of the bucket in \
                 [pictures], and may read, list, write and delete there."
            }
            (None, NotFound { .. }) => {
                "The service that keeps the pictures has no such bucket; make it, or check [pictures]."
            }
            (None, _) => {
                "The service that keeps the pictures does not answer; check [pictures] and the network."
            }
        })
        .because(e)
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    /// Whether it is a folder, and no bucket.
    pub fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// Whose pictures lie here, if anybody's.
    pub fn owner(&self) -> Result<Option<String>> {
        self.run(self.named())
    }

    /// The same for who does not wait: a place that takes longer than a monitor would has not answered.
    pub fn owner_soon(&self) -> Result<Option<String>> {
        self.run(async {
            let late = |e: tokio::time::error::Elapsed| object_store::Error::Generic {
                store: "pictures",
                source: e.into(),
            };
            tokio::time::timeout(SOON, self.named()).await.map_err(late)?
        })
    }

    async fn named(&self) -> object_store::Result<Option<String>> {
        let bytes = match self.objects()?.get(&self.path(OWNER)).await {
            Ok(got) => got.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// Writes down whose pictures lie here.
    pub fn own(&self, owner: &str) -> Result<()> {
        let path = self.path(OWNER);
        self.run(async { self.objects()?.put(&path, format!("{owner}\n").into()).await.map(drop) })
    }

    /// Writes a pack; lasting when this returns.
    pub fn put(&self, of: Of, day: Day, pack: Pack) -> Result<()> {
        if let Some(days) = hold(&self.unswept).as_mut() {
            days.insert((of, day));
        }
        let path = self.path(&pack::name(of, day, &pack.id));
        let payload = pack.payload();
        self.run(async { self.objects()?.put(&path, payload).await.map(drop) })
    }

    /// Removes a pack; one that is not there is no error.
    pub fn remove(&self, of: Of, day: Day, id: &PackId) -> Result<()> {
        let path = self.path(&pack::name(of, day, id));
        self.run(async {
            match self.objects()?.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => other,
            }
        })
    }

    /// Pictures, in the order in which they are asked for. One that is lost, cut off or not what it was
    /// is `None`, and the operator's trace says so: the read is there without it.
    pub fn fetch(&self, wanted: &[(Of, Day, Placed)]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut packs: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, (of, day, placed)) in wanted.iter().enumerate() {
            packs.entry(pack::name(*of, *day, &placed.pack)).or_default().push(at);
        }
        let mut out = vec![None; wanted.len()];
        if packs.is_empty() {
            return Ok(out);
        }
        let got: Vec<(Vec<usize>, Vec<Vec<u8>>)> = self.run(async {
            stream::iter(packs)
                .map(|(name, which)| async move {
                    let of_pack: Vec<&Placed> = which.iter().map(|at| &wanted[*at].2).collect();
                    let pictures = self.of_pack(&name, &of_pack).await?;
                    Ok::<_, object_store::Error>((which, pictures))
                })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await
        })?;
        for (which, pictures) in got {
            for (at, picture) in which.into_iter().zip(pictures) {
                let (of, day, placed) = &wanted[at];
                if sha256(&picture) == placed.hash {
                    out[at] = Some(picture);
                } else {
                    let pack = pack::name(*of, *day, &placed.pack);
                    tracing::error!(%pack, "a picture is lost or damaged; run `homeplate check`");
                }
            }
        }
        Ok(out)
    }

    /// The pictures of one pack; what is not there is empty.
    async fn of_pack(&self, name: &str, which: &[&Placed]) -> object_store::Result<Vec<Vec<u8>>> {
        let path = self.path(name);
        let size = match self.objects()?.head(&path).await {
            Ok(meta) => meta.size,
            Err(object_store::Error::NotFound { .. }) => 0,
            Err(e) => return Err(e),
        };
        let inside = |placed: &&&Placed| {
            let range = placed.range();
            !range.is_empty() && range.end <= size
        };
        let ranges: Vec<_> = which.iter().filter(inside).map(|placed| placed.range()).collect();
        let mut got = match ranges.is_empty() {
            true => Vec::new(),
            false => self.objects()?.get_ranges(&path, &ranges).await?,
        }
        .into_iter();
        let one = |placed: &&Placed| match inside(&placed) {
            true => got.next().map(|bytes| bytes.to_vec()).unwrap_or_default(),
            false => Vec::new(),
        };
        Ok(which.iter().map(one).collect())
    }

    /// The days that have packs, in their order.
    pub fn days(&self, of: Of) -> Result<Vec<Day>> {
        let path = self.path(of.word());
        let listed = self.run(async { self.objects()?.list_with_delimiter(Some(&path)).await })?;
        let mut days: Vec<Day> = listed
            .common_prefixes
            .iter()
            .filter_map(|prefix| prefix.filename()?.parse().ok())
            .collect();
        days.sort_unstable();
        Ok(days)
    }

    /// The days in which packs that no row names may lie. Those that take packs from here on are noted for the next time.
    pub fn take_unswept(&self) -> Result<BTreeSet<(Of, Day)>> {
        if let Some(noted) = hold(&self.unswept).replace(BTreeSet::new()) {
            return Ok(noted);
        }
        let mut all = BTreeSet::new();
        for of in [Of::Reads, Of::Hits] {
            match self.days(of) {
                Ok(days) => all.extend(days.into_iter().map(|day| (of, day))),
                Err(e) => {
                    *hold(&self.unswept) = None;
                    return Err(e);
                }
            }
        }
        Ok(all)
    }

    /// These days are to be looked at again.
    pub fn put_back_unswept(&self, mut days: BTreeSet<(Of, Day)>) {
        if let Some(noted) = hold(&self.unswept).as_mut() {
            noted.append(&mut days);
        }
    }

    /// The packs of a day.
    pub fn packs(&self, of: Of, day: Day) -> Result<Vec<There>> {
        let path = self.of_day(of, day);
        let listed: Vec<ObjectMeta> =
            self.run(async { self.objects()?.list(Some(&path)).try_collect().await })?;
        let there = |meta: ObjectMeta| {
            let written = Time::from_millis(meta.last_modified.timestamp_millis());
            Some(There { id: pack::id_of(&meta.location)?, bytes: meta.size, written })
        };
        Ok(listed.into_iter().filter_map(there).collect())
    }

    fn of_day(&self, of: Of, day: Day) -> Path {
        self.path(&format!("{}/{day}", of.word()))
    }

    /// Removes whatever lies under a day. Repeating it is harmless.
    pub fn drop_day(&self, of: Of, day: Day) -> Result<()> {
        if let Some(dir) = &self.folder {
            // As one, and with what a write that was cut off left beside.
            let kind = dir.join(of.word());
            return self.run(async {
                match fs::remove_dir_all(kind.join(day.to_string())) {
                    Ok(()) => File::open(&kind).and_then(|f| f.sync_all()),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                    Err(e) => Err(e),
                }
                .map_err(|e| object_store::Error::Generic { store: "folder", source: e.into() })
            });
        }
        let path = self.of_day(of, day);
        self.run(async {
            let objects = self.objects()?;
            let names = objects.list(Some(&path)).map_ok(|meta| meta.location).boxed();
            objects.delete_stream(names).try_for_each(|_| async { Ok(()) }).await
        })?;
        match self.run(async { self.objects()?.list(Some(&path)).try_next().await })? {
            None => Ok(()),
            Some(_) => Err(Error::unavailable(format!(
                "Pictures of {day} are still there after they were removed; it is tried again."
            ))),
        }
    }
}

impl Drop for Album {
    fn drop(&mut self) {
        // A runtime that is merely dropped would wait, which a thread of another one must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn folder(dir: &std::path::Path) -> Result<LocalFileSystem> {
    let unusable = |e: &dyn std::fmt::Display| {
        Error::unavailable(format!(
            "The folder {} cannot be used for pictures; check its owner and the disk.",
            dir.display()
        ))
        .because(e.to_string())
    };
    // What is in it is its owner's alone, as the folder cannot be entered.
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| unusable(&e))?;
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(std::path::Path::new("."));
    File::open(parent).and_then(|f| f.sync_all()).map_err(|e| unusable(&e))?;
    LocalFileSystem::new_with_prefix(dir).map(|l| l.with_fsync(true)).map_err(|e| unusable(&e))
}

pub(crate) fn bucket(s3: &S3) -> Result<object_store::aws::AmazonS3> {
    s3.check()?;
    let plain = s3.endpoint.as_ref().is_some_and(|e| e.starts_with("http://"));
    let client = ClientOptions::new()
        .with_timeout(ANSWER)
        .with_connect_timeout(CONNECT)
        .with_allow_http(plain);
    let retry =
        RetryConfig { max_retries: TRIES, retry_timeout: PATIENCE, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::new()
        .with_region(&s3.region)
        .with_bucket_name(&s3.bucket)
        .with_access_key_id(&s3.key_id)
        .with_secret_access_key(s3.secret.expose())
        .with_client_options(client)
        .with_retry(retry);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    builder.build().map_err(|e| {
        Error::invalid("The place of the pictures is no S3 service; check [pictures].").because(e)
    })
}
