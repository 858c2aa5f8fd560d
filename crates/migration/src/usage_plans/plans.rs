//! Usage plans as plans.

use std::collections::BTreeSet;

use super::account::{ApiStage, Quota, UsagePlan};
use super::limits::{Limits, Period};
use super::throttle::bucket;
use crate::names::Names;
use crate::{Findings, Origin};

const METHODS: [&str; 8] = [
    "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];

/// A usage plan as a plan.
#[derive(Clone, Debug)]
pub(super) struct ConvertedPlan {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    /// The stages that the keys may call. Without any, API Gateway refuses all calls.
    pub(super) stages: BTreeSet<String>,
}

impl ConvertedPlan {
    /// Converts a usage plan. Only `selected` stages count, unless it is empty. `None` if the plan
    /// has other stages only.
    pub(super) fn of(
        place: &str,
        plan: &UsagePlan,
        selected: &[String],
        names: &mut Names,
        findings: &mut Findings,
    ) -> Option<Self> {
        let text = plan.name.as_deref().unwrap_or_default();
        let origin = Origin::new(place, format!("usage plan `{text}` ({})", plan.id));
        let all = plan.api_stages.as_deref().unwrap_or_default();
        let is_selected =
            |stage: &&ApiStage| selected.is_empty() || selected.contains(&stage.name());
        let stages: Vec<_> = all.iter().filter(is_selected).collect();
        if stages.is_empty() && !all.is_empty() {
            findings.not_mapped(&origin, "it has no stage of those that `--stage` selects");
            return None;
        }

        let converted = Self {
            id: plan.id.clone(),
            name: names.plan(text, &plan.id),
            limits: limits(plan, &stages, &origin, findings),
            stages: stages.into_iter().map(ApiStage::name).collect(),
            origin,
        };
        converted.report(plan, findings);
        Some(converted)
    }

    fn report(&self, plan: &UsagePlan, findings: &mut Findings) {
        let origin = &self.origin;
        findings.became(origin, format!("plan `{}`", self.name));
        if self.stages.is_empty() {
            let text =
                "it has no stage, so that API Gateway refuses its keys; the plan is disabled";
            findings.warning(origin, text);
        }
        if plan.product_code.is_some() {
            findings.not_mapped(
                origin,
                "`productCode`: AWS Marketplace does not bill the plan",
            );
        }
        if plan
            .description
            .as_ref()
            .is_some_and(|text| !text.is_empty())
        {
            findings.not_mapped(origin, "`description`: plans have no description");
        }
        if plan.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            findings.not_mapped(origin, "`tags`: plans have no tags");
        }
        for field in plan.unknown.keys().take(20) {
            findings.warning(
                origin,
                format!("`{field}`: unknown field, which is ignored"),
            );
        }
    }
}

fn limits(
    plan: &UsagePlan,
    stages: &[&ApiStage],
    origin: &Origin,
    findings: &mut Findings,
) -> Limits {
    let mut limits = Limits::default();
    if let Some(throttle) = plan.throttle {
        limits.throttle = bucket(throttle, origin, findings);
    }
    if limits.throttle.is_none() && !stages.is_empty() {
        let text = "it has no throttle; API Gateway limits its keys by the stage and the account (10,000 requests \
                    per second by default), Tollgate does not. Add `throttle` to the plan";
        findings.laxer(origin, text);
    }

    if let Some(quota) = &plan.quota {
        limits
            .quotas
            .extend(converted_quota(quota, origin, findings));
    }
    for stage in stages {
        routes(stage, &mut limits, origin, findings);
    }
    compare_routes(&limits, origin, findings);
    for route in limits.cut_routes() {
        let text = format!(
            "the limit of `{route}`: a plan has at most 16 routes, and those with the lowest rates are kept"
        );
        findings.laxer(origin, text);
    }
    limits
}

/// Returns the quota, or reports that its calls are not limited.
fn converted_quota(
    quota: &Quota,
    origin: &Origin,
    findings: &mut Findings,
) -> Option<(Period, u64)> {
    let Some(limit) = quota.limit else {
        findings.laxer(origin, "its quota has no `limit`");
        return None;
    };
    let offset = quota.offset.unwrap_or_default();
    let name = quota.period.as_deref().unwrap_or_default();
    let Some(period) = period(name, offset) else {
        let text = format!(
            "its quota has the period `{name}` with the offset {offset}, expected DAY with 0, WEEK with 0 to 6 or \
             MONTH with 0 to 27"
        );
        findings.laxer(origin, text);
        return None;
    };

    if offset != 0 {
        let text = format!(
            "`offset` {offset} of its quota is read as the day on which a period starts, which are the values that \
             API Gateway accepts. AWS also documents it as calls that are subtracted in the first period; that is over"
        );
        findings.warning(origin, text);
    }
    if limit <= 0 {
        findings.warning(origin, format!("a quota of {limit} admits no call"));
    }
    Some((period, u64::try_from(limit).unwrap_or_default()))
}

