//! The same ways by TLS, to servers on this machine whose certificate an authority of `tests/tls` has made (its key
//! is thrown away; the server's lies there, and is worth nothing).
//!
//! Which authorities are believed is the system's setting, so the test runs itself again with another one.

use crate::notice;
use base::{Secret, Time, b64, unb64};
use deliver::{Email, HookSecret, Outcome, Reach, Security, Smtp, Webhook};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

type Line = BufReader<StreamOwned<ServerConnection, TcpStream>>;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

fn config() -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_file_iter(file("leaf.pem")).unwrap();
    let certificates = certificates.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(file("leaf.key")).unwrap();
    let builder =
        ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(certificates, key).unwrap())
}

fn secured(stream: TcpStream) -> Line {
    let connection = ServerConnection::new(config()).unwrap();
    BufReader::new(StreamOwned::new(connection, stream))
}

/// A server that talks so with whoever comes; what it wants to tell comes out.
fn server(talk: fn(TcpStream, &Sender<String>) -> std::io::Result<()>) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = talk(stream, &tell);
        }
    });
    (port, told)
}

fn web(stream: TcpStream, tell: &Sender<String>) -> std::io::Result<()> {
    let mut line = secured(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let begun = head.len();
        line.read_line(&mut head)?;
        if let Some(value) = head[begun..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    line.read_exact(&mut body)?;
    tell.send(String::from_utf8(body).unwrap()).unwrap();
    line.get_mut().write_all(b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n")?;
    line.get_mut().flush()
}

/// Begins in the clear, where nothing but the offer of TLS is answered.
fn mail(stream: TcpStream, tell: &Sender<String>) -> std::io::Result<()> {
    let mut plain = BufReader::new(stream.try_clone()?);
    let say = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes());
    say("220 sink")?;
    loop {
        let mut word = String::new();
        plain.read_line(&mut word)?;
        match word.trim() {
            "STARTTLS" => break say("220 go on")?,
            "" => return Ok(()),
            hello if hello.starts_with("EHLO") => say("250-sink\r\n250 STARTTLS")?,
            other => tell.send(format!("in the clear: {other}")).unwrap(),
        }
    }
    let mut line = secured(stream);
    let mut data = false;
    loop {
        let mut word = String::new();
        if line.read_line(&mut word)? == 0 {
            return Ok(());
        }
        let word = word.trim_end();
        let answer = match word {
            "." => "250 taken",
            _ if data => "",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ if word.starts_with("EHLO") => "250-sink\r\n250 AUTH PLAIN",
            _ if word.starts_with("AUTH") => "235 in",
            _ => "250 ok",
        };
        data = (data || word == "DATA") && word != ".";
        tell.send(word.to_owned()).unwrap();
        if !answer.is_empty() {
            line.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
            line.get_mut().flush()?;
        }
    }
}

fn call(host: &str, port: u16) -> Outcome {
    let secret = HookSecret::parse(&format!("whsec_{}", b64(&[7; 32]))).unwrap();
    let hook = Webhook::new(&format!("https://{host}:{port}/in"), secret, Reach::LOCAL).unwrap();
    hook.send("msg_1", b"{\"a\":1}", Time::from_millis(0))
}

fn post(port: u16) -> Outcome {
    let login = Some(("homeplate".to_owned(), Secret::new("hush".to_owned())));
    let way = Email::new(&Smtp {
        host: "localhost".into(),
        port,
        security: Security::Starttls,
        from: "homeplate@c.example".into(),
        login,
    });
    way.unwrap().send("dora@c.example", &notice())
}

fn all(told: &Receiver<String>) -> Vec<String> {
    let mut out = Vec::new();
    while let Ok(one) = told.recv_timeout(Duration::from_millis(300)) {
        out.push(one);
    }
    out
}

#[test]
#[ignore = "run by the other one"]
fn where_the_authority_is_believed() {
    if std::env::var_os("SSL_CERT_FILE") != Some(file("ca.pem").into()) {
        return;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (port, told) = server(web);
    call("localhost", port).unwrap();
    assert_eq!(all(&told), ["{\"a\":1}"]);
    // The certificate is for another name.
    call("127.0.0.1", port).unwrap_err();
    assert!(all(&told).is_empty());
    let (port, told) = server(mail);
    post(port).unwrap();
    let words = all(&told);
    assert!(!words.iter().any(|word| word.contains("in the clear")), "{words:?}");
    let login = words.iter().find_map(|word| word.strip_prefix("AUTH PLAIN ")).unwrap();
    assert_eq!(unb64(login).unwrap(), b"\0homeplate\0hush");
    assert!(words.iter().any(|word| word.starts_with("Subject: Hit 4711")), "{words:?}");
}

#[test]
fn certificates_are_checked() {
    let again = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::where_the_authority_is_believed", "--ignored"])
        .env("SSL_CERT_FILE", file("ca.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    // Nobody here knows this authority.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (port, told) = server(web);
    call("localhost", port).unwrap_err();
    assert!(all(&told).is_empty());
    let (port, told) = server(mail);
    let failure = post(port).unwrap_err();
    assert!(failure.error.message().contains("certificate"), "{}", failure.error);
    assert!(all(&told).is_empty(), "neither password nor mail");
}
