//! Parameter mapping: what an integration changes on the way there and back.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html>.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Exchange;
use super::source::Source;

const RESERVED: [&str; 18] = [
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

/// One change.
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

/// What a mapping may change in a request.
#[derive(Clone, Debug)]
pub struct RequestParts {
    /// The path, decoded.
    pub path: String,
    /// Names and values as they stand in the request line, undecoded.
    pub query: Vec<(String, Option<String>)>,
    /// Headers.
    pub headers: HeaderMap,
}

impl Mapping {
    /// A change of requests: `overwrite:header.x-user` with `$context.authorizer.user_id`.
    ///
    /// # Errors
    /// What is not understood or not allowed, in words.
    pub fn for_request(destination: &str, source: &str) -> Result<Self, String> {
        let mapping = Self::parse(destination, source)?;
        match mapping.target {
            Target::Status => Err(format!("`{destination}` is for responses")),
            _ => Ok(mapping),
        }
    }

    /// A change of responses.
    ///
    /// # Errors
    /// What is not understood or not allowed, in words.
    pub fn for_response(destination: &str, source: &str) -> Result<Self, String> {
        let mapping = Self::parse(destination, source)?;
        match mapping.target {
            Target::Path | Target::Query(_) => Err(format!("`{destination}` is for requests")),
            Target::Status if source.parse::<StatusCode>().is_err() && !source.contains('$') => {
                Err(format!("`{source}` is no status"))
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

    /// Whether it takes a header out.
    #[must_use]
    pub fn removes(&self, header: &str) -> bool {
        self.action == Action::Remove
            && matches!(&self.target, Target::Header(name) if name == header)
    }

    /// Changes a request.
    pub fn change_request(
        &self,
        request: &mut RequestParts,
        original: &RequestParts,
        exchange: &Exchange,
    ) {
        let value = self.source.value(original, None, exchange);
        match (&self.target, value) {
            (Target::Header(name), value) => self.change_header(&mut request.headers, name, value),
            (Target::Path, Some(path)) => replace_path(request, &path),
            (Target::Query(name), value) => self.change_query(&mut request.query, name, value),
            (Target::Path, None) | (Target::Status, _) => {}
        }
    }

    /// Changes a response. `headers` is what it has become so far.
    pub fn change_response(
        &self,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        original: &RequestParts,
        exchange: &Exchange,
    ) {
        let value = self.source.value(original, Some(headers), exchange);
        match &self.target {
            Target::Header(name) => self.change_header(headers, name, value),
            Target::Status => {
                if let Some(changed) = value.and_then(|text| text.parse().ok()) {
                    *status = changed;
                }
            }
            Target::Path | Target::Query(_) => {}
        }
    }

    /// A value that does not resolve changes nothing: a header of that name stays as the client
    /// sent it, on AWS as here. That is why the authorizer leaves none of its values out.
    fn change_header(&self, headers: &mut HeaderMap, name: &HeaderName, value: Option<String>) {
        let value = value.and_then(|text| HeaderValue::from_str(&text).ok());
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

fn header_name(name: &str) -> Result<HeaderName, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is no header's name"))?;
    let text = parsed.as_str();
    if RESERVED.contains(&text)
        || RESERVED_PREFIXES
            .iter()
            .any(|prefix| text.starts_with(prefix))
    {
        return Err(format!(
            "the header `{name}` is reserved: API Gateway does not let it be mapped"
        ));
    }
    Ok(parsed)
}

/// Replaces the path. As on AWS, what follows a `?` in the value becomes a part of the query
/// string.
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
    fn a_value_that_does_not_resolve_leaves_the_clients_own() {
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
    fn variables_can_stand_in_static_text() {
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
    fn a_response_is_changed_by_its_own_rules() {
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
    fn what_is_not_understood_is_refused() {
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
