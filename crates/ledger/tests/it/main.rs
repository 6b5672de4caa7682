//! The log as a whole: written, cut off, tampered with, and checked by two verifiers.

mod crash;
mod foreign;
mod golden;
mod support;
mod tamper;
mod whole;
