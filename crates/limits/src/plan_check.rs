//! Checks of plan documents. They collect every mistake and build the parts of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use routes::{PathOptions, PathRules, RouteKey, RouteKeyError};

use crate::bucket::Bucket;
use crate::calendar::CalendarError;
use crate::lease::{LeaseTerms, MAX_LEASE_CALLS, MIN_LEASE_BURST};
use crate::mistake::{Mistake, pointer};
use crate::plan_bounds::{MAX_LIMIT, MAX_QUOTAS};
use crate::plan_name::is_policy_name;
use crate::quota_threshold::{MAX_THRESHOLDS, Share};
use crate::sliding::MAX_WINDOW_S;
use crate::{
    Algorithm, Calendar, Nanos, Overage, Period, PlanDocument, Quota, QuotaDocument, RouteLimit,
    SlidingWindow, Throttle,
};

/// The valid rates per second, besides 0.
const RATES: std::ops::RangeInclusive<f64> = 1e-6..=1e6;
/// The largest burst. At the smallest rate it takes 10¹⁴ s to refill, which fits into a structured
/// field.
const MAX_BURST: u64 = 100_000_000;
/// The largest limit of a sliding window. A count must be below the nanoseconds of the window.
const MAX_WINDOW_LIMIT: u64 = 999_999_999;
/// The length of the longest route key.
const MAX_ROUTE_BYTES: usize = 256;
/// The number of routes whose buckets fit into a usage item.
const MAX_ROUTES: usize = 16;
/// The default of `near_limit`.
const DEFAULT_NEAR_LIMIT: f64 = 0.8;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) mistakes: Vec<Mistake>,
    /// True if the plan is in the registry, where an earlier release may have stored it.
    is_stored: bool,
}

/// The parts of a plan. They are complete if there are no mistakes.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) bucket: Option<Bucket>,
    pub(crate) sliding: Option<SlidingWindow>,
    pub(crate) quotas: Vec<Quota>,
    pub(crate) report_days: Calendar,
    pub(crate) routes: PathRules<Arc<RouteLimit>>,
    pub(crate) near_limit: f64,
    pub(crate) lease: Option<LeaseTerms>,
}

impl PlanDocument {
    /// Returns every mistake in the document. Without mistakes, it makes a [`Plan`](crate::Plan).
    #[must_use]
    pub fn check(&self) -> Vec<Mistake> {
        let mut checks = Checks::default();
        checks.plan(self);
        checks.reject_negative_zeros(self);
        checks.mistakes
    }
}

impl Checks {
    /// Returns checks for a plan in the registry. They accept what an earlier release accepted, so
    /// that an upgrade does not lock callers out.
    pub(crate) fn of_stored() -> Self {
        Self {
            is_stored: true,
            ..Self::default()
        }
    }

    /// Checks a document and builds the parts of its plan.
    pub(crate) fn plan(&mut self, document: &PlanDocument) -> Parts {
        let lease = self.lease(document);
        let reserve = lease.map_or(0, |terms| terms.length);

        let throttle = document.throttle.as_ref();
        let bucket = throttle.map(|throttle| {
            self.bucket(&["throttle"], "throttle", ("", "burst"), throttle, reserve)
        });
        let sliding = self.sliding(document);
        let quotas = self.quotas(&document.quotas);
        let report_days = self.report_days(document);
        let routes = self.routes(&document.routes, reserve);
        self.reject_duplicate_names(document);

        let near_limit = document.near_limit.unwrap_or(DEFAULT_NEAR_LIMIT);
        if !(0.0..=1.0).contains(&near_limit) {
            self.add(
                &["near_limit"],
                format!("near_limit is {near_limit}, expected 0 to 1"),
            );
        }

        Parts {
            bucket,
            sliding,
            quotas,
            report_days,
            routes,
            near_limit,
            lease,
        }
    }

    /// Returns the calendar of the days in usage reports: in the plan's time zone, else in the one
    /// that all quotas share, else in UTC.
    fn report_days(&mut self, document: &PlanDocument) -> Calendar {
        let mut zones = document
            .quotas
            .iter()
            .map(|quota| quota.time_zone.as_deref());
        let first = zones.next().flatten();
        let shared = first.filter(|_| zones.all(|zone| zone == first));
        let days = |zone| Calendar::new(Period::Day, zone, None);

        if document.time_zone.is_some() && days(document.time_zone.as_deref()).is_err() {
            let message = "time_zone is unknown, expected a name of the IANA time zone database";
            self.add(&["time_zone"], message.to_owned());
        }
        // The mistake in a quota's time zone is reported with the quota.
        days(document.time_zone.as_deref().or(shared)).unwrap_or_else(|_| Calendar::days())
    }

