//! What other makers' readers send, one module a maker, each from its public documentation.
//!
//! A document becomes [`Heard`]: the plates it states, the vehicles that it says are gone, and what had
//! to be left out, in words without a plate. Their confidence is a figure of their own that nobody has
//! compared with the truth; [`Seen`] says what becomes of it. Addresses of pictures are never followed:
//! nothing here makes a machine of the city ask another one.

mod axis;
mod blue_iris;
mod form;
mod frigate;
mod hikvision;
mod node;
mod openalpr;
mod plate_recognizer;
mod region;
mod seen;
mod time;
mod verkada;
mod xml;

pub use axis::axis;
pub use blue_iris::blue_iris;
pub use frigate::frigate;
pub use hikvision::hikvision;
pub use openalpr::openalpr;
pub use plate_recognizer::plate_recognizer;
pub use seen::{CAP, Direction, Event, Jpeg, Seen, UNSTATED};
pub use verkada::verkada;

use base::{Error, Result};
use std::str::FromStr;

/// The largest document that is looked at, in bytes.
pub const DOCUMENT_MAX: usize = 8 << 20;
/// The most results that one document may hold.
pub const RESULTS_MAX: usize = 64;

/// A document as it came over the line.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// The header `content-type`; empty where there was none.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// Sizes only: a body holds plates.
impl std::fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} bytes)", self.body.len())
    }
}

/// What a document says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Plates that it states.
    pub seen: Vec<Seen>,
    /// Vehicles that it says are gone without naming a plate.
    pub gone: Vec<Gone>,
    /// What was left out and why, a sentence each, without a plate.
    pub left_out: Vec<String>,
}

/// A vehicle that has left, of which nothing more is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its id with its maker. With some each camera counts its own.
    pub id: String,
    /// The camera's name with its maker.
    pub camera: Option<String>,
}

impl Heard {
    /// Takes one result; one that is wrong is left out and does not spoil the others.
    fn take(&mut self, result: Result<Option<Seen>>) {
        match result {
            Ok(None) => {}
            Ok(Some(seen)) if self.seen.len() < RESULTS_MAX => self.seen.push(seen),
            Ok(Some(_)) => self.leave_out(format!("There are more than {RESULTS_MAX} results.")),
            Err(e) => self.leave_out(e.message().to_owned()),
        }
    }

    /// Says what is left out; the same twice is said once.
    fn leave_out(&mut self, reason: String) {
        if self.left_out.len() < RESULTS_MAX && !self.left_out.contains(&reason) {
            self.left_out.push(reason);
        }
    }
}

/// The makers whose documents are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Adapter {
    /// Plate Recognizer Stream and Snapshot.
    PlateRecognizer,
    /// OpenALPR and Rekor Scout agents, version 2 of their JSON.
    OpenAlpr,
    /// Axis License Plate Verifier.
    Axis,
    /// Hikvision ANPR cameras (ISAPI events).
    Hikvision,
    /// Frigate.
    Frigate,
    /// Blue Iris, as it feeds an ALPR database.
    BlueIris,
    /// Verkada.
    Verkada,
}

impl Adapter {
    /// Every maker.
    pub const ALL: [Adapter; 7] = [
        Adapter::PlateRecognizer,
        Adapter::OpenAlpr,
        Adapter::Axis,
        Adapter::Hikvision,
        Adapter::Frigate,
        Adapter::BlueIris,
        Adapter::Verkada,
    ];

    /// The name in addresses and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Adapter::PlateRecognizer => "plate-recognizer",
            Adapter::OpenAlpr => "openalpr",
            Adapter::Axis => "axis",
            Adapter::Hikvision => "hikvision",
            Adapter::Frigate => "frigate",
            Adapter::BlueIris => "blue-iris",
            Adapter::Verkada => "verkada",
        }
    }

    /// Reads a document of this maker. Fails where the document as a whole is not understood, with the
    /// field or the line that is wrong.
    pub fn read(self, document: &Document<'_>) -> Result<Heard> {
        match self {
            Adapter::PlateRecognizer => plate_recognizer(document),
            Adapter::OpenAlpr => openalpr(document),
            Adapter::Axis => axis(document),
            Adapter::Hikvision => hikvision(document),
            Adapter::Frigate => frigate(document),
            Adapter::BlueIris => blue_iris(document),
            Adapter::Verkada => verkada(document),
        }
    }
}

impl FromStr for Adapter {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Adapter::ALL.into_iter().find(|a| a.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Adapter::ALL.iter().map(|a| a.as_str()).collect();
            Error::invalid(format!("There is no such adapter; there are {}.", known.join(", ")))
        })
    }
}

/// Refuses what is too large before anything looks at it.
fn bounded(document: &Document<'_>) -> Result<()> {
    if document.body.len() > DOCUMENT_MAX {
        return Err(Error::too_large("A document may have at most 8 MiB."));
    }
    Ok(())
}
