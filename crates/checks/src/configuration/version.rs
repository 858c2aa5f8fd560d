//! The version of the API.

use http::StatusCode;
use serde_json::Value;

use super::Configuration;
use super::context::if_reached;
use crate::aws::{Unread, text};
use crate::check::{Check, Group};
use crate::runner::Entry;
use crate::verdict::Verdict;

const DESCRIPTION: &str = "/_tollgate/openapi.json";
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

const CHECK: Check = Check {
    id: "version-matches",
    group: Group::Configuration,
    title: "The API and this program are of the same minor version",
    explanation: "The program checks what its own release promises. The API of another minor \
                  version can have other fields and defaults, so some results would be wrong.",
    fix: "Use the program of the release that is deployed, or deploy the release of the program.",
    permissions: &[],
    evidence: None,
};

pub(super) const ENTRY: Entry<Configuration> = Entry {
    check: &CHECK,
    run: |configuration| Box::pin(if_reached(configuration, check(configuration))),
};

async fn check(configuration: &Configuration) -> Result<Verdict, Unread> {
    let response = configuration.call(DESCRIPTION).await?;
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        return Ok(Verdict::failed(format!(
            "GET {DESCRIPTION} returned status {status}, expected 200"
        )));
    }

    let description: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    Ok(decide(text(&description["info"]["version"]), OWN_VERSION))
}

fn decide(of_api: &str, own: &str) -> Verdict {
    if of_api.is_empty() {
        return Verdict::failed(format!("GET {DESCRIPTION} names no version"));
    }
    let detail = format!("the API has version {of_api}, and this program has version {own}");
    if minor(of_api) == minor(own) {
        Verdict::ok(detail)
    } else {
        Verdict::warning(detail)
    }
}

/// Returns the major and the minor version.
fn minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    let mut next = || parts.next().unwrap_or_default();
    (next(), next())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::HttpReply;

    use super::*;
    use crate::configuration::tests::{Api, verdict};
    use crate::verdict::Status;

    #[tokio::test]
    async fn same_version_passes() {
        let api = Api::healthy();
        let found = verdict(check(&api.configuration().await).await);
        assert_eq!(found.status, Status::Ok, "{found:?}");
    }

    #[test]
    fn only_another_minor_version_is_a_warning() {
        for (of_api, status) in [
            ("0.2.0", Status::Ok),
            ("0.2.7", Status::Ok),
            ("0.3.0", Status::Warning),
            ("1.2.0", Status::Warning),
            ("", Status::Failed),
        ] {
            assert_eq!(decide(of_api, "0.2.1").status, status, "{of_api}");
        }
    }

    #[tokio::test]
    async fn api_without_a_description_fails() {
        for reply in [
            HttpReply::json(404, &json!({"message": "Not Found"})),
            HttpReply::json(200, &json!({"info": {}})),
            HttpReply::text(200, "text/html", "<html>"),
        ] {
            let api = Api::with("openapi", reply);
            let found = verdict(check(&api.configuration().await).await);
            assert_eq!(found.status, Status::Failed, "{found:?}");
        }
    }

    #[tokio::test]
    async fn other_checks_refer_to_the_reachability() {
        let api = Api::with("plans", HttpReply::text(200, "text/html", "<html>"));
        let configuration = api.configuration().await;
        let found = verdict((ENTRY.run)(&configuration).await);
        let expected = Verdict::error("the admin API does not respond as expected");
        assert_eq!(found, expected.with_fix("See admin-api-reachable."));
    }
}
