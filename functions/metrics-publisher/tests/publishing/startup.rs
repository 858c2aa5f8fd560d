//! The startup of the binary.

use testing::FailedStart;

const PROGRAM: &str = env!("CARGO_BIN_EXE_metrics-publisher");

#[test]
fn invalid_setting_is_one_line_that_names_it() {
    FailedStart::of(PROGRAM, &[]).assert_names("USAGE_TABLE", "is not set");

    let namespace = ("METRICS_NAMESPACE", "AWS/Lambda");
    FailedStart::of(PROGRAM, &[("USAGE_TABLE", "u"), namespace])
        .assert_names("METRICS_NAMESPACE", "expected");
}
