//! The default endpoint of the API.

use super::http_api::{HttpApi, Ownership};
use super::subject::{Subject, unknown};
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::domain::{custom_domain, domains_without_truststore};

const CHECK: Check = Check {
    id: "default-endpoint",
    group: Group::Api,
    title: "The API has no other endpoint than the parameters ask for",
    explanation: "The default endpoint `https://ID.execute-api.REGION.amazonaws.com` does not request client \
                  certificates. If it is open, clients without a certificate reach the API in spite of the \
                  truststore of the custom domain. So do clients of another custom domain without one.",
    fix: "Set `DisableExecuteApiEndpoint=true` and deploy the stack again. Delete the mapping of other custom \
          domains without a truststore.",
    permissions: &["apigateway:GET"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let (is_disabled, api) = match Subject::of(stack).await? {
        Subject::Http(api) => {
            let description = api.description().await?;
            (description["disableExecuteApiEndpoint"] == true, api)
        }
        Subject::Rest(api) => {
            let description = api.description().await?;
            let is_disabled = description["disableExecuteApiEndpoint"] == true;
            return Ok(Verdict::not_applicable(format!(
                "the template of the REST API has no domain: the default endpoint is {}",
                state(is_disabled)
            )));
        }
        Subject::Unknown => return Ok(unknown()),
    };
    check_http(&api, is_disabled).await
}

async fn check_http(api: &HttpApi<'_>, is_disabled: bool) -> Result<Verdict, Unread> {
    if api.ownership != Ownership::Created {
        return Ok(Verdict::not_applicable(format!(
            "the owner of the API decides: the default endpoint is {}",
            state(is_disabled)
        )));
    }

    let mut findings = Findings::default();
    let domain = findings.take("the custom domain", custom_domain(&api.stack).await);
    let domain = domain.flatten();
    let truststore = domain.as_ref().map_or("", |domain| {
        text(&domain["mutualTlsAuthentication"]["truststoreUri"])
    });
    let expected = api.stack.expected("Api")?.unwrap_or_default();
    let should_be_disabled = expected["DisableExecuteApiEndpoint"] == true;

    if !is_disabled && !truststore.is_empty() {
        findings.problem(format!(
            "the default endpoint is open, but the custom domain requires certificates of {truststore}"
        ));
    } else {
        findings.equal(
            "the default endpoint",
            state(is_disabled),
            state(should_be_disabled),
        );
    }
    if !truststore.is_empty() {
        let others = domains_without_truststore(api).await;
        for other in findings
            .take("the other custom domains", others)
            .unwrap_or_default()
        {
            findings.problem(format!(
                "{other} leads to the API without client certificates, which the custom domain requires"
            ));
        }
    }
    Ok(findings.verdict(format!("the default endpoint is {}", state(is_disabled))))
}

const fn state(is_disabled: bool) -> &'static str {
    if is_disabled { "disabled" } else { "open" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::{API, DOMAIN};
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        super::check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    fn with_truststore(recorded: Recorded) -> Recorded {
        recorded.with_json(DOMAIN, |domain| {
            domain["mutualTlsAuthentication"] =
                json!({"truststoreUri": "s3://bucket/truststore.pem"});
        })
    }

    fn disabled() -> Recorded {
        Recorded::healthy().with_json(API, |api| api["disableExecuteApiEndpoint"] = json!(true))
    }

    #[tokio::test]
    async fn endpoint_as_asked_for_passes() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("the default endpoint is open"));
        let recorded = disabled().with_parameter("DisableExecuteApiEndpoint", "true");
        assert_eq!(
            verdict_of(recorded).await,
            Verdict::ok("the default endpoint is disabled")
        );
        let recorded = with_truststore(disabled())
            .with_parameter("TruststoreUri", "s3://bucket/truststore.pem");
        assert_eq!(verdict_of(recorded).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn other_state_fails() {
        let recorded = Recorded::healthy().with_parameter("DisableExecuteApiEndpoint", "true");
        let detail = "the default endpoint is open, expected disabled";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
        let detail = "the default endpoint is disabled, expected open";
        assert_eq!(verdict_of(disabled()).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn other_domain_without_a_truststore_fails() {
        let with_other = |api: &str| {
            let domains = json!({"items": [{"domainName": "old.example.com"}, {"domainName": "api.example.com"},
                {"domainName": "tls.example.com", "mutualTlsAuthentication": {"truststoreUri": "s3://bucket/a.pem"}}]});
            let mappings =
                json!({"items": [{"apiId": api, "stage": "$default", "apiMappingKey": "v1"}]});
            with_truststore(disabled())
                .with_parameter("TruststoreUri", "s3://bucket/truststore.pem")
                .answering("apigateway.GET@domainnames.json", domains.to_string())
                .answering(
                    "apigateway.GET@domainnames~old.example.com~apimappings.json",
                    mappings.to_string(),
                )
        };
        let detail = "old.example.com leads to the API without client certificates, which the custom domain requires";
        assert_eq!(
            verdict_of(with_other("a1b2c3d4e5")).await,
            Verdict::failed(detail)
        );
        assert_eq!(verdict_of(with_other("other")).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn open_endpoint_with_a_truststore_fails() {
        let verdict = verdict_of(with_truststore(Recorded::healthy())).await;
        let detail = "the default endpoint is open, but the custom domain requires certificates of s3://bucket/truststore.pem";
        assert_eq!(verdict, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(API)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
        let verdict = verdict_of(Recorded::healthy().denied(DOMAIN)).await;
        assert_eq!(verdict.status, Status::NotChecked);
    }
}
