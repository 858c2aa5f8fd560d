//! A request, in the same form whatever event it came in.

use std::borrow::Cow;
use std::net::IpAddr;

use outcome::{BACKEND_HEADER_PREFIX, BACKEND_HEADERS};
use routes::RouteKey;
use telemetry::RequestScope;
use usage::USAGE_PATH;

use crate::certificate::Certificate;
use crate::text::{Headers, Members, Text};

/// The methods that rules can name. Some backends convert another spelling, such as `delete`, to
/// upper case.
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

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
    Route {
        key: Cow<'e, str>,
        parameters: Members<'e, Text<'e>>,
    },
    Plain(String),
}

impl Request<'_> {
    /// The ids that its log lines and call records have.
    pub(crate) fn scope(&self) -> RequestScope {
        RequestScope::from_headers(|name| self.header(name), self.id.as_deref())
    }

    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// True if a header reads like one that backends trust, but has a name that request mapping
    /// does not overwrite: any other name with our prefix, with any punctuation for `-`, such as
    /// `x-tollgate-tenant` or `x_tollgate_user_id`.
    pub(crate) fn impersonates(&self) -> bool {
        self.headers
            .names()
            .any(|name| reads_like_ours(name) && !BACKEND_HEADERS.contains(&name))
    }

    /// True if the method is one that rules can name, in upper case.
    pub(crate) fn has_usual_method(&self) -> bool {
        METHODS.contains(&&*self.method)
    }

    /// Whether it is a browser's question before the request itself, which never has credentials
    /// (Fetch standard, section "CORS-preflight fetch"). The backend answers it, and does nothing
    /// else.
    pub(crate) fn is_preflight(&self, key_header: &str) -> bool {
        let asks = ["origin", "access-control-request-method"]
            .iter()
            .all(|name| self.headers.get(name).is_some());
        let anonymous = !["authorization", key_header]
            .iter()
            .any(|name| self.headers.get(name).is_some());
        *self.method == *"OPTIONS" && asks && anonymous
    }

    /// True for a caller's question about its own usage, which the limiter answers. The route
    /// counts, not the path: a path that another route takes may reach a backend.
    pub(crate) fn is_usage_query(&self) -> bool {
        let path = match &self.path {
            Path::Plain(path) => path.as_str(),
            Path::Route { key, .. } => key.split_once(' ').map_or("", |(_, path)| path),
        };
        *self.method == *"GET" && path == USAGE_PATH
    }

    /// The path that rules are matched by: the route key's, with its variables filled in. The error
    /// says why there is none, or why a backend might read it as another path.
    pub(crate) fn path(&self) -> Result<String, &'static str> {
        let path = match &self.path {
            Path::Plain(path) => path.clone(),
            Path::Route { key, parameters } => {
                let key = RouteKey::parse_stored(key)
                    .map_err(|_| "the route key of the API has no path")?;
                key.fill(|name| parameters.get(name))
                    .ok_or("a variable of the route key has no usable value")?
            }
        };
        match misreading(&path) {
            Some(problem) => Err(problem),
            None => Ok(path),
        }
    }
}

/// True if only punctuation tells the beginning of a name from our prefix.
fn reads_like_ours(name: &str) -> bool {
    let alike = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let mut letters = name.chars().map(alike);
    BACKEND_HEADER_PREFIX
        .chars()
        .all(|letter| letters.next() == Some(letter))
}

/// What a backend may resolve, merge, decode or cut into another path than the one the rules were
/// asked about.
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
    path.chars()
        .any(char::is_control)
        .then_some("the path contains a control character")
}
