//! The admin API itself.

use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

use super::Configuration;

const CHECK: Check = Check {
    id: "admin-api-reachable",
    group: Group::Configuration,
    title: "The admin API responds",
    explanation: "Plans, keys and policies are administered through `/_tollgate/v1`. Requests to \
                  a deployed API are signed with your AWS credentials, and those to a local \
                  gateway are not.",
    fix: "Compare the URL, or the name of the stack, with the outputs of the deployment. Start the \
          local gateway with `tollgate` if it does not run.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const REACHABLE: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(check(configuration)),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let target = configuration.target();
    match configuration.first_plans().await {
        Ok(_) => Ok(Verdict::ok(format!("{target} returned its plans"))),
        Err(Unread::Failed(problem)) => Ok(Verdict::failed(problem)),
        Err(reason) => Err(reason),
    }
}
