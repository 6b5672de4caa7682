//! Engines that run a network: one trait, the fast engine where its library is installed, and the one
//! that is always compiled in.

mod ort;
mod rten;

use self::ort::Ort;
use self::rten::Rten;
use base::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A tensor of 32-bit floats: shape and data, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

/// A loaded network; runs on the calling thread alone.
pub(crate) trait Net: Send {
    /// Runs it: named inputs in, the named outputs out, in their order.
    fn run(&mut self, inputs: Vec<(&str, Tensor)>, outputs: &[&str]) -> Result<Vec<Tensor>>;
}

/// What runs the networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// ONNX Runtime where its library lies beside the program, else rten.
    #[default]
    Auto,
    /// ONNX Runtime: fast; an error where its library is absent.
    Ort,
    /// rten: always there, 2 to 5 times slower.
    Rten,
}

impl Engine {
    /// The engine that `self` comes to on this machine, and why it is not the fast one if it could
    /// have been.
    pub fn settle(self) -> (Engine, Option<Error>) {
        match self {
            Engine::Auto => match ort::available() {
                Ok(()) => (Engine::Ort, None),
                Err(e) => (Engine::Rten, Some(e)),
            },
            chosen => (chosen, None),
        }
    }

    pub(crate) fn load(self, onnx: &'static [u8]) -> Result<Box<dyn Net>> {
        Ok(match self {
            Engine::Rten => Box::new(Rten::load(onnx)?),
            Engine::Ort => Box::new(Ort::load(onnx)?),
            Engine::Auto => self.settle().0.load(onnx)?,
        })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Auto => "auto",
            Engine::Ort => "ort",
            Engine::Rten => "rten",
        })
    }
}

impl FromStr for Engine {
    type Err = &'static str;
    fn from_str(s: &str) -> std::result::Result<Self, Self::Err> {
        match s {
            "auto" => Ok(Engine::Auto),
            "ort" => Ok(Engine::Ort),
            "rten" => Ok(Engine::Rten),
            _ => Err("choose auto, ort or rten"),
        }
    }
}
