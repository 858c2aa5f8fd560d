//! Texts about claims and times.

use jiff::Timestamp;
use policy::{Audiences, ClaimPath, ClaimReference, RequiredClaim, TimeLimits};
use serde_json::Value;

use crate::token::claims::Claims;

/// The longest value of a claim that is shown, in characters.
const MAX_VALUE_CHARS: usize = 200;

/// Returns a value as JSON, cut off if it is long.
pub(crate) fn json(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns names in code quotes, separated by commas, or `none`.
pub(crate) fn list(names: impl IntoIterator<Item: AsRef<str>>) -> String {
    let names: Vec<_> = names
        .into_iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Returns the claim that a reference finds, or the names of the missing claims.
pub(crate) fn found(reference: &ClaimReference, claims: &Claims) -> String {
    if let Some((path, value)) = reference.find(claims) {
        return format!("`{}` is {}", path.reference(), json(value));
    }

    let paths = reference.paths().iter();
    let quoted: Vec<_> = paths
        .clone()
        .map(|path| format!("`{}`", path.reference()))
        .collect();
    let hint = paths.filter_map(nested_hint).next().unwrap_or_default();
    format!("{} is missing{hint}", quoted.join(" or "))
}

/// Returns how to write a nested claim, for a name that looks like a path in another syntax.
fn nested_hint(path: &ClaimPath) -> Option<String> {
    let name = path.reference();
    let looks_nested = !name.starts_with('/') && !name.contains(':');
    let names = name.trim_start_matches("$.");
    (looks_nested && names.contains(['.', '/'])).then(|| {
        let pointer = names.replace('.', "/");
        format!("; a nested claim is written `/{pointer}`")
    })
}

/// Returns the audience of a token, and the accepted ones.
pub(crate) fn audience(audiences: &Audiences, claims: &Claims) -> String {
    match audiences {
        Audiences::Any => "the policy accepts any audience".to_owned(),
        Audiences::Listed { names, claim } => {
            format!("{}, accepted: {}", found(claim, claims), list(names))
        }
    }
}

/// Returns a required claim and its accepted values.
pub(crate) fn required(required: &RequiredClaim, claims: &Claims) -> String {
    let path = required.path.reference();
    let found = match required.path.find(claims) {
        Some(value) => format!("`{path}` is {}", json(value)),
        None => format!("`{path}` is missing"),
    };
    format!(
        "{found}, accepted: {}",
        list(required.accepted().iter().map(json))
    )
}

/// Returns the times of a token relative to `now`.
pub(crate) fn times(claims: &Claims, now: Timestamp, limits: TimeLimits) -> String {
    let texts = [
        ("iat", "issued", "issued"),
        ("nbf", "valid since", "valid"),
        ("exp", "expired", "expires"),
    ];
    let mut parts: Vec<String> = texts
        .iter()
        .filter_map(|(name, past, future)| {
            let value = claims.get(*name)?;
            Some(match seconds(value) {
                Some(at) if at / 500 >= now.as_second() => {
                    format!(
                        "`{name}` is {}, probably in milliseconds, expected seconds",
                        json(value)
                    )
                }
                Some(at) if at <= now.as_second() => {
                    format!("{past} {} ago", span(now.as_second() - at))
                }
                Some(at) => format!("{future} in {}", span(at - now.as_second())),
                None => format!("`{name}` is {}, expected a number of seconds", json(value)),
            })
        })
        .collect();
    if !claims.contains_key("exp") {
        parts.push("`exp` is missing".to_owned());
    }

    let lifetime = match limits.max_lifetime_s {
        Some(longest) => format!("the longest accepted lifetime is {}", span(longest)),
        None => "any lifetime is accepted".to_owned(),
    };
    let tolerance = span(limits.tolerance_s);
    format!(
        "{}; clock tolerance {tolerance}, {lifetime}",
        parts.join(", ")
    )
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
fn seconds(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| seconds.floor() as i64)
}

/// Returns a number of seconds in its two largest units.
fn span(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let largest = UNITS.iter().position(|(unit, _)| seconds >= *unit);
    let mut rest = seconds;
    let mut parts = Vec::new();

    for (unit, name) in &UNITS[largest.unwrap_or(UNITS.len() - 1)..] {
        let count = rest / unit;
        rest %= unit;
        if parts.len() < 2 && (count > 0 || parts.is_empty()) {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_has_at_most_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_661, "1 h 1 min"),
            (3_601, "1 h 1 s"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn long_values_are_cut_off() {
        let text = json(&Value::from("ü".repeat(1_000)));
        assert_eq!(text.chars().count(), MAX_VALUE_CHARS + 1);
    }
}
