//! Our reads as documents of other makers, so that gates and existing tools go on working.
//!
//! Such a document gives a plate out. Nothing here decides whether that is allowed, and nothing sends.

pub mod plate_recognizer;
