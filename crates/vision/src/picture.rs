//! A decoded picture: grey for the networks, colour for people.
//!
//! A JPEG's grey plane is decoded alone, which takes three quarters of the time that colour takes;
//! the few pictures that are shown to somebody are decoded again. Decoding straight to a smaller
//! scale was measured and left out: in safe Rust it takes twice as long as the whole picture, and
//! small plates would lose the pixels they are read from.

use crate::mask::Polygon;
use crate::scale::scale;
use crate::warp::{Plane, Quad, bounds, height, rectify, width};
use base::{Error, Result};
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Limits,
    RgbImage,
};
use std::borrow::Cow;
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The shortest and the longest side that are taken, in pixels.
const SIDE_MIN: u32 = 16;
const SIDE_MAX: u32 = 16_384;
/// The most pixels that are taken: 60 megapixels are 180 MB in colour.
const PIXELS_MAX: u64 = 60_000_000;
/// The most memory that a decoder may take: 60 megapixels of 16 bits in four channels.
const MEMORY_MAX: u64 = 512 << 20;
/// Width of the picture that people compare a hit with.
const SHOWN_WIDTH: u32 = 320;
/// Width of a plate seen flat.
const FLAT_WIDTH: usize = 288;

/// One picture in memory.
pub struct Picture {
    width: usize,
    height: usize,
    grey: Vec<u8>,
    colour: Colour,
    /// Black already in `grey`, and to be made so in the colours when somebody asks for them.
    masks: Vec<Polygon>,
}

/// Where the colours of a picture are, should somebody want to see them.
enum Colour {
    /// There are none.
    None,
    Decoded(RgbImage),
    /// In the JPEG that the grey values were decoded from.
    Coded(Vec<u8>),
    /// Two planes of half the sides, rounded up: blue and red less grey, 128 for none.
    Planes(Vec<u8>),
}

