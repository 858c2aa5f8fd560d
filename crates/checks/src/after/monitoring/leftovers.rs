//! Resources of earlier stacks of the same name.

use serde_json::json;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "costly-leftovers",
    group: Group::Monitoring,
    title: "No tables and logs of earlier stacks of this name are left",
    explanation: "A deleted stack retains its registry table and its access log. Failed first \
                  deployments of earlier releases left a table each. Their storage is charged, and \
                  a leftover table still contains hashed keys.",
    fix: "If no other stack has the table as `RegistryTableName`, and no audit needs the log, \
          delete them. Or set a retention for the log.",
    permissions: &["dynamodb:ListTables", "logs:DescribeLogGroups"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let mut findings = Findings::default();
    look_for_tables(stack, &mut findings).await;
    look_for_logs(stack, &mut findings).await;
    Ok(findings.verdict("no table and no log without retention is left from earlier stacks"))
}

async fn look_for_tables(stack: &Stack, findings: &mut Findings) {
    let own = stack.resource("RegistryTable").map(|it| it.id.as_str());
    let used = stack.parameter("RegistryTableName");
    // CloudFormation shortens long stack names in names of tables.
    let prefix = match own.and_then(|name| name.rsplit_once('-')) {
        Some((prefix, _)) => format!("{prefix}-"),
        None => format!("{}-RegistryTable-", stack.name()),
    };

    let call = Call::json(Service::DynamoDb, "ListTables", &json!({}));
    let read = stack.account().read_all(&call, "/TableNames").await;
    let tables = findings.take("the tables of the account", read);
    for table in tables.unwrap_or_default() {
        let table = text(&table);
        let is_in_use = Some(table) == own || table == used;
        if table.starts_with(&prefix) && !is_in_use {
            findings.warning(format!(
                "table {table} is not part of stack {}",
                stack.name()
            ));
        }
    }
}

async fn look_for_logs(stack: &Stack, findings: &mut Findings) {
    let own = stack.output("AccessLogGroup");
    let prefix = format!("/aws/vendedlogs/{}/access-", stack.name());
    let body = json!({"logGroupNamePrefix": prefix});
    let call = Call::json(Service::Logs, "DescribeLogGroups", &body);
    let read = stack.account().read_all(&call, "/logGroups").await;
    for group in findings.take("the log groups", read).unwrap_or_default() {
        let name = text(&group["logGroupName"]);
        let bytes = group["storedBytes"].as_u64().unwrap_or_default();
        // Logs with a retention delete themselves.
        let stays = group["retentionInDays"].is_null() && bytes > 0;
        if stays && Some(name) != own {
            findings.warning(format!(
                "log group {name} of an earlier stack has {bytes} bytes and no retention"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const TABLES: &str = "dynamodb.ListTables.json";
    const LOGS: &str = "logs.DescribeLogGroups@tollgate~access-.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn account_without_leftovers_passes() {
        let verdict = verdict(Recorded::healthy()).await;
        assert_eq!(verdict.status, Status::Ok, "{:?}", verdict.details);
    }

    #[tokio::test]
    async fn table_of_an_earlier_stack_is_a_warning_also_on_a_later_page() {
        let later =
            r#"{"TableNames": ["tollgate-RegistryTable-Old", "tollgate-staging-RegistryTable-X"]}"#;
        let recorded = Recorded::healthy()
            .with(TABLES, |text| {
                text.replace(
                    "\"TableNames\"",
                    "\"LastEvaluatedTableName\": \"orders\", \"TableNames\"",
                )
            })
            .answering("dynamodb.ListTables@ExclusiveStartTableName.json", later);
        let verdict = verdict(recorded).await;
        assert_eq!(
            verdict,
            Verdict::warning("table tollgate-RegistryTable-Old is not part of stack tollgate")
        );
    }

    #[tokio::test]
    async fn given_registry_is_no_leftover() {
        let recorded = Recorded::healthy()
            .with_parameter("RegistryTableName", "tollgate-RegistryTable-Old")
            .with(TABLES, |text| {
                text.replace("\"orders\"", "\"tollgate-RegistryTable-Old\"")
            });
        assert_eq!(verdict(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn log_without_retention_is_a_warning() {
        let recorded =
            Recorded::healthy().with(LOGS, |text| text.replace("\"retentionInDays\": 30,", ""));
        let verdict = verdict(recorded).await;
        assert_eq!(
            verdict,
            Verdict::warning(
                "log group /aws/vendedlogs/tollgate/access-0123456789ab of an earlier stack has \
                 4096 bytes and no retention"
            )
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failures() {
        for file in [TABLES, LOGS] {
            let verdict = verdict(Recorded::healthy().denied(file)).await;
            assert_eq!(verdict.status, Status::NotChecked, "{file}");
        }
    }
}
