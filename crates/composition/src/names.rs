//! The names of parts, services and fields, and suggestions for names that are unknown.

/// The longest name of a part, a field or a service, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 64;
/// The least similarity of a suggestion, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// True for the name of a part or a service: 1 to 64 ASCII letters, digits, `_` and `-`.
pub(crate) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_letter)
}

/// True for the name of a query parameter: 1 to 64 ASCII letters, digits and `-._~[]`.
pub(crate) fn is_query_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Returns the message for an unknown name: with the most similar known name, or with all of them.
pub(crate) fn unknown<'k>(
    kind: &str,
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match similar(name, &known) {
        Some(similar) => format!("unknown {kind} `{name}`, did you mean `{similar}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`, expected none"),
        None => format!(
            "unknown {kind} `{name}`, expected one of {}",
            known.join(", ")
        ),
    }
}

/// Returns the known name that is most similar to a name.
pub(crate) fn similar<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let similarity =
        |known: &str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name.to_ascii_lowercase());
    known
        .iter()
        .map(|known| (similarity(known), *known))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}
