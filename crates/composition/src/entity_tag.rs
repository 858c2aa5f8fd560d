//! Entity tags (RFC 9110, section 8.8.3) and their comparison with `If-None-Match`.

use sha2::{Digest, Sha256};

/// The bytes of the SHA-256 hash in a tag. Bodies with one tag cannot be found by chance.
const HASH_BYTES: usize = 16;

/// Returns the strong entity tag of a body, with its quotes.
///
/// ```
/// assert_eq!(composition::entity_tag(b"{}"), "\"44136fa355b3678a1146ad16f7e8649e\"");
/// ```
#[must_use]
pub fn entity_tag(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let digits = hash
        .iter()
        .take(HASH_BYTES)
        .flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));

    let quote = || std::iter::once('"');
    quote().chain(digits).chain(quote()).collect()
}

/// True if `If-None-Match` has the tag, or is `*`. Then the response is 304.
///
/// Weak tags match (RFC 9110, section 13.1.2). A malformed field matches nothing, so that the
/// response is complete.
#[must_use]
pub fn matches_entity_tag(if_none_match: &str, tag: &str) -> bool {
    let value = if_none_match.trim_matches(is_blank);
    if value == "*" {
        return true;
    }

    let mut matches = false;
    let mut rest = value;
    while let Some((found, after)) = first_tag(rest) {
        matches |= found == tag;
        match after {
            None => return matches,
            Some(after) => rest = after,
        }
    }
    false
}

/// Returns the first tag without its weakness, and the text after its comma, if it has one.
/// `None` if the field is malformed.
fn first_tag(list: &str) -> Option<(&str, Option<&str>)> {
    // Empty elements of a list are valid (RFC 9110, section 5.6.1.2).
    let list = list.trim_start_matches(|character| is_blank(character) || character == ',');
    let tag = list.strip_prefix("W/").unwrap_or(list);

    let length = 1 + tag.strip_prefix('"')?.find('"')?;
    let (tag, rest) = tag.split_at(length + 1);
    let is_valid = tag[1..length]
        .bytes()
        .all(|byte| byte > b' ' && byte != 0x7f);

    let rest = rest.trim_start_matches(is_blank);
    let after = if rest.is_empty() {
        None
    } else {
        Some(rest.strip_prefix(',')?)
    };
    let after = after.filter(|after| !after.trim_matches(|c| is_blank(c) || c == ',').is_empty());
    is_valid.then_some((tag, after))
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests;
