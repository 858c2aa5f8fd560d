//! Runs the parts of a composition: each as soon as the parts that it depends on are complete.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use composition::{Missing, Part, PartMethod, Route};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::HeaderMap;
use policy::Rule;
use routes::path_ambiguity;

use crate::caller::VerifiedCaller;
use crate::charge::{ChargeRefusal, Charges};
use crate::part_call::{PartBody, PartCall};
use crate::service_headers::with_content_type;
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

/// Returns a place for the result of each part.
pub(crate) fn part_results(route: &Route) -> Vec<OnceLock<PartResult>> {
    route.parts.iter().map(|_| OnceLock::new()).collect()
}

impl<'r> PartRun<'r> {
    /// Runs the parts, and sets their results. If a required part is missing, the calls that are
    /// still in progress are cancelled.
    ///
    /// # Errors
    /// The index of the required part that is missing.
    pub(crate) async fn run(&self) -> Result<(), usize> {
        let mut waiting: Vec<usize> = (0..self.route.parts.len())
            .filter(|index| self.called[*index])
            .collect();
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
        let after = &self.route.parts[index].after;
        let mut results = after.iter().map(|index| self.values.results[*index].get());

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
        let mut result = self.result(part).await;

        result.duration = began.elapsed();
        result
    }

    async fn result(&self, part: &Part) -> PartResult {
        let target = match part.target(&self.values) {
            Ok(target) => target,
            Err(missing) => return PartResult::missing(missing),
        };
        let Some(rule) = self.permission(part, &target.path) else {
            return PartResult::missing(Missing::Forbidden);
        };
        if part.is_charged
            && let Err(refusal) = self.charge(part, rule, &target.path).await
        {
            return PartResult {
                retry_after_s: refusal.retry_after_s(),
                ..PartResult::missing(refusal.missing())
            };
        }

        self.call(part, target.path_and_query).await
    }

    async fn call(&self, part: &Part, path_and_query: String) -> PartResult {
        let headers = self.service_headers.clone();
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

        let reply = self.services.call(call).await;
        PartResult {
            outcome: reply.outcome,
            path_and_query: Some(path_and_query),
            attempts: reply.attempts,
            duration: reply.duration,
            retry_after_s: None,
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

    async fn charge(&self, part: &Part, rule: &Rule, path: &str) -> Result<(), ChargeRefusal> {
        self.charges
            .charge_part(rule, part.method.as_str(), path)
            .await
    }
}

/// The state of the parts that a part depends on.
enum Dependencies {
    /// At least one is in progress, and none is missing.
    Pending,
    Complete,
    Missing,
}
