//! The custom domain of the API.

use crate::before::context::Parameters;
use crate::before::regions::of_arn;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

/// The longest bucket name (Amazon S3, "Bucket naming rules").
const MAX_BUCKET_CHARS: usize = 63;
const MIN_BUCKET_CHARS: usize = 3;

const CHECK: Check = Check {
    id: "domain-valid",
    group: Group::Parameters,
    title: "The custom domain can be created",
    explanation: "API Gateway refuses a domain whose certificate is in another region, and one in \
                  the domain of AWS. With an imported certificate or one of a private authority, a \
                  truststore needs a public certificate as well, which proves the ownership.",
    fix: "Correct the parameter. docs/guides/deploy.md describes custom domains.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(async { Ok(check(parameters)) }),
};

fn check(parameters: &Parameters) -> Verdict {
    let domain = parameters.text("DomainName");
    if domain.is_empty() {
        return Verdict::not_applicable("DomainName is empty");
    }

    let mut findings = Findings::default();
    if let Some(problem) = name_problem(domain) {
        findings.problem(format!(
            "{}: `{domain}` {problem}",
            parameters.place("DomainName")
        ));
    }
    for name in ["CertificateArn", "OwnershipVerificationCertificateArn"] {
        let region = of_arn(parameters.text(name));
        if let (Some(found), Some(expected)) = (region, parameters.region())
            && found != expected
        {
            findings.problem(format!(
                "{}: the certificate is in {found}, expected {expected}, the region of the stack",
                parameters.place(name)
            ));
        }
    }
    add_truststore(parameters, &mut findings);

    let is_new = !parameters.text("CertificateArn").is_empty();
    findings.verdict(if is_new {
        format!("{domain} can be created")
    } else {
        format!(
            "{domain} must be a custom domain of API Gateway in the region of the stack already"
        )
    })
}

/// Returns what is wrong with a name, as the end of a sentence.
fn name_problem(domain: &str) -> Option<String> {
    if domain != domain.to_ascii_lowercase() {
        return Some("has capital letters, expected lower case".to_owned());
    }
    if domain.ends_with(".amazonaws.com") || domain.ends_with(".amazonaws.com.cn") {
        return Some("is a name of AWS, expected a domain of your own".to_owned());
    }
    let is_label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    if !domain.split('.').all(is_label) {
        return Some("has a label that is empty or begins or ends with a hyphen".to_owned());
    }
    None
}

fn add_truststore(parameters: &Parameters, findings: &mut Findings) {
    let uri = parameters.text("TruststoreUri");
    if uri.is_empty() {
        return;
    }
    if let Some(problem) = truststore_problem(uri) {
        findings.problem(format!("{}: {problem}", parameters.place("TruststoreUri")));
    }

    let ownership = parameters.text("OwnershipVerificationCertificateArn");
    if !ownership.is_empty() && ownership == parameters.text("CertificateArn") {
        findings.problem(format!(
            "{}: the certificate is that of CertificateArn, expected a separate public one",
            parameters.place("OwnershipVerificationCertificateArn")
        ));
    }
}

/// Returns what is wrong with the address of a truststore.
fn truststore_problem(uri: &str) -> Option<String> {
    let expected = "expected s3://BUCKET/KEY";
    let Some((bucket, key)) = uri
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    else {
        return Some(format!("`{uri}` is not the URI of an object, {expected}"));
    };
    let length = bucket.chars().count();
    if !(MIN_BUCKET_CHARS..=MAX_BUCKET_CHARS).contains(&length) || bucket.contains("..") {
        return Some(format!(
            "`{bucket}` is not the name of a bucket, {expected}"
        ));
    }
    if key.is_empty() || key.ends_with('/') {
        return Some(format!("`{uri}` names no object, {expected}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::before::tests::parameters;
    use crate::verdict::Status;

    const CERTIFICATE: &str =
        "CertificateArn: arn:aws:acm:us-east-1:123456789012:certificate/0a1\n";

    fn check_domain(lines: &str) -> Verdict {
        check(&parameters(&format!(
            "DomainName: api.example.com\n{CERTIFICATE}{lines}"
        )))
    }

    #[test]
    fn domain_of_the_region_passes() {
        assert_eq!(
            check_domain(""),
            Verdict::ok("api.example.com can be created")
        );
        assert_eq!(check(&parameters("")).status, Status::NotApplicable);

        let verdict = check(&parameters("DomainName: api.example.com"));
        assert_eq!(verdict.status, Status::Ok);
        assert!(verdict.details[0].contains("must be a custom domain of API Gateway"));
    }

    #[test]
    fn names_that_api_gateway_refuses_are_reported() {
        for (name, problem) in [
            ("API.example.com", "has capital letters"),
            ("a1.execute-api.us-east-1.amazonaws.com", "is a name of AWS"),
            ("-api.example.com", "begins or ends with a hyphen"),
            ("api..example.com", "a label that is empty"),
        ] {
            let verdict = check(&parameters(&format!("DomainName: {name}\n{CERTIFICATE}")));
            assert_eq!(verdict.status, Status::Failed, "{name}");
            assert!(
                verdict.details[0].contains(problem),
                "{:?}",
                verdict.details
            );
        }
    }

    #[test]
    fn certificates_of_another_region_are_reported() {
        let verdict = check(&parameters(
            "DomainName: api.example.com\nCertificateArn: arn:aws:acm:eu-west-1:123456789012:certificate/0a1\n",
        ));
        assert_eq!(
            verdict.details,
            [
                "parameters.yaml:6:1: CertificateArn: the certificate is in eu-west-1, expected us-east-1, the region of \
              the stack"
            ]
        );
    }

    #[test]
    fn truststore_is_an_object() {
        let verdict =
            check_domain("TruststoreUri: s3://trust-store/ca.pem\nTruststoreVersion: 3sL4\n");
        assert_eq!(verdict.status, Status::Ok);

        for uri in [
            "s3://ab/ca.pem",
            "s3://trust..store/ca.pem",
            "s3://trust-store/",
            "s3://trust-store/folder/",
            "https://trust-store/ca.pem",
        ] {
            let verdict = check_domain(&format!("TruststoreUri: {uri}\nTruststoreVersion: 3sL4\n"));
            assert_eq!(verdict.status, Status::Failed, "{uri}");
            assert!(
                verdict.details[0].ends_with("expected s3://BUCKET/KEY"),
                "{uri}"
            );
        }
    }

    #[test]
    fn ownership_needs_a_certificate_of_its_own() {
        let verdict = check_domain(
            "TruststoreUri: s3://trust-store/ca.pem\nTruststoreVersion: 3sL4\n\
             OwnershipVerificationCertificateArn: arn:aws:acm:us-east-1:123456789012:certificate/0a1\n",
        );
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].ends_with("expected a separate public one"));
    }
}
