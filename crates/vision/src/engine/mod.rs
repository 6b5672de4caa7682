//! Engines that run a network. One trait, so that the fast engine can stand beside the one that is
//! always compiled in.

mod rten;

pub(crate) use self::rten::Rten;
use base::Result;

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
