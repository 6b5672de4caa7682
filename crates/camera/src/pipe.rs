//! The frame pipe, version 1 (`ref/frame-pipe-v1.md`): a fixed header of 64 bytes before each frame.
//!
//! Both ends are ours, yet the writing end decodes what strangers send, so the reading end trusts
//! nothing: every field is bounded, reserved bytes are zero, and a checksum over the header tells a
//! broken pipe from a frame. There is no resynchronising: after an error the child is started anew.

use std::io::{self, Read, Write};

/// Length of a header in bytes.
pub const HEADER_LEN: usize = 64;
/// The largest payload: a grey 8K frame fits.
pub const PAYLOAD_MAX: u32 = 64 << 20;
/// Frames before this one were lost.
pub const FLAG_GAP: u32 = 1;
/// No frame follows: the source has ended by itself.
pub const FLAG_LAST: u32 = 2;

const MAGIC: &[u8; 4] = b"HPF1";
const SIDE_MAX: u32 = 16_384;
/// A row may be padded by so many bytes, as hardware likes it.
const PADDING_MAX: u32 = 4096;
/// The year 9999, microseconds.
const MICROS_MAX: i64 = 253_402_300_799_999_999;

/// How the pixels of a payload lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// One byte a pixel.
    Grey8,
    /// Red, green, blue, one byte each.
    Rgb8,
    /// A grey plane, then two colour planes of half width and height (4:2:0).
    I420,
    /// A JPEG of this width and height; the stride is 0.
    Jpeg,
}

impl PixelFormat {
    const ALL: [(u16, PixelFormat); 4] = [
        (1, PixelFormat::Grey8),
        (2, PixelFormat::Rgb8),
        (3, PixelFormat::I420),
        (4, PixelFormat::Jpeg),
    ];
    fn code(self) -> u16 {
        Self::ALL.iter().find(|(_, f)| *f == self).map_or(0, |(code, _)| *code)
    }
    fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().find(|(c, _)| *c == code).map(|(_, f)| *f)
    }
}

/// What stands before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the pixels lie.
    pub format: PixelFormat,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row of the first plane to the next; 0 for JPEG.
    pub stride: u32,
    /// [`FLAG_GAP`] and [`FLAG_LAST`].
    pub flags: u32,
    /// When the frame was captured: microseconds since 1970, UTC.
    pub captured_us: i64,
    /// Counts frames from 1 for as long as the child lives.
    pub counter: u64,
    /// Bytes that follow the header.
    pub payload: u32,
}

/// Why 64 bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It does not begin with `HPF1` and its length.
    #[error("not a frame header of version 1")]
    Magic,
    /// The checksum is wrong.
    #[error("the header's checksum is wrong")]
    Checksum,
    /// A field is out of bounds.
    #[error("the header's field `{0}` is out of bounds")]
    Field(&'static str),
}

impl Header {
    /// The header's bytes, if every field is in bounds.
    pub fn encode(&self) -> Result<[u8; HEADER_LEN], HeaderError> {
        self.check()?;
        let mut out = [0; HEADER_LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, MAGIC);
        put(4, &(HEADER_LEN as u16).to_le_bytes());
        put(6, &self.format.code().to_le_bytes());
        put(8, &self.width.to_le_bytes());
        put(12, &self.height.to_le_bytes());
        put(16, &self.stride.to_le_bytes());
        put(20, &self.flags.to_le_bytes());
        put(24, &self.captured_us.to_le_bytes());
        put(32, &self.counter.to_le_bytes());
        put(40, &self.payload.to_le_bytes());
        let sum = crc32(&out[..60]);
        out[60..].copy_from_slice(&sum.to_le_bytes());
        Ok(out)
    }

