//! The text of a plate cannot be printed or stored by accident: those programs do not compile.

#[test]
fn forbidden_uses_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
