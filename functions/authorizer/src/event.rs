//! Authorizer events, in each format of API Gateway.
//!
//! Fields may be missing or null. Errors name the field and never its value.

mod cookies;
mod default_route;
mod fields;
mod headers;
mod json_str;
mod request;
mod token;
mod v1;
mod v2;

use serde::Deserialize;

use self::token::EventToken;
use self::v1::EventV1;
use self::v2::EventV2;

pub(crate) use self::json_str::JsonStr;
pub(crate) use self::request::{Format, Request};

pub(crate) const NOT_AN_EVENT: &str =
    "event: not an authorizer event, expected `type` \"REQUEST\" or \"TOKEN\"";

/// The fields that identify the format of an event.
#[derive(Deserialize)]
struct EventKind<'e> {
    #[serde(borrow)]
    r#type: Option<JsonStr<'e>>,
    version: Option<JsonStr<'e>>,
}

impl<'e> Request<'e> {
    /// Parses an event. The error says what is wrong with it.
    pub(crate) fn parse(event: &'e str) -> Result<Self, String> {
        // Nearly every event has this format and is therefore read only once.
        let newest = serde_json::from_str::<EventV2<'_>>(event)
            .ok()
            .filter(EventV2::is_v2);
        match newest {
            Some(newest) => newest.request().map_err(missing_field),
            None => Self::parse_by_kind(event),
        }
    }

    fn parse_by_kind(event: &'e str) -> Result<Self, String> {
        let kind: EventKind<'_> =
            serde_json::from_str(event).map_err(|_| NOT_AN_EVENT.to_owned())?;

        let request = match (kind.r#type.as_deref(), kind.version.as_deref()) {
            (Some("REQUEST"), Some("2.0")) => read::<EventV2<'_>>(event)?.request(),
            (Some("REQUEST"), Some("1.0") | None) => read::<EventV1<'_>>(event)?.request(),
            (Some("TOKEN"), None) => read::<EventToken<'_>>(event)?.request(),
            _ => return Err(NOT_AN_EVENT.to_owned()),
        };
        request.map_err(missing_field)
    }
}

fn missing_field(field: &'static str) -> String {
    format!("event: `{field}` is missing or invalid")
}

