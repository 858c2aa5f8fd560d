//! An API on AWS, and how it is reached.

mod access_log;
mod api_gateway;
mod aws;
mod cache;
mod counts;
mod log_search;
mod metrics;
mod overview;
mod parts;
mod publisher;
mod reader;
mod refusals;
mod refused_counts;
mod stack;
#[cfg(test)]
mod tests;
mod window;

use admin_client::{AdminClient, TargetOptions};

use crate::check_runs::CheckRuns;
use crate::target::{OverviewSource, PolicyOrigin, RefusalSource, Target, TargetKind};

use aws::Aws;
use reader::Reader;

/// The reason why the page offers no changes, unless the command was started with `--write`.
pub(crate) const READ_ONLY: &str =
    "This console only reads. To make changes, start the command with --write.";

/// An API on AWS.
#[derive(Debug)]
pub struct Deployed {
    /// The client of the admin API.
    pub client: AdminClient,
    /// The options that the target was found with, for clients of other AWS services.
    pub options: TargetOptions,
    /// The name of the stack. `None` if the target is a URL.
    pub stack: Option<String>,
    pub(crate) target: Target,
    pub(crate) check_runs: CheckRuns,
    reader: Reader,
}

impl Deployed {
    /// Describes an API. With `may_write` false, the page offers no changes.
    #[must_use]
    pub fn new(
        client: AdminClient,
        options: TargetOptions,
        stack: Option<String>,
        version: &str,
        may_write: bool,
    ) -> Self {
        let target = Target {
            kind: TargetKind::Deployed,
            label: client.target().to_owned(),
            version: version.to_owned(),
            may_write,
            read_only_reason: (!may_write).then(|| READ_ONLY.to_owned()),
            key_header: None,
            region: None,
            identity: None,
            stack_version: None,
            overview: OverviewSource::Cloudwatch,
            refusals: RefusalSource::CloudwatchLogs,
            policy_source: PolicyOrigin::Unknown,
            missing: Vec::new(),
        };
        Self {
            client,
            reader: Reader::new(Aws::new(options.clone()), stack.clone()),
            options,
            stack,
            target,
            check_runs: CheckRuns::default(),
        }
    }

    /// True if the page may make changes.
    #[must_use]
    pub const fn may_write(&self) -> bool {
        self.target.may_write
    }

    /// Returns the description of the API, with what AWS says about it.
    pub(crate) async fn described(&self) -> Target {
        let mut target = self.target.clone();
        if self.client.is_signed() {
            self.reader.describe(&mut target).await;
        }
        target
    }

    pub(crate) const fn reader(&self) -> &Reader {
        &self.reader
    }
}
