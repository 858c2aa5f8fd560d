//! Runs the parts of a composition: each as soon as the parts that it depends on are complete.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use composition::{InvalidValue, Missing, Part, PartMethod, Route, Target};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use policy::Rule;
use routes::path_ambiguity;

use crate::caller::VerifiedCaller;
use crate::charge::{ChargeRefusal, Charges};
use crate::destination::Admission;
use crate::part_call::{PartBody, PartCall};
use crate::service_headers::{remove_proof_of_origin, with_content_type};
use crate::services::Services;
use crate::values::RequestValues;

/// Everything that the parts of one request depend on.
pub(crate) struct PartRun<'r> {
    pub(crate) route: &'r Route,
    /// The parts to call, by index.
    pub(crate) called: &'r [bool],
    pub(crate) services: &'r Services,
    pub(crate) caller: &'r VerifiedCaller<'r>,
    pub(crate) charges: &'r Charges<'r>,
    pub(crate) values: RequestValues<'r>,
    /// The headers that every service receives.
    pub(crate) service_headers: &'r HeaderMap,
    /// The headers of the client.
    pub(crate) client_headers: &'r HeaderMap,
    /// The body of the client, for a POST part.
    pub(crate) body: &'r Bytes,
    /// The parts that are admitted before any call, by index.
    pub(crate) admitted: &'r [OnceLock<AdmittedPart<'r>>],
}

/// A part that the caller could call directly.
#[derive(Clone, Debug)]
pub(crate) struct AdmittedPart<'r> {
    target: Target,
    /// The policy's rule for the call.
    rule: &'r Rule,
}

/// The result of a part.
#[derive(Debug)]
pub(crate) struct PartResult {
    /// The JSON, or the reason why there is none.
    pub(crate) outcome: Result<PartBody, Missing>,
    /// The path and query of the call, if there was one.
    pub(crate) path_and_query: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) duration: Duration,
    /// The seconds after which the caller may retry, for a part that was not charged.
    pub(crate) retry_after_s: Option<u64>,
    /// The value of the path or query that is invalid, for [`Missing::InvalidValue`].
    pub(crate) invalid_value: Option<InvalidValue>,
}

impl PartResult {
    /// Returns the JSON of the part, if there is one.
    pub(crate) fn json(&self) -> Option<&str> {
        let body = self.outcome.as_ref().ok()?;
        std::str::from_utf8(&body.json).ok()
    }

    fn missing(missing: Missing) -> Self {
        Self {
            outcome: Err(missing),
            path_and_query: None,
            attempts: 0,
            duration: Duration::ZERO,
            retry_after_s: None,
            invalid_value: None,
        }
    }

    fn invalid(value: InvalidValue) -> Self {
        Self {
            invalid_value: Some(value),
            ..Self::missing(Missing::InvalidValue)
        }
    }
}

/// The results of all parts that were called.
#[derive(Debug)]
pub(crate) struct CompletedRun {
    /// The results by index. `None` for a part that was not called, or whose call was cancelled.
    pub(crate) results: Vec<Option<PartResult>>,
    /// The required part that is missing.
    pub(crate) missing: Option<usize>,
}

impl CompletedRun {
    pub(crate) fn new(results: Vec<OnceLock<PartResult>>, missing: Option<usize>) -> Self {
        Self {
            results: results.into_iter().map(OnceLock::into_inner).collect(),
            missing,
        }
    }
}

/// Returns an empty place for each part.
pub(crate) fn places<T>(route: &Route) -> Vec<OnceLock<T>> {
    route.parts.iter().map(|_| OnceLock::new()).collect()
}

