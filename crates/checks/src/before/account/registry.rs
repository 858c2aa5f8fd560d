//! The existing table that the deployment uses as its registry.

use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, array, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The attributes of the table's key, and of the keys of its indexes.
const TABLE_KEY: [(&str, &str); 2] = [("pk", "HASH"), ("sk", "RANGE")];
const INDEX_KEYS: [(&str, [(&str, &str); 2]); 2] = [
    ("by-id", [("shard", "HASH"), ("key_id", "RANGE")]),
    ("by-plan", [("plan", "HASH"), ("key_id", "RANGE")]),
];

const CHECK: Check = Check {
    id: "registry-exists",
    group: Group::Account,
    title: "The table in RegistryTableName is a registry of Tollgate",
    explanation: "With `RegistryTableName`, the stack uses a table with plans, keys and policies \
                  that exists. With another key or without the indexes, all requests fail.",
    fix: "Set `RegistryTableName` to the retained or restored table of a Tollgate stack in this \
          region, or leave it empty to create one.",
    permissions: &["dynamodb:DescribeTable"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(name) = parameters.given("RegistryTableName") else {
        return Ok(Verdict::not_applicable("the stack creates a table"));
    };
    let account = parameters.aws()?;
    let body = json!({"TableName": name});
    let call = Call::json(Service::DynamoDb, "DescribeTable", &body);
    let mut findings = Findings::default();
    let subject = format!("table {name}");
    if let Some(response) = findings.take(&subject, account.read(&call).await) {
        decide(&mut findings, &subject, &response["Table"]);
    }
    Ok(findings.into_verdict())
}

fn decide(findings: &mut Findings, subject: &str, table: &Value) {
    let status = text(&table["TableStatus"]);
    if !matches!(status, "ACTIVE" | "UPDATING") {
        findings.problem(format!("{subject} is {status}, expected ACTIVE"));
    }
    if let Some(found) = other_key(table, &TABLE_KEY) {
        findings.problem(format!(
            "{subject} has the key {found}, expected {}",
            key_text(&TABLE_KEY)
        ));
    }
    for (name, expected) in &INDEX_KEYS {
        let indexes = array(&table["GlobalSecondaryIndexes"]);
        let Some(index) = indexes.iter().find(|it| text(&it["IndexName"]) == *name) else {
            findings.problem(format!("{subject} has no index {name}"));
            continue;
        };
        if let Some(found) = other_key(index, expected) {
            findings.problem(format!(
                "{subject}: the index {name} has the key {found}, expected {}",
                key_text(expected)
            ));
        }
    }
    findings.fact(format!(
        "{subject} has the key and the indexes of a registry"
    ));
}

/// Returns the key of a table or an index as text, if it is another one than expected.
fn other_key(schema: &Value, expected: &[(&str, &str)]) -> Option<String> {
    let found: Vec<(&str, &str)> = array(&schema["KeySchema"])
        .iter()
        .map(|key| (text(&key["AttributeName"]), text(&key["KeyType"])))
        .collect();
    (found != expected).then(|| key_text(&found))
}

fn key_text(key: &[(&str, &str)]) -> String {
    let parts: Vec<String> = key
        .iter()
        .map(|(name, kind)| format!("{name} ({kind})"))
        .collect();
    match parts.is_empty() {
        true => "none".to_owned(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const TABLE: &str = "dynamodb.DescribeTable@RegistryTable.json";
    const NAME: &str = "tollgate-RegistryTable-AbCdEfGh";

    fn restored() -> Recorded {
        Recorded::healthy().with_parameter("RegistryTableName", NAME)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn registry_of_a_stack_passes() {
        let found = verdict(restored()).await;
        let fact = format!("table {NAME} has the key and the indexes of a registry");
        assert_eq!(found, Verdict::ok(fact));
    }

    #[tokio::test]
    async fn table_of_something_else_fails() {
        let other = restored().with(TABLE, |text| text.replace("\"pk\"", "\"id\""));
        let details = verdict(other).await.details;
        let problem = format!(
            "table {NAME} has the key id (HASH), sk (RANGE), expected pk (HASH), sk (RANGE)"
        );
        assert_eq!(details, [problem]);

        let other = restored().with(TABLE, |text| text.replace("by-id", "by-name"));
        assert_eq!(
            verdict(other).await.details,
            [format!("table {NAME} has no index by-id")]
        );

        let other = restored().with(TABLE, |text| text.replace("\"shard\"", "\"part\""));
        let details = verdict(other).await.details;
        assert!(details[0].contains("the index by-id has the key part (HASH), key_id (RANGE)"));
    }

    #[tokio::test]
    async fn table_that_is_deleted_fails() {
        let recorded = restored().with(TABLE, |text| {
            text.replacen(
                "\"TableStatus\": \"ACTIVE\"",
                "\"TableStatus\": \"DELETING\"",
                1,
            )
        });
        let found = verdict(recorded).await;
        let problem = format!("table {NAME} is DELETING, expected ACTIVE");
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn missing_table_fails() {
        let found = verdict(restored().missing(TABLE)).await;
        assert_eq!(
            found,
            Verdict::failed(format!("table {NAME} does not exist"))
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(restored().denied(TABLE)).await;
        assert_eq!(found, Verdict::not_checked("needs dynamodb:DescribeTable"));
    }

    #[tokio::test]
    async fn new_table_needs_nothing() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
