//! Tests of the check of the tables.

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const REGISTRY: &str = "table tollgate-RegistryTable-AbCdEfGh";
const USAGE: &str = "table tollgate-UsageTable-AbCdEfGh";
const DESCRIBE_REGISTRY: &str = "dynamodb.DescribeTable@RegistryTable.json";
const DESCRIBE_USAGE: &str = "dynamodb.DescribeTable@UsageTable.json";
const RECOVERY: &str = "dynamodb.DescribeContinuousBackups@RegistryTable.json";
const LIFETIME: &str = "dynamodb.DescribeTimeToLive@UsageTable.json";

async fn verdict(recorded: Recorded) -> Verdict {
    check(&recorded.stack().await).await.unwrap()
}

/// Returns a stack with an answer in which each text is replaced.
fn replaced(name: &str, changes: &[(&str, &str)]) -> Recorded {
    Recorded::healthy().with(name, |text| {
        let mut text = text.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        text
    })
}

async fn failed(recorded: Recorded, details: &[&str]) {
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(verdict.details, details);
}

#[tokio::test]
async fn ready_tables_pass() {
    assert_eq!(verdict(Recorded::healthy()).await.status, Status::Ok);
}

#[tokio::test]
async fn tables_have_the_keys_and_indexes_of_the_template() {
    let stack = Recorded::healthy().stack().await;
    for (table, name) in tables(&stack).iter().zip(["RegistryTable", "UsageTable"]) {
        let template = stack.expected(name).unwrap().unwrap();
        let names = |keys: &Value| -> Vec<String> {
            let keys = keys.as_array().unwrap().iter();
            keys.map(|key| text(&key["AttributeName"]).to_owned())
                .collect()
        };
        assert_eq!(names(&template["KeySchema"]), table.key);
        let indexes = template["GlobalSecondaryIndexes"].as_array();
        let indexes = indexes.cloned().unwrap_or_default();
        assert_eq!(indexes.len(), table.indexes.len());
        for (index, (name, key)) in indexes.iter().zip(table.indexes) {
            assert_eq!(index["IndexName"], *name);
            assert_eq!(names(&index["KeySchema"]), *key);
        }
        assert_eq!(
            template["TimeToLiveSpecification"]["AttributeName"],
            TTL_ATTRIBUTE
        );
    }
}

#[tokio::test]
async fn tables_that_are_not_active_fail() {
    let changes = [(
        "\"TableStatus\": \"ACTIVE\"",
        "\"TableStatus\": \"ARCHIVED\"",
    )];
    failed(
        replaced(DESCRIBE_USAGE, &changes),
        &[&format!("{USAGE} is ARCHIVED, expected ACTIVE")],
    )
    .await;
    failed(
        Recorded::healthy().missing(DESCRIBE_USAGE),
        &[&format!("{USAGE} does not exist")],
    )
    .await;
}

#[tokio::test]
async fn every_setting_that_differs_is_named() {
    let changes = [
        (
            "\"DeletionProtectionEnabled\": true",
            "\"DeletionProtectionEnabled\": false",
        ),
        (
            "\"AttributeName\": \"sk\",\n        \"KeyType\"",
            "\"AttributeName\": \"range\",\n        \"KeyType\"",
        ),
        ("\"SSEType\": \"KMS\"", "\"SSEType\": \"AES256\""),
        ("\"IndexName\": \"by-plan\"", "\"IndexName\": \"by-name\""),
    ];
    failed(
        replaced(DESCRIBE_REGISTRY, &changes),
        &[
            &format!("{REGISTRY} has the key [pk, range], expected [pk, sk]"),
            &format!("{REGISTRY} has no index by-plan"),
            &format!(
                "{REGISTRY} is not protected from deletion, expected protection \
                 (DeletionProtection)"
            ),
            &format!("{REGISTRY} is encrypted with AES256, expected a KMS key"),
        ],
    )
    .await;
}

#[tokio::test]
async fn index_that_is_created_fails() {
    let changes = [(
        "\"IndexStatus\": \"ACTIVE\"",
        "\"IndexStatus\": \"CREATING\"",
    )];
    failed(
        replaced(DESCRIBE_REGISTRY, &changes),
        &[
            &format!("{REGISTRY}: index by-id is CREATING, expected ACTIVE"),
            &format!("{REGISTRY}: index by-plan is CREATING, expected ACTIVE"),
        ],
    )
    .await;
}

#[tokio::test]
async fn index_without_a_status_proves_nothing() {
    let changes = [("\"IndexStatus\"", "\"Other\"")];
    let verdict = verdict(replaced(DESCRIBE_REGISTRY, &changes)).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        format!("{REGISTRY}: index by-id has no status")
    );
}