impl Picture {
    /// Decodes JPEG, PNG or WebP by its content, whatever it is called, within fixed limits, and
    /// turns it upright where its EXIF data say how. Nothing is allocated for the pixels before the
    /// declared size has passed the limits, so a small file cannot ask for much memory.
    /// Bytes that are given away are kept as they are for the colours; others are copied.
    pub fn decode<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(Error::invalid("The file is empty."));
        }
        let format = image::guess_format(&bytes).ok();
        let Some(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) = format
        else {
            return Err(Error::invalid("This is no JPEG, PNG or WebP picture."));
        };
        if format == ImageFormat::Jpeg {
            // JPEG decoders fill what is missing with grey; a reader must not take that for a street.
            if !jpeg_is_whole(&bytes) {
                return Err(Error::invalid("The picture is cut off; export it again."));
            }
            if let Some(grey) = luma_of_jpeg(&bytes)? {
                let mut picture = Self::from_image(grey);
                picture.colour = Colour::Coded(bytes.into_owned());
                return Ok(picture);
            }
        }
        let mut decoder = decoder(&bytes, format)?;
        let (w, h) = decoder.dimensions();
        check_size(w, h)?;
        let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(refused)?;
        image.apply_orientation(turn);
        Ok(Self::from_image(image))
    }

    /// The picture in colour, or in grey where it has none.
    pub fn rgb(&self) -> Cow<'_, RgbImage> {
        let whole = [0, 0, self.width as u32, self.height as u32];
        let mut rgb = match &self.colour {
            Colour::Decoded(rgb) => Cow::Borrowed(rgb),
            Colour::Coded(jpeg) => Cow::Owned(colours(jpeg).unwrap_or_else(|| self.grey_as_rgb())),
            Colour::Planes(planes) => Cow::Owned(self.planes_part(planes, whole)),
            Colour::None => Cow::Owned(self.grey_as_rgb()),
        };
        for mask in &self.masks {
            mask.fill(rgb.to_mut(), (self.width, self.height), 3, 0);
        }
        rgb
    }

    /// A part of the picture in colour: left, top, width, height, inside the picture.
    pub(crate) fn rgb_part(&self, part: [u32; 4]) -> RgbImage {
        let [left, top, width, height] = part;
        match &self.colour {
            // A stream's frame: its parts are coloured without the rest.
            Colour::Planes(planes) if self.masks.is_empty() => self.planes_part(planes, part),
            _ => image::imageops::crop_imm(&*self.rgb(), left, top, width, height).to_image(),
        }
    }

    /// Full-range YCbCr as JPEG has it (ITU-T T.871).
    fn planes_part(&self, planes: &[u8], [left, top, width, height]: [u32; 4]) -> RgbImage {
        let half = (self.width.div_ceil(2), self.height.div_ceil(2));
        let size = half.0 * half.1;
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = ((left + x) as usize, (top + y) as usize);
            let at = (y / 2) * half.0 + x / 2;
            let luma = f32::from(self.grey[y * self.width + x]);
            let (u, v) = (f32::from(planes[at]) - 128.0, f32::from(planes[size + at]) - 128.0);
            let rgb = [luma + 1.402 * v, luma - 0.344 * u - 0.714 * v, luma + 1.772 * u];
            image::Rgb(rgb.map(|c| (c + 0.5).clamp(0.0, 255.0) as u8))
        })
    }

    /// Makes these parts black before anything looks at the picture.
    pub fn mask(&mut self, masks: &[Polygon]) {
        for mask in masks {
            mask.fill(&mut self.grey, (self.width, self.height), 1, 0);
        }
        self.masks.extend_from_slice(masks);
    }

    fn grey_as_rgb(&self) -> RgbImage {
        let at = |x: u32, y: u32| self.grey[y as usize * self.width + x as usize];
        RgbImage::from_fn(self.width as u32, self.height as u32, |x, y| image::Rgb([at(x, y); 3]))
    }

    fn from_image(image: DynamicImage) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        if let DynamicImage::ImageLuma8(grey) = image {
            let (grey, colour, masks) = (grey.into_raw(), Colour::None, Vec::new());
            return Self { width, height, grey, colour, masks };
        }
        let colour = image.into_rgb8();
        // Rec. 601 luma in integers, as the networks were trained with.
        let luma = |p: &[u8]| {
            let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
            ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
        };
        let grey = colour.as_raw().chunks_exact(3).map(luma).collect();
        Self { width, height, grey, colour: Colour::Decoded(colour), masks: Vec::new() }
    }

    /// A picture from coloured pixels.
    pub fn from_rgb(rgb: RgbImage) -> Self {
        Self::from_image(DynamicImage::ImageRgb8(rgb))
    }

    /// A picture from grey pixels, row by row.
    pub fn from_grey(width: usize, height: usize, grey: Vec<u8>) -> Result<Self> {
        let least = SIDE_MIN as usize;
        if width < least || height < least || width.checked_mul(height) != Some(grey.len()) {
            return Err(Error::invalid(
                "A grey picture has width x height bytes, 16 a side or more.",
            ));
        }
        Ok(Self { width, height, grey, colour: Colour::None, masks: Vec::new() })
    }

    /// A picture from grey pixels and, where there are some, its two colour planes (of half the sides, rounded
    /// up, one after the other), as a decoder of video gives them; full range.
    pub fn from_planes(
        width: usize,
        height: usize,
        grey: Vec<u8>,
        colour: Option<Vec<u8>>,
    ) -> Result<Self> {
        let mut picture = Self::from_grey(width, height, grey)?;
        if let Some(planes) = colour {
            if planes.len() != 2 * width.div_ceil(2) * height.div_ceil(2) {
                return Err(Error::invalid("Two colour planes have half the picture's sides."));
            }
            picture.colour = Colour::Planes(planes);
        }
        Ok(picture)
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }
    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }
    /// Grey values, row by row.
    pub fn grey(&self) -> &[u8] {
        &self.grey
    }

    pub(crate) fn plane(&self) -> Plane<'_> {
        Plane { width: self.width, height: self.height, pixels: &self.grey }
    }

    /// The plate seen flat: 288 pixels wide, as high as its shape asks for, with a little around it.
    /// `None` where the corners are no plate's.
    pub fn flat(&self, corners: &Quad) -> Option<Flat> {
        let shape = height(corners) / width(corners).max(1.0);
        let high = ((FLAT_WIDTH as f32 * shape).round() as usize).clamp(48, FLAT_WIDTH);
        let grown = crate::warp::grow(corners, 0.05);
        let values = rectify(&self.plane(), &grown, FLAT_WIDTH, high)?;
        let grey = values.into_iter().map(|v| (v + 0.5) as u8).collect();
        Some(Flat { width: FLAT_WIDTH, height: high, grey })
    }

    /// The surroundings of a plate as a JPEG for people, and the corners in it: the plate's box with
    /// `grow` times its width added on every side, at most 320 pixels wide.
    pub fn plate_jpeg(&self, corners: &Quad, grow: f32) -> Result<(Vec<u8>, Quad)> {
        let [x0, y0, x1, y1] = bounds(corners);
        let more = (x1 - x0) * grow.max(0.0);
        let left = (x0 - more).max(0.0) as u32;
        let top = (y0 - more).max(0.0) as u32;
        let right = ((x1 + more).ceil() as u32).min(self.width as u32);
        let bottom = ((y1 + more).ceil() as u32).min(self.height as u32);
        if right <= left + 1 || bottom <= top + 1 {
            return Err(Error::invalid("The plate lies outside the picture."));
        }
        let whole = self.rgb();
        let part = (left, top, right - left, bottom - top);
        let cut = image::imageops::crop_imm(&*whole, part.0, part.1, part.2, part.3).to_image();
        let fitted = fit(cut, SHOWN_WIDTH);
        let by = fitted.width() as f32 / part.2 as f32;
        let moved = corners.map(|p| [(p[0] - left as f32) * by, (p[1] - top as f32) * by]);
        Ok((jpeg(&fitted)?, moved))
    }
}

