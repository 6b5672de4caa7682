//! A place of named bytes elsewhere: a folder (another disk, a mounted share) or a bucket of an S3 service.
//!
//! A name is written whole or not at all, and what was written is lasting when the call returns. Calls block,
//! but not for ever: a share whose server is gone holds the thread that touches it, so a small runtime of its own
//! carries the requests, and who waits for one gives up after a while.
//!
//! Holds: nothing is begun before a request that was given up has ended, whenever that is. What it writes late is
//! never newer than what was written after it. Not here: what is in the bytes.

use crate::pictures::{Pictures, bucket};
use base::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// So many are written at a time.
const AT_ONCE: usize = 8;
/// A request that has not moved for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// However much it carries, after so much more.
const PATIENCE_MORE: u64 = 90;
/// So many bytes a second are waited for.
const SLOWEST: usize = 64 << 10;

/// An open place.
pub struct Depot {
    objects: Arc<dyn ObjectStore>,
    prefix: String,
    /// Where it is a folder.
    folder: Option<PathBuf>,
    runtime: Option<Runtime>,
    patience: Duration,
    /// A request that was given up and has not ended.
    stuck: Mutex<Option<JoinHandle<()>>>,
}

/// Why a request came to nothing.
enum Fault {
    /// The folder is not there any more.
    Gone,
    Store(object_store::Error),
}

impl From<object_store::Error> for Fault {
    fn from(e: object_store::Error) -> Self {
        Self::Store(e)
    }
}

type Done<T> = std::result::Result<T, Fault>;

fn missing(dir: &std::path::Path) -> Error {
    Error::unavailable(format!(
        "The second place {} is not there or not ours; mount it, or make the folder.",
        dir.display()
    ))
}

fn silent() -> Error {
    Error::unavailable(
        "The second place does not answer; check that its machine and the network are up.",
    )
}

/// A folder, looked at by a thread of its own: one of a share whose server is gone does not answer.
fn folder(dir: &std::path::Path, patience: Duration) -> Result<LocalFileSystem> {
    type Found = Option<object_store::Result<LocalFileSystem>>;
    /// Looks that did not come back: one is enough.
    static HANGING: Mutex<Vec<(PathBuf, Receiver<Found>)>> = Mutex::new(Vec::new());
    let mut hanging = HANGING.lock().unwrap_or_else(PoisonError::into_inner);
    hanging.retain(|(_, hear)| matches!(hear.try_recv(), Err(TryRecvError::Empty)));
    if hanging.iter().any(|(other, _)| other == dir) {
        return Err(silent());
    }
    drop(hanging);
    let (tell, hear) = mpsc::channel();
    let looked = dir.to_owned();
    std::thread::Builder::new()
        .name("second-place".into())
        .spawn(move || {
            let found = looked.is_dir().then(|| LocalFileSystem::new_with_prefix(&looked));
            let _ = tell.send(found);
        })
        .map_err(no_thread)?;
    match hear.recv_timeout(patience) {
        Ok(Some(Ok(files))) => Ok(files),
        Ok(Some(Err(e))) => Err(missing(dir).because(e)),
        Ok(None) | Err(RecvTimeoutError::Disconnected) => Err(missing(dir)),
        Err(RecvTimeoutError::Timeout) => {
            HANGING.lock().unwrap_or_else(PoisonError::into_inner).push((dir.to_owned(), hear));
            Err(silent())
        }
    }
}

