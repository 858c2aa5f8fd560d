//! What the template says, beside what the code does.

use std::collections::BTreeSet;

use gateway::api::Api;
use gateway::function::Function;
use http::{HeaderName, HeaderValue};
use outcome::{BACKEND_HEADER_PREFIX, BACKEND_HEADERS, ContextField, Decision, ORIGIN_HEADER};
use sam_template::{Fields, Kind, Node, ParameterValues, Template};
use serde_json::Value;
use telemetry::RecordLog;

const STATUSES: [&str; 29] = [
    "200", "201", "202", "204", "206", "301", "302", "303", "304", "307", "308", "400", "401",
    "403", "404", "405", "406", "409", "410", "412", "413", "415", "422", "429", "500", "501",
    "502", "503", "504",
];

fn text() -> String {
    std::fs::read_to_string(tests::project().join("template.yaml")).unwrap()
}

/// A resource's property as written, nothing evaluated.
fn resource(resource: &str, name: &str) -> Node {
    let mut template = Fields::of(Node::parse(&text()).unwrap(), "template").unwrap();
    let mut resources = Fields::of(template.require("Resources").unwrap(), "Resources").unwrap();
    let mut resource = Fields::of(resources.require(resource).unwrap(), "resource").unwrap();
    let mut properties = Fields::of(resource.require("Properties").unwrap(), "Properties").unwrap();
    properties.require(name).unwrap()
}

/// The entries of a resource's property.
fn property(id: &str, name: &str) -> Vec<(String, Node)> {
    let entries = Fields::of(resource(id, name), "property").unwrap().rest();
    entries
        .into_iter()
        .map(|(name, _, node)| (name, node))
        .collect()
}

pub(crate) fn destinations(resource: &str) -> BTreeSet<String> {
    property(resource, "RequestParameters")
        .into_iter()
        .map(|(destination, _)| destination.split_once(':').unwrap().1.to_owned())
        .collect()
}

