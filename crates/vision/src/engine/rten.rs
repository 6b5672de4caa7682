//! The engine that is always there: pure Rust, compiled in.

use super::{Net, Tensor};
use base::{Error, Result};
use rten::{Model, RunOptions, ThreadPool, Value};
use rten_tensor::prelude::*;
use std::sync::Arc;

/// A network in rten.
pub(crate) struct Rten {
    model: Model,
    pool: Arc<ThreadPool>,
}

fn broken(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("The network in this executable does not run; reinstall it.").because(e)
}

impl Rten {
    /// Loads a network that is part of the executable.
    pub fn load(onnx: &'static [u8]) -> Result<Self> {
        let mut options = rten::ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = options.load_static_slice(onnx).map_err(broken)?;
        // One thread a session: a second camera gains more from its own session than from sharing.
        Ok(Self { model, pool: Arc::new(ThreadPool::with_num_threads(1)) })
    }
}

impl Net for Rten {
    fn run(&mut self, inputs: Vec<(&str, Tensor)>, outputs: &[&str]) -> Result<Vec<Tensor>> {
        let mut fed = Vec::new();
        for (name, t) in inputs {
            let id = self.model.node_id(name).map_err(broken)?;
            let value: Value = rten_tensor::Tensor::from_data(&t.shape[..], t.data).into();
            fed.push((id, value.into()));
        }
        let ids = outputs
            .iter()
            .map(|name| self.model.node_id(name).map_err(broken))
            .collect::<Result<Vec<_>>>()?;
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let values = self.model.run(fed, &ids, Some(options)).map_err(broken)?;
        values
            .into_iter()
            .map(|value| {
                let t: rten_tensor::Tensor<f32> =
                    value.try_into().map_err(|_| broken("an output is not f32"))?;
                Ok(Tensor { shape: t.shape().to_vec(), data: t.into_data() })
            })
            .collect()
    }
}
