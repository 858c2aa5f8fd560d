//! Folds paths to the form that the most lenient backend reads.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

/// Returns the path that a lenient backend may serve for `path`: NFKC, lower case, no trailing
/// slash, and no dots or spaces at the end of a segment.
///
/// Normalization can produce characters with a meaning in URLs, such as a slash from its full-width
/// form. They get that meaning. An ASCII path that is already folded is borrowed without an
/// allocation.
pub(crate) fn fold(path: &str) -> Cow<'_, str> {
    if is_folded(path) {
        return Cow::Borrowed(path);
    }

    let mut text: String = path.nfkc().collect();
    if text.contains('%') {
        text = percent_decode_str(&text)
            .decode_utf8_lossy()
            .nfkc()
            .collect();
    }
    let text: String = fold_case(&text).nfkc().collect();

    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default() {
            ".." => drop(segments.pop()),
            segment => {
                segments.extend(Some(trim_end(segment)).filter(|segment| !segment.is_empty()))
            }
        }
    }
    Cow::Owned(format!("/{}", segments.join("/")))
}

/// Returns the text in lower case, with letters merged that are equal in any case.
///
/// Some letters, such as the dotless i, equal others only in upper case. Lower case comes first as
/// well: `ẞ` is its own upper case, and only its lower case, `ß`, becomes `ss`.
pub(crate) fn fold_case(text: &str) -> String {
    text.to_lowercase()
        .to_uppercase()
        .to_lowercase()
        .replace("i\u{307}", "i")
}

fn is_folded(path: &str) -> bool {
    let mut previous = b'/';
    for byte in path.bytes().skip(1) {
        let ends_segment = byte == b'/' && matches!(previous, b'/' | b'.' | b' ');
        if ends_segment || byte.is_ascii_uppercase() || !byte.is_ascii() {
            return false;
        }
        previous = byte;
    }
    path.len() <= 1 || !matches!(previous, b'/' | b'.' | b' ')
}

fn trim_end(segment: &str) -> &str {
    segment.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folded_path_is_borrowed() {
        for path in [
            "/",
            "/a",
            "/orders/7",
            "/a.b/c-d_e~f",
            "/a b/c",
            "/.well-known/x",
        ] {
            assert!(
                matches!(fold(path), Cow::Borrowed(folded) if folded == path),
                "{path}"
            );
        }
    }

    #[test]
    fn spellings_that_backends_treat_alike_fold_to_one_path() {
        for path in [
            "/admin/users",
            "/ADMIN/Users",
            "/admin/users/",
            "/admin./users",
            "/admin/users. .",
            "/admin /users",
            "/admin\u{a0}/users\u{3000}",
            "/ａｄｍｉｎ/users",
            "/admin／users",
            "/\u{ff0f}admin/users",
            "/adm\u{131}n/users",
            "/ADM\u{130}N/users",
            "/admin/u\u{17f}ers",
            "/x/‥/admin/users",
            "/x/．．/admin/users",
            "/admin/users？x",
            "/admin；v=1/users",
            "/admin＼users",
            "/％41dmin/users",
        ] {
            assert_eq!(fold(path), "/admin/users", "{path}");
        }
        assert_eq!(fold("/to\u{212a}en"), "/token");
        for path in ["/straße", "/STRASSE", "/straẞe", "/STRAẞE"] {
            assert_eq!(fold(path), "/strasse", "{path}");
        }
        assert_eq!(fold("/."), "/");
    }

    #[test]
    fn different_paths_stay_different() {
        for (one, other) in [
            ("/admin", "/admins"),
            ("/a/b", "/ab"),
            ("/a-b", "/a_b"),
            ("/a+b", "/a b"),
        ] {
            assert_ne!(fold(one), fold(other));
        }
    }

    #[test]
    fn case_folding_is_idempotent_for_every_character() {
        let twice = |letter: &char| {
            let once = fold_case(&letter.to_string());
            fold_case(&once) != once
        };
        assert_eq!(('\0'..=char::MAX).filter(twice).collect::<Vec<_>>(), []);
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(path in "/[a-zA-Z/. \u{212a}\u{130}\u{131}\u{17f}\u{ff21}\u{ff0f}\u{ff0e}ßΣé]{0,12}") {
            let once = fold(&path).into_owned();
            prop_assert_eq!(fold(&once), once.as_str());
        }

        #[test]
        fn folding_never_panics(path in "/\\PC{0,24}") {
            prop_assert!(fold(&path).starts_with('/'));
        }

        #[test]
        fn plain_ascii_path_is_unchanged(path in "(/[a-z0-9_-]{1,5}){1,4}") {
            prop_assert!(matches!(fold(&path), Cow::Borrowed(_)));
        }
    }
}
