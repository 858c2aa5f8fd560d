//! The parts of the compositions: whether the policy allows them.

use composition::{Compositions, Part, Route};
use policy::{NoRule, Policy, Rule};
use routes::Demands as _;

use super::{compositions, policy::unread};
use crate::before::configured_compositions::ConfiguredCompositions;
use crate::before::configured_policy::ConfiguredPolicy;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The value of a variable in the path of a route.
const SAMPLE_SEGMENT: &str = "tollgate-check";

const CHECK: Check = Check {
    id: "compositions-possible",
    group: Group::Parameters,
    title: "The policy has a rule for every composition and each of its parts",
    explanation: "The composer applies the policy to each part, as if the caller had sent the \
                  request directly. A part without a rule is missing for every caller. A part whose \
                  rule demands more than that of its route is missing for some callers. The check \
                  sends one sample path per part through the rules.",
    fix: "Add a rule for the path of the part, or change the path.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let composed = match ConfiguredCompositions::read(parameters) {
        ConfiguredCompositions::Inline(inline) => inline,
        other => return compositions::unread(&other),
    };
    let policy = match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline,
        other => return unread(&other),
    };
    review(&composed.compositions, &policy.policy, &composed.place)
}

fn review(compositions: &Compositions, policy: &Policy, place: &str) -> Verdict {
    let mut findings = Findings::default();
    let mut parts = 0;
    for route in compositions.routes() {
        let subject = format!("{place}: `{}`", route.key);
        let rule = match rule_of_route(policy, route) {
            Ok(rule) => Some(rule),
            Err(problem) => {
                findings.problem(format!("{subject}: {problem}"));
                None
            }
        };
        for part in &route.parts {
            parts += 1;
            review_part(&subject, part, rule, policy, &mut findings);
        }
    }
    findings.verdict(format!("parts that a rule of the policy matches: {parts}"))
}

fn rule_of_route<'p>(policy: &'p Policy, route: &Route) -> Result<&'p Rule, String> {
    let path = route.key.fill(|_| Some(SAMPLE_SEGMENT));
    let path = path.ok_or_else(|| "its path has no sample".to_owned())?;
    let method = route.key.method().unwrap_or("GET");
    policy.choose(method, &path).map_err(described)
}

fn review_part(
    subject: &str,
    part: &Part,
    of_route: Option<&Rule>,
    policy: &Policy,
    findings: &mut Findings,
) {
    let name = &part.name;
    match policy.choose(part.method.as_str(), &part.sample_path()) {
        Err(problem) => {
            let problem = described(problem);
            findings.problem(format!("{subject}: part `{name}`: {problem}"));
        }
        Ok(rule) if of_route.is_some_and(|of_route| rule.demands_more_than(of_route)) => {
            findings.warning(format!(
                "{subject}: part `{name}`: the rule `{}` demands more than that of the route, so \
                 the part is missing for callers who do not meet it",
                rule.route
            ));
        }
        Ok(_) => {}
    }
}

fn described(problem: NoRule<'_>) -> String {
    match problem {
        NoRule::Unmatched => "no rule matches its path".to_owned(),
        NoRule::Ambiguous { chosen, .. } => format!(
            "a service may read its path as another one than the rule `{}`, so requests are refused",
            chosen.route
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::without_network;
    use crate::verdict::Status;

    fn verdict(rules: &str) -> Verdict {
        let composed = r#"{"routes":{"GET /bff/me/{id}":{"partial_status":200,"parts":{"user":{"get":"/users/{user_id}"},"orders":{"get":"/orders?of={id}"}}}}}"#;
        let policy = format!(r#"{{"rules":[{rules}]}}"#);
        check(&without_network(&format!(
            "Compositions: '{composed}'\nAuthPolicy: '{policy}'\n"
        )))
    }

    #[test]
    fn each_part_needs_a_rule() {
        let all = r#"{"match":"ANY /{proxy+}","auth":"api_key"}"#;
        let expected = Verdict::ok("parts that a rule of the policy matches: 2");
        assert_eq!(verdict(all), expected);

        let only_orders = r#"{"match":"ANY /bff/{proxy+}","auth":"api_key"},{"match":"GET /orders","auth":"api_key"}"#;
        let found = verdict(only_orders);
        let detail = "parameters.yaml:3:1: Compositions: `GET /bff/me/{id}`: part `user`: no rule \
                      matches its path";
        assert_eq!(found, Verdict::failed(detail));

        let no_route = r#"{"match":"GET /users/{id}","auth":"api_key"},{"match":"GET /orders","auth":"api_key"}"#;
        let found = verdict(no_route);
        assert_eq!(found.status, Status::Failed, "{found:?}");
        assert_eq!(found.details.len(), 1, "{found:?}");
    }

    #[test]
    fn part_that_demands_more_than_its_route_is_a_warning() {
        let rules = r#"{"match":"ANY /{proxy+}","auth":"api_key"},{"match":"GET /users/{id}","auth":"api_key","scopes":["users"]}"#;
        let found = verdict(rules);
        assert_eq!(found.status, Status::Warning, "{found:?}");
        assert!(found.details[0].contains("part `user`: the rule `GET /users/{id}`"));
        // The other way round, everybody who may call the route may call the part.
        let rules = r#"{"match":"ANY /{proxy+}","auth":"api_key"},{"match":"GET /bff/{proxy+}","auth":"api_key","scopes":["users"]}"#;
        assert_eq!(verdict(rules).status, Status::Ok);
    }

    #[test]
    fn invalid_or_missing_documents_are_not_checked() {
        let found = check(&without_network(""));
        assert_eq!(found.status, Status::NotApplicable);
        let found = verdict(r#"{"match":"ANY /{proxy+}","auth":"nobody"}"#);
        assert_eq!(found.status, Status::NotChecked);
    }
}
