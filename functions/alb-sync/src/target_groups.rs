//! Reads and changes target groups through the ELBv2 API.
//!
//! IAM: elasticloadbalancing:RegisterTargets, elasticloadbalancing:DeregisterTargets on TargetGroups
//! IAM: elasticloadbalancing:DescribeTargetGroups, elasticloadbalancing:DescribeTargetHealth on *

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::Deadline;
use aws_sdk_elasticloadbalancingv2::config::Config;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetGroup, TargetGroupIpAddressTypeEnum, TargetHealthDescription,
    TargetTypeEnum,
};
use aws_sdk_elasticloadbalancingv2::{Client, config};

use crate::error::{SyncError, call_timeouts};
use crate::resolver::Family;
use crate::target::{Health, Target, TargetHealth};

/// All calls of an account and region share a quota of a few per second, so other callers can cause
/// throttling for several seconds.
const MAX_ATTEMPTS: u32 = 8;
const INITIAL_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(4);

/// Errors that a single target of a call can cause (RegisterTargets, "Errors").
const INVALID_TARGET_CODES: [&str; 6] = [
    "InvalidTarget",
    "InvalidTargetException",
    "ValidationError",
    "InvalidParameterValue",
    "TooManyRegistrationsForTargetId",
    "TooManyRegistrationsForTargetIdException",
];
const FULL_GROUP_CODES: [&str; 2] = ["TooManyTargets", "TooManyTargetsException"];

/// The target groups of the account, with a cache of their descriptions.
#[derive(Debug)]
pub(crate) struct TargetGroups {
    client: Client,
    /// By ARN. The address family of a group never changes.
    descriptions: Mutex<HashMap<String, Arc<GroupDescription>>>,
}

/// The properties of a target group that do not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupDescription {
    pub(crate) family: Family,
    /// The DNS names of the group's Network Load Balancers.
    pub(crate) load_balancers: Vec<String>,
}

/// The reason why a call changed no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// At least one target is invalid.
    InvalidTarget(String),
    /// The group has no room for the targets.
    GroupFull(String),
    /// The call failed, after all of its attempts.
    Failure(SyncError),
}

impl TargetGroups {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            descriptions: Mutex::default(),
        }
    }

    /// Returns the description of a group if it is cached.
    pub(crate) fn known_description(&self, arn: &str) -> Option<Arc<GroupDescription>> {
        self.descriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(arn)
            .cloned()
    }

    /// Requests the description of a group, and caches it.
    ///
    /// # Errors
    /// [`SyncError::TargetType`] if the targets of the group are not IP addresses, and
    /// [`SyncError::Call`] if the call fails or the group does not exist.
    pub(crate) async fn describe(
        &self,
        arn: &str,
        deadline: Deadline,
    ) -> Result<Arc<GroupDescription>, SyncError> {
        const OPERATION: &str = "DescribeTargetGroups";
        let call = self.client.describe_target_groups().target_group_arns(arn);
        let output = call
            .customize()
            .config_override(call_config(OPERATION, deadline)?)
            .send()
            .await
            .map_err(|error| SyncError::from_sdk(OPERATION, &error))?;
        let Some(group) = output.target_groups().first() else {
            return Err(SyncError::Call {
                operation: OPERATION,
                reason: "the target group does not exist".to_owned(),
            });
        };

        let description = Arc::new(GroupDescription::try_from(group)?);
        self.descriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(arn.to_owned(), Arc::clone(&description));
        Ok(description)
    }

    /// Returns the targets of a group, including those that are draining. Targets that are not IP
    /// addresses are omitted.
    pub(crate) async fn targets(
        &self,
        arn: &str,
        deadline: Deadline,
    ) -> Result<Vec<TargetHealth>, SyncError> {
        const OPERATION: &str = "DescribeTargetHealth";
        let call = self.client.describe_target_health().target_group_arn(arn);
        let output = call
            .customize()
            .config_override(call_config(OPERATION, deadline)?)
            .send()
            .await
            .map_err(|error| SyncError::from_sdk(OPERATION, &error))?;

        Ok(output
            .target_health_descriptions()
            .iter()
            .filter_map(target_health)
            .collect())
    }

    /// Registers all targets or none.
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
            .set_targets(Some(target_descriptions(targets)));
        let config = call_config(OPERATION, deadline).map_err(Refusal::Failure)?;

        call.customize()
            .config_override(config)
            .send()
            .await
            .map(drop)
            .map_err(|error| Refusal::from_sdk(OPERATION, &error))
    }

    /// Deregisters all targets or none. A target that is not registered is not an error.
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
            .set_targets(Some(target_descriptions(targets)));
        let config = call_config(OPERATION, deadline).map_err(Refusal::Failure)?;

        call.customize()
            .config_override(config)
            .send()
            .await
            .map(drop)
            .map_err(|error| Refusal::from_sdk(OPERATION, &error))
    }
}