    /// Reads 64 bytes back; everything that [`Header::encode`] would not write is refused.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let u32_at = |at: usize| u32::from_le_bytes(four(at));
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if &bytes[..4] != MAGIC || usize::from(u16_at(4)) != HEADER_LEN {
            return Err(HeaderError::Magic);
        }
        if crc32(&bytes[..60]) != u32_at(60) {
            return Err(HeaderError::Checksum);
        }
        if bytes[44..60].iter().any(|b| *b != 0) {
            return Err(HeaderError::Field("reserved"));
        }
        let header = Self {
            format: PixelFormat::from_code(u16_at(6)).ok_or(HeaderError::Field("format"))?,
            width: u32_at(8),
            height: u32_at(12),
            stride: u32_at(16),
            flags: u32_at(20),
            captured_us: u64_at(24) as i64,
            counter: u64_at(32),
            payload: u32_at(40),
        };
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), HeaderError> {
        let in_bounds =
            |fine: bool, field| if fine { Ok(()) } else { Err(HeaderError::Field(field)) };
        in_bounds((1..=SIDE_MAX).contains(&self.width), "width")?;
        in_bounds((1..=SIDE_MAX).contains(&self.height), "height")?;
        in_bounds(self.flags & !(FLAG_GAP | FLAG_LAST) == 0, "flags")?;
        in_bounds((0..=MICROS_MAX).contains(&self.captured_us), "captured")?;
        in_bounds(self.counter > 0, "counter")?;
        in_bounds((1..=PAYLOAD_MAX).contains(&self.payload), "payload")?;
        let row = match self.format {
            PixelFormat::Jpeg => return in_bounds(self.stride == 0, "stride"),
            PixelFormat::Rgb8 => self.width * 3,
            PixelFormat::Grey8 | PixelFormat::I420 => self.width,
        };
        in_bounds((row..=row + PADDING_MAX).contains(&self.stride), "stride")?;
        let rows = u64::from(self.stride) * u64::from(self.height);
        let colour = u64::from(self.stride.div_ceil(2)) * u64::from(self.height.div_ceil(2));
        let want = if self.format == PixelFormat::I420 { rows + 2 * colour } else { rows };
        in_bounds(u64::from(self.payload) == want, "payload")
    }
}

/// Writes a frame. The payload must be as long as the header says.
pub fn write_frame(to: &mut impl Write, header: &Header, payload: &[u8]) -> io::Result<()> {
    let bad = |e: HeaderError| io::Error::new(io::ErrorKind::InvalidInput, e);
    if payload.len() as u64 != u64::from(header.payload) {
        return Err(bad(HeaderError::Field("payload")));
    }
    to.write_all(&header.encode().map_err(bad)?)?;
    to.write_all(payload)?;
    to.flush()
}

