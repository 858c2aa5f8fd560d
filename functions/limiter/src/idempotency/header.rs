//! The `Idempotency-Key` header.

use std::ops::RangeInclusive;

use http::HeaderMap;

use crate::problem::{Mistake, Problem};

pub(super) const NAME: &str = "idempotency-key";
/// The length of the header, in bytes.
const LENGTH: RangeInclusive<usize> = 16..=255;
const NOT_RANDOM: &str = "the key protects the new secret, so it must be random: expected a UUID of version 4, at least 32 hexadecimal \
    digits that include a letter, or at least 22 characters of base64url that include upper case, lower case and a \
    digit; for example the output of `openssl rand -hex 16`";

/// Reads the header. `None` if it is absent.
///
/// # Errors
/// 400 if it is invalid or repeated.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };

    let key = value.as_bytes();
    let is_valid = LENGTH.contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if !is_valid || values.next().is_some() {
        return Err(invalid(
            "expected 16 to 255 visible ASCII characters, such as a random UUID",
        ));
    }
    Ok(Some(key))
}

/// Reads a header that must be hard to guess.
///
/// # Errors
/// 400 if it is invalid, repeated, or does not look random.
pub(super) fn read_random(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    match read(headers)? {
        Some(key) if !looks_random(key) => Err(invalid(NOT_RANDOM)),
        key => Ok(key),
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::invalid_parameters(vec![Mistake::in_parameter("Idempotency-Key", detail)])
}

/// Returns true for the usual forms of random numbers of at least 122 bits. A time, a counter or a
/// name has none of these forms.
fn looks_random(text: &[u8]) -> bool {
    let all = |predicate: fn(&u8) -> bool| text.iter().all(predicate);
    let any = |predicate: fn(&u8) -> bool| text.iter().any(predicate);

    let is_hexadecimal =
        text.len() >= 32 && all(u8::is_ascii_hexdigit) && any(u8::is_ascii_alphabetic);
    let is_base64url = text.len() >= 22
        && all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        && any(u8::is_ascii_uppercase)
        && any(u8::is_ascii_lowercase)
        && any(u8::is_ascii_digit);
    is_uuid_v4(text) || is_hexadecimal || is_base64url
}

/// RFC 9562, section 5.4: `xxxxxxxx-xxxx-4xxx-Nxxx-xxxxxxxxxxxx`, where N is 8, 9, a or b.
fn is_uuid_v4(text: &[u8]) -> bool {
    let fits = |(position, byte): (usize, &u8)| match position {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => *byte == b'4',
        19 => b"89abAB".contains(byte),
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(key: &str) -> HeaderMap {
        HeaderMap::from_iter([(NAME.parse().unwrap(), HeaderValue::from_str(key).unwrap())])
    }

    #[test]
    fn invalid_header_is_rejected() {
        for key in [
            "",
            "short",
            "fifteen-letters",
            &"x".repeat(256),
            "sixteen letters!",
        ] {
            assert!(read(&headers(key)).is_err(), "{key}");
        }

        assert!(read(&HeaderMap::new()).unwrap().is_none());
        assert!(read_random(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn request_for_a_secret_needs_a_random_header() {
        for key in [
            "0189f0e5-7b1c-4c2d-9b3a-5f3a9c0e7d1b",
            "0189F0E5-7B1C-4C2D-AB3A-5F3A9C0E7D1B",
            "5f3a9c0e7d1b4286a0c4e8f1b7d93526",
            &"5f3a9c0e7d1b4286".repeat(15),
            "Zm9vYmFyYmF6cXV4MTIzNA",
            "a-B_2aaaaaaaaaaaaaaaaa",
        ] {
            assert!(read_random(&headers(key)).unwrap().is_some(), "{key}");
        }

        for key in [
            "1795864918023053632-3587",
            "2026-11-22T12:00:00.000000000Z",
            "a-key-for-the-team-of-2026",
            "00000000000000000000000000000001",
            "5f3a9c0e7d1b4286a0c4e8f1b7d9352",
            "5f3a9c0e7d1b4286a0c4e8f1b7d9352g",
            "0189f0e5-7b1c-1c2d-9b3a-5f3a9c0e7d1b",
            "0189f0e5-7b1c-7c2d-9b3a-5f3a9c0e7d1b",
            "0189f0e5-7b1c-4c2d-cb3a-5f3a9c0e7d1b",
            "Zm9vYmFyYmF6cXV4MTIzN",
            "ZM9VYMFYYMF6CXV4MTIZNA",
            "ZmuvYmFyYmFacXVaMTIzNA+",
        ] {
            let problem = read_random(&headers(key)).err().unwrap();
            let problem = serde_json::to_value(problem).unwrap();
            assert_eq!(problem["status"], 400, "{key}");
            let detail = problem["errors"][0]["detail"].as_str().unwrap();
            assert!(detail.contains("UUID of version 4"), "{problem}");
        }
    }
}
