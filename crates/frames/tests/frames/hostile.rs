//! Hostile videos: each ends within its limit, with frames or with one clear sentence. `play` checks
//! what must hold for all of them; here is what is done to them.

use crate::make::{Clip, H264, make};
use crate::{play, video};
use base::Kind;
use std::path::Path;

/// Bytes from a seed (xorshift), the same on every machine.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length).map(|_| random.next() as u8).collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Writes the bytes and plays them. Nothing but the file may be wrong: no defect, nothing missing.
fn try_it(dir: &Path, name: &str, bytes: &[u8]) -> (usize, Option<Kind>) {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    let played = play(&video(&path));
    let kind = played.error.as_ref().map(base::Error::kind);
    let fine = matches!(kind, None | Some(Kind::Invalid | Kind::Unavailable));
    assert!(fine, "{name}: {:?}", played.error);
    println!("{name}: {} frames, {:?}", played.frames.len(), played.error);
    (played.frames.len(), kind)
}

fn clip(dir: &Path, name: &str, coding: &'static str, mux: &'static str) -> Vec<u8> {
    let clip = Clip { coding, mux, size: (160, 120), frames: 30, ..H264 };
    std::fs::read(make(dir, name, clip)).unwrap()
}

fn mp4(dir: &Path) -> Vec<u8> {
    clip(dir, "good.mp4", H264.coding, "mp4mux faststart=true")
}

/// The top-level boxes of an MP4.
fn boxes(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while let Some(head) = rest.first_chunk::<4>() {
        let (one, next) = rest.split_at(u32::from_be_bytes(*head) as usize);
        all.push(one);
        rest = next;
    }
    all
}

/// Where a box's name begins.
fn find(bytes: &[u8], name: &[u8; 4]) -> usize {
    bytes.windows(4).position(|w| w == name).unwrap()
}

#[test]
fn truncated() {
    let dir = tempfile::tempdir().unwrap();
    let fast = mp4(dir.path());
    let late = clip(dir.path(), "late.mp4", H264.coding, "mp4mux");
    let others = [
        clip(dir.path(), "good.mkv", H264.coding, "matroskamux"),
        clip(dir.path(), "good.ts", H264.coding, "mpegtsmux"),
        clip(dir.path(), "good.avi", "jpegenc", "avimux"),
    ];
    for percent in [1, 5, 20, 50, 90, 99] {
        let cut = |bytes: &[u8]| bytes[..bytes.len() * percent / 100].to_vec();
        try_it(dir.path(), &format!("fast-{percent}.mp4"), &cut(&fast));
        for (i, bytes) in others.iter().enumerate() {
            try_it(dir.path(), &format!("other-{i}-{percent}"), &cut(bytes));
        }
    }
    // Some of the pictures come even so.
    let (frames, _) = try_it(dir.path(), "half.mp4", &fast[..fast.len() / 2]);
    assert!((1..30).contains(&frames), "{frames}");
    // The list of pictures stands at the end, and the end is missing.
    let (frames, kind) = try_it(dir.path(), "late.mp4", &late[..late.len() / 2]);
    assert_eq!((frames, kind), (0, Some(Kind::Invalid)));
    for length in [1, 8, 16, 100] {
        try_it(dir.path(), &format!("first-{length}.mp4"), &fast[..length]);
    }
}

#[test]
fn flipped_bits() {
    let dir = tempfile::tempdir().unwrap();
    let vp8 = "vp8enc deadline=1 cpu-used=8";
    let goods = [
        ("mp4", mp4(dir.path())),
        ("mkv", clip(dir.path(), "good.mkv", vp8, "matroskamux")),
        ("avi", clip(dir.path(), "good.avi", "jpegenc", "avimux")),
        ("ts", clip(dir.path(), "good.ts", H264.coding, "mpegtsmux")),
    ];
    let mut random = Random(0x5eed_0001);
    for (kind, good) in &goods {
        for round in 0..6 {
            let mut bytes = good.clone();
            // Even rounds: in the first kilobytes, where the structure is; odd: anywhere.
            let reach = if round % 2 == 0 { bytes.len().min(3000) } else { bytes.len() };
            for _ in 0..1 << (2 * (round / 2) + 2) {
                bytes[random.below(reach)] ^= 1 << random.below(8);
            }
            try_it(dir.path(), &format!("flip-{round}.{kind}"), &bytes);
        }
    }
}

