//! The certificates of the listener.

use jiff::Timestamp;

use super::deployment::other_region;
use super::listener::{listener_arn, no_listener};
use crate::aws::{Account, Call, Service, Unread, text};
use crate::before::Parameters;
use crate::certificate::{Certificate, certificate};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::{Status, Verdict};

/// The most certificates that are read. A load balancer has at most 25 by default.
const MAX_CERTIFICATES: usize = 50;

const CHECK: Check = Check {
    id: "listener-certificate",
    group: Group::Account,
    title: "A certificate of the listener is valid for BackendTlsServerName",
    explanation: "API Gateway asks the listener for `BackendTlsServerName` and verifies its \
                  certificate. If no certificate is valid for the name, all requests fail with 503. \
                  An HTTP API cannot skip the verification, so the certificate must be from an \
                  authority that API Gateway knows.",
    fix: "Set `BackendTlsServerName` to a name in a certificate of the listener, or add a public \
          certificate of ACM for the name to the listener.",
    permissions: &[
        "elasticloadbalancing:DescribeListenerCertificates",
        "acm:DescribeCertificate",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(arn) = listener_arn(parameters) else {
        return Ok(no_listener());
    };
    let Some(host) = parameters.given("BackendTlsServerName") else {
        let detail = "BackendTlsServerName is empty, so API Gateway sends HTTP";
        return Ok(Verdict::not_applicable(detail));
    };

    let account = parameters.aws()?;
    if let Some(problem) = other_region("AlbListenerArn", arn, account) {
        return Ok(Verdict::failed(problem));
    }
    let mut findings = Findings::default();
    let subject = format!("listener {arn}");
    let Some(arns) = findings.take(&subject, certificates(account, arn).await) else {
        return Ok(findings.into_verdict());
    };
    let mut found = Vec::new();
    if let Some(rest) = arns.len().checked_sub(MAX_CERTIFICATES + 1) {
        let rest = rest + 1;
        findings.unproven(format!(
            "certificates of the listener that are not read: {rest}"
        ));
    }
    for arn in arns.iter().take(MAX_CERTIFICATES) {
        if !arn.contains(":acm:") {
            findings.unproven(format!(
                "the names of {arn} are not read, because it is not a certificate of ACM"
            ));
        } else if let Some(read) = findings.take(arn, certificate(account, arn).await) {
            found.push(read);
        }
    }
    Ok(decide(findings, &found, host, Timestamp::now()))
}

async fn certificates(account: &Account, listener: &str) -> Result<Vec<String>, Unread> {
    let fields = [("ListenerArn", listener)];
    let operation = "DescribeListenerCertificates";
    let call = Call::query(Service::LoadBalancing, operation, &fields);
    let list = "/DescribeListenerCertificatesResult/Certificates";
    let found = account.read_all(&call, list).await?;
    let mut arns: Vec<String> = found
        .iter()
        .map(|it| text(&it["CertificateArn"]).to_owned())
        .collect();
    // The list has the default certificate twice.
    arns.sort_unstable();
    arns.dedup();
    Ok(arns)
}

/// Returns the verdict. A certificate that is valid for the host decides, whatever else was found.
fn decide(
    mut findings: Findings,
    certificates: &[Certificate],
    host: &str,
    now: Timestamp,
) -> Verdict {
    let covering: Vec<&Certificate> = certificates.iter().filter(|it| it.covers(host)).collect();
    let verdict_of = |certificate: &Certificate| {
        let mut own = Findings::default();
        certificate.decide(&mut own, host, now);
        if !certificate.is_public() {
            let kind = certificate.kind();
            own.warning(format!(
                "the certificate for {host} has the type {kind}: API Gateway must know its authority"
            ));
        }
        own.into_verdict()
    };
    let verdicts: Vec<Verdict> = covering.iter().map(|it| verdict_of(it)).collect();
    for wanted in [Status::Ok, Status::Warning] {
        if let Some(verdict) = verdicts.iter().find(|it| it.status == wanted) {
            return verdict.clone();
        }
    }

    if covering.is_empty() && findings.is_empty() {
        let names: Vec<String> = certificates.iter().map(Certificate::names).collect();
        let names = names.join(", ");
        findings.problem(format!(
            "the certificates of the listener are valid for {names}, expected {host} \
             (BackendTlsServerName)"
        ));
    }
    for verdict in verdicts {
        findings.merge(verdict);
    }
    findings.into_verdict()
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;

    use super::*;

    const LIST: &str = "elasticloadbalancing.DescribeListenerCertificates.xml";
    const CERTIFICATE: &str = "acm.DescribeCertificate@87654321-4321.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    async fn with(from: &str, to: &str) -> Verdict {
        verdict(Recorded::healthy().with(CERTIFICATE, |text| text.replace(from, to))).await
    }

    #[tokio::test]
    async fn certificate_for_the_name_passes() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::Ok, "{found:?}");
        assert!(found.details[0].ends_with("is valid for services.example.com until 2100-01-01"));
    }

    #[tokio::test]
    async fn certificate_for_another_name_fails() {
        let found = with("services.example.com", "www.example.com").await;
        assert_eq!(
            found,
            Verdict::failed(
                "the certificates of the listener are valid for api.example.com, www.example.com, \
                 expected services.example.com (BackendTlsServerName)"
            )
        );
    }

    #[tokio::test]
    async fn wildcard_certificate_passes() {
        let found = with("services.example.com", "*.example.com").await;
        assert_eq!(found.status, Status::Ok);
    }

    #[tokio::test]
    async fn expired_certificate_fails() {
        let found = with("4102444800.0", "1700000000.0").await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("expired on 2023-11-14"));
    }

    #[tokio::test]
    async fn certificate_of_another_authority_is_a_warning() {
        let found = with("AMAZON_ISSUED", "PRIVATE").await;
        assert_eq!(found.status, Status::Warning);
        assert!(found.details[0].contains("has the type PRIVATE"));
    }

    #[tokio::test]
    async fn certificate_outside_of_acm_proves_nothing() {
        let arn = "arn:aws:acm:eu-west-1:111122223333:certificate/\
                   87654321-4321-4321-4321-210987654321";
        let server = "arn:aws:iam::111122223333:server-certificate/services";
        let recorded = Recorded::healthy().with(LIST, |text| text.replace(arn, server));
        assert_eq!(verdict(recorded).await.status, Status::NotProven);
    }

    #[tokio::test]
    async fn too_many_certificates_prove_nothing() {
        let entry = "<member>\n<CertificateArn>arn:aws:acm:eu-west-1:111122223333:certificate/";
        let arn = "11111111-2222-3333-4444-555555555555";
        let more: String = (0..MAX_CERTIFICATES)
            .map(|number| format!("{entry}{arn}-{number:02}</CertificateArn>\n</member>\n"))
            .collect();
        let list = format!(
            "<DescribeListenerCertificatesResponse><DescribeListenerCertificatesResult><Certificates>{more}{entry}z</CertificateArn></member></Certificates></DescribeListenerCertificatesResult></DescribeListenerCertificatesResponse>"
        );
        let found = verdict(Recorded::healthy().answering(LIST, list)).await;
        assert_eq!(found.status, Status::NotProven);
        assert_eq!(
            found.details[0],
            "certificates of the listener that are not read: 1"
        );
    }

    #[tokio::test]
    async fn missing_permissions_are_no_failure() {
        let found = verdict(Recorded::healthy().denied(LIST)).await;
        let needed = "needs elasticloadbalancing:DescribeListenerCertificates";
        assert_eq!(found, Verdict::not_checked(needed));
        let found = verdict(Recorded::healthy().denied(CERTIFICATE)).await;
        assert_eq!(found, Verdict::not_checked("needs acm:DescribeCertificate"));
    }

    #[tokio::test]
    async fn missing_listener_fails() {
        let found = verdict(Recorded::healthy().missing(LIST)).await;
        assert_eq!(found.status, Status::Failed);
        assert!(found.details[0].ends_with("f2f7dc8efc522ab2 does not exist"));
    }

    #[tokio::test]
    async fn listener_without_tls_is_not_concerned() {
        let plain = Recorded::healthy().with_parameter("BackendTlsServerName", "");
        assert_eq!(verdict(plain).await.status, Status::NotApplicable);
    }
}
