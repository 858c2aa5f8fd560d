//! A plan, for the description. What reads one is [`usage::PlanDocument`], and a test holds the two together.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

/// How often each of a plan's callers may call. What has no limit is left out.
#[derive(Deserialize, ToSchema)]
#[schema(as = Plan)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
pub(crate) struct PlanSchema {
    /// How all of a caller's calls are limited: by `throttle`, or by `window_s` and `limit`.
    #[schema(value_type = Algorithm, required = false)]
    algorithm: Option<Algorithm>,
    /// The bucket of all of a caller's calls.
    #[schema(value_type = Throttle, required = false)]
    throttle: Option<Throttle>,
    /// For a sliding window: its width in seconds.
    #[schema(value_type = u64, required = false, minimum = 1, maximum = 86_400)]
    window_s: Option<u64>,
    /// For a sliding window: calls in it.
    #[schema(value_type = u64, required = false, maximum = 999_999_999_999_999u64)]
    limit: Option<u64>,
    /// Calls a period, at most 4.
    #[schema(value_type = Vec<Quota>, required = false, max_items = 4)]
    quotas: Option<Vec<Quota>>,
    /// Buckets of single routes by route key, such as `POST /payments`; at most 16.
    #[schema(value_type = BTreeMap<String, Throttle>, required = false)]
    routes: Option<BTreeMap<String, Throttle>>,
    /// Whether all callers of the plan take from one set of limits.
    #[schema(value_type = bool, required = false)]
    shared_by_plan: Option<bool>,
    /// What answers while the store does not.
    #[schema(value_type = OnStoreFailure, required = false)]
    on_store_failure: Option<OnStoreFailure>,
    /// The share of a limit from which on a caller is near it.
    #[schema(value_type = f64, required = false, minimum = 0.0, maximum = 1.0)]
    near_limit: Option<f64>,
    /// Whether it only watches: what it would refuse passes, and the decision says so.
    #[schema(value_type = bool, required = false)]
    shadow: Option<bool>,
    /// How many calls an instance that is called often may buy with one write; 0 for one by one.
    #[schema(value_type = u32, required = false, maximum = 1_000)]
    lease: Option<u32>,
}

/// How calls are counted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Algorithm {
    /// Exactly: a burst at once, and then a rate.
    TokenBucket,
    /// So many calls in any window, approximately.
    SlidingWindow,
}

/// A token bucket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Throttle {
    /// Tokens a second.
    #[schema(minimum = 0.0, maximum = 1_000_000.0)]
    rate: f64,
    /// Tokens at most.
    #[schema(maximum = 100_000_000)]
    burst: u64,
}

/// A quota.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is there for its description")]
struct Quota {
    /// Its name; the period where absent.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 64)]
    name: Option<String>,
    /// Calls a period.
    #[schema(maximum = 999_999_999_999_999u64)]
    limit: u64,
    /// When it starts anew.
    period: Period,
    /// By whose clock, as the IANA database names it; UTC where absent. An alias such as `Etc/UTC` is stored and returned by
    /// the canonical name of its time zone.
    #[schema(value_type = String, required = false, example = "Europe/Berlin")]
    time_zone: Option<String>,
    /// A week's first day, 1 (Monday) to 7, or a month's, 1 to 31.
    #[schema(value_type = u8, required = false, minimum = 1, maximum = 31)]
    starts_on: Option<u8>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Period {
    Day,
    Week,
    Month,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OnStoreFailure {
    Allow,
    Deny,
    Local,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use usage::PlanDocument;

    /// What serde says it knows, where it meets what it does not.
    fn known(document: &Value) -> BTreeSet<String> {
        let error = serde_json::from_value::<PlanDocument>(document.clone()).unwrap_err().to_string();
        let (_, names) = error.split_once("expected ").expect("what is expected");
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    fn described(name: &str) -> BTreeSet<String> {
        let schema = &crate::api::description()["components"]["schemas"][name];
        match (&schema["properties"], &schema["enum"]) {
            (Value::Object(members), _) => members.keys().cloned().collect(),
            (_, Value::Array(values)) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => panic!("{name}: {schema}"),
        }
    }

    #[test]
    fn a_plan_is_described_with_the_members_that_are_read() {
        let nobody = json!({"nobody": 1});
        for (name, document) in [
            ("Plan", nobody.clone()),
            ("Throttle", json!({"throttle": nobody})),
            ("Quota", json!({"quotas": [nobody]})),
            ("Period", json!({"quotas": [{"limit": 1, "period": "nobody"}]})),
            ("Algorithm", json!({"algorithm": "nobody"})),
            ("OnStoreFailure", json!({"on_store_failure": "nobody"})),
        ] {
            assert_eq!(described(name), known(&document), "{name}");
        }
    }
}
