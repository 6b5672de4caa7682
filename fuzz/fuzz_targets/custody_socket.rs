//! What comes over custody's socket after a good first word: no message ends the process, and none is
//! answered with a key. Also the canonical bodies that questions and holds come as.
#![no_main]
use ciborium::Value;
use custody::{Custody, Guests, Kek, Options, serve};
use libfuzzer_sys::fuzz_target;
use policy::{Hold, Intent, Rules};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

static SOCKET: LazyLock<(PathBuf, Vec<u8>)> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("homeplate-fuzz-custody-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let key = base::SigningKey::generate();
    let log = ledger::Log::create(Box::new(ledger::Folder::new(dir.join("log"))), "homeplate/fuzz", key);
    let log_vkey = log.unwrap().vkey().to_owned();
    let rules = Arc::new(Rules::parse(Rules::standard()).unwrap());
    let words = [
        ("version", Value::from(4)),
        ("rules", Value::from(rules.hash())),
        ("log", Value::from(log_vkey.clone())),
        ("epoch_s", Value::from(3600)),
        ("witnesses", Value::Null),
    ];
    let words = words.map(|(key, value)| (Value::from(key), value));
    let hello = Value::Map(vec![(Value::from("Hello"), Value::Map(words.to_vec()))]);
    let mut body = Vec::new();
    ciborium::into_writer(&hello, &mut body).unwrap();
    let options =
        Options { dir: dir.join("custody"), epoch_s: 3600, log_vkey, witnesses: None, kek: Kek::File };
    let auditors = read::OpenKey::generate().public().unwrap();
    let custody = Arc::new(Custody::create(&options, rules, auditors).unwrap());
    let socket = dir.join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let ourselves = Guests::new(vec![std::fs::metadata("/proc/self").unwrap().uid()]);
    std::thread::spawn(move || serve(&listener, custody, ourselves, &base::Shutdown::new()));
    (socket, framed(&body))
});

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(intent) = Intent::from_canonical(bytes) {
        assert_eq!(intent.canonical().expose(), bytes);
    }
    if let Ok(hold) = Hold::from_canonical(bytes) {
        assert_eq!(hold.canonical().expose(), bytes);
    }
    let (socket, hello) = &*SOCKET;
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(hello).unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).unwrap();
    let mut welcome = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut welcome).unwrap();
    // A custody that hangs up has understood that this is rubbish.
    let _ = stream.write_all(&framed(bytes));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
});
