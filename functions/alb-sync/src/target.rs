//! The targets of a target group.

use std::net::SocketAddr;

/// One entry of a target group (DescribeTargetHealth).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetHealth {
    pub(crate) address: SocketAddr,
    /// The zone, if the response contains one.
    pub(crate) zone: Option<String>,
    pub(crate) health: Health,
}

/// The health of a target (DescribeTargetHealth, `TargetHealth`), as far as alb-sync needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Healthy,
    Unhealthy,
    /// Unknown or not checked. The target may serve requests.
    Unknown,
    /// Deregistered, and draining or gone.
    Leaving,
}

impl Health {
    /// Returns the health for a state and its reason code.
    ///
    /// A target in the state `unhealthy.draining` is still registered, and one in `draining` is not.
    /// An `unused` target is registered unless the reason says otherwise.
    pub(crate) fn from_state(state: &str, reason: &str) -> Self {
        match (state, reason) {
            ("healthy", _) => Self::Healthy,
            ("unhealthy" | "unhealthy.draining", _) => Self::Unhealthy,
            ("draining", _) | ("unused", "Target.NotRegistered") => Self::Leaving,
            _ => Self::Unknown,
        }
    }
}

/// A target as it is registered and deregistered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The zone, if the registration names one.
    pub(crate) zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_draining_and_not_registered_targets_are_leaving() {
        for (state, reason, expected) in [
            ("initial", "Elb.RegistrationInProgress", Health::Unknown),
            ("healthy", "", Health::Healthy),
            ("unhealthy", "Target.Timeout", Health::Unhealthy),
            ("unhealthy.draining", "", Health::Unhealthy),
            ("unused", "Target.NotInUse", Health::Unknown),
            ("unused", "Target.NotRegistered", Health::Leaving),
            (
                "draining",
                "Target.DeregistrationInProgress",
                Health::Leaving,
            ),
            ("unavailable", "Target.HealthCheckDisabled", Health::Unknown),
            ("something.new", "", Health::Unknown),
        ] {
            assert_eq!(
                Health::from_state(state, reason),
                expected,
                "{state} {reason}"
            );
        }
    }
}
