//! An S3 service of one bucket on this machine, which can be away, answer with errors, or not at all.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It does what it is asked.
    Fine,
    /// It answers every request with an error of its own.
    Failing,
    /// It knows of no such bucket.
    Bare,
    /// It takes requests and never answers.
    Silent,
}

/// A service with one bucket, which ends with this.
pub struct Bucket {
    dir: TempDir,
    url: String,
    mood: watch::Sender<Mood>,
    runtime: Option<Runtime>,
}

impl Bucket {
    /// What the bucket is called.
    pub const NAME: &str = "plates";
    /// Who may use it.
    pub const KEY_ID: &str = "id";
    /// And by which secret.
    pub const SECRET: &str = "secret";

    /// A service with an empty bucket, on a free port of loopback.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join(Self::NAME))?;
        let mood = watch::channel(Mood::Fine).0;
        let mut bucket = Self { dir, url: "http://127.0.0.1:0".into(), mood, runtime: None };
        bucket.start()?;
        Ok(bucket)
    }

    /// Starts it, on the port that it had.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let runtime = Runtime::new()?;
        let files = s3s_fs::FileSystem::new(self.dir.path())
            .map_err(|e| anyhow::anyhow!("no files for a bucket: {e:?}"))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(Self::KEY_ID, Self::SECRET));
        let service = builder.build();
        let at = self.url.trim_start_matches("http://").to_owned();
        let listener = runtime.block_on(TcpListener::bind(at))?;
        self.url = format!("http://{}", listener.local_addr()?);
        let mood = self.mood.clone();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(talk(socket, service.clone(), mood.subscribe()));
            }
        });
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Ends it with all that is under way; what is in the bucket stays.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Its port is free again when this returns.
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// From now on it does so; connections that are open are closed.
    pub fn mood(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the bucket's objects lie.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join(Self::NAME)
    }

    /// What a city's file of credentials says.
    pub fn credentials() -> String {
        format!("key_id = \"{}\"\nsecret = \"{}\"\n", Self::KEY_ID, Self::SECRET)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One connection, which lives no longer than the mood that it began in.
async fn talk(socket: TcpStream, service: S3Service, mut mood: watch::Receiver<Mood>) {
    let now = *mood.borrow_and_update();
    let work = async {
        match now {
            Mood::Fine => {
                let http = Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            }
            Mood::Failing => fail(socket, "500 Internal Server Error").await,
            Mood::Bare => fail(socket, "404 Not Found").await,
            Mood::Silent => {
                let _kept = socket;
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = mood.changed() => {}
    }
}

async fn fail(mut socket: TcpStream, status: &str) {
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let mut head = [0; 4096];
    let _ = socket.read(&mut head).await;
    let _ = socket.write_all(answer.as_bytes()).await;
    // What is still being sent is taken, or the answer would be lost with the connection.
    while socket.read(&mut head).await.is_ok_and(|read| read > 0) {}
}
