//! The headers that tell a backend who calls.

/// The prefix of every header that backends trust.
pub const BACKEND_HEADER_PREFIX: &str = "x-tollgate-";

/// The headers that request mapping sets on protected routes and removes on public ones, whatever
/// the client sent. Each has the name of a [`ContextField`](crate::ContextField) after the
/// [prefix](BACKEND_HEADER_PREFIX), with `-` for `_`.
pub const BACKEND_HEADERS: [&str; 10] = [
    "x-tollgate-decision",
    "x-tollgate-user-id",
    "x-tollgate-issuer",
    "x-tollgate-email",
    "x-tollgate-roles",
    "x-tollgate-key-id",
    "x-tollgate-plan",
    "x-tollgate-scopes",
    "x-tollgate-auth",
    "x-tollgate-near-limit",
];

/// The header that proves to a backend that a request came through the gateway. Request mapping sets
/// it on every route, to the secret of the template's parameter `OriginSecretArn` or to `-`.
pub const ORIGIN_HEADER: &str = "x-tollgate-origin";

/// True if a header name begins like those that backends trust, with any punctuation for `-`: some
/// backends read `x_tollgate_user_id` as `x-tollgate-user-id`.
///
/// ```
/// use outcome::resembles_backend_header;
///
/// assert!(resembles_backend_header("x_tollgate_user_id"));
/// assert!(!resembles_backend_header("x-request-id"));
/// ```
#[must_use]
pub fn resembles_backend_header(lower_case_name: &str) -> bool {
    let mut letters = dashed(lower_case_name);
    BACKEND_HEADER_PREFIX
        .chars()
        .all(|letter| letters.next() == Some(letter))
}

/// Returns a header name with `-` for all punctuation, as some backends read it.
///
/// ```
/// assert_eq!(outcome::with_dashes("x_forwarded.for"), "x-forwarded-for");
/// ```
#[must_use]
pub fn with_dashes(name: &str) -> String {
    dashed(name).collect()
}

fn dashed(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContextField;

    #[test]
    fn each_header_is_named_after_a_context_field() {
        for header in BACKEND_HEADERS {
            let name = header.strip_prefix(BACKEND_HEADER_PREFIX).unwrap();
            let field = name.replace('-', "_");

            assert!(
                ContextField::ALL
                    .iter()
                    .any(|known| known.as_str() == field),
                "{header}"
            );
        }
    }
}
