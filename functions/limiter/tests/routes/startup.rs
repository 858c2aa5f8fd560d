//! The startup of the binary.

use testing::FailedStart;

const PROGRAM: &str = env!("CARGO_BIN_EXE_limiter");

#[test]
fn invalid_setting_is_one_line_that_names_it() {
    FailedStart::of(PROGRAM, &[]).assert_names("REGISTRY_TABLE", "is not set");

    let header = ("KEY_HEADER", "cookie");
    FailedStart::of(PROGRAM, &[header]).assert_names("KEY_HEADER", "expected");
}