#[tokio::test]
async fn disabled_ttl_and_recovery_fail() {
    failed(
        replaced(LIFETIME, &[("ENABLED", "DISABLED")]),
        &[&format!(
            "{USAGE} has TTL DISABLED, expected ENABLED on the attribute ttl"
        )],
    )
    .await;
    failed(
        replaced(LIFETIME, &[("\"ttl\"", "\"expires\"")]),
        &[&format!(
            "{USAGE} has TTL on the attribute expires, expected ttl"
        )],
    )
    .await;
    let changes = [(
        "\"PointInTimeRecoveryStatus\": \"ENABLED\"",
        "\"PointInTimeRecoveryStatus\": \"DISABLED\"",
    )];
    failed(
        replaced(RECOVERY, &changes),
        &[&format!(
            "{REGISTRY}: point-in-time recovery is DISABLED, expected ENABLED"
        )],
    )
    .await;
}

#[tokio::test]
async fn replicas_are_for_the_registry_alone() {
    let replica = r#""Replicas": [{"RegionName": "us-east-1", "ReplicaStatus": "ACTIVE"}],
        "TableStatus""#;
    let replicated = |name| replaced(name, &[("\"TableStatus\"", replica)]);
    failed(
        replicated(DESCRIBE_USAGE),
        &[&format!(
            "{USAGE} has a replica in us-east-1, expected none"
        )],
    )
    .await;
    assert_eq!(
        verdict(replicated(DESCRIBE_REGISTRY)).await.status,
        Status::Ok
    );

    let creating = replica.replace("ACTIVE", "CREATING");
    failed(
        replaced(DESCRIBE_REGISTRY, &[("\"TableStatus\"", &creating)]),
        &[&format!(
            "{REGISTRY}: the replica in us-east-1 is CREATING, expected ACTIVE"
        )],
    )
    .await;
}

#[tokio::test]
async fn key_of_the_parameter_is_required() {
    let key = "arn:aws:kms:eu-west-1:111122223333:key/0123";
    let recorded = Recorded::healthy().with_parameter("KmsKeyArn", key);
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(verdict.details.len(), 2);
    assert!(verdict.details[0].ends_with(&format!("expected {key} (KmsKeyArn)")));
}

#[tokio::test]
async fn key_that_cannot_be_used_fails() {
    let changes = [(
        "\"SSEType\": \"KMS\"",
        "\"SSEType\": \"KMS\", \"InaccessibleEncryptionDateTime\": 1795168800.0",
    )];
    failed(
        replaced(DESCRIBE_USAGE, &changes),
        &[&format!("{USAGE}: DynamoDB cannot use the KMS key")],
    )
    .await;
}

#[tokio::test]
async fn provisioned_capacity_needs_attention() {
    let recorded = replaced(DESCRIBE_USAGE, &[("PAY_PER_REQUEST", "PROVISIONED")]);
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::Warning);
    assert!(verdict.details[0].starts_with(&format!("{USAGE} has provisioned capacity")));
}

#[tokio::test]
async fn owner_of_an_existing_registry_is_warned() {
    let name = "tollgate-RegistryTable-of-another-stack";
    let recorded = replaced(
        RECOVERY,
        &[(
            "\"PointInTimeRecoveryStatus\": \"ENABLED\"",
            "\"PointInTimeRecoveryStatus\": \"DISABLED\"",
        )],
    )
    .with_parameter("RegistryTableName", name)
    .with("cloudformation.ListStackResources.xml", |text| {
        let lines = text
            .lines()
            .filter(|line| !line.contains(">RegistryTable<"));
        lines.collect::<Vec<_>>().join("\n")
    });
    let verdict = verdict(recorded).await;
    assert_eq!(verdict.status, Status::Warning);
    assert_eq!(
        verdict.details,
        [format!(
            "table {name}: point-in-time recovery is DISABLED, expected ENABLED"
        )]
    );
}

#[tokio::test]
async fn missing_permission_is_no_failure() {
    let result = verdict(Recorded::healthy().denied(RECOVERY)).await;
    assert_eq!(result.status, Status::NotChecked);
    let known = [
        format!("apart from that: {REGISTRY} is active, with its key and settings"),
        format!("apart from that: {REGISTRY} has TTL"),
        format!("apart from that: {USAGE} is active, with its key and settings"),
        format!("apart from that: {USAGE} has TTL"),
        format!("apart from that: {USAGE} has point-in-time recovery"),
    ];
    assert_eq!(
        result.details[0],
        "needs dynamodb:DescribeContinuousBackups"
    );
    assert_eq!(result.details[1..], known);

    let changes = [(
        "\"TableStatus\": \"ACTIVE\"",
        "\"TableStatus\": \"ARCHIVED\"",
    )];
    let recorded = replaced(DESCRIBE_USAGE, &changes).denied(RECOVERY);
    assert_eq!(verdict(recorded).await.status, Status::Failed);
}
