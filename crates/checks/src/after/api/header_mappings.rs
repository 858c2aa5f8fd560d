//! The header mappings of integrations, in the notation of HTTP APIs.

use std::collections::BTreeMap;

use outcome::{BACKEND_HEADER_PREFIX, BACKEND_HEADERS, ORIGIN_HEADER};
use serde_json::Value;

use super::mapping_source::{compared, shown};
use crate::findings::Findings;

/// A reference that only CloudFormation resolves. The value is a secret.
const DYNAMIC_REFERENCE: &str = "{{resolve:";
const REQUEST_ID_HEADER: &str = "x-request-id";
/// The default of the parameter `KeyHeader`.
const DEFAULT_KEY_HEADER: &str = "x-api-key";
/// The headers with which a client could replace the method or path that the policy applies to, and
/// the secret of the policy's `front`.
const REMOVED_HEADERS: [&str; 6] = [
    "x-origin-verify",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];
/// The sources of a header without a value.
const NO_VALUE: [&str; 3] = ["", "-", "'-'"];

/// The header mappings of an integration: sources by actions such as `overwrite:header.x-request-id`,
/// in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderMappings(BTreeMap<String, String>);

impl HeaderMappings {
    /// Reads the request parameters of an integration of an HTTP API.
    pub(super) fn of_http(parameters: &Value) -> Self {
        let headers = strings(parameters).filter(|(key, _)| key.contains(":header."));
        Self(headers.collect())
    }

    /// Reads the request parameters of an integration of a REST API, which always overwrite.
    pub(super) fn of_rest(parameters: &Value) -> Self {
        let headers = strings(parameters).filter_map(|(key, source)| {
            let header = key.strip_prefix("integration.request.header.")?;
            Some((format!("overwrite:header.{header}"), source))
        });
        Self(headers.collect())
    }

    /// Returns the mappings with those that every integration needs, also if the template of the stack
    /// does not ask for them. Behind the authorizer, they set identities. Elsewhere, they remove them.
    pub(super) fn with_necessary(mut self, is_protected: bool, key_header: &str) -> Self {
        for header in BACKEND_HEADERS {
            let field = header.trim_start_matches(BACKEND_HEADER_PREFIX);
            let (key, source) = match is_protected {
                true => (
                    format!("overwrite:header.{header}"),
                    format!("$context.authorizer.{}", field.replace('-', "_")),
                ),
                false => (format!("remove:header.{header}"), "''".to_owned()),
            };
            self.0.insert(key, source);
        }

        let key_header = match key_header {
            "" => DEFAULT_KEY_HEADER,
            header => header,
        };
        for header in REMOVED_HEADERS.into_iter().chain([key_header]) {
            self.0
                .insert(format!("remove:header.{header}"), "''".to_owned());
        }
        // A constant, or a secret that the template names.
        let origin = format!("overwrite:header.{ORIGIN_HEADER}");
        self.0.entry(origin).or_insert_with(|| "-".to_owned());
        self
    }

    /// Adds the mappings of `other` for headers that have none.
    pub(super) fn or(mut self, other: &Self) -> Self {
        for (key, source) in &other.0 {
            self.0.entry(key.clone()).or_insert_with(|| source.clone());
        }
        self
    }

    /// Returns the mappings with the same effect in a REST API. A header cannot be removed there, so a
    /// constant replaces it.
    pub(super) fn for_rest(&self) -> Self {
        let headers = self.0.iter().map(|(key, source)| {
            let header = header(key);
            let source = match source.strip_prefix('$') {
                Some(source) if !key.starts_with("remove:") => source.to_owned(),
                _ if source.contains(DYNAMIC_REFERENCE) => source.clone(),
                _ => "'-'".to_owned(),
            };
            (format!("overwrite:header.{header}"), source)
        });
        Self(headers.collect())
    }

    /// Returns the mappings that keep secrets and identities of clients from a backend. The ID of the
    /// request is of no importance in an integration that the stack did not create.
    pub(super) fn of_identity(&self) -> Self {
        let mut mappings = self.clone();
        mappings.0.retain(|key, _| header(key) != REQUEST_ID_HEADER);
        mappings
    }

    /// Returns the number of mappings.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares the mappings of an integration with those that are needed. `name` is the name of the
    /// integration in details. No detail contains a constant: each can be a secret.
    pub(super) fn review(&self, name: &str, needed: &Self, findings: &mut Findings) {
        for (key, expected) in &needed.0 {
            match self.0.get(key) {
                None => findings.problem(format!("{name} has no mapping {key}")),
                Some(actual) if is_same(key, actual, expected) => {}
                Some(_) if header(key) == ORIGIN_HEADER => findings.problem(format!(
                    "{name} sets {ORIGIN_HEADER} to a value that the parameters do not ask for"
                )),
                Some(actual) => {
                    let sources = compared(actual, expected);
                    findings.problem(format!("{name} maps {key} from {sources}"));
                }
            }
        }

        for (key, source) in &self.0 {
            let header = header(key);
            let concerns =
                is_identity(header) || needed.0.keys().any(|key| self::header(key) == header);
            let is_harmless = key.starts_with("remove:") && !needed.overwrites(header);
            if needed.0.contains_key(key) || !concerns || is_harmless {
                continue;
            }
            let source = shown(source);
            findings.problem(format!("{name} also maps {key} from {source}"));
        }
    }

    fn overwrites(&self, header: &str) -> bool {
        self.0.contains_key(&format!("overwrite:header.{header}"))
    }
}