    fn lease(&mut self, document: &PlanDocument) -> Option<LeaseTerms> {
        if document.lease > MAX_LEASE_CALLS {
            self.add(
                &["lease"],
                format!(
                    "lease is {}, expected at most {MAX_LEASE_CALLS}",
                    document.lease
                ),
            );
        }

        let is_too_small = |throttle: &Throttle| (1..MIN_LEASE_BURST).contains(&throttle.burst);
        if document.lease > 0 && document.throttles().any(is_too_small) {
            self.add(
                &["lease"],
                format!("a burst is too small for a lease, expected at least {MIN_LEASE_BURST}"),
            );
        }

        LeaseTerms::new(document.lease, document.throttles())
    }

    /// Rejects `-0.0`, which is probably an error. A stored plan may have it, and [`Checks::plan`]
    /// reads it as 0.
    pub(crate) fn reject_negative_zeros(&mut self, document: &PlanDocument) {
        let caller = document
            .throttle
            .iter()
            .map(|throttle| (vec!["throttle", "rate"], throttle.rate));
        let routes = document
            .routes
            .iter()
            .map(|(route, throttle)| (vec!["routes", route, "rate"], throttle.rate));
        let near_limit = document
            .near_limit
            .iter()
            .map(|share| (vec!["near_limit"], *share));

        for (path, number) in caller.chain(routes).chain(near_limit) {
            if number == 0.0 && number.is_sign_negative() {
                self.add(
                    &path,
                    format!("{} is -0, expected 0 or more", path.join(".")),
                );
            }
        }
    }

    pub(crate) fn add(&mut self, path: &[&str], message: String) {
        self.mistakes.push(Mistake {
            pointer: pointer(path),
            message,
        });
    }

    fn bucket(
        &mut self,
        path: &[&str],
        field: &str,
        (scope, name): (&str, &str),
        throttle: &Throttle,
        reserve: Nanos,
    ) -> Bucket {
        let (rate, burst) = (throttle.rate, throttle.burst);
        if rate != 0.0 && !RATES.contains(&rate) {
            let message =
                format!("{field}.rate is {rate}, expected 0 or 0.000001 to 1000000 per second");
            self.add(&[path, &["rate"]].concat(), message);
        }
        if burst > MAX_BURST {
            let message = format!("{field}.burst is {burst}, expected at most {MAX_BURST}");
            self.add(&[path, &["burst"]].concat(), message);
        }

        Bucket::new(scope, name, throttle, reserve)
    }

    fn sliding(&mut self, document: &PlanDocument) -> Option<SlidingWindow> {
        let path = [("window_s", document.window_s), ("limit", document.limit)];
        if document.algorithm == Algorithm::TokenBucket {
            for (field, _) in path.into_iter().filter(|(_, value)| value.is_some()) {
                self.add(
                    &[field],
                    format!("{field} requires the algorithm sliding_window"),
                );
            }
            return None;
        }

        if document.throttle.is_some() {
            let message = "throttle requires the algorithm token_bucket, not sliding_window";
            self.add(&["throttle"], message.to_owned());
        }
        for (field, _) in path.into_iter().filter(|(_, value)| value.is_none()) {
            self.add(
                &[field],
                format!("{field} is missing, expected window_s and limit with sliding_window"),
            );
        }

        let (window_s, limit) = (document.window_s?, document.limit?);
        if !(1..=MAX_WINDOW_S).contains(&window_s) {
            self.add(
                &["window_s"],
                format!("window_s is {window_s}, expected 1 to {MAX_WINDOW_S}"),
            );
        }
        if limit > MAX_WINDOW_LIMIT {
            self.add(
                &["limit"],
                format!("limit is {limit}, expected at most {MAX_WINDOW_LIMIT}"),
            );
        }

        Some(SlidingWindow::new(limit, window_s))
    }

    fn quotas(&mut self, documents: &[QuotaDocument]) -> Vec<Quota> {
        if documents.len() > MAX_QUOTAS {
            self.add(
                &["quotas"],
                format!(
                    "the plan has {} quotas, expected at most {MAX_QUOTAS}",
                    documents.len()
                ),
            );
        }

        let mut quotas: Vec<Quota> = Vec::with_capacity(documents.len());
        for (index, document) in documents.iter().enumerate() {
            let index = index.to_string();
            let Some(quota) = self.quota(&["quotas", &index], document) else {
                continue;
            };

            if quotas
                .iter()
                .any(|earlier| earlier.calendar.id() == quota.calendar.id())
            {
                let message = format!(
                    "quota `{}`: another quota has the same period, time zone and first day",
                    quota.name
                );
                self.add(&["quotas", &index, "period"], message);
            }
            quotas.push(quota);
        }
        quotas
    }