fn read<'e, E: Deserialize<'e>>(event: &'e str) -> Result<E, String> {
    let mut deserializer = serde_json::Deserializer::from_str(event);
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("event: `{}` has the wrong type", error.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::request::METHODS;
    use serde_json::{Value, json};

    fn event(route_key: &str, parameters: Value) -> Value {
        json!({"version": "2.0", "type": "REQUEST", "routeKey": route_key, "headers": {"X-Api-Key": "k"}, "pathParameters": parameters,
               "requestContext": {"requestId": "r", "http": {"method": "GET", "sourceIp": "192.0.2.1"}}})
    }

    fn raw(event: &Value) -> String {
        event.to_string()
    }

    fn path(route_key: &str, parameters: Value) -> Option<String> {
        Request::parse(&raw(&event(route_key, parameters)))
            .unwrap()
            .path()
            .ok()
    }

    #[test]
    fn path_is_the_route_key_with_its_variables_filled_in() {
        assert_eq!(
            path("ANY /{proxy+}", json!({"proxy": "orders/7"})).as_deref(),
            Some("/orders/7")
        );
        assert_eq!(
            path("ANY /api/{proxy+}", json!({"proxy": "orders"})).as_deref(),
            Some("/api/orders")
        );
        assert_eq!(path("GET /health", Value::Null).as_deref(), Some("/health"));
        assert_eq!(path("ANY /", json!({})).as_deref(), Some("/"));
    }

    #[test]
    fn ambiguous_path_is_rejected() {
        for proxy in [
            "/health", "a//b", "../admin", "a/../b", "a/..", "./a", "a/./b", "a%2fb", "a\\b",
            "a\0b", "a\nb", "a\u{85}b", "",
        ] {
            assert_eq!(
                path("ANY /{proxy+}", json!({"proxy": proxy})),
                None,
                "{proxy:?}"
            );
        }
        assert_eq!(path("ANY /{proxy+}", Value::Null), None);
        assert_eq!(path("GET /{id}", json!({"id": "a/b"})), None);
    }

    /// An event of the route `$default` on the stage `prod`, in format 2.0 and in format 1.0.
    fn default_route_events(path: &str) -> [Value; 2] {
        let sent = format!("/prod{path}");
        let arn = format!("arn:aws:execute-api:eu-central-1:123456789012:abc/prod/GET{path}");
        let mut v2 = event("$default", Value::Null);
        v2["rawPath"] = sent.as_str().into();
        v2["routeArn"] = arn.as_str().into();
        v2["requestContext"]["stage"] = "prod".into();
        let identity = json!({"sourceIp": "192.0.2.1"});
        let v1 = json!({"version": "1.0", "type": "REQUEST", "methodArn": arn, "resource": "$default", "path": sent,
            "httpMethod": "GET", "requestContext": {"stage": "prod", "identity": identity}});
        [v2, v1]
    }

    #[test]
    fn default_route_has_the_path_of_the_request_without_the_stage() {
        for path in ["/orders/7", "/", "/prod", "/prod/x", "/a b"] {
            for event in default_route_events(path) {
                let event = raw(&event);
                assert_eq!(Request::parse(&event).unwrap().path().as_deref(), Ok(path));
            }
        }
    }

    #[test]
    fn ambiguous_path_on_the_default_route_is_rejected() {
        for path in [
            "//health",
            "/a//b",
            "/../admin",
            "/a/../b",
            "/a/..",
            "/./a",
            "/a/./b",
            "/a%2fb",
            "/a\\b",
            "/a\0b",
            "/a\nb",
            "/a\u{85}b",
            "/a;b",
            "/a?b",
            "/a#b",
            "/%61",
        ] {
            for event in default_route_events(path) {
                let event = raw(&event);
                assert!(Request::parse(&event).unwrap().path().is_err(), "{path:?}");
            }
        }
    }

    #[test]
    fn default_route_without_path_stage_or_arn_is_rejected() {
        let [v2, v1] = default_route_events("/orders");
        for (event, pointer) in [
            (&v2, "/rawPath"),
            (&v2, "/routeArn"),
            (&v2, "/requestContext/stage"),
            (&v1, "/path"),
            (&v1, "/requestContext/stage"),
        ] {
            let mut event = event.clone();
            *event.pointer_mut(pointer).unwrap() = Value::Null;
            let event = raw(&event);
            assert!(Request::parse(&event).unwrap().path().is_err(), "{pointer}");
        }
    }

    #[test]
    fn usage_path_on_the_default_route_is_no_usage_query() {
        for event in default_route_events("/_tollgate/usage") {
            let event = raw(&event);
            assert!(!Request::parse(&event).unwrap().is_usage_query());
        }
    }

    #[test]
    fn named_stage_does_not_change_the_path_of_a_route() {
        let mut event = event("ANY /api/{proxy+}", json!({"proxy": "orders"}));
        event["rawPath"] = "/prod/api/orders".into();
        event["requestContext"]["stage"] = "prod".into();
        let event = raw(&event);
        assert_eq!(
            Request::parse(&event).unwrap().path().as_deref(),
            Ok("/api/orders")
        );
    }

    #[test]
    fn only_the_usage_route_is_a_usage_query() {
        let is_query = |route_key: &str, method: &str, parameters: Value| {
            let mut event = event(route_key, parameters);
            event["requestContext"]["http"]["method"] = method.into();
            Request::parse(&raw(&event)).unwrap().is_usage_query()
        };
        assert!(is_query("GET /_tollgate/usage", "GET", Value::Null));
        assert!(is_query("ANY /_tollgate/usage", "GET", Value::Null));
        assert!(!is_query("ANY /_tollgate/usage", "POST", Value::Null));
        assert!(!is_query(
            "ANY /{proxy+}",
            "GET",
            json!({"proxy": "_tollgate/usage"})
        ));
        assert!(!is_query(
            "GET /_tollgate/{name}",
            "GET",
            json!({"name": "usage"})
        ));
        assert!(!is_query("$default", "GET", Value::Null));
    }

    #[test]
    fn fields_may_be_missing_or_null() {
        let bare = json!({"version": "2.0", "type": "REQUEST", "routeKey": "GET /", "headers": null, "requestContext": {"http": {"method": "GET"}}});
        let bare = raw(&bare);
        let request = Request::parse(&bare).unwrap();
        assert_eq!(
            (request.header("x-api-key"), &request.id, request.source),
            (None, &None, None)
        );
    }

    #[test]
    fn header_names_are_case_insensitive() {
        assert_eq!(
            Request::parse(&raw(&event("GET /", Value::Null)))
                .unwrap()
                .header("x-api-key"),
            Some("k")
        );
    }

    #[test]
    fn header_that_resembles_a_backend_header_is_detected() {
        let claims = |name: &str| {
            let mut event = event("GET /", Value::Null);
            event["headers"] = json!({name: "mallory"});
            Request::parse(&raw(&event)).unwrap().impersonates()
        };
        for name in [
            "x_tollgate_user_id",
            "X-Tollgate_Plan",
            "x.tollgate.auth",
            "x-tollgate-tenant",
            "X-Tollgate-User",
            "x-tollgate-",
            "x-tollgate_",
            "x-tollgate-user-id-2",
            "x\u{2011}tollgate-role",
        ] {
            assert!(claims(name), "{name}");
        }
        for name in [
            "x-tollgate-user-id",
            "X-Tollgate-Plan",
            "x_request_id",
            "x-tollgate",
            "tollgate-user",
            "x-toll-x",
        ] {
            assert!(!claims(name), "{name}");
        }
    }

    #[test]
    fn only_usual_methods_in_upper_case_are_accepted() {
        let usual = |method: &str| {
            let mut event = event("ANY /", Value::Null);
            event["requestContext"]["http"]["method"] = method.into();
            Request::parse(&raw(&event)).unwrap().has_usual_method()
        };
        for method in METHODS {
            assert!(usual(method) && !usual(&method.to_lowercase()), "{method}");
        }
        for method in [
            "Delete", "PROPFIND", "TRACE", "CONNECT", "QUERY", "GET ", "", "ANY",
        ] {
            assert!(!usual(method), "{method}");
        }
    }

    #[test]
    fn reason_of_a_rejected_path_does_not_contain_the_path() {
        let problem = |proxy: &str| {
            Request::parse(&raw(&event("ANY /{proxy+}", json!({"proxy": proxy}))))
                .unwrap()
                .path()
                .unwrap_err()
        };
        assert_eq!(problem("secret/../a"), "the path contains `..`");
        assert_eq!(problem("secret;a"), "the path contains `;`");
        assert_eq!(
            problem(""),
            "a variable of the route key has no usable value"
        );
    }

    #[test]
    fn error_names_the_field_of_an_invalid_event_without_its_value() {
        for (event, expected) in [
            (json!({}), "event: not an authorizer event"),
            (
                json!({"version": "3.0", "type": "REQUEST"}),
                "event: not an authorizer event",
            ),
            (json!("secret"), "event: not an authorizer event"),
            (
                json!({"version": "1.0", "type": "REQUEST"}),
                "event: `requestContext` is missing",
            ),
            (
                json!({"type": "TOKEN", "authorizationToken": "secret"}),
                "event: `methodArn` is missing",
            ),
            (
                json!({"type": "TOKEN", "methodArn": "secret"}),
                "event: `methodArn` is missing or invalid",
            ),
            (
                json!({"version": "2.0", "type": "REQUEST", "headers": {"x-api-key": ["secret"]}}),
                "event: `headers.x-api-key` has the wrong type",
            ),
            (
                json!({"version": "2.0", "type": "REQUEST", "routeKey": "GET /"}),
                "event: `requestContext` is missing",
            ),
        ] {
            let error = Request::parse(&raw(&event)).unwrap_err();
            assert!(
                error.starts_with(expected) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
