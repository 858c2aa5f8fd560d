//! Checks that a request comes from a page of this proxy, or is a browser's first request for it.
//!
//! Pages of other sites can send requests to a port on loopback, and can give their own name the
//! address of loopback (DNS rebinding). The browser sets `Host`, `Origin` and `Sec-Fetch-Site`, and
//! no page can change them.

use http::header::{CONNECTION, HOST, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use registry::{RandomError, random_bytes};

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

/// The origin of one proxy. Its name is random, so that no other program can have served a page at
/// this origin before. A service worker or a stored page of such a program would see the one-time
/// code.
///
/// Browsers resolve all names below `localhost` to loopback, without a name server (RFC 6761).
#[derive(Clone, Debug)]
pub(super) struct OwnOrigin {
    host: String,
    origin: String,
}

impl OwnOrigin {
    /// Returns a new origin at a port.
    ///
    /// # Errors
    /// [`RandomError`] if the random number generator fails.
    pub(super) fn generate(port: u16) -> Result<Self, RandomError> {
        let number = u128::from_be_bytes(random_bytes()?);
        let name = format!("tollgate-{number:032x}.localhost");
        // Browsers omit the default port.
        let host = match port {
            HTTP_PORT => name,
            _ => format!("{name}:{port}"),
        };
        Ok(Self {
            origin: format!("http://{host}"),
            host,
        })
    }

    /// Returns the origin as text.
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
            // The name of the origin is not shown to programs that do not know it.
            let detail = "The console is only at the address that the command has printed.";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_origin_has_a_name_of_its_own() {
        let origins = [0; 2].map(|_| OwnOrigin::generate(8_300).unwrap());
        assert_ne!(origins[0].origin, origins[1].origin);
        let name = origins[0].host.strip_suffix(".localhost:8300").unwrap();
        let number = name.strip_prefix("tollgate-").unwrap();
        assert!(number.len() == 32 && number.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(
            OwnOrigin::generate(80)
                .unwrap()
                .origin
                .ends_with(".localhost")
        );
    }
}
