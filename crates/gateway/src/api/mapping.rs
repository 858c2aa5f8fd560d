//! Parameter mapping: changes of requests to an integration and of its responses.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html>.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::source::Source;
use super::{Exchange, RequestParts};

/// Headers that API Gateway does not map.
const RESERVED_HEADERS: [&str; 18] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "via",
];
const RESERVED_PREFIXES: [&str; 4] = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];

/// A change of a request or a response.
#[derive(Debug)]
pub struct Mapping {
    action: Action,
    target: Target,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Append,
    Overwrite,
    Remove,
}

#[derive(Debug)]
enum Target {
    Header(HeaderName),
    Query(String),
    Path,
    Status,
}

impl Mapping {
    /// Parses a request mapping, such as `overwrite:header.x-user` with the source
    /// `$context.authorizer.user_id`.
    ///
    /// # Errors
    /// The problem, if the mapping is not supported or not allowed.
    pub fn for_request(destination: &str, source: &str) -> Result<Self, String> {
        let mapping = Self::parse(destination, source)?;
        match mapping.target {
            Target::Status => Err(format!("`{destination}` is for responses only")),
            _ => Ok(mapping),
        }
    }

    /// Parses a response mapping.
    ///
    /// # Errors
    /// The problem, if the mapping is not supported or not allowed.
    pub fn for_response(destination: &str, source: &str) -> Result<Self, String> {
        let mapping = Self::parse(destination, source)?;

        match mapping.target {
            Target::Path | Target::Query(_) => Err(format!("`{destination}` is for requests only")),
            Target::Status if source.parse::<StatusCode>().is_err() && !source.contains('$') => {
                Err(format!("`{source}` is not a status"))
            }
            Target::Header(_) | Target::Status => Ok(mapping),
        }
    }

    fn parse(destination: &str, source: &str) -> Result<Self, String> {
        let unknown =
            || format!("`{destination}` is not supported as the destination of a mapping");
        let (action, target) = destination.split_once(':').ok_or_else(unknown)?;

        let action = match action {
            "append" => Action::Append,
            "overwrite" => Action::Overwrite,
            "remove" => Action::Remove,
            _ => return Err(unknown()),
        };

        let target = match target.split_once('.') {
            Some(("header", name)) => Target::Header(header_name(name)?),
            Some(("querystring", name)) if !name.is_empty() => Target::Query(name.to_owned()),
            None if target == "path" && action == Action::Overwrite => Target::Path,
            None if target == "statuscode" && action == Action::Overwrite => Target::Status,
            _ => return Err(unknown()),
        };

        let source = if action == Action::Remove {
            Source::default()
        } else {
            source.parse()?
        };
        Ok(Self {
            action,
            target,
            source,
        })
    }

    /// True if the mapping removes this header.
    #[must_use]
    pub fn removes(&self, header: &str) -> bool {
        self.action == Action::Remove
            && matches!(&self.target, Target::Header(name) if name == header)
    }

    /// Changes a request. Values are taken from `original`.
    pub fn change_request(
        &self,
        request: &mut RequestParts,
        original: &RequestParts,
        exchange: &Exchange,
    ) {
        let value = self.source.value(original, None, exchange);

        match (&self.target, value) {
            (Target::Header(name), value) => {
                self.change_header(&mut request.headers, name, header_value(value));
            }
            (Target::Path, Some(path)) => replace_path(request, &path),
            (Target::Query(name), value) => {
                self.change_query(&mut request.query, name, value.map(Cow::into_owned));
            }
            (Target::Path, None) | (Target::Status, _) => {}
        }
    }

    /// Changes a response. `headers` includes the changes of earlier mappings.
    pub fn change_response(
        &self,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        original: &RequestParts,
        exchange: &Exchange,
    ) {
        let value = self.source.value(original, Some(headers), exchange);

        match &self.target {
            Target::Header(name) => {
                let value = header_value(value);
                self.change_header(headers, name, value);
            }
            Target::Status => {
                if let Some(changed) = value.and_then(|text| text.parse().ok()) {
                    *status = changed;
                }
            }
            Target::Path | Target::Query(_) => {}
        }
    }

    /// A value that does not resolve changes nothing: as on AWS, the client's own header is kept.
    /// Therefore the authorizer always sets all of its values.
    fn change_header(
        &self,
        headers: &mut HeaderMap,
        name: &HeaderName,
        value: Option<HeaderValue>,
    ) {
        match (self.action, value) {
            (Action::Remove, _) => drop(headers.remove(name)),
            (Action::Overwrite, Some(value)) => drop(headers.insert(name, value)),
            (Action::Append, Some(value)) => drop(headers.append(name, value)),
            (Action::Overwrite | Action::Append, None) => {}
        }
    }

    fn change_query(
        &self,
        query: &mut Vec<(String, Option<String>)>,
        name: &str,
        value: Option<String>,
    ) {
        match (self.action, value) {
            (Action::Remove, _) => query.retain(|(known, _)| known != name),
            (Action::Overwrite, Some(value)) => {
                query.retain(|(known, _)| known != name);
                query.push((name.to_owned(), Some(value)));
            }
            (Action::Append, Some(value)) => query.push((name.to_owned(), Some(value))),
            (Action::Overwrite | Action::Append, None) => {}
        }
    }
}

fn header_value(text: Option<Cow<'_, str>>) -> Option<HeaderValue> {
    HeaderValue::from_str(&text?).ok()
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is not a valid header name"))?;

    let text = parsed.as_str();
    if RESERVED_HEADERS.contains(&text)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix))
    {
        return Err(format!(
            "the header `{name}` is reserved: API Gateway does not allow mapping it"
        ));
    }
    Ok(parsed)
}

