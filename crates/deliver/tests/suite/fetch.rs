//! Files from other machines, by HTTP and by SFTP: honest ones, and those that want the city elsewhere, give too much
//! or are somebody else.

use base::Kind;
use deliver::{Got, Known, Reach, SftpLogin, SftpPlace, fetch, fetch_sftp};
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};
use russh::server::{Auth, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use russh_sftp::protocol::{Attrs, Data, FileAttributes, Handle, Status, StatusCode};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const LIST: &[u8] = b"plate\n7ABC128\n8XYZ001\n";
const PATIENCE: Duration = Duration::from_secs(5);
const MOST: usize = 1 << 20;

/// A web server that gives the file to who shows the login, and says that it is the same to who knows it.
fn web() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut head = String::new();
            let mut lines = BufReader::new(&stream);
            while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap_or(0) > 0 {}
            let head = head.to_lowercase();
            let answer = match head.split(' ').nth(1).unwrap_or_default() {
                "/slow" => {
                    std::thread::sleep(Duration::from_secs(60));
                    continue;
                }
                "/away" => "302 x\r\nlocation: http://169.254.169.254/\r\n\r\n".into(),
                "/long" => format!(
                    "200 x\r\ncontent-length: {0}\r\n\r\n{1}",
                    MOST + 1,
                    "x".repeat(MOST + 1)
                ),
                // Says less than it gives.
                "/endless" => format!("200 x\r\n\r\n{}", "y".repeat(MOST + 5000)),
                "/list" if !head.contains("authorization: basic y2l0etpzzwnyzxq=") => {
                    "401 x\r\ncontent-length: 0\r\n\r\n".into()
                }
                "/list" if head.contains("if-none-match: \"one\"") => "304 x\r\n\r\n".into(),
                "/list" => format!(
                    "200 x\r\netag: \"one\"\r\nlast-modified: then\r\ncontent-length: {}\r\n\r\n{}",
                    LIST.len(),
                    String::from_utf8_lossy(LIST)
                ),
                _ => "404 x\r\ncontent-length: 0\r\n\r\n".into(),
            };
            let _ = (&stream).write_all(format!("HTTP/1.1 {answer}").as_bytes());
        }
    });
    url
}

#[test]
fn a_file_by_http() {
    let url = web();
    let get = |path: &str, login, known: &Known, patience| {
        fetch(&format!("{url}{path}"), login, known, Reach::LOCAL, MOST, patience)
    };
    let login = Some(("city", "secret"));
    let none = Known::default();
    let Got::New(file, known) = get("/list", login, &none, PATIENCE).unwrap() else {
        panic!("it is new")
    };
    assert_eq!(file.as_slice(), LIST);
    assert_eq!((known.etag.as_deref(), known.modified.as_deref()), (Some("\"one\""), Some("then")));
    assert!(matches!(get("/list", login, &known, PATIENCE).unwrap(), Got::Same));
    let kind = |path: &str, login, patience| get(path, login, &none, patience).unwrap_err().kind();
    assert_eq!(kind("/list", Some(("", "token")), PATIENCE), Kind::Forbidden);
    assert_eq!(kind("/none", login, PATIENCE), Kind::NotFound);
    assert_eq!(kind("/away", login, PATIENCE), Kind::Unavailable, "no redirect is followed");
    assert_eq!(kind("/long", login, PATIENCE), Kind::TooLarge);
    assert_eq!(kind("/endless", login, PATIENCE), Kind::TooLarge);
    assert_eq!(kind("/slow", login, Duration::from_millis(300)), Kind::Unavailable);
    // This machine is not called unless the configuration says so, by whatever name.
    for there in
        [url.replace("http:", "https:"), url.replace("127.0.0.1", "localhost"), url.clone()]
    {
        let e = fetch(&there, None, &none, Reach::PUBLIC, MOST, PATIENCE).unwrap_err();
        assert!(matches!(e.kind(), Kind::Forbidden | Kind::Invalid), "{there} {e:?}");
        assert!(!e.message().contains("127.0.0.1"), "an address may hold a secret");
    }
}

/// An SFTP server with one file, for one user with one password and one key.
#[derive(Clone)]
struct Server {
    friend: String,
}

