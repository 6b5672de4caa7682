//! A place of named bytes elsewhere: a folder (another disk, a mounted share) or a bucket of an S3 service.
//!
//! A name is written whole or not at all, and what was written is lasting when the call returns. Calls block;
//! a small runtime of its own carries the requests. Not here: what is in the bytes.

use crate::pictures::{Pictures, bucket};
use base::{Error, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// So many are written at a time.
const AT_ONCE: usize = 8;

/// An open place.
pub struct Depot {
    objects: Arc<dyn ObjectStore>,
    prefix: String,
    /// Where it is a folder.
    folder: Option<PathBuf>,
    runtime: Option<Runtime>,
}

impl Depot {
    /// Opens a place. A folder must be there: one that is not mounted must not be begun on this disk.
    pub fn open(place: &Pictures) -> Result<Self> {
        let (objects, prefix, folder): (Arc<dyn ObjectStore>, _, _) = match place {
            Pictures::Folder(dir) => {
                let missing = || {
                    Error::unavailable(format!(
                        "The second place {} is not there or not ours; mount it, or make the folder.",
                        dir.display()
                    ))
                };
                if !dir.is_dir() {
                    return Err(missing());
                }
                let files =
                    LocalFileSystem::new_with_prefix(dir).map_err(|e| missing().because(e))?;
                (Arc::new(files.with_fsync(true)), String::new(), Some(dir.clone()))
            }
            Pictures::S3(s3) => (Arc::new(bucket(s3)?), s3.prefix.clone(), None),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("second-place")
            .enable_all()
            .build()
            .map_err(|e| Error::unavailable("No thread for the copy can be started.").because(e))?;
        Ok(Self { objects, prefix, folder, runtime: Some(runtime) })
    }

    fn run<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> Result<T> {
        let Some(runtime) = &self.runtime else {
            return Err(Error::internal("The second place was closed."));
        };
        runtime.block_on(work).map_err(|e| {
            Error::unavailable(match &self.folder {
                Some(_) => "The second place cannot be used; check that it is mounted, its owner and its disk.",
                None => "The second place does not answer; check [copy] and the network.",
            })
            .because(e)
        })
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    fn there(&self) -> Result<()> {
        match &self.folder {
            // Unmounted meanwhile: its folder of this disk must not be filled.
            Some(dir) if !dir.is_dir() => Err(Error::unavailable(format!(
                "The second place {} is not there any more; mount it.",
                dir.display()
            ))),
            _ => Ok(()),
        }
    }

    /// The bytes under a name, if there are any.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        let bytes = self.run(async {
            match self.objects.get(&path).await {
                Ok(got) => got.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(e) => Err(e),
            }
        })?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    /// Writes or overwrites.
    pub fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        self.there()?;
        let path = self.path(name);
        self.run(async { self.objects.put(&path, bytes.into()).await.map(drop) })
    }

    /// The same of several at a time, in no order; where it fails, any of them may be there.
    pub fn put_all(&self, all: Vec<(String, Vec<u8>)>) -> Result<()> {
        self.there()?;
        self.run(async {
            stream::iter(all)
                .map(|(name, bytes)| {
                    let path = self.path(&name);
                    async move { self.objects.put(&path, bytes.into()).await.map(drop) }
                })
                .buffer_unordered(AT_ONCE)
                .try_collect::<Vec<()>>()
                .await
                .map(drop)
        })
    }

    /// The names below a folder of the place (`g/17`), sorted, without what is above them.
    pub fn list(&self, below: &str) -> Result<Vec<String>> {
        let path = self.path(below);
        let found: Vec<Path> =
            self.run(self.objects.list(Some(&path)).map_ok(|meta| meta.location).try_collect())?;
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
        let path = self.path(name);
        self.run(async {
            match self.objects.delete(&path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => other,
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
