//! The CORS settings of the API.

use std::collections::BTreeSet;

use serde_json::Value;

use super::http_api::Ownership;
use super::subject::{Subject, unknown};
use crate::aws::{Unread, array, text};
use crate::check::{Check, Group};
use crate::findings::Findings;
use crate::runner::Entry;
use crate::stack::Stack;
use crate::verdict::Verdict;

const CHECK: Check = Check {
    id: "cors-settings",
    group: Group::Api,
    title: "The API answers CORS preflight requests as the parameters ask for",
    explanation: "Browsers use the API only from the origins that it returns. An origin that is left over can \
                  still read responses, and a missing header hides `RateLimit` and `Retry-After` from the \
                  page.",
    fix: "Deploy the stack again with `AllowedOrigins`, and do not change the CORS settings in the console.",
    permissions: &["apigateway:GET"],
    evidence: Some("CORS with `AllowedOrigins`, and security headers."),
};

pub(super) const ENTRY: Entry<Stack> = Entry {
    check: &CHECK,
    run: |stack| Box::pin(check(stack)),
};

/// The lists of the settings: names in templates, and in API Gateway.
const LISTS: [(&str, &str); 4] = [
    ("AllowOrigins", "allowOrigins"),
    ("AllowMethods", "allowMethods"),
    ("AllowHeaders", "allowHeaders"),
    ("ExposeHeaders", "exposeHeaders"),
];

async fn check(stack: &Stack) -> Result<Verdict, Unread> {
    let api = match Subject::of(stack).await? {
        Subject::Http(api) if api.ownership == Ownership::Created => api,
        Subject::Http(_) => {
            return Ok(Verdict::not_applicable(
                "CORS is up to the owner of the API",
            ));
        }
        Subject::Rest(_) => {
            return Ok(Verdict::not_applicable(
                "the backend of the REST API handles CORS",
            ));
        }
        Subject::Unknown => return Ok(unknown()),
    };
    let expected = stack.expected("Api")?.unwrap_or_default();
    let description = api.description().await?;
    Ok(verdict(
        &description["corsConfiguration"],
        &expected["CorsConfiguration"],
    ))
}

fn verdict(actual: &Value, expected: &Value) -> Verdict {
    let mut findings = Findings::default();
    let has_settings = actual.as_object().is_some_and(|it| !it.is_empty());
    if expected.is_null() && has_settings {
        let origins = set(&actual["allowOrigins"]);
        let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
        return Verdict::failed(format!(
            "the API allows the origins {}, but AllowedOrigins is empty",
            origins.join(", ")
        ));
    }
    if expected.is_null() {
        return Verdict::ok("the backend handles CORS");
    }

    for (property, setting) in LISTS {
        let (actual, expected) = (set(&actual[setting]), set(&expected[property]));
        for missing in expected.difference(&actual) {
            findings.problem(format!("{setting} does not contain {missing}"));
        }
        for other in actual.difference(&expected) {
            findings.problem(format!(
                "{setting} contains {other}, which the template does not ask for"
            ));
        }
    }
    if actual["allowCredentials"] == true && expected["AllowCredentials"] != true {
        findings.problem("allowCredentials is true, expected false");
    }
    let seconds = |value: &Value| value.as_f64().unwrap_or(0.0).to_string();
    findings.equal(
        "maxAge",
        &seconds(&actual["maxAge"]),
        &seconds(&expected["MaxAge"]),
    );

    let origins: Vec<String> = set(&expected["AllowOrigins"]).into_iter().collect();
    findings.verdict(format!("the API allows {}", origins.join(", ")))
}

/// Returns the values of a list in lower case. Origins and header names do not depend on case, and
/// methods are compared alike.
fn set(list: &Value) -> BTreeSet<String> {
    let values = array(list).iter();
    values.map(|it| text(it).to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::after::api::fixtures::API;
    use crate::tests::recorded::Recorded;
    use crate::verdict::Status;

    use super::*;

    async fn verdict_of(recorded: Recorded) -> Verdict {
        super::check(&recorded.stack().await)
            .await
            .unwrap_or_else(Into::into)
    }

    fn with_origins(change: impl Fn(&mut Value)) -> Recorded {
        Recorded::healthy()
            .with_parameter("AllowedOrigins", "https://app.example.com")
            .with_json(API, |api| {
                api["corsConfiguration"] = json!({
                    "allowCredentials": false,
                    "allowHeaders": ["*", "authorization"],
                    "allowMethods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
                    "allowOrigins": ["https://app.example.com"],
                    "exposeHeaders": ["RateLimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining",
                        "x-ratelimit-reset", "retry-after", "x-request-id", "x-tollgate-complete"],
                    "maxAge": 7200,
                });
                change(&mut api["corsConfiguration"]);
            })
    }

    #[tokio::test]
    async fn settings_of_the_template_pass() {
        let verdict = verdict_of(Recorded::healthy()).await;
        assert_eq!(verdict, Verdict::ok("the backend handles CORS"));
        let verdict = verdict_of(with_origins(|_| {})).await;
        assert_eq!(
            verdict,
            Verdict::ok("the API allows https://app.example.com")
        );
    }

    #[tokio::test]
    async fn each_difference_fails() {
        let recorded = with_origins(|cors| {
            cors["allowOrigins"] = json!(["https://app.example.com", "https://old.example.com"]);
            cors["exposeHeaders"].as_array_mut().unwrap().remove(5);
            cors["allowCredentials"] = json!(true);
            cors["maxAge"] = json!(60);
        });
        let verdict = verdict_of(recorded).await;
        assert_eq!(verdict.status, Status::Failed);
        assert_eq!(
            verdict.details,
            [
                "allowOrigins contains https://old.example.com, which the template does not ask for",
                "exposeHeaders does not contain retry-after",
                "allowCredentials is true, expected false",
                "maxAge is 60, expected 7200",
            ]
        );
    }

    #[tokio::test]
    async fn settings_of_an_earlier_parameter_fail() {
        let recorded = Recorded::healthy().with_json(API, |api| {
            api["corsConfiguration"] = json!({"allowOrigins": ["*"]});
        });
        let detail = "the API allows the origins *, but AllowedOrigins is empty";
        assert_eq!(verdict_of(recorded).await, Verdict::failed(detail));
    }

    #[tokio::test]
    async fn missing_permission_is_no_failure() {
        let verdict = verdict_of(Recorded::healthy().denied(API)).await;
        assert_eq!(verdict, Verdict::not_checked("needs apigateway:GET"));
    }
}
