//! Custody from outside: what opens, what does not, what is gone.

mod kit;
mod opening;
mod retention;
mod sealing;

/// What a permit and a key must not be able to do does not compile.
#[test]
fn forbidden_uses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
