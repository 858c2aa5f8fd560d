//! The fields that the events for authorizers and for integrations have in common.
//!
//! They are written directly as JSON. A tree of values in between would take as long as the JSON
//! itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::api::{self, Exchange};
use crate::server::integration_request::IntegrationRequest;

/// The fields that both events have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommonFields<'e> {
    version: &'static str,
    route_key: &'e str,
    raw_path: &'e str,
    raw_query_string: &'e str,
    headers: Headers<'e>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "PathParameters::is_empty")]
    path_parameters: PathParameters<'e>,
    request_context: RequestContext<'e>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'e> {
    account_id: &'static str,
    api_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<AuthorizerContext<'e>>,
    domain_name: &'e str,
    domain_prefix: &'e str,
    http: Http<'e>,
    request_id: &'e str,
    route_key: &'e str,
    stage: &'static str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'e> {
    method: &'e str,
    path: &'e str,
    protocol: &'static str,
    source_ip: IpAddr,
    user_agent: &'e str,
}

/// The result of a route's authorization.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum AuthorizerContext<'e> {
    Iam(Value),
    Lambda(&'e api::AuthorizerContext),
}

impl<'e> CommonFields<'e> {
    /// Describes a request. `authorizer` is what its authorizer has returned.
    pub(super) fn new(
        exchange: &'e Exchange,
        request: &'e IntegrationRequest<'_>,
        authorizer: Option<AuthorizerContext<'e>>,
    ) -> Self {
        let parts = &request.parts;
        Self {
            version: "2.0",
            route_key: exchange.route_key.as_deref().unwrap_or_default(),
            raw_path: &parts.path,
            raw_query_string: &request.raw_query,
            headers: Headers(&parts.headers),
            cookies: cookies(&parts.headers),
            query_string_parameters: query(&parts.query),
            path_parameters: PathParameters(request.parameters),
            request_context: RequestContext::new(exchange, authorizer),
        }
    }
}

impl<'e> RequestContext<'e> {
    fn new(exchange: &'e Exchange, authorizer: Option<AuthorizerContext<'e>>) -> Self {
        Self {
            account_id: "123456789012",
            api_id: "local",
            authorizer,
            domain_name: &exchange.domain,
            domain_prefix: exchange.domain.split('.').next().unwrap_or_default(),
            http: Http {
                method: &exchange.method,
                path: &exchange.path,
                protocol: exchange.protocol,
                source_ip: exchange.source,
                user_agent: &exchange.user_agent,
            },
            request_id: &exchange.request_id,
            route_key: exchange.route_key.as_deref().unwrap_or_default(),
            stage: "$default",
            time: exchange.request_time(),
            time_epoch: exchange.received.as_millisecond(),
        }
    }
}

/// Headers by name in lower case. Values of the same name are joined with a comma. Cookies are
/// excluded.
struct Headers<'e>(&'e HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.keys().filter(|name| *name != COOKIE);
        serializer.collect_map(names.map(|name| (name.as_str(), joined(self.0, name))))
    }
}

fn joined<'e>(headers: &'e HeaderMap, name: &HeaderName) -> Cow<'e, str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map_or(Cow::Borrowed(""), text);

    values.map(text).fold(first, |joined, value| {
        let mut joined = joined.into_owned();
        joined.push(',');
        joined.push_str(&value);
        Cow::Owned(joined)
    })
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().map(text);
    values
        .flat_map(|value| value.split("; ").map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn query(pairs: &[(String, Option<String>)]) -> BTreeMap<String, String> {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };

    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        let value = value.as_deref().map(decode).unwrap_or_default();
        joined
            .entry(decode(name))
            .and_modify(|before| *before = format!("{before},{value}"))
            .or_insert(value);
    }
    joined
}

/// The names and values of path parameters.
struct PathParameters<'e>(&'e [(&'e str, &'e str)]);

impl PathParameters<'_> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for PathParameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
