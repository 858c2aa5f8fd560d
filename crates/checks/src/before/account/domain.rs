//! The custom domain: its certificates, its name and its DNS record.

mod name;
mod zone;

use jiff::Timestamp;

use super::deployment::other_region;
use crate::aws::{Account, Unread};
use crate::before::Parameters;
use crate::certificate::{Certificate, certificate};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "domain-certificate",
    group: Group::Account,
    title: "The certificate of the custom domain is valid, and the domain is free",
    explanation: "API Gateway accepts a domain only with an issued certificate for its name in the \
                  same region. A domain name and a path of it belong to one API. CloudFormation does \
                  not replace a DNS record that it did not create. Each of these fails the deployment \
                  after several minutes.",
    fix: "Request or renew the certificate in AWS Certificate Manager in the region of the stack. \
          Remove the other custom domain, API mapping or DNS record, or choose another `DomainName` \
          or `ApiMappingKey`. If they belong to the stack that is updated, name it with `--stack`.",
    permissions: &[
        "acm:DescribeCertificate",
        "apigateway:GET",
        "route53:GetHostedZone",
        "route53:ListResourceRecordSets",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(domain) = parameters.given("DomainName") else {
        return Ok(Verdict::not_applicable("DomainName is empty"));
    };
    let account = parameters.aws()?;
    let mut findings = Findings::default();

    match parameters.given("CertificateArn") {
        Some(arn) => {
            certificates(&mut findings, parameters, account, arn, domain).await;
            name::new(&mut findings, parameters, account, domain).await;
        }
        None => name::existing(&mut findings, parameters, account, domain).await,
    }
    if let Some(id) = parameters.given("HostedZoneId") {
        zone::decide(&mut findings, parameters, account, id, domain).await;
    }
    Ok(findings.into_verdict())
}

async fn certificates(
    findings: &mut Findings,
    parameters: &Parameters,
    account: &Account,
    arn: &str,
    domain: &str,
) {
    let own = read(findings, "CertificateArn", account, arn).await;
    if let Some(own) = &own {
        own.decide(findings, domain, Timestamp::now());
    }

    let needs_proof = parameters.given("TruststoreUri").is_some()
        && own.as_ref().is_some_and(|own| !own.is_public());
    let Some(arn) = parameters.given("OwnershipVerificationCertificateArn") else {
        if needs_proof {
            let kind = own.as_ref().map_or("", Certificate::kind);
            findings.problem(format!(
                "the certificate has the type {kind}: client certificates then need \
                 OwnershipVerificationCertificateArn, a public certificate of ACM for {domain}"
            ));
        }
        return;
    };
    let parameter = "OwnershipVerificationCertificateArn";
    if let Some(proof) = read(findings, parameter, account, arn).await {
        proof.decide(findings, domain, Timestamp::now());
        if !proof.is_public() {
            let kind = proof.kind();
            findings.problem(format!(
                "{parameter}: the certificate has the type {kind}, expected AMAZON_ISSUED"
            ));
        }
    }
}