struct Visit {
    friend: String,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl russh::server::Handler for Visit {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if (user, password) == ("city", "secret") { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let same = key.public_key.fingerprint(HashAlg::Sha256).to_string() == self.friend;
        Ok(if user == "city" && same { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: russh::server::ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let channel = self.channels.remove(&id).unwrap();
        session.channel_success(id)?;
        russh_sftp::server::run(channel.into_stream(), OneFile).await;
        Ok(())
    }
}

struct OneFile;

fn size_of(path: &str) -> Result<u64, StatusCode> {
    match path {
        "/out/list.csv" => Ok(LIST.len() as u64),
        "/out/long" => Ok(MOST as u64 * 2),
        _ => Err(StatusCode::NoSuchFile),
    }
}

impl russh_sftp::server::Handler for OneFile {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let mut attrs = FileAttributes::empty();
        attrs.size = Some(size_of(&path)?);
        attrs.mtime = Some(1_795_420_800);
        attrs.atime = Some(1_795_420_800);
        Ok(Attrs { id, attrs })
    }

    async fn open(
        &mut self,
        id: u32,
        path: String,
        _: russh_sftp::protocol::OpenFlags,
        _: FileAttributes,
    ) -> Result<Handle, StatusCode> {
        size_of(&path).map(|_| Handle { id, handle: path })
    }

    async fn read(
        &mut self,
        id: u32,
        _: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, StatusCode> {
        let from = usize::try_from(offset).unwrap().min(LIST.len());
        let to = (from + len as usize).min(LIST.len());
        if from == to {
            Err(StatusCode::Eof)
        } else {
            Ok(Data { id, data: LIST[from..to].to_vec() })
        }
    }

    async fn close(&mut self, id: u32, _: String) -> Result<Status, StatusCode> {
        let (error_message, language_tag) = (String::new(), String::new());
        Ok(Status { id, status_code: StatusCode::Ok, error_message, language_tag })
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

fn fingerprint(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

/// Its port and its host key's fingerprint.
fn sftp(friend: &PrivateKey) -> (u16, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = key(1);
    let shown = fingerprint(&host);
    let server = Server { friend: fingerprint(friend) };
    let config = Arc::new(russh::server::Config {
        keys: vec![host],
        auth_rejection_time: Duration::from_millis(10),
        ..Default::default()
    });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let visit = Visit { friend: server.friend.clone(), channels: HashMap::new() };
                if let Ok(session) = russh::server::run_stream(config.clone(), stream, visit).await
                {
                    tokio::spawn(async { session.await.map_err(drop) });
                }
            }
        });
    });
    (port, shown)
}

#[test]
fn a_file_by_sftp() {
    let friend = key(2);
    let (port, host) = sftp(&friend);
    let pem = friend.to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap();
    let stranger = key(3).to_openssh(russh::keys::ssh_key::LineEnding::LF).unwrap();
    let get = |path: &str, host: &str, login: &SftpLogin<'_>, known: &Known, reach| {
        let place = SftpPlace::parse(&format!("sftp://city@127.0.0.1:{port}{path}")).unwrap();
        fetch_sftp(&place, host, login, known, reach, MOST, PATIENCE)
    };
    let none = Known::default();
    for login in [SftpLogin::Key(&pem), SftpLogin::Password("secret")] {
        let got = get("/out/list.csv", &host, &login, &none, Reach::LOCAL).unwrap();
        let Got::New(file, known) = got else { panic!("it is new") };
        assert_eq!(file.as_slice(), LIST);
        let again = get("/out/list.csv", &host, &login, &known, Reach::LOCAL).unwrap();
        assert!(matches!(again, Got::Same));
    }
    let kind = |path: &str, host: &str, login: SftpLogin<'_>, reach| {
        get(path, host, &login, &none, reach).unwrap_err().kind()
    };
    let good = || SftpLogin::Password("secret");
    assert_eq!(kind("/out/long", &host, good(), Reach::LOCAL), Kind::TooLarge);
    assert_eq!(kind("/none", &host, good(), Reach::LOCAL), Kind::NotFound);
    assert_eq!(
        kind("/out/list.csv", &host, SftpLogin::Password("x"), Reach::LOCAL),
        Kind::Forbidden
    );
    assert_eq!(
        kind("/out/list.csv", &host, SftpLogin::Key(&stranger), Reach::LOCAL),
        Kind::Forbidden
    );
    assert_eq!(kind("/out/list.csv", &host, SftpLogin::Key("no key"), Reach::LOCAL), Kind::Invalid);
    // Another host key is another machine, and gets no password.
    let other = fingerprint(&key(4));
    assert_eq!(kind("/out/list.csv", &other, good(), Reach::LOCAL), Kind::Forbidden);
    assert_eq!(kind("/out/list.csv", &host, good(), Reach::PUBLIC), Kind::Forbidden);
}
