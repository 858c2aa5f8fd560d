//! Tests of the proof of origin.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const RULES: &str = "elasticloadbalancing.DescribeRules.xml";
const INTEGRATIONS: &str = "apigateway.GET@apis~a1b2c3d4e5~integrations.json";
const INGRESS: &str = "ec2.DescribeSecurityGroupRules@sg-0alb.xml";
const SECRET: &str = "5ec2e7";

/// Returns the responses of a stack with a secret.
fn with_secret() -> Recorded {
    let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:tollgate/origin-Ab3dEf";
    Recorded::healthy()
        .with_parameter("OriginSecretArn", arn)
        .with(INTEGRATIONS, |text| {
            let sent = format!("\"overwrite:header.x-tollgate-origin\": \"{SECRET}\"");
            text.replace("\"overwrite:header.x-tollgate-origin\": \"-\"", &sent)
        })
}

/// Adds a condition on the header to the rule for a path, and refuses all other requests.
fn with_condition(recorded: Recorded, value: &str) -> Recorded {
    with_condition_on(recorded, &[value])
}

fn with_condition_on(recorded: Recorded, values: &[&str]) -> Recorded {
    let values: String = values
        .iter()
        .map(|value| format!("<member>{value}</member>"))
        .collect();
    let condition = format!(
        "<Conditions><member><Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>\
         X-Tollgate-Origin</HttpHeaderName><Values>{values}</Values></HttpHeaderConfig></member><member>\n<Field>path-pattern"
    );
    recorded.with(RULES, |text| {
        let text = text.replace("<Conditions>\n<member>\n<Field>path-pattern", &condition);
        let (start, default) = text.split_once("<Priority>default<").unwrap();
        let default = default.replace("<Type>forward<", "<Type>fixed-response<");
        format!("{start}<Priority>default<{default}")
    })
}

async fn checked(recorded: Recorded) -> Verdict {
    let verdict = match check(&recorded.stack().await).await {
        Ok(verdict) => verdict,
        Err(reason) => reason.into(),
    };
    assert!(!format!("{verdict:?}").contains(SECRET));
    verdict
}

#[tokio::test]
async fn secret_that_each_rule_requires_passes() {
    let verdict = checked(with_condition(with_secret(), "5EC2E7")).await;
    assert_eq!(
        verdict,
        Verdict::ok("API Gateway sends the secret in x-tollgate-origin")
    );
}

#[tokio::test]
async fn rules_without_the_condition_prove_nothing() {
    let verdict = checked(with_secret()).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        "requests without x-tollgate-origin match these rules, so the services must refuse them: \
         rule 3333333333333333 (priority 100), the default rule 4444444444444444"
    );
}

#[tokio::test]
async fn value_that_can_be_guessed_fails() {
    for guessable in ["-", "old", ""] {
        let recorded = with_condition_on(with_secret(), &[SECRET, guessable]);
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed, "{guessable}");
        assert!(verdict.details[0].ends_with("which can be guessed"));
    }
}

#[tokio::test]
async fn earlier_secret_is_a_warning() {
    let recorded = with_condition_on(with_secret(), &[&"0".repeat(64), SECRET]);
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Warning);
    assert!(verdict.details[0].contains("other than the secret: 1."));
}

#[tokio::test]
async fn rule_with_another_value_fails() {
    let verdict = checked(with_condition(with_secret(), "other")).await;
    assert_eq!(
        verdict,
        Verdict::failed(
            "rule 3333333333333333 (priority 100) does not match the value of x-tollgate-origin \
             that API Gateway sends"
        )
    );
}

#[tokio::test]
async fn rule_with_a_wildcard_fails() {
    let verdict = checked(with_condition(with_secret(), "*")).await;
    assert_eq!(
        verdict,
        Verdict::failed(
            "rule 3333333333333333 (priority 100) has a wildcard in its condition on x-tollgate-origin"
        )
    );
}

