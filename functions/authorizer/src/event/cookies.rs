//! The cookies of a request.

/// A cookie that occurs several times with different values. Servers differ in the one they use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConflictingCookies;

/// Returns the value of a cookie, whose name is case-sensitive. `lists` are values of the header
/// `cookie`, or single cookies (RFC 6265, section 4.2.1).
///
/// # Errors
/// [`ConflictingCookies`] if the cookie occurs with different values.
pub(super) fn cookie<'c>(
    lists: impl Iterator<Item = &'c str>,
    name: &str,
) -> Result<Option<&'c str>, ConflictingCookies> {
    let mut values = lists
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.split_once('='))
        .filter(|(known, _)| known.trim_ascii() == name)
        .map(|(_, value)| value.trim_ascii());

    let first = values.next();
    if values.any(|value| Some(value) != first) {
        return Err(ConflictingCookies);
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_is_found_by_its_exact_name() {
        for (lists, expected) in [
            (&["s=1"][..], Some("1")),
            (&["a=0", "s=1"], Some("1")),
            (&["a=0; s=1; b=2"], Some("1")),
            (&["a=0;s=1"], Some("1")),
            (&[" s = 1 "], Some("1")),
            (&["s=a=b"], Some("a=b")),
            (&["s=\"1\""], Some("\"1\"")),
            (&["s="], Some("")),
            (&["s=1; s=1", "s=1"], Some("1")),
            (&["S=1", "xs=2", "s.=3", "s", "", ";", "=s"], None),
            (&[], None),
        ] {
            assert_eq!(
                cookie(lists.iter().copied(), "s"),
                Ok(expected),
                "{lists:?}"
            );
        }
    }

    #[test]
    fn cookie_with_several_values_is_refused() {
        for lists in [
            &["s=1; s=2"][..],
            &["s=1", "s=2"],
            &["s=1", "a=0", "s =2"],
            &["s=1; s="],
        ] {
            assert_eq!(
                cookie(lists.iter().copied(), "s"),
                Err(ConflictingCookies),
                "{lists:?}"
            );
        }
    }
}
