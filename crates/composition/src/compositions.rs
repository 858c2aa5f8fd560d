//! All compositions of a document, checked.

use std::collections::BTreeMap;

use http::Uri;
use routes::{Match, RouteTable};

use crate::check::check;
use crate::document::read;
use crate::error::{CompositionError, CompositionWarning};
use crate::model::{Route, Service};

/// The settings that a document is checked against.
#[derive(Clone, Debug)]
pub struct Settings<'s> {
    /// The path that all routes are below, such as `/bff`. If it is empty, they may have any first
    /// segment: the prefix of the stack is not known.
    pub prefix: &'s str,
    /// The header that carries API keys.
    pub key_header: &'s str,
    /// The URL of the service `default`, if the document does not have it.
    pub default_url: Option<Uri>,
    /// The URLs that replace all URLs of the document. Used by the local gateway.
    pub replaced: Option<ReplacedUrls>,
    /// True in AWS, where a loopback address is an error.
    pub is_deployed: bool,
}

/// The URLs of services on a developer's machine.
#[derive(Clone, Debug)]
pub struct ReplacedUrls {
    /// The URL of every service that `named` lacks.
    pub default: Uri,
    /// The URLs by the name of the service.
    pub named: BTreeMap<String, Uri>,
}

/// All compositions of a document.
#[derive(Debug)]
pub struct Compositions {
    pub(crate) services: Vec<Service>,
    pub(crate) routes: RouteTable<Route>,
    pub(crate) warnings: Vec<CompositionWarning>,
}

impl Compositions {
    /// Reads a document.
    ///
    /// # Errors
    /// [`CompositionError`], which names the invalid field and what was expected.
    pub fn parse(text: &str, settings: &Settings<'_>) -> Result<Self, CompositionError> {
        check(read(text)?, settings)
    }

    /// Returns the route for a request. `HEAD` finds the route of `GET`.
    #[must_use]
    pub fn find<'c, 'p>(&'c self, method: &str, path: &'p str) -> Option<Match<'c, 'p, Route>> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.routes.find(method, path)
    }

    /// Returns the methods that a path has a route for, for `Allow`. It is empty for an unknown path.
    #[must_use]
    pub fn methods(&self, path: &str) -> Vec<&'static str> {
        ["GET", "HEAD", "POST"]
            .into_iter()
            .filter(|method| self.find(method, path).is_some())
            .collect()
    }

    /// Returns the services. Parts refer to them by index.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Returns the routes, in the order of the document.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|(_, route)| route)
    }

    /// Returns the fields that are possibly mistakes.
    #[must_use]
    pub fn warnings(&self) -> &[CompositionWarning] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DASHBOARD: &str = r#"{
        "services": { "default": { "url": "http://internal-alb.example", "max_concurrent_calls": 8 },
                      "users": { "url": "http://users.internal:8080/v1/" } },
        "routes": { "GET /bff/dashboard": {
            "parts": { "orders": { "get": "/orders?userId={user_id}&cursor={query.cursor}", "fallback": {"items": []}, "next": "/next" },
                       "user": { "get": "/users/{user_id}", "service": "users", "required": true },
                       "offers": { "get": "/offers/{user#/segment}", "after": "user", "as": "promotions" } },
            "partial_status": 200 } } }"#;

    fn settings() -> Settings<'static> {
        Settings {
            prefix: "/bff",
            key_header: "x-api-key",
            default_url: None,
            replaced: None,
            is_deployed: true,
        }
    }

    #[test]
    fn document_is_read_in_its_order() {
        let compositions = Compositions::parse(DASHBOARD, &settings()).unwrap();
        let route = compositions.find("HEAD", "/bff/dashboard").unwrap().value;
        let fields: Vec<_> = route.parts.iter().map(|part| part.field.as_str()).collect();

        assert_eq!(fields, ["orders", "user", "promotions"]);
        assert_eq!(route.stages, [vec![0, 1], vec![2]]);
        assert_eq!(
            compositions.services()[1].url,
            "http://users.internal:8080/v1"
        );
        assert_eq!(compositions.methods("/bff/dashboard"), ["GET", "HEAD"]);
        assert!(compositions.find("GET", "/bff").is_none());
        let warnings: Vec<_> = compositions
            .warnings()
            .iter()
            .map(|it| it.message())
            .collect();
        assert_eq!(
            warnings,
            ["the policy decides the paths of parts without `/v1`"]
        );
    }
}
