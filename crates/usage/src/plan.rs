//! A plan: how often each of its callers may call.

use std::collections::BTreeMap;
use std::sync::Arc;

use routes::{RouteKey, RouteTable};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::quota::{Quota, QuotaDocument};

/// The largest quota: the largest integer of a structured field (RFC 9651), and exact in JSON numbers.
pub(crate) const MAX_LIMIT: u64 = 999_999_999_999_999;
const RATES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;
/// At the smallest rate it takes 10¹⁴ s to come back, which still fits into a structured field.
const MAX_BURST: u64 = 100_000_000;
const LONGEST_ROUTE: usize = 256;
pub(crate) const MAX_QUOTAS: usize = 4;
const MAX_ROUTES: usize = 16;

/// Tokens a second, and how many may be taken at once.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Tokens a second: 0, or 0.000001 to 1,000,000.
    pub rate: f64,
    /// Tokens at most, up to 10⁸. A burst or rate of 0 admits no call.
    pub burst: u64,
}

/// A plan as written: JSON, in which a member that nobody knows is an error.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// The bucket of all of a caller's calls; none where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// At most 4, each with a name of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<QuotaDocument>,
    /// Buckets of their own for routes, beside the caller's: at most 16.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "crate::unique::names")]
    pub routes: BTreeMap<String, Throttle>,
    /// What answers while the store does not.
    #[serde(default, skip_serializing_if = "OnStoreFailure::is_default")]
    pub on_store_failure: OnStoreFailure,
    /// The share of a limit, from 0 to 1, from which on a caller is near it. 0.8 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near_limit: Option<f64>,
}

/// What answers a call while the store does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreFailure {
    /// It passes, uncounted.
    #[default]
    Allow,
    /// It is refused until the store answers again.
    Deny,
    /// This process decides by itself, on its share of the limits.
    Local,
}

impl OnStoreFailure {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A plan, checked and ready to decide by.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The bucket of all of a caller's calls.
    pub bucket: Option<Bucket>,
    /// Its quotas.
    pub quotas: Vec<Quota>,
    /// Buckets of single routes.
    pub routes: RouteTable<Arc<RouteLimit>>,
    /// What answers while the store does not.
    pub on_store_failure: OnStoreFailure,
    /// The share of a limit from which on a caller is near it.
    pub near_limit: f64,
}

/// A route's own bucket.
#[derive(Debug)]
pub struct RouteLimit {
    /// The route key as written in the plan.
    pub route: String,
    /// Its bucket.
    pub bucket: Bucket,
}

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Not letters, digits, `.`, `_` and `-`, or not 1 to 64 of them.
    #[error("`{0}` is not a plan's name: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit")]
    Name(String),
    /// Out of range.
    #[error("{member}.rate is {rate}; it is 0, or from 0.000001 to 1000000 a second")]
    Rate {
        /// Where it stands.
        member: String,
        /// What stands there.
        rate: f64,
    },
    /// Out of range.
    #[error("{member}.burst is {burst}; it is at most 100000000")]
    Burst {
        /// Where it stands.
        member: String,
        /// What stands there.
        burst: u64,
    },
    /// More than fit into one item.
    #[error("{0} quotas; a plan has 4 at most")]
    TooManyQuotas(usize),
    /// More than fit into one item.
    #[error("{0} routes; a plan has 16 at most")]
    TooManyRoutes(usize),
    /// Two limits of one name could not be told apart in `RateLimit-Policy`.
    #[error("two limits are called `{0}`")]
    RepeatedName(String),
    /// They would count the same calls.
    #[error("quota `{0}`: another quota has the same period")]
    RepeatedPeriod(String),
    /// Not a short printable name.
    #[error("`{0}` is not a quota's name: 1 to 64 printable ASCII characters")]
    PolicyName(String),
    /// Out of range.
    #[error("quota `{name}`: limit is {limit}; it is at most 999999999999999")]
    QuotaLimit {
        /// The quota.
        name: String,
        /// What stands there.
        limit: u64,
    },
    /// Not a route key, or one that another already covers.
    #[error("routes: {0}")]
    Route(String),
    /// Not a share.
    #[error("near_limit is {0}; it is from 0 to 1")]
    NearLimit(f64),
}

