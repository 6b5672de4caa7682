//! A small RTSP server of JPEG pictures (RFC 2326, RFC 2435), within the connection or in packets of their own,
//! that can be told to misbehave.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The camera's pictures, and those that it must not be mistaken for.
pub const SIZE: (u32, u32) = (320, 240);
pub const OTHER: (u32, u32) = (160, 120);

/// What timestamps do after the first second.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Times {
    #[default]
    Good,
    Still,
    Leap,
}

/// How the server misbehaves; by default not at all.
#[derive(Clone, Copy, Default)]
pub struct Odd {
    /// Its first session gets no packet.
    pub silent: bool,
    /// For so long packets of another sender come besides, from before PLAY is answered.
    pub ghost: Option<Duration>,
    /// GET_PARAMETER is offered and refused, sessions are said to last six seconds without one, and after five
    /// pictures there is a pause of eight.
    pub refuses: bool,
    pub times: Times,
    /// The first nonce is stale when it is used.
    pub stale: bool,
    /// The size changes after so many pictures.
    pub resize: Option<usize>,
    /// The connection ends after so long.
    pub close: Option<Duration>,
}

/// The server; what it was asked is kept.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(odd: Odd) -> Self {
        let pictures = Arc::new([pictures(SIZE), pictures(OTHER)]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, sent) = (asked.clone(), Arc::new(AtomicUsize::new(0)));
        let counter = sent.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (pictures, log, sent) = (pictures.clone(), log.clone(), counter.clone());
                let session = Session {
                    odd,
                    number,
                    pictures,
                    log,
                    sent,
                    stop: Arc::default(),
                    apart: Arc::default(),
                };
                thread::spawn(move || {
                    let _ = session.serve(stream);
                });
            }
        });
        Self { port, asked, sent }
    }

    /// How many pictures were sent.
    pub fn pictures(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    /// How often a method was asked for.
    pub fn asked(&self, method: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|m| *m == method).count()
    }
}

struct Session {
    odd: Odd,
    number: usize,
    pictures: Arc<[Vec<Picture>; 2]>,
    log: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    /// Where packets of their own go.
    apart: Arc<Mutex<Option<UdpSocket>>>,
}

/// The packets of one picture.
type Picture = Vec<Vec<u8>>;

