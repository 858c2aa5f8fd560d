//! The tables of plans and usage.

mod description;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "tables-ready",
    group: Group::Functions,
    title: "Both tables are active, protected and encrypted as the parameters say",
    explanation: "The registry table contains plans, keys and policies, and the usage table \
                  contains the counters. Without TTL the usage table grows without bound. Without \
                  point-in-time recovery, deleted keys cannot be restored. A usage table that is \
                  replicated counts each region for itself and then overwrites counters.",
    fix: "Deploy again, or correct the table in DynamoDB. Remove replicas of the usage table. If \
          the capacity is provisioned, use on-demand capacity or auto scaling.",
    permissions: &[
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:DescribeContinuousBackups",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The attribute with the time after which DynamoDB deletes an item.
const TTL_ATTRIBUTE: &str = "ttl";

/// A key: names of attributes, the partition key first.
type Key = &'static [&'static str];

/// A table, and what Tollgate relies on.
struct Table {
    name: String,
    /// True if the stack did not create the table, so that its owner decides about its settings.
    is_external: bool,
    /// True if the table may have replicas in other regions.
    may_have_replicas: bool,
    key: Key,
    indexes: &'static [(&'static str, Key)],
    /// True if the table must be protected from deletion.
    is_protected: bool,
    /// The ARN of the KMS key, or empty for the key that AWS manages.
    kms_key: String,
}

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    if stack.resource("UsageTable").is_none() && !stack.parameter("UsageTableName").is_empty() {
        return Ok(Verdict::not_applicable(
            "the tables are those of another stack",
        ));
    }
    let mut findings = Findings::default();
    for table in tables(stack) {
        let subject = format!("table {}", table.name);
        let description = read(stack, "DescribeTable", &table).await;
        if let Some(description) = findings.take(&subject, description) {
            findings.fact(format!("{subject} is active, with its key and settings"));
            description::compare(&table, &description["Table"], &mut findings);
        }

        let lifetime = read(stack, "DescribeTimeToLive", &table).await;
        if let Some(lifetime) = findings.take(&subject, lifetime) {
            time_to_live(&subject, &lifetime["TimeToLiveDescription"], &mut findings);
        }

        let backups = read(stack, "DescribeContinuousBackups", &table).await;
        if let Some(backups) = findings.take(&subject, backups) {
            recovery(&table, &backups, &mut findings);
        }
    }
    Ok(findings.into_verdict())
}

fn tables(stack: &Stack) -> [Table; 2] {
    let id = |name: &str| stack.resource(name).map(|resource| resource.id.clone());
    let own_registry = id("RegistryTable");
    let is_protected = stack.parameter("DeletionProtection") == "true";
    let kms_key = stack.parameter("KmsKeyArn");
    [
        Table {
            is_external: own_registry.is_none(),
            name: own_registry.unwrap_or_else(|| stack.parameter("RegistryTableName")),
            may_have_replicas: true,
            key: &["pk", "sk"],
            indexes: &[
                ("by-id", &["shard", "key_id"]),
                ("by-plan", &["plan", "key_id"]),
            ],
            is_protected,
            kms_key: kms_key.clone(),
        },
        Table {
            is_external: false,
            name: id("UsageTable").unwrap_or_default(),
            may_have_replicas: false,
            key: &["id"],
            indexes: &[],
            is_protected,
            kms_key,
        },
    ]
}

async fn read(stack: &Stack, operation: &'static str, table: &Table) -> Result<Arc<Value>, Unread> {
    let body = json!({"TableName": table.name});
    let call = Call::json(Service::DynamoDb, operation, &body);
    stack.account().read(&call).await
}

fn time_to_live(subject: &str, found: &Value, findings: &mut Findings) {
    let attribute = text(&found["AttributeName"]);
    match text(&found["TimeToLiveStatus"]) {
        "ENABLED" if attribute == TTL_ATTRIBUTE => findings.fact(format!("{subject} has TTL")),
        "ENABLED" => findings.problem(format!(
            "{subject} has TTL on the attribute {attribute}, expected {TTL_ATTRIBUTE}"
        )),
        "ENABLING" => findings.warning(format!("{subject}: TTL is being enabled")),
        "" => findings.unproven(format!("{subject}: TTL has no status")),
        status => findings.problem(format!(
            "{subject} has TTL {status}, expected ENABLED on the attribute {TTL_ATTRIBUTE}"
        )),
    }
}

fn recovery(table: &Table, found: &Value, findings: &mut Findings) {
    let place = "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/\
                 PointInTimeRecoveryStatus";
    let name = &table.name;
    match found.pointer(place).map(text).unwrap_or_default() {
        "ENABLED" => findings.fact(format!("table {name} has point-in-time recovery")),
        "" => findings.unproven(format!(
            "table {name}: point-in-time recovery has no status"
        )),
        status => {
            let detail =
                format!("table {name}: point-in-time recovery is {status}, expected ENABLED");
            table.setting(findings, detail);
        }
    }
}

impl Table {
    /// Reports a setting that differs: a problem of the stack, and a warning to the owner of an
    /// existing table.
    fn setting(&self, findings: &mut Findings, detail: String) {
        if self.is_external {
            findings.warning(detail);
        } else {
            findings.problem(detail);
        }
    }
}
