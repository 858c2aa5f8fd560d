//! Cross-origin resource sharing, configured in the API instead of the backend.
//!
//! Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use sam_template::{Fields, Node, TemplateError};

/// The longest `MaxAge` that API Gateway accepts, in seconds.
const MAX_AGE_S: i64 = 86_400;

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
        let max_age = fields.number_if("MaxAge", |age: &i64| (-1..=MAX_AGE_S).contains(age))?;
        let credentials = fields
            .text("AllowCredentials")?
            .is_some_and(|(text, _)| text == "true");
        fields.finish()?;

        let refuse = |problem: String| Err(TemplateError::at(position, problem));
        if let Some(origin) = origins.iter().find(|origin| !is_origin(origin)) {
            return refuse(format!(
                "`{origin}` is not an origin, expected one like https://app.example.com"
            ));
        }
        if credentials && origins.iter().any(|origin| origin == "*") {
            return refuse("`AllowCredentials` is not allowed with the origin `*`".to_owned());
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

    /// Returns the headers of the response to a preflight request, or `None` if the request is not a
    /// preflight. There are no headers for an origin that is not allowed.
    #[must_use]
    pub fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HeaderMap> {
        let origin = request.get(ORIGIN).filter(|_| *method == Method::OPTIONS)?;
        request.get(ACCESS_CONTROL_REQUEST_METHOD)?;

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

    /// Replaces the CORS headers of an integration's response by those of the API.
    pub fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let existing: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"))
            .cloned()
            .collect();
        for name in existing {
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

    /// Adds the headers for an allowed origin. False if the origin is not allowed.
    fn admit(&self, origin: &HeaderValue, headers: &mut HeaderMap) -> bool {
        let text = origin.to_str().unwrap_or_default();
        let Some(allowed) = self
            .origins
            .iter()
            .find(|allowed| is_allowed(allowed, text))
        else {
            return false;
        };

        let value = if allowed == "*" {
            HeaderValue::from_static("*")
        } else {
            origin.clone()
        };

        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
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

/// True for `SCHEME://HOST` or `SCHEME://HOST:PORT`, in which the host may be `*`, and for `*`.
fn is_origin(origin: &str) -> bool {
    let rest = origin
        .split_once("://")
        .map(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'));
    origin == "*" || rest == Some(true)
}

fn is_allowed(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(start) => origin.starts_with(start),
        None => allowed.eq_ignore_ascii_case(origin),
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
    fn preflight_of_an_allowed_origin_gets_headers() {
        let cors = read(
            "{AllowOrigins: ['https://app.example.com'], AllowMethods: [GET, POST], AllowHeaders: ['*', a], MaxAge: 60}",
        );
        let cors = cors.unwrap();
        let expected = [
            ("access-control-allow-origin", "https://app.example.com"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "*,a"),
            ("access-control-max-age", "60"),
        ];
        assert_eq!(
            cors.preflight(&Method::OPTIONS, &map(&[APP, POST])),
            Some(map(&expected))
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
    fn other_requests_are_not_preflights() {
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
    fn cors_headers_of_the_backend_are_replaced() {
        let cors = read(
            "{AllowOrigins: ['https://*'], ExposeHeaders: [retry-after], AllowCredentials: true}",
        )
        .unwrap();
        let applied = |origin: Option<&'static str>| {
            let mut headers = map(&[
                ("access-control-allow-origin", "*"),
                ("access-control-max-age", "9"),
                ("x-a", "1"),
            ]);
            cors.apply(origin.map(HeaderValue::from_static).as_ref(), &mut headers);
            headers
        };
        let expected = [
            ("access-control-allow-origin", "https://any.example"),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", "retry-after"),
            ("x-a", "1"),
        ];
        assert_eq!(applied(Some("https://any.example")), map(&expected));
        assert_eq!(applied(Some("http://any.example")), map(&[("x-a", "1")]));
        assert_eq!(applied(None), map(&[("x-a", "1")]));
    }

    #[test]
    fn invalid_configurations_are_refused() {
        for (yaml, problem) in [
            ("{AllowOrigins: [app.example.com]}", "is not an origin"),
            (
                "{AllowOrigins: ['https://app.example.com/']}",
                "is not an origin",
            ),
            (
                "{AllowOrigins: ['*'], AllowCredentials: true}",
                "is not allowed with",
            ),
            ("{MaxAge: 86401}", "`MaxAge` is `86401`"),
            ("{AllowOrigin: ['*']}", "`AllowOrigin` of CorsConfiguration"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(problem), "{yaml}: {error}");
        }
    }
}
