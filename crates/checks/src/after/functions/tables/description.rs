//! The description of a table.

use serde_json::Value;

use crate::aws::{array, text};
use crate::findings::Findings;

use super::Table;

/// Compares the description of a table with what Tollgate relies on.
pub(super) fn compare(table: &Table, found: &Value, findings: &mut Findings) {
    let name = &table.name;
    match text(&found["TableStatus"]) {
        "ACTIVE" => {}
        "" => findings.unproven(format!("table {name} has no status")),
        status => findings.problem(format!("table {name} is {status}, expected ACTIVE")),
    }
    key(name, table.key, &found["KeySchema"], findings);
    indexes(table, found, findings);
    replicas(table, found, findings);
    protection(table, found, findings);
    encryption(table, &found["SSEDescription"], findings);

    // A table that was never on demand has no summary.
    if text(&found["BillingModeSummary"]["BillingMode"]) != "PAY_PER_REQUEST" {
        findings.warning(format!(
            "table {name} has provisioned capacity, and requests beyond it are throttled; auto \
             scaling was not read"
        ));
    }
}

fn key(name: &str, expected: &[&str], found: &Value, findings: &mut Findings) {
    // The order in a response is that of the table's creation, in which HASH comes first.
    let names: Vec<&str> = array(found)
        .iter()
        .map(|key| text(&key["AttributeName"]))
        .collect();
    if names != expected {
        findings.problem(format!(
            "table {name} has the key [{}], expected [{}]",
            names.join(", "),
            expected.join(", ")
        ));
    }
}

fn indexes(table: &Table, found: &Value, findings: &mut Findings) {
    let name = &table.name;
    let indexes = array(&found["GlobalSecondaryIndexes"]);
    for (index, expected) in table.indexes {
        let Some(found) = indexes.iter().find(|found| found["IndexName"] == *index) else {
            findings.problem(format!("table {name} has no index {index}"));
            continue;
        };
        match text(&found["IndexStatus"]) {
            "ACTIVE" => {}
            "" => findings.unproven(format!("table {name}: index {index} has no status")),
            status => findings.problem(format!(
                "table {name}: index {index} is {status}, expected ACTIVE"
            )),
        }
        key(
            &format!("{name}: index {index}"),
            expected,
            &found["KeySchema"],
            findings,
        );
    }
}

fn replicas(table: &Table, found: &Value, findings: &mut Findings) {
    let name = &table.name;
    for replica in array(&found["Replicas"]) {
        let region = text(&replica["RegionName"]);
        let status = text(&replica["ReplicaStatus"]);
        if !table.may_have_replicas {
            findings.problem(format!(
                "table {name} has a replica in {region}, expected none"
            ));
        } else if status != "ACTIVE" {
            findings.problem(format!(
                "table {name}: the replica in {region} is {status}, expected ACTIVE"
            ));
        }
    }
}

fn protection(table: &Table, found: &Value, findings: &mut Findings) {
    let name = &table.name;
    let is_protected = found["DeletionProtectionEnabled"] == true;
    if table.is_protected && !is_protected {
        let detail = format!(
            "table {name} is not protected from deletion, expected protection (DeletionProtection)"
        );
        table.setting(findings, detail);
    }
    if is_protected && !table.is_protected && !table.is_external {
        findings.warning(format!(
            "table {name} is protected from deletion, and DeletionProtection is not \"true\": the \
             stack cannot be deleted"
        ));
    }
}

fn encryption(table: &Table, found: &Value, findings: &mut Findings) {
    let name = &table.name;
    if !found["InaccessibleEncryptionDateTime"].is_null() {
        findings.problem(format!("table {name}: DynamoDB cannot use the KMS key"));
    }

    let kind = text(&found["SSEType"]);
    let key = text(&found["KMSMasterKeyArn"]);
    if table.kms_key.is_empty() {
        if kind != "KMS" && !table.is_external {
            let kind = if kind.is_empty() {
                "a key that AWS owns"
            } else {
                kind
            };
            findings.problem(format!(
                "table {name} is encrypted with {kind}, expected a KMS key"
            ));
        }
    } else if key != table.kms_key {
        let key = if key.is_empty() {
            "a key that AWS owns"
        } else {
            key
        };
        let detail = format!(
            "table {name} is encrypted with {key}, expected {} (KmsKeyArn)",
            table.kms_key
        );
        table.setting(findings, detail);
    }
}
