//! What a stream says of itself: RTSP's OPTIONS and DESCRIBE (RFC 2326), and no more. No session is set up
//! and no frame is pulled; a camera works on a lease.

use super::address::Address;
use super::digest::{Challenge, Login};
use super::xml::plain;
use base::{Error, Result};
use serde::Serialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(4);
const LINE_MAX: u64 = 4 << 10;
const LINES_MAX: usize = 64;
const BODY_MAX: usize = 64 << 10;

/// What a stream's description tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The coding of the pictures, as `H264`.
    pub coding: String,
    /// Width and height, where they are told.
    pub size: Option<[u32; 2]>,
    /// What the server calls itself.
    pub server: String,
}

/// Asks a stream what it is. Who asks for the password itself does not get it: what answers a call into the network
/// may be anybody, and the login is often that of all cameras.
pub fn describe(at: &Address, login: Option<&Login>) -> Result<Description> {
    if !at.is_rtsp() {
        return Err(Error::invalid("A stream's address begins with rtsp://."));
    }
    let away = |e: std::io::Error| {
        Error::unavailable(format!("{at} does not answer; look at the camera's RTSP port."))
            .because(e)
    };
    let stream = TcpStream::connect_timeout(&at.host(), PATIENCE).map_err(away)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(away)?;
    let mut line =
        Line { from: BufReader::new(stream), at, number: 0, end: Instant::now() + 3 * PATIENCE };
    let options = line.ask("OPTIONS", None).map_err(away)?;
    let mut answer = line.ask("DESCRIBE", None).map_err(away)?;
    // A nonce may have grown stale between two questions; a third time it is the password.
    for _ in 0..2 {
        let (401, Some(login)) = (answer.code, login) else { break };
        let Some(challenge) = Challenge::read(answer.all("www-authenticate")) else { break };
        if challenge == Challenge::Basic {
            return Err(Error::unauthenticated(format!(
                "{at} takes the password in the clear, or by a digest other than MD5, so it was not sent; choose \
                 Digest with MD5 on the camera's page, or write its block by hand."
            )));
        }
        let word = challenge.answer(login, "DESCRIBE", &at.to_string());
        answer = line.ask("DESCRIBE", Some(&word)).map_err(away)?;
    }
    match answer.code {
        200 => {}
        401 | 403 if login.is_none() => {
            return Err(Error::unauthenticated(format!("{at} wants a login.")));
        }
        401 | 403 => {
            return Err(Error::unauthenticated(format!("{at} refuses the name or the password.")));
        }
        404 | 454 => return Err(Error::not_found(format!("{at} is no stream of this camera."))),
        code => return Err(Error::unavailable(format!("{at} answers with {code}."))),
    }
    let server = answer.all("server").chain(options.all("server")).next().unwrap_or_default();
    let (coding, size) = read_sdp(&answer.body);
    Ok(Description { coding, size, server: plain(server) })
}

/// Coding and size of the first video of a session description (RFC 4566).
pub fn read_sdp(sdp: &[u8]) -> (String, Option<[u32; 2]>) {
    let text = String::from_utf8_lossy(sdp.get(..BODY_MAX).unwrap_or(sdp));
    let (mut coding, mut size, mut video) = (String::new(), None, false);
    for line in text.lines().map(str::trim) {
        if let Some(medium) = line.strip_prefix("m=") {
            if video {
                break;
            }
            video = medium.starts_with("video ");
            // Type 26 is JPEG without a word about it (RFC 3551).
            if video && medium.split_whitespace().nth(3) == Some("26") {
                coding = "JPEG".into();
            }
        }
        let Some(attribute) = line.strip_prefix("a=").filter(|_| video) else { continue };
        let Some((name, value)) = attribute.split_once(':') else { continue };
        match name {
            "rtpmap" => {
                let name = value.split_whitespace().nth(1).and_then(|v| v.split('/').next());
                coding = plain(name.unwrap_or_default()).to_ascii_uppercase();
            }
            // RFC 6064, and what older cameras write.
            "framesize" => size = size.or(value.split_whitespace().nth(1).and_then(two)),
            "x-dimensions" => size = size.or(two(value)),
            "fmtp" => size = size.or_else(|| parameter_sets(value)),
            _ => {}
        }
    }
    (coding, size)
}

