//! The description of a check.

/// A check, as the documentation and the output describe it.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// The id, also the anchor in the documentation: lower case with `-`. It never changes.
    pub id: &'static str,
    /// The group.
    pub group: Group,
    /// The fact that is checked, as a statement that is true if the check passes.
    pub title: &'static str,
    /// The reason why it matters, and what happens otherwise. Complete sentences.
    pub explanation: &'static str,
    /// The next step if the check fails. Complete sentences.
    pub fix: &'static str,
    /// The AWS permissions that the check needs, such as `ec2:DescribeSubnets`.
    pub permissions: &'static [&'static str],
    /// The claim in docs/operations/evidence.md that a pass supports, or `None`.
    pub evidence: Option<&'static str>,
}

/// A group of checks, in the order of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The parameters, before a deployment and without AWS.
    Parameters,
    /// The resources of the AWS account that the parameters name, before a deployment.
    Account,
    /// The load balancer, its security groups and the VPC link.
    Network,
    /// Routes, authorizer, integrations and domain.
    Api,
    /// Functions, settings and tables.
    Functions,
    /// Schedules, queues, logs and alarms.
    Monitoring,
    /// Plans, keys and the policy, as the admin API returns them.
    Configuration,
    /// Responses to real requests.
    Requests,
}

impl Group {
    /// All groups, in the order of the output.
    pub const ALL: [Self; 8] = [
        Self::Parameters,
        Self::Account,
        Self::Network,
        Self::Api,
        Self::Functions,
        Self::Monitoring,
        Self::Configuration,
        Self::Requests,
    ];

    /// The groups that need a parameter file.
    pub const OF_FILE: [Self; 2] = [Self::Parameters, Self::Account];
    /// The groups that need a stack.
    pub const OF_STACK: [Self; 4] = [Self::Network, Self::Api, Self::Functions, Self::Monitoring];
    /// The groups that need an API.
    pub const OF_API: [Self; 2] = [Self::Configuration, Self::Requests];

    /// Returns the name for `--only`, `--skip` and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Account => "account",
            Self::Network => "network",
            Self::Api => "api",
            Self::Functions => "functions",
            Self::Monitoring => "monitoring",
            Self::Configuration => "configuration",
            Self::Requests => "requests",
        }
    }
}
