//! The sources of the data beyond the admin API.

use std::borrow::Cow;
use std::sync::Arc;

use policy::KeyHeader;

use crate::check_runs::CheckRuns;
use crate::deployed::Deployed;
use crate::local::Local;
use crate::overview::{Overview, Range};
use crate::policy_text::PolicyText;
use crate::problem::Problem;
use crate::refusals::{RefusalPage, RefusalQuery};
use crate::target::Target;

/// The target of a console, with the source of its data.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The gateway that serves the console itself.
    Local(Arc<Local>),
    /// An API on AWS, for the console that `tollgate console` serves.
    Deployed(Arc<Deployed>),
}

impl Backend {
    /// Returns the console of a local gateway.
    #[must_use]
    pub fn local(gateway: &Arc<Local>) -> Self {
        Self::Local(Arc::clone(gateway))
    }

    /// Returns the console of a deployed API.
    #[must_use]
    pub fn deployed(api: Deployed) -> Self {
        Self::Deployed(Arc::new(api))
    }

    /// Returns the description of the target.
    pub(crate) fn target(&self) -> Cow<'_, Target> {
        match self {
            Self::Local(gateway) => Cow::Owned(gateway.target()),
            Self::Deployed(api) => Cow::Borrowed(&api.target),
        }
    }

    /// Returns the description of the target, with what is read over the network.
    pub(crate) async fn described_target(&self) -> Target {
        match self {
            Self::Local(gateway) => gateway.target(),
            Self::Deployed(api) => api.described().await,
        }
    }

    /// Returns figures of requests.
    ///
    /// # Errors
    /// [`Problem`] if the source does not have the range.
    pub(crate) async fn overview(&self, range: Range) -> Result<Overview, Problem> {
        match self {
            Self::Local(gateway) => gateway.overview(range),
            Self::Deployed(api) => Ok(api.reader().overview(range).await),
        }
    }

    /// Returns recent refusals.
    ///
    /// # Errors
    /// [`Problem`] if the source does not respond.
    pub(crate) async fn refusals(&self, query: &RefusalQuery) -> Result<RefusalPage, Problem> {
        match self {
            Self::Local(gateway) => Ok(gateway.refusals(query)),
            Self::Deployed(api) => Ok(api.reader().refusals(query).await),
        }
    }

    /// Returns the policy in force.
    ///
    /// # Errors
    /// [`Problem`] if the source does not respond.
    pub(crate) async fn policy(&self) -> Result<PolicyText, Problem> {
        match self {
            Self::Local(gateway) => Ok(gateway.policy()),
            Self::Deployed(api) => api.reader().policy().await,
        }
    }

    /// Returns the runs of checks.
    pub(crate) fn check_runs(&self) -> &CheckRuns {
        match self {
            Self::Local(gateway) => gateway.check_runs(),
            Self::Deployed(api) => &api.check_runs,
        }
    }

    /// Returns the header of API keys, if it is known.
    pub(crate) fn key_header(&self) -> Option<KeyHeader> {
        let header = match self {
            Self::Local(gateway) => gateway.target().key_header,
            Self::Deployed(api) => api.reader().key_header(),
        };
        header?.parse().ok()
    }
}