async fn read(
    findings: &mut Findings,
    parameter: &str,
    account: &Account,
    arn: &str,
) -> Option<Certificate> {
    if let Some(problem) = other_region(parameter, arn, account) {
        findings.problem(problem);
        return None;
    }
    let subject = format!("certificate {arn}");
    findings.take(&subject, certificate(account, arn).await)
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const CERTIFICATE: &str = "acm.DescribeCertificate@12345678-1234.json";
    const OWNERSHIP: &str = "acm.DescribeCertificate@11111111-2222.json";
    const OWNERSHIP_ARN: &str =
        "arn:aws:acm:eu-west-1:111122223333:certificate/11111111-2222-3333-4444-555555555555";
    const NAME: &str = "apigateway.GET@domainnames~api.example.com.json";
    const MAPPINGS: &str = "apigateway.GET@domainnames~api.example.com~apimappings.json";
    const ZONE: &str = "route53.GET@hostedzone.xml";
    const RECORDS: &str = "route53.GET@hostedzone~Z0123456789~rrset.xml";

    /// Returns the recorded account before the domain exists.
    fn free() -> Recorded {
        let records = "<ListResourceRecordSetsResponse><ResourceRecordSets/>\
                       </ListResourceRecordSetsResponse>";
        Recorded::healthy()
            .missing(NAME)
            .answering(RECORDS, records)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn free_domain_with_a_certificate_passes() {
        let found = verdict(free()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
        let arn = "arn:aws:acm:eu-west-1:111122223333:certificate/\
                   12345678-1234-1234-1234-123456789012";
        assert_eq!(
            found.details,
            [
                format!("certificate {arn} is valid for api.example.com until 2100-01-01"),
                "api.example.com is not a custom domain of this region".to_owned(),
                "hosted zone Z0123456789 is example.com".to_owned(),
                "the zone has no A record api.example.com".to_owned(),
            ]
        );
    }

    #[tokio::test]
    async fn own_domain_is_not_in_the_way() {
        let found = check(&Recorded::healthy().update().await).await.unwrap();
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[tokio::test]
    async fn domain_and_record_of_another_stack_fail() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Failed);
        assert_eq!(
            found.details,
            [
                "api.example.com is already a custom domain of this region, and CertificateArn \
                 creates another one",
                "hosted zone Z0123456789 already has an A record api.example.com, which \
                 CloudFormation does not replace",
            ]
        );
    }

    #[tokio::test]
    async fn wrong_certificate_fails() {
        let other = free().with(CERTIFICATE, |text| {
            text.replace("api.example", "www.example")
        });
        let found = verdict(other).await;
        assert!(
            found.details[0].ends_with("is valid for www.example.com, expected api.example.com")
        );

        let elsewhere = free().with_parameter(
            "CertificateArn",
            "arn:aws:acm:us-east-1:111122223333:certificate/1",
        );
        let found = verdict(elsewhere).await;
        assert!(found.details[0].ends_with("is in the region us-east-1, expected eu-west-1"));

        let found = verdict(free().missing(CERTIFICATE)).await;
        assert!(found.details[0].ends_with("does not exist"));
    }

    #[tokio::test]
    async fn client_certificates_need_a_public_certificate() {
        let mutual = || {
            free()
                .with_parameter("TruststoreUri", "s3://bucket/truststore.pem")
                .with(CERTIFICATE, |text| {
                    text.replace("AMAZON_ISSUED", "IMPORTED")
                })
        };
        let found = verdict(mutual()).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].starts_with("the certificate has the type IMPORTED"));

        let proven =
            || mutual().with_parameter("OwnershipVerificationCertificateArn", OWNERSHIP_ARN);
        assert_eq!(verdict(proven()).await.status, Status::Ok);
        let private = proven().with(OWNERSHIP, |text| text.replace("AMAZON_ISSUED", "PRIVATE"));
        let found = verdict(private).await;
        assert!(found.details[0].ends_with("has the type PRIVATE, expected AMAZON_ISSUED"));
    }

    #[tokio::test]
    async fn existing_domain_must_be_available_and_its_path_free() {
        let existing = |key: &'static str| {
            Recorded::healthy()
                .with_parameter("CertificateArn", "")
                .with_parameter("HostedZoneId", "")
                .with_parameter("ApiMappingKey", key)
        };
        let found = verdict(existing("orders")).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");

        let found = verdict(existing("")).await;
        let problem = "the root of api.example.com is mapped to the API a1b2c3d4e5";
        assert_eq!(found, Verdict::failed(problem));
        let own = check(&existing("").update().await).await.unwrap();
        assert_eq!(own.status, Status::Ok);

        let found = verdict(existing("orders").missing(NAME)).await;
        let problem = "custom domain api.example.com does not exist";
        assert_eq!(found, Verdict::failed(problem));
        let pending = existing("orders").with(NAME, |text| text.replace("AVAILABLE", "PENDING"));
        let found = verdict(pending).await;
        let problem = "custom domain api.example.com is PENDING, expected AVAILABLE";
        assert_eq!(found, Verdict::failed(problem));
        let found = verdict(existing("orders").denied(MAPPINGS)).await;
        assert_eq!(found.status, Status::NotChecked);
    }

    #[tokio::test]
    async fn zone_must_be_a_public_one_of_the_name() {
        let other = free().with(ZONE, |text| text.replace("example.com.", "example.org."));
        let found = verdict(other).await;
        let problem =
            "hosted zone Z0123456789 is example.org, which does not contain api.example.com";
        assert_eq!(found.details[0], problem);

        let private = free().with(ZONE, |text| text.replace("false", "true"));
        assert_eq!(verdict(private).await.status, Status::Warning);

        let found = verdict(free().missing(ZONE)).await;
        assert_eq!(found.details[0], "hosted zone Z0123456789 does not exist");
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let denied = free().denied(CERTIFICATE).denied(ZONE);
        let found = verdict(denied).await;
        assert_eq!(found.status, Status::NotChecked);
        assert_eq!(
            found.details,
            [
                "needs acm:DescribeCertificate",
                "needs route53:GetHostedZone",
                "apart from that: api.example.com is not a custom domain of this region",
                "apart from that: the zone has no A record api.example.com",
            ]
        );
    }
}
