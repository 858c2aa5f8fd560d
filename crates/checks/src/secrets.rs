//! Secrets and parameters to which the policy refers. Their values are never read.

mod names;

use std::sync::Arc;

use serde_json::{Value, json};

use self::names::{Kind, Reference};
use crate::aws::{Account, Call, Service, Unread, array, text};
use crate::findings::Findings;

/// Adds what is found about an ARN in `SecretArns`, of which the end can be a wildcard.
pub(crate) async fn referenced(findings: &mut Findings, account: &Account, arn: &str) {
    let Some(reference) = Reference::parse(arn) else {
        // The secret itself is easily written in place of its ARN.
        findings.problem("SecretArns: an item is not the ARN of a secret or a parameter");
        return;
    };
    if reference.region != account.region() {
        let region = reference.region;
        findings.unproven(format!(
            "{arn} is in the region {region}, and only {} is read",
            account.region()
        ));
        return;
    }

    match reference.kind {
        Kind::Secret(name) => {
            let subject = format!("secret {arn}");
            if let Some(secret) = findings.take(&subject, describe(account, name).await) {
                usable(findings, &subject, &secret);
                if !has_value(&secret) {
                    findings.problem(format!("{subject} has no value: no version is AWSCURRENT"));
                }
                let found = text(&secret["ARN"]);
                if !reference.matches(found) {
                    findings.problem(format!(
                        "SecretArns: {arn} does not match the ARN {found}, so the authorizer may not \
                         read it"
                    ));
                }
            }
        }
        Kind::Secrets(prefix) => {
            some(findings, arn, secrets_with(account, prefix).await);
        }
        Kind::Parameters { filter, names } => {
            some(findings, arn, parameters(account, filter, &names).await);
        }
    }
}

/// Adds the finding about objects that an ARN matches. `found` is their number.
fn some(findings: &mut Findings, arn: &str, found: Result<usize, Unread>) {
    match findings.take(arn, found) {
        Some(0) => findings.problem(format!("SecretArns: {arn} matches nothing that exists")),
        Some(_) => findings.fact(format!("{arn} exists")),
        None => {}
    }
}

/// Adds whether a secret can be read: it can be scheduled for deletion.
pub(crate) fn usable(findings: &mut Findings, subject: &str, secret: &Value) {
    if secret["DeletedDate"].is_null() {
        findings.fact(format!("{subject} exists"));
    } else {
        findings.problem(format!("{subject} is scheduled for deletion"));
    }
}

/// True if a version of a secret is the current one.
pub(crate) fn has_value(secret: &Value) -> bool {
    let versions = secret["VersionIdsToStages"].as_object();
    let mut stages = versions.into_iter().flatten().map(|(_, stages)| stages);
    stages.any(|stages| array(stages).iter().any(|stage| stage == "AWSCURRENT"))
}

/// Returns the description of a secret, by its ARN or name.
pub(crate) async fn describe(account: &Account, id: &str) -> Result<Arc<Value>, Unread> {
    let body = json!({"SecretId": id});
    let call = Call::json(Service::SecretsManager, "DescribeSecret", &body);
    account.read(&call).await
}

async fn secrets_with(account: &Account, prefix: &str) -> Result<usize, Unread> {
    let body = json!({"Filters": [{"Key": "name", "Values": [prefix]}], "MaxResults": 1});
    let call = Call::json(Service::SecretsManager, "ListSecrets", &body);
    let response = account.read(&call).await?;
    Ok(array(&response["SecretList"]).len())
}

async fn parameters(account: &Account, filter: &str, names: &[String]) -> Result<usize, Unread> {
    let filter = json!({"Key": "Name", "Option": filter, "Values": names});
    let body = json!({"ParameterFilters": [filter]});
    let call = Call::json(Service::Ssm, "DescribeParameters", &body);
    Ok(account.read_all(&call, "/Parameters").await?.len())
}