/// The keys of the authorizer's context, of a request that is allowed and one that is throttled.
pub(crate) async fn context_keys() -> BTreeSet<String> {
    let settings: Value = serde_json::from_str(
        &std::fs::read_to_string(tests::project().join("events/env.json")).unwrap(),
    )
    .unwrap();
    let setting = move |name: &str| {
        settings["AuthorizerFunction"][name]
            .as_str()
            .map(str::to_owned)
    };
    let function = Function::new("authorizer", None, setting, RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    let path = tests::project().join("events/authorizer.throttled.json");
    let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    event["headers"]["traceparent"] =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into();
    let event = event.to_string().into_bytes();
    let answers = [
        function.invoke(&event).await.unwrap(),
        function.invoke(&event).await.unwrap(),
    ];
    let keys = |answer: &Vec<u8>| {
        serde_json::from_slice::<Value>(answer).unwrap()["context"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    answers.iter().flat_map(keys).collect()
}

#[test]
fn every_status_that_is_promised_is_mapped_and_two_of_them_with_retry_after() {
    let mapped = property("ProtectedIntegration", "ResponseParameters");
    for integration in ["ProtectedIntegration", "PublicIntegration"] {
        let mapped = property(integration, "ResponseParameters");
        let statuses: BTreeSet<_> = mapped.iter().map(|(status, _)| status.as_str()).collect();
        assert_eq!(statuses, STATUSES.into_iter().collect(), "{integration}");
    }
    let with_retry: BTreeSet<_> = mapped
        .iter()
        .filter(|(_, node)| format!("{node:?}").contains("retry_after"))
        .map(|(status, _)| status.as_str())
        .collect();
    assert_eq!(with_retry, BTreeSet::from(["429", "503"]));
}

#[test]
fn public_requests_lose_every_header_that_protected_ones_are_given() {
    assert!(destinations("PublicIntegration").is_superset(&destinations("ProtectedIntegration")));
}

#[test]
fn each_header_of_ours_is_overwritten_on_protected_routes_and_removed_on_public_ones() {
    for (integration, operation) in [
        ("ProtectedIntegration", "overwrite"),
        ("PublicIntegration", "remove"),
    ] {
        let prefix = format!("{operation}:header.");
        let mapped: BTreeSet<String> = property(integration, "RequestParameters")
            .iter()
            .filter_map(|(destination, _)| Some(destination.strip_prefix(&prefix)?.to_owned()))
            .filter(|header| header.starts_with("x-tollgate-") && header != ORIGIN_HEADER)
            .collect();
        assert_eq!(
            mapped,
            BACKEND_HEADERS.map(str::to_owned).into(),
            "{integration}"
        );
    }
}

#[test]
fn each_header_of_ours_has_the_value_of_the_context_field_with_its_name() {
    let prefix = format!("overwrite:header.{BACKEND_HEADER_PREFIX}");
    let mut mapped = BTreeSet::new();
    for (destination, source) in property("ProtectedIntegration", "RequestParameters") {
        let Some(name) = destination.strip_prefix(&prefix) else {
            continue;
        };
        if destination.ends_with(ORIGIN_HEADER) {
            continue;
        }
        let Kind::Text(source) = &source.kind else {
            panic!("{destination} is a string")
        };

        let field = ContextField::from_word(&name.replace('-', "_")).expect(name);
        assert_eq!(source, &format!("$context.authorizer.{field}"));
        mapped.insert(destination);
    }

    assert_eq!(mapped.len(), BACKEND_HEADERS.len());
}

#[test]
fn each_listener_rule_matches_a_decision_of_the_authorizer() {
    for (rule, decision) in [
        ("ThrottledRule", Decision::Throttled),
        ("UnavailableRule", Decision::Unavailable),
    ] {
        let conditions = format!("{:?}", resource(rule, "Conditions"));
        assert!(Decision::BY_AUTHORIZER.contains(&decision));
        assert!(
            conditions.contains(&format!("\"{decision}\"")),
            "{conditions}"
        );
    }
}

#[tokio::test]
async fn every_value_of_the_authorizers_context_that_is_mapped_or_logged_exists() {
    let (text, known) = (text(), context_keys().await);
    let used: BTreeSet<String> = text
        .split("$context.authorizer.")
        .skip(1)
        .map(|rest| {
            rest.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
                .next()
                .unwrap()
                .to_owned()
        })
        .filter(|key| key != "error")
        .collect();
    assert!(used.is_subset(&known), "{:?}", used.difference(&known));
}

#[test]
fn every_variable_that_a_function_is_given_is_one_that_it_reads() {
    for (function, package) in [
        ("AuthorizerFunction", "authorizer"),
        ("ComposerFunction", "composer"),
        ("LimiterFunction", "limiter"),
    ] {
        let sources = [
            format!("functions/{package}/src/config.rs"),
            "crates/store/src/dynamodb/config.rs".to_owned(),
            "crates/otlp/src/settings/endpoint.rs".to_owned(),
        ];
        let sources = sources
            .map(|path| std::fs::read_to_string(tests::project().join(path)).unwrap())
            .concat();
        let (_, variables) = property(function, "Environment").remove(0);
        let Kind::Map(variables) = variables.kind else {
            panic!("Variables is a map")
        };
        for (name, ..) in variables {
            assert!(
                sources.contains(&format!("\"{name}\"")),
                "{function}: {name}"
            );
        }
    }
}

#[test]
fn the_registry_is_deployed_with_the_indexes_and_the_ttl_that_the_store_asks_for() {
    let source = |path: &str| std::fs::read_to_string(tests::project().join(path)).unwrap();
    let store = source("crates/registry/src/dynamodb/table.rs")
        + &source("crates/registry/src/dynamodb/item.rs");
    let indexes = format!("{:?}", resource("RegistryTable", "GlobalSecondaryIndexes"));
    for name in ["by-id", "by-plan", "shard", "key_id", "plan"] {
        assert!(
            store.contains(&format!("= \"{name}\";")) && indexes.contains(&format!("\"{name}\"")),
            "{name}"
        );
    }
    assert!(
        format!("{:?}", resource("RegistryTable", "TimeToLiveSpecification")).contains("\"ttl\"")
    );
    assert!(store.contains("= \"ttl\";"));
}

#[test]
fn each_decision_that_is_not_served_is_answered_by_its_listener_rule() {
    let api =
        Api::from_template(&Template::parse(&text(), &ParameterValues::new()).unwrap()).unwrap();
    for (decision, status) in [
        ("throttled", Some(429)),
        ("unavailable", Some(503)),
        ("allowed", None),
        ("degraded", None),
    ] {
        let headers = [(
            HeaderName::from_static("x-tollgate-decision"),
            HeaderValue::from_static(decision),
        )]
        .into_iter()
        .collect();
        let answer = api
            .rules
            .iter()
            .find(|rule| rule.matches(&headers))
            .map(|rule| &rule.response);
        assert_eq!(
            answer.map(|answer| answer.status.as_u16()),
            status,
            "{decision}"
        );
        if let Some(answer) = answer {
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(
                (&body["status"], &*answer.content_type),
                (&Value::from(status), "application/json")
            );
        }
    }
}
