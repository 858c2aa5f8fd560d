//! The custom domain of the API.

use std::sync::Arc;

use admin_client::path;
use serde_json::Value;

use super::http_api::{HttpApi, Ownership};
use super::subject::{Subject, unknown};
use crate::after::lookup::{Lookup, system_addresses};
use crate::aws::{Call, Service, Unread, array, text};
use crate::certificate::certificate;
use crate::check::{Check, Group};
use crate::findings::{Findings, quoted};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "domain-mapping",
    group: Group::Api,
    title: "The custom domain leads to the API, with TLS 1.2 and the truststore of the parameters",
    explanation: "Clients use the custom domain. With another mapping they reach another API or stage. API \
                  Gateway ignores invalid certificates of a truststore and reports them as warnings only, so \
                  their clients are refused.",
    fix: "Deploy the stack again if a setting differs. Create the record for the output `DomainTarget` if the \
          name does not resolve. Replace the certificates that the truststore warnings name.",
    permissions: &["apigateway:GET", "acm:DescribeCertificate"],
    evidence: Some("Gradual deployments, a custom domain with client certificates, VPC links"),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack, &system_addresses)),
};

/// The most other custom domains whose mappings are read.
const MAX_DOMAINS: usize = 50;

/// Returns the custom domain of the parameters, or `None` if they name no domain.
pub(super) async fn custom_domain(stack: &Stack) -> Result<Option<Arc<Value>>, Unread> {
    let name = stack.parameter("DomainName");
    if name.is_empty() {
        return Ok(None);
    }
    let call = Call::get(
        Service::ApiGateway,
        "GET",
        &path(&["v2", "domainnames", &name]),
    );
    stack.account().read(&call).await.map(Some)
}

async fn check(stack: &Stack, lookup: &Lookup) -> Result<Verdict, Unread> {
    let api = match Subject::of(stack).await? {
        Subject::Http(api) if api.ownership == Ownership::Created => api,
        Subject::Http(_) | Subject::Rest(_) => {
            return Ok(Verdict::not_applicable(
                "the domain is up to the owner of the API",
            ));
        }
        Subject::Unknown => return Ok(unknown()),
    };
    let Some(domain) = custom_domain(stack).await? else {
        return Ok(Verdict::not_applicable("DomainName is empty"));
    };

    let mut findings = Findings::default();
    let name = stack.parameter("DomainName");
    let configurations = array(&domain["domainNameConfigurations"]);
    for configuration in configurations {
        review_configuration(configuration, stack, &mut findings)?;
        let arn = text(&configuration["certificateArn"]);
        let read = certificate(stack.account(), arn).await;
        if let Some(certificate) = findings.take("the certificate of the domain", read) {
            certificate.decide(&mut findings, &name, stack.now());
        }
    }
    if configurations.is_empty() {
        findings.problem("the domain has no configuration");
    }
    review_truststore(&domain["mutualTlsAuthentication"], stack, &mut findings);
    review_routing(&domain["routingMode"], &mut findings);

    let mappings = findings.take("the mappings of the domain", mappings(stack, &name).await);
    if let Some(mappings) = mappings {
        review_mappings(&mappings, &api, &mut findings);
    }
    let target = configurations.first().unwrap_or(&Value::Null);
    let target = text(&target["apiGatewayDomainName"]);
    review_record(&name, target, lookup, &mut findings).await;
    Ok(findings.verdict(format!(
        "{name} leads to stage {} of API {}",
        api.stage(),
        api.id
    )))
}

