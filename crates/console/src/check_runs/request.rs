//! A request for a run of checks.

use checks::requests::RequestOptions;
use checks::{Group, Selection, catalogue};
use http::StatusCode;
use serde::Deserialize;

use super::target::CheckTarget;
use crate::problem::Problem;

/// The most names in `only` and in `skip`.
const MAX_NAMES: usize = 200;

/// A request for a run of checks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckRequest {
    /// The ids and groups of the checks to make. Empty for all.
    #[serde(default)]
    only: Vec<String>,
    /// The ids and groups of the checks to skip.
    #[serde(default)]
    skip: Vec<String>,
    /// The path of a route that a key may call with `GET`. The default is `/`.
    #[serde(default)]
    path: Option<String>,
    /// The path of a route that a key may call, whose backend returns the headers of each request.
    #[serde(default)]
    echo: Option<String>,
    /// True to also make the checks by requests, which create a temporary plan and key.
    #[serde(default)]
    requests: bool,
}

/// The checks of a run.
#[derive(Debug)]
pub(super) struct RunPlan {
    pub(super) selection: Selection,
    pub(super) options: RequestOptions,
    /// The number of checks.
    pub(super) total: usize,
}

impl CheckRequest {
    /// Returns the checks that can be made.
    ///
    /// # Errors
    /// 400 if a name or the path is invalid or there is nothing to check, 403 for requests of a
    /// console that only reads.
    pub(super) fn plan(self, target: &CheckTarget) -> Result<RunPlan, Problem> {
        if self.requests && !target.may_write {
            let detail = "The checks by requests create a temporary plan and a temporary key, and this \
                          console only reads. Start `tollgate console` with `--write`, or run the other \
                          checks.";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if self.only.len().max(self.skip.len()) > MAX_NAMES {
            let detail = format!("Expected at most {MAX_NAMES} names in `only` and in `skip`.");
            return Err(Problem::bad_request(detail));
        }
        let path = self.path.unwrap_or_else(|| "/".to_owned());
        check_path("path", &path)?;
        if let Some(echo) = &self.echo {
            check_path("echo", echo)?;
        }

        let selection = Selection::new(self.only, self.skip)
            .map_err(|error| Problem::bad_request(format!("{error}.")))?;
        let is_made =
            |group: Group| target.includes(group) && (self.requests || group != Group::Requests);
        let left_out = Group::ALL.into_iter().filter(|group| !is_made(*group));
        let selection = left_out.fold(selection, |selection, group| selection.without(group));
        let total = catalogue::all()
            .filter(|check| selection.includes(check))
            .count();
        if total == 0 {
            let detail = "No selected check can be made with this target and these options.";
            return Err(Problem::bad_request(detail));
        }

        Ok(RunPlan {
            selection,
            options: RequestOptions {
                path,
                echo: self.echo,
                composition: None,
                key_header: target.key_header.clone(),
            },
            total,
        })
    }
}

fn check_path(field: &str, path: &str) -> Result<(), Problem> {
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let detail = format!(
        "{field}: expected a path such as `/orders`, with other characters percent-encoded."
    );
    Err(Problem::bad_request(detail))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use serde_json::{Value, json};

    use super::*;
    use crate::backend::Backend;
    use crate::local::Local;

    fn plan(request: Value, may_write: bool) -> Result<RunPlan, u64> {
        let http = Request::post("/").header("host", "127.0.0.1:3000");
        let http = http.body(Bytes::new()).unwrap();
        let mut target = CheckTarget::of(&Backend::local(&Local::new("0.0.0")), &http).unwrap();
        target.may_write = may_write;

        let request: CheckRequest = serde_json::from_value(request).unwrap();
        let status = |problem| serde_json::to_value(problem).unwrap()["status"].as_u64();
        request
            .plan(&target)
            .map_err(|problem| status(problem).unwrap())
    }

    #[test]
    fn requests_are_only_made_if_asked_for() {
        let includes = |request| {
            let plan = plan(request, true).unwrap();
            let selection = plan.selection;
            [Group::Configuration, Group::Requests, Group::Network]
                .map(|group| selection.includes_any_of(group))
        };
        assert_eq!(includes(json!({})), [true, false, false]);
        assert_eq!(includes(json!({"requests": true})), [true, true, false]);
    }

    #[test]
    fn console_that_only_reads_makes_no_requests() {
        assert_eq!(plan(json!({"requests": true}), false).unwrap_err(), 403);
        assert!(plan(json!({}), false).is_ok());
    }

    #[test]
    fn invalid_requests_are_refused() {
        for request in [
            json!({"only": ["unknown"]}),
            json!({"only": ["network"]}),
            json!({"only": ["requests"]}),
            json!({"skip": ["configuration"]}),
            json!({"skip": vec!["api"; MAX_NAMES + 1]}),
            json!({"path": "orders"}),
            json!({"path": "/a b"}),
            json!({"echo": "orders"}),
        ] {
            assert_eq!(plan(request.clone(), true).unwrap_err(), 400, "{request}");
        }
    }
}