/// A plate seen flat, grey.
#[derive(Clone)]
pub struct Flat {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Grey values, row by row.
    pub grey: Vec<u8>,
}

/// Sizes only: the pixels are a plate.
impl std::fmt::Debug for Flat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Flat({} x {})", self.width, self.height)
    }
}

impl Flat {
    /// The same at another size.
    pub fn scaled(&self, width: usize, height: usize) -> Flat {
        let plane = Plane { width: self.width, height: self.height, pixels: &self.grey };
        let (width, height) = (width.max(1), height.max(1));
        let grey = scale(&plane, [0, 0, self.width, self.height], width, height);
        Flat { width, height, grey }
    }

    /// As a PNG, without loss.
    pub fn png(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let (w, h) = (self.width as u32, self.height as u32);
        image::codecs::png::PngEncoder::new(&mut out)
            .write_image(&self.grey, w, h, image::ExtendedColorType::L8)
            .map_err(|e| Error::internal("The plate cannot be written as PNG.").because(e))?;
        Ok(out)
    }
}

/// The picture as a JPEG of a quality that people compare with.
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    jpeg_of(picture, 82)
}

/// The picture as a JPEG of this quality, 1 to 100.
pub(crate) fn jpeg_of(picture: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality)
        .encode_image(picture)
        .map_err(|e| Error::internal("The picture cannot be written as JPEG.").because(e))?;
    Ok(out)
}

fn fit(picture: RgbImage, width: u32) -> RgbImage {
    if picture.width() <= width {
        return picture;
    }
    let height = (picture.height() * width / picture.width()).max(1);
    image::imageops::resize(&picture, width, height, image::imageops::FilterType::Triangle)
}

/// A decoder that has read the header; nothing is allocated for pixels yet.
fn decoder(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    reader.into_decoder().map_err(refused)
}

fn check_size(w: u32, h: u32) -> Result<()> {
    if w.max(h) > SIDE_MAX || u64::from(w) * u64::from(h) > PIXELS_MAX {
        return Err(Error::too_large(format!(
            "The picture has {w} x {h} pixels; the limit is {SIDE_MAX} a side and {} million in all.",
            PIXELS_MAX / 1_000_000
        )));
    }
    if w < SIDE_MIN || h < SIDE_MIN {
        return Err(Error::invalid(format!(
            "The picture has {w} x {h} pixels; the least is {SIDE_MIN} a side."
        )));
    }
    Ok(())
}