fn two(text: &str) -> Option<[u32; 2]> {
    let (w, h) = text.split_once(['-', ',', 'x'])?;
    sane(w.trim().parse().ok()?, h.trim().parse().ok()?)
}

fn sane(w: u32, h: u32) -> Option<[u32; 2]> {
    ((16..=16_384).contains(&w) && (16..=16_384).contains(&h)).then_some([w, h])
}

/// The size in H.264's parameter set, as RFC 6184 puts it into a description.
fn parameter_sets(fmtp: &str) -> Option<[u32; 2]> {
    let (_, sets) = fmtp.split_once("sprop-parameter-sets=")?;
    let first = sets.split([';', ',', ' ']).next()?;
    size_of_sps(&base::unb64(first)?)
}

/// Width and height of a sequence parameter set (ITU-T H.264, 7.3.2.1.1).
fn size_of_sps(unit: &[u8]) -> Option<[u32; 2]> {
    if unit.first()? & 0x1f != 7 || unit.len() > 512 {
        return None;
    }
    // The byte that keeps start codes out of the stream goes (7.4.1).
    let mut bytes = Vec::with_capacity(unit.len());
    for (i, b) in unit.iter().enumerate().skip(1) {
        if !(*b == 3 && i > 2 && unit[i - 1] == 0 && unit[i - 2] == 0) {
            bytes.push(*b);
        }
    }
    let mut bits = Bits { bytes: &bytes, at: 24 };
    let profile = u32::from(*bytes.first()?);
    bits.golomb()?;
    let mut chroma = 1;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138) {
        chroma = bits.golomb()?;
        if chroma == 3 {
            bits.take(1)?;
        }
        bits.golomb()?;
        bits.golomb()?;
        // Scaling lists, which no camera sends; who does tells no size here.
        if bits.take(1)? != 0 || bits.take(1)? != 0 {
            return None;
        }
    }
    bits.golomb()?;
    match bits.golomb()? {
        0 => drop(bits.golomb()?),
        1 => return None,
        _ => {}
    }
    bits.golomb()?;
    bits.take(1)?;
    let (across, down) = (bits.golomb()?.checked_add(1)?, bits.golomb()?.checked_add(1)?);
    let whole = bits.take(1)?;
    if whole == 0 {
        bits.take(1)?;
    }
    bits.take(1)?;
    let (mut cut_x, mut cut_y) = (0u32, 0u32);
    if bits.take(1)? == 1 {
        let sides = [bits.golomb()?, bits.golomb()?, bits.golomb()?, bits.golomb()?];
        let unit = [if matches!(chroma, 1 | 2) { 2 } else { 1 }, if chroma == 1 { 2 } else { 1 }];
        cut_x = sides[0].checked_add(sides[1])?.checked_mul(unit[0])?;
        cut_y = sides[2].checked_add(sides[3])?.checked_mul(unit[1] * (2 - whole))?;
    }
    let width = across.checked_mul(16)?.checked_sub(cut_x)?;
    let height = down.checked_mul(16)?.checked_mul(2 - whole)?.checked_sub(cut_y)?;
    sane(width, height)
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut out = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            out = out << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(out)
    }

    /// An unsigned Exp-Golomb number (9.1).
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 24 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.take(zeros)?)
    }
}

/// A connection with its questions numbered.
struct Line<'a> {
    from: BufReader<TcpStream>,
    at: &'a Address,
    number: u32,
    end: Instant,
}

