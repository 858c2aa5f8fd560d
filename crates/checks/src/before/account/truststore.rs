//! The truststore of client certificates in Amazon S3.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::before::Parameters;
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "truststore-readable",
    group: Group::Account,
    title: "The truststore of client certificates exists in this region",
    explanation: "API Gateway copies the truststore from Amazon S3 with the permissions of the \
                  deployer when the domain is created or its version changes. The deployment fails \
                  if the object or its version does not exist. Without `s3:ListBucket`, Amazon S3 \
                  denies access to an object that does not exist.",
    fix: "Upload the CA certificates in PEM to the bucket and key in `TruststoreUri`, in the \
          region of the stack. Set `TruststoreVersion` to a version ID of that object.",
    permissions: &["s3:GetObject", "s3:GetObjectVersion"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Parameters> = Entry {
    check: &CHECK,
    run: |parameters| Box::pin(check(parameters)),
};

async fn check(parameters: &Parameters) -> Result<Verdict, Unread> {
    let Some(uri) = parameters.given("TruststoreUri") else {
        return Ok(Verdict::not_applicable("TruststoreUri is empty"));
    };
    let Some((bucket, key)) = uri.strip_prefix("s3://").and_then(|it| it.split_once('/')) else {
        let problem = format!("TruststoreUri is {uri}, expected s3://BUCKET/KEY");
        return Ok(Verdict::failed(problem));
    };

    let account = parameters.aws()?;
    let version = parameters.given("TruststoreVersion");
    let mut findings = Findings::default();
    let subject = match version {
        Some(version) => format!("version {version} of {uri}"),
        None => uri.to_owned(),
    };
    let object = account.read(&call(bucket, key, version)).await;
    if let Some(object) = findings.take(&subject, object) {
        decide(&mut findings, &subject, &object, version);
    }
    Ok(findings.into_verdict())
}

fn call(bucket: &str, key: &str, version: Option<&str>) -> Call {
    let segments: Vec<&str> = std::iter::once(bucket).chain(key.split('/')).collect();
    let path = path(&segments);
    match version {
        None => Call::get(Service::S3, "GetObject", &path),
        Some(version) => {
            let path = path.query(&[("versionId", version)]);
            Call::get(Service::S3, "GetObjectVersion", &path)
        }
    }
}

fn decide(findings: &mut Findings, subject: &str, object: &Value, version: Option<&str>) {
    let bytes = text(&object["content-length"]);
    if bytes == "0" {
        findings.problem(format!(
            "{subject} is empty, expected CA certificates in PEM"
        ));
    } else {
        findings.fact(format!("{subject} has {bytes} bytes"));
    }
    let is_versioned = !text(&object["x-amz-version-id"]).is_empty();
    if version.is_none() && !is_versioned {
        findings.warning(
            "the bucket has no versions, so an update cannot select another truststore with \
             TruststoreVersion",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const OBJECT: &str = "s3.HEAD@certificates.txt";

    fn mutual() -> Recorded {
        let uri = "s3://certificates/api/trust store.pem";
        Recorded::healthy().with_parameter("TruststoreUri", uri)
    }

    async fn verdict(recorded: Recorded) -> Verdict {
        let outcome = check(&recorded.deployment().await).await;
        outcome.unwrap_or_else(Into::into)
    }

    #[tokio::test]
    async fn object_passes() {
        let found = verdict(mutual()).await;
        let fact = "s3://certificates/api/trust store.pem has 3516 bytes";
        assert_eq!(found, Verdict::ok(fact));
    }

    #[test]
    fn key_is_encoded_and_the_version_named() {
        let call = call("b", "api/trust store.pem", Some("v+1"));
        let request = call.request().unwrap();
        assert_eq!(request.method(), "HEAD");
        assert_eq!(request.uri(), "/b/api/trust%20store.pem?versionId=v%2B1");
        assert_eq!(call.permission(), "s3:GetObjectVersion");
    }

    #[tokio::test]
    async fn missing_version_fails() {
        let recorded = mutual()
            .with_parameter("TruststoreVersion", "v1")
            .missing(OBJECT);
        let found = verdict(recorded).await;
        let problem = "version v1 of s3://certificates/api/trust store.pem does not exist";
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn bucket_of_another_region_fails() {
        let found = verdict(mutual().elsewhere(OBJECT)).await;
        let problem = "s3://certificates/api/trust store.pem is in another region";
        assert_eq!(found, Verdict::failed(problem));
    }

    #[tokio::test]
    async fn empty_object_fails() {
        let found = verdict(mutual().with(OBJECT, |text| text.replace("3516", "0"))).await;
        assert_eq!(found.status, Status::Failed);
    }

    #[tokio::test]
    async fn bucket_without_versions_is_a_warning() {
        let plain = mutual().with(OBJECT, |text| text.replace("x-amz-version-id", "x-other"));
        assert_eq!(verdict(plain).await.status, Status::Warning);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let found = verdict(mutual().denied(OBJECT)).await;
        assert_eq!(found, Verdict::not_checked("needs s3:GetObject"));
    }

    #[tokio::test]
    async fn deployment_without_client_certificates_is_not_concerned() {
        let found = verdict(Recorded::healthy()).await;
        assert_eq!(found.status, Status::NotApplicable);
    }
}
