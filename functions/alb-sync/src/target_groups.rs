//! ELBv2: what a target group has, and changing it.
//!
//! IAM: elasticloadbalancing:RegisterTargets, elasticloadbalancing:DeregisterTargets on TargetGroups
//! IAM: elasticloadbalancing:DescribeTargetGroups, elasticloadbalancing:DescribeTargetHealth on *

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::config::Config;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetGroupIpAddressTypeEnum, TargetHealthDescription};
use aws_sdk_elasticloadbalancingv2::{Client, config};
use calls::Deadline;
use calls::retry::ATTEMPTS;

use crate::error::{SyncError, within};
use crate::resolver::Family;
use crate::target::{Health, Reported, Target};

/// Registering and deregistering share a few calls a second with everybody in the account and region, so that they
/// are throttled long before anything else is.
const CHANGE_ATTEMPTS: u32 = 8;
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

    /// The kind of addresses that a group takes, which never changes.
    pub(crate) async fn family(&self, arn: &str, deadline: Deadline) -> Result<Family, SyncError> {
        const OPERATION: &str = "DescribeTargetGroups";
        let times = Config::builder().timeout_config(within(OPERATION, deadline, ATTEMPTS)?);
        let call = self.client.describe_target_groups().target_group_arns(arn);
        let output = call.customize().config_override(times).send().await;
        let output = output.map_err(|error| SyncError::of(OPERATION, &error))?;
        let Some(group) = output.target_groups().first() else {
            return Err(SyncError::Call { operation: OPERATION, reason: "there is no such target group".to_owned() });
        };
        let is_v6 = group.ip_address_type() == Some(&TargetGroupIpAddressTypeEnum::Ipv6);
        Ok(if is_v6 { Family::V6 } else { Family::V4 })
    }

    /// What a group has, draining targets included. Those that are no addresses are left out.
    pub(crate) async fn reported(&self, arn: &str, deadline: Deadline) -> Result<Vec<Reported>, SyncError> {
        const OPERATION: &str = "DescribeTargetHealth";
        let times = Config::builder().timeout_config(within(OPERATION, deadline, ATTEMPTS)?);
        let call = self.client.describe_target_health().target_group_arn(arn);
        let output = call.customize().config_override(times).send().await;
        let output = output.map_err(|error| SyncError::of(OPERATION, &error))?;
        Ok(output.target_health_descriptions().iter().filter_map(reported).collect())
    }

    /// Registers targets, all or none.
    pub(crate) async fn register(&self, arn: &str, targets: &[Target], deadline: Deadline) -> Result<(), Refusal> {
        const OPERATION: &str = "RegisterTargets";
        let call = self.client.register_targets().target_group_arn(arn).set_targets(Some(described(targets)));
        let changing = changing(OPERATION, deadline).map_err(Refusal::Failed)?;
        let outcome = call.customize().config_override(changing).send().await;
        outcome.map(drop).map_err(|error| Refusal::of(OPERATION, &error))
    }

    /// Deregisters targets, all or none. One that is not there is none too many.
    pub(crate) async fn deregister(&self, arn: &str, targets: &[Target], deadline: Deadline) -> Result<(), Refusal> {
        const OPERATION: &str = "DeregisterTargets";
        let call = self.client.deregister_targets().target_group_arn(arn).set_targets(Some(described(targets)));
        let changing = changing(OPERATION, deadline).map_err(Refusal::Failed)?;
        let outcome = call.customize().config_override(changing).send().await;
        outcome.map(drop).map_err(|error| Refusal::of(OPERATION, &error))
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

fn changing(operation: &'static str, deadline: Deadline) -> Result<config::Builder, SyncError> {
    let retries = RetryConfig::standard()
        .with_max_attempts(CHANGE_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    Ok(Config::builder().timeout_config(within(operation, deadline, ATTEMPTS)?).retry_config(retries))
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
    let state = health.and_then(|health| health.state()).map_or("", |state| state.as_str());
    let reason = health.and_then(|health| health.reason()).map_or("", |reason| reason.as_str());
    Some(Reported {
        at: SocketAddr::new(address, port),
        zone: target.availability_zone().map(str::to_owned),
        health: Health::of(state, reason),
    })
}
