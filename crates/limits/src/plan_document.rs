//! The JSON form of a plan. Unknown fields and `null` are errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mistake::{Mistake, pointer};
use crate::time_zone::canonical_name;
use crate::{Overage, QuotaDocument};

/// The fill time below which a bucket refuses even regular traffic, in seconds. Network packets
/// arrive in batches.
const MIN_FILL_TIME_S: f64 = 0.05;

/// A token bucket.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "an object with the fields `rate` and `burst`"
)]
pub struct Throttle {
    /// The number of tokens per second: 0, or 0.000001 to 1,000,000.
    #[serde(serialize_with = "shortest")]
    #[cfg_attr(feature = "schema", schema(minimum = 0.0, maximum = 1_000_000.0))]
    pub rate: f64,
    /// The largest number of tokens, up to 100,000,000. With a burst or rate of 0, no call is
    /// admitted.
    #[serde(deserialize_with = "crate::present::whole")]
    #[cfg_attr(feature = "schema", schema(maximum = 100_000_000))]
    pub burst: u64,
}

/// The limits of each caller of a plan. A limit that is left out does not apply.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Plan))]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// False refuses all calls of the plan's callers, and keeps its limits and their usage. The
    /// default is true.
    #[serde(
        rename = "enabled",
        default,
        deserialize_with = "negated",
        serialize_with = "serialize_negated",
        skip_serializing_if = "is_false"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = bool, required = false))]
    pub disabled: bool,
    /// The token bucket for all calls of a caller. By default there is none.
    #[serde(
        default,
        deserialize_with = "crate::present::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = Throttle, required = false))]
    pub throttle: Option<Throttle>,
    /// The algorithm that limits all calls of a caller: `token_bucket` with `throttle`, or
    /// `sliding_window` with `window_s` and `limit`. The default is `token_bucket`.
    #[serde(default, skip_serializing_if = "Algorithm::is_default")]
    pub algorithm: Algorithm,
    /// The width of a sliding window, in seconds, from 1 to 86,400.
    #[serde(
        default,
        deserialize_with = "crate::present::present_whole",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false, minimum = 1, maximum = 86_400))]
    pub window_s: Option<u64>,
    /// The number of calls per sliding window. With 0, no call is admitted.
    #[serde(
        default,
        deserialize_with = "crate::present::present_whole",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = u64, required = false, maximum = 999_999_999_999_999u64))]
    pub limit: Option<u64>,
    /// The quotas, which limit calls per calendar period. At most 4, each with a different name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schema(max_items = 4))]
    pub quotas: Vec<QuotaDocument>,
    /// The time zone of the days in usage reports, a name of the IANA database. The default is the
    /// time zone of the quotas if they all have the same one, otherwise UTC.
    #[serde(
        default,
        deserialize_with = "crate::present::present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = String, required = false, example = "Europe/Berlin"))]
    pub time_zone: Option<String>,
    /// Additional token buckets by route key, such as `POST /payments`. At most 16.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "strict_json::map"
    )]
    pub routes: BTreeMap<String, Throttle>,
    /// True if all callers of the plan share one set of limits. By default, each has its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared_by_plan: bool,
    /// The behavior while the store does not respond. The default is `allow`.
    #[serde(default, skip_serializing_if = "OnStoreFailure::is_default")]
    pub on_store_failure: OnStoreFailure,
    /// The used share of a limit, from 0 to 1, from which a caller is near the limit. The default is
    /// 0.8.
    #[serde(
        default,
        deserialize_with = "crate::present::present",
        serialize_with = "shortest_present",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schema(value_type = f64, required = false, minimum = 0.0, maximum = 1.0))]
    pub near_limit: Option<f64>,
    /// True for a dry run: calls over the limit are allowed and not charged, and the decision says
    /// so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shadow: bool,
    /// The maximum number of calls that a busy instance buys with one write, up to 1,000. With 0,
    /// the default, each call is one write. The usable burst is reduced by the tokens that return
    /// within a lease, by at most a quarter.
    #[serde(
        default,
        deserialize_with = "crate::present::whole",
        skip_serializing_if = "is_zero"
    )]
    #[cfg_attr(feature = "schema", schema(maximum = 1_000))]
    pub lease: u32,
}

/// The algorithm that limits all calls of a caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// An exact limit: a burst at once, then a rate.
    #[default]
    TokenBucket,
    /// An approximate limit on the calls in any window, see [`SlidingWindow`](crate::SlidingWindow).
    SlidingWindow,
}

