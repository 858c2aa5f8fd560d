//! What a deployment with these parameters uses and creates in the account.

use crate::aws::{Account, Unread};
use crate::before::Parameters;
use crate::before::regions;

impl Parameters {
    /// Returns the account to deploy to.
    ///
    /// # Errors
    /// [`Unread::NoCredentials`] if there is none.
    pub(super) fn aws(&self) -> Result<&Account, Unread> {
        let reason = || Unread::NoCredentials("no AWS credentials or region".to_owned());
        self.account().ok_or_else(reason)
    }

    /// Returns the value of a parameter, or `None` if it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    /// Returns the value of a parameter of the type `Number`. An invalid one is 0, which another
    /// check reports.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.text(name).trim().parse().unwrap_or_default()
    }

    /// True if the deployment uses a VPC link.
    pub(super) fn has_vpc_link(&self) -> bool {
        self.is_true("CreateVpcLink")
    }

    /// True if the deployment has a VPC link of its own.
    pub(super) fn makes_vpc_link(&self) -> bool {
        self.has_vpc_link() && self.given("VpcLinkId").is_none()
    }

    /// True if a function runs in the VPC.
    pub(super) fn has_functions_in_vpc(&self) -> bool {
        let runs_sync = self.is_true("SyncInVpc") && self.given("SyncTargets").is_some();
        let publishes =
            self.is_true("MetricsInVpc") && matches!(self.text("PublishMetrics"), "true" | "once");
        self.is_true("AuthorizerInVpc") || self.is_true("LimiterInVpc") || runs_sync || publishes
    }

    /// True if the stack that is updated has a resource with this physical ID.
    pub(super) fn owns(&self, id: &str) -> bool {
        let stack = self.stack();
        stack.is_some_and(|stack| stack.resources().any(|(_, resource)| resource.id == id))
    }
}

/// Returns the problem of an ARN in another region than that of the account.
pub(super) fn other_region(parameter: &str, arn: &str, account: &Account) -> Option<String> {
    let region = regions::of_arn(arn)?;
    let expected = account.region();
    (region != expected)
        .then(|| format!("{parameter}: {arn} is in the region {region}, expected {expected}"))
}
