//! Requests of another client, such as a browser, that are signed and sent on.

use std::time::Duration;

use aws::{CallError, HttpCall, Replay};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

use crate::api::API_PATH;
use crate::client::{AdminClient, USER_AGENT_VALUE};
use crate::credentials_error::CredentialsError;
use crate::error::ClientError;
use crate::path;
use crate::problem::media_type;

/// The description of the API, which is not below [`API_PATH`].
const DESCRIPTION_PATH: &str = "/_tollgate/openapi.json";
/// The media types that the admin API sends.
const MEDIA_TYPES: [&str; 3] = ["application/json", "application/problem+json", "text/csv"];
const PROBLEM: &str = "application/problem+json";

impl AdminClient {
    /// Signs a request to the admin API, and returns the response with any status that Tollgate itself
    /// sent. `request` has a path instead of a URL. Its headers are sent as they are.
    ///
    /// There is one attempt, within `limit`. Redirects are not followed, and a response of more than
    /// 16 MiB is an error.
    ///
    /// # Errors
    /// [`ClientError`] if the path is not one of the admin API, if the request cannot be signed, if there
    /// is no response in time, or if another server than Tollgate responded.
    pub async fn forward(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, ClientError> {
        let deadline = Instant::now() + limit;
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let request = self.signed(request, limit).await?;

        let call = HttpCall {
            service: "tollgate".into(),
            operation: "AdminApi",
            request,
            replay: Replay::Never,
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        let outcome = self.api.calls.send_once(call, remaining).await;
        let response = outcome.map_err(|error| self.unreachable(error, !method.is_safe()))?;

        if is_of_tollgate(&response) {
            return Ok(response);
        }
        let path = path.strip_prefix(API_PATH).unwrap_or(&path);
        if response.status().is_success() {
            return Err(self.unexpected(&format!("{method} {path}"), &response));
        }
        let refusal = self.refusal(&method, path, &response).await;
        Err(ClientError::Refused(refusal))
    }

    /// Returns the request with its URL and signature.
    async fn signed(
        &self,
        mut request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Request<Bytes>, ClientError> {
        let path = request.uri().path();
        let is_of_api =
            path == DESCRIPTION_PATH || (path.strip_prefix(API_PATH)).is_some_and(path::is_plain);
        let url = format!("{}{}", self.url(), request.uri());
        let invalid = || ClientError::InvalidPath {
            path: path.to_owned(),
        };
        let url = url.parse().ok().filter(|_| is_of_api).ok_or_else(invalid)?;

        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, USER_AGENT_VALUE);
        if let Some(signer) = &self.api.signer {
            let signed = tokio::time::timeout(limit, signer.sign(&mut request)).await;
            signed.map_err(|_| CredentialsError::TimedOut(limit))??;
        }
        Ok(request)
    }

    fn unreachable(&self, error: CallError, is_write: bool) -> ClientError {
        ClientError::Unreachable {
            target: self.target().to_owned(),
            error,
            has_certificate: self.has_certificate(),
            is_write,
        }
    }

    fn unexpected(&self, request: &str, response: &Response<Bytes>) -> ClientError {
        let found = content_type(response);
        ClientError::Unexpected {
            target: self.target().to_owned(),
            request: request.to_owned(),
            problem: format!("content type `{found}`, expected JSON or CSV"),
        }
    }
}

/// True if a response is one that the admin API sends: data, or a problem document.
fn is_of_tollgate(response: &Response<Bytes>) -> bool {
    let media_type = media_type(content_type(response)).to_ascii_lowercase();
    match response.status() {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => true,
        status if status.is_redirection() => false,
        status if status.is_success() => MEDIA_TYPES.contains(&&*media_type),
        _ => media_type == PROBLEM,
    }
}

fn content_type(response: &Response<Bytes>) -> &str {
    let value = response.headers().get(CONTENT_TYPE);
    value
        .and_then(|value: &HeaderValue| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testing::{HttpReply, HttpServer};

    use super::*;
    use crate::api::Api;

    const LIMIT: Duration = Duration::from_secs(10);
    const PLANS: &str = "/_tollgate/v1/plans";

    /// Returns a client that signs with the credentials `AKIDEXAMPLE`.
    fn client(server: &HttpServer) -> AdminClient {
        let api = Api::signing_for(&server.url());
        AdminClient { api: api.into() }
    }

    fn request(method: &str, path: &str) -> Request<Bytes> {
        let request = Request::builder().method(method).uri(path);
        request.body(Bytes::new()).unwrap()
    }

    #[tokio::test]
    async fn request_is_signed_and_sent_once() {
        let server = HttpServer::start();
        let busy = json!({"detail": "Too many requests."}).to_string();
        let busy = HttpReply::text(429, PROBLEM, &busy).header("retry-after", "0");
        server.reply(&format!("GET {PLANS}"), busy);

        let request = request("GET", "/_tollgate/v1/plans?limit=1");
        let response = client(&server).forward(request, LIMIT).await.unwrap();
        assert_eq!(response.status(), 429);
        let received = server.requests();
        assert_eq!(
            (received.len(), &*received[0].target),
            (1, "/_tollgate/v1/plans?limit=1")
        );
        let signature = &received[0].headers["authorization"];
        assert!(
            signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
            "{signature}"
        );
        assert!(
            signature.contains("/execute-api/aws4_request"),
            "{signature}"
        );
    }

    #[tokio::test]
    async fn only_paths_of_the_admin_api_are_sent() {
        let server = HttpServer::start();
        for path in [
            "/orders",
            "/_tollgate/v1",
            "/_tollgate/v1/",
            "/_tollgate/v1/../orders",
            "/_tollgate/v1//plans",
            "/_tollgate/v10/plans",
            "/_tollgate/usage",
            "/_tollgate/openapi.json/x",
        ] {
            let error = client(&server).forward(request("GET", path), LIMIT).await;
            let error = error.unwrap_err();
            assert!(
                matches!(error, ClientError::InvalidPath { .. }),
                "{path}: {error}"
            );
        }
        assert!(server.requests().is_empty());
    }

    #[tokio::test]
    async fn response_of_another_server_is_an_error() {
        let server = HttpServer::start();
        let to_login = HttpReply::text(302, PROBLEM, "{}").header("location", "https://a.example/");
        for (reply, expected) in [
            (
                HttpReply::json(403, &json!({"message": "Forbidden"})),
                "Expected the permission execute-api:Invoke on ",
            ),
            (
                HttpReply::json(404, &json!({"message": "Not Found"})),
                "is it Tollgate?",
            ),
            (
                HttpReply::text(200, "text/html", "<html>"),
                "content type `text/html`, expected JSON or CSV",
            ),
            (to_login, ""),
        ] {
            let path = format!("{PLANS}/p{}", reply.status());
            server.reply(&format!("GET {path}"), reply);
            let error = client(&server).forward(request("GET", &path), LIMIT).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains(expected), "{path}: {error}");
        }
    }

    #[tokio::test]
    async fn csv_and_empty_responses_of_the_api_pass() {
        let server = HttpServer::start();
        for (method, reply) in [
            (
                "GET",
                HttpReply::text(200, "text/csv; charset=utf-8", "a,b"),
            ),
            ("DELETE", HttpReply::text(204, "text/plain", "")),
        ] {
            let status = reply.status();
            server.reply(&format!("{method} {PLANS}"), reply);
            let response = client(&server).forward(request(method, PLANS), LIMIT).await;
            assert_eq!(response.unwrap().status(), status, "{method}");
        }
    }

    #[tokio::test]
    async fn limit_is_the_time_for_the_response() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = AdminClient {
            api: Api::signing_for(&url).into(),
        };
        let limit = Duration::from_millis(50);
        let error = client
            .forward(request("POST", PLANS), limit)
            .await
            .unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert!(error.to_string().contains("may have been made"), "{error}");
    }
}
