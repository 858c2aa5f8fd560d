//! Patterns with wildcards, as in listener rules and in ARNs of permissions.

/// True if `text` matches `pattern`: `*` matches any text and `?` one character. Case is ignored.
/// The time is linear in the length of the text for each `*`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern_index, mut text_index) = (0, 0);
    // The last `*`, and the text index that it matches up to.
    let mut star = None;
    while text_index < text.len() {
        match pattern.get(pattern_index) {
            Some(b'*') => {
                star = Some((pattern_index, text_index));
                pattern_index += 1;
            }
            Some(known) if *known == b'?' || known.eq_ignore_ascii_case(&text[text_index]) => {
                pattern_index += 1;
                text_index += 1;
            }
            _ => {
                let Some((star_pattern, star_text)) = star else {
                    return false;
                };
                star = Some((star_pattern, star_text + 1));
                pattern_index = star_pattern + 1;
                text_index = star_text + 1;
            }
        }
    }
    pattern[pattern_index..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_elastic_load_balancing() {
        for (pattern, text, expected) in [
            ("throttled", "Throttled", true),
            ("throttled", "throttled2", false),
            ("thr*", "throttled", true),
            ("*led", "throttled", true),
            ("t*t*d", "throttled", true),
            ("t?rottled", "throttled", true),
            ("t?", "t", false),
            ("*", "", true),
            ("", "x", false),
            ("a*b*c", "abcbcb", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