/// Whether a file system is read-only, to everybody or to a service that may not write there.
fn read_only(e: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(e), |e| (*e).source())
        .filter_map(|e| e.downcast_ref::<std::io::Error>())
        .any(|e| e.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

fn no_thread(e: std::io::Error) -> Error {
    Error::unavailable("No thread for the copy can be started.").because(e)
}

/// Unmounted meanwhile: its folder of this disk must not be filled.
async fn there(folder: Option<PathBuf>) -> Done<()> {
    let Some(dir) = folder else { return Ok(()) };
    match tokio::task::spawn_blocking(move || dir.is_dir()).await {
        Ok(true) => Ok(()),
        _ => Err(Fault::Gone),
    }
}

impl Depot {
    /// Opens a place. A folder must be there: one that is not mounted must not be begun on this disk.
    pub fn open(place: &Pictures) -> Result<Self> {
        let (objects, prefix, folder): (Arc<dyn ObjectStore>, _, _) = match place {
            Pictures::Folder(dir) => {
                let files = folder(dir, PATIENCE)?;
                (Arc::new(files.with_fsync(true)), String::new(), Some(dir.clone()))
            }
            Pictures::S3(s3) => (Arc::new(bucket(s3)?), s3.prefix.clone(), None),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("second-place")
            .enable_all()
            .build()
            .map_err(no_thread)?;
        let (runtime, stuck) = (Some(runtime), Mutex::new(None));
        Ok(Self { objects, prefix, folder, runtime, patience: PATIENCE, stuck })
    }

    /// The same place, of which an answer is awaited for so long.
    #[cfg(test)]
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Does `work`, which carries so many bytes at a time and counts its steps.
    fn run<T, F>(&self, weight: usize, work: impl FnOnce(Arc<AtomicUsize>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Done<T>> + Send + 'static,
    {
        let Some(runtime) = &self.runtime else {
            return Err(Error::internal("The second place was closed."));
        };
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck.as_ref().is_some_and(|task| !task.is_finished()) {
            return Err(silent());
        }
        *stuck = None;
        let more = ((weight / SLOWEST) as u64).min(PATIENCE_MORE);
        let patience = self.patience + Duration::from_secs(more);
        let steps = Arc::new(AtomicUsize::new(0));
        let (tell, hear) = mpsc::channel();
        let work = work(steps.clone());
        let task = runtime.spawn(async move {
            let _ = tell.send(work.await);
        });
        let mut made = 0;
        loop {
            match hear.recv_timeout(patience) {
                Ok(done) => return done.map_err(|fault| self.told(fault)),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::internal("A request to the second place broke off."));
                }
                Err(RecvTimeoutError::Timeout) if steps.load(Ordering::Relaxed) > made => {
                    made = steps.load(Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {
                    *stuck = Some(task);
                    return Err(silent());
                }
            }
        }
    }

    fn told(&self, fault: Fault) -> Error {
        match (fault, &self.folder) {
            (Fault::Gone, folder) => Error::unavailable(format!(
                "The second place {} is not there any more; mount it.",
                folder.as_deref().unwrap_or(std::path::Path::new("")).display()
            )),
            (Fault::Store(e), Some(_)) if read_only(&e) => Error::unavailable(
                "The second place is read-only here; mount it for writing, and name it in ReadWritePaths= of the service.",
            )
            .because(e),
            (Fault::Store(e), Some(_)) => Error::unavailable(
                "The second place cannot be used; check that it is mounted, its owner and its disk.",
            )
            .because(e),
            (Fault::Store(e), None) => Error::unavailable(match e {
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => {
                    "The second place refuses these credentials; they must be those of [copy]'s bucket, and may read, \
                     list, write and delete there."
                }
                object_store::Error::NotFound { .. } => {
                    "The second place has no such bucket; make it, or check [copy]."
                }
                _ => "The second place does not answer; check [copy] and the network.",
            })
            .because(e),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    /// The bytes under a name, if there are any.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let (path, objects) = (self.path(name), self.objects.clone());
        self.run(0, |_| async move {
            match objects.get(&path).await {
                Ok(got) => Ok(Some(got.bytes().await?.to_vec())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(e) => Err(e.into()),
            }
        })
    }

    /// Writes or overwrites.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let (path, objects, folder) = (self.path(name), self.objects.clone(), self.folder.clone());
        self.run(bytes.len(), |_| async move {
            there(folder).await?;
            objects.put(&path, bytes.into()).await?;
            Ok(())
        })
    }

    /// The same of several at a time, in no order; where it fails, any of them may be there.
    pub fn put_all(&self, all: Vec<(String, Vec<u8>)>) -> Result<()> {
        let largest = all.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
        let (objects, folder) = (self.objects.clone(), self.folder.clone());
        let all: Vec<(Path, Vec<u8>)> =
            all.into_iter().map(|(name, bytes)| (self.path(&name), bytes)).collect();
        self.run(largest.saturating_mul(AT_ONCE), |steps| async move {
            there(folder).await?;
            let one = |(path, bytes): (Path, Vec<u8>)| {
                let (objects, steps) = (objects.clone(), steps.clone());
                async move {
                    objects.put(&path, bytes.into()).await?;
                    steps.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
            };
            stream::iter(all)
                .map(one)
                .buffer_unordered(AT_ONCE)
                .try_collect::<Vec<()>>()
                .await
                .map(drop)
        })
    }

    /// The names below a folder of the place (`g/17`), sorted, without what is above them.
    pub fn list(&self, below: &str) -> Result<Vec<String>> {
        let (path, objects) = (self.path(below), self.objects.clone());
        let root = path.clone();
        let found: Vec<Path> = self.run(0, |steps| async move {
            objects
                .list(Some(&root))
                .map_ok(|meta| {
                    steps.fetch_add(1, Ordering::Relaxed);
                    meta.location
                })
                .map_err(Fault::from)
                .try_collect()
                .await
        })?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|name| {
                let parts: Vec<String> =
                    name.prefix_match(&path)?.map(|part| part.as_ref().to_owned()).collect();
                Some(parts.join("/"))
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes a name; one that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<()> {
        let (path, objects) = (self.path(name), self.objects.clone());
        self.run(0, |_| async move {
            match objects.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => Ok(other?),
            }
        })
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        // A runtime that is merely dropped would wait, which a thread of another one must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn a_place_that_may_only_be_read_is_told_from_one_that_is_broken() {
        let check = |kind: ErrorKind, want: bool| {
            let source = Box::new(std::io::Error::from(kind));
            let e = object_store::Error::Generic { store: "LocalFileSystem", source };
            assert_eq!(read_only(&e), want, "{kind:?}");
        };
        check(ErrorKind::ReadOnlyFilesystem, true);
        check(ErrorKind::StorageFull, false);
        check(ErrorKind::PermissionDenied, false);
    }
}