impl Algorithm {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde requires a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The behavior while the store does not respond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// Calls pass and are not counted.
    #[default]
    Allow,
    /// Calls are refused until the store responds again.
    Deny,
    /// Each instance applies its share of the limits.
    Local,
}

impl OnStoreFailure {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde requires a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn negated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    bool::deserialize(deserializer).map(|value| !value)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires a reference"
)]
fn serialize_negated<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!value)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires a reference"
)]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// The largest number that [`shortest`] writes without a fraction. It is greater than any rate.
const MAX_WHOLE: f64 = 1e9;

/// Writes a whole number without a fraction, so that a rate of `1` is not shown as `1.0`.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde requires a reference"
)]
fn shortest<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let is_whole = number.fract() == 0.0 && number.is_sign_positive() && *number <= MAX_WHOLE;
    if !is_whole {
        return serializer.serialize_f64(*number);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is whole and at most 10⁹"
    )]
    serializer.serialize_u64(*number as u64)
}

/// Writes numbers as [`shortest`] does.
pub(crate) fn shortest_all<S: Serializer>(
    numbers: &[f64],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct Shortest<'n>(&'n f64);
    impl Serialize for Shortest<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            shortest(self.0, serializer)
        }
    }

    serializer.collect_seq(numbers.iter().map(Shortest))
}

fn shortest_present<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => shortest(number, serializer),
        None => serializer.serialize_none(),
    }
}

impl PlanDocument {
    /// Returns all token buckets of the plan.
    pub fn throttles(&self) -> impl Iterator<Item = &Throttle> {
        self.throttle.iter().chain(self.routes.values())
    }

    /// Returns warnings about values that are valid but probably not intended: limits that refuse
    /// every request, bursts so small that they refuse requests that arrive evenly, and thresholds that
    /// are never reached.
    #[must_use]
    pub fn warnings(&self) -> Vec<Mistake> {
        let caller = self
            .throttle
            .iter()
            .map(|throttle| (pointer(&["throttle"]), throttle));
        let routes = self
            .routes
            .iter()
            .map(|(route, throttle)| (pointer(&["routes", route]), throttle));
        let throttles = caller
            .chain(routes)
            .filter_map(|(pointer, throttle)| throttle_warning(&pointer, throttle));

        let quotas = self.quotas.iter().enumerate();
        let hard = quotas.filter(|(_, quota)| quota.overage == Overage::Deny);
        let quotas = hard.map(|(index, quota)| {
            (
                pointer(&["quotas", &index.to_string(), "limit"]),
                quota.limit,
            )
        });
        let windows = self.limit.map(|limit| (pointer(&["limit"]), limit));
        let zeros = quotas.chain(windows).filter(|(_, limit)| *limit == 0);

        throttles
            .chain(zeros.map(|(pointer, _)| refuses_all(pointer, "limit")))
            .chain(self.unreachable_thresholds())
            .collect()
    }

    /// Returns warnings about thresholds beyond the limit of a quota that ends at its limit.
    fn unreachable_thresholds(&self) -> impl Iterator<Item = Mistake> {
        let quotas = self.quotas.iter().enumerate();
        let hard = quotas.filter(|(_, quota)| quota.overage == Overage::Deny);
        hard.flat_map(|(index, quota)| {
            let shares = quota.warn_at.iter().enumerate();
            let beyond = shares.filter(|(_, share)| **share > 1.0);
            beyond.map(move |(position, share)| Mistake {
                pointer: pointer(&[
                    "quotas",
                    &index.to_string(),
                    "warn_at",
                    &position.to_string(),
                ]),
                message: format!("{share} is never reached without `\"overage\": \"allow\"`"),
            })
        })
    }

    /// Returns the document as the registry stores it in place of `before`. See
    /// [`QuotaDocument::stored`].
    pub fn stored(&self, before: Option<&Self>) -> Self {
        let before = before
            .map(|before| before.quotas.as_slice())
            .unwrap_or_default();

        Self {
            quotas: self
                .quotas
                .iter()
                .map(|quota| quota.stored(before))
                .collect(),
            time_zone: self
                .time_zone
                .as_deref()
                .map(|name| canonical_name(name).unwrap_or(name).to_owned()),
            ..self.clone()
        }
    }
}

