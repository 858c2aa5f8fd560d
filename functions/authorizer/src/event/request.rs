//! A request, in the same form for every event format.

use std::borrow::Cow;
use std::net::IpAddr;

use limits::USAGE_PATH;
use outcome::{BACKEND_HEADERS, ORIGIN_HEADER, Reason, resembles_backend_header};
use policy::{AUTHORIZATION, Policy};
use routes::{RouteKey, path_ambiguity};
use telemetry::RequestScope;

use crate::certificate::Certificate;
use crate::rejection::Rejection;

use super::cookies::{ConflictingCookies, cookie};
use super::default_route::DefaultRoute;
use super::fields::Fields;
use super::headers::Headers;
use super::json_str::JsonStr;

/// The methods that rules can name. Some backends convert another spelling, such as `delete`, to
/// upper case.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The parts of a request that the authorizer reads.
#[derive(Debug)]
pub(crate) struct Request<'e> {
    pub(crate) id: Option<JsonStr<'e>>,
    pub(crate) method: JsonStr<'e>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) certificate: Option<Certificate<'e>>,
    pub(crate) format: Format<'e>,
    pub(crate) path: Path<'e>,
    pub(crate) headers: Headers<'e>,
    /// The cookies outside the header `cookie`.
    pub(crate) cookies: Vec<JsonStr<'e>>,
    /// The value of the API's token header in an event of type TOKEN, which does not name it.
    pub(crate) token_header: Option<JsonStr<'e>>,
}

/// The format of the response that API Gateway expects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format<'e> {
    /// `isAuthorized`: an HTTP API with format 2.0.
    #[default]
    Simple,
    /// An IAM policy for this method: format 1.0 and REST APIs.
    Policy { method_arn: JsonStr<'e> },
}

/// The source of the request's path.
#[derive(Debug)]
pub(crate) enum Path<'e> {
    /// The route key, with the values of its variables.
    Route {
        key: Cow<'e, str>,
        parameters: Fields<'e, JsonStr<'e>>,
    },
    Plain(String),
    /// The path that the client sent, for a route without one.
    Default(DefaultRoute<'e>),
}

impl Request<'_> {
    /// Returns the ids for log lines and call records.
    pub(crate) fn scope(&self) -> RequestScope {
        RequestScope::from_headers(|name| self.header(name), self.id.as_deref())
    }

    /// Returns a header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// True for an event of type TOKEN, which has the token and no other part of the request.
    pub(crate) fn is_token_event(&self) -> bool {
        self.token_header.is_some()
    }

    /// Returns the header that carries the token, by its name in lower case.
    pub(crate) fn token_header(&self, name: &str) -> Option<&str> {
        self.token_header.as_deref().or_else(|| self.header(name))
    }

    /// True if [`Self::token_header`] returns the same header for both names.
    pub(crate) fn is_same_header(&self, one: &str, other: &str) -> bool {
        self.token_header.is_some() || one == other
    }

    /// Returns the value of a cookie.
    ///
    /// # Errors
    /// [`ConflictingCookies`] if the cookie occurs with different values.
    pub(crate) fn cookie(&self, name: &str) -> Result<Option<&str>, ConflictingCookies> {
        let cookies = self.cookies.iter().map(|cookie| &**cookie);
        cookie(cookies.chain(self.header("cookie")), name)
    }

    /// Returns the path that rules are matched with.
    ///
    /// # Errors
    /// 403 if a backend might read the request as another one than the rules do.
    pub(crate) fn checked_path(&self) -> Result<String, Rejection> {
        if self.impersonates() {
            let detail = "a header reads like x-tollgate-*, which only the gateway may set";
            return Err(Rejection::forbidden(Reason::ForbiddenHeader).because(detail));
        }
        if !self.has_usual_method() {
            let detail =
                "the method is not GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS in upper case";
            return Err(Rejection::forbidden(Reason::UnusualMethod).because(detail));
        }

        self.path()
            .map_err(|problem| Rejection::forbidden(Reason::MalformedPath).because(problem))
    }

    /// True if a header looks like one that backends trust, but has a name that request mapping
    /// does not overwrite: any other name with our prefix, with any punctuation for `-`, such as
    /// `x-tollgate-tenant` or `x_tollgate_user_id`.
    pub(super) fn impersonates(&self) -> bool {
        let is_overwritten = |name| BACKEND_HEADERS.contains(&name) || name == ORIGIN_HEADER;
        self.headers
            .names()
            .any(|name| resembles_backend_header(name) && !is_overwritten(name))
    }

    /// True if the method is one that rules can name, in upper case.
    pub(super) fn has_usual_method(&self) -> bool {
        METHODS.contains(&&*self.method)
    }

    /// True for a CORS preflight request, which never has credentials (Fetch standard, section
    /// "CORS-preflight fetch"). The backend responds to it without any other effect.
    pub(crate) fn is_preflight(&self, policy: &Policy) -> bool {
        let has_all = ["origin", "access-control-request-method"]
            .iter()
            .all(|name| self.headers.get(name).is_some());

        *self.method == *"OPTIONS" && has_all && !self.has_credentials(policy)
    }

    /// True if the request has a key, a token or another value in `Authorization`, valid or not.
    fn has_credentials(&self, policy: &Policy) -> bool {
        let has_header = [AUTHORIZATION, &policy.token.header, &policy.key_header]
            .iter()
            .any(|name| self.token_header(name).is_some());
        let has_cookie = |name: &String| !matches!(self.cookie(name), Ok(None));

        has_header || policy.token.cookie.as_ref().is_some_and(has_cookie)
    }

    /// True for a caller's query of its own usage, to which the limiter responds. The route counts,
    /// not the path: a path that another route matches may reach a backend.
    pub(crate) fn is_usage_query(&self) -> bool {
        let path = match &self.path {
            Path::Default(_) => return false,
            Path::Plain(path) => path.as_str(),
            Path::Route { key, .. } => key.split_once(' ').map_or("", |(_, path)| path),
        };
        *self.method == *"GET" && path == USAGE_PATH
    }

    /// Returns the path of the route key, with its variables filled in. The error says why there is
    /// none, or why a backend might read it as another path.
    pub(super) fn path(&self) -> Result<String, &'static str> {
        let path = match &self.path {
            Path::Plain(path) => path.clone(),
            Path::Default(route) => route.path()?,
            Path::Route { key, parameters } => {
                RouteKey::fill_stored(key, |name| parameters.get(name))
                    .map_err(|_| "the route key of the API has no path")?
                    .ok_or("a variable of the route key has no usable value")?
            }
        };

        match path_ambiguity(&path) {
            Some(problem) => Err(problem),
            None => Ok(path),
        }
    }
}
