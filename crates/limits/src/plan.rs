//! A plan: how often each of its callers may call.

use std::fmt;
use std::sync::Arc;

use routes::{Ambiguity, Demands, PathOptions, PathRules};
use sha2::{Digest, Sha256};

use crate::bucket::Bucket;
use crate::lease::LeaseTerms;
use crate::mistake::Mistake;
use crate::plan_check::Checks;
use crate::{Caller, OnStoreFailure, PlanDocument, Quota, SlidingWindow, usage_query};

/// The largest quota: the largest integer of a structured field (RFC 9651), and exact in JSON
/// numbers.
pub const MAX_LIMIT: u64 = 999_999_999_999_999;
pub const MAX_QUOTAS: usize = 4;

/// A plan, checked and ready to decide by.
#[derive(Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The bucket of all of a caller's calls.
    pub bucket: Option<Bucket>,
    /// The sliding window of all of a caller's calls, instead of a bucket.
    pub sliding: Option<SlidingWindow>,
    /// Its quotas.
    pub quotas: Vec<Quota>,
    /// The one caller that all callers are charged as, where they share the plan's limits.
    pub shared: Option<Caller>,
    /// Buckets of single routes.
    pub routes: PathRules<Arc<RouteLimit>>,
    /// The bucket of callers' questions about their own usage.
    pub usage_query: Arc<RouteLimit>,
    /// What answers while the store does not.
    pub on_store_failure: OnStoreFailure,
    /// The share of a limit from which on a caller is near it.
    pub near_limit: f64,
    /// Whether it only watches: what it would refuse passes, and the decision says so.
    pub shadow: bool,
    /// How calls are leased, where they are.
    pub lease: Option<LeaseTerms>,
    /// Tells what it says from what another plan says, or said.
    pub fingerprint: u64,
}

/// A route's own bucket.
#[derive(Debug)]
pub struct RouteLimit {
    /// The route key as written in the plan.
    pub route: String,
    /// Its bucket.
    pub bucket: Bucket,
}

/// What is wrong with a plan: everything at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            write!(formatter, "{}{mistake}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Plan {
    /// Checks a document.
    ///
    /// # Errors
    /// [`PlanError`] with everything that is wrong.
    pub fn new(name: &str, document: PlanDocument) -> Result<Self, PlanError> {
        Self::checked(name, document, Checks::default())
    }

    /// The same for a plan from the registry. A route with `*`, `:id`, `<id>` or `[id]`, which
    /// earlier releases accepted, is still literal text; it matches nothing else.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_stored(name: &str, document: PlanDocument) -> Result<Self, PlanError> {
        Self::checked(name, document, Checks::of_stored())
    }

    fn checked(name: &str, document: PlanDocument, mut checks: Checks) -> Result<Self, PlanError> {
        check_name(name)?;
        let parts = checks.plan(&document);
        if !checks.mistakes.is_empty() {
            return Err(PlanError {
                mistakes: checks.mistakes,
            });
        }

        let usage_query = usage_query::limit(&parts.routes, document.shadow);
        Ok(Self {
            name: name.to_owned(),
            bucket: parts.bucket,
            sliding: parts.sliding,
            quotas: parts.quotas,
            shared: document.shared_by_plan.then(|| Caller::Plan(name.into())),
            routes: parts.routes,
            usage_query,
            on_store_failure: document.on_store_failure,
            near_limit: parts.near_limit,
            shadow: document.shadow,
            lease: parts.lease,
            fingerprint: fingerprint(name, &document),
        })
    }

    /// Who is charged where `caller` calls: itself, or the plan where its callers share it.
    #[must_use]
    pub fn charged<'c>(&'c self, caller: &'c Caller) -> &'c Caller {
        self.shared.as_ref().unwrap_or(caller)
    }

    /// One of `instances` equal shares of its limits, each at least one call, without those of its
    /// routes.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            name: self.name.clone(),
            bucket: self.bucket.as_ref().map(|bucket| bucket.share(instances)),
            sliding: self.sliding.as_ref().map(|window| window.share(instances)),
            quotas: self
                .quotas
                .iter()
                .map(|quota| quota.share(instances))
                .collect(),
            shared: self.shared.clone(),
            routes: PathRules::new(PathOptions::default()),
            usage_query: Arc::clone(&self.usage_query),
            on_store_failure: self.on_store_failure,
            near_limit: self.near_limit,
            shadow: self.shadow,
            lease: None,
            fingerprint: self.fingerprint,
        }
    }

    /// The limit of its own that a route has, if it has one. A path that a backend may treat like
    /// another one takes the limit of that one.
    #[must_use]
    pub fn route_limit(&self, method: &str, path: &str) -> Option<&Arc<RouteLimit>> {
        self.routes
            .choose(method, path)
            .unwrap_or_else(|ambiguity| ambiguity.stricter.or(ambiguity.chosen))
    }

    /// The limit of its own that a route has, if it has one.
    ///
    /// # Errors
    /// [`Ambiguity`] for a path that a backend may treat like one with another limit.
    pub fn unambiguous_route_limit(
        &self,
        method: &str,
        path: &str,
    ) -> Result<Option<&Arc<RouteLimit>>, Ambiguity<'_, Arc<RouteLimit>>> {
        self.routes.choose(method, path)
    }
}

