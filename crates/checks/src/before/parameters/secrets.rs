//! The secrets of the policy: where they are, and whether the authorizer may read them.

use policy::{SecretPlace, SecretReference};

use super::policy::unread;
use crate::before::configured_policy::{ConfiguredPolicy, InlinePolicy};
use crate::before::context::Parameters;
use crate::before::regions::of_arn;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The number of random characters that Secrets Manager adds to the name of a secret.
const SUFFIX_CHARS: usize = 6;

const CHECK: Check = Check {
    id: "secrets-permitted",
    group: Group::Parameters,
    title: "The authorizer may read every secret of the policy",
    explanation: "The authorizer reads only the secrets that SecretArns lists. If it cannot read \
                  one, it does not start, and every request fails with 500. The template sets no \
                  variables of your own, so `env:NAME` works only in the local gateway. A secret \
                  that is written in the policy is visible in the parameters of the stack and in \
                  the variables of the function.",
    fix: "Store the secret in Secrets Manager or Systems Manager, refer to it in the policy, and add \
          its ARN to SecretArns: see docs/guides/secrets.md.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let inline = match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline,
        other => return unread(&other),
    };

    let mut findings = Findings::default();
    for secret in inline.secrets() {
        let place = format!("{}: {}", inline.place, secret.field);
        match secret.reference {
            SecretReference::Stored(stored) => {
                if let Some(problem) = problem(parameters, stored) {
                    findings.problem(format!("{place}: {problem}"));
                }
            }
            SecretReference::Known(_) if secret.is_literal() => findings.warning(format!(
                "{place}: the secret is written in the policy, expected ssm:/NAME or secretsmanager:ARN"
            )),
            // Reported by the name of its variable.
            SecretReference::Known(_) => {}
        }
    }
    add_variables(&inline, &mut findings);
    if let Some(problem) = &inline.private_key {
        findings.warning(problem);
    }

    let count = inline.secrets().len();
    findings.verdict(match count {
        0 => "the policy has no secrets".to_owned(),
        _ => format!("secrets that SecretArns covers: {count}"),
    })
}

fn add_variables(inline: &InlinePolicy, findings: &mut Findings) {
    for name in &inline.variables {
        findings.problem(format!(
            "{}: `env:{name}`: the deployed function has no variable of this name",
            inline.place
        ));
    }
}

/// Returns why the authorizer may not read a secret.
fn problem(parameters: &Parameters, secret: &SecretPlace) -> Option<String> {
    let patterns = parameters.list("SecretArns");
    match secret {
        SecretPlace::Parameter(name) => {
            let suffix = format!(":parameter{name}");
            let is_covered = patterns
                .iter()
                .any(|pattern| covers_parameter(pattern, &suffix, parameters.region()));
            (!is_covered).then(|| {
                let region = parameters.region().unwrap_or("REGION");
                format!(
                    "SecretArns has no ARN for `ssm:{name}`, expected arn:aws:ssm:{region}:ACCOUNT:parameter{name}"
                )
            })
        }
        SecretPlace::Secret { arn, .. } if !is_complete(arn) => Some(format!(
            "`{arn}` is not complete, expected the ARN with its last {SUFFIX_CHARS} random characters"
        )),
        SecretPlace::Secret { arn, .. } => {
            let is_covered = patterns.iter().any(|pattern| matches(pattern, arn));
            (!is_covered).then(|| format!("SecretArns does not contain `{arn}`"))
        }
    }
}

/// True if a pattern covers the parameter with this end of its ARN. The account of the stack is not
/// known.
fn covers_parameter(pattern: &str, suffix: &str, region: Option<&str>) -> bool {
    let is_parameter = pattern.split(':').nth(2) == Some("ssm");
    let is_here = region.is_none_or(|region| of_arn(pattern) == Some(region));
    let Some(start) = pattern.find(":parameter") else {
        return false;
    };
    is_parameter && is_here && matches(pattern.get(start..).unwrap_or_default(), suffix)
}

