//! The targets of a target group.

use serde_json::Value;

use crate::aws::{Account, Call, Service, Unread, array, text};

/// A target and its health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The IP address, or the ID of an instance, a function or a load balancer.
    pub(crate) id: String,
    /// The port, or `None` for a function.
    pub(crate) port: Option<u16>,
    /// The state, such as `healthy` or `draining`.
    pub(crate) state: String,
    /// The code of the reason, such as `Target.HealthCheckDisabled`, or the empty string.
    pub(crate) reason: String,
}

impl Target {
    fn of(value: &Value) -> Self {
        let health = &value["TargetHealth"];
        Self {
            id: text(&value["Target"]["Id"]).to_owned(),
            port: text(&value["Target"]["Port"]).parse().ok(),
            state: text(&health["State"]).to_owned(),
            reason: text(&health["Reason"]).to_owned(),
        }
    }

    /// True if requests can be sent to the target: it is healthy, or there is no health check.
    pub(crate) fn is_in_service(&self) -> bool {
        self.state == "healthy" || self.reason == "Target.HealthCheckDisabled"
    }

    /// True if the target is registered. A target that is draining no longer is.
    pub(crate) fn is_registered(&self) -> bool {
        self.state != "draining" && self.reason != "Target.NotRegistered"
    }
}

/// Reads the targets of a group.
///
/// # Errors
/// [`Unread`] if they cannot be read, or the group does not exist.
pub(crate) async fn targets(account: &Account, group: &str) -> Result<Vec<Target>, Unread> {
    let fields = [("TargetGroupArn", group)];
    let call = Call::query(Service::LoadBalancing, "DescribeTargetHealth", &fields);
    let response = account.read(&call).await?;
    let list = &response["DescribeTargetHealthResult"]["TargetHealthDescriptions"];
    Ok(array(list).iter().map(Target::of).collect())
}

/// Returns the name of a target group: the part of `…:targetgroup/NAME/ID`.
pub(crate) fn group_name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}
