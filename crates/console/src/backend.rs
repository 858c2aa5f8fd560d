//! The sources of the data beyond the admin API.

use std::sync::Arc;

use policy::KeyHeader;

use crate::deployed::Deployed;
use crate::target::{Target, TargetKind};

/// The target of a console, with the source of its data.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The gateway that serves the console itself.
    Local(Arc<Target>),
    /// An API on AWS, for the console that `tollgate console` serves.
    Deployed(Arc<Deployed>),
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
            read_only_reason: None,
        }))
    }

    /// Returns the console of a deployed API.
    #[must_use]
    pub fn deployed(api: Deployed) -> Self {
        Self::Deployed(Arc::new(api))
    }

    /// Returns the description of the target.
    pub(crate) fn target(&self) -> &Target {
        match self {
            Self::Local(target) => target,
            Self::Deployed(api) => &api.target,
        }
    }

    /// Returns the header of API keys, if it is known.
    #[expect(
        clippy::unused_self,
        reason = "the settings of the target are not known yet"
    )]
    pub(crate) const fn key_header(&self) -> Option<KeyHeader> {
        None
    }
}
