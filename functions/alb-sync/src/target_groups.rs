//! ELBv2: what a target group has, and changing it.
//!
//! IAM: elasticloadbalancing:RegisterTargets, elasticloadbalancing:DeregisterTargets on TargetGroups
//! IAM: elasticloadbalancing:DescribeTargetGroups, elasticloadbalancing:DescribeTargetHealth on *

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws::Deadline;
use aws::retry::ATTEMPTS;
use aws_sdk_elasticloadbalancingv2::config::Config;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetGroupIpAddressTypeEnum, TargetHealthDescription, TargetTypeEnum,
};
use aws_sdk_elasticloadbalancingv2::{Client, config};

use crate::error::{SyncError, within};
use crate::resolver::Family;
use crate::target::{Health, Reported, Target};

/// All calls of an account and region share a few per second, so that others of this account can
/// have ours throttled.
const PATIENT_ATTEMPTS: u32 = 8;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// Errors that one target of many can be the reason of (RegisterTargets, "Errors").
const OF_A_TARGET: [&str; 6] = [
    "InvalidTarget",
    "InvalidTargetException",
    "ValidationError",
    "InvalidParameterValue",
    "TooManyRegistrationsForTargetId",
    "TooManyRegistrationsForTargetIdException",
];
const OF_A_FULL_GROUP: [&str; 2] = ["TooManyTargets", "TooManyTargetsException"];

/// Target groups behind ELBv2's API.
#[derive(Clone, Debug)]
pub(crate) struct TargetGroups {
    client: Client,
}

/// What does not change about a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupDescription {
    /// The kind of addresses that it takes.
    pub(crate) family: Family,
    /// The DNS names of its Network Load Balancers.
    pub(crate) load_balancers: Vec<String>,
}

/// Why targets have not been registered or deregistered. None of them has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// One of them at least cannot be.
    Target(String),
    /// The group has no place left.
    Full(String),
    /// The call failed, after all of its attempts.
    Failed(SyncError),
}

impl TargetGroups {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Describes a group: none of this changes while it has the same load balancer.
    ///
    /// # Errors
    /// [`SyncError::TargetType`] for a group that takes no addresses.
    pub(crate) async fn describe(
        &self,
        arn: &str,
        deadline: Deadline,
    ) -> Result<GroupDescription, SyncError> {
        const OPERATION: &str = "DescribeTargetGroups";
        let call = self.client.describe_target_groups().target_group_arns(arn);
        let output = call
            .customize()
            .config_override(patient(OPERATION, deadline)?)
            .send()
            .await;
        let output = output.map_err(|error| SyncError::of(OPERATION, &error))?;
        let Some(group) = output.target_groups().first() else {
            return Err(SyncError::Call {
                operation: OPERATION,
                reason: "there is no such target group".to_owned(),
            });
        };
        if let Some(kind) = group
            .target_type()
            .filter(|kind| **kind != TargetTypeEnum::Ip)
        {
            return Err(SyncError::TargetType(kind.as_str().to_owned()));
        }

        let is_v6 = group.ip_address_type() == Some(&TargetGroupIpAddressTypeEnum::Ipv6);
        Ok(GroupDescription {
            family: if is_v6 { Family::V6 } else { Family::V4 },
            load_balancers: group
                .load_balancer_arns()
                .iter()
                .filter_map(|arn| dns_name(arn))
                .collect(),
        })
    }

    /// What a group has, draining targets included. Those that are no addresses are left out.
    pub(crate) async fn reported(
        &self,
        arn: &str,
        deadline: Deadline,
    ) -> Result<Vec<Reported>, SyncError> {
        const OPERATION: &str = "DescribeTargetHealth";
        let call = self.client.describe_target_health().target_group_arn(arn);
        let output = call
            .customize()
            .config_override(patient(OPERATION, deadline)?)
            .send()
            .await;
        let output = output.map_err(|error| SyncError::of(OPERATION, &error))?;
        Ok(output
            .target_health_descriptions()
            .iter()
            .filter_map(reported)
            .collect())
    }

    /// Registers targets, all or none.
    pub(crate) async fn register(
        &self,
        arn: &str,
        targets: &[Target],
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        const OPERATION: &str = "RegisterTargets";
        let call = self
            .client
            .register_targets()
            .target_group_arn(arn)
            .set_targets(Some(described(targets)));
        let changing = patient(OPERATION, deadline).map_err(Refusal::Failed)?;
        let outcome = call.customize().config_override(changing).send().await;
        outcome
            .map(drop)
            .map_err(|error| Refusal::of(OPERATION, &error))
    }

