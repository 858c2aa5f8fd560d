//! The policy: whether it is valid, and its warnings.

use crate::before::configured_policy::ConfiguredPolicy;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const VALID: Check = Check {
    id: "policy-valid",
    group: Group::Parameters,
    title: "The policy is valid",
    explanation: "CloudFormation checks only that AuthPolicy looks like a JSON object. With an \
                  invalid policy the authorizer does not start, and every request fails with 500.",
    fix: "Correct the field. docs/reference/policy.md describes each one.",
    permissions: &[],
    evidence: None,
};

const WARNINGS: Check = Check {
    id: "policy-warnings",
    group: Group::Parameters,
    title: "The policy has no warnings",
    explanation: "A policy can be valid and still not do what its author intended. The authorizer \
                  logs the same warnings when it loads the policy.",
    fix: "Change the field, or accept the warning.",
    permissions: &[],
    evidence: None,
};

pub(super) const VALID_ENTRY: Entry<Parameters> = Entry {
    check: &VALID,
    run: |parameters| Box::pin(async { Ok(valid(parameters)) }),
};

pub(super) const WARNINGS_ENTRY: Entry<Parameters> = Entry {
    check: &WARNINGS,
    run: |parameters| Box::pin(async { Ok(warnings(parameters)) }),
};

fn valid(parameters: &Parameters) -> Verdict {
    match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => {
            let (rules, issuers) = (inline.policy.rules().count(), inline.policy.issuers.len());
            Verdict::ok(format!("rules: {rules}, issuers: {issuers}"))
        }
        ConfiguredPolicy::Invalid(problem) => Verdict::failed(problem),
        other => unread(&other),
    }
}

fn warnings(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline,
        other => return unread(&other),
    };

    let mut findings = Findings::default();
    for warning in inline.policy.warnings() {
        findings.warning(format!("{}: {warning}", inline.place));
    }
    findings.verdict("the policy has no warnings")
}

/// Returns the verdict if there is no policy to look at.
pub(super) fn unread(policy: &ConfiguredPolicy) -> Verdict {
    match policy {
        ConfiguredPolicy::Stored(name) => Verdict::not_checked(format!(
            "AuthPolicy names the policy `{name}` of the registry, which the parameters do not contain"
        ))
        .with_fix(
            "Add --policy with the file of the policy, or check the deployed stack, which reads the \
             policy from the registry.",
        ),
        ConfiguredPolicy::Unknown(problem) => {
            Verdict::not_checked(format!("a value is not valid: {problem}"))
                .with_fix("First correct the values that parameters-valid reports.")
        }
        ConfiguredPolicy::Invalid(_) | ConfiguredPolicy::Inline(_) => {
            Verdict::not_checked("the policy is invalid, see policy-valid")
                .with_fix("First correct what policy-valid reports.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{parameters, without_network};
    use crate::verdict::Status;

    #[test]
    fn policy_of_each_parameter_is_read() {
        let rules = r#"AuthPolicy: '{"rules":[{"match":"GET /a","auth":"api_key"}]}'"#;
        for (lines, detail) in [
            ("", "rules: 2, issuers: 0"),
            (rules, "rules: 1, issuers: 0"),
            (
                "JwtIssuer: https://auth.example.com\nJwtAudience: api\n",
                "rules: 2, issuers: 1",
            ),
        ] {
            assert_eq!(valid(&parameters(lines)), Verdict::ok(detail), "{lines}");
        }
    }

    #[test]
    fn invalid_policy_is_reported_with_field_and_position() {
        for (policy, expected) in [
            (
                r#"{"rules":[{"match":"GET /a","auth":"nobody"}]}"#,
                "parameters.yaml:5:1: AuthPolicy: line 1, column 43 of the policy: rules[0].auth: unknown value `nobody`, \
                 expected one of",
            ),
            (
                r#"{"rules":[{"match":"/a","auth":"any"}]}"#,
                "parameters.yaml:5:1: AuthPolicy: line 1, column 20 of the policy: rules[0].match: `/a` is not a route key",
            ),
            (
                r#"{"rules":[], "rule":1}"#,
                "parameters.yaml:5:1: AuthPolicy: line 1, column 19 of the policy: rule: unknown field `rule`",
            ),
            (
                r#"{"rules":[], "api_keys": {"header": "api-key"}}"#,
                "parameters.yaml:5:1: AuthPolicy: line 1, column 37 of the policy: api_keys.header: unexpected header",
            ),
            (
                r#"{"rules":[], "issuers": [{"issuer": "http://127.0.0.1:1", "audiences": ["a"], "default_plan": "free"}]}"#,
                "parameters.yaml:5:1: AuthPolicy: line 1, column 37 of the policy: issuers[0].issuer: ",
            ),
        ] {
            let verdict = valid(&parameters(&format!("AuthPolicy: '{policy}'\n")));
            assert_eq!(verdict.status, Status::Failed, "{policy}");
            assert!(
                verdict.details[0].starts_with(expected),
                "{}",
                verdict.details[0]
            );

            let verdict = warnings(&parameters(&format!("AuthPolicy: '{policy}'\n")));
            let expected = Verdict::not_checked("the policy is invalid, see policy-valid")
                .with_fix("First correct what policy-valid reports.");
            assert_eq!(verdict, expected);
        }
    }

    #[test]
    fn stored_policy_needs_its_file() {
        let verdict = valid(&parameters("AuthPolicy: table:edge"));
        assert_eq!(verdict.status, Status::NotChecked);
        assert!(verdict.details[0].contains("`edge` of the registry"));

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("edge.json");
        let with_file = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let parameters = parameters("AuthPolicy: table:edge");
            valid(&parameters.with_policy_file(&path).unwrap())
        };
        assert_eq!(
            with_file(r#"{"rules":[]}"#),
            Verdict::ok("rules: 0, issuers: 0")
        );
        let problem = "line 1, column 2 of the policy: missing field `rules`";
        let expected = format!("{}: {problem}", path.display());
        assert_eq!(with_file("{}"), Verdict::failed(expected));
    }

    #[test]
    fn file_of_a_policy_needs_a_stored_policy() {
        let problem = |lines: &str, path: &str| {
            let result = parameters(lines).with_policy_file(path.as_ref());
            result.err().unwrap().to_string()
        };
        assert_eq!(
            problem("", "edge.json"),
            "edge.json: AuthPolicy names no policy of the registry, expected table:NAME"
        );
        let missing = problem("AuthPolicy: table:edge", "no-such-file.json");
        assert!(
            missing.starts_with("no-such-file.json: No such file"),
            "{missing}"
        );
    }

    #[test]
    fn policy_of_invalid_parameters_is_not_checked() {
        let verdict = valid(&parameters("Environment: prod"));
        assert_eq!(verdict.status, Status::NotChecked);
        assert!(verdict.details[0].starts_with("a value is not valid: parameter Environment"));
        let fix = "First correct the values that parameters-valid reports.";
        assert_eq!(verdict.fix.as_deref(), Some(fix));
    }

    #[test]
    fn every_warning_is_reported() {
        assert_eq!(warnings(&parameters("")).status, Status::Ok);
        let verdict = warnings(&without_network(
            r#"AuthPolicy: '{"rules":[], "api_keys": {"bearer": true}}'"#,
        ));
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(verdict.details.len(), 2, "{:?}", verdict.details);
        assert!(
            verdict.details[0]
                .starts_with("parameters.yaml:3:1: AuthPolicy: rules: the policy has no rules"),
            "{:?}",
            verdict.details
        );
    }
}