/// The grey plane of an ordinary JPEG, upright. `None` where the general decoder has to look: another format,
/// unusual colours, damage (it says what is wrong).
fn luma_of_jpeg(bytes: &[u8]) -> Result<Option<DynamicImage>> {
    // As lenient as the general decoder: what one of them reads the other reads too.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(SIDE_MAX as usize)
        .set_max_height(SIDE_MAX as usize)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    if decoder.decode_headers().is_err() {
        return Ok(None);
    }
    let grey = matches!(decoder.input_colorspace(), Some(ColorSpace::YCbCr | ColorSpace::Luma));
    let Some((w, h)) = decoder.dimensions().filter(|_| grey) else { return Ok(None) };
    let (w, h) = (w as u32, h as u32);
    check_size(w, h)?;
    let turn = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let grey = decoder.decode().ok().and_then(|grey| image::GrayImage::from_raw(w, h, grey));
    Ok(grey.map(|grey| {
        let mut grey = DynamicImage::ImageLuma8(grey);
        grey.apply_orientation(turn.unwrap_or(Orientation::NoTransforms));
        grey
    }))
}

/// The colours of a JPEG that was decoded before, upright.
fn colours(jpeg: &[u8]) -> Option<RgbImage> {
    let mut decoder = decoder(jpeg, ImageFormat::Jpeg).ok()?;
    let turn = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).ok()?;
    image.apply_orientation(turn);
    Some(image.into_rgb8())
}

/// What a decoder may take. The sides are checked apart from it, so that the message can name them.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = None;
    limits.max_image_height = None;
    limits.max_alloc = Some(MEMORY_MAX);
    limits
}

/// What a decoder said, as one sentence for the person who has the file.
fn refused(e: ImageError) -> Error {
    let error = match e {
        ImageError::Limits(_) => {
            Error::too_large("The picture needs more than 512 MB to decode; export it smaller.")
        }
        ImageError::Unsupported(_) => Error::invalid(
            "The picture uses a rare variant of its format; export it as an ordinary JPEG.",
        ),
        _ => Error::invalid("The picture is damaged; export it again."),
    };
    error.because(e)
}

/// Whether an end marker follows a JPEG's scans. Most files end with it, and none of those is looked through. Phones put
/// a film or a second picture behind the end, in which any marker may stand: there the picture's own segments are gone
/// along, a thumbnail lies within one of them, and compressed data never holds a marker.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    if bytes.ends_with(&[0xff, 0xd9]) {
        return bytes.windows(2).any(|w| w == [0xff, 0xda]);
    }
    let (mut at, mut scanned) = (2, false);
    while let Some((place, marker)) = marker_from(bytes, at) {
        at = place + 2;
        if marker == 0xd9 {
            if scanned {
                return true;
            }
            continue;
        }
        scanned |= marker == 0xda;
        let length = bytes.get(at..at + 2).map_or(0, |l| u16::from_be_bytes([l[0], l[1]]));
        at += usize::from(length);
    }
    false
}

