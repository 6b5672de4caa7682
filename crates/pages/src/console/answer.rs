//! The answer to a question: reads with pictures, when and where.

use crate::draw::{self, Map, MapPlace, Moment, Timeline};
use crate::page::Page;
use askama::Template;

/// One opened read.
#[derive(Clone, Debug)]
pub struct ReadCard {
    /// What was read.
    pub plate: String,
    /// P(it is what was asked for), as shown; `None` for plates asked for exactly.
    pub likeness: Option<String>,
    /// How sure the reader is of the text, as shown.
    pub confidence: String,
    /// The camera's name then.
    pub camera: String,
    /// When, as shown.
    pub captured: String,
    /// When, for the drawings.
    pub at_ms: i64,
    /// The picture, base64 JPEG; empty if there is none.
    pub picture: String,
}

/// The answer.
#[derive(Template)]
#[template(path = "answer.html")]
pub struct AnswerPage {
    /// Around it.
    pub page: Page,
    /// The purpose, as the rules spell it.
    pub purpose: String,
    /// The case number.
    pub case: String,
    /// Who vouches for it: `none`, `stated` or `attested`.
    pub attested: String,
    /// The rule that allowed it.
    pub rule: String,
    /// What was narrowed, in a sentence.
    pub narrowed: Option<String>,
    /// Whether it was asked with life in danger.
    pub breakglass: bool,
    /// Number of the question on the log.
    pub log_entry: u64,
    /// Number of the outcome on the log.
    pub outcome_entry: u64,
    /// Cameras asked.
    pub cameras: u64,
    /// Their names, where the city had others too in that time; empty where all of them were asked.
    pub asked: Vec<String>,
    /// The beginning, as shown.
    pub from: String,
    /// The end, as shown.
    pub until: String,
    /// The same for the drawing.
    pub from_ms: i64,
    /// The same for the drawing.
    pub until_ms: i64,
    /// How far the city's clocks are ahead of UTC, in milliseconds, each from which moment on (milliseconds since 1970);
    /// the oldest first. The drawing goes by them, as every moment that is shown does.
    pub ahead: Vec<(i64, i64)>,
    /// Reads that lie in those cameras and that time.
    pub considered: u64,
    /// Groups of reads that could not be compared.
    pub unscannable: u64,
    /// Whether older ones are missing.
    pub more: bool,
    /// The reads.
    pub reads: Vec<ReadCard>,
    /// Places of the cameras, where known.
    pub places: Vec<MapPlace>,
}

impl AnswerPage {
    fn moments(&self) -> Vec<Moment<'_>> {
        self.reads.iter().map(|r| Moment { camera: &r.camera, at_ms: r.at_ms }).collect()
    }

    fn map(&self) -> Option<Map> {
        draw::map(&self.places, &self.moments())
    }

    fn timeline(&self) -> Option<Timeline> {
        draw::timeline((self.from_ms, self.until_ms), &self.ahead, &self.moments())
    }
}
