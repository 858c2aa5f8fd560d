//! The protocol between API Gateway and the load balancer.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::load_balancer::{Listener, listener};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::backend::{listener_arn, no_listener};

const CHECK: Check = Check {
    id: "backend-tls",
    group: Group::Network,
    title: "The listener has the protocol and the port that the parameters name",
    explanation: "With `BackendTlsServerName`, API Gateway connects to the listener with TLS, and \
                  otherwise without. If the listener uses the other protocol, each request fails. \
                  The security groups admit the VPC link only on `AlbListenerPort`.",
    fix: "For an HTTPS listener, set `BackendTlsServerName` to a name in its certificate. For an \
          HTTP listener, set it to the empty string. Set `AlbListenerPort` to the port of the \
          listener.",
    permissions: &["elasticloadbalancing:DescribeListeners"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(arn) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let found = listener(stack.account(), &arn).await?;
    // Only the rules between security groups that the stack creates name the port.
    let makes_rules = stack.resource("AlbFromVpcLink").is_some();
    let port = stack.parameter("AlbListenerPort").parse().ok();
    let server_name = stack.parameter("BackendTlsServerName");
    Ok(verdict(&found, &server_name, port.filter(|_| makes_rules)))
}

fn verdict(listener: &Listener, server_name: &str, port: Option<u16>) -> Verdict {
    let Listener {
        protocol,
        port: actual,
        ..
    } = listener;

    let mut problems = Vec::new();
    match (protocol.as_str(), server_name) {
        ("HTTPS", "") => problems.push(
            "the listener uses HTTPS, but BackendTlsServerName is empty, so API Gateway sends HTTP"
                .to_owned(),
        ),
        ("HTTPS", _) | (_, "") => {}
        (_, name) => problems.push(format!(
            "the listener uses {protocol}, but BackendTlsServerName is {name}, so API Gateway \
             sends TLS"
        )),
    }
    if let Some(port) = port
        && port != *actual
    {
        problems.push(format!(
            "AlbListenerPort is {port}, but the port of the listener is {actual}"
        ));
    }
    if listener.verifies_clients {
        problems.push(
            "the listener requires a certificate of the client, which API Gateway cannot present"
                .to_owned(),
        );
    }

    let name = match server_name {
        "" => String::new(),
        name => format!(", with the server name {name}"),
    };
    Verdict::of_problems(
        problems,
        format!("the listener uses {protocol} on port {actual}{name}"),
    )
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ANSWER: &str = "elasticloadbalancing.DescribeListeners.xml";

    async fn checked(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn listener_with_tls_passes() {
        let verdict = checked(Recorded::healthy()).await;
        let detail =
            "the listener uses HTTPS on port 443, with the server name services.example.com";
        assert_eq!(verdict, Verdict::ok(detail));
    }

    #[tokio::test]
    async fn listener_without_tls_fails() {
        let recorded = Recorded::healthy().with(ANSWER, |text| {
            text.replace("<Protocol>HTTPS<", "<Protocol>HTTP<")
        });
        let verdict = checked(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed(
                "the listener uses HTTP, but BackendTlsServerName is services.example.com, so \
                 API Gateway sends TLS"
            )
        );
    }

    #[tokio::test]
    async fn missing_server_name_fails() {
        let recorded = Recorded::healthy().with_parameter("BackendTlsServerName", "");
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert!(verdict.details[0].contains("API Gateway sends HTTP"));
    }

    #[tokio::test]
    async fn other_port_and_client_certificates_fail() {
        let recorded = Recorded::healthy().with(ANSWER, |text| {
            text.replace("<Port>443<", "<Port>8443<")
                .replace("<Mode>off<", "<Mode>verify<")
        });
        let verdict = checked(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "AlbListenerPort is 443, but the port of the listener is 8443",
                "the listener requires a certificate of the client, which API Gateway cannot present",
            ]
        );
    }

    #[tokio::test]
    async fn missing_listener_fails() {
        let recorded = Recorded::healthy().missing(ANSWER);
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy().denied(ANSWER);
        let verdict: Verdict = check(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs elasticloadbalancing:DescribeListeners")
        );
    }
}
