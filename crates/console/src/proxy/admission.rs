//! Checks that a request comes from a page of this proxy, or is a browser's first request for it.
//!
//! Pages of other sites can send requests to a port on loopback, and can give their own name the address
//! of loopback (DNS rebinding). Neither can choose `Host`, `Origin` or `Sec-Fetch-Site`.

use std::net::SocketAddr;

use http::header::{CONNECTION, HOST, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::CONSOLE_PATH;
use crate::problem::Problem;

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The methods of the admin API and of the console's own API.
const METHODS: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];
const HTTP_PORT: u16 = 80;

/// The names under which browsers know a proxy.
#[derive(Clone, Debug)]
pub(super) struct OwnOrigin {
    host: String,
    origin: String,
}

impl OwnOrigin {
    pub(super) fn of(address: SocketAddr) -> Self {
        // Browsers omit the default port.
        let host = match address.port() {
            HTTP_PORT => address.ip().to_string(),
            _ => address.to_string(),
        };
        Self {
            origin: format!("http://{host}"),
            host,
        }
    }

    /// Returns the origin, such as `http://127.0.0.1:4000`.
    pub(super) fn as_str(&self) -> &str {
        &self.origin
    }

    /// Admits a request for this origin that no other site sent.
    ///
    /// # Errors
    /// [`Problem`] for any other request.
    pub(super) fn admit(&self, head: &Parts) -> Result<(), Problem> {
        if !METHODS.contains(&head.method) {
            let detail = format!("The console has no method {}.", head.method);
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail));
        }
        if head.uri.authority().is_some() || !head.uri.path().starts_with('/') {
            return Err(Problem::bad_request("The request target must be a path."));
        }
        if is_upgrade(&head.headers) {
            return Err(Problem::bad_request("The console has no other protocols."));
        }

        if single(&head.headers, &HOST) != Some(self.host.as_bytes()) {
            let detail = format!("The console is only at {}{CONSOLE_PATH}/.", self.origin);
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if !self.is_own(&head.headers) && !is_navigation(head) {
            let detail = "The console does not respond to requests of other sites.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(())
    }

    /// True if all headers about the sender name this origin, or an address that a user entered.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        let is_own_site = |site: &HeaderValue| site == "same-origin" || site == "none";
        self.has_no_other_origin(headers) && headers.get_all(SEC_FETCH_SITE).iter().all(is_own_site)
    }

    fn has_no_other_origin(&self, headers: &HeaderMap) -> bool {
        let is_own = |origin: &HeaderValue| origin.as_bytes() == self.origin.as_bytes();
        headers.get_all(ORIGIN).iter().all(is_own)
    }
}

/// True if a browser opens the page in a tab of its own, as the file with the code makes it do. The
/// page contains no data, and the address no code that another site could know.
fn is_navigation(head: &Parts) -> bool {
    let is_page = head.uri.path().strip_prefix(CONSOLE_PATH) == Some("/");
    let has = |name, value: &str| single(&head.headers, &name) == Some(value.as_bytes());

    is_page
        && head.method == Method::GET
        && !head.headers.contains_key(ORIGIN)
        && single(&head.headers, &SEC_FETCH_SITE).is_some()
        && has(SEC_FETCH_MODE, "navigate")
        && has(SEC_FETCH_DEST, "document")
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    let names_upgrade = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
    };
    headers.contains_key(UPGRADE) || headers.get_all(CONNECTION).iter().any(names_upgrade)
}

/// Returns the value of a header that occurs once.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}