/// Replaces the path. As on AWS, the part behind a `?` is added to the query string.
fn replace_path(request: &mut RequestParts, value: &str) {
    let (path, query) = value.split_once('?').unwrap_or((value, ""));
    path.clone_into(&mut request.path);

    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (pair.to_owned(), None),
        });
    request.query.extend(pairs);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange() -> Exchange {
        let mut exchange = Exchange::begin("r1".to_owned(), "192.0.2.1".parse().unwrap());
        exchange
            .authorizer
            .insert("user_id".to_owned(), "alice".into());
        exchange
    }

    fn request() -> RequestParts {
        let headers = [("x-user", "mallory"), ("x-other", "o")].map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        RequestParts {
            path: "/a b".to_owned(),
            query: vec![("q".to_owned(), Some("1".to_owned()))],
            headers: headers.into_iter().collect(),
        }
    }

    fn changed(destination: &str, source: &str) -> RequestParts {
        let mut parts = request();
        Mapping::for_request(destination, source)
            .unwrap()
            .change_request(&mut parts, &request(), &exchange());
        parts
    }

    fn user(parts: &RequestParts) -> Vec<&str> {
        parts
            .headers
            .get_all("x-user")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect()
    }

    #[test]
    fn headers_are_overwritten_appended_and_removed() {
        assert_eq!(
            user(&changed(
                "overwrite:header.X-User",
                "$context.authorizer.user_id"
            )),
            ["alice"]
        );
        assert_eq!(
            user(&changed("append:header.x-user", "static")),
            ["mallory", "static"]
        );
        assert!(user(&changed("remove:header.x-user", "''")).is_empty());
        assert_eq!(
            changed("overwrite:header.x-new", "$request.header.x-other").headers["x-new"],
            "o"
        );
    }

    #[test]
    fn unresolved_value_keeps_the_clients_header() {
        assert_eq!(
            user(&changed(
                "overwrite:header.x-user",
                "$context.authorizer.nothing"
            )),
            ["mallory"]
        );
        assert_eq!(
            user(&changed(
                "overwrite:header.x-user",
                "a-${context.authorizer.nothing}"
            )),
            ["mallory"]
        );
    }

    #[test]
    fn static_text_can_contain_variables() {
        assert_eq!(
            user(&changed(
                "overwrite:header.x-user",
                "id:${context.authorizer.user_id}/${context.requestId}"
            )),
            ["id:alice/r1"]
        );
    }

    #[test]
    fn path_and_query_can_be_changed() {
        assert_eq!(
            changed("overwrite:path", "/v1${request.path}").path,
            "/v1/a b"
        );
        let split = changed("overwrite:path", "/v1?a=b c&d");
        assert_eq!(split.path, "/v1");
        let own = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            split.query,
            [own("q", Some("1")), own("a", Some("b c")), own("d", None)]
        );
        assert_eq!(
            changed("append:querystring.u", "$context.authorizer.user_id")
                .query
                .len(),
            2
        );
        assert_eq!(
            changed("overwrite:querystring.q", "$request.header.x-other").query,
            [("q".to_owned(), Some("o".to_owned()))]
        );
        assert!(changed("remove:querystring.q", "''").query.is_empty());
    }

    #[test]
    fn response_mappings_change_status_and_headers() {
        let (mut status, mut headers) = (http::StatusCode::OK, HeaderMap::new());
        let change = |destination, source, status: &mut _, headers: &mut _| {
            Mapping::for_response(destination, source)
                .unwrap()
                .change_response(status, headers, &request(), &exchange());
        };
        change("overwrite:statuscode", "418", &mut status, &mut headers);
        change(
            "overwrite:header.retry-after",
            "$context.authorizer.nothing",
            &mut status,
            &mut headers,
        );
        change(
            "overwrite:header.x-a",
            "$context.requestId",
            &mut status,
            &mut headers,
        );
        change(
            "append:header.x-a",
            "$response.header.x-a",
            &mut status,
            &mut headers,
        );
        assert_eq!(
            (
                status.as_u16(),
                headers.len(),
                headers.contains_key("retry-after")
            ),
            (418, 2, false)
        );
    }

    #[test]
    fn reserved_headers_are_refused() {
        for name in [
            "Authorization",
            "via",
            "X-Forwarded-For",
            "x-amzn-trace-id",
            "Access-Control-Allow-Origin",
            "apigw-requestid",
            "te",
        ] {
            assert!(
                Mapping::for_request(&format!("overwrite:header.{name}"), "x")
                    .unwrap_err()
                    .contains("reserved"),
                "{name}"
            );
            assert!(
                Mapping::for_response(&format!("remove:header.{name}"), "''").is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn unsupported_mappings_are_refused() {
        for (destination, source) in [
            ("replace:header.a", "x"),
            ("overwrite:header.", "x"),
            ("overwrite:body", "x"),
            ("append:path", "x"),
            ("overwrite", "x"),
            ("overwrite:header.a", "$context.requestid"),
            ("overwrite:header.a", "$request.body.x"),
            ("overwrite:header.a", "a-${context.requestId"),
            ("overwrite:header.a", "$stageVariables.x"),
            ("overwrite:statuscode", "200"),
            ("overwrite:header.a b", "x"),
        ] {
            assert!(
                Mapping::for_request(destination, source).is_err(),
                "{destination} {source}"
            );
        }
        assert!(Mapping::for_response("overwrite:path", "/").is_err());
    }
}