/// What was answered.
struct Answer {
    code: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

impl Line<'_> {
    fn ask(&mut self, method: &str, word: Option<&str>) -> std::io::Result<Answer> {
        self.number += 1;
        let mut text = format!(
            "{method} {} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: Homeplate/{}\r\n",
            self.at,
            self.number,
            env!("CARGO_PKG_VERSION")
        );
        if method == "DESCRIBE" {
            text += "Accept: application/sdp\r\n";
        }
        if let Some(word) = word {
            text += &format!("Authorization: {word}\r\n");
        }
        text += "\r\n";
        self.from.get_mut().write_all(text.as_bytes())?;
        let first = self.line()?;
        let code = first.strip_prefix("RTSP/1.").and_then(|l| l.split(' ').nth(1));
        let code = code.and_then(|c| c.parse().ok()).ok_or_else(|| odd("no RTSP"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if headers.len() >= LINES_MAX {
                return Err(odd("too many headers"));
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut answer = Answer { code, headers, body: Vec::new() };
        let length = answer.all("content-length").next().and_then(|l| l.parse::<usize>().ok());
        let length = length.unwrap_or(0);
        if length > BODY_MAX {
            return Err(odd("too long"));
        }
        let mut body = vec![0; length];
        self.patience()?;
        self.from.read_exact(&mut body)?;
        answer.body = body;
        Ok(answer)
    }

    fn line(&mut self) -> std::io::Result<String> {
        self.patience()?;
        let mut line = Vec::new();
        let read = self.from.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Err(odd("cut off"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    /// A server that answers by the drop is not waited for.
    fn patience(&self) -> std::io::Result<()> {
        let left = self.end.saturating_duration_since(Instant::now()).min(PATIENCE);
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.from.get_ref().set_read_timeout(Some(left))
    }
}

fn odd(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_go_out_in_the_clear() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("rtsp://{}/main", listener.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let (mut from, mut all) = (BufReader::new(&stream), String::new());
            loop {
                let mut line = String::new();
                if from.read_line(&mut line).unwrap_or(0) == 0 {
                    return all;
                }
                if line.trim().is_empty() {
                    let answer = if all.contains("DESCRIBE") {
                        "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n"
                    } else {
                        "RTSP/1.0 200 OK\r\n\r\n"
                    };
                    (&stream).write_all(answer.as_bytes()).unwrap();
                }
                all += &line;
            }
        });
        let login =
            Login { user: "reader".into(), password: base::Secret::new("s3cret-w0rd".to_owned()) };
        let e = describe(&Address::read(&at).unwrap(), Some(&login)).unwrap_err();
        assert!(e.message().contains("in the clear"), "{}", e.message());
        let heard = heard.join().unwrap();
        assert!(heard.contains("DESCRIBE") && !heard.contains("Authorization"), "{heard}");
    }

    #[test]
    fn coding_and_size_of_a_description() {
        let check = |sdp: &str, coding: &str, size: Option<[u32; 2]>| {
            assert_eq!(read_sdp(sdp.as_bytes()), (coding.to_owned(), size), "{sdp}");
        };
        let audio = "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
        let h265 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=framesize:96 1920-1080\r\n";
        check(&format!("v=0\r\n{audio}{h265}"), "H265", Some([1920, 1080]));
        check(&format!("{h265}{audio}"), "H265", Some([1920, 1080]));
        check("m=video 0 RTP/AVP 26\r\na=x-dimensions:640,480\r\n", "JPEG", Some([640, 480]));
        // 1280x720 in the high profile, as x264 writes it; and 1920x1080, which is cut from 1088 lines.
        let sets = |s: &str| {
            format!(
                "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1;sprop-parameter-sets={s},aOvjyyLA\n"
            )
        };
        check(&sets("Z2QAH6zZQFAFuwEQAAADABAAAAMDIPGDGWA="), "H264", Some([1280, 720]));
        check(&sets("Z2QAKKzZQHgCJ+XARAAAAwAEAAADAPA8YMZY"), "H264", Some([1920, 1080]));
        check(&sets("Z2QAH6zZ"), "H264", None);
        check(&sets("!"), "H264", None);
        check(audio, "", None);
        check("", "", None);
    }
}