    /// Returns the shares of a quota at which an event is logged.
    fn warn_at(&mut self, path: &[&str], name: &str, shares: &[f64]) -> Box<[Share]> {
        let valid: Vec<Share> = shares
            .iter()
            .filter_map(|share| Share::new(*share))
            .collect();
        let is_ascending = valid.is_sorted_by(|a, b| a < b);

        if valid.len() != shares.len() || !is_ascending || shares.len() > MAX_THRESHOLDS {
            let message = format!(
                "quota `{name}`: expected at most {MAX_THRESHOLDS} ascending numbers in warn_at, \
                 each above 0 and up to 10, with at most 6 decimals"
            );
            self.add(&[path, &["warn_at"]].concat(), message);
        }
        valid.into()
    }

    fn quota(&mut self, path: &[&str], document: &QuotaDocument) -> Option<Quota> {
        let name = document.name();
        if !is_policy_name(&name) {
            let message =
                format!("invalid quota name `{name}`, expected 1 to 64 printable ASCII characters");
            self.add(&[path, &["name"]].concat(), message);
        }
        if document.limit > MAX_LIMIT {
            let message = format!(
                "quota `{name}`: limit is {}, expected at most {MAX_LIMIT}",
                document.limit
            );
            self.add(&[path, &["limit"]].concat(), message);
        }

        let warn_at = self.warn_at(path, &name, &document.warn_at);
        let calendar = if self.is_stored {
            Calendar::from_stored
        } else {
            Calendar::new
        };

        match calendar(
            document.period,
            document.time_zone.as_deref(),
            document.starts_on,
        ) {
            Ok(calendar) => {
                return Some(Quota {
                    name: name.into(),
                    limit: document.limit,
                    calendar,
                    is_hard: document.overage == Overage::Deny,
                    warn_at,
                });
            }
            Err(CalendarError::StartsOn(expected)) => {
                let message = format!(
                    "quota `{name}`: starts_on is {}, {expected}",
                    document.starts_on.unwrap_or(1)
                );
                self.add(&[path, &["starts_on"]].concat(), message);
            }
            Err(CalendarError::NoTimeZone(expected)) => {
                let zone = document.time_zone.as_deref().unwrap_or_default();
                let message = format!("quota `{name}`: time_zone is `{zone}`, {expected}");
                self.add(&[path, &["time_zone"]].concat(), message);
            }
            Err(CalendarError::TimeZone) => {
                let zone = document.time_zone.as_deref().unwrap_or_default();
                let message = format!(
                    "quota `{name}`: unknown time zone `{zone}`, expected a name of the IANA database such as Europe/Berlin"
                );
                self.add(&[path, &["time_zone"]].concat(), message);
            }
        }
        None
    }

    fn routes(
        &mut self,
        documents: &BTreeMap<String, Throttle>,
        reserve: Nanos,
    ) -> PathRules<Arc<RouteLimit>> {
        if documents.len() > MAX_ROUTES {
            self.add(
                &["routes"],
                format!(
                    "the plan has {} routes, expected at most {MAX_ROUTES}",
                    documents.len()
                ),
            );
        }

        let mut table = PathRules::new(PathOptions::default());
        for (route, throttle) in documents {
            if route.len() > MAX_ROUTE_BYTES {
                self.add(
                    &["routes", route],
                    format!(
                        "routes: `{route}` is too long, expected at most {MAX_ROUTE_BYTES} bytes"
                    ),
                );
            }

            let field = format!("routes[\"{route}\"]");
            let bucket = self.bucket(
                &["routes", route],
                &field,
                (route, route),
                throttle,
                reserve,
            );
            let limit = Arc::new(RouteLimit {
                route: route.clone(),
                bucket,
            });

            let key = if self.is_stored {
                RouteKey::parse_stored(route)
            } else {
                route.parse()
            };
            let key = key.map_err(|error: RouteKeyError| error.to_string());

            let inserted = key.and_then(|key: RouteKey| {
                table.insert(key, limit).map_err(|error| error.to_string())
            });
            if let Err(problem) = inserted {
                self.add(&["routes", route], format!("routes: {problem}"));
            }
        }
        table
    }

    /// Rejects limits of the same name, which `RateLimit-Policy` could not distinguish.
    fn reject_duplicate_names(&mut self, document: &PlanDocument) {
        let mut names: Vec<String> = document.routes.keys().cloned().collect();
        names.push(
            if document.algorithm == Algorithm::SlidingWindow {
                "window"
            } else {
                "burst"
            }
            .to_owned(),
        );

        for (index, quota) in document.quotas.iter().enumerate() {
            let name = quota.name();
            if names.contains(&name) {
                self.add(
                    &["quotas", &index.to_string(), "name"],
                    format!("duplicate limit name `{name}`"),
                );
            }
            names.push(name);
        }
    }
}
