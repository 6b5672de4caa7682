//! `models/contract.json`: what belongs to the weights and is chosen with them.
//!
//! Keys that are not named here (how long they were trained, on what) are for people.

use serde::Deserialize;

/// Why a contract is refused.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// It is no JSON, or a key is missing.
    #[error("the contract of the networks cannot be read")]
    Json(#[from] serde_json::Error),
    /// A number that no network could be fed with.
    #[error("the contract of the networks says {0}, which cannot be")]
    Range(&'static str),
}

/// The whole contract.
#[derive(Clone, Debug, Deserialize)]
pub struct Contract {
    /// How the detector is fed and cut.
    pub detector: Detector,
    /// How the recogniser is fed and cut.
    pub recogniser: Recogniser,
    /// When the smaller recogniser, which is fed the same cuts, is asked first and believed.
    pub skim: Skim,
    /// What else the recogniser tells; absent in weights that were not trained for it.
    #[serde(default)]
    pub layout: Option<Layout>,
    /// How a text's probability becomes a confidence; absent before calibration.
    #[serde(default)]
    pub confidence: Option<Platt>,
    /// The files it was written with.
    #[serde(default)]
    pub files: Vec<File>,
}

/// How the detector is fed and cut.
#[derive(Clone, Debug, Deserialize)]
pub struct Detector {
    /// Pixels of its input; the sides follow the picture's own shape.
    pub area: f32,
    /// Input pixels a cell of its answer stands for.
    pub stride: usize,
    /// Cells from here on are candidates.
    pub heat_threshold: f32,
    /// Cells from here on are candidates where none of those above was a plate.
    #[serde(default = "never")]
    pub faint_threshold: f32,
    /// Pixels of its input for one look more at a picture in which no plate was found: a plate right before the camera is
    /// larger there than any that the network was trained on.
    #[serde(default)]
    pub near_area: Option<f32>,
}

/// How the recogniser is fed and cut.
#[derive(Clone, Debug, Deserialize)]
pub struct Recogniser {
    /// Width of a cut.
    #[serde(default = "default_width")]
    pub width: usize,
    /// Height of a cut.
    #[serde(default = "default_height")]
    pub height: usize,
    /// Growth of the quad on each side, as a share of that side.
    pub margin: f32,
    /// Growth of the quad for the wider cut, which is glanced at first.
    #[serde(default = "default_context_margin")]
    pub context_margin: f32,
    /// Candidates that a glance is less sure of are not read.
    #[serde(default)]
    pub glance_threshold: f32,
    /// Candidates below this verdict are no plates.
    pub plate_threshold: f32,
}

/// When the smaller recogniser is asked, and when its answer is taken.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Skim {
    /// Only candidates that a glance is at least so sure of are shown to it: it gives no verdict of its own.
    pub glance_threshold: f32,
    /// Its reads of one line are taken from this confidence on, where it is so sure of the region, too ...
    pub sure: f32,
    /// ... for which it sees less well than the recogniser, which reads what is left.
    pub region_sure: f32,
}

/// The recogniser's third answer: odds of every region, then of two lines.
#[derive(Clone, Debug, Deserialize)]
pub struct Layout {
    /// Codes (`us-ca`, `de`, `other`) in the network's order.
    pub regions: Vec<String>,
    /// Where a two-line plate is cut, as shares of its height: the lower line begins at the first, the
    /// upper one ends at the second; they overlap, as lines differ in height.
    pub line_split: [f32; 2],
}

/// Platt scaling: confidence = 1 / (1 + exp(-(a · logit(p) + b))).
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Platt {
    /// Slope.
    pub a: f32,
    /// Offset.
    pub b: f32,
}

/// A file and its hash.
#[derive(Clone, Debug, Deserialize)]
pub struct File {
    /// Name in `models/`.
    pub file: String,
    /// In hex.
    pub sha256: String,
}

fn never() -> f32 {
    1.0
}
fn default_width() -> usize {
    144
}
fn default_height() -> usize {
    48
}
fn default_context_margin() -> f32 {
    0.3
}