/// True if the source of a mapping has the expected effect. Removing a header needs no value, and
/// every constant has the same effect in a REST API.
fn is_same(key: &str, actual: &str, expected: &str) -> bool {
    let is_constant = |source: &str| source.starts_with('\'') && source.ends_with('\'');
    if expected.contains(DYNAMIC_REFERENCE) {
        return !NO_VALUE.contains(&actual);
    }
    let is_removal =
        key.starts_with("remove:") || (expected == "'-'" && !key.ends_with(ORIGIN_HEADER));
    actual == expected
        || (is_removal && is_constant(actual))
        || (key.starts_with("remove:") && actual.is_empty())
}

/// Returns the header of an action such as `append:header.x-a`.
fn header(key: &str) -> &str {
    key.split_once(":header.").map_or("", |(_, header)| header)
}

/// True if backends trust the header.
fn is_identity(header: &str) -> bool {
    header.starts_with(BACKEND_HEADER_PREFIX)
}

fn strings(parameters: &Value) -> impl Iterator<Item = (String, String)> {
    let parameters = parameters.as_object().into_iter().flatten();
    parameters
        .filter_map(|(key, source)| Some((key.to_ascii_lowercase(), source.as_str()?.to_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::verdict::Verdict;

    use super::*;

    fn needed() -> HeaderMappings {
        HeaderMappings::of_http(&json!({
            "overwrite:path": "$request.path",
            "overwrite:header.x-request-id": "$context.requestId",
            "overwrite:header.x-tollgate-plan": "$context.authorizer.plan",
            "overwrite:header.x-tollgate-origin": "{{resolve:secretsmanager:arn:SecretString:::}}",
            "remove:header.x-api-key": "''",
        }))
    }

    fn review(actual: &Value, needed: &HeaderMappings) -> Verdict {
        let mut findings = Findings::default();
        HeaderMappings::of_http(actual).review("int", needed, &mut findings);
        findings.verdict("fine")
    }

    #[test]
    fn case_of_names_and_values_of_removals_do_not_matter() {
        let actual = json!({
            "overwrite:header.X-Request-Id": "$context.requestId",
            "overwrite:header.x-tollgate-plan": "$context.authorizer.plan",
            "overwrite:header.x-tollgate-origin": "0123456789abcdef",
            "remove:header.x-api-key": "",
            "append:header.x-other": "$request.header.x-other",
        });
        assert_eq!(review(&actual, &needed()), Verdict::ok("fine"));
    }

    #[test]
    fn every_difference_is_named_without_the_secret() {
        let actual = json!({
            "append:header.x-request-id": "$context.requestId",
            "overwrite:header.x-tollgate-plan": "$request.header.x-plan",
            "append:header.x-tollgate-origin": "0123456789abcdef",
            "overwrite:header.x-tollgate-origin": "-",
            "append:header.x-tollgate-tenant": "$request.header.x-tenant",
            "overwrite:header.x-api-key": "0123456789abcdef",
        });
        let verdict = review(&actual, &needed());
        assert_eq!(
            verdict.details,
            [
                "int has no mapping overwrite:header.x-request-id",
                "int sets x-tollgate-origin to a value that the parameters do not ask for",
                "int maps overwrite:header.x-tollgate-plan from $request.header.x-plan, expected $context.authorizer.plan",
                "int has no mapping remove:header.x-api-key",
                "int also maps append:header.x-request-id from $context.requestId",
                "int also maps append:header.x-tollgate-origin from a constant",
                "int also maps append:header.x-tollgate-tenant from $request.header.x-tenant",
                "int also maps overwrite:header.x-api-key from a constant",
            ]
        );
        assert!(!format!("{verdict:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn removed_identity_is_a_problem_only_where_it_is_set() {
        let actual = json!({
            "remove:header.x-tollgate-plan": "''",
            "remove:header.x-old-key": "''",
            "remove:header.x-tollgate-old": "''",
        });
        let needed = HeaderMappings::of_http(&json!({
            "overwrite:header.x-tollgate-plan": "$context.authorizer.plan",
        }));
        assert_eq!(
            review(&actual, &needed).details,
            [
                "int has no mapping overwrite:header.x-tollgate-plan",
                "int also maps remove:header.x-tollgate-plan from a constant",
            ]
        );
    }

    #[test]
    fn mappings_of_rest_apis_are_compared_alike() {
        let needed = needed().for_rest();
        let actual = HeaderMappings::of_rest(&json!({
            "integration.request.header.x-request-id": "context.requestId",
            "integration.request.header.x-tollgate-plan": "context.authorizer.plan",
            "integration.request.header.x-tollgate-origin": "'0123456789abcdef'",
            "integration.request.header.x-api-key": "'removed'",
            "integration.request.path.proxy": "method.request.path.proxy",
        }));
        let mut found = Findings::default();
        actual.review("int", &needed, &mut found);
        assert_eq!(found.verdict("fine"), Verdict::ok("fine"));

        let actual = HeaderMappings::of_rest(&json!({
            "integration.request.header.x-tollgate-plan": "method.request.header.x-tollgate-plan",
        }));
        let mut found = Findings::default();
        actual.review("int", &needed, &mut found);
        assert_eq!(found.verdict("").details.len(), 4);
    }

    #[test]
    fn identity_needs_no_request_id() {
        let identity = needed().of_identity();
        assert_eq!(identity.len(), 3);
    }
}