impl Plan {
    /// Checks a document.
    ///
    /// # Errors
    /// The first [`PlanError`] found.
    pub fn new(name: &str, document: PlanDocument) -> Result<Self, PlanError> {
        check_name(name)?;
        let near_limit = document.near_limit.unwrap_or(0.8);
        if !(0.0..=1.0).contains(&near_limit) {
            return Err(PlanError::NearLimit(near_limit));
        }
        let bucket = document.throttle.map(|throttle| new_bucket("throttle", "", "burst", &throttle)).transpose()?;
        let quotas = new_quotas(document.quotas)?;
        let taken = |name: &str| document.routes.contains_key(name) || (bucket.is_some() && name == "burst");
        if let Some(quota) = quotas.iter().find(|quota| taken(&quota.name)) {
            return Err(PlanError::RepeatedName(quota.name.to_string()));
        }
        let (routes, on_store_failure) = (new_routes(document.routes)?, document.on_store_failure);
        Ok(Self { name: name.to_owned(), bucket, quotas, routes, on_store_failure, near_limit })
    }

    /// One of `instances` equal shares of its limits, each at least one call, without those of its routes.
    pub(crate) fn share(&self, instances: u32) -> Self {
        Self {
            name: self.name.clone(),
            bucket: self.bucket.as_ref().map(|bucket| bucket.share(instances)),
            quotas: self.quotas.iter().map(|quota| quota.share(instances)).collect(),
            routes: RouteTable::default(),
            on_store_failure: self.on_store_failure,
            near_limit: self.near_limit,
        }
    }

    /// The limit of its own that a route has, if it has one.
    #[must_use]
    pub fn route_limit(&self, method: &str, path: &str) -> Option<&Arc<RouteLimit>> {
        self.routes.find(method, path).map(|found| found.value)
    }
}

impl RouteLimit {
    /// One of `instances` equal shares of it.
    pub(crate) fn share(&self, instances: u32) -> Self {
        Self { route: self.route.clone(), bucket: self.bucket.share(instances) }
    }
}

/// # Errors
/// [`PlanError::Name`] for a text that cannot be a plan's name.
pub(crate) fn check_name(name: &str) -> Result<(), PlanError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if plain && starts && name.len() <= 64 { Ok(()) } else { Err(PlanError::Name(name.to_owned())) }
}

/// # Errors
/// [`PlanError::PolicyName`] for what cannot stand in a `RateLimit` field.
pub(crate) fn check_policy_name(name: &str) -> Result<(), PlanError> {
    let printable = name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if printable && (1..=64).contains(&name.len()) { Ok(()) } else { Err(PlanError::PolicyName(name.to_owned())) }
}

fn new_bucket(member: &str, scope: &str, name: &str, throttle: &Throttle) -> Result<Bucket, PlanError> {
    if throttle.rate != 0.0 && !RATES.contains(&throttle.rate) {
        return Err(PlanError::Rate { member: member.to_owned(), rate: throttle.rate });
    }
    if throttle.burst > MAX_BURST {
        return Err(PlanError::Burst { member: member.to_owned(), burst: throttle.burst });
    }
    Ok(Bucket::new(scope, name, throttle))
}

fn new_quotas(documents: Vec<QuotaDocument>) -> Result<Vec<Quota>, PlanError> {
    if documents.len() > MAX_QUOTAS {
        return Err(PlanError::TooManyQuotas(documents.len()));
    }
    let mut quotas: Vec<Quota> = Vec::with_capacity(documents.len());
    for document in documents {
        let quota = Quota::new(document)?;
        if quotas.iter().any(|earlier| earlier.period == quota.period) {
            return Err(PlanError::RepeatedPeriod(quota.name.to_string()));
        }
        if quotas.iter().any(|earlier| earlier.name == quota.name) {
            return Err(PlanError::RepeatedName(quota.name.to_string()));
        }
        quotas.push(quota);
    }
    Ok(quotas)
}