impl<'r> PartRun<'r> {
    /// Fills the templates that need no other part, and checks the permission for these parts. Sets
    /// the results of parts that are missing already, so that nothing is charged or called for a
    /// request that cannot succeed.
    ///
    /// # Errors
    /// The index of the required part that is missing.
    pub(crate) fn prepare(&self) -> Result<(), usize> {
        for index in self.waiting() {
            let part = &self.route.parts[index];
            if part.uses_parts() {
                continue;
            }
            match self.admit(part) {
                // Each part is admitted once.
                Ok(admitted) => drop(self.admitted[index].set(admitted)),
                Err(result) => self.set(index, *result)?,
            }
        }

        for index in self.route.stages.iter().flatten().copied() {
            let is_waiting = self.called[index] && self.values.results[index].get().is_none();
            if is_waiting && matches!(self.dependencies(index), Dependencies::Missing) {
                self.set(index, PartResult::missing(Missing::Dependency))?;
            }
        }
        Ok(())
    }

    /// Returns the parts that have no result yet, in the order of the document.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        let has_no_result = |index: &usize| self.values.results[*index].get().is_none();
        let called = (0..self.route.parts.len()).filter(|index| self.called[*index]);
        called.filter(has_no_result).collect()
    }

    /// Runs the parts, and sets their results. If a required part is missing, the calls that are
    /// still in progress are cancelled. The POST part is never cancelled: it begins after all required
    /// parts that do not depend on it.
    ///
    /// # Errors
    /// The index of the required part that is missing.
    pub(crate) async fn run(&self) -> Result<(), usize> {
        let mut waiting = self.waiting();
        let mut running = FuturesUnordered::new();

        loop {
            for index in self.take_ready(&mut waiting)? {
                running.push(async move { (index, self.part(index).await) });
            }
            let Some((index, result)) = running.next().await else {
                return Ok(());
            };
            self.set(index, result)?;
        }
    }

    /// Returns the waiting parts whose dependencies are complete, and removes them. Parts of which
    /// a dependency is missing are missing too.
    fn take_ready(&self, waiting: &mut Vec<usize>) -> Result<Vec<usize>, usize> {
        let mut ready = Vec::new();
        loop {
            let before = waiting.len();
            let mut orphan = None;
            waiting.retain(|&index| match self.dependencies(index) {
                Dependencies::Pending => true,
                Dependencies::Complete => {
                    ready.push(index);
                    false
                }
                Dependencies::Missing if orphan.is_none() => {
                    orphan = Some(index);
                    false
                }
                Dependencies::Missing => true,
            });

            if let Some(index) = orphan {
                self.set(index, PartResult::missing(Missing::Dependency))?;
            } else if waiting.len() == before || waiting.is_empty() {
                return Ok(ready);
            }
        }
    }

    fn dependencies(&self, index: usize) -> Dependencies {
        let before = self.parts_before(index);
        let mut results = before.iter().map(|index| self.values.results[*index].get());

        if results
            .clone()
            .flatten()
            .any(|result| result.outcome.is_err())
        {
            Dependencies::Missing
        } else if results.all(|result| result.is_some()) {
            Dependencies::Complete
        } else {
            Dependencies::Pending
        }
    }

    /// Returns the parts that must be complete before a part. A POST cannot be undone, so that it
    /// waits for every required part that does not depend on it.
    fn parts_before(&self, index: usize) -> Cow<'_, [usize]> {
        let part = &self.route.parts[index];
        if part.method == PartMethod::Get {
            return Cow::Borrowed(&part.after);
        }

        let others = self.route.parts.iter().enumerate();
        let required = others.filter(|(other, part)| {
            let is_required = self.called[*other] && part.is_required;
            is_required && *other != index && !self.depends_on(*other, index)
        });
        let required = required.map(|(other, _)| other);
        part.after.iter().copied().chain(required).collect()
    }

    /// True if a part needs the other one, also by way of further parts.
    fn depends_on(&self, part: usize, other: usize) -> bool {
        let after = &self.route.parts[part].after;
        after
            .iter()
            .any(|before| *before == other || self.depends_on(*before, other))
    }

    /// Sets the result of a part.
    ///
    /// # Errors
    /// The index of the part if it is required and missing.
    fn set(&self, index: usize, result: PartResult) -> Result<(), usize> {
        let is_missing = result.outcome.is_err();
        // Each part runs once.
        let _ = self.values.results[index].set(result);

        if is_missing && self.route.parts[index].is_required {
            return Err(index);
        }
        Ok(())
    }

    async fn part(&self, index: usize) -> PartResult {
        let began = Instant::now();
        let part = &self.route.parts[index];
        let mut result = self.result(index, part).await;

        result.duration = began.elapsed();
        result
    }

    async fn result(&self, index: usize, part: &Part) -> PartResult {
        let admitted = self.admitted[index].get().cloned();
        let admitted = match admitted.map_or_else(|| self.admit(part), Ok) {
            Ok(admitted) => admitted,
            Err(result) => return *result,
        };

        // A call that its service cannot take is not charged.
        let destination = match self.services.destination(part) {
            Ok(destination) => destination,
            Err(missing) => return PartResult::missing(missing),
        };
        let admission = match destination.admit(part, self.charges.deadline).await {
            Ok(admission) => admission,
            Err(missing) => return PartResult::missing(missing),
        };
        if part.is_charged
            && let Err(refusal) = self.charge(part, &admitted).await
        {
            return PartResult {
                retry_after_s: refusal.retry_after_s(),
                ..PartResult::missing(refusal.missing())
            };
        }

        self.call(part, admitted.target.path_and_query, admission)
            .await
    }

    /// Fills the template of a part, and checks that the caller could call it directly.
    ///
    /// # Errors
    /// The result of a part that is missing as `InvalidValue` or `Forbidden`.
    fn admit(&self, part: &Part) -> Result<AdmittedPart<'r>, Box<PartResult>> {
        let target = part.target(&self.values).map_err(PartResult::invalid)?;
        match self.permission(part, &target.path) {
            Some(rule) => Ok(AdmittedPart { target, rule }),
            None => Err(PartResult::missing(Missing::Forbidden).into()),
        }
    }

    async fn call(
        &self,
        part: &Part,
        path_and_query: String,
        admission: Admission<'_>,
    ) -> PartResult {
        let mut headers = self.service_headers.clone();
        if !self.services.has_proof_of_origin(part) {
            remove_proof_of_origin(&mut headers);
        }
        let (headers, body) = match part.method {
            PartMethod::Get => (headers, Bytes::new()),
            PartMethod::Post => {
                let headers = with_content_type(headers, self.client_headers);
                (headers, self.body.clone())
            }
        };
        let call = PartCall {
            service: part.service,
            part,
            path_and_query: path_and_query.clone(),
            headers,
            body,
            deadline: self.charges.deadline,
        };

        let reply = self.services.call_admitted(call, admission).await;
        PartResult {
            outcome: reply.outcome,
            path_and_query: Some(path_and_query),
            attempts: reply.attempts,
            duration: reply.duration,
            retry_after_s: None,
            invalid_value: None,
        }
    }

    /// Returns the policy's rule for a part, if the caller could call the part directly.
    fn permission(&self, part: &Part, path: &str) -> Option<&'r Rule> {
        if path_ambiguity(path).is_some() {
            return None;
        }
        let rule = self.charges.policy.rule(part.method.as_str(), path)?;
        self.caller
            .satisfies(rule, self.charges.policy)
            .then_some(rule)
    }

    async fn charge(&self, part: &Part, admitted: &AdmittedPart<'_>) -> Result<(), ChargeRefusal> {
        let method = part.method.as_str();
        let charge = self
            .charges
            .charge_part(admitted.rule, method, &admitted.target.path);
        charge.await
    }
}

/// The state of the parts that a part depends on.
enum Dependencies {
    /// At least one is in progress, and none is missing.
    Pending,
    Complete,
    Missing,
}
