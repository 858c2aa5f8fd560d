//! A usage plan: the limits of each of its callers.

use std::sync::Arc;

use jiff::civil::Date;
use routes::{Ambiguity, PathOptions, PathRules};
use sha2::{Digest, Sha256};

use crate::bucket::Bucket;
use crate::lease::LeaseTerms;
use crate::plan_check::Checks;
use crate::plan_error::PlanError;
use crate::plan_name::check_name;
use crate::route_limit::RouteLimit;
use crate::{
    Calendar, Caller, Nanos, OnStoreFailure, Period, PlanDocument, Quota, SlidingWindow,
    usage_query,
};

/// A valid usage plan.
#[derive(Debug)]
pub struct Plan {
    /// The name of the plan.
    pub name: String,
    /// False if all calls of the plan's callers are refused.
    pub enabled: bool,
    /// The token bucket of all calls of a caller.
    pub bucket: Option<Bucket>,
    /// The sliding window of all calls of a caller, instead of a bucket.
    pub sliding: Option<SlidingWindow>,
    /// The quotas.
    pub quotas: Vec<Quota>,
    /// The days in usage reports.
    pub report_days: Calendar,
    /// The caller that is charged if all callers share the plan's limits.
    pub shared: Option<Caller>,
    /// The buckets of single routes.
    pub routes: PathRules<Arc<RouteLimit>>,
    /// The bucket of callers' queries of their own usage.
    pub usage_query: Arc<RouteLimit>,
    /// The behaviour while the store is unavailable.
    pub on_store_failure: OnStoreFailure,
    /// The fraction of a limit above which a caller is near the limit.
    pub near_limit: f64,
    /// True for a dry run: calls over the limit are allowed, and the decision says so.
    pub shadow: bool,
    /// The terms of leases, if the plan has them.
    pub lease: Option<LeaseTerms>,
    /// A hash of the name and the document, which differs between versions of a plan.
    pub fingerprint: u64,
}

impl Plan {
    /// Returns the plan of a document.
    ///
    /// # Errors
    /// [`PlanError`] with every mistake in the document.
    pub fn new(name: &str, document: PlanDocument) -> Result<Self, PlanError> {
        Self::from_document(name, document, Checks::default())
    }

    /// Returns the plan of a document in the registry. Earlier releases accepted routes with `*`,
    /// `:id`, `<id>` or `[id]`, which match as literal text.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn from_stored(name: &str, document: PlanDocument) -> Result<Self, PlanError> {
        Self::from_document(name, document, Checks::of_stored())
    }

    fn from_document(
        name: &str,
        document: PlanDocument,
        mut checks: Checks,
    ) -> Result<Self, PlanError> {
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
            enabled: !document.disabled,
            bucket: parts.bucket,
            sliding: parts.sliding,
            quotas: parts.quotas,
            report_days: parts.report_days,
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

    /// Returns the caller that is charged for a call: `caller`, or the plan if its callers share it.
    #[must_use]
    pub fn charged<'c>(&'c self, caller: &'c Caller) -> &'c Caller {
        self.shared.as_ref().unwrap_or(caller)
    }

    /// True if a quota never starts anew, so that its count must be kept.
    #[must_use]
    pub fn has_endless_quota(&self) -> bool {
        let is_endless = |quota: &Quota| quota.calendar.period == Period::Total;
        self.quotas.iter().any(is_endless)
    }

    /// Returns the day of usage reports that contains `now`. `None` if `now` is outside the calendar.
    #[must_use]
    pub fn report_day(&self, now: Nanos) -> Option<Date> {
        self.report_days.day(now)
    }

    /// Returns one of `instances` equal shares of the plan's limits, each at least one call. Limits
    /// of routes are left out.
    pub fn share(&self, instances: u32) -> Self {
        Self {
            name: self.name.clone(),
            enabled: self.enabled,
            bucket: self.bucket.as_ref().map(|bucket| bucket.share(instances)),
            sliding: self.sliding.as_ref().map(|window| window.share(instances)),
            quotas: self
                .quotas
                .iter()
                .map(|quota| quota.share(instances))
                .collect(),
            report_days: self.report_days.clone(),
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

    /// Returns the limit of a route, if any. A path that a backend may treat like another one gets
    /// the limit of that one.
    #[must_use]
    pub fn route_limit(&self, method: &str, path: &str) -> Option<&Arc<RouteLimit>> {
        self.routes
            .choose(method, path)
            .unwrap_or_else(|ambiguity| ambiguity.stricter.or(ambiguity.chosen))
    }

    /// Returns the limit of a route, if any.
    ///
    /// # Errors
    /// [`Ambiguity`] if a backend may treat the path like one with another limit.
    pub fn unambiguous_route_limit(
        &self,
        method: &str,
        path: &str,
    ) -> Result<Option<&Arc<RouteLimit>>, Ambiguity<'_, Arc<RouteLimit>>> {
        self.routes.choose(method, path)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(json: &str) -> Result<Plan, String> {
        let document: PlanDocument =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        Plan::new("p", document).map_err(|error| error.to_string())
    }

    #[test]
    fn error_describes_each_mistake() {
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
                r#"{"quotas":[{"limit":1,"period":"decade"}]}"#,
                "unknown variant `decade`",
            ),
            (
                r#"{"quotas":[{"limit":1,"period":"day"},{"name":"day","limit":2,"period":"month"}]}"#,
                "duplicate limit name `day`",
            ),
            (
                r#"{"quotas":[{"limit":1,"period":"day"},{"name":"b","limit":2,"period":"day"}]}"#,
                "quota `b`: another quota has the same period",
            ),
            (
                r#"{"throttle":{"rate":1,"burst":1},"quotas":[{"name":"burst","limit":1,"period":"day"}]}"#,
                "duplicate limit name `burst`",
            ),
            (
                r#"{"quotas":[{"name":"GET /a","limit":1,"period":"day"}],"routes":{"GET /a":{"rate":1,"burst":1}}}"#,
                "duplicate limit name `GET /a`",
            ),
            (
                r#"{"quotas":[{"name":"é","limit":1,"period":"day"}]}"#,
                "invalid quota name `é`",
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
    fn extreme_numbers_are_mistakes_and_do_not_panic() {
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
    fn all_mistakes_are_returned_with_pointers() {
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
    fn quotas_of_the_same_period_need_another_time_zone_or_first_day() {
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
    fn shared_plan_is_charged_instead_of_the_caller() {
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
    fn too_many_routes_or_quotas_are_mistakes() {
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
    fn plan_name_is_restricted_to_letters_digits_and_punctuation() {
        for name in ["", "-a", "a b", "a\n", "ü", &"x".repeat(65)] {
            assert!(Plan::new(name, PlanDocument::default()).is_err(), "{name}");
        }
        assert!(Plan::new("free-2.0_x", PlanDocument::default()).is_ok());
    }

    #[test]
    fn foreign_wildcard_in_a_route_is_an_error_unless_it_is_stored() {
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
    fn path_that_a_backend_may_treat_like_a_limited_one_is_ambiguous() {
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
    fn route_limit_follows_route_precedence() {
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
