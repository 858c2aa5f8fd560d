//! The result of reconciling a group.

use std::net::SocketAddr;

use sync_targets::Zone;

use crate::state::State;
use crate::target::Target;

/// The calls to make for a group, and the state to store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) register: Vec<Registration>,
    pub(crate) deregister: Vec<Target>,
    /// The number of targets before the changes: on the ports of the names, or registered by
    /// alb-sync.
    pub(crate) size: usize,
    /// The number of targets that are due to leave, but in a later step.
    pub(crate) withheld: usize,
    /// The number of withheld targets that stay because they are healthy, and no resolved target
    /// is.
    pub(crate) kept_healthy: usize,
    /// The state to store before the changes. It already contains the targets to register, so that
    /// they are tracked even if this run is interrupted.
    pub(crate) claim: State,
    /// The state to store after the changes.
    pub(crate) state: State,
}

/// A target to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) address: SocketAddr,
    pub(crate) zone: Zone,
}
