//! What may be asked: purpose, authority, case, intent and decision.
//!
//! The rules are the city's own, in Cedar, in a file that a clerk can read; they are validated
//! against a schema that is compiled in, so a rule that misspells a purpose is an error and not a
//! rule that never fires. Cedar says yes or no; the bounds it cannot return stand as annotations
//! on the rule that allows (`@max_hours`, `@max_cameras`), and a question beyond them is narrowed.
//!
//! Holds: nothing is allowed by default; a rule that forbids wins; a rule that cannot be evaluated
//! refuses; a narrowed question lies inside the asked one.
//! Pure: no clock, no file, no network. The present moment and every other fact are passed in.

mod action;
mod decide;
pub mod draft;
mod engine;
mod hold;
mod intent;
pub mod ordinance;
pub mod preset;
mod properties;
pub mod replay;
mod rules;
mod text;

pub use action::Action;
pub use decide::{Decision, Facts, Scope};
pub use engine::{AUTHORITIES, PURPOSES, SCHEMA};
pub use hold::Hold;
pub use intent::{AGENCIES, Confirmed, Intent, Vouch};
pub use preset::Preset;
pub use properties::{PROPERTIES, Property};
pub use rules::{Rule, Rules};
