//! What an authorizer is asked, in each form that API Gateway asks it in.
//!
//! Members may be missing or null. An error names the member and never its value.

use std::borrow::Cow;
use std::net::IpAddr;

use calls::RequestScope;
use routes::RouteKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use usage::USAGE_PATH;

use crate::backend_headers::BACKEND_HEADERS;
use crate::certificate::Certificate;
use crate::event_token::EventToken;
use crate::event_v1::EventV1;
use crate::event_v2::EventV2;
use crate::text::{Headers, Members, Text};

/// Backends trust every header with this prefix.
const PREFIX: &str = "x-tollgate-";
/// The methods that rules can name. Some backends convert another spelling, such as `delete`, to upper case.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What the authorizer looks at.
#[derive(Debug)]
pub(crate) struct Request<'e> {
    pub(crate) id: Option<Text<'e>>,
    pub(crate) method: Text<'e>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) certificate: Option<Certificate<'e>>,
    /// How it is to be answered.
    pub(crate) format: Format<'e>,
    pub(crate) path: Path<'e>,
    pub(crate) headers: Headers<'e>,
}

/// How API Gateway takes the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format<'e> {
    /// `isAuthorized`: an HTTP API, format 2.0.
    #[default]
    Simple,
    /// An IAM policy on this method: format 1.0, and REST APIs.
    Policy { method_arn: Text<'e> },
}

/// Where the path stands.
#[derive(Debug)]
pub(crate) enum Path<'e> {
    Route { key: Cow<'e, str>, parameters: Members<'e, Text<'e>> },
    Plain(String),
}

/// What tells the events apart.
#[derive(Deserialize)]
struct Kind<'e> {
    #[serde(borrow)]
    r#type: Option<Text<'e>>,
    version: Option<Text<'e>>,
}

impl<'e> Request<'e> {
    /// The error names what is wrong with the event.
    pub(crate) fn parse(event: &'e RawValue) -> Result<Self, String> {
        // Nearly always it is this one, and read once.
        let newest = serde_json::from_str::<EventV2<'_>>(event.get()).ok().filter(EventV2::says_so);
        let request = match newest {
            Some(newest) => newest.request(),
            None => Self::of_kind(event)?,
        };
        request.map_err(|member| format!("event: `{member}` is missing, or is none"))
    }

