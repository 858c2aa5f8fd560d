//! The routes and parts of a file, and the rule that decides each part.

use composition::{Compositions, Cost, Part, Route, VersionShape};
use policy::Policy;
use serde_json::{Value, json};

use super::UNKNOWN_BACKEND;

/// The value of the variables of a route when its rule is looked up.
const SAMPLE: &str = "tollgate-sample";

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
    /// The route of the policy's rule for the composition itself.
    pub(super) rule: Option<&'c str>,
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
            rule: policy.and_then(|policy| route_rule(policy, route)),
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

    /// Returns the number of routes that no caller may call.
    pub(super) fn routes_without_rule(&self) -> usize {
        let without_rule = self.routes.iter().filter(|route| route.rule.is_none());
        if self.has_policy {
            without_rule.count()
        } else {
            0
        }
    }

    /// True if a part calls the template's `BackendUrl`.
    pub(super) fn calls_backend(&self) -> bool {
        let unknown = UNKNOWN_BACKEND.parse().ok();
        let services = self.compositions.services();
        let parts = self.routes.iter().flat_map(|route| &route.parts);
        parts
            .map(|report| &services[report.part.service].url)
            .any(|url| Some(url) == unknown.as_ref())
    }

    /// Returns the report for programs.
    pub(super) fn json(&self) -> Value {
        let services = self.compositions.services().iter().map(|service| {
            json!({
                "name": service.name,
                "url": service.url.to_string(),
                "max_concurrent_calls": service.max_concurrent_calls,
                "proof_of_origin": service.has_proof_of_origin,
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
                "after": part.after.iter().map(|index| &route.route.parts[*index].name).collect::<Vec<_>>(),
                "charged": part.is_charged,
                "next": part.next,
            });
            if self.has_policy {
                json["rule"] = report.rule.into();
            }
            json
        });
        let headers = route.route.headers.iter().map(ToString::to_string);
        let versions = route.route.versions.iter().map(version_json);
        let mut json = json!({
            "route": route.route.key.to_string(),
            "timeout_ms": milliseconds(route.route.timeout),
            "cost": cost(route.route),
            "partial_status": route.route.partial_status.as_u16(),
            "fields_parameter": route.route.fields_parameter,
            "headers": headers.collect::<Vec<_>>(),
            "versions": versions.collect::<Vec<_>>(),
            "stages": route.route.stages.len(),
            "parts": parts.collect::<Vec<_>>(),
        });
        if self.has_policy {
            json["rule"] = route.rule.into();
        }
        json
    }
}

/// Returns the route of the rule for a composition. Its variables have a value that no rule names.
fn route_rule<'c>(policy: &'c Policy, route: &Route) -> Option<&'c str> {
    let path = route.key.fill(|_| Some(SAMPLE))?;
    let method = route.key.method().unwrap_or("GET");
    Some(policy.choose(method, &path).ok()?.route.as_str())
}

/// Returns the word of the document for the cost of a route.
pub(super) const fn cost(route: &Route) -> &'static str {
    match route.cost {
        Cost::Rule => "rule",
        Cost::Parts => "parts",
    }
}

fn version_json(shape: &VersionShape) -> Value {
    json!({
        "header": shape.header.as_str(),
        "from": shape.from.as_ref().map(ToString::to_string),
        "below": shape.below.as_ref().map(ToString::to_string),
        "changes": shape.changes.len(),
    })
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

pub(super) fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
