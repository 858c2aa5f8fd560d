//! A service that parts call: its URL, and its name in logs and metrics.

use std::borrow::Cow;
use std::sync::Arc;

use aws::{CallError, Cause, HttpCall, Replay};
use composition::{Missing, Part, PartMethod};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};

use crate::destination::{Destination, Destinations};
use crate::part_call::PartCall;

/// A service that parts call.
#[derive(Debug)]
pub(crate) struct Service {
    /// The name in call records, logs and metrics: `service:` and the name in the document. No
    /// service of AWS has such a name.
    name: Cow<'static, str>,
    url: Uri,
    max_concurrent_calls: usize,
    has_proof_of_origin: bool,
    destinations: Destinations,
}

impl Service {
    /// Returns a service with closed breakers.
    pub(crate) fn new(service: &composition::Service) -> Self {
        let name = name(service);
        Self {
            url: service.url.clone(),
            max_concurrent_calls: service.max_concurrent_calls,
            has_proof_of_origin: service.has_proof_of_origin,
            destinations: Destinations::new(service, &name),
            name: name.into(),
        }
    }

    /// True if the document describes this service and has not changed.
    pub(crate) fn is(&self, service: &composition::Service) -> bool {
        self.name == name(service)
            && self.url == service.url
            && self.max_concurrent_calls == service.max_concurrent_calls
            && self.has_proof_of_origin == service.has_proof_of_origin
    }

    /// True if the service receives the secret that proves the origin of calls.
    pub(crate) const fn has_proof_of_origin(&self) -> bool {
        self.has_proof_of_origin
    }

    /// Returns the call of a part, or `None` if its path cannot be part of a URL.
    pub(crate) fn http_call(&self, call: PartCall<'_>) -> Option<HttpCall> {
        let (method, operation, replay) = match call.part.method {
            PartMethod::Get => (Method::GET, "GET", Replay::UntilDeadline),
            PartMethod::Post => (Method::POST, "POST", Replay::Never),
        };

        let mut request = Request::new(call.body);
        *request.method_mut() = method;
        *request.uri_mut() = self.address(call.path_and_query)?;
        *request.headers_mut() = call.headers;
        Some(HttpCall {
            service: self.name.clone(),
            operation,
            request,
            replay,
        })
    }

    /// Returns the URL of a path of the service. Scheme, host and port are always the configured ones.
    fn address(&self, path_and_query: String) -> Option<Uri> {
        if !path_and_query.starts_with('/') {
            return None;
        }

        let base = self.url.path().trim_end_matches('/');
        let path = if base.is_empty() {
            PathAndQuery::try_from(path_and_query)
        } else {
            PathAndQuery::try_from(format!("{base}{path_and_query}"))
        };

        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(path.ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Returns the destination of a part, with its circuit breaker and limit.
    pub(crate) fn destination(&self, part: &Part) -> Arc<Destination> {
        self.destinations.of(part)
    }

    /// Logs the failure of a call, and returns what clients see of it.
    pub(crate) fn missing(&self, error: &CallError) -> Missing {
        tracing::warn!(
            service = &*self.name,
            cause = error.cause(),
            %error,
            "call of a service failed"
        );

        match error {
            CallError::TimedOut { .. } | CallError::NoTimeLeft { .. } => Missing::Timeout,
            CallError::BodyTooLarge { .. } => Missing::TooLarge,
            CallError::BreakerOpen { .. } => Missing::CircuitOpen,
            CallError::Transport {
                cause: Cause::InvalidResponse,
                ..
            } => Missing::InvalidResponse,
            _ => Missing::Unreachable,
        }
    }
}

fn name(service: &composition::Service) -> String {
    format!("service:{}", service.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(url: &str) -> Service {
        Service::new(&composition::Service {
            name: "users".to_owned(),
            url: url.parse().unwrap(),
            max_concurrent_calls: 1,
            has_proof_of_origin: false,
        })
    }

    fn address(url: &str, path_and_query: &str) -> Option<String> {
        let address = service(url).address(path_and_query.to_owned())?;
        Some(address.to_string())
    }

    #[test]
    fn path_follows_the_path_of_the_service() {
        for (url, expected) in [
            ("http://users.example", "http://users.example/a?b=c"),
            ("http://users.example/", "http://users.example/a?b=c"),
            (
                "https://users.example:8443/v1",
                "https://users.example:8443/v1/a?b=c",
            ),
            ("http://[fd12::1]/v1/", "http://[fd12::1]/v1/a?b=c"),
        ] {
            assert_eq!(address(url, "/a?b=c").as_deref(), Some(expected));
        }
    }

    #[test]
    fn path_never_changes_the_host() {
        for path in [
            "",
            "a",
            "@evil.example/",
            ".evil.example/",
            ":81/",
            "http://evil.example/",
            "?a",
        ] {
            assert_eq!(address("http://users.example", path), None, "{path}");
        }
        for path in [
            "//evil.example/a",
            "/@evil.example",
            "/\\evil.example",
            "/:81",
        ] {
            let address = service("http://users.example").address(path.to_owned());
            let host = address
                .as_ref()
                .map(|address| address.authority().unwrap().as_str());
            assert!(matches!(host, None | Some("users.example")), "{path}");
        }
        for path in ["/a b", "/a\r\nhost: evil.example", "/\0"] {
            assert_eq!(address("http://users.example", path), None, "{path:?}");
        }
    }

    #[test]
    fn service_is_another_one_if_any_of_its_settings_changes() {
        let described = |name: &str, url: &str, max_concurrent_calls| composition::Service {
            name: name.to_owned(),
            url: url.parse().unwrap(),
            max_concurrent_calls,
            has_proof_of_origin: false,
        };
        let trusted = composition::Service {
            has_proof_of_origin: true,
            ..described("users", "http://users.example", 1)
        };
        let service = service("http://users.example");
        assert!(service.is(&described("users", "http://users.example", 1)));
        for other in [
            described("orders", "http://users.example", 1),
            described("users", "http://users.example:81", 1),
            described("users", "https://users.example", 1),
            described("users", "http://users.example", 2),
            trusted,
        ] {
            assert!(!service.is(&other), "{other:?}");
        }
    }
}