    fn of_kind(event: &'e RawValue) -> Result<Result<Self, &'static str>, String> {
        let unknown = || "event: not one of an authorizer (`type` \"REQUEST\" or \"TOKEN\")".to_owned();
        let kind: Kind<'_> = serde_json::from_str(event.get()).map_err(|_| unknown())?;
        match (kind.r#type.as_deref(), kind.version.as_deref()) {
            (Some("REQUEST"), Some("2.0")) => Ok(read::<EventV2<'_>>(event)?.request()),
            (Some("REQUEST"), Some("1.0") | None) => Ok(read::<EventV1<'_>>(event)?.request()),
            (Some("TOKEN"), None) => Ok(read::<EventToken<'_>>(event)?.request()),
            _ => Err(unknown()),
        }
    }

    /// The ids that its log lines and call records have.
    pub(crate) fn scope(&self) -> RequestScope {
        RequestScope::from_headers(|name| self.header(name), self.id.as_deref())
    }

    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// True if a header reads like one that backends trust, but has a name that request mapping does not overwrite:
    /// any other name with our prefix, with any punctuation for `-`, such as `x-tollgate-tenant` or
    /// `x_tollgate_user_id`.
    pub(crate) fn impersonates(&self) -> bool {
        self.headers.names().any(|name| reads_like_ours(name) && !BACKEND_HEADERS.contains(&name))
    }

    /// True if the method is one that rules can name, in upper case.
    pub(crate) fn has_usual_method(&self) -> bool {
        METHODS.contains(&&*self.method)
    }

    /// Whether it is a browser's question before the request itself, which never has credentials (Fetch
    /// standard, section "CORS-preflight fetch"). The backend answers it, and does nothing else.
    pub(crate) fn is_preflight(&self, key_header: &str) -> bool {
        let asks = ["origin", "access-control-request-method"].iter().all(|name| self.headers.get(name).is_some());
        let anonymous = !["authorization", key_header].iter().any(|name| self.headers.get(name).is_some());
        *self.method == *"OPTIONS" && asks && anonymous
    }

    /// True for a caller's question about its own usage, which the limiter answers. The route counts, not the path: a
    /// path that another route takes may reach a backend.
    pub(crate) fn is_usage_query(&self) -> bool {
        let path = match &self.path {
            Path::Plain(path) => path.as_str(),
            Path::Route { key, .. } => key.split_once(' ').map_or("", |(_, path)| path),
        };
        *self.method == *"GET" && path == USAGE_PATH
    }

    /// The path that rules are matched by: the route key's, with its variables filled in. The error says why there is
    /// none, or why a backend might read it as another path.
    pub(crate) fn path(&self) -> Result<String, &'static str> {
        let path = match &self.path {
            Path::Plain(path) => path.clone(),
            Path::Route { key, parameters } => {
                let key = RouteKey::parse_stored(key).map_err(|_| "the route key of the API has no path")?;
                key.fill(|name| parameters.get(name)).ok_or("a variable of the route key has no usable value")?
            }
        };
        match misreading(&path) {
            Some(problem) => Err(problem),
            None => Ok(path),
        }
    }
}

fn read<'e, E: Deserialize<'e>>(event: &'e RawValue) -> Result<E, String> {
    let mut deserializer = serde_json::Deserializer::from_str(event.get());
    serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| format!("event: `{}` is not of its type", error.path()))
}

/// True if only punctuation tells the beginning of a name from our prefix.
fn reads_like_ours(name: &str) -> bool {
    let alike = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let mut letters = name.chars().map(alike);
    PREFIX.chars().all(|letter| letters.next() == Some(letter))
}

/// What a backend may resolve, merge, decode or cut into another path than the one the rules were asked about.
fn misreading(path: &str) -> Option<&'static str> {
    const MISREAD: [(&str, &str); 7] = [
        ("..", "the path contains `..`"),
        ("//", "the path contains an empty segment"),
        ("%", "the path contains `%` after decoding"),
        ("\\", "the path contains a backslash"),
        (";", "the path contains `;`"),
        ("?", "the path contains `?` after decoding"),
        ("#", "the path contains `#` after decoding"),
    ];
    if let Some((_, problem)) = MISREAD.iter().find(|(text, _)| path.contains(text)) {
        return Some(problem);
    }
    if path.split('/').any(|segment| segment == ".") {
        return Some("the path contains the segment `.`");
    }
    path.chars().any(char::is_control).then_some("the path contains a control character")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(route_key: &str, parameters: Value) -> Value {
        json!({"version": "2.0", "type": "REQUEST", "routeKey": route_key, "headers": {"X-Api-Key": "k"}, "pathParameters": parameters,
               "requestContext": {"requestId": "r", "http": {"method": "GET", "sourceIp": "192.0.2.1"}}})
    }

    fn raw(event: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(event).unwrap()
    }

    fn path(route_key: &str, parameters: Value) -> Option<String> {
        Request::parse(&raw(&event(route_key, parameters))).unwrap().path().ok()
    }

    #[test]
    fn the_path_is_the_route_keys_with_its_variables_filled_in() {
        assert_eq!(path("ANY /{proxy+}", json!({"proxy": "orders/7"})).as_deref(), Some("/orders/7"));
        assert_eq!(path("ANY /api/{proxy+}", json!({"proxy": "orders"})).as_deref(), Some("/api/orders"));
        assert_eq!(path("GET /health", Value::Null).as_deref(), Some("/health"));
        assert_eq!(path("ANY /", json!({})).as_deref(), Some("/"));
    }

    #[test]
    fn a_path_that_does_not_mean_what_it_says_is_none() {
        for proxy in [
            "/health", "a//b", "../admin", "a/../b", "a/..", "./a", "a/./b", "a%2fb", "a\\b", "a\0b", "a\nb",
            "a\u{85}b", "",
        ] {
            assert_eq!(path("ANY /{proxy+}", json!({"proxy": proxy})), None, "{proxy:?}");
        }
        assert_eq!(path("ANY /{proxy+}", Value::Null), None);
        assert_eq!(path("GET /{id}", json!({"id": "a/b"})), None);
        assert_eq!(path("$default", Value::Null), None);
    }

    #[test]
    fn only_the_route_of_usage_queries_is_one() {
        let is_query = |route_key: &str, method: &str, parameters: Value| {
            let mut event = event(route_key, parameters);
            event["requestContext"]["http"]["method"] = method.into();
            Request::parse(&raw(&event)).unwrap().is_usage_query()
        };
        assert!(is_query("GET /_tollgate/usage", "GET", Value::Null));
        assert!(is_query("ANY /_tollgate/usage", "GET", Value::Null));
        assert!(!is_query("ANY /_tollgate/usage", "POST", Value::Null));
        assert!(!is_query("ANY /{proxy+}", "GET", json!({"proxy": "_tollgate/usage"})));
        assert!(!is_query("GET /_tollgate/{name}", "GET", json!({"name": "usage"})));
        assert!(!is_query("$default", "GET", Value::Null));
    }

    #[test]
    fn members_may_be_missing_or_null() {
        let bare = json!({"version": "2.0", "type": "REQUEST", "routeKey": "GET /", "headers": null, "requestContext": {"http": {"method": "GET"}}});
        let bare = raw(&bare);
        let request = Request::parse(&bare).unwrap();
        assert_eq!((request.header("x-api-key"), &request.id, request.source), (None, &None, None));
    }

    #[test]
    fn header_names_are_told_apart_by_letter_only() {
        assert_eq!(Request::parse(&raw(&event("GET /", Value::Null))).unwrap().header("x-api-key"), Some("k"));
    }

    #[test]
    fn a_header_that_some_backends_read_as_one_of_ours_is_seen_through() {
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
        for name in ["x-tollgate-user-id", "X-Tollgate-Plan", "x_request_id", "x-tollgate", "tollgate-user", "x-toll-x"]
        {
            assert!(!claims(name), "{name}");
        }
    }

    #[test]
    fn only_the_usual_methods_in_upper_case_are_accepted() {
        let usual = |method: &str| {
            let mut event = event("ANY /", Value::Null);
            event["requestContext"]["http"]["method"] = method.into();
            Request::parse(&raw(&event)).unwrap().has_usual_method()
        };
        for method in METHODS {
            assert!(usual(method) && !usual(&method.to_lowercase()), "{method}");
        }
        for method in ["Delete", "PROPFIND", "TRACE", "CONNECT", "QUERY", "GET ", "", "ANY"] {
            assert!(!usual(method), "{method}");
        }
    }

    #[test]
    fn a_path_that_is_refused_has_a_reason_without_the_path() {
        let problem = |proxy: &str| {
            Request::parse(&raw(&event("ANY /{proxy+}", json!({"proxy": proxy})))).unwrap().path().unwrap_err()
        };
        assert_eq!(problem("secret/../a"), "the path contains `..`");
        assert_eq!(problem("secret;a"), "the path contains `;`");
        assert_eq!(problem(""), "a variable of the route key has no usable value");
    }

    #[test]
    fn an_event_of_another_shape_is_named_without_its_values() {
        for (event, expected) in [
            (json!({}), "event: not one of an authorizer"),
            (json!({"version": "3.0", "type": "REQUEST"}), "event: not one of an authorizer"),
            (json!("secret"), "event: not one of an authorizer"),
            (json!({"version": "1.0", "type": "REQUEST"}), "event: `requestContext` is missing"),
            (json!({"type": "TOKEN", "authorizationToken": "secret"}), "event: `methodArn` is missing"),
            (json!({"type": "TOKEN", "methodArn": "secret"}), "event: `methodArn` is missing, or is none"),
            (
                json!({"version": "2.0", "type": "REQUEST", "headers": {"x-api-key": ["secret"]}}),
                "event: `headers.x-api-key` is not of its type",
            ),
            (json!({"version": "2.0", "type": "REQUEST", "routeKey": "GET /"}), "event: `requestContext` is missing"),
        ] {
            let error = Request::parse(&raw(&event)).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("secret"), "{error}");
        }
    }
}
