//! The parts of the OpenAPI description that the declarations of the routes cannot express: servers,
//! authorization and examples.

use serde_json::{Value, json};

/// The routes below this path require IAM authorization.
const ADMIN_PATH: &str = "/_tollgate/v1/";
/// The route that requires a credential of a client.
const OWN_USAGE_PATH: &str = "/_tollgate/usage";

/// Completes the description for clients.
pub(crate) fn complete(mut description: Value) -> Value {
    remove_null_defaults(&mut description);
    description["servers"] =
        json!([{"url": "/", "description": "The API that serves this document"}]);
    description["components"]["securitySchemes"] = security_schemes();

    for (path, item) in fields_of(&mut description["paths"]) {
        let security = security(path);
        for (_, operation) in fields_of(item) {
            operation["security"] = security.clone();
            if path.contains('{') {
                add_rejected_path(operation);
            }
            add_example(operation);
        }
    }
    description
}

fn fields_of(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

/// Removes `"default": null`. It is generated for every optional field, but most of them must not be
/// null.
fn remove_null_defaults(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "default" || !value.is_null());
            fields.values_mut().for_each(remove_null_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_null_defaults),
        _ => {}
    }
}

fn security_schemes() -> Value {
    json!({
        "sigv4": {
            "type": "apiKey", "in": "header", "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4",
            "description": "AWS Signature Version 4 for the service `execute-api`, by a principal with the IAM \
                permission `execute-api:Invoke`. The local gateway accepts unsigned requests from its own machine."
        },
        "api_key": {
            "type": "apiKey", "in": "header", "name": "x-api-key",
            "description": "An API key. The template's parameter `KeyHeader` may choose another header."
        },
        "token": {
            "type": "http", "scheme": "bearer",
            "description": "A token of an issuer that the policy trusts."
        },
        "certificate": {
            "type": "mutualTLS",
            "description": "A client certificate, on a domain with mutual TLS."
        }
    })
}

fn security(path: &str) -> Value {
    match path {
        OWN_USAGE_PATH => json!([{"api_key": []}, {"token": []}, {"certificate": []}]),
        _ if path.starts_with(ADMIN_PATH) => json!([{"sigv4": []}]),
        _ => json!([]),
    }
}

/// Adds the response of API Gateway, which decodes a path twice and rejects an invalid escape in it.
fn add_rejected_path(operation: &mut Value) {
    if let Some(content) = operation.pointer_mut("/responses/400/content") {
        content["application/json"] = json!({"schema": {
            "type": "object",
            "description": "API Gateway rejected the path",
            "required": ["message"],
            "properties": {"message": {"type": "string"}}
        }});
    }
}

fn add_example(operation: &mut Value) {
    let example = operation["operationId"].as_str().and_then(example);
    let Some(example) = example else { return };

    for (_, content) in fields_of(&mut operation["requestBody"]["content"]) {
        content["example"] = example.clone();
    }
}

/// Returns an example of a request body. The examples can be sent in the order of this list.
fn example(operation: &str) -> Option<Value> {
    Some(match operation {
        "putPlan" => json!({
            "throttle": {"rate": 10, "burst": 20},
            "quotas": [{"limit": 100_000, "period": "month", "time_zone": "Europe/Berlin"}],
            "routes": {"POST /payments": {"rate": 1, "burst": 5}}
        }),
        "createKey" => json!({
            "name": "Acme Inc.", "plan": "team", "expires_at": "2030-12-31T23:59:59Z", "metadata": {"customer": "acme"}
        }),
        "updateKey" => json!({"enabled": false}),
        "lookUpKey" => {
            json!({"hash": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"})
        }
        "putKey" => json!({
            "name": "Acme Inc.", "plan": "team", "group": "acme", "prefix": "acme_live_", "allowed_ips": ["192.0.2.0/24"]
        }),
        "changeKeys" => json!({
            "filter": {"plan": "team", "enabled": true, "metadata": {"customer": "acme"}},
            "set": {"enabled": false}
        }),
        "rotateKey" => json!({"grace_s": 3_600}),
        "grantUsage" | "grantUsageToCaller" => json!({"quota": "month", "grant": 500}),
        "decide" => json!({
            "issuer": "https://auth.example.com", "subject": "alice", "plan": "team", "route": "POST /payments"
        }),
        "putPolicy" | "putCandidate" => {
            json!({"rules": [{"match": "GET /health", "auth": "none"}, {"match": "ANY /{proxy+}", "auth": "any"}]})
        }
        "putComposition" => json!({
            "services": {"default": {"url": "http://internal-alb.example.com"}},
            "routes": {"GET /bff/dashboard": {"partial_status": 200, "parts": {
                "user": {"get": "/users/{user_id}", "fallback": {"name": "User"}},
                "orders": {"get": "/orders?userId={user_id}&limit=5", "fallback": {"items": []}}
            }}}
        }),
        "putBlock" => json!({"until": "2030-12-31T23:59:59Z", "note": "stolen key"}),
        "importKeys" => {
            "Name,Key,UsagePlanIds\nAcme Inc.,20-to-128-characters-of-your-own,team\n".into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::description;

    #[test]
    fn every_operation_has_a_security_requirement() {
        let of =
            |path: &str, method: &str| description()["paths"][path][method]["security"].clone();
        assert_eq!(
            of("/_tollgate/v1/plans/{plan}", "put"),
            json!([{"sigv4": []}])
        );
        assert_eq!(
            of("/_tollgate/usage", "get"),
            json!([{"api_key": []}, {"token": []}, {"certificate": []}])
        );
        assert_eq!(of("/_tollgate/openapi.json", "get"), json!([]));

        for (path, item) in description()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["security"].is_array(), "{method} {path}");
            }
        }
    }

    #[test]
    fn only_routes_with_parameters_in_the_path_have_a_response_of_api_gateway() {
        let content = |path: &str| {
            let response = &description()["paths"][path]["get"]["responses"]["400"];
            response["content"].as_object().unwrap().len()
        };
        assert_eq!(content("/_tollgate/v1/blocks/{kind}/{id}"), 2);
        assert_eq!(content("/_tollgate/v1/keys"), 1);
    }

    #[test]
    fn every_request_body_has_an_example() {
        for (path, item) in description()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (media, content) in operation["requestBody"]["content"]
                    .as_object()
                    .into_iter()
                    .flatten()
                {
                    assert!(!content["example"].is_null(), "{method} {path} {media}");
                }
            }
        }
    }

    #[test]
    fn no_default_is_null() {
        let mut schema = json!({"properties": {"default": {"type": "string", "default": null}, "b": {"default": 0}}});
        remove_null_defaults(&mut schema);
        assert_eq!(
            schema,
            json!({"properties": {"default": {"type": "string"}, "b": {"default": 0}}})
        );
        assert!(!description().to_string().contains(r#""default":null"#));
    }
}
