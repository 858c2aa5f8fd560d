//! The admin API itself.

use super::Configuration;
use crate::aws::Unread;
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "admin-api-reachable",
    group: Group::Configuration,
    title: "The admin API responds",
    explanation: "Plans, keys and policies are administered through `/_tollgate/v1`. Requests to \
                  a deployed API are signed with your AWS credentials. Requests to a local gateway \
                  are not signed.",
    fix: "Compare the URL or the name of the stack with the outputs of the deployment. If the local \
          gateway does not run, start it with `tollgate`.",
    permissions: &["execute-api:Invoke"],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(check(configuration)),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    match configuration.reach().await {
        Ok(()) => {
            let target = configuration.target();
            Ok(Verdict::ok(format!("{target} returned its plans")))
        }
        Err(Unread::Failed(problem)) => Ok(Verdict::failed(problem)),
        Err(reason) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::HttpReply;

    use super::*;
    use crate::configuration::tests::{Api, verdict};
    use crate::verdict::Status;

    #[tokio::test]
    async fn plans_of_the_api_pass() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await).await);
        assert_eq!(found.status, Status::Ok, "{found:?}");
        assert!(found.details[0].contains(&api.server.url()), "{found:?}");
    }

    #[tokio::test]
    async fn another_server_fails() {
        let api = Api::with("plans", HttpReply::text(200, "text/html", "<html>Sign in"));
        let found = verdict(check(&api.configuration().await).await);
        assert_eq!(found.status, Status::Failed, "{found:?}");
        assert!(found.details[0].contains("is it Tollgate?"), "{found:?}");
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let configuration = Api::healthy().configuration().await.denying("/plans");
        let found = verdict(check(&configuration).await);
        assert_eq!(
            found,
            Verdict::not_checked("needs execute-api:Invoke on ARN")
        );
    }

    #[tokio::test]
    async fn unsigned_request_that_is_refused_is_not_checked() {
        let forbidden = HttpReply::json(403, &json!({"message": "Forbidden"}));
        let api = Api::with("plans", forbidden);
        let found = verdict(check(&api.configuration().await).await);
        assert_eq!(found.status, Status::NotChecked, "{found:?}");
        assert!(found.details[0].contains("was not signed"), "{found:?}");
    }
}
