//! Checks services and their URLs.

use addresses::{is_internal, is_loopback, literal};
use http::Uri;
use http::uri::Scheme;

use super::limits::{CONCURRENT_CALLS, DEFAULT_CONCURRENT_CALLS, MAX_SERVICES, at_most, in_range};
use crate::compositions::Settings;
use crate::document::{Entries, Object, ServiceDocument};
use crate::error::{CompositionError, CompositionWarning, pointer_to};
use crate::model::Service;
use crate::names::{is_name, unknown};

/// The service of parts that name none.
const DEFAULT: &str = "default";

/// The services of a document, and which of them parts use.
pub(super) struct Services {
    list: Vec<Service>,
    is_used: Vec<bool>,
    /// The paths of the URLs in the document, by the name of the service.
    paths: Vec<(String, String)>,
    /// The service `default` of the settings. It is added to the list when a part uses it.
    fallback: Option<Service>,
}

impl Services {
    /// Checks all services.
    ///
    /// # Errors
    /// [`CompositionError`] for the first service that is invalid.
    pub(super) fn check(
        document: Entries<Object<ServiceDocument>>,
        settings: &Settings<'_>,
    ) -> Result<Self, CompositionError> {
        at_most(document.0.len(), MAX_SERVICES, "services", || {
            "/services".to_owned()
        })?;

        let mut list = Vec::with_capacity(document.0.len());
        let mut paths = Vec::new();
        for (name, Object(service)) in document.0 {
            let pointer = pointer_to("/services", &name);
            paths.extend(path_of(&service.url).map(|path| (name.clone(), path)));
            list.push(check_service(name, service, &pointer, settings)?);
        }

        let url = match &settings.replaced {
            Some(replaced) => Some(replaced.named.get(DEFAULT).unwrap_or(&replaced.default)),
            None => settings.default_url.as_ref(),
        };
        // The URL of the backend may be unsuitable for calls, such as for API Gateway only.
        let needs_default = list.iter().all(|service| service.name != DEFAULT);
        let fallback = url
            .filter(|_| needs_default)
            .map(|url| check_default(url, settings))
            .transpose()?;
        Ok(Self {
            is_used: vec![false; list.len()],
            paths,
            list,
            fallback,
        })
    }

    /// Returns the index of the service of a part.
    ///
    /// # Errors
    /// [`CompositionError`] if there is no such service.
    pub(super) fn find(
        &mut self,
        name: Option<&str>,
        part: &str,
    ) -> Result<usize, CompositionError> {
        let wanted = name.unwrap_or(DEFAULT);
        let found = self.list.iter().position(|known| known.name == wanted);
        let index = match (found, self.fallback.take_if(|_| wanted == DEFAULT)) {
            (Some(index), _) => index,
            (None, Some(fallback)) => {
                self.list.push(fallback);
                self.is_used.push(true);
                self.list.len() - 1
            }
            (None, None) => return Err(self.not_found(name, part)),
        };

        self.is_used[index] = true;
        Ok(index)
    }

    fn not_found(&self, name: Option<&str>, part: &str) -> CompositionError {
        let Some(name) = name else {
            return CompositionError::new(
                part.to_owned(),
                "there is no service `default`, expected `service`, `services.default` in the document, or a URL in the parameter `BackendUrl` (option `--backend` of commands)",
            );
        };
        let known = self.list.iter().map(|known| known.name.as_str());
        CompositionError::new(pointer_to(part, "service"), unknown("service", name, known))
    }

    /// Returns a warning for each service that no part uses, or whose URL has a path.
    pub(super) fn warnings(&self) -> impl Iterator<Item = CompositionWarning> {
        let services = self.list.iter().zip(&self.is_used);
        let unused = services.filter(|(_, is_used)| !**is_used);
        let unused = unused.map(|(service, _)| {
            let pointer = pointer_to("/services", &service.name);
            CompositionWarning::new(pointer, "no part uses this service")
        });

        let with_path = self.paths.iter().map(|(name, path)| {
            let pointer = pointer_to(&pointer_to("/services", name), "url");
            let problem = format!("the policy decides the paths of parts without `{path}`");
            CompositionWarning::new(pointer, problem)
        });
        unused.chain(with_path)
    }

    pub(super) fn into_list(self) -> Vec<Service> {
        self.list
    }
}

/// Returns the path of a URL, or `None` if it is empty.
fn path_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let path = uri.path().trim_end_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