impl Demands for RouteLimit {
    /// Every limit demands what no other one does: to be charged on it.
    fn demands_more_than(&self, other: &Self) -> bool {
        !std::ptr::eq(self, other)
    }
}

impl RouteLimit {
    /// One of `instances` equal shares of it.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            route: self.route.clone(),
            bucket: self.bucket.share(instances),
        }
    }
}

/// # Errors
/// [`PlanError`] for a text that cannot be a plan's name.
pub fn check_name(name: &str) -> Result<(), PlanError> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let starts = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if plain && starts && name.len() <= 64 {
        return Ok(());
    }
    let message = format!(
        "`{name}` is not a plan's name: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit"
    );
    Err(PlanError {
        mistakes: vec![Mistake {
            pointer: String::new(),
            message,
        }],
    })
}

fn fingerprint(name: &str, document: &PlanDocument) -> u64 {
    let text = serde_json::to_string(document).unwrap_or_default();
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([0])
        .chain_update(text)
        .finalize();
    hash.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Whether a name can stand in a `RateLimit` field as it is.
pub fn check_policy_name(name: &str) -> bool {
    let printable = name
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    printable && (1..=64).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Plan, String> {
        let document: PlanDocument =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        Plan::new("p", document).map_err(|error| error.to_string())
    }

    #[test]
    fn each_mistake_is_named() {
        for (json, expected) in [
            (
                r#"{"throttle":{"rate":-1,"burst":1}}"#,
                "throttle.rate is -1",
            ),
            (
                r#"{"throttle":{"rate":1e-9,"burst":1}}"#,
                "throttle.rate is 0.000000001",
            ),
            (
                r#"{"throttle":{"rate":1,"burst":100000001}}"#,
                "throttle.burst is 100000001",
            ),
            (
                r#"{"throttle":{"rate":1,"burst":1.5}}"#,
                "expected a whole number",
            ),
            (r#"{"throttle":{"rate":1}}"#, "missing field `burst`"),
            (
                r#"{"quotas":[{"limit":1,"period":"year"}]}"#,
                "unknown variant `year`",
            ),
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
            (
                r#"{"quotas":[{"name":"é","limit":1,"period":"day"}]}"#,
                "`é` is not a quota's name",
            ),
            (
                r#"{"quotas":[{"limit":1000000000000000,"period":"day"}]}"#,
                "quota `day`: limit is 1000000000000000",
            ),
            (
                r#"{"routes":{"GET":{"rate":1,"burst":1}}}"#,
                "`GET` is not a route key",
            ),
            (
                r#"{"routes":{"GET /a":{"rate":2e6,"burst":1}}}"#,
                "routes[\"GET /a\"].rate is 2000000",
            ),
            (
                r#"{"routes":{"GET /{a}":{"rate":1,"burst":1},"GET /{b}":{"rate":1,"burst":1}}}"#,
                "matches the same requests",
            ),
            (r#"{"near_limit":1.1}"#, "near_limit is 1.1"),
            (
                r#"{"trottle":{"rate":1,"burst":1}}"#,
                "unknown field `trottle`",
            ),
        ] {
            let error = plan(json).expect_err(json);
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn numbers_beyond_all_measure_are_mistakes_and_no_more() {
        for throttle in [
            r#"{"rate":1e-320,"burst":1}"#,
            r#"{"rate":1e-25,"burst":100000000}"#,
            r#"{"rate":1e-12,"burst":18446744073709551615}"#,
            r#"{"rate":1e308,"burst":18446744073709551615}"#,
        ] {
            let text = format!(
                r#"{{"throttle":{throttle},"routes":{{"GET /a":{throttle}}},"lease":4294967295}}"#
            );
            let document: PlanDocument = serde_json::from_str(&text).unwrap();
            let mistakes = document.check();
            assert!(
                mistakes
                    .iter()
                    .any(|mistake| mistake.pointer == "/throttle/rate"),
                "{throttle}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_named_at_once_each_with_its_member() {
        let document: PlanDocument = serde_json::from_str(
            r#"{"throttle":{"rate":-1,"burst":100000001},"near_limit":2,"routes":{"GET /a~b":{"rate":2e6,"burst":1},"GET":{"rate":1,"burst":1}},
                "quotas":[{"limit":1,"period":"day","starts_on":1},{"name":"é","limit":1000000000000000,"period":"week","starts_on":8},
                          {"name":"burst","limit":1,"period":"month","time_zone":"Europe/Atlantis"}]}"#,
        )
        .unwrap();
        let pointers: Vec<String> = document
            .check()
            .into_iter()
            .map(|mistake| mistake.pointer)
            .collect();
        assert_eq!(
            pointers,
            [
                "/throttle/rate",
                "/throttle/burst",
                "/quotas/0/starts_on",
                "/quotas/1/name",
                "/quotas/1/limit",
                "/quotas/1/starts_on",
                "/quotas/2/time_zone",
                "/routes/GET",
                "/routes/GET ~1a~0b/rate",
                "/quotas/2/name",
                "/near_limit",
            ]
        );
        assert_eq!(
            Plan::new("p", document).unwrap_err().mistakes.len(),
            pointers.len()
        );
    }

    #[test]
    fn two_quotas_of_a_period_differ_by_zone_or_first_day() {
        let quotas = |more: &str| {
            plan(&format!(
                r#"{{"quotas":[{{"limit":1,"period":"month"}},{{"name":"b","limit":1,"period":"month"{more}}}]}}"#
            ))
        };
        assert!(quotas("").is_err());
        assert!(quotas(r#","starts_on":1,"time_zone":"UTC""#).is_err());
        assert!(quotas(r#","starts_on":2"#).is_ok());
        assert!(quotas(r#","time_zone":"Europe/Berlin""#).is_ok());
    }

    #[test]
    fn callers_of_a_shared_plan_are_charged_as_the_plan() {
        let caller = Caller::Key("k".to_owned());
        assert_eq!(
            plan(r#"{"shared_by_plan":true}"#)
                .unwrap()
                .charged(&caller)
                .to_string(),
            "plan#p"
        );
        assert_eq!(plan("{}").unwrap().charged(&caller), &caller);
    }

    #[test]
    fn more_routes_or_quotas_than_an_item_holds_are_refused() {
        let routes: Vec<String> = (0..17)
            .map(|n| format!(r#""GET /{n}":{{"rate":1,"burst":1}}"#))
            .collect();
        assert!(
            plan(&format!(r#"{{"routes":{{{}}}}}"#, routes.join(",")))
                .expect_err("17")
                .contains("17 routes")
        );
        let quotas: Vec<String> = (0..5)
            .map(|n| format!(r#"{{"name":"{n}","limit":1,"period":"day"}}"#))
            .collect();
        assert!(
            plan(&format!(r#"{{"quotas":[{}]}}"#, quotas.join(",")))
                .expect_err("5")
                .contains("5 quotas")
        );
    }

    #[test]
    fn a_plan_has_a_plain_name() {
        for name in ["", "-a", "a b", "a\n", "ü", &"x".repeat(65)] {
            assert!(Plan::new(name, PlanDocument::default()).is_err(), "{name}");
        }
        assert!(Plan::new("free-2.0_x", PlanDocument::default()).is_ok());
    }

    #[test]
    fn a_wildcard_in_a_route_is_refused_unless_it_is_stored_already() {
        let json = r#"{"routes":{"GET /a/*":{"rate":1,"burst":1}}}"#;
        let error = plan(json).unwrap_err();
        assert!(
            error.contains("`*`") && error.contains("`{proxy+}`"),
            "{error}"
        );
        let stored = Plan::from_stored("p", serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(stored.route_limit("GET", "/a/*").unwrap().route, "GET /a/*");
        assert!(stored.route_limit("GET", "/a/b").is_none());
    }

    #[test]
    fn a_path_that_a_backend_may_treat_like_a_limited_one_is_ambiguous() {
        let plan = plan(
            r#"{"routes":{"GET /reports/{id}":{"rate":1,"burst":1},"POST /Pay":{"rate":1,"burst":1}}}"#,
        );
        let plan = plan.unwrap();
        for (method, path) in [
            ("GET", "/reports/7/"),
            ("GET", "/REPORTS/7"),
            ("HEAD", "/reports /7"),
            ("POST", "/pay"),
        ] {
            let ambiguity = plan.unambiguous_route_limit(method, path).unwrap_err();
            assert!(
                ambiguity.chosen.is_none() && ambiguity.stricter.is_some(),
                "{path}"
            );
            assert!(plan.route_limit(method, path).is_some(), "{path}");
        }
        for (method, path) in [
            ("POST", "/reports/7/"),
            ("GET", "/Orders/"),
            ("GET", "/Pay"),
        ] {
            assert_eq!(
                plan.unambiguous_route_limit(method, path)
                    .unwrap()
                    .map(|limit| &limit.route),
                None,
                "{path}"
            );
        }
        assert_eq!(
            plan.route_limit("HEAD", "/reports/7").unwrap().route,
            "GET /reports/{id}"
        );
    }

    #[test]
    fn a_route_limit_is_found_by_the_routes_precedence() {
        let plan =
            plan(r#"{"routes":{"ANY /pay/{id}":{"rate":1,"burst":1},"POST /pay/{id}":{"rate":1,"burst":1}}}"#).unwrap();
        assert_eq!(
            plan.route_limit("POST", "/pay/1").unwrap().route,
            "POST /pay/{id}"
        );
        assert_eq!(
            plan.route_limit("GET", "/pay/1").unwrap().route,
            "ANY /pay/{id}"
        );
        assert!(plan.route_limit("GET", "/other").is_none());
    }
}