    /// Deregisters targets, all or none. One that is not there is none too many.
    pub(crate) async fn deregister(
        &self,
        arn: &str,
        targets: &[Target],
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        const OPERATION: &str = "DeregisterTargets";
        let call = self
            .client
            .deregister_targets()
            .target_group_arn(arn)
            .set_targets(Some(described(targets)));
        let changing = patient(OPERATION, deadline).map_err(Refusal::Failed)?;
        let outcome = call.customize().config_override(changing).send().await;
        outcome
            .map(drop)
            .map_err(|error| Refusal::of(OPERATION, &error))
    }
}

impl Refusal {
    fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: std::fmt::Debug + 'static,
    {
        let told = SyncError::of(operation, error);
        match error.code() {
            Some(code) if OF_A_TARGET.contains(&code) => Self::Target(told.to_string()),
            Some(code) if OF_A_FULL_GROUP.contains(&code) => Self::Full(told.to_string()),
            _ => Self::Failed(told),
        }
    }
}

/// Goes on for as long as a run has time: a few seconds of throttling are no failure.
fn patient(operation: &'static str, deadline: Deadline) -> Result<config::Builder, SyncError> {
    let retries = RetryConfig::standard()
        .with_max_attempts(PATIENT_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    Ok(Config::builder()
        .timeout_config(within(operation, deadline, ATTEMPTS)?)
        .retry_config(retries))
}

/// The DNS name that a Network Load Balancer is given: `NAME-ID.elb.REGION.amazonaws.com` (Network
/// Load Balancers User Guide, "DNS name"). `None` for other load balancers.
fn dns_name(arn: &str) -> Option<String> {
    let mut parts = arn.splitn(6, ':');
    let (partition, region) = (parts.nth(1)?, parts.nth(1)?);
    let (name, id) = parts
        .nth(1)?
        .strip_prefix("loadbalancer/net/")?
        .split_once('/')?;
    let suffix = if partition == "aws-cn" { ".cn" } else { "" };
    Some(format!("{name}-{id}.elb.{region}.amazonaws.com{suffix}").to_ascii_lowercase())
}

/// Without its port a deregistration is answered 200 and may do nothing.
fn described(targets: &[Target]) -> Vec<TargetDescription> {
    let describe = |target: &Target| {
        TargetDescription::builder()
            .id(target.at.ip().to_string())
            .port(target.at.port().into())
            .set_availability_zone(target.zone.clone())
            .build()
    };
    targets.iter().map(describe).collect()
}

fn reported(description: &TargetHealthDescription) -> Option<Reported> {
    let target = description.target()?;
    let address: IpAddr = target.id()?.parse().ok()?;
    let port = u16::try_from(target.port()?).ok()?;
    let health = description.target_health();
    let state = health
        .and_then(|health| health.state())
        .map_or("", |state| state.as_str());
    let reason = health
        .and_then(|health| health.reason())
        .map_or("", |reason| reason.as_str());
    Some(Reported {
        at: SocketAddr::new(address, port),
        zone: target.availability_zone().map(str::to_owned),
        health: Health::of(state, reason),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
    use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    const THROTTLED: &str = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";

    #[tokio::test(start_paused = true)]
    async fn a_few_seconds_of_throttling_are_no_failure() {
        let throttled = || Some(THROTTLED.to_owned());
        let groups = mock!(Client::describe_target_groups)
            .sequence()
            .http_status(400, throttled())
            .times(6);
        let groups = groups.output(|| {
            DescribeTargetGroupsOutput::builder()
                .target_groups(TargetGroup::builder().build())
                .build()
        });
        let health = mock!(Client::describe_target_health)
            .sequence()
            .http_status(400, throttled())
            .times(6);
        let health = health.output(|| DescribeTargetHealthOutput::builder().build());
        let (groups, health) = (groups.build(), health.build());
        let client = mock_client!(
            aws_sdk_elasticloadbalancingv2,
            RuleMode::Sequential,
            [&groups, &health]
        );
        let client = TargetGroups::new(client);
        let deadline = Deadline::after(Instant::now(), Duration::from_secs(25));

        assert_eq!(
            client.describe("arn", deadline).await.unwrap().family,
            Family::V4
        );
        assert_eq!(client.reported("arn", deadline).await, Ok(Vec::new()));
        assert_eq!((groups.num_calls(), health.num_calls()), (7, 7));
    }

    #[test]
    fn a_network_load_balancers_dns_name_follows_from_its_arn() {
        for (arn, name) in [
            (
                "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/net/My-lb/1234567890123456",
                Some("my-lb-1234567890123456.elb.us-east-2.amazonaws.com"),
            ),
            (
                "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:loadbalancer/net/a/1",
                Some("a-1.elb.cn-north-1.amazonaws.com.cn"),
            ),
            (
                "arn:aws:elasticloadbalancing:us-east-2:123456789012:loadbalancer/app/a/1",
                None,
            ),
            ("arn:aws:elasticloadbalancing:us-east-2", None),
            ("", None),
        ] {
            assert_eq!(dns_name(arn).as_deref(), name, "{arn}");
        }
    }
}