impl Session {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let out = Arc::new(Mutex::new(stream.try_clone()?));
        let mut from = BufReader::new(stream);
        let mut nonce = 0;
        let end = loop {
            // Reports of the reader come on the same line.
            let mut first = [0];
            if from.read_exact(&mut first).is_err() {
                break Ok(());
            }
            if first == *b"$" {
                let mut head = [0; 3];
                from.read_exact(&mut head)?;
                let length = u16::from_be_bytes([head[1], head[2]]);
                std::io::copy(&mut (&mut from).take(length.into()), &mut std::io::sink())?;
                continue;
            }
            let mut lines = vec![String::from_utf8_lossy(&first).into_owned()];
            loop {
                let mut line = String::new();
                if from.read_line(&mut line)? == 0 || line.trim().is_empty() {
                    break;
                }
                if lines.len() == 1 && !lines[0].ends_with('\n') {
                    lines[0] += &line;
                } else {
                    lines.push(line);
                }
            }
            let answer = self.answer(&lines, &mut nonce, &out);
            out.lock().unwrap().write_all(answer.as_bytes())?;
            let method = lines[0].split(' ').next().unwrap_or_default();
            if method == "PLAY" {
                self.play(&out);
            }
            if method == "TEARDOWN" {
                break Ok(());
            }
        };
        self.stop.store(true, Ordering::SeqCst);
        end
    }

    fn answer(&self, lines: &[String], nonce: &mut u32, out: &Arc<Mutex<TcpStream>>) -> String {
        let method = lines[0].split(' ').next().unwrap_or_default().to_owned();
        let url = lines[0].split(' ').nth(1).unwrap_or_default();
        let header = |name: &str| {
            let line = lines.iter().find(|l| l.to_ascii_lowercase().starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let number = header("cseq").unwrap_or_default();
        let say =
            |code: &str, more: &str| format!("RTSP/1.0 {code}\r\nCSeq: {number}\r\n{more}\r\n");
        self.log.lock().unwrap().push(method.clone());
        if self.odd.stale && method != "OPTIONS" {
            let word = header("authorization").unwrap_or_default();
            if !(*nonce >= 2 && word.contains(&format!("nonce=\"n{nonce}\""))) {
                *nonce += 1;
                let stale = if *nonce > 1 { ", stale=true" } else { "" };
                let ask = format!(
                    "WWW-Authenticate: Digest realm=\"odd\", nonce=\"n{nonce}\"{stale}\r\n"
                );
                return say("401 Unauthorized", &ask);
            }
        }
        let timeout = if self.odd.refuses { 6 } else { 60 };
        let session = format!("Session: {};timeout={timeout}\r\n", self.number);
        match method.as_str() {
            "OPTIONS" => {
                say("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n")
            }
            "DESCRIBE" => {
                let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=odd\r\nt=0 0\r\na=control:*\r\n\
                           m=video 0 RTP/AVP 26\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:26 JPEG/90000\r\na=control:track1\r\n";
                let head = format!(
                    "Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n",
                    sdp.len()
                );
                say("200 OK", &head) + sdp
            }
            "SETUP" => {
                if let Some(last) = self.odd.ghost {
                    self.send(out, 0xdead, 1, Some(last));
                }
                let wish = header("transport").unwrap_or_default();
                let ports = wish.split(';').find_map(|f| f.trim().strip_prefix("client_port="));
                let transport = match ports {
                    None => "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned(),
                    Some(ports) => {
                        let port: u16 = ports.split('-').next().unwrap().parse().unwrap();
                        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                        socket.connect(("127.0.0.1", port)).unwrap();
                        let own = socket.local_addr().unwrap().port();
                        *self.apart.lock().unwrap() = Some(socket);
                        format!("RTP/AVP;unicast;client_port={ports};server_port={own}-{}", own ^ 1)
                    }
                };
                say("200 OK", &format!("Transport: {transport}\r\n{session}"))
            }
            "GET_PARAMETER" if self.odd.refuses => say("454 Session Not Found", ""),
            _ => say("200 OK", &session),
        }
    }

    fn play(&self, out: &Arc<Mutex<TcpStream>>) {
        if !(self.odd.silent && self.number == 0) {
            self.send(out, 0x5eed, 0, None);
        }
        if let Some(after) = self.odd.close {
            let out = out.clone();
            thread::spawn(move || {
                thread::sleep(after);
                let _ = out.lock().unwrap().shutdown(std::net::Shutdown::Both);
            });
        }
    }

    /// Sends pictures of a sender, ten a second, until told or for so long.
    fn send(&self, out: &Arc<Mutex<TcpStream>>, sender: u32, which: usize, last: Option<Duration>) {
        let (odd, stop, out) = (self.odd, self.stop.clone(), out.clone());
        let (pictures, sent) = (self.pictures.clone(), self.sent.clone());
        let apart = self.apart.clone();
        let end = last.map(|last| Instant::now() + last);
        thread::spawn(move || {
            let mut sequence = 100u16;
            for i in 0.. {
                if stop.load(Ordering::SeqCst) || end.is_some_and(|end| Instant::now() > end) {
                    return;
                }
                if odd.refuses && i == 5 {
                    thread::sleep(Duration::from_secs(8));
                }
                let resized = odd.resize.is_some_and(|after| i >= after);
                let all = &pictures[if resized { 1 } else { which }];
                let good = i as u32 * 9000;
                let time = match odd.times {
                    Times::Still if i > 10 => 90_000,
                    Times::Leap if (i / 10) % 2 == 1 => good.wrapping_add(3600 * 90_000),
                    _ => good,
                };
                for packet in &all[i % all.len()] {
                    let mut packet = packet.clone();
                    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
                    packet[4..8].copy_from_slice(&time.to_be_bytes());
                    packet[8..12].copy_from_slice(&sender.to_be_bytes());
                    sequence = sequence.wrapping_add(1);
                    if let Some(socket) = &*apart.lock().unwrap() {
                        let _ = socket.send(&packet);
                        continue;
                    }
                    let mut framed = vec![b'$', 0];
                    framed.extend((packet.len() as u16).to_be_bytes());
                    framed.extend(packet);
                    if out.lock().unwrap().write_all(&framed).is_err() {
                        return;
                    }
                }
                sent.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(100));
            }
        });
    }
}

/// Eight pictures, packed.
fn pictures((width, height): (u32, u32)) -> Vec<Picture> {
    gst::init().unwrap();
    let text = format!(
        "videotestsrc num-buffers=8 ! video/x-raw,format=I420,width={width},height={height},framerate=10/1 \
         ! jpegenc ! rtpjpegpay mtu=1200 pt=26 ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("out").unwrap().downcast::<AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut out = vec![Picture::new()];
    while let Ok(sample) = sink.pull_sample() {
        let mut take = |buffer: &gst::BufferRef| {
            let bytes = buffer.map_readable().unwrap().to_vec();
            let last = bytes[1] & 0x80 != 0;
            out.last_mut().unwrap().push(bytes);
            if last {
                out.push(Picture::new());
            }
        };
        if let Some(list) = sample.buffer_list() {
            list.iter().for_each(&mut take);
        } else if let Some(buffer) = sample.buffer() {
            take(buffer);
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    out.retain(|picture| !picture.is_empty());
    assert_eq!(out.len(), 8);
    out
}