fn is_complete(arn: &str) -> bool {
    let Some((_, suffix)) = arn.rsplit_once('-') else {
        return false;
    };
    suffix.len() == SUFFIX_CHARS && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// True if a pattern of SecretArns matches. Only its end can be a wildcard: `*`, or one `?` per
/// character.
fn matches(pattern: &str, text: &str) -> bool {
    if let Some(start) = pattern.strip_suffix('*') {
        return text.starts_with(start);
    }
    let start = pattern.trim_end_matches('?');
    let any = pattern.len() - start.len();
    text.strip_prefix(start)
        .is_some_and(|rest| rest.chars().count() == any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:idp-Ab3dEf";

    fn check_secret(secret: &str, arns: &str) -> Verdict {
        check(&parameters(&format!(
            r#"AuthPolicy: '{{"introspection":{{"endpoint":"https://a.example/introspect","client_id":"c","client_secret":"{secret}","default_plan":"free"}},"rules":[]}}'
SecretArns: {arns}
"#
        )))
    }

    #[test]
    fn covered_secrets_pass() {
        assert_eq!(
            check(&parameters("")),
            Verdict::ok("the policy has no secrets")
        );
        for (secret, arns) in [
            (format!("secretsmanager:{SECRET}"), SECRET.to_owned()),
            (
                format!("secretsmanager:{SECRET}"),
                SECRET.replace("Ab3dEf", "??????"),
            ),
            (
                format!("secretsmanager:{SECRET}"),
                SECRET.replace("idp-Ab3dEf", "*"),
            ),
            (
                "ssm:/tollgate/idp".to_owned(),
                format!("{SECRET},arn:aws:ssm:us-east-1:123456789012:parameter/tollgate/idp"),
            ),
            (
                "ssm:/tollgate/idp".to_owned(),
                "arn:aws:ssm:us-east-1:123456789012:parameter/tollgate/*".to_owned(),
            ),
        ] {
            let verdict = check_secret(&secret, &arns);
            assert_eq!(
                verdict,
                Verdict::ok("secrets that SecretArns covers: 1"),
                "{secret} {arns}"
            );
        }
    }

    #[test]
    fn secrets_that_cannot_be_read_are_reported() {
        for (secret, arns, problem) in [
            (
                format!("secretsmanager:{SECRET}"),
                "",
                "parameters.yaml:5:1: AuthPolicy: introspection.client_secret: SecretArns does not contain",
            ),
            (
                format!("secretsmanager:{SECRET}"),
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:idp-?????",
                "SecretArns does not contain",
            ),
            (
                format!("secretsmanager:{}", SECRET.trim_end_matches("-Ab3dEf")),
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*",
                "is not complete, expected the ARN with its last 6 random characters",
            ),
            (
                "ssm:/tollgate/idp".to_owned(),
                "arn:aws:ssm:eu-west-1:123456789012:parameter/tollgate/idp",
                "SecretArns has no ARN for `ssm:/tollgate/idp`, expected \
                 arn:aws:ssm:us-east-1:ACCOUNT:parameter/tollgate/idp",
            ),
            (
                "ssm:/tollgate/idp".to_owned(),
                "arn:aws:ssm:us-east-1:123456789012:parameter/tollgate/id",
                "SecretArns has no ARN",
            ),
            (
                "env:IDP_SECRET".to_owned(),
                "",
                "`env:IDP_SECRET`: the deployed function has no variable of this name",
            ),
        ] {
            let verdict = check_secret(&secret, arns);
            assert_eq!(verdict.status, Status::Failed, "{secret}");
            assert_eq!(verdict.details.len(), 1, "{:?}", verdict.details);
            assert!(
                verdict.details[0].contains(problem),
                "{}",
                verdict.details[0]
            );
        }
    }

    #[test]
    fn literal_secret_is_a_warning_and_is_not_repeated() {
        let verdict = check_secret("correct-horse-battery-staple", "");
        assert_eq!(verdict.status, Status::Warning);
        assert_eq!(
            verdict.details,
            [
                "parameters.yaml:5:1: AuthPolicy: introspection.client_secret: the secret is written in the policy, \
              expected ssm:/NAME or secretsmanager:ARN"
            ]
        );
    }

    #[test]
    fn secrets_of_a_stored_policy_are_not_checked() {
        assert_eq!(
            check(&parameters("AuthPolicy: table:edge")).status,
            Status::NotChecked
        );
    }
}
