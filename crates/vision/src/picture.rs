//! A decoded picture: grey for the networks, colour for people.

use crate::warp::{Quad, bounds};
use base::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use std::io::Cursor;

/// The longest side that is taken, in pixels.
const SIDE_MAX: u32 = 16_384;
/// The most pixels that are taken: 60 megapixels are 180 MB in colour.
const PIXELS_MAX: u64 = 60_000_000;
/// Width of the picture that people compare a hit with.
const SHOWN_WIDTH: u32 = 320;

/// One picture in memory.
pub struct Picture {
    width: usize,
    height: usize,
    grey: Vec<u8>,
    colour: Option<RgbImage>,
}

impl Picture {
    /// Decodes JPEG, PNG or WebP by its content, whatever it is called, within fixed limits, and
    /// turns it upright where its EXIF data say how.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::invalid("The file is empty."));
        }
        let broken = |e: image::ImageError| {
            Error::invalid("The picture is damaged or cut off; export it again.").because(e)
        };
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| Error::invalid("The file cannot be read.").because(e))?;
        if reader.format().is_none() {
            return Err(Error::invalid("This is no JPEG, PNG or WebP picture."));
        }
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (w, h) = decoder.dimensions();
        if w.max(h) > SIDE_MAX || u64::from(w) * u64::from(h) > PIXELS_MAX {
            return Err(Error::too_large(format!(
                "The picture has {w} x {h} pixels; the limit is {SIDE_MAX} a side and 60 million in all."
            )));
        }
        if w < 16 || h < 16 {
            return Err(Error::invalid("The picture is smaller than 16 x 16 pixels."));
        }
        let turn = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
        image.apply_orientation(turn);
        Ok(Self::from_image(&image))
    }

    fn from_image(image: &DynamicImage) -> Self {
        let colour = image.to_rgb8();
        let grey = colour
            .pixels()
            .map(|p| {
                // Rec. 601 luma in integers, as the networks were trained with.
                let [r, g, b] = p.0.map(u32::from);
                ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
            })
            .collect();
        Self {
            width: colour.width() as usize,
            height: colour.height() as usize,
            grey,
            colour: Some(colour),
        }
    }

    /// A picture from grey pixels, row by row.
    pub fn from_grey(width: usize, height: usize, grey: Vec<u8>) -> Result<Self> {
        if width < 16 || height < 16 || grey.len() != width * height {
            return Err(Error::invalid(
                "A grey picture has width x height bytes, 16 a side or more.",
            ));
        }
        Ok(Self { width, height, grey, colour: None })
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

    /// The surroundings of a plate as a JPEG for people: the plate's box with `grow` times its width
    /// added on every side, at most 320 pixels wide.
    pub fn plate_jpeg(&self, corners: &Quad, grow: f32) -> Result<Vec<u8>> {
        let [x0, y0, x1, y1] = bounds(corners);
        let more = (x1 - x0) * grow.max(0.0);
        let left = (x0 - more).max(0.0) as u32;
        let top = (y0 - more).max(0.0) as u32;
        let right = ((x1 + more).ceil() as u32).min(self.width as u32);
        let bottom = ((y1 + more).ceil() as u32).min(self.height as u32);
        if right <= left + 1 || bottom <= top + 1 {
            return Err(Error::invalid("The plate lies outside the picture."));
        }
        let cut = self.cut(left, top, right - left, bottom - top);
        let cut = if cut.width() > SHOWN_WIDTH {
            let height = (cut.height() * SHOWN_WIDTH / cut.width()).max(1);
            image::imageops::resize(
                &cut,
                SHOWN_WIDTH,
                height,
                image::imageops::FilterType::Triangle,
            )
        } else {
            cut
        };
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 82)
            .encode_image(&cut)
            .map_err(|e| Error::internal("The picture cannot be written as JPEG.").because(e))?;
        Ok(out)
    }

    fn cut(&self, left: u32, top: u32, width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| match &self.colour {
            Some(colour) => *colour.get_pixel(left + x, top + y),
            None => {
                let v = self.grey[(top + y) as usize * self.width + (left + x) as usize];
                image::Rgb([v, v, v])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;

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
        check(&png(4, 4), Kind::Invalid, "smaller");
    }

    #[test]
    fn surroundings_stay_inside_the_picture() {
        let picture = Picture::decode(&png(400, 300)).unwrap();
        let quad = [[350.0, 250.0], [399.0, 250.0], [399.0, 270.0], [350.0, 270.0]];
        let jpeg = picture.plate_jpeg(&quad, 3.0).unwrap();
        assert!(Picture::decode(&jpeg).unwrap().width() <= 320);
        let outside = [[500.0, 400.0], [520.0, 400.0], [520.0, 410.0], [500.0, 410.0]];
        assert!(picture.plate_jpeg(&outside, 0.1).is_err());
    }
}