fn new_routes(documents: BTreeMap<String, Throttle>) -> Result<RouteTable<Arc<RouteLimit>>, PlanError> {
    if documents.len() > MAX_ROUTES {
        return Err(PlanError::TooManyRoutes(documents.len()));
    }
    let mut table = RouteTable::default();
    for (route, throttle) in documents {
        if route.len() > LONGEST_ROUTE {
            return Err(PlanError::Route(format!("`{route}` is longer than {LONGEST_ROUTE} characters")));
        }
        let key: RouteKey =
            route.parse().map_err(|error: routes::RouteKeyError| PlanError::Route(error.to_string()))?;
        let bucket = new_bucket(&format!("routes[\"{route}\"]"), &route, &route, &throttle)?;
        table
            .insert(key, Arc::new(RouteLimit { route, bucket }))
            .map_err(|error| PlanError::Route(error.to_string()))?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Plan, String> {
        let document: PlanDocument = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Plan::new("p", document).map_err(|error| error.to_string())
    }

    #[test]
    fn each_mistake_is_named() {
        for (json, expected) in [
            (r#"{"throttle":{"rate":-1,"burst":1}}"#, "throttle.rate is -1"),
            (r#"{"throttle":{"rate":1e-9,"burst":1}}"#, "throttle.rate is 0.000000001"),
            (r#"{"throttle":{"rate":1,"burst":100000001}}"#, "throttle.burst is 100000001"),
            (r#"{"throttle":{"rate":1,"burst":1.5}}"#, "expected u64"),
            (r#"{"throttle":{"rate":1}}"#, "missing field `burst`"),
            (r#"{"quotas":[{"limit":1,"period":"year"}]}"#, "unknown variant `year`"),
            (
                r#"{"quotas":[{"limit":1,"period":"day"},{"name":"day","limit":2,"period":"month"}]}"#,
                "two limits are called `day`",
            ),
            (
                r#"{"quotas":[{"limit":1,"period":"day"},{"name":"b","limit":2,"period":"day"}]}"#,
                "quota `b`: another quota has the same period",
            ),
            (
                r#"{"throttle":{"rate":1,"burst":1},"quotas":[{"name":"burst","limit":1,"period":"day"}]}"#,
                "two limits are called `burst`",
            ),
            (
                r#"{"quotas":[{"name":"GET /a","limit":1,"period":"day"}],"routes":{"GET /a":{"rate":1,"burst":1}}}"#,
                "two limits are called `GET /a`",
            ),
            (r#"{"quotas":[{"name":"é","limit":1,"period":"day"}]}"#, "`é` is not a quota's name"),
            (r#"{"quotas":[{"limit":1000000000000000,"period":"day"}]}"#, "quota `day`: limit is 1000000000000000"),
            (r#"{"routes":{"GET":{"rate":1,"burst":1}}}"#, "`GET` is not a route key"),
            (r#"{"routes":{"GET /a":{"rate":2e6,"burst":1}}}"#, "routes[\"GET /a\"].rate is 2000000"),
            (
                r#"{"routes":{"GET /{a}":{"rate":1,"burst":1},"GET /{b}":{"rate":1,"burst":1}}}"#,
                "matches the same requests",
            ),
            (r#"{"near_limit":1.1}"#, "near_limit is 1.1"),
            (r#"{"trottle":{"rate":1,"burst":1}}"#, "unknown field `trottle`"),
        ] {
            let error = plan(json).expect_err(json);
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn more_routes_or_quotas_than_an_item_holds_are_refused() {
        let routes: Vec<String> = (0..17).map(|n| format!(r#""GET /{n}":{{"rate":1,"burst":1}}"#)).collect();
        assert!(plan(&format!(r#"{{"routes":{{{}}}}}"#, routes.join(","))).expect_err("17").contains("17 routes"));
        let quotas: Vec<String> = (0..5).map(|n| format!(r#"{{"name":"{n}","limit":1,"period":"day"}}"#)).collect();
        assert!(plan(&format!(r#"{{"quotas":[{}]}}"#, quotas.join(","))).expect_err("5").contains("5 quotas"));
    }

    #[test]
    fn a_plan_has_a_plain_name() {
        for name in ["", "-a", "a b", "a\n", "ü", &"x".repeat(65)] {
            assert!(Plan::new(name, PlanDocument::default()).is_err(), "{name}");
        }
        assert!(Plan::new("free-2.0_x", PlanDocument::default()).is_ok());
    }

    #[test]
    fn a_route_limit_is_found_by_the_routes_precedence() {
        let plan =
            plan(r#"{"routes":{"ANY /pay/{id}":{"rate":1,"burst":1},"POST /pay/{id}":{"rate":1,"burst":1}}}"#).unwrap();
        assert_eq!(plan.route_limit("POST", "/pay/1").unwrap().route, "POST /pay/{id}");
        assert_eq!(plan.route_limit("GET", "/pay/1").unwrap().route, "ANY /pay/{id}");
        assert!(plan.route_limit("GET", "/other").is_none());
    }
}