#[tokio::test]
async fn integration_without_the_secret_fails() {
    let recorded = with_condition(with_secret(), SECRET).with(INTEGRATIONS, |text| {
        text.replacen(&format!("\"{SECRET}\""), "\"-\"", 1)
    });
    assert_eq!(
        checked(recorded).await,
        Verdict::failed(
            "ProtectedIntegration does not overwrite x-tollgate-origin with the secret"
        )
    );
}

#[tokio::test]
async fn no_secret_is_needed_if_only_the_link_is_admitted() {
    let verdict = checked(Recorded::healthy()).await;
    assert_eq!(verdict.status, Status::Ok);
    assert!(verdict.details[0].starts_with("no proof of origin is in force"));
}

#[tokio::test]
async fn no_secret_is_a_warning_if_there_are_other_ways() {
    let rule = "<item><groupId>sg-0alb</groupId><isEgress>false</isEgress><ipProtocol>-1</ipProtocol>\
                <cidrIpv4>10.0.0.0/8</cidrIpv4></item></securityGroupRuleSet>";
    let recorded = Recorded::healthy().with(INGRESS, |text| {
        text.replace("</securityGroupRuleSet>", rule)
    });
    assert_eq!(checked(recorded).await.status, Status::Warning);

    let without_link = Recorded::healthy().with_parameter("CreateVpcLink", "false");
    assert_eq!(
        checked(without_link.clone()).await,
        Verdict::not_applicable("the stack has no backend")
    );
    let internet = without_link.with_parameter("BackendUrl", "https://backend.example.com");
    assert_eq!(
        checked(internet).await,
        Verdict::warning("the backend is on the internet, and requests have no proof of origin")
    );
}

/// Returns the responses of a stack with a VPC link that does not exist.
fn without_link() -> Recorded {
    Recorded::healthy()
        .with_parameter("VpcLinkId", "vl1abc")
        .missing("apigateway.GET@vpclinks.json")
        .with("cloudformation.ListStackResources.xml", |text| {
            let own = |line: &&str| !line.contains("VpcLink");
            text.lines().filter(own).collect::<Vec<_>>().join("\n")
        })
}

#[tokio::test]
async fn other_ways_are_those_that_the_groups_admit() {
    let closed = without_link().with(INGRESS, |text| {
        text.replace("<isEgress>false<", "<isEgress>true<")
    });
    assert_eq!(checked(closed).await.status, Status::Ok);

    // The group can be that of the link.
    assert_eq!(checked(without_link()).await.status, Status::NotProven);

    let open = without_link().with(INGRESS, |text| {
        text.replace("<isEgress>true<", "<isEgress>false<")
    });
    assert_eq!(checked(open).await.status, Status::Warning);

    let unread = Recorded::healthy().denied("ec2.DescribeNetworkInterfaces@sg-0link.xml");
    assert_eq!(checked(unread).await.status, Status::NotProven);
}

#[tokio::test]
async fn backend_on_the_internet_must_check_the_secret_itself() {
    let recorded = with_secret().with_parameter("CreateVpcLink", "false");
    assert_eq!(checked(recorded).await.status, Status::NotProven);
}

#[tokio::test]
async fn stack_without_integrations_is_not_checked_here() {
    let recorded = with_secret().with("cloudformation.ListStackResources.xml", |text| {
        text.replace("ProtectedIntegration", "A")
            .replace("PublicIntegration", "B")
    });
    assert_eq!(checked(recorded).await.status, Status::NotApplicable);
}

#[tokio::test]
async fn missing_permissions_are_no_failure() {
    let verdict = checked(with_secret().denied(INTEGRATIONS)).await;
    assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    let verdict = checked(with_secret().denied(RULES)).await;
    let expected = Verdict::not_checked("needs elasticloadbalancing:DescribeRules");
    assert_eq!(verdict, expected);
    let verdict = checked(Recorded::healthy().denied(INGRESS)).await;
    let expected = Verdict::not_checked("needs ec2:DescribeSecurityGroupRules");
    assert_eq!(verdict, expected);
}