async fn mappings(stack: &Stack, domain: &str) -> Result<Vec<Value>, Unread> {
    let list = path(&["v2", "domainnames", domain, "apimappings"]).query(&[("maxResults", "100")]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    stack.account().read_all(&call, "/items").await
}

fn review_configuration(
    configuration: &Value,
    stack: &Stack,
    findings: &mut Findings,
) -> Result<(), Unread> {
    let status = text(&configuration["domainNameStatus"]);
    if status != "AVAILABLE" {
        let message = text(&configuration["domainNameStatusMessage"]);
        findings.problem(format!(
            "the domain is {}: {}",
            quoted(status),
            quoted(message)
        ));
    }
    let policy = text(&configuration["securityPolicy"]);
    if policy.is_empty() || policy.contains("TLS_1_0") {
        findings.problem(format!(
            "the security policy is {}, expected TLS_1_2",
            quoted(policy)
        ));
    }

    // An existing domain keeps its own certificate and address type.
    let Some(expected) = stack.expected("Domain")? else {
        return Ok(());
    };
    let expected = &expected["DomainNameConfigurations"][0];
    for (property, setting) in [
        ("CertificateArn", "certificateArn"),
        ("EndpointType", "endpointType"),
        (
            "OwnershipVerificationCertificateArn",
            "ownershipVerificationCertificateArn",
        ),
    ] {
        findings.equal(
            setting,
            text(&configuration[setting]),
            text(&expected[property]),
        );
    }
    let address_type = configuration["ipAddressType"].as_str().unwrap_or("ipv4");
    findings.equal(
        "ipAddressType",
        address_type,
        text(&expected["IpAddressType"]),
    );
    Ok(())
}

fn review_truststore(actual: &Value, stack: &Stack, findings: &mut Findings) {
    let uri = text(&actual["truststoreUri"]);
    // The truststore of an existing domain is up to its owner.
    if !stack.parameter("CertificateArn").is_empty() {
        findings.equal("truststoreUri", uri, &stack.parameter("TruststoreUri"));
        let version = stack.parameter("TruststoreVersion");
        if !version.is_empty() {
            findings.equal(
                "truststoreVersion",
                text(&actual["truststoreVersion"]),
                &version,
            );
        }
    }
    for warning in array(&actual["truststoreWarnings"]) {
        findings.problem(format!("truststore {uri}: {}", text(warning)));
    }
}

/// Reviews the routing mode. Routing rules come before the mappings, or replace them.
fn review_routing(mode: &Value, findings: &mut Findings) {
    match text(mode) {
        "" | "API_MAPPING_ONLY" => {}
        "ROUTING_RULE_THEN_API_MAPPING" => findings.unproven(
            "the domain has the routing mode ROUTING_RULE_THEN_API_MAPPING: its rules, which are not read, come before the mapping",
        ),
        mode => findings.problem(format!(
            "the domain has the routing mode {mode}, which ignores the mapping, expected API_MAPPING_ONLY"
        )),
    }
}

fn review_mappings(mappings: &[Value], api: &HttpApi<'_>, findings: &mut Findings) {
    let key = api.stack.parameter("ApiMappingKey");
    let stage = api.stage();
    let at = if key.is_empty() { "the root" } else { &key };
    let Some(mapping) = mappings.iter().find(|it| text(&it["apiMappingKey"]) == key) else {
        findings.problem(format!("the domain has no mapping at {at}"));
        return;
    };

    let found = (text(&mapping["apiId"]), text(&mapping["stage"]));
    if found != (api.id.as_str(), stage.as_str()) {
        let (found_id, found_stage) = found;
        findings.problem(format!(
            "the mapping at {at} leads to stage {found_stage} of API {found_id}, expected stage {stage} of API {}",
            api.id
        ));
    }
}

/// Compares the addresses of the name with those of its target. A name that resolves to other
/// addresses can be in front of the target, as with CloudFront, or lead elsewhere.
async fn review_record(name: &str, target: &str, lookup: &Lookup, findings: &mut Findings) {
    let of_name = lookup(name.to_owned()).await;
    let of_target = lookup(target.to_owned()).await;
    match (of_name, of_target) {
        (None, Some(_)) => {
            findings.problem(format!(
                "{name} does not resolve, expected a record for {target}"
            ));
        }
        (None, None) => {
            findings.unproven(format!(
                "neither {name} nor {target} resolves from this machine"
            ));
        }
        (Some(found), Some(expected)) if !found.is_disjoint(&expected) => {}
        // An answer can contain a part of the addresses only.
        (Some(_), _) => findings.unproven(format!(
            "{name} resolves to addresses that are not those of {target}"
        )),
    }
}

/// Returns the custom domains in front of the API, other than that of the parameters, which require no
/// client certificate.
pub(super) async fn domains_without_truststore(api: &HttpApi<'_>) -> Result<Vec<String>, Unread> {
    let stack = &api.stack;
    let own = stack.parameter("DomainName");
    let list = path(&["v2", "domainnames"]).query(&[("maxResults", "100")]);
    let call = Call::get(Service::ApiGateway, "GET", &list);
    let domains = stack.account().read_all(&call, "/items").await?;
    let open = domains
        .iter()
        .filter(|it| text(&it["mutualTlsAuthentication"]["truststoreUri"]).is_empty())
        .map(|it| text(&it["domainName"]))
        .filter(|name| *name != own);

    let mut found = Vec::new();
    for (index, name) in open.enumerate() {
        if index == MAX_DOMAINS {
            return Err(Unread::Failed(format!(
                "the region has more than {MAX_DOMAINS} other custom domains"
            )));
        }
        let mappings = mappings(stack, name).await?;
        if mappings.iter().any(|it| it["apiId"] == *api.id) {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use futures_util::future::BoxFuture;
    use serde_json::json;

    use crate::after::api::fixtures::{DOMAIN, MAPPINGS};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const CERTIFICATE: &str = "acm.DescribeCertificate@12345678-1234.json";
    const TARGET: &str = "d-abcdef1234.execute-api.eu-west-1.amazonaws.com";

    /// Returns the verdict if these names resolve.
    async fn with_names(recorded: Recorded, names: &'static [&'static str]) -> Verdict {
        let lookup = move |host: String| -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
            let address = IpAddr::from([192, 0, 2, 1]);
            let found = names.contains(&host.as_str());
            Box::pin(std::future::ready(found.then(|| BTreeSet::from([address]))))
        };
        super::check(&recorded.stack().await, &lookup)
            .await
            .unwrap_or_else(Into::into)
    }

    async fn verdict_of(recorded: Recorded) -> Verdict {
        with_names(recorded, &["api.example.com", TARGET]).await
    }

    fn with_configuration(name: &str, value: Value) -> Recorded {
        Recorded::healthy().with_json(DOMAIN, |domain| {
            domain["domainNameConfigurations"][0][name] = value.clone();
        })
    }

    #[tokio::test]
    async fn domain_of_the_template_passes() {
        let detail = "api.example.com leads to stage $default of API a1b2c3d4e5";
        assert_eq!(verdict_of(Recorded::healthy()).await, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn each_other_setting_fails() {
        for (name, value, expected) in [
            (
                "domainNameStatus",
                json!("UPDATING"),
                "the domain is UPDATING: nothing",
            ),
            (
                "securityPolicy",
                json!("TLS_1_0"),
                "the security policy is TLS_1_0, expected TLS_1_2",
            ),
            (
                "endpointType",
                json!("EDGE"),
                "endpointType is EDGE, expected REGIONAL",
            ),
            (
                "ipAddressType",
                json!("dualstack"),
                "ipAddressType is dualstack, expected ipv4",
            ),
        ] {
            let verdict = verdict_of(with_configuration(name, value)).await;
            assert_eq!(verdict, Verdict::failed(expected));
        }
        let other = "arn:aws:acm:eu-west-1:111122223333:certificate/12345678-1234-other";
        let verdict = verdict_of(with_configuration("certificateArn", json!(other))).await;
        assert!(verdict.details[0].contains("-other, expected arn:aws:acm:"));
    }

    #[tokio::test]
    async fn later_versions_of_tls_pass() {
        let policy = json!("SecurityPolicy_TLS13_1_3_2025_09");
        let verdict = verdict_of(with_configuration("securityPolicy", policy)).await;
        assert_eq!(verdict.status, Status::Ok);
    }

    #[tokio::test]
    async fn truststore_and_its_warnings_fail() {
        let recorded = Recorded::healthy().with_json(DOMAIN, |domain| {
            domain["mutualTlsAuthentication"] = json!({
                "truststoreUri": "s3://bucket/old.pem",
                "truststoreWarnings": ["Certificate 2 is not valid"],
            });
        });
        assert_eq!(
            verdict_of(recorded).await.details,
            [
                "truststoreUri is s3://bucket/old.pem, expected nothing",
                "truststore s3://bucket/old.pem: Certificate 2 is not valid",
            ]
        );
    }

    #[tokio::test]
    async fn missing_and_other_mapping_fail() {
        let recorded = Recorded::healthy().with_json(MAPPINGS, |mappings| {
            mappings["items"][0]["stage"] = json!("test");
        });
        let detail = "the mapping at the root leads to stage test of API a1b2c3d4e5, expected stage $default of API a1b2c3d4e5";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));

        let recorded = Recorded::healthy().with_parameter("ApiMappingKey", "orders/v1");
        let detail = "the domain has no mapping at orders/v1";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn name_without_a_record_fails_only_where_dns_works() {
        let verdict = with_names(Recorded::healthy(), &[TARGET]).await;
        let detail = format!("api.example.com does not resolve, expected a record for {TARGET}");
        assert_eq!(verdict, Verdict::failed(detail));

        let verdict = with_names(Recorded::healthy(), &[]).await;
        assert_eq!(verdict.status, Status::NotProven);
    }

    #[tokio::test]
    async fn name_with_other_addresses_is_not_proven() {
        let lookup = |host: String| -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
            let last = u8::from(host == TARGET);
            Box::pin(std::future::ready(Some(BTreeSet::from([IpAddr::from([
                192, 0, 2, last,
            ])]))))
        };
        let verdict = super::check(&Recorded::healthy().stack().await, &lookup)
            .await
            .unwrap();
        assert_eq!(verdict.status, Status::NotProven);
        let detail =
            format!("api.example.com resolves to addresses that are not those of {TARGET}");
        assert_eq!(verdict.details[0], detail);
    }

    #[tokio::test]
    async fn certificate_that_expires_needs_attention() {
        let until = |seconds: f64| {
            Recorded::healthy().with_json(CERTIFICATE, |response| {
                response["Certificate"]["NotAfter"] = json!(seconds);
            })
        };
        // The recorded instant is 1795867200.
        assert_eq!(
            verdict_of(until(1_796_500_000.0)).await.status,
            Status::Warning
        );
        assert_eq!(
            verdict_of(until(1_795_000_000.0)).await.status,
            Status::Failed
        );

        let denied = verdict_of(Recorded::healthy().denied(CERTIFICATE)).await;
        assert_eq!(denied.status, Status::NotChecked);
        assert_eq!(denied.details[0], "needs acm:DescribeCertificate");
    }

    #[tokio::test]
    async fn routing_rules_are_not_taken_for_the_mapping() {
        for (mode, expected) in [
            ("ROUTING_RULE_ONLY", Status::Failed),
            ("ROUTING_RULE_THEN_API_MAPPING", Status::NotProven),
        ] {
            let recorded = Recorded::healthy().with_json(DOMAIN, |domain| {
                domain["routingMode"] = json!(mode);
            });
            assert_eq!(verdict_of(recorded).await.status, expected, "{mode}");
        }
    }

    #[tokio::test]
    async fn domain_without_a_configuration_fails() {
        let recorded = Recorded::healthy().with_json(DOMAIN, |domain| {
            domain["domainNameConfigurations"] = json!([]);
        });
        assert_eq!(verdict_of(recorded).await.status, Status::Failed);
    }

    #[tokio::test]
    async fn stack_without_a_domain_is_not_applicable() {
        let recorded = Recorded::healthy().with_parameter("DomainName", "");
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict, Verdict::not_applicable("DomainName is empty"));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(DOMAIN)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
        let verdict = verdict_of(Recorded::healthy().denied(MAPPINGS)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }
}
