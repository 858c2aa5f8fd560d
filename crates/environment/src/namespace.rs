/// The maximum length of a CloudWatch namespace.
const MAX_NAMESPACE_CHARACTERS: usize = 255;

pub(crate) const EXPECTED: &str =
    "a CloudWatch namespace of at most 255 characters that does not begin with `AWS/` or `:`";

/// Returns whether CloudWatch accepts custom metrics in a namespace (`PutMetricData`, "Namespace").
pub(crate) fn is_custom_namespace(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#: ".contains(&byte);

    (1..=MAX_NAMESPACE_CHARACTERS).contains(&name.len())
        && name.bytes().all(is_allowed)
        && !name.trim().is_empty()
        && !name.starts_with("AWS/")
        && !name.starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_malformed_namespaces_are_invalid() {
        assert!(is_custom_namespace("Shop/API.v1"));
        assert!(is_custom_namespace(&"x".repeat(255)));

        for invalid in ["", " ", "AWS/Lambda", ":a", "a\u{e9}", &"x".repeat(256)] {
            assert!(!is_custom_namespace(invalid), "{invalid}");
        }
    }
}
