//! Recorded responses of AWS services, for tests.
//!
//! The folder `answers` has one file per call: `SERVICE.Operation.xml` or `.json`. With `@TEXT` in the
//! name, the file is only for requests whose path or body contains the text, in which `~` is `/`. The longest matching
//! text wins. Each file has the form that AWS documents; `answers/README.md` names the sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use admin_client::{AwsError, AwsService};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderName, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::{Account, Transport};
use crate::stack::Stack;

/// The name of the recorded stack.
pub(crate) const STACK: &str = "tollgate";
/// The region of the recorded stack.
pub(crate) const REGION: &str = "eu-west-1";
/// The instant at which the responses were recorded.
pub(crate) const NOW: &str = "2026-11-28T12:00:00Z";

/// The recorded responses of a healthy stack, with changes.
#[derive(Clone)]
pub(crate) struct Recorded {
    answers: BTreeMap<String, Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    body: String,
}

impl Recorded {
    /// Returns the responses of a healthy stack in production, with the template of this project.
    pub(crate) fn healthy() -> Self {
        let mut recorded = Self {
            answers: answers(&folder()),
        };
        recorded.set_template("cloudformation.GetTemplate.xml", "template.yaml");
        recorded.set_template(
            "cloudformation.GetTemplate@stack~tollgate-Monitoring.xml",
            "stacks/monitoring.yaml",
        );
        recorded.set_release(env!("CARGO_PKG_VERSION"));
        recorded
    }

    /// Returns the responses of a stack that is attached to an existing HTTP API, whose stage is `prod`.
    pub(crate) fn attached() -> Self {
        Self::healthy().overlaid("attached")
    }

    /// Returns the responses of a stack without an API, and of an HTTP API with a definition of its
    /// own that uses the authorizer.
    pub(crate) fn defined() -> Self {
        Self::healthy().overlaid("defined")
    }

    /// Returns the responses of a stack of `examples/rest-api.yaml`.
    pub(crate) fn rest() -> Self {
        let mut recorded = Self::healthy().overlaid("rest");
        recorded.set_template("cloudformation.GetTemplate.xml", "examples/rest-api.yaml");
        recorded
    }

    /// Replaces responses by those in a folder.
    fn overlaid(mut self, name: &str) -> Self {
        self.answers.extend(answers(&folder().join(name)));
        self
    }

    /// Changes the body of a response. `name` is the name of its file.
    pub(crate) fn with(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let answer = self.answer(name);
        let changed = change(&answer.body);
        assert_ne!(answer.body, changed, "the change of {name} changes nothing");
        answer.body = changed;
        self
    }

    /// Changes the JSON of a response. `name` is the name of its file.
    pub(crate) fn with_json(self, name: &str, change: impl Fn(&mut Value)) -> Self {
        self.with(name, |body| {
            let mut value = serde_json::from_str(body).unwrap();
            change(&mut value);
            value.to_string()
        })
    }

    /// Returns the body of a response. `name` is the name of its file.
    pub(crate) fn body(mut self, name: &str) -> String {
        self.answer(name).body.clone()
    }

    /// Adds a response, or replaces it.
    pub(crate) fn answering(mut self, name: &str, body: impl Into<String>) -> Self {
        self.answers
            .insert(name.to_owned(), Answer::ok(body.into()));
        self
    }

    /// Changes a parameter of the stack.
    pub(crate) fn with_parameter(self, name: &str, value: &str) -> Self {
        self.with("cloudformation.DescribeStacks.xml", |text| {
            let start = format!("<ParameterKey>{name}</ParameterKey>");
            let others: Vec<&str> = text.lines().filter(|line| !line.contains(&start)).collect();
            let added = format!(
                "<Parameters>\n<member>{start}<ParameterValue>{value}</ParameterValue></member>"
            );
            others.join("\n").replacen("<Parameters>", &added, 1)
        })
    }

    /// Denies a call. `name` is the name of its file.
    pub(crate) fn denied(mut self, name: &str) -> Self {
        let answer = self.answer(name);
        answer.status = StatusCode::FORBIDDEN;
        answer.body = r#"{"__type": "AccessDeniedException", "message": "denied"}"#.to_owned();
        self
    }

    /// Makes a call fail with the error for objects that do not exist.
    pub(crate) fn missing(mut self, name: &str) -> Self {
        let answer = self.answer(name);
        answer.status = StatusCode::NOT_FOUND;
        answer.body = r#"{"__type": "NotFoundException", "message": "not found"}"#.to_owned();
        self
    }