/// Where the next marker with something to say stands, and which it is: no stuffed zero, no filling, no restart.
fn marker_from(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let says = |w: &[u8]| w[0] == 0xff && !matches!(w[1], 0x00 | 0x01 | 0xd0..=0xd8 | 0xff);
    let place = at + bytes.get(at..)?.windows(2).position(says)?;
    Some((place, bytes[place + 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;
    use proptest::prelude::*;

    fn png(w: u32, h: u32) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        RgbImage::from_fn(w, h, |x, _| image::Rgb([x as u8, 10, 200]))
            .write_to(&mut out, image::ImageFormat::Png)
            .unwrap();
        out.into_inner()
    }

    #[test]
    fn bad_pictures_say_what_is_wrong() {
        let good = png(64, 48);
        assert!(Picture::decode(&good).is_ok());
        let check = |bytes: &[u8], kind: Kind, want: &str| {
            let e = Picture::decode(bytes).err().unwrap();
            assert_eq!(e.kind(), kind);
            assert!(e.to_string().contains(want), "{e}");
        };
        check(b"", Kind::Invalid, "empty");
        check(b"plain text", Kind::Invalid, "no JPEG");
        check(&good[..good.len() / 2], Kind::Invalid, "damaged");
        check(&png(30_000, 20), Kind::TooLarge, "30000 x 20");
        check(&png(4, 4), Kind::Invalid, "4 x 4");
        check(b"GIF89a\x01\0\x01\0\0\0\0;", Kind::Invalid, "no JPEG");
        let picture = Picture::decode(&good).unwrap();
        let corners = [[4.0, 4.0], [60.0, 4.0], [60.0, 40.0], [4.0, 40.0]];
        let jpeg = picture.plate_jpeg(&corners, 0.0).unwrap().0;
        assert!(Picture::decode(&jpeg).is_ok());
        check(&jpeg[..jpeg.len() - 9], Kind::Invalid, "cut off");
    }

    #[test]
    fn a_picture_that_lies_on_its_side_is_turned() {
        // The smallest EXIF block that says "rotate by 90 degrees" (orientation 6), in a JPEG.
        let upright =
            RgbImage::from_fn(40, 20, |x, _| image::Rgb([if x < 20 { 250 } else { 5 }; 3]));
        let mut plain = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut plain).encode_image(&upright).unwrap();
        let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]);
        let mut turned = plain[..2].to_vec();
        turned.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
        turned.extend(&exif);
        turned.extend(&plain[2..]);
        let picture = Picture::decode(&turned).unwrap();
        assert_eq!((picture.width(), picture.height()), (20, 40));
        assert!(picture.grey()[0] > 200 && picture.grey()[20 * 39] < 60, "the left became the top");
    }

    #[test]
    fn what_stands_behind_a_picture_is_no_part_of_it() {
        let mut plain = Vec::new();
        let grey = image::GrayImage::from_fn(48, 32, |x, y| image::Luma([(x * y) as u8]));
        image::codecs::jpeg::JpegEncoder::new(&mut plain).encode_image(&grey).unwrap();
        let film = [&b"ftypmp42"[..], &[0xff, 0xd9, 7, 0xff, 0xda, 0, 9, 0xff]].concat();
        for behind in [&film[..], &[0; 40], &plain[..plain.len() / 2]] {
            let picture = Picture::decode([&plain[..], behind].concat()).unwrap();
            assert_eq!((picture.width(), picture.height()), (48, 32));
        }
        let half = &plain[..plain.len() - 40];
        for cut in [half.to_vec(), [half, &[0; 40]].concat()] {
            let said = Picture::decode(cut).err().unwrap().to_string();
            assert!(said.contains("cut off"), "{said}");
        }
    }

    #[test]
    fn surroundings_stay_inside_the_picture() {
        let picture = Picture::decode(png(400, 300)).unwrap();
        let quad = [[350.0, 250.0], [399.0, 250.0], [399.0, 270.0], [350.0, 270.0]];
        let (jpeg, moved) = picture.plate_jpeg(&quad, 3.0).unwrap();
        assert!(moved.iter().flatten().all(|v| (0.0..=320.0).contains(v)));
        assert!(Picture::decode(&jpeg).unwrap().width() <= 320);
        let outside = [[500.0, 400.0], [520.0, 400.0], [520.0, 410.0], [500.0, 410.0]];
        assert!(picture.plate_jpeg(&outside, 0.1).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Whatever the bytes: a picture within the limits, or one sentence.
        #[test]
        fn flipped_bytes_never_panic(flips in proptest::collection::vec((0usize..1 << 16, any::<u8>()), 1..9)) {
            let mut jpeg = Vec::new();
            let grey = image::GrayImage::from_fn(48, 32, |x, y| image::Luma([(x * y) as u8]));
            image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&grey).unwrap();
            for start in [jpeg, png(48, 32)] {
                let mut bytes = start.clone();
                for (at, value) in &flips {
                    let at = at % bytes.len();
                    bytes[at] = *value;
                }
                match Picture::decode(&bytes) {
                    Ok(p) => prop_assert_eq!(p.grey().len(), p.width() * p.height()),
                    Err(e) => prop_assert!(!e.to_string().contains('\n')),
                }
            }
        }
    }
}
