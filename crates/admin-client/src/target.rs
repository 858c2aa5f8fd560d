//! The API that a command is about.

use http::Uri;
use http::uri::Authority;

use crate::options::TargetOptions;

const TOLLGATE_URL: &str = "TOLLGATE_URL";
const TOLLGATE_STACK: &str = "TOLLGATE_STACK";
const DEFAULT_URL: &str = "http://127.0.0.1:3000";

/// The place of an API, before a stack is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Url(BaseUrl),
    Stack(String),
}

/// An absolute URL without query, to which the paths of the API are appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    /// The URL without a `/` at its end.
    text: String,
    host: String,
}

/// A target that is invalid, or that two options contradict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Two options exclude each other.
    #[error("{0} and {1} are both set, expected only one of them")]
    Conflict(&'static str, &'static str),
    /// The URL is invalid.
    #[error("{source_name}: {problem}")]
    Url {
        /// The option or variable.
        source_name: &'static str,
        /// The problem, and the expected form.
        problem: &'static str,
    },
    /// Requests must be signed, and there is no region.
    #[error(
        "no AWS region to sign for, expected --region, AWS_REGION, or `region` in the profile of \
         the AWS configuration"
    )]
    NoRegion,
    /// The name of the region is invalid.
    #[error("invalid AWS region `{0}`, expected a name such as eu-central-1")]
    InvalidRegion(String),
}

impl Place {
    /// Returns the place that the options name, or else the environment, or else the local
    /// gateway. An option beats both variables.
    pub(crate) fn select(
        options: &TargetOptions,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, TargetError> {
        let variable = |name| lookup(name).filter(|value| !value.is_empty());
        let flags = (options.url.clone(), options.stack.clone());
        let (url, stack, names) = match flags {
            (None, None) => {
                let names = (TOLLGATE_URL, TOLLGATE_STACK);
                (variable(TOLLGATE_URL), variable(TOLLGATE_STACK), names)
            }
            (url, stack) => (url, stack, ("--url", "--stack")),
        };

        match (url, stack) {
            (Some(_), Some(_)) => Err(TargetError::Conflict(names.0, names.1)),
            (Some(url), None) => BaseUrl::parse(names.0, &url).map(Self::Url),
            (None, Some(stack)) => Ok(Self::Stack(stack)),
            (None, None) => BaseUrl::parse("--url", DEFAULT_URL).map(Self::Url),
        }
    }
}

impl BaseUrl {
    pub(crate) fn parse(source_name: &'static str, url: &str) -> Result<Self, TargetError> {
        let error = |problem| TargetError::Url {
            source_name,
            problem,
        };
        let uri: Uri = url
            .parse()
            .map_err(|_| error("invalid URL, expected one such as https://HOST"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(error("invalid URL, expected one such as https://HOST"));
        };

        if authority.as_str().contains('@') {
            return Err(error("the URL must not have user info"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(error("the URL must not have a query or a fragment"));
        }
        if !has_valid_port(authority) {
            return Err(error("invalid port, expected 1 to 65535"));
        }
        match scheme {
            "https" => {}
            "http" if aws::is_loopback(authority.host()) => {}
            "http" => return Err(error("http is only for this machine, expected https")),
            _ => return Err(error("unknown scheme, expected https")),
        }

        Ok(Self {
            text: url.trim_end_matches('/').to_owned(),
            host: authority.host().to_owned(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// True if the API is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        aws::is_loopback(&self.host)
    }
}

/// True if the authority has no port, or a valid one. A connection to an invalid port would go to the
/// default port of the scheme instead.
fn has_valid_port(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    match rest {
        Some("") => true,
        Some(rest) => {
            let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
            port.is_some_and(|port: u16| port > 0)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: Option<&str>, stack: Option<&str>) -> TargetOptions {
        TargetOptions {
            url: url.map(str::to_owned),
            stack: stack.map(str::to_owned),
            ..TargetOptions::default()
        }
    }

    fn select(options: &TargetOptions, variables: &[(&str, &str)]) -> Result<String, String> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        match Place::select(options, lookup).map_err(|error| error.to_string())? {
            Place::Url(url) => Ok(url.as_str().to_owned()),
            Place::Stack(name) => Ok(format!("stack {name}")),
        }
    }

    #[test]
    fn option_beats_the_environment_and_the_local_gateway_is_the_default() {
        let both = [("TOLLGATE_URL", "https://b"), ("TOLLGATE_STACK", "s")];
        let (url, stack) = (options(Some("https://a/"), None), options(None, Some("t")));
        let neither = options(None, None);

        assert_eq!(select(&url, &both).unwrap(), "https://a");
        assert_eq!(select(&stack, &both).unwrap(), "stack t");
        assert_eq!(select(&neither, &both[..1]).unwrap(), "https://b");
        assert_eq!(select(&neither, &both[1..]).unwrap(), "stack s");
        assert_eq!(select(&neither, &[]).unwrap(), DEFAULT_URL);
        assert_eq!(
            select(&neither, &[("TOLLGATE_URL", "")]).unwrap(),
            DEFAULT_URL
        );
        assert_eq!(
            select(&neither, &both).unwrap_err(),
            "TOLLGATE_URL and TOLLGATE_STACK are both set, expected only one of them"
        );
    }

    #[test]
    fn valid_ports_are_accepted() {
        for url in [
            "https://a",
            "https://a:1",
            "http://[::1]:65535",
            "http://[::1]",
        ] {
            assert_eq!(select(&options(Some(url), None), &[]).unwrap(), url);
        }
    }

    #[test]
    fn invalid_url_names_its_option_and_hides_a_password() {
        for (url, problem) in [
            ("http://api.example", "http is only for this machine"),
            ("ftp://127.0.0.1", "unknown scheme"),
            ("https://me:hush@a", "must not have user info"),
            ("https://a/?b=c", "must not have a query"),
            ("https://a/#b", "must not have a query or a fragment"),
            ("http://127.0.0.1:99999", "invalid port"),
            ("http://127.0.0.1:", "invalid port"),
            ("http://127.0.0.1:0", "invalid port"),
            ("https://[::1]:65536", "invalid port"),
            ("127.0.0.1:3000", "invalid URL"),
            ("", "invalid URL"),
        ] {
            let error = select(&options(Some(url), None), &[]).unwrap_err();
            assert!(error.starts_with("--url: "), "{url}: {error}");
            assert!(error.contains(problem), "{url}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
