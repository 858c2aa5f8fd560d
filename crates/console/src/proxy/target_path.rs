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
/// or the encoding of a harmless one. Some servers ignore the part after a `;`.
fn is_plain(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") {
        return false;
    }

    let mut decoded = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            if !is_plain_character(*first) {
                return false;
            }
            decoded.push(*first);
            continue;
        }

        let Some((digits, others)) = rest.split_at_checked(2) else {
            return false;
        };
        match byte_of(digits).filter(|byte| is_harmless(*byte)) {
            Some(byte) => decoded.push(byte),
            None => return false,
        }
        rest = others;
    }
    // Overlong encodings are not UTF-8, and full-width dots are no letters.
    let is_letter = |letter: char| letter.is_ascii() || letter.is_alphanumeric();
    str::from_utf8(&decoded).is_ok_and(|text| text.chars().all(is_letter))
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

fn byte_of(digits: &[u8]) -> Option<u8> {
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
            "..;/..;/orders",
            "..;a=b/orders",
            ".;/plans",
            ";/plans",
            "%c0%ae%c0%ae/%c0%afx",
            "%e0%80%ae%e0%80%ae/orders",
            "%ef%bc%8e%ef%bc%8e/orders",
            "plans/a%ef%bc%8fb",
            "plans/%ff",
        ] {
            let path = format!("/_tollgate/v1/{rest}");
            assert!(!is_of_api(&path), "{path}");
        }
    }
}
