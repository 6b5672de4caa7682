//! The fast engine: ONNX Runtime, from the library that lies beside the executable.
//!
//! The library is loaded by its whole path and never looked for anywhere else: what reads plates is
//! what was installed. It is 2 to 5 times as fast as the engine that is compiled in; where it is
//! absent or cannot be loaded, the reader says so and goes on without it.

use super::{Net, Tensor};
use base::{Error, Result};
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The library's name, as `./run` and the packages put it there.
pub(crate) const LIBRARY: &str = "libonnxruntime.so";

/// Loaded once a process; a second try could only fail in the same way.
static ENVIRONMENT: OnceLock<std::result::Result<Environment, String>> = OnceLock::new();

/// Where the library may lie, seen from the folder of the executable: beside it, or where a package
/// puts libraries of its own.
fn places(folder: &Path) -> [PathBuf; 2] {
    [folder.join(LIBRARY), folder.join("../lib/homeplate").join(LIBRARY)]
}

fn environment() -> Result<&'static Environment> {
    let loaded = ENVIRONMENT.get_or_init(|| {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let folder = program.parent().unwrap_or(Path::new("/"));
        let path = places(folder)
            .into_iter()
            .find(|p| p.is_file())
            .ok_or_else(|| format!("no {LIBRARY} beside {}", program.display()))?;
        let builder = ort::init_from(&path).map_err(|e| e.to_string())?;
        builder.with_name("homeplate").build().map_err(|e| e.to_string())
    });
    loaded.as_ref().map_err(|why| {
        let say = if why.starts_with("no ") {
            "The fast engine, libonnxruntime.so, is not beside this program; install the whole package."
        } else {
            "The fast engine, libonnxruntime.so, cannot be loaded; install the whole package again."
        };
        Error::unavailable(say).because(why.clone())
    })
}

/// Whether the library is there and loads; if not, why.
pub(crate) fn available() -> Result<()> {
    environment().map(|_| ())
}

/// A network in ONNX Runtime.
pub(crate) struct Ort(Session);

fn broken(e: impl std::fmt::Display) -> Error {
    Error::internal("The fast engine does not run the network; install the whole package again.")
        .because(e.to_string())
}

impl Ort {
    /// Loads a network that is part of the executable. One thread a session: a second camera gains
    /// more from its own session than from sharing.
    pub fn load(onnx: &'static [u8]) -> Result<Self> {
        let session = Session::builder(environment()?)
            .map_err(broken)?
            .with_optimization_level(GraphOptimizationLevel::All)
            .map_err(broken)?
            .with_intra_threads(1)
            .map_err(broken)?
            .with_inter_threads(1)
            .map_err(broken)?
            // Pictures come in many sizes: a memory plan for each would only grow.
            .with_memory_pattern(false)
            .map_err(broken)?
            .commit_from_memory(onnx)
            .map_err(broken)?;
        Ok(Self(session))
    }
}

impl Net for Ort {
    fn run(&mut self, inputs: Vec<(&str, Tensor)>, outputs: &[&str]) -> Result<Vec<Tensor>> {
        let mut fed = Vec::with_capacity(inputs.len());
        for (name, t) in &inputs {
            let shape: Vec<i64> = t.shape.iter().map(|n| *n as i64).collect();
            let value = TensorRef::from_array_view((shape, &t.data[..])).map_err(broken)?;
            fed.push((Cow::Borrowed(*name), value.into()));
        }
        let fed: Vec<(Cow<'_, str>, ort::session::SessionInputValue<'_>)> = fed;
        let values = self.0.run(fed).map_err(broken)?;
        outputs
            .iter()
            .map(|name| {
                let value = values.get(name).ok_or_else(|| broken(format!("no output {name}")))?;
                let (shape, data) = value.try_extract_tensor::<f32>().map_err(broken)?;
                let shape = shape.iter().map(|n| *n as usize).collect();
                Ok(Tensor { shape, data: data.to_vec() })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_the_program_or_in_the_package() {
        let [beside, packaged] = places(Path::new("/opt/homeplate/bin"));
        assert_eq!(beside, Path::new("/opt/homeplate/bin/libonnxruntime.so"));
        assert_eq!(packaged, Path::new("/opt/homeplate/bin/../lib/homeplate/libonnxruntime.so"));
    }
}
