//! `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10: lists of strings with
//! parameters (RFC 9651). The one place that knows this dialect; a later revision may rename `r` and `t`.

use std::fmt::Write as _;

use crate::Limit;

/// `"burst";q=5;w=5, "day";q=100;w=86400`, or `None` where there is no limit.
#[must_use]
pub fn rate_limit_policy(limits: &[Limit]) -> Option<String> {
    list(limits, |text, limit| write!(text, ";q={};w={}", limit.limit, limit.window_s))
}

/// `"burst";r=4;t=1, "day";r=99;t=86399`, or `None` where there is no limit. `t` is the time until there
/// is more than `r`, so a full bucket has none.
#[must_use]
pub fn rate_limit(limits: &[Limit]) -> Option<String> {
    list(limits, |text, limit| match limit.reset_s {
        Some(reset_s) => write!(text, ";r={};t={reset_s}", limit.remaining),
        None => write!(text, ";r={}", limit.remaining),
    })
}

fn list(limits: &[Limit], parameters: impl Fn(&mut String, &Limit) -> std::fmt::Result) -> Option<String> {
    let mut text = String::with_capacity(limits.len() * 32);
    for limit in limits {
        if !text.is_empty() {
            text.push_str(", ");
        }
        push_string(&mut text, &limit.name);
        parameters(&mut text, limit).ok()?;
    }
    (!text.is_empty()).then_some(text)
}

/// An sf-string: a plan's names are printable ASCII already.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        if character == '"' || character == '\\' {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, reset_s: Option<u64>) -> Limit {
        Limit { name: name.into(), limit: 100, window_s: 60, remaining: 50, reset_s }
    }

    #[test]
    fn every_limit_is_named() {
        let limits = [limit("burst", Some(30)), limit("day", None)];
        assert_eq!(rate_limit_policy(&limits).as_deref(), Some(r#""burst";q=100;w=60, "day";q=100;w=60"#));
        assert_eq!(rate_limit(&limits).as_deref(), Some(r#""burst";r=50;t=30, "day";r=50"#));
    }

    #[test]
    fn a_name_is_escaped_as_a_structured_string() {
        assert_eq!(rate_limit(&[limit(r#"a"b\c"#, None)]).as_deref(), Some(r#""a\"b\\c";r=50"#));
    }

    #[test]
    fn without_limits_there_is_no_field() {
        assert_eq!((rate_limit_policy(&[]), rate_limit(&[])), (None, None));
    }
}
