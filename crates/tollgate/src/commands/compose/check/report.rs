//! The routes and parts of a file, and the rule that decides each part.

use composition::{Compositions, Part, Route};
use policy::Policy;
use serde_json::{Value, json};

/// The routes and services of a file.
pub(super) struct Report<'c> {
    pub(super) compositions: &'c Compositions,
    pub(super) routes: Vec<RouteReport<'c>>,
    /// True if a policy decides parts.
    pub(super) has_policy: bool,
}

/// A route with its parts.
pub(super) struct RouteReport<'c> {
    pub(super) route: &'c Route,
    pub(super) parts: Vec<PartReport<'c>>,
}

/// A part of a route.
pub(super) struct PartReport<'c> {
    pub(super) part: &'c Part,
    /// The number of the stage, from 1.
    pub(super) stage: usize,
    pub(super) service: &'c str,
    /// The route of the policy's rule for the part. `None` without a rule, and without a policy.
    pub(super) rule: Option<&'c str>,
}

impl<'c> Report<'c> {
    pub(super) fn new(compositions: &'c Compositions, policy: Option<&'c Policy>) -> Self {
        let route = |route: &'c Route| RouteReport {
            route,
            parts: parts(compositions, route, policy),
        };
        Self {
            compositions,
            routes: compositions.routes().map(route).collect(),
            has_policy: policy.is_some(),
        }
    }

    /// Returns the number of parts that no caller may call.
    pub(super) fn parts_without_rule(&self) -> usize {
        let parts = self.routes.iter().flat_map(|route| &route.parts);
        let without_rule = parts.filter(|part| part.rule.is_none()).count();
        if self.has_policy { without_rule } else { 0 }
    }

    /// Returns the report for programs.
    pub(super) fn json(&self) -> Value {
        let services = self.compositions.services().iter().map(|service| {
            json!({
                "name": service.name,
                "url": service.url.to_string(),
                "max_concurrent_calls": service.max_concurrent_calls,
            })
        });
        let warnings = self.compositions.warnings().iter();
        json!({
            "services": services.collect::<Vec<_>>(),
            "routes": self.routes.iter().map(|route| self.route_json(route)).collect::<Vec<_>>(),
            "warnings": warnings.map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    fn route_json(&self, route: &RouteReport<'_>) -> Value {
        let parts = route.parts.iter().map(|report| {
            let part = report.part;
            let mut json = json!({
                "name": part.name,
                "field": part.field,
                "method": part.method.as_str(),
                "path": part.template_text(),
                "service": report.service,
                "stage": report.stage,
                "required": part.is_required,
                "fallback": part.fallback.is_some(),
                "timeout_ms": milliseconds(part.timeout),
            });
            if self.has_policy {
                json["rule"] = report.rule.into();
            }
            json
        });
        json!({
            "route": route.route.key.to_string(),
            "timeout_ms": milliseconds(route.route.timeout),
            "stages": route.route.stages.len(),
            "parts": parts.collect::<Vec<_>>(),
        })
    }
}

fn parts<'c>(
    compositions: &'c Compositions,
    route: &'c Route,
    policy: Option<&'c Policy>,
) -> Vec<PartReport<'c>> {
    let stage = |part: usize| route.stages.iter().position(|stage| stage.contains(&part));
    let part = |(index, part): (usize, &'c Part)| PartReport {
        part,
        stage: stage(index).unwrap_or_default() + 1,
        service: &compositions.services()[part.service].name,
        rule: policy.and_then(|policy| {
            let rule = policy.choose(part.method.as_str(), &part.sample_path());
            rule.ok().map(|rule| rule.route.as_str())
        }),
    };
    route.parts.iter().enumerate().map(part).collect()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
