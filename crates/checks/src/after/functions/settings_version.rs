//! The version of the settings in AppConfig.

use admin_client::path;
use serde_json::Value;

use crate::aws::{Call, Service, Unread, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

use super::function::authorizer;

const CHECK: Check = Check {
    id: "settings-version",
    group: Group::Functions,
    title: "The version of the authorizer was published with the current settings",
    explanation: "SAM does not publish a version if only a parameter changes. The template \
                  therefore keeps the settings in AppConfig, and the description of the version \
                  contains the number of the settings. A description with another number means \
                  that the alias still has the settings of an earlier deployment.",
    fix: "Deploy again with a changed parameter. Do not create configuration versions in AppConfig \
          by hand, because the functions do not read them.",
    permissions: &[
        "appconfig:ListHostedConfigurationVersions",
        "lambda:GetFunctionConfiguration",
    ],
    evidence: None,
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let id = |name: &str| stack.resource(name).map(|resource| resource.id.as_str());
    let ids = (
        id("Settings"),
        id("AuthorizerSettings"),
        id("AuthorizerSettingsVersion"),
    );
    if ids == (None, None, None) {
        return Ok(Verdict::not_applicable(
            "the authorizer has all settings in its variables",
        ));
    }
    let (Some(application), Some(profile), Some(deployed)) = ids else {
        return Ok(Verdict::failed(
            "the stack does not have all of Settings, AuthorizerSettings and \
             AuthorizerSettingsVersion",
        ));
    };

    let mut findings = Findings::default();
    let function = authorizer(stack)?;
    let read = function.configuration(stack).await;
    if let Some(configuration) = findings.take(&function.to_string(), read) {
        let description = text(&configuration["Description"]);
        let expected = format!("Settings {deployed}");
        if description == expected {
            findings.fact(format!("{function} was published with settings {deployed}"));
        } else {
            findings.problem(format!(
                "{function}: the description of version {} is `{description}`, expected \
                 `{expected}`",
                text(&configuration["Version"])
            ));
        }
    }

    let path = path(&[
        "applications",
        application,
        "configurationprofiles",
        profile,
        "hostedconfigurationversions",
    ]);
    let call = Call::get(Service::AppConfig, "ListHostedConfigurationVersions", &path);
    let versions = stack.account().read_all(&call, "/Items").await;
    let subject = format!("configuration profile {profile}");
    if let Some(versions) = findings.take(&subject, versions) {
        newest(&subject, deployed, &versions, &mut findings);
    }
    Ok(findings.into_verdict())
}

fn newest(subject: &str, deployed: &str, versions: &[Value], findings: &mut Findings) {
    let numbers = versions
        .iter()
        .filter_map(|version| version["VersionNumber"].as_u64());
    match numbers.max() {
        None => findings.problem(format!("{subject} has no versions, expected {deployed}")),
        Some(newest) if newest.to_string() != deployed => findings.problem(format!(
            "{subject}: the newest version is {newest}, expected {deployed}, which the stack \
             deployed"
        )),
        Some(newest) => findings.fact(format!("{subject}: the newest version is {newest}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    const VERSIONS: &str = "appconfig.GET@hostedconfigurationversions.json";
    const AUTHORIZER: &str = "lambda.GET@AuthorizerFunction-AbCdEfGh~configuration.json";

    async fn verdict(recorded: Recorded) -> Verdict {
        check(&recorded.stack().await).await.unwrap()
    }

    #[tokio::test]
    async fn current_settings_pass() {
        assert_eq!(verdict(Recorded::healthy()).await.status, Status::Ok);
    }

    #[tokio::test]
    async fn version_with_earlier_settings_fails() {
        let recorded =
            Recorded::healthy().with(AUTHORIZER, |text| text.replace("Settings 3", "Settings 2"));
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(
                "function tollgate-AuthorizerFunction-AbCdEfGh:live: the description of version 3 \
                 is `Settings 2`, expected `Settings 3`"
            )
        );
    }

    #[tokio::test]
    async fn settings_that_were_changed_by_hand_fail() {
        let recorded = Recorded::healthy().with(VERSIONS, |text| {
            text.replace("\"VersionNumber\": 2", "\"VersionNumber\": 4")
        });
        assert_eq!(
            verdict(recorded).await,
            Verdict::failed(
                "configuration profile prof123: the newest version is 4, expected 3, which the \
                 stack deployed"
            )
        );
    }

    #[tokio::test]
    async fn deleted_settings_fail() {
        let recorded = Recorded::healthy().answering(VERSIONS, "{\"Items\": []}");
        let verdict = verdict(recorded).await;
        assert_eq!(
            verdict,
            Verdict::failed("configuration profile prof123 has no versions, expected 3")
        );
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict(Recorded::healthy().denied(VERSIONS)).await;
        assert_eq!(verdict.status, Status::NotChecked);
        assert_eq!(
            verdict.details,
            [
                "needs appconfig:ListHostedConfigurationVersions",
                "apart from that: function tollgate-AuthorizerFunction-AbCdEfGh:live was published \
                 with settings 3"
            ]
        );
    }
}
