//! Files that a reader of pictures must survive.
//!
//! A name says what is to be expected: `flipped…` and `odd…` may be read or refused, everything else
//! must be refused with one sentence.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

/// A name and the file's bytes.
type File = (&'static str, Vec<u8>);

/// More than a hundred of them; the same every time.
pub fn files() -> Vec<File> {
    let mut out = Vec::new();
    out.extend(cut_off());
    out.extend(flipped());
    out.extend(wrong_type());
    out.extend(lying_headers());
    out.extend(rubbish());
    out.extend(odd());
    out
}

/// Nine hundred more, by chance: each may be read or refused, but not more than that.
pub fn many() -> Vec<File> {
    let mut chance = Chance(4711);
    let mut out = Vec::new();
    for (format, ending) in FORMATS {
        let whole = picture(90, 60, format);
        for i in 0..300 {
            let mut bytes = whole.clone();
            if i % 3 == 0 {
                bytes.truncate(1 + chance.below(whole.len()));
            }
            if i % 3 == 1 {
                // A part of the file again, somewhere else.
                let (from, to) = (chance.below(bytes.len()), chance.below(bytes.len()));
                let part = bytes[from..(from + 40).min(bytes.len())].to_vec();
                bytes.splice(to..to, part);
            }
            let reach = if i % 2 == 0 { bytes.len() } else { bytes.len().min(200) };
            for _ in 0..i % 7 {
                bytes[chance.below(reach)] = chance.below(256) as u8;
            }
            out.push((name(format!("flipped-many-{i}.{ending}")), bytes));
        }
    }
    out
}

/// A picture of a gradient with some structure, in a format.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| {
        let v = ((x * 7) ^ (y * 5)) as u8;
        Rgb([v, v.wrapping_add(40), (x + y) as u8])
    });
    let mut out = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image).write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// A small good picture.
pub fn small_png(width: u32, height: u32) -> Vec<u8> {
    picture(width, height, ImageFormat::Png)
}

/// Names live as long as the test: they are its data.
fn name(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

const FORMATS: [(ImageFormat, &str); 3] =
    [(ImageFormat::Jpeg, "jpg"), (ImageFormat::Png, "png"), (ImageFormat::WebP, "webp")];

fn cut_off() -> Vec<File> {
    let mut out = Vec::new();
    for (format, ending) in FORMATS {
        let whole = picture(200, 120, format);
        for percent in [1, 5, 20, 40, 60, 80, 95] {
            let kept = (whole.len() * percent / 100).max(3);
            out.push((name(format!("cut-{percent}.{ending}")), whole[..kept].to_vec()));
        }
    }
    out
}

/// A generator of our own, so that a failure comes back.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

fn flipped() -> Vec<File> {
    let mut chance = Chance(9);
    let mut out = Vec::new();
    for (format, ending) in FORMATS {
        let whole = picture(120, 80, format);
        for i in 0..12 {
            let mut bytes = whole.clone();
            // Half of them in the headers, where it hurts most.
            let reach = if i % 2 == 0 { bytes.len() } else { bytes.len().min(160) };
            for _ in 0..=i {
                bytes[chance.below(reach)] ^= 1 << chance.below(8);
            }
            out.push((name(format!("flipped-{i}.{ending}")), bytes));
        }
    }
    out
}

fn wrong_type() -> Vec<File> {
    let utf16: Vec<u8> = "\u{feff}plate".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("text.jpg", b"This is a letter, not a picture.\n".to_vec()),
        ("json.jpg", b"{\"image\": null}".to_vec()),
        ("html.png", b"<!doctype html><p>404".to_vec()),
        ("svg.png", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        ("gif.jpg", b"GIF89a\x20\0\x20\0\x80\0\0\0\0\0\xff\xff\xff;".to_vec()),
        ("bitmap.jpg", [b"BM".as_slice(), &[0; 80]].concat()),
        ("tiff.jpg", [b"II*\0\x08\0\0\0".as_slice(), &[0; 60]].concat()),
        ("pdf.jpeg", b"%PDF-1.7\n1 0 obj\n".to_vec()),
        ("zip.webp", [b"PK\x03\x04".as_slice(), &[0; 60]].concat()),
        ("elf.jpg", [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 60]].concat()),
        ("video.jpg", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec()),
        ("wave.webp", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec()),
        ("utf16.png", utf16),
    ]
}

/// CRC-32 as PNG has it.
fn crc(bytes: &[u8]) -> u32 {
    let bit = |c: u32| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
    !bytes.iter().fold(!0u32, |c, b| (0..8).fold(c ^ u32::from(*b), |c, _| bit(c)))
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc(&body).to_be_bytes()].concat()
}

