//! The sources of mappings, for details.

/// The beginnings of references. HTTP APIs have them with `$`, and REST APIs without.
const REFERENCES: [&str; 7] = [
    "request.",
    "response.",
    "context.",
    "stageVariables.",
    "method.request.",
    "method.response.",
    "integration.response.",
];

/// Returns the source of a mapping for a detail. Everything but a reference can contain a secret, such
/// as the key with which an integration authenticates to its backend, so it is not repeated.
pub(super) fn shown(source: &str) -> &str {
    if source.is_empty() {
        "nothing"
    } else if is_reference(source) {
        source
    } else {
        "a constant"
    }
}

/// Returns the source of a mapping and the expected one, for a detail.
pub(super) fn compared(actual: &str, expected: &str) -> String {
    match (shown(actual), shown(expected)) {
        (actual, expected) if actual == expected => {
            format!("{actual}, expected another one")
        }
        (actual, expected) => format!("{actual}, expected {expected}"),
    }
}

/// True for the name of a value of the request, such as `$request.header.x-a`, without text around it.
fn is_reference(source: &str) -> bool {
    let name = source.strip_prefix('$').unwrap_or(source);
    let is_name = |char: char| char.is_ascii_alphanumeric() || "._-[]*@".contains(char);
    REFERENCES.iter().any(|known| name.starts_with(known)) && name.chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_repeated() {
        for source in [
            "$request.header.x-plan",
            "$request.path",
            "$context.authorizer.rate_limit",
            "$stageVariables.backend",
            "context.requestId",
            "method.request.path.proxy",
            "integration.response.header.Retry-After",
        ] {
            assert_eq!(shown(source), source);
        }
        assert_eq!(shown(""), "nothing");
    }

    #[test]
    fn constants_are_not_repeated() {
        for source in [
            "5ec2e7",
            "'5ec2e7'",
            "$5ec2e7",
            "$2b$10$5ec2e7",
            "Basic ${context.requestId}",
            "${context.requestId}5ec2e7",
            "$context.requestId 5ec2e7",
            "/hooks/5ec2e7/$request.path",
            r#"{"message": $context.error.messageString}"#,
        ] {
            assert_eq!(shown(source), "a constant", "{source}");
        }
    }

    #[test]
    fn different_constants_are_reported_without_their_values() {
        assert_eq!(
            compared("5ec2e7", "DENY"),
            "a constant, expected another one"
        );
        assert_eq!(
            compared("5ec2e7", "$context.requestId"),
            "a constant, expected $context.requestId"
        );
        assert_eq!(compared("", "DENY"), "nothing, expected a constant");
    }
}