    /// Makes a call fail with an error code and a message of AWS.
    pub(crate) fn refusing(mut self, name: &str, code: &str, message: &str) -> Self {
        let answer = self.answer(name);
        answer.status = StatusCode::BAD_REQUEST;
        answer.body = serde_json::json!({"__type": code, "message": message}).to_string();
        self
    }

    /// Makes a call fail because the object is in another region.
    pub(crate) fn elsewhere(mut self, name: &str) -> Self {
        let answer = self.answer(name);
        answer.status = StatusCode::MOVED_PERMANENTLY;
        self
    }

    /// Returns the account.
    pub(crate) fn account(self) -> Account {
        Account::over(Arc::new(self), REGION.to_owned())
    }

    /// Returns the stack, checked at [`NOW`].
    pub(crate) async fn stack(self) -> Stack {
        let stack = Stack::read(self.account(), STACK).await.unwrap();
        stack.at(NOW.parse().unwrap())
    }

    fn answer(&mut self, name: &str) -> &mut Answer {
        let known = self.answers.keys().cloned().collect::<Vec<_>>().join(" ");
        let answer = self.answers.get_mut(name);
        answer.unwrap_or_else(|| panic!("no answer {name}, expected one of {known}"))
    }

    fn set_template(&mut self, name: &str, path: &str) {
        let template = std::fs::read_to_string(folder().join("../../..").join(path)).unwrap();
        let escaped = template.replace('&', "&amp;").replace('<', "&lt;");
        let body = format!(
            "<GetTemplateResponse><GetTemplateResult><TemplateBody>{escaped}</TemplateBody></GetTemplateResult></GetTemplateResponse>"
        );
        self.answers.insert(name.to_owned(), Answer::ok(body));
    }

    /// Sets the output `Version`, so that the recorded stack is of the release under test.
    fn set_release(&mut self, version: &str) {
        let answer = self.answer("cloudformation.DescribeStacks.xml");
        let key = "<OutputKey>Version</OutputKey><OutputValue>";
        let (before, after) = answer.body.split_once(key).unwrap();
        let (_, after) = after.split_once('<').unwrap();
        answer.body = format!("{before}{key}{version}<{after}");
    }

    /// Returns the response to a request, by the longest text that it contains.
    fn find(&self, service: &str, request: &Request<Bytes>) -> Option<&Answer> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let content = format!("{} {body}", request.uri());
        let content = percent_decode_str(&content)
            .decode_utf8_lossy()
            .into_owned();
        let operation = operation(request, &body);
        let prefix = format!("{service}.{operation}");

        let mut found: Vec<(String, &Answer)> = Vec::new();
        for (name, answer) in &self.answers {
            let stem = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(stem, _)| stem);
            let (call, text) = stem.split_once('@').unwrap_or((stem, ""));
            let text = text.replace('~', "/");
            if call == prefix && content.contains(&text) {
                found.push((text, answer));
            }
        }
        found.sort_by_key(|(text, _)| text.len());
        found.last().map(|(_, answer)| *answer)
    }
}

impl Answer {
    fn ok(body: String) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// Returns the response. The answer to `HEAD` is a list of header fields, one per line.
    fn response(&self, method: &Method) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = self.status;
        if method != Method::HEAD {
            *response.body_mut() = Bytes::from(self.body.clone());
            return response;
        }
        if !self.status.is_success() {
            return response;
        }
        for (name, value) in self.body.lines().filter_map(|line| line.split_once(": ")) {
            let name = HeaderName::try_from(name).unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    }
}

impl Transport for Recorded {
    fn send<'a>(
        &'a self,
        service: AwsService,
        request: &'a Request<Bytes>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, AwsError>> {
        let answer = self.find(service.name, request);
        let answer = answer.unwrap_or_else(|| {
            panic!(
                "no recorded answer of {} for {} {:?}",
                service.name,
                request.uri(),
                request.body()
            )
        });
        let response = answer.response(request.method());
        let outcome = if answer.status.is_success() {
            Ok(response)
        } else {
            Err(AwsError::of_response(service.name, &response))
        };
        Box::pin(std::future::ready(outcome))
    }
}

/// Returns the operation: that in `x-amz-target` or `Action`, or else the method.
fn operation(request: &Request<Bytes>, body: &str) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        let target = target.to_str().unwrap();
        return target.rsplit('.').next().unwrap().to_owned();
    }
    match body.strip_prefix("Action=") {
        Some(rest) => rest.split('&').next().unwrap().to_owned(),
        None => request.method().to_string(),
    }
}

/// Reads the responses in a folder.
fn answers(folder: &Path) -> BTreeMap<String, Answer> {
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_file() && name != "README.md" {
            let body = std::fs::read_to_string(&path).unwrap();
            answers.insert(name, Answer::ok(body));
        }
    }
    answers
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("answers")
}
