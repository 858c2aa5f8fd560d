//! Tests of the targets that alb-sync registers.

use std::net::IpAddr;

use futures_util::future::BoxFuture;

use crate::tests::recorded::Recorded;
use crate::verdict::Status;

use super::*;

const ANSWER: &str = "elasticloadbalancing.DescribeTargetHealth@targetgroup~orders~.xml";

/// Returns the verdict if the name has the addresses.
async fn checked(recorded: Recorded, addresses: &'static [&'static str]) -> Verdict {
    let lookup = move |host: String| -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
        assert_eq!(host, "internal-orders.example.com");
        let found = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let found = (!addresses.is_empty()).then_some(found);
        Box::pin(std::future::ready(found))
    };
    let stack = recorded.stack().await;
    match check(&stack, &lookup).await {
        Ok(verdict) => verdict,
        Err(reason) => reason.into(),
    }
}

#[tokio::test]
async fn current_addresses_pass() {
    let verdict = checked(Recorded::healthy(), &["10.0.0.11", "10.0.1.12", "fd00::1"]).await;
    assert_eq!(verdict, Verdict::ok("current: target groups orders"));
}

#[tokio::test]
async fn group_without_a_current_address_fails() {
    let verdict = checked(Recorded::healthy(), &["10.0.0.99"]).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "target group orders does not contain 10.0.0.99 on port 443 (internal-orders.example.com)",
            "target group orders contains 10.0.0.11 on port 443, which is no current address",
            "target group orders contains 10.0.1.12 on port 443, which is no current address",
        ]
    );
}

#[tokio::test]
async fn new_address_is_a_warning() {
    let verdict = checked(
        Recorded::healthy(),
        &["10.0.0.11", "10.0.1.12", "10.0.1.13"],
    )
    .await;
    assert_eq!(
        verdict,
        Verdict::warning(
            "target group orders does not contain 10.0.1.13 on port 443 (internal-orders.example.com)"
        )
    );
}

#[tokio::test]
async fn target_that_is_draining_is_not_registered() {
    let recorded = Recorded::healthy().with(ANSWER, |text| {
        text.replacen("<State>healthy<", "<State>draining<", 1)
    });
    let verdict = checked(recorded, &["10.0.0.11", "10.0.1.12"]).await;
    assert_eq!(verdict.status, Status::Warning);
    assert!(verdict.details[0].starts_with("target group orders does not contain 10.0.0.11"));
}

#[tokio::test]
async fn target_on_another_port_fails() {
    let recorded = Recorded::healthy().with(ANSWER, |text| text.replace("<Port>443<", "<Port>80<"));
    let verdict = checked(recorded, &["10.0.0.11", "10.0.1.12"]).await;
    assert_eq!(verdict.status, Status::Failed);
    assert_eq!(
        verdict.details,
        [
            "target group orders does not contain 10.0.0.11, 10.0.1.12 on port 443 \
             (internal-orders.example.com)"
        ]
    );
}

#[tokio::test]
async fn sampled_addresses_make_no_target_outdated() {
    let eight = [
        "10.0.0.11",
        "10.0.1.12",
        "10.0.2.1",
        "10.0.2.2",
        "10.0.2.3",
        "10.0.2.4",
        "10.0.2.5",
        "10.0.2.6",
    ];
    const OTHERS: &[&str] = &[
        "10.0.0.11",
        "10.0.2.7",
        "10.0.2.1",
        "10.0.2.2",
        "10.0.2.3",
        "10.0.2.4",
        "10.0.2.5",
        "10.0.2.6",
    ];
    let target = |address: &&str| {
        format!(
            "<member><TargetHealth><State>healthy</State></TargetHealth><Target><Port>443</Port>\
             <Id>{address}</Id></Target></member>"
        )
    };
    let targets: String = eight.iter().map(target).collect();
    let recorded = Recorded::healthy().answering(
        ANSWER,
        format!("<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions>{targets}</TargetHealthDescriptions></DescribeTargetHealthResult></DescribeTargetHealthResponse>"),
    );
    let verdict = checked(recorded, OTHERS).await;
    assert_eq!(verdict.details.len(), 1, "{:?}", verdict.details);
    assert!(verdict.details[0].contains("does not contain 10.0.2.7"));
}

#[tokio::test]
async fn name_that_does_not_resolve_proves_nothing() {
    let verdict = checked(Recorded::healthy(), &[]).await;
    assert_eq!(verdict.status, Status::NotProven);
    assert_eq!(
        verdict.details[0],
        "internal-orders.example.com does not resolve on this machine"
    );
}

#[tokio::test]
async fn other_dns_servers_prove_nothing() {
    for (parameter, value) in [("SyncInVpc", "true"), ("SyncDnsServers", "10.0.0.2:53")] {
        let recorded = Recorded::healthy().with_parameter(parameter, value);
        let verdict = checked(recorded, &["203.0.113.9"]).await;
        assert_eq!(verdict.status, Status::NotProven);
    }
}

#[tokio::test]
async fn dry_run_is_a_warning() {
    let recorded = Recorded::healthy().with_parameter("SyncDryRun", "true");
    let verdict = checked(recorded, &["10.0.0.11", "10.0.1.12"]).await;
    assert_eq!(verdict.status, Status::Warning);
}

#[tokio::test]
async fn invalid_parameter_and_missing_group_fail() {
    let recorded = Recorded::healthy().with_parameter("SyncTargets", "[{\"name\": 1}]");
    let verdict = checked(recorded, &[]).await;
    assert_eq!(verdict.status, Status::Failed);
    assert!(verdict.details[0].starts_with("SyncTargets is not valid: "));

    let verdict = checked(Recorded::healthy().missing(ANSWER), &[]).await;
    assert_eq!(
        verdict,
        Verdict::failed("target group orders does not exist")
    );
}

#[tokio::test]
async fn stack_without_sync_targets_has_nothing_to_check() {
    let recorded = Recorded::healthy().with_parameter("SyncTargets", "");
    assert_eq!(checked(recorded, &[]).await.status, Status::NotApplicable);
}

#[tokio::test]
async fn missing_permission_is_no_failure() {
    let verdict = checked(Recorded::healthy().denied(ANSWER), &[]).await;
    assert_eq!(verdict.status, Status::NotChecked);
    assert_eq!(
        verdict.details[0],
        "needs elasticloadbalancing:DescribeTargetHealth"
    );
}
