//! Requests without a client certificate, to an API that requires one.

use admin_client::ClientError;

use super::context::{CALL_TIMEOUT, Requests, request};
use super::reply::Reply;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "client-certificate-required",
    group: Group::Requests,
    title: "A connection without a client certificate is refused",
    explanation: "With `TruststoreUri`, or with --cert, clients are identified by certificates. \
                  The check calls the API without one. The TLS handshake must fail, before any \
                  request is sent.",
    fix: "Set the truststore of the custom domain, and disable the default endpoint with \
          DisableExecuteApiEndpoint=true, because it requests no certificate.",
    permissions: &[],
    evidence: Some("Gradual deployments, a custom domain with client certificates"),
};

pub(super) const ENTRY: Entry<Requests> = Entry {
    check: &CHECK,
    run: |requests| Box::pin(async { Ok(check(requests).await) }),
};

async fn check(requests: &Requests) -> Verdict {
    let has_certificate = requests.client.has_certificate();
    let truststore = requests.parameter("TruststoreUri").unwrap_or_default();
    if !has_certificate && truststore.is_empty() {
        return Verdict::not_applicable("the API requires no client certificates");
    }

    let path = &requests.options.path;
    if has_certificate && let Err(error) = requests.call("GET", path, &[], "").await {
        // Other faults of the connection would look like a refusal.
        return error.into();
    }
    let without = without_certificate(requests).await;
    verdict(without, has_certificate)
}

async fn without_certificate(requests: &Requests) -> Result<Reply, ClientError> {
    let path = &requests.options.path;
    let request = request("GET", path, &[])?;
    let calling = requests
        .client
        .call_without_certificate(request, CALL_TIMEOUT);
    let what = format!("GET {path} without a client certificate");
    calling.await.map(|response| Reply::new(what, response))
}

/// Decides on a call without a certificate. `is_reachable` is true if a call with one succeeds.
fn verdict(outcome: Result<Reply, ClientError>, is_reachable: bool) -> Verdict {
    let error = match outcome {
        Ok(reply) => {
            return Verdict::failed(format!("{}, expected no connection", reply.summary()));
        }
        Err(error) => error,
    };
    if error.lacks_certificate() || (is_reachable && error.is_closed_connection()) {
        return Verdict::ok("a connection without a client certificate is refused");
    }
    let text = error.to_string().replace('\n', "; ");
    Verdict::not_proven(format!(
        "a call without a client certificate failed otherwise: {text}"
    ))
    .with_fix("Give a client certificate with --cert and --key, and run the check again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::RequestOptions;
    use crate::requests::reply::tests::reply;
    use crate::tests::fake_api::FakeApi;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    #[tokio::test]
    async fn api_that_serves_requests_without_a_certificate_fails() {
        let stack = Recorded::healthy().with_parameter("TruststoreUri", "s3://a/b.pem");
        let stack = Some(stack.stack().await);
        let api = FakeApi::healthy();
        let requests = api.requests_of(RequestOptions::default(), stack).await;
        let failed = check(&requests).await;
        assert_eq!(
            failed.details,
            ["GET / without a client certificate returned 401, expected no connection"]
        );
        assert_eq!(
            verdict(Ok(reply(403, &[], "")), true).status,
            Status::Failed
        );
    }

    #[tokio::test]
    async fn api_without_certificates_is_not_checked() {
        let api = FakeApi::healthy();
        let requests = api.requests(RequestOptions::default()).await;
        assert_eq!(check(&requests).await.status, Status::NotApplicable);
    }

    #[test]
    fn other_errors_prove_nothing() {
        let path = "/".to_owned();
        let invalid = Err(ClientError::InvalidPath { path });
        assert_eq!(verdict(invalid, true).status, Status::NotProven);
    }
}