impl TryFrom<&TargetGroup> for GroupDescription {
    type Error = SyncError;

    fn try_from(group: &TargetGroup) -> Result<Self, SyncError> {
        let other_type = group
            .target_type()
            .filter(|target_type| **target_type != TargetTypeEnum::Ip);
        if let Some(target_type) = other_type {
            return Err(SyncError::TargetType(target_type.as_str().to_owned()));
        }

        let is_v6 = group.ip_address_type() == Some(&TargetGroupIpAddressTypeEnum::Ipv6);
        Ok(Self {
            family: if is_v6 { Family::V6 } else { Family::V4 },
            load_balancers: group
                .load_balancer_arns()
                .iter()
                .filter_map(|arn| dns_name(arn))
                .collect(),
        })
    }
}

impl Refusal {
    fn from_sdk<E>(operation: &'static str, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let failure = SyncError::from_sdk(operation, error);
        match error.code() {
            Some(code) if INVALID_TARGET_CODES.contains(&code) => {
                Self::InvalidTarget(failure.to_string())
            }
            Some(code) if FULL_GROUP_CODES.contains(&code) => Self::GroupFull(failure.to_string()),
            _ => Self::Failure(failure),
        }
    }
}

/// Returns a configuration with retries until the deadline.
fn call_config(operation: &'static str, deadline: Deadline) -> Result<config::Builder, SyncError> {
    let retries = RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);

    Ok(Config::builder()
        .timeout_config(call_timeouts(
            operation,
            deadline,
            aws::retry::MAX_ATTEMPTS,
        )?)
        .retry_config(retries))
}

/// Returns the DNS name of a Network Load Balancer: `NAME-ID.elb.REGION.amazonaws.com` (Network Load
/// Balancers User Guide, "DNS name"). `None` for other load balancers.
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

/// Describes targets with their port: without it, a deregistration succeeds but may do nothing.
fn target_descriptions(targets: &[Target]) -> Vec<TargetDescription> {
    let describe = |target: &Target| {
        TargetDescription::builder()
            .id(target.address.ip().to_string())
            .port(target.address.port().into())
            .set_availability_zone(target.zone.clone())
            .build()
    };
    targets.iter().map(describe).collect()
}

fn target_health(description: &TargetHealthDescription) -> Option<TargetHealth> {
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

    Some(TargetHealth {
        address: SocketAddr::new(address, port),
        zone: target.availability_zone().map(str::to_owned),
        health: Health::from_state(state, reason),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    const THROTTLED: &str = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";

    #[tokio::test(start_paused = true)]
    async fn seconds_of_throttling_do_not_fail_a_run() {
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
        assert_eq!(client.targets("arn", deadline).await, Ok(Vec::new()));
        assert_eq!((groups.num_calls(), health.num_calls()), (7, 7));
    }

    #[test]
    fn the_dns_name_of_a_network_load_balancer_is_derived_from_its_arn() {
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
