//! The hosted zone in which the deployment creates the record of the domain.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, text};
use crate::before::Parameters;
use crate::findings::Findings;

/// Adds the findings about the zone and the records of the domain in it.
pub(super) async fn decide(
    findings: &mut Findings,
    parameters: &Parameters,
    account: &Account,
    id: &str,
    domain: &str,
) {
    let zone = path(&["2013-04-01", "hostedzone", id]);
    let zone = Call::get(Service::Route53, "GetHostedZone", &zone);
    let subject = format!("hosted zone {id}");
    if let Some(found) = findings.take(&subject, account.read(&zone).await) {
        let name = text(&found["HostedZone"]["Name"]).trim_end_matches('.');
        let is_parent = domain == name || domain.ends_with(&format!(".{name}"));
        if is_parent && !name.is_empty() {
            findings.fact(format!("{subject} is {name}"));
        } else {
            findings.problem(format!(
                "{subject} is {name}, which does not contain {domain}"
            ));
        }
        if found["HostedZone"]["Config"]["PrivateZone"] == "true" {
            findings.warning(format!(
                "{subject} is private: only clients in its VPCs can resolve {domain}"
            ));
        }
    }

    let is_dual = parameters.text("IpAddressType") == "dualstack";
    let records = [
        ("A", "DomainRecord", true),
        ("AAAA", "DomainRecordIpv6", is_dual),
    ];
    for (kind, resource, _) in records.into_iter().filter(|(.., is_made)| *is_made) {
        let stack = parameters.stack();
        if stack.is_some_and(|stack| stack.resource(resource).is_some()) {
            continue;
        }
        let exists = has_record(account, id, domain, kind).await;
        match findings.take(&subject, exists) {
            Some(true) => findings.problem(format!(
                "{subject} already has an {kind} record {domain}, which CloudFormation does not \
                 replace"
            )),
            Some(false) => findings.fact(format!("the zone has no {kind} record {domain}")),
            None => {}
        }
    }
}

async fn has_record(
    account: &Account,
    zone: &str,
    domain: &str,
    kind: &str,
) -> Result<bool, Unread> {
    // The list begins at the name and type, also if there is no such record.
    let path = path(&["2013-04-01", "hostedzone", zone, "rrset"]);
    let path = path.query(&[("name", domain), ("type", kind), ("maxitems", "1")]);
    let call = Call::get(Service::Route53, "ListResourceRecordSets", &path);
    let response = account.read(&call).await?;
    let first = match &response["ResourceRecordSets"]["ResourceRecordSet"] {
        Value::Array(records) => records.first().cloned().unwrap_or_default(),
        record => record.clone(),
    };
    let name = text(&first["Name"]).trim_end_matches('.');
    Ok(name == domain && text(&first["Type"]) == kind)
}