#[test]
fn boxes_that_lie() {
    let dir = tempfile::tempdir().unwrap();
    let good = mp4(dir.path());
    let parts = boxes(&good);
    let mut backwards: Vec<&[u8]> = parts.clone();
    backwards.reverse();
    try_it(dir.path(), "backwards.mp4", &backwards.concat());
    try_it(dir.path(), "twice.mp4", &[&good[..], &good[..]].concat());
    let lie = |name: &str, at: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        try_it(dir.path(), name, &changed)
    };
    for name in [b"moov", b"trak", b"mdia", b"stbl", b"stsd", b"avc1", b"avcC", b"stsz", b"mdat"] {
        let at = find(&good, name);
        let text = String::from_utf8_lossy(name).into_owned();
        lie(&format!("huge-{text}.mp4"), at - 4, &[0xff; 4]);
        lie(&format!("zero-{text}.mp4"), at - 4, &[0; 4]);
        lie(&format!("other-{text}.mp4"), at, b"free");
    }
    // More samples than there are bytes, of a size that no file has; a picture of 65,535 a side.
    let stsz = find(&good, b"stsz");
    lie("samples.mp4", stsz + 12, &[0xff; 4]);
    lie("equal-samples.mp4", stsz + 8, &[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff]);
    lie("huge-samples.mp4", stsz + 8, &[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    lie("large.mp4", find(&good, b"avc1") + 28, &[0xff; 4]);
    lie("chunks.mp4", find(&good, b"stco") + 8, &[0xff; 4]);
    lie("times.mp4", find(&good, b"stts") + 8, &[0xff; 12]);
    lie("scale.mp4", find(&good, b"mdhd") + 16, &[0; 8]);
}

#[test]
fn huge_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let mut jpeg = clip(dir.path(), "good.avi", "jpegenc", "avimux");
    // Each picture claims 65,500 a side.
    for at in 0..jpeg.len() - 9 {
        if jpeg[at..at + 2] == [0xff, 0xc0] {
            jpeg[at + 5..at + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        }
    }
    let (frames, kind) = try_it(dir.path(), "huge.avi", &jpeg);
    assert!(frames == 0 && kind.is_some());
    // 8K of nothing is small as a file and fine as a video.
    let large = Clip { size: (8192, 4096), frames: 3, ..H264 };
    let path = make(dir.path(), "8k.mp4", large);
    let (frames, kind) = try_it(dir.path(), "again.mp4", &std::fs::read(path).unwrap());
    assert_eq!((frames, kind), (3, None));
}

/// What names another place is refused, and nobody goes there.
#[test]
fn references_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    mp4(dir.path());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    port.set_nonblocking(true).unwrap();
    let url = format!("http://{}/good.mp4", port.local_addr().unwrap());
    let near = dir.path().join("good.mp4").display().to_string();
    for (i, place) in [&url, &near, &format!("file://{near}"), "good.mp4"].iter().enumerate() {
        let texts = [
            (
                "m3u8",
                format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{place}\n#EXT-X-ENDLIST\n"),
            ),
            ("m3u", format!("#EXTM3U\n{place}\n")),
            ("pls", format!("[playlist]\nFile1={place}\nNumberOfEntries=1\n")),
            (
                "sdp",
                format!(
                    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nu={place}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
                ),
            ),
            (
                "mpd",
                format!(
                    "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>{place}</BaseURL></MPD>"
                ),
            ),
            ("ram", format!("{place}\n")),
            ("concat", format!("ffconcat version 1.0\nfile '{place}'\n")),
            ("smil", format!("<smil><body><video src=\"{place}\"/></body></smil>")),
            ("desktop", format!("[Desktop Entry]\nType=Link\nURL={place}\n")),
        ];
        for (kind, text) in texts {
            let (frames, error) = try_it(dir.path(), &format!("list-{i}.{kind}"), text.as_bytes());
            assert_eq!((frames, error), (0, Some(Kind::Invalid)));
            try_it(dir.path(), &format!("list-{i}-{kind}.mp4"), text.as_bytes());
        }
        let (frames, error) = try_it(dir.path(), &format!("ref-{i}.mov"), &reference_movie(place));
        assert_eq!((frames, error), (0, Some(Kind::Invalid)));
    }
    assert!(port.accept().is_err(), "somebody has called");
}

/// A QuickTime file that holds nothing but the address of another.
fn reference_movie(place: &str) -> Vec<u8> {
    let wrap = |name: &[u8; 4], inner: &[u8]| {
        let mut bytes = (inner.len() as u32 + 8).to_be_bytes().to_vec();
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(inner);
        bytes
    };
    let mut address = b"\0\0\0\0url ".to_vec();
    address.extend_from_slice(&(place.len() as u32 + 1).to_be_bytes());
    address.extend_from_slice(place.as_bytes());
    address.push(0);
    let list = wrap(b"rmra", &wrap(b"rmda", &wrap(b"rdrf", &address)));
    [wrap(b"ftyp", b"qt  \0\0\0\0qt  "), wrap(b"moov", &list)].concat()
}
