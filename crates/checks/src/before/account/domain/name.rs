//! The name of the custom domain among those of API Gateway.

use admin_client::path;

use crate::aws::{Account, Call, Service, Unread, text};
use crate::before::Parameters;
use crate::findings::Findings;

/// Adds the findings about a domain that the deployment creates.
pub(super) async fn new(
    findings: &mut Findings,
    parameters: &Parameters,
    account: &Account,
    domain: &str,
) {
    match account.read(&call(domain)).await {
        Err(Unread::NotFound { .. }) => findings.fact(format!(
            "{domain} is not a custom domain of this region"
        )),
        Ok(_) if parameters.owns(domain) => {
            findings.fact(format!("{domain} is the custom domain of the stack"));
        }
        Ok(_) => findings.problem(format!(
            "{domain} is already a custom domain of this region, and CertificateArn creates another \
             one"
        )),
        Err(reason) => {
            findings.take::<()>(domain, Err(reason));
        }
    }
}

/// Adds the findings about a domain that exists, and the path under which the API is mapped.
pub(super) async fn existing(
    findings: &mut Findings,
    parameters: &Parameters,
    account: &Account,
    domain: &str,
) {
    let subject = format!("custom domain {domain}");
    let Some(found) = findings.take(&subject, account.read(&call(domain)).await) else {
        return;
    };
    let status = text(&found["domainNameConfigurations"][0]["domainNameStatus"]);
    if status == "AVAILABLE" {
        findings.fact(format!("{subject} is available"));
    } else {
        findings.problem(format!("{subject} is {status}, expected AVAILABLE"));
    }

    let mappings = path(&["v2", "domainnames", domain, "apimappings"]);
    let mappings = Call::get(Service::ApiGateway, "GET", &mappings);
    let mappings = account.read_all(&mappings, "/items").await;
    let Some(mappings) = findings.take(&subject, mappings) else {
        return;
    };
    let key = parameters.text("ApiMappingKey");
    let place = match key {
        "" => format!("the root of {domain}"),
        key => format!("{domain}/{key}"),
    };
    let taken = mappings.iter().find(|it| text(&it["apiMappingKey"]) == key);
    match taken.map(|it| text(&it["apiId"])) {
        Some(api) if !parameters.owns(api) => {
            findings.problem(format!("{place} is mapped to the API {api}"));
        }
        _ => findings.fact(format!("{place} is free")),
    }
}

fn call(domain: &str) -> Call {
    let path = path(&["v2", "domainnames", domain]);
    Call::get(Service::ApiGateway, "GET", &path)
}
