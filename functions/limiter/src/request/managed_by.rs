//! `X-Tollgate-Managed-By`: the name of the program that creates a plan, a policy or a key.

use axum::extract::FromRequestParts;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use registry::ManagedBy;

use crate::problem::{Mistake, Problem};

static NAME: HeaderName = HeaderName::from_static("x-tollgate-managed-by");

/// The program that sends a request, if it gives its name.
pub(crate) struct Creator(pub(crate) Option<ManagedBy>);

impl<S: Sync> FromRequestParts<S> for Creator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        creator(&parts.headers).map(Self)
    }
}

/// Reads the header.
///
/// # Errors
/// 400 if it is invalid or repeated.
fn creator(headers: &HeaderMap) -> Result<Option<ManagedBy>, Problem> {
    let mut values = headers.get_all(&NAME).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };

    let name = value.to_str().ok().and_then(ManagedBy::new);
    match name {
        Some(name) if values.next().is_none() => Ok(Some(name)),
        _ => {
            let detail = "expected one name of 1 to 64 lower-case letters, digits and `-`";
            let mistake = Mistake::in_parameter(NAME.as_str(), detail);
            Err(Problem::invalid_parameters(vec![mistake]))
        }
    }
}

/// Adds the header to a response that shows a plan or a policy.
pub(crate) fn with_managed_by(mut response: Response, name: Option<&ManagedBy>) -> Response {
    let value = name.and_then(|name| HeaderValue::from_str(name.as_str()).ok());
    if let Some(value) = value {
        response.headers_mut().insert(NAME.clone(), value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn creator_of(values: &[&'static str]) -> Option<Option<ManagedBy>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&NAME, HeaderValue::from_static(value));
        }
        creator(&headers).ok()
    }

    #[test]
    fn header_has_one_valid_name() {
        assert_eq!(creator_of(&[]), Some(None));
        assert_eq!(creator_of(&["prod-1"]), Some(ManagedBy::new("prod-1")));
        for values in [&[""][..], &["Prod"], &["a, b"], &["a_b"], &["a", "a"]] {
            assert_eq!(creator_of(values), None, "{values:?}");
        }
    }
}
