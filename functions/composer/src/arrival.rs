//! A request to a composition, from its query to its response.

use composition::{FieldSelection, PartMethod, Route, VersionShape};
use http::Uri;
use routes::Match;

use crate::active_compositions::ActiveCompositions;
use crate::answer::Composed;
use crate::caller_context::CallerContext;
use crate::log::ReplyKind;
use crate::part_run::PartResult;
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::{PartReport, Reply};
use crate::request::Request;

/// The seconds after which a client may retry if a required part is missing and nothing says more.
const RETRY_AFTER_S: u64 = 1;

/// A request whose route and query are checked.
pub(crate) struct Arrival<'r> {
    pub(crate) request: &'r Request,
    pub(crate) context: &'r CallerContext,
    pub(crate) active: &'r ActiveCompositions,
    pub(crate) route: &'r Route,
    pub(crate) parameters: &'r [(&'r str, &'r str)],
    pub(crate) query: Query<'r>,
    pub(crate) shapes: Vec<&'r VersionShape>,
    pub(crate) selection: Option<FieldSelection>,
}

impl<'r> Arrival<'r> {
    /// Reads the query and the client's version.
    ///
    /// # Errors
    /// 400 for a query that the route cannot use.
    pub(crate) fn new(
        request: &'r Request,
        context: &'r CallerContext,
        active: &'r ActiveCompositions,
        found: &'r Match<'r, 'r, Route>,
    ) -> Result<Self, Problem> {
        let route = found.value;
        let query = Query::parse(&request.query).map_err(Problem::invalid_query)?;
        let parameters = route.query_parameters();
        for name in parameters
            .iter()
            .copied()
            .chain(route.fields_parameter.as_deref())
        {
            query.check_single(name).map_err(Problem::invalid_query)?;
        }

        if request.has_encoded_body() {
            return Err(Problem::encoded_body());
        }
        let shapes = route.shapes_for(|name| request.header(name.as_str()));
        let selection = selection(route, &query, &shapes)?;
        Ok(Self {
            request,
            context,
            active,
            route,
            parameters: &found.parameters,
            query,
            shapes,
            selection,
        })
    }

    /// Returns the response to a request whose parts have run. `missing` is the required part that
    /// is missing. `credential_headers` are those that callers send their credentials in.
    pub(crate) fn finish(
        &self,
        results: Vec<Option<PartResult>>,
        missing: Option<usize>,
        used_identity: bool,
        credential_headers: [&str; 2],
    ) -> Reply {
        let parts = self.reports(&results);
        if let Some(index) = missing {
            let problem = self.missing_part(index, results.get(index).and_then(Option::as_ref));
            let problem = self.with_sent_post(problem, &results);
            return Reply {
                parts,
                ..Reply::problem(&problem, ReplyKind::Failed)
            };
        }

        let too_large = self.with_sent_post(Problem::too_large(), &results);
        let is_complete = results
            .iter()
            .flatten()
            .all(|result| result.outcome.is_ok());
        let composed = Composed {
            request: self.request,
            route: self.route,
            shapes: &self.shapes,
            selection: self.selection.as_ref(),
            results,
            used_identity,
            credential_headers,
        };
        match composed.compose() {
            Ok(composition) => Reply {
                status: composition.status,
                headers: composition.headers,
                body: composition.body,
                kind: if is_complete {
                    ReplyKind::Complete
                } else {
                    ReplyKind::Partial
                },
                reason: None,
                parts,
            },
            Err(_) => Reply {
                parts,
                ..Reply::problem(&too_large, ReplyKind::Failed)
            },
        }
    }

    fn missing_part(&self, index: usize, result: Option<&PartResult>) -> Problem {
        let part = &self.route.parts[index].field;
        if let Some(value) = result.and_then(|result| result.invalid_value.as_ref()) {
            return Problem::invalid_value(part, value);
        }

        let missing = result.and_then(|result| result.outcome.as_ref().err().copied());
        let retry_after_s = result.and_then(|result| result.retry_after_s);
        match missing {
            Some(missing) => {
                Problem::missing_part(part, missing, retry_after_s.unwrap_or(RETRY_AFTER_S))
            }
            None => Problem::fault(),
        }
    }

    /// Adds the POST part to a problem, if it was sent.
    fn with_sent_post(&self, problem: Problem, results: &[Option<PartResult>]) -> Problem {
        let mut parts = self.route.parts.iter().zip(results);
        let sent = parts.find(|(part, result)| {
            let is_sent = result.as_ref().is_some_and(|result| result.attempts > 0);
            part.method == PartMethod::Post && is_sent
        });
        match sent {
            Some((part, _)) => problem.after_post(&part.field),
            None => problem,
        }
    }

    fn reports(&self, results: &[Option<PartResult>]) -> Vec<PartReport> {
        let services = self.active.compositions.services();
        let parts = self.route.parts.iter().zip(results);

        let reports = parts.filter_map(|(part, result)| {
            let result = result.as_ref()?;
            let service = services.get(part.service)?;
            let path = result.path_and_query.as_deref();
            Some(PartReport {
                name: part.name.clone(),
                method: part.method,
                url: path.and_then(|path| address(&service.url, path)),
                outcome: result
                    .outcome
                    .as_ref()
                    .map(|body| body.status)
                    .map_err(|missing| *missing),
                invalid_value: result.invalid_value.clone(),
                attempts: result.attempts,
                duration: result.duration,
                bytes: result.outcome.as_ref().map_or(0, |body| body.json.len()),
                has_fallback: result.outcome.is_err() && part.fallback.is_some(),
            })
        });
        reports.collect()
    }
}

/// Returns the fields that the client selects, if the route lets it and it does.
///
/// # Errors
/// 400 for an invalid selection.
fn selection(
    route: &Route,
    query: &Query<'_>,
    shapes: &[&VersionShape],
) -> Result<Option<FieldSelection>, Problem> {
    let Some(parameter) = &route.fields_parameter else {
        return Ok(None);
    };
    let Some(text) = query.get(parameter) else {
        return Ok(None);
    };

    let selection = FieldSelection::parse(text).and_then(|selection| {
        selection.check_names(route, shapes)?;
        Ok(selection)
    });
    selection
        .map(Some)
        .map_err(|error| Problem::invalid_query(format!("{parameter}: {error}.")))
}

/// Returns the URL of a call, for the command line.
fn address(service: &Uri, path_and_query: &str) -> Option<Uri> {
    let base = service.path().trim_end_matches('/');
    let mut parts = service.clone().into_parts();
    parts.path_and_query = format!("{base}{path_and_query}").parse().ok();
    Uri::from_parts(parts).ok()
}
