//! A route of an HTTP API.

use serde_json::Value;

use crate::aws::text;

/// The prefix of the paths that belong to Tollgate.
pub(super) const OWN_PATHS: &str = "/_tollgate";

/// A route, in an API or in a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Route {
    /// The key, such as `GET /orders` or `$default`.
    pub(super) key: String,
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `JWT`.
    pub(super) authorization: String,
    /// The ID of the authorizer, or empty.
    pub(super) authorizer: String,
    /// The ID of the integration. Empty if the route has no integration, or if only CloudFormation knows it.
    pub(super) integration: String,
}

impl Route {
    /// Reads a route of an API.
    pub(super) fn of_api(route: &Value) -> Self {
        Self {
            key: text(&route["routeKey"]).to_owned(),
            authorization: authorization(&route["authorizationType"]),
            authorizer: text(&route["authorizerId"]).to_owned(),
            integration: integration(&route["target"]),
        }
    }

    /// Reads the properties of a route in a template.
    pub(super) fn of_template(properties: &Value) -> Self {
        Self {
            key: text(&properties["RouteKey"]).to_owned(),
            authorization: authorization(&properties["AuthorizationType"]),
            authorizer: text(&properties["AuthorizerId"]).to_owned(),
            integration: integration(&properties["Target"]),
        }
    }

    /// Returns the path. The route `$default` has none.
    pub(super) fn path(&self) -> &str {
        self.key.split_once(' ').map_or("", |(_, path)| path)
    }

    /// True if the path belongs to Tollgate.
    pub(super) fn has_own_path(&self) -> bool {
        self.path()
            .strip_prefix(OWN_PATHS)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn authorization(value: &Value) -> String {
    match text(value) {
        "" => "NONE".to_owned(),
        other => other.to_owned(),
    }
}

fn integration(target: &Value) -> String {
    let target = text(target);
    target
        .strip_prefix("integrations/")
        .unwrap_or(target)
        .to_owned()
}

/// True if a physical ID of CloudFormation is, or contains, an ID of API Gateway.
/// CloudFormation can join several IDs of a resource with `|`, and the emulator of the tests with `/`.
pub(super) fn is_id(physical: &str, id: &str) -> bool {
    !id.is_empty() && physical.split(['|', '/']).any(|part| part == id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn route_of_an_api_and_of_a_template_are_equal() {
        let of_api = Route::of_api(&json!({
            "routeId": "r1", "routeKey": "GET /a", "authorizationType": "CUSTOM",
            "authorizerId": "auth01", "target": "integrations/int1",
        }));
        let of_template = Route::of_template(&json!({
            "RouteKey": "GET /a", "AuthorizationType": "CUSTOM", "AuthorizerId": "auth01",
            "Target": "integrations/int1",
        }));
        assert_eq!(of_api, of_template);
        assert_eq!(of_api.path(), "/a");
    }

    #[test]
    fn missing_authorization_is_none() {
        assert_eq!(Route::of_api(&json!({})).authorization, "NONE");
    }

    #[test]
    fn own_paths_are_recognized() {
        let has_own_path = |key: &str| {
            let key = key.to_owned();
            Route {
                key,
                ..Route::default()
            }
            .has_own_path()
        };
        for key in [
            "GET /_tollgate/usage",
            "ANY /_tollgate",
            "ANY /_tollgate/{proxy+}",
        ] {
            assert!(has_own_path(key), "{key}");
        }
        for key in [
            "$default",
            "GET /_tollgates",
            "GET /a/_tollgate/usage",
            "GET /",
        ] {
            assert!(!has_own_path(key), "{key}");
        }
    }

    #[test]
    fn joined_ids_are_recognized() {
        assert!(is_id("a1b2|int1", "int1"));
        assert!(is_id("int1", "int1"));
        assert!(is_id("a1b2/int1", "int1"));
        assert!(!is_id("int10", "int1"));
        assert!(!is_id("", ""));
    }
}
