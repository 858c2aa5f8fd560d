//! Cross-origin resource sharing, where the API answers for it instead of the backend.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::template::{Fields, Node, TemplateError};

/// The longest that API Gateway lets a browser remember an answer, in seconds.
const LONGEST: i64 = 86_400;

/// An API's CORS configuration.
#[derive(Debug)]
pub struct Cors {
    origins: Vec<String>,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: bool,
}

impl Cors {
    pub(super) fn read(node: Node) -> Result<Self, TemplateError> {
        let position = node.position;
        let mut fields = Fields::of(node, "CorsConfiguration")?;
        let (origins, methods) = (
            texts(&mut fields, "AllowOrigins")?,
            texts(&mut fields, "AllowMethods")?,
        );
        let (headers, exposed) = (
            texts(&mut fields, "AllowHeaders")?,
            texts(&mut fields, "ExposeHeaders")?,
        );
        let max_age = fields.number_if("MaxAge", |age: &i64| (-1..=LONGEST).contains(age))?;
        let credentials = fields
            .text("AllowCredentials")?
            .is_some_and(|(text, _)| text == "true");
        fields.finish()?;
        let refuse = |problem: String| Err(TemplateError::at(position, problem));
        if let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) {
            return refuse(format!(
                "`{origin}` is no origin: https://app.example.com is one"
            ));
        }
        if credentials && origins.iter().any(|origin| origin == "*") {
            return refuse(
                "`AllowCredentials` and the origin `*` contradict each other".to_owned(),
            );
        }
        let (methods, headers, exposed) = (joined(&methods), joined(&headers), joined(&exposed));
        Ok(Self {
            origins,
            methods,
            headers,
            exposed,
            max_age: max_age.map(HeaderValue::from),
            credentials,
        })
    }

    /// The headers of the answer to a preflight; `None` for a request that is none. To a page of
    /// another origin than those that may call, the answer says nothing.
    #[must_use]
    pub fn preflight(&self, method: &Method, asked: &HeaderMap) -> Option<HeaderMap> {
        let origin = asked.get(ORIGIN).filter(|_| *method == Method::OPTIONS)?;
        asked.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut headers = HeaderMap::new();
        if self.admit(origin, &mut headers) {
            put(
                &mut headers,
                ACCESS_CONTROL_ALLOW_METHODS,
                self.methods.as_ref(),
            );
            put(
                &mut headers,
                ACCESS_CONTROL_ALLOW_HEADERS,
                self.headers.as_ref(),
            );
            put(&mut headers, ACCESS_CONTROL_MAX_AGE, self.max_age.as_ref());
        }
        Some(headers)
    }

    /// Puts what it says into an integration's answer, in the place of whatever the integration
    /// says itself.
    pub fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let foreign: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"))
            .cloned()
            .collect();
        for name in foreign {
            headers.remove(name);
        }
        if origin.is_some_and(|origin| self.admit(origin, headers)) {
            put(
                headers,
                ACCESS_CONTROL_EXPOSE_HEADERS,
                self.exposed.as_ref(),
            );
        }
    }

    fn admit(&self, origin: &HeaderValue, headers: &mut HeaderMap) -> bool {
        let asked = origin.to_str().unwrap_or_default();
        let Some(allowed) = self.origins.iter().find(|allowed| admits(allowed, asked)) else {
            return false;
        };
        let told = if allowed == "*" {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, told);
        if self.credentials {
            headers.insert(
                ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        true
    }
}

fn texts(fields: &mut Fields, name: &str) -> Result<Vec<String>, TemplateError> {
    let items = fields
        .take(name)
        .map_or_else(|| Ok(Vec::new()), |node| node.into_list(name))?;
    items
        .into_iter()
        .map(|item| item.into_text(name).map(|(text, _)| text))
        .collect()
}

fn joined(texts: &[String]) -> Option<HeaderValue> {
    HeaderValue::from_str(&texts.join(","))
        .ok()
        .filter(|value| !value.is_empty())
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<&HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value.clone());
    }
}

/// A scheme and a host with a port or without, or an asterisk in the place of either all or the
/// host.
fn is_origin(origin: &str) -> bool {
    let rest = origin
        .split_once("://")
        .map(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    origin == "*" || rest == Some(true)
}

fn admits(allowed: &str, asked: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => asked.starts_with(start),
        None => allowed.eq_ignore_ascii_case(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Cors, String> {
        Cors::read(Node::parse(yaml).unwrap()).map_err(|error| error.problem)
    }

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    const APP: (&str, &str) = ("origin", "https://app.example.com");
    const POST: (&str, &str) = ("access-control-request-method", "POST");

    #[test]
    fn a_preflight_is_answered_for_the_origins_that_may_call() {
        let cors = read(
            "{AllowOrigins: ['https://app.example.com'], AllowMethods: [GET, POST], AllowHeaders: ['*', a], MaxAge: 60}",
        );
        let cors = cors.unwrap();
        let told = [
            ("access-control-allow-origin", "https://app.example.com"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "*,a"),
            ("access-control-max-age", "60"),
        ];
        assert_eq!(
            cors.preflight(&Method::OPTIONS, &map(&[APP, POST])),
            Some(map(&told))
        );
        for origin in [
            "https://other.example.com",
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "null",
        ] {
            assert_eq!(
                cors.preflight(&Method::OPTIONS, &map(&[("origin", origin), POST])),
                Some(HeaderMap::new())
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_preflight_is_none() {
        let cors = read("{AllowOrigins: ['*']}").unwrap();
        for (method, headers) in [
            (Method::OPTIONS, map(&[APP])),
            (Method::OPTIONS, map(&[POST])),
            (Method::GET, map(&[APP, POST])),
        ] {
            assert_eq!(
                cors.preflight(&method, &headers),
                None,
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn an_answer_says_what_the_api_says_and_not_what_the_backend_does() {
        let cors = read(
            "{AllowOrigins: ['https://*'], ExposeHeaders: [retry-after], AllowCredentials: true}",
        )
        .unwrap();
        let answered = |origin: Option<&'static str>| {
            let mut headers = map(&[
                ("access-control-allow-origin", "*"),
                ("access-control-max-age", "9"),
                ("x-a", "1"),
            ]);
            cors.apply(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
            headers
        };
        let told = [
            ("access-control-allow-origin", "https://any.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "retry-after"),
            ("x-a", "1"),
        ];
        assert_eq!(answered(Some("https://any.example")), map(&told));
        assert_eq!(answered(Some("http://any.example")), map(&[("x-a", "1")]));
        assert_eq!(answered(None), map(&[("x-a", "1")]));
    }

    #[test]
    fn what_api_gateway_would_not_take_is_refused() {
        for (yaml, problem) in [
            ("{AllowOrigins: [app.example.com]}", "is no origin"),
            (
                "{AllowOrigins: ['https://app.example.com/']}",
                "is no origin",
            ),
            (
                "{AllowOrigins: ['*'], AllowCredentials: true}",
                "contradict",
            ),
            ("{MaxAge: 86401}", "`MaxAge` is `86401`"),
            ("{AllowOrigin: ['*']}", "`AllowOrigin` of CorsConfiguration"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(problem), "{yaml}: {error}");
        }
    }
}
