//! The HTTP proxy through which a developer's machine reaches other hosts.

use std::sync::Arc;

use addresses::is_loopback;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;

const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const ALL_PROXY: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy for https requests, and the hosts that are called without it. Loopback addresses are
/// always called without it.
#[derive(Clone)]
pub struct Proxy {
    address: String,
    matcher: Arc<Matcher>,
}

/// The proxy for one URL.
pub struct ProxyRoute {
    /// The address of the proxy, without credentials.
    pub address: Uri,
    /// The header `Proxy-Authorization`, if the proxy needs one.
    pub authorization: Option<HeaderValue>,
}

/// A variable with an invalid proxy. Its value is not shown, because it may contain a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: invalid proxy, expected http://HOST:PORT")]
pub struct ProxyError(&'static str);

impl Proxy {
    /// Reads `HTTPS_PROXY`, or else `ALL_PROXY`, and `NO_PROXY`, each also in lower case, as curl
    /// does. An `ALL_PROXY` of another kind, such as SOCKS, is logged and not used: it is often
    /// meant for other programs.
    ///
    /// # Errors
    /// [`ProxyError`] for an `HTTPS_PROXY` that is not an HTTP proxy.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                Some((name, lookup(name).filter(|value| !value.trim().is_empty())?))
            })
        };
        let excluded = first(NO_PROXY).map(|(_, hosts)| hosts).unwrap_or_default();

        if let Some((name, address)) = first(HTTPS_PROXY) {
            return Self::new(&address, &excluded)
                .map(Some)
                .ok_or(ProxyError(name));
        }
        let Some((name, address)) = first(ALL_PROXY) else {
            return Ok(None);
        };

        let proxy = Self::new(&address, &excluded);
        if proxy.is_none() {
            tracing::warn!(
                variable = name,
                "proxy ignored: only HTTP proxies are supported"
            );
        }
        Ok(proxy)
    }

    fn new(address: &str, excluded: &str) -> Option<Self> {
        let address = address.trim();
        let address = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        let uri: Uri = address.parse().ok()?;
        let authority = uri.authority()?;
        let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();

        let scheme = uri
            .scheme_str()
            .filter(|scheme| ["http", "https"].contains(scheme))?;
        let shown = format!("{scheme}://{host_and_port}");
        if authority.host().is_empty() {
            return None;
        }

        let matcher = Matcher::builder().https(address).no(excluded).build();
        Some(Self {
            address: shown,
            matcher: Arc::new(matcher),
        })
    }

    /// Returns the proxy's address without credentials.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Proxy {
    /// Returns the proxy for an https URL, or `None` if its host is called directly.
    #[must_use]
    pub fn route(&self, url: &Uri) -> Option<ProxyRoute> {
        let is_own_machine = url.host().is_some_and(is_loopback);
        let route = self.matcher.intercept(url).filter(|_| !is_own_machine)?;
        Some(ProxyRoute {
            address: route.uri().clone(),
            authorization: route.basic_auth().cloned(),
        })
    }
}

impl std::fmt::Debug for Proxy {
    /// Omits the matcher, which may contain a password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Proxy({})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        let proxy = Proxy::from_lookup(lookup).map_err(|error| error.to_string())?;
        Ok(proxy.map(|proxy| proxy.address().to_owned()))
    }

    #[test]
    fn first_variable_that_is_set_wins() {
        for (variables, address) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTP_PROXY", "http://a:1")], None),
            (
                &[
                    ("HTTPS_PROXY", "http://a:1"),
                    ("https_proxy", "http://b:1"),
                    ("ALL_PROXY", "http://c:1"),
                ],
                Some("http://a:1"),
            ),
            (
                &[("HTTPS_PROXY", " "), ("https_proxy", "b:1")],
                Some("http://b:1"),
            ),
            (&[("all_proxy", "https://c:1/")], Some("https://c:1")),
            (&[("ALL_PROXY", "socks5h://c:1")], None),
        ] {
            assert_eq!(
                proxy(variables).unwrap().as_deref(),
                address,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn excluded_hosts_and_this_machine_have_no_route() {
        let lookup = |name: &str| match name {
            "HTTPS_PROXY" => Some("http://me:hush@proxy:3128".to_owned()),
            "NO_PROXY" => Some(".internal.example".to_owned()),
            _ => None,
        };
        let proxy = Proxy::from_lookup(lookup).unwrap().unwrap();
        let route = |url: &str| proxy.route(&url.parse().unwrap());

        let found = route("https://api.example/a").unwrap();
        assert_eq!(found.address.authority().unwrap().as_str(), "proxy:3128");
        assert!(found.authorization.is_some());
        assert!(route("https://a.internal.example/").is_none());
        assert!(route("https://127.0.0.1/").is_none());
    }

    #[test]
    fn errors_and_addresses_hide_the_password() {
        for invalid in [
            "socks5://me:hush@a:1",
            "http://",
            "http://me:hush@",
            "http://a b",
            "://",
        ] {
            let error = proxy(&[("HTTPS_PROXY", invalid)]).unwrap_err();
            assert_eq!(
                error, "HTTPS_PROXY: invalid proxy, expected http://HOST:PORT",
                "{invalid}"
            );
        }
        let lookup =
            |name: &str| (name == "https_proxy").then(|| "http://me:hush@proxy:3128".to_owned());
        let proxy = Proxy::from_lookup(lookup).unwrap().unwrap();

        assert_eq!(proxy.address(), "http://proxy:3128");
        assert!(!format!("{proxy:?}").contains("hush"));
    }
}
