//! A target as ELBv2 reports it.

use std::net::SocketAddr;

/// One entry of a target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Its address and port.
    pub at: SocketAddr,
    /// Its zone, if the report names one.
    pub zone: Option<String>,
    /// How it is.
    pub health: Health,
}

/// A target's state (DescribeTargetHealth, `TargetHealth`), as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It passes its health checks.
    Healthy,
    /// It does not.
    Unhealthy,
    /// Not known, or not checked: it may serve.
    Unknown,
    /// It has been deregistered.
    Leaving,
}

impl Health {
    /// `unhealthy.draining` is still registered, `draining` is not; `unused` is registered unless
    /// its reason says otherwise.
    #[must_use]
    pub fn of(state: &str, reason: &str) -> Self {
        match (state, reason) {
            ("healthy", _) => Self::Healthy,
            ("unhealthy" | "unhealthy.draining", _) => Self::Unhealthy,
            ("draining", _) | ("unused", "Target.NotRegistered") => Self::Leaving,
            _ => Self::Unknown,
        }
    }
}

/// A target by what it is registered and deregistered with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its address and port.
    pub at: SocketAddr,
    /// Its zone, if it has one.
    pub zone: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draining_and_not_registered_are_on_their_way_out_and_nothing_else_is() {
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
            assert_eq!(Health::of(state, reason), expected, "{state} {reason}");
        }
    }
}
