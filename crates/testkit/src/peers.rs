//! Others at the end of a line, on this machine: a mail server that takes what it is given, and a web server
//! that answers as it is told to.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What has come in, with the moment.
struct Heard<T> {
    all: Mutex<Vec<(Instant, T)>>,
    more: Condvar,
}

impl<T: Clone> Heard<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self { all: Mutex::new(Vec::new()), more: Condvar::new() })
    }

    fn add(&self, one: T) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((Instant::now(), one));
        self.more.notify_all();
    }

    fn wait(&self, count: usize, patience: Duration) -> Vec<(Instant, T)> {
        let end = Instant::now() + patience;
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        while all.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            all = self.more.wait_timeout(all, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        all.clone()
    }
}

/// A mail as it came in.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The addresses of the envelope.
    pub to: Vec<String>,
    /// Head and body, lines as they came.
    pub text: String,
}

impl Mail {
    /// The text, with the transfer coding of long lines and special characters taken off.
    pub fn plain(&self) -> String {
        let joined = self.text.replace("=\n", "");
        let mut out = Vec::new();
        let mut rest = joined.as_bytes();
        while let [first, more @ ..] = rest {
            let hex = more.get(..2).and_then(|h| std::str::from_utf8(h).ok());
            match hex.and_then(|h| u8::from_str_radix(h, 16).ok()).filter(|_| *first == b'=') {
                Some(byte) => {
                    out.push(byte);
                    rest = &more[2..];
                }
                None => {
                    out.push(*first);
                    rest = more;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// A mail server. It ends with the process.
pub struct MailSink {
    port: u16,
    heard: Arc<Heard<Mail>>,
    refusing: Arc<Mutex<Option<String>>>,
    hangs_up: Arc<AtomicBool>,
}

impl MailSink {
    /// Listens on a free port of this machine.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (heard, refusing) = (Heard::new(), Arc::new(Mutex::new(None)));
        let hangs_up = Arc::new(AtomicBool::new(false));
        let (to, no, ends) = (heard.clone(), refusing.clone(), hangs_up.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, no, ends) = (to.clone(), no.clone(), ends.clone());
                std::thread::spawn(move || talk(&stream, &to, &no, &ends));
            }
        });
        Ok(Self { port, heard, refusing, hangs_up })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers every recipient so from now on, for instance `550 no such mailbox`; or takes them again.
    pub fn refuse(&self, with: Option<&str>) {
        *self.refusing.lock().unwrap_or_else(PoisonError::into_inner) = with.map(str::to_owned);
    }

    /// Takes each message from now on and hangs up without a word; or answers again.
    pub fn hang_up(&self, yes: bool) {
        self.hangs_up.store(yes, Ordering::SeqCst);
    }

    /// What has come, as soon as so many have, or after `patience`.
    pub fn wait(&self, count: usize, patience: Duration) -> Vec<Mail> {
        self.wait_timed(count, patience).into_iter().map(|(_, mail)| mail).collect()
    }

    /// The same, with the moments.
    pub fn wait_timed(&self, count: usize, patience: Duration) -> Vec<(Instant, Mail)> {
        self.heard.wait(count, patience)
    }
}

/// One connection, as far as a client that follows RFC 5321 needs.
fn talk(
    stream: &TcpStream,
    heard: &Heard<Mail>,
    refusing: &Mutex<Option<String>>,
    hangs_up: &AtomicBool,
) {
    let say = |text: &str| (&mut &*stream).write_all(format!("{text}\r\n").as_bytes()).is_ok();
    let mut lines = BufReader::new(stream).lines();
    let mut to = Vec::new();
    if !say("220 sink") {
        return;
    }
    while let Some(Ok(line)) = lines.next() {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let going_on = match word.as_str() {
            "EHLO" | "HELO" => say("250 sink"),
            "RCPT" => {
                let no = refusing.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if no.is_none() {
                    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                    to.push(address.to_owned());
                }
                say(no.as_deref().unwrap_or("250 ok"))
            }
            "DATA" => {
                if !say("354 go on") {
                    return;
                }
                let mut text = String::new();
                for line in lines.by_ref().map_while(Result::ok).take_while(|line| line != ".") {
                    text.push_str(line.strip_prefix("..").map_or(&line, |_| &line[1..]));
                    text.push('\n');
                }
                heard.add(Mail { to: std::mem::take(&mut to), text });
                !hangs_up.load(Ordering::SeqCst) && say("250 taken")
            }
            "QUIT" => {
                say("221 bye");
                false
            }
            _ => say("250 ok"),
        };
        if !going_on {
            return;
        }
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// What a web server does with a request.
#[derive(Clone, Debug)]
pub enum Does {
    /// Answers with a status and these lines of a head.
    Answers(u16, &'static str),
    /// Says nothing for a minute.
    Hangs,
    /// Begins an answer, and never ends its head.
    EndlessHead,
    /// Answers 200 with a body that never ends.
    EndlessBody,
}

/// A web server. It ends with the process.
pub struct WebSink {
    port: u16,
    heard: Arc<Heard<Request>>,
    plan: Arc<Mutex<VecDeque<Does>>>,
}

impl WebSink {
    /// Listens on a free port of this machine; each request takes the next step of the plan, and after the last
    /// one all are answered 200.
    pub fn start(plan: impl IntoIterator<Item = Does>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let heard = Heard::new();
        let plan = Arc::new(Mutex::new(plan.into_iter().collect::<VecDeque<_>>()));
        let (to, next) = (heard.clone(), plan.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, next) = (to.clone(), next.clone());
                std::thread::spawn(move || answer(&stream, &to, &next));
            }
        });
        Ok(Self { port, heard, plan })
    }

    /// An address of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does this next.
    pub fn then(&self, does: Does) {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).push_back(does);
    }

    /// What has come, as soon as so many have, or after `patience`.
    pub fn wait(&self, count: usize, patience: Duration) -> Vec<Request> {
        self.wait_timed(count, patience).into_iter().map(|(_, request)| request).collect()
    }

    /// The same, with the moments.
    pub fn wait_timed(&self, count: usize, patience: Duration) -> Vec<(Instant, Request)> {
        self.heard.wait(count, patience)
    }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { path, headers, body })
}

fn answer(stream: &TcpStream, heard: &Heard<Request>, plan: &Mutex<VecDeque<Does>>) {
    let Some(request) = read_request(stream) else { return };
    heard.add(request);
    let next = plan.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut out = stream;
    match next.unwrap_or(Does::Answers(200, "")) {
        Does::Answers(status, head) => {
            let text = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n{head}\r\n"
            );
            let _ = out.write_all(text.as_bytes());
        }
        Does::Hangs => std::thread::sleep(Duration::from_secs(60)),
        Does::EndlessHead => {
            let _ = out.write_all(b"HTTP/1.1 200 x\r\n");
            while out.write_all(b"x-more: and more\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Does::EndlessBody => {
            let _ = out.write_all(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n");
            while out.write_all(b"4\r\nmore\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
