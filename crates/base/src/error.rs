//! One error type for everything a person or a program can run into.
//!
//! An error has two halves. The *message* is one sentence that says what the caller can do; it may
//! be shown to anyone. The *cause* is for the operator's log and never leaves the machine.
//! The kind decides the exit code here and, in `server` alone, the HTTP status
//! (`ref/errors.md` holds the table and a test compares it).

use std::fmt;
use std::time::Duration;

/// Shorthand for a result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure this is, seen from the caller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input is wrong; sending it again unchanged will fail again.
    Invalid,
    /// Nobody is signed in, or the signature does not hold.
    Unauthenticated,
    /// Known, but not allowed to do this.
    Forbidden,
    /// A rule of the city refuses the question; the refusal is on the log.
    Refused,
    /// There is no such thing.
    NotFound,
    /// The state has moved on; read it again before retrying.
    Conflict,
    /// It existed and has been forgotten or switched off for good.
    Gone,
    /// Larger than the limit that the message names.
    TooLarge,
    /// Too much at once; retry later.
    Busy,
    /// Something this depends on is missing or down.
    Unavailable,
    /// A defect or a broken disk: nothing the caller did.
    Internal,
}

impl Kind {
    /// Every kind, in the order of `ref/errors.md`.
    pub const ALL: [Kind; 11] = [
        Kind::Invalid,
        Kind::Unauthenticated,
        Kind::Forbidden,
        Kind::Refused,
        Kind::NotFound,
        Kind::Conflict,
        Kind::Gone,
        Kind::TooLarge,
        Kind::Busy,
        Kind::Unavailable,
        Kind::Internal,
    ];

    /// The stable name used in problem documents and in the exit-code table.
    pub fn slug(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Unauthenticated => "unauthenticated",
            Kind::Forbidden => "forbidden",
            Kind::Refused => "refused",
            Kind::NotFound => "not-found",
            Kind::Conflict => "conflict",
            Kind::Gone => "gone",
            Kind::TooLarge => "too-large",
            Kind::Busy => "busy",
            Kind::Unavailable => "unavailable",
            Kind::Internal => "internal",
        }
    }

    /// The kind behind a slug, if it is one of ours.
    pub fn from_slug(slug: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.slug() == slug)
    }

    /// Exit code of the command line. 0 is success and 2 is left to the argument parser.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Internal => 1,
            Kind::Invalid => 3,
            Kind::Unauthenticated => 4,
            Kind::Forbidden => 5,
            Kind::Refused => 6,
            Kind::NotFound => 7,
            Kind::Conflict => 8,
            Kind::Gone => 9,
            Kind::TooLarge => 10,
            Kind::Busy => 11,
            Kind::Unavailable => 12,
        }
    }
}

/// A failure: its kind, one public sentence, and the cause for the operator.
pub struct Error {
    kind: Kind,
    message: String,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

macro_rules! shorthand {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error { $( $(#[$doc])* pub fn $name(message: impl Into<String>) -> Self { Self::new(Kind::$kind, message) } )* }
    };
}

shorthand! {
    /// [`Kind::Invalid`] with this sentence.
    invalid => Invalid;
    /// [`Kind::Unauthenticated`] with this sentence.
    unauthenticated => Unauthenticated;
    /// [`Kind::Forbidden`] with this sentence.
    forbidden => Forbidden;
    /// [`Kind::Refused`] with this sentence.
    refused => Refused;
    /// [`Kind::NotFound`] with this sentence.
    not_found => NotFound;
    /// [`Kind::Conflict`] with this sentence.
    conflict => Conflict;
    /// [`Kind::Gone`] with this sentence.
    gone => Gone;
    /// [`Kind::TooLarge`] with this sentence.
    too_large => TooLarge;
    /// [`Kind::Busy`] with this sentence.
    busy => Busy;
    /// [`Kind::Unavailable`] with this sentence.
    unavailable => Unavailable;
    /// [`Kind::Internal`] with this sentence.
    internal => Internal;
}

impl Error {
    /// An error of `kind` whose public sentence is `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, cause: None }
    }

    /// The same error with the cause that the operator's log shall show.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The same error, with the time after which trying again makes sense.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// After what time trying again makes sense, where the one who refused said so.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Message and every cause in one line, for the operator's log only.
    pub fn inside(&self) -> String {
        let mut out = self.message.clone();
        let mut next: Option<&(dyn std::error::Error + 'static)> = match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        };
        while let Some(cause) = next {
            out.push_str(": ");
            out.push_str(&cause.to_string());
            next = cause.source();
        }
        out
    }
}

/// Only the public sentence: `Display` is what a caller may see.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.slug(), self.inside())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_and_exit_codes_are_distinct() {
        let mut codes: Vec<u8> = Kind::ALL.iter().map(|k| k.exit_code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
        assert!(!codes.contains(&0) && !codes.contains(&2));
        for kind in Kind::ALL {
            assert_eq!(Kind::from_slug(kind.slug()), Some(kind));
        }
    }

    #[test]
    fn the_cause_is_not_public() {
        let e = Error::internal("The store cannot be written; see the log.")
            .because(std::io::Error::other("disk 7 on fire"));
        assert_eq!(e.to_string(), "The store cannot be written; see the log.");
        assert!(e.inside().ends_with("disk 7 on fire"));
    }
}