impl Contract {
    /// Reads and checks a contract.
    pub fn parse(json: &str) -> Result<Self, ContractError> {
        let it: Self = serde_json::from_str(json)?;
        let inside = |good: bool, what| if good { Ok(()) } else { Err(ContractError::Range(what)) };
        inside((1e4..=1e7).contains(&it.detector.area), "detector.area")?;
        let near = it.detector.near_area.unwrap_or(it.detector.area);
        inside((1e4..=it.detector.area).contains(&near), "detector.near_area")?;
        inside((1..=32).contains(&it.detector.stride), "detector.stride")?;
        inside((0.0..=1.0).contains(&it.detector.heat_threshold), "detector.heat_threshold")?;
        inside((0.0..=1.0).contains(&it.detector.faint_threshold), "detector.faint_threshold")?;
        inside((16..=1024).contains(&it.recogniser.width), "recogniser.width")?;
        inside((16..=1024).contains(&it.recogniser.height), "recogniser.height")?;
        inside((0.0..=1.0).contains(&it.recogniser.margin), "recogniser.margin")?;
        inside((0.0..=2.0).contains(&it.recogniser.context_margin), "recogniser.context_margin")?;
        let odds = 0.0..=1.0;
        inside(odds.contains(&it.recogniser.glance_threshold), "recogniser.glance_threshold")?;
        inside(odds.contains(&it.recogniser.plate_threshold), "recogniser.plate_threshold")?;
        inside(odds.contains(&it.skim.glance_threshold), "skim.glance_threshold")?;
        inside(odds.contains(&it.skim.sure), "skim.sure")?;
        inside(odds.contains(&it.skim.region_sure), "skim.region_sure")?;
        if let Some(layout) = &it.layout {
            inside((1..=1000).contains(&layout.regions.len()), "layout.regions")?;
            let [low, high] = layout.line_split;
            inside((0.1..=0.6).contains(&low) && (low..=0.9).contains(&high), "layout.line_split")?;
        }
        Ok(it)
    }
}

impl Platt {
    /// The confidence of a text of probability `p`.
    pub fn scale(&self, p: f32) -> f32 {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        1.0 / (1.0 + (-(self.a * (p / (1.0 - p)).ln() + self.b)).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts() {
        let check = |json: &str, want: Result<f32, &str>| {
            let got = Contract::parse(json)
                .map(|c| c.recogniser.glance_threshold)
                .map_err(|e| e.to_string());
            match want {
                Ok(glance) => assert_eq!(got.as_ref(), Ok(&glance), "{json}"),
                Err(part) => assert!(got.as_ref().is_err_and(|e| e.contains(part)), "{got:?}"),
            }
        };
        let detector = r#""detector":{"area":344064,"stride":8,"heat_threshold":0.2}"#;
        let skim = r#""skim":{"glance_threshold":0.7,"sure":0.8,"region_sure":0.9}"#;
        let short = r#""recogniser":{"margin":0.05,"plate_threshold":0.5}"#;
        check(&format!("{{{detector},{short}}}"), Err("cannot be read"));
        let bad = skim.replace("0.8", "80");
        check(&format!("{{{detector},{short},{bad}}}"), Err("skim.sure"));
        let bad = skim.replace("0.9", "9");
        check(&format!("{{{detector},{short},{bad}}}"), Err("skim.region_sure"));
        let bad = skim.replace("0.7", "-0.7");
        check(&format!("{{{detector},{short},{bad}}}"), Err("skim.glance_threshold"));
        let short = &format!("{short},{skim}");
        check(&format!("{{{detector},{short}}}"), Ok(0.0));
        let glanced =
            r#""recogniser":{"margin":0.05,"glance_threshold":0.1,"plate_threshold":0.5}"#;
        check(&format!("{{{detector},{glanced},{skim},\"training\":7}}"), Ok(0.1));
        let bad = glanced.replace("0.1", "-0.1");
        check(&format!("{{{detector},{bad},{skim}}}"), Err("recogniser.glance_threshold"));
        let bad = r#""recogniser":{"margin":0.05,"plate_threshold":7}"#;
        check(&format!("{{{detector},{bad},{skim}}}"), Err("plate_threshold"));
        let bad =
            r#""detector":{"area":344064,"stride":8,"heat_threshold":0.3,"faint_threshold":-1}"#;
        check(&format!("{{{bad},{short}}}"), Err("faint_threshold"));
        let bad =
            r#""detector":{"area":344064,"stride":8,"heat_threshold":0.3,"near_area":400000}"#;
        check(&format!("{{{bad},{short}}}"), Err("near_area"));
        check("{}", Err("cannot be read"));
    }

    #[test]
    fn scaling_keeps_the_order() {
        let platt = Platt { a: 0.8, b: -0.4 };
        let scaled: Vec<f32> = [0.0, 0.2, 0.5, 0.9, 1.0].map(|p| platt.scale(p)).to_vec();
        assert!(
            scaled.windows(2).all(|w| w[0] < w[1])
                && scaled.iter().all(|p| (0.0..=1.0).contains(p))
        );
        assert!((Platt { a: 1.0, b: 0.0 }.scale(0.3) - 0.3).abs() < 1e-6);
    }
}
