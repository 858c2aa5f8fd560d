//! Lists of `key=value`, as in `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS`.

use percent_encoding::percent_decode_str;

/// Returns the pairs with decoded values. `None` if a pair has no `=` or an empty key, or if a
/// value is not UTF-8.
pub(super) fn key_values(list: &str) -> Option<Vec<(String, String)>> {
    list.split(',')
        .filter(|pair| !pair.trim().is_empty())
        .map(key_value)
        .collect()
}

fn key_value(pair: &str) -> Option<(String, String)> {
    let (key, value) = pair.split_once('=')?;
    let key = key.trim();
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;

    (!key.is_empty()).then(|| (key.to_owned(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded_and_trimmed() {
        let pairs = key_values("a=1, b = two%20words ,,c=x=y").unwrap();

        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "1"), ("b", "two words"), ("c", "x=y")]);
    }

    #[test]
    fn pairs_without_a_key_or_with_invalid_utf_8_are_refused() {
        for list in ["a", "=1", "a=1,b", "a=%ff"] {
            assert_eq!(key_values(list), None, "{list}");
        }
    }
}