/// Returns the period that starts on the day `offset`. Weeks of API Gateway start on Sunday, with
/// the offset 0.
fn period(name: &str, offset: i64) -> Option<Period> {
    let offset = u8::try_from(offset).ok()?;
    match (name, offset) {
        ("DAY", 0) => Some(Period::Day),
        ("WEEK", 0) => Some(Period::Week(7)),
        ("WEEK", 1..=6) => Some(Period::Week(offset)),
        ("MONTH", 0..=27) => Some(Period::Month(offset + 1)),
        _ => None,
    }
}

/// Adds the limits of the methods of a stage.
fn routes(stage: &ApiStage, limits: &mut Limits, origin: &Origin, findings: &mut Findings) {
    for (method, throttle) in stage.throttle.iter().flatten() {
        let what = format!(
            "{}, method `{method}` of stage {}",
            origin.what,
            stage.name()
        );
        let origin = Origin::new(origin.place.clone(), what);
        let Some(key) = route_key(method) else {
            findings.laxer(
                &origin,
                "the limit has no route, expected a name such as `/pets/GET`",
            );
            continue;
        };
        let Some(bucket) = bucket(*throttle, &origin, findings) else {
            findings.not_mapped(&origin, "it has neither a rate nor a burst");
            continue;
        };

        let before = limits.routes.len();
        limits.add_route(&key, bucket);
        if limits.routes.len() == before {
            let text = format!(
                "`{key}` has limits in several stages; one bucket with the lowest limit counts all calls"
            );
            findings.stricter(&origin, text);
        } else {
            findings.became(&origin, format!("route `{key}`"));
        }
    }
}

/// Returns the route key of a method, such as `GET /pets/{id}` for `/pets/{id}/GET`.
fn route_key(method: &str) -> Option<String> {
    let (path, method) = method.rsplit_once('/')?;
    let path = if path.is_empty() { "/" } else { path };
    if !METHODS.contains(&method) {
        return None;
    }

    let key = format!("{method} {path}");
    key.parse::<routes::RouteKey>().ok()?;
    Some(key)
}

/// Reports limits of methods that are above the limit of the plan, because both apply.
fn compare_routes(limits: &Limits, origin: &Origin, findings: &mut Findings) {
    let Some(throttle) = limits.throttle else {
        return;
    };
    for route in limits.routes.values() {
        if route.bucket.strictest(throttle) != route.bucket {
            let text = format!(
                "the limit of `{}` is above the throttle of the plan; in Tollgate, both apply",
                route.key
            );
            findings.stricter(origin, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_first_days() {
        for (name, offset, expected) in [
            ("DAY", 0, Some(Period::Day)),
            ("DAY", 1, None),
            ("WEEK", 0, Some(Period::Week(7))),
            ("WEEK", 1, Some(Period::Week(1))),
            ("WEEK", 6, Some(Period::Week(6))),
            ("WEEK", 7, None),
            ("MONTH", 0, Some(Period::Month(1))),
            ("MONTH", 27, Some(Period::Month(28))),
            ("MONTH", 28, None),
            ("MONTH", -1, None),
            ("YEAR", 0, None),
        ] {
            assert_eq!(period(name, offset), expected, "{name} {offset}");
        }
    }

    #[test]
    fn methods_become_route_keys() {
        for (method, expected) in [
            ("/pets/GET", Some("GET /pets")),
            ("/pets/{petId}/POST", Some("POST /pets/{petId}")),
            ("/{proxy+}/ANY", Some("ANY /{proxy+}")),
            ("//GET", Some("GET /")),
            ("/GET", Some("GET /")),
            ("*/*", None),
            ("/pets/*", None),
            ("/pets/get", None),
            ("GET", None),
            ("/pets/{a/GET", None),
        ] {
            assert_eq!(route_key(method).as_deref(), expected, "{method}");
        }
    }
}