/// A PNG that declares a size and holds hardly any data.
fn png_of(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let head =
        [&width.to_be_bytes(), &height.to_be_bytes(), [depth, colour, 0, 0, 0].as_slice()].concat();
    let data = [0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1];
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &head),
        chunk(b"IDAT", &data),
        chunk(b"IEND", &[]),
    ]
    .concat()
}

/// A JPEG with other sides written into its frame header.
fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = picture(64, 48, ImageFormat::Jpeg);
    let frame = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A lossless WebP that declares sides and holds no pixels.
fn webp_of(width: u32, height: u32) -> Vec<u8> {
    let bits = (width.wrapping_sub(1) & 0x3fff) | ((height.wrapping_sub(1) & 0x3fff) << 14);
    let body = [b"VP8L\x0a\0\0\0\x2f".as_slice(), &bits.to_le_bytes(), &[0; 5]].concat();
    let length = (body.len() + 4) as u32;
    [b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP", &body].concat()
}

fn lying_headers() -> Vec<File> {
    vec![
        ("wide.png", picture(30_000, 20, ImageFormat::Png)),
        ("wide.jpg", picture(30_000, 20, ImageFormat::Jpeg)),
        ("tall.png", picture(20, 30_000, ImageFormat::Png)),
        ("tall.jpg", picture(20, 30_000, ImageFormat::Jpeg)),
        ("square.png", png_of(60_000, 60_000, 8, 2)),
        ("square.jpg", jpeg_of(65_500, 65_500)),
        ("square.webp", webp_of(16_383, 16_383)),
        ("below.png", png_of(16_000, 16_000, 16, 6)),
        ("deep.png", png_of(7_000, 8_000, 16, 6)),
        ("most.png", png_of(0x7fff_ffff, 0x7fff_ffff, 8, 6)),
        ("overflow.png", png_of(0xffff_ffff, 0xffff_ffff, 8, 6)),
        ("none.png", png_of(0, 0, 8, 2)),
        ("thin.png", png_of(0, 100, 8, 2)),
        ("none.jpg", jpeg_of(0, 0)),
        ("flat.jpg", jpeg_of(100, 0)),
        ("thin.jpg", jpeg_of(0, 100)),
        ("depth.png", png_of(100, 100, 7, 2)),
        ("colour.png", png_of(100, 100, 8, 9)),
        ("dot.png", picture(1, 1, ImageFormat::Png)),
        ("dot.jpg", picture(1, 1, ImageFormat::Jpeg)),
        ("dot.webp", picture(1, 1, ImageFormat::WebP)),
        ("line.png", picture(400, 3, ImageFormat::Png)),
    ]
}

fn rubbish() -> Vec<File> {
    let mut chance = Chance(77);
    let mut noise = |n: usize| -> Vec<u8> { (0..n).map(|_| chance.below(256) as u8).collect() };
    let mut out = vec![
        ("empty.jpg", Vec::new()),
        ("empty.png", Vec::new()),
        ("empty.webp", Vec::new()),
        ("byte.jpg", vec![0xff]),
        ("zeros.png", vec![0; 5000]),
        ("markers.jpg", [0xff, 0xd8].repeat(400)),
        ("ends.jpg", vec![0xff, 0xd8, 0xff, 0xd9]),
        ("scan.jpg", vec![0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9]),
    ];
    for (i, start) in
        [&b"\xff\xd8\xff\xe0"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\0\0WEBPVP8 ", b""]
            .iter()
            .enumerate()
    {
        for (k, ending) in ["jpg", "png", "webp"].iter().enumerate() {
            out.push((name(format!("noise-{i}.{ending}")), [start, &noise(700 + k)[..]].concat()));
        }
    }
    out
}

/// Rare but right, or nearly: they may be read.
fn odd() -> Vec<File> {
    let save = |image: DynamicImage, format| {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).unwrap();
        out.into_inner()
    };
    let jpeg = picture(200, 120, ImageFormat::Jpeg);
    vec![
        ("odd-grey.jpg", save(DynamicImage::new_luma8(64, 48), ImageFormat::Jpeg)),
        ("odd-grey16.png", save(DynamicImage::new_luma16(64, 48), ImageFormat::Png)),
        ("odd-clear.png", save(DynamicImage::new_rgba8(64, 48), ImageFormat::Png)),
        ("odd-deep.png", save(DynamicImage::new_rgba16(64, 48), ImageFormat::Png)),
        ("odd-clear.webp", save(DynamicImage::new_rgba8(64, 48), ImageFormat::WebP)),
        ("odd-least.png", picture(16, 16, ImageFormat::Png)),
        ("odd-ribbon.png", picture(9_000, 16, ImageFormat::Png)),
        ("odd-more.jpg", [jpeg.as_slice(), b"and more behind the end"].concat()),
        ("odd-twice.jpg", [jpeg.as_slice(), jpeg.as_slice()].concat()),
        ("odd-png-as.jpg", picture(200, 120, ImageFormat::Png)),
    ]
}
