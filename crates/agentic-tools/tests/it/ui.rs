//! What the compiler says about mistakes in tools.
//!
//! No case compiles, so the crates below are checked and not built: that is a matter of seconds. What is allowed
//! is in `functions/allowed.rs`.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/fail/*.rs");
}