fn throttle_warning(pointer: &str, throttle: &Throttle) -> Option<Mistake> {
    if throttle.burst == 0 {
        return Some(refuses_all(format!("{pointer}/burst"), "burst"));
    }
    if throttle.rate == 0.0 {
        return Some(refuses_all(format!("{pointer}/rate"), "rate"));
    }

    small_burst(format!("{pointer}/burst"), throttle)
}

fn refuses_all(pointer: String, field: &str) -> Mistake {
    Mistake {
        pointer,
        message: format!(
            "a {field} of 0 refuses every request that it applies to, unless calls are granted"
        ),
    }
}

fn small_burst(pointer: String, throttle: &Throttle) -> Option<Mistake> {
    let min_burst = (throttle.rate * MIN_FILL_TIME_S).ceil();
    #[expect(clippy::cast_precision_loss, reason = "a burst is at most 10⁸")]
    let burst = throttle.burst as f64;

    (burst > 0.0 && burst < min_burst).then(|| Mistake {
        pointer,
        message: format!(
            "a burst of {burst} refuses some calls that arrive evenly at {} per second, expected at least {min_burst}",
            throttle.rate
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(json: &str) -> Vec<String> {
        let document: PlanDocument = serde_json::from_str(json).unwrap();
        document
            .warnings()
            .into_iter()
            .map(|warning| warning.pointer)
            .collect()
    }

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        for json in [
            r#"{"throttle":{"rate":1,"burst":5},"near_limit":1}"#,
            r#"{"throttle":{"rate":0.5,"burst":5},"near_limit":0.25}"#,
            r#"{"throttle":{"rate":1000000,"burst":5},"routes":{"GET /a":{"rate":0,"burst":1}},"near_limit":0}"#,
            r#"{"throttle":{"rate":0.000001,"burst":5}}"#,
        ] {
            let document: PlanDocument = serde_json::from_str(json).unwrap();
            let written: serde_json::Value = serde_json::to_value(&document).unwrap();
            assert_eq!(
                written,
                serde_json::from_str::<serde_json::Value>(json).unwrap()
            );
        }
        let document: PlanDocument =
            serde_json::from_str(r#"{"throttle":{"rate":1.0,"burst":1.0}}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&document).unwrap(),
            r#"{"throttle":{"rate":1,"burst":1}}"#
        );
    }

    #[test]
    fn burst_of_less_than_50_ms_is_valid_with_a_warning() {
        let json = r#"{"throttle":{"rate":1000,"burst":49},"routes":{"GET /a/b":{"rate":100,"burst":4},"GET /c":{"rate":1,"burst":1}}}"#;
        assert_eq!(
            warnings(json),
            ["/throttle/burst", "/routes/GET ~1a~1b/burst"]
        );
        assert!(
            serde_json::from_str::<PlanDocument>(json)
                .unwrap()
                .check()
                .is_empty()
        );
        assert_eq!(
            warnings(r#"{"throttle":{"rate":1000,"burst":50}}"#),
            [""; 0]
        );
    }

    #[test]
    fn threshold_beyond_a_hard_limit_is_valid_with_a_warning() {
        let quota = |overage: &str| {
            format!(
                r#"{{"quotas":[{{"limit":5,"period":"day","overage":"{overage}","warn_at":[0.8,1,1.5]}}]}}"#
            )
        };
        assert_eq!(warnings(&quota("deny")), ["/quotas/0/warn_at/2"]);
        assert_eq!(warnings(&quota("allow")), [""; 0]);
    }

    #[test]
    fn limit_of_0_is_valid_with_a_warning() {
        let json = r#"{"throttle":{"rate":10,"burst":0},"quotas":[{"limit":1,"period":"day"},{"limit":0,"period":"week"}],
                       "routes":{"GET /a":{"rate":0,"burst":5},"GET /b":{"rate":1,"burst":5}}}"#;
        assert_eq!(
            warnings(json),
            ["/throttle/burst", "/routes/GET ~1a/rate", "/quotas/1/limit"]
        );
        let window = r#"{"algorithm":"sliding_window","window_s":60,"limit":0}"#;
        assert_eq!(warnings(window), ["/limit"]);
        for json in [json, window] {
            assert!(
                serde_json::from_str::<PlanDocument>(json)
                    .unwrap()
                    .check()
                    .is_empty()
            );
        }
    }
}
