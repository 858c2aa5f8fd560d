//! Recommendations of the documentation for production.

use super::policy::unread;
use crate::before::configured_policy::ConfiguredPolicy;
use crate::before::context::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

const CHECK: Check = Check {
    id: "production-safe",
    group: Group::Parameters,
    title: "The settings follow the recommendations for production",
    explanation: "The defaults suit development: they cost little, and a stack can be removed \
                  easily. For production, the documentation recommends other values. Each warning \
                  quotes the sentence.",
    fix: "Set the parameter, or accept the warning.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

/// A recommendation of the documentation.
struct Recommendation {
    /// The parameter.
    parameter: &'static str,
    /// True if the values do not follow it.
    is_missed: fn(&Parameters) -> bool,
    /// The page with the sentence.
    page: &'static str,
    /// The sentence.
    sentence: &'static str,
}

const RECOMMENDATIONS: [Recommendation; 9] = [
    Recommendation {
        parameter: "GradualDeployment",
        is_missed: |parameters| !parameters.is_true("GradualDeployment"),
        page: "docs/operations/upgrades.md",
        sentence: "With `GradualDeployment=true`, a new authorizer version first gets a tenth of the requests for five \
                   minutes.",
    },
    Recommendation {
        parameter: "CreateAlarms",
        is_missed: |parameters| !parameters.is_true("CreateAlarms"),
        page: "docs/operations/runbook.md",
        sentence: "`CreateAlarms=true` creates the alarms, and `AlarmTopicArn` names the SNS topic that they notify.",
    },
    Recommendation {
        parameter: "AlarmTopicArn",
        is_missed: |parameters| {
            parameters.is_true("CreateAlarms") && parameters.text("AlarmTopicArn").is_empty()
        },
        page: "docs/reference/parameters.md",
        sentence: "Empty: alarms are visible only in CloudWatch.",
    },
    Recommendation {
        parameter: "DeletionProtection",
        is_missed: |parameters| !parameters.is_true("DeletionProtection"),
        page: "docs/guides/deploy.md",
        sentence: "After the first deployment has succeeded, set `DeletionProtection` to `\"true\"` and deploy again",
    },
    Recommendation {
        parameter: "BackendTlsServerName",
        is_missed: |parameters| {
            parameters.is_true("CreateVpcLink")
                && parameters.text("BackendTlsServerName").is_empty()
        },
        page: "docs/reference/parameters.md",
        sentence: "Empty: the VPC link connects to the ALB over HTTP.",
    },
    Recommendation {
        parameter: "OriginSecretArn",
        is_missed: |parameters| parameters.text("OriginSecretArn").is_empty(),
        page: "docs/guides/proof-of-origin.md",
        sentence: "If other clients can reach it too, such as other services in the VPC or the callers of a public \
                   `BackendUrl`, they can claim any identity.",
    },
    Recommendation {
        parameter: "OnThrottle",
        is_missed: |parameters| {
            parameters.is_true("CreateVpcLink") && parameters.text("OnThrottle") == "forbid"
        },
        page: "docs/reference/parameters.md",
        sentence: "\"forbid\" responds with 403, for integrations without that rule.",
    },
    Recommendation {
        parameter: "SyncDryRun",
        is_missed: |parameters| {
            parameters.is_true("SyncDryRun") && !parameters.text("SyncTargets").is_empty()
        },
        page: "docs/reference/parameters.md",
        sentence: "\"true\" makes every run of alb-sync report its changes without applying them.",
    },
    Recommendation {
        parameter: "DisableExecuteApiEndpoint",
        is_missed: |parameters| {
            !parameters.is_true("DisableExecuteApiEndpoint")
                && parameters.text("TruststoreUri").is_empty()
                && parameters.text("HttpApiId").is_empty()
                && has_front(parameters)
        },
        page: "docs/guides/deploy.md",
        sentence: "Point it at `DomainName` and set `DisableExecuteApiEndpoint=true`, so that the default endpoint is no \
                   way around it.",
    },
];

fn check(parameters: &Parameters) -> Verdict {
    let environment = parameters.text("Environment");
    if environment != "production" {
        return Verdict::not_applicable(format!("Environment is {environment}"));
    }
    // Without a valid policy, one of the recommendations is not known.
    let policy = ConfiguredPolicy::read(parameters);
    if matches!(policy, ConfiguredPolicy::Unknown(_)) {
        return unread(&policy);
    }

    let mut findings = Findings::default();
    for recommendation in &RECOMMENDATIONS {
        if (recommendation.is_missed)(parameters) {
            let Recommendation {
                parameter,
                page,
                sentence,
                ..
            } = recommendation;
            let value = match parameters.text(parameter) {
                "" => "is empty".to_owned(),
                value => format!("is \"{value}\""),
            };
            let place = parameters.place(parameter);
            findings.warning(format!("{place} {value}. {page}: {sentence}"));
        }
    }
    let mut verdict = findings.verdict("the settings follow all recommendations");
    if verdict.status == Status::Ok && matches!(policy, ConfiguredPolicy::Stored(_)) {
        verdict
            .details
            .push("the policy of the registry was not read".to_owned());
    }
    verdict
}

fn has_front(parameters: &Parameters) -> bool {
    match ConfiguredPolicy::read(parameters) {
        ConfiguredPolicy::Inline(inline) => inline.policy.front.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;

    const SAFE: &str = "\
Environment: production
DeletionProtection: \"true\"
GradualDeployment: \"true\"
CreateAlarms: \"true\"
AlarmTopicArn: arn:aws:sns:us-east-1:123456789012:alarms
AlbListenerPort: 443
BackendTlsServerName: orders.internal.example.com
OriginSecretArn: arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-Ab3dEf
";

    #[test]
    fn recommended_settings_pass() {
        let verdict = check(&parameters(SAFE));
        assert_eq!(
            verdict,
            Verdict::ok("the settings follow all recommendations")
        );
    }

    #[test]
    fn other_environments_have_no_recommendations() {
        assert_eq!(
            check(&parameters("")),
            Verdict::not_applicable("Environment is development")
        );
    }

    #[test]
    fn each_missed_recommendation_is_a_warning() {
        let front = r#"AuthPolicy: '{"front":{"secret":"ssm:/front"},"rules":[]}'"#;
        let targets = r#"[{"name":"a","target_group_arn":"arn:aws:x:targetgroup/a/1","port":1}]"#;
        for (old, new, parameter) in [
            (
                "GradualDeployment: \"true\"\n",
                String::new(),
                "GradualDeployment",
            ),
            ("CreateAlarms: \"true\"\n", String::new(), "CreateAlarms"),
            (
                "AlarmTopicArn: arn:aws:sns:us-east-1:123456789012:alarms\n",
                String::new(),
                "AlarmTopicArn",
            ),
            (
                "DeletionProtection: \"true\"",
                "DeletionProtection: \"false\"".to_owned(),
                "DeletionProtection",
            ),
            (
                "BackendTlsServerName: orders.internal.example.com\n",
                String::new(),
                "BackendTlsServerName",
            ),
            (
                "OriginSecretArn: arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-Ab3dEf\n",
                String::new(),
                "OriginSecretArn",
            ),
            (
                "Environment",
                "OnThrottle: forbid\nEnvironment".to_owned(),
                "OnThrottle",
            ),
            (
                "Environment",
                format!("SyncDryRun: \"true\"\nSyncTargets: '{targets}'\nEnvironment"),
                "SyncDryRun",
            ),
            (
                "Environment",
                format!("{front}\nEnvironment"),
                "DisableExecuteApiEndpoint",
            ),
        ] {
            let lines = SAFE.replace(old, &new);
            assert_ne!(lines, SAFE);
            let verdict = check(&parameters(&lines));
            assert_eq!(verdict.status, Status::Warning, "{parameter}");
            assert_eq!(verdict.details.len(), 1, "{:?}", verdict.details);
            assert!(
                verdict.details[0].contains(&format!("{parameter} is ")),
                "{:?}",
                verdict.details
            );
        }
    }

    #[test]
    fn pages_contain_the_quoted_sentences() {
        for recommendation in &RECOMMENDATIONS {
            let path = format!(
                "{}/../../{}",
                env!("CARGO_MANIFEST_DIR"),
                recommendation.page
            );
            let page = std::fs::read_to_string(&path).unwrap();
            let words: Vec<&str> = page.split_whitespace().collect();
            let sentence = recommendation.sentence;
            assert!(
                words.join(" ").contains(sentence),
                "{path} lacks: {sentence}"
            );
        }
    }
}
