//! The attributes and the state of the load balancer.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::load_balancer::{self, load_balancer_arn};
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::backend::{listener_arn, no_listener};

const DROPS_INVALID_HEADERS: Check = Check {
    id: "alb-drops-invalid-headers",
    group: Group::Network,
    title: "The load balancer drops header fields with invalid names",
    explanation: "Public routes have no authorizer. A client can send `x_tollgate_user_id` there, \
                  which API Gateway does not remove. Some services read it as \
                  `x-tollgate-user-id`, and the client can claim any identity.",
    fix: "Set the load balancer's attribute `routing.http.drop_invalid_header_fields.enabled` to \
          `true`.",
    permissions: &["elasticloadbalancing:DescribeLoadBalancerAttributes"],
    evidence: None,
};

const DESYNC_MODE: Check = Check {
    id: "alb-desync-mode",
    group: Group::Network,
    title: "The load balancer rejects ambiguous requests and accepts those of an HTTP API",
    explanation: "In the mode `monitor`, the load balancer forwards requests that a service can \
                  read as two requests. The second one would bypass the authorizer. In the mode \
                  `strictest`, the load balancer can reject requests of an HTTP API with 400.",
    fix: "Set the load balancer's attribute `routing.http.desync_mitigation_mode` to `defensive`, \
          the default.",
    permissions: &["elasticloadbalancing:DescribeLoadBalancerAttributes"],
    evidence: None,
};

const INTERNAL: Check = Check {
    id: "alb-internal",
    group: Group::Network,
    title: "The load balancer is internal and active",
    explanation: "A load balancer with public addresses can be reached without the API. Its \
                  security groups are then the only protection of the services.",
    fix: "Create an internal Application Load Balancer, and set `AlbListenerArn` to its listener. \
          The scheme of a load balancer cannot be changed.",
    permissions: &["elasticloadbalancing:DescribeLoadBalancers"],
    evidence: None,
};

pub(super) const DROPS_INVALID_HEADERS_ENTRY: Entry<Stack> = Entry {
    check: &DROPS_INVALID_HEADERS,
    run: |stack| Box::pin(drops_invalid_headers(stack)),
};

pub(super) const DESYNC_MODE_ENTRY: Entry<Stack> = Entry {
    check: &DESYNC_MODE,
    run: |stack| Box::pin(desync_mode(stack)),
};

pub(super) const INTERNAL_ENTRY: Entry<Stack> = Entry {
    check: &INTERNAL,
    run: |stack| Box::pin(internal(stack)),
};

async fn drops_invalid_headers(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let load_balancer = load_balancer_arn(&listener);
    let attributes = load_balancer::attributes(stack.account(), &load_balancer).await?;
    Ok(load_balancer::invalid_headers(&attributes))
}

async fn desync_mode(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let load_balancer = load_balancer_arn(&listener);
    let attributes = load_balancer::attributes(stack.account(), &load_balancer).await?;
    Ok(load_balancer::desync_mode(&attributes))
}

async fn internal(stack: &Stack) -> Result<Verdict, Unread> {
    let Some(listener) = listener_arn(stack) else {
        return Ok(no_listener());
    };
    let arn = load_balancer_arn(&listener);
    let found = load_balancer::load_balancer(stack.account(), &arn).await?;
    Ok(load_balancer::exposure(&found))
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const ATTRIBUTES: &str = "elasticloadbalancing.DescribeLoadBalancerAttributes.xml";
    const LOAD_BALANCER: &str = "elasticloadbalancing.DescribeLoadBalancers@LoadBalancerArns.xml";

    /// Returns the responses with another value of an attribute.
    fn with_attribute(key: &str, from: &str, to: &str) -> Recorded {
        let pair = |value: &str| format!("<Value>{value}</Value>\n<Key>{key}</Key>");
        Recorded::healthy().with(ATTRIBUTES, |text| text.replace(&pair(from), &pair(to)))
    }

    #[tokio::test]
    async fn healthy_load_balancer_passes() {
        let stack = Recorded::healthy().stack().await;
        for verdict in [
            drops_invalid_headers(&stack).await,
            desync_mode(&stack).await,
            internal(&stack).await,
        ] {
            assert_eq!(verdict.unwrap().status, Status::Ok);
        }
    }

    #[tokio::test]
    async fn attribute_that_is_off_fails() {
        let key = "routing.http.drop_invalid_header_fields.enabled";
        let stack = with_attribute(key, "true", "false").stack().await;
        let verdict = drops_invalid_headers(&stack).await.unwrap();
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(verdict.details, [format!("{key} is false, expected true")]);
    }

    #[tokio::test]
    async fn monitor_mode_fails() {
        let key = "routing.http.desync_mitigation_mode";
        let stack = with_attribute(key, "defensive", "monitor").stack().await;
        let verdict = desync_mode(&stack).await.unwrap();
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [format!("{key} is monitor, expected defensive")]
        );
    }

    #[tokio::test]
    async fn internet_facing_load_balancer_fails() {
        let recorded = Recorded::healthy().with(LOAD_BALANCER, |text| {
            text.replace("<Scheme>internal<", "<Scheme>internet-facing<")
        });
        let verdict = internal(&recorded.stack().await).await.unwrap();
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_load_balancer_fails() {
        let recorded = Recorded::healthy().missing(LOAD_BALANCER);
        let verdict: Verdict = internal(&recorded.stack().await).await.unwrap_err().into();
        assert_eq!(verdict.status, Status::Failed);
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let recorded = Recorded::healthy().denied(ATTRIBUTES).denied(LOAD_BALANCER);
        let stack = recorded.stack().await;
        let denied =
            Verdict::not_checked("needs elasticloadbalancing:DescribeLoadBalancerAttributes");
        let verdict: Verdict = drops_invalid_headers(&stack).await.unwrap_err().into();
        assert_eq!(verdict, denied);
        let verdict: Verdict = desync_mode(&stack).await.unwrap_err().into();
        assert_eq!(verdict, denied);
        let verdict: Verdict = internal(&stack).await.unwrap_err().into();
        assert_eq!(
            verdict,
            Verdict::not_checked("needs elasticloadbalancing:DescribeLoadBalancers")
        );
    }

    #[tokio::test]
    async fn backend_on_the_internet_has_no_load_balancer() {
        let recorded = Recorded::healthy().with_parameter("CreateVpcLink", "false");
        let stack = recorded.stack().await;
        assert_eq!(internal(&stack).await.unwrap(), no_listener());
        assert_eq!(drops_invalid_headers(&stack).await.unwrap(), no_listener());
        assert_eq!(desync_mode(&stack).await.unwrap(), no_listener());
    }
}
