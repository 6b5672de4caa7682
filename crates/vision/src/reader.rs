//! The reader: picture in, plates out.

use crate::detect::{Candidate, input, peaks};
use crate::engine::{Net, Rten, Tensor};
use crate::picture::Picture;
use crate::recognise::decode;
use crate::warp::{Quad, bounds, grow, normalise, rectify};
use base::{Error, Result};
use models::Contract;
use plate::Odds;

/// One plate in a picture.
#[derive(Clone, Debug)]
pub struct Plate {
    /// Odds of every character.
    pub odds: Odds,
    /// P(the whole text is right), 0 to 1.
    pub confidence: f32,
    /// Corners in the picture's pixels.
    pub corners: Quad,
    /// Region as `us-ca`, where known.
    pub region: Option<String>,
}

impl Plate {
    /// The upright box around the corners: left, top, width, height.
    pub fn bounding_box(&self) -> [f32; 4] {
        let [x0, y0, x1, y1] = bounds(&self.corners);
        [x0, y0, x1 - x0, y1 - y0]
    }
}

/// What a reader may be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReaderOptions {
    /// Plates below this confidence are left out.
    pub min_confidence: f32,
}

/// Reads plates; one a thread.
pub struct Reader {
    detector: Box<dyn Net>,
    recogniser: Box<dyn Net>,
    contract: Contract,
    options: ReaderOptions,
}

impl Reader {
    /// Loads the two networks that are part of the executable.
    pub fn new(options: ReaderOptions) -> Result<Self> {
        let contract = models::contract().map_err(|e| {
            Error::internal("The networks in this executable do not fit it; reinstall it.")
                .because(e)
        })?;
        Ok(Self {
            detector: Box::new(Rten::load(models::DETECTOR.onnx)?),
            recogniser: Box::new(Rten::load(models::RECOGNISER.onnx)?),
            contract,
            options,
        })
    }

    /// The plates of one picture, surest first.
    pub fn read(&mut self, picture: &Picture) -> Result<Vec<Plate>> {
        let found = self.find(picture)?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut out = self.recognise(picture, &found)?;
        out.retain(|p| p.confidence >= self.options.min_confidence);
        out.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        Ok(out)
    }

    fn find(&mut self, picture: &Picture) -> Result<Vec<Candidate>> {
        let image = input(picture, self.contract.detector.area);
        let out = self.detector.run(vec![("image", image)], &["heat", "corners"])?;
        let size = (picture.width(), picture.height());
        peaks(&out[0], &out[1], &self.contract.detector, size)
    }

    fn recognise(&mut self, picture: &Picture, found: &[Candidate]) -> Result<Vec<Plate>> {
        let part = &self.contract.recogniser;
        let (w, h) = (part.width, part.height);
        let plane = picture.plane();
        let cut = |quad: &Quad, margin: f32| {
            let mut crop = rectify(&plane, &grow(quad, margin), w, h)?;
            normalise(&mut crop);
            Some(crop)
        };
        let (mut crops, mut wide, mut quads) = (Vec::new(), Vec::new(), Vec::new());
        for candidate in found {
            if let (Some(near), Some(far)) =
                (cut(&candidate.quad, part.margin), cut(&candidate.quad, part.context_margin))
            {
                crops.extend(near);
                wide.extend(far);
                quads.push(candidate.quad);
            }
        }
        if quads.is_empty() {
            return Ok(Vec::new());
        }
        let tensor = |data| Tensor { shape: vec![quads.len(), 1, h, w], data };
        let mut inputs = vec![("crops", tensor(crops))];
        if part.context {
            inputs.push(("context", tensor(wide)));
        }
        let out = self.recogniser.run(inputs, &["chars", "plate"])?;
        let &[n, columns, classes] = &out[0].shape[..] else {
            return Err(Error::internal("The recogniser's answer has an unknown shape."));
        };
        if n != quads.len() || out[1].data.len() != n {
            return Err(Error::internal("The recogniser answered for other plates than asked."));
        }
        let one = columns * classes;
        let mut plates = Vec::new();
        for (i, quad) in quads.iter().enumerate() {
            if out[1].data[i] < part.plate_threshold {
                continue;
            }
            if let Some(read) = decode(&out[0].data[i * one..(i + 1) * one], columns) {
                plates.push(Plate {
                    odds: read.odds,
                    confidence: self.calibrated(read.confidence),
                    corners: *quad,
                    region: None,
                });
            }
        }
        Ok(plates)
    }

    fn calibrated(&self, p: f32) -> f32 {
        self.contract.confidence.map_or(p, |platt| platt.scale(p))
    }
}
