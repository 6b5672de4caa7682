//! Why a message has not gone out, and whether sending it again makes sense.

use base::Error;
use std::time::Duration;

/// What became of one message on one way.
pub type Outcome = Result<(), Failure>;

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send it again; after so long, where the other side said so.
    Again(Option<Duration>),
    /// This message will never be taken; others may be.
    Never,
    /// There is nobody at this address any more: take the address out.
    Gone,
}

/// A message that has not gone out.
#[derive(Debug)]
pub struct Failure {
    /// What to do.
    pub next: Next,
    /// What happened, in one sentence; no address and no secret in it.
    pub error: Error,
}

impl Failure {
    /// Worth another try.
    pub fn again(error: Error) -> Self {
        Self { next: Next::Again(None), error }
    }

    /// Not worth another try.
    pub fn never(error: Error) -> Self {
        Self { next: Next::Never, error }
    }

    /// Nobody is there any more.
    pub fn gone(error: Error) -> Self {
        Self { next: Next::Gone, error }
    }
}
