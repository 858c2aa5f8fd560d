//! The values of the parameters, against their declarations.

use serde_json::Value;

use super::constraint;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The most bytes of all variables of a function together (Lambda quotas).
const MAX_VARIABLES_BYTES: usize = 4_096;

const CHECK: Check = Check {
    id: "parameters-valid",
    group: Group::Parameters,
    title: "Every value is allowed by the template",
    explanation: "CloudFormation refuses a value that does not match the constraints of its \
                  parameter. Lambda refuses a function with more than 4 KB of variables, after \
                  CloudFormation has started to create the stack. The SAM CLI passes on true, false \
                  and numbers in YAML as Python writes them, such as `True`, unless they are in \
                  quotes.",
    fix: "Correct the values. docs/reference/parameters.md describes each parameter. Store a long \
          policy or composition in the registry, and set AuthPolicy or Compositions to table:NAME.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let mut problems = Vec::new();
    for declaration in parameters.declarations() {
        let name = &declaration.name;
        let Some(given) = parameters.file().get(name) else {
            if declaration.default.is_none() {
                let place = parameters.place(name);
                problems.push(format!("{place}: has no default, so a value is required"));
            }
            continue;
        };

        if let Some(converted) = &given.converted {
            let place = parameters.place(name);
            problems.push(match declaration.can_be_secret() {
                true => format!("{place}: without quotes, the SAM CLI passes on another value"),
                false => {
                    let value = &given.value;
                    format!(
                        "{place}: without quotes, the SAM CLI passes on `{value}` as `{converted}`"
                    )
                }
            });
        }
        let invalid = constraint::problems(declaration, &given.value);
        problems.extend(
            invalid
                .into_iter()
                .map(|problem| format!("{}: {problem}", parameters.place(name))),
        );
    }

    if problems.is_empty() {
        problems.extend(large_functions(parameters));
    }
    let count = parameters.file().iter().count();
    Verdict::of_problems(problems, format!("all {count} values are allowed"))
}

/// Returns a sentence for each function whose variables are too large. Names of tables that only
/// CloudFormation knows are not counted, so more functions can be too large.
fn large_functions(parameters: &Parameters) -> Vec<String> {
    let Ok(template) = parameters.resources() else {
        // The check of the rules reports it.
        return Vec::new();
    };
    let resources = template.as_object().into_iter().flatten();
    resources
        .filter_map(|(name, resource)| {
            let variables = resource["Properties"]["Environment"]["Variables"].as_object()?;
            let size = |(name, value): (&String, &Value)| name.len() + known_bytes(value);
            let bytes: usize = variables.iter().map(size).sum();
            (bytes > MAX_VARIABLES_BYTES).then(|| {
                format!(
                    "{name} has at least {bytes} bytes of variables, expected at most {MAX_VARIABLES_BYTES}, \
                     the limit of Lambda"
                )
            })
        })
        .collect()
}

fn known_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Number(number) => number.to_string().len(),
        Value::Bool(true) => "true".len(),
        Value::Bool(false) => "false".len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::{of_template, parameters};
    use crate::verdict::Status;

    #[test]
    fn allowed_values_pass() {
        let verdict = check(&parameters("Environment: staging\nAlarmTopicArn:\n"));
        assert_eq!(verdict, Verdict::ok("all 6 values are allowed"));
    }

    #[test]
    fn every_value_that_is_not_allowed_is_reported() {
        let verdict = check(&parameters(
            "Environment: prod\nCreateAlarms: true\nDomainName: API.example.com\nAlbListenerPort: 0\n",
        ));
        assert_eq!(verdict.status, Status::Failed);
        let expected = [
            "parameters.yaml:5:1: Environment: `prod` is not allowed, expected one of \"development\", \"staging\", \
             \"production\"",
            "parameters.yaml:8:1: AlbListenerPort: `0` is out of range, expected 1 to 65535",
            "parameters.yaml:7:1: DomainName: `API.example.com` is not valid: it must be a lowercase domain name, such \
             as api.example.com",
            "parameters.yaml:6:1: CreateAlarms: without quotes, the SAM CLI passes on `true` as `True`",
        ];
        assert_eq!(verdict.details, expected);
    }

    #[test]
    fn secret_in_place_of_its_arn_is_not_repeated() {
        for secret in ["SUPERSECRET123", "0x5EC2E7"] {
            let verdict = check(&parameters(&format!("OriginSecretArn: {secret}\n")));
            assert_eq!(verdict.status, Status::Failed);
            assert!(!format!("{verdict:?}").contains(secret), "{verdict:?}");
        }
    }

    #[test]
    fn policy_is_not_repeated() {
        let verdict = check(&parameters("AuthPolicy: 'secret'\n"));
        assert_eq!(
            verdict.details,
            [
                "parameters.yaml:5:1: AuthPolicy: the value is not valid: it must be a JSON object of at most 3,000 \
              characters, or table:NAME"
            ]
        );
    }

    #[test]
    fn parameter_without_a_value_or_default_is_reported() {
        let parameters = of_template("A: 1", "Parameters: {A: {Type: String}, B: {Type: String}}");
        assert_eq!(
            check(&parameters).details,
            ["parameters.yaml: B: has no default, so a value is required"]
        );
    }

    // 2,000 characters are allowed, and take 4,000 bytes in addition to the other variables.
    #[test]
    fn variables_of_a_function_are_limited() {
        let policy = format!("{{{}}}", "\u{e4}".repeat(2_000));
        let verdict = check(&parameters(&format!("AuthPolicy: '{policy}'\n")));
        assert_eq!(verdict.status, Status::Failed);
        assert!(
            verdict.details[0].starts_with("AuthorizerFunction has at least 4"),
            "{:?}",
            verdict.details
        );
    }
}
