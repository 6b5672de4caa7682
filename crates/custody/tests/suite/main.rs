//! Custody from outside: what opens, what does not, what is gone. What the city can do with it is tried in
//! one process, and through the socket of a custody of its own.

// The same tests, twice on purpose.
#![allow(clippy::duplicate_mod)]

mod inside;
mod own;

/// What a permit and a key must not be able to do does not compile.
#[test]
fn forbidden_uses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
