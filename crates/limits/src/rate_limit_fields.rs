//! The fields `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
//!
//! They are lists of strings with parameters (RFC 9651). No other file depends on the names of the
//! parameters, which a later revision of the draft may change.

use crate::Limit;
use crate::plan_bounds::MAX_LIMIT;

/// Returns the value of `RateLimit-Policy`, such as `"burst";q=5;w=5, "day";q=100;w=86400`. `None`
/// if there are no limits. A quota that never starts anew has no `w`.
#[must_use]
pub fn rate_limit_policy(limits: &[Limit]) -> Option<String> {
    list(limits, |text, limit| {
        push_parameter(text, ";q=", limit.limit);
        if let Some(window_s) = limit.window_s {
            push_parameter(text, ";w=", window_s);
        }
    })
}

/// Returns the value of `RateLimit`, such as `"burst";r=4;t=1, "day";r=99;t=86399`. `None` if there
/// are no limits. `t` is the time until more than `r` calls are left, so a full bucket has no `t`.
#[must_use]
pub fn rate_limit(limits: &[Limit]) -> Option<String> {
    list(limits, |text, limit| {
        push_parameter(text, ";r=", limit.remaining);
        if let Some(reset_s) = limit.reset_s {
            push_parameter(text, ";t=", reset_s);
        }
    })
}

fn list(limits: &[Limit], parameters: impl Fn(&mut String, &Limit)) -> Option<String> {
    let mut text = String::with_capacity(limits.len() * 32);
    for limit in limits {
        if !text.is_empty() {
            text.push_str(", ");
        }
        push_string(&mut text, &limit.name);
        parameters(&mut text, limit);
    }

    (!text.is_empty()).then_some(text)
}

/// Appends a parameter. Its value is limited to the 15 digits of an sf-integer, because the calls
/// left may be more after grants. Formatting with `write!` costs three times as much.
fn push_parameter(text: &mut String, name: &str, value: u64) {
    text.push_str(name);
    text.push_str(itoa::Buffer::new().format(value.min(MAX_LIMIT)));
}

/// Appends an sf-string, which is printable ASCII. Other characters, as in a route key, become `?`.
fn push_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            ' '..='~' => text.push(character),
            _ => text.push('?'),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Demand, Plan, PlanDocument, SECOND, Usage};
    use proptest::prelude::*;

    fn limit(name: &str, reset_s: Option<u64>) -> Limit {
        Limit {
            name: name.into(),
            limit: 100,
            window_s: Some(60),
            remaining: 50,
            reset_s,
        }
    }

    #[test]
    fn fields_contain_every_limit() {
        let limits = [limit("burst", Some(30)), limit("day", None)];
        assert_eq!(
            rate_limit_policy(&limits).as_deref(),
            Some(r#""burst";q=100;w=60, "day";q=100;w=60"#)
        );
        assert_eq!(
            rate_limit(&limits).as_deref(),
            Some(r#""burst";r=50;t=30, "day";r=50"#)
        );
    }

    #[test]
    fn names_are_escaped_as_structured_strings() {
        assert_eq!(
            rate_limit(&[limit(r#"a"b\c"#, None)]).as_deref(),
            Some(r#""a\"b\\c";r=50"#)
        );
    }

    #[test]
    fn there_is_no_field_without_limits() {
        assert_eq!((rate_limit_policy(&[]), rate_limit(&[])), (None, None));
    }

    /// Parses a field strictly, and returns the name and the parameters of each list item.
    fn parse(field: &str) -> Vec<(String, Vec<(String, i64)>)> {
        let list: sfv::List = sfv::Parser::new(field).parse().unwrap();
        let item = |entry: &sfv::ListEntry| match entry {
            sfv::ListEntry::Item(item) => {
                let parameters = item.params.iter();
                let number = |value: &sfv::BareItem| i64::from(value.as_integer().unwrap());
                let parameters = parameters
                    .map(|(key, value)| (key.to_string(), number(value)))
                    .collect();
                (item.bare_item.as_string().unwrap().to_string(), parameters)
            }
            sfv::ListEntry::InnerList(_) => panic!("expected an item, not an inner list"),
        };

        list.iter().map(item).collect()
    }

    #[test]
    fn strict_parser_reads_every_limit_of_a_plan() {
        let plan = r#"{"algorithm":"sliding_window","window_s":60,"limit":20,"routes":{"GET /a":{"rate":1,"burst":5}},
            "quotas":[{"limit":100,"period":"day"},{"name":"a \"week\\","limit":500,"period":"week","time_zone":"Europe/Berlin"},
                      {"limit":999999999999999,"period":"month","starts_on":31}]}"#;
        let plan = Plan::new("p", serde_json::from_str::<PlanDocument>(plan).unwrap()).unwrap();
        let route = plan.route_limit("GET", "/a").cloned();
        let mut usage = Usage::default();
        let midnight = 1_795_305_600 * SECOND; // 2026-11-22T00:00:00Z
        let limits = Demand::new(&plan, route.as_deref(), 2, midnight)
            .unwrap()
            .charge(&mut usage)
            .limits;

        let names = ["window", "GET /a", "day", "a \"week\\", "month"];
        let parameter = |name: &str, value| (name.to_owned(), value);
        let policy = parse(&rate_limit_policy(&limits).unwrap());
        assert_eq!(
            policy
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            names
        );
        assert_eq!(policy[0].1, [parameter("q", 20), parameter("w", 60)]);
        assert_eq!(
            policy[3].1,
            [parameter("q", 500), parameter("w", 7 * 86_400)]
        );

        let current = parse(&rate_limit(&limits).unwrap());
        assert_eq!(
            current
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>(),
            names
        );
        assert_eq!(current[1].1, [parameter("r", 3), parameter("t", 1)]);
        assert_eq!(current[2].1, [parameter("r", 98), parameter("t", 86_400)]);
        assert_eq!(current[4].1[0], parameter("r", 999_999_999_999_997));
    }

    proptest! {
        #[test]
        fn strict_parser_reads_fields_with_arbitrary_names(
            name in ".*", limit in any::<u64>(), window_s in proptest::option::of(any::<u64>()), remaining in any::<u64>(),
            reset_s in proptest::option::of(any::<u64>()),
        ) {
            let limits = [Limit { name: name.as_str().into(), limit, window_s, remaining, reset_s }, self::limit("day", None)];
            let expected: String =
                name.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }).collect();
            for field in [rate_limit_policy(&limits), rate_limit(&limits)] {
                prop_assert_eq!(&parse(&field.unwrap())[0].0, &expected);
            }
        }
    }
}
