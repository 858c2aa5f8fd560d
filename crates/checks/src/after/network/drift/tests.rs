//! Tests of the changes that CloudFormation did not make.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const IN_SYNC: &str = "cloudformation.DetectStackResourceDrift.xml";
const RULE: &str = "cloudformation.DetectStackResourceDrift@ThrottledRule.xml";

/// Returns a response with a status and the differences of properties.
fn response(status: &str, differences: &[(&str, &str)]) -> String {
    let differences: String = differences
        .iter()
        .map(|(path, kind)| {
            format!(
                "<member><PropertyPath>{path}</PropertyPath><ExpectedValue>expected-5ec2e7\
                 </ExpectedValue><ActualValue>actual-5ec2e7</ActualValue>\
                 <DifferenceType>{kind}</DifferenceType></member>"
            )
        })
        .collect();
    format!(
        "<DetectStackResourceDriftResponse><DetectStackResourceDriftResult><StackResourceDrift><StackResourceDriftStatus>{status}\
         </StackResourceDriftStatus><PropertyDifferences>{differences}</PropertyDifferences>\
         </StackResourceDrift></DetectStackResourceDriftResult></DetectStackResourceDriftResponse>"
    )
}

async fn checked(recorded: Recorded) -> Verdict {
    let verdict = check(&recorded.stack().await).await.unwrap();
    assert!(!format!("{verdict:?}").contains("5ec2e7"));
    verdict
}

#[tokio::test]
async fn unchanged_resources_pass() {
    let verdict = checked(Recorded::healthy()).await;
    assert_eq!(
        verdict,
        Verdict::ok(
            "unchanged: ThrottledRule, UnavailableRule, AlbFromVpcLink, VpcLinkSecurityGroup, \
             ProtectedIntegration, PublicIntegration, LimiterIntegration, Authorizer"
        )
    );
}

#[tokio::test]
async fn every_changed_property_is_named_without_its_value() {
    let differences = [
        ("/Priority", "NOT_EQUAL"),
        ("/Conditions/1", "ADD"),
        ("/Actions/0", "REMOVE"),
    ];
    let recorded = Recorded::healthy().answering(RULE, response("MODIFIED", &differences));
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "ThrottledRule: /Priority was changed",
            "ThrottledRule: /Conditions/1 was added",
            "ThrottledRule: /Actions/0 was removed",
        ]
    );
}

#[tokio::test]
async fn deleted_resource_fails() {
    let recorded = Recorded::healthy().answering(RULE, response("DELETED", &[]));
    let verdict = checked(recorded).await;
    assert_eq!(verdict, Verdict::failed("ThrottledRule was deleted"));
}

#[tokio::test]
async fn secret_in_place_of_its_reference_is_no_change() {
    let path = "/RequestParameters/overwrite:header.x-tollgate-origin";
    let recorded = Recorded::healthy().answering(
        "cloudformation.DetectStackResourceDrift@ProtectedIntegration.xml",
        response("MODIFIED", &[(path, "NOT_EQUAL")]),
    );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Ok);
    assert!(verdict.details[0].contains("ProtectedIntegration"));
}

#[tokio::test]
async fn removed_secret_and_other_mappings_of_its_header_fail() {
    for (path, kind, change) in [
        ("overwrite:header.x-tollgate-origin", "REMOVE", "removed"),
        ("append:header.x-tollgate-origin", "ADD", "added"),
    ] {
        let path = format!("/RequestParameters/{path}");
        let recorded = Recorded::healthy().answering(
            "cloudformation.DetectStackResourceDrift@ProtectedIntegration.xml",
            response("MODIFIED", &[(&path, kind)]),
        );
        let detail = format!("ProtectedIntegration: {path} was {change}");
        assert_eq!(checked(recorded).await, Verdict::failed(detail));
    }
}

#[tokio::test]
async fn changed_resource_without_named_properties_fails() {
    let recorded = Recorded::healthy().answering(RULE, response("MODIFIED", &[]));
    let detail = "ThrottledRule was changed, and CloudFormation does not name the properties";
    assert_eq!(checked(recorded).await, Verdict::failed(detail));
}

#[tokio::test]
async fn unsupported_types_are_named() {
    let unsupported = "Drift detection is not supported for resource type [X]";
    let recorded = Recorded::healthy()
        .answering(RULE, response("UNSUPPORTED", &[]))
        .answering(
            "cloudformation.DetectStackResourceDrift@AlbFromVpcLink.xml",
            "",
        )
        .refusing(
            "cloudformation.DetectStackResourceDrift@AlbFromVpcLink.xml",
            "ValidationError",
            unsupported,
        );
    let verdict = checked(recorded).await;
    assert_eq!(verdict.status, Status::Ok);
    let end = "; CloudFormation cannot compare ThrottledRule, AlbFromVpcLink";
    assert!(verdict.details[0].ends_with(end));

    let nothing = Recorded::healthy().refusing(IN_SYNC, "ValidationError", unsupported);
    assert_eq!(checked(nothing).await.status, Status::NotProven);
}

#[tokio::test]
async fn unknown_status_proves_nothing() {
    let recorded = Recorded::healthy().answering(RULE, response("UNKNOWN", &[]));
    assert_eq!(checked(recorded).await.status, Status::NotProven);
}

#[tokio::test]
async fn other_faults_are_errors() {
    let recorded = Recorded::healthy().refusing(IN_SYNC, "InternalFailure", "try again");
    assert_eq!(checked(recorded).await.status, Status::Error);
}

#[tokio::test]
async fn stack_without_these_resources_has_nothing_to_compare() {
    let recorded = Recorded::healthy().with("cloudformation.ListStackResources.xml", |text| {
        let others = |line: &&str| !RESOURCES.iter().any(|it| line.contains(&format!(">{it}<")));
        text.lines().filter(others).collect::<Vec<_>>().join("\n")
    });
    assert_eq!(checked(recorded).await.status, Status::NotApplicable);
}

#[tokio::test]
async fn missing_permission_is_no_failure() {
    let verdict = checked(Recorded::healthy().denied(IN_SYNC)).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert_eq!(
        verdict.details[0],
        "needs cloudformation:DetectStackResourceDrift"
    );
}