fn check_service(
    name: String,
    document: ServiceDocument,
    pointer: &str,
    settings: &Settings<'_>,
) -> Result<Service, CompositionError> {
    if !is_name(&name) {
        let problem = "invalid name of a service, expected 1 to 64 letters, digits, `_` and `-`";
        return Err(CompositionError::new(pointer.to_owned(), problem));
    }
    let max_concurrent_calls = in_range(
        document.max_concurrent_calls,
        DEFAULT_CONCURRENT_CALLS,
        CONCURRENT_CALLS,
        || pointer_to(pointer, "max_concurrent_calls"),
    )?;

    let url = parse_url(&document.url, settings.is_deployed)
        .map_err(|problem| CompositionError::new(pointer_to(pointer, "url"), problem))?;
    let replacement = settings
        .replaced
        .as_ref()
        .map(|replaced| replaced.named.get(&name).unwrap_or(&replaced.default));
    Ok(Service {
        url: replacement.cloned().unwrap_or(url),
        has_proof_of_origin: document.proof_of_origin.unwrap_or(name == DEFAULT),
        name,
        max_concurrent_calls: usize::try_from(max_concurrent_calls).unwrap_or(usize::MAX),
    })
}

/// Checks the URL of the settings for the service `default`.
fn check_default(url: &Uri, settings: &Settings<'_>) -> Result<Service, CompositionError> {
    let url = parse_url(&url.to_string(), settings.is_deployed).map_err(|problem| {
        CompositionError::new(
            pointer_to("/services", DEFAULT),
            format!("BACKEND_URL: {problem}"),
        )
    })?;
    Ok(Service {
        name: DEFAULT.to_owned(),
        url,
        max_concurrent_calls: usize::try_from(DEFAULT_CONCURRENT_CALLS).unwrap_or(usize::MAX),
        has_proof_of_origin: true,
    })
}

/// Reads the URL of a service. The message does not repeat it, because it may contain a password.
fn parse_url(text: &str, is_deployed: bool) -> Result<Uri, String> {
    let invalid = |problem: &str| {
        Err(format!(
            "{problem}, expected a URL such as https://users.example.com/v1"
        ))
    };
    // `http::Uri` discards a fragment.
    if text.contains('#') {
        return invalid("unexpected fragment");
    }
    let Ok(uri) = text.parse::<Uri>() else {
        return invalid("invalid URL");
    };
    let is_http = [Scheme::HTTP, Scheme::HTTPS]
        .iter()
        .any(|scheme| uri.scheme() == Some(scheme));
    let Some(authority) = uri.authority().filter(|_| is_http) else {
        return invalid("no http or https URL");
    };

    if authority.as_str().contains('@') {
        return invalid("unexpected user name or password");
    }
    if uri.query().is_some() {
        return invalid("unexpected query");
    }
    let port = authority
        .as_str()
        .strip_prefix(authority.host())
        .unwrap_or_default();
    let is_port = authority.port_u16().is_some_and(|port| port > 0);
    if !port.is_empty() && !is_port {
        return invalid("invalid port");
    }
    check_host(authority.host(), is_deployed)?;
    base_url(&uri)
}

/// Checks that a host is neither this machine nor an address that only the machine itself can reach.
fn check_host(host: &str, is_deployed: bool) -> Result<(), String> {
    if is_loopback(host) {
        return if is_deployed {
            Err("unexpected loopback address, expected the host of a service (`tollgate compose check --local` accepts this machine)".to_owned())
        } else {
            Ok(())
        };
    }
    match literal(host) {
        Some(address) if is_internal(address) => Err(
            "unexpected link-local, multicast or metadata address, expected the host of a service"
                .to_owned(),
        ),
        Some(_) => Ok(()),
        None => check_host_name(host),
    }
}

/// Checks a name. Resolvers read a name that ends in a number as an address: `0x7f.1` is 127.0.0.1.
fn check_host_name(host: &str) -> Result<(), String> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=63).contains(&label.len()) && label.bytes().all(is_letter)
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|letter: char| letter.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit())
            || last.to_ascii_lowercase().starts_with("0x"));

    if name.len() <= 253 && name.split('.').all(is_label) && !is_number {
        Ok(())
    } else {
        Err("invalid host, expected a DNS name or an IP address".to_owned())
    }
}

/// Returns the URL without a slash at the end of its path.
fn base_url(uri: &Uri) -> Result<Uri, String> {
    let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
    let is_dots = |segment: &str| matches!(segment, "" | "." | "..");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
    if path.split('/').skip(1).any(is_dots) || !path.bytes().all(is_plain) {
        return Err("invalid path, expected one such as /v1".to_owned());
    }

    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{path}")
        .parse()
        .map_err(|_| "invalid URL".to_owned())
}
