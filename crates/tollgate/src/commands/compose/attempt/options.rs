//! The options of `compose try`.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use gateway::local::{AttemptCaller, AttemptOptions, Request};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::value::RawValue;

use crate::cli::{backend, service};
use crate::commands::CommandError;
use crate::commands::compose::{DEFAULT_PREFIX, compositions_file};

/// The end of the output of `compose try --help`.
const AFTER_HELP: &str = "\
Parts really call their services, and a part with POST changes data there. Without --backend, a
built-in service echoes each call. No service of the file is called unless --backend or --service
names it. Plans are charged in memory only. Without --policy, every caller may call every part.

Exit codes: 0 the response is complete or partial, 1 its status is 400 or higher, 2 invalid input

Examples:
  tollgate compose try compositions.json 'GET /bff/dashboard' --as alice
  tollgate compose try compositions.json 'GET /bff/feed?fields=items(id)' --header 'x-app-version: 1.9.0'
  tollgate compose try compositions.json 'GET /bff/dashboard' --as alice --scope orders:read \\
    --policy policy.json --backend http://127.0.0.1:8080 --service users=http://127.0.0.1:8081";

/// The options of `compose try`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct TryComposition {
    /// File with the compositions as JSON; `-` is standard input
    #[arg(value_name = "FILE")]
    compositions: String,
    /// Request, such as 'GET /bff/dashboard'
    #[arg(value_name = "REQUEST", value_parser = request_line)]
    request: RequestLine,
    /// User of the caller
    #[arg(long = "as", value_name = "NAME")]
    user: Option<String>,
    /// Issuer of the caller's token, if the policy has several
    #[arg(long, value_name = "URL", conflicts_with = "key_id")]
    issuer: Option<String>,
    /// ID of the caller's API key. The caller then has no token
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,
    /// Scope of the caller; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Role of the caller's token; may be repeated
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "key_id")]
    roles: Vec<String>,
    /// Verified email address of the caller's token
    #[arg(long, value_name = "ADDRESS", conflicts_with = "key_id")]
    email: Option<String>,
    /// Plan of the caller, which parts that are charged count against
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Header of the request; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Body of a POST request as JSON
    #[arg(long, value_name = "JSON", value_parser = json)]
    data: Option<String>,
    /// Policy that decides which parts the caller may call, as JSON
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Plans as JSON, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    seeds: Option<PathBuf>,
    /// Service to call instead of the built-in echo service
    #[arg(long, value_name = "URL", value_parser = backend)]
    backend: Option<Uri>,
    /// URL of a service of the compositions, instead of the backend; may be repeated
    #[arg(long = "service", value_name = "NAME=URL", value_parser = service)]
    services: Vec<(String, Uri)>,
    /// Prefix of the paths of compositions, the template's CompositionsPrefix
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PREFIX)]
    prefix: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The first line of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RequestLine {
    method: String,
    /// The path and the query.
    target: Uri,
}

impl TryComposition {
    /// Returns the settings of the attempt.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the compositions cannot be read.
    pub(super) fn settings(&self) -> Result<AttemptOptions, CommandError> {
        let file = compositions_file(&self.compositions)?;
        Ok(AttemptOptions {
            file: file.name.into(),
            compositions: file.text,
            prefix: self.prefix.clone(),
            policy: self.policy.clone(),
            seeds: self.seeds.clone(),
            backend: self.backend.clone(),
            services: self.services.clone(),
        })
    }

    /// Returns the caller.
    pub(super) fn caller(&self) -> AttemptCaller {
        AttemptCaller {
            user: self.user.clone(),
            issuer: self.issuer.clone(),
            key_id: self.key_id.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            email: self.email.clone(),
            plan: self.plan.clone(),
        }
    }

    /// Returns the request, without the context of its caller.
    ///
    /// # Errors
    /// [`CommandError`] with exit code 2 if the path has no valid encoding.
    pub(super) fn request(&self) -> Result<Request, CommandError> {
        let target = &self.request.target;
        let path = percent_encoding::percent_decode_str(target.path()).decode_utf8();
        let path = path.map_err(|_| CommandError::usage("the path is not UTF-8"))?;

        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if self.data.is_some() && !headers.contains_key(CONTENT_TYPE) {
            let json = HeaderValue::from_static("application/json");
            headers.insert(CONTENT_TYPE, json);
        }
        Ok(Request {
            method: self.request.method.clone(),
            path: path.into_owned(),
            query: target.query().unwrap_or_default().to_owned(),
            headers,
            body: self.data.clone().map(Bytes::from).unwrap_or_default(),
            ..Request::default()
        })
    }
}

fn request_line(text: &str) -> Result<RequestLine, String> {
    let expected = "expected METHOD PATH, such as `GET /bff/dashboard`";
    let (method, target) = text.split_once(' ').ok_or(expected)?;
    let target: Uri = target
        .parse()
        .map_err(|_| "expected a path with other characters percent-encoded")?;
    if !target.path().starts_with('/') || target.authority().is_some() {
        return Err(expected.to_owned());
    }

    Ok(RequestLine {
        method: method.to_owned(),
        target,
    })
}

fn json(text: &str) -> Result<String, String> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("expected JSON: {error}")),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let expected = "expected NAME: VALUE, such as `x-app-version: 1.9.0`";
    let (name, value) = text.split_once(':').ok_or(expected)?;
    let name = name.trim().parse().map_err(|_| expected)?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| expected)?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_has_a_method_and_a_path() {
        let line = request_line("GET /bff/dashboard?fields=user").unwrap();
        assert_eq!(line.method, "GET");
        assert_eq!(line.target.query(), Some("fields=user"));

        for invalid in [
            "",
            "/bff",
            "GET",
            "GET bff",
            "GET http://a/bff",
            "GET /a b",
            "GET *",
        ] {
            assert!(request_line(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn header_has_a_name_and_a_value() {
        let (name, value) = header("X-App-Version: 1.9.0").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("x-app-version", &b"1.9.0"[..])
        );

        for invalid in ["", "x-app-version", ": 1", "a b: 1", "a: b\r\nc: d"] {
            assert!(header(invalid).is_err(), "{invalid}");
        }
    }
}
