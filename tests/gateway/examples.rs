//! What the templates in `examples/` say, beside the template and the authorizer.

use std::collections::BTreeSet;

use gateway::function::Function;
use sam_template::{Fields, Kind, Node};
use serde_json::{Value, json};
use telemetry::RecordLog;

use crate::template::{context_keys, destinations};

fn text(path: &str) -> String {
    std::fs::read_to_string(tests::project().join(path)).unwrap()
}

/// What stands in a template under these names, nothing evaluated.
fn at(path: &str, names: &[&str]) -> Node {
    let template = Node::parse(&text(path)).unwrap();
    names.iter().fold(template, |node, name| {
        Fields::of(node, *name).unwrap().require(name).unwrap()
    })
}

fn entries(path: &str, names: &[&str]) -> Vec<(String, Node)> {
    let entries = Fields::of(at(path, names), "entries").unwrap().rest();
    entries
        .into_iter()
        .map(|(name, _, node)| (name, node))
        .collect()
}

fn names(path: &str, section: &str) -> BTreeSet<String> {
    entries(path, &[section])
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// The request parameters of the REST API's integration of a path.
fn mapped(path: &str) -> Vec<(String, Node)> {
    let integration = [
        "x-amazon-apigateway-any-method",
        "x-amazon-apigateway-integration",
        "requestParameters",
    ];
    let definition = [
        "Resources",
        "Api",
        "Properties",
        "DefinitionBody",
        "paths",
        path,
    ];
    entries(
        "examples/rest-api.yaml",
        &[&definition[..], &integration[..]].concat(),
    )
}

#[test]
fn a_network_says_nothing_that_is_no_parameter_of_the_template() {
    let (said, taken) = (
        names("examples/network.yaml", "Outputs"),
        names("template.yaml", "Parameters"),
    );
    assert!(said.is_subset(&taken), "{:?}", said.difference(&taken));
    for required in [
        "VpcId",
        "PrivateSubnetIds",
        "AlbListenerArn",
        "AlbSecurityGroupId",
    ] {
        assert!(said.contains(required), "{required}");
    }
}

#[test]
fn a_rest_api_overwrites_every_header_that_the_http_api_overwrites_or_removes() {
    let ours = destinations("ProtectedIntegration")
        .into_iter()
        .filter(|name| name.starts_with("header.x-"));
    let ours: BTreeSet<String> = ours
        .map(|name| format!("integration.request.{name}"))
        .collect();
    assert!(ours.len() >= 10, "{ours:?}");
    for path in ["/", "/{proxy+}"] {
        let theirs: BTreeSet<String> = mapped(path).into_iter().map(|(name, _)| name).collect();
        assert!(
            theirs.is_superset(&ours),
            "{path}: {:?}",
            ours.difference(&theirs)
        );
    }
}

#[test]
fn what_a_rest_api_maps_has_the_name_that_the_header_has() {
    for (header, value) in ["/", "/{proxy+}"].into_iter().flat_map(mapped) {
        if let Some(name) = header.strip_prefix("integration.request.header.x-tollgate-") {
            if name == "origin" {
                continue;
            }
            let Kind::Text(value) = value.kind else {
                panic!("{header} is a text")
            };
            assert_eq!(
                value,
                format!("context.authorizer.{}", name.replace('-', "_"))
            );
        }
    }
}

#[tokio::test]
async fn a_rest_api_reads_nothing_that_the_authorizer_does_not_say() {
    let known = context_keys().await;
    let text = text("examples/rest-api.yaml");
    let word = |rest: &str| {
        rest.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .next()
            .unwrap()
            .to_owned()
    };
    let used: BTreeSet<String> = text
        .split("context.authorizer.")
        .skip(1)
        .map(word)
        .filter(|key| key != "error")
        .collect();
    assert!(
        used.contains("retry_after") && used.is_subset(&known),
        "{:?}",
        used.difference(&known)
    );
}

async fn effect(function: &Function, path: &str, key: Option<&str>) -> Result<Value, String> {
    let mut event: Value =
        serde_json::from_str(&text("events/authorizer.rest-request.json")).unwrap();
    event["pathParameters"]["proxy"] = path.into();
    event["headers"] = json!({});
    event["multiValueHeaders"] = key.map_or(json!({}), |key| json!({"X-Api-Key": [key]}));
    let answer = function
        .invoke(event.to_string().as_bytes())
        .await
        .map_err(|error| error.error_message)?;
    Ok(serde_json::from_slice::<Value>(&answer).unwrap()["policyDocument"]["Statement"][0]["Effect"].take())
}

#[tokio::test]
async fn a_rest_apis_policy_lets_health_through_and_asks_for_a_key_elsewhere() {
    let Kind::Text(policy) = at(
        "examples/rest-api.yaml",
        &["Parameters", "AuthPolicy", "Default"],
    )
    .kind
    else {
        panic!()
    };
    let settings: Value = serde_json::from_str(&text("events/env.json")).unwrap();
    let setting = move |name: &str| match name {
        "AUTH_POLICY" => Some(policy.clone()),
        _ => settings["AuthorizerFunction"][name]
            .as_str()
            .map(str::to_owned),
    };
    let function = Function::new("authorizer", None, setting, RecordLog::to(std::io::sink()))
        .await
        .unwrap();
    assert_eq!(effect(&function, "health", None).await, Ok("Allow".into()));
    assert_eq!(
        effect(&function, "orders/7", Some("local-pro-key-0000000000001")).await,
        Ok("Allow".into())
    );
    assert_eq!(
        effect(&function, "orders/7", None).await,
        Err("Unauthorized".to_owned())
    );
}
