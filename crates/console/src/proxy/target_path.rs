//! The paths that are sent to the target.

/// The description of the API.
pub(super) const DESCRIPTION_PATH: &str = "/_tollgate/openapi.json";
/// The path of the admin API, with a `/` at its end.
const API_PATH: &str = "/_tollgate/v1/";

/// True if a path is one of the admin API, without anything that a server could resolve to another
/// path.
///
/// An HTTP API decodes paths twice. Therefore no encoding of `/`, `\`, `.` or `%` is accepted.
pub(super) fn is_of_api(path: &str) -> bool {
    if path == DESCRIPTION_PATH {
        return true;
    }
    path.strip_prefix(API_PATH)
        .is_some_and(|rest| rest.split('/').all(is_plain))
}

/// True for a segment that is neither empty nor `.` nor `..`, and in which each character is a plain one
/// or the encoding of a harmless one.
fn is_plain(segment: &str) -> bool {
    if matches!(segment, "" | "." | "..") {
        return false;
    }

    let mut rest = segment.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            if !is_plain_character(*first) {
                return false;
            }
            continue;
        }

        let Some((digits, others)) = rest.split_at_checked(2) else {
            return false;
        };
        if !decoded(digits).is_some_and(is_harmless) {
            return false;
        }
        rest = others;
    }
    true
}

/// True for the characters that a segment can contain without an encoding (RFC 3986, section 3.3).
const fn is_plain_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')'
        )
        || matches!(byte, b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}

const fn is_harmless(byte: u8) -> bool {
    !byte.is_ascii_control() && !matches!(byte, b'/' | b'\\' | b'.' | b'%' | b'?' | b'#')
}

fn decoded(digits: &[u8]) -> Option<u8> {
    let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    let text = str::from_utf8(digits).ok().filter(|_| is_hexadecimal)?;
    u8::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_admin_api_are_forwarded() {
        for path in [
            "/_tollgate/openapi.json",
            "/_tollgate/v1/plans",
            "/_tollgate/v1/keys/key_0aZ-~./usage",
            "/_tollgate/v1/callers/sub/auth0%7C5f/usage",
            "/_tollgate/v1/callers/sub/a@b.example/usage",
            "/_tollgate/v1/policies/v1..2/candidate",
            "/_tollgate/v1/plans/%C3%A4%20b",
        ] {
            assert!(is_of_api(path), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_forwarded() {
        for path in [
            "/",
            "/orders",
            "/_tollgate/",
            "/_tollgate/v1",
            "/_tollgate/v1/",
            "/_tollgate/v2/plans",
            "/_tollgate/v10/plans",
            "/_tollgate/usage",
            "/_tollgate/account",
            "/_tollgate/openapi.json/",
            "/_tollgate/openapi.json/../v1/plans",
            "/_TOLLGATE/v1/plans",
            "//_tollgate/v1/plans",
        ] {
            assert!(!is_of_api(path), "{path}");
        }
    }

    #[test]
    fn nothing_that_resolves_to_another_path_is_forwarded() {
        for rest in [
            "../../orders",
            "./plans",
            "plans/..",
            "plans//a",
            "plans/",
            "%2e%2e/orders",
            "%2E%2E/orders",
            "%252e%252e/orders",
            ".%2e/orders",
            "..%2forders",
            "plans/a%2Fb",
            "plans/a%5cb",
            "plans\\a",
            "plans/a%00",
            "plans/a%0d%0ab",
            "plans/a%3Fb",
            "plans/a%23b",
            "plans/a%",
            "plans/a%2",
            "plans/a%zz",
            "plans/a%+2",
            "plans/ä",
            "plans/{name}",
        ] {
            let path = format!("/_tollgate/v1/{rest}");
            assert!(!is_of_api(&path), "{path}");
        }
    }
}
