//! The sources of the data beyond the admin API.

use std::sync::Arc;

use crate::target::{Target, TargetKind};

/// The target of a console, with the source of its data.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The gateway that serves the console itself.
    Local(Arc<Target>),
}

impl Backend {
    /// Returns the console of a local gateway.
    #[must_use]
    pub fn local(version: &str) -> Self {
        Self::Local(Arc::new(Target {
            kind: TargetKind::Local,
            label: "local gateway".to_owned(),
            version: version.to_owned(),
            may_write: true,
        }))
    }

    /// Returns the description of the target.
    pub(crate) fn target(&self) -> &Target {
        match self {
            Self::Local(target) => target,
        }
    }
}
