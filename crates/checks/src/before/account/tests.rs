//! What is true of all checks of the group.

use super::CHECKS;
use crate::before::Parameters;
use crate::check::Group;
use crate::tests::recorded::Recorded;
use crate::verdict::{Status, Verdict};

/// Returns the recorded account, for a deployment that uses everything.
fn with_everything() -> Recorded {
    [
        ("CreateDynamoDbEndpoint", "true"),
        ("RouteTableIds", "rtb-0a,rtb-0b"),
        ("TruststoreUri", "s3://certificates/truststore.pem"),
        ("TruststoreVersion", "3HL4kqtJlcpXroDTDmjVBH40Nrjfkd"),
        (
            "SecretArns",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:origin-AbCdEf,\
             arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/*,\
             arn:aws:ssm:eu-west-1:111122223333:parameter/tollgate/client",
        ),
        (
            "KmsKeyArn",
            "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        ("RegistryTableName", "tollgate-RegistryTable-AbCdEfGh"),
        (
            "PermissionsBoundaryArn",
            "arn:aws:iam::111122223333:policy/boundary",
        ),
    ]
    .into_iter()
    .fold(Recorded::healthy(), |recorded, (name, value)| {
        recorded.with_parameter(name, value)
    })
}

#[tokio::test]
async fn update_of_a_healthy_stack_passes() {
    let parameters = with_everything().update().await;
    for entry in CHECKS {
        let verdict = (entry.run)(&parameters).await.unwrap_or_else(Into::into);
        assert_eq!(
            verdict.status,
            Status::Ok,
            "{}: {verdict:?}",
            entry.check.id
        );
    }
}

#[tokio::test]
async fn permissions_are_those_of_the_calls() {
    for entry in CHECKS {
        let recorded = with_everything();
        let parameters = recorded.clone().update().await;
        (entry.run)(&parameters).await.unwrap();
        let used = parameters.account().unwrap().used_permissions();
        let undeclared: Vec<&String> = used
            .iter()
            .filter(|it| !entry.check.permissions.contains(&it.as_str()))
            .collect();
        assert!(undeclared.is_empty(), "{}: {undeclared:?}", entry.check.id);
        assert_eq!(entry.check.group, Group::Account);
    }
}

#[tokio::test]
async fn checks_without_credentials_are_not_made() {
    let values = r#"{
        "AlbListenerArn": "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/a/b/c",
        "BackendTlsServerName": "services.example.com",
        "PrivateSubnetIds": "subnet-0a,subnet-0b",
        "CreateDynamoDbEndpoint": "true",
        "SyncTargets": "[{}]",
        "SyncTargetGroupArns": "arn",
        "DomainName": "api.example.com",
        "TruststoreUri": "s3://bucket/key",
        "OriginSecretArn": "arn",
        "KmsKeyArn": "arn",
        "RegistryTableName": "table",
        "AlarmTopicArn": "arn",
        "PermissionsBoundaryArn": "arn"
    }"#;
    let template = include_str!("../../../../../template.yaml");
    let parameters = Parameters::of_json(values, template);
    for entry in CHECKS {
        let outcome = (entry.run)(&parameters).await;
        let verdict: Verdict = outcome.unwrap_or_else(Into::into);
        let expected = Verdict::not_checked("no AWS credentials or region");
        assert_eq!(verdict, expected, "{}", entry.check.id);
    }
}