/// Reads the next frame into `payload`, whose memory is used again; `None` where the pipe ends
/// between two frames.
pub fn read_frame(from: &mut impl Read, payload: &mut Vec<u8>) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_LEN];
    let mut got = 0;
    while got < HEADER_LEN {
        match from.read(&mut bytes[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let header =
        Header::decode(&bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
    payload.clear();
    // Grows with what arrives: a header alone cannot claim memory.
    let took = from.take(u64::from(header.payload)).read_to_end(payload)?;
    if took as u64 != u64::from(header.payload) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(header))
}

/// CRC-32 as in IEEE 802.3 and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;
    use proptest::prelude::*;

    fn example() -> Header {
        Header {
            format: PixelFormat::Grey8,
            width: 1280,
            height: 720,
            stride: 1280,
            flags: FLAG_GAP,
            captured_us: 1_795_421_700_250_125,
            counter: 42,
            payload: 1280 * 720,
        }
    }

    #[test]
    fn golden_header() {
        let bytes = example().encode().unwrap();
        let rows: Vec<String> = bytes
            .chunks(16)
            .map(|row| row.iter().map(|b| format!("{b:02x}")).collect::<String>())
            .collect();
        expect_file!["../../../ref/golden/frame-header-v1.hex"]
            .assert_eq(&(rows.join("\n") + "\n"));
        assert_eq!(Header::decode(&bytes), Ok(example()));
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn bounds_are_checked() {
        let check = |change: fn(&mut Header), field: &'static str| {
            let mut header = example();
            change(&mut header);
            assert_eq!(header.encode(), Err(HeaderError::Field(field)));
        };
        check(|h| h.width = 0, "width");
        check(|h| h.height = 20_000, "height");
        check(|h| h.stride = 1279, "stride");
        check(|h| h.stride = 10_000, "stride");
        check(|h| h.flags = 4, "flags");
        check(|h| h.captured_us = -1, "captured");
        check(|h| h.counter = 0, "counter");
        check(|h| h.payload -= 1, "payload");
        check(|h| h.format = PixelFormat::Jpeg, "stride");
        check(|h| h.format = PixelFormat::I420, "payload");
    }

    #[test]
    fn frames_go_through_a_pipe() {
        let payload = vec![7u8; 1280 * 720];
        let mut pipe = Vec::new();
        write_frame(&mut pipe, &example(), &payload).unwrap();
        let jpeg = Header { format: PixelFormat::Jpeg, stride: 0, payload: 3, ..example() };
        write_frame(&mut pipe, &jpeg, b"\xff\xd8\xff").unwrap();
        assert!(write_frame(&mut Vec::new(), &jpeg, b"too long").is_err());
        let (mut rest, mut got) = (&pipe[..], Vec::new());
        assert_eq!(read_frame(&mut rest, &mut got).unwrap(), Some(example()));
        assert_eq!(got, payload);
        assert_eq!(read_frame(&mut rest, &mut got).unwrap(), Some(jpeg));
        assert_eq!(read_frame(&mut rest, &mut got).unwrap(), None);
        for cut in [1, 63, 64, 1000] {
            assert!(read_frame(&mut &pipe[..cut], &mut got).is_err(), "{cut}");
        }
    }

    fn any_header() -> impl Strategy<Value = Header> {
        let sizes = (1u32..2000, 1u32..2000, 0u32..64, 0usize..4);
        (sizes, 0u32..4, 0..=MICROS_MAX, 1u64..).prop_map(
            |((width, height, pad, f), flags, captured_us, counter)| {
                let format = PixelFormat::ALL[f].1;
                let stride = match format {
                    PixelFormat::Jpeg => 0,
                    PixelFormat::Rgb8 => width * 3 + pad,
                    _ => width + pad,
                };
                let payload = match format {
                    PixelFormat::Jpeg => width,
                    PixelFormat::I420 => {
                        stride * height + 2 * stride.div_ceil(2) * height.div_ceil(2)
                    }
                    _ => stride * height,
                };
                Header { format, width, height, stride, flags, captured_us, counter, payload }
            },
        )
    }

    proptest! {
        #[test]
        fn a_header_survives(header in any_header()) {
            prop_assert_eq!(Header::decode(&header.encode().unwrap()), Ok(header));
        }

        #[test]
        fn one_changed_bit_is_noticed(header in any_header(), bit in 0usize..512) {
            let mut bytes = header.encode().unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Header::decode(&bytes).is_err());
        }

        #[test]
        fn hostile_headers_are_refused_or_in_bounds(mut bytes in proptest::collection::vec(any::<u8>(), 64), mend: bool) {
            let mut bytes: [u8; 64] = std::mem::take(&mut bytes).try_into().unwrap();
            if mend {
                // With a right beginning and checksum only the bounds stand in the way.
                bytes[..6].copy_from_slice(b"HPF1\x40\x00");
                bytes[44..60].fill(0);
                let sum = crc32(&bytes[..60]);
                bytes[60..].copy_from_slice(&sum.to_le_bytes());
            }
            if let Ok(header) = Header::decode(&bytes) {
                prop_assert_eq!(header.encode().unwrap(), bytes);
                prop_assert!(header.payload <= PAYLOAD_MAX);
            }
            let _ = read_frame(&mut &bytes[..], &mut Vec::new());
        }
    }
}
